// Package gocmd runs the real go command on this machine alone: against a handler that is a GOPROXY, against a git
// server under a forge's name, or against a handler that plays every domain.
//
// What it downloads is the judge of what we serve. See [Go.Use], [Go.Direct], [Discovery] and [DiscoveryTLS].
package gocmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/internal/gittest"
)

// A Go is a go command with a home, a module cache and a main module of its own. It starts with GOPROXY=off and
// GOSUMDB=off. Its methods fail the test, and are not for concurrent use.
type Go struct {
	Command  string // "go", unless a test has another one
	Dir      string // of the main module, example.test/main
	Home     string // where .netrc would be
	ModCache string

	tb  testing.TB
	env []string
}

// goMod is the main module's. Its go line is old, so that older go commands take it.
const goMod = "module example.test/main\n\ngo 1.21\n"

// nowhere is an HTTP proxy that refuses connections: what is not on loopback can't be reached by mistake.
const nowhere = "http://127.0.0.1:9"

// buildCache is the caller's, which makes builds quick.
var buildCache = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	return strings.TrimSpace(string(out)), err
})

// New makes a go command. The last value of a variable in env counts.
func New(tb testing.TB, env ...string) *Go {
	tb.Helper()
	cache, err := buildCache()
	if err != nil {
		tb.Fatalf("gocmd: go env GOCACHE: %v", err)
	}
	tmp := tb.TempDir()
	g := &Go{
		Command:  "go",
		Dir:      filepath.Join(tmp, "main"),
		Home:     filepath.Join(tmp, "home"),
		ModCache: filepath.Join(tmp, "modcache"),
		tb:       tb,
	}
	g.env = gittest.Environ(
		"HOME="+g.Home, "USERPROFILE="+g.Home, "AppData="+filepath.Join(g.Home, "AppData"), "LC_ALL=C", "TZ=UTC",
		"GOPATH="+filepath.Join(tmp, "gopath"), "GOMODCACHE="+g.ModCache, "GOCACHE="+cache,
		"GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=-modcacherw", "GOPROXY=off", "GOSUMDB=off",
		"GIT_CONFIG_GLOBAL="+g.gitConfig(), "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	g.env = append(g.env, httpProxy(nowhere)...)
	g.env = append(g.env, env...)
	g.writeFile(filepath.Join(g.Dir, "go.mod"), goMod)
	g.writeFile(g.gitConfig(), "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n")
	// Telemetry would write to the home, from a process of its own, while it is being removed.
	for _, config := range []string{".config", "Library/Application Support", "AppData"} {
		g.writeFile(filepath.Join(g.Home, config, "go", "telemetry", "mode"), "off")
	}
	return g
}

// httpProxy sends all but loopback through an HTTP proxy: the go command reads either case, curl in git the lower one.
func httpProxy(url string) []string {
	return []string{
		"HTTP_PROXY=" + url, "http_proxy=" + url, "HTTPS_PROXY=" + url, "https_proxy=" + url,
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
	}
}

func (g *Go) gitConfig() string { return filepath.Join(g.Home, ".gitconfig") }

func (g *Go) writeFile(name, content string) {
	g.tb.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o777)
	if err = errors.Join(err, os.WriteFile(name, []byte(content), 0o666)); err != nil {
		g.tb.Fatalf("gocmd: %v", err)
	}
}

// SetRoot makes g the go command of the Go installation whose GOROOT is dir.
func (g *Go) SetRoot(dir string) {
	g.Command = filepath.Join(dir, "bin", "go")
	g.Setenv("GOROOT", dir) // go test says that it is its own
}

// Write writes a file of the main module, name being slash-separated.
func (g *Go) Write(name, content string) {
	g.tb.Helper()
	local, err := filepath.Localize(name)
	if err != nil {
		g.tb.Fatalf("gocmd: %v", err)
	}
	g.writeFile(filepath.Join(g.Dir, local), content)
}

// Setenv sets a variable of the go command.
func (g *Go) Setenv(key, value string) { g.env = append(g.env, key+"="+value) }

// Proxy sets GOPROXY.
func (g *Go) Proxy(value string) { g.Setenv("GOPROXY", value) }

