package modstore_test

import (
	"archive/zip"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
)

// zipFile is a file of a zip.
func zipFile(t *testing.T, data, name string) string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	content, err := fs.ReadFile(z, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pseudo is the version of a commit that comes after v1.1.0.
func pseudo(r *gittest.Repo, rev string) string {
	return "v1.1.1-0." + r.Expand("{time:"+rev+"}-{hash12:"+rev+"}")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	r.Run("print m.go \"package m // three\\n\"\ncommit three\n")
	h := local(r)
	c := newClient(t, h, modstore.Options{})
	c.want("/@v/list", "v1.0.0\nv1.1.0\n", false)
	for file, version := range map[string]string{"/@latest": "v1.1.0", "/@v/v1.1.0.info": "v1.1.0", "/@v/main.info": pseudo(r, "main")} {
		a := c.get(file)
		if want := `{"Version":"` + version + `",`; !strings.HasPrefix(a.text, want) || !strings.HasSuffix(a.text, "}\n") {
			t.Errorf("%s: %s, want %s", file, a.text, want)
		}
		if fixed := strings.Contains(file, "v1"); a.fixed != fixed || a.stale {
			t.Errorf("%s: fixed %v, stale %v", file, a.fixed, a.stale)
		}
	}
	c.wantCommit("v1.0.0", hash(r, "v1.0.0"), "one")
	c.wantCommit("v1.1.0", hash(r, "v1.1.0"), "two")
	c.wantCommit(pseudo(r, "main"), hash(r, "main"), "three")
	if a := c.get("/@v/v1.0.0.mod"); a.text != "module x.test/m\n" || !a.fixed {
		t.Errorf("go.mod: %+v", a)
	}
	h.quiet(t, func() {
		c.wantCommit("v1.0.0", hash(r, "v1.0.0"), "one")
		c.get("/@v/v1.0.0.mod")
		c.get("/@v/list")
		c.get("/@latest")
		c.get("/@v/main.info")
	})
	c.log.count(t, "vanity", 0)
}

// What can't be a version of the path is a query; its files are refused with the version's name.
func TestNotAVersion(t *testing.T) {
	t.Parallel()
	r := newRepo(t, "write\ncommit one\ntag v1.0.0\ntag v2.0.0\n-- m.go --\npackage m\n")
	h := local(r)
	c := newClient(t, h, modstore.Options{})
	for file, reason := range map[string]string{
		"/@v/v2.0.0.mod": "v2.0.0+incompatible",
		"/@v/v2.0.0.zip": "v2.0.0+incompatible",
		"/@v/v1.7.0.zip": "unknown version",
		"/@v/gone.info":  "unknown revision",
	} {
		if e := wantError[*modrepo.Error](c, file); !strings.Contains(e.Error(), reason) {
			t.Errorf("%s: %v, want %s", file, e, reason)
		}
	}
	if a := c.get("/@v/v2.0.0.info"); a.fixed || !strings.HasPrefix(a.text, `{"Version":"v2.0.0+incompatible"`) {
		t.Errorf("%+v", a)
	}
	for _, req := range []modproxy.Request{{Path: "X Y", Kind: modproxy.List}, {Path: modPath, Kind: modproxy.Mod, Version: "main"}, {Path: modPath, Kind: modproxy.Info}} {
		var absent *modrepo.Error
		if _, err := c.store.File(t.Context(), c.m, req); !errors.As(err, &absent) {
			t.Errorf("%v: error %v", req, err)
		}
	}
}

// move lets a tag lead to where another one does.
func move(r *gittest.Repo, tag, to string) { r.Git("tag", "-f", tag, to) }

// A version is what it was when it was first asked for, however it was asked for.
func TestPin(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"/@v/v1.1.0.info", "/@v/v1.1.0.mod", "/@v/v1.1.0.zip", "/@latest", "/@v/main.info", "/@v/HASH.info"} {
		t.Run(strings.Trim(first, "/@"), func(t *testing.T) {
			if testing.Short() && first != "/@v/v1.1.0.zip" {
				t.Skip("more of the same")
			}
			r := newRepo(t, twoVersions)
			one, two := hash(r, "v1.0.0"), hash(r, "v1.1.0")
			shelf := newShelf()
			backing := modstore.NewBacking(shelf)
			c := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: backing})
			c.get(strings.ReplaceAll(first, "HASH", two))
			move(r, "v1.1.0", "v1.0.0")
			memory := newClient(t, local(r), modstore.Options{})
			memory.wantCommit("v1.1.0", one, "one") // who comes later knows no better
			for range 2 {
				c.wantCommit("v1.1.0", two, "two")
				for _, file := range []string{"/@latest", "/@v/v1.1.0.info"} {
					if a := c.get(file); !strings.Contains(a.text, two) {
						t.Errorf("%s: %s", file, a.text)
					}
				}
				c = newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: backing})
			}
			shelf.checkSums(t)
		})
	}
}

