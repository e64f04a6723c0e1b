package gittest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/internal/gittest"
)

// pkt writes a request of protocol v2: a command, its arguments, and a flush.
func pkt(command string, args ...string) []byte {
	var b bytes.Buffer
	line := func(s string) { fmt.Fprintf(&b, "%04x%s\n", len(s)+5, s) }
	line("command=" + command)
	line("object-format=sha1")
	b.WriteString("0001")
	for _, arg := range args {
		line(arg)
	}
	b.WriteString("0000")
	return b.Bytes()
}

// request makes a request to upload-pack, or the one before it if there is no body.
func request(ctx context.Context, url string, body []byte) (*http.Request, error) {
	method, path := "POST", "/git-upload-pack"
	if body == nil {
		method, path = "GET", "/info/refs?service=git-upload-pack"
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", "version=2")
	return req, nil
}

// ask sends such a request and returns the answer.
func ask(client *http.Client, url string, body []byte) (*http.Response, []byte, error) {
	req, err := request(context.Background(), url, body)
	if err != nil {
		return nil, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}

// mustPost is ask with a client that can't do anything but succeed.
func mustPost(t *testing.T, s *gittest.Server, path string, body []byte) []byte {
	t.Helper()
	resp, data, err := ask(s.Client(), s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %s: %s", resp.Status, data)
	}
	return data
}

func simple(tb testing.TB) *gittest.Repo {
	return gittest.New(tb, "write\ncommit x\ntag v1.0.0\n-- go.mod --\nmodule example.com/m\n-- a/b/c.go --\npackage c\n")
}

// TestFilters asserts by the protocol's bytes what each mode allows: how many objects come, or how it is refused.
func TestFilters(t *testing.T) {
	t.Parallel()
	r := simple(t)
	commit, tree, blob := r.Git("rev-parse", "HEAD"), r.Git("rev-parse", "HEAD^{tree}"), r.Git("rev-parse", "HEAD:go.mod")
	requests := [][]string{
		{"want " + commit, "deepen 1", "filter tree:0"},
		{"want " + commit, "deepen 1", "filter blob:none"},
		{"want " + commit, "deepen 1", "filter combine:blob:none+tree:2"},
		{"want " + commit, "deepen 1", "filter tree:2"},
		{"want " + tree, "filter tree:0"},
		{"want " + tree, "filter blob:none"},
		{"want " + tree},
		{"want " + blob},
		{"want " + commit, "deepen 1"},
	}
	const (
		noTree    = "ERR tree filter allows max depth 0, but got 2"
		noCombine = "ERR filter 'combine' not supported"
		noBlob    = "ERR filter 'blob:none' not supported"
		died      = "" // 200 and nothing: the line is unknown
	)
	tests := []struct {
		name    string
		filters gittest.Filters
		offers  bool
		want    []string
	}{
		{"all", gittest.AllFilters, true, []string{"1", "4", "3", "4", "1", "3", "5", "1", "6"}},
		{"forge", gittest.ForgeFilters, true, []string{"1", "4", noCombine, noTree, "1", "3", "5", "1", "6"}},
		{"tree", gittest.TreeFilters, true, []string{"1", noBlob, noCombine, noTree, "1", noBlob, "5", "1", "6"}},
		{"none", gittest.NoFilters, false, []string{died, died, died, died, died, died, "5", "1", "6"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"o/r": r})
			if got := strings.Contains(advertisement(t, s), "fetch=shallow wait-for-done filter"); got != tt.offers {
				t.Errorf("offers filters: %v", got)
			}
			for i, args := range requests {
				data := mustPost(t, s, "/o/r", pkt("fetch", append(args, "no-progress", "done")...))
				if got := result(data); got != tt.want[i] {
					t.Errorf("%q: got %s, want %s", args, got, tt.want[i])
				}
			}
		})
	}
}

