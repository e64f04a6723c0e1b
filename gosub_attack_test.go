package vanity_test

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

const attackFile = "/go.acme.test/!tool/@v/list"

// A resolved are the names that were looked up, all of which are at the same addresses.
type resolved struct {
	mu    sync.Mutex
	addrs []netip.Addr
	names map[string]bool
}

// resolve has every name resolve to addrs, until the end of the test.
func resolve(t *testing.T, addrs ...string) *resolved {
	t.Helper()
	r := &resolved{names: make(map[string]bool)}
	r.set(addrs...)
	gittest.AnswerNames(t, func(name string) []netip.Addr {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names[name] = true
		return r.addrs
	})
	return r
}

func (r *resolved) set(addrs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addrs = nil
	for _, addr := range addrs {
		r.addrs = append(r.addrs, netip.MustParseAddr(addr))
	}
}

// take gives the names that were looked up since the last time.
func (r *resolved) take() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.names
	r.names = make(map[string]bool)
	return names
}

// attack asks a handler for a path as it stands. No answer is long, has more lines than one or repeats control characters.
func attack(t *testing.T, h http.Handler, escaped string) (status int, body string) {
	t.Helper()
	u := &url.URL{RawPath: escaped}
	var err error
	if u.Path, err = url.PathUnescape(escaped); err != nil {
		t.Fatalf("%.100q: %v", escaped, err)
	}
	if u.EscapedPath() != escaped {
		t.Fatalf("%.100q comes as %.100q", escaped, u.EscapedPath())
	}
	r := httptest.NewRequest(http.MethodGet, "http://go.acme.test/", nil)
	r.URL = u
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	body = strings.TrimSuffix(rec.Body.String(), "\n")
	if len(body) > 1500 || rec.Code != 200 && strings.ContainsFunc(body, unicode.IsControl) {
		t.Errorf("%.100q: the answer has %d bytes: %.2000q", escaped, len(body), body)
	}
	return rec.Code, body
}

// TestAttackHosts writes in a spec what leads to this machine and its neighbours, or into a request's other lines.
func TestAttackHosts(t *testing.T) {
	names := resolve(t, "127.0.0.1")
	const (
		notServed = "are not served here, only those of github.com, gitlab.com"
		noName    = "begins with no host name"
		noRepo    = "names no repository"
	)
	h := vanity.Gosub("", quiet())
	for _, tt := range []struct{ host, want string }{
		{"127.0.0.1", notServed},
		{"2130706433", notServed},
		{"017700000001", notServed},
		{"0177.0.0.1", notServed},
		{"0x7f.0.0.1", notServed},
		{"0x7f000001", notServed},
		{"127.1", notServed},
		{"10.0.0.1", notServed},
		{"169.254.169.254", notServed},
		{"localhost", notServed},
		{"LOCALHOST", notServed},
		{"metadata.google.internal", notServed},
		{"xn--ggithub-9za.com", notServed},
		{"github.com.127.0.0.1.nip.io", notServed},
		{"127.0.0.1.", noName},
		{"localhost.", noName},
		{"github.com.", noName},
		{"github.com%2E", noName},
		{"[::1]", noRepo},
		{"%5B::1%5D", noRepo},
		{"%5B%3A%3A1%5D", noRepo},
		{"%5B%3A%3Affff%3A127.0.0.1%5D", noRepo},
		{"::1", noRepo},
		{"127.0.0.1:443", noRepo},
		{"github.com:443@127.0.0.1", noRepo},
		{"github.com%3A443", noRepo},
		{"github.com@127.0.0.1", noName},
		{"github.com%40127.0.0.1", noName},
		{"u%3Ap@github.com", noRepo},
		{"127.0.0.1%23github.com", noName},
		{"127.0.0.1%3Fgithub.com", noName},
		{"github.com%5C@127.0.0.1", noName},
		{"github.com%5C.evil.test", noName},
		{"github.com%00.evil.test", noName},
		{"github.com%0D%0AHost:%20evil.test", noRepo},
		{"github.com%0D%0A", noName},
		{"github.com%09", noName},
		{"%20github.com", noName},
		{"g%C4%B1thub.com", noName},    // a dotless i
		{"%EF%BD%87ithub.com", noName}, // a wide g
		{"", notServed},                // of a host acme,
		{"//github.com", noName},
		{".", noName},
		{"..", noName},
		{"%2e%2e", noName},
		{"https:/", "begins with a scheme"},
		{strings.Repeat("a", 254), noName},
	} {
		spec := "/" + tt.host + "/acme/mono;"
		status, body := attack(t, h, spec+attackFile)
		if status != 404 || !strings.Contains(body, tt.want) {
			t.Errorf("%s: status %d, %q; want %q", spec, status, body, tt.want)
		}
	}
	if asked := names.take(); len(asked) > 0 {
		t.Errorf("names were looked up: %v", asked)
	}
}

