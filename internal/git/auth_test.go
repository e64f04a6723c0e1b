package git_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

const forge = "https://git.example.test"

// trace is what a server was asked, and in whose name: "HOST/REPO COMMAND USER STATUS".
func trace(server *gittest.Server) (lines []string) {
	for _, q := range server.Requests() {
		user, _, _ := (&http.Request{Header: q.Header}).BasicAuth()
		if user == "" {
			user = "nobody"
			if h := q.Header.Get("Authorization"); h != "" {
				user = h
			}
		}
		path := strings.TrimSuffix(strings.TrimSuffix(q.Path, "/info/refs"), "/git-upload-pack")
		lines = append(lines, fmt.Sprintf("%s%s %s %s %d", strings.TrimSuffix(q.Host, ".example.test"), path, q.Command(), user, q.Status))
	}
	server.Reset()
	return lines
}

func checkTrace(t *testing.T, what string, server *gittest.Server, want ...string) {
	t.Helper()
	if got := trace(server); !slices.Equal(got, want) {
		t.Errorf("%s: asked\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// none is the Kind of no error.
const none git.Kind = -1

func checkKind(t *testing.T, what string, err error, want git.Kind) {
	t.Helper()
	var e *git.Error
	switch {
	case want == none:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case !errors.As(err, &e) || e.Kind != want || e.Repo == "":
		t.Errorf("%s: %#v (%v), want kind %d", what, err, err, want)
	case errors.Is(err, fs.ErrNotExist) != (want == git.Denied || want == git.NoRepository):
		t.Errorf("%s: not exist: %t", what, errors.Is(err, fs.ErrNotExist))
	}
}

// A keyring gives credentials by host, and keeps what it was asked for.
type keyring struct {
	mu    sync.Mutex
	keys  map[string][2]string
	asked []string
}

func (k *keyring) credentials(_ context.Context, u *url.URL) (user, password string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, u.String())
	key := k.keys[u.Host]
	return key[0], key[1], nil
}

func (k *keyring) set(host, user, password string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = make(map[string][2]string)
	}
	k.keys[host] = [2]string{user, password}
}

func as(t *testing.T, user, password string) context.Context {
	return git.WithAuthorization(t.Context(), basic(user, password))
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func refs(ctx context.Context, r *git.Repo) error {
	refs, err := r.Refs(ctx, "refs/")
	if err == nil && len(refs) == 0 {
		return errors.New("no refs")
	}
	return err
}

// TestCredentials: they are sent to who asks for them, and then at once.
func TestCredentials(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	head := revision(t, repo, "HEAD")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/public": repo, "o/private": repo, "o/later": repo})
	server.Allow("ann", "secret", "o/private")
	keys := new(keyring)
	keys.set("git.example.test", "ann", "secret")
	var private []string
	c := &git.Client{HTTP: server.Client(), Credentials: keys.credentials, Private: func(repo string) { private = append(private, repo) }}
	use := func(r *git.Repo) {
		t.Helper()
		if err := refs(t.Context(), r); err != nil {
			t.Error(err)
		}
		snapshot(t, r, head, "").Close()
	}

	use(c.Open(forge + "/o/public"))
	checkTrace(t, "public", server, "git/o/public ls-refs nobody 200", "git/o/public fetch nobody 200")
	if len(keys.asked) > 0 || len(private) > 0 {
		t.Errorf("public: asked for %q, private: %q", keys.asked, private)
	}

	r := c.Open(forge + "/o/private")
	use(r)
	checkTrace(t, "private", server, "git/o/private ls-refs nobody 401", "git/o/private ls-refs ann 200", "git/o/private fetch ann 200")
	use(r)
	checkTrace(t, "private again", server, "git/o/private ls-refs ann 200")
	if want := []string{forge + "/o/private"}; !slices.Equal(private, want) || !slices.Equal(slices.Compact(slices.Clone(keys.asked)), want) || len(keys.asked) != 3 {
		t.Errorf("asked for %q, private: %q", keys.asked, private)
	}

	// Private by and by: what is posted is posted again.
	r = c.Open(forge + "/o/later")
	if err := refs(t.Context(), r); err != nil {
		t.Error(err)
	}
	server.Allow("ann", "secret", "o/later")
	server.Reset()
	if _, err := r.Commit(t.Context(), head); err != nil {
		t.Error(err)
	}
	if err := refs(t.Context(), r); err != nil {
		t.Error(err)
	}
	if q := server.Requests(); len(q) != 3 || string(q[0].Body) != string(q[1].Body) || len(q[0].Body) == 0 {
		t.Errorf("%d requests", len(q))
	}
	checkTrace(t, "later", server, "git/o/later fetch nobody 401", "git/o/later fetch ann 200", "git/o/later ls-refs ann 200")
	if len(private) != 2 {
		t.Errorf("private: %q", private)
	}
}

func TestCredentialsDenied(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo, "o/other": repo})
	server.Allow("ann", "secret", "o/r")
	server.Allow("bob", "word", "o/other")
	limited := gittest.Status(403, http.Header{"Retry-After": {"60"}})
	for _, tt := range []struct {
		name, user, password string
		wrap                 func(http.Handler) http.Handler
		kind                 git.Kind
		want                 []string // users and statuses
	}{
		{"right", "ann", "secret", nil, none, []string{"nobody 401", "ann 200"}},
		{"none", "", "", nil, git.Denied, []string{"nobody 401", "nobody 401"}},
		{"wrong", "ann", "old", nil, git.Refused, []string{"nobody 401", "ann 401"}},
		{"no right", "bob", "word", nil, git.Refused, []string{"nobody 401", "bob 403"}},
		{"a token alone", "", "token", nil, git.Refused, []string{"nobody 401", basic("", "token") + " 401"}},
		{"limited", "ann", "secret", authorizedOnly(limited), git.Limited, []string{"nobody 401", "ann 403"}},
		{"absent", "ann", "secret", authorizedOnly(gittest.Status(404, nil)), git.NoRepository, []string{"nobody 401", "ann 404", "nobody 401", "ann 404", "nobody 401", "ann 404"}},
		{"broken", "ann", "secret", authorizedOnly(gittest.Status(500, nil)), git.Broken, []string{"nobody 401", "ann 500", "nobody 401", "ann 500"}},
		{"forbidden to all", "ann", "secret", gittest.Status(403, nil), git.Denied, []string{"nobody 403", "nobody 403"}},
	} {
		server.Wrap(nil)
		if tt.wrap != nil {
			server.Wrap(tt.wrap)
		}
		keys, private := new(keyring), 0
		keys.set("git.example.test", tt.user, tt.password)
		c := &git.Client{HTTP: server.Client(), Credentials: keys.credentials, Private: func(string) { private++ }}
		checkKind(t, tt.name, refs(t.Context(), c.Open(forge+"/o/r")), tt.kind)
		if (private == 1) != (tt.kind == none) {
			t.Errorf("%s: private %d times", tt.name, private)
		}
		got := trace(server)
		for i, line := range got {
			got[i] = line[strings.LastIndex(line[:strings.LastIndex(line, " ")], "refs ")+len("refs "):]
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: asked %q, want %q", tt.name, got, tt.want)
		}
	}

	// A failure here is none of the host's.
	server.Wrap(nil)
	for _, failure := range []error{fs.ErrNotExist, &git.Error{Kind: git.Denied, Err: errors.New("x")}, context.Canceled} {
		c := &git.Client{HTTP: server.Client(), Credentials: func(context.Context, *url.URL) (string, string, error) { return "ann", "secret", failure }}
		err := refs(t.Context(), c.Open(forge+"/o/r"))
		var e *git.Error
		if err == nil || errors.As(err, &e) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "credentials for "+forge+"/o/r: ") {
			t.Errorf("%v: %#v", failure, err)
		}
		checkTrace(t, "failure", server, "git/o/r ls-refs nobody 401")
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &git.Client{HTTP: server.Client(), Credentials: func(context.Context, *url.URL) (string, string, error) {
		cancel()
		return "", "", errors.New("interrupted")
	}}
	if err := refs(ctx, c.Open(forge+"/o/r")); err != context.Canceled {
		t.Errorf("the caller left: %v", err)
	}
}

