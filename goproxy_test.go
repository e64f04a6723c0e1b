package vanity_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// acme has one module with two major versions in a subdirectory, one at the root of nothing, and tags of its own.
const acme = `
write one
commit one
tag tool-1.0.0
write two
commit two
tag -a tool-1.1.0 -m 'with an annotation'
write three
commit three
tag tool-2.0.0
tag tool-1.2.0-rc.1
tag nightly
tag tool-3
-- one/LICENSE --
Do as you please.
-- one/README --
Not Go.
-- one/libs/tool/go.mod --
module go.acme.test/Tool

go 1.21
-- one/libs/tool/tool.go --
package tool

const Version = "one"
-- one/libs/tool/sub/sub.go --
package sub
-- one/libs/tool/nested/go.mod --
module go.acme.test/Tool/nested
-- two/libs/tool/tool.go --
package tool

const Version = "two"
-- three/libs/tool/v2/go.mod --
module go.acme.test/Tool/v2

go 1.21
-- three/libs/tool/v2/tool.go --
package tool

const Version = "three"
`

const toolPath = "go.acme.test/Tool"

var toolConfig = vanity.Config{Module: toolPath, Directory: "libs/tool", Tags: "tool-*"}

// at gives a configuration another repository.
func at(cfg vanity.Config, url string) vanity.Config {
	cfg.URL = url
	return cfg
}

// quiet is a logger for handlers whose failures are meant.
func quiet() vanity.Option { return vanity.WithLogger(slog.New(slog.DiscardHandler)) }

// get asks a handler, by way of a real server.
func get(t testing.TB, url string) (status int, header http.Header, body string) {
	t.Helper()
	return do(t, request(t, http.MethodGet, url))
}

