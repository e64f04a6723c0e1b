package vanity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// TestAuth has what becomes of each kind of request by each answer of the owner's function.
func TestAuth(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, acme)
	cfg := vanity.Config{URL: repo.Dir, Module: toolPath, Directory: "libs/tool", Tags: "tool-*"}
	const mod = "/go/go.acme.test/!tool"
	good := map[string]int{
		mod + "/@v/list": 200, mod + "/@latest": 200, mod + "/@v/v1.0.0.info": 200, mod + "/@v/v1.0.0.mod": 200, mod + "/@v/v1.0.0.zip": 200, mod + "/@v/main.info": 200,
		mod + "/@v/v1.9.0.info": 404, mod + "/@v/absent.info": 404, "/go/go.acme.test/other/@v/list": 404, mod + "/@v/x.tar": 404, "/go//@v/list": 404,
	}
	for name, tt := range map[string]struct {
		err    error
		status int // for all; 0: as without auth
	}{
		"yes":          {nil, 0},
		"unauthorized": {vanity.ErrUnauthorized, 401},
		"wrapped":      {fmt.Errorf("who? %w", vanity.ErrUnauthorized), 401},
		"forbidden":    {fs.ErrPermission, 403},
		"hidden":       {fs.ErrNotExist, 404},
		"failed":       {errors.New("secret"), 500},
		"both":         {errors.Join(fs.ErrNotExist, vanity.ErrUnauthorized), 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			h := vanity.Goproxy("/go", cfg, quiet(), vanity.WithStore(&mapStore{}), vanity.WithAuth(func(r *http.Request, modPath, repository string) error {
				asked++
				if repository != "" {
					t.Errorf("%s: asked for repository %q", r.URL, repository)
				}
				return tt.err
			}))
			for path, want := range good {
				if tt.status != 0 {
					want = tt.status
				}
				for _, method := range []string{"GET", "HEAD"} {
					n := asked
					res, body := metaGet(t, h, method, path)
					if res.StatusCode != want || asked != n+1 {
						t.Errorf("%s %s: %s, asked %d times, want %d, 1\n%s", method, path, res.Status, asked-n, want, body)
					}
					if got := res.Header.Get("Cache-Control"); got != "private, no-store" || res.Header.Get("Vary") != "Authorization" {
						t.Errorf("%s %s: Cache-Control %q, Vary %q", method, path, got, res.Header.Get("Vary"))
					}
					challenge := res.Header.Get("WWW-Authenticate")
					if (want == 401) != strings.HasPrefix(challenge, "Basic realm=") {
						t.Errorf("%s %s: challenge %q", method, path, challenge)
					}
					// Of what is in the repository only who may have it learns.
					if got := strings.Contains(string(body), "no tag"); method == "GET" && got != (tt.err == nil && path == mod+"/@v/v1.9.0.info") && path != mod+"/@v/absent.info" || got && tt.err != nil {
						t.Errorf("%s %s: %s", method, path, body)
					}
					if strings.Contains(string(body), repo.Dir) || strings.Contains(string(body), "secret") {
						t.Errorf("%s %s: %s", method, path, body)
					}
				}
			}
			if res, _ := metaGet(t, h, "POST", mod+"/@v/list"); res.StatusCode != 405 || res.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("POST: %s, %q", res.Status, res.Header.Get("Cache-Control"))
			}
		})
	}
}

// A module that nobody must know of is answered as one that isn't there.
func TestAuthHides(t *testing.T) {
	t.Parallel()
	hide := vanity.WithAuth(func(_ *http.Request, modPath, _ string) error {
		if strings.HasPrefix(modPath, toolPath) {
			return fmt.Errorf("hidden: %w", fs.ErrNotExist)
		}
		return nil
	})
	site := vanity.Site{Host: "go.acme.test", Proxy: "/go", Paths: map[string]vanity.Import{"Tool": {Repo: "http://127.0.0.1:9/acme/tool", VCS: "git", Tags: "*"}}}
	cfg := vanity.Config{URL: "http://127.0.0.1:9/acme/tool", Module: toolPath}
	for name, h := range map[string]http.Handler{
		"Goproxy": vanity.Goproxy("/go", cfg, hide, quiet()), "GoproxyFunc": vanity.GoproxyFunc("/go", site.Resolve, hide, quiet()),
	} {
		for _, file := range []string{"@v/list", "@latest", "@v/v1.0.0.info", "@v/v1.0.0.zip", "@v/v1.0.0.tar"} {
			secret, secretBody := metaGet(t, h, "GET", "/go/go.acme.test/!tool/"+file)
			absent, absentBody := metaGet(t, h, "GET", "/go/go.acme.test/!took/"+file)
			secret.Header.Del("Date")
			absent.Header.Del("Date")
			if diff := cmp.Diff(absent.Header, secret.Header); diff != "" || absent.StatusCode != 404 || secret.StatusCode != 404 ||
				strings.ReplaceAll(string(secretBody), "Tool", "Took") != string(absentBody) {
				t.Errorf("%s: %s: %s, %q, want as %s, %q\n%s", name, file, secret.Status, secretBody, absent.Status, absentBody, diff)
			}
		}
	}
}

