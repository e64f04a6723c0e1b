package modstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/modstore"
)

const (
	infoName = modPath + "/@v/v1.1.0.info"
	modName  = modPath + "/@v/v1.1.0.mod"
	zipName  = modPath + "/@v/v1.1.0.zip"

	servedName = modPath + "/@v/list.served"
)

// files are those of the version that is spoilt.
var files = []string{"/@v/v1.1.0.info", "/@v/v1.1.0.mod", "/@v/v1.1.0.zip"}

// filled is a shelf that has all of v1.1.0.
func filled(t *testing.T, h *host) *shelf {
	t.Helper()
	s := newShelf()
	c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
	for _, file := range files {
		c.get(file)
	}
	return s
}

// The info is stored first, and each checksum after what it is of.
func TestOrderOfPuts(t *testing.T) {
	t.Parallel()
	h := local(newRepo(t, twoVersions))
	s := newShelf()
	newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)}).get("/@v/v1.1.0.zip")
	want := []string{infoName, infoName + ".sum", modName, modName + ".sum", modPath + "/@v/list.sum", modPath + "/@v/list", zipName, zipName + ".sum"}
	if fmt.Sprint(s.puts) != fmt.Sprint(want) {
		t.Errorf("put %v, want %v", s.puts, want)
	}
	s.checkSums(t)
}

func flip(s string) string {
	b := []byte(s)
	b[len(b)/2] ^= 1
	return string(b)
}

// flipContent spoils the content of a zip's first file, which begins behind its name. A header may hold what nobody minds.
func flipContent(s string) string {
	at := strings.Index(s, "go.mod") + len("go.mod")
	return s[:at] + flip(s[at:at+4]) + s[at+4:]
}

func half(s string) string { return s[:len(s)/2] }
func empty(string) string  { return "" }

// A spoilt entry is noticed, made again, and put in the place of the old one.
func TestSpoilt(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	one, two := hash(r, "v1.0.0"), hash(r, "v1.1.0")
	full := filled(t, local(r))
	ways := map[string]func(s *shelf, name string){
		"flipped":   func(s *shelf, name string) { s.spoil(name, flip) },
		"truncated": func(s *shelf, name string) { s.spoil(name, half) },
		"longer":    func(s *shelf, name string) { s.spoil(name, func(text string) string { return text + "\n" }) },
		"empty":     func(s *shelf, name string) { s.spoil(name, empty) },
		"truncated, without sum": func(s *shelf, name string) {
			s.spoil(name, half)
			s.Remove(t.Context(), name+".sum")
		},
		"empty, malformed sum": func(s *shelf, name string) {
			s.spoil(name, empty)
			s.spoil(name+".sum", half)
		},
		"another's sum": func(s *shelf, name string) { s.set(name+".sum", strings.Repeat("0", 64)+" -\n") },
		"another commit": func(s *shelf, name string) {
			s.spoil(name+".sum", func(text string) string { return strings.NewReplacer(two, one, " -", " "+one).Replace(text) })
		},
	}
	for way, spoil := range ways {
		for _, name := range []string{infoName, modName, zipName} {
			for _, overwrites := range []bool{false, true} {
				if way == "truncated, without sum" && name == modName || way == "another commit" && name == infoName {
					continue // half a go.mod may be a go.mod, and an info says itself which commit it is
				}
				if testing.Short() && overwrites {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, overwrites %v", name[strings.LastIndexByte(name, '.'):], way, overwrites), func(t *testing.T) {
					checkSpoilt(t, local(r), full, name, overwrites, spoil)
				})
			}
		}
	}
}

func checkSpoilt(t *testing.T, h *host, full *shelf, name string, overwrites bool, spoil func(*shelf, string)) {
	s := full.clone()
	s.overwrites = overwrites
	spoil(s, name)
	backing := modstore.NewBacking(s)
	if overwrites {
		backing = modstore.NewBacking(fixture{s})
	}
	for range 2 { // the second finds it good
		c := newClient(t, h, modstore.Options{Backing: backing})
		for i, n := range []string{infoName, modName, zipName} {
			c.want(files[i], full.text(n), false)
			if s.text(n) != full.text(n) || s.text(n+".sum") != full.text(n+".sum") {
				t.Errorf("%s: the shelf has %.100q, sum %q", n, s.text(n), s.text(n+".sum"))
			}
		}
		again := h.asked.Load() > 0
		h.asked.Store(0)
		if c.log.count(t, "is made anew", map[bool]int{true: 1}[again]); again {
			h = &host{Repository: h.Repository}
			h.fail(0)
		}
	}
}

