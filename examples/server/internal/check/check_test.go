package check_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/check"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/origin"
	"example.com/vanity/examples/server/internal/testhandler"
	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

const mono = `
write
commit one
tag tool-1.0.0
tag tool-1.1.0
tag odd-1.0.0
tag other-1.0.0
tag log/v0.1.0
rm libs/tool/go.mod
write two
commit two
tag tool-2.0.0
tag odd-2.0.0
-- libs/tool/go.mod --
module go.acme.dev/tool
-- libs/tool/tool.go --
package tool
-- log/go.mod --
module go.acme.dev/log
-- two/libs/tool/go.mod --
module go.acme.dev/tool/v2
`

// root is what the go command finds by itself, from v2 on.
const root = `
write
commit one
tag v2.0.0
tag v2.1.0-rc.1
tag v4.0.0
-- go.mod --
module go.acme.dev/root/v2
`

func servers(t *testing.T) *gittest.Server {
	return gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{
		"acme/mono": gittest.New(t, mono), "acme/root": gittest.New(t, root), "acme/empty": gittest.New(t, "git status\n"),
		"acme/new": gittest.New(t, "-- go.mod --\nmodule go.acme.dev/new\n"), "acme/private": gittest.New(t, root),
		"acme/odd": gittest.New(t, "write\ncommit one\ntag 1.0\n-- go.mod --\nmodule go.acme.dev/odd\n"),
	})
}

