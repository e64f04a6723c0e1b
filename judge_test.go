package vanity_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// realSources is a monorepo with the real sources of our own requirements, in subdirectories under tags of their own.
// What their zips must hash to stands in our go.sum.
func realSources(t *testing.T) (*gittest.Repo, map[string]gittest.Source) {
	t.Helper()
	repo := gittest.New(t, "-- README --\nnothing to see at the root\n")
	sources := make(map[string]gittest.Source)
	for path, dir := range map[string]string{"golang.org/x/mod": "x/mod", "github.com/google/go-cmp": "third/google/cmp"} {
		src := gittest.Module(t, path)
		sources[path] = src
		repo.CopyFS(dir, os.DirFS(src.Dir))
		repo.Commit("copy of " + path)
		repo.Git("tag", strings.ReplaceAll(dir, "/", "-")+"-"+strings.TrimPrefix(src.Version, "v"))
	}
	repo.Repack()
	return repo, sources
}

// TestGoSum is the test that matters most: the go command gets, through each handler and transport, what the
// checksum database knows.
func TestGoSum(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo, sources := realSources(t)
	plain := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/mono": repo})
	tls := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	modules := map[string]vanity.Config{
		"golang.org/x/mod":         {Directory: "x/mod", Tags: "x-mod-*"},
		"github.com/google/go-cmp": {Directory: "third/google/cmp", Tags: "third-google-cmp-*"},
	}
	for path, cfg := range modules {
		cfg.Module = path
		handlers := map[string]func() (http.Handler, string){
			"Goproxy over HTTP": func() (http.Handler, string) {
				cfg.URL = plain.URL + "/acme/mono"
				return vanity.Goproxy("/go", cfg), "/go"
			},
			"Goproxy over a pipe": func() (http.Handler, string) {
				cfg.URL = repo.Dir
				return vanity.Goproxy("/go", cfg), "/go"
			},
			"Gosub over TLS": func() (http.Handler, string) {
				cfg.URL = "https://git.example.test/acme/mono"
				spec, err := vanity.Encode(cfg)
				if err != nil {
					t.Fatal(err)
				}
				h := vanity.Gosub("/go", vanity.WithTrustedClient(tls.Client()), vanity.WithHosts("git.example.test"))
				return h, "/go/" + spec
			},
		}
		for name, handler := range handlers {
			t.Run(path+"/"+name, func(t *testing.T) {
				h, base := handler()
				g := gocmd.New(t)
				g.Use(h, base)
				src := sources[path]
				got := g.Download(path + "@" + src.Version)
				want := gocmd.Download{Path: path, Version: src.Version, Sum: src.Sum, GoModSum: src.GoModSum}
				if diff := cmp.Diff(want, gocmd.Download{Path: got.Path, Version: got.Version, Sum: got.Sum, GoModSum: got.GoModSum}); diff != "" {
					t.Errorf("download (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{src.Version}, g.Versions(path)); diff != "" {
					t.Errorf("versions (-want +got):\n%s", diff)
				}
			})
		}
	}
}