// Use serves h on loopback, and sets GOPROXY to its base there, which it returns.
func (g *Go) Use(h http.Handler, base string) (url string) {
	server := httptest.NewServer(h)
	g.tb.Cleanup(server.Close)
	url = server.URL + base
	g.Proxy(url)
	return url
}

// Direct sets GOPROXY=direct, and makes git take github.com, or other hosts if there are some, from a server:
// https://github.com/o/r is asked for as server/o/r.
func (g *Go) Direct(server string, hosts ...string) {
	g.tb.Helper()
	if len(hosts) == 0 {
		hosts = []string{"github.com"}
	}
	config, err := os.ReadFile(g.gitConfig())
	if err != nil {
		g.tb.Fatalf("gocmd: %v", err)
	}
	config = fmt.Appendf(config, "[url %q]\n", strings.TrimSuffix(server, "/")+"/")
	for _, host := range hosts {
		config = fmt.Appendf(config, "\tinsteadOf = https://%s/\n", host)
	}
	g.writeFile(g.gitConfig(), string(config))
	g.Proxy("direct")
}

// Try runs the go command in the main module.
func (g *Go) Try(args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(g.tb.Context(), g.Command, args...)
	cmd.Dir = g.Dir
	cmd.Env = append(g.env, "PWD="+g.Dir)
	cmd.WaitDelay = 10 * time.Second // a git of a go command that was killed may hold the pipes
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// Run runs the go command in the main module, and wants it to succeed.
func (g *Go) Run(args ...string) (stdout string) {
	g.tb.Helper()
	stdout, stderr, err := g.Try(args...)
	if err != nil {
		g.tb.Fatalf("gocmd: go %s: %v\n%s%s", strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

// Get runs go get.
func (g *Go) Get(args ...string) {
	g.tb.Helper()
	g.Run(append([]string{"get"}, args...)...)
}

// A Download is what go mod download -json prints: hashes, and files in the module cache.
type Download struct {
	Path, Version    string
	Query            string
	Error            string
	Info, GoMod, Zip string
	Dir              string
	Sum, GoModSum    string
	Origin           *Origin
}

// An Origin says where a version comes from. Hashes that serve only to tell whether it changed are left out.
type Origin struct {
	VCS, URL, Subdir string
	Ref, Hash        string
}

// Download downloads MODULE@QUERY, and wants it to succeed.
func (g *Go) Download(query string) Download {
	g.tb.Helper()
	d := g.TryDownload(query)
	if d.Error != "" {
		g.tb.Fatalf("gocmd: download %s: %s", query, d.Error)
	}
	return d
}

// TryDownload downloads MODULE@QUERY; the go command's error is in the result.
func (g *Go) TryDownload(query string) Download {
	g.tb.Helper()
	return g.DownloadAll(query)[0]
}

// DownloadAll downloads each MODULE@QUERY, in one run of the go command. The results are in the same order, with the go
// command's errors.
func (g *Go) DownloadAll(queries ...string) []Download {
	g.tb.Helper()
	stdout, stderr, err := g.Try(append([]string{"mod", "download", "-json"}, queries...)...)
	d := json.NewDecoder(strings.NewReader(stdout))
	downloads := make([]Download, len(queries))
	for i := range downloads {
		if jsonErr := d.Decode(&downloads[i]); jsonErr != nil {
			g.tb.Fatalf("gocmd: download %s: %v, %v\n%s%s", strings.Join(queries, " "), err, jsonErr, stdout, stderr)
		}
	}
	failed := func(d Download) bool { return d.Error != "" }
	if err != nil && !slices.ContainsFunc(downloads, failed) {
		downloads[0].Error = fmt.Sprintf("%v: %s", err, stderr)
	}
	return downloads
}

// Versions returns the versions of a module that go list -m -versions prints: no retracted ones.
func (g *Go) Versions(modpath string) []string {
	g.tb.Helper()
	var m struct{ Versions []string }
	if err := json.Unmarshal([]byte(g.Run("list", "-m", "-versions", "-json", modpath)), &m); err != nil {
		g.tb.Fatalf("gocmd: versions of %s: %v", modpath, err)
	}
	return m.Versions
}