// TestAuthPaths has one decision for a module, however its path is written.
func TestAuthPaths(t *testing.T) {
	t.Parallel()
	var got []string
	auth := vanity.WithAuth(func(_ *http.Request, modPath, repository string) error {
		got = append(got, strings.TrimSpace(modPath+" "+repository))
		return vanity.ErrUnauthorized
	})
	cfg := vanity.Config{URL: "/absent", Module: "go.acme.test/Tool"}
	h := vanity.Goproxy("/go", cfg, auth, quiet())
	for _, path := range []string{
		"/go/go.acme.test/!tool/@v/list", "/go/go.acme.test/%21tool/@v/list", "/%67o/go.acme.test%2F!tool/@v/list", "/go/go%2eacme.test/!too%6c/@latest",
	} {
		got = nil
		if res, _ := metaGet(t, h, "GET", path); res.StatusCode != 401 || !cmp.Equal(got, []string{"go.acme.test/Tool"}) {
			t.Errorf("%s: %s, asked %q", path, res.Status, got)
		}
	}
	for _, path := range []string{"/go/go.acme.test/Tool/@v/list", "/go/go.acme.test//!tool/@v/list", "/go/go.acme.test/!!tool/@v/list", "/go/go.acme.test/x/../!tool/@v/list"} {
		got = nil
		if res, _ := metaGet(t, h, "GET", path); res.StatusCode != 401 || !cmp.Equal(got, []string{""}) {
			t.Errorf("%s: %s, asked %q", path, res.Status, got)
		}
	}
	gosub := vanity.Gosub("", auth, quiet())
	for path, want := range map[string]string{
		"/github.com/acme/mono:d=..;/go.acme.test/!tool/@v/list": "",
		"/github.com/acme/mono;/go.acme.test/Tool/@v/list":       " https://github.com/acme/mono",
		"/github.com/acme/mono;/@v/list":                         " https://github.com/acme/mono",
		"/github.com/acme/mono;x/@v/list":                        " https://github.com/acme/mono",
		"/git.acme.test/a/b;/go.acme.test/!tool/@v/v1.0.0.zip":   "go.acme.test/Tool https://git.acme.test/a/b",
		"/https://github.com/acme/mono;/go.acme.test/@v/list":    "",
		"/%3B/@v/list":                "",
		"/go.acme.test/!tool/@latest": "go.acme.test/Tool",
	} {
		got = nil
		if res, body := metaGet(t, gosub, "GET", path); res.StatusCode != 401 || !cmp.Equal(got, []string{strings.TrimSpace(want)}) {
			t.Errorf("%s: %s, asked %q, %s", path, res.Status, got, body)
		}
	}
	for _, path := range []string{
		"/github.com/acme/mono:d=libs%2Ftool;/go.acme.test/!tool/@v/list", "/GitHub.com/acme/mono.git:d=libs/tool;/go.acme.test/%21tool/@v/list", "/github.com/%61cme/mono%3Ad=libs%2Ftool%3B/go.acme.test/!tool/@v/list",
	} {
		got = nil
		if res, _ := metaGet(t, gosub, "GET", path); res.StatusCode != 401 || !cmp.Equal(got, []string{"go.acme.test/Tool https://github.com/acme/mono"}) {
			t.Errorf("%s: %s, asked %q", path, res.Status, got)
		}
	}
}

