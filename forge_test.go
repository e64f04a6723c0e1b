package vanity_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const (
	forgeHost   = "git.acme.test"
	carolsWord  = "Carol's-s3cret"
	davesWord   = "Dave's-s3cret"
	mirrorsWord = "m1rror-t0ken"
)

// A forgeRepo is one of a forge's repositories.
type forgeRepo struct {
	at     string // below the forge's directory
	root   string // import path of the repository
	script string // MODULE being the root
	origin string // what it is a mirror of, if it is one
}

// Scripts of a forge's repositories, besides goScript, which has v2 at the root.
const (
	// forgeDirs has v2 in a directory of its own, nested modules of either kind, and what is no module.
	forgeDirs = `
write one
commit one
tag v1.0.0
tag sub/v1.0.0
tag libs/Log/v0.1.0
write two
commit two
tag v2.0.0
tag sub/v2.0.0
tag v2/v2.9.9
tag libs/Log/v2.0.0
write three
commit three
tag sub/v3.0.0
-- one/LICENSE --
Do as you please.
-- one/go.mod --
module MODULE
-- one/m.go --
package m
-- one/pkg/pkg.go --
package pkg
-- one/sub/go.mod --
module MODULE/sub
-- one/sub/sub.go --
package sub
-- one/libs/Log/go.mod --
module MODULE/libs/Log
-- one/libs/Log/log.go --
package log
-- two/v2/go.mod --
module MODULE/v2
-- two/v2/m.go --
package m
-- two/sub/v2/go.mod --
module MODULE/sub/v2
-- two/sub/v2/sub.go --
package sub
-- two/libs/Log/go.mod --
module MODULE/libs/Log/v2
-- three/sub/go.mod --
module MODULE/sub/v3
`
	// forgeOld is from before there were modules.
	forgeOld = "write\ncommit one\ntag v1.0.0\ncommit two\ntag v2.0.0\n-- old.go --\npackage old\n"
	// forgeNew has no tags yet.
	forgeNew = "write\ncommit one\nbranch dev\n-- go.mod --\nmodule MODULE\n-- new.go --\npackage new\n-- sub/go.mod --\nmodule MODULE/sub\n-- sub/sub.go --\npackage sub\n"
	// forgeMajor is of one major version alone, by its name.
	forgeMajor = "write\ncommit one\ntag v2.1.0\ntag sub/v1.0.0\n-- go.mod --\nmodule MODULE\n-- m.go --\npackage m\n-- sub/go.mod --\nmodule MODULE/sub\n"
)

var forgeRepos = []forgeRepo{
	{at: "alice/tool.git", root: forgeHost + "/alice/tool", script: goScript},
	{at: "alice/plain", root: forgeHost + "/alice/plain", script: forgeDirs},
	{at: "alice/Mixed.git", root: forgeHost + "/alice/Mixed", script: goScript},
	{at: "Alice/tool.git", root: forgeHost + "/Alice/tool", script: forgeDirs},
	{at: "Bob/Tool.git", root: forgeHost + "/Bob/Tool", script: forgeDirs},
	{at: "alice/v2.git", root: forgeHost + "/alice/v2", script: forgeMajor},
	{at: "alice/old.git", root: forgeHost + "/alice/old", script: forgeOld},
	{at: "alice/new.git", root: forgeHost + "/alice/new", script: forgeNew},
	{at: "alice/empty.git", root: forgeHost + "/alice/empty"},
	{at: "top.git", root: forgeHost + "/top", script: goScript},
	{at: "team/infra.git", root: forgeHost + "/team/infra", script: forgeDirs},
	{at: "team/infra/sub/deep.git", root: forgeHost + "/team/infra/sub/deep", script: forgeDirs},
	{at: "carol/secret.git", root: forgeHost + "/carol/secret", script: goScript},
	{at: "carol/Own", root: forgeHost + "/carol/Own", script: forgeDirs},
	{at: "dave/secret.git", root: forgeHost + "/dave/secret", script: forgeDirs},
	{at: "mirrors/x-y.git", root: "github.com/x/y", script: forgeDirs, origin: "https://github.com/x/y.git"},
	{at: "team/again.git", root: forgeHost + "/team/again", script: forgeNew, origin: "https://github.com/x/y"},
	{at: "mirrors/Up.git", root: "github.com/X/Up", script: goScript, origin: "https://ann:" + mirrorsWord + "@github.com/X/Up"},
	{at: "mirrors/hub/group.git", root: "gitlab.com/group/sub/proj", script: forgeDirs, origin: "git@gitlab.com:group/sub/proj.git"},
	{at: "carol/mirror.git", root: "github.com/z/private", script: goScript, origin: "ssh://git@github.com/z/private"},
}

