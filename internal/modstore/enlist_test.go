package modstore_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
)

// A list that is not there stays so for its time, though a version is served meanwhile.
func TestVersionOfAbsentList(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	r.Run("print go.mod \"module x.test/new\\n\"\ncommit renamed\ntag v1.2.0\n")
	synctest.Test(t, func(t *testing.T) {
		for _, o := range []modstore.Options{{}, {Backing: modstore.NewBacking(newShelf())}} {
			h := local(r)
			c := newClient(t, h, o)
			c.m.At = func(directory, _ string) (*modrepo.Module, error) {
				source := &modrepo.Source{Repo: h, Directory: directory, TagPrefix: "v"}
				return source.Module(modPath, true)
			}
			wantError[*modrepo.Error](c, "/@v/list")
			c.get("/@v/v1.0.0.info")
			h.quiet(t, func() { wantError[*modrepo.Error](c, "/@v/list") })
			time.Sleep(10 * time.Second)
			h.fail(git.Broken)
			c.want("/@v/list", "v1.0.0\n", true) // of what was served
			c.want("/@v/list", "v1.0.0\n", true)
			h.set(nil)
			time.Sleep(5 * time.Second)
			c.want("/@v/list", "v1.0.0\n", false)
		}
	})
}

// An absence that is over stands in nothing's way.
func TestAfterAbsence(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, _ *gittest.Repo, h *host, c *client) {
		h.fail(git.NoRepository)
		wantError[*git.Error](c, "/@v/list")
		time.Sleep(10 * time.Second)
		h.set(nil)
		c.get("/@v/v1.0.0.info")
		h.fail(git.NoRepository)
		wantError[*modstore.VanishedError](c, "/@v/v1.1.0.info")
		c.want("/@v/list", "v1.0.0\n", true)
		h.quiet(t, func() { c.want("/@v/list", "v1.0.0\n", true) })
	})
}

// A version that lists leave out, because a go.mod was added to the ones before it, isn't in them for being served.
func TestIncompatibleVersion(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	r.Run("rm go.mod\ncommit without\ntag v2.0.0\n")
	s := newShelf()
	c := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond, Backing: modstore.NewBacking(s)})
	c.get("/@v/v2.0.0+incompatible.info")
	c.get("/@v/v2.0.0+incompatible.zip")
	c.want("/@v/list", list2, false)
	c.get("/@v/v1.1.0.info")
	c.want("/@v/list", list2, false)
	if got, want := s.text(modPath+"/@v/list"), "v1.1.0\nv2.0.0+incompatible\n"; got != want { // the go command knows what to make of it
		t.Errorf("the inventory is %q, want %q", got, want)
	}
	h := local(r)
	h.fail(git.Broken)
	delete(s.entries, servedName)
	newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)}).want("/@v/list", "v1.1.0\nv2.0.0+incompatible\n", true)
	r.Git("tag", "-d", "v2.0.0")
	c.want("/@v/list", list2, false)
}

// What was listed because nothing speaks against it stays, if it was served.
func TestIncompatibleVersionIsDeleted(t *testing.T) {
	t.Parallel()
	r := newRepo(t, "write\ncommit one\ntag v1.0.0\ntag v2.0.0\n-- m.go --\npackage m\n")
	c := newClient(t, local(r), modstore.Options{Fresh: time.Nanosecond})
	c.want("/@v/list", "v1.0.0\nv2.0.0+incompatible\n", false)
	c.get("/@v/v2.0.0+incompatible.info")
	r.Git("tag", "-d", "v2.0.0")
	c.want("/@v/list", "v1.0.0\nv2.0.0+incompatible\n", false)
}

// While the store can't be read, nothing is taken out of the list that it has.
func TestUnreadableList(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	listName := servedName
	for _, unreadable := range []string{listName, modPath + "/@v/v1.0.0.info"} {
		for _, first := range []string{"/@v/list", "/@v/v1.1.0.info"} {
			synctest.Test(t, func(t *testing.T) {
				r.Git("tag", "-f", "v1.0.0", "v1.1.0~")
				s := newShelf()
				h := local(r)
				before := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
				before.get("/@v/v1.0.0.info")
				before.get("/@v/list")
				r.Git("tag", "-d", "v1.0.0")
				s.faults(func(name string) error {
					if name == unreadable {
						return errors.New("on purpose")
					}
					return nil
				}, nil)
				c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
				c.get(first)
				if got := s.text(listName); !strings.HasPrefix(got, "v1.0.0\n") {
					t.Errorf("%s, with %s unreadable: the stored list is %q", first, unreadable, got)
				}
				s.faults(nil, nil)
				c.want("/@v/list", list2, false)
				if got := s.text(listName); got != list2 {
					t.Errorf("%s, with %s unreadable: the stored list is %q in the end", first, unreadable, got)
				}
			})
		}
	}
}

// Nor is it taken for certain that a repository was never served.
func TestUnreadableStoreAndHiddenHost(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, _ *gittest.Repo, h *host, _ *client) {
		s := newShelf()
		s.faults(func(string) error { return errors.New("on purpose") }, nil)
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		h.fail(git.NoRepository)
		wantError[*modstore.VanishedError](c, "/@v/list")
		h.set(nil)
		c.want("/@v/list", list2, false)
	})
}

