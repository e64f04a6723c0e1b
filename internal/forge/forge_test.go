package forge_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/vanity/internal/forge"
	"example.com/vanity/internal/gittest"
)

// git runs git in a directory.
func git(tb testing.TB, dir string, args ...string) string {
	tb.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = gittest.Environ(gittest.GitEnviron(dir)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// bare makes a bare repository below a directory.
func bare(tb testing.TB, dir, name string) {
	tb.Helper()
	git(tb, dir, "init", "--quiet", "--bare", "--template=", filepath.Join(dir, filepath.FromSlash(name)))
}

func must(tb testing.TB, errs ...error) {
	tb.Helper()
	if err := errors.Join(errs...); err != nil {
		tb.Fatal(err)
	}
}

// newTree has what a forge's directory has, and what it should not have, next to a directory that is none of it.
func newTree(t testing.TB) (dir, outside string) {
	t.Helper()
	outside = t.TempDir()
	dir = filepath.Join(outside, "git")
	must(t, os.Mkdir(dir, 0o777))
	for _, name := range []string{
		"alice/tool.git", "alice/plain", "alice/both", "alice/both.git", "Bob/Tool.git", "top.git", "team/infra/deep/er.git",
		"team/infra.git", "alice/v2.git", "alice/odd.git.git", "alice/-dash.git", "alice/new.git/inner.git", "alice/tool.git/objects/x.git",
		"alice/tool.git/modules/sub", "alice/headless.git", "alice/headless", "alice/headless/x.git", "..hidden/x.git", "alice/.dot.git",
		"alice/linked.git/x", "alice/fifo.git", "alice/dirhead.git", "alice/pöt.git", "objects/refs/HEAD.git", "../secret.git",
	} {
		bare(t, dir, name)
	}
	bare(t, outside, "git/alice/worktree/embedded.git")
	git(t, dir, "init", "--quiet", "alice/worktree")
	git(t, dir, "clone", "--quiet", "--separate-git-dir=alice/separate.git", "alice/tool.git", "alice/checkout")
	must(t,
		os.Remove(filepath.Join(dir, "alice/headless.git/HEAD")), os.Remove(filepath.Join(dir, "alice/headless/HEAD")),
		os.RemoveAll(filepath.Join(dir, "alice/linked.git/x/objects")), os.Remove(filepath.Join(dir, "alice/fifo.git/HEAD")),
		os.Remove(filepath.Join(dir, "alice/dirhead.git/HEAD")), os.Mkdir(filepath.Join(dir, "alice/dirhead.git/HEAD"), 0o777),
		os.WriteFile(filepath.Join(dir, "alice/file.git"), []byte("gitdir: tool.git\n"), 0o666),
		os.WriteFile(filepath.Join(dir, "file"), nil, 0o666),
	)
	return dir, outside
}

// links adds symbolic links, and a named pipe.
func links(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Log("NOT TESTED: symbolic links")
		return
	}
	must(t,
		os.Symlink("../../secret.git", filepath.Join(dir, "alice/out.git")),
		os.Symlink("..", filepath.Join(dir, "up")),
		os.Symlink(filepath.Dir(dir), filepath.Join(dir, "absolute")),
		os.Symlink("loop", filepath.Join(dir, "loop")),
		os.Symlink("loop2.git", filepath.Join(dir, "alice/loop.git")),
		os.Symlink("loop.git", filepath.Join(dir, "alice/loop2.git")),
		os.Symlink(".", filepath.Join(dir, "alice/self")),
		os.Symlink("tool.git", filepath.Join(dir, "alice/alias.git")),
		os.Symlink("../alice", filepath.Join(dir, "team/alice")),
		os.Symlink("../tool.git/objects", filepath.Join(dir, "alice/linked.git/x/objects")),
	)
	if out, err := exec.Command("mkfifo", filepath.Join(dir, "alice/fifo.git/HEAD")).CombinedOutput(); err != nil {
		t.Logf("NOT TESTED: a named pipe: %v: %s", err, out)
	}
}

func TestFind(t *testing.T) {
	dir, _ := newTree(t)
	links(t, dir)
	for path, want := range map[string]string{ // the repository, and the root if that is not its name without ".git"
		"alice/tool":             "alice/tool.git",
		"alice/tool.git":         "alice/tool.git alice/tool.git",
		"alice/tool/sub/v2":      "alice/tool.git",
		"alice/tool.git/sub/v2":  "alice/tool.git alice/tool.git",
		"alice/plain":            "alice/plain",
		"alice/plain/x":          "alice/plain",
		"alice/plain.git/x":      "alice/plain alice/plain.git",
		"alice/both":             "alice/both",
		"alice/both.git":         "alice/both.git alice/both.git",
		"Bob/Tool":               "Bob/Tool.git",
		"Bob/Tool/V2/x":          "Bob/Tool.git",
		"top":                    "top.git",
		"top/sub":                "top.git",
		"team/infra/deep/er/x/y": "team/infra/deep/er.git",
		"team/infra/deep/other":  "team/infra.git team/infra", // what is a group is a directory of the repository of that name, too
		"team/infra":             "team/infra.git",
		"team/infra.git/deep/er": "team/infra.git team/infra.git",
		"alice/v2":               "alice/v2.git",
		"alice/odd.git":          "", // that is alice/odd
		"alice/odd.git.git/x":    "alice/odd.git.git alice/odd.git.git",
		"alice/-dash":            "alice/-dash.git",
		"objects/refs/HEAD":      "objects/refs/HEAD.git", // these are names like others, outside a repository
		"alice/separate":         "alice/separate.git",

		// Inside of a repository there is none.
		"alice/tool/objects/x":     "alice/tool.git",
		"alice/tool.git/objects/x": "alice/tool.git alice/tool.git",
		"alice/tool/modules/sub":   "alice/tool.git",
		"alice/tool/objects":       "alice/tool.git",
		"alice/tool/refs/heads":    "alice/tool.git",
		"alice/new.git/inner":      "",
		"alice/new/inner":          "",
		"alice/new":                "",
		"alice/worktree":           "",
		"alice/worktree.git":       "",
		"alice/worktree/.git":      "",
		"alice/worktree/embedded":  "",
		"alice/checkout":           "",
		"alice/headless":           "",
		"alice/headless/x":         "",
		"alice/dirhead":            "",
		"alice/fifo":               "",
		"alice/file":               "",
		"alice/linked/x":           "",
		"file":                     "",
		"file/x":                   "",

		// Other cases are other names.
		"bob/Tool":   "",
		"Bob/tool":   "",
		"BOB/TOOL":   "",
		"Alice/tool": "",
		"alice/Tool": "",
		"TOP":        "",

		// What leads out.
		"alice/out":                           "",
		"alice/out.git":                       "",
		"up/secret":                           "",
		"up/git/alice/tool":                   "",
		"absolute/secret":                     "",
		"loop":                                "",
		"loop/x":                              "",
		"alice/loop":                          "",
		"alice/self/tool":                     "",
		"alice/alias":                         "",
		"team/alice/tool":                     "",
		"../secret":                           "",
		"../secret.git":                       "",
		"alice/../../secret":                  "",
		"..":                                  "",
		".":                                   "",
		"./alice/tool":                        "",
		"alice//tool":                         "",
		"alice/./tool":                        "",
		"/alice/tool":                         "",
		"alice/tool/":                         "alice/tool.git",
		"alice/tool/../../top":                "alice/tool.git",
		"%2e%2e/secret":                       "",
		"..%2fsecret":                         "",
		"alice/%74ool":                        "",
		"!alice/tool":                         "",
		"alice/!tool":                         "",
		`alice\tool`:                          "",
		`..\secret`:                           "",
		`alice/tool\..\..`:                    "",
		`C:\git\alice\tool`:                   "",
		"C:/git":                              "",
		"alice/tool.git:x":                    "",
		"alice/tool::$DATA":                   "",
		"alice/tool.":                         "",
		"alice/tool ":                         "",
		"alice/tool.git.":                     "",
		"alice/tool\x00":                      "",
		"alice\x00/tool":                      "",
		"alice/tool.git\x00/x":                "",
		"alice/tool\n":                        "",
		"alice/pöt":                           "",
		"alice/.dot":                          "",
		"..hidden/x":                          "",
		"alice/.git":                          "",
		"alice/.git.git":                      "",
		"~":                                   "",
		"~root/x":                             "",
		"":                                    "",
		"alice":                               "",
		"/":                                   "",
		"alice/" + strings.Repeat("x", 255):   "",
		"alice/" + strings.Repeat("x", 256):   "",
		"alice/" + strings.Repeat("x", 1<<20): "",
		strings.Repeat("x/", 1<<20):           "",
		"alice/tool/" + strings.Repeat("x/", 1000): "alice/tool.git",
	} {
		repo, root, err := forge.Find(dir, path)
		if want == "" {
			if !errors.Is(err, fs.ErrNotExist) || repo != "" || root != "" {
				t.Errorf("%.100q: %q, %.100q, %v, want none", path, repo, root, err)
			}
			continue
		}
		wantRepo, wantRoot, ok := strings.Cut(want, " ")
		if !ok {
			wantRoot = strings.TrimSuffix(wantRepo, ".git")
		}
		if err != nil || repo != filepath.Join(dir, filepath.FromSlash(wantRepo)) || root != wantRoot {
			t.Errorf("%.100q: %q, %q, %v, want %q, %q", path, repo, root, err, wantRepo, wantRoot)
		}
	}
}

// TestFindSymlinkedTree has the tree itself at a symbolic link, which is the owner's affair.
func TestFindSymlinkedTree(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links")
	}
	dir, outside := newTree(t)
	link := filepath.Join(outside, "link")
	must(t, os.Symlink("git", link))
	repo, root, err := forge.Find(link, "alice/tool/x")
	if want := filepath.Join(link, "alice", "tool.git"); repo != want || root != "alice/tool" || err != nil {
		t.Errorf("%q, %q, %v, want %q", repo, root, err, want)
	}
	must(t, os.RemoveAll(dir))
	for _, dir := range []string{dir, link, filepath.Join(outside, "absent")} {
		if _, _, err := forge.Find(dir, "alice/tool"); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s, which isn't there: %v", dir, err)
		}
		if _, _, err := forge.MirrorsIn(dir).Find(t.Context(), "github.com/x/y"); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s, which isn't there: mirrors: %v", dir, err)
		}
	}
}

