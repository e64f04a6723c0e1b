package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

func TestHTTPStatus(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	t.Parallel()
	repo := gittest.New(t, "commit one")
	head := revision(t, repo, "HEAD")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, tt := range []struct {
		status int
		retry  string
		kind   git.Kind
		after  time.Duration // at most, and half of it at least
	}{
		{301, "", git.Broken, 0},
		{400, "", git.Broken, 0},
		{401, "", git.Denied, 0},
		{403, "", git.Denied, 0},
		{403, "60", git.Limited, time.Minute},
		{404, "", git.NoRepository, 0},
		{404, "60", git.NoRepository, time.Minute},
		{408, "", git.Timeout, 0},
		{410, "", git.NoRepository, 0},
		{429, "", git.Limited, 0},
		{429, "17", git.Limited, 17 * time.Second},
		{429, in(time.Hour), git.Limited, time.Hour},
		{429, in(-time.Hour), git.Limited, 0},
		{429, "9999999", git.Limited, 24 * time.Hour},
		{429, "99999999999999999999", git.Limited, 0},
		{429, "-5", git.Limited, 0},
		{429, "soon", git.Limited, 0},
		{451, "", git.NoRepository, 0},
		{500, "", git.Broken, 0},
		{502, "", git.Broken, 0},
		{503, "", git.Unavailable, 0},
		{503, "120", git.Unavailable, 2 * time.Minute},
		{504, "", git.Timeout, 0},
		{204, "", git.Broken, 0},
	} {
		for _, command := range []string{"info/refs", "fetch", "ls-refs"} {
			header := http.Header{}
			if tt.retry != "" {
				header.Set("Retry-After", tt.retry)
			}
			server.Wrap(nil)
			server.Wrap(gittest.On(command, gittest.Status(tt.status, header)))
			if command == "info/refs" {
				server.Wrap(gittest.On("fetch", gittest.Garbage(""))) // or it would not be asked
			}
			r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
			_, err := r.Snapshot(t.Context(), head, "")
			if command == "ls-refs" {
				_, err = r.Refs(t.Context(), "refs/")
			}
			var e *git.Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.RetryAfter > tt.after || e.RetryAfter < tt.after/2 || e.Repo != r.Name() {
				t.Errorf("%d to %s: %#v", tt.status, command, err)
			}
			if want := tt.kind == git.NoRepository || tt.kind == git.Denied; errors.Is(err, fs.ErrNotExist) != want {
				t.Errorf("%d: not exist: %t", tt.status, !want)
			}
			if err != nil && tt.status != 301 && !strings.Contains(err.Error(), fmt.Sprint(tt.status)) {
				t.Errorf("%d: %v", tt.status, err)
			}
		}
	}
}

// TestHTTPVanished: what becomes of a repository while it is known here.
func TestHTTPVanished(t *testing.T) {
	t.Parallel()
	repo, other := gittest.New(t, "commit one"), gittest.New(t, "commit other")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	c := &git.Client{HTTP: server.Client()}
	head := revision(t, repo, "HEAD")
	for _, tt := range []struct {
		name   string
		change func()
		kind   git.Kind
		refs   bool // are there still
	}{
		{"removed", func() { server.Remove("r") }, git.NoRepository, false},
		{"private", func() { server.SetPrivate("r", "user", "secret") }, git.Denied, false},
		{"replaced", func() { server.Put("r", other) }, git.Missing, true},
		{"removed before the fetch", func() { server.Wrap(gittest.On("fetch", gittest.Status(404, nil))) }, git.NoRepository, true},
	} {
		server.Wrap(nil)
		server.Put("r", repo)
		r := c.Open(server.URL + "/r")
		if _, err := r.Refs(t.Context(), "refs/"); err != nil {
			t.Fatal(err)
		}
		tt.change()
		server.Reset()
		var e *git.Error
		_, err := r.Refs(t.Context(), "refs/")
		if tt.refs != (err == nil) || !tt.refs && (!errors.As(err, &e) || e.Kind != tt.kind) {
			t.Errorf("%s: refs: %v", tt.name, err)
		}
		want := 1 // the advertisement was good lately
		if tt.kind == git.NoRepository && !tt.refs {
			want = 3 // but it may have moved, or be there as r.git
		}
		if q := server.Requests(); len(q) != want || q[0].Command() != "ls-refs" {
			t.Errorf("%s: %d requests, want %d", tt.name, len(q), want)
		}
		for what, ask := range map[string]func() error{
			"snapshot": func() error { _, err := r.Snapshot(t.Context(), head, ""); return err },
			"commit":   func() error { _, err := r.Commit(t.Context(), head); return err },
		} {
			if err := ask(); !errors.As(err, &e) || e.Kind != tt.kind || e.Repo != r.Name() || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s: %v", tt.name, what, err)
			}
		}
	}
}