// The tag is in the info of a version that a query came to, as it is in that which was asked for by itself.
func TestPinByQuery(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	want := newClient(t, local(r), modstore.Options{}).get("/@v/v1.1.0.info")
	c := newClient(t, local(r), modstore.Options{})
	c.get("/@v/main.info")
	c.get("/@latest")
	if a := c.get("/@v/v1.1.0.info"); a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
}

func TestMovedTags(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	shelf := newShelf()
	c := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(shelf)})
	c.get("/@v/v1.1.0.info")
	c.get("/@v/v1.0.0.info")
	move(r, "v1.1.0", "v1.0.0")
	again := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(shelf)})
	for _, c := range []*client{c, again} { // by a list, from memory and from the store
		c.get("/@v/list")
		c.log.count(t, "tag was moved", 1)
		for range 3 {
			c.get("/@v/list")
			c.get("/@latest")
		}
		c.log.count(t, "tag was moved", 1)
		c.log.count(t, "moved_tags=1", 1)
	}
	move(r, "v1.0.0", hash(r, "main"))
	c.get("/@v/list")
	c.log.count(t, "moved_tags=2", 1)
	move(r, "v1.1.0", r.Commit("four"))
	c.get("/@latest") // without a list
	c.log.count(t, "moved_tags=3", 1)
}

// A tag that was moved is noticed among others whose versions nobody has asked for.
func TestMovedTagAmongOthers(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	r.Run("tag v0.9.0 v1.0.0\ntag v1.2.0\n")
	shelf := newShelf()
	c := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(shelf)})
	c.get("/@v/v1.0.0.info")
	move(r, "v1.0.0", "v1.1.0")
	for _, c := range []*client{c, newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(shelf)})} {
		c.get("/@v/list")
		c.log.count(t, "tag was moved", 1)
	}
}

// A tag that is deleted stays in the list, if anything of its version was served.
func TestDeletedTag(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	r.Run("tag v1.2.0\ntag v1.3.0-pre\n")
	backing := modstore.NewBacking(newShelf())
	c := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: backing})
	memory := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond})
	for _, c := range []*client{c, memory} {
		c.get("/@v/v1.0.0.info")
		c.get("/@v/v1.2.0.zip")
		c.want("/@v/list", "v1.0.0\nv1.1.0\nv1.2.0\nv1.3.0-pre\n", false)
	}
	r.Git("tag", "-d", "v1.0.0", "v1.2.0", "v1.3.0-pre")
	c2 := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: backing})
	for range 2 {
		for _, c := range []*client{c, memory, c2} {
			c.want("/@v/list", "v1.0.0\nv1.1.0\nv1.2.0\n", false)
		}
	}
	r.Git("tag", "-d", "v1.1.0") // and all that are left are such
	for _, c := range []*client{c, memory, c2} {
		c.want("/@v/list", "v1.0.0\nv1.2.0\n", false)
	}
}

