package main_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const list = "/go/go.acme.dev/tool/@v/list"

// What is wrong with a git host is said as it is elsewhere.
func TestHostFails(t *testing.T) {
	answering := func(status int, headers ...string) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for i := 0; i < len(headers); i += 2 {
					w.Header().Set(headers[i], headers[i+1])
				}
				w.WriteHeader(status)
			})
		}
	}
	for name, tt := range map[string]struct {
		wrap   func(http.Handler) http.Handler
		status int
	}{
		"down":                {nil, 502},
		"not there":           {answering(404), 404},
		"private":             {answering(401, "WWW-Authenticate", `Basic realm="git"`), 404},
		"limited":             {answering(429, "Retry-After", "77"), 429},
		"out of service":      {answering(503), 503},
		"broken":              {answering(500), 502},
		"too slow":            {answering(504), 504},
		"no git server":       {answering(200, "Content-Type", "text/html"), 502},
		"redirects to http":   {answering(302, "Location", "http://git.example.test/acme/mono/info/refs?service=git-upload-pack"), 502},
		"redirects elsewhere": {answering(302, "Location", "https://git.example.test/login"), 502},
		"redirects for ever":  {redirecting, 502},
		"cuts":                {cutting, 502},
	} {
		t.Run(name, func(t *testing.T) {
			host := serveMono(t)
			w := start(t, setup{Vars: vars(), Host: host})
			elsewhere := native(t, host)
			if host.SetDown(tt.wrap == nil); tt.wrap != nil {
				host.Wrap(tt.wrap)
			}
			want, got := ask(t, http.MethodGet, elsewhere+list), ask(t, http.MethodGet, w.URL+list)
			if want.Status != tt.status {
				t.Errorf("elsewhere: status %d, want %d", want.Status, tt.status)
			}
			for _, key := range []string{"Cache-Control", "Retry-After"} {
				if want.Header.Get(key) != got.Header.Get(key) {
					t.Errorf("%s: %q, want %q", key, got.Header.Get(key), want.Header.Get(key))
				}
			}
			want.Header, got.Header = nil, nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-elsewhere +Worker):\n%s", diff)
			}
		})
	}
}

func redirecting(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://git.example.test/x"+r.URL.Path+"?"+r.URL.RawQuery, http.StatusFound)
	})
}

// cutting ends each connection in the middle of an answer.
func cutting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		}
		io.WriteString(w, "001e# service=git-upl")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// A repository that was moved is found, by redirects that the library follows itself: for Gosub, to what is served alone.
func TestMoved(t *testing.T) {
	host := serveMono(t)
	const away = "elsewhere.example.test"
	host.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch rest, ok := strings.CutPrefix(r.URL.Path, "/old/"); {
			case ok && strings.HasPrefix(rest, "away"):
				http.Redirect(w, r, "https://"+away+r.URL.Path+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			case ok:
				http.Redirect(w, r, "/acme/"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			default:
				next.ServeHTTP(w, r)
			}
		})
	})
	w := start(t, setup{Vars: vars(), Host: host})
	for repo, want := range map[string]answer{
		"mono": {Status: 200, Body: "v1.0.0\nv1.1.0\n"},
		"away": {Status: 502},
	} {
		spec := gosub(t, vanity.Config{URL: gitHost + "/old/" + repo, Directory: "libs/tool", Tags: "tool-*"})
		got := ask(t, http.MethodGet, w.URL+spec+"/go.acme.dev/tool/@v/list")
		if got.Status != want.Status || want.Body != "" && got.Body != want.Body {
			t.Errorf("%s: %v, want %v", repo, got, want)
		}
	}
	for _, r := range host.Requests() {
		if r.Host == away {
			t.Errorf("the Worker has asked %s", r.Host)
		}
	}
}

// Many who want the same at once share one fetch, and those who want other things don't wait for them.
func TestConcurrent(t *testing.T) {
	host := serveMono(t)
	w := start(t, setup{Vars: vars(), Host: host})
	elsewhere := native(t, host)
	paths := []string{list, "/go/go.acme.dev/tool/@v/v1.1.0.zip", "/go/go.acme.dev/tool/@v/v1.0.0.zip", "/go/go.acme.dev/tool/@v/v1.0.0.mod", "/tool?go-get=1", "/"}
	want := make(map[string]string)
	for _, path := range paths {
		want[path] = ask(t, http.MethodGet, elsewhere+path).Body
	}
	alone := len(host.Requests())
	var wg sync.WaitGroup
	for i := range 20 * len(paths) {
		wg.Go(func() {
			path := paths[i%len(paths)]
			if got := ask(t, http.MethodGet, w.URL+path); got.Status != http.StatusOK || got.Body != want[path] {
				t.Errorf("%s: status %d, %d bytes", path, got.Status, len(got.Body))
			}
		})
	}
	wg.Wait()
	// Without an order, one fetch may not know yet what another has learned.
	if n := len(host.Requests()) - alone; n > 2*alone+10 {
		t.Errorf("%d requests of the git host for 120 callers; one after the other elsewhere it takes %d for 6", n, alone)
	}
}

