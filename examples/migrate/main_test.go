package main

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

const utf64 = "utf64.moreplease.com"

// moreStuff is a repository like that of gosub's own example, with what gosub has trouble with.
const moreStuff = `
write
symlink utf64.go utf64/go/link.go
commit one
tag -a utf64-go-1.0.0 -m one
print utf64/go/more.go "package utf64\n"
commit two
tag utf64-go-1.1.0
tag utf64-go-1.2.0-rc.1
tag utf64-go-2.0.0
tag js-3.0.0
print utf64/go/new.go "package utf64\n"
commit three
-- LICENSE --
as you like
-- utf64/js/index.js --
export {}
-- utf64/go/go.mod --
module utf64.moreplease.com
-- utf64/go/utf64.go --
package utf64
-- utf64/go/cmd/go.mod --
module utf64.moreplease.com/cmd
-- utf64/go/cmd/cmd.go --
package cmd
-- utf64/go/cmdutil/util.go --
package cmdutil
-- utf64/go/vendor/x.y/z/z.go --
package z
`

// github has that repository, and the options that have a handler find it.
func github(t *testing.T) (repo *gittest.Repo, opts []vanity.Option) {
	t.Helper()
	repo = gittest.New(t, moreStuff)
	server := gittest.ServeTLS(t, gittest.ForgeFilters, map[string]*gittest.Repo{"more-please/more-stuff": repo})
	return repo, []vanity.Option{vanity.WithTrustedClient(server.Client())}
}

// TestSpecs has the URLs of gosub's README be read as gosub reads them, and written as it writes them.
func TestSpecs(t *testing.T) {
	const repo = "https://github.com/more-please/more-stuff"
	for spec, want := range map[string]vanity.Config{
		"github.com/more-please/more-stuff:d=utf64%2Fgo&m=utf64.moreplease.com&p=utf64-go-;": {URL: repo, Module: utf64, Directory: "utf64/go", Tags: "utf64-go-*"},
		"github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-;":                        {URL: repo, Directory: "utf64/go", Tags: "utf64-go-*"},
		"github.com/more-please/more-stuff:d=utf64%2Fgo&p=go-;":                              {URL: repo, Directory: "utf64/go", Tags: "go-*"},
		"github.com/more-please/more-stuff:p=&s=-go;":                                        {URL: repo, Tags: "*-go"},
		"github.com/more-please/more-stuff;":                                                 {URL: repo},
	} {
		got, used, err := vanity.Decode("/" + spec + "/" + utf64 + "/@v/list")
		if err != nil || got != want || used != "/"+spec {
			t.Errorf("%s: %+v, %q, %v", spec, got, used, err)
		}
		if again, err := vanity.Encode(want); err != nil || again != spec {
			t.Errorf("%+v: %s, %v; want %s", want, again, err, spec)
		}
	}
}

// TestHost changes the host in each of the tags that gosub's users have in their pages, and nothing else.
func TestHost(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	for name, tag := range map[string]string{
		"goproxy": "utf64.moreplease.com mod https://utf64.moreplease.com/go",
		"gosub":   "utf64.moreplease.com mod https://gosub.moreplease.com/github.com/more-please/more-stuff:d=utf64%2Fgo&amp;p=utf64-go-;",
		"module":  "utf64.moreplease.com mod https://gosub.moreplease.com/github.com/more-please/more-stuff:d=utf64%2Fgo&amp;m=utf64.moreplease.com&amp;p=utf64-go-;",
	} {
		t.Run(name, func(t *testing.T) {
			_, opts := github(t)
			h := handler(opts...)
			page := `<meta name="go-import" content="` + strings.ReplaceAll(tag, "gosub.moreplease.com", "go.acme.dev") + `">`
			g := gocmd.New(t, gocmd.DiscoveryTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Host == "go.acme.dev", r.Host == utf64 && strings.HasPrefix(r.URL.Path, "/go/"):
					h.ServeHTTP(w, r)
				case r.Host == utf64:
					io.WriteString(w, page)
				default:
					http.NotFound(w, r)
				}
			}))...)
			g.Proxy("direct")
			g.Get(utf64 + "/cmdutil")
			if got := g.Run("list", "-m", utf64); got != utf64+" v1.1.0\n" {
				t.Errorf("got %s", got)
			}
		})
	}
}

// get asks a handler for a file of the module.
func get(t *testing.T, h http.Handler, file string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://go.acme.dev"+file, nil))
	return rec
}