// The inventory has no version whose go.mod could not be stored: the go command would take that for the latest.
func TestInventoryOfWhatIsStored(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, _ *gittest.Repo, h *host, _ *client) {
		s := newShelf()
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		s.faults(nil, func(name string) error {
			if strings.HasSuffix(name, ".mod") {
				return errors.New("on purpose")
			}
			return nil
		})
		c.get("/@v/v1.0.0.info")
		c.get("/@v/v1.0.0.mod")
		if got := s.text(modPath + "/@v/list"); got != "" {
			t.Errorf("without a go.mod the inventory is %q", got)
		}
		s.faults(nil, nil)
		time.Sleep(10 * time.Second)
		c.get("/@v/v1.0.0.mod")
		if got := s.text(modPath + "/@v/list"); got != "v1.0.0\n" {
			t.Errorf("with a go.mod the inventory is %q", got)
		}
	})
}

// A module is known by an info that was served, though its go.mod can't be had or the info not be stored.
func TestKnownByInfo(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	for _, unstored := range []string{"", ".info"} {
		s := newShelf()
		s.faults(nil, func(name string) error {
			if unstored != "" && strings.HasSuffix(name, unstored) {
				return errors.New("on purpose")
			}
			return nil
		})
		h := local(r)
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		at := c.m.At
		asked := 0
		c.m.At = func(directory, path string) (*modrepo.Module, error) {
			if asked++; asked > 1 {
				h.fail(git.Broken)
			}
			return at(directory, path)
		}
		c.get("/@v/v1.0.0.info")
		c.m.At = at
		h.fail(git.NoRepository)
		wantError[*modstore.VanishedError](c, "/@v/v1.1.0.info")
	}
}

// No version is served before it is in the inventory: if the process is killed then, the next one must list it.
func TestListedBeforeServed(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, _ *gittest.Repo, h *host, _ *client) {
		s := newShelf()
		free := make(chan struct{})
		s.before = func(name string) {
			if name == modPath+"/@v/list" {
				<-free
			}
		}
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		mod := c.later(t.Context(), "/@v/v1.0.0.mod")
		synctest.Wait()
		info := c.later(t.Context(), "/@v/v1.0.0.info")
		synctest.Wait()
		select {
		case <-info:
			t.Error("the info was served first")
			info = nil
		default:
		}
		close(free)
		<-mod
		if info != nil {
			<-info
		}
	})
}

// Two handlers of a store add each a version to its lists at the same time, and both are in them.
func TestListedByTwo(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, _ *gittest.Repo, h *host, _ *client) {
		for _, list := range []string{modPath + "/@v/list", servedName} {
			s := newShelf()
			backing := modstore.NewBacking(s)
			a, b := newClient(t, h, modstore.Options{Backing: backing}), newClient(t, h, modstore.Options{Backing: backing})
			a.get("/@v/list")
			s.set(list, "")
			s.set(list+".sum", "")
			free := make(chan struct{})
			s.before = func(name string) {
				if name == list {
					<-free
				}
			}
			one := a.later(t.Context(), "/@v/v1.0.0.mod")
			synctest.Wait()
			two := b.later(t.Context(), "/@v/v1.1.0.mod")
			synctest.Wait()
			close(free)
			<-one
			<-two
			if got, want := s.text(list), "v1.0.0\nv1.1.0\n"; got != want {
				t.Errorf("%s is %q, want %q", list, got, want)
			}
		}
	})
}

// Another process may put a list that it began before this one put its own. What that lost is listed again by the next who asks
// this one, and then by all.
func TestListedAgain(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, _ *client) {
		s := newShelf()
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		c.get("/@v/v1.1.0.info")
		r.Git("tag", "-d", "v1.1.0")
		time.Sleep(time.Minute)
		c.want("/@v/list", "v1.0.0\nv1.1.0\n", false)
		for _, list := range []string{modPath + "/@v/list", servedName} {
			s.set(list, "v1.0.0\n")
			s.set(list+".sum", "")
		}
		time.Sleep(time.Minute)
		c.want("/@v/list", "v1.0.0\nv1.1.0\n", false)
		if got := s.text(servedName); got != "v1.0.0\nv1.1.0\n" {
			t.Errorf("the list is %q", got)
		}
		other := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		other.want("/@v/list", "v1.0.0\nv1.1.0\n", false)
	})
}

// A version whose info was stored by a process that was killed before there was a go.mod is listed while the host is down, for
// all who come after somebody was given the info; and with it those that were listed before. It is listed before it is given.
func TestVersionOfKilledProcess(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	s := newShelf()
	first := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s)})
	first.get("/@v/v1.0.0.info")
	first.get("/@v/v1.1.0.info")
	for _, name := range []string{modPath + "/@v/v1.1.0.mod", modPath + "/@v/v1.1.0.mod.sum", modPath + "/@v/list.sum", servedName, servedName + ".sum"} {
		delete(s.entries, name)
	}
	s.entries[modPath+"/@v/list"] = "v1.0.0\n"
	h := local(r)
	h.fail(git.Broken)
	second := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
	listed := 0
	s.before = func(name string) {
		if name != servedName {
			return
		}
		listed++
		if _, _, ok := second.store.Ready(t.Context(), &second.m, modproxy.Info, modPath+"/@v/v1.1.0.info"); ok {
			t.Error("the info is given before the version is listed")
		}
	}
	second.get("/@v/v1.1.0.info")
	if listed == 0 {
		t.Error("the version is not listed")
	}
	newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)}).want("/@v/list", "v1.0.0\nv1.1.0\n", true)
}