// TestHTTPMoved: a repository that was renamed is found though its advertisement is still known, be it that the host
// redirects what is posted or denies the old name.
func TestHTTPMoved(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	for _, code := range []int{301, 308, 404} {
		server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"old": repo, "new": repo})
		r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/old")
		head := revision(t, repo, "HEAD")
		if _, err := r.Refs(t.Context(), "refs/"); err != nil {
			t.Fatal(err)
		}
		server.Wrap(func(next http.Handler) http.Handler {
			redirect := gittest.Redirect(301, "/old", "/new")(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/old") {
					w.Header().Set("Location", "/new")
					w.WriteHeader(code)
					return
				}
				redirect.ServeHTTP(w, r)
			})
		})
		if _, err := r.Commit(t.Context(), head); err != nil {
			t.Errorf("%d: commit: %v", code, err)
		}
		if refs, err := r.Refs(t.Context(), "refs/"); err != nil || len(refs) == 0 {
			t.Errorf("%d: refs: %v, %v", code, refs, err)
		}
	}
}

func TestHTTPDotGit(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r.git": repo, "s": repo})
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, ".git/") { // a host that knows no other names
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	for _, tt := range []struct {
		path     string
		ok       bool
		requests int
	}{
		{"/r", true, 4}, {"/r.git", true, 1}, {"/r.git/", true, 1}, {"/absent", false, 3},
	} {
		server.Reset()
		r := (&git.Client{HTTP: server.Client()}).Open(server.URL + tt.path)
		refs, err := r.Refs(t.Context(), "refs/")
		if ok := err == nil && len(refs) == 1; ok != tt.ok || !ok && !errors.Is(err, fs.ErrNotExist) || len(server.Requests()) != tt.requests {
			t.Errorf("%s: %v, %v, %d requests", tt.path, refs, err, len(server.Requests()))
		}
	}
}

func TestHTTPRedirect(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "write\ncommit one\n-- a --\n-- b --\nx\n")
	head := revision(t, repo, "HEAD")
	repos := map[string]*gittest.Repo{"new/r": repo}
	plain, secure := gittest.Serve(t, gittest.AllFilters, repos), gittest.ServeTLS(t, gittest.AllFilters, repos)
	moved := http.StatusMovedPermanently
	mux := http.NewServeMux()
	redirect := func(path, to string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, moved) })
	}
	const query = "/info/refs?service=git-upload-pack"
	redirect("/old/r/info/refs", "/new/r"+query)
	redirect("/far/r/info/refs", plain.URL+"/new/r"+query)
	redirect("/chain/r/info/refs", "/old/r"+query)
	redirect("/loop/r/info/refs", "/loop/r"+query)
	redirect("/login/r/info/refs", "/login")
	redirect("/elsewhere/r/info/refs", "/elsewhere/info/refs/")
	mux.HandleFunc("/elsewhere/info/refs/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	})
	redirect("/query/r/info/refs", "/new/r/info/refs?service=git-upload-pack&token=x")
	redirect("/no-query/r/info/refs", "/smart/r/info/refs")
	redirect("/fragment/r/info/refs", "/new/r"+query+"#top")
	mux.HandleFunc("/smart/r/info/refs", fake{}.ServeHTTP)
	redirect("/ftp/r/info/refs", "ftp://localhost/r"+query)
	redirect("/post/r/git-upload-pack", "/new/r/git-upload-pack")
	mux.HandleFunc("/post307/r/git-upload-pack", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/new/r/git-upload-pack", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/post307/r/info/refs", fake{}.ServeHTTP)
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") })
	mux.HandleFunc("/post/r/info/refs", fake{}.ServeHTTP)
	around := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/new/") {
				next.ServeHTTP(w, r)
				return
			}
			mux.ServeHTTP(w, r)
		})
	}
	plain.Wrap(around)
	for _, tt := range []struct {
		path string
		kind git.Kind // -1 for none
		want string
	}{
		{"old", -1, ""}, {"far", -1, ""}, {"chain", -1, ""}, {"fragment", -1, ""},
		{"loop", git.Broken, "more than 10 times"},
		{"login", git.Broken, "text/html"},
		{"elsewhere", git.Broken, "which is no repository"},
		{"query", git.Broken, "which is no repository"},
		{"no-query", git.Broken, "which is no repository"},
		{"ftp", git.Unreachable, "unsupported protocol scheme"},
		{"post", git.Broken, "301"},
		{"post307", git.Broken, "307"},
	} {
		r := (&git.Client{HTTP: plain.Client()}).Open(plain.URL + "/" + tt.path + "/r")
		s, err := r.Snapshot(t.Context(), head, "")
		if tt.kind == -1 {
			if err != nil {
				t.Errorf("%s: %v", tt.path, err)
				continue
			}
			check(t, s, repo, "")
			s.Close()
			continue
		}
		// 301 turns a POST into GET where it is followed; what is asked for must not go there at all
		var e *git.Error
		if !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.path, err)
		}
	}
	secure.Wrap(func(http.Handler) http.Handler { return mux })
	_, err := (&git.Client{HTTP: secure.Client()}).Open(secure.URL+"/far/r").Snapshot(t.Context(), head, "")
	var e *git.Error
	if !errors.As(err, &e) || e.Kind != git.Broken || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("https to http: %v", err)
	}
}

