package modstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
)

// dated is the time of a revision's commit, as git says it.
func dated(r *gittest.Repo, rev string) string {
	at, _ := time.Parse(time.RFC3339, r.Git("log", "-1", "--format=%cI", rev, "--"))
	return at.UTC().Format(time.RFC3339)
}

// wantVersions wants versions, each with the revision that its time is of, or "-" for none.
func (c *client) wantVersions(r *gittest.Repo, want ...string) *modstore.Listing {
	c.t.Helper()
	l, err := c.store.Versions(c.t.Context(), c.m)
	if err != nil {
		c.t.Fatal(err)
	}
	c.checkVersions(r, l, want...)
	return l
}

func (c *client) checkVersions(r *gittest.Repo, l *modstore.Listing, want ...string) {
	c.t.Helper()
	var got []string
	for _, v := range l.Versions {
		got = append(got, v.Version+" "+v.Time.Format(time.RFC3339))
	}
	for i, line := range want {
		version, rev, _ := strings.Cut(line, " ")
		at := time.Time{}.Format(time.RFC3339)
		if rev != "-" {
			at = dated(r, rev)
		}
		want[i] = version + " " + at
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("versions %q, want %q", got, want)
	}
}

// commands are what a server was asked since the last time.
func commands(s *gittest.Server) string {
	var all []string
	for _, request := range s.Requests() {
		all = append(all, request.Command())
	}
	s.Reset()
	return strings.Join(all, " ")
}

const taggedScript = `
	write
	blob b x
	tag v1.0.1 made/b
	commit one
	tag v1.0.0
	tag v1.0.2 HEAD^{tree}
	at 2023-02-03T04:05:06+07:00
	commit two
	tag -a v1.1.0 -m text
	tag -a v1.2.0-pre -m text v1.1.0
	commit three
	-- go.mod --
	module x.test/m
	-- m.go --
	package m
	`

// One listing and one fetch bring all times, where the host can be asked for commits alone; and what is known isn't asked
// for again, though the list is made anew.
func TestVersions(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("serves repositories")
	}
	for name, tt := range map[string]struct {
		filters gittest.Filters
		wrap    func(http.Handler) http.Handler
		first   string
		listing string
	}{
		"all":       {gittest.AllFilters, nil, "ls-refs fetch", "ls-refs"},
		"forge":     {gittest.ForgeFilters, nil, "ls-refs fetch", "ls-refs"},
		"tree":      {gittest.TreeFilters, nil, "ls-refs fetch", "ls-refs"},
		"version 0": {gittest.ForgeFilters, gittest.Version(0), "ls-refs info/refs fetch", "info/refs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t, taggedScript)
			server := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"o/r": r})
			server.Wrap(tt.wrap)
			h := &host{Repository: (&git.Client{HTTP: server.Client()}).Open(server.URL + "/o/r")}
			c := newClient(t, h, modstore.Options{Fresh: time.Nanosecond})
			all := func(more ...string) []string {
				return append(more, "v1.2.0-pre v1.1.0", "v1.1.0 v1.1.0", "v1.0.2 -", "v1.0.1 -", "v1.0.0 v1.0.0")
			}
			c.wantVersions(r, all()...)
			if got := commands(server); got != tt.first {
				t.Errorf("the host was asked for %s, want %s", got, tt.first)
			}
			c.wantVersions(r, all()...)
			if got := commands(server); got != tt.listing || h.dated.Load() != 5 {
				t.Errorf("the second time the host was asked for %s, of %d commits", got, h.dated.Load())
			}
			r.Run("commit new\ntag v1.3.0\ntag v1.3.1\n")
			c.wantVersions(r, all("v1.3.1 HEAD", "v1.3.0 HEAD")...)
			if got := commands(server); got != tt.listing+" fetch" || h.dated.Load() != 7 {
				t.Errorf("with new tags the host was asked for %s, of %d commits", got, h.dated.Load())
			}
			r.Git("tag", "v2.0.0", "HEAD~")
			if l := c.wantVersions(r, all("v1.3.1 HEAD", "v1.3.0 HEAD")...); fmt.Sprintf("%q", l.Majors) != `["" "v2"]` || l.Stale {
				t.Errorf("majors %q, stale %v", l.Majors, l.Stale)
			}
			c.m = h.module(modPath + "/v2")
			c.wantVersions(r, "v2.0.0 HEAD~")
			c.log.count(t, "vanity", 0)
		})
	}
}

