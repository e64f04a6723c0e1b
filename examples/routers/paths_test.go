package main

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
)

// A target is what a request asks for, and what it says besides.
type target struct {
	method, path string
	header       []string
}

func get(path string, header ...string) target  { return target{http.MethodGet, path, header} }
func head(path string, header ...string) target { return target{http.MethodHead, path, header} }

// goproxyTargets are requests to a Goproxy at a base, the first for what is there.
func goproxyTargets(base string) []target {
	tool, draw := base+"/go.acme.dev/tool/@v/", base+"/go.acme.dev/libs/!draw/@v/"
	return []target{
		get(tool + "list"), head(tool + "list"), get(base + "/go.acme.dev/tool/@latest"),
		get(tool + "v1.1.0.info"), get(tool + "v1.1.0.mod"), get(tool + "v1.1.0.zip"), head(tool + "v1.1.0.zip"),
		get(tool + "v9.0.0.info"), get(tool + "v1.1.0%2Bincompatible.info"), get(tool + "list/"), get(tool + "%6cist"),

		get(draw + "list"), get(draw + "v1.0.0.zip"),
		get(base + "/go.acme.dev/libs/%21draw/@v/list"),
		get(base + "/go.acme.dev%2Flibs%2F!draw/%40v/list"),
		get(base + "/go.acme.dev/libs/Draw/@v/list"),
		get(base + "/go.acme.dev/x%2F..%2Ftool/@v/list"),
		get(base + "/go.acme.dev/tool%2F%2F/@v/list"),
		get(base + "//go.acme.dev/tool/@v/list"),
		get(base + "/go.acme.dev/./tool/@v/list"),
		get(base + "/go.acme.dev/x/../tool/@v/list"),

		get(tool+"v1.1.0.zip", "Range: bytes=2-9"),
		get(tool+"v1.1.0.zip", "Range: bytes=-5"),
		head(tool+"v1.1.0.zip", "Range: bytes=0-1"),
		get(tool+"v1.1.0.zip", "Range: bytes=9999999-"),
		get(tool+"v1.1.0.zip", "If-None-Match: *"),
		get(tool+"v1.1.0.zip", `If-Match: "x"`),
		get(tool+"v1.0.0.zip", "Disable-Module-Fetch: true"),
		{http.MethodPost, tool + "list", []string{"Content-Length: 0"}},
	}
}

// gosubTargets are requests to a Gosub at a base, the first for what is there.
func gosubTargets(t *testing.T, base string) (list []target) {
	for _, version := range []string{"list", "v1.0.0.info", "v1.0.0.zip"} {
		list = append(list, get(base+"/"+spec(t, odd)+"/go.acme.dev/!odd/@v/"+version))
	}
	for _, s := range []string{
		"acme/mono:d=tool&p=tool-;",
		"acme/mono:d=libs%2FDraw&p=libs%2FDraw%2Fv;",
		"acme/mono:d=libs/Draw&p=libs/Draw/v;",
		"acme/mono%3Ad=libs%2FDraw%26p=libs%2FDraw%2Fv%3B",
		"acme/mono:d=odd%2Fa%2Bb+%26+c%3Bd%3De&p=a%2Bb%26&s=%3Bc%3D%25;",
		"acme/mono:d=odd%2Fa%2Bb%20%26%20c%3Bd%3De&p=a%2Bb%26&s=%3Bc%3D%25;",
		"acme/mono:d=odd%2fa%2bb+%26+c%3bd%3de&p=a%2bb%26&s=%3bc%3d%25;",
		"acme/mono:d=odd%252Fa;", "acme/mono:d=%C3%A9%F0%9F%90%B9;", "acme/mono:d=é;", "acme/mono:d=a;b;", "acme/mono:d=a?b;", "acme/mono:d=a%3Fb%23;",
		"acme/mono:d=a%2F%2Fb;", "acme/mono:d=..%2F..%2Fx;", "acme/mono:d=%2E%2E;", "acme/mono:d=a//b;", "acme/../mono;", "acme/mono:d=%5C;",
		"acme/mono:d=%;", "acme/mono:d=%zz;", "acme/mono:d=a%00b;",
		"acme/mono:d=" + strings.Repeat("x", 6000) + ";",
	} {
		list = append(list, get(base+"/github.com/"+s+"/go.acme.dev/libs/!draw/@v/list"), get(base+"/github.com/"+s+"/go.acme.dev/!odd/@latest"))
	}
	list = append(list, get(base+"/evil.test/acme/mono;/go.acme.dev/tool/@v/list"), get(base+"/x"))
	return append(list, get(base+"/"), head(base+"/"), get(base+"/?repo=https%3A%2F%2Fgithub.com%2Facme%2Fmono&dir=tool&tags=tool-*"))
}