// TestFindDenied has directories that may not be looked into.
func TestFindDenied(t *testing.T) {
	dir, _ := newTree(t)
	mirror(t, dir, "alice/mirror.git", "https://github.com/x/y")
	mirror(t, dir, "team/mirror.git", "https://github.com/x/z")
	must(t, os.Chmod(filepath.Join(dir, "team"), 0), os.Chmod(filepath.Join(dir, "Bob/Tool.git"), 0))
	t.Cleanup(func() {
		os.Chmod(filepath.Join(dir, "team"), 0o777)
		os.Chmod(filepath.Join(dir, "Bob/Tool.git"), 0o777)
	})
	must(t, os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755)) // the test's own
	asNobody(t, func() {
		for path, want := range map[string]error{
			"team/infra": nil, "team/x": nil, "team": nil, "Bob/Tool": nil, "Bob/Tool/x": nil,
			"Bob/x": fs.ErrNotExist, "team2/x": fs.ErrNotExist,
		} {
			_, _, err := forge.Find(dir, path)
			if err == nil || errors.Is(err, fs.ErrNotExist) != (want != nil) || errors.Is(err, fs.ErrPermission) != (want == nil) {
				t.Errorf("%s: %v", path, err)
			}
		}
		if repo, _, err := forge.Find(dir, "alice/tool"); repo == "" || err != nil {
			t.Errorf("beside what is closed: %q, %v", repo, err)
		}
		mirrors := forge.MirrorsIn(dir)
		if repo, _, err := mirrors.Find(t.Context(), "github.com/x/y"); repo == "" || err != nil {
			t.Errorf("a mirror beside what is closed: %q, %v", repo, err)
		}
		if _, _, err := mirrors.Find(t.Context(), "github.com/x/z"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a mirror that can't be read: %v", err)
		}
	})
}