// Nothing is put over what can't be read: it may be good.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	h := local(newRepo(t, twoVersions))
	for i, name := range []string{modName, zipName} {
		s := filled(t, h)
		s.overwrites = true
		want := s.text(name)
		s.set(name, want+"not ours")
		puts := s.count(name)
		s.faults(func(asked string) error {
			if asked == name {
				return errors.New("no disk")
			}
			return nil
		}, nil)
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		c.want(files[i+1], want, false)
		if s.text(name) != want+"not ours" || s.count(name) != puts {
			t.Errorf("%s was put over", name)
		}
	}
}

// A store that can't say what a version was is asked once for it, as for what is there.
func TestUnreadablePin(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	s := filled(t, local(r))
	asked := 0
	s.faults(func(name string) error {
		if name != infoName {
			return nil
		}
		asked++
		return errors.New("no disk")
	}, nil)
	c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
	wantError[*modstore.ReadError](c, "/@v/"+hash(r, "v1.1.0")[:12]+".info")
	if asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
}

// An entry without a checksum has one from then on, if it looks whole. The host isn't asked.
func TestNoSum(t *testing.T) {
	t.Parallel()
	h := local(newRepo(t, twoVersions))
	for _, sum := range []string{"", "\n", "malformed", strings.Repeat("A", 64) + " -\n", strings.Repeat("a", 64) + "  -\n", strings.Repeat("a", 64) + " -"} {
		s := filled(t, h)
		for _, name := range []string{infoName, modName, zipName} {
			if s.set(name+".sum", sum); sum == "" {
				s.Remove(t.Context(), name+".sum")
			}
		}
		h.quiet(t, func() {
			c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
			for _, file := range files {
				c.get(file)
			}
			s.checkSums(t)
		})
	}
}

// What doesn't look like an entry is none.
func TestForm(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	full := filled(t, local(r))
	other := newClient(t, local(r), modstore.Options{})
	for name, texts := range map[string][]string{
		infoName: {
			"{}", "null", "[]", "\x00", `{"Version":"v1.1.0"}`,
			other.get("/@v/v1.0.0.info").text,
			full.text(infoName) + "{}",
			strings.Replace(full.text(infoName), `"Hash":"`, `"Hash":"x`, 1),
			strings.Replace(full.text(infoName), `"Time":"2`, `"Time":"x`, 1),
		},
		modName: {"\n", "go 1.20\n", "module", "\x00"},
		zipName: {"PK", other.get("/@v/v1.0.0.zip").text, flipContent(full.text(zipName))},
	} {
		for _, text := range texts {
			s := full.clone()
			s.Remove(t.Context(), name+".sum")
			s.set(name, text)
			c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
			c.want(strings.TrimPrefix(name, modPath), full.text(name), false)
			if s.text(name) != full.text(name) {
				t.Errorf("%s: %.100q stays", name, text)
			}
		}
	}
}

// An info that names no commit is served, with what is stored beside it; nothing can be made from it.
func TestInfoWithoutCommit(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	s := filled(t, local(r))
	s.set(infoName, `{"Version":"v1.1.0","Time":"2020-01-01T00:00:00Z"}`)
	for _, name := range []string{infoName + ".sum", modName, modName + ".sum", zipName + ".sum"} {
		s.Remove(t.Context(), name)
	}
	for range 2 {
		c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
		c.want("/@v/v1.1.0.info", s.text(infoName), false)
		c.want("/@v/v1.1.0.zip", s.text(zipName), false)
		if _, err := c.ask(t.Context(), "/@v/v1.1.0.mod"); err == nil || !strings.Contains(err.Error(), "names no commit") {
			t.Errorf("got %v", err)
		}
		c.get("/@v/list") // no tag was moved
		c.log.count(t, "vanity", 0)
	}
}