// atBase are requests to the bases themselves: the go command's probe, and people's for the form.
var atBase = []target{
	get("/go"), head("/go"), get("/go/"), head("/go/"), get("/go?go-get=1"),
	get("/gosub"), head("/gosub"), get("/gosub?dir=tool&tags=tool-*"), get("/gosub?go-get=1"),
}

// pageTargets are requests to a Meta, beside other things.
var pageTargets = []target{
	get("/tool?go-get=1"), head("/tool?go-get=1"), get("/tool/?go-get=1"), get("/tool/sub?go-get=1"), get("/tool/sub/v2?x=y&go-get=1"), get("/Tool?go-get=1"),
	get("/libs/Draw?go-get=1"), get("/libs/%44raw?go-get=1"), get("/libs/x+y~z?go-get=1"), get("/libs%2FDraw?go-get=1"), get("/libs/!draw?go-get=1"),
	get("/Gosub?go-get=1"), get("/Gosub/x?go-get=1"), get("/gopher?go-get=1"), get("/gosubs?go-get=1"), get("/nothing/at/all"),
	get("/"), get("/?go-get=1"), get("/tool"), get("/libs"), get("/GO/go.acme.dev/tool/@v/lis"),
	get("/tool?go-get=1", "If-None-Match: *"), get("/tool/info/refs?service=git-upload-pack"), get("/tool/-/src/v1.0.0/tool.go"),
	{http.MethodPost, "/tool?go-get=1", []string{"Content-Length: 0"}},
}

// differs says how a router answers by itself, if it does.
func differs(router string, l layout, r target) (status int, ok bool) {
	escaped, _, _ := strings.Cut(r.path, "?")
	isAtBase := l.goproxy == "/go" && (escaped == "/go" || escaped == "/gosub")
	_, err := url.PathUnescape(escaped)
	switch {
	case router == "nethttp" && (isAtBase || strings.TrimSuffix(path.Clean(escaped), "/") != strings.TrimSuffix(escaped, "/")):
		return http.StatusTemporaryRedirect, true // which the go command follows, and never gets but at the base
	case router == "httprouter" && r.method == http.MethodPost && strings.HasPrefix(escaped, "/go/"):
		return http.StatusMethodNotAllowed, true
	case router == "fiber" && err != nil:
		return http.StatusBadRequest, true // in words of its own
	}
	return 0, false
}

// TestPaths has every router answer what the handlers would without it, to the byte.
func TestPaths(t *testing.T) {
	t.Parallel()
	host, site := newGithub(t), testSite()
	for where, l := range layouts {
		var targets []target
		if l.goproxy != "-" {
			targets = append(targets, goproxyTargets(l.goproxy)...)
		}
		if l.gosub != "-" {
			targets = append(targets, gosubTargets(t, l.gosub)...)
		}
		if l.goproxy == "/go" {
			targets = append(targets, atBase...)
		}
		if l.pages {
			targets = append(targets, pageTargets...)
		}
		bare := start(t, l.bare(site, host.options()...))
		for name, b := range builds {
			t.Run(where+"/"+name, func(t *testing.T) {
				at := start(t, l.router(b, site, host.options()...))
				if got := ask(t, at, "GET", "/healthz"); got.Status != 200 || got.Body != "ok\n" {
					t.Errorf("the program's own path: %v", got)
				}
				router := name
				if where == "in front" {
					router = "" // which has no say
				}
				compare(t, router, l, bare, at, targets)
			})
		}
	}
}