func request(t testing.TB, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func do(t testing.TB, req *http.Request) (status int, header http.Header, body string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(data)
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// TestGoproxyProtocol asks for each file of the protocol, and compares with what is known of it.
func TestGoproxyProtocol(t *testing.T) {
	repo := gittest.New(t, acme)
	base := serve(t, vanity.Goproxy("/go", at(toolConfig, repo.Dir), quiet())) + "/go/go.acme.test/!tool"
	info := func(version, tag, commit string) string {
		when := repo.Git("log", "-1", "--format=%cI", tag+"^{commit}")
		return fmt.Sprintf(`{"Version":%q,"Time":%q,"Origin":{"VCS":"git","Subdir":"libs/tool","Hash":%q,"Ref":"refs/tags/%s"}}`+"\n",
			version, strings.Replace(when, "+00:00", "Z", 1), repo.Git("rev-parse", tag+"^{commit}"), tag)
	}
	const year, minute = "public, max-age=31536000, immutable", "public, max-age=60"
	for _, tt := range []struct {
		path        string
		status      int
		contentType string
		caching     string
		body        string
	}{
		{"/@v/list", 200, "text/plain; charset=utf-8", minute, "v1.0.0\nv1.1.0\nv1.2.0-rc.1\n"},
		{"/v2/@v/list", 200, "text/plain; charset=utf-8", minute, "v2.0.0\n"},
		{"/v3/@v/list", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool/v3: the module's go.mod declares its path as \"go.acme.test/Tool\", which is not of this path's major version\n"},
		{"/@latest", 200, "application/json", minute, info("v1.1.0", "tool-1.1.0", "")},
		{"/@v/v1.1.0.info", 200, "application/json", year, info("v1.1.0", "tool-1.1.0", "")},
		{"/@v/v1.0.0.info", 200, "application/json", year, info("v1.0.0", "tool-1.0.0", "")},
		{"/v2/@v/v2.0.0.info", 200, "application/json", year, info("v2.0.0", "tool-2.0.0", "")},
		{"/@v/v1.1.0.mod", 200, "text/plain; charset=utf-8", year, "module go.acme.test/Tool\n\ngo 1.21\n"},
		{"/v2/@v/v2.0.0.mod", 200, "text/plain; charset=utf-8", year, "module go.acme.test/Tool/v2\n\ngo 1.21\n"},

		{"/@v/v9.9.9.info", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool@v9.9.9: the version does not fit the module path: with a go.mod, the path for v9 ends in /v9\n"},
		{"/@v/v1.9.9.zip", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool@v1.9.9: unknown version\n"},
		{"/v3/@latest", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool/v3: the module's go.mod declares its path as \"go.acme.test/Tool\", which is not of this path's major version\n"},
		{"/@v/v2.0.0+incompatible.info", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool@v2.0.0+incompatible: the version does not fit the module path: with a go.mod, the path for v2 ends in /v2\n"},
		{"/@v/master.info", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool@master: unknown revision: no version, branch or tag has this name, and it is no commit's hash of 7 or more digits\n"},
		{"/@v/v0.0.0-20240101000000-0123456789ab.info", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool@v0.0.0-20240101000000-0123456789ab: unknown revision: no branch and no tag leads to a commit 0123456789ab\n"},
		{"/@v/v1.0.0.tar", 404, "text/plain; charset=utf-8", minute, ""},
		{"/@v/list/", 404, "text/plain; charset=utf-8", minute, ""},
		{"/@v/v1.0.0!.info", 404, "text/plain; charset=utf-8", minute, ""},
		{"/../Tool/@v/list", 404, "text/plain; charset=utf-8", minute, ""},
		{"/sub/@v/list", 404, "text/plain; charset=utf-8", minute, "not found: go.acme.test/Tool/sub: no such module is served here\n"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			status, header, body := get(t, base+tt.path)
			if status != tt.status || (status == 200 || tt.body != "") && body != tt.body || status == 404 && !strings.HasPrefix(body, "not found: ") {
				t.Errorf("status %d, body %q, want %d, %q", status, body, tt.status, tt.body)
			}
			if got := header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type %q, want %q", got, tt.contentType)
			}
			if got := header.Get("Cache-Control"); got != tt.caching {
				t.Errorf("Cache-Control %q, want %q", got, tt.caching)
			}
		})
	}
}

// TestZipContent checks names and bytes of one zip by x/mod/zip's own reader.
func TestZipContent(t *testing.T) {
	repo := gittest.New(t, acme)
	base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir)))
	_, header, body := get(t, base+"/go.acme.test/!tool/@v/v1.1.0.zip")
	if got := header.Get("Content-Type"); got != "application/zip" {
		t.Errorf("Content-Type %q", got)
	}
	file := filepath.Join(t.TempDir(), "m.zip")
	if err := os.WriteFile(file, []byte(body), 0o666); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := modzip.Unzip(dir, module.Version{Path: toolPath, Version: "v1.1.0"}, file); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		got[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"LICENSE":    "Do as you please.\n", // the root's
		"go.mod":     "module go.acme.test/Tool\n\ngo 1.21\n",
		"tool.go":    "package tool\n\nconst Version = \"two\"\n",
		"sub/sub.go": "package sub\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

// mounts are the ways to put a handler in a program; each gives the handler the base that it needs.
var mounts = map[string]func(h func(base string) http.Handler) (server http.Handler, base string){
	"at the root": func(h func(string) http.Handler) (http.Handler, string) { return h(""), "" },
	"as a slash":  func(h func(string) http.Handler) (http.Handler, string) { return h("/"), "" },
	"below a base, in a mux": func(h func(string) http.Handler) (http.Handler, string) {
		mux := http.NewServeMux()
		mux.Handle("/a/go/", h("/a/go"))
		return mux, "/a/go"
	},
	"below a base, as the whole server": func(h func(string) http.Handler) (http.Handler, string) { return h("/a/go/"), "/a/go" },
	"behind StripPrefix": func(h func(string) http.Handler) (http.Handler, string) {
		mux := http.NewServeMux()
		mux.Handle("/a/go/", http.StripPrefix("/a/go", h("")))
		return mux, "/a/go"
	},
}

func TestMounts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, acme)
	tls := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	spec, err := vanity.Encode(at(toolConfig, "https://git.acme.test/acme/mono"))
	if err != nil {
		t.Fatal(err)
	}
	for name, mount := range mounts {
		for constructor, h := range map[string]func(base string) http.Handler{
			"Goproxy": func(base string) http.Handler { return vanity.Goproxy(base, at(toolConfig, repo.Dir)) },
			"Gosub": func(base string) http.Handler {
				return vanity.Gosub(base, vanity.WithHosts("git.acme.test"), vanity.WithTrustedClient(tls.Client()))
			},
		} {
			t.Run(constructor+" "+name, func(t *testing.T) {
				server, base := mount(h)
				if constructor == "Gosub" {
					base += "/" + spec
				}
				g := gocmd.New(t)
				g.Use(server, base)
				if diff := cmp.Diff([]string{"v1.0.0", "v1.1.0", "v1.2.0-rc.1"}, g.Versions(toolPath)); diff != "" {
					t.Errorf("versions (-want +got):\n%s", diff)
				}
				d := g.Download(toolPath + "@v1.1.0")
				if d.Version != "v1.1.0" || d.Origin == nil || d.Origin.Subdir != "libs/tool" {
					t.Errorf("download %+v", d)
				}
			})
		}
	}
}

// TestNext checks what is whose: the protocol is answered here, 404 included, everything else elsewhere.
func TestNext(t *testing.T) {
	repo := gittest.New(t, acme)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "next") })
	for constructor, h := range map[string]http.Handler{
		"Goproxy": vanity.Goproxy("/go", at(toolConfig, repo.Dir), vanity.WithNext(next), quiet()),
		"Gosub":   vanity.Gosub("/go", vanity.WithNext(next), quiet()),
	} {
		base := serve(t, h)
		for path, ours := range map[string]bool{
			"/":                                  false,
			"/go":                                false,
			"/go/":                               false,
			"/gopher/x/@v/list":                  false,
			"/go/go.acme.test/!tool":             false,
			"/go/sumdb/sum.golang.org/supported": false,
			"/go/x@latest":                       false,
			"/go/x/@latest/":                     false,
			"/go/x/@latest":                      true,
			"/go/@latest":                        true,
			"/go/x/@v/":                          true,
			"/go/x/@v/list":                      true,
			"/go/x/@v/nothing":                   true,
			"/go/%zz/@v/list":                    true,
		} {
			req := request(t, http.MethodGet, base)
			req.URL.Opaque = path // as it stands, well-formed or not
			status, _, body := do(t, req)
			ours = ours || constructor == "Gosub" && (path == "/go" || path == "/go/") // which have its form
			if got := body != "next"; got != ours {
				t.Errorf("%s %s: answered here %v, want %v (%d %s)", constructor, path, got, ours, status, body)
			}
		}
	}
}

// TestMethods checks that nothing but GET and HEAD has an answer, and that HEAD has no body.
func TestMethods(t *testing.T) {
	repo := gittest.New(t, acme)
	base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), quiet()))
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		status, header, _ := do(t, request(t, method, base+"/go.acme.test/!tool/@v/list"))
		if status != http.StatusMethodNotAllowed || header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, status, header.Get("Allow"))
		}
	}
	for _, file := range []string{"list", "v1.0.0.zip", "v1.9.9.zip"} {
		url := base + "/go.acme.test/!tool/@v/" + file
		status, header, whole := get(t, url)
		headStatus, headHeader, body := do(t, request(t, http.MethodHead, url))
		if body != "" || headStatus != status || headHeader.Get("Content-Length") != fmt.Sprint(len(whole)) || headHeader.Get("ETag") != header.Get("ETag") {
			t.Errorf("HEAD %s: status %d, %d bytes, header %v; GET has %d, %v", file, headStatus, len(body), headHeader, status, header)
		}
	}
}