// forgePrivate are the owners whose repositories are for themselves, and their passwords.
var forgePrivate = map[string]string{"carol": carolsWord, "dave": davesWord}

// A forge has repositories in a directory, and the same at a git host.
type forge struct {
	vanity.Forge
	host *gittest.Server
}

func newForge(t *testing.T) forge {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "git")
	repos := make(map[string]*gittest.Repo)
	for _, r := range forgeRepos {
		repo := gittest.New(t, strings.NewReplacer("MODULE", r.root, "DIR", "", "TAG", "").Replace(r.script))
		at := filepath.Join(dir, filepath.FromSlash(r.at))
		repo.Git("clone", "--quiet", "--mirror", repo.GitDir(), at)
		if r.origin == "" {
			repo.Git("-C", at, "remote", "remove", "origin")
		} else {
			repo.Git("-C", at, "remote", "set-url", "origin", r.origin)
		}
		_, name, _ := strings.Cut(r.root, "/") // as go and git ask for what is at github.com, too
		repos[name] = repo
	}
	return forge{vanity.Forge{Host: forgeHost, Dir: dir, Mirrors: true}, gittest.Serve(t, gittest.AllFilters, repos)}
}

// direct gives a go command that gets all from the git host.
func (f forge) direct(t *testing.T) *gocmd.Go {
	t.Helper()
	g := gocmd.New(t, gocmd.Discovery(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "go-get=1" {
			f.host.Handler().ServeHTTP(w, r)
			return
		}
		best := ""
		for _, repo := range forgeRepos {
			if path := r.Host + r.URL.Path; strings.HasPrefix(path+"/", repo.root+"/") && len(repo.root) > len(best) {
				best = repo.root
			}
		}
		if _, name, ok := strings.Cut(best, "/"); ok {
			fmt.Fprintf(w, `<meta name="go-import" content="%s">`, html.EscapeString(best+" git "+f.host.URL+"/"+name))
		}
	}))...)
	g.Direct(f.host.URL, "github.com")
	return g
}

// mayRead lets owners keep what is theirs to themselves, whatever its name.
func (f forge) mayRead(r *http.Request, modPath, _ string) error {
	user, password, _ := r.BasicAuth()
	if user != "" && forgePrivate[user] != password {
		return vanity.ErrUnauthorized
	}
	if modPath == "" {
		return nil
	}
	cfg, err := f.Resolve(r.Context(), modPath)
	if err != nil {
		return err
	}
	below, err := filepath.Rel(f.Dir, cfg.URL)
	if err != nil {
		return err
	}
	owner, _, _ := strings.Cut(filepath.ToSlash(below), "/")
	switch _, isPrivate := forgePrivate[owner]; {
	case !isPrivate, user == owner:
		return nil
	case user == "":
		return vanity.ErrUnauthorized
	}
	return fs.ErrPermission
}

// A forgeGo is a go command whose GOPROXY is a forge, then a server that has a little more.
type forgeGo struct{ *gocmd.Go }