// result is the number of objects in a pack, or an error.
func result(data []byte) string {
	if i := bytes.Index(data, []byte("PACK\x00\x00\x00\x02")); i >= 0 {
		return fmt.Sprint(data[i+11])
	}
	if i := bytes.Index(data, []byte("ERR ")); i >= 0 {
		return strings.TrimSpace(string(data[i:]))
	}
	return string(data)
}

func advertisement(t *testing.T, s *gittest.Server) string {
	t.Helper()
	return string(mustPost(t, s, "/o/r", nil))
}

// clone clones with the real git, and returns the commit that it got.
func clone(t *testing.T, url string, env ...string) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	cmd := exec.Command("git", "clone", "--quiet", url, dir)
	cmd.Env = append(gittest.Environ(gittest.GitEnviron(t.TempDir())...), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %s", err, out)
	}
	out, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD").Output()
	return strings.TrimSpace(string(out)), err
}

func TestClone(t *testing.T) {
	t.Parallel()
	r := simple(t)
	repos := map[string]*gittest.Repo{"o/r": r, "o/r/sub": gittest.New(t, "")}
	plain, secure := gittest.Serve(t, gittest.AllFilters, repos), gittest.ServeTLS(t, gittest.AllFilters, repos)
	other := httptest.NewServer(plain.Handler())
	defer other.Close()
	head := r.Git("rev-parse", "HEAD")
	for _, url := range []string{plain.URL + "/o/r", plain.URL + "/o/r.git", secure.URL + "/o/r", other.URL + "/o/r"} {
		got, err := clone(t, url, "GIT_SSL_CAINFO="+secure.CertFile())
		if got != head || err != nil {
			t.Errorf("%s: got %q, %v", url, got, err)
		}
	}
	for _, url := range []string{plain.URL + "/o/other", plain.URL + "/o/rx", plain.URL} {
		if _, err := clone(t, url); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("%s: got error %v", url, err)
		}
	}
	plain.SetBasicAuth("user", "secret")
	if _, err := clone(t, plain.URL+"/o/r"); err == nil {
		t.Error("no credentials wanted")
	}
	if got, err := clone(t, strings.Replace(plain.URL, "//", "//user:secret@", 1)+"/o/r"); got != head || err != nil {
		t.Errorf("with credentials: got %q, %v", got, err)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": simple(t)})
	advertisement(t, s)
	body := pkt("ls-refs", "peel", "ref-prefix refs/tags/")
	answer := mustPost(t, s, "/o/r", body)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(body)
	w.Close()
	req, err := http.NewRequest("POST", s.URL+"/o/r/git-upload-pack", io.MultiReader(&z)) // so that it is chunked
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"Content-Type":     "application/x-git-upload-pack-request",
		"Content-Encoding": "gzip",
		"Git-Protocol":     "version=2",
	} {
		req.Header.Set(key, value)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if again, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(again, answer) {
		t.Errorf("gzip: got %q, %v, want %q", again, err, answer)
	}
	all := s.Requests()
	if len(all) != 3 {
		t.Fatalf("%d requests", len(all))
	}
	for i, command := range []string{"info/refs", "ls-refs", "ls-refs"} {
		if got := all[i]; got.Command() != command || got.Status != 200 || got.Bytes == 0 {
			t.Errorf("request %d: command %q, status %d, %d bytes", i, got.Command(), got.Status, got.Bytes)
		}
	}
	if a := all[0]; a.Method != "GET" || a.Path != "/o/r/info/refs" || a.Query.Get("service") != "git-upload-pack" ||
		a.Header.Get("Git-Protocol") != "version=2" {
		t.Errorf("first request: %+v", a)
	}
	if a := all[2]; !bytes.Equal(a.Body, body) || a.Length == int64(len(body)) || a.Bytes != int64(len(answer)) {
		t.Errorf("last request: %+v", a)
	}
	if s.Reset(); len(s.Requests()) != 0 || s.Bytes() != 0 {
		t.Error("Reset forgot nothing")
	}
}

