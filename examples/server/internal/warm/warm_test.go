package warm_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/origin"
	"example.com/vanity/examples/server/internal/progress"
	"example.com/vanity/examples/server/internal/testhandler"
	"example.com/vanity/examples/server/internal/warm"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// mono has a module with two versions and v3, one that begins at v2, one without a version, and one that is only in a wildcard.
const mono = `
write
commit one
tag tool-1.0.0
tag tool-1.1.0
tag late/v2.0.0
tag more/v0.1.0
write three
commit three
tag tool-3.0.0
-- Tool/go.mod --
module go.acme.dev/Tool
-- Tool/tool.go --
package tool
-- late/go.mod --
module go.acme.dev/late/v2
-- more/go.mod --
module go.acme.dev/libs/more
-- fresh/go.mod --
module go.acme.dev/fresh
-- three/Tool/go.mod --
module go.acme.dev/Tool/v3
`

const file = `
host: go.acme.dev
proxy: /go
paths:
  Tool: {repo: REPO, directory: Tool, tags: "tool-*"}
  late: {repo: REPO, vcs: git, directory: late, tags: "late/v*"}
  fresh: {repo: REPO, vcs: git, directory: fresh, tags: "fresh/v*"}
  page: {repo: "https://github.com/acme/page"}
  "libs/*": {repo: REPO, directory: "*", tags: "*/v*", vcs: git}
modules:
  - {base: /m, url: REPO, directory: more, tags: "more/v*"}
`

type fixture struct {
	git   *gittest.Server
	c     *config.Config
	dir   string
	store vanity.Store
}

func setUp(t *testing.T) *fixture {
	f := &fixture{git: gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": gittest.New(t, mono)}), dir: t.TempDir()}
	f.c = testhandler.Load(t, strings.ReplaceAll(file, "REPO", f.git.URL+"/mono"))
	f.store = vanity.DirStore(f.dir)
	return f
}

// run is a run of a process of its own. A handler may be put around its own.
func (f *fixture) run(ctx context.Context, wrap func(http.Handler) http.Handler, modules ...string) (string, error) {
	h := testhandler.New(f.c, vanity.WithStore(f.store))
	if wrap != nil {
		h = wrap(h)
	}
	var out strings.Builder
	err := warm.Run(ctx, warm.Options{
		Server: &fetch.Server{Handler: h, Host: f.c.Host, Origin: origin.New(nil, nil)}, Store: f.store, Entries: f.c.Catalog(),
		Modules: modules, Most: 1, Progress: progress.Options{Out: &out}, Again: "warm",
	})
	return out.String(), err
}

// fetches counts the requests that bring content.
func (f *fixture) fetches() (n int) {
	for _, r := range f.git.Requests() {
		if r.Command() == "fetch" {
			n++
		}
	}
	return n
}

const everything = `go.acme.dev/Tool: 2 fetched, SIZE
go.acme.dev/Tool/v3: 1 fetched, SIZE
go.acme.dev/fresh: 1 fetched, SIZE
go.acme.dev/late/v2: 1 fetched, SIZE
go.acme.dev/libs/more: 1 fetched, SIZE
all that is wanted is in the store: 6 versions (6 fetched, SIZE)
`

// withoutSizes leaves out what depends on how zips are packed.
func withoutSizes(text string) string {
	f := strings.Split(text, " ")
	for i := range f {
		if i > 0 && strings.HasPrefix(f[i], "B") {
			f[i-1], f[i] = "SIZE", strings.TrimPrefix(f[i], "B")
		} else if i > 0 && strings.HasPrefix(f[i], "kB") {
			f[i-1], f[i] = "SIZE", strings.TrimPrefix(f[i], "kB")
		}
	}
	return strings.NewReplacer("SIZE ", "SIZE").Replace(strings.Join(f, " "))
}

func TestAll(t *testing.T) {
	f := setUp(t)
	got, err := f.run(t.Context(), nil)
	if diff := cmp.Diff(everything, withoutSizes(got)); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	f.git.Reset()
	got, err = f.run(t.Context(), nil)
	if want := "all that is wanted is in the store: 6 versions (0 fetched, 0 B, 6 were there)\n"; got != want || err != nil {
		t.Errorf("again: %v, %q; want %q", err, got, want)
	}
	f.git.SetDown(true)
	goCommand := gocmd.New(t)
	goCommand.Proxy("file://" + filepath.ToSlash(f.dir))
	for _, m := range []string{"go.acme.dev/Tool@v1.0.0", "go.acme.dev/Tool@v1.1.0", "go.acme.dev/Tool/v3@v3.0.0", "go.acme.dev/late/v2@v2.0.0"} {
		goCommand.Download(m)
	}
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		want   string
		stored []string
		fail   bool
	}{
		{args: []string{"go.acme.dev/Tool@v1.0.0"}, want: "store: 1 version (", stored: []string{"go.acme.dev/!tool/@v/v1.0.0.zip"}},
		{args: []string{"go.acme.dev/Tool@latest", "go.acme.dev/Tool@v1.1.0"}, want: "store: 1 version (", stored: []string{"go.acme.dev/!tool/@v/v1.1.0.zip"}},
		{args: []string{"go.acme.dev/Tool@all"}, want: "store: 3 versions (", stored: []string{"go.acme.dev/!tool/v3/@v/v3.0.0.zip"}},
		{args: []string{"go.acme.dev/Tool/v3"}, want: "store: 1 version (", stored: []string{"go.acme.dev/!tool/v3/@v/v3.0.0.zip"}},
		{args: []string{"go.acme.dev/libs/more"}, want: "store: 1 version ("},
		{args: []string{"go.acme.dev/page"}, want: "go.acme.dev/page: this server has its page alone", fail: true},
		{args: []string{"go.acme.dev/none"}, want: "go.acme.dev/none: the file has no such module", fail: true},
		{args: []string{"go.acme.dev/Tool@v1.7.0"}, want: "go.acme.dev/Tool: not found: go.acme.dev/Tool@v1.7.0: unknown version", fail: true},
		{args: []string{"../x"}, want: "../x: malformed", fail: true},
	} {
		f := setUp(t)
		got, err := f.run(t.Context(), nil, tt.args...)
		if (err != nil) != tt.fail || !strings.Contains(got, tt.want) {
			t.Errorf("%v: %v, %s; want %s", tt.args, err, got, tt.want)
		}
		for _, name := range tt.stored {
			if _, err := os.Stat(filepath.Join(f.dir, filepath.FromSlash(name))); err != nil {
				t.Errorf("%v: %v", tt.args, err)
			}
		}
	}
}

