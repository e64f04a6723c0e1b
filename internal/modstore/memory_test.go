package modstore_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
)

const mib = 1 << 20

// craft puts the files of version v1.N.0 on a shelf, which are of these sizes, and are whole by their checksums.
func craft(s *shelf, n, info, mod, zip int) {
	const commit = "0123456789012345678901234567890123456789"
	put := func(ext, text, tie string) {
		name := fmt.Sprintf("%s/@v/v1.%d.0%s", modPath, n, ext)
		s.set(name, text)
		s.set(name+".sum", fmt.Sprintf("%x %s\n", sha256.Sum256([]byte(text)), tie))
	}
	text := fmt.Sprintf(`{"Version":"v1.%d.0","Time":"2020-01-01T00:00:00Z","Origin":{"VCS":"git","Hash":%q}}`, n, commit)
	put(".info", text+strings.Repeat("\n", info), "-")
	put(".mod", strings.Repeat("m", mod), commit)
	put(".zip", strings.Repeat("z", zip), commit)
}

// ownTempDir keeps the spools of a test apart from those of other processes.
func ownTempDir(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if os.Getenv("TMPDIR") != os.TempDir() {
		t.Skip("temporary files can't be told apart here")
	}
}

// spools are the temporary files that this process has open, and those that have a name.
func spools(t *testing.T) int {
	t.Helper()
	named, err := filepath.Glob(filepath.Join(os.TempDir(), "vanity-*"))
	if err != nil {
		t.Fatal(err)
	}
	n := len(named)
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, _ := os.Readlink(link); strings.HasPrefix(target, filepath.Join(os.TempDir(), "vanity-")) {
			n++
		}
	}
	return n
}

// fromShelf is a client of a shelf that has all it wants.
func fromShelf(t *testing.T, s *shelf) *client {
	h := &host{}
	t.Cleanup(func() {
		if n := h.asked.Load(); n != 0 {
			t.Errorf("the host was asked %d times", n)
		}
	})
	return newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
}

// has wants entries to be held, or not, and the sizes to be right.
func has(t *testing.T, m *modstore.Memory, want bool, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, ok := m.Get(name); ok != want {
			t.Errorf("%.10q of %d: held: %v, want %v", name, len(name), ok, want)
		}
	}
	if counted, is := m.Size(); counted != is || counted > 64*mib {
		t.Errorf("%d bytes are counted, there are %d", counted, is)
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	var m modstore.Memory
	var zips []string
	base := strings.Repeat("n", 8*mib)
	for i := range 9 {
		zips = append(zips, base[i:8*mib-1000])
	}
	now := time.Now()
	for _, name := range zips[:8] {
		m.Put(name, "zip", modstore.Bulk, now)
	}
	has(t, &m, true, zips[0]) // now 1 is the one used least
	m.Put(zips[8], "zip", modstore.Bulk, now)
	has(t, &m, false, zips[1])
	has(t, &m, true, zips[2:]...)
	has(t, &m, true, zips[0])

	// One that is too large is not held, and pushes nothing out but the older one of its name.
	m.Put("large", "small", modstore.Bulk, now)
	has(t, &m, true, "large")
	m.Put("large", strings.Repeat("x", 16*mib), modstore.Bulk, now)
	has(t, &m, false, "large")
	has(t, &m, true, zips[2:]...)
	for range 20 { // replacing costs once
		m.Put(zips[3], "again", modstore.Bulk, now)
	}
	has(t, &m, true, zips[2:]...)
}

// What is of a lower rank goes first, however new it is.
func TestRanks(t *testing.T) {
	t.Parallel()
	var m modstore.Memory
	base := strings.Repeat("n", 16*mib)
	name := func(c, size int) string { return base[:size*mib-1000-c] }
	now := time.Now()
	pin1, pin2, pin3, pin4, pin5 := name(1, 15), name(2, 15), name(3, 15), name(4, 15), name(5, 15)
	m.Put(pin1, "", modstore.Pins, now)
	m.Put(pin2, "", modstore.Pins, now)
	m.Put(name(1, 10), "", modstore.Common, now)
	m.Put(name(1, 12), "", modstore.Bulk, now)
	m.Put(name(2, 11), "", modstore.Bulk, now)
	has(t, &m, true, name(1, 12), pin1, pin2, name(1, 10), name(2, 11))
	m.Put(pin3, "", modstore.Pins, now) // in the place of the zips
	has(t, &m, false, name(1, 12), name(2, 11))
	has(t, &m, true, name(1, 10))
	m.Put(pin4, "", modstore.Pins, now) // and of the go.mod
	has(t, &m, false, name(1, 10))
	m.Put(name(3, 11), "", modstore.Bulk, now)
	m.Put(name(3, 10), "", modstore.Common, now)
	has(t, &m, false, name(3, 11), name(3, 10))
	has(t, &m, true, pin4, pin3, pin2, pin1)
	m.Put(pin5, "", modstore.Pins, now)
	has(t, &m, false, pin4) // the one used least
	has(t, &m, true, pin1, pin2, pin3, pin5)
}