// TestHTTPRenamed: a repository that was renamed is found, and what is posted goes where it was found, as git does it.
func TestHTTPRenamed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	t.Parallel()
	repo := gittest.New(t, "write\ncommit one\n-- a --\n-- b --\nx\n")
	head := revision(t, repo, "HEAD")
	repos := map[string]*gittest.Repo{"new/r": repo}
	here, there, secure := gittest.Serve(t, gittest.AllFilters, repos), gittest.Serve(t, gittest.AllFilters, repos), gittest.ServeTLS(t, gittest.AllFilters, repos)
	servers := []*gittest.Server{here, there, secure}
	for i, code := range []int{301, 302, 303, 307, 308} {
		for _, server := range servers {
			server.Wrap(nil)
			server.Wrap(gittest.Version(i % 3))
		}
		for prefix, to := range map[string]string{
			"/old/": "/new/", "/old.git/": "/new/r.git/", "/dir/r/": "/new/r.git/", "/far/": there.URL + "/new/",
			"/localhost/": strings.Replace(there.URL, "127.0.0.1", "localhost", 1) + "/new/",
			"/chain/":     "/chain2/", "/chain2/": here.URL + "/far/", "/secure/": secure.URL + "/new/",
		} {
			here.Wrap(gittest.Redirect(code, prefix, to))
		}
		for _, tt := range []struct{ path, posted string }{
			{"/old/r", here.URL + "/new/r"},
			{"/old/r.git", here.URL + "/new/r.git"},
			{"/old", here.URL + "/new/r.git"}, // by way of /old.git
			{"/dir/r/", here.URL + "/new/r.git"},
			{"/far/r", there.URL + "/new/r"},
			{"/localhost/r", there.URL + "/new/r"},
			{"/chain/r", there.URL + "/new/r"},
			{"/secure/r", secure.URL + "/new/r"},
		} {
			for _, server := range servers {
				server.Reset()
			}
			r := (&git.Client{HTTP: secure.Client()}).Open(here.URL + tt.path)
			refs, err := r.Refs(t.Context(), "HEAD")
			if err != nil || len(refs) != 1 || refs[0].Hash != head {
				t.Errorf("%d of %s: %v, %v", code, tt.path, refs, err)
				continue
			}
			s := snapshot(t, r, head, "")
			check(t, s, repo, "")
			s.Close()
			tried := here.URL + strings.TrimSuffix(tt.path, "/") // before the server was asked
			if got := posted(servers); !slices.Equal(got, []string{tried, tt.posted}) {
				t.Errorf("%d of %s: posted to %s, want %s", code, tt.path, got, tt.posted)
			}
		}
	}
}

