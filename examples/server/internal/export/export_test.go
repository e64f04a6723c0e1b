package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/export"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/gotags"
	"example.com/vanity/examples/server/internal/origin"
	"example.com/vanity/examples/server/internal/progress"
	"example.com/vanity/examples/server/internal/testhandler"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

const mono = `
write
commit one
tag tool-1.0.0
tag tool-1.1.0
tag late/v2.0.0
tag more/v0.1.0
rm three
write three
commit three
tag tool-3.0.0
-- Tool/go.mod --
module go.acme.dev/Tool
-- Tool/sub/sub.go --
// Package sub is below a module.
package sub

const Answer = 42
-- late/go.mod --
module go.acme.dev/libs/late/v2
-- more/go.mod --
module go.acme.dev/wild/more
-- fresh/go.mod --
module go.acme.dev/fresh
-- three/Tool/go.mod --
module go.acme.dev/Tool/v3
`

// file has its proxy over http, as the go command is told to take it.
const file = `
host: go.acme.dev
proxy: http://go.acme.dev/go
paths:
  Tool: {repo: REPO, vcs: git, directory: Tool, tags: "tool-*", description: "Tools & more", display: gitlab}
  libs/late: {repo: REPO, vcs: git, directory: late, tags: "late/v*"}
  fresh: {repo: REPO, vcs: git, directory: fresh, tags: "fresh/v*", redirect: "https://pkg.go.dev/{path}"}
  page: {repo: "https://github.com/acme/page"}
  "wild/*": {repo: REPO, directory: "*", tags: "*/v*", vcs: git}
`

type fixture struct {
	git *gittest.Server
	c   *config.Config
	h   http.Handler
	dir string
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{git: gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": gittest.New(t, mono)}), dir: filepath.Join(t.TempDir(), "out")}
	f.c = testhandler.Load(t, strings.ReplaceAll(file, "REPO", f.git.URL+"/mono"))
	f.h = testhandler.New(f.c, vanity.WithStore(vanity.DirStore(t.TempDir())))
	return f
}

func (f *fixture) run(ctx context.Context, modules ...string) (string, error) {
	return f.runWith(ctx, f.h, modules...)
}

func (f *fixture) runWith(ctx context.Context, h http.Handler, modules ...string) (string, error) {
	var out strings.Builder
	err := export.Run(ctx, export.Options{
		Server: &fetch.Server{Handler: h, Host: f.c.Host, Origin: origin.New(nil, nil)}, Entries: f.c.Catalog(), Wildcards: fetch.Wildcards(f.c),
		Modules: modules, Dir: f.dir, Most: 1, Progress: progress.Options{Out: &out}, Again: "export",
	})
	return out.String(), err
}

// files gives the names of all files.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func version(name string) (names []string) {
	for _, kind := range []string{".info", ".mod", ".zip", ".ziphash"} {
		names = append(names, name+kind)
	}
	return names
}