// TestConditional checks ranges and ETags, which come with http.ServeContent.
func TestConditional(t *testing.T) {
	repo := gittest.New(t, acme)
	url := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir))) + "/go.acme.test/!tool/@v/v1.0.0.zip"
	_, header, whole := get(t, url)
	for _, tt := range []struct {
		key, value string
		status     int
		body       string
	}{
		{"Range", "bytes=2-5", http.StatusPartialContent, whole[2:6]},
		{"If-None-Match", header.Get("ETag"), http.StatusNotModified, ""},
		{"If-None-Match", `"another"`, http.StatusOK, whole},
	} {
		req := request(t, http.MethodGet, url)
		req.Header.Set(tt.key, tt.value)
		if status, _, body := do(t, req); status != tt.status || body != tt.body {
			t.Errorf("%s %s: status %d, %d bytes; want %d, %d", tt.key, tt.value, status, len(body), tt.status, len(tt.body))
		}
	}
}

// TestQueries checks what branches, tags and commits come to: for a minute, while the pseudo-version that they come to is
// for ever, and has cost its requests already.
func TestQueries(t *testing.T) {
	repo := gittest.New(t, acme+"-- four/x --\n")
	repo.Run("branch dev\ncommit four")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/mono": repo})
	base := serve(t, vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), quiet())) + "/go.acme.test/!tool"
	head := repo.Git("rev-parse", "HEAD")
	const pseudo = "v1.2.0-rc.1.0.20240101000300-"
	for _, tt := range []struct{ query, version, ref string }{
		{"main", pseudo + head[:12], "refs/heads/main"},
		{pseudo + head[:12], pseudo + head[:12], ""},
		{head[:7], pseudo + head[:12], ""},
		{"!h!e!a!d", pseudo + head[:12], "HEAD"},
		{"dev", "v1.2.0-rc.1", "refs/heads/dev"},
		{"nightly", "v1.2.0-rc.1", "refs/tags/nightly"},
		{"tool-1.0.0", "v1.0.0", "refs/tags/tool-1.0.0"},
		{"v1.1.0", "v1.1.0", "refs/tags/tool-1.1.0"},
		{"latest", "v1.1.0", "refs/tags/tool-1.1.0"},
	} {
		status, header, body := get(t, base+"/@v/"+tt.query+".info")
		var info struct {
			Version string
			Origin  struct{ Ref string }
		}
		if err := json.Unmarshal([]byte(body), &info); status != 200 || err != nil || info.Version != tt.version || info.Origin.Ref != tt.ref {
			t.Errorf("%s: status %d, %s; want %s, %q", tt.query, status, body, tt.version, tt.ref)
		}
		if got, forever := header.Get("Cache-Control"), tt.query == tt.version; strings.Contains(got, "immutable") != forever {
			t.Errorf("%s: Cache-Control %q", tt.query, got)
		}
		if tt.query == "main" {
			server.Reset()
		}
		if tt.ref == "" && tt.query == tt.version && len(server.Requests()) > 0 {
			t.Errorf("%s: %d requests for what was known", tt.query, len(server.Requests()))
		}
	}
}

// TestModuleEmpty checks that without a module path go.mod decides: this is what makes `go get MODULE/sub` work.
func TestModuleEmpty(t *testing.T) {
	repo := gittest.New(t, acme)
	cfg := at(toolConfig, repo.Dir)
	cfg.Module = ""
	h := vanity.Goproxy("", cfg, quiet())
	base := serve(t, h)
	for path, want := range map[string]int{
		"/go.acme.test/!tool/@v/list":           200,
		"/go.acme.test/!tool/@latest":           200,
		"/go.acme.test/!tool/@v/v1.0.0.info":    200,
		"/go.acme.test/!tool/@v/v1.0.0.mod":     200,
		"/go.acme.test/!tool/v2/@v/list":        200,
		"/go.acme.test/!tool/v3/@v/list":        404,
		"/go.acme.test/tool/@v/list":            404,
		"/go.acme.test/@v/list":                 404,
		"/go.acme.test/@latest":                 404,
		"/go.acme.test/!tool/sub/@v/list":       404,
		"/go.acme.test/!tool/sub/@latest":       404,
		"/go.acme.test/!tool/sub/@v/v1.0.0.zip": 404,
	} {
		if status, _, body := get(t, base+path); status != want {
			t.Errorf("%s: status %d, want %d: %s", path, status, want, body)
		}
	}
	if testing.Short() {
		return
	}
	g := gocmd.New(t)
	g.Use(h, "")
	g.Get(toolPath + "/sub@v1.1.0")
	if out := g.Run("list", "-m", "-f", "{{.Version}}", toolPath); strings.TrimSpace(out) != "v1.1.0" {
		t.Errorf("go get of a package below the module: version %q", out)
	}
}