// proxied gives go commands for a forge behind rights, one for each user.
func (f forge) proxied(t *testing.T, log *bytes.Buffer) func(user, password string) forgeGo {
	t.Helper()
	logger := vanity.WithLogger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	mux := http.NewServeMux()
	mux.Handle(forgeHost+"/registry/go/", vanity.GoproxyFunc("/registry/go", f.Resolve, vanity.WithAuth(f.mayRead), logger))
	for path, script := range map[string]string{"github.com/next/thing": goScript, forgeHost + "/gone/thing": goScript, forgeHost + "/alice/tool/later": forgeNew} {
		repo := gittest.New(t, strings.NewReplacer("MODULE", path, "DIR", "", "TAG", "").Replace(script))
		next := vanity.Goproxy("/go", vanity.Config{URL: repo.Dir, Module: path})
		mux.Handle("next.test/go/"+path+"/", next)
	}
	env := gocmd.DiscoveryTLS(t, mux)
	return func(user, password string) forgeGo {
		g := gocmd.New(t, env...)
		g.Proxy("https://" + forgeHost + "/registry/go,https://next.test/go")
		if user != "" {
			netrc := filepath.Join(g.Home, ".netrc")
			if err := os.WriteFile(netrc, fmt.Appendf(nil, "machine %s login %s password %s\n", forgeHost, user, password), 0o600); err != nil {
				t.Fatal(err)
			}
			g.Setenv("NETRC", netrc)
		}
		return forgeGo{g}
	}
}

// forgeAsked is what the go command is asked for, besides the lists of the modules: all that it gets, or fails to.
var forgeAsked = []string{
	"git.acme.test/alice/tool@v1.0.0", "git.acme.test/alice/tool/v2@v2.0.0", "git.acme.test/alice/tool/nested@v0.1.0", "git.acme.test/alice/tool@v1.1.0-rc.1", "git.acme.test/alice/tool@latest",
	"git.acme.test/alice/tool@main", "git.acme.test/alice/tool@v2.0.0", "git.acme.test/alice/tool/absent@latest", "git.acme.test/alice/tool/sub@latest",
	"git.acme.test/alice/tool.git@v1.0.0", "git.acme.test/alice/tool.git/v2@v2.0.0", "git.acme.test/alice/tool.git/nested@latest",
	"git.acme.test/alice/plain@v1.0.0", "git.acme.test/alice/plain/v2@v2.0.0", "git.acme.test/alice/plain/sub@v1.0.0", "git.acme.test/alice/plain/sub/v2@v2.0.0", "git.acme.test/alice/plain/sub/v3@v3.0.0",
	"git.acme.test/alice/plain/libs/Log@v0.1.0", "git.acme.test/alice/plain/libs/Log/v2@latest", "git.acme.test/alice/plain/libs/log@latest", "git.acme.test/alice/plain/v2@v2.9.9",
	"git.acme.test/alice/plain/sub/v4@latest", "git.acme.test/alice/plain/libs@latest", "git.acme.test/alice/plain/v3@latest",
	"git.acme.test/alice/Mixed/v2@latest", "git.acme.test/alice/mixed@latest", "git.acme.test/Alice/tool@v1.0.0", "git.acme.test/Alice/tool/libs/Log@v0.1.0", "git.acme.test/ALICE/tool@v1.0.0",
	"git.acme.test/Bob/Tool/sub/v2@latest", "git.acme.test/bob/Tool@latest", "git.acme.test/Bob/tool@latest",
	"git.acme.test/alice/v2@v2.1.0", "git.acme.test/alice/v2@latest", "git.acme.test/alice/v2/sub@v1.0.0", "git.acme.test/alice/v2/v3@latest",
	"git.acme.test/alice/old@v1.0.0", "git.acme.test/alice/old@v2.0.0+incompatible", "git.acme.test/alice/old/v2@v2.0.0",
	"git.acme.test/alice/new@latest", "git.acme.test/alice/new@dev", "git.acme.test/alice/new/sub@latest", "git.acme.test/alice/new/v2@latest",
	"git.acme.test/alice/empty@latest", "git.acme.test/alice@latest", "git.acme.test@latest", "git.acme.test/top@v1.0.0", "git.acme.test/top/nested@latest", "git.acme.test/top/v2@latest",
	"git.acme.test/team/infra@v1.0.0", "git.acme.test/team/infra/sub@v1.0.0", "git.acme.test/team/infra/sub/v2@latest", "git.acme.test/team/infra/sub/deep@v1.0.0", "git.acme.test/team/infra/sub/deep/sub/v2@v2.0.0",
	"git.acme.test/team/infra/sub/deeper@latest", "git.acme.test/team@latest",
	"github.com/x/y@v1.0.0", "github.com/x/y/sub/v2@v2.0.0", "github.com/x/y/v2@latest", "github.com/x/Y@latest", "github.com/x@latest", "github.com/X/Up/v2@v2.0.0", "github.com/X/Up/nested@latest",
	"gitlab.com/group/sub/proj/libs/Log@latest", "gitlab.com/group/sub/proj/v2@v2.0.0", "gitlab.com/group/sub@latest",
}

