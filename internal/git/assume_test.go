package git_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// shy is a host that minds what is posted to a repository before its advertisement was asked for.
func shy(refuse func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	var mu sync.Mutex
	asked := make(map[string]bool)
	return func(next http.Handler) http.Handler {
		refused := refuse(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			repo, isGet := strings.CutSuffix(r.URL.Path, "/info/refs")
			mu.Lock()
			asked[repo] = asked[repo] || isGet
			known := asked[strings.TrimSuffix(r.URL.Path, "/git-upload-pack")]
			mu.Unlock()
			if isGet || known {
				next.ServeHTTP(w, r)
				return
			}
			refused.ServeHTTP(w, r)
		})
	}
}

// TestAssumed: what is assumed of a server costs a request where it is wrong, and nothing of what is read; and where other
// repositories of the host would meet the same, it is not assumed again.
func TestAssumed(t *testing.T) {
	t.Parallel()
	sha1 := gittest.New(t, "write\ncommit one\ntag v1\n-- a/b --\nx\n-- go.mod --\nmodule x\n")
	repos := map[string]*gittest.Repo{"o/r": sha1, "o/r2": sha1}
	if slices.Contains(formats(), "sha256") {
		repos["o/long"] = gittest.New(t, "init --object-format=sha256\nwrite\ncommit one\ntag v1\n-- a/b --\nx\n-- go.mod --\nmodule x\n")
	}
	onlyDotGit := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, ".git/") {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	const posted, asked = "ls-refs", "info/refs"
	likely := []string{posted, "fetch"}
	for _, tt := range []struct {
		name        string
		path        string
		filters     gittest.Filters
		wrap        func(http.Handler) http.Handler
		first, next []string // what the first repository of a host costs, and the second
	}{
		{"as most", "o/r", gittest.AllFilters, nil, likely, likely},
		{"no filters", "o/r", gittest.NoFilters, nil, []string{posted, "fetch", asked, "fetch"}, []string{asked, posted, "fetch"}},
		{"version 1", "o/r", gittest.AllFilters, gittest.Version(1), []string{posted, asked, "fetch"}, []string{asked, "fetch"}},
		{"version 0", "o/r", gittest.AllFilters, gittest.Version(0), []string{posted, asked, "fetch"}, []string{asked, "fetch"}},
		{"other names", "o/long", gittest.AllFilters, nil, []string{posted, asked, posted, "fetch"}, likely},
		{"only with .git", "o/r", gittest.AllFilters, onlyDotGit, []string{posted, asked, asked, posted, "fetch"}, []string{asked, asked, posted, "fetch"}},
		{"renamed", "old/r", gittest.AllFilters, gittest.Redirect(301, "/old/", "/o/"), []string{posted, asked, asked, posted, "fetch"}, likely},
		{"shy 400", "o/r", gittest.AllFilters, shy(gittest.Status(400, nil)), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"shy 403", "o/r", gittest.AllFilters, shy(gittest.Status(403, nil)), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"shy 404", "o/r", gittest.AllFilters, shy(gittest.Status(404, nil)), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"shy 405", "o/r", gittest.AllFilters, shy(gittest.Status(405, nil)), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"shy 500", "o/r", gittest.AllFilters, shy(gittest.Status(500, nil)), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"a page", "o/r", gittest.AllFilters, shy(gittest.HTML()), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"nothing", "o/r", gittest.AllFilters, shy(gittest.Garbage("")), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"garbage", "o/r", gittest.AllFilters, shy(gittest.Garbage("0008spam")), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
		{"an excuse", "o/r", gittest.AllFilters, shy(gittest.Garbage(pkt("ERR what?"))), []string{posted, asked, posted, "fetch"}, []string{asked, posted, "fetch"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := strings.Replace(tt.path, "old/", "o/", 1)
			if repos[name] == nil {
				t.Skip("git is too old")
			}
			server := gittest.Serve(t, tt.filters, repos)
			if tt.wrap != nil {
				server.Wrap(tt.wrap)
			}
			c := &git.Client{HTTP: server.Client()}
			for _, step := range []struct {
				path, name string
				want       []string
			}{{tt.path, name, tt.first}, {"o/r2", "o/r2", tt.next}} {
				server.Reset()
				r := c.Open(server.URL + "/" + step.path)
				refs, err := r.Refs(t.Context(), "refs/tags/")
				if err != nil || len(refs) != 1 || refs[0].Object() != revision(t, repos[step.name], "v1") {
					t.Fatalf("%s: %v, %v", step.path, refs, err)
				}
				snapshot(t, r, refs[0].Object(), "").Close()
				if got := commands(server); !slices.Equal(got, step.want) {
					t.Errorf("%s: asked %q, want %q", step.path, got, step.want)
				}
			}
		})
	}
}

// commands are what a server was asked, in this order.
func commands(server *gittest.Server) (all []string) {
	for _, q := range server.Requests() {
		all = append(all, q.Command())
	}
	return all
}

// TestAdmittedAssumes: what is said to who asks to be admitted is learned of the host, so that nothing is posted in vain to its
// other repositories.
func TestAdmittedAssumes(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one\ntag v1\n")
	for _, tt := range []struct {
		name    string
		filters gittest.Filters
		newest  int
		want    []string // what the refs of another repository cost
	}{
		{"as most", gittest.AllFilters, 2, []string{"ls-refs"}},
		{"no filters", gittest.NoFilters, 2, []string{"info/refs", "ls-refs"}},
		{"version 1", gittest.AllFilters, 1, []string{"info/refs"}},
		{"version 0", gittest.AllFilters, 0, []string{"info/refs"}},
	} {
		server := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"o/r": repo, "o/r2": repo})
		server.Wrap(gittest.Version(tt.newest))
		c := &git.Client{HTTP: server.Client()}
		checkKind(t, tt.name, c.Open(server.URL+"/o/r").Admit(t.Context()), none)
		server.Reset()
		checkKind(t, tt.name, refs(t.Context(), c.Open(server.URL+"/o/r2")), none)
		if got := commands(server); !slices.Equal(got, tt.want) {
			t.Errorf("%s: asked %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestMoved: a repository that is renamed after it was read is found where its advertisement is redirected to. What was
// posted is not sent on: it is not said to whom.
func TestMoved(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one\ntag v1\n")
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"old/r": repo})
		r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/old/r")
		checkKind(t, "before", r.Admit(t.Context()), none) // so that nothing is assumed
		checkKind(t, "before", refs(t.Context(), r), none)
		server.Put("new/r", repo)
		server.Remove("old/r")
		server.Wrap(gittest.Redirect(status, "/old/", "/new/"))
		server.Reset()
		checkKind(t, fmt.Sprint(status), refs(t.Context(), r), none)
		var got []string
		for _, q := range server.Requests() {
			got = append(got, q.Command())
		}
		if want := []string{"ls-refs", "info/refs", "info/refs", "ls-refs"}; !slices.Equal(got, want) {
			t.Errorf("%d: asked %q, want %q", status, got, want)
		}
	}
}