// TestDifferences has what the page says of versions and contents.
func TestDifferences(t *testing.T) {
	repo, opts := github(t)
	h := handler(opts...)
	hash := repo.Expand("{hash12:HEAD}")
	for _, base := range []string{"/go/", "/github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-;/"} {
		for file, want := range map[string]string{
			"@v/list":              "v1.0.0\nv1.1.0\nv1.2.0-rc.1\n",
			"@latest":              `"Version":"v1.1.0"`,
			"@v/v1.1.0.info":       `"Version":"v1.1.0","Time":"2024-01-01T00:01:00Z"`,
			"@v/main.info":         `"Version":"v1.2.0-rc.1.0.20240101000200-` + hash + `"`,
			"@v/" + hash + ".info": `"Version":"v1.2.0-rc.1.0.20240101000200-` + hash + `"`,
		} {
			if got := get(t, h, base+utf64+"/"+file); !strings.Contains(got.Body.String(), want) {
				t.Errorf("%s%s: %d %s; want %s", base, file, got.Code, got.Body, want)
			}
		}
		if got := get(t, h, base+utf64+"/cmdutil/@v/list"); got.Code != 404 {
			t.Errorf("%s: a package is a module: %d %s", base, got.Code, got.Body)
		}
		want := []string{"LICENSE", "cmdutil/util.go", "go.mod", "more.go", "utf64.go"}
		if diff := cmp.Diff(want, zipped(t, get(t, h, base+utf64+"/@v/v1.1.0.zip").Body.Bytes())); diff != "" {
			t.Errorf("%s: the zip (-want +got):\n%s", base, diff)
		}
	}
}

// zipped lists the files of a zip.
func zipped(t *testing.T, data []byte) (names []string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		_, name, _ := strings.Cut(f.Name, "@v1.1.0/")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestHosts has what an open Gosub serves.
func TestHosts(t *testing.T) {
	h := handler()
	if got := get(t, h, "/git.acme.dev/a/b;/x.y/z/@v/list"); got.Code != 404 || !strings.Contains(got.Body.String(), "only those of github.com, gitlab.com, bitbucket.org, codeberg.org, git.sr.ht") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := get(t, h, "/"); got.Code != 200 || !strings.Contains(got.Body.String(), "<form") {
		t.Errorf("the form: %d %s", got.Code, got.Body)
	}
}

// oldProxy is a GOPROXY of files that has a version as gosub served it: without what the go command would have put in.
func oldProxy(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{"go.mod": "module utf64.moreplease.com\n", "utf64.go": "package utf64\n"} {
		w, err := z.Create(utf64 + "@v1.0.0/" + name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, text)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"list": "v1.0.0\n", "v1.0.0.info": `{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}`, "v1.0.0.mod": "module utf64.moreplease.com\n", "v1.0.0.zip": b.String(),
	} {
		name = filepath.Join(dir, utf64, "@v", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOldVersions keeps a version that gosub served with other contents than the go command would: a module cache that has it
// is copied into the store, by the page's own command.
func TestOldVersions(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	_, opts := github(t)
	old := gocmd.New(t)
	old.Proxy("file://" + filepath.ToSlash(oldProxy(t)))
	was := old.Download(utf64 + "@v1.0.0")

	g := gocmd.New(t)
	g.Use(handler(opts...), "/go")
	if now := g.Download(utf64 + "@v1.0.0"); now.Sum == was.Sum {
		t.Fatal("there is no difference to speak of")
	}

	store := filepath.Join(t.TempDir(), "vanity")
	old.Setenv("STORE", store)
	old.Command = "bash"
	old.Run("-c", strings.ReplaceAll(command(t), "/var/lib/vanity", store))
	g = gocmd.New(t)
	g.Use(handler(append(opts, vanity.WithStore(vanity.DirStore(store)))...), "/go")
	if now := g.Download(utf64 + "@v1.0.0"); now.Sum != was.Sum || now.GoModSum != was.GoModSum {
		t.Errorf("the version is %+v now; it was %+v", now, was)
	}
	if got := g.Versions(utf64); !slices.Equal(got, []string{"v1.0.0", "v1.1.0", "v1.2.0-rc.1"}) {
		t.Errorf("versions %q", got)
	}
	if now := g.Download(utf64 + "@latest"); now.Version != "v1.1.0" {
		t.Errorf("latest: %+v", now)
	}
}

// command is that of the page which fills the store.
func command(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, "/var/lib/vanity") && strings.HasPrefix(line, "mkdir") {
			return line
		}
	}
	t.Fatal("README.md lost its command")
	return ""
}

// TestPage has the page show what there is.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("vanity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```yaml\n"+string(file)+"```") {
		t.Error("README.md doesn't show vanity.yaml")
	}
}