// authorizedOnly has a fault for requests with credentials.
func authorizedOnly(fault func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		spoilt := fault(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				spoilt.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestCredentialsRotated: what has expired is refused, what takes its place is found, and what needs none any more gets
// none.
func TestCredentialsRotated(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	server.Allow("ann", "one", "o/r")
	keys := new(keyring)
	keys.set("git.example.test", "ann", "one")
	r := (&git.Client{HTTP: server.Client(), Credentials: keys.credentials}).Open(forge + "/o/r")
	ask := func(when string, kind git.Kind, want ...string) {
		t.Helper()
		checkKind(t, when, refs(t.Context(), r), kind)
		checkTrace(t, when, server, want...)
	}
	ask("at first", none, "git/o/r ls-refs nobody 401", "git/o/r ls-refs ann 200")
	server.Allow("ann", "two")
	keys.set("git.example.test", "ann", "two")
	ask("rotated", none, "git/o/r ls-refs ann 200")
	server.Allow("ann", "three")
	ask("expired", git.Refused, "git/o/r ls-refs ann 401")
	ask("still expired", git.Refused, "git/o/r info/refs nobody 401", "git/o/r info/refs ann 401")
	keys.set("git.example.test", "ann", "three")
	ask("renewed", none, "git/o/r info/refs nobody 401", "git/o/r info/refs ann 200", "git/o/r ls-refs ann 200")
	keys.set("git.example.test", "", "")
	ask("taken away", git.Denied, "git/o/r ls-refs nobody 401")
	keys.set("git.example.test", "ann", "three")
	server.Put("o/r", repo)
	server.Wrap(authorizedOnly(gittest.Status(401, nil)))
	ask("public", git.Refused, "git/o/r info/refs ann 401")
	ask("public again", none, "git/o/r info/refs nobody 200", "git/o/r ls-refs nobody 200")

	// What is had by other ways, or is public by the time, was not had by credentials.
	c := &git.Client{HTTP: server.Client(), Credentials: keys.credentials, Private: func(string) { t.Error("called") }}
	r = c.Open(forge + "/o/r")
	server.Allow("ann", "three", "o/r")
	server.Wrap(authorizedOnly(gittest.Status(503, nil)))
	ask("not now", git.Unavailable, "git/o/r ls-refs nobody 401", "git/o/r ls-refs ann 503")
	server.Wrap(nil)
	checkKind(t, "a caller", refs(as(t, "ann", "three"), r), none)
	checkKind(t, "userinfo", refs(t.Context(), c.Open("https://ann:three@git.example.test/o/r")), none)
	checkTrace(t, "other ways", server, "git/o/r info/refs ann 200", "git/o/r ls-refs ann 200", "git/o/r ls-refs ann 200")
	keys.set("git.example.test", "", "")
	server.Put("o/r", repo)
	ask("public at last", none, "git/o/r ls-refs nobody 200")
}

// TestCredentialsShy: a repository is not private because its host asks for credentials of who comes unannounced.
func TestCredentialsShy(t *testing.T) {
	t.Parallel()
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": gittest.New(t, "commit one")})
	server.Wrap(shy(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.WriteHeader(401)
				return
			}
			w.WriteHeader(404)
		})
	}))
	keys := new(keyring)
	keys.set("git.example.test", "ann", "secret")
	c := &git.Client{HTTP: server.Client(), Credentials: keys.credentials, Private: func(string) { t.Error("called") }}
	if err := refs(t.Context(), c.Open(forge+"/o/r")); err != nil {
		t.Error(err)
	}
	checkTrace(t, "shy", server, "git/o/r ls-refs nobody 401", "git/o/r ls-refs ann 404", "git/o/r info/refs nobody 200", "git/o/r ls-refs nobody 200")
}

