package vanity_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
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

// takes reports whether a Gosub takes a spec, without asking a host, and what it says if not.
func takes(t testing.TB, h http.Handler, spec string) (ok bool, body string) {
	t.Helper()
	r := request(t, http.MethodGet, "http://go.acme.test/"+spec+"/go.acme.test/x/@v/v1.0.0.info")
	r.Header.Set("Disable-Module-Fetch", "true")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	body = rec.Body.String()
	if rec.Code != 404 {
		t.Errorf("%s: status %d, %q", spec, rec.Code, body)
	}
	return strings.Contains(body, "has not stored it"), body
}

func TestGosubHosts(t *testing.T) {
	const defaults = "github.com, gitlab.com, bitbucket.org, codeberg.org, git.sr.ht"
	for _, tt := range []struct {
		hosts string // separated by commas; if empty, none are named
		spec  string
		want  string // what the answer says if the repository is not served
	}{
		{"", "github.com/o/r;", ""},
		{"", "GitHub.com/o/r;", ""},
		{"", "gitlab.com/g/sub/r;", ""},
		{"", "bitbucket.org/o/r;", ""},
		{"", "codeberg.org/o/r;", ""},
		{"", "git.sr.ht/~o/r;", ""},
		{"", "git.acme.test/o/r;", "repositories of git.acme.test are not served here, only those of " + defaults + "\n"},
		{"", "gist.github.com/o/r;", "repositories of gist.github.com are not served"},
		{"", "github.com.evil.test/o/r;", "repositories of github.com.evil.test are not served"},
		{"", "evil.test/github.com/r;", "repositories of evil.test are not served"},

		{"Git.Acme.test", "git.acme.test/any/thing;", ""},
		{"git.acme.test/*", "git.acme.test/any/thing;", ""},
		{"git.acme.test", "github.com/o/r;", "repositories of github.com are not served here, only those of git.acme.test\n"},

		{"github.com/acme/*", "github.com/acme/x;", ""},
		{"github.com/acme/*", "github.com/Acme/X.git;", ""},
		{"github.com/ACME/*", "github.com/acme/x;", ""},
		{"github.com/acme/*", "github.com/acm%65/x;", ""},
		{"github.com/acme/*", "github.com/other/x;", `the repository "github.com/other/x" is not served here, only those of github.com/acme/*` + "\n"},
		{"github.com/acme/*", "github.com/acme-inc/x;", "is not served here"},
		{"github.com/acme/*", "github.com/acme;", "want https://github.com/OWNER/REPO"},
		{"github.com/acme/*", "github.com/acme%2Fx/y;", "OWNER/REPO"},
		{"github.com/acme/*", "github.com/%E2%84%AAacme/x;", "is not served here"},
		{"github.com/kacme/*", "github.com/%E2%84%AAacme/x;", "is not served here"}, // the Kelvin sign, whose lower case is k
		{"github.com/acme/*", "gitlab.com/acme/x;", "repositories of gitlab.com are not served"},

		{"gitlab.com/acme/*", "gitlab.com/acme/x;", ""},
		{"gitlab.com/acme/*", "gitlab.com/acme/group/sub/x;", ""},
		{"gitlab.com/acme/group/*", "gitlab.com/acme/x;", "is not served here"},
		{"gitlab.com/acme/group/*", "gitlab.com/acme/group;", "is not served here"},

		{"github.com/acme/x", "github.com/acme/x;", ""},
		{"github.com/acme/x.git", "github.com/acme/x;", ""},
		{"github.com/acme/x", "github.com/acme/x.git;", ""},
		{"github.com/acme/x", "github.com/acme/x.git.git;", "is not served here"},
		{"github.com/acme/x", "github.com/acme/xy;", "is not served here"},
		{"git.acme.test/x", "git.acme.test/x/y;", "is not served here"},

		// Where the case of letters may make a difference.
		{"git.sr.ht/~acme/*", "git.sr.ht/~acme/x;", ""},
		{"git.sr.ht/%7Eacme/*", "git.sr.ht/~acme/x;", ""},
		{"git.sr.ht/~acme/*", "git.sr.ht/~Acme/x;", "is not served here"},
		{"git.acme.test/team/*", "git.acme.test/Team/x;", "is not served here"},
		{"git.acme.test/My Team/*", "git.acme.test/My%20Team/x;", ""},

		{"github.com/acme/*,git.acme.test", "git.acme.test/x;", ""},
		{"github.com/acme/*,github.com/other/x", "github.com/other/x;", ""},
		{"github.com/acme/*,github.com/other/x", "github.com/other/y;", "only those of github.com/acme/*, github.com/other/x"},
		{strings.Repeat("github.com/acme/*,", 49) + "github.com/acme/x", "github.com/o/r;", ", 30 more"},
	} {
		opts := []vanity.Option{quiet()}
		if tt.hosts != "" {
			opts = append(opts, vanity.WithHosts(strings.Split(tt.hosts, ",")...))
		}
		ok, body := takes(t, vanity.Gosub("", opts...), tt.spec)
		if ok != (tt.want == "") || !strings.Contains(body, tt.want) {
			t.Errorf("hosts %q, spec %s: %q, want %q", tt.hosts, tt.spec, body, tt.want)
		}
	}
}

