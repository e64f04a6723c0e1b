package modstore_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
)

const (
	list2 = "v1.0.0\nv1.1.0\n"
	list3 = "v1.0.0\nv1.1.0\nv1.2.0\n"
)

// timed runs a test with a client, in a bubble where time is the test's own.
func timed(t *testing.T, o modstore.Options, do func(t *testing.T, r *gittest.Repo, h *host, c *client)) {
	bubble(t, newRepo(t, twoVersions), o, do)
}

// bubble is timed for a repository that others may use, too.
func bubble(t *testing.T, r *gittest.Repo, o modstore.Options, do func(t *testing.T, r *gittest.Repo, h *host, c *client)) {
	synctest.Test(t, func(t *testing.T) {
		h := local(r)
		do(t, r, h, newClient(t, h, o))
	})
}

func TestFresh(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		for file, then := range map[string]string{"/@v/list": "v1.2.0", "/@latest": "v1.2.0", "/@v/main.info": "v1.2.0"} {
			before := c.get(file)
			r.Git("tag", "v1.2.0")
			time.Sleep(time.Minute - time.Nanosecond)
			h.quiet(t, func() { c.want(file, before.text, false) })
			time.Sleep(time.Nanosecond)
			if a := c.get(file); !strings.Contains(a.text, then) || a.stale {
				t.Errorf("%s: %+v", file, a)
			}
			r.Git("tag", "-d", "v1.2.0")
			c = newClient(t, h, modstore.Options{})
		}
	})
}

// While one caller waits for the host, the others have the old answer.
func TestOneRefreshes(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		end := h.hang()
		first := []<-chan result{c.later(t.Context(), "/@v/list"), c.later(t.Context(), "/@v/list")}
		synctest.Wait()
		if n := h.asked.Load(); n != 1 {
			t.Errorf("the host was asked %d times", n)
		}
		close(end)
		for _, done := range first { // there was no old one
			if got := <-done; got.err != nil || got.text != list2 || got.stale {
				t.Errorf("%+v", got)
			}
		}
		r.Git("tag", "v1.2.0")
		time.Sleep(time.Minute)
		end = h.hang()
		done := c.later(t.Context(), "/@v/list")
		synctest.Wait()
		h.quiet(t, func() {
			for range 3 {
				c.want("/@v/list", list2, true)
			}
		})
		close(end)
		if got := <-done; got.err != nil || got.text != list3 || got.stale {
			t.Errorf("%+v", got)
		}
		h.quiet(t, func() { c.want("/@v/list", list3, false) })
	})
}

// Who has waited for ten seconds has the old answer. The new one comes all the same.
func TestPatience(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{Timeout: time.Hour}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		c.get("/@v/list")
		r.Git("tag", "v1.2.0")
		time.Sleep(time.Minute)
		end := h.hang()
		start := time.Now()
		c.want("/@v/list", list2, true)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("it took %v", d)
		}
		c.want("/@v/list", list2, true)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("the second waited, too: %v", d)
		}
		close(end)
		time.Sleep(time.Second)
		synctest.Wait()
		h.quiet(t, func() { c.want("/@v/list", list3, false) })
		c.log.count(t, "vanity", 0)
	})
}

// A host that answers nothing at all is given up, and left alone for a while.
func TestPatienceAndTimeout(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{Timeout: 30 * time.Second}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		c.get("/@v/list")
		time.Sleep(time.Minute)
		h.hang()
		c.want("/@v/list", list2, true) // 10 s
		time.Sleep(20 * time.Second)
		synctest.Wait()
		c.log.count(t, "the old one is served", 1)
		h.quiet(t, func() { c.want("/@v/list", list2, true) })
	})
}

func TestHostFails(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	for _, kind := range []git.Kind{git.Unreachable, git.Timeout, git.Limited, git.Unavailable, git.Broken, git.NoRepository, git.Denied} {
		bubble(t, r, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
			texts := make(map[string]string)
			files := []string{"/@v/list", "/@latest", "/@v/main.info"}
			for _, file := range files {
				texts[file] = c.get(file).text
			}
			time.Sleep(time.Minute)
			h.fail(kind)
			for i, file := range files {
				c.want(file, texts[file], true)
				c.log.count(t, "the old one is served", i+1)
			}
			h.quiet(t, func() {
				time.Sleep(5*time.Second - time.Nanosecond)
				for _, file := range files {
					c.want(file, texts[file], true)
				}
			})
			time.Sleep(time.Nanosecond)
			before := h.asked.Load()
			c.want("/@v/list", list2, true)
			if h.asked.Load() == before {
				t.Error("the host isn't asked again")
			}
			h.set(nil)
			time.Sleep(5 * time.Second)
			c.want("/@v/list", list2, false)

			// A failure that leaves nothing to be served is remembered by nobody.
			h.fail(kind)
			for range 2 {
				before := h.asked.Load()
				if _, err := c.ask(t.Context(), "/@v/other.info"); err == nil || h.asked.Load() == before {
					t.Errorf("kind %v: error %v, and the host was asked %d times", kind, err, h.asked.Load()-before)
				}
			}
		})
	}
}

