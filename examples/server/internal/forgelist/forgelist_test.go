package forgelist_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/check"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/forgelist"
	"example.com/vanity/examples/server/internal/origin"
	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// tool has modules at the root, from v2 on, too, and in directories; and tags that look like others.
const tool = `
write
commit one
tag v1.0.0
tag v2.0.0
tag sub/v0.1.0
tag -a sub/deep/v1.2.3 -m one
tag release/v1.0.0
tag sub/v1
tag moved/v1.0.0
rm go.mod
write two
commit two
tag v2.1.0
-- go.mod --
module git.acme.dev/ann/tool
-- sub/go.mod --
module git.acme.dev/ann/tool/sub
-- sub/deep/go.mod --
module git.acme.dev/ann/tool/sub/deep
-- release/notes --
none
-- moved/go.mod --
module git.acme.dev/ann/elsewhere
-- two/go.mod --
module git.acme.dev/ann/tool/v2
`

func goMod(path string) string {
	return "write\ncommit one\ntag v0.1.0\n-- go.mod --\nmodule " + path + "\n"
}

// tree makes a directory of bare repositories, as a forge has it.
func tree(t *testing.T, scripts map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, script := range scripts {
		repo := gittest.New(t, script)
		to := filepath.Join(dir, filepath.FromSlash(name))
		git(t, "clone", "-q", "--bare", repo.GitDir(), to)
		git(t, "-C", to, "config", "remote.origin.url", "")
	}
	return dir
}

func git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = gittest.Environ(gittest.GitEnviron(t.TempDir(), "safe.directory=*")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func mirrorOf(t *testing.T, repo, url string) {
	git(t, "-C", repo, "config", "remote.origin.url", url)
	git(t, "-C", repo, "config", "--replace-all", "remote.origin.fetch", "+refs/*:refs/*")
}

func lines(entries []config.Entry, dir string) (all []string) {
	for _, e := range entries {
		all = append(all, fmt.Sprintf("%s %s %s %s %q %s", e.Key, e.Path, e.Base, strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(e.Config.URL, dir)), "/"), e.Config.Directory, e.Config.Tags))
	}
	return all
}

func TestEntries(t *testing.T) {
	dir := tree(t, map[string]string{
		"ann/tool.git":       tool,
		"bob/plain":          goMod("git.acme.dev/bob/plain"),
		"group/deep/one.git": goMod("git.acme.dev/group/deep/one"),
		"bob/fork.git":       goMod("github.com/x/original"),
		"m/mirror.git":       goMod("github.com/x/mirrored"),
		"bob/nogo.git":       "write\ncommit one\ntag v1.0.0\n-- README --\nhello\n",
		"bob/notags.git":     "-- go.mod --\nmodule git.acme.dev/bob/notags\n",
		"bob/none.git":       "",
		".hidden/x.git":      goMod("git.acme.dev/.hidden/x"),
		"odd name/x.git":     goMod("git.acme.dev/oddname/x"),
	})
	mirrorOf(t, filepath.Join(dir, "m", "mirror.git"), "https://github.com/x/mirrored.git")
	outside := tree(t, map[string]string{"x.git": goMod("git.acme.dev/link")})
	if err := os.Symlink(filepath.Join(outside, "x.git"), filepath.Join(dir, "link.git")); err != nil {
		t.Fatal(err)
	}
	// What looks like a repository, and is none to the forge, is no fault of anybody.
	for _, name := range []string{"none/HEAD/x", "none/refs/x", "none/objects/x", "odd.git/objects", "odd.git/refs", "odd.git/HEAD"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(name)), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	git(t, "clone", "-q", "--bare", filepath.Join(dir, "bob", "nogo.git"), filepath.Join(dir, "group.git", "x.git"))
	if err := os.WriteFile(filepath.Join(dir, "group.git", "x.git", "packed-refs"), []byte("rubbish\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	f := config.Forge{Base: "/registry/go", Host: "git.acme.dev", Dir: dir}
	want := []string{
		`forge git.acme.dev/ann/tool /registry/go ann/tool.git "" v*`,
		`forge git.acme.dev/ann/tool/sub /registry/go ann/tool.git "sub" sub/v*`,
		`forge git.acme.dev/ann/tool/sub/deep /registry/go ann/tool.git "sub/deep" sub/deep/v*`,
		`forge git.acme.dev/bob/plain /registry/go bob/plain "" v*`,
		`forge git.acme.dev/group/deep/one /registry/go group/deep/one.git "" v*`,
	}
	got, errs := forgelist.Entries(t.Context(), f)
	if diff := cmp.Diff(want, lines(got, dir)); diff != "" || errs != nil {
		t.Errorf("%v (-want +got):\n%s", errs, diff)
	}
	f.Mirrors = true
	got, errs = forgelist.Entries(t.Context(), f)
	want = append(want, `forge github.com/x/mirrored /registry/go m/mirror.git "" v*`)
	if diff := cmp.Diff(want, lines(got, dir)); diff != "" || errs != nil {
		t.Errorf("mirrors: %v (-want +got):\n%s", errs, diff)
	}

	// What is listed is served, and well.
	forge := vanity.Forge{Host: f.Host, Dir: f.Dir, Mirrors: true}
	var out strings.Builder
	server := &fetch.Server{Handler: vanity.GoproxyFunc("/registry/go", forge.Resolve), Host: f.Host, Origin: origin.New(nil, nil)}
	if !check.Run(t.Context(), check.Options{Server: server, Entries: got, Out: &out}) || strings.Count(out.String(), "  ok  ") != len(want) ||
		!strings.Contains(out.String(), "git.acme.dev/ann/tool  ok  1 version, latest v1.0.0, git.acme.dev/ann/tool/v2: 2 versions, latest v2.1.0, tags v*\n") {
		t.Errorf("%s", out.String())
	}
}

// TestFaults has a repository that can't be read, among others.
func TestFaults(t *testing.T) {
	dir := tree(t, map[string]string{"ann/bad.git": tool, "bob/good.git": goMod("git.acme.dev/bob/good")})
	if err := os.WriteFile(filepath.Join(dir, "ann", "bad.git", "packed-refs"), []byte("rubbish\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	got, errs := forgelist.Entries(t.Context(), config.Forge{Host: "git.acme.dev", Dir: dir})
	if len(got) != 1 || got[0].Path != "git.acme.dev/bob/good" || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), filepath.Join(dir, "ann", "bad.git")+": ") {
		t.Errorf("%v, %v", lines(got, dir), errs)
	}
	for _, tt := range []struct {
		f    config.Forge
		want string
	}{
		{config.Forge{Host: "git.acme.dev", Dir: filepath.Join(dir, "none")}, filepath.Join(dir, "none") + ": no such file or directory"},
		{config.Forge{Host: "git.acme.dev", Dir: filepath.Join(dir, "ann", "bad.git", "HEAD")}, filepath.Join(dir, "ann", "bad.git", "HEAD") + ": not a directory"},
		{config.Forge{Dir: dir}, "Host: "},
		{config.Forge{Host: "git.acme.dev", Dir: "repos"}, "Dir: "},
	} {
		if got, errs := forgelist.Entries(t.Context(), tt.f); len(errs) != 1 || got != nil || !strings.Contains(errs[0].Error(), tt.want) {
			t.Errorf("%+v: %v, %v; want %q", tt.f, got, errs, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, errs := forgelist.Entries(ctx, config.Forge{Host: "git.acme.dev", Dir: dir}); len(errs) != 1 || got != nil {
		t.Errorf("broken off: %v, %v", got, errs)
	}
}