var forgePrivateAsked = map[string][]string{
	"carol": {"git.acme.test/carol/secret@v1.0.0", "git.acme.test/carol/secret/v2@latest", "git.acme.test/carol/Own/sub/v2@v2.0.0", "github.com/z/private@v1.0.0", "github.com/z/private/nested@latest"},
	"dave":  {"git.acme.test/dave/secret@v1.0.0", "git.acme.test/dave/secret/v2@latest", "git.acme.test/dave/secret/libs/Log@latest"},
}

func TestForge(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	t.Run("resolve", f.testResolve)
	t.Run("requests", f.testRequests)
	t.Run("go", f.testGo)
}

// testGo has the go command use a forge's directory, and compares with what it gets from the same repositories itself.
func (f forge) testGo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	var log bytes.Buffer
	as := f.proxied(t, &log)
	theirs, nobody, carol, dave := f.direct(t), as("", ""), as("carol", carolsWord), as("dave", davesWord)

	compareForge(t, theirs, nobody, forgeAsked)
	compareForge(t, theirs, carol, forgePrivateAsked["carol"])
	compareForge(t, theirs, dave, forgePrivateAsked["dave"])
	for owner, asked := range forgePrivateAsked {
		for user, want := range map[string]string{"": "401 Unauthorized", "carol": "403 Forbidden", "dave": "403 Forbidden", "eve": "401 Unauthorized"} {
			if user == owner {
				continue
			}
			g := as(user, cmp.Or(forgePrivate[user], "wrong"))
			if user == "" {
				g = nobody
			}
			for _, d := range g.DownloadAll(asked...) {
				if !strings.Contains(d.Error, want) {
					t.Errorf("%s@%s: %q gets %q, want %s", d.Path, d.Query, user, d.Error, want)
				}
			}
		}
	}

	// What isn't there is asked of the next.
	for _, g := range []forgeGo{nobody, carol} {
		g.Download("github.com/next/thing/v2@v2.0.0")
		g.Download(forgeHost + "/gone/thing@v1.0.0")
		g.Download(forgeHost + "/alice/tool/later@latest")
	}
	nobody.Get("git.acme.test/alice/tool/sub", "git.acme.test/alice/tool/v2/sub", "git.acme.test/alice/tool/nested", "git.acme.test/alice/plain/pkg", "git.acme.test/alice/plain/v2", "git.acme.test/Bob/Tool/sub/v2",
		"git.acme.test/team/infra/sub/deep/libs/Log", "git.acme.test/team/infra/pkg", "github.com/x/y/pkg", "github.com/X/Up/v2/sub", "gitlab.com/group/sub/proj/sub", "github.com/next/thing/sub")
	carol.Get("git.acme.test/carol/secret/sub", "git.acme.test/alice/tool/sub", "github.com/z/private/v2/sub")
	for _, secret := range []string{mirrorsWord, carolsWord, davesWord} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// compareForge compares what two go commands get, and the lists of the modules' versions.
