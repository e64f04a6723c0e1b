package push_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/push"
	"example.com/vanity/internal/gittest"
)

const toolPath = "go.acme.test/Tool"

const toolScript = `
write
commit first
tag tool-1.0.0
-- go.mod --
module go.acme.test/Tool
-- tool.go --
package tool
`

// TestAnnounce has a mirror that is the library's own, and reads the repository itself: the first time it is asked, the
// version is not there yet.
func TestAnnounce(t *testing.T) {
	repo := gittest.New(t, toolScript)
	mirror := vanity.Goproxy("/mirror", vanity.Config{URL: repo.Dir, Module: toolPath, Tags: "tool-*"}, vanity.WithFreshness(0))
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/mirror/go.acme.test/!tool/@v/v1.") {
			t.Errorf("asked for %s", r.URL)
		}
		if asked.Add(1) == 2 {
			repo.Git("tag", "tool-1.1.0")
		}
		mirror.ServeHTTP(w, r)
	}))
	defer server.Close()
	a := push.Announcer{Mirror: server.URL + "/mirror/", Pause: time.Millisecond}
	if err := a.Announce(t.Context(), toolPath, "v1.0.0"); err != nil || asked.Load() != 1 {
		t.Errorf("v1.0.0, asked %d times: %v", asked.Load(), err)
	}
	asked.Store(0)
	if err := a.Announce(t.Context(), toolPath, "v1.1.0"); err != nil || asked.Load() < 2 {
		t.Errorf("v1.1.0, asked %d times: %v", asked.Load(), err)
	}
	err := a.Announce(t.Context(), toolPath, "v1.0.1")
	if err == nil || !strings.Contains(err.Error(), "announcing go.acme.test/Tool@v1.0.1: ") || !strings.Contains(err.Error(), "404 Not Found: ") {
		t.Errorf("v1.0.1: %v", err)
	}
}

// TestAnnounceTries has mirrors that don't do what they should.
func TestAnnounceTries(t *testing.T) {
	const good = `{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}`
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(status)
			w.Write([]byte(text))
		}
	}
	for name, tt := range map[string]struct {
		answers []http.HandlerFunc // the last one for ever
		tries   int64
		err     string // "": none
	}{
		"at once":     {[]http.HandlerFunc{answer(200, good)}, 1, ""},
		"not found":   {[]http.HandlerFunc{answer(404, "not found: unknown revision"), answer(410, ""), answer(200, good)}, 3, ""},
		"broken":      {[]http.HandlerFunc{answer(502, ""), answer(503, ""), answer(429, ""), answer(200, good)}, 4, ""},
		"for ever":    {[]http.HandlerFunc{answer(404, "not found:\nno \x1b[31mtag")}, 6, `answers 404 Not Found: "not found: no \x1b[31mtag"`},
		"forbidden":   {[]http.HandlerFunc{answer(403, "")}, 1, "answers 403 Forbidden"},
		"bad request": {[]http.HandlerFunc{answer(400, "no such module path")}, 1, `answers 400 Bad Request: "no such module path"`},
		"a page":      {[]http.HandlerFunc{answer(200, "<!DOCTYPE html>")}, 1, "is no module mirror"},
		"another":     {[]http.HandlerFunc{answer(200, strings.Replace(good, "1.0.0", "1.0.1", 1))}, 1, "is no module mirror"},
		"cut": {[]http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			gittest.CutAnswerAfter(5)(answer(200, good)).ServeHTTP(w, r)
		}, answer(200, good)}, 2, ""},
		"hangs up": {[]http.HandlerFunc{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, 6, "can't be asked: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := int(asked.Add(1))
				tt.answers[min(n, len(tt.answers))-1](w, r)
			}))
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // with them, net/http tries again by itself
			err := push.Announcer{Mirror: server.URL, Pause: time.Nanosecond, Client: client}.Announce(t.Context(), toolPath, "v1.0.0")
			if asked.Load() != tt.tries || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("asked %d times, want %d: %v; want %q", asked.Load(), tt.tries, err, tt.err)
			}
		})
	}
}

// TestAnnounceEnds has a mirror that never answers, or never knows, until the caller has enough of it.
func TestAnnounceEnds(t *testing.T) {
	enough := errors.New("enough")
	for name, wait := range map[string]bool{"answering": true, "pausing": false} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				cancel(enough)
				if wait {
					<-r.Context().Done()
				}
				http.NotFound(w, r)
			}))
			defer server.Close()
			err := push.Announcer{Mirror: server.URL, Pause: time.Hour}.Announce(ctx, toolPath, "v1.0.0")
			if !errors.Is(err, enough) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What can't be announced is refused before anybody is asked.
func TestAnnounceRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ mirror, path, version, err string }{
		"no mirror":       {"", toolPath, "v1.0.0", "no http or https URL"},
		"no scheme":       {"proxy.golang.org", toolPath, "v1.0.0", "no http or https URL"},
		"off":             {"off", toolPath, "v1.0.0", "no http or https URL"},
		"a secret":        {"https://ann:s3cret@proxy.acme.dev\x7f", toolPath, "v1.0.0", "no http or https URL"},
		"no path":         {"https://127.0.0.1:9", "../x", "v1.0.0", "malformed module path"},
		"no version":      {"https://127.0.0.1:9", toolPath, "latest", "not a semantic version"},
		"another major":   {"https://127.0.0.1:9", toolPath, "v2.0.0", "should be v0 or v1"},
		"nobody's there":  {"http://127.0.0.1:9", toolPath, "v1.0.0", "can't be asked: dial tcp"},
		"hidden password": {"http://ann:s3cret@127.0.0.1:9", toolPath, "v1.0.0", "http://ann:xxxxx@127.0.0.1:9/go.acme.test/!tool/@v/v1.0.0.info can't be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			err := push.Announcer{Mirror: tt.mirror, Pause: time.Nanosecond}.Announce(t.Context(), tt.path, tt.version)
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v; want %q", err, tt.err)
			}
		})
	}
}
