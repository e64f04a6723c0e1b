package vanity_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// toolScript makes a repository with a module go.acme.dev/tool in libs/tool.
const toolScript = `
write
commit first
tag tool-1.0.0
commit second
tag tool-1.1.0
-- libs/tool/go.mod --
module go.acme.dev/tool
-- libs/tool/tool.go --
package tool
`

// events are what an observer is told.
type events struct {
	mu  sync.Mutex
	all []vanity.Event
}

func (e *events) observe(_ context.Context, event vanity.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// take gives the events so far, in order, and forgets them.
func (e *events) take() []vanity.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

func TestObserver(t *testing.T) {
	repo := gittest.New(t, toolScript)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": repo})
	url := server.URL + "/mono"
	var seen events
	store := vanity.WithStore(vanity.DirStore(t.TempDir()))
	newHandler := func() http.Handler {
		site := vanity.Site{Host: "go.acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{"tool": {Repo: url, VCS: "git", Directory: "libs/tool", Tags: "tool-*"}}}
		app := http.NotFoundHandler()
		observer := vanity.WithObserver(seen.observe)
		meta := vanity.Meta(site, store, observer, vanity.WithNext(app))
		return vanity.GoproxyFunc("/go", site.Resolve, store, observer, vanity.WithNext(meta))
	}
	h := newHandler()
	request := func(kind, version string, status int, source string) vanity.Event {
		return vanity.Event{Kind: kind, Module: "go.acme.dev/tool", Version: version, Status: status, Source: source}
	}
	fetch := vanity.Event{Kind: "fetch", Module: "go.acme.dev/tool", Repository: url, Status: 200}
	const tool = "/go/go.acme.dev/tool/"
	for _, tt := range []struct {
		name, method, path string
		want               []vanity.Event
	}{
		{"a list", "GET", tool + "@v/list", []vanity.Event{fetch, request("list", "", 200, "host")}},
		{"a list again", "GET", tool + "@v/list", []vanity.Event{request("list", "", 200, "memory")}},
		{"an info", "GET", tool + "@v/v1.0.0.info", []vanity.Event{fetch, request("info", "v1.0.0", 200, "host")}},
		{"a go.mod", "GET", tool + "@v/v1.0.0.mod", []vanity.Event{request("mod", "v1.0.0", 200, "memory")}}, // which came with the info
		{"a zip", "GET", tool + "@v/v1.0.0.zip", []vanity.Event{request("zip", "v1.0.0", 200, "host")}},      // as all of a small module does
		{"a zip's head", "HEAD", tool + "@v/v1.0.0.zip", []vanity.Event{request("zip", "v1.0.0", 200, "memory")}},
		{"no version", "GET", tool + "@v/v1.9.0.info", []vanity.Event{fetch, request("info", "v1.9.0", 404, "")}},
		{"no module", "GET", "/go/go.acme.dev/other/@v/list", []vanity.Event{{Kind: "list", Module: "go.acme.dev/other", Status: 404}}},
		{"nothing right", "GET", "/go/UPPER/@v/list", []vanity.Event{{Status: 404}}},
		{"a method", "POST", tool + "@v/list", []vanity.Event{request("list", "", 405, "")}},
		{"the go command's page", "GET", "/tool/sub?go-get=1", []vanity.Event{request("go-get", "", 200, "")}},
		{"the same again", "GET", "/tool/sub?go-get=1", []vanity.Event{request("go-get", "", 200, "")}},
		{"a page", "GET", "/tool", []vanity.Event{fetch, fetch, request("page", "", 200, "")}}, // with the versions' dates
		{"somebody else's", "GET", "/other", nil},
		{"somebody else's, below", "GET", "/tool/-/else", nil},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Host = "go.acme.dev"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := seen.take()
		sent := int64(w.Body.Len())
		for i := range got {
			e := &got[i]
			if e.Duration <= 0 {
				t.Errorf("%s: %q took %v", tt.name, e.Kind, e.Duration)
			}
			switch isFetch := e.Kind == "fetch"; {
			case isFetch != (e.Requests > 0), isFetch && e.Bytes == 0, !isFetch && e.Bytes != sent:
				t.Errorf("%s: %q: %d requests, %d bytes of %d", tt.name, e.Kind, e.Requests, e.Bytes, sent)
			}
			if failed := e.Status >= 400 && e.Status != 405 && e.Kind != "page"; failed != (e.Err != nil) && e.Kind != "fetch" {
				t.Errorf("%s: %q: status %d, error %v", tt.name, e.Kind, e.Status, e.Err)
			}
		}
		ignored := cmpopts.IgnoreFields(vanity.Event{}, "Requests", "Bytes", "Duration", "Err")
		for i := range got {
			if got[i].Kind == "fetch" && tt.name == "no version" {
				got[i].Status = 200 // it is the answer's affair, below
			}
		}
		if diff := cmp.Diff(tt.want, got, ignored); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}

	h = newHandler()
	get(t, serve(t, h)+tool+"@v/v1.0.0.zip")
	if got := seen.take(); len(got) != 1 || got[0].Source != "store" {
		t.Errorf("another process: %+v", got)
	}
}

// TestObserverGone has clients that leave in the middle: what was sent is counted, and the error says that it is not all.
func TestObserverGone(t *testing.T) {
	repo := gittest.New(t, "repeat 400000 big.txt \"0123456789\\n\"\nprint go.mod \"module go.acme.dev/big\\n\"\ncommit big\ntag v1.0.0\n")
	repo.Git("-c", "core.compression=0", "repack", "-adfq")
	var seen events
	done := make(chan struct{}, 1)
	h := vanity.Goproxy("/", vanity.Config{URL: repo.Dir, Module: "go.acme.dev/big"}, quiet(), vanity.WithObserver(func(ctx context.Context, e vanity.Event) {
		seen.observe(ctx, e)
		if e.Kind == "zip" {
			done <- struct{}{}
		}
	}))
	ctx, cancel := context.WithCancel(t.Context())
	w := &departing{ResponseRecorder: httptest.NewRecorder(), leave: cancel}
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/go.acme.dev/big/@v/v1.0.0.zip", nil))
	<-done
	all := seen.take()
	if last := all[len(all)-1]; last.Status != 200 || last.Bytes != 10 || last.Err != errLeft {
		t.Errorf("%+v, want 10 bytes and an error", last)
	}
}

var errLeft = errors.New("the client has left")

// A departing client takes ten bytes.
type departing struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l *departing) Write([]byte) (int, error) {
	l.leave()
	return 10, errLeft
}

// uncounted leaves out of events what is counted, and why: they differ, and are compared otherwise.
var uncounted = cmpopts.IgnoreFields(vanity.Event{}, "Requests", "Bytes", "Duration", "RetryAfter", "Err")

// wantEvents compares events with what is wanted. Each fetch must have made requests.
func wantEvents(t *testing.T, name string, got []vanity.Event, want ...vanity.Event) {
	t.Helper()
	if diff := cmp.Diff(want, got, uncounted, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	for _, e := range got {
		if e.Duration <= 0 || (e.Kind == "fetch") != (e.Requests > 0) || (e.Kind == "fetch" && e.Status != 200) != (e.Kind == "fetch" && e.Err != nil) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// limited has a server answer 429 to whatever fits.
func limited(server *gittest.Server, fits func(*http.Request) bool) {
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !fits(r) {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Retry-After", "77")
			w.WriteHeader(http.StatusTooManyRequests)
		})
	})
}

// TestObserverAdmission has a host that is asked whether it lets callers in: that is a fetch, too, once for each caller.
func TestObserverAdmission(t *testing.T) {
	server, site := private(t)
	var limit atomic.Bool
	limited(server, func(*http.Request) bool { return limit.Load() })
	var seen events
	opts := []vanity.Option{vanity.WithClient(server.Client()), vanity.WithCallersRights(), vanity.WithObserver(seen.observe), quiet()}
	h, meta := vanity.GoproxyFunc("/go", site.Resolve, opts...), vanity.Meta(site, opts...)
	const module = "go.acme.test/Tool"
	url := site.Paths["Tool"].Repo
	fetch := func(status int) vanity.Event {
		return vanity.Event{Kind: "fetch", Module: module, Repository: url, Status: status}
	}
	list := func(status int, source string) vanity.Event {
		return vanity.Event{Kind: "list", Module: module, Status: status, Source: source}
	}
	page := vanity.Event{Kind: "page", Module: module, Status: 200}
	ask := func(h http.Handler, path, user, password string) []vanity.Event {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "go.acme.test"
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		before := len(server.Requests())
		h.ServeHTTP(httptest.NewRecorder(), r)
		got, sent := seen.take(), len(server.Requests())-before
		for _, e := range got {
			sent -= e.Requests
		}
		if sent != 0 {
			t.Errorf("%s, %q: %d requests are in no event, or in two", path, user, sent)
		}
		return got
	}
	const path = "/go/go.acme.test/!tool/@v/list"
	wantEvents(t, "the first", ask(h, path, "ann", annsPassword), fetch(200), fetch(200), list(200, "host"))
	wantEvents(t, "again", ask(h, path, "ann", annsPassword), list(200, "memory"))
	wantEvents(t, "another", ask(h, path, "vanity", ourToken), fetch(200), list(200, "memory"))
	wantEvents(t, "without rights", ask(h, path, "bob", bobsPassword), fetch(403), list(403, ""))
	wantEvents(t, "nobody", ask(h, path, "", ""), fetch(401), list(401, ""))
	wantEvents(t, "a page", ask(meta, "/Tool", "ann", annsPassword), fetch(200), fetch(200), fetch(200), page) // of which one is for the dates
	limit.Store(true)
	got := ask(h, path, "eve", "x")
	wantEvents(t, "limited", got, fetch(429), list(429, ""))
	if got[0].RetryAfter != 77*time.Second {
		t.Errorf("to be tried again after %v", got[0].RetryAfter)
	}
}

// TestObserverForm has what the form asks a host, and where that is refused.
func TestObserverForm(t *testing.T) {
	server, _ := formServer(t)
	var left atomic.Int64 // requests before the host limits their rate
	left.Store(1 << 30)
	limited(server, func(*http.Request) bool { return left.Add(-1) < 0 })
	const mono = "https://git.acme.test/acme/mono"
	ask := func(module string) []vanity.Event {
		var seen events
		h := vanity.Gosub("/go", append(trusting(server), vanity.WithObserver(seen.observe))...)
		before := len(server.Requests())
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/go/"+formQuery(mono, "libs/own", "libs/own/v*", module), nil))
		got := seen.take()
		if n := len(server.Requests()) - before; len(got) != 2 || got[0].Requests != n {
			t.Errorf("%d requests are made for %+v", n, got)
		}
		return got
	}
	form := vanity.Event{Kind: "form", Status: 200}
	fetch := func(module string, status int) vanity.Event {
		return vanity.Event{Kind: "fetch", Module: module, Repository: mono, Status: status}
	}
	all := ask("")
	wantEvents(t, "without a module path", all, fetch("", 200), form)
	wantEvents(t, "with one", ask("go.acme.test/own"), fetch("go.acme.test/own", 200), form)
	for n := range all[0].Requests {
		left.Store(int64(n))
		got := ask("")
		wantEvents(t, fmt.Sprintf("limited after %d requests", n), got, fetch("", 429), form)
		if got[0].RetryAfter != 77*time.Second {
			t.Errorf("to be tried again after %v", got[0].RetryAfter)
		}
	}
}

// TestObserverCostly has a host that gives out no commits by themselves, so that a page has no dates: it has not failed.
func TestObserverCostly(t *testing.T) {
	server := gittest.Serve(t, gittest.NoFilters, map[string]*gittest.Repo{"mono": gittest.New(t, toolScript)})
	url := server.URL + "/mono"
	var seen events
	meta := vanity.Meta(vanity.Site{Host: "go.acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{
		"tool": {Repo: url, VCS: "git", Directory: "libs/tool", Tags: "tool-*"},
	}}, quiet(), vanity.WithObserver(seen.observe))
	fetch := vanity.Event{Kind: "fetch", Module: "go.acme.dev/tool", Repository: url, Status: 200}
	page := vanity.Event{Kind: "page", Module: "go.acme.dev/tool", Status: 200}
	for range 2 {
		if w := hotGet(meta, "GET", "/tool"); !strings.Contains(w.Body.String(), ">v1.0.0<") || strings.Contains(w.Body.String(), "datetime") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	wantEvents(t, "two pages", seen.take(), fetch, fetch, page, page)
}

// TestObserverGivenUp has a client that leaves before the host has answered, which is no failure of the host.
func TestObserverGivenUp(t *testing.T) {
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": gittest.New(t, toolScript)})
	ctx, leave := context.WithCancel(t.Context())
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			leave()
			<-r.Context().Done()
		})
	})
	told := make(chan vanity.Event, 2)
	cfg := vanity.Config{URL: server.URL + "/mono", Module: "go.acme.dev/tool", Directory: "libs/tool", Tags: "tool-*"}
	h := vanity.Goproxy("/", cfg, quiet(), vanity.WithObserver(func(_ context.Context, e vanity.Event) { told <- e }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/go.acme.dev/tool/@v/list", nil))
	status := make(map[string]int)
	for range 2 {
		e := <-told
		status[e.Kind] = e.Status
		if !errors.Is(e.Err, context.Canceled) {
			t.Errorf("%s: error %v", e.Kind, e.Err)
		}
	}
	if diff := cmp.Diff(map[string]int{"fetch": 0, "list": 503}, status); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestObserverMeta has what is told of requests to Meta that are none for a page, and of the go command's probes.
func TestObserverMeta(t *testing.T) {
	site := vanity.Site{Host: "acme.dev/go", Paths: map[string]vanity.Import{
		"tool":   {Repo: "https://github.com/acme/tool"},
		"wild/*": {Repo: "https://github.com/acme/*"},
	}}
	var seen events
	auth := vanity.WithAuth(vanity.PasswordAuth(map[string]string{"ann": annsPassword}))
	opts := []vanity.Option{auth, vanity.WithObserver(seen.observe), quiet()}
	handlers := map[string]http.Handler{
		"Meta": vanity.Meta(site, opts...), "GoproxyFunc": vanity.GoproxyFunc("/go", site.Resolve, opts...), "Gosub": vanity.Gosub("/go", opts...),
	}
	event := func(kind, prefix string, status int) vanity.Event {
		return vanity.Event{Kind: kind, Module: prefix, Status: status}
	}
	for _, tt := range []struct {
		handler, method, path, password string
		want                            []vanity.Event
	}{
		{"Meta", "POST", "/go/tool/sub", "", []vanity.Event{event("page", "acme.dev/go/tool", 405)}},
		{"Meta", "POST", "/go/tool?go-get=1", "", []vanity.Event{event("page", "acme.dev/go/tool", 405)}},
		{"Meta", "DELETE", "/go", "", []vanity.Event{event("page", "", 405)}},
		{"Meta", "GET", "/go", "", []vanity.Event{event("page", "", 200)}},
		{"Meta", "HEAD", "/go/", "", []vanity.Event{event("page", "", 200)}},
		{"Meta", "GET", "/go/tool/info/refs?service=git-upload-pack", "", []vanity.Event{event("page", "acme.dev/go/tool", 302)}},
		{"Meta", "GET", "/go/wild/a/sub?go-get=1", "", []vanity.Event{event("go-get", "acme.dev/go/wild/a", 200)}},
		{"Meta", "GET", "/go/wild/a/sub?go-get=1", "", []vanity.Event{event("go-get", "acme.dev/go/wild/a", 200)}},
		{"Meta", "GET", "/go/none/x", "", nil},
		{"Meta", "HEAD", "/go", annsPassword, []vanity.Event{event("probe", "", 200)}},
		{"Meta", "HEAD", "/go/?go-get=1", "wrong", []vanity.Event{event("probe", "", 401)}},
		{"GoproxyFunc", "HEAD", "/go", annsPassword, []vanity.Event{event("probe", "", 200)}},
		{"GoproxyFunc", "HEAD", "/go/", "wrong", []vanity.Event{event("probe", "", 401)}},
		{"GoproxyFunc", "GET", "/go/", annsPassword, nil},
		{"Gosub", "HEAD", "/go", annsPassword, []vanity.Event{event("probe", "", 200)}},
		{"Gosub", "HEAD", "/go", "wrong", []vanity.Event{event("probe", "", 401)}},
		{"Gosub", "GET", "/go", "wrong", []vanity.Event{event("form", "", 401)}},
	} {
		name := strings.Join([]string{tt.handler, tt.method, tt.path, tt.password}, " ")
		r := httptest.NewRequest(tt.method, tt.path, nil)
		if tt.password != "" {
			r.SetBasicAuth("ann", tt.password)
		}
		w := httptest.NewRecorder()
		handlers[tt.handler].ServeHTTP(w, r)
		got := seen.take()
		wantEvents(t, name, got, tt.want...)
		for _, e := range got {
			if e.Status != w.Code || (e.Err != nil) != (e.Status == 401) {
				t.Errorf("%s: answered with %d: %+v", name, w.Code, e)
			}
		}
	}
}

// TestObserverPanic has owners' functions that panic, at whatever time: the observer is told, and the panic goes on.
func TestObserverPanic(t *testing.T) {
	site := vanity.Site{Host: "go.acme.dev", Paths: map[string]vanity.Import{"tool": {Repo: "https://github.com/acme/tool"}}}
	var what any
	var seen events
	auth := vanity.WithAuth(func(*http.Request, string, string) error { panic(what) })
	opts := []vanity.Option{auth, vanity.WithObserver(seen.observe), quiet()}
	other := errors.New("other")
	goproxy := vanity.GoproxyFunc("/go", site.Resolve, opts...)
	for _, tt := range []struct {
		name         string
		h            http.Handler
		method, path string
		what         any
		want         vanity.Event
	}{
		{"a file", goproxy, "GET", "/go/go.acme.dev/tool/@v/list", http.ErrAbortHandler, vanity.Event{Kind: "list", Module: "go.acme.dev/tool"}},
		{"an error", goproxy, "GET", "/go/go.acme.dev/tool/@v/list", other, vanity.Event{Kind: "list", Module: "go.acme.dev/tool"}},
		{"a text", goproxy, "GET", "/go/go.acme.dev/tool/@v/list", "text", vanity.Event{Kind: "list", Module: "go.acme.dev/tool"}},
		{"a probe", vanity.Meta(site, opts...), "HEAD", "/", http.ErrAbortHandler, vanity.Event{Kind: "probe"}},
		{"the form", vanity.Gosub("/go", opts...), "GET", "/go", http.ErrAbortHandler, vanity.Event{Kind: "form"}},
	} {
		what = tt.what
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.SetBasicAuth("ann", annsPassword)
		wantPanic(t, tt.name, tt.what, func() { tt.h.ServeHTTP(httptest.NewRecorder(), r) })
		got := seen.take()
		wantEvents(t, tt.name, got, tt.want)
		if err, ok := tt.what.(error); len(got) == 1 && (ok && got[0].Err != err || !ok && fmt.Sprint(got[0].Err) != "panic: text") {
			t.Errorf("%s: error %v", tt.name, got[0].Err)
		}
	}

	server, private := private(t)
	h := vanity.GoproxyFunc("/go", private.Resolve, quiet(), vanity.WithObserver(seen.observe), vanity.WithClient(server.Client()),
		vanity.WithCredentials(func(context.Context, *url.URL) (string, string, error) { panic("credentials") }))
	hotGet(h, "GET", "/go/go.acme.test/!tool/@v/list") // whose fetch is no part of the handler
	wantEvents(t, "a fetch", seen.take(),
		vanity.Event{Kind: "fetch", Module: "go.acme.test/Tool", Repository: private.Paths["Tool"].Repo, Status: 500},
		vanity.Event{Kind: "list", Module: "go.acme.test/Tool", Status: 500})

	meta := vanity.Meta(site, opts...)
	for range 2 { // as it is found, and as it is known
		w := &aborting{httptest.NewRecorder()}
		wantPanic(t, "a page", http.ErrAbortHandler, func() { meta.ServeHTTP(w, httptest.NewRequest("GET", "/tool?go-get=1", nil)) })
		got := seen.take()
		wantEvents(t, "a page", got, vanity.Event{Kind: "go-get", Module: "go.acme.dev/tool", Status: 200})
	}
}

// wantPanic wants do to panic.
func wantPanic(t *testing.T, name string, want any, do func()) {
	t.Helper()
	defer func() {
		if got := recover(); got != want {
			t.Errorf("%s: panics with %v, want %v", name, got, want)
		}
	}()
	do()
}

// An aborting writer is of a handler around ours that ends an answer in the middle.
type aborting struct{ *httptest.ResponseRecorder }

func (aborting) Write([]byte) (int, error) { panic(http.ErrAbortHandler) }

// TestRefresh has a repository that changes, and somebody who says so.
func TestRefresh(t *testing.T) {
	repo := gittest.New(t, toolScript)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"Mono": repo})
	url := server.URL + "/Mono"
	site := vanity.Site{Host: "go.acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{"tool": {Repo: url, VCS: "git", Directory: "libs/tool", Tags: "tool-*"}}}
	cfg := vanity.Config{URL: url, Module: "go.acme.dev/tool", Directory: "libs/tool", Tags: "tool-*"}
	for name, options := range map[string][]vanity.Option{
		"in memory":    nil,
		"with a store": {vanity.WithStore(vanity.DirStore(t.TempDir()))},
	} {
		t.Run(name, func(t *testing.T) {
			options = append(options, vanity.WithFreshness(time.Hour), quiet())
			handlers := map[string]http.Handler{
				"Goproxy":     vanity.Goproxy("/go", cfg, options...),
				"GoproxyFunc": vanity.GoproxyFunc("/go", site.Resolve, options...),
			}
			meta := vanity.Meta(site, options...)
			next := len(strings.Fields(repo.Git("tag")))
			version := func() string { return fmt.Sprintf("1.%d.0", next) }
			look := func(h http.Handler, path string) (int, string) {
				t.Helper()
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Host = "go.acme.dev"
				h.ServeHTTP(w, r)
				return w.Code, w.Body.String()
			}
			all := func(want bool) {
				t.Helper()
				for name, h := range handlers {
					_, list := look(h, "/go/go.acme.dev/tool/@v/list")
					_, latest := look(h, "/go/go.acme.dev/tool/@latest")
					status, _ := look(h, "/go/go.acme.dev/tool/@v/v"+version()+".info")
					if got := []bool{strings.Contains(list, "v"+version()), strings.Contains(latest, "v"+version()), status == 200}; !cmp.Equal(got, []bool{want, want, want}) {
						t.Errorf("%s: version %s in list, latest, info: %v, want %v", name, version(), got, want)
					}
				}
				if _, page := look(meta, "/tool"); strings.Contains(page, "v"+version()) != want {
					t.Errorf("Meta: version %s, want %v:\n%s", version(), want, page)
				}
			}
			all(false)
			repo.Git("tag", "tool-"+version())
			all(false)
			before := len(server.Requests())
			for _, h := range append(slices.Collect(maps.Values(handlers)), meta) {
				h.(vanity.Refresher).Refresh(strings.ToUpper(server.URL[:4]) + server.URL[4:] + "/MONO.git") // as a host might write it
			}
			if n := len(server.Requests()); n != before {
				t.Errorf("Refresh makes %d requests", n-before)
			}
			all(true)
			n := len(server.Requests())
			all(true)
			if m := len(server.Requests()); m != n {
				t.Errorf("what was asked for anew is asked for again: %d requests", m-n)
			}
		})
	}
}

// TestRefreshLate has a listing under way when the repository changes: whoever asks after that is not served by it.
func TestRefreshLate(t *testing.T) {
	repo := gittest.New(t, toolScript)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": repo})
	arrived, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			first := false
			once.Do(func() { first = true })
			if !first {
				next.ServeHTTP(w, r)
				return
			}
			late := httptest.NewRecorder() // it has looked, and says so late
			next.ServeHTTP(late, r)
			close(arrived)
			<-goOn
			for key, values := range late.Header() {
				w.Header()[key] = values
			}
			w.WriteHeader(late.Code)
			w.Write(late.Body.Bytes())
		})
	})
	h := vanity.Goproxy("/", vanity.Config{URL: server.URL + "/mono", Module: "go.acme.dev/tool", Directory: "libs/tool", Tags: "tool-*"}, quiet())
	list := func() string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/go.acme.dev/tool/@v/list", nil))
		return w.Body.String()
	}
	first := make(chan string)
	go func() { first <- list() }()
	<-arrived
	repo.Git("tag", "tool-1.2.0")
	h.(vanity.Refresher).Refresh(server.URL + "/mono")
	if got := list(); !strings.Contains(got, "v1.2.0") {
		t.Errorf("who asks after the change gets %q", got)
	}
	close(goOn)
	if got := <-first; strings.Contains(got, "v1.2.0") {
		t.Errorf("who asked before gets %q: the test tests nothing", got)
	}
	if got := list(); !strings.Contains(got, "v1.2.0") {
		t.Errorf("the older answer has replaced the newer one: %q", got)
	}
}