// nobody is an address where nobody listens.
func nobody(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func run(ctx context.Context, c *config.Config, h http.Handler, reader *origin.Reader) (bool, string) {
	var out strings.Builder
	healthy := check.Run(ctx, check.Options{
		Server: &fetch.Server{Handler: h, Host: c.Host, Origin: reader}, Entries: c.Catalog(), Wildcards: fetch.Wildcards(c), Out: &out,
	})
	return healthy, out.String()
}

const head = "host: go.acme.dev\nproxy: /go\npaths:\n"

func TestHealthy(t *testing.T) {
	git := servers(t)
	c := testhandler.Load(t, head+strings.ReplaceAll(`
  tool: {repo: REPO/mono, directory: libs/tool, tags: "tool-*"}
  log: {repo: REPO/mono, vcs: git, directory: log, tags: "log/v*"}
  root: {repo: REPO/root, vcs: git}
  new: {repo: REPO/new, vcs: git, tags: "v*"}
  draw: {repo: "https://hg.acme.dev/draw", vcs: hg}
  far: {vcs: mod, repo: "https://proxy.acme.dev/go"}
  "libs/*": {repo: REPO/mono, vcs: git, directory: libs/*, tags: "libs/*/v*"}
modules:
  - {base: /m, url: REPO/root}
`, "REPO", git.URL+"/acme"))
	healthy, got := run(t.Context(), c, testhandler.New(c), origin.New(nil, nil))
	want := `go.acme.dev/draw  ok  its page leads to https://hg.acme.dev/draw (hg), which is not looked into
go.acme.dev/far  ok  its page leads to https://proxy.acme.dev/go, which is not asked
go.acme.dev/log  ok  1 version, latest v0.1.0, tags log/v*
go.acme.dev/new  ok  0 versions, latest v0.0.0-20240101000000-e3879dabd891, tags v*
    note: there are no versions yet: the latest is what the default branch comes to
go.acme.dev/root  ok  3 versions, tags v*, from REPO/root itself
    note: the tag v4.0.0 makes no version of it: the module's go.mod declares its path as "go.acme.dev/root/v2", which is not of this path's major version
go.acme.dev/tool  ok  2 versions, latest v1.1.0, go.acme.dev/tool/v2: 1 version, latest v2.0.0, tags tool-*
modules[0]  ok  go.acme.dev/root/v2: 2 versions, latest v2.0.0, tags v*
    note: go.acme.dev/root/v4: there are tags of it, but not found: go.acme.dev/root/v4: the module's go.mod declares its path as "go.acme.dev/root/v2", which is not of this path's major version
go.acme.dev/libs/*  not tried: it is a wildcard, whose modules nobody knows before they are asked for
`
	if diff := cmp.Diff(want, strings.ReplaceAll(got, git.URL+"/acme", "REPO")); diff != "" || !healthy {
		t.Errorf("healthy: %v (-want +got):\n%s", healthy, diff)
	}
}

func TestFaults(t *testing.T) {
	git := servers(t)
	git.SetPrivate("acme/private", "ann", "secret")
	dead := nobody(t)
	for name, tt := range map[string]struct {
		file string
		wrap func(http.Handler) http.Handler
		want string
	}{
		"repo gone": {`tool: {repo: REPO/gone, tags: "*"}`, nil,
			`paths["tool"]: there is no repository at REPO/gone, or it is private: correct its URL`},
		"repo gone, page alone": {`tool: {repo: REPO/gone, vcs: git}`, nil,
			`paths["tool"]: there is no repository at REPO/gone, or it is private: correct its URL`},
		"host down": {`tool: {repo: "http://DEAD/x", tags: "*"}`, nil,
			`paths["tool"]: http://DEAD/x can't be reached: correct its URL, or see to the network (`},
		"private": {`tool: {repo: REPO/private, tags: "*"}`, nil,
			`paths["tool"]: REPO/private asks for credentials, which are sent over https alone: name it by an https URL`},
		"empty": {`tool: {repo: REPO/empty, tags: "*"}`, nil,
			`paths["tool"]: REPO/empty has no commit yet: push one`},
		"no tag fits": {`tool: {repo: REPO/mono, directory: libs/tool, tags: "toll-*"}`, nil,
			`paths["tool"]: no tag fits the pattern "toll-*", so that there are no versions; there are tags of "tool-*" (3, such as tool-2.0.0)`},
		"no tag is a version": {`odd: {repo: REPO/odd, tags: "*"}`, nil,
			`paths["odd"]: no tag fits the pattern "*", so that there are no versions; tags such as "1.0" are none, as the go command wants`},
		"go.mod of another path": {`toll: {repo: REPO/mono, directory: libs/tool, tags: "other-*"}`, nil,
			`paths["toll"]: go.mod of v1.0.0 says module "go.acme.dev/tool", and not go.acme.dev/toll: nobody can require it`},
		"no go.mod": {`tool: {repo: REPO/mono, directory: libs, tags: "other-*"}`, nil,
			`paths["tool"]: there is no go.mod in the directory "libs" of other-1.0.0, but in "libs/tool": correct directory`},
		"no go.mod, page alone": {`log: {repo: REPO/mono, vcs: git, directory: log/sub}`, nil,
			`paths["log"]: there is no go.mod in the directory "log/sub" of the default branch: correct directory`},
		"another go.mod, page alone": {`logs: {repo: REPO/mono, vcs: git, directory: log}`, nil,
			`paths["logs"]: go.mod of log/v0.1.0 says module "go.acme.dev/log", and not go.acme.dev/logs: change go.mod, or the path here`},
		"other tags, page alone": {`tool: {repo: REPO/mono, vcs: git, directory: libs/tool}`, nil,
			`paths["tool"]: the go command takes no tag for a version; there are tags of "tool-*" (3, such as tool-2.0.0)`},
		"another page": {`tool: {repo: REPO/mono, directory: libs/tool, tags: "tool-*"}`, replace("dev/go\"", "dev/old\""),
			`paths["tool"]: page and proxy disagree: its page leads to https://go.acme.dev/old, and this server has it below /go`},
		"no mod tag": {`log: {repo: REPO/mono, vcs: git, directory: log, tags: "log/v*"}`, replace(" mod ", " modem "),
			`paths["log"]: page and proxy disagree: its page has no "mod" tag`},
		"no tags": {`tool: {repo: REPO/mono, directory: libs/tool, tags: "tool-*"}`, replace("go-import", "no-import"),
			`paths["tool"]: its page has no go-import tag for it`},
		"no page": {`tool: {repo: REPO/mono, directory: libs/tool, tags: "tool-*"}`, func(h http.Handler) http.Handler {
			return http.StripPrefix("/go", h)
		}, `paths["tool"]: its page is answered with 404: 404 page not found`},
	} {
		t.Run(name, func(t *testing.T) {
			file := head + "  " + tt.file + "\n"
			if strings.HasSuffix(name, "alone") {
				file = strings.Replace(file, "proxy: /go\n", "", 1)
			}
			c := testhandler.Load(t, strings.NewReplacer("REPO", git.URL+"/acme", "DEAD", dead).Replace(file))
			h := testhandler.New(c)
			if tt.wrap != nil {
				h = tt.wrap(h)
			}
			healthy, got := run(t.Context(), c, h, origin.New(nil, nil))
			got = strings.NewReplacer(git.URL+"/acme", "REPO", dead, "DEAD").Replace(got)
			if healthy || !strings.Contains(got, "  FAULT") || !strings.Contains(got, "    "+tt.want) {
				t.Errorf("healthy: %v\n%s\nwant %s", healthy, got, tt.want)
			}
			if strings.Count(got, "\n") != 2 {
				t.Errorf("more than one fault:\n%s", got)
			}
		})
	}
}

// replace replaces a part of pages.
func replace(part, by string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				next.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(&replacer{w, strings.NewReplacer(part, by)}, r)
		})
	}
}

