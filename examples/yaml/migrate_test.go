package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// The tags that govanityurls prints for the file of examples/migrate, but for branches: it takes all of them for master.
var migrated = map[string][]string{
	"/log/slog?go-get=1": {
		`<meta name="go-import" content="go.acme.dev/log git https://github.com/acme/log">`,
		`<meta name="go-source" content="go.acme.dev/log https://github.com/acme/log https://github.com/acme/log/tree/HEAD{/dir} https://github.com/acme/log/blob/HEAD{/dir}/{file}#L{line}">`,
	},
	"/draw?go-get=1": {
		`<meta name="go-import" content="go.acme.dev/draw hg https://hg.acme.dev/draw">`,
		`<meta name="go-source" content="go.acme.dev/draw https://hg.acme.dev/draw https://hg.acme.dev/draw/file/tip{/dir} https://hg.acme.dev/draw/file/tip{/dir}/{file}#l{line}">`,
	},
	"/logs?go-get=1": {"404 page not found"},
	"/log":           {"https://pkg.go.dev/go.acme.dev/log"},
}

// TestMigrate runs the command of examples/migrate, word for word. Only the port is a free one.
func TestMigrate(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if testing.Short() || err != nil {
		t.Skip("builds, by bash")
	}
	page, err := os.ReadFile("../migrate/README.md")
	if err != nil {
		t.Fatal(err)
	}
	command := ""
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "go -C examples/yaml run") {
			command = line
		}
	}
	if command == "" {
		t.Fatal("examples/migrate/README.md lost its command")
	}
	address := "127.0.0.1:" + gittest.FreePort(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bash, "-c", "set -m; "+strings.TrimSpace(command)+" & server=$!; trap 'kill -INT -- -$server; wait' EXIT; read")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay(t, address))
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s", out.Bytes())
		}
	}()
	for { // until it listens
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	for path, parts := range migrated {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		for _, part := range parts {
			if err != nil || !strings.Contains(string(body), part) {
				t.Errorf("%s: %v, %s; want %s", path, err, body, part)
			}
		}
	}
}

// overlay has the go command take another port for 8080.
func overlay(t *testing.T, address string) (name string) {
	t.Helper()
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	at, err := filepath.Abs("main.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, bytes.Replace(source, []byte(`":8080"`), []byte(`"`+address+`"`), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {at: file}})
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestMigrateDifferences has what examples/migrate says of files that govanityurls takes otherwise.
func TestMigrateDifferences(t *testing.T) {
	const log = "  /log: {repo: https://github.com/acme/log}\n"
	for file, want := range map[string]string{
		"paths:\n" + log: "host: missing",
		"host: go.acme.dev\npaths:\n" + log + "  log: {repo: https://github.com/acme/log}\n":       "means the same import prefix as",
		"host: go.acme.dev\npaths:\n" + log + log:                                                  "already defined",
		"host: go.acme.dev\npaths:\n  /log: {repo: https://github.com/acme/log, branch: main}\n":   "field branch not found",
		"host: go.acme.dev\npaths:\n  /log: {repo: https://git.acme.dev/log}\n":                    "can't be told",
		"host: go.acme.dev\ncache_max_age: -1\npaths:\n  /log: {repo: https://git.acme.dev/log}\n": "-1 is negative",
	} {
		if _, err := parse([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", file, err, want)
		}
	}
	site, err := parse([]byte("host: go.acme.dev\ncache_max_age: 0\nredirect: https://pkg.go.dev/{path}\npaths:\n" +
		"  a: {repo: https://bitbucket.org/acme/a}\n  b: {repo: https://gitlab.com/acme/b}\n  c: {repo: https://codeberg.org/acme/c}\n  d: {repo: https://git.sr.ht/~acme/d}\n" +
		"  e: {repo: https://git.acme.dev/e, vcs: git}\n  f: {repo: https://git.acme.dev/f, vcs: git, display: gitea}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/a?go-get=1": `content="go.acme.dev/a git https://bitbucket.org/acme/a"`, "/b?go-get=1": `content="go.acme.dev/b git https://gitlab.com/acme/b"`,
		"/c?go-get=1": `content="go.acme.dev/c git https://codeberg.org/acme/c"`, "/d?go-get=1": `content="go.acme.dev/d git https://git.sr.ht/~acme/d"`,
		"/f?go-get=1": "https://git.acme.dev/f/src/",
	} {
		if header, _, body := ask(t, site, path); !strings.Contains(body, want) || header.Get("Cache-Control") != "public, max-age=86400" {
			t.Errorf("%s: %v, %s; want %s", path, header, body, want)
		}
	}
	if _, _, body := ask(t, site, "/e?go-get=1"); !strings.Contains(body, "go-import") || strings.Contains(body, "go-source") {
		t.Errorf("a host that nobody knows: %s", body)
	}
	if header, status, _ := ask(t, site, "/a/x"); status != http.StatusFound || header.Get("Location") != "https://pkg.go.dev/go.acme.dev/a/x" {
		t.Errorf("a browser gets status %d, %v", status, header)
	}
}

// ask gets a page of a site.
func ask(t *testing.T, site vanity.Site, path string) (header http.Header, status int, body string) {
	t.Helper()
	rec := httptest.NewRecorder()
	handler(site).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://go.acme.dev"+path, nil))
	return rec.Header(), rec.Code, rec.Body.String()
}