func TestGosubRedirects(t *testing.T) {
	repo := gittest.New(t, acme)
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo, "other/mono": repo})
	const host, team, moved = "git.acme.test", "git.acme.test/old/*", "https://git.acme.test/acme/mono"
	for _, tt := range []struct {
		hosts, target string
		status        int
	}{
		{host, moved, 200}, // a renamed repository
		{host, "https://evil.test/acme/mono", 502},
		{host, "http://git.acme.test/acme/mono", 502},
		{host, "https://git.acme.test:8443/acme/mono", 502},
		{host, "https://127.0.0.1/acme/mono", 502},
		{host, "https://[::1]/acme/mono", 502},
		{host, "https://2130706433/acme/mono", 502},
		{host, "https://localhost/acme/mono", 502},
		{host, "https://git.acme.test./acme/mono", 502},
		{host, "//evil.test/acme/mono", 502},

		{team + " git.acme.test/acme/*", moved, 200},
		{team + " git.acme.test/acme/*", moved + ".git", 200},
		{team + " git.acme.test/acme/mono", moved, 200},
		{team + " git.acme.test/acme/mono", "https://git.acme.test:443/acme/mono", 200},
		{team + " git.acme.test/acme/mono", "/acme/mono", 200},
		{team, moved, 502},
		{team, "/acme/mono", 502},
		{team, "../../../acme/mono", 502},
		{team, "https://git.acme.test/old/../acme/mono", 502},
		{team, "https://git.acme.test/old/%2e%2e/acme/mono", 502},
		{team, "https://git.acme.test/old%2f..%2facme/mono", 502},
		{team, "https://git.acme.test/old/..;/acme/mono", 502},
		{team, `https://git.acme.test/old/..\acme/mono`, 502},
		{team, "https://git.acme.test//old/mono", 502},
		{team, "https://git.acme.test/Old/mono", 502},
		{team, "https://user@git.acme.test/acme/mono", 502},
		{team, "https://git.acme.test/acme/mono/info/refs?old=", 502},
	} {
		server.Wrap(nil)
		server.Wrap(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if rest, ok := strings.CutPrefix(r.URL.Path, "/old/tool"); ok {
					w.Header().Set("Location", tt.target+rest+"?"+r.URL.RawQuery)
					w.WriteHeader(http.StatusMovedPermanently)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
		server.Reset()
		hosts := vanity.WithHosts(strings.Fields(tt.hosts)...)
		base := serve(t, vanity.Gosub("", append(trusting(server), hosts)...))
		status, _, body := get(t, base+"/git.acme.test/old/tool:d=libs%2Ftool&p=tool-;/go.acme.test/!tool/@v/list")
		if status != tt.status {
			t.Errorf("%s, redirect to %s: status %d, %q; want %d", tt.hosts, tt.target, status, body, tt.status)
		}
		for _, r := range server.Requests() {
			if name, _, _ := strings.Cut(r.Host, ":"); name != "git.acme.test" || tt.status != 200 && !strings.HasPrefix(r.Path, "/old/tool") {
				t.Errorf("%s, redirect to %s: a request to %s%s", tt.hosts, tt.target, r.Host, r.Path)
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
		{"Gosub with a wildcard in a path", func() { vanity.Gosub("", vanity.WithHosts("git.acme.test/*/x")) }, []string{"vanity: Gosub: WithHosts", `"*" stands at the end alone`}},
		{"Gosub with part of an element", func() { vanity.Gosub("", vanity.WithHosts("git.acme.test/acme*")) }, []string{"vanity: Gosub: WithHosts", `"*" stands at the end alone`}},
		{"Gosub with an owner", func() { vanity.Gosub("", vanity.WithHosts("github.com/acme")) }, []string{"vanity: Gosub: WithHosts", `"github.com/acme"`, "HOST/PATH/*"}},
		{"Gosub with a directory", func() { vanity.Gosub("", vanity.WithHosts("github.com/acme/mono/*")) }, []string{"vanity: Gosub: WithHosts", "OWNER/REPO"}},
		{"Gosub with a slash too many", func() { vanity.Gosub("", vanity.WithHosts("git.acme.test/acme/")) }, []string{"vanity: Gosub: WithHosts"}},
		{"Gosub with dots", func() { vanity.Gosub("", vanity.WithHosts("git.acme.test/a/../*")) }, []string{"vanity: Gosub: WithHosts", `".."`}},
		{"Gosub with a path that no spec can hold", func() { vanity.Gosub("", vanity.WithHosts("git.acme.test/a:b/*")) }, []string{"vanity: Gosub: WithHosts", "spec"}},
		{"Gosub with credentials", func() { vanity.Gosub("", vanity.WithHosts("u:p@git.acme.test")) }, []string{"vanity: Gosub: WithHosts"}},
		{"Gosub with a seal, but no key", func() { vanity.Gosub("", vanity.WithSeal()) }, []string{"vanity: WithSeal: no key"}},
		{"Gosub with no keys", func() { vanity.Gosub("", vanity.WithSeal([][]byte{}...)) }, []string{"vanity: WithSeal: no key"}},
		{"Gosub with an empty key", func() { vanity.Gosub("", vanity.WithSeal(nil)) }, []string{"vanity: WithSeal: the key has 0 bytes"}},
		{"Gosub with a short key", func() { vanity.Gosub("", vanity.WithSeal(sealKeys[0], sealKeys[1][:15])) }, []string{"vanity: WithSeal: the key has 15 bytes: want 16 at least"}},
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
		"WithSeal":          {vanity.WithSeal(sealKeys[0]), "Gosub"},
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