// TestCredentialsHTTP: nothing goes in the clear, nor where who is on the way may have sent it.
func TestCredentialsHTTP(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	repos := map[string]*gittest.Repo{"o/r": repo, "o/public": repo}
	plain, secure := gittest.Serve(t, gittest.AllFilters, repos), gittest.ServeTLS(t, gittest.AllFilters, repos)
	plain.Wrap(gittest.Redirect(302, "/far/", secure.URL+"/o/"))
	for _, server := range []*gittest.Server{plain, secure} {
		server.Allow("ann", "secret", "o/r")
	}
	c := &git.Client{HTTP: secure.Client(), Credentials: func(context.Context, *url.URL) (string, string, error) {
		t.Error("asked for credentials")
		return "ann", "secret", nil
	}}
	for _, ctx := range []context.Context{t.Context(), as(t, "ann", "secret")} {
		for path, kind := range map[string]git.Kind{"/o/r": git.Denied, "/far/r": git.Denied, "/o/public": none, "/far/public": none} {
			err := refs(ctx, c.Open(plain.URL+path))
			checkKind(t, path, err, kind)
			if err != nil && !strings.Contains(err.Error(), "would go in the clear") {
				t.Errorf("%s: %v", path, err)
			}
			for _, q := range append(plain.Requests(), secure.Requests()...) {
				if q.Header.Get("Authorization") != "" {
					t.Errorf("%s: sent to %s%s", path, q.Host, q.Path)
				}
			}
		}
	}
	if err := refs(git.WithAuthorization(t.Context(), ""), c.Open(plain.URL+"/o/r")); err == nil || strings.Contains(err.Error(), "in the clear") {
		t.Errorf("nothing to send: %v", err)
	}
}