// A version that was served can be found in the list of who has only what is stored.
func TestEnlist(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	r.Run("print m.go \"package m // three\\n\"\ncommit three\n")
	shelf := newShelf()
	c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(shelf)})
	c.get("/@v/" + pseudo(r, "main") + ".info")
	if got, ok := shelf.entries[modPath+"/@v/list"]; got != "" || !ok { // it has been served, but has no tag
		t.Errorf("list %q, %v", got, ok)
	}
	c.get("/@latest")
	if got := shelf.text(modPath + "/@v/list"); got != "v1.1.0\n" {
		t.Errorf("list %q", got)
	}
	c.get("/@v/v1.0.0.info")
	if got := shelf.text(modPath + "/@v/list"); got != "v1.0.0\nv1.1.0\n" {
		t.Errorf("list %q", got)
	}
	c.want("/@v/list", "v1.0.0\nv1.1.0\n", false)
	r.Git("tag", "v1.2.0")
	c.get("/@v/v1.2.0.info")
	c.want("/@v/list", "v1.0.0\nv1.1.0\nv1.2.0\n", false) // fresh, but for what we know besides
}

func TestStoredOnly(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	h := local(r)
	shelf := newShelf()
	c := newClient(t, h, modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(shelf)})
	stored := newClient(t, h, modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(shelf)})
	stored.m.StoredOnly = true
	files := []string{"/@v/list", "/@latest", "/@v/main.info", "/@v/v1.1.0.info", "/@v/v1.1.0.mod", "/@v/v1.1.0.zip"}
	h.quiet(t, func() {
		for _, file := range files {
			if a, err := stored.ask(t.Context(), file); !errors.Is(err, modstore.ErrNotStored) {
				t.Errorf("%s: %v, %v", file, a, err)
			}
		}
	})
	var want []answer
	for _, file := range files {
		want = append(want, c.get(file))
	}
	c.m.StoredOnly = true
	h.quiet(t, func() {
		for _, c := range []*client{c, stored} {
			for i, file := range files {
				if a := c.get(file); a.text != want[i].text || a.stale == a.fixed {
					t.Errorf("%s: %+v", file, a)
				}
			}
			for _, file := range []string{"/@v/v1.0.0.zip", "/@v/v1.0.0.info", "/@v/other.info"} {
				if a, err := c.ask(t.Context(), file); !errors.Is(err, modstore.ErrNotStored) {
					t.Errorf("%s: %v, %v", file, a, err)
				}
			}
		}
	})
	shelf.spoil(modPath+"/@v/v1.1.0.zip", func(s string) string { return s[1:] })
	fresh := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(shelf)})
	fresh.m.StoredOnly = true
	if a, err := fresh.ask(t.Context(), "/@v/v1.1.0.zip"); !errors.Is(err, modstore.ErrNotStored) {
		t.Errorf("a spoilt zip: %v, %v", a, err)
	}
}

// A panic while an answer is made is one request's, and what the host says of it goes to nobody else.
func TestPanic(t *testing.T) {
	t.Parallel()
	h := local(newRepo(t, twoVersions))
	c := newClient(t, h, modstore.Options{})
	h.set(func(context.Context) error { panic("ouch") })
	if _, err := c.ask(t.Context(), "/@v/v1.0.0.zip"); err == nil || !strings.Contains(err.Error(), "ouch") {
		t.Errorf("got %v", err)
	}
	h.set(nil)
	c.get("/@v/v1.0.0.zip")
}

// A version stays what it is for one who began to ask before another one had it.
func TestPinOvertaken(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	c := newClient(t, local(r), modstore.Options{})
	slow := &overtaken{Context: t.Context(), by: func() {
		c.wantCommit("v1.1.0", hash(r, "main"), "two")
		move(r, "v1.1.0", "v1.0.0")
	}}
	a, err := c.ask(slow, "/@v/v1.1.0.info")
	if err != nil || !strings.Contains(a.text, hash(r, "main")) {
		t.Errorf("got %v, %v", a, err)
	}
	c.wantCommit("v1.1.0", hash(r, "main"), "two")
}

// An overtaken context lets something happen when it is first looked at.
type overtaken struct {
	context.Context
	by func()
}

func (o *overtaken) Err() error {
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return o.Context.Err()
}