// TestAuthProbe has the request by which the go command finds out whether git's credentials are any good.
func TestAuthProbe(t *testing.T) {
	t.Parallel()
	opts := []vanity.Option{quiet(), vanity.WithAuth(vanity.PasswordAuth(map[string]string{"ann": "secret", "": "t0k3n"}))}
	cfg := vanity.Config{URL: filepath.ToSlash(t.TempDir()), Module: "go.acme.test/tool"}
	site := metaSite("go.acme.test", vanity.Import{Repo: "https://github.com/acme/tool"})
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for name, tt := range map[string]struct {
		h    http.Handler
		path string
		none int // without credentials
	}{
		"goproxy":             {vanity.Goproxy("/go", cfg, opts...), "/go/", 404},
		"goproxy, no slash":   {vanity.Goproxy("/go", cfg, opts...), "/go", 404},
		"goproxy at the root": {vanity.Goproxy("", cfg, opts...), "/", 404},
		"goproxy in the way":  {vanity.Goproxy("/go", cfg, append(opts, vanity.WithNext(next))...), "/go", http.StatusTeapot},
		"gosub":               {vanity.Gosub("/go", opts...), "/go", 401}, // which is what its form is answered with
		"meta":                {vanity.Meta(site, opts...), "/", 200},
		"meta with a path":    {vanity.Meta(metaSite("acme.test/x", site.Paths["tool"]), opts...), "/x/", 200},
	} {
		ask := func(user, password string) int {
			r, err := http.NewRequest("HEAD", tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if user != "" {
				r.SetBasicAuth(user, password)
			}
			res, _ := metaGet(t, tt.h, "HEAD", tt.path, "Authorization", r.Header.Get("Authorization"))
			if user != "" && res.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("%s: Cache-Control %q", name, res.Header.Get("Cache-Control"))
			}
			return res.StatusCode
		}
		if got := []int{ask("ann", "secret"), ask("eve", "t0k3n"), ask("ann", "wrong"), ask("", "")}; !cmp.Equal(got, []int{200, 200, 401, tt.none}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	// At the root of somebody else's program the probe is his.
	h := vanity.Goproxy("", cfg, append(opts, vanity.WithNext(next))...)
	if res, _ := metaGet(t, h, "HEAD", "/", "Authorization", "Bearer t0k3n"); res.StatusCode != http.StatusTeapot {
		t.Errorf("at the root: %s", res.Status)
	}
}

// TestAuthPages has pages tell nothing of versions to whom they must not.
func TestAuthPages(t *testing.T) {
	t.Parallel()
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, siteMono)})
	site := metaSite("go.acme.test", vanity.Import{Repo: server.URL + "/acme/mono", VCS: "git", Proxy: "/go", Directory: "libs/tool", Tags: "tool-*"})
	h := vanity.Meta(site, quiet(), vanity.WithAuth(vanity.PasswordAuth(map[string]string{"": "t0k3n"})))
	for header, want := range map[string]bool{"Bearer t0k3n": true, "Bearer wrong": false, "": false} {
		res, body := metaGet(t, h, "GET", "/tool", "Authorization", header)
		if got := strings.Contains(string(body), "v1.0.0"); got != want || res.StatusCode != 200 || res.Header.Get("Cache-Control") != "private, no-store" || res.Header.Get("Vary") != "Authorization" {
			t.Errorf("%q: versions %v, %s, %v", header, got, res.Status, res.Header)
		}
	}
	if res, body := metaGet(t, h, "GET", "/tool?go-get=1"); res.StatusCode != 200 || res.Header.Get("Cache-Control") != "public, max-age=86400" || strings.Contains(string(body), "v1.0.0") {
		t.Errorf("the go command gets %s, %v", res.Status, res.Header)
	}
}

