package doctor_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/doctor"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const tool = "go.acme.test/tool"

// monoScript has a module in a directory, with tags that the go command doesn't know, one with a major version, and one
// that is nested.
const monoScript = `
at 2024-05-01T10:00:00Z
write one
commit one
tag tool-1.0.0
tag tool-1.1.0
write two
commit two
tag tool-1.2.0
tag nested-0.1.0
tag gosub-1.0.0
git checkout -q -b two
write three
commit three
tag tool-2.0.0
git checkout -q main
-- one/libs/tool/go.mod --
module go.acme.test/tool

go 1.21
-- one/libs/tool/tool.go --
package tool
-- one/libs/tool/sub/sub.go --
package sub
-- two/libs/tool/go.mod --
module go.acme.test/tool

go 1.21

retract v1.1.0 // a mistake
-- two/libs/tool/nested/go.mod --
module go.acme.test/tool/nested
-- two/libs/tool/nested/nested.go --
package nested
-- three/libs/tool/go.mod --
module go.acme.test/tool/v2
-- two/libs/gosub/go.mod --
module go.acme.test/gosub
-- two/libs/gosub/gosub.go --
package gosub
`

// ownScript has a module as the go command finds it by itself.
const ownScript = `
at 2024-05-01T10:00:00Z
write
commit one
tag v0.9.0
tag v1.0.0
-- go.mod --
module go.acme.test/own
-- own.go --
package own
-- sub/sub.go --
package sub
`

// dirScript has a module in a directory, with the tags that the go command looks for there.
const dirScript = `
at 2024-05-01T10:00:00Z
write
commit one
tag libs/dir/v1.0.0
-- libs/dir/go.mod --
module go.acme.test/dir
-- libs/dir/dir.go --
package dir
`

// A world is all hosts that there are: go.acme.test with pages and proxies, as an owner has them, next.acme.test with
// another GOPROXY of the same modules, which nobody spoils, and git.acme.test and github.com with repositories. The doctor
// and the go command see the same.
type world struct {
	handler http.Handler
	git     *gittest.Server
	server  *httptest.Server
	mono    *gittest.Repo
}

func newWorld(t *testing.T, opts ...vanity.Option) *world {
	t.Helper()
	w := &world{mono: gittest.New(t, monoScript)}
	w.git = gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{
		"acme/mono": w.mono, "acme/own": gittest.New(t, ownScript), "acme/dir": gittest.New(t, dirScript), "acme/empty": gittest.New(t, ""),
		"acme/hub": gittest.New(t, strings.ReplaceAll(ownScript, "go.acme.test/own", "github.com/acme/hub")),
	})
	opts = append(opts, vanity.WithTrustedClient(&http.Client{Transport: w}))
	site := vanity.Site{Host: "go.acme.test", Proxy: "/go", Paths: map[string]vanity.Import{
		"tool":        {Repo: "https://git.acme.test/acme/mono", VCS: "git", Display: "gitea", Directory: "libs/tool", Tags: "tool-*"},
		"tool/nested": {Repo: "https://git.acme.test/acme/mono", VCS: "git", Display: "gitea", Directory: "libs/tool/nested", Tags: "nested-*"},
		"own":         {Repo: "https://git.acme.test/acme/own", VCS: "git"},
		"gone":        {VCS: "git", Repo: "https://git.acme.test/acme/gone"},
		"empty":       {VCS: "git", Repo: "https://git.acme.test/acme/empty"},
		"untagged":    {VCS: "git", Repo: "https://git.acme.test/acme/mono"},
		"old":         {VCS: "hg", Repo: "https://hg.acme.test/old"},
		"ssh":         {VCS: "git", Repo: "ssh://git@git.acme.test/acme/own"},
		"gosub":       {Repo: "https://git.acme.test/acme/mono", VCS: "git", Proxy: "https://go.acme.test/-/gosub/git.acme.test/acme/mono:d=libs%2Fgosub&p=gosub-;"},
	}}
	direct := vanity.Site{Host: "go.acme.test", Paths: map[string]vanity.Import{ // by a tag with a directory
		"dir": {Repo: "https://git.acme.test/acme/dir", VCS: "git", Directory: "libs/dir"},
	}}
	mux := http.NewServeMux()
	mux.Handle("go.acme.test/go/", vanity.GoproxyFunc("/go", site.Resolve, opts...))
	mux.Handle("go.acme.test/-/gosub/", vanity.Gosub("/-/gosub", append(opts, vanity.WithHosts("git.acme.test"))...))
	mux.Handle("go.acme.test/dir", vanity.Meta(direct))
	mux.Handle("go.acme.test/dir/", vanity.Meta(direct))
	mux.Handle("go.acme.test/", vanity.Meta(site, opts...))
	mux.Handle("git.acme.test/", w.git.Handler())
	mux.Handle("github.com/", w.git.Handler())
	mux.Handle("next.acme.test/", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host = "go.acme.test"
		mux.ServeHTTP(rw, r)
	}))
	return w.serve(t, mux)
}

func (w *world) serve(t *testing.T, h http.Handler) *world {
	w.handler = h
	w.server = httptest.NewServer(h)
	t.Cleanup(w.server.Close)
	return w
}

// spoiled is the same world, but for what some of its hosts' answers are.
func (w *world) spoiled(t *testing.T, spoil func(http.Handler) http.Handler) *world {
	return (&world{git: w.git, mono: w.mono}).serve(t, spoil(w.handler))
}

// RoundTrip reaches all hosts, as the go command does by gocmd.DiscoveryTLS. What is on loopback is what it is.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Host, "127.0.0.1:") {
		r = r.Clone(r.Context())
		if r.Host == "" {
			r.Host = r.URL.Host
		}
		r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(w.server.URL, "http://")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// look has the doctor look at a module at its own host.
func (w *world) look(t *testing.T, module string, change ...func(*doctor.Options)) (out string, healthy bool) {
	t.Helper()
	var b bytes.Buffer
	o := doctor.Options{URL: "https://go.acme.test", Module: module, Client: &http.Client{Transport: w}, Out: &b}
	for _, f := range change {
		f(&o)
	}
	healthy, err := doctor.Run(context.Background(), o)
	if err != nil {
		t.Errorf("%v\n%s", err, &b)
	}
	return b.String(), healthy
}

// goCommand is one that sees the world.
func (w *world) goCommand(t *testing.T) *gocmd.Go {
	t.Helper()
	g := gocmd.New(t, gocmd.DiscoveryTLS(t, w.handler)...)
	g.Proxy("direct")
	return g
}

func write(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "go.sum")
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}