// TestUnsureTags checks the trap of the default: with tags of the go command's own kind for the directory there, an
// empty pattern is ambiguous.
func TestUnsureTags(t *testing.T) {
	repo := gittest.New(t, acme)
	repo.Git("tag", "libs/tool/v1.5.0", "tool-1.1.0")
	repo.Git("tag", "v1.4.0", "tool-1.1.0")
	for _, tt := range []struct {
		tags   string
		status int
		body   string
	}{
		{"", 404, `"DIR/v*" or "v*"`},
		{"v*", 200, "v1.4.0\n"},
		{"libs/tool/v*", 200, "v1.5.0\n"},
	} {
		cfg := at(toolConfig, repo.Dir)
		cfg.Tags = tt.tags
		base := serve(t, vanity.Goproxy("", cfg, quiet()))
		for _, file := range []string{"@v/list", "@latest", "@v/v1.4.0.info", "@v/v1.4.0.mod", "@v/v1.4.0.zip"} {
			status, _, body := get(t, base+"/go.acme.test/!tool/"+file)
			if tt.status == 404 && (status != 404 || !strings.Contains(body, tt.body) || strings.Contains(body, "libs/tool")) {
				t.Errorf("tags %q, %s: status %d, %q", tt.tags, file, status, body)
			}
		}
		if status, _, body := get(t, base+"/go.acme.test/!tool/@v/list"); status != tt.status || !strings.Contains(body, tt.body) {
			t.Errorf("tags %q: status %d, %q", tt.tags, status, body)
		}
	}
}

// TestHostFaults goes through what a git host can do wrong: each has its status and caching, and a message that says
// whose fault it is and gives nothing away.
func TestHostFaults(t *testing.T) {
	repo := gittest.New(t, acme)
	for _, tt := range []struct {
		name   string
		fault  func(http.Handler) http.Handler
		status int
		body   string
	}{
		{"HTML", gittest.HTML(), 502, "answer could not be used"},
		{"401", gittest.Status(401, nil), 404, "not found, or private"},
		{"403", gittest.Status(403, nil), 404, "not found, or private"},
		{"404", gittest.Status(404, nil), 404, "no such repository"},
		{"404 to a fetch", gittest.On("fetch", gittest.Status(404, nil)), 404, "no such repository"},
		{"410", gittest.Status(410, nil), 404, "no such repository"},
		{"429", gittest.Status(429, http.Header{"Retry-After": {"77"}}), 429, "limits the rate"},
		{"500", gittest.Status(500, nil), 502, "answer could not be used"},
		{"503", gittest.Status(503, nil), 503, "out of service"},
		{"504", gittest.Status(504, nil), 504, "in time"},
		{"refs cut", gittest.On("ls-refs", gittest.CutAfter(50)), 502, "answer could not be used"},
		{"pack cut", gittest.On("fetch", gittest.CutAfter(60)), 502, "answer could not be used"},
		{"pack spoiled", gittest.On("fetch", gittest.Corrupt(80)), 502, "answer could not be used"},
		{"hangs", gittest.Hang(), 504, "in time"},
		{"sends another commit", gittest.On("fetch", wantInstead(repo.Git("rev-parse", "tool-1.0.0"), repo.Git("rev-parse", "tool-2.0.0"))), 502, "answer could not be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
			server.Wrap(tt.fault)
			client := server.Client()
			if tt.name == "hangs" {
				if testing.Short() {
					t.Skip("waits")
				}
				client.Timeout = 3 * time.Second // long enough for what comes after the recovery
			}
			var log logged
			h := vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), vanity.WithClient(client), vanity.WithLogger(log.logger()))
			status, header, body := get(t, serve(t, h)+"/go.acme.test/!tool/@v/v1.0.0.zip")
			if status != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("status %d, %q; want %d, %q", status, body, tt.status, tt.body)
			}
			if strings.Contains(body, "127.0.0.1") || strings.Contains(body, "acme/mono") || strings.Count(body, "\n") != 1 {
				t.Errorf("body says too much: %q", body)
			}
			if want := map[bool]string{true: "public, max-age=60", false: "no-store"}[tt.status == 404]; header.Get("Cache-Control") != want {
				t.Errorf("Cache-Control %q, want %q", header.Get("Cache-Control"), want)
			}
			if again := header.Get("Retry-After"); (tt.status == 429 || tt.status == 503) != (again != "") || tt.status == 429 && again != "77" {
				t.Errorf("Retry-After %q", again)
			} else if again != "" && !strings.Contains(body, "; try again in "+again+" seconds\n") {
				t.Errorf("%q does not say when to try again", body)
			}
			if text := log.text(); !strings.Contains(text, "/acme/mono") || strings.Count(text, "\n") != 1 {
				t.Errorf("log %q, want one line that names the repository", text)
			}
			// Failures are not remembered: a host that has recovered is asked again. What it said was not there is, for seconds.
			server.Wrap(nil)
			want := map[bool]int{true: 404, false: 200}[tt.status == 404]
			if status, _, body := get(t, serve(t, h)+"/go.acme.test/!tool/@v/v1.0.0.zip"); status != want {
				t.Errorf("after recovery: status %d, %q", status, body)
			}
		})
	}
	t.Run("refuses connections", func(t *testing.T) {
		server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
		server.SetDown(true)
		base := serve(t, vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), quiet()))
		if status, _, body := get(t, base+"/go.acme.test/!tool/@latest"); status != 502 || !strings.Contains(body, "could not be reached") {
			t.Errorf("status %d, %q", status, body)
		}
	})
	t.Run("has not what it lists", func(t *testing.T) {
		server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
		server.Wrap(gittest.On("fetch", gittest.Garbage("0020ERR upload-pack: not our ref")))
		base := serve(t, vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), quiet()))
		for query, want := range map[string]string{"v1.0.0": "the version's tag leads to no commit", "0123456": "the repository lacks something"} {
			if status, _, body := get(t, base+"/go.acme.test/!tool/@v/"+query+".info"); status != 404 || !strings.Contains(body, want) {
				t.Errorf("%s: status %d, %q", query, status, body)
			}
		}
	})
	t.Run("no such directory", func(t *testing.T) {
		base := serve(t, vanity.Goproxy("", at(toolConfig, filepath.Join(t.TempDir(), "none")), quiet()))
		if status, _, body := get(t, base+"/go.acme.test/!tool/@latest"); status != 404 || !strings.Contains(body, "no such repository") || strings.Contains(body, "none") {
			t.Errorf("status %d, %q", status, body)
		}
	})
}