func TestSetDown(t *testing.T) {
	t.Parallel()
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": simple(t)})
	advertisement(t, s)
	for range 3 {
		s.SetDown(true)
		if _, err := s.Client().Get(s.URL); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Fatalf("down: %v", err)
		}
		s.SetDown(false)
		advertisement(t, s)
	}
	s.SetDown(true)
}

func TestClientAnyHost(t *testing.T) {
	t.Parallel()
	repos := map[string]*gittest.Repo{"o/r": simple(t)}
	for _, s := range []*gittest.Server{
		gittest.Serve(t, gittest.AllFilters, repos), gittest.ServeTLS(t, gittest.AllFilters, repos),
	} {
		scheme, _, _ := strings.Cut(s.URL, "://")
		resp, _, err := ask(s.Client(), scheme+"://git.example.test/o/r", pkt("ls-refs"))
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v, %v", scheme, resp, err)
		}
		if host := s.Requests()[0].Host; host != "git.example.test" {
			t.Errorf("%s: host %q", scheme, host)
		}
		if scheme == "https" && resp.ProtoMajor != 2 {
			t.Errorf("https by %s", resp.Proto)
		}
		if _, err := s.Client().Get("http://192.0.2.1/"); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: elsewhere: %v", scheme, err)
		}
	}
	s := gittest.ServeTLS(t, gittest.AllFilters, repos)
	var unknown *tls.CertificateVerificationError
	if _, err := http.Get(s.URL); !errors.As(err, &unknown) {
		t.Errorf("a stranger's client: %v", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := simple(t)
	fetch := pkt("fetch", "want "+r.Git("rev-parse", "HEAD"), "done")
	for _, serve := range []func(testing.TB, gittest.Filters, map[string]*gittest.Repo) *gittest.Server{
		gittest.Serve, gittest.ServeTLS,
	} {
		s := serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": r})
		list := pkt("ls-refs") // its answer is always the same, which a pack needn't be
		good := mustPost(t, s, "/o/r", list)

		s.Wrap(gittest.CutAfter(30))
		if _, got, err := ask(s.Client(), s.URL+"/o/r", list); err == nil || !bytes.Equal(got, good[:30]) {
			t.Errorf("cut: got %q, %v", got, err)
		}
		s.Wrap(nil)

		s.Wrap(gittest.First(1, gittest.On("ls-refs", gittest.Corrupt(20))))
		want := bytes.Clone(good)
		want[20] ^= 0xff
		if got := mustPost(t, s, "/o/r", list); !bytes.Equal(got, want) {
			t.Errorf("corrupt: got %q, want %q", got, want)
		}
		if got := mustPost(t, s, "/o/r", list); !bytes.Equal(got, good) {
			t.Errorf("corrupt, second request: got %q", got)
		}
		s.Wrap(nil)

		s.Wrap(gittest.On("ls-refs", gittest.Status(429, http.Header{"Retry-After": {"7"}})))
		resp, _, err := ask(s.Client(), s.URL+"/o/r", list)
		if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "7" {
			t.Errorf("status: %v, %v", resp, err)
		}
		mustPost(t, s, "/o/r", fetch)
		s.Wrap(nil)

		s.Wrap(gittest.After(2, gittest.First(1, gittest.Status(503, nil))))
		for i, want := range []int{200, 200, 503, 200} {
			if got := statusOf(s, "/o/r", list); got != want {
				t.Errorf("after two, request %d: status %d", i+1, got)
			}
		}
		s.Wrap(nil)

		s.Wrap(gittest.HTML())
		if got := mustPost(t, s, "/o/r", fetch); !bytes.HasPrefix(got, []byte("<!DOCTYPE")) {
			t.Errorf("html: %q", got)
		}
		s.Wrap(nil)

	}
}

// asks are requests of every kind, by their commands, for a repository with a commit.
func asks(r *gittest.Repo) map[string][]byte {
	return map[string][]byte{
		"info/refs": nil,
		"ls-refs":   pkt("ls-refs"),
		"fetch":     pkt("fetch", "want "+r.Git("rev-parse", "HEAD"), "done"),
	}
}

// stalled reads n bytes of an answer, and reports whether nothing follows, not even an end.
func stalled(t *testing.T, s *gittest.Server, body []byte, n int) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := request(ctx, s.URL+"/o/r", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	more, err := resp.Body.Read(make([]byte, 1))
	return more == 0 && errors.Is(err, context.Canceled)
}

// TestFaultsAnyAnswer goes through the faults that make no difference between the commands.
func TestFaultsAnyAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	t.Parallel()
	r := simple(t)
	repos := map[string]*gittest.Repo{"o/r": r}
	for _, s := range []*gittest.Server{gittest.Serve(t, gittest.AllFilters, repos), gittest.ServeTLS(t, gittest.AllFilters, repos)} {
		with := func(fault func(http.Handler) http.Handler, body []byte) (*http.Response, string, error) {
			s.Wrap(fault)
			defer s.Wrap(nil)
			resp, data, err := ask(s.Client(), s.URL+"/o/r", body)
			return resp, string(data), err
		}
		for command, body := range asks(r) {
			for _, n := range []int{0, 1, 30} {
				if resp, got, err := with(gittest.CutAnswerAfter(int64(n)), body); err == nil || resp == nil || len(got) != n {
					t.Errorf("%s cut after %d: %v, %q, %v", command, n, resp, got, err)
				}
				if s.Wrap(gittest.StallAfter(int64(n))); !stalled(t, s, body, n) {
					t.Errorf("%s does not stall after %d", command, n)
				}
				s.Wrap(nil)
			}
			for _, fault := range []func(http.Handler) http.Handler{gittest.CutAnswerAfter(1 << 20), gittest.StallAfter(1 << 20)} {
				if _, got, err := with(fault, body); err != nil || !strings.HasSuffix(got, "0000") {
					t.Errorf("%s: a short answer: %q, %v", command, got, err)
				}
			}
			want := "application/x-git-upload-pack-result"
			if body == nil {
				want = "application/x-git-upload-pack-advertisement"
			}
			resp, got, err := with(gittest.Garbage("no git"), body)
			if err != nil || resp.StatusCode != 200 || got != "no git" || resp.Header.Get("Content-Type") != want {
				t.Errorf("%s, garbage: %v, %q, %v", command, resp, got, err)
			}
		}
		s.Wrap(gittest.Garbage("no git"))
		resp, err := s.Client().Get(s.URL + "/elsewhere")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("garbage elsewhere: %s", resp.Status)
		}
	}
}