// elsewhere redirects requests for a host's paths, whatever their method, as [gittest.Redirect] does.
func elsewhere(host, prefix, to string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		redirect := gittest.Redirect(302, prefix, to)(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == host {
				redirect.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestCredentialsRedirect: credentials stay with the scheme, host and port that they are for.
func TestCredentialsRedirect(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo, "o/public": repo})
	server.Allow("ann", "secret", "o/r")
	server.Allow("bob", "word", "o/r")
	for prefix, to := range map[string]string{
		"/same/": "/o/", "/443/": forge + ":443/o/",
		"/other/": "https://other.test/o/", "/sub/": "https://sub.git.example.test/o/", "/parent/": "https://example.test/o/",
		"/port/": forge + ":8443/o/", "/back/": forge + ":8443/back/", "/user/": "https://ann:secret@other.test/o/",
	} {
		server.Wrap(elsewhere("git.example.test", prefix, to))
	}
	server.Wrap(elsewhere("git.example.test:8443", "/back/", forge+"/o/"))
	// The host asks at the old name already.
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "git.example.test" && !strings.HasPrefix(r.URL.Path, "/o/") && r.Header.Get("Authorization") == "" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	for _, tt := range []struct {
		path, at string
		sent     bool
	}{
		{"/same", "git.example.test", true}, {"/443", "git.example.test:443", true},
		{"/other", "other.test", false}, {"/sub", "sub.git.example.test", false}, {"/parent", "example.test", false},
		{"/port", "git.example.test:8443", false}, {"/back", "git.example.test", false}, {"/user", "other.test", false},
	} {
		for what, ctx := range map[string]context.Context{"server's": t.Context(), "caller's": as(t, "ann", "secret")} {
			for _, name := range []string{"/public", "/r"} {
				keys := new(keyring)
				keys.set("git.example.test", "ann", "secret")
				if tt.sent {
					keys.set(tt.at, "ann", "secret")
				}
				c := &git.Client{HTTP: server.Client(), Credentials: keys.credentials}
				r := c.Open(forge + tt.path + name)
				err := refs(ctx, r)
				kind := none
				if !tt.sent && name == "/r" {
					kind = git.Denied
					if err == nil || !strings.Contains(err.Error(), "none are sent where another host redirects to") {
						t.Errorf("%s %s%s: %v", what, tt.path, name, err)
					}
				}
				checkKind(t, what+" "+tt.path+name, err, kind)
				arrived := 0
				for _, q := range server.Requests() {
					if authorization := q.Header.Get("Authorization"); q.Host == tt.at && strings.HasPrefix(q.Path, "/o/") {
						arrived++
						posted := tt.path == "/back" && q.Method == "POST" // to its own host
						if !posted && (authorization != "") != tt.sent {
							t.Errorf("%s %s%s: %s of %s with %q", what, tt.path, name, q.Method, q.Path, authorization)
						}
					} else if authorization != "" && q.Host != "git.example.test" {
						t.Errorf("%s %s%s: sent to %s", what, tt.path, name, q.Host)
					}
				}
				if arrived == 0 {
					t.Errorf("%s %s%s: did not arrive", what, tt.path, name)
				}
				server.Reset()
			}
		}
	}
}

// TestCredentialsElsewhere: a host that a repository was redirected to gets none, though there are some for it: whoever can
// redirect one repository would have another read, which is private, and served as the first. So it is for what comes back
// from there.
func TestCredentialsElsewhere(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	server.Allow("bob", "word", "o/r")
	server.Wrap(elsewhere("git.example.test", "/old/", "https://new.example.test/o/"))
	server.Wrap(elsewhere("git.example.test", "/back/", "https://new.example.test/back/"))
	server.Wrap(elsewhere("new.example.test", "/back/", forge+"/o/"))
	keys := new(keyring)
	keys.set("git.example.test", "bob", "word")
	keys.set("new.example.test", "bob", "word")
	c := &git.Client{HTTP: server.Client(), Credentials: keys.credentials}
	for path, want := range map[string][]string{
		"/old":  {"git/old/r ls-refs nobody 302", "git/old/r info/refs nobody 302", "new/o/r info/refs nobody 401"},
		"/back": {"git/back/r ls-refs nobody 302", "git/back/r info/refs nobody 302", "new/back/r info/refs nobody 302", "git/o/r info/refs nobody 401"},
	} {
		checkKind(t, path, refs(t.Context(), c.Open(forge+path+"/r")), git.Denied)
		checkTrace(t, path, server, want...)
	}
	if len(keys.asked) > 0 {
		t.Errorf("asked for %q", keys.asked)
	}
	// A form to log in is no repository.
	server.Wrap(nil)
	server.Wrap(elsewhere("git.example.test", "/login/", forge+"/sign-in?from="))
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/sign-in" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	checkKind(t, "no repository", refs(t.Context(), c.Open(forge+"/login/r")), git.Denied)
	if checkTrace(t, "no repository", server, "git/login/r ls-refs nobody 302", "git/login/r info/refs nobody 302", "git/sign-in  nobody 401"); len(keys.asked) > 0 {
		t.Errorf("asked for %q", keys.asked)
	}
}

// TestWithAuthorization: each request goes in the name of its own caller, and of nobody else.
func TestWithAuthorization(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one\nbranch ann\nbranch bob\nbranch eve")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	server.Allow("ann", "one", "o/r")
	server.Allow("bob", "two", "o/r")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *server.Client()
	client.Jar = jar
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "x"})
			next.ServeHTTP(w, r)
		})
	})
	keys := new(keyring)
	keys.set("git.example.test", "ann", "one")
	c := &git.Client{HTTP: &client, Credentials: keys.credentials, Private: func(string) { t.Error("called") }}
	r := c.Open(forge + "/o/r")
	var wg sync.WaitGroup
	for user, header := range map[string]string{"ann": basic("ann", "one"), "bob": basic("bob", "two"), "eve": ""} {
		for range 4 {
			wg.Go(func() {
				ctx := context.WithoutCancel(git.WithAuthorization(t.Context(), header))
				for range 5 {
					_, err := r.Refs(ctx, "refs/heads/"+user)
					if user == "eve" {
						checkKind(t, user, err, git.Denied)
					} else if err != nil {
						t.Errorf("%s: %v", user, err)
					}
					if err := r.Admit(ctx); (err != nil) != (user == "eve") {
						t.Errorf("%s: %v", user, err)
					}
				}
			})
		}
	}
	wg.Wait()
	for _, q := range server.Requests() {
		user, _, _ := (&http.Request{Header: q.Header}).BasicAuth()
		if user == "" {
			user = "eve"
		}
		if q.Method == "POST" && !strings.Contains(string(q.Body), "refs/heads/"+user) {
			t.Errorf("in %s's name: %q", user, q.Body)
		}
		if q.Header.Get("Cookie") != "" {
			t.Errorf("%s has a session", user)
		}
	}
	if len(keys.asked) > 0 {
		t.Errorf("asked for %q", keys.asked)
	}
}