// A host that can't be asked for commits alone is not asked for them, and there are no times but those of pins.
func TestVersionsUnfiltered(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("serves repositories")
	}
	r := newRepo(t, taggedScript)
	server := gittest.Serve(t, gittest.NoFilters, map[string]*gittest.Repo{"o/r": r})
	h := &host{Repository: (&git.Client{HTTP: server.Client()}).Open(server.URL + "/o/r")}
	c := newClient(t, h, modstore.Options{Fresh: time.Nanosecond})
	for range 2 {
		c.wantVersions(r, "v1.2.0-pre -", "v1.1.0 -", "v1.0.2 -", "v1.0.1 -", "v1.0.0 -")
	}
	if got := commands(server); got != "ls-refs fetch info/refs ls-refs" { // once, before it was asked what it can do
		t.Errorf("the host was asked for %s", got)
	}
	if n := h.asked.Load(); n != 3 {
		t.Errorf("there were %d attempts, want two listings and one for times", n)
	}
	c.get("/@v/v1.0.0.info")
	c.wantVersions(r, "v1.2.0-pre -", "v1.1.0 -", "v1.0.2 -", "v1.0.1 -", "v1.0.0 v1.0.0")
	c.log.count(t, "vanity", 0)
}

// A host that breaks off, or says nothing, while the list is there.
func TestVersionsHostFails(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("serves repositories")
	}
	r := newRepo(t, twoVersions)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": r})
	for name, fault := range map[string]func(http.Handler) http.Handler{"cut": gittest.CutAnswerAfter(50), "stalled": gittest.Hang()} {
		h := &host{Repository: (&git.Client{HTTP: server.Client()}).Open(server.URL + "/o/r")}
		c := newClient(t, h, modstore.Options{Timeout: time.Minute})
		server.Wrap(nil)
		c.get("/@v/list")
		ctx, cancel := context.WithCancel(t.Context())
		server.Wrap(gittest.On("fetch", func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if name == "stalled" {
					cancel()
				}
				fault(next).ServeHTTP(w, r)
			})
		}))
		l, err := c.store.Versions(ctx, c.m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.checkVersions(r, l, "v1.1.0 -", "v1.0.0 -")
		cancel()
	}
}

// Times are kept while the list is fresh, and longer; what a tag says of a version holds until it is pinned.
func TestVersionsPinned(t *testing.T) {
	t.Parallel()
	for _, backing := range []bool{false, true} {
		r := newRepo(t, twoVersions)
		synctest.Test(t, func(t *testing.T) {
			h, s, o := local(r), newShelf(), modstore.Options{}
			if backing {
				o.Backing = modstore.NewBacking(s)
			}
			c := newClient(t, h, o)
			c.wantVersions(r, "v1.1.0 v1.1.0", "v1.0.0 v1.0.0")
			h.quiet(t, func() { c.wantVersions(r, "v1.1.0 v1.1.0", "v1.0.0 v1.0.0") })
			for name := range s.entries {
				if !strings.HasPrefix(name, servedName) && !strings.HasPrefix(name, modPath+"/@v/list") {
					t.Errorf("%s was stored", name)
				}
			}
			r.Git("tag", "first", "v1.0.0")
			c.get("/@v/v1.0.0.info")
			r.Run("commit three\ntag -f v1.0.0\ntag -f v1.1.0\n")
			time.Sleep(time.Minute)
			c.wantVersions(r, "v1.1.0 HEAD", "v1.0.0 first")
			if n := h.dated.Load(); n != 3 {
				t.Errorf("the times of %d commits were asked for, want 3", n)
			}
			if !backing {
				return
			}
			newClient(t, h, o).wantVersions(r, "v1.1.0 HEAD", "v1.0.0 first")
			s.faults(func(name string) error {
				if name == modPath+"/@v/v1.1.0.info" {
					t.Errorf("%s was looked for", name) // as each of many might be
				}
				return nil
			}, nil)
			h.quiet(t, func() {
				c := newClient(t, h, o)
				c.m.StoredOnly = true
				c.wantVersions(r, "v1.1.0 -", "v1.0.0 first")
			})
			s.faults(nil, nil)
			r.Git("tag", "-d", "v1.0.0")
			delete(s.entries, modPath+"/@v/list")
			newClient(t, h, o).wantVersions(r, "v1.1.0 HEAD", "v1.0.0 first")
			s.faults(func(name string) error {
				if name == modPath+"/@v/list" {
					return errors.New("on purpose")
				}
				return nil
			}, nil)
			newClient(t, h, o).wantVersions(r, "v1.1.0 -", "v1.0.0 -") // either may be pinned
		})
	}
}