// posted is where something was posted.
func posted(servers []*gittest.Server) (bases []string) {
	for _, server := range servers {
		for _, q := range server.Requests() {
			if path, ok := strings.CutSuffix(server.URL+q.Path, "/git-upload-pack"); ok && q.Method == "POST" && !slices.Contains(bases, path) {
				bases = append(bases, path)
			}
		}
	}
	return bases
}

// TestHTTPRedirectCredentials: what stands in a URL goes to its own host alone, and hosts can't make up others.
func TestHTTPRedirectCredentials(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	repos := map[string]*gittest.Repo{"new/r": repo}
	here, there := gittest.Serve(t, gittest.AllFilters, repos), gittest.Serve(t, gittest.AllFilters, repos)
	here.Wrap(gittest.Redirect(302, "/far/", there.URL+"/new/"))
	here.Wrap(gittest.Redirect(302, "/local/", strings.Replace(there.URL, "127.0.0.1", "localhost", 1)+"/new/"))
	here.Wrap(gittest.Redirect(302, "/made-up/", strings.Replace(there.URL, "//", "//made:up@", 1)+"/new/"))
	for _, path := range []string{"/far/r", "/local/r", "/made-up/r"} {
		here.Reset()
		there.Reset()
		r := (&git.Client{HTTP: here.Client()}).Open(strings.Replace(here.URL, "//", "//user:secret@", 1) + path)
		s := snapshot(t, r, revision(t, repo, "HEAD"), "")
		s.Close()
		if q := here.Requests(); len(q) != 2 || q[0].Header.Get("Authorization") == "" || q[1].Header.Get("Authorization") == "" {
			t.Errorf("%s: %+v", path, q)
		}
		for _, q := range there.Requests() {
			if text := fmt.Sprint(q.Header); q.Header.Get("Authorization") != "" || strings.Contains(text, "secret") {
				t.Errorf("%s: %s", path, text)
			}
		}
		if len(there.Requests()) != 2 {
			t.Errorf("%s: %d requests", path, len(there.Requests()))
		}
	}
}

// TestHTTPRedirectBack: when the place that a repository was redirected to is gone, its own address counts again.
func TestHTTPRedirectBack(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"old/r": repo, "new/r": repo})
	to := "new"
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case to == "new" && strings.HasPrefix(r.URL.Path, "/old/"):
				http.Redirect(w, r, "/new/"+strings.TrimPrefix(r.URL.RequestURI(), "/old/"), http.StatusFound)
			case to == "old" && strings.HasPrefix(r.URL.Path, "/new/"):
				http.NotFound(w, r)
			default:
				next.ServeHTTP(w, r)
			}
		})
	})
	r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/old/r")
	if _, err := r.Refs(t.Context(), "refs/"); err != nil {
		t.Fatal(err)
	}
	to = "old"
	if _, err := r.Refs(t.Context(), "refs/"); err != nil {
		t.Errorf("back at its own address: %v", err)
	}
}

func TestHTTPOwnersRedirects(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.RedirectHandler("/again", http.StatusFound))
	defer server.Close()
	for _, tt := range []struct {
		check func(*http.Request, []*http.Request) error
		want  string
	}{
		{func(*http.Request, []*http.Request) error { return nil }, "more than 10 times"}, // which alone would never end
		{func(*http.Request, []*http.Request) error { return errors.New("not there") }, "not there"},
		{func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, "302"},
	} {
		client := *server.Client()
		client.CheckRedirect = tt.check
		_, err := (&git.Client{HTTP: &client}).Open(server.URL+"/r").Refs(t.Context(), "HEAD")
		var e *git.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

func TestHTTPNotGit(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	for _, html := range []func(http.Handler) http.Handler{gittest.HTML(), gittest.On("ls-refs", gittest.HTML())} {
		server.Wrap(html)
		_, err := (&git.Client{HTTP: server.Client()}).Open(server.URL+"/r").Refs(t.Context(), "HEAD")
		var e *git.Error
		if !errors.As(err, &e) || e.Kind != git.Broken || !strings.Contains(err.Error(), "text/html") {
			t.Errorf("%v", err)
		}
		server.Wrap(nil)
	}

	// A repository that is served as files: git's dumb protocol, which would need the whole of it.
	repo.Git("update-server-info")
	dumb, _ := serve(t, http.StripPrefix("/o/r", http.FileServer(http.Dir(repo.GitDir()))), git.Limits{})
	_, err := dumb.Refs(t.Context(), "HEAD")
	var e *git.Error
	if !errors.As(err, &e) || e.Kind != git.Broken || !strings.Contains(err.Error(), `answered with "text/plain", not as a git server does`) {
		t.Errorf("%v", err)
	}
}

func TestHTTPUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	repo := gittest.New(t, "commit one")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	for _, url := range []string{"http://" + addr + "/r", "https://" + addr + "/r", "http://" + strings.TrimPrefix(server.URL, "https://") + "/r", server.URL + "/r"} {
		client := &http.Client{Transport: &http.Transport{}} // it does not know the certificate
		_, err := (&git.Client{HTTP: client}).Open(url).Refs(t.Context(), "HEAD")
		client.CloseIdleConnections()
		var e *git.Error
		want := git.Unreachable
		if strings.HasPrefix(url, "http://") && !strings.Contains(url, addr) {
			want = git.Broken // status 400 from a server that speaks TLS
		}
		if !errors.As(err, &e) || e.Kind != want {
			t.Errorf("%s: %#v", url, err)
		}
	}
}