// Where answers are fresh for less than that, the host is asked again sooner.
func TestBackOffAndAbsenceOfBrief(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{Fresh: time.Second}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		c.get("/@v/list")
		wantError[*modrepo.Error](c, "/@v/gone.info")
		time.Sleep(time.Second)
		h.fail(git.Broken)
		c.want("/@v/list", list2, true)
		h.quiet(t, func() { c.want("/@v/list", list2, true) })
		wantError[*git.Error](c, "/@v/gone.info")
		time.Sleep(time.Second)
		h.set(nil)
		c.want("/@v/list", list2, false)
	})
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		files := []string{"/@v/branch.info", "/@v/v1.2.0.info", "/@v/v1.2.0.zip"}
		for _, file := range files {
			wantError[*modrepo.Error](c, file)
		}
		r.Git("tag", "v1.2.0")
		r.Git("branch", "branch")
		time.Sleep(10*time.Second - time.Nanosecond)
		h.quiet(t, func() {
			for _, file := range files {
				wantError[*modrepo.Error](c, file)
			}
		})
		time.Sleep(time.Nanosecond)
		for _, file := range files {
			c.get(file)
		}
		// A branch that is gone is gone, whatever was served before.
		r.Git("branch", "-D", "branch")
		time.Sleep(time.Minute)
		wantError[*modrepo.Error](c, "/@v/branch.info")
		h.quiet(t, func() { wantError[*modrepo.Error](c, "/@v/branch.info") })
	})
}

// A host that hides a repository which nobody has seen here says that there is none.
func TestHidden(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	for _, kind := range []git.Kind{git.NoRepository, git.Denied} {
		bubble(t, r, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
			h.fail(kind)
			files := []string{"/@v/list", "/@latest", "/@v/v1.1.0.info", "/@v/v1.1.0.zip", "/@v/main.info"}
			for _, file := range files {
				if err := wantError[*git.Error](c, file); err != nil && err.Kind != kind {
					t.Errorf("%s: %v", file, err)
				}
			}
			h.set(nil)
			time.Sleep(10*time.Second - time.Nanosecond)
			h.quiet(t, func() {
				for _, file := range files {
					wantError[*git.Error](c, file)
				}
			})
			time.Sleep(time.Nanosecond)
			for _, file := range files {
				c.get(file)
			}
		})
	}
}

// A repository that was served before, by this process or another, has vanished: that is no absence.
func TestVanished(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	two := hash(r, "v1.1.0")
	for _, first := range []string{"/@v/list", "/@latest", "/@v/v1.1.0.info", "/@v/main.info"} {
		for _, kind := range []git.Kind{git.NoRepository, git.Denied} {
			synctest.Test(t, func(t *testing.T) {
				h := local(r)
				backing := modstore.NewBacking(newShelf())
				c := newClient(t, h, modstore.Options{Backing: backing})
				memory := newClient(t, h, modstore.Options{})
				c.get(first)
				memory.get(first)
				h.fail(kind)
				again := newClient(t, h, modstore.Options{Backing: backing})
				for _, c := range []*client{c, memory, again} {
					for range 2 { // it is not remembered
						before := h.asked.Load()
						wantError[*modstore.VanishedError](c, "/@v/v1.0.0.info")
						wantError[*modstore.VanishedError](c, "/@v/v1.0.0.zip")
						wantError[*modstore.VanishedError](c, "/@v/dev.info")
						c.m.Path = modPath + "/v2"
						wantError[*modstore.VanishedError](c, "/@v/list")
						c.m.Path = modPath
						if h.asked.Load() < before+4 {
							t.Error("a failure was remembered")
						}
					}
					if first != "/@v/list" {
						if err := wantError[*modstore.VanishedError](c, "/@v/v1.1.0.zip"); err != nil && err.Commit != two {
							t.Errorf("commit %q", err.Commit)
						}
					}
					c.m.Path = "x.test/other"
					wantError[*git.Error](c, "/@v/list")
				}
			})
		}
	}
}

// What hosts really answer is what counts as hidden.
func TestHiddenByStatus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("serves repositories")
	}
	r := newRepo(t, twoVersions)
	for _, status := range []int{401, 403, 404, 410, 429, 500, 503} {
		server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": r})
		h := &host{Repository: (&git.Client{HTTP: server.Client()}).Open(server.URL + "/o/r")}
		server.Wrap(gittest.Status(status, nil))
		never := newClient(t, h, modstore.Options{})
		hidden := status/100 == 4 && status != 429
		for range 2 {
			wantError[*git.Error](never, "/@v/list")
		}
		if remembered := h.asked.Load() == 1; remembered != hidden {
			t.Errorf("status %d: absence: %v, want %v", status, remembered, hidden)
		}
		server.Wrap(nil)
		c := newClient(t, h, modstore.Options{Fresh: time.Nanosecond})
		c.get("/@v/v1.0.0.info")
		c.want("/@v/list", list2, false)
		server.Wrap(gittest.Status(status, http.Header{}))
		c.want("/@v/list", list2, true)
		if _, err := c.ask(t.Context(), "/@v/v1.1.0.info"); errors.As(err, new(*modstore.VanishedError)) != hidden {
			t.Errorf("status %d: error %v", status, err)
		}
	}
}