func TestAll(t *testing.T) {
	f := setUp(t)
	got, err := f.run(t.Context())
	want := `go.acme.dev/Tool: 2 versions
go.acme.dev/Tool/v3: 1 version
go.acme.dev/fresh: 1 version
go.acme.dev/libs/late/v2: 1 version
go.acme.dev/wild/* is not exported: it is a wildcard, whose modules nobody knows; name them as arguments
5 of 5 versions (5 written, `
	if err != nil || !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ") and 9 pages are in "+f.dir+"\n") {
		t.Fatalf("%v\n%s", err, got)
	}
	names := files(t, f.dir)
	var wantNames []string
	for _, page := range []string{"", "Tool/", "Tool/v3/", "fresh/", "libs/", "libs/late/", "libs/late/v2/", "page/"} {
		wantNames = append(wantNames, page+"index.html")
	}
	wantNames = append(wantNames, "404.html")
	var pseudo string
	for _, n := range names {
		if strings.HasPrefix(n, "go/go.acme.dev/fresh/@v/v0.0.0-") {
			pseudo = n[:strings.LastIndex(n, ".")]
		}
	}
	for _, m := range []string{"!tool", "!tool/v3", "fresh", "libs/late/v2"} {
		wantNames = append(wantNames, "go/go.acme.dev/"+m+"/@v/list", "go/go.acme.dev/"+m+"/@latest")
	}
	for _, v := range []string{"go/go.acme.dev/!tool/@v/v1.0.0", "go/go.acme.dev/!tool/@v/v1.1.0", "go/go.acme.dev/!tool/v3/@v/v3.0.0", "go/go.acme.dev/libs/late/v2/@v/v2.0.0", pseudo} {
		wantNames = append(wantNames, version(v)...)
	}
	slices.Sort(wantNames)
	if diff := cmp.Diff(wantNames, sorted(names)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"go/go.acme.dev/!tool/@v/list": "v1.0.0\nv1.1.0\n", "go/go.acme.dev/fresh/@v/list": "", "go/go.acme.dev/libs/late/v2/@v/list": "v2.0.0\n",
	} {
		if got := read(t, f.dir, name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
	f.git.Reset()
	got, err = f.run(t.Context())
	if err != nil || !strings.Contains(got, "5 of 5 versions (0 written, 0 B, 5 were there)") {
		t.Errorf("again: %v\n%s", err, got)
	}
	for _, r := range f.git.Requests() {
		if r.Command() == "fetch" && strings.Contains(string(r.Body), "want") && r.Bytes > 4096 {
			t.Errorf("again: a fetch of %d bytes", r.Bytes)
		}
	}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// TestGoCommand has the real go command judge the tree of files, and the pages.
func TestGoCommand(t *testing.T) {
	f := setUp(t)
	if got, err := f.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	queries := []string{"go.acme.dev/Tool@v1.0.0", "go.acme.dev/Tool@latest", "go.acme.dev/Tool/v3@latest", "go.acme.dev/libs/late/v2@v2.0.0", "go.acme.dev/fresh@latest"}
	served := gocmd.New(t)
	served.Use(f.h, "/go")
	var want []string
	for _, d := range served.DownloadAll(queries...) {
		want = append(want, d.Path+"@"+d.Version+" "+d.Sum+" "+d.GoModSum)
	}
	f.git.SetDown(true)

	local := gocmd.New(t)
	local.Proxy("file://" + filepath.ToSlash(f.dir) + "/go")
	static := gocmd.New(t, gocmd.Discovery(t, http.FileServer(http.Dir(f.dir)))...)
	static.Proxy("direct")
	for name, g := range map[string]*gocmd.Go{"file": local, "files over http": static} {
		var got []string
		for _, d := range g.DownloadAll(queries...) {
			if d.Error != "" {
				t.Errorf("%s: %s", name, d.Error)
			}
			got = append(got, d.Path+"@"+d.Version+" "+d.Sum+" "+d.GoModSum)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-served +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"v1.0.0", "v1.1.0"}, g.Versions("go.acme.dev/Tool")); diff != "" {
			t.Errorf("%s: versions (-want +got):\n%s", name, diff)
		}
	}
	// A package below the module: nobody has a page for it, and the go command looks above.
	static.Write("main.go", "package main\n\nimport \"go.acme.dev/Tool/sub\"\n\nfunc main() { println(sub.Answer) }\n")
	static.Get("go.acme.dev/Tool/sub")
	static.Run("build", "-o", os.DevNull, ".")
	if _, stderr, err := static.Try("list", "-m", "go.acme.dev/none@latest"); err == nil || !strings.Contains(stderr, "404") {
		t.Errorf("what isn't there: %v, %s", err, stderr)
	}
}

func TestPages(t *testing.T) {
	f := setUp(t)
	if got, err := f.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for name, want := range map[string]struct {
		imports []string
		source  string
		parts   []string
	}{
		"Tool/index.html": {[]string{"go.acme.dev/Tool mod"}, "", []string{
			"<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"vanity export\">\n<meta name=\"go-import\"", `<p class="lead">Tools &amp; more</p>`, ">v1.1.0<", `href="/Tool/v3"`, `href="/">All modules`,
		}},
		"Tool/v3/index.html":   {[]string{"go.acme.dev/Tool mod"}, "", []string{">v3.0.0<"}},
		"fresh/index.html":     {[]string{"go.acme.dev/fresh mod", "go.acme.dev/fresh git"}, "", []string{`content="0; url=https://pkg.go.dev/go.acme.dev/fresh"`}},
		"libs/late/index.html": {[]string{"go.acme.dev/libs/late mod", "go.acme.dev/libs/late git"}, "", []string{"go get"}},
		"page/index.html": {[]string{"go.acme.dev/page git"}, "go.acme.dev/page https://github.com/acme/page https://github.com/acme/page/tree/HEAD{/dir} https://github.com/acme/page/blob/HEAD{/dir}/{file}#L{line}", []string{
			`href="https://github.com/acme/page"`,
		}},
		"index.html":      {nil, "", []string{`href="/Tool"`, `href="/libs/late"`, "go.acme.dev/<wbr/>wild/<wbr/>*"}},
		"libs/index.html": {nil, "", []string{`href="/libs/late"`}},
		"404.html":        {nil, "", []string{`href="/"`}},
	} {
		page := read(t, f.dir, name)
		imports, source := gotags.Parse([]byte(page))
		var got []string
		for _, i := range imports {
			got = append(got, i.Prefix+" "+i.VCS)
			if i.VCS == "mod" && i.Repo != "http://go.acme.dev/go" {
				t.Errorf("%s: %s", name, i.Repo)
			}
		}
		if diff := cmp.Diff(want.imports, got); diff != "" || source != want.source {
			t.Errorf("%s: source %q (-want +got):\n%s", name, source, diff)
		}
		for _, part := range append(want.parts, `<meta name="generator" content="vanity export">`) {
			if strings.Count(page, part) != 1 {
				t.Errorf("%s: %d times %s:\n%s", name, strings.Count(page, part), part, page)
			}
		}
	}
}

// TestArguments exports what is named alone: modules of wildcards, too.
func TestArguments(t *testing.T) {
	f := setUp(t)
	got, err := f.run(t.Context(), "go.acme.dev/wild/more", "go.acme.dev/page")
	if err != nil || !strings.Contains(got, "1 of 1 version (") {
		t.Fatalf("%v\n%s", err, got)
	}
	want := append(version("go/go.acme.dev/wild/more/@v/v0.1.0"), "404.html", "index.html", "page/index.html", "wild/index.html", "wild/more/index.html",
		"go/go.acme.dev/wild/more/@latest", "go/go.acme.dev/wild/more/@v/list")
	if diff := cmp.Diff(sorted(want), sorted(files(t, f.dir))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, arg := range []string{"go.acme.dev/none", "../x"} {
		if got, err := f.run(t.Context(), arg); err == nil || !strings.Contains(got, arg+": ") {
			t.Errorf("%s: %v\n%s", arg, err, got)
		}
	}
	got, err = f.run(t.Context())
	if err != nil || !strings.Contains(got, "go/go.acme.dev/wild/more is from an earlier export, of what the file doesn't name; it was not removed\n") ||
		!strings.Contains(got, "wild/more/index.html is from an earlier export") || strings.Count(got, "earlier export") != 3 {
		t.Errorf("all: %v\n%s", err, got)
	}
}

// consistent says what is wrong with a tree that anybody may look at now.
func consistent(t *testing.T, dir string) {
	t.Helper()
	for _, name := range files(t, dir) {
		switch {
		case strings.HasPrefix(name, ".export-"):
			t.Errorf("%s was left", name)
		case strings.HasSuffix(name, "/@v/list"):
			for _, v := range strings.Fields(read(t, dir, name)) {
				for _, file := range version(strings.TrimSuffix(name, "list") + v) {
					if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
						t.Errorf("%s is listed, but %v", v, err)
					}
				}
			}
		}
	}
}

// TestBrokenOff is stopped at every request in turn, and goes on.
func TestBrokenOff(t *testing.T) {
	f := setUp(t)
	if _, err := f.run(t.Context()); err != nil { // all is in the store: this is about the export
		t.Fatal(err)
	}
	whole := files(t, f.dir)
	for n := 1; ; n += 3 {
		f.dir = filepath.Join(t.TempDir(), "out")
		ctx, cancel := context.WithCancel(t.Context())
		count := 0
		got, err := f.runWith(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count++; count == n {
				cancel()
			}
			f.h.ServeHTTP(w, r)
		}))
		cancel()
		consistent(t, f.dir)
		if err == nil {
			if n < 20 {
				t.Errorf("%d requests: %s", n, got)
			}
			return
		}
		if !errors.Is(err, context.Canceled) || !strings.HasSuffix(got, "; run export again to go on\n") || strings.Contains(got, "failed") {
			t.Errorf("after %d requests: %v\n%s", n, err, got)
		}
		there := files(t, f.dir)
		var asked []string
		got, err = f.runWith(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, strings.TrimPrefix(r.URL.Path, "/"))
			f.h.ServeHTTP(w, r)
		}))
		if diff := cmp.Diff(sorted(whole), sorted(files(t, f.dir))); err != nil || diff != "" {
			t.Errorf("after %d requests, again: %v (-want +got):\n%s\n%s", n, err, diff, got)
		}
		for _, name := range there {
			if zip := strings.TrimSuffix(name, "hash"); zip != name && slices.Contains(asked, zip) {
				t.Errorf("after %d requests, again: %s, which was there", n, zip)
			}
		}
	}
}

