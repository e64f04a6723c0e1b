package app_test

import (
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/app"
	"example.com/vanity/internal/gittest"
)

const (
	ann = "Basic YW5uOnBhc3N3b3Jk"             // ann:password
	bob = "Basic Ym9iOnBhc3N3b3JkIG9mIGJvYg==" // bob:password of bob
)

// bare puts a bare copy of a repository below a directory, with some configuration.
func bare(t testing.TB, repo *gittest.Repo, dir string, config ...string) {
	t.Helper()
	run := func(args ...string) {
		cmd := exec.Command("git", args...)
		cmd.Env = gittest.GitEnviron(t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	run("clone", "-q", "--bare", repo.Dir, dir)
	for i := 0; i+1 < len(config); i += 2 {
		run("-C", dir, "config", config[i], config[i+1])
	}
}

// TestAccess has ways by which somebody might get around a rule: other names of the site, the repository in place of the module,
// other names in a forge, Gosub, and clones of mirrors.
func TestAccess(t *testing.T) {
	const two = "write\ncommit one\ntag v1.0.0\ntag secret/v1.0.0\n-- go.mod --\nmodule %[1]s\n-- m.go --\npackage m\n-- secret/go.mod --\nmodule %[1]s/secret\n-- secret/s.go --\npackage secret\n"
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{
		"secret": module(t, "go.acme.test/secret"), "hidden": module(t, "go.acme.test/hidden"), "open": module(t, "go.acme.test/open"),
		"unnamed": module(t, "unnamed.acme.test/m"),
	})
	forge := t.TempDir()
	bare(t, gittest.New(t, fmt.Sprintf(two, "git.acme.test/ann/mono")), filepath.Join(forge, "ann", "mono.git"),
		"remote.origin.url", "https://github.com/acme/mono", "remote.origin.fetch", "+refs/*:refs/*")
	at := strings.TrimPrefix(host.URL, "http://")
	a := newApp(t, nil, fmt.Sprintf(`
host: go.acme.test
hosts: [alias.test]
proxy: /go
paths:
  secret: {repo: "%[1]s/secret", vcs: git, tags: "v*"}
  hidden: {repo: "%[1]s/hidden.git", vcs: git, tags: "v*"}
  open: {repo: "%[1]s/open", vcs: git, tags: "v*"}
modules: [{base: /one, url: "%[1]s/unnamed"}]
forge: {base: /forge, host: git.acme.test, dir: %[2]s, mirrors: true}
mirror: {base: /git, dir: mirrors, repositories: ["%[1]s/secret", "%[1]s/hidden", "%[1]s/open", "%[1]s/unnamed", "%[2]s/ann/mono.git"]}
users: {ann: password, bob: password of bob}
access:
  - {match: [go.acme.test/secret], users: [ann]}
  - {match: [127.0.0.1/hidden], users: [ann]}
  - {match: [git.acme.test/ann/mono/secret], users: [ann]}
`, host.URL, forge))
	server := httptest.NewServer(a) // for its router, and its paths as they come
	defer server.Close()
	run(t, a)
	for _, tt := range []struct {
		path    string
		nobody  int
		bob     int
		ann     int
		comment string
	}{
		{"/go/go.acme.test/secret/@v/list", 401, 403, 200, ""},
		{"/go/alias.test/secret/@v/list", 401, 403, 200, "another host of the site"},
		{"/go/go.acme.test/secret/v2/@v/list", 401, 403, 404, "another major version"},
		{"/go/go.acme.test/hidden/@v/v1.0.0.mod", 401, 403, 200, "by its repository"},
		{"/go/alias.test/hidden/@v/v1.0.0.zip", 401, 403, 200, "by its repository"},
		{"/go/go.acme.test/open/@v/list", 200, 200, 200, ""},
		{"/forge/git.acme.test/ann/mono/@v/list", 200, 200, 200, ""},
		{"/forge/git.acme.test/ann/mono/secret/@v/list", 401, 403, 200, ""},
		{"/forge/git.acme.test/ann/mono.git/secret/@v/list", 401, 403, 200, "with a .git"},
		{"/forge/github.com/acme/mono/secret/@v/list", 404, 404, 200, "by what it mirrors"},
		{"/forge/github.com/acme/mono/@v/list", 200, 200, 200, ""},
		{"/git/" + at + "/secret/info/refs?service=git-upload-pack", 401, 403, 200, "a clone"},
		{"/git/" + at + "/secret.git/info/refs?service=git-upload-pack", 401, 403, 200, "a clone"},
		{"/git/" + at + "/%73ecret/info/refs?service=git-upload-pack", 401, 403, 200, "a clone, escaped"},
		{"/git/" + at + "/hidden/info/refs?service=git-upload-pack", 401, 403, 200, "a clone"},
		{"/git/" + at + "/unnamed/info/refs?service=git-upload-pack", 401, 403, 200, "which may be any module"},
		{"/git/" + at + "/open/info/refs?service=git-upload-pack", 200, 200, 200, ""},
		{"/git/localhost" + forge + "/ann/mono/info/refs?service=git-upload-pack", 401, 403, 200, "a forge's repository"},
		{"/git/" + at + "/none/info/refs?service=git-upload-pack", 404, 404, 404, ""},
		{"/git/" + at + "/open/../secret/info/refs?service=git-upload-pack", 401, 403, 200, "the router cleans it"},
	} {
		for who, want := range map[string]int{"": tt.nobody, bob: tt.bob, ann: tt.ann} {
			if status, body := get(a, tt.path, "Authorization", who); status != want && !(status/100 == 3 && strings.Contains(tt.path, "..")) {
				t.Errorf("%s (%s) as %q: %d, want %d: %.100s", tt.path, tt.comment, who, status, want, body)
			}
		}
	}
	for _, page := range []string{"http://go.acme.test/secret", "http://alias.test/secret", "http://go.acme.test/hidden"} {
		if _, body := get(a, page); strings.Contains(body, "v1.0.0") {
			t.Errorf("%s tells strangers the versions", page)
		}
	}
	if _, body := get(a, "http://go.acme.test/open"); !strings.Contains(body, "v1.0.0") {
		t.Error("the open page has no versions: the test tests nothing")
	}
}

// run runs an App until the test ends, and waits for its mirrors.
func run(t testing.TB, a *app.App) {
	t.Helper()
	ctx, stop := contextOf(t)
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	waitFor(t, a.Ready)
}

// TestGosubAccess has a Gosub whose users are not all those of a rule.
func TestGosubAccess(t *testing.T) {
	a := newApp(t, nil, `
host: go.acme.test
proxy: /go
paths: {secret: {repo: "https://github.com/acme/secret", tags: "v*"}, other: {repo: "https://github.com/acme/other", tags: "v*"}}
gosub: {base: /gosub, users: [ann, bob]}
users: {ann: password, bob: password of bob}
access:
  - {match: [go.acme.test/secret], users: [ann]}
  - {match: [github.com/acme/other], users: [ann]}
`)
	for _, repository := range []string{"acme/secret", "ACME/Secret", "acme/other"} {
		path := "/gosub/github.com/" + repository + ";/go.acme.test/x/@v/list"
		for who, want := range map[string]int{"": 401, bob: 403} {
			if status, body := get(a, path, "Authorization", who); status != want {
				t.Errorf("%s as %q: %d %s, want %d", path, who, status, body, want)
			}
		}
	}
}