// An old answer of another process is served while the new one is made, to all but one, and when the host fails.
func TestOldFromBacking(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	synctest.Test(t, func(t *testing.T) {
		backing := modstore.NewBacking(newShelf())
		h := local(r)
		newClient(t, h, modstore.Options{Backing: backing}).get("/@v/list")
		r.Git("tag", "v1.2.0")
		c := newClient(t, h, modstore.Options{Backing: backing, Timeout: time.Minute})
		end := h.hang()
		one := c.later(t.Context(), "/@v/list")
		synctest.Wait()
		c.want("/@v/list", list2, true)
		began := time.Now()
		if got := <-one; got.text != list2 || !got.stale || time.Since(began) != 10*time.Second {
			t.Errorf("%+v after %v", got, time.Since(began))
		}
		close(end)
		synctest.Wait()
		c.want("/@v/list", list3, false)
		c = newClient(t, h, modstore.Options{Backing: backing})
		h.fail(git.Unavailable)
		c.want("/@v/list", list3, true)
		h.quiet(t, func() { c.want("/@v/list", list3, true) })
	})
}

// A stored list that is none is made anew.
func TestSpoiltList(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, _ *client) {
		for _, text := range []string{"v1.0.0\nv1.1.", "\x00\n", "v1.1.0\nv1.0.0\n", "v1\n"} {
			s := newShelf()
			s.set(servedName, text)
			c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
			h.fail(git.Unavailable)
			wantError[*git.Error](c, "/@v/list")
			h.set(nil)
			c.want("/@v/list", list2, false)
			if got := s.text(servedName); got != list2 {
				t.Errorf("%q", got)
			}
		}
	})
}

// A caller who goes away leaves a refresh to those who come: if all had less time than the host takes, there would never be
// a newer answer.
func TestRefresherLeaves(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, c *client) {
		c.get("/@v/list")
		r.Git("tag", "v1.2.0")
		time.Sleep(time.Minute)
		end := h.hang()
		ctx, cancel := context.WithCancel(t.Context())
		done := c.later(ctx, "/@v/list")
		synctest.Wait()
		cancel()
		if got := <-done; got.err == nil && !got.stale {
			t.Errorf("%+v", got)
		}
		synctest.Wait()
		close(end)
		synctest.Wait()
		c.want("/@v/list", list3, false)
		c.log.count(t, "vanity", 0)
	})
}

// An answer that nobody waits for any more doesn't replace what was made since, in memory or in the store.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	r := newRepo(t, twoVersions)
	synctest.Test(t, func(t *testing.T) {
		shelf := newShelf()
		h := local(r)
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(shelf)})
		deaf := make(chan struct{})
		c.m.At = func(_, _ string) (*modrepo.Module, error) {
			source := &modrepo.Source{Repo: &late{h, deaf}, TagPrefix: "v"}
			return source.Module(modPath, false)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := c.later(ctx, "/@v/list")
		synctest.Wait()
		cancel()
		<-done
		r.Git("tag", "v1.2.0")
		time.Sleep(time.Second)
		c.m = h.module(modPath)
		c.want("/@v/list", list3, false)
		close(deaf)
		synctest.Wait()
		time.Sleep(time.Second)
		h.quiet(t, func() { c.want("/@v/list", list3, false) })
		if got := shelf.text(servedName); got != list3 {
			t.Errorf("stored: %q", got)
		}
	})
}

// A late repository gives its refs at once, but not to the caller, and doesn't listen.
type late struct {
	*host
	until chan struct{}
}

func (l *late) Refs(ctx context.Context, prefixes ...string) ([]git.Ref, error) {
	refs, err := l.host.Refs(context.WithoutCancel(ctx), prefixes...)
	<-l.until
	return refs, err
}

// An old answer is let go of though nobody waits for the new one.
func TestGivenUpRefresh(t *testing.T) {
	t.Parallel()
	timed(t, modstore.Options{}, func(t *testing.T, r *gittest.Repo, h *host, _ *client) {
		r.Git("branch", "dev")
		s := newShelf()
		newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)}).get("/@v/dev.info")
		r.Git("branch", "-D", "dev")
		c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s)})
		wantError[*modrepo.Error](c, "/@v/dev.info")
		time.Sleep(10 * time.Second)
		end := h.hang()
		defer close(end)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a, err := c.ask(ctx, "/@v/dev.info"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", a, err)
		}
		synctest.Wait()
		if n := c.store.Users(modPath + "/@v/dev.info"); n != 1 {
			t.Errorf("the old answer has %d users, want the memory alone", n)
		}
	})
}