func TestEnvCredentials(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("NETRC", filepath.Join(home, "netrc"))
	t.Setenv("GITHUB_TOKEN", "")
	ask := func(rawURL string) string {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		user, password, err := vanity.EnvCredentials(t.Context(), u)
		if err != nil {
			return "error"
		}
		return user + ":" + password
	}
	check := func(want map[string]string) {
		t.Helper()
		for rawURL, want := range want {
			if got := ask(rawURL); got != want {
				t.Errorf("%s: %q, want %q", rawURL, got, want)
			}
		}
	}
	check(map[string]string{"https://github.com/a/b": ":", "https://git.acme.dev/x": ":"})
	if err := os.WriteFile(filepath.Join(home, "netrc"), []byte("machine git.acme.dev login ann password secret\nmachine github.com login bob password other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check(map[string]string{"https://github.com/a/b": "bob:other", "https://git.acme.dev/x": "ann:secret", "https://x.git.acme.dev/x": ":"})
	t.Setenv("GITHUB_TOKEN", "t0k3n")
	check(map[string]string{
		"https://github.com/a/b": "x-access-token:t0k3n", "https://GitHub.com/a/b": "x-access-token:t0k3n", "https://github.com:443/a/b": "x-access-token:t0k3n", "https://github.com:8443/a/b": "bob:other", "https://gist.github.com/a/b": ":",
		"https://github.com.evil.test/a/b": ":", "https://git.acme.dev/x": "ann:secret",
	})
	t.Setenv("NETRC", home)
	check(map[string]string{"https://github.com/a/b": "x-access-token:t0k3n", "https://git.acme.dev/x": "error"})
}

// TestRightsOptions has the options that can't hold together.
func TestRightsOptions(t *testing.T) {
	cfg := vanity.Config{URL: "https://github.com/acme/tool", Module: "go.acme.test/tool"}
	local := cfg
	local.URL = "/srv/tool"
	both := []vanity.Option{vanity.WithCallersRights(), vanity.WithCredentials(vanity.EnvCredentials)}
	site := metaSite("go.acme.test", vanity.Import{Repo: cfg.URL})
	resolve := func(context.Context, string) (vanity.Config, error) { return local, nil }
	for want, f := range map[string]func(){
		"vanity: Goproxy: WithCallersRights and WithCredentials":                func() { vanity.Goproxy("", cfg, both...) },
		"vanity: GoproxyFunc: WithCallersRights and WithCredentials":            func() { vanity.GoproxyFunc("", resolve, both...) },
		"vanity: Gosub: WithCallersRights and WithCredentials":                  func() { vanity.Gosub("", both...) },
		"vanity: Meta: WithCallersRights and WithCredentials":                   func() { vanity.Meta(site, both...) },
		"vanity: Goproxy: WithCallersRights can't be enforced for a repository": func() { vanity.Goproxy("", local, vanity.WithCallersRights()) },
		"vanity: Gosub: WithCredentials alone would serve everybody":            func() { vanity.Gosub("", vanity.WithCredentials(vanity.EnvCredentials)) },
		"vanity: WithAuth: the function is nil":                                 func() { vanity.WithAuth(nil) },
		"vanity: PasswordAuth: there are none":                                  func() { vanity.PasswordAuth(nil) },
		`vanity: PasswordAuth: the password of "ann" is empty`:                  func() { vanity.PasswordAuth(map[string]string{"ann": ""}) },
	} {
		if err, _ := recovered(f).(error); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("panic with %v, want %s", err, want)
		}
	}
	h := vanity.GoproxyFunc("", resolve, quiet(), vanity.WithCallersRights())
	if res, body := metaGet(t, h, "GET", "/go.acme.test/tool/@v/list"); res.StatusCode != 500 || strings.Contains(string(body), "/srv") {
		t.Errorf("a local repository: %s, %s", res.Status, body)
	}
}

// TestAuthGosub has a caller name what he may not have by the path of what he may: it is the repository that counts.
func TestAuthGosub(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, acme)
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo, "acme/open": repo})
	h := vanity.Gosub("", append(trusting(server), vanity.WithAuth(func(_ *http.Request, _, repository string) error {
		if repository != "https://git.acme.test/acme/open" {
			return fs.ErrPermission
		}
		return nil
	}))...)
	for path, want := range map[string]int{
		"/git.acme.test/acme/open:d=libs%2Ftool&m=open.test%2Fx&p=tool-;/open.test/x/@v/v1.0.0.zip": 200,
		"/git.acme.test/acme/mono:d=libs%2Ftool&m=open.test%2Fx&p=tool-;/open.test/x/@v/v1.0.0.zip": 403,
		"/git.acme.test/acme/Open:d=libs%2Ftool&m=open.test%2Fx&p=tool-;/open.test/x/@v/v1.0.0.zip": 403,
		"/?repo=git.acme.test%2Facme%2Fopen": 200,
		"/?repo=git.acme.test%2Facme%2Fmono": 403,
		"/":                                  403,
	} {
		if res, body := metaGet(t, h, "GET", path); res.StatusCode != want || res.Header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %s %v %.200s", path, res.Status, res.Header, body)
		}
	}
}

// TestProbeFails has an owner's function that fails at the go command's probe: he finds the cause in the log.
func TestProbeFails(t *testing.T) {
	fail := vanity.WithAuth(func(*http.Request, string, string) error { return errors.New("the database is down") })
	site := vanity.Site{Host: "go.acme.test", Paths: map[string]vanity.Import{"tool": {Repo: "https://github.com/acme/tool"}}}
	for name, handler := range map[string]func(...vanity.Option) http.Handler{
		"Goproxy": func(opts ...vanity.Option) http.Handler {
			return vanity.Goproxy("/", at(toolConfig, "https://github.com/acme/mono"), opts...)
		},
		"Meta": func(opts ...vanity.Option) http.Handler { return vanity.Meta(site, opts...) },
	} {
		var log bytes.Buffer
		r := httptest.NewRequest(http.MethodHead, "/", nil)
		r.Host = "go.acme.test"
		r.SetBasicAuth("ann", "password")
		w := httptest.NewRecorder()
		handler(fail, vanity.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).ServeHTTP(w, r)
		if got := log.String(); w.Code != 500 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "the database is down") {
			t.Errorf("%s: %d, logged: %s", name, w.Code, got)
		}
	}
}
