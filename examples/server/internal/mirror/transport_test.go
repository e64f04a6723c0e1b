package mirror_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/mirror"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const toolScript = `
write
commit first
tag libs/tool/v1.0.0
print libs/tool/more.go "package tool\n"
commit second
tag -a libs/tool/v1.1.0 -m second
print libs/tool/more.go "package tool\n\n// More.\n"
commit third
-- LICENSE --
Do as you like.
-- go.mod --
module github.com/acme/mono
-- libs/tool/go.mod --
module github.com/acme/mono/libs/tool
-- libs/tool/tool.go --
package tool
`

// A counter counts the requests that get to the host's own transport.
type counter struct {
	next http.RoundTripper
	n    atomic.Int64
}

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(req)
}

// toolHost serves a module in a directory, and a mirror of it.
func toolHost(t testing.TB, o mirror.Options) (*gittest.Server, *gittest.Repo, vanity.Config, *running) {
	t.Helper()
	repo := gittest.New(t, toolScript)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	cfg := vanity.Config{
		URL: server.URL + "/acme/mono", Module: "github.com/acme/mono/libs/tool", Directory: "libs/tool", Tags: "libs/tool/v*",
	}
	o.Repositories = []string{cfg.URL}
	m := run(t, o)
	m.refresh(cfg.URL)
	return server, repo, cfg, m
}

// TestTransport has the real go command get, from a host that is dead, what nobody has asked for before, and compares it with
// what it gets from the host itself.
func TestTransport(t *testing.T) {
	for _, warm := range []bool{false, true} {
		server, _, cfg, m := toolHost(t, mirror.Options{})
		direct := gocmd.New(t)
		direct.Direct(server.URL)
		queries := []string{cfg.Module + "@v1.0.0", cfg.Module + "@v1.1.0", cfg.Module + "@main", cfg.Module + "@latest"}
		want := direct.DownloadAll(queries...)

		handler := vanity.Goproxy("/go", cfg, vanity.WithLogger(m.log.logger()),
			vanity.WithClient(&http.Client{Transport: m.Transport(server.Client().Transport)}))
		g := gocmd.New(t)
		base := g.Use(handler, "/go")
		if warm {
			g.Download(queries[0])
			server.Reset()
		}
		server.SetDown(true)
		got := g.DownloadAll(queries...)
		for i, d := range got {
			if d.Error != "" || d.Sum != want[i].Sum || d.GoModSum != want[i].GoModSum || d.Version != want[i].Version || d.Sum == "" {
				t.Errorf("%s: %s %s %s %s, want %s %s", queries[i], d.Error, d.Version, d.Sum, d.GoModSum, want[i].Version, want[i].Sum)
			}
		}
		if versions := g.Versions(cfg.Module); !cmp.Equal(versions, []string{"v1.0.0", "v1.1.0"}) {
			t.Errorf("versions %v from %s", versions, base)
		}
		if n := strings.Count(m.log.String(), "the mirror stands in for it"); n != 1 {
			t.Errorf("the outage is logged %d times:\n%s", n, m.log)
		}
	}
}

// TestDirect has the real go command build from a mirror without any proxy, the host being dead.
func TestDirect(t *testing.T) {
	server, _, cfg, m := toolHost(t, mirror.Options{})
	queries := []string{cfg.Module + "@v1.0.0", cfg.Module + "@v1.1.0", cfg.Module + "@main", "github.com/acme/mono@main"}
	direct := gocmd.New(t)
	direct.Direct(server.URL)
	want := direct.DownloadAll(queries...)
	base := strings.TrimSuffix(m.serve(cfg.URL), "/acme/mono")
	server.SetDown(true)
	g := gocmd.New(t)
	g.Direct(base)
	for i, d := range g.DownloadAll(queries...) {
		if d.Error != "" || d.Sum != want[i].Sum || d.Version != want[i].Version || d.Sum == "" {
			t.Errorf("%s: %s %s %s, want %s %s", queries[i], d.Error, d.Version, d.Sum, want[i].Version, want[i].Sum)
		}
	}
}

// TestTransportFaults has all sorts of failures, and what is none.
func TestTransportFaults(t *testing.T) {
	server, _, cfg, m := toolHost(t, mirror.Options{})
	impatient, err := mirror.New(mirror.Options{Dir: m.dir, Repositories: []string{cfg.URL}, Patience: 200 * time.Millisecond, Log: m.log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		fault func(http.Handler) http.Handler
		local bool
	}{
		{"none", nil, false},
		{"500", gittest.Status(500, nil), true},
		{"502", gittest.Status(502, nil), true},
		{"503", gittest.Status(503, http.Header{"Retry-After": {"60"}}), true},
		{"silence", gittest.Hang(), true},
		{"401", gittest.Status(401, http.Header{"WWW-Authenticate": {"Basic"}}), false},
		{"403", gittest.Status(403, nil), false},
		{"404", gittest.Status(404, nil), false},
		{"410", gittest.Status(410, nil), false},
		{"429", gittest.Status(429, http.Header{"Retry-After": {"60"}}), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server.Wrap(nil)
			if tt.fault != nil {
				server.Wrap(tt.fault)
			}
			defer server.Wrap(nil)
			mirrors := m.Mirrors
			if tt.name == "silence" {
				mirrors = impatient
			}
			client := &http.Client{Transport: mirrors.Transport(server.Client().Transport)}
			var statuses []int
			for range 2 {
				resp, err := client.Get(cfg.URL + "/info/refs?service=git-upload-pack")
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				statuses = append(statuses, resp.StatusCode)
			}
			want := 200
			if tt.fault != nil && !tt.local {
				want = map[string]int{"401": 401, "403": 403, "404": 404, "410": 410, "429": 429}[tt.name]
			}
			if !cmp.Equal(statuses, []int{want, want}) {
				t.Errorf("statuses %v, want %d", statuses, want)
			}
			// The same by the module: 404 of the host is one.
			h := vanity.Goproxy("", cfg, vanity.WithClient(client), vanity.WithLogger(m.log.logger()))
			g := gocmd.New(t)
			g.Use(h, "")
			if d := g.TryDownload(cfg.Module + "@v1.1.0"); (d.Error == "") != (want == 200) {
				t.Errorf("go mod download: %s", d.Error)
			}
		})
	}
}

// TestTransportCut has a host that dies in the middle of its answers: who asks again gets the mirror's.
func TestTransportCut(t *testing.T) {
	server, _, cfg, m := toolHost(t, mirror.Options{})
	server.Wrap(gittest.CutAnswerAfter(30))
	h := vanity.Goproxy("", cfg, vanity.WithClient(&http.Client{Transport: m.Transport(server.Client().Transport)}), vanity.WithLogger(m.log.logger()))
	g := gocmd.New(t)
	g.Use(h, "")
	g.TryDownload(cfg.Module + "@v1.1.0") // the library may ask again by itself
	g.Download(cfg.Module + "@v1.1.0")
	if !strings.Contains(m.log.String(), "the mirror stands in for it") {
		t.Errorf("nothing was cut:\n%s", m.log)
	}
}

// TestTransportStalls has a host that falls silent in the middle of an answer, and one who leaves by himself.
func TestTransportStalls(t *testing.T) {
	server, _, cfg, m := toolHost(t, mirror.Options{})
	server.Wrap(gittest.StallAfter(10))
	host := &counter{next: server.Client().Transport}
	client := &http.Client{Transport: m.Transport(host)}
	for i, cause := range []error{context.Canceled, errors.New("no byte came in time")} {
		ctx, cancel := context.WithCancelCause(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", cfg.URL+"/info/refs?service=git-upload-pack", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		cancel(cause)
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("no error")
		}
		resp.Body.Close()
		if n := host.n.Load(); n != int64(i+1) {
			t.Errorf("%d requests have come to the host, want %d", n, i+1)
		}
	}
	resp, err := client.Get(cfg.URL + "/info/refs?service=git-upload-pack")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil || host.n.Load() > 2 {
		t.Errorf("%v, after %d requests to the host", err, host.n.Load())
	}
}

// TestTransportRests asks a dead host once in a while, and hears when it is back.
func TestTransportRests(t *testing.T) {
	server, _, cfg, m := toolHost(t, mirror.Options{})
	host := &counter{next: server.Client().Transport}
	client := &http.Client{Transport: m.Transport(host)}
	get := func(url string) (int, error) {
		resp, err := client.Get(url)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.StatusCode, nil
	}
	url := cfg.URL + "/info/refs?service=git-upload-pack"
	server.SetDown(true)
	for range 20 {
		if status, err := get(url); status != 200 {
			t.Fatal(status, err)
		}
	}
	if n := host.n.Load(); n > 10 { // once, but for a machine that is very slow
		t.Errorf("the dead host was asked %d times", n)
	}
	for _, other := range []string{server.URL + "/acme/other/info/refs?service=git-upload-pack", cfg.URL + "/info/refs", cfg.URL + "/info/refs?service=git-receive-pack"} {
		if status, err := get(other); err == nil {
			t.Errorf("%s: %d, though there is no mirror of it", other, status)
		}
	}
	server.SetDown(false)
	until(t, "the host is asked again", func() bool {
		get(url)
		return strings.Contains(m.log.String(), "a git host answers again")
	})
	if n := strings.Count(m.log.String(), "the mirror stands in for it"); n != 1 {
		t.Errorf("the outage is logged %d times:\n%s", n, m.log)
	}
}

// TestTransportPost repeats what was posted, and gives up where it can't.
func TestTransportPost(t *testing.T) {
	server, _, cfg, m := toolHost(t, mirror.Options{})
	client := &http.Client{Transport: m.Transport(server.Client().Transport)}
	const lsRefs = "0014command=ls-refs\n00010000"
	post := func(body func(*http.Request)) (string, error) {
		req, err := http.NewRequest("POST", cfg.URL+"/git-upload-pack", strings.NewReader(lsRefs))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		req.Header.Set("Git-Protocol", "version=2")
		body(req)
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		buf := make([]byte, 1000)
		n, _ := resp.Body.Read(buf)
		return string(buf[:n]), nil
	}
	server.Wrap(gittest.Status(500, nil))
	if text, err := post(func(r *http.Request) { r.GetBody = nil }); err != nil || strings.Contains(text, "refs/") {
		t.Errorf("what can't be repeated: %q, %v", text, err)
	}
	if text, err := post(func(*http.Request) {}); err != nil || !strings.Contains(text, "refs/heads/main") {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := post(func(r *http.Request) { r.GetBody = nil }); err != nil || !strings.Contains(text, "refs/heads/main") {
		t.Errorf("while the host is left alone: %q, %v", text, err)
	}
	if text, err := post(func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") } }); err != nil || !strings.Contains(text, "refs/heads/main") {
		t.Errorf("while the host is left alone: %q, %v", text, err)
	}
}

// TestTransportRenamed has a host that redirects, and dies: what is asked for at the new place is in the mirror, too.
func TestTransportRenamed(t *testing.T) {
	repo := gittest.New(t, toolScript)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/new": repo})
	server.Wrap(gittest.Redirect(301, "/acme/mono", "/acme/new"))
	cfg := vanity.Config{URL: server.URL + "/acme/mono", Module: "github.com/acme/mono/libs/tool", Directory: "libs/tool", Tags: "libs/tool/v*"}
	m := run(t, mirror.Options{Repositories: []string{cfg.URL}})
	m.refresh(cfg.URL)
	h := vanity.Goproxy("", cfg, vanity.WithClient(&http.Client{Transport: m.Transport(server.Client().Transport)}), vanity.WithLogger(m.log.logger()))
	g := gocmd.New(t)
	g.Use(h, "")
	g.Download(cfg.Module + "@v1.0.0")
	server.SetDown(true)
	g.Download(cfg.Module + "@v1.1.0")
}

// TestTransportOwn has a refresh through a client that asks the mirrors themselves, which must not pass for the host's answer.
func TestTransportOwn(t *testing.T) {
	repo := gittest.New(t, toolScript)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	url := server.URL + "/acme/mono"
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	m.stop()
	n, err := mirror.New(mirror.Options{Dir: m.dir, Repositories: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: n.Transport(nil)}
	again := run(t, mirror.Options{Dir: m.dir, Repositories: []string{url}, Client: client})
	server.SetDown(true)
	if err := again.Refresh(t.Context(), url); err == nil {
		t.Error("the mirror was refreshed from itself")
	}
}
