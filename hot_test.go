package vanity_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// raceEnabled says whether the race detector is at work, which takes memory of its own.
var raceEnabled bool

// TestHotAllocations counts what it takes to give what was given before.
func TestHotAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	want := map[string]float64{"goproxy": 1, "goproxystore": 1, "goproxyfunc": 3, "gosub": 2}
	for name, opts := range map[string][]vanity.Option{"": nil, "observed ": {vanity.WithObserver(func(context.Context, vanity.Event) {})}} {
		more := float64(len(opts)) // what counts the answer
		for _, h := range hotHandlers(t, opts...) {
			for _, file := range append(hotFiles[:3:3], struct{ name, path string }{"latest", "/@latest"}, struct{ name, path string }{"query", "/@v/main.info"}) {
				path := h.before + hotPath + file.path
				bodyOf(t, h.h, path)
				if n := allocations(h.h, "GET", path); n > want[h.name]+more {
					t.Errorf("%s%s, %s: %v allocations, want %v", name, h.name, file.name, n, want[h.name]+more)
				}
			}
		}
		meta := vanity.Meta(benchSite(10), opts...)
		const path = "/team1/tool1/sub?go-get=1"
		bodyOf(t, meta, path)
		if n := allocations(meta, "GET", path); n > 1+more {
			t.Errorf("%smeta: %v allocations, want %v", name, n, 1+more)
		}
	}
}

func allocations(h http.Handler, method, path string) float64 {
	r := httptest.NewRequest(method, path, nil)
	w := &sink{header: make(http.Header)}
	return testing.AllocsPerRun(100, func() {
		w.reset()
		h.ServeHTTP(w, r)
	})
}