// TestSpoilt has files that have changed since, and a version that has.
func TestSpoilt(t *testing.T) {
	f := setUp(t)
	if _, err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	const zip, mod, info, sum = "go/go.acme.dev/!tool/@v/v1.0.0.zip", "go/go.acme.dev/!tool/@v/v1.0.0.mod", "go/go.acme.dev/!tool/@v/v1.1.0.info", "go/go.acme.dev/!tool/v3/@v/v3.0.0.ziphash"
	for _, name := range []string{zip, mod, info, sum} {
		was := read(t, f.dir, name)
		path := filepath.Join(f.dir, filepath.FromSlash(name))
		for _, spoilt := range []string{was[:len(was)/2], "", strings.Repeat("x", len(was))} {
			if err := os.WriteFile(path, []byte(spoilt), 0o666); err != nil {
				t.Fatal(err)
			}
			if name == mod && strings.HasPrefix(spoilt, "module") {
				continue // a go.mod that says less is one, too
			}
			if got, err := f.run(t.Context()); err != nil || read(t, f.dir, name) != was || !strings.Contains(got, "(1 written") {
				t.Errorf("%s: %v\n%s", name, err, got)
			}
		}
	}
	other := "h1:" + strings.Repeat("A", 43) + "="
	if err := os.WriteFile(filepath.Join(f.dir, filepath.FromSlash(sum)), []byte(other), 0o666); err != nil {
		t.Fatal(err)
	}
	before := read(t, f.dir, strings.TrimSuffix(sum, "hash"))
	got, err := f.run(t.Context())
	if err == nil || !strings.Contains(got, "go.acme.dev/Tool/v3@v3.0.0: it was exported as "+other+", and would be h1:") || read(t, f.dir, strings.TrimSuffix(sum, "hash")) != before {
		t.Errorf("another checksum: %v\n%s", err, got)
	}
	consistent(t, f.dir)
}