// When nobody waits any more, the git host is left in peace, whether it has begun to answer or not.
func TestGone(t *testing.T) {
	for _, begun := range []bool{false, true} {
		t.Run(fmt.Sprintf("begun %t", begun), func(t *testing.T) {
			host := serveMono(t)
			asked, left := make(chan struct{}), make(chan struct{})
			var once sync.Once
			host.Wrap(func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if begun {
						w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
						if r.Method == http.MethodPost {
							w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
						}
						io.WriteString(w, "00")
						http.NewResponseController(w).Flush()
					}
					once.Do(func() { close(asked) })
					<-r.Context().Done()
					close(left)
				})
			})
			w := start(t, setup{Vars: vars(), Host: host})
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+list, nil)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := abrupt(t).Do(req)
				done <- err
			}()
			<-asked
			for range 3 { // by then the Worker has what the host has begun
				ask(t, http.MethodGet, w.URL+"/tool?go-get=1")
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			<-left
			host.Wrap(nil)
			if got := ask(t, http.MethodGet, w.URL+list); got.Body != "v1.0.0\nv1.1.0\n" {
				t.Errorf("then: %v", got)
			}
		})
	}
}

// Who began a fetch may go: it goes on for those who wait with him, whose requests are others.
func TestOneOfManyGone(t *testing.T) {
	host := serveMono(t)
	asked, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	host.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			once.Do(func() { close(asked) })
			select {
			case <-goOn:
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	})
	w := start(t, setup{Vars: vars(), Host: host})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+list, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, err := abrupt(t).Do(req)
		first <- err
	}()
	<-asked
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if got := ask(t, http.MethodGet, w.URL+list); got.Body != "v1.0.0\nv1.1.0\n" {
				t.Errorf("one who waits: %v", got)
			}
		})
	}
	for range 3 { // by then they wait, if they are not slow
		ask(t, http.MethodGet, w.URL+"/tool?go-get=1")
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ask(t, http.MethodGet, w.URL+"/tool?go-get=1")
	close(goOn)
	wg.Wait()
}

// A module may be as large as memory allows; a larger one is refused, and harms nobody.
func TestLarge(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	material := func(mib int) string {
		b := make([]byte, mib<<20)
		random.Read(b)
		return string(b)
	}
	repo := gittest.New(t, "write\ncommit one\ntag tool-1.0.0\n-- libs/tool/go.mod --\nmodule go.acme.dev/tool\n")
	write(t, repo.Dir+"/libs/tool/data.bin", material(12))
	repo.Git("add", ".")
	repo.Git("commit", "-m", "12 MiB")
	repo.Git("tag", "tool-1.1.0")
	write(t, repo.Dir+"/libs/tool/more.bin", material(20))
	repo.Git("add", ".")
	repo.Git("commit", "-m", "32 MiB")
	repo.Git("tag", "tool-1.2.0")
	host := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	w := start(t, setup{Vars: vars(), Host: host})
	g, judge := gocmd.New(t), gocmd.New(t)
	g.Proxy(w.URL + "/go")
	judge.Proxy(native(t, host) + "/go")
	for range 2 {
		d := g.TryDownload("go.acme.dev/tool@v1.2.0")
		if !strings.Contains(d.Error, "502") || !strings.Contains(d.Error, "too large to be served here") {
			t.Fatalf("a module of 32 MiB: %q", d.Error)
		}
	}
	if got, want := g.Download("go.acme.dev/tool@v1.1.0").Sum, judge.Download("go.acme.dev/tool@v1.1.0").Sum; got != want {
		t.Errorf("a module of 12 MiB: %s, want %s", got, want)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			query := []string{"v1.1.0", "v1.2.0", "v1.0.0", "branch"}[i%4]
			spec := gosub(t, vanity.Config{URL: gitHost + "/acme/mono", Module: fmt.Sprintf("go.acme.dev/tool%d", i/4), Directory: "libs/tool", Tags: "tool-*"})
			path := fmt.Sprintf("%s/go.acme.dev/tool%d/@v/%s.zip", spec, i/4, query)
			got := ask(t, http.MethodGet, w.URL+path)
			if got.Status != 200 && got.Status != 404 && got.Status != 502 && got.Status != 503 && got.Status != 504 {
				t.Errorf("%s: %d, %s", path, got.Status, got.Body)
			}
		})
	}
	wg.Wait()
	if got := ask(t, http.MethodGet, w.URL+list); got.Body != "v1.0.0\nv1.1.0\nv1.2.0\n" {
		t.Errorf("then: %v", got)
	}
	if strings.Contains(w.log.String(), "exit code") {
		t.Error("the program has ended")
	}
}