// TestAttackFields writes in each field of a spec what means something to a path, a URL, a request or a terminal. What is
// not refused gets no further than the repositories of the team.
func TestAttackFields(t *testing.T) {
	server := gittest.ServeTLS(t, gittest.AllFilters, nil)
	h := vanity.Gosub("", append(trusting(server), vanity.WithHosts("git.acme.test/acme/*"))...)
	reached := 0
	for _, payload := range []string{
		"..", "../..", "../../../etc/passwd", "a/../../b", "%2e%2e", "%2e%2e%2fother", "..%00", "..;", "/etc/passwd", "//evil.test", "a//b",
		"https://evil.test/x", "@evil.test", ":80", ":443/x", "?x=y", "#x", ";x", "&x=y", "\r\nHost: evil.test", "\r", "\n\n", "\x00", "\x1b[2J", "\x7f",
		`\`, `..\..`, `\\evil.test\x`, "*", "**", "[", "~", "^{}", "@{-1}", "HEAD", "-x", "--upload-pack=x", "refs/heads/x", ".git", ".git/config", "a.lock",
		" ", "\xff\xfe", "\u2028", "\u202e", "<script>", "${x}", "{x}", "%", "%zz", strings.Repeat("a/", 2500), strings.Repeat("..", 2500),
	} {
		value, elem := url.QueryEscape(payload), url.PathEscape(payload)
		for _, spec := range []string{
			elem + "/acme/mono;",
			"git.acme.test" + elem + "/acme/mono;",
			"git.acme.test/" + elem + "/mono;",
			"git.acme.test/acme/" + elem + ";",
			"git.acme.test/acme/mono" + elem + ";",
			"git.acme.test/acme/mono/" + elem + ";",
			"git.acme.test/acme/" + strings.ReplaceAll(elem, "%2F", "/") + "/mono;",
			"git.acme.test/acme/mono:d=" + value + ";",
			"git.acme.test/acme/mono:m=" + value + ";",
			"git.acme.test/acme/mono:p=" + value + ";",
			"git.acme.test/acme/mono:s=" + value + ";",
			"git.acme.test/acme/mono:x=" + value + ";",
			"git.acme.test/acme/mono:" + value + "=x;",
		} {
			server.Reset()
			if status, body := attack(t, h, "/"+spec+attackFile); status != 404 {
				t.Errorf("%q: status %d, %q", spec, status, body)
			}
			for _, r := range server.Requests() {
				reached++
				file, query := "/info/refs", "service=git-upload-pack"
				if r.Command() == "ls-refs" {
					file, query = "/git-upload-pack", ""
				}
				if r.Host != "git.acme.test" || !strings.HasPrefix(r.Path, "/acme/") || path.Clean(r.Path) != r.Path || !strings.HasSuffix(r.Path, file) {
					t.Errorf("%q: a request to %s%s", spec, r.Host, r.Path)
				}
				if got := r.Query.Encode(); got != query {
					t.Errorf("%q: a request with the query %q", spec, got)
				}
			}
		}
	}
	if reached == 0 {
		t.Error("no request came to the server: the test shows nothing")
	}
}

// TestAttackSizes has specs that are far too large or too deep.
func TestAttackSizes(t *testing.T) {
	names := resolve(t, "127.0.0.1")
	const repo = "/github.com/acme/mono"
	const n = 100_000
	for name, spec := range map[string]string{
		"host":          "/" + strings.Repeat("a.", n) + "com/acme/mono;",
		"path":          "/gitlab.com/" + strings.Repeat("a/", n) + "b;",
		"escaped path":  "/gitlab.com/" + strings.Repeat("%61", n) + "/b;",
		"dots":          "/gitlab.com/" + strings.Repeat("../", n) + "b;",
		"directory":     repo + ":d=" + strings.Repeat("a%2F", n) + ";",
		"module":        repo + ":m=e.x" + strings.Repeat("%2Fa", n) + ";",
		"prefix":        repo + ":p=" + strings.Repeat("a/", n) + ";",
		"suffix":        repo + ":s=" + strings.Repeat("*", n) + ";",
		"pairs":         repo + ":" + strings.Repeat("d=a&", n) + "p=~;",
		"empty pairs":   repo + ":" + strings.Repeat("&", n) + "p=~;",
		"unknown pairs": repo + ":" + strings.Repeat("y=z&", n) + "p=~;",
		"escapes":       "/github.com/acme/" + strings.Repeat("%25", n) + "%3B",
		"no semicolon":  repo + strings.Repeat("%3A", n),
		"nested specs":  repo + ":p=~&d=" + strings.Repeat("github.com/acme/mono:d=", n/20) + ";",
		"seal":          repo + ":x=" + strings.Repeat("A", n) + ";",
	} {
		if status, body := attack(t, vanity.Gosub("", quiet(), vanity.WithSeal(sealKeys...)), spec+attackFile); status != 404 {
			t.Errorf("%s: status %d, %q", name, status, body)
		}
	}
	if asked := names.take(); len(asked) > 0 {
		t.Errorf("names were looked up: %v", asked)
	}
}

// attackClients are those that an owner may give, each of them able to lead elsewhere by what calls trap. HTTPS_PROXY is
// always the same, as it is read once in a process.
func attackClients(t *testing.T, trap func()) map[string]*http.Client {
	t.Helper()
	const proxy = "http://proxy.acme.test:443"
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("HTTPS_PROXY", proxy)
	fromEnv, err := http.ProxyFromEnvironment(request(t, http.MethodGet, "https://github.com/"))
	if err != nil || fromEnv == nil || fromEnv.String() != proxy {
		t.Fatalf("the HTTP proxy of the environment is %v, %v", fromEnv, err)
	}
	other := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		trap()
		return nil, net.ErrClosed
	}}
	//lint:ignore SA1019 net/http still uses it
	dial := &http.Transport{Dial: func(string, string) (net.Conn, error) { return other.DialContext(context.Background(), "", "") }}
	registered := new(http.Transport)
	registered.RegisterProtocol("http", other)
	registered.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{} // so that https is nobody's
	registered.RegisterProtocol("https", other)
	return map[string]*http.Client{
		"none":         nil,
		"empty":        {},
		"environment":  {Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}},
		"proxy":        {Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.acme.test"})}},
		"socks":        {Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "socks5", Host: "proxy.acme.test"})}},
		"dial context": {Transport: other},
		"dial":         {Transport: dial},
		"registered":   {Transport: registered},
		"redirects":    {CheckRedirect: func(*http.Request, []*http.Request) error { return nil }},
	}
}

// TestAttackNames has the names of public hosts resolve to what must not be reached, whatever client the owner gives.
func TestAttackNames(t *testing.T) {
	names := resolve(t)
	traps := 0
	for name, client := range attackClients(t, func() { traps++ }) {
		for _, addrs := range [][]string{
			{"127.0.0.1"}, {"0.0.0.0"}, {"10.0.0.1"}, {"172.16.0.1"}, {"192.168.0.1"}, {"169.254.169.254"}, {"100.100.100.200"},
			{"::ffff:127.0.0.1"}, {"::ffff:169.254.169.254"}, {"127.0.0.1", "10.0.0.1"},
			{"::1"}, {"fe80::1"}, {"fd00:ec2::254"}, {"64:ff9b::7f00:1"},
		} {
			names.set(addrs...)
			log := new(logged)
			h := vanity.Gosub("", vanity.WithClient(client), vanity.WithLogger(log.logger()))
			status, body := attack(t, h, "/github.com/acme/mono;"+attackFile)
			if status != 502 || !strings.Contains(body, "could not be reached") || strings.Contains(body, addrs[0]) {
				t.Errorf("client %s, %v: status %d, %q", name, addrs, status, body)
			}
			if got := log.text(); !strings.Contains(got, "is no public address") && (hasIPv6() || !strings.Contains(addrs[0], ":")) {
				t.Errorf("client %s, %v: the log has %q", name, addrs, got)
			}
		}
		if asked := names.take(); len(asked) != 1 || !asked["github.com"] {
			t.Errorf("client %s: these names were looked up: %v", name, asked)
		}
	}
	if traps > 0 {
		t.Errorf("the owner's own functions dialled %d times", traps)
	}
}

func hasIPv6() bool {
	c, err := net.Dial("udp6", "[::1]:9") // sends nothing
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// TestAttackNamed has a real git host on this machine, at the port that is served: the owner's host is reached, and by none
// of its names another.
func TestAttackNamed(t *testing.T) {
	authority := gittest.NewAuthority(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:443", &tls.Config{GetCertificate: authority.Certificate})
	if err != nil {
		t.Skip("port 443 can't be had: ", err)
	}
	git := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, acme)})
	git.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if host, ok := strings.CutPrefix(r.URL.Path, "/to/"); ok { // a redirect that the host makes
				http.Redirect(w, r, "https://"+strings.Replace(host, "/", "/acme/mono/", 1)+"?"+r.URL.RawQuery, http.StatusFound)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	server := &http.Server{Handler: git.Handler()}
	go server.Serve(listener)
	defer server.Close()
	resolve(t, "127.0.0.1")
	const tool = ":d=libs%2Ftool&p=tool-;"
	for _, tt := range []struct {
		hosts, spec string
		status      int
		log         string // if anything
		reached     string // hosts that got a request
	}{
		{"git.acme.test", "git.acme.test/acme/mono", 200, "", "git.acme.test"},
		{"Git.Acme.Test", "GIT.acme.test/acme/mono", 200, "", "git.acme.test"},
		{"git.acme.test/acme/*", "git.acme.test/acme/mono", 200, "", "git.acme.test"},
		{"git.acme.test/acme/mono", "git.acme.test/acme/mono", 200, "", "git.acme.test"},
		{"localhost", "localhost/acme/mono", 200, "", "localhost"},
		{"127.0.0.1", "127.0.0.1/acme/mono", 200, "", "127.0.0.1"},
		{"github.com", "github.com/acme/mono", 200, "", "github.com"}, // which the owner has on his intranet, it seems
		{"a.acme.test,b.acme.test", "a.acme.test/to/b.acme.test", 200, "", "a.acme.test b.acme.test"},

		{"", "github.com/acme/mono", 502, "127.0.0.1 is no public address", ""},
		{"", "gitlab.com/acme/mono", 502, "127.0.0.1 is no public address", ""},
		{"git.acme.test", "git.acme.test/to/localhost", 502, "repositories of localhost are not served", "git.acme.test"},
		{"git.acme.test", "git.acme.test/to/127.0.0.1", 502, "repositories of 127.0.0.1 are not served", "git.acme.test"},
		{"git.acme.test", "git.acme.test/to/git.acme.test.", 502, "repositories of git.acme.test. are not served", "git.acme.test"},
		{"git.acme.test", "git.acme.test/to/sub.git.acme.test", 502, "repositories of sub.git.acme.test are not served", "git.acme.test"},
		{"git.acme.test", "git.acme.test/to/github.com", 502, "repositories of github.com are not served", "git.acme.test"},
		{"git.acme.test/to/*", "git.acme.test/to/git.acme.test", 502, "acme/mono", "git.acme.test"},
	} {
		git.Reset()
		log := new(logged)
		opts := []vanity.Option{vanity.WithLogger(log.logger()), vanity.WithClient(&http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: authority.Pool()},
			Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.acme.test"}),
		}})}
		if tt.hosts != "" {
			opts = append(opts, vanity.WithHosts(strings.Split(tt.hosts, ",")...))
		}
		status, body := attack(t, vanity.Gosub("", opts...), "/"+tt.spec+tool+attackFile)
		if status != tt.status || !strings.Contains(log.text(), tt.log) {
			t.Errorf("hosts %q, %s: status %d, %q; want %d; the log has %q", tt.hosts, tt.spec, status, body, tt.status, log.text())
		}
		reached := make(map[string]bool)
		for _, r := range git.Requests() {
			reached[r.Host] = true
		}
		if got := strings.Join(slices.Sorted(maps.Keys(reached)), " "); got != tt.reached {
			t.Errorf("hosts %q, %s: requests to %q, want %q", tt.hosts, tt.spec, got, tt.reached)
		}
	}
}

// TestAttackClients has clients that connect by themselves: Gosub can't guard them, and says so.
func TestAttackClients(t *testing.T) {
	dial := func(string, string) (net.Conn, error) { return nil, net.ErrClosed }
	dialContext := func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
	for name, transport := range map[string]http.RoundTripper{
		"RoundTripper":   roundTripper{http.DefaultTransport},
		"DialTLSContext": &http.Transport{DialTLSContext: dialContext},
		//lint:ignore SA1019 net/http still uses it
		"DialTLS": &http.Transport{DialTLS: dial},
	} {
		for _, hosts := range [][]vanity.Option{nil, {vanity.WithHosts("git.acme.test")}, {vanity.WithSeal(sealKeys...)}} {
			func() {
				defer func() {
					if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "can't be guarded") {
						t.Errorf("%s: Gosub panics with %v", name, err)
					}
				}()
				vanity.Gosub("", append(hosts, vanity.WithClient(&http.Client{Transport: transport}))...)
			}()
		}
	}
}