// TestVanished has a version whose tag is gone: who has it may need it, so it stays in the list.
func TestVanished(t *testing.T) {
	f := setUp(t)
	if _, err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.git.Put("mono", gittest.New(t, strings.Replace(mono, "tag tool-1.1.0\n", "", 1)))
	f.h = testhandler.New(f.c) // another store
	got, err := f.run(t.Context())
	if list := read(t, f.dir, "go/go.acme.dev/!tool/@v/list"); err != nil || list != "v1.0.0\nv1.1.0\n" {
		t.Errorf("%v, %q\n%s", err, list, got)
	}
	if err := os.Remove(filepath.Join(f.dir, "go", "go.acme.dev", "!tool", "@v", "v1.1.0.zip")); err != nil {
		t.Fatal(err)
	}
	got, err = f.run(t.Context())
	if list := read(t, f.dir, "go/go.acme.dev/!tool/@v/list"); err != nil || list != "v1.0.0\n" {
		t.Errorf("without its zip: %v, %q\n%s", err, list, got)
	}
}

// TestHostDown has a host that fails, with nothing stored: what was exported stays as it is.
func TestHostDown(t *testing.T) {
	f := setUp(t)
	if _, err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := make(map[string]string)
	for _, name := range files(t, f.dir) {
		before[name] = read(t, f.dir, name)
	}
	f.git.SetDown(true)
	f.h = testhandler.New(f.c)
	got, err := f.run(t.Context())
	if err == nil || err.Error() != "3 failed" || strings.Count(got, " can't be reached: ") != 3 {
		t.Errorf("%v\n%s", err, got)
	}
	after := make(map[string]string)
	for _, name := range files(t, f.dir) {
		after[name] = read(t, f.dir, name)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestStrangers has files that no export has made.
func TestStrangers(t *testing.T) {
	f := setUp(t)
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.html", "404.html"} {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte("<h1>Mine</h1>"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.run(t.Context())
	if err == nil || !strings.Contains(got, "go.acme.dev: there is a file index.html that no export has made: move it away") || strings.Contains(got, "file 404.html") {
		t.Errorf("%v\n%s", err, got)
	}
	for _, name := range []string{"index.html", "404.html"} {
		if got := read(t, f.dir, name); got != "<h1>Mine</h1>" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestLongIndex has more modules than fit a page.
func TestLongIndex(t *testing.T) {
	c := &config.Config{Site: vanity.Site{Host: "acme.dev/go", Paths: map[string]vanity.Import{}}}
	for i := range 1200 {
		c.Paths[fmt.Sprintf("m%04d", i)] = vanity.Import{Repo: "https://github.com/acme/x"}
	}
	f := &fixture{c: c, h: testhandler.New(c), dir: t.TempDir()}
	got, err := f.run(t.Context(), "acme.dev/go/m0007")
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	if diff := cmp.Diff([]string{"go/index-2.html", "go/index-3.html", "go/index.html", "go/m0007/index.html"}, sorted(files(t, f.dir))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for name, parts := range map[string][]string{
		"go/index.html":   {`href="/go/m0499"`, `href="/go/index-2.html" rel="next"`},
		"go/index-2.html": {`href="/go/m0500"`, `href="/go/index-3.html" rel="next"`},
		"go/index-3.html": {`href="/go/m1199"`},
	} {
		for _, part := range parts {
			if page := read(t, f.dir, name); !strings.Contains(page, part) {
				t.Errorf("%s: no %s", name, part)
			}
		}
	}
}

// mount makes a small file system of its own.
func mount(t *testing.T, options string) (dir string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: a tmpfs is mounted on Linux only")
	}
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "export-test", dir).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: a tmpfs can't be mounted, which root may: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

// TestDisk has directories that can't be written to, and disks without room, or with room for some of the files.
func TestDisk(t *testing.T) {
	f := setUp(t)
	f.dir = mount(t, "size=1m,mode=755")
	out, err := exec.Command("mount", "-o", "remount,ro", f.dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, err := f.run(t.Context()); err == nil || !strings.Contains(err.Error(), "can't write the export: ") || !strings.Contains(err.Error(), "read-only file system") {
		t.Errorf("read-only: %v\n%s", err, got)
	}
	for inodes := 3; ; inodes += 4 {
		f.dir = mount(t, fmt.Sprint("size=1m,nr_inodes=", inodes))
		got, err := f.run(t.Context())
		consistent(t, f.dir)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "no space left on device; see to that, and run export again") || !strings.Contains(got, "broken off: ") {
			t.Errorf("%d inodes: %v\n%s", inodes, err, got)
		}
		if inodes > 200 {
			t.Fatal("200 inodes don't suffice")
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	f.dir = filepath.Join(file, "out")
	if _, err := f.run(t.Context()); err == nil || !strings.Contains(err.Error(), "can't write the export: ") {
		t.Errorf("below a file: %v", err)
	}
	f.dir = ""
	if _, err := f.run(t.Context()); err == nil {
		t.Error("no directory: no error")
	}
}

// TestAbandoned has what runs left that were killed: one long ago, and one that may be under way.
func TestAbandoned(t *testing.T) {
	f := setUp(t)
	old, young, other := filepath.Join(f.dir, ".export-old"), filepath.Join(f.dir, ".export-young"), filepath.Join(f.dir, ".git")
	then := time.Now().Add(-48 * time.Hour)
	for _, dir := range []string{old, young, other} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if dir != young {
			if err := os.Chtimes(dir, then, then); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := f.run(t.Context(), "go.acme.dev/page"); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for dir, want := range map[string]bool{old: false, young: true, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// TestMode sees to it that a server of files, which is another user, may read them.
func TestMode(t *testing.T) {
	f := setUp(t)
	if _, err := f.run(t.Context(), "go.acme.dev/page", "go.acme.dev/libs/late"); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, f.dir) {
		if info, err := os.Stat(filepath.Join(f.dir, filepath.FromSlash(name))); err != nil || info.Mode() != want.Mode() {
			t.Errorf("%s: %v, %v; want %v", name, err, info.Mode(), want.Mode())
		}
	}
}

// TestServerFaults has a server whose answers are no such files.
func TestServerFaults(t *testing.T) {
	f := setUp(t)
	for suffix, want := range map[string]string{
		"/v1.0.0.info": "go.acme.dev/Tool@v1.0.0: what the server gives as .info is none: ",
		"/v1.0.0.mod":  "go.acme.dev/Tool@v1.0.0: what the server gives as .mod is none: there is no module path",
		"/v1.0.0.zip":  "go.acme.dev/Tool@v1.0.0: the zip is none: ",
	} {
		f.dir = filepath.Join(t.TempDir(), "out")
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, suffix) {
				w.Write(bytes.Repeat([]byte("{}"), 10))
				return
			}
			f.h.ServeHTTP(w, r)
		})
		got, err := f.runWith(t.Context(), h, "go.acme.dev/Tool")
		if err == nil || err.Error() != "1 failed" || !strings.Contains(got, want) {
			t.Errorf("%s: %v\n%s", suffix, err, got)
		}
		if list := read(t, f.dir, "go/go.acme.dev/!tool/@v/list"); list != "v1.1.0\n" {
			t.Errorf("%s: %q", suffix, list)
		}
		consistent(t, f.dir)
	}
}