// What a Worker says to a git host is compressed where it is long, and arrives so.
func TestManyFiles(t *testing.T) {
	repo := gittest.New(t, `
write
repeat 200 libs/tool/f%.go "package tool\n\nconst C% = 1\n"
commit one
tag tool-1.0.0
-- libs/tool/go.mod --
module go.acme.dev/tool
`)
	host := gittest.ServeTLS(t, gittest.CombineFilters, map[string]*gittest.Repo{"acme/mono": repo})
	w := start(t, setup{Vars: vars(), Host: host})
	g, judge := gocmd.New(t), gocmd.New(t)
	g.Proxy(w.URL + "/go")
	got := g.Download("go.acme.dev/tool@v1.0.0").Sum
	compressed := 0
	for _, r := range host.Requests() {
		if r.Header.Get("Content-Encoding") == "gzip" && r.Length < int64(len(r.Body)) {
			compressed++
		}
	}
	if compressed == 0 {
		t.Error("no request was compressed")
	}
	judge.Proxy(native(t, host) + "/go")
	if want := judge.Download("go.acme.dev/tool@v1.0.0").Sum; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A repository of many tags is listed, or refused.
func TestManyTags(t *testing.T) {
	repos := make(map[string]*gittest.Repo)
	counts := map[string]int{"some": 12_000, "many": 60_000}
	for name, n := range counts {
		repo := gittest.New(t, "write\ncommit one\n-- go.mod --\nmodule x.test/m\n")
		head := repo.Expand("{hash:HEAD}")
		var refs strings.Builder
		refs.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
		for i := range n {
			fmt.Fprintf(&refs, "%s refs/tags/v1.0.%06d\n", head, 100_000+i)
		}
		write(t, repo.GitDir()+"/packed-refs", refs.String())
		repos["acme/"+name] = repo
	}
	host := gittest.ServeTLS(t, gittest.AllFilters, repos)
	w := start(t, setup{Vars: vars(), Host: host})
	for name, n := range counts {
		got := ask(t, http.MethodGet, w.URL+gosub(t, vanity.Config{URL: gitHost + "/acme/" + name, Module: "x.test/m"})+"/x.test/m/@v/list")
		if lines := strings.Count(got.Body, "\n"); name == "some" && (got.Status != http.StatusOK || lines != n) ||
			name == "many" && (got.Status != http.StatusBadGateway || !strings.Contains(got.Body, "too large to be served here")) {
			t.Errorf("%d tags: status %d, %d lines", n, got.Status, lines)
		}
	}
}

// What was served is in the object's database, and is served from there when the object is started anew and the git host is gone.
func TestStore(t *testing.T) {
	host := serveMono(t)
	disk := t.TempDir()
	first := start(t, setup{Vars: vars(), Host: host, Disk: disk})
	g := gocmd.New(t)
	g.Proxy(first.URL + "/go")
	want := g.Download("go.acme.dev/tool@v1.1.0").Sum
	ask(t, http.MethodGet, first.URL+list)
	first.stop()
	host.SetDown(true)
	second := start(t, setup{Vars: vars(), Host: host, Disk: disk})
	g = gocmd.New(t)
	g.Proxy(second.URL + "/go")
	if got := g.Download("go.acme.dev/tool@v1.1.0").Sum; got != want {
		t.Errorf("from the store: %s, want %s", got, want)
	}
	if got := ask(t, http.MethodGet, second.URL+list); got.Body != "v1.0.0\nv1.1.0\n" {
		t.Errorf("the list from the store: %v", got)
	}
}

// A Worker that isn't set up says why in its log, and serves nothing.
func TestSetup(t *testing.T) {
	host := serveMono(t)
	for name, tt := range map[string]struct {
		key, value, want string
	}{
		"no site":    {"SITE", "", "the variable SITE"},
		"a bad site": {"SITE", `{"host": "go.acme.dev", "paths": {"x": {"rep": "https://x.test/y"}}}`, "unknown"},
		"proxy /":    {"SITE", strings.Replace(site(gitHost), `"/go"`, `"/"`, 1), "a path of its own"},
		"a bad host": {"GOSUB_HOSTS", "https://github.com", "GOSUB_HOSTS"},
		"public URL": {"PUBLIC_URL", "go.acme.dev", "PUBLIC_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			v := vars()
			v[tt.key] = tt.value
			w := start(t, setup{Vars: v, Host: host})
			for range 2 {
				if got := ask(t, http.MethodGet, w.URL+list); got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Body, "can't answer now") {
					t.Errorf("got %v", got)
				}
			}
			w.log.wait(t, tt.want)
			w.log.wait(t, "is not set up")
		})
	}
}
