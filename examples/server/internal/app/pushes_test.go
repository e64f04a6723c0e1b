package app_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/examples/server/internal/app"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/internal/gittest"
)

const hookSecret = "a secret of some length"

// A journal is a log, line by line.
type journal struct{ lines chan map[string]any }

func (j journal) Write(line []byte) (int, error) {
	fields := make(map[string]any)
	if err := json.Unmarshal(line, &fields); err != nil {
		return 0, err
	}
	j.lines <- fields
	return len(line), nil
}

// pushes gives the lines that begin with "push: " so far, without that, with their tag.
func (j journal) pushes() (all []string) {
	for {
		select {
		case l := <-j.lines:
			if text, ok := strings.CutPrefix(l["msg"].(string), "push: "); ok {
				all = append(all, fmt.Sprintf("%v: %s", l["tag"], text))
			}
		default:
			slices.Sort(all)
			return all
		}
	}
}

// next waits for what became of a push.
func (j journal) next() map[string]any {
	for {
		if l := <-j.lines; l["seconds"] != nil && strings.HasPrefix(l["msg"].(string), "push: ") {
			return l
		}
	}
}

// newPushed makes an App that takes webhooks at /hook.
func newPushed(t testing.TB, client *http.Client, text string) (*app.App, journal) {
	t.Helper()
	c, err := config.Parse([]byte(text), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	j := journal{make(chan map[string]any, 1000)}
	a, err := app.New(t.Context(), c, app.Options{Log: slog.New(slog.NewJSONHandler(j, nil)), Client: client, Stores: new(app.Stores)})
	if err != nil {
		t.Fatal(err)
	}
	return a, j
}

// hook sends what GitHub sends of a tag.
func hook(t testing.TB, h http.Handler, repository, tag string) {
	t.Helper()
	body := fmt.Sprintf(`{"ref": "refs/tags/%s", "after": "1111111111111111111111111111111111111111", "repository": {"clone_url": %q}}`, tag, repository)
	mac := hmac.New(sha256.New, []byte(hookSecret))
	io.WriteString(mac, body)
	r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-Hub-Signature-256", fmt.Sprintf("sha256=%x", mac.Sum(nil)))
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusAccepted {
		t.Fatalf("%s %s: %d %s", repository, tag, w.Code, w.Body)
	}
}

// A stuck host says nothing until who asks gives up, or it is told to refuse.
type stuck struct{ refuse chan struct{} }

func (s stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-s.refuse:
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: r, Header: make(http.Header)}, nil
	}
}

const many = "host: go.acme.test\nproxy: /go\npaths: {'*': {repo: 'https://git.acme.test/*', vcs: git, tags: 'v*'}}\nwebhook: {path: /hook, secrets: [" + hookSecret + "], warm: true}\n"

// TestEnd has pushes to a host that hangs when the server ends: all of them together have half a minute.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, j := newPushed(t, &http.Client{Transport: stuck{}}, many)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		var want []string
		for i := range 16 {
			hook(t, a, fmt.Sprintf("https://git.acme.test/m%d", i), fmt.Sprintf("v1.0.%d", i))
			want = append(want, fmt.Sprintf("v1.0.%d: dropped", i)) // the first of them while the silent host is asked again
		}
		time.Sleep(10 * time.Second) // of the bubble's time
		began := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
		slices.Sort(want)
		if got := j.pushes(); !slices.Equal(got, want) {
			t.Errorf("the log: %q, want %q", got, want)
		}
	})
}

// TestEndWell has pushes that are done when the server ends, because there is time.
func TestEndWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := stuck{make(chan struct{})}
		a, j := newPushed(t, &http.Client{Transport: host}, many)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		for i := range 16 {
			hook(t, a, fmt.Sprintf("https://git.acme.test/m%d", i), "v1.0.0")
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		hook(t, a, "https://git.acme.test/late", "v1.0.0") // while others are done still
		close(host.refuse)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := j.pushes(); len(got) != 17 || slices.ContainsFunc(got, func(l string) bool { return l != "v1.0.0: not all could be done" }) {
			t.Errorf("the log: %q", got)
		}
	})
}

// TestLate has pushes that come when their configuration has been replaced: they are taken at once, as many as may wait, and
// done or dropped.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, j := newPushed(t, &http.Client{Transport: stuck{}}, many)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Run(ctx); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var want []string
		for i := range 8 {
			hook(t, a, fmt.Sprintf("https://git.acme.test/m%d", i), fmt.Sprintf("v1.0.%d", i))
			want = append(want, fmt.Sprintf("v1.0.%d: dropped", i), fmt.Sprintf("v1.0.%d: it came to a configuration that was just replaced, and is done apart", i))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the answers took %v", took)
		}
		time.Sleep(31 * time.Second) // of the bubble's time
		synctest.Wait()
		slices.Sort(want)
		got := j.pushes()
		for i := range got { // the host is given up at the very moment when the time is over
			got[i] = strings.Replace(got[i], ": not all could be done", ": dropped", 1)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("the log: %q, want %q", got, want)
		}
	})
}

// A public mirror notes what it is asked for.
type public struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newPublic(t testing.TB) *public {
	p := new(public)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, r.URL.Path)
		version := strings.TrimSuffix(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], ".info")
		fmt.Fprintf(w, `{"Version": %q}`, version)
	}))
	t.Cleanup(p.Close)
	return p
}

