package gocmd_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

const script = `
write
commit first
tag v1.0.0
tag sub/v0.1.0
print new.go "package m\n"
commit second
tag -a v1.1.0 -m second
-- go.mod --
module github.com/o/r
-- m.go --
package m
-- sub/go.mod --
module github.com/o/r/sub
-- sub/sub.go --
package sub
`

// h1 computes a module's hash as the go command does, from the names in the zip.
func h1(files map[string]string) string {
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256([]byte(files[name])), name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(all.Sum(nil))
}

func TestDirect(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, script)
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": r})
	g := gocmd.New(t)
	g.Direct(s.URL)
	d := g.Download("github.com/o/r@v1.0.0")
	want := h1(map[string]string{
		"github.com/o/r@v1.0.0/go.mod": "module github.com/o/r\n",
		"github.com/o/r@v1.0.0/m.go":   "package m\n",
	})
	if d.Sum != want || d.GoModSum != h1(map[string]string{"go.mod": "module github.com/o/r\n"}) {
		t.Errorf("sums %s and %s, want %s for the zip", d.Sum, d.GoModSum, want)
	}
	if o := d.Origin; o == nil || o.VCS != "git" || o.URL != "https://github.com/o/r" || o.Ref != "refs/tags/v1.0.0" ||
		o.Hash != r.Git("rev-parse", "v1.0.0") {
		t.Errorf("origin %+v", d.Origin)
	}
	for _, name := range []string{d.Info, d.GoMod, d.Zip, d.Dir} {
		if rel, err := filepath.Rel(g.ModCache, name); err != nil || !filepath.IsLocal(rel) {
			t.Errorf("%s isn't in our module cache", name)
		}
	}
	if got := g.Versions("github.com/o/r"); !slices.Equal(got, []string{"v1.0.0", "v1.1.0"}) {
		t.Errorf("versions %q", got)
	}
	if d := g.Download("github.com/o/r/sub@latest"); d.Version != "v0.1.0" || d.Origin.Subdir != "sub" {
		t.Errorf("subdirectory: %+v", d)
	}
	all := g.DownloadAll("github.com/o/r@v9.9.9", "github.com/o/r/sub@v0.1.0", "github.com/o/r@v1.1.0")
	if all[0].Error == "" || all[1].Path != "github.com/o/r/sub" || all[1].Sum == "" || all[2].Version != "v1.1.0" || all[2].Sum == "" {
		t.Errorf("three at once: %+v", all)
	}
	if d := g.TryDownload("github.com/o/r@v9.9.9"); !strings.Contains(d.Error, "unknown revision") {
		t.Errorf("missing version: %q", d.Error)
	}
	if len(s.Requests()) == 0 {
		t.Error("the server was asked nothing")
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds")
	}
	g := gocmd.New(t)
	g.Direct(gittest.Serve(t, gittest.NoFilters, map[string]*gittest.Repo{"o/r": gittest.New(t, script)}).URL)
	g.Get("github.com/o/r@v1.0.0")
	g.Write("cmd/main.go", "package main\n\nimport _ \"github.com/o/r\"\n\nfunc main() { println(1) }\n")
	g.Run("vet", "./...")
	if got := g.Run("list", "-m", "-f", "{{.Version}}", "github.com/o/r"); got != "v1.0.0\n" {
		t.Errorf("version %q", got)
	}
}

func TestSetRoot(t *testing.T) {
	t.Parallel()
	g := gocmd.New(t)
	want := g.Run("env", "GOROOT", "GOVERSION")
	root, _, _ := strings.Cut(want, "\n")
	g.Setenv("GOROOT", t.TempDir())
	g.SetRoot(root)
	if got := g.Run("env", "GOROOT", "GOVERSION"); got != want || g.Command == "go" {
		t.Errorf("%s says %q, want %q", g.Command, got, want)
	}
}

// TestNowhere asserts that a test that forgets to say whom to ask reaches nobody.
func TestNowhere(t *testing.T) {
	t.Parallel()
	g := gocmd.New(t)
	for _, proxy := range []string{"off", "direct", "https://proxy.golang.org"} {
		g.Proxy(proxy)
		for _, path := range []string{"github.com/google/go-cmp", "golang.org/x/mod"} {
			if d := g.TryDownload(path + "@v0.1.0"); d.Error == "" {
				t.Errorf("%s by %s: %+v", path, proxy, d)
			} else if proxy != "off" && !strings.Contains(d.Error, "127.0.0.1") {
				t.Errorf("%s by %s: %s", path, proxy, d.Error)
			}
		}
	}
}