// wantInstead has the server send what was not asked for.
func wantInstead(asked, sent string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			r.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(body), asked, sent)))
			next.ServeHTTP(w, r)
		})
	}
}

// logged collects log lines.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// TestMovedTag checks that a version stays what it was first, for the process's life: info, go.mod and zip are of one
// commit, wherever the tag goes in between.
func TestMovedTag(t *testing.T) {
	repo := gittest.New(t, acme)
	base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir))) + "/go.acme.test/!tool/@v/v1.0.0"
	_, _, info := get(t, base+".info")
	repo.Git("tag", "-f", "tool-1.0.0", "tool-1.1.0")
	_, _, zip := get(t, base+".zip")
	if text := zipFile(t, zip, toolPath+"@v1.0.0/tool.go"); !strings.Contains(text, "one") || !strings.Contains(info, repo.Git("rev-list", "--max-parents=0", "HEAD")) {
		t.Errorf("info %s, and a zip with %s", info, text)
	}
	if _, _, again := get(t, base+".info"); again != info {
		t.Errorf("info changed from %s to %s", info, again)
	}
}

// zipFile gives a file of a zip.
func zipFile(t *testing.T, content, name string) string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(z, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// mono is a repository of 3,000 files, in which there are a module two directories deep, another one in that, which is larger,
// and one at its root.
func mono(t *testing.T) *gittest.Repo {
	repo := gittest.New(t, "")
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func(lines int) []byte {
		var b strings.Builder
		for range lines {
			fmt.Fprintf(&b, "func f%d() int { return %d } // %x\n", rnd.IntN(100), rnd.IntN(1e9), rnd.Uint64())
		}
		return []byte(b.String())
	}
	for i := range 2940 {
		repo.Write(fmt.Sprintf("apps/app%d/part%d/file%d.go", i/100, i/10%10, i), text(3))
	}
	for i := range 40 {
		repo.Write(fmt.Sprintf("libs/tool/%s/file%d.go", []string{"a", "b", "b/c", "internal/d", "e"}[i%5], i), text(20+15*(i%10)))
	}
	for i := range 20 {
		repo.Write(fmt.Sprintf("libs/tool/e/more/file%d.go", i), text(300))
	}
	repo.Write("libs/tool/go.mod", []byte("module go.acme.test/Tool\n"))
	repo.Write("libs/tool/e/more/go.mod", []byte("module go.acme.test/Tool/e/more\n"))
	repo.Write("go.mod", []byte("module go.acme.test/mono\n"))
	repo.Write(".gitattributes", []byte("*.sh text eol=lf\n"))
	repo.Write("libs/tool/a/.gitattributes", []byte("*.bat text eol=crlf\n"))
	repo.Commit("first")
	repo.Git("tag", "tool-1.0.0")
	repo.Git("tag", "v1.0.0")
	for i := range 5 {
		repo.Write(fmt.Sprintf("libs/tool/e/new%d.go", i), text(200))
		repo.Write(fmt.Sprintf("apps/app%d/new.go", i), text(200))
	}
	repo.Commit("second")
	repo.Git("tag", "tool-1.1.0")
	repo.Git("tag", "v1.1.0")
	repo.Repack()
	return repo
}

// TestUpstreamCost counts what list, info, go.mod and zip of one version cost, from nothing, on each rung; then what those of a
// further version do, and those of another repository of the host.
func TestUpstreamCost(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a large repository")
	}
	repo := mono(t)
	own := objectBytes(t, repo, "tool-1.0.0:libs/tool", "^tool-1.0.0:libs/tool/e/more")
	nested := objectBytes(t, repo, "tool-1.0.0:libs/tool/e/more")
	trees := objectBytes(t, repo, "--filter=blob:none", "tool-1.0.0^{tree}")
	root := objectBytes(t, repo, "tool-1.0.0^{tree}", "^tool-1.0.0:libs/tool")
	whole := objectBytes(t, repo, "tool-1.0.0^{tree}")
	// What else there is: trees on the way to a directory, a root's own files, and in each answer what frames it.
	const way, tip = 3000, 2000
	tool, mono := toolConfig, vanity.Config{Module: "go.acme.test/mono"}
	for _, tt := range []struct {
		name    string
		cfg     vanity.Config
		filters gittest.Filters
		cold    int    // requests from nothing, refused ones included
		further int    // for info, go.mod and zip of a version of a repository whose tags were listed lately
		other   int    // for all of another repository of the same host
		mod     int64  // bytes from nothing, but for the zip
		bytes   int64  // and with it
		config  string // of version 0: whether any object is given out
		known   int64  // bytes of another repository's, but for the zip
	}{
		{"combine", tool, gittest.AllFilters, 4, 3, 4, own, own + way, "", own},
		{"combine without limit", tool, gittest.CombineFilters, 6, 3, 5, 2 * way, own + way, "", 2 * way},              // refused once
		{"blob:none", tool, gittest.ForgeFilters, 5, 2, 4, trees + way, own + trees, "", trees + way},                  // refused once
		{"levels", tool, gittest.TreeFilters, 8, 4, 6, own + nested + way, own + nested + way, "", own + nested + way}, // refused twice
		{"no filters", tool, gittest.NoFilters, 4, 1, 3, whole + way, whole + way, "", whole + way},                    // refused once, and asked then
		{"version 0", tool, gittest.AllFilters, 3, 1, 2, whole + way, whole + way, "false", whole + way},               // filters would do no good
		{"version 0, any object", tool, gittest.AllFilters, 5, 3, 4, own, own + way, "true", own},
		{"root, combine", mono, gittest.AllFilters, 4, 2, 4, trees + way, root + trees, "", tip},
		{"root, combine without limit", mono, gittest.CombineFilters, 4, 2, 5, trees + way, root + trees, "", trees + way}, // refused once, later
		{"root, blob:none", mono, gittest.ForgeFilters, 4, 2, 5, trees + way, root + trees, "", trees + way},               // so here
		{"root, levels", mono, gittest.TreeFilters, 3, 1, 2, whole + way, whole + way, "", whole + way},
		{"root, no filters", mono, gittest.NoFilters, 4, 1, 3, whole + way, whole + way, "", whole + way},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"acme/mono": repo, "acme/more": repo})
			if tt.config != "" {
				repo.Git("config", "uploadpack.allowAnySHA1InWant", tt.config)
				server.Wrap(gittest.Version(0))
			}
			resolve := func(_ context.Context, modPath string) (vanity.Config, error) {
				if modPath == tt.cfg.Module {
					return at(tt.cfg, server.URL+"/acme/mono"), nil
				}
				return vanity.Config{URL: server.URL + "/acme/more", Module: modPath, Directory: tt.cfg.Directory, Tags: tt.cfg.Tags}, nil
			}
			base := serve(t, vanity.GoproxyFunc("", resolve, vanity.WithLogger(slog.New(slog.DiscardHandler))))
			ask := func(modPath string, files ...string) (requests int, bytes int64) {
				escaped, err := module.EscapePath(modPath)
				if err != nil {
					t.Fatal(err)
				}
				server.Reset()
				for _, file := range files {
					if status, _, body := get(t, base+"/"+escaped+"/@v/"+file); status != 200 {
						t.Fatalf("%s: status %d, %s", file, status, body)
					}
				}
				for _, r := range server.Requests() {
					t.Logf("%s %d bytes", r.Command(), r.Bytes)
				}
				return len(server.Requests()), server.Bytes()
			}
			n, mod := ask(tt.cfg.Module, "list", "v1.0.0.info", "v1.0.0.mod")
			zip, bytes := ask(tt.cfg.Module, "v1.0.0.zip")
			n, bytes = n+zip, bytes+mod
			t.Logf("%d requests, %d bytes before the zip, %d with it; the module's own are %d, all trees %d", n, mod, bytes, own, trees)
			if n != tt.cold || mod > tt.mod || bytes > tt.bytes {
				t.Errorf("from nothing: %d requests, %d bytes before the zip, %d with it; want %d requests, %d and %d bytes at most", n, mod, bytes, tt.cold, tt.mod, tt.bytes)
			}
			if n, _ := ask(tt.cfg.Module, "v1.1.0.info", "v1.1.0.mod", "v1.1.0.zip"); n != tt.further {
				t.Errorf("a further version: %d requests, want %d", n, tt.further)
			}
			n, mod = ask("go.acme.test/another", "list", "v1.0.0.info", "v1.0.0.mod")
			if zip, _ := ask("go.acme.test/another", "v1.0.0.zip"); n+zip != tt.other || mod > tt.known {
				t.Errorf("another repository: %d requests, %d bytes before the zip; want %d requests, %d bytes at most", n+zip, mod, tt.other, tt.known)
			}
		})
	}
}

