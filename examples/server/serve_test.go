package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const mono = `
write
commit first
tag tool-1.0.0
tag libs/log/v0.1.0
commit second
tag tool-1.1.0
-- libs/tool/go.mod --
module go.acme.test/tool
-- libs/tool/tool.go --
package tool
-- libs/log/go.mod --
module go.acme.test/libs/log
-- libs/log/log.go --
package log
`

// TestServe has one file with everything, and the real go command and git for clients.
func TestServe(t *testing.T) {
	repo := gittest.New(t, mono)
	own := gittest.New(t, "write\ncommit one\ntag v1.0.0\ntag sub/v0.2.0\n-- go.mod --\nmodule git.acme.test/ann/own\n-- own.go --\npackage own\n-- sub/go.mod --\nmodule git.acme.test/ann/own/sub\n-- sub/s.go --\npackage sub\n")
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": repo})
	forge := t.TempDir()
	bare(t, own, filepath.Join(forge, "ann", "own.git"))
	p := start(t, fmt.Sprintf(`
host: go.acme.test
proxy: /go
paths:
  tool: {repo: "%[1]s/mono", vcs: git, directory: libs/tool, tags: "tool-*"}
  libs/*: {repo: "%[1]s/mono", vcs: git, directory: "libs/*", tags: "libs/*/v*"}
modules:
  - {base: /one, url: "%[1]s/mono", module: go.acme.test/tool, directory: libs/tool, tags: "tool-*"}
gosub: {base: /gosub}
forge: {base: /registry/go, host: git.acme.test, dir: %[2]s}
mirror: {base: /git, dir: %[3]s, repositories: ["%[1]s/mono"], public_url: "http://go.acme.test/git"}
store: %[4]s
`, host.URL, forge, t.TempDir(), t.TempDir()))

	for path, want := range map[string]string{
		"/go/go.acme.test/tool/@v/list":                  "v1.0.0\nv1.1.0\n",
		"/go/go.acme.test/libs/log/@v/list":              "v0.1.0\n",
		"/one/go.acme.test/tool/@v/list":                 "v1.0.0\nv1.1.0\n",
		"/registry/go/git.acme.test/ann/own/@v/list":     "v1.0.0\n",
		"/registry/go/git.acme.test/ann/own/sub/@v/list": "v0.2.0\n",
		"/healthz": "ok\n",
	} {
		if status, body := get(t, p.url+path); status != 200 || body != want {
			t.Errorf("%s: %d %q, want %q", path, status, body, want)
		}
	}
	if status, body := get(t, p.url+"/registry/go/github.com/acme/other/@v/list"); status != 404 {
		t.Errorf("what isn't the forge's: %d %s", status, body)
	}
	if _, body := get(t, p.url+"/gosub"); !strings.Contains(body, "<form") {
		t.Errorf("Gosub has no form: %s", body)
	}
	if _, body := get(t, p.url+"/tool?go-get=1"); !strings.Contains(body, `content="go.acme.test/tool mod https://go.acme.test/go"`) {
		t.Errorf("the page: %s", body)
	}

	g := gocmd.New(t)
	g.Proxy(p.url + "/go," + p.url + "/registry/go")
	for _, query := range []string{"go.acme.test/tool@latest", "go.acme.test/libs/log@latest", "git.acme.test/ann/own@latest", "git.acme.test/ann/own/sub@latest"} {
		if d := g.Download(query); d.Sum == "" {
			t.Errorf("%s has no sum", query)
		}
	}

	eventually(t, "the mirrors are there", func() bool { status, _ := get(t, p.admin+"/readyz"); return status == 200 })
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, "clone", "-q", p.url+"/git/"+strings.TrimPrefix(host.URL, "http://")+"/mono", clone)
	if tags := git(t, "-C", clone, "tag"); tags != "libs/log/v0.1.0\ntool-1.0.0\ntool-1.1.0" {
		t.Errorf("the clone's tags: %q", tags)
	}

	if _, page := get(t, p.url+"/tool"); !strings.Contains(page, "v1.1.0") || !strings.Contains(page, "http://go.acme.test/git/"+strings.TrimPrefix(host.URL, "http://")+"/mono") {
		t.Errorf("the page has neither the versions nor the mirror: %s", page)
	}

	_, metrics := get(t, p.admin+"/metrics")
	for _, want := range []string{
		`vanity_downloads_total{module="go.acme.test/tool",version="v1.1.0"} 1`, `vanity_requests_total{code="200",kind="list"}`,
		`vanity_fetches_total{code="200",host="` + strings.TrimPrefix(host.URL, "http://") + `"}`, `vanity_files_served_total{kind="zip",source="host"}`,
		`vanity_store_operations_total{operation="put",result="ok"}`, `vanity_mirror_failing{repository="` + strings.TrimPrefix(host.URL, "http://") + `/mono"} 0`, `vanity_fetch_bytes_total{host="(local)"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no metric %s in:\n%s", want, grep(metrics, "vanity_"))
		}
	}
	if status, _ := get(t, p.url+"/metrics"); status != 404 {
		t.Errorf("the metrics are for everybody: %d", status)
	}
	request := p.await("request", "path", "/go/go.acme.test/tool/@v/v1.1.0.zip")
	if request["status"] != 200.0 || request["bytes"].(float64) == 0 || request["level"] != "INFO" {
		t.Errorf("the log says of a request: %v", request)
	}
}

func grep(text, word string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, word) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// bare puts a bare copy of a repository somewhere.
func bare(t testing.TB, repo *gittest.Repo, dir string) {
	t.Helper()
	git(t, "clone", "-q", "--bare", repo.Dir, dir)
	git(t, "-C", dir, "config", "--unset", "remote.origin.url")
}

// git runs git as a user would, at nobody's home.
func git(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = gittest.GitEnviron(t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestReload changes the configuration under load, rightly and wrongly, and loses no request.
func TestReload(t *testing.T) {
	repo := gittest.New(t, mono)
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": repo})
	config := func(more string) string {
		return fmt.Sprintf("log: {requests: none}\nhost: go.acme.test\nproxy: /go\nstore: %s\nmirror: {base: /git, dir: mirrors}\npaths:\n  tool: {repo: %q, vcs: git, directory: libs/tool, tags: \"tool-*\"}\n%s", "store", host.URL+"/mono", more)
	}
	const log = "  libs/log: {repo: \"%s/mono\", vcs: git, directory: libs/log, tags: \"libs/log/v*\"}\n"
	p := start(t, config(""))
	var asked, failed atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 8 {
		path := []string{"/go/go.acme.test/tool/@v/list", "/go/go.acme.test/tool/@v/v1.1.0.zip", "/tool?go-get=1", "/go/go.acme.test/tool/@latest"}[i%4]
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
		clients.Go(func() {
			for ctx.Err() == nil {
				resp, err := client.Get(p.url + path)
				asked.Add(1)
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				if err != nil || resp.StatusCode != 200 {
					failed.Add(1)
					t.Errorf("%s: %v", path, err)
					return
				}
			}
		})
	}
	const rounds = 10
	for n := range rounds {
		mark, more := p.mark(), fmt.Sprintf(log, host.URL)
		if n%2 == 1 {
			more = ""
		}
		p.configure(config(more))
		p.signal(syscall.SIGHUP)
		p.awaitAfter(mark, "the configuration was read anew", "", "")
		want := []int{200, 404}[n%2]
		if status, body := get(t, p.url+"/go/go.acme.test/libs/log/@v/list"); status != want {
			t.Errorf("round %d: %d %s", n, status, body)
		}
		before := asked.Load()
		eventually(t, "there is load", func() bool { return asked.Load() > before+50 || failed.Load() > 0 })

		mark = p.mark()
		p.configure(config("  wrong: {repo: \"\"}\n"))
		p.signal(syscall.SIGHUP)
		said := p.awaitAfter(mark, "the new configuration can't be served, and the old one stays", "", "")
		if text := fmt.Sprint(said["err"]); !strings.Contains(text, `paths["wrong"].repo: missing`) || said["level"] != "ERROR" {
			t.Errorf("of a wrong file the log says: %v", said)
		}
		if status, body := get(t, p.url+"/go/go.acme.test/libs/log/@v/list"); status != want {
			t.Errorf("round %d, after a wrong file: %d %s", n, status, body)
		}
	}
	stop()
	clients.Wait()
	if asked.Load() < 1000 {
		t.Errorf("only %d requests were made", asked.Load())
	}
	_, metrics := get(t, p.admin+"/metrics")
	for _, want := range []string{fmt.Sprintf(`vanity_config_reloads_total{result="ok"} %d`, rounds), fmt.Sprintf(`vanity_config_reloads_total{result="error"} %d`, rounds)} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no metric %s", want)
		}
	}
}
