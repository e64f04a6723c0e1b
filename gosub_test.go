package vanity_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// trusting are the options of a Gosub that reaches a test's server under the name git.acme.test.
func trusting(server *gittest.Server) []vanity.Option {
	return []vanity.Option{vanity.WithHosts("git.acme.test"), vanity.WithTrustedClient(server.Client()), quiet()}
}

func TestGosubRequests(t *testing.T) {
	repo := gittest.New(t, acme)
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	base := serve(t, vanity.Gosub("/go", trusting(server)...))
	const tool = "git.acme.test/acme/mono:d=libs%2Ftool&p=tool-;"
	const file = "/go.acme.test/!tool/@v/list"
	for _, tt := range []struct {
		name, path string
		status     int
		body       string
	}{
		{"a spec", tool + file, 200, "v1.0.0\nv1.1.0\nv1.2.0-rc.1\n"},
		{"with slashes, as some write it", "git.acme.test/acme/mono:d=libs/tool&p=tool-;" + file, 200, "v1.0.0\nv1.1.0\nv1.2.0-rc.1\n"},
		{"with a module", "git.acme.test/acme/mono:d=libs%2Ftool&m=go.acme.test%2FTool&p=tool-;" + file, 200, "v1.0.0\nv1.1.0\nv1.2.0-rc.1\n"},
		{"of another module", "git.acme.test/acme/mono:d=libs%2Ftool&m=go.acme.test%2Fother&p=tool-;" + file, 404, "not found: go.acme.test/Tool: no such module is served here\n"},
		{"a path that go.mod does not declare", tool + "/go.acme.test/!tool/sub/@v/list", 404, `declares its path as "go.acme.test/Tool"`},
		{"a version without a tag", tool + "/go.acme.test/!tool/@v/v1.9.0.info", 404, `the repository has no tag "tool-1.9.0"`},
		{"default tags", "git.acme.test/acme/mono:d=libs%2Ftool;" + file, 200, ""},
		{"no such repository", "git.acme.test/acme/none;" + file, 404, "no such repository"},
		{"another host", "github.com/acme/mono;" + file, 404, "repositories of github.com are not served here, only those of git.acme.test"},
		{"no spec", "x" + file, 404, "not found: "},
		{"no semicolon", "git.acme.test/acme/mono" + file, 404, "semicolon"},
		{"a directory that leads out", "git.acme.test/acme/mono:d=..%2F..;" + file, 404, "Directory"},
		{"a pattern that git can't hold", "git.acme.test/acme/mono:p=a%20b;" + file, 404, "Tags"},
		{"a port", "git.acme.test:444/acme/mono;" + file, 404, "not found: "},
		{"a local path", "/etc;" + file, 404, "not found: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := get(t, base+"/go/"+tt.path)
			if status != tt.status || !strings.Contains(body, tt.body) || tt.status != 200 && strings.Count(body, "\n") != 1 {
				t.Errorf("status %d, %q; want %d, %q", status, body, tt.status, tt.body)
			}
		})
	}
}

// TestGosubBase checks that the base is found however a client writes it.
func TestGosubBase(t *testing.T) {
	repo := gittest.New(t, acme)
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	const rest = "/git.acme.test/acme/mono:d=libs%2Ftool&p=tool-;/go.acme.test/!tool/@v/list"
	for _, tt := range []struct {
		base, path string
		status     int
	}{
		{"/(go)", "/(go)" + rest, 200},
		{"/(go)", "/%28go%29" + rest, 200},
		{"/a b/é", "/a%20b/%C3%A9" + rest, 200},
		{"/go", "/%67o" + rest, 200},
		{"", rest, 200},
		{"/a/go", "/a%2Fgo" + rest, 299},
		{"/go", "/gopher" + rest, 299},
		{"/go", rest, 299},
	} {
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(299) })
		base := serve(t, vanity.Gosub(tt.base, append(trusting(server), vanity.WithNext(next))...))
		if status, _, body := get(t, base+tt.path); status != tt.status {
			t.Errorf("base %q, %s: status %d, want %d: %s", tt.base, tt.path, status, tt.status, body)
		}
	}
}