// recorded is a fetch's answer, as a stock server gives it.
func recorded(t *testing.T, repo *gittest.Repo, head git.Hash) []byte {
	server := gittest.Serve(t, gittest.NoFilters, map[string]*gittest.Repo{"r": repo})
	var answer bytes.Buffer
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w = teed{w, &answer}
			}
			next.ServeHTTP(w, r)
		})
	})
	snapshot(t, (&git.Client{HTTP: server.Client()}).Open(server.URL+"/r"), head, "").Close()
	return answer.Bytes()
}

type teed struct {
	http.ResponseWriter
	to io.Writer
}

func (w teed) Write(p []byte) (int, error) {
	w.to.Write(p)
	return w.ResponseWriter.Write(p)
}

// A replay is a transport without a network, whose answers to POST are cut or spoilt.
type replay struct {
	answer []byte
	err    error // at its end
}

func (p replay) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Request: r}
	if r.Method == http.MethodGet {
		resp.Header.Set("Content-Type", "application/x-git-upload-pack-advertisement")
		resp.Body = io.NopCloser(strings.NewReader(advertisement))
		return resp, nil
	}
	resp.Header.Set("Content-Type", "application/x-git-upload-pack-result")
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(p.answer), failing{p.err}))
	return resp, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestHTTPCutAndCorrupt spoils an answer at every byte.
func TestHTTPCutAndCorrupt(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "write\ncommit one\n-- a --\none\n-- b/c --\n"+strings.Repeat("two and more\n", 20))
	repo.Write("b/d", []byte(strings.Repeat("two and more\n", 19)))
	repo.Commit("two")
	repo.Repack()
	head := revision(t, repo, "HEAD")
	answer := recorded(t, repo, head)
	pack := bytes.Index(answer, []byte("packfile\n"))
	if pack < 0 || !bytes.HasSuffix(answer, []byte("0000")) {
		t.Fatalf("%q", answer)
	}
	try := func(p replay) (err error, right bool) {
		r := (&git.Client{HTTP: &http.Client{Transport: p}}).Open("http://git.example.test/r")
		s, err := r.Snapshot(t.Context(), head, "")
		if err != nil {
			return err, false
		}
		defer s.Close()
		check(t, s, repo, "")
		return nil, true
	}
	if err, _ := try(replay{answer, io.EOF}); err != nil {
		t.Fatal(err)
	}
	var e *git.Error
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 0; n < len(answer); n += step {
		for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, errors.New("connection reset")} {
			if err, _ := try(replay{answer[:n], end}); !errors.As(err, &e) || end == io.EOF && e.Kind != git.Broken {
				t.Errorf("cut after %d bytes by %v: %v", n, end, err)
			}
		}
		for _, mask := range []byte{0xff, 0x01, 0x20} {
			spoilt := bytes.Clone(answer)
			spoilt[n] ^= mask
			err, right := try(replay{spoilt, io.EOF})
			// Before the pack is what isn't looked at; 0x20 makes a lower-case letter of hexadecimal upper-case.
			// That an answer ends by 0001, not 0000, is as well.
			if harmless := n < pack || mask == 0x20 || n == len(answer)-1; right && !harmless || !right && !errors.As(err, &e) {
				t.Errorf("byte %d of %d changed by %#x: %v", n, len(answer), mask, err)
			}
		}
	}
}