// What the store holds is of these ranks.
func TestRankOfFiles(t *testing.T) {
	t.Parallel()
	c := newClient(t, local(newRepo(t, twoVersions)), modstore.Options{})
	for _, file := range append([]string{"/@v/list", "/@latest", "/@v/main.info"}, files...) {
		c.get(file)
	}
	for _, file := range []string{"/@v/gone.info", "/@v/v1.5.0.info", "/@v/v1.6.0.zip"} {
		wantError[*modrepo.Error](c, file)
	}
	for file, want := range map[string]any{
		"/@v/list": modstore.Common, "/@latest": modstore.Common, "/@v/main.info": modstore.Common,
		"/@v/v1.1.0.info": modstore.Pins, "/@v/v1.1.0.mod": modstore.Common, "/@v/v1.1.0.zip": modstore.Bulk,
		"/@v/gone.info": modstore.Bulk, "/@v/v1.5.0.info": modstore.Bulk, "/@v/v1.6.0.info": modstore.Bulk,
	} {
		if got, ok := c.store.Rank(modPath + file); !ok || any(got) != want {
			t.Errorf("%s: rank %v, held: %v; want %v", file, got, ok, want)
		}
	}
}

func TestOlderAnswer(t *testing.T) {
	t.Parallel()
	var m modstore.Memory
	now := time.Now()
	for _, put := range []struct {
		text string
		made time.Time
		want string
	}{
		{"new", now, "new"},
		{"old", now.Add(-1), "new"},
		{"of unknown age", time.Time{}, "new"},
		{"as new", now, "as new"},
		{"newer", now.Add(1), "newer"},
	} {
		m.Put("a", put.text, modstore.Common, put.made)
		if got, _ := m.Get("a"); got != put.want {
			t.Errorf("%s: got %q", put.text, got)
		}
	}
}

// What is being read stays, whatever the store does, and goes with its last reader.
func TestReaderOutlivesEntry(t *testing.T) {
	ownTempDir(t)
	s := newShelf()
	craft(s, 0, 0, 10, 16*mib+1)
	c := fromShelf(t, s)
	before := spools(t)
	one := open(c, "/@v/v1.0.0.zip")
	two := open(c, "/@v/v1.0.0.zip")
	if n := spools(t); n != before+1 {
		t.Errorf("%d files for 2 readers of what isn't held", n)
	}
	for range 3 {
		one.Close()
	}
	if _, err := io.ReadAll(one); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("reading what was closed: %v", err)
	}
	if got := read(t, two); len(got) != 16*mib+1 {
		t.Errorf("%d bytes", len(got))
	}
	two.Close()
	if n := spools(t); n != before {
		t.Errorf("%d files are left", n)
	}
}

// open is get without reading and closing.
func open(c *client, file string) *modstore.Content {
	c.t.Helper()
	content, err := c.store.File(c.t.Context(), c.m, request(c, file))
	if err != nil {
		c.t.Fatal(err)
	}
	return content
}

// A goroutine that http.ServeContent leaves behind may read while the handler closes.
func TestReadDuringClose(t *testing.T) {
	t.Parallel()
	s := newShelf()
	craft(s, 0, 0, 1000, 10)
	for range 50 {
		c := fromShelf(t, s)
		content := open(c, "/@v/v1.0.0.mod")
		r := content.ReadSeeker.(io.ReaderAt)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for p := make([]byte, 100); ; {
				n, err := r.ReadAt(p, 500)
				if errors.Is(err, fs.ErrClosed) {
					return
				}
				if err != nil || string(p[:n]) != strings.Repeat("m", 100) {
					t.Errorf("read %q, %v", p[:n], err)
					return
				}
			}
		}()
		runtime.Gosched()
		content.Close()
		<-done
	}
}

// An error of the disk must not become a shorter answer, nor an absence.
func TestNoDisk(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	if _, err := os.CreateTemp("", ""); err == nil {
		t.Skip("the directory of temporary files can't be set here")
	}
	s := newShelf()
	craft(s, 0, mib, 10, 10)
	c := fromShelf(t, s)
	if _, err := c.ask(t.Context(), "/@v/v1.0.0.info"); err == nil || !strings.Contains(err.Error(), "spooling") || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want the error of the disk", err)
	}
}

// What is there is there at any time, also while another is put in its place.
func TestNoGap(t *testing.T) {
	t.Parallel()
	var m modstore.Memory
	now := time.Now()
	m.Put("a", "text", modstore.Common, now)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if !m.Has("a") {
					t.Error("it is gone")
					return
				}
			}
		})
	}
	for i := range 100_000 {
		m.Put("a", "text", modstore.Common, now.Add(time.Duration(i)))
	}
	close(done)
	readers.Wait()
}

// BenchmarkMemory has all cores look up the same few entries.
func BenchmarkMemory(b *testing.B) {
	var m modstore.Memory
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("%s/@v/v1.%d.0.info", modPath, i)
		m.Put(names[i], "text", modstore.Pins, time.Now())
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if !m.Has(names[i%len(names)]) {
				b.Error("it is gone")
			}
		}
	})
}
