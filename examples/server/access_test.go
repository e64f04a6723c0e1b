package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// forgeRepository has a module at its root, one below it, and a second major version.
func forgeRepository(t testing.TB, path string) *gittest.Repo {
	return gittest.New(t, fmt.Sprintf(`
write one
commit one
tag v1.0.0
tag sub/v0.3.0
write two
commit two
tag v2.0.0
-- one/go.mod --
module %[1]s
-- one/m.go --
package m
-- one/sub/go.mod --
module %[1]s/sub
-- one/sub/s.go --
package sub
-- two/go.mod --
module %[1]s/v2
`, path))
}

// TestAccess has a forge of twenty repositories of ann, bob and all; the go command, as each of them and as nobody, gets what he
// may have, and what is nobody's here from the next GOPROXY.
func TestAccess(t *testing.T) {
	forge := t.TempDir()
	for _, owner := range []string{"ann", "bob", "open", "Team"} {
		for n := range 5 {
			path := fmt.Sprintf("git.acme.test/%s/r%d", owner, n)
			if path == "git.acme.test/ann/r4" {
				path = "github.com/ann/secret"
			}
			bare(t, forgeRepository(t, path), filepath.Join(forge, owner, fmt.Sprintf("r%d.git", n)))
		}
	}
	git(t, "-C", filepath.Join(forge, "ann", "r4.git"), "config", "remote.origin.url", "https://github.com/ann/secret.git")
	git(t, "-C", filepath.Join(forge, "ann", "r4.git"), "config", "remote.origin.fetch", "+refs/*:refs/*")
	passwords := filepath.Join(t.TempDir(), "bob")
	write(t, passwords, "password-of-bob\n")
	p := start(t, fmt.Sprintf(`
forge: {base: /registry/go, host: git.acme.test, dir: %s, mirrors: true}
users: {ann: "env:ANN", bob: "file:%s", ci: "sha256:d1968d6184b8eddf4b0d9fee136141d5f88a53784b9aa94e0d648ffc5b952caf"}
access:
  - {match: [git.acme.test/ann], users: [ann, ci]}
  - {match: ["git.acme.test/bob", "git.acme.test/Te*"], users: [bob]}
`, forge, passwords), "ANN=password-of-ann")
	target, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	next := gittest.New(t, "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule other.acme.test/thing\n-- t.go --\npackage thing\n")
	elsewhere := vanity.Goproxy("/", vanity.Config{URL: next.Dir, Module: "other.acme.test/thing"})
	server := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", target.Host
		r.Out.Host = r.In.Host
	}}
	domains := gocmd.DiscoveryTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "next.acme.test" {
			elsewhere.ServeHTTP(w, r)
			return
		}
		server.ServeHTTP(w, r)
	}))
	as := func(user, password string) *gocmd.Go {
		g := gocmd.New(t, domains...)
		g.Proxy("https://git.acme.test/registry/go,https://next.acme.test")
		netrc := filepath.Join(g.Home, ".netrc")
		if err := os.WriteFile(netrc, fmt.Appendf(nil, "machine git.acme.test login %s password %s\n", user, password), 0o600); err != nil {
			t.Fatal(err)
		}
		g.Setenv("NETRC", netrc)
		return g
	}
	const ok = ""
	for _, tt := range []struct {
		user, password string
		want           map[string]string // what the go command says, by queries
	}{
		{"nobody", "nothing", map[string]string{
			"git.acme.test/open/r0@latest": ok, "git.acme.test/open/r0/sub@latest": ok, "git.acme.test/open/r1/v2@latest": ok,
			"git.acme.test/ann/r0@v1.0.0": "401", "git.acme.test/bob/r0@v1.0.0": "401", "git.acme.test/Team/r0@v1.0.0": "401",
			"github.com/ann/secret@v1.0.0":    "not found", // whose name it has is no way around
			"git.acme.test/ann/none@v1.0.0":   "401",       // nobody learns that it isn't there
			"git.acme.test/open/none@v1.0.0":  "not found",
			"git.acme.test/OPEN/r0@v1.0.0":    "not found",
			"other.acme.test/thing@latest":    ok,
			"git.acme.test/open/r0/no@v1.0.0": "not found",
		}},
		{"ann", "password-of-ann", map[string]string{
			"git.acme.test/open/r0@latest": ok, "git.acme.test/ann/r0@latest": ok, "git.acme.test/ann/r1/v2@latest": ok, "git.acme.test/ann/r2/sub@latest": ok,
			"github.com/ann/secret@latest": ok, "git.acme.test/bob/r0@v1.0.0": "403", "git.acme.test/Team/r0@v1.0.0": "403", "git.acme.test/team/r0@v1.0.0": "403",
			"git.acme.test/ann/none@v1.0.0": "not found", "other.acme.test/thing@latest": ok,
		}},
		{"ann", "password-of-bob", map[string]string{"git.acme.test/ann/r0@v1.0.0": "401", "git.acme.test/bob/r0@v1.0.0": "401", "git.acme.test/open/r0@latest": ok}},
		{"bob", "password-of-bob", map[string]string{
			"git.acme.test/bob/r4@latest": ok, "git.acme.test/Team/r0@latest": ok, "git.acme.test/Team/r3/sub@latest": ok,
			"git.acme.test/ann/r0@v1.0.0": "403", "github.com/ann/secret@v1.0.0": "not found", "git.acme.test/open/r4/v2@latest": ok,
		}},
		{"ci", "token-of-ci", map[string]string{"git.acme.test/ann/r3@latest": ok, "git.acme.test/bob/r3@v1.0.0": "403"}},
	} {
		g := as(tt.user, tt.password)
		for query, want := range tt.want {
			d := g.TryDownload(query)
			if want == ok && d.Error != "" || !strings.Contains(d.Error, want) {
				t.Errorf("%s: %s: %q, want %q", tt.user, query, d.Error, want)
			}
		}
	}
}