// TestAnnounced has tags of all kinds, and what the public mirror is asked for.
func TestAnnounced(t *testing.T) {
	bare := gittest.New(t, "write\ncommit one\ntag v1.0.0\ntag v2.0.0\n-- m.go --\npackage m\n")
	tool := gittest.New(t, "write\ncommit one\ntag v1.0.0\ntag sub/v1.0.0\ntag log-1.0.0-rc.1\n-- go.mod --\nmodule go.acme.test/tool\n-- m.go --\npackage m\n"+
		"-- libs/log/go.mod --\nmodule go.acme.test/libs/log\n-- libs/log/m.go --\npackage m\n")
	rel := gittest.New(t, "write\ncommit one\ntag rel/v1.0.0\n-- go.mod --\nmodule rel.acme.test\n-- m.go --\npackage m\n")
	hidden := gittest.New(t, "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule go.acme.test/hidden\n-- m.go --\npackage m\n")
	plain := gittest.New(t, "write\ncommit one\ntag v1.0.0\ntag v1.1.0\n-- go.mod --\nmodule go.acme.test/plain\n-- m.go --\npackage m\n")
	host := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"bare": bare, "tool": tool, "rel": rel, "hidden": hidden, "plain": plain, "secret": plain})
	host.SetPrivate("secret", "x-access-token", "token")
	for _, warm := range []bool{true, false} {
		t.Run(fmt.Sprintf("warm=%t", warm), func(t *testing.T) {
			mirror := newPublic(t)
			a, j := newPushed(t, host.Client(), fmt.Sprintf(`
host: go.acme.test
paths:
  bare: {repo: "%[1]s/bare", vcs: git, tags: "v*", proxy: /go}
  tool: {repo: "%[1]s/tool", vcs: git, tags: "v*", proxy: /go}
  libs/*: {repo: "%[1]s/tool", vcs: git, directory: "libs/*", tags: "*-*", proxy: /go}
  hidden: {repo: "%[1]s/hidden", vcs: git, tags: "v*", proxy: /go}
  plain: {repo: "%[1]s/plain", vcs: git}
  closed: {repo: "%[1]s/plain", vcs: git}
  secret: {repo: "%[1]s/secret", vcs: git}
modules: [{base: /rel, url: "%[1]s/rel", module: rel.acme.test, tags: "rel/v*"}]
upstream: {credentials: [{url: "%[1]s/secret", password: token}]}
users: {ann: password}
access: [{match: [go.acme.test/hidden, go.acme.test/closed], users: [ann]}]
webhook: {path: /hook, secrets: [%[2]s], warm: %[3]t, notify: "%[4]s"}
`, host.URL, hookSecret, warm, mirror.URL))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx) }()
			for _, tt := range []struct{ repository, tag, want, result string }{
				{"bare", "v1.0.0", "/go.acme.test/bare/@v/v1.0.0.info", "push: done"},
				{"bare", "v2.0.0", "/go.acme.test/bare/@v/v2.0.0+incompatible.info", "push: done"},
				{"tool", "v1.0.0", "/go.acme.test/tool/@v/v1.0.0.info", "push: done"},
				{"rel", "rel/v1.0.0", "/rel.acme.test/@v/v1.0.0.info", "push: done"},
				{"tool", "log-1.0.0-rc.1", "/go.acme.test/libs/log/@v/v1.0.0-rc.1.info", "push: done"},
				{"tool", "sub/v1.0.0", "", "push: not all could be done"}, // there is no such module
				{"tool", "v1.9.9", "", "push: not all could be done"},     // nor such a tag
				{"hidden", "v1.0.0", "", "push: done"},
				{"plain", "v1.1.0", "/go.acme.test/plain/@v/v1.1.0.info", "push: done"},
				{"plain", "v1.9.9", "", "push: done"},
				{"secret", "v1.0.0", "", "push: done"},
			} {
				hook(t, a, host.URL+"/"+tt.repository, tt.tag)
				l := j.next()
				mirror.mu.Lock()
				got := strings.Join(mirror.asked, " ")
				mirror.asked = nil
				mirror.mu.Unlock()
				if got != tt.want || l["msg"] != tt.result {
					t.Errorf("%s %s: announced %q, want %q; the log has %v, want %q", tt.repository, tt.tag, got, tt.want, l, tt.result)
				}
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// A busy host wants to be asked later, and then does what it is asked.
type busy struct {
	next http.RoundTripper
	left *atomic.Int64
}

func (b busy) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.left.Add(-1) >= 0 {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody, Request: r, Header: http.Header{"Retry-After": {"1"}}}, nil
	}
	return b.next.RoundTrip(r)
}

// TestBusy has a git host that limits the rate of requests at the moment of a push: the version is stored all the same.
func TestBusy(t *testing.T) {
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"tool": module(t, "go.acme.test/tool")})
	left := new(atomic.Int64)
	left.Store(2)
	a, j := newPushed(t, &http.Client{Transport: busy{http.DefaultTransport, left}}, fmt.Sprintf(
		"host: go.acme.test\nproxy: /go\npaths: {tool: {repo: %q, vcs: git, tags: 'v*'}}\nwebhook: {path: /hook, secrets: [%s], warm: true}\n", host.URL+"/tool", hookSecret))
	run(t, a)
	hook(t, a, host.URL+"/tool", "v1.0.0")
	if line := j.next(); line["msg"] != "push: done" {
		t.Errorf("the log: %v", line)
	}
	if left.Load() >= 0 {
		t.Error("the host was not busy: the test tests nothing")
	}
}