// TestBrokenOff is stopped at every request in turn, and goes on: nothing that is there is fetched again.
func TestBrokenOff(t *testing.T) {
	for n := 1; ; n++ {
		f := setUp(t)
		ctx, cancel := context.WithCancel(t.Context())
		count := 0
		got, err := f.run(ctx, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if count++; count == n {
					cancel()
				}
				next.ServeHTTP(w, r)
			})
		}, "go.acme.dev/Tool")
		cancel()
		if err == nil {
			if n < 6 || !strings.Contains(got, "store: 3 versions (") {
				t.Errorf("%d requests: %s", n, got)
			}
			return
		}
		if !errors.Is(err, context.Canceled) || !strings.Contains(got, "broken off: ") || !strings.HasSuffix(got, "run warm again to go on\n") || strings.Contains(got, "failed") {
			t.Errorf("after %d requests: %v, %s", n, err, got)
		}
		stored := zips(t, f.dir)
		f.git.Reset()
		var mu sync.Mutex
		var made []string
		got, err = f.run(t.Context(), func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				made = append(made, r.URL.Path)
				mu.Unlock()
				next.ServeHTTP(w, r)
			})
		}, "go.acme.dev/Tool")
		if err != nil || !strings.Contains(got, "store: 3 versions (") || len(zips(t, f.dir)) != 3 {
			t.Errorf("after %d requests, again: %v, %s", n, err, got)
		}
		for _, zip := range stored {
			if slices.Contains(made, "/go/"+zip) {
				t.Errorf("after %d requests, again: %s, which was there", n, zip)
			}
		}
		if len(stored) == 3 && f.fetches() > 0 {
			t.Errorf("after %d requests, again: all was there, but %d fetches", n, f.fetches())
		}
	}
}

// zips gives the zips in a store that are whole.
func zips(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(path, ".zip.sum"); ok && err == nil {
			rel, err := filepath.Rel(dir, name+".zip")
			names = append(names, filepath.ToSlash(rel))
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestFailing has a version whose tag leads to no commit.
func TestFailing(t *testing.T) {
	f := setUp(t)
	f.git.Put("mono", gittest.New(t, strings.Replace(mono, "tag tool-1.1.0", "blob text x\ntag tool-1.1.0 made/text", 1)))
	got, err := f.run(t.Context(), nil, "go.acme.dev/Tool")
	if err == nil || err.Error() != "1 failed" || !strings.Contains(got, "go.acme.dev/Tool@v1.1.0: not found: go.acme.dev/Tool@v1.1.0: the version's tag leads to no commit\n") ||
		!strings.Contains(got, "2 of 3 versions are in the store (2 fetched") || !strings.Contains(got, "1 failed); run warm again for what failed\n") {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestStore has stores that keep nothing, and none at all.
func TestStore(t *testing.T) {
	f := setUp(t)
	f.store = &broken{f.store}
	got, err := f.run(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "the store keeps nothing") || !strings.Contains(got, "go.acme.dev/Tool@v1.0.0: it could not be stored; the log says why\n") || !strings.Contains(got, "broken off: 0 of 6 versions") {
		t.Errorf("%v\n%s", err, got)
	}
	f.store = nil
	if err := warm.Run(t.Context(), warm.Options{}); err == nil || !strings.Contains(err.Error(), "set store") {
		t.Errorf("no store: %v", err)
	}
}

type broken struct{ vanity.Store }

func (b *broken) Put(context.Context, string, io.ReadSeeker) error {
	return errors.New("no space left on device")
}