// hotGet is what a handler answers.
func hotGet(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestHotSame checks that what is given again is the same in all that is said of it, in whatever way it is asked for, be it
// from memory, from a file, or from a store.
func TestHotSame(t *testing.T) {
	repo := hotModule(t)
	cfg := at(toolConfig, repo.Dir)
	store := vanity.WithStore(vanity.DirStore(t.TempDir()))
	for _, h := range []http.Handler{vanity.Goproxy("", cfg), vanity.Goproxy("", cfg, store), vanity.Goproxy("", cfg, store)} {
		for _, file := range hotFiles {
			first := hotGet(h, "GET", hotPath+file.path)
			body := first.Body.String()
			if first.Code != 200 || len(body) < 20 {
				t.Fatalf("%s: status %d, %s", file.name, first.Code, body)
			}
			tag := first.Header().Get("ETag")
			for _, tt := range []struct {
				method string
				header []string
				status int
				body   string
			}{
				{"GET", nil, 200, body},
				{"HEAD", nil, 200, ""},
				{"GET", []string{"Range", "bytes=3-9"}, 206, body[3:10]},
				{"HEAD", []string{"Range", "bytes=3-9"}, 206, ""},
				{"GET", []string{"Range", "bytes=3-9", "If-Range", tag}, 206, body[3:10]},
				{"GET", []string{"Range", "bytes=3-9", "If-Range", `"other"`}, 200, body},
				{"GET", []string{"Range", "bytes=999999999-"}, 416, ""},
				{"GET", []string{"If-None-Match", tag}, 304, ""},
				{"HEAD", []string{"If-None-Match", `"other", W/` + tag}, 304, ""},
				{"GET", []string{"If-None-Match", `"other"`}, 200, body},
				{"GET", []string{"If-Match", `"other"`}, 412, ""},
				{"GET", []string{"Disable-Module-Fetch", "true"}, 200, body},
				{"POST", nil, 405, ""},
			} {
				w := hotGet(h, tt.method, hotPath+file.path, tt.header...)
				if w.Code != tt.status || tt.status < 400 && w.Body.String() != tt.body {
					t.Errorf("%s, %s %q: status %d, %d bytes; want %d, %d", file.name, tt.method, tt.header, w.Code, w.Body.Len(), tt.status, len(tt.body))
				}
				if tt.status == 200 {
					for key := range first.Header() {
						if w.Header().Get(key) != first.Header().Get(key) {
							t.Errorf("%s, %s %q: %s: %q, the first time %q", file.name, tt.method, tt.header, key, w.Header()[key], first.Header()[key])
						}
					}
				}
			}
		}
	}
}

// TestHotHeader checks that a handler around ours may do with a header what it likes.
func TestHotHeader(t *testing.T) {
	h := vanity.Goproxy("", at(toolConfig, gittest.New(t, acme).Dir))
	meta := vanity.Meta(benchSite(10))
	for path, h := range map[string]http.Handler{hotPath + "/@v/v1.1.0.info": h, "/team1/tool1?go-get=1": meta} {
		want := fmt.Sprint(hotGet(h, "GET", path).Header())
		for range 2 {
			w := hotGet(h, "GET", path)
			if got := fmt.Sprint(w.Header()); got != want {
				t.Errorf("%s: %s\nwant %s", path, got, want)
			}
			for key, values := range w.Header() {
				values[0] = "spoilt"
				w.Header().Add(key, "more")
			}
			clear(w.Header())
		}
	}
}

// TestHotGuards checks that what is in memory is given to nobody who may no longer have it, and in the name of none but the
// configuration of now.
func TestHotGuards(t *testing.T) {
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, acme), "acme/other": gittest.New(t, strings.ReplaceAll(acme, "one", "uno"))})
	cfg := at(toolConfig, server.URL+"/acme/mono")
	other := at(toolConfig, server.URL+"/acme/other")
	other.Module, cfg.Module = "", "" // so that the two don't serve the same
	var auth, resolve atomic.Int64
	var denied, unknown atomic.Bool
	var now atomic.Pointer[vanity.Config]
	now.Store(&cfg)
	h := vanity.GoproxyFunc("", func(context.Context, string) (vanity.Config, error) {
		resolve.Add(1)
		if unknown.Load() {
			return vanity.Config{}, fs.ErrNotExist
		}
		return *now.Load(), nil
	}, vanity.WithAuth(func(*http.Request, string, string) error {
		auth.Add(1)
		if denied.Load() {
			return vanity.ErrUnauthorized
		}
		return nil
	}), quiet())
	const path = hotPath + "/@v/v1.1.0.info"
	want := func(status int) string {
		t.Helper()
		w := hotGet(h, "GET", path)
		if w.Code != status || w.Header().Get("Cache-Control") != "private, no-store" || w.Header().Get("Vary") != "Authorization" {
			t.Errorf("status %d, want %d; %v", w.Code, status, w.Header())
		}
		return w.Body.String()
	}
	first := want(200)
	for range 3 {
		if again := want(200); again != first {
			t.Errorf("%s, the first time %s", again, first)
		}
	}
	if auth.Load() != 4 || resolve.Load() != 4 {
		t.Errorf("asked %d and %d times in 4 requests", auth.Load(), resolve.Load())
	}
	denied.Store(true)
	want(401)
	denied.Store(false)
	unknown.Store(true)
	want(404)
	unknown.Store(false)
	now.Store(&other)
	if s := want(200); s == first {
		t.Error("the info of another repository")
	}
	now.Store(&vanity.Config{URL: "nothing"})
	want(500)
	now.Store(&cfg)
	if again := want(200); again != first {
		t.Errorf("%s, the first time %s", again, first)
	}
}

// TestHotStale checks that what is ready is made anew in its time.
func TestHotStale(t *testing.T) {
	repo := gittest.New(t, acme)
	h := vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithFreshness(time.Second))
	list := func() string { return string(bodyOf(t, h, hotPath+"/@v/list")) }
	first := list()
	repo.Git("tag", "tool-1.9.0", "tool-1.1.0")
	if got := list(); got != first {
		t.Skip("a slow machine")
	}
	time.Sleep(1100 * time.Millisecond)
	if got := list(); got != strings.Replace(first, "v1.2.0-rc.1\n", "v1.2.0-rc.1\nv1.9.0\n", 1) {
		t.Errorf("got %q, before the tag %q", got, first)
	}
}