// TestWithAuthorizationElsewhere: where one caller found the repository is not where another has to look.
func TestWithAuthorizationElsewhere(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo, "ann/r": repo})
	server.Allow("ann", "one", "ann/r")
	server.Allow("bob", "two", "o/r")
	server.Wrap(func(next http.Handler) http.Handler {
		redirect := gittest.Redirect(302, "/o/", "/ann/")(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, _, _ := r.BasicAuth(); user == "ann" {
				redirect.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	r := (&git.Client{HTTP: server.Client()}).Open(forge + "/o/r")
	checkKind(t, "ann", refs(as(t, "ann", "one"), r), none)
	server.Reset()
	checkKind(t, "bob", refs(as(t, "bob", "two"), r), none)
	checkTrace(t, "bob", server, "git/ann/r ls-refs bob 403", "git/o/r info/refs bob 200", "git/o/r ls-refs bob 200")
	checkKind(t, "nobody", refs(git.WithAuthorization(t.Context(), ""), r), git.Denied)
	checkTrace(t, "nobody", server, "git/o/r ls-refs nobody 401", "git/o/r info/refs nobody 401")
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo, "o/public": repo, "o/other": repo})
	server.Allow("ann", "secret", "o/r")
	server.Allow("bob", "word", "o/other")
	c := &git.Client{HTTP: server.Client(), Credentials: func(context.Context, *url.URL) (string, string, error) {
		t.Error("asked for the server's own credentials")
		return "ann", "secret", nil
	}}
	private := c.Open(forge + "/o/r")
	anonymous := git.WithAuthorization(t.Context(), "")
	for _, tt := range []struct {
		name string
		ctx  context.Context
		repo *git.Repo
		wrap func(http.Handler) http.Handler
		kind git.Kind
		want []string
	}{
		{"allowed", as(t, "ann", "secret"), private, nil, none, []string{"git/o/r info/refs ann 200"}},
		{"allowed again", as(t, "ann", "secret"), private, nil, none, []string{"git/o/r info/refs ann 200"}},
		{"version 1", as(t, "ann", "secret"), private, gittest.Version(1), none, []string{"git/o/r info/refs ann 200"}},
		{"version 0", as(t, "ann", "secret"), private, gittest.Version(0), none, []string{"git/o/r info/refs ann 200"}},
		{"wrong", as(t, "ann", "old"), private, nil, git.Denied, []string{"git/o/r info/refs ann 401"}},
		{"a stranger", as(t, "cy", "x"), private, nil, git.Denied, []string{"git/o/r info/refs cy 401"}},
		{"without a right", as(t, "bob", "word"), private, nil, git.Forbidden, []string{"git/o/r info/refs bob 403"}},
		{"anonymous", anonymous, private, nil, git.Denied, []string{"git/o/r info/refs nobody 401"}},
		{"nobody", t.Context(), private, nil, git.Denied, []string{"git/o/r info/refs nobody 401"}},
		{"forbidden to all", anonymous, private, gittest.Status(403, nil), git.Denied, []string{"git/o/r info/refs nobody 403"}},
		{"by token", git.WithAuthorization(t.Context(), "Bearer x"), private, nil, git.Denied, []string{"git/o/r info/refs Bearer x 401"}},
		{"by connection", git.WithAuthorization(t.Context(), "negotiate x"), private, nil, git.Denied, nil},
		{"by connection", git.WithAuthorization(t.Context(), "NTLM x"), private, nil, git.Denied, nil},
		{"by connection", git.WithAuthorization(t.Context(), "Ntlm\tx"), private, nil, git.Denied, nil},
		{"public", as(t, "cy", "x"), c.Open(forge + "/o/public"), nil, none, []string{"git/o/public info/refs cy 200"}},
		{"public, nobody", t.Context(), c.Open(forge + "/o/public"), nil, none, []string{"git/o/public info/refs nobody 200"}},
		{"userinfo", t.Context(), c.Open("https://ann:secret@git.example.test/o/r"), nil, git.Denied, []string{"git/o/r info/refs nobody 401"}},
		{"absent", as(t, "ann", "secret"), c.Open(forge + "/o/absent"), nil, git.NoRepository, []string{"git/o/absent info/refs ann 404", "git/o/absent.git info/refs ann 404"}},
		{"limited", as(t, "ann", "secret"), private, gittest.Status(403, http.Header{"Retry-After": {"9"}}), git.Limited, []string{"git/o/r info/refs ann 403"}},
		{"a page", as(t, "ann", "secret"), private, gittest.HTML(), git.Broken, []string{"git/o/r info/refs ann 200"}},
		{"garbage", as(t, "ann", "secret"), private, gittest.Garbage("000cnot git"), git.Broken, []string{"git/o/r info/refs ann 200"}},
		{"nothing", as(t, "ann", "secret"), private, gittest.Garbage(""), git.Broken, []string{"git/o/r info/refs ann 200"}},
		{"an excuse", as(t, "ann", "secret"), private, gittest.Garbage("000dERR no go"), git.Broken, []string{"git/o/r info/refs ann 200"}},
		{"a late excuse", as(t, "ann", "secret"), private, gittest.Garbage("000eversion 1\n000dERR no go"), git.Broken, []string{"git/o/r info/refs ann 200"}},
		{"a later excuse", as(t, "ann", "secret"), private, gittest.Garbage("000eversion 2\n000dERR no go"), git.Broken, []string{"git/o/r info/refs ann 200"}},
		{"no refs", as(t, "ann", "secret"), private, gittest.Garbage("001e# service=git-upload-pack\n00000000"), none, []string{"git/o/r info/refs ann 200"}},
		{"a new version", as(t, "ann", "secret"), private, gittest.Garbage("000dversion 3"), git.Broken, []string{"git/o/r info/refs ann 200"}},
	} {
		server.Wrap(nil)
		if tt.wrap != nil {
			server.Wrap(tt.wrap)
		}
		checkKind(t, tt.name, tt.repo.Admit(tt.ctx), tt.kind)
		checkTrace(t, tt.name, server, tt.want...)
	}

	server.Wrap(nil)
	server.Dismiss("ann")
	checkKind(t, "dismissed", private.Admit(as(t, "ann", "secret")), git.Denied)
	server.SetDown(true)
	server.Client().CloseIdleConnections() // else it may be noticed in the middle of a request
	checkKind(t, "down", private.Admit(as(t, "ann", "secret")), git.Unreachable)
	checkKind(t, "local", c.Open(repo.GitDir()).Admit(t.Context()), none)
}

// TestWithAuthorizationTogether: callers who want the same at the same time don't get each other's refusals.
func TestWithAuthorizationTogether(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one\ncommit two")
	head := revision(t, repo, "HEAD")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	server.Allow("ann", "one", "o/r")
	r := (&git.Client{HTTP: server.Client()}).Open(forge + "/o/r")
	asked, granted := make(chan struct{}), make(chan struct{})
	server.Wrap(authorizedOnly(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, _, _ := r.BasicAuth(); user == "eve" && r.Method == http.MethodGet {
				close(asked)
				<-granted
			}
			next.ServeHTTP(w, r)
		})
	}))
	denied := make(chan error)
	go func() {
		_, err := r.Commit(as(t, "eve", "x"), head)
		denied <- err
	}()
	<-asked
	ctx, cancel := context.WithTimeout(as(t, "ann", "one"), 10*time.Second) // for the case that she waits for eve
	defer cancel()
	_, err := r.Commit(ctx, head)
	checkKind(t, "ann", err, none)
	close(granted)
	checkKind(t, "eve", <-denied, git.Denied)
}

