package vanity_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const (
	annsPassword = "Ann's-s3cret"
	bobsPassword = "Bob's-s3cret"
	ourToken     = "0ur-t0ken"
)

// secrets are what must never leave, in all the forms that it comes in.
func secrets() (all []string) {
	for _, secret := range []string{annsPassword, bobsPassword, ourToken} {
		all = append(all, secret)
		for _, user := range []string{"ann", "bob", "vanity"} {
			all = append(all, base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
		}
	}
	return all
}

// A leakDetector has all that leaves a handler: answers, and what it logs.
type leakDetector struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (d *leakDetector) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Write(p)
}

func (d *leakDetector) logger() vanity.Option {
	return vanity.WithLogger(slog.New(slog.NewTextHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// watch notes what h answers.
func (d *leakDetector) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		fmt.Fprintf(d, "%s %s: %d %v\n%s\n", r.Method, r.URL, rec.Code, rec.Header(), rec.Body)
		for key, values := range rec.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(rec.Code)
		io.Copy(w, rec.Body)
	})
}

// check looks for what must not be there.
func (d *leakDetector) check(t *testing.T, wantLogged string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.out.String()
	for _, secret := range secrets() {
		if i := strings.Index(out, secret); i >= 0 {
			t.Errorf("%q left: …%s…", secret, out[max(0, i-300):min(len(out), i+300)])
		}
	}
	if !strings.Contains(out, wantLogged) {
		t.Errorf("nothing says %q in\n%.3000s", wantLogged, out)
	}
}

// private is a git host with a private repository, and one for all.
func private(t *testing.T) (*gittest.Server, vanity.Site) {
	t.Helper()
	mono := strings.ReplaceAll(acme, toolPath, "go.acme.test/Tool")
	server := gittest.ServeTLS(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, mono), "acme/open": gittest.New(t, siteRoot)})
	server.Allow("ann", annsPassword, "acme/mono")
	server.Allow("bob", bobsPassword)
	server.Allow("vanity", ourToken, "acme/mono")
	return server, vanity.Site{Host: "go.acme.test", Proxy: "/go", Paths: map[string]vanity.Import{
		"Tool":   {Repo: server.URL + "/acme/mono", VCS: "git", Directory: "libs/tool", Tags: "tool-*"},
		"x/Root": {Repo: server.URL + "/acme/open", VCS: "git", Tags: "v*"},
	}}
}

// serveSite is a site with page and proxy, as an owner has it, watched.
func serveSite(d *leakDetector, site vanity.Site, opts ...vanity.Option) http.Handler {
	mux := http.NewServeMux()
	opts = append(opts, d.logger())
	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve, opts...))
	mux.Handle("/", vanity.Meta(site, opts...))
	return d.watch(mux)
}

// A caller has a go command of his own, and credentials for go.acme.test or none.
func caller(t *testing.T, env []string, user, password string) *gocmd.Go {
	t.Helper()
	g := gocmd.New(t, env...)
	g.Proxy("direct")
	if user != "" {
		netrc := filepath.Join(g.Home, ".netrc")
		if err := os.WriteFile(netrc, fmt.Appendf(nil, "machine go.acme.test login %s password %s\n", user, password), 0o600); err != nil {
			t.Fatal(err)
		}
		g.Setenv("NETRC", netrc)
	}
	return g
}

// wantRefused asserts that a caller gets nothing, and learns why.
func wantRefused(t *testing.T, g *gocmd.Go, what string, want ...string) {
	t.Helper()
	for _, version := range []string{"v1.0.0", "v1.1.0", "latest", "main"} {
		_, stderr, err := g.Try("mod", "download", what+"@"+version)
		for _, want := range want {
			if err == nil || !strings.Contains(stderr, want) {
				t.Errorf("%s@%s: %v, want %q in\n%s", what, version, err, want, stderr)
			}
		}
	}
}

// TestPrivateCallers has callers with rights of their own at the git host, and one store for all.
func TestPrivateCallers(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	t.Parallel()
	server, site := private(t)
	var d leakDetector
	env := gocmd.DiscoveryTLS(t, serveSite(&d, site, vanity.WithClient(server.Client()), vanity.WithCallersRights(), vanity.WithStore(&mapStore{})))
	eve := caller(t, env, "", "")
	ann := caller(t, env, "ann", annsPassword)
	bob := caller(t, env, "bob", bobsPassword)
	refused := func() {
		t.Helper()
		wantRefused(t, eve, toolPath, "401 Unauthorized", "credentials are needed")
		wantRefused(t, bob, toolPath, "403 Forbidden", "your credentials do not allow it")
		wantRefused(t, caller(t, env, "ann", "wrong"), toolPath, "401 Unauthorized")
	}
	refused()
	ann.Get(toolPath+"/sub", toolPath+"/v2")
	sum := ann.Download(toolPath + "@v1.0.0").Sum
	refused()
	// What is public is there for everybody, whoever he is.
	for _, g := range []*gocmd.Go{eve, ann} {
		g.Get("go.acme.test/x/Root/sub")
	}
	// Who is no longer let in gets nothing any more, though all is stored; a handler that has just begun remembers nothing.
	direct := caller(t, gocmd.DiscoveryTLS(t, serveSite(&d, site, vanity.WithClient(server.Client()), vanity.WithCallersRights())), "ann", annsPassword)
	if again := direct.Download(toolPath + "@v1.0.0").Sum; again != sum {
		t.Errorf("sums %s and %s", sum, again)
	}
	d.check(t, "401")
}