// TestHTTPCutConnection is the same over real connections, less finely.
func TestHTTPCutConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	t.Parallel()
	repo := chains(t, "")
	head := revision(t, repo, "HEAD")
	repos := map[string]*gittest.Repo{"r": repo}
	for _, server := range []*gittest.Server{gittest.Serve(t, gittest.NoFilters, repos), gittest.ServeTLS(t, gittest.NoFilters, repos)} {
		for _, n := range []int64{0, 1, 100, 1000, 5000} {
			for name, fault := range map[string]func(http.Handler) http.Handler{"cut": gittest.CutAfter(n), "corrupt": gittest.Corrupt(n)} {
				server.Wrap(nil)
				server.Wrap(fault)
				_, err := (&git.Client{HTTP: server.Client()}).Open(server.URL+"/r").Snapshot(t.Context(), head, "")
				var e *git.Error
				if !errors.As(err, &e) || e.Kind != git.Broken {
					t.Errorf("%s %d: %#v", name, n, err)
				}
			}
		}
	}
}

// TestHTTPIdleClosed: a server may close a connection just as it is used again.
func TestHTTPIdleClosed(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool // a connection that is closed without a word orders nothing
	f := fake{refs: say("0000")}
	repo, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && closed.CompareAndSwap(false, true) {
			panic(http.ErrAbortHandler)
		}
		f.ServeHTTP(w, r)
	}), git.Limits{})
	if _, err := repo.Refs(t.Context(), "HEAD"); err != nil || !closed.Load() {
		t.Error(err)
	}
}

// settled waits until there are no more goroutines and open files than before.
func settled(t *testing.T) func() {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close() // the runtime opens files of its own with the first connection, and keeps them
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	return func() {
		t.Helper()
		for range 200 {
			if runtime.NumGoroutine() <= goroutines && openFiles() <= files {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines and %d files, before %d and %d\n%s", runtime.NumGoroutine(), openFiles(), goroutines, files, buf[:runtime.Stack(buf, true)])
	}
}

func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// stallers are hosts that stop talking at some point.
func stallers(pack []byte) map[string]http.Handler {
	stall := func(head string) func(io.Writer, *http.Request, string) {
		return func(w io.Writer, r *http.Request, _ string) {
			io.WriteString(w, head)
			http.NewResponseController(w.(http.ResponseWriter)).Flush()
			<-r.Context().Done()
		}
	}
	f := fake{fetch: stall("")}
	return map[string]http.Handler{
		"connection":     gittest.Hang()(nil),
		"command":        f,
		"in a line":      fake{fetch: stall("00")},
		"in the pack":    fake{fetch: stall(bands(pack)[:len(pack)/2])},
		"before the end": fake{fetch: stall(strings.TrimSuffix(bands(pack), "0000"))},
	}
}

// TestHTTPCancel and the following are not parallel: they count.
func TestHTTPCancel(t *testing.T) {
	pack := craft(packed{kind: blobObject, data: strings.Repeat("0123456789", 1<<15), stored: true})
	h := nameOf(blobObject, "x")
	for name, handler := range stallers(pack) {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "in the pack" {
				t.Skip("slow")
			}
			defer settled(t)()
			t.Setenv("TMPDIR", t.TempDir())
			server := httptest.NewServer(handler)
			defer server.Close()
			defer server.Client().CloseIdleConnections()
			for cause, tt := range map[string]struct {
				limits git.Limits
				ctx    func(context.Context) (context.Context, context.CancelFunc)
				want   error
			}{
				"cancel": {git.Limits{}, func(ctx context.Context) (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(ctx)
					time.AfterFunc(50*time.Millisecond, cancel)
					return ctx, cancel
				}, context.Canceled},
				"deadline": {git.Limits{}, func(ctx context.Context) (context.Context, context.CancelFunc) {
					return context.WithTimeout(ctx, 50*time.Millisecond)
				}, context.DeadlineExceeded},
				"stall": {git.Limits{Stall: 50 * time.Millisecond}, context.WithCancel, nil},
			} {
				ctx, cancel := tt.ctx(t.Context())
				start := time.Now()
				_, err := (&git.Client{HTTP: server.Client(), Limits: tt.limits}).Open(server.URL+"/r").Snapshot(ctx, h, "")
				cancel()
				var e *git.Error
				if tt.want != nil && (!errors.Is(err, tt.want) || errors.As(err, &e)) || tt.want == nil && (!errors.As(err, &e) || e.Kind != git.Timeout) {
					t.Errorf("%s: %T %v", cause, err, err)
				}
				if d := time.Since(start); d > 2*time.Second {
					t.Errorf("%s: after %v", cause, d)
				}
			}
			if entries, _ := os.ReadDir(os.TempDir()); len(entries) > 0 {
				t.Errorf("%d files left", len(entries))
			}
		})
	}
}

