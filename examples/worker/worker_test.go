package main_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/worker/internal/handlers"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const script = `
write one
commit first
tag tool-1.0.0
write two
commit second
tag tool-1.1.0
tag v0.1.0
-- one/go.mod --
module go.acme.dev/mono
-- one/mono.go --
package mono
-- one/LICENSE --
Do what you like.
-- one/libs/tool/go.mod --
module go.acme.dev/tool
-- one/libs/tool/tool.go --
package tool

const Version = 0
-- two/libs/tool/tool.go --
package tool

const Version = 1
-- two/libs/tool/More.go --
package tool
`

// site is the variable SITE for a git host.
func site(host string) string {
	return `{"host": "go.acme.dev", "proxy": "/go", "paths": {
		"tool": {"repo": "` + host + `/acme/mono", "directory": "libs/tool", "tags": "tool-*"}
	}}`
}

const gitHost = "https://git.example.test"

func vars() map[string]string {
	return map[string]string{"SITE": site(gitHost), "GOSUB_HOSTS": "git.example.test", "PUBLIC_URL": "https://go.acme.dev/"}
}

func serveMono(t *testing.T) *gittest.Server {
	return gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, script)})
}

// native serves the same without a Worker.
func native(t *testing.T, host *gittest.Server) (url string) {
	h, err := handlers.New(vars(), nil, vanity.WithTrustedClient(host.Client()))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func gosub(t *testing.T, cfg vanity.Config) (path string) {
	spec, err := vanity.Encode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return "/gosub/" + spec
}

// The go command gets from the Worker what it gets from the handlers elsewhere.
func TestGoCommand(t *testing.T) {
	host := serveMono(t)
	w := start(t, setup{Vars: vars(), Host: host})
	elsewhere := native(t, host)
	spec := gosub(t, vanity.Config{URL: gitHost + "/acme/mono", Directory: "libs/tool", Tags: "tool-*"})
	for _, tt := range []struct{ base, module string }{
		{"/go", "go.acme.dev/tool"},
		{spec, "go.acme.dev/tool"},
		{gosub(t, vanity.Config{URL: gitHost + "/acme/mono"}), "go.acme.dev/mono"},
	} {
		var versions [2][]string
		var downloads [2][]string
		for i, url := range []string{elsewhere, w.URL} {
			g := gocmd.New(t)
			g.Proxy(url + tt.base)
			versions[i] = g.Versions(tt.module)
			for _, query := range []string{"latest", "HEAD"} {
				d := g.Download(tt.module + "@" + query)
				downloads[i] = append(downloads[i], d.Version, d.Sum, d.GoModSum)
			}
		}
		if diff := cmp.Diff(versions[0], versions[1]); diff != "" || len(versions[0]) == 0 {
			t.Errorf("%s: versions (-elsewhere +Worker):\n%s", tt.base, diff)
		}
		if diff := cmp.Diff(downloads[0], downloads[1]); diff != "" {
			t.Errorf("%s: downloads (-elsewhere +Worker):\n%s", tt.base, diff)
		}
	}
}

// What else is asked has the same answers, too.
func TestAnswers(t *testing.T) {
	host := serveMono(t)
	w := start(t, setup{Vars: vars(), Host: host})
	elsewhere := native(t, host)
	spec := gosub(t, vanity.Config{URL: gitHost + "/acme/mono", Directory: "libs/tool", Tags: "tool-*"})
	const zip = "/go/go.acme.dev/tool/@v/v1.1.0.zip"
	etag := ask(t, http.MethodHead, elsewhere+zip).Header.Get("ETag")
	for _, tt := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"GET", "/tool?go-get=1", nil, 200},
		{"GET", "/tool", nil, 200},
		{"HEAD", "/tool", nil, 200},
		{"GET", "/", nil, 200},
		{"GET", "/other?go-get=1", nil, 404},
		{"GET", "/go/go.acme.dev/tool/@v/list", nil, 200},
		{"GET", "/go/go.acme.dev/tool/@latest", nil, 200},
		{"GET", "/go/go.acme.dev/tool/@v/v1.0.0.info", nil, 200},
		{"GET", "/go/go.acme.dev/tool/@v/v1.0.0.mod", nil, 200},
		{"GET", zip, nil, 200},
		{"HEAD", zip, nil, 200},
		{"GET", zip, []string{"Range", "bytes=10-19"}, 206},
		{"GET", zip, []string{"Range", "bytes=999999-"}, 416},
		{"HEAD", zip, []string{"Range", "bytes=10-19"}, 206},
		{"GET", zip, []string{"If-None-Match", etag}, 304},
		{"GET", zip, []string{"If-Match", `"other"`}, 412},
		{"POST", zip, nil, 405},
		{"GET", "/go/go.acme.dev/tool/@v/v9.0.0.info", nil, 404},
		{"GET", "/go/go.acme.dev/!x/@v/list", nil, 404},
		{"GET", "/go/go.acme.dev/tool/@v/v1.0.0.info?x=%2F;y", nil, 200},
		{"GET", spec + "/go.acme.dev/tool/@v/list", nil, 200},
		{"GET", strings.ReplaceAll(spec, "%2F", "%2f") + "/go.acme.dev/tool/@v/list", nil, 200},
		{"GET", "/gosub/git.example.test/acme/none/go.acme.dev/tool/@v/list", nil, 404},
		{"GET", "/gosub/127.0.0.1/acme/mono/go.acme.dev/tool/@v/list", nil, 404},
		{"GET", "/gosub/elsewhere.example.test/acme/mono/go.acme.dev/tool/@v/list", nil, 404},
		{"GET", "/gosub/", nil, 200},
		{"GET", "/gosub/?repo=https%3A%2F%2Fgit.example.test%2Facme%2Fmono&dir=libs%2Ftool&tags=tool-*", nil, 200},
	} {
		name := tt.method + " " + tt.path
		want, got := ask(t, tt.method, elsewhere+tt.path, tt.headers...), ask(t, tt.method, w.URL+tt.path, tt.headers...)
		if want.Status != tt.status {
			t.Errorf("%s: status %d elsewhere, want %d: %s", name, want.Status, tt.status, want.Body)
		}
		for _, header := range []http.Header{want.Header, got.Header} {
			for _, own := range []string{"Date", "Transfer-Encoding", "Cf-Cache-Status"} {
				header.Del(own)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-elsewhere +Worker):\n%s", name, diff)
		}
	}
}