// TestPrivateRevoked has rights be taken away, with everything stored.
func TestPrivateRevoked(t *testing.T) {
	server, site := private(t)
	var d leakDetector
	store := vanity.WithStore(&mapStore{})
	handler := func() http.Handler {
		return serveSite(&d, site, vanity.WithClient(server.Client()), vanity.WithCallersRights(), store)
	}
	get := func(h http.Handler, user, password, path string) (int, string) {
		r := httptest.NewRequest("GET", path, nil)
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 302 && strings.Contains(w.Body.String(), server.URL) {
			t.Errorf("%s: the repository's host in %s", path, w.Body)
		}
		return w.Code, w.Body.String()
	}
	const zip, list, page = "/go/go.acme.test/!tool/@v/v1.0.0.zip", "/go/go.acme.test/!tool/@v/list", "/Tool"
	const absent, later = "/go/go.acme.test/!tool/@v/v1.9.0.info", "/go/go.acme.test/!tool/@v/v1.1.0.zip"
	h := handler()
	if code, body := get(h, "ann", annsPassword, zip); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	for _, who := range []struct {
		user, password string
		status         int
	}{{"ann", annsPassword, 200}, {"", "", 401}, {"bob", bobsPassword, 403}, {"ann", bobsPassword, 401}, {"vanity", annsPassword, 401}} {
		for _, path := range []string{zip, list} {
			if code, body := get(h, who.user, who.password, path); code != who.status {
				t.Errorf("%s: %s: %d, want %d: %.100s", who.user, path, code, who.status, body)
			}
		}
		if _, body := get(h, who.user, who.password, absent); strings.Contains(body, `no tag "tool-1.9.0"`) != (who.status == 200) {
			t.Errorf("%s learns of an absent version: %s", who.user, body)
		}
		code, body := get(h, who.user, who.password, page)
		if got := strings.Contains(body, "v1.0.0"); code != 200 || got != (who.status == 200) {
			t.Errorf("%s: %s: %d, versions %v", who.user, page, code, got)
		}
	}
	server.Dismiss("ann")
	if code, body := get(h, "ann", annsPassword, later); code != 401 {
		t.Errorf("dismissed a moment ago: %d %s", code, body)
	}
	if code, _ := get(handler(), "ann", annsPassword, zip); code != 401 {
		t.Errorf("dismissed: %d", code)
	}
	server.SetDown(true)
	if code, body := get(handler(), "vanity", ourToken, zip); code != 502 {
		t.Errorf("down: %d %s", code, body)
	}
	d.check(t, "/@v/v1.0.0.zip: 502")
}