// A pin that can't be read is not made anew: it might be another one. What can be made from it is.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	h := local(r)
	s := filled(t, h)
	move(r, "v1.1.0", "v1.0.0")
	unreadable := func(name string) error { return fmt.Errorf("reading %s: on purpose", name) }
	s.faults(unreadable, nil)
	c := newClient(t, h, modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(s)})
	h.quiet(t, func() {
		for _, file := range files {
			if err := wantError[*modstore.ReadError](c, file); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v is an absence", file, err)
			}
		}
	})
	wantError[*modstore.ReadError](c, "/@latest") // is that version
	s.faults(func(name string) error {
		if name != infoName && name != infoName+".sum" {
			return unreadable(name)
		}
		return nil
	}, nil)
	c.want("/@v/v1.1.0.zip", s.text(zipName), false)
	c.want("/@v/v1.1.0.mod", s.text(modName), false)
	c.log.count(t, "can't be used", 1) // no more in ten seconds
	s.checkSums(t)
	// An error that wraps an absence while an entry is read is none.
	s.faults(nil, nil)
	cut := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(cutting{s})})
	h.quiet(t, func() { wantError[*modstore.ReadError](cut, "/@v/v1.1.0.info") })
}

// Where answers can't be stored they are served all the same.
func TestPutErrors(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.faults(nil, func(string) error { return errors.New("full") })
		c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
		c.wantCommit("v1.1.0", hash(r, "v1.1.0"), "two")
		c.get("/@v/list")
		c.get("/@latest")
		c.log.count(t, "could not be stored", 1)
		time.Sleep(11 * time.Second)
		c.get("/@v/v1.0.0.info")
		c.log.count(t, "could not be stored", 2)
		c.log.count(t, "others_since=0", 1)
		if len(s.puts) != 0 {
			t.Errorf("put %v", s.puts)
		}
		// They are kept, and lists are stored at the next occasion.
		c.wantCommit("v1.1.0", hash(r, "v1.1.0"), "two")
		s.faults(nil, nil)
		time.Sleep(time.Minute)
		c.want("/@v/list", "v1.0.0\nv1.1.0\n", false)
		if got := s.text(servedName); got != "v1.0.0\nv1.1.0\n" {
			t.Errorf("list %q", got)
		}
	})
}

// Nothing of a version is stored before its pin.
func TestPinNotStored(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	s := newShelf()
	s.faults(nil, func(name string) error {
		if strings.HasSuffix(name, ".info") {
			return errors.New("on purpose")
		}
		return nil
	})
	c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
	two := hash(r, "v1.1.0")
	c.wantCommit("v1.1.0", two, "two")
	move(r, "v1.1.0", "v1.0.0")
	c.get("/@v/v1.1.0.mod")
	for name := range s.entries {
		if keepsFirst(strings.TrimSuffix(name, ".sum")) {
			t.Errorf("%s was stored", name)
		}
	}
	s.faults(nil, nil)
	c.get("/@v/v1.0.0.mod") // another version's says nothing
	if s.text(infoName) != "" {
		t.Error("it was stored for no reason")
	}
	// The store is good again, and another file of the version is made: its pin goes first, as it was.
	s.Remove(t.Context(), modName)
	c2 := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
	c2.get("/@v/v1.1.0.info") // another process is first now
	c.wantCommit("v1.1.0", two, "two")
	c2.wantCommit("v1.1.0", hash(r, "v1.0.0"), "one")
	s.checkSums(t)
}

// The pin that could not be stored is stored with the next file of its version.
func TestPinStoredLater(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	s := newShelf()
	s.faults(nil, func(string) error { return errors.New("on purpose") })
	c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
	c.get("/@v/v1.1.0.info")
	s.faults(nil, nil)
	move(r, "v1.1.0", "v1.0.0")
	c.get("/@v/v1.1.0.zip")
	if want := []string{infoName, infoName + ".sum", zipName, zipName + ".sum"}; fmt.Sprint(s.puts) != fmt.Sprint(want) {
		t.Errorf("put %v, want %v", s.puts, want)
	}
	s.checkSums(t)
	newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)}).wantCommit("v1.1.0", hash(r, "main"), "two")
}

// Who is second has what the first one put, be it another process.
func TestFirstWins(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	one := hash(r, "v1.0.0")
	rival := newShelf()
	theirs := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(rival)})
	move(r, "v1.1.0", one)
	theirs.wantCommit("v1.1.0", one, "one")
	move(r, "v1.1.0", "main")

	s := newShelf()
	s.before = func(name string) {
		if text := rival.text(name); keepsFirst(name) && s.text(name) == "" {
			s.set(name, text)
		}
	}
	c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
	c.wantCommit("v1.1.0", one, "one")
	if s.text(infoName) != rival.text(infoName) {
		t.Error("the first one's info was replaced")
	}
	s.checkSums(t)
}

