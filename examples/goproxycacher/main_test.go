package main

import (
	"archive/zip"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/goproxy/goproxy"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// Goproxy's cachers are stores as they are, and stores are cachers.
var (
	_ vanity.Store   = goproxy.DirCacher("")
	_ vanity.Store   = goproxy.Cacher(nil)
	_ goproxy.Cacher = vanity.Store(nil)
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// mono has a module under a name of its own, and one that the go command finds for itself.
const mono = `
write one
commit one
tag tool-1.0.0
tag libs/other/v1.0.0
write two
commit two
tag tool-1.1.0
-- one/libs/tool/go.mod --
module go.acme.dev/tool

go 1.21
-- one/libs/tool/tool.go --
package tool

const Commit = "one"
-- one/libs/other/go.mod --
module github.com/acme/mono/libs/other

go 1.21
-- one/libs/other/other.go --
package other
-- two/libs/tool/tool.go --
package tool

const Commit = "two"
`

// repository makes it. Its version v1.2.0 is so large that the library leaves the zip in the cacher's file.
func repository(t *testing.T) *gittest.Repo {
	repo := gittest.New(t, mono)
	data := make([]byte, 200<<10)
	rand.NewChaCha8([32]byte{}).Read(data)
	repo.Write("libs/tool/data", data)
	repo.Commit("three")
	repo.Git("tag", "tool-1.2.0")
	return repo
}

// host serves a repository as acme/mono.
func host(t *testing.T, repo *gittest.Repo) (server *gittest.Server, url string) {
	server = gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	return server, server.URL + "/acme/mono"
}

// tool is the module's place below a handler.
const tool = "/go.acme.dev/tool"

// start serves a handler as a process does that has just begun: nothing but the directory is what another had. It gives the
// URL of the module.
func start(t *testing.T, repository, dir string, opts ...vanity.Option) string {
	return serve(t, handler(repository, append(opts, vanity.WithStore(goproxy.DirCacher(dir)), quiet())...)) + tool
}

// quiet is for failures that are meant.
func quiet() vanity.Option { return vanity.WithLogger(slog.New(slog.DiscardHandler)) }

func serve(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// get gives an answer, if its status is 200.
func get(t *testing.T, url string) string {
	t.Helper()
	status, body := ask(t, url)
	if status != http.StatusOK {
		t.Fatalf("%s: status %d, %s", url, status, body)
	}
	return body
}

func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	status, body, err := fetch(url)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

func fetch(url string) (status int, body string, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// commit is what an info says.
func commit(t *testing.T, info string) string {
	t.Helper()
	var v struct{ Origin struct{ Hash string } }
	if err := json.Unmarshal([]byte(info), &v); err != nil || v.Origin.Hash == "" {
		t.Fatalf("info %s: %v", info, err)
	}
	return v.Origin.Hash
}

// source is tool.go of a zip.
func source(t *testing.T, content, version string) string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(z, "go.acme.dev/tool@"+version+"/tool.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var files = []string{
	"/@v/list", "/@latest", "/@v/main.info", "/@v/v1.1.0.info", "/@v/v1.1.0.mod", "/@v/v1.1.0.zip",
	"/@v/v1.2.0.info", "/@v/v1.2.0.mod", "/@v/v1.2.0.zip",
}

// TestHostGone checks that what was served once is served by every process that has the directory, whatever has become of the
// repository.
func TestHostGone(t *testing.T) {
	repo := repository(t)
	for name, gone := range map[string]func(*gittest.Server){
		"down":    func(s *gittest.Server) { s.SetDown(true) },
		"deleted": func(s *gittest.Server) { s.Remove("acme/mono") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, url := host(t, repo)
			dir := t.TempDir()
			running := start(t, url, dir, vanity.WithFreshness(0))
			want := make(map[string]string)
			for _, file := range files {
				want[file] = get(t, running+file)
			}
			if list := want["/@v/list"]; list != "v1.0.0\nv1.1.0\nv1.2.0\n" {
				t.Errorf("list %q", list)
			}
			if hash := commit(t, want["/@v/v1.1.0.info"]); hash != repo.Git("rev-parse", "tool-1.1.0") {
				t.Errorf("v1.1.0 is of commit %s", hash)
			}
			if want["/@latest"] != want["/@v/v1.2.0.info"] {
				t.Errorf("latest is %s", want["/@latest"])
			}
			gone(server)
			for _, base := range []string{running, start(t, url, dir), start(t, url, dir, vanity.WithFreshness(0))} {
				for _, file := range files {
					if status, body := ask(t, base+file); status != http.StatusOK || body != want[file] {
						t.Errorf("%s: status %d, %.200s", file, status, body)
					}
				}
				if status, body := ask(t, base+"/@v/v1.0.0.info"); status < 500 {
					t.Errorf("what was not served before: status %d, %s", status, body)
				}
			}
		})
	}
}

// TestMovedTag checks that a version stays what it was first, in every process that has the directory.
func TestMovedTag(t *testing.T) {
	repo := repository(t)
	_, url := host(t, repo)
	dir := t.TempDir()
	running := start(t, url, dir, vanity.WithFreshness(0))
	info := get(t, running+"/@v/v1.1.0.info")
	other := start(t, url, dir, vanity.WithFreshness(0))
	repo.Git("tag", "-f", "tool-1.1.0", "tool-1.0.0")
	repo.Git("tag", "-d", "tool-1.0.0", "tool-1.2.0")
	for i, base := range []string{running, other, start(t, url, dir), start(t, url, dir, vanity.WithFreshness(0))} {
		for _, file := range []string{"/@v/v1.1.0.info", "/@latest", "/@v/tool-1.1.0.info"} {
			if again := get(t, base+file); again != info {
				t.Errorf("handler %d: %s: %s, want %s", i, file, again, info)
			}
		}
		if text := source(t, get(t, base+"/@v/v1.1.0.zip"), "v1.1.0"); !strings.Contains(text, "two") {
			t.Errorf("handler %d: a zip of another commit: %s", i, text)
		}
		if list := get(t, base+"/@v/list"); list != "v1.1.0\n" {
			t.Errorf("handler %d: list %q", i, list)
		}
	}
}

// fill has a handler store all versions.
func fill(t *testing.T, base string) {
	t.Helper()
	for _, v := range strings.Fields(get(t, base+"/@v/list")) {
		get(t, base+"/@v/"+v+".mod")
	}
}

// TestGoCommand checks that the real go command gets the same from a handler that keeps nothing, from one that has a
// directory, from another that has the directory alone, and from the directory as a GOPROXY of files.
func TestGoCommand(t *testing.T) {
	const path, version = "go.acme.dev/tool", "go.acme.dev/tool@v1.2.0"
	server, url := host(t, repository(t))
	dir := t.TempDir()
	first := gocmd.New(t)
	first.Use(handler(url), "")
	versions, want := first.Versions(path), first.Download(version)

	check := func(name, proxy string) {
		t.Helper()
		g := gocmd.New(t)
		g.Proxy(proxy)
		if diff := cmp.Diff(versions, g.Versions(path)); diff != "" {
			t.Errorf("%s: versions (-want +got):\n%s", name, diff)
		}
		if d := g.Download(version); d.Sum != want.Sum || d.GoModSum != want.GoModSum {
			t.Errorf("%s: %+v, want %+v", name, d, want)
		}
		if d := g.Download(path + "@latest"); d.Version != want.Version {
			t.Errorf("%s: latest is %s, want %s", name, d.Version, want.Version)
		}
		g.Write("main.go", "package main\n\nimport \"go.acme.dev/tool\"\n\nfunc main() { println(tool.Commit) }\n")
		g.Get(path)
		g.Run("build", "-o", os.DevNull, ".")
	}
	check("served", strings.TrimSuffix(start(t, url, dir), tool))
	server.SetDown(true)
	check("served with the host down", strings.TrimSuffix(start(t, url, dir), tool))
	server.SetDown(false)
	fill(t, start(t, url, dir)) // what was only listed is not there
	check("files", "file://"+filepath.ToSlash(dir))
}

// TestDirect checks that what comes out of the directory has the checksums of GOPROXY=direct.
func TestDirect(t *testing.T) {
	const version = "github.com/acme/mono/libs/other@v1.0.0"
	server, url := host(t, repository(t))
	direct := gocmd.New(t)
	direct.Direct(server.URL)
	want := direct.Download(version)

	cfg := vanity.Config{URL: url, Module: "github.com/acme/mono/libs/other", Directory: "libs/other", Tags: "libs/other/v*"}
	dir := t.TempDir()
	for range 2 {
		g := gocmd.New(t)
		g.Use(vanity.Goproxy("", cfg, vanity.WithStore(goproxy.DirCacher(dir))), "")
		if d := g.Download(version); d.Sum != want.Sum || d.GoModSum != want.GoModSum {
			t.Errorf("%+v, want %+v", d, want)
		}
		server.SetDown(true)
	}
}