// TestHotReplaced checks that a zip of the store that is replaced while it is hot is not given as it is.
func TestHotReplaced(t *testing.T) {
	repo, dir := hotModule(t), t.TempDir()
	h := vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(vanity.DirStore(dir)), quiet())
	const path = hotPath + "/@v/v1.3.0.zip"
	want := string(bodyOf(t, h, path))
	file := filepath.Join(dir, filepath.FromSlash(path))
	for _, spoil := range []func() error{
		func() error { return os.Remove(file) },
		func() error {
			return os.WriteFile(file+".new", []byte(strings.ToUpper(want)), 0o666)
		},
		func() error { return os.Truncate(file, 100) },
	} {
		if got := string(bodyOf(t, h, path)); got != want {
			t.Fatal("it was not hot")
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file + ".new"); err == nil {
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(bodyOf(t, h, path)); got != want {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
	}
}

// TestHotLong checks that long paths, which are not remembered, are read all the same.
func TestHotLong(t *testing.T) {
	h := vanity.Goproxy("", at(toolConfig, gittest.New(t, acme).Dir), quiet())
	for _, n := range []int{10, 1500} {
		path := hotPath + "/@v/" + strings.Repeat("x", n) + ".info"
		for range 2 {
			if w := hotGet(h, "GET", path); w.Code != 404 || !strings.Contains(w.Body.String(), "unknown revision") {
				t.Errorf("status %d, %s", w.Code, w.Body)
			}
		}
	}
}

// TestHotPages checks that a page for the go command that is kept is given for what it is of, and nothing else.
func TestHotPages(t *testing.T) {
	site := vanity.Site{Host: "go.acme.dev", Hosts: []string{"go.acme.test"}, Paths: map[string]vanity.Import{
		"tool":     {Repo: "https://github.com/acme/tool"},
		"/tool/x/": {Repo: "https://github.com/acme/x"},
		"wild/*":   {Repo: "https://github.com/acme/*"},
	}}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(299) })
	h := vanity.Meta(site, vanity.WithNext(next))
	for range 3 {
		for _, tt := range []struct {
			target string
			status int
			prefix string
		}{
			{"http://go.acme.dev/tool?go-get=1", 200, "go.acme.dev/tool git https://github.com/acme/tool"},
			{"http://go.acme.dev/tool/?go-get=1", 200, "go.acme.dev/tool git https://github.com/acme/tool"},
			{"http://go.acme.dev/tool/sub?go-get=1&x=y", 200, "go.acme.dev/tool git https://github.com/acme/tool"},
			{"http://go.acme.dev/tool/x/sub?go-get=1", 200, "go.acme.dev/tool/x git https://github.com/acme/x"},
			{"http://elsewhere.test:8080/tool?go-get=1", 200, "go.acme.dev/tool git https://github.com/acme/tool"},
			{"http://GO.acme.test:8080/tool?go-get=1", 200, "go.acme.test/tool git https://github.com/acme/tool"},
			{"http://go.acme.dev/wild/a/b?go-get=1", 200, "go.acme.dev/wild/a git https://github.com/acme/a"},
			{"http://go.acme.dev/wild/b?go-get=1", 200, "go.acme.dev/wild/b git https://github.com/acme/b"},
			{"http://go.acme.test/wild/b?go-get=1", 200, "go.acme.test/wild/b git https://github.com/acme/b"},
			{"http://go.acme.dev/tool@v1?go-get=1", 299, ""},
			{"http://go.acme.dev/tool/a@b?go-get=1", 299, ""},
			{"http://go.acme.dev/tools?go-get=1", 299, ""},
			{"http://go.acme.dev/wild/-x?go-get=1", 299, ""},
		} {
			w := hotGet(h, "GET", tt.target)
			if tag := `content="` + tt.prefix + `"`; w.Code != tt.status || tt.prefix != "" && !strings.Contains(w.Body.String(), tag) {
				t.Errorf("%s: status %d, want %d and %s\n%s", tt.target, w.Code, tt.status, tag, w.Body)
			}
			if tt.status == 200 {
				tag := w.Header().Get("ETag")
				if w := hotGet(h, "GET", tt.target, "If-None-Match", tag); w.Code != 304 {
					t.Errorf("%s: status %d for what has not changed", tt.target, w.Code)
				}
				if head := hotGet(h, "HEAD", tt.target); head.Code != 200 || head.Body.Len() > 0 || head.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
					t.Errorf("%s: HEAD: status %d, %v, %d bytes", tt.target, head.Code, head.Header(), head.Body.Len())
				}
			}
			if w := hotGet(h, "POST", tt.target); w.Code != 299 {
				t.Errorf("%s: POST: status %d", tt.target, w.Code)
			}
		}
		if w := hotGet(h, "GET", "http://go.acme.dev/tool"); w.Code != 200 || !strings.Contains(w.Body.String(), "<main") {
			t.Errorf("for people: status %d, %s", w.Code, w.Body)
		}
	}
}