// TestAdmitLearns: who was admitted needs no advertisement any more, and what was fetched is fetched once for all.
func TestAdmitLearns(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one\ntag v1.0.0\ntag v1.1.0\ntag v1.2.0")
	head := revision(t, repo, "HEAD")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	server.Allow("ann", "one", "o/r")
	server.Allow("bob", "two", "o/r")
	r := (&git.Client{HTTP: server.Client()}).Open(forge + "/o/r")
	for _, user := range []string{"ann", "bob"} {
		ctx := as(t, user, map[string]string{"ann": "one", "bob": "two"}[user])
		checkKind(t, user, r.Admit(ctx), none)
		checkKind(t, user, refs(ctx, r), none)
		s, err := r.Snapshot(ctx, head, "")
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	checkKind(t, "a stranger", r.Admit(as(t, "cy", "x")), git.Denied)
	checkKind(t, "bob", refs(as(t, "bob", "two"), r), none)
	checkTrace(t, "all", server,
		"git/o/r info/refs ann 200", "git/o/r ls-refs ann 200", "git/o/r fetch ann 200",
		"git/o/r info/refs bob 200", "git/o/r ls-refs bob 200",
		"git/o/r info/refs cy 401", "git/o/r ls-refs bob 200")

	// An old server lists its refs at once: the first of them will do.
	server.Wrap(gittest.Version(0))
	server.Wrap(gittest.On("info/refs", gittest.CutAnswerAfter(500)))
	r = (&git.Client{HTTP: server.Client()}).Open(forge + "/o/r")
	checkKind(t, "cut", r.Admit(as(t, "ann", "one")), none)
	checkKind(t, "cut", refs(as(t, "ann", "one"), r), git.Broken)
}

// TestSecrets: whatever fails, no error tells what a host was logged in with.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const user, password, token = "us3r", "s3cr3t", "t0k3n"
	secrets := []string{user, password, token, strings.TrimPrefix(basic(user, password), "Basic "), url.QueryEscape(basic(user, password))}
	repo := gittest.New(t, "commit one")
	head := revision(t, repo, "HEAD")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	echo := func(next http.Handler) http.Handler { // a host that redirects to what it was sent
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u, p, _ := r.BasicAuth()
			http.Redirect(w, r, "https://"+u+":"+p+"@other.test/"+r.URL.Path+"?token="+url.QueryEscape(r.Header.Get("Authorization")), http.StatusFound)
		})
	}
	faults := map[string]func(http.Handler) http.Handler{
		"not found": gittest.Status(404, nil), "down": nil, "broken": gittest.Status(500, nil), "page": gittest.HTML(),
		"unauthorized": gittest.Status(401, nil), "forbidden": gittest.Status(403, nil), "garbage": gittest.Garbage("0008spam"),
		"loop": echo, "downgrade": gittest.Redirect(302, "/", "http://"+user+":"+password+"@other.test/"), "other scheme": gittest.Redirect(302, "/", "ftp://"+user+":"+password+"@other.test/"),
		"echo": authorizedOnly(echo), "cut": gittest.CutAfter(10), "posted elsewhere": gittest.On("ls-refs", echo),
	}
	server.Allow(user, password, "o/r")
	login := func(context.Context, *url.URL) (string, string, error) { return user, password, nil }
	userinfo := "https://" + user + ":" + password + "@git.example.test/o/r"
	for fault, wrap := range faults {
		server.Wrap(nil)
		if wrap != nil {
			server.Wrap(wrap)
		}
		server.SetDown(fault == "down")
		for who, tt := range map[string]struct {
			url    string
			header string
			client *git.Client
		}{
			"server":         {forge + "/o/r", "", &git.Client{HTTP: server.Client(), Credentials: login}},
			"userinfo":       {userinfo, "", &git.Client{HTTP: server.Client()}},
			"token in URL":   {"https://" + token + "@git.example.test/o/r", "", &git.Client{HTTP: server.Client()}},
			"malformed":      {"https://" + user + ":" + password + "@git.exa mple.test/o/r", "", &git.Client{HTTP: server.Client()}},
			"caller":         {forge + "/o/r", basic(user, password), &git.Client{HTTP: server.Client()}},
			"caller's token": {forge + "/o/r", "Bearer " + token, &git.Client{HTTP: server.Client()}},
			"no header":      {forge + "/o/r", "Bearer " + token + "\n", &git.Client{HTTP: server.Client()}},
			"by connection":  {forge + "/o/r", "NTLM " + token, &git.Client{HTTP: server.Client()}},
		} {
			ctx := t.Context()
			if tt.header != "" {
				ctx = git.WithAuthorization(ctx, tt.header)
			}
			r := tt.client.Open(tt.url)
			_, refsErr := r.Refs(ctx, "refs/")
			_, snapErr := r.Snapshot(ctx, head, "")
			failed := 0
			for _, err := range []error{refsErr, snapErr, r.Admit(ctx)} {
				if err == nil {
					continue
				}
				failed++
				for _, secret := range secrets {
					if text := fmt.Sprintf("%v %+v %v", err, err, ctx); strings.Contains(text, secret) {
						t.Errorf("%s, %s: %s", fault, who, text)
					}
				}
			}
			if failed == 0 {
				t.Errorf("%s, %s: nothing failed", fault, who)
			}
		}
	}
}