// Stores of one Backing never overwrite one another's versions, even where the backend would.
func TestOneProcess(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	s := newShelf()
	s.overwrites = true
	s.before = func(string) { time.Sleep(2 * time.Millisecond) }
	backing := modstore.NewBacking(fixture{s})
	h := local(r)
	end := h.hang()
	var clients []*client
	var all sync.WaitGroup
	for i := range 6 {
		c := newClient(t, h, modstore.Options{Backing: backing})
		clients = append(clients, c)
		all.Go(func() {
			if _, err := c.ask(t.Context(), files[i%3]); err != nil {
				t.Error(err)
			}
		})
	}
	for h.asked.Load() < 6 {
		time.Sleep(time.Millisecond)
	}
	close(end)
	all.Wait()
	for _, c := range clients {
		for _, file := range files {
			c.want(file, s.text(modPath+file), false)
		}
	}
	for _, name := range []string{infoName, modName, zipName} {
		if n := s.count(name); n != 1 {
			t.Errorf("%s was put %d times", name, n)
		}
	}
	s.checkSums(t)
}

var _ modstore.Backend = cutting{}

// A cutting backend fails in the midst of an entry.
type cutting struct{ *shelf }

func (b cutting) Get(ctx context.Context, name string) (r io.ReadCloser, err error) {
	if r, err = b.shelf.Get(ctx, name); err != nil {
		return nil, err
	}
	return &cut{r}, nil
}

type cut struct{ io.ReadCloser }

func (c *cut) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p[:min(len(p), 10)])
	if n == 0 || err != nil {
		return n, err
	}
	return n, fmt.Errorf("cut: %w", fs.ErrNotExist)
}

// A spoilt entry that can't be taken away is not served, and no checksum makes it good.
func TestSpoiltForEver(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	full := filled(t, local(r))
	r2 := newRepo(t, strings.Replace(twoVersions, "module x.test/m", "module x.test/m // odd", 1))
	odd := filled(t, local(r2))
	for _, name := range []string{infoName, modName} {
		s := full.clone()
		s.set(name, odd.text(name)) // its form is good
		for range 2 {
			c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(fixture{s})})
			c.want(strings.TrimPrefix(name, modPath), full.text(name), false)
			c.log.count(t, "could not be stored", 1)
			if s.text(name+".sum") != full.text(name+".sum") {
				t.Errorf("%s: the checksum was changed to that of a spoilt entry", name)
			}
		}
	}
}

// A backend that can't read a checksum says nothing of the entry.
func TestUnreadableSum(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	h := local(r)
	full := filled(t, h)
	for i, name := range []string{infoName, modName, zipName} {
		s := full.clone()
		s.spoil(name, func(text string) string { return strings.Replace(text, "\n", " \n", 1) })
		s.faults(func(n string) error {
			if n == name+".sum" {
				return errors.New("on purpose")
			}
			return nil
		}, nil)
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		if i == 0 {
			h.quiet(t, func() { wantError[*modstore.ReadError](c, files[i]) })
		} else {
			c.want(files[i], full.text(name), false)
		}
		if s.text(name+".sum") != full.text(name+".sum") {
			t.Errorf("%s: the checksum was changed", name)
		}
		s.faults(nil, nil)
		newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)}).want(files[i], full.text(name), false)
	}
}

// Who could not store his pin, and finds another one's when he can, stores nothing that is made from his own, and has the
// other one's from then on.
func TestPinOfAnother(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	one := hash(r, "v1.0.0")
	s := newShelf()
	s.faults(nil, func(string) error { return errors.New("on purpose") })
	c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
	c.get("/@v/v1.1.0.info")
	s.faults(nil, nil)
	move(r, "v1.1.0", one)
	newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)}).get("/@v/v1.1.0.info")
	if text := zipFile(t, c.get("/@v/v1.1.0.zip").text, modPath+"@v1.1.0/m.go"); text != "package m // two\n" {
		t.Errorf("zip of another commit than the info: %q", text)
	}
	if s.text(zipName) != "" {
		t.Error("the zip was stored")
	}
	c.wantCommit("v1.1.0", one, "one")
	s.checkSums(t)
}

// What is stored is not made again.
func TestStoredIsNotMade(t *testing.T) {
	t.Parallel()
	h := local(newRepo(t, twoVersions))
	s := filled(t, h)
	h.quiet(t, func() {
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		for _, file := range files {
			c.want(file, s.text(modPath+file), false)
		}
	})
}
