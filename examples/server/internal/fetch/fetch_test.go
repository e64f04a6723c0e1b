package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/local"
	"example.com/vanity/examples/server/internal/origin"
	"example.com/vanity/examples/server/internal/testhandler"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/reply"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// answers is a server that fails for a while, then gives "ok".
type answers struct {
	mu    sync.Mutex
	fail  []func(http.ResponseWriter)
	times []time.Duration
	began time.Time
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Since(a.began))
	if len(a.fail) > 0 {
		a.fail[0](w)
		a.fail = a.fail[1:]
		return
	}
	io.WriteString(w, "ok")
}

func status(code int, text, after string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		http.Error(w, text, code)
	}
}

func times(n int, f func(http.ResponseWriter)) (all []func(http.ResponseWriter)) {
	for range n {
		all = append(all, f)
	}
	return all
}

// TestPatience has the time of a bubble.
func TestPatience(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		fail []func(http.ResponseWriter)
		when []time.Duration
		want string
	}{
		"at once":        {nil, []time.Duration{0}, ""},
		"limited":        {times(2, status(429, "slow", "7")), []time.Duration{0, 7 * s, 14 * s}, ""},
		"limited, silly": {times(3, status(429, "slow", "0")), []time.Duration{0, 1 * s, 3 * s, 7 * s}, ""},
		"busy":           {times(3, status(503, "busy", "")), []time.Duration{0, 1 * s, 3 * s, 7 * s}, ""},
		"busy for ever":  {times(9, status(503, "busy", "")), []time.Duration{0, 1 * s, 3 * s, 7 * s, 15 * s, 31 * s}, "busy"},
		"an hour":        {times(1, status(429, "slow", "3600")), []time.Duration{0}, "slow: that is too long to wait"},
		"down for once":  {times(1, status(502, reply.Unreachable, "")), []time.Duration{0, 1 * s}, ""},
		"down":           {times(9, status(502, reply.Unreachable, "")), []time.Duration{0, 1 * s, 3 * s}, reply.Unreachable},
		"silent":         {times(9, status(504, "no answer", "")), []time.Duration{0, 1 * s, 3 * s}, "no answer"},
		"gone":           {times(1, status(502, "commit x is gone", "")), []time.Duration{0}, "commit x is gone"},
		"not found":      {times(1, status(404, "not found", "")), []time.Duration{0}, "not found"},
		"a status alone": {times(1, status(500, "", "")), []time.Duration{0}, "500 Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{fail: tt.fail, began: time.Now()}
				server := &fetch.Server{Handler: a, Host: "go.acme.dev"}
				var b strings.Builder
				_, err := server.Get(t.Context(), fetch.Module{Path: "go.acme.dev/tool"}, "list", &b)
				if diff := cmp.Diff(tt.when, a.times); diff != "" {
					t.Errorf("asked at (-want +got):\n%s", diff)
				}
				if tt.want == "" && (err != nil || b.String() != "ok") || tt.want != "" && (err == nil || err.Error() != tt.want) {
					t.Errorf("%q, %v; want %s", b.String(), err, tt.want)
				}
			})
		})
	}
}

// TestUnreachable has the library's own words, by which a host that is down is known.
func TestUnreachable(t *testing.T) {
	h := vanity.Goproxy("", vanity.Config{URL: "http://127.0.0.1:9/x", Module: "go.acme.dev/tool"})
	got, err := local.Get(t.Context(), h, "go.acme.dev", "/go.acme.dev/tool/@v/list", nil, io.Discard)
	if err != nil || got.Status != http.StatusBadGateway || !strings.HasSuffix(got.Text, ": "+reply.Unreachable) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestGivenUp has a host that is down, and another one.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{fail: times(9, status(504, "no answer", "")), began: time.Now()}
		server := &fetch.Server{Handler: a, Host: "go.acme.dev"}
		get := func(host string) error {
			_, err := server.Make(t.Context(), fetch.Module{Path: "go.acme.dev/tool", GitHost: host}, "v1.0.0.zip")
			return err
		}
		a.fail = times(2*3*3, status(504, "no answer", "")) // HEAD and GET
		for range 3 {
			if err := get("down.example"); err == nil || errors.Is(err, fetch.ErrGivenUp) {
				t.Errorf("%v", err)
			}
		}
		if err := get("down.example"); !errors.Is(err, fetch.ErrGivenUp) {
			t.Errorf("%v", err)
		}
		if err := get("up.example"); err != nil {
			t.Errorf("another host: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		a.fail = times(1, status(429, "slow", ""))
		if _, err := server.Get(ctx, fetch.Module{Path: "go.acme.dev/tool"}, "list", io.Discard); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who left: %v", err)
		}
	})
}