// TestIsNamed has a file of two names in which only the case differs, as it is on file systems that make no difference.
func TestIsNamed(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "Tool.git")
	must(t, os.WriteFile(name, nil, 0o666))
	info, err := os.Lstat(name)
	must(t, err)
	ask := func(name string, want bool) {
		t.Helper()
		if got, err := forge.IsNamed(dir, name, info); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	ask("Tool.git", true)
	ask("tOOL.GIT", false) // its twin is there, and the same file
	for _, digits := range []string{"1", "1-2"} {
		ask(digits, true)
	}
	if os.Link(name, filepath.Join(dir, "tOOL.GIT")) == nil {
		ask("Tool.git", true)
		ask("tOOL.GIT", true)
	}
}

func FuzzFind(f *testing.F) {
	dir, _ := newTree(f)
	for _, seed := range []string{"alice/tool/sub", "team/infra.git/deep", "../secret", "alice//tool", "alice/tool.git/objects/x", "\x00", `..\secret`, "alice/odd.git.git", "top/.."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		repo, root, err := forge.Find(dir, path)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) || repo != "" || root != "" {
				t.Errorf("%q, %q, %v", repo, root, err)
			}
			return
		}
		below, err := filepath.Rel(dir, repo)
		below = filepath.ToSlash(below)
		if err != nil || !filepath.IsLocal(below) || below != root && below != root+".git" && below+".git" != root {
			t.Errorf("%q is the repository %q", root, repo)
		}
		if path != root && !strings.HasPrefix(path, root+"/") {
			t.Errorf("%q is no part of the path", root)
		}
		if resolved, err := filepath.EvalSymlinks(repo); err != nil || resolved != repo {
			t.Errorf("%q is %q, %v", repo, resolved, err)
		}
		// It is the repository itself, not something inside of one.
		for parent := filepath.Dir(repo); parent != dir; parent = filepath.Dir(parent) {
			if _, err := os.Lstat(filepath.Join(parent, "HEAD")); err == nil {
				t.Errorf("%q is in a repository", repo)
			}
		}
	})
}