// statusOf is the status that an answer has, 0 if none came, or not all of it.
func statusOf(s *gittest.Server, path string, body []byte) int {
	resp, _, err := ask(s.Client(), s.URL+path, body)
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

// TestSometimes: one seed has one sequence of faults, each of them comes, and many requests at a time do no harm.
func TestSometimes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	t.Parallel()
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": simple(t)})
	sequence := func(seed uint64) (all []int) {
		s.Wrap(nil)
		s.Wrap(gittest.On("ls-refs", gittest.Sometimes(rand.New(rand.NewPCG(seed, 0)),
			nil, gittest.Status(429, nil), gittest.Status(503, nil), gittest.CutAnswerAfter(10))))
		for range 30 {
			all = append(all, statusOf(s, "/o/r", pkt("ls-refs")))
			advertisement(t, s) // is spared, and takes none of the faults
		}
		return all
	}
	first := sequence(1)
	for _, code := range []int{0, 200, 429, 503} {
		if !slices.Contains(first, code) {
			t.Errorf("never %d: %v", code, first)
		}
	}
	if again := sequence(1); !slices.Equal(again, first) {
		t.Errorf("the same seed: %v, then %v", first, again)
	}
	if other := sequence(2); slices.Equal(other, first) {
		t.Errorf("other seeds, but all %v", first)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { statusOf(s, "/o/r", pkt("ls-refs")) })
	}
	wg.Wait()
}