// TestGosubSubpackage checks what gosub gets wrong: without a module path in the spec, a package below the module
// must not look like one.
func TestGosubSubpackage(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, acme)
	server := gittest.ServeTLS(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/mono": repo})
	g := gocmd.New(t)
	g.Use(vanity.Gosub("/", trusting(server)...), "/git.acme.test/acme/mono:d=libs%2Ftool&p=tool-;")
	g.Get("go.acme.test/Tool/sub")
	g.Get("go.acme.test/Tool/v2@latest")
	out := g.Run("list", "-m", "all")
	for _, want := range []string{"go.acme.test/Tool v1.1.0\n", "go.acme.test/Tool/v2 v2.0.0"} {
		if !strings.Contains(out+"\n", want) {
			t.Errorf("modules:\n%s\nwant %s", out, want)
		}
	}
}

// TestGosubGuard checks that whatever a name resolves to, no connection is made to this machine, and that a redirect
// leads nowhere else.
func TestGosubGuard(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:443")
	if err != nil {
		t.Skip("port 443 can't be had: ", err)
	}
	defer listener.Close()
	connected := make(chan bool, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
			connected <- true
		}
	}()
	for _, host := range []string{"localhost", "127.0.0.1", "localhost.localdomain"} {
		h := vanity.Gosub("", vanity.WithHosts(host), quiet(), vanity.WithTrustedClient(nil)) // nil is none, and lifts no guard
		base := serve(t, h)
		if status, _, body := get(t, base+"/"+host+"/o/r;/go.acme.test/x/@v/list"); status != 502 || !strings.Contains(body, "could not be reached") {
			t.Errorf("%s: status %d, %q", host, status, body)
		}
	}
	if len(connected) > 0 {
		t.Error("a connection was made")
	}
}