// TestHTTPSlow: a host that is slow, but says something now and then, is waited for.
func TestHTTPSlow(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	t.Parallel()
	pack := bands(craft(packed{kind: blobObject, data: "x"}))
	repo, _ := serve(t, fake{fetch: func(w io.Writer, _ *http.Request, _ string) {
		for i := range pack {
			io.WriteString(w, pack[i:i+1])
			http.NewResponseController(w.(http.ResponseWriter)).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}}, git.Limits{Stall: 400 * time.Millisecond})
	_, err := repo.Snapshot(t.Context(), nameOf(blobObject, "x"), "")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "is a blob") {
		t.Error(err)
	}
}

// TestHTTPClientTimeout: the owner's own limit is the host's fault, not the caller's leaving.
func TestHTTPClientTimeout(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gittest.Hang()(nil))
	defer server.Close()
	client := *server.Client()
	client.Timeout = 50 * time.Millisecond
	_, err := (&git.Client{HTTP: &client}).Open(server.URL+"/r").Refs(t.Context(), "HEAD")
	var e *git.Error
	if !errors.As(err, &e) || e.Kind != git.Timeout {
		t.Errorf("%T %v", err, err)
	}
}

// TestClientKeeps: what is kept, and that it goes.
func TestClientKeeps(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	if openFiles() == 0 {
		t.Skip("no /proc")
	}
	defer settled(t)()
	t.Setenv("TMPDIR", t.TempDir())
	files := openFiles()
	pack := func(n int) *git.Pack {
		data := strings.Repeat(fmt.Sprint(n), 1<<18)
		p, err := git.ReadPack(t.Context(), bytes.NewReader(craft(packed{kind: blobObject, data: data, stored: true})), false, git.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	c := new(git.Client)
	last := c.AddPack("r", pack(0))
	if n := openFiles(); n != files+1 {
		t.Errorf("%d files for a pack", n-files)
	}
	for i := range git.MaxPacks + 10 {
		c.AddPack("r", pack(i%10))()
	}
	if n, _ := c.Held(); n != git.MaxPacks {
		t.Errorf("%d packs kept", n)
	}
	if n := openFiles(); n != files+git.MaxPacks+1 { // the first is in use
		t.Errorf("%d files for %d packs", n-files, git.MaxPacks)
	}
	held := c.AddPack("s", pack(1))
	c.EvictIdle(2 * git.PackIdle)
	if n, bytes := c.Held(); n != 1 || bytes <= 1<<18 {
		t.Errorf("%d packs of %d bytes kept of those that idle, one being used", n, bytes)
	}
	last()
	held()
	c.EvictIdle(2 * git.PackIdle)
	if n, bytes := c.Held(); n != 0 || bytes != 0 {
		t.Errorf("%d packs of %d bytes kept", n, bytes)
	}
	if n := openFiles(); n != files {
		t.Errorf("%d files", n-files)
	}
	if entries, _ := os.ReadDir(os.TempDir()); len(entries) > 0 {
		t.Errorf("%d files left", len(entries))
	}
}

// TestClientIdle: nobody has to come for what idles to go.
func TestClientIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new(git.Client)
		use := func() {
			p, err := readPack(t, craft(packed{kind: blobObject, data: "x"}), git.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			c.AddPack("r", p)()
		}
		for range 2 { // and once more
			use()
			time.Sleep(git.PackIdle / 2)
			use()
			for minute, want := range []int{2, 0} {
				if n, _ := c.Held(); n != want {
					t.Errorf("%d packs after %d minutes, want %d", n, minute, want)
				}
				time.Sleep(2*git.PackIdle + time.Second)
				synctest.Wait()
			}
		}
	})
}