// TestPut: repositories come, go, and become private while the server runs.
func TestPut(t *testing.T) {
	t.Parallel()
	r, other := simple(t), gittest.New(t, "commit other")
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"/o/r/": r, "o/stays": r})
	every := func(when string, want int) {
		t.Helper()
		for command, body := range asks(r) {
			for path, want := range map[string]int{"/o/r": want, "/o/r.git": want, "/o/stays": 200} {
				if got := statusOf(s, path, body); got != want {
					t.Errorf("%s: %s of %s: status %d, want %d", when, command, path, got, want)
				}
			}
		}
	}
	every("at first", 200)
	s.Remove("o/r")
	every("removed", 404)
	s.Put("o/r", other)
	if head, err := clone(t, s.URL+"/o/r"); err != nil || head != other.Git("rev-parse", "HEAD") {
		t.Errorf("another: %q, %v", head, err)
	}
	s.Put("o/r", r)
	every("back", 200)
	s.SetPrivate("o/r", "user", "secret")
	every("private", 401)
	if head, err := clone(t, strings.Replace(s.URL, "//", "//user:secret@", 1)+"/o/r"); err != nil || head != r.Git("rev-parse", "HEAD") {
		t.Errorf("with credentials: %q, %v", head, err)
	}
	s.SetPrivate("o/r", "", "")
	every("public", 200)
	s.SetPrivate("o/r", "user", "secret")
	s.Put("o/r", r)
	every("put again", 200)
}

func TestAllow(t *testing.T) {
	t.Parallel()
	r := simple(t)
	s := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"o/a": r, "o/b": r, "o/own": r, "o/public": r})
	ask := func(path, user, password string) int {
		t.Helper()
		req, err := http.NewRequest("GET", s.URL+path+"/info/refs?service=git-upload-pack", nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		q := s.Requests()
		if u, p, _ := (&http.Request{Header: q[len(q)-1].Header}).BasicAuth(); u != user || p != password {
			t.Errorf("kept as %q and %q", u, p)
		}
		return resp.StatusCode
	}
	s.Allow("ann", "old", "o/a")
	s.Allow("ann", "secret", "o/b")
	s.Allow("bob", "word", "o/b")
	s.SetPrivate("o/own", "owner", "key")
	for _, tt := range []struct {
		path, user, password string
		want                 int
	}{
		{"/o/a", "ann", "secret", 200}, {"/o/b.git", "ann", "secret", 200}, {"/o/b", "bob", "word", 200},
		{"/o/a", "bob", "word", 403}, {"/o/own", "bob", "word", 403}, {"/o/own", "owner", "key", 200},
		{"/o/a", "ann", "old", 401}, {"/o/a", "", "", 401}, {"/o/a", "cy", "", 401}, {"/o/own", "", "", 401}, {"/o/a", "owner", "key", 401},
		{"/o/public", "", "", 200}, {"/o/public", "cy", "x", 200}, {"/o/absent", "ann", "secret", 404},
	} {
		if got := ask(tt.path, tt.user, tt.password); got != tt.want {
			t.Errorf("%s as %s:%s: status %d, want %d", tt.path, tt.user, tt.password, got, tt.want)
		}
	}
	s.Dismiss("ann")
	if a, b := ask("/o/a", "ann", "secret"), ask("/o/b", "bob", "word"); a != 401 || b != 200 {
		t.Errorf("after the dismissal: %d and %d", a, b)
	}
	s.Put("o/b", r)
	if got := ask("/o/b", "", ""); got != 200 {
		t.Errorf("put again: %d", got)
	}
}