func compareForge(t *testing.T, theirs *gocmd.Go, ours forgeGo, asked []string) {
	t.Helper()
	var modules []string
	for _, query := range asked {
		path, _, _ := strings.Cut(query, "@")
		modules = append(modules, path)
	}
	slices.Sort(modules)
	list := append([]string{"list", "-m", "-e", "-versions"}, slices.Compact(modules)...)
	versions := func(g *gocmd.Go) (found []string) {
		stdout, _, _ := g.Try(list...)
		for line := range strings.Lines(stdout) {
			if fields := strings.Fields(line); len(fields) > 1 {
				found = append(found, strings.TrimSpace(line))
			}
		}
		return found
	}
	if want, got := versions(theirs), versions(ours.Go); len(want) == 0 || !gocmp.Equal(want, got) {
		t.Errorf("versions (-direct +ours):\n%s", gocmp.Diff(want, got))
	}
	got, served := ours.DownloadAll(asked...), 0
	for i, want := range theirs.DownloadAll(asked...) {
		if got := got[i]; want.Error != "" || got.Error != "" {
			if got.Error == "" || want.Error == "" || !strings.Contains(got.Error, "404 Not Found") {
				t.Errorf("%s: %q; direct: %q", asked[i], got.Error, want.Error)
			}
			continue
		}
		served++
		if diff := gocmp.Diff(forgeAnswer(t, want), forgeAnswer(t, got[i])); diff != "" {
			t.Errorf("%s (-direct +ours):\n%s", asked[i], diff)
		}
	}
	if served < len(asked)/2 {
		t.Errorf("only %d of %d are served", served, len(asked))
	}
}

// A forgeGot is what must be the same of a version.
type forgeGot struct {
	Sum, GoModSum string
	Info          info
}

func forgeAnswer(t *testing.T, d gocmd.Download) (got forgeGot) {
	t.Helper()
	got.Sum, got.GoModSum = d.Sum, d.GoModSum
	data, err := os.ReadFile(d.Info)
	if err := errors.Join(err, json.Unmarshal(data, &got.Info)); err != nil {
		t.Fatal(err)
	}
	got.Info.Origin.URL, got.Info.Origin.Ref = "", ""
	return got
}

