package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// sums are what go.sum has of a version.
type sums struct{ version, zip, mod string }

// TestGo leads the go command through every router, with GOPROXY set and by discovery.
func TestGo(t *testing.T) {
	t.Parallel()
	host, site := newGithub(t), testSite()
	want := direct(t)
	want["golang.org/x/mod"] = sums{host.mod.Version, host.mod.Sum, host.mod.GoModSum} // which the world knows
	xmod := vanity.Config{URL: "https://github.com/golang/mod", Module: "golang.org/x/mod"}
	for where, l := range layouts {
		for name, b := range builds {
			t.Run(where+"/"+name, func(t *testing.T) {
				t.Parallel()
				at := start(t, l.router(b, site, host.options()...))
				var proxies, own, others []string
				if l.goproxy != "-" {
					proxies = append(proxies, at+l.goproxy)
					own = []string{"go.acme.dev/tool@latest", "go.acme.dev/libs/Draw@v1.0.0"}
				}
				if l.gosub != "-" {
					proxies = append(proxies, at+l.gosub+"/"+spec(t, odd), at+l.gosub+"/"+spec(t, xmod))
					others = []string{"go.acme.dev/Odd@latest", "golang.org/x/mod@latest"}
				}
				g := gocmd.New(t)
				g.Proxy(strings.Join(proxies, ","))
				download(t, g, want, append(own, others...)...)
				if own == nil {
					return
				}
				if got := g.Versions("go.acme.dev/tool"); !cmp.Equal(got, []string{"v1.0.0", "v1.1.0"}) {
					t.Errorf("versions: %q", got)
				}
				g = gocmd.New(t, gocmd.DiscoveryTLS(t, behind(t, at))...)
				g.Proxy("direct")
				download(t, g, want, own...)
			})
		}
	}
}

// download wants modules to have these sums.
func download(t *testing.T, g *gocmd.Go, want map[string]sums, queries ...string) {
	t.Helper()
	for _, d := range g.DownloadAll(queries...) {
		if got := (sums{d.Version, d.Sum, d.GoModSum}); d.Error != "" || got != want[d.Path] {
			t.Errorf("%s: %+v, %s; want %+v", d.Path, got, d.Error, want[d.Path])
		}
	}
}

// behind is the TLS server that stands in front of ours, and hands on the host's name.
func behind(t *testing.T, at string) http.Handler {
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = r.In.Host
	}}
}

// direct are the sums of what mono has, as the go command itself computes them, from repositories with the same files where it
// looks for them.
func direct(t *testing.T) map[string]sums {
	t.Helper()
	repos := map[string]*gittest.Repo{}
	_, files, _ := strings.Cut(mono, "\n-- ")
	for name, at := range map[string]struct{ dir, version string }{"tool": {"tool", "v1.1.0"}, "Draw": {"libs/Draw", "v1.0.0"}, "Odd": {odd.Directory, "v1.0.0"}} {
		repos["acme/"+name] = gittest.New(t, fmt.Sprintf("write %q\ncommit one\ntag %s\n-- %s", at.dir, at.version, files))
	}
	github := gittest.Serve(t, gittest.AllFilters, repos)
	hosts := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "github.com" {
			github.Handler().ServeHTTP(w, r)
			return
		}
		name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		fmt.Fprintf(w, `<meta name="go-import" content="go.acme.dev%s git https://github.com/acme/%s">`, r.URL.Path, name)
	})
	g := gocmd.New(t, gocmd.DiscoveryTLS(t, hosts)...)
	g.Proxy("direct")
	list := map[string]sums{}
	for _, d := range g.DownloadAll("go.acme.dev/tool@latest", "go.acme.dev/libs/Draw@latest", "go.acme.dev/Odd@latest") {
		if d.Error != "" {
			t.Fatalf("%s: %s", d.Path, d.Error)
		}
		list[d.Path] = sums{d.Version, d.Sum, d.GoModSum}
	}
	return list
}
