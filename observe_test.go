package vanity_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

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
	repo := gittest.New(t, exampleScript)
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
		{"a page", "GET", "/tool", []vanity.Event{fetch, request("page", "", 200, "")}}, // with the versions' dates
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

// A refresher is what handlers are besides.
type refresher interface{ Refresh(repository string) }

// TestRefresh has a repository that changes, and somebody who says so.
func TestRefresh(t *testing.T) {
	repo := gittest.New(t, exampleScript)
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
				h.(refresher).Refresh(strings.ToUpper(server.URL[:4]) + server.URL[4:] + "/MONO.git") // as a host might write it
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
	repo := gittest.New(t, exampleScript)
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
	h.(refresher).Refresh(server.URL + "/mono")
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