// TestPrivateTricks has callers without rights ask for what is stored, in all the ways that a request can be written.
func TestPrivateTricks(t *testing.T) {
	t.Parallel()
	server, site := private(t)
	var d leakDetector
	h := serveSite(&d, site, vanity.WithClient(server.Client()), vanity.WithCallersRights(), vanity.WithStore(&mapStore{}))
	ask := func(method, path string, header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	anns, bobs := basic("ann", annsPassword), basic("bob", bobsPassword)
	tags := make(map[string]string)
	const page = "/Tool"
	var paths []string
	for _, file := range []string{"@v/list", "@latest", "@v/v1.0.0.info", "@v/v1.0.0.mod", "@v/v1.0.0.zip", "@v/main.info"} {
		paths = append(paths, "/go/go.acme.test/!tool/"+file)
	}
	paths = append(paths, "/go/go.acme.test/!tool/v2/@v/list", page)
	for _, path := range paths {
		w := ask("GET", path, http.Header{"Authorization": {anns}})
		if tags[path] = w.Header().Get("ETag"); w.Code != 200 || tags[path] == "" {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for name, header := range map[string]http.Header{
		"nobody":          {},
		"bob before ann":  {"Authorization": {bobs, anns}},
		"none before ann": {"Authorization": {"", anns}},
		"a list":          {"Authorization": {bobs + ", " + anns}},
		"a proxy's":       {"Proxy-Authorization": {anns}},
		"a cookie":        {"Cookie": {"Authorization=" + anns}},
		"another name":    {"X-Forwarded-Authorization": {anns}, "X-Forwarded-User": {"ann"}},
		"no scheme":       {"Authorization": {strings.TrimPrefix(anns, "Basic ")}},
		"a connection's":  {"Authorization": {"Negotiate\t" + anns}},
		"another line":    {"Authorization": {bobs + "\r\nAuthorization: " + anns}},
		"long":            {"Authorization": {anns + strings.Repeat("A", 100_000)}},
		"no new fetch":    {"Authorization": {bobs}, "Disable-Module-Fetch": {"true"}},
	} {
		for _, path := range paths {
			for _, with := range []string{"", "Range", "If-None-Match", "If-Match"} {
				header := header.Clone()
				if with != "" {
					header.Set(with, map[bool]string{true: "bytes=0-9", false: tags[path]}[with == "Range"])
				}
				for _, method := range []string{"GET", "HEAD"} {
					w := ask(method, path, header)
					refused := w.Code == 401 || w.Code == 403 || w.Code == 502 || path == page && (w.Code == 200 || w.Code == 206 || w.Code == 412)
					if !refused || strings.Contains(w.Body.String(), "1.0.0\n") || strings.Contains(w.Body.String(), ">v1.0.0<") || w.Header().Get("ETag") == tags[path] {
						t.Errorf("%s: %s %s with %s: %d %v\n%.300s", name, method, path, with, w.Code, w.Header(), w.Body)
					}
					if w.Header().Get("Cache-Control") != "private, no-store" || w.Header().Get("Vary") != "Authorization" {
						t.Errorf("%s: %s %s with %s: %v", name, method, path, with, w.Header())
					}
				}
			}
		}
	}
	d.check(t, "401")
}

// TestPrivateServer has a server that reads the repository with credentials of its own, for callers whom it knows.
func TestPrivateServer(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	server, site := private(t)
	t.Setenv("NETRC", filepath.Join(t.TempDir(), "netrc"))
	if err := os.WriteFile(os.Getenv("NETRC"), fmt.Appendf(nil, "machine 127.0.0.1 login vanity password %s\n", ourToken), 0o600); err != nil {
		t.Fatal(err)
	}
	var d leakDetector
	auth := vanity.WithAuth(vanity.PasswordAuth(map[string]string{"ann": annsPassword}))
	env := gocmd.DiscoveryTLS(t, serveSite(&d, site, vanity.WithClient(server.Client()), vanity.WithCredentials(vanity.EnvCredentials), auth))
	wantRefused(t, caller(t, env, "", ""), toolPath, "401 Unauthorized", "credentials are needed")
	wantRefused(t, caller(t, env, "bob", bobsPassword), toolPath, "401 Unauthorized")
	caller(t, env, "ann", annsPassword).Get(toolPath + "/sub")
	for name, goauth := range map[string]func(g *gocmd.Go) string{
		"git": func(g *gocmd.Go) string {
			credentials := fmt.Sprintf("https://ann:%s@go.acme.test\n", strings.ReplaceAll(annsPassword, "'", "%27"))
			for name, content := range map[string]string{".gitconfig": "[credential]\n\thelper = store\n", ".git-credentials": credentials} {
				if err := os.WriteFile(filepath.Join(g.Home, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return "git " + g.Dir
		},
		"command": func(g *gocmd.Go) string {
			if runtime.GOOS == "windows" {
				t.Skip("a shell script")
			}
			script := filepath.Join(g.Home, "auth.sh")
			header := base64.StdEncoding.EncodeToString([]byte("ann:" + annsPassword))
			if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf 'https://go.acme.test\\n\\nAuthorization: Basic "+header+"\\n\\n'\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			return script
		},
	} {
		g := caller(t, env, "", "")
		g.Setenv("GOAUTH", goauth(g))
		if _, stderr, err := g.Try("get", toolPath+"/sub@v1.1.0"); err != nil {
			t.Errorf("GOAUTH %s: %v\n%s", name, err, stderr)
		}
	}
	d.check(t, "401")

	// Without WithAuth it is the owner's decision that all may have it; he is told.
	var open leakDetector
	h := serveSite(&open, site, vanity.WithClient(server.Client()), vanity.WithCredentials(vanity.EnvCredentials))
	for range 2 {
		if res, body := metaGet(t, h, "GET", "/go/go.acme.test/!tool/@v/v1.0.0.info"); res.StatusCode != 200 {
			t.Errorf("%s %s", res.Status, body)
		}
	}
	open.check(t, "a private repository is served to everybody")
	if n := strings.Count(open.out.String(), "a private repository is served to everybody"); n != 1 {
		t.Errorf("said %d times", n)
	}
	// A token that has expired is the owner's to renew.
	server.Dismiss("vanity")
	var late leakDetector
	h = serveSite(&late, site, vanity.WithClient(server.Client()), vanity.WithCredentials(vanity.EnvCredentials))
	if res, body := metaGet(t, h, "GET", "/go/go.acme.test/!tool/@v/list"); res.StatusCode != 502 || !strings.Contains(string(body), "refuses the credentials that this server has") {
		t.Errorf("%s %s", res.Status, body)
	}
	late.check(t, "level=WARN")
	// And without credentials there is nothing, as far as anybody is told.
	h = serveSite(&late, site, vanity.WithClient(server.Client()))
	if res, body := metaGet(t, h, "GET", "/go/go.acme.test/!tool/@v/list"); res.StatusCode != 404 {
		t.Errorf("%s %s", res.Status, body)
	}
}
