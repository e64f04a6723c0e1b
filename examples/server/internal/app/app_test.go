package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/vanity/examples/server/internal/app"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

func newApp(t testing.TB, client *http.Client, text string) *app.App {
	t.Helper()
	c, err := config.Parse([]byte(text), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	stores := new(app.Stores)
	t.Cleanup(stores.Close)
	a, err := app.New(t.Context(), c, app.Options{Log: slog.New(slog.DiscardHandler), Client: client, Stores: stores})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(h http.Handler, path string, header ...string) (status int, body string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func module(t testing.TB, path string) *gittest.Repo {
	return gittest.New(t, fmt.Sprintf("write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule %s\n-- m.go --\npackage m\n", path))
}

// TestCredentials has repositories that want the credentials of the longest URL, and no others.
func TestCredentials(t *testing.T) {
	repos := make(map[string]*gittest.Repo)
	for _, name := range []string{"one/a", "one/b", "two/a", "twofold/a"} {
		repos[name] = module(t, "go.acme.test/"+name)
	}
	host := gittest.ServeTLS(t, gittest.AllFilters, repos)
	host.SetPrivate("one/a", "x-access-token", "for all of one")
	host.SetPrivate("one/b", "ben", "for b")
	host.SetPrivate("two/a", "x-access-token", "for two")
	host.SetPrivate("twofold/a", "x-access-token", "for twofold")
	a := newApp(t, host.Client(), fmt.Sprintf(`
host: go.acme.test
proxy: /go
paths: {one/*: {repo: "%[1]s/one/*", vcs: git, tags: "v*"}, two/*: {repo: "%[1]s/two/*", vcs: git, tags: "v*"}, twofold/*: {repo: "%[1]s/twofold/*", vcs: git, tags: "v*"}}
upstream:
  credentials:
    - {url: "%[1]s/one", password: for all of one}
    - {url: "%[1]s/one/b", user: ben, password: for b}
    - {url: "%[1]s/two", password: for two}
`, host.URL))
	for path, want := range map[string]int{"one/a": 200, "one/b": 200, "two/a": 200, "twofold/a": 404} {
		if status, body := get(a, "/go/go.acme.test/"+path+"/@v/list"); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}

// TestGosub has a Gosub for users alone, which may have what the server's credentials can read.
func TestGosub(t *testing.T) {
	a := newApp(t, nil, `
gosub: {base: /gosub, hosts: [git.acme.test], users: [ann]}
users: {ann: password}
upstream: {credentials: [{url: "https://git.acme.test", password: token}]}
`)
	for _, path := range []string{"/gosub/git.acme.test/secret;/go.acme.test/secret/@v/list", "/gosub"} {
		if status, body := get(a, path); status != 401 {
			t.Errorf("%s without a password: %d %s", path, status, body)
		}
	}
	if status, body := get(a, "/gosub", "Authorization", "Basic YW5uOnBhc3N3b3Jk"); status != 200 || !strings.Contains(body, "<form") {
		t.Errorf("the form: %d %s", status, body)
	}
}

// TestOwner has a handler without rules for the server itself, beside the one with.
func TestOwner(t *testing.T) {
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"secret": module(t, "go.acme.test/secret")})
	a := newApp(t, nil, fmt.Sprintf(`
host: go.acme.test
proxy: /go
paths: {secret: {repo: "%s/secret", vcs: git, tags: "v*"}}
users: {ann: password, bob: password of bob}
access: [{match: [go.acme.test/secret], users: [ann]}]
`, host.URL))
	const list = "/go/go.acme.test/secret/@v/list"
	for _, tt := range []struct {
		h             http.Handler
		authorization string
		want          int
	}{{a, "", 401}, {a, "Basic YW5uOnBhc3N3b3Jk", 200}, {a, "Basic Ym9iOnBhc3N3b3JkIG9mIGJvYg==", 403}, {a, "Basic eDp5", 401}, {a.Owner(), "", 200}} {
		if status, body := get(tt.h, list, "Authorization", tt.authorization); status != tt.want {
			t.Errorf("%q: %d %s, want %d", tt.authorization, status, body, tt.want)
		}
	}
	if _, page := get(a, "http://go.acme.test/secret"); strings.Contains(page, "v1.0.0") {
		t.Error("the page tells strangers the versions")
	}
	if status, page := get(a, "http://go.acme.test/secret?go-get=1"); status != 200 || !strings.Contains(page, "go.acme.test/secret mod https://go.acme.test/go") {
		t.Errorf("the go command's page: %d %s", status, page)
	}
}

// TestRoot has a proxy and pages at the root.
func TestRoot(t *testing.T) {
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"tool": module(t, "go.acme.test/tool")})
	a := newApp(t, nil, fmt.Sprintf("host: go.acme.test\nproxy: /\npaths: {tool: {repo: \"%s/tool\", vcs: git, tags: \"v*\"}}\n", host.URL))
	if status, body := get(a, "/go.acme.test/tool/@v/list"); status != 200 || body != "v1.0.0\n" {
		t.Errorf("the list: %d %s", status, body)
	}
	if status, body := get(a, "http://go.acme.test/tool?go-get=1"); status != 200 || !strings.Contains(body, "mod https://go.acme.test") {
		t.Errorf("the page: %d %s", status, body)
	}
}

func contextOf(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithoutCancel(t.Context()))
}

func waitFor(t testing.TB, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it doesn't come about")
		}
	}
}

// TestBuilds has configurations that are odd, and right.
func TestBuilds(t *testing.T) {
	for name, text := range map[string]string{
		"Gosub alone, with rules":           "gosub: {base: /gosub}\nusers: {ann: password}\naccess: [{match: [x], users: [ann]}]\n",
		"Gosub alone, with callers' rights": "gosub: {base: /gosub, hosts: [git.acme.test]}\nupstream: {callers_rights: true}\n",
		"a forge alone, with rules":         "forge: {base: /, host: git.acme.test, dir: /srv/git/., mirrors: true}\nusers: {ann: password}\naccess: [{match: [x], users: [ann]}]\n",
		"a repository written in two ways":  "host: go.acme.test\npaths: {a: {repo: https://github.com/Acme/mono}, b: {repo: https://github.com/acme/mono.git}}\nmirror: {base: /git, dir: d, public_url: https://go.acme.test/git}\n",
		"an import that a Gosub serves":     "host: go.acme.test\npaths: {a: {repo: https://github.com/acme/a, proxy: \"/gosub/github.com/acme/a;\"}}\ngosub: {base: /gosub}\n",
		"the same module twice":             "host: go.acme.test\nproxy: /go\npaths: {a: {repo: https://github.com/acme/a, tags: \"v*\"}}\nmodules: [{base: /one, url: https://github.com/acme/a.git, module: go.acme.test/a}]\n",
		"all with rules and a bucket":       "host: go.acme.test\nproxy: /go\npaths: {a: {repo: https://github.com/acme/a, tags: \"v*\"}}\nstore: mem://\nmirror: {base: /git, dir: d}\nwebhook: {path: /hook/, secrets: [a secret of some length]}\nusers: {ann: password}\naccess: [{match: [go.acme.test/a], users: [ann]}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, nil, text)
			if status, _ := get(a, "/nothing/here"); status != 404 {
				t.Errorf("%d", status)
			}
		})
	}
}
