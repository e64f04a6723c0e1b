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

// siteMono has modules in subdirectories: two under tags of their own, one with a nested module.
const siteMono = `
write one
commit one
tag tool-1.0.0
tag libs/tool/v1.0.0
tag libs/log/v0.1.0
tag libs/log/deep/v0.2.0
write two
commit two
tag tool-2.0.0
tag libs/tool/v2.0.0
tag libs/log/v0.3.0
-- one/LICENSE --
Do as you please.
-- one/libs/tool/go.mod --
module go.acme.test/x/tool
-- one/libs/tool/tool.go --
package tool
-- one/libs/tool/sub/sub.go --
package sub
-- one/libs/log/go.mod --
module go.acme.test/x/libs/log
-- one/libs/log/log.go --
package log
-- one/libs/log/deep/go.mod --
module go.acme.test/x/libs/log/deep
-- one/libs/log/deep/deep.go --
package deep
-- two/libs/tool/v2/go.mod --
module go.acme.test/x/tool/v2
-- two/libs/tool/v2/tool.go --
package tool
`

// siteRoot has a module at its root, with a nested one.
const siteRoot = `
write
commit one
tag v1.0.0
tag v1.1.0-rc.1
tag nested/v1.5.0
tag nested/v2.0.0
-- go.mod --
module go.acme.test/x/Root
-- root.go --
package root
-- sub/sub.go --
package sub
-- nested/go.mod --
module go.acme.test/x/Root/nested
-- nested/nested.go --
package nested
-- nested/v2/go.mod --
module go.acme.test/x/Root/nested/v2
-- nested/v2/nested.go --
package nested
`

// TestDiscoverySite has one site say all: the pages lead the go command to a proxy that knows from the same site where
// the modules are. It must get what it gets without a proxy, by tags that it understands itself.
func TestDiscoverySite(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	root := gittest.New(t, siteRoot)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, siteMono), "acme/Root": root, "acme/own": root})
	mono := server.URL + "/acme/mono"
	site := vanity.Site{Host: "go.acme.test/x", Hosts: []string{"old.acme.test"}, Proxy: "/go", Paths: map[string]vanity.Import{
		"tool":   {Repo: mono, VCS: "git", Directory: "libs/tool", Tags: "tool-*"},
		"libs/*": {Repo: mono, VCS: "git", Directory: "libs/*", Tags: "libs/*/v*"},
		"*":      {Repo: server.URL + "/acme/*", VCS: "git", Tags: "v*"},
	}}
	direct := vanity.Site{Host: site.Host, Paths: map[string]vanity.Import{
		"tool":   {Repo: mono, VCS: "git", Directory: "libs/tool"},
		"libs/*": {Repo: mono, VCS: "git", Directory: "libs/*"},
		// The go command, as of 1.26, looks for what is below a tag with a directory in deep/libs/log.
		"libs/log/deep": {Repo: mono, VCS: "git", Directory: "libs/log/deep"},
		"*":             {Repo: server.URL + "/acme/*", VCS: "git"},
	}}
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
	mux.Handle("/", vanity.Meta(site))
	ours := gocmd.New(t, gocmd.DiscoveryTLS(t, mux)...)
	theirs := gocmd.New(t, gocmd.Discovery(t, vanity.Meta(direct))...)
	ours.Proxy("direct")
	theirs.Proxy("direct")

	for modPath, want := range map[string][]string{
		"go.acme.test/x/Root":           {"v1.0.0", "v1.1.0-rc.1"},
		"go.acme.test/x/Root/nested":    {"v1.5.0"},
		"go.acme.test/x/Root/nested/v2": {"v2.0.0"},
		"go.acme.test/x/tool":           {"v1.0.0"},
		"go.acme.test/x/tool/v2":        {"v2.0.0"},
		"go.acme.test/x/libs/log":       {"v0.1.0", "v0.3.0"},
		"go.acme.test/x/libs/log/deep":  {"v0.2.0"},
	} {
		server.Reset()
		got := ours.Versions(modPath)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: versions (-want +got):\n%s", modPath, diff)
		}
		version := want[len(want)-1]
		sum := ours.Download(modPath + "@" + version)
		for _, r := range server.Requests() {
			if !strings.HasPrefix(r.Header.Get("User-Agent"), "git/vanity") {
				t.Errorf("%s: the repository was asked by %q", modPath, r.Header.Get("User-Agent"))
			}
		}
		if diff := cmp.Diff(want, theirs.Versions(modPath)); diff != "" {
			t.Errorf("%s: versions without a proxy (-want +got):\n%s", modPath, diff)
		}
		if judge := theirs.Download(modPath + "@" + version); sum.Sum != judge.Sum || sum.GoModSum != judge.GoModSum {
			t.Errorf("%s@%s: sums %s %s, want %s %s", modPath, version, sum.Sum, sum.GoModSum, judge.Sum, judge.GoModSum)
		}
	}
	if diff := cmp.Diff([]string{"v1.0.0", "v1.1.0-rc.1"}, ours.Versions("old.acme.test/x/Root")); diff != "" {
		t.Errorf("versions at the other host (-want +got):\n%s", diff)
	}
	ours.Get("go.acme.test/x/Root/sub", "go.acme.test/x/tool/sub", "go.acme.test/x/tool/v2", "go.acme.test/x/libs/log/deep", "go.acme.test/x/Root/nested/v2")
	for _, absent := range []string{"go.acme.test/x/tool/nested", "go.acme.test/x/absent", "go.acme.test/x/libs/absent", "go.acme.test/x/own"} {
		if _, stderr, err := ours.Try("get", absent); err == nil {
			t.Errorf("%s: got: %s", absent, stderr)
		}
	}
}
