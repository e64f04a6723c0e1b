package vanity_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// TestDiscovery has the go command find modules by their import paths alone: page, proxy and repository are played by
// one server for all domains.
func TestDiscovery(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	for _, tt := range []struct {
		name     string
		host     string
		mount    string // of the page
		discover func(testing.TB, http.Handler) []string
		proxy    string
	}{
		{"a host of its own", "go.acme.test", "/", gocmd.Discovery, "http://go.acme.test/-/tool"},
		{"below a path", "acme.test/go", "/go/", gocmd.Discovery, "http://acme.test/-/tool"},
		{"over HTTPS, by a path", "go.acme.test", "/", gocmd.DiscoveryTLS, "/-/tool"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			modPath := tt.host + "/Tool"
			repo := gittest.New(t, strings.ReplaceAll(acme, toolPath, modPath))
			cfg := vanity.Config{URL: repo.Dir, Module: modPath, Directory: "libs/tool", Tags: "tool-*"}
			mux := http.NewServeMux()
			mux.Handle("/-/tool/", vanity.Goproxy("/-/tool", cfg, quiet()))
			mux.Handle(tt.mount, vanity.Meta(vanity.Site{Host: tt.host, Paths: map[string]vanity.Import{
				"Tool": {Proxy: tt.proxy, Directory: cfg.Directory, Tags: cfg.Tags},
			}}))
			g := gocmd.New(t, tt.discover(t, mux)...)
			g.Proxy("direct")
			if diff := cmp.Diff([]string{"v1.0.0", "v1.1.0", "v1.2.0-rc.1"}, g.Versions(modPath)); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			g.Get(modPath+"/sub", modPath+"/v2")
			g.Write("main.go", `package main

import (
	"fmt"

	_ "`+modPath+`/sub"
	one "`+modPath+`"
	two "`+modPath+`/v2"
)

func main() { fmt.Println(one.Version, two.Version) }
`)
			if out := g.Run("run", "."); out != "two three\n" {
				t.Errorf("the program says %q", out)
			}
			d := g.Download(modPath + "@v1.0.0")
			if d.Origin == nil || d.Origin.Subdir != "libs/tool" || d.Origin.Hash != repo.Git("rev-parse", "tool-1.0.0") {
				t.Errorf("origin %+v", d.Origin)
			}
		})
	}
}

// TestDiscoveryGit has the go command go to the repository itself, by the fourth field of the tag, and compares the
// sums with what Goproxy makes of the same: a page may carry both tags only because they are the same module.
func TestDiscoveryGit(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, acme)
	repo.Git("tag", "libs/tool/v1.1.0", "tool-1.1.0")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	cfg := vanity.Config{URL: server.URL + "/acme/mono", Module: toolPath, Directory: "libs/tool", Tags: "libs/tool/v*"}
	sums := make(map[string]string)
	for name, proxy := range map[string]string{"git": "", "both": "http://go.acme.test/-/tool"} {
		mux := http.NewServeMux()
		mux.Handle("git.acme.test/", server.Handler())
		mux.Handle("go.acme.test/-/tool/", vanity.Goproxy("/-/tool", cfg))
		mux.Handle("go.acme.test/", vanity.Meta(vanity.Site{Host: "go.acme.test", Paths: map[string]vanity.Import{
			"Tool": {Repo: "http://git.acme.test/acme/mono", VCS: "git", Proxy: proxy, Directory: cfg.Directory, Tags: cfg.Tags},
		}}))
		server.Reset()
		g := gocmd.New(t, gocmd.Discovery(t, mux)...)
		g.Proxy("direct")
		d := g.Download(toolPath + "@v1.1.0")
		sums[name] = d.Sum + " " + d.GoModSum
		for _, r := range server.Requests() {
			if own := strings.HasPrefix(r.Header.Get("User-Agent"), "git/vanity"); own != (proxy != "") {
				t.Errorf("%s: a request by %q", name, r.Header.Get("User-Agent"))
			}
		}
	}
	if sums["git"] != sums["both"] {
		t.Errorf("sums differ: %v", sums)
	}
}