// What is not there for File is not there for Versions.
func TestVersionsErrors(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		wantError := func(c *client, is func(error) bool) {
			t.Helper()
			if l, err := c.store.Versions(t.Context(), c.m); l != nil || !is(err) {
				t.Errorf("%v, %v", l, err)
			}
		}
		h.quiet(t, func() {
			c.m.StoredOnly = true
			wantError(c, func(err error) bool { return errors.Is(err, modstore.ErrNotStored) })
			c.m.StoredOnly, c.m.Path = false, "x.test/\x00"
			wantError(c, modrepo.IsAbsent)
		})
		c.m.Path = modPath
		c.get("/@v/list")
		h.quiet(t, func() {
			c.m.StoredOnly = true
			c.wantVersions(r, "v1.1.0 -", "v1.0.0 -")
		})
		s := newShelf()
		s.faults(func(string) error { return errors.New("on purpose") }, nil)
		h.fail(git.NoRepository)
		wantError(newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)}), func(err error) bool {
			return errors.As(err, new(*modstore.VanishedError)) // for all that is known
		})
		wantError(newClient(t, h, modstore.Options{}), func(err error) bool { return !errors.As(err, new(*modstore.VanishedError)) })
	})
}

func TestVersionsIncompatible(t *testing.T) {
	t.Parallel()
	r := newRepo(t, "write\ncommit one\ntag v1.0.0\ncommit two\ntag -a v2.0.0 -m text\n-- m.go --\npackage m\n")
	c := newClient(t, local(r), modstore.Options{})
	l := c.wantVersions(r, "v2.0.0+incompatible v2.0.0", "v1.0.0 v1.0.0")
	if got := fmt.Sprintf("%q", l.Majors); got != `[""]` {
		t.Errorf("majors %s", got)
	}
}

// Who waits for no longer has the list without times. They come all the same, for the next one.
func TestVersionsWithoutTimes(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{Timeout: time.Minute}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		end := h.hang()
		hurried := func() (*modstore.Listing, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			return c.store.Versions(ctx, c.m)
		}
		if l, err := hurried(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", l, err)
		}
		close(end)
		synctest.Wait()
		h.quiet(t, func() { c.want("/@v/list", list2, false) })

		asked := h.asked.Load()
		end = h.hang()
		for range 2 {
			l, err := hurried()
			if err != nil {
				t.Fatal(err)
			}
			c.checkVersions(r, l, "v1.1.0 -", "v1.0.0 -")
		}
		if n := h.asked.Load() - asked; n != 1 {
			t.Errorf("the host was asked %d times", n)
		}
		close(end)
		synctest.Wait()
		h.quiet(t, func() { c.wantVersions(r, "v1.1.0 v1.1.0", "v1.0.0 v1.0.0") })
		c.log.count(t, "vanity", 0)
	})
}

// A host that fails is left alone for a while. What is known stays.
func TestVersionsBackOff(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		c.get("/@v/list")
		h.fail(git.Broken)
		c.wantVersions(r, "v1.1.0 -", "v1.0.0 -")
		c.log.count(t, "the times of versions could not be had", 1)
		h.quiet(t, func() {
			time.Sleep(5*time.Second - time.Nanosecond)
			c.wantVersions(r, "v1.1.0 -", "v1.0.0 -")
		})
		time.Sleep(time.Nanosecond)
		h.set(nil)
		c.wantVersions(r, "v1.1.0 v1.1.0", "v1.0.0 v1.0.0")
		time.Sleep(time.Minute)
		h.fail(git.Unavailable)
		if l := c.wantVersions(r, "v1.1.0 v1.1.0", "v1.0.0 v1.0.0"); !l.Stale || len(l.Majors) != 1 {
			t.Errorf("stale %v, majors %q", l.Stale, l.Majors)
		}
	})
}

// Of very many versions the highest have times.
func TestVersionsMany(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	var packed strings.Builder
	for n := range 300 {
		fmt.Fprintf(&packed, "%s refs/tags/v1.2.%d\n", hash(r, "HEAD"), n)
	}
	if err := os.WriteFile(filepath.Join(r.GitDir(), "packed-refs"), []byte(packed.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	h := local(r)
	l, err := newClient(t, h, modstore.Options{}).store.Versions(t.Context(), h.module(modPath))
	if err != nil || len(l.Versions) != 302 || h.dated.Load() != 200 {
		t.Fatalf("%v, of %d commits", err, h.dated.Load())
	}
	for i, v := range l.Versions {
		if i == 0 && v.Version != "v1.2.299" || v.Time.IsZero() != (i >= 200) {
			t.Errorf("%d: %v", i, v)
		}
	}
}