func TestEach(t *testing.T) {
	var mu sync.Mutex
	seen, now, peak := make(map[int]bool), 0, 0
	fetch.Each(t.Context(), 100, 3, func(i int) {
		mu.Lock()
		seen[i], now = true, now+1
		peak = max(peak, now)
		mu.Unlock()
		defer func() { mu.Lock(); now--; mu.Unlock() }()
	})
	if len(seen) != 100 || peak > 3 {
		t.Errorf("%d, %d at a time", len(seen), peak)
	}
	fetch.Each(t.Context(), 0, 0, func(int) { t.Error("called") })
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	fetch.Each(ctx, 100, 1, func(int) { n++; cancel() })
	if n > 2 {
		t.Errorf("%d after the end", n)
	}
}

// versions makes a repository that has tags of a module in a directory.
func versions(tags ...string) string {
	s := "write\ncommit one\n"
	for _, tag := range tags {
		s += "tag " + tag + "\n"
	}
	return s + "-- m/go.mod --\nmodule go.acme.dev/m\n"
}

// TestMajors has modules that begin late, and skip some; with the repository at hand, without, and with the host down.
func TestMajors(t *testing.T) {
	for _, tt := range []struct {
		tags            []string
		want, withoutIt []string // module paths
	}{
		{[]string{"m/v1.0.0", "m/v2.0.0", "m/v3.0.0"}, []string{"", "/v2", "/v3"}, nil},
		{[]string{"m/v2.0.0", "m/v7.1.0"}, []string{"/v2", "/v7"}, nil},
		{[]string{"m/v0.1.0", "m/v2024.1.0"}, []string{"", "/v2024"}, []string{""}},
		{nil, nil, nil},
	} {
		git := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"m": gittest.New(t, versions(tt.tags...))})
		c := testhandler.Load(t, "host: go.acme.dev\nproxy: /go\npaths: {m: {repo: "+git.URL+"/m, vcs: git, directory: m, tags: m/v*}}\n")
		store := vanity.WithStore(vanity.DirStore(t.TempDir()))
		if tt.withoutIt == nil {
			tt.withoutIt = tt.want
		}
		majors := func(reader *origin.Reader, want []string) {
			t.Helper()
			server := &fetch.Server{Handler: testhandler.New(c, store), Host: c.Host, Origin: reader}
			e := c.Catalog()[0]
			got, err := server.Majors(t.Context(), e, e.Path)
			var paths []string
			for _, major := range want {
				paths = append(paths, e.Path+major)
			}
			if diff := cmp.Diff(paths, got); diff != "" || err != nil {
				t.Errorf("%v: %v (-want +got):\n%s", tt.tags, err, diff)
			}
		}
		majors(origin.New(nil, nil), tt.want)
		majors(nil, tt.withoutIt)
		if len(tt.want) > 0 {
			git.SetDown(true)
			majors(origin.New(nil, nil), tt.withoutIt) // as they are stored
			store = vanity.WithStore(vanity.DirStore(t.TempDir()))
			server := &fetch.Server{Handler: testhandler.New(c, store), Host: c.Host, Origin: origin.New(nil, nil)}
			if got, err := server.Majors(t.Context(), c.Catalog()[0], "go.acme.dev/m"); err == nil || !strings.Contains(err.Error(), "can't be reached") {
				t.Errorf("nothing stored: %v, %v", got, err)
			}
		}
	}
}

// TestBaseOf has a module that the file doesn't name, and nobody has a page for.
func TestBaseOf(t *testing.T) {
	server := &fetch.Server{Handler: http.NotFoundHandler(), Host: "git.acme.dev", BaseOf: func(path string) (string, bool) {
		return "/registry/go/", strings.HasPrefix(path, "git.acme.dev/")
	}}
	wants, errs := server.Plan(t.Context(), nil, []string{"git.acme.dev/ann/tool@v1.0.0", "git.acme.dev/ann/tool@v1.0.0", "go.acme.dev/tool"})
	want := []fetch.Want{{Module: fetch.Module{Path: "git.acme.dev/ann/tool", Base: "/registry/go"}, Query: "v1.0.0"}}
	if diff := cmp.Diff(want, wants); diff != "" || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "go.acme.dev/tool: the file has no such module") {
		t.Errorf("%v (-want +got):\n%s", errs, diff)
	}
}

func TestWildcards(t *testing.T) {
	c := testhandler.Load(t, "host: acme.dev/go/\npaths: {tool: {repo: https://github.com/acme/tool}, \"*\": {repo: \"https://github.com/acme/*\"}, \"/libs/*/\": {repo: \"https://github.com/acme/*\"}}\n")
	if diff := cmp.Diff([]string{"acme.dev/go/*", "acme.dev/go/libs/*"}, fetch.Wildcards(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.Paths = nil
	c.Modules = []config.Module{{}}
	if got := fetch.Wildcards(c); got != nil {
		t.Error(fmt.Sprint(got))
	}
}