func TestGosubRedirects(t *testing.T) {
	repo := gittest.New(t, acme)
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	for _, tt := range []struct {
		target string
		status int
	}{
		{"https://git.acme.test/acme/mono", 200}, // a renamed repository
		{"https://evil.test/acme/mono", 502},
		{"http://git.acme.test/acme/mono", 502},
		{"https://git.acme.test:8443/acme/mono", 502},
		{"https://127.0.0.1/acme/mono", 502},
	} {
		server.Wrap(nil)
		server.Wrap(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if rest, ok := strings.CutPrefix(r.URL.Path, "/old"); ok {
					http.Redirect(w, r, tt.target+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
		server.Reset()
		base := serve(t, vanity.Gosub("", trusting(server)...))
		status, _, body := get(t, base+"/git.acme.test/old:d=libs%2Ftool&p=tool-;/go.acme.test/!tool/@v/list")
		if status != tt.status {
			t.Errorf("redirect to %s: status %d, %q; want %d", tt.target, status, body, tt.status)
		}
		for _, r := range server.Requests() {
			if r.Host != "git.acme.test" {
				t.Errorf("redirect to %s: a request to %s", tt.target, r.Host)
			}
		}
	}
}

type roundTripper struct{ http.RoundTripper }

// TestConstructorPanics checks that each fault of the program shows when a handler is made, with the function and the
// value in its text.
func TestConstructorPanics(t *testing.T) {
	good := vanity.Config{URL: "https://github.com/acme/mono", Module: "go.acme.test/tool"}
	site := vanity.Site{Host: "go.acme.test", Paths: map[string]vanity.Import{"tool": {Repo: "https://github.com/acme/tool"}}}
	for _, tt := range []struct {
		name string
		make func()
		want []string
	}{
		{"Goproxy with a bad config", func() {
			vanity.Goproxy("", vanity.Config{URL: "ftp://x/y", Module: "nope", Directory: "../x", Tags: "v*-*"})
		}, []string{"vanity: URL", "vanity: Module", "vanity: Directory", "vanity: Tags"}},
		{"Goproxy with a base without a slash", func() { vanity.Goproxy("go", good) }, []string{"vanity: Goproxy", `"go"`}},
		{"Goproxy with a base with dots", func() { vanity.Goproxy("/go/../x", good) }, []string{"vanity: Goproxy", `"/go/../x"`}},
		{"Goproxy with an empty element in its base", func() { vanity.Goproxy("//go", good) }, []string{`"//go"`}},
		{"Goproxy with a wildcard in its base", func() { vanity.Goproxy("/{go}/", good) }, []string{`"/{go}/"`}},
		{"Goproxy with hosts", func() { vanity.Goproxy("", good, vanity.WithHosts("github.com")) }, []string{"vanity: Goproxy: WithHosts"}},
		{"Meta with hosts", func() { vanity.Meta(site, vanity.WithHosts("github.com")) }, []string{"vanity: Meta: WithHosts"}},
		{"Meta with a bad site", func() { vanity.Meta(vanity.Site{}) }, []string{"vanity: "}},
		{"Gosub with a bad base", func() { vanity.Gosub("x/") }, []string{"vanity: Gosub", `"x/"`}},
		{"Gosub with no hosts", func() { vanity.Gosub("", vanity.WithHosts()) }, []string{"vanity: Gosub: WithHosts"}},
		{"Gosub with a URL for a host", func() { vanity.Gosub("", vanity.WithHosts("https://github.com")) }, []string{"vanity: Gosub: WithHosts", `"https://github.com"`}},
		{"Gosub with a port", func() { vanity.Gosub("", vanity.WithHosts("github.com:8080")) }, []string{"vanity: Gosub: WithHosts", `"github.com:8080"`}},
		{"Gosub with an address", func() { vanity.Gosub("", vanity.WithHosts("[::1]")) }, []string{"vanity: Gosub: WithHosts", `"[::1]"`}},
		{"Gosub with a wildcard", func() { vanity.Gosub("", vanity.WithHosts("*.acme.test")) }, []string{"vanity: Gosub: WithHosts"}},
		{"Gosub with a RoundTripper of the owner's", func() {
			vanity.Gosub("", vanity.WithClient(&http.Client{Transport: roundTripper{http.DefaultTransport}}))
		}, []string{"vanity: Gosub", "roundTripper", "WithTrustedClient"}},
		{"Gosub with a TLS dialler of the owner's", func() {
			dial := func(context.Context, string, string) (net.Conn, error) { return nil, nil }
			vanity.Gosub("", vanity.WithClient(&http.Client{Transport: &http.Transport{DialTLSContext: dial}}))
		}, []string{"vanity: Gosub", "DialTLS", "WithTrustedClient"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				if !ok {
					t.Fatalf("panicked with %v, not with an error", err)
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("panic %q does not say %q", err, want)
					}
				}
			}()
			tt.make()
		})
	}
}

// TestOptionTable goes through constructor × option: means are taken by all, guards only where they are enforced.
func TestOptionTable(t *testing.T) {
	constructors := map[string]func(...vanity.Option) http.Handler{
		"Goproxy": func(o ...vanity.Option) http.Handler {
			return vanity.Goproxy("", vanity.Config{URL: "https://github.com/acme/mono"}, o...)
		},
		"GoproxyFunc": func(o ...vanity.Option) http.Handler {
			return vanity.GoproxyFunc("", func(context.Context, string) (vanity.Config, error) { return vanity.Config{}, fs.ErrNotExist }, o...)
		},
		"Gosub": func(o ...vanity.Option) http.Handler { return vanity.Gosub("", o...) },
		"Meta": func(o ...vanity.Option) http.Handler {
			return vanity.Meta(vanity.Site{Host: "go.acme.test", Paths: map[string]vanity.Import{"": {Repo: "https://github.com/acme/x"}}}, o...)
		},
	}
	const all = "Goproxy GoproxyFunc Gosub Meta"
	for option, tt := range map[string]struct {
		option vanity.Option
		takers string
	}{
		"none":              {nil, all},
		"WithNext":          {vanity.WithNext(http.NotFoundHandler()), all},
		"WithClient":        {vanity.WithClient(&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{}}}), all},
		"WithTrustedClient": {vanity.WithTrustedClient(&http.Client{Transport: roundTripper{}}), all},
		"WithLogger":        {quiet(), all},
		"WithHosts":         {vanity.WithHosts("github.com"), "Gosub"},
	} {
		for name, make := range constructors {
			panicked := func() (p any) {
				defer func() { p = recover() }()
				make(tt.option)
				return nil
			}()
			if takes := panicked == nil; takes != slices.Contains(strings.Fields(tt.takers), name) {
				t.Errorf("%s with %s: %v", name, option, panicked)
			}
			if err, ok := panicked.(error); panicked != nil && (!ok || !strings.HasPrefix(err.Error(), "vanity: "+name+": "+option+" can't be enforced here: it is for ")) {
				t.Errorf("%s with %s panics with %v", name, option, panicked)
			}
		}
	}
}

// TestClientUnchanged checks that Gosub guards a copy.
func TestClientUnchanged(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}
	before := fmt.Sprintf("%p %v", client.Transport, client.CheckRedirect == nil)
	vanity.Gosub("", vanity.WithClient(client))
	if after := fmt.Sprintf("%p %v", client.Transport, client.CheckRedirect == nil); after != before {
		t.Errorf("the client was %s, is %s", before, after)
	}
	if client.Transport.(*http.Transport).Proxy == nil {
		t.Error("the client lost its HTTP proxy")
	}
}