// site plays two domains: vanity.test, whose page names a GOPROXY, and proxy.test, which is one: a tree of files.
type site struct {
	scheme string
	files  http.Handler
	mu     sync.Mutex
	seen   []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, password, _ := r.BasicAuth()
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%t %s %s%s %s", r.TLS != nil, r.Host, r.URL.Host, r.RequestURI, password))
	s.mu.Unlock()
	switch {
	case r.Host == "proxy.test":
		s.files.ServeHTTP(w, r)
	case r.Host == "vanity.test" && r.FormValue("go-get") == "1":
		fmt.Fprintf(w, `<head><meta name="go-import" content="vanity.test/m mod %s://proxy.test">`, s.scheme)
	default:
		http.NotFound(w, r)
	}
}

// requests returns a line for each request: whether by TLS, host, path, and the password given.
func (s *site) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// tree writes a GOPROXY of one module.
func tree(t *testing.T) http.Handler {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"list":        "v1.0.0\n",
		"v1.0.0.info": `{"Version": "v1.0.0", "Time": "2024-05-01T10:00:00Z"}`,
		"v1.0.0.mod":  "module vanity.test/m\n",
		"v1.0.0.zip":  zipped(t, vanityFiles),
	} {
		name = filepath.Join(dir, "vanity.test/m/@v", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return http.FileServer(http.Dir(dir))
}

// zipped makes a zip. Git's archives won't do: they hold directories, too.
func zipped(t *testing.T, files map[string]string) string {
	var b strings.Builder
	z := zip.NewWriter(&b)
	for name, data := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var vanityFiles = map[string]string{
	"vanity.test/m@v1.0.0/go.mod": "module vanity.test/m\n",
	"vanity.test/m@v1.0.0/m.go":   "package m\n",
}

var vanitySum = h1(vanityFiles)

func TestDiscovery(t *testing.T) {
	t.Parallel()
	s := &site{scheme: "http", files: tree(t)}
	g := gocmd.New(t, gocmd.Discovery(t, s)...)
	g.Proxy("direct")
	if d := g.Download("vanity.test/m@latest"); d.Version != "v1.0.0" || d.Sum != vanitySum {
		t.Errorf("got %+v, want sum %s", d, vanitySum)
	}
	if want := "false vanity.test /m?go-get=1 "; s.requests()[0] != want {
		t.Errorf("requests %q, want %q first", s.requests(), want)
	}
	if d := g.TryDownload("other.test/m@latest"); !strings.Contains(d.Error, "404") {
		t.Errorf("other domain: %s", d.Error)
	}
}

func TestDiscoveryTLS(t *testing.T) {
	t.Parallel()
	s := &site{scheme: "https", files: tree(t)}
	g := gocmd.New(t, gocmd.DiscoveryTLS(t, s)...)
	g.Proxy("direct")
	netrc := []byte("machine proxy.test login me password secret\n")
	if err := os.WriteFile(filepath.Join(g.Home, ".netrc"), netrc, 0o600); err != nil {
		t.Fatal(err)
	}
	if d := g.Download("vanity.test/m@v1.0.0"); d.Sum != vanitySum {
		t.Errorf("got %+v, want sum %s", d, vanitySum)
	}
	for _, want := range []string{
		"true vanity.test /m?go-get=1 ",
		"true proxy.test /vanity.test/m/@v/v1.0.0.zip secret",
	} {
		if !slices.Contains(s.requests(), want) {
			t.Errorf("no request %q in %q", want, s.requests())
		}
	}
}

// TestRealModule gives the go command the repository of a module that we depend on: its hash must be go.sum's.
func TestRealModule(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("commits a whole module")
	}
	src := gittest.Module(t, "golang.org/x/mod")
	r := gittest.New(t, "")
	r.CopyFS(".", os.DirFS(src.Dir))
	r.Commit("all of it")
	r.Git("tag", src.Version)
	git := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mod": r}).Handler()
	for _, scheme := range []string{"http", "https"} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "git.test" {
				git.ServeHTTP(w, r)
				return
			}
			io.WriteString(w, `<head><meta name="go-import" content="golang.org/x/mod git `+scheme+`://git.test/mod">`)
		})
		env := gocmd.Discovery
		if scheme == "https" {
			env = gocmd.DiscoveryTLS
		}
		g := gocmd.New(t, env(t, h)...)
		g.Proxy("direct")
		if d := g.Download(src.Path + "@" + src.Version); d.Sum != src.Sum || d.GoModSum != src.GoModSum {
			t.Errorf("%s: got %+v, want %+v", scheme, d, src)
		}
	}
}

func TestUse(t *testing.T) {
	t.Parallel()
	g := gocmd.New(t)
	url := g.Use(http.StripPrefix("/go", tree(t)), "/go")
	if d := g.Download("vanity.test/m@v1.0.0"); d.Sum != vanitySum || !strings.HasSuffix(url, "/go") {
		t.Errorf("at %s: %+v", url, d)
	}
}