// TestUpstreamCostSmall counts what a small module costs: its files come with its go.mod, but for those that may be large.
func TestUpstreamCostSmall(t *testing.T) {
	small := gittest.New(t, `
write
commit one
tag v1.0.0
tag lib/v1.0.0
-- go.mod --
module go.acme.test/small
-- LICENSE --
MIT
-- small.go --
package small
-- lib/go.mod --
module go.acme.test/lib
-- lib/.gitattributes --
*.txt text eol=crlf
-- lib/lib.go --
package lib
-- lib/sub/sub.go --
package sub
`)
	large := gittest.New(t, "repeat 70 f%.go 'package large'\nwrite\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule go.acme.test/large\n")
	binary := gittest.New(t, "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule go.acme.test/binary\n-- program --\n\x7fELF\n")
	plain := gittest.New(t, "repeat 60 f%.go 'package plain'\nwrite\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule go.acme.test/plain\n-- LICENSE --\nMIT\n")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"small": small, "plain": plain, "large": large, "binary": binary})
	for _, tt := range []struct {
		repo, dir, module string
		want              int // requests for the list, the info, the go.mod and the zip
	}{
		{"small", "", "go.acme.test/small", 4},  // there is a module within, whose files are not wanted
		{"small", "lib", "go.acme.test/lib", 4}, // one is refused
		{"plain", "", "go.acme.test/plain", 3},
		{"large", "", "go.acme.test/large", 4},
		{"binary", "", "go.acme.test/binary", 4},
	} {
		cfg := vanity.Config{URL: server.URL + "/" + tt.repo, Module: tt.module, Directory: tt.dir, Tags: strings.TrimPrefix(tt.dir+"/v*", "/")}
		base := serve(t, vanity.Goproxy("", cfg))
		server.Reset()
		for _, file := range []string{"list", "v1.0.0.info", "v1.0.0.mod", "v1.0.0.zip"} {
			if status, _, body := get(t, base+"/"+tt.module+"/@v/"+file); status != 200 {
				t.Fatalf("%s: status %d, %s", file, status, body)
			}
		}
		if n := len(server.Requests()); n != tt.want {
			t.Errorf("%s: %d requests, want %d", tt.module, n, tt.want)
		}
	}
}