type replacer struct {
	http.ResponseWriter
	r *strings.Replacer
}

func (r *replacer) WriteHeader(status int) {
	r.Header().Del("Content-Length")
	r.ResponseWriter.WriteHeader(status)
}

func (r *replacer) Write(p []byte) (int, error) {
	if _, err := r.r.WriteString(r.ResponseWriter, string(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// TestPrivate has a private repository, with the right credentials, others and none.
func TestPrivate(t *testing.T) {
	git := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/root": gittest.New(t, root)})
	git.SetBasicAuth("ann", "secret")
	c := testhandler.Load(t, head+"  root: {repo: \"https://git.example.test/acme/root\", vcs: git, tags: v*}\n")
	for password, want := range map[string]string{
		"secret": "go.acme.dev/root  FAULT  go.acme.dev/root/v2: 2 versions, latest v2.0.0",
		"wrong!": "refuses the credentials that the server has for it: they have expired or may not read it; renew them in upstream.credentials",
		"":       "https://git.example.test/acme/root asks for credentials: name some that may read it in upstream.credentials, or in .netrc",
	} {
		credentials := func(context.Context, *url.URL) (string, string, error) {
			if password == "" {
				return "", "", nil
			}
			return "ann", password, nil
		}
		h := testhandler.New(c, vanity.WithClient(git.Client()), vanity.WithCredentials(credentials))
		healthy, got := run(t.Context(), c, h, origin.New(git.Client(), credentials))
		if healthy != (password == "secret") || !strings.Contains(got, strings.Replace(want, "FAULT", "ok", 1)) {
			t.Errorf("%q: healthy: %v\n%s\nwant %s", password, healthy, got, want)
		}
		if strings.Contains(got, "wrong!") {
			t.Errorf("the password is told:\n%s", got)
		}
	}
}

// TestStored has a host that is down, of which all is stored.
func TestStored(t *testing.T) {
	git := servers(t)
	c := testhandler.Load(t, head+"  tool: {repo: "+git.URL+"/acme/mono, directory: libs/tool, tags: \"tool-*\"}\n")
	store := vanity.WithStore(vanity.DirStore(t.TempDir()))
	if healthy, got := run(t.Context(), c, testhandler.New(c, store), origin.New(nil, nil)); !healthy {
		t.Fatal(got)
	}
	git.SetDown(true)
	healthy, got := run(t.Context(), c, testhandler.New(c, store), origin.New(nil, nil))
	if healthy || !strings.Contains(got, "2 versions, latest v1.1.0") || !strings.Contains(got, `paths["tool"]: what is stored is served, but `+git.URL+"/acme/mono can't be reached") {
		t.Errorf("healthy: %v\n%s", healthy, got)
	}
}

// TestEnds has a host that hangs, and a caller who goes.
func TestEnds(t *testing.T) {
	git := servers(t)
	git.Wrap(gittest.Hang())
	c := testhandler.Load(t, head+"  tool: {repo: "+git.URL+"/acme/mono, directory: libs/tool, tags: \"tool-*\"}\n  log: {repo: "+git.URL+"/acme/mono, vcs: git}\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	healthy, got := run(ctx, c, testhandler.New(c), origin.New(nil, nil))
	if healthy || strings.Count(got, "FAULT") != 2 || strings.Count(got, context.Canceled.Error()) != 2 {
		t.Errorf("healthy: %v\n%s", healthy, got)
	}
	var out strings.Builder
	healthy = check.Run(t.Context(), check.Options{
		Server:  &fetch.Server{Handler: testhandler.New(c), Host: c.Host, Origin: origin.New(nil, nil)},
		Entries: c.Catalog(), Out: &out, Timeout: 50 * time.Millisecond,
	})
	if got := out.String(); healthy || strings.Count(got, "it took longer than 50ms") != 2 {
		t.Errorf("healthy: %v\n%s", healthy, got)
	}
}