// testResolve has what modules come to.
func (f forge) testResolve(t *testing.T) {
	for path, want := range map[string]string{ // repository, module and directory
		"git.acme.test/alice/tool":                                 "alice/tool.git git.acme.test/alice/tool ",
		"git.acme.test/alice/tool/v2":                              "alice/tool.git git.acme.test/alice/tool ",
		"git.acme.test/alice/tool/a/b/v10":                         "alice/tool.git git.acme.test/alice/tool/a/b a/b",
		"git.acme.test/alice/tool/v2/a":                            "alice/tool.git git.acme.test/alice/tool/v2/a v2/a",
		"git.acme.test/alice/tool.git":                             "alice/tool.git git.acme.test/alice/tool.git ",
		"git.acme.test/alice/tool.git/v2":                          "alice/tool.git git.acme.test/alice/tool.git ",
		"git.acme.test/alice/tool.git/a":                           "alice/tool.git git.acme.test/alice/tool.git/a a",
		"git.acme.test/alice/v2":                                   "alice/v2.git git.acme.test/alice/v2 ",
		"git.acme.test/alice/v2/a/v3":                              "alice/v2.git git.acme.test/alice/v2/a a",
		"git.acme.test/team/infra/sub/deep/v2":                     "team/infra/sub/deep.git git.acme.test/team/infra/sub/deep ",
		"git.acme.test/team/infra/sub/v2":                          "team/infra.git git.acme.test/team/infra/sub sub",
		"git.acme.test/mirrors/x-y/a":                              "mirrors/x-y.git git.acme.test/mirrors/x-y/a a",
		"github.com/x/y":                                           "mirrors/x-y.git github.com/x/y ",
		"github.com/x/y/a/v2":                                      "mirrors/x-y.git github.com/x/y/a a",
		"github.com/x/y.git/a":                                     "mirrors/x-y.git github.com/x/y.git/a a",
		"gitlab.com/group/sub/proj/v2":                             "mirrors/hub/group.git gitlab.com/group/sub/proj ",
		"git.acme.test/alice/tool/v2/v3":                           "", // the module "v2" is none
		"git.acme.test/alice/tool/v1":                              "",
		"git.acme.test/alice/tool/a.lock":                          "", // no tag begins with it
		"git.acme.test/alice":                                      "",
		"git.acme.test/alice/absent":                               "",
		"git.acme.test/alice/TOOL":                                 "",
		"git.acme.test/x/y":                                        "",
		"git.acme.test":                                            "",
		"git.acme.tests/alice/tool":                                "",
		"Git.acme.test/alice/tool":                                 "",
		"git.acme.test/alice/../alice/tool":                        "",
		"git.acme.test/alice//tool":                                "",
		"git.acme.test/alice/tool/":                                "",
		"git.acme.test/alice/.git/x":                               "",
		"git.acme.test/alice/tool.git/.x":                          "",
		"git.acme.test/alice/!tool":                                "",
		`git.acme.test/alice\tool`:                                 "",
		"git.acme.test/alice/tool\x00":                             "",
		"git.acme.test/alice/tool/a:b":                             "",
		"github.com/x":                                             "",
		"github.com/x/other":                                       "",
		"example.com/vanity":                                       "",
		"":                                                         "",
		"/":                                                        "",
		"git.acme.test/alice/" + strings.Repeat("x/", 1<<20) + "x": "",
		"git.acme.test/alice/tool/" + strings.Repeat("x/", 3000):   "",
	} {
		got, err := f.Resolve(t.Context(), path)
		var wanted vanity.Config
		if fields := strings.Split(want, " "); len(fields) == 3 {
			wanted = vanity.Config{URL: filepath.Join(f.Dir, filepath.FromSlash(fields[0])), Module: fields[1], Directory: fields[2], Tags: strings.TrimPrefix(fields[2]+"/v*", "/")}
		}
		if errors.Is(err, fs.ErrNotExist) != (want == "") || got != wanted {
			t.Errorf("%.100q: %+v, %v, want %+v", path, got, err, wanted)
		}
		if err == nil && got.Validate() != nil {
			t.Errorf("%q: %v", path, got.Validate())
		}
	}
	// Without mirrors there are none, and a host with a path is one.
	for path, f := range map[string]vanity.Forge{
		"github.com/x/y":           {Host: forgeHost, Dir: f.Dir},
		"acme.test/git/alice/tool": {Host: "acme.test/gi", Dir: f.Dir},
		"acme.test/alice/tool":     {Host: "acme.test/git", Dir: f.Dir, Mirrors: true},
	} {
		if got, err := f.Resolve(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s by %+v: %+v, %v", path, f, got, err)
		}
	}
	got, err := vanity.Forge{Host: "acme.test/git/", Dir: f.Dir + string(filepath.Separator)}.Resolve(t.Context(), "acme.test/git/alice/tool/a/v2")
	if want := (vanity.Config{URL: filepath.Join(f.Dir, "alice", "tool.git"), Module: "acme.test/git/alice/tool/a", Directory: "a", Tags: "a/v*"}); got != want || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestForgeClaims has mirrors that would be something else.
func TestForgeClaims(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, url := range []string{
		"https://git.acme.test/alice/tool", "https://git.acme.test/bob/claimed", "git@git.acme.test:bob/claimed", "https://GIT.acme.test/bob/claimed.git", "https://git.acme.test/bob/../bob/claimed",
		"https://github.com/x/../../evil.test/y", "https://evil.test/@github.com/x/y", "https://github.com:8443/x/y", "https://github.com/x/y?z",
	} {
		at := filepath.Join(dir, "eve", fmt.Sprintf("%d.git", i))
		for _, args := range [][]string{{"init", "--quiet", "--bare", at}, {"-C", at, "remote", "add", "--mirror=fetch", "origin", url}} {
			if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
				t.Fatalf("git %q: %v: %s", args, err, out)
			}
		}
	}
	f := vanity.Forge{Host: forgeHost, Dir: dir, Mirrors: true}
	for _, path := range []string{"git.acme.test/alice/tool", "git.acme.test/bob/claimed", "git.acme.test/bob/claimed/v2", "github.com/x/y", "evil.test/y", "github.com/evil.test/y"} {
		if got, err := f.Resolve(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	// At another host they are what they say.
	f.Host = "forge.test"
	if got, err := f.Resolve(t.Context(), "git.acme.test/bob/claimed"); err != nil || got.URL != filepath.Join(dir, "eve", "1.git") {
		t.Errorf("%+v, %v", got, err)
	}
}

// testRequests has requests that would lead elsewhere, through a handler.
func (f forge) testRequests(t *testing.T) {
	if err := os.WriteFile(filepath.Join(f.Dir, "..", "secret.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h := vanity.GoproxyFunc("/go", f.Resolve, vanity.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	for path, want := range map[string]int{
		"/go/git.acme.test/alice/tool/@v/list":                              200,
		"/go/git.acme.test/!alice/tool/@v/list":                             200,
		"/go/git.acme.test/%21alice/tool/sub/@v/v1.0.0.zip":                 200,
		"/go/git.acme.test/alice/tool.git/@v/v1.0.0.info":                   200,
		"/go/github.com/!x/!up/@v/v1.0.0.mod":                               200,
		"/go/git.acme.test/alice/new/sub/@v/list":                           200, // there is no version yet
		"/go/git.acme.test/alice/tool/absent/@v/list":                       404,
		"/go/git.acme.test/alice/tool/v3/@v/list":                           404,
		"/go/git.acme.test/alice/empty/@v/list":                             404,
		"/go/git.acme.test/alice/tool/@v/v1.9.0.info":                       404,
		"/go/git.acme.test/alice/tool/absent/@v/v1.0.0.mod":                 404,
		"/go/git.acme.test/Alice/tool/@v/list":                              404,
		"/go/git.acme.test/!a!l!i!c!e/tool/@v/list":                         404,
		"/go/git.acme.test/alice/%2e%2e/alice/tool/@v/list":                 404,
		"/go/git.acme.test/..%2f..%2fsecret/@v/list":                        404,
		"/go/git.acme.test/alice%2ftool/@v/v1.0.0.info":                     200, // a slash by another name
		"/go/git.acme.test/alice%5ctool/@v/list":                            404,
		"/go/git.acme.test/alice/tool%00/@v/list":                           404,
		"/go/git.acme.test/alice/tool%0a/@v/list":                           404,
		"/go/git.acme.test/alice/tool.git/objects/@v/v1.0.0.mod":            404,
		"/go/git.acme.test/alice/tool/HEAD/@v/v1.0.0.mod":                   404,
		"/go/git.acme.test/alice/tool.git./@v/list":                         404,
		"/go/git.acme.test/alice/" + strings.Repeat("x", 5000) + "/@v/list": 404,
		"/go/git.acme.test" + f.Dir + "/alice/tool/@v/list":                 404,
		"/go" + f.Dir + "/alice/tool/@v/list":                               404,
		"/go/evil.test/x/@v/list":                                           404,
	} {
		r, err := http.NewRequest("GET", "http://"+forgeHost+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || w.Code != 200 && strings.Contains(w.Body.String(), filepath.Dir(f.Dir)) && !strings.Contains(path, f.Dir) {
			t.Errorf("%.100s: %d, want %d: %.200s", path, w.Code, want, w.Body)
		}
	}
	if strings.Contains(log.String(), mirrorsWord) {
		t.Error("a mirror's credentials are in the log")
	}
}

func TestForgeValidate(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		forge vanity.Forge
		want  string
	}{
		{vanity.Forge{Host: forgeHost, Dir: dir}, ""},
		{vanity.Forge{Host: "acme.test/git/", Dir: dir, Mirrors: true}, ""},
		{vanity.Forge{Host: forgeHost, Dir: filepath.Join(dir, "absent")}, ""}, // it may come
		{vanity.Forge{}, "vanity: forge: Host: missing: the import paths begin with it\nvanity: forge: Dir: \"\" is not an absolute path"},
		{vanity.Forge{Host: "https://git.acme.test", Dir: dir}, `vanity: forge: Host: "https://git.acme.test" has a scheme: import paths have none`},
		{vanity.Forge{Host: "git.acme.test:8080", Dir: dir}, `vanity: forge: Host: "git.acme.test:8080" has a port: the go command refuses import paths with a port`},
		{vanity.Forge{Host: forgeHost, Dir: "srv/git"}, `vanity: forge: Dir: "srv/git" is not an absolute path`},
		{vanity.Forge{Host: forgeHost, Dir: dir + "\n"}, "vanity: forge: Dir: has a control character: remove it"},
	} {
		got := ""
		if err := tt.forge.Validate(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.forge, got, tt.want)
		}
		if _, err := tt.forge.Resolve(t.Context(), "git.acme.test/alice/tool"); tt.want != "" && (err == nil || err.Error() != tt.want || errors.Is(err, fs.ErrNotExist)) {
			t.Errorf("%+v: resolved: %v", tt.forge, err)
		}
	}
	// A directory that isn't there says nothing of modules.
	gone := vanity.Forge{Host: forgeHost, Dir: filepath.Join(dir, "absent"), Mirrors: true}
	h := vanity.GoproxyFunc("", gone.Resolve, quiet())
	for _, path := range []string{"/git.acme.test/alice/tool/@v/list", "/github.com/x/y/@v/list"} {
		if res, body := metaGet(t, h, "GET", path); res.StatusCode != 500 || strings.Contains(string(body), dir) {
			t.Errorf("%s: %s, %s", path, res.Status, body)
		}
	}
}

// BenchmarkForge is of finding where a module is in a tree of 1,000 repositories, all of them mirrors.
func BenchmarkForge(b *testing.B) {
	dir := b.TempDir()
	first := filepath.Join(dir, "first.git")
	if out, err := exec.Command("git", "init", "--quiet", "--bare", "--template=", first).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for i := range 1000 {
		at := filepath.Join(dir, fmt.Sprintf("owner%d", i%100), fmt.Sprintf("repo%d.git", i))
		config := fmt.Appendf(nil, "[core]\n\tbare = true\n[remote \"origin\"]\n\turl = https://github.com/owner%d/repo%d\n\tfetch = +refs/*:refs/*\n", i%100, i)
		if err := errors.Join(os.CopyFS(at, os.DirFS(first)), os.WriteFile(filepath.Join(at, "config"), config, 0o666)); err != nil {
			b.Fatal(err)
		}
	}
	f := vanity.Forge{Host: forgeHost, Dir: dir, Mirrors: true}
	for name, path := range map[string]string{
		"own": forgeHost + "/owner77/repo977/sub/v2", "absent": forgeHost + "/owner77/absent", "mirror": "github.com/owner77/repo977/sub/v2", "elsewhere": "github.com/other/repo/sub/v2",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Resolve(b.Context(), path); (err == nil) != (name == "own" || name == "mirror") {
					b.Fatal(err)
				}
			}
		})
	}
}