// objectBytes is what git itself needs for objects, all that they reach included, in a pack.
func objectBytes(t *testing.T, repo *gittest.Repo, revs ...string) int64 {
	t.Helper()
	list := repo.Git(append([]string{"rev-list", "--objects", "--no-object-names"}, revs...)...)
	cmd := exec.Command("git", "-C", repo.Dir, "pack-objects", "--stdout", "-q")
	cmd.Env = gittest.Environ()
	cmd.Stdin = strings.NewReader(list + "\n")
	pack, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(pack))
}

// TestModuleMajor checks that a module path with a major version means that one alone.
func TestModuleMajor(t *testing.T) {
	repo := gittest.New(t, acme)
	cfg := at(toolConfig, repo.Dir)
	cfg.Module = toolPath + "/v2"
	base := serve(t, vanity.Goproxy("", cfg, quiet()))
	for path, want := range map[string]int{
		"/go.acme.test/!tool/v2/@v/list":        200,
		"/go.acme.test/!tool/v2/@v/v2.0.0.zip":  200,
		"/go.acme.test/!tool/@v/list":           404,
		"/go.acme.test/!tool/v3/@v/list":        404,
		"/go.acme.test/!tool/v2/v3/@v/list":     404,
		"/go.acme.test/!tool/v2/sub/@v/list":    404,
		"/go.acme.test/!tool/v2/@v/v1.0.0.info": 404,
	} {
		if status, _, body := get(t, base+path); status != want {
			t.Errorf("%s: status %d, want %d: %s", path, status, want, body)
		}
	}
}

// TestOwnerIsTold checks that what only the owner can mend is in his log, and what callers get wrong is not.
func TestOwnerIsTold(t *testing.T) {
	repo := gittest.New(t, acme)
	repo.Git("tag", "libs/tool/v1.5.0")
	for _, tt := range []struct {
		name  string
		cfg   vanity.Config
		path  string
		level string
	}{
		{"no repository", at(toolConfig, filepath.Join(t.TempDir(), "none")), "/go.acme.test/!tool/@v/list", "WARN"},
		{"unsure tags", vanity.Config{URL: repo.Dir, Module: toolPath, Directory: "libs/tool"}, "/go.acme.test/!tool/@v/list", "WARN"},
		{"a next major version", at(toolConfig, repo.Dir), "/go.acme.test/!tool/v3/@latest", "DEBUG"},
		{"an unknown version", at(toolConfig, repo.Dir), "/go.acme.test/!tool/@v/v1.9.9.info", "DEBUG"},
		{"another module", at(toolConfig, repo.Dir), "/go.acme.test/@v/list", "DEBUG"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log logged
			base := serve(t, vanity.Goproxy("", tt.cfg, vanity.WithLogger(log.logger())))
			status, _, _ := get(t, base+tt.path)
			if text := log.text(); status != 404 || !strings.Contains(text, "level="+tt.level) || strings.Count(text, "\n") != 1 {
				t.Errorf("status %d, log %q, want one line of level %s", status, text, tt.level)
			}
		})
	}
}