// TestAssumedFails: a failure that has nothing to do with what was assumed is not tried another way.
func TestAssumedFails(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	for name, tt := range map[string]struct {
		wrap func(http.Handler) http.Handler
		kind git.Kind
	}{
		"limited":     {gittest.Status(429, nil), git.Limited},
		"unavailable": {gittest.Status(503, nil), git.Unavailable},
		"timeout":     {gittest.Status(504, nil), git.Timeout},
	} {
		server.Wrap(nil)
		server.Wrap(tt.wrap)
		server.Reset()
		checkKind(t, name, refs(t.Context(), (&git.Client{HTTP: server.Client()}).Open(server.URL+"/o/r")), tt.kind)
		if n := len(server.Requests()); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}

	// Nor what comes of a fetch whose answer has begun.
	server.Wrap(nil)
	head := revision(t, repo, "HEAD")
	server.Wrap(gittest.On("fetch", gittest.Garbage(pkt("packfile\n")+pkt("\x03fatal: no memory"))))
	server.Reset()
	_, err := (&git.Client{HTTP: server.Client()}).Open(server.URL+"/o/r").Snapshot(t.Context(), head, "")
	checkKind(t, "in the pack", err, git.Broken)
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestHostsBounded: a client remembers no more hosts than it should, whoever names them.
func TestHostsBounded(t *testing.T) {
	t.Parallel()
	c := new(git.Client)
	for i := range 3 * git.MaxHosts {
		c.NoteHost(fmt.Sprint(i))
	}
	if n := c.Hosts(); n == 0 || n > git.MaxHosts {
		t.Errorf("%d hosts", n)
	}
}
