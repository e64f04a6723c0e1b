package forge_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/vanity/internal/forge"
)

// mirror makes a mirror as git does, but that there is nothing to be fetched.
func mirror(tb testing.TB, dir, name, url string) {
	tb.Helper()
	bare(tb, dir, name)
	git(tb, filepath.Join(dir, filepath.FromSlash(name)), "remote", "add", "--mirror=fetch", "origin", url)
}

// wantMirrors asks for module paths, and wants REPOSITORY ROOT, or nothing.
func wantMirrors(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	for path, want := range want {
		repo, root, err := forge.MirrorsIn(dir).Find(t.Context(), path)
		if want == "" {
			if !errors.Is(err, fs.ErrNotExist) || repo != "" || root != "" {
				t.Errorf("%.100s: %q, %q, %v, want none", path, repo, root, err)
			}
			continue
		}
		name, wantRoot, _ := strings.Cut(want, " ")
		if err != nil || repo != filepath.Join(dir, filepath.FromSlash(name)) || root != wantRoot {
			t.Errorf("%.100s: %q, %q, %v, want %s", path, repo, root, err, want)
		}
	}
}

func TestMirrors(t *testing.T) {
	dir, outside := newTree(t)
	links(t, dir)
	for name, url := range map[string]string{
		"m/y.git":           "https://github.com/x/y.git",
		"m/case.git":        "https://GitHub.com/X/Case",
		"m/deep/er/ssh.git": "git@gitlab.com:group/sub/ssh.git",
		"m/second.git":      "https://github.com/x/twice",
		"m/a/first.git":     "ssh://git@github.com/x/twice.git",
		"m/a-b/third.git":   "git://github.com/x/twice",
		"m/long.git":        "https://github.com/x/y/below",
		"m/pass.git":        "https://ann:s3cret@git.acme.test/ann/pass.git",
		"m/port.git":        "https://github.com:8443/x/port",
		"m/local.git":       "/srv/x/y",
		"@hashed/6b/86.git": "https://gitlab.com/group/hashed",
		".trash/x.git":      "https://github.com/x/trash",
		"alice/in.git/x":    "https://github.com/x/inside",
		"../outside.git":    "https://github.com/x/outside",
		"m/v2.git":          "https://gopkg.in/yaml.v2",
	} {
		mirror(t, dir, name, url)
	}
	bare(t, dir, "m/fork.git")
	git(t, filepath.Join(dir, "m/fork.git"), "config", "remote.origin.url", "https://github.com/x/fork")
	git(t, dir, "clone", "--quiet", "--mirror", "alice/tool.git", "m/cloned.git")
	git(t, filepath.Join(dir, "m/cloned.git"), "config", "remote.origin.url", "https://github.com/x/cloned")
	bare(t, dir, "m/broken.git")
	must(t, os.WriteFile(filepath.Join(dir, "m/broken.git/config"), []byte("[remote \"origin\"]\nurl = https://github.com/x/broken\nfetch = +refs/*:refs/*\n[nonsense"), 0o666))
	bare(t, dir, "m/noconfig.git")
	must(t, os.Remove(filepath.Join(dir, "m/noconfig.git/config")))
	bare(t, dir, "m/dirconfig.git")
	must(t, os.Remove(filepath.Join(dir, "m/dirconfig.git/config")), os.Mkdir(filepath.Join(dir, "m/dirconfig.git/config"), 0o777))
	if os.Symlink("../../outside.git/config", filepath.Join(dir, "m/noconfig.git/config")) == nil {
		must(t, os.Symlink(filepath.Join(outside, "outside.git"), filepath.Join(dir, "m/outside.git")))
	}
	wantMirrors(t, dir, map[string]string{
		"github.com/x/y":                  "m/y.git github.com/x/y",
		"github.com/x/y/sub/v2":           "m/y.git github.com/x/y",
		"github.com/x/y.git":              "m/y.git github.com/x/y.git",
		"github.com/x/y.git/sub":          "m/y.git github.com/x/y.git",
		"github.com/x/y/below":            "m/long.git github.com/x/y/below",
		"github.com/x/y/below/sub":        "m/long.git github.com/x/y/below",
		"github.com/X/Case":               "m/case.git github.com/X/Case",
		"gitlab.com/group/sub/ssh/v3":     "m/deep/er/ssh.git gitlab.com/group/sub/ssh",
		"github.com/x/twice":              "m/a-b/third.git github.com/x/twice",
		"git.acme.test/ann/pass":          "m/pass.git git.acme.test/ann/pass",
		"gitlab.com/group/hashed":         "@hashed/6b/86.git gitlab.com/group/hashed",
		"gopkg.in/yaml.v2":                "m/v2.git gopkg.in/yaml.v2",
		"github.com/x/cloned":             "m/cloned.git github.com/x/cloned",
		"github.com/x/fork":               "", // it was cloned, but doesn't follow
		"github.com/x/case":               "",
		"github.com/x/Y":                  "",
		"github.com/x":                    "",
		"github.com":                      "",
		"github.com/x/yy":                 "",
		"gitlab.com/group/sub":            "",
		"github.com/x/port":               "",
		"github.com/x/trash":              "",
		"github.com/x/inside":             "",
		"github.com/x/outside":            "",
		"github.com/x/broken":             "",
		"srv/x/y":                         "",
		"":                                "",
		strings.Repeat("x/", 1<<16) + "y": "",
		"github.com/" + strings.Repeat("x/", 1000) + "y": "",
	})
}