// TestHungListing checks that many who ask for a repository whose host says nothing wait once, not one after the other.
func TestHungListing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	repo := gittest.New(t, acme)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	server.Wrap(gittest.Hang())
	client := server.Client()
	client.Timeout = time.Second
	cfg := at(toolConfig, server.URL+"/acme/mono")
	cfg.Module = ""
	base := serve(t, vanity.Goproxy("", cfg, vanity.WithClient(client), quiet()))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if status, _, body := get(t, fmt.Sprintf("%s/go.acme.test/m%d/@v/list", base, i)); status != 504 {
				t.Errorf("status %d, %s", status, body)
			}
		})
	}
	wg.Wait()
	// Each listing that is begun asks the host once, and those who wait share it: 20 in turn would be 20.
	if n := len(server.Requests()); n > 5 {
		t.Errorf("%d requests", n)
	}
}

// TestGoneCommit checks that a version whose commit was removed after it was first served is a failure, not an absence.
func TestGoneCommit(t *testing.T) {
	repo, other := gittest.New(t, acme), gittest.New(t, "commit another")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	base := serve(t, vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), quiet())) + "/go.acme.test/!tool/@v/v1.0.0"
	if status, _, _ := get(t, base+".info"); status != 200 {
		t.Fatalf("status %d", status)
	}
	replaced := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": other})
	server.Wrap(func(http.Handler) http.Handler { return replaced.Handler() })
	status, header, body := get(t, base+".zip")
	if commit := repo.Git("rev-parse", "tool-1.0.0"); status != 502 || !strings.Contains(body, commit) || header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, %q", status, body)
	}
}

// TestClientLeaves checks that a client who leaves ends what was begun for him alone, and is no failure in the log.
func TestClientLeaves(t *testing.T) {
	repo := gittest.New(t, acme)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	begun, ended := make(chan bool, 1), make(chan bool, 1)
	server.Wrap(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // before that is read, net/http does not notice that a client goes
			begun <- true
			<-r.Context().Done()
			ended <- true
		})
	})
	var log logged
	base := serve(t, vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), vanity.WithLogger(log.logger())))
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/go.acme.test/!tool/@v/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-begun
		leave()
	}()
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("an answer: %s", resp.Status)
	}
	<-ended
	if text := log.text(); text != "" {
		t.Errorf("log %q", text)
	}
}

// TestGoproxyFunc checks that one handler serves many modules, and what becomes of a resolver's errors.
func TestGoproxyFunc(t *testing.T) {
	repo := gittest.New(t, acme)
	resolve := func(_ context.Context, path string) (vanity.Config, error) {
		switch path {
		case toolPath, toolPath + "/v2":
			return at(toolConfig, repo.Dir), nil
		case "go.acme.test/fork":
			return vanity.Config{URL: repo.Dir, Module: path, Directory: "libs/tool", Tags: "tool-*"}, nil
		case "go.acme.test/other":
			return at(toolConfig, repo.Dir), nil // another module's
		case "go.acme.test/declared":
			return vanity.Config{URL: repo.Dir, Directory: "libs/tool", Tags: "tool-*"}, nil
		case "go.acme.test/unsure":
			return vanity.Config{URL: repo.Dir, Module: path, Directory: "libs/tool"}, nil
		case "go.acme.test/invalid":
			return vanity.Config{URL: "secret"}, nil
		case "go.acme.test/broken":
			return vanity.Config{}, errors.New("the database's secret is wrong")
		}
		return vanity.Config{}, fmt.Errorf("secret %w", fs.ErrNotExist)
	}
	repo.Git("tag", "libs/tool/v1.5.0")
	var log logged
	base := serve(t, vanity.GoproxyFunc("/go", resolve, vanity.WithLogger(log.logger()))) + "/go"
	for path, want := range map[string]int{
		"/go.acme.test/!tool/@v/list":         200,
		"/go.acme.test/!tool/v2/@v/list":      200,
		"/go.acme.test/fork/@v/v1.0.0.zip":    200,
		"/go.acme.test/other/@v/list":         404,
		"/go.acme.test/declared/@v/list":      404,
		"/go.acme.test/unsure/@v/list":        404,
		"/go.acme.test/unknown/@v/list":       404,
		"/go.acme.test/unknown/@v/v1.0.0.zip": 404,
		"/go.acme.test/invalid/@v/list":       500,
		"/go.acme.test/broken/@v/list":        500,
	} {
		if status, _, body := get(t, base+path); status != want || strings.Contains(body, "secret") {
			t.Errorf("%s: status %d, want %d: %s", path, status, want, body)
		}
	}
	if n := strings.Count(log.text(), "level=ERROR"); n != 2 || !strings.Contains(log.text(), "database") {
		t.Errorf("log %s", log.text())
	}
	defer func() {
		if recover() == nil {
			t.Error("a resolver that is nil is accepted")
		}
	}()
	vanity.GoproxyFunc("/go", nil)
}

// A pattern that no tag fits is the owner's to mend: he is told.
func TestNoTagFits(t *testing.T) {
	t.Parallel()
	cfg := toolConfig
	cfg.URL, cfg.Tags = gittest.New(t, acme).Dir, "tol-*"
	var log bytes.Buffer
	h := vanity.Goproxy("/go", cfg, vanity.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	for path, want := range map[string]int{"/go/go.acme.test/!tool/@v/list": 200, "/go/go.acme.test/!tool/v98/@v/list": 404} {
		if res, body := metaGet(t, h, "GET", path); res.StatusCode != want || want == 200 && len(body) != 0 {
			t.Errorf("%s: %s, %q", path, res.Status, body)
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `level=WARN msg="vanity: no tag fits the pattern`) || !strings.Contains(got, "tags=tol-*") {
		t.Errorf("logged:\n%s", got)
	}
}