func TestPutMissing(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*gittest.Server){
		func(s *gittest.Server) { s.Remove("o/r") },
		func(s *gittest.Server) { s.SetPrivate("o/r", "user", "secret") },
		func(s *gittest.Server) { s.Allow("user", "secret", "o/r") },
	} {
		if got := failure(t, func(tb testing.TB) { change(gittest.Serve(tb, gittest.AllFilters, nil)) }); !strings.Contains(got, `no repository "o/r"`) {
			t.Errorf("failure %q", got)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	r := simple(t)
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": r})
	for version, beginning := range []string{"0000" + "01", "0000" + "000eversion 1\n"} {
		s.Wrap(gittest.Version(version))
		got := advertisement(t, s)
		if !strings.Contains(got, r.Git("rev-parse", "v1.0.0")+" refs/tags/v1.0.0") || !strings.HasPrefix(got, "001e# service=git-upload-pack\n"+beginning) {
			t.Errorf("version %d: %q", version, got)
		}
		s.Reset()
		if head, err := clone(t, s.URL+"/o/r"); err != nil || head != r.Git("rev-parse", "HEAD") {
			t.Errorf("version %d: %q, %v", version, head, err)
		}
		if all := s.Requests(); len(all) != 2 || all[1].Command() != "fetch" {
			t.Errorf("version %d: %d requests, the last one for %q", version, len(all), all[len(all)-1].Command())
		}

		s.Wrap(gittest.Without("side-band", "side-band-64k", "object-format"))
		got = advertisement(t, s)
		if strings.Contains(got, "side-band") || strings.Contains(got, "object-format") || !strings.Contains(got, "\x00multi_ack thin-pack ofs-delta ") {
			t.Errorf("version %d without: %q", version, got)
		}
		if head, err := clone(t, s.URL+"/o/r"); err != nil || head != r.Git("rev-parse", "HEAD") {
			t.Errorf("version %d without: %q, %v", version, head, err)
		}
		s.Wrap(nil)
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	r := simple(t)
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": r})
	far := gittest.Serve(t, gittest.AllFilters, nil)
	far.Wrap(gittest.Redirect(http.StatusMovedPermanently, "/far/", s.URL+"/old/"))
	s.Wrap(gittest.Redirect(http.StatusFound, "/old/", "/o/"))
	if head, err := clone(t, far.URL+"/far/r"); err != nil || head != r.Git("rev-parse", "HEAD") {
		t.Errorf("%q, %v", head, err)
	}
	if q := far.Requests(); len(q) != 1 || q[0].Status != http.StatusMovedPermanently {
		t.Errorf("%+v", q)
	}
}

// TestWrapPanics: a fault of the test's own ends the request, and nothing else. It may also ask the server.
func TestWrapPanics(t *testing.T) {
	t.Parallel()
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": simple(t)})
	s.Wrap(func(http.Handler) http.Handler { panic(http.ErrAbortHandler) })
	if _, err := s.Client().Get(s.URL + "/o/r"); err == nil {
		t.Error("an answer")
	}
	s.Wrap(nil)
	asked := make(chan int, 1)
	s.Wrap(func(next http.Handler) http.Handler {
		asked <- len(s.Requests())
		return next
	})
	if advertisement(t, s); <-asked != 2 {
		t.Error("not asked")
	}
}

// TestHang asserts that a request that hangs ends with its client, and at the latest with the server.
func TestHang(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	t.Run("", func(t *testing.T) {
		s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": simple(t)})
		s.Wrap(gittest.Hang())
		client := *s.Client()
		client.Timeout = 50 * time.Millisecond
		if _, _, err := ask(&client, s.URL+"/o/r", pkt("ls-refs")); !os.IsTimeout(err) {
			t.Errorf("got %v", err)
		}
		go ask(s.Client(), s.URL+"/o/r", pkt("ls-refs"))
		for len(s.Requests()) < 2 {
			time.Sleep(time.Millisecond)
		}
	})
	if d := time.Since(begin); d > 4*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	for _, url := range []string{"http://192.0.2.1/", "http://example.com/", "http://127.0.0.1.example.com/"} {
		if _, err := client.Get(url); err == nil || !strings.Contains(err.Error(), "nothing but loopback") {
			t.Errorf("%s: %v", url, err)
		}
	}
	s := gittest.Serve(t, gittest.AllFilters, nil)
	resp, err := client.Get(strings.Replace(s.URL, "127.0.0.1", "localhost", 1))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("no repositories: %s", resp.Status)
	}
}

func TestFreePort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:"+gittest.FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