// TestMirrorsChange has mirrors come and go.
func TestMirrorsChange(t *testing.T) {
	dir := t.TempDir()
	mirror(t, dir, "a.git", "https://github.com/x/a")
	mirror(t, dir, "b.git", "https://github.com/x/b")
	mirror(t, dir, "g/c.git", "https://github.com/x/c")
	all := map[string]string{"github.com/x/a": "a.git github.com/x/a", "github.com/x/b": "b.git github.com/x/b", "github.com/x/c": "g/c.git github.com/x/c", "github.com/x/d": ""}
	wantMirrors(t, dir, all)

	// What is new is there when the index is made anew.
	mirror(t, dir, "d.git", "https://github.com/x/d")
	wantMirrors(t, dir, all)
	forge.MirrorsIn(dir).Expire()
	all["github.com/x/d"] = "d.git github.com/x/d"
	wantMirrors(t, dir, all)

	// What is gone, or another's now, is gone at once.
	git(t, filepath.Join(dir, "a.git"), "remote", "set-url", "origin", "https://github.com/x/e")
	git(t, filepath.Join(dir, "b.git"), "remote", "remove", "origin")
	must(t, os.RemoveAll(filepath.Join(dir, "g")), os.Remove(filepath.Join(dir, "d.git", "HEAD")))
	wantMirrors(t, dir, map[string]string{"github.com/x/a": "", "github.com/x/b": "", "github.com/x/c": "", "github.com/x/d": "", "github.com/x/e": ""})
	forge.MirrorsIn(dir).Expire()
	wantMirrors(t, dir, map[string]string{"github.com/x/a": "", "github.com/x/c": "", "github.com/x/e": "a.git github.com/x/e"})
	if os.Rename(filepath.Join(dir, "a.git"), filepath.Join(dir, "z.git")) == nil && os.Symlink("z.git", filepath.Join(dir, "a.git")) == nil {
		wantMirrors(t, dir, map[string]string{"github.com/x/e": ""})
	}
}

// TestMirrorsWait has the index be made by somebody else.
func TestMirrorsWait(t *testing.T) {
	dir := t.TempDir()
	mirror(t, dir, "a.git", "https://github.com/x/a")
	m := forge.MirrorsIn(dir)
	release := m.Hold()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.Find(ctx, "github.com/x/a"); err != context.Canceled {
		t.Errorf("who has gone waits: %v", err)
	}
	waiting := make(chan error)
	go func() {
		_, _, err := m.Find(t.Context(), "github.com/x/a")
		waiting <- err
	}()
	release()
	if err := <-waiting; err != nil {
		t.Errorf("who waited: %v", err)
	}
	// The second time there is an old one in the meantime.
	m.Expire()
	release = m.Hold()
	wantMirrors(t, dir, map[string]string{"github.com/x/a": "a.git github.com/x/a"})
	release()
}

// TestMirrorsCrowd has many ask at the same time while mirrors change, and more trees than are remembered.
func TestMirrorsCrowd(t *testing.T) {
	root := t.TempDir()
	const trees = 70
	for i := range trees {
		must(t, os.Mkdir(filepath.Join(root, fmt.Sprint(i)), 0o777))
	}
	mirror(t, root, "0/a.git", "https://github.com/x/a")
	mirror(t, root, "69/a.git", "https://github.com/x/a")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range trees {
				dir := filepath.Join(root, fmt.Sprint((i+j)%trees))
				m := forge.MirrorsIn(dir)
				_, _, err := m.Find(t.Context(), "github.com/x/a")
				if has := dir == filepath.Join(root, "0") || dir == filepath.Join(root, "69"); (err == nil) != has {
					t.Errorf("%s: %v", dir, err)
				}
				if i%2 == 0 {
					m.Expire()
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkMirrorsIndex is of the making of an index.
func BenchmarkMirrorsIndex(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		if n > 1000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			mirror(b, dir, "first.git", "https://github.com/x/first")
			for i := range n - 1 {
				at := filepath.Join(dir, fmt.Sprintf("owner%d/repo%d.git", i%100, i))
				must(b, os.CopyFS(at, os.DirFS(filepath.Join(dir, "first.git"))), os.WriteFile(filepath.Join(at, "config"), fmt.Appendf(nil,
					"[core]\n\tbare = true\n[remote \"origin\"]\n\turl = https://github.com/owner%d/repo%d\n\tfetch = +refs/*:refs/*\n", i%100, i), 0o666))
			}
			m := forge.MirrorsIn(dir)
			b.ReportAllocs()
			for b.Loop() {
				m.Expire()
				if _, _, err := m.Find(b.Context(), "github.com/owner7/repo7/sub"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
