package gittest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"example.com/vanity/internal/gittest"
)

const script = `
# Two releases of a module.
at 2024-05-01T10:00:00+02:00
write one
commit 'first words'
tag v1.0.0
write two sub
print "sub/dos.txt" "a\r\nb\r\n"
symlink ../m.go sub/link.go
chmod 755 sub/run.sh
gitlink 0123456789012345678901234567890123456789 third/party
commit second
tag -a v1.1.0 -m 'second release'
branch old v1.0.0
git checkout -q -b side old
rm m.go
commit "without\tcode"
git checkout -q main
git merge -q --no-ff -m merged side
-- one/go.mod --
module example.com/m
-- one/m.go --
package m
-- one/.gitattributes --
* text eol=crlf
-- one/.gitignore --
ignored
-- two/ignored --
still here
-- two/run.sh --
exit`

// TestReproducible asserts that one script has one set of hashes, and has them written down, so that a machine on
// which they differ is found at once.
func TestReproducible(t *testing.T) {
	a, b := gittest.New(t, script), gittest.New(t, script)
	refs := a.Git("for-each-ref", "--format=%(refname) %(objectname)")
	if other := b.Git("for-each-ref", "--format=%(refname) %(objectname)"); refs != other {
		t.Errorf("two builds differ:\n%s\n%s", refs, other)
	}
	if got, want := a.Git("rev-parse", "main"), "c4a4d4fc2ef139e5b828cd9bfd969adbd6ab4451"; got != want {
		t.Errorf("main is %s, want %s", got, want)
	}
}

func TestContents(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, script)
	tests := []struct{ name, got, want string }{
		{"tree", r.Git("ls-tree", "-r", "--format=%(objectmode) %(path)", "v1.1.0"), strings.Join([]string{
			"100644 .gitattributes",
			"100644 .gitignore",
			"100644 go.mod",
			"100644 m.go",
			"100644 sub/dos.txt",
			"100644 sub/ignored",
			"120000 sub/link.go",
			"100755 sub/run.sh",
			"160000 third/party",
		}, "\n")},
		{"exact bytes", r.Git("cat-file", "blob", "v1.1.0:sub/dos.txt"), "a\r\nb\r"},
		{"no newline", r.Git("cat-file", "-s", "v1.1.0:sub/run.sh"), "4"},
		{"lightweight", r.Git("cat-file", "-t", "v1.0.0"), "commit"},
		{"annotated", r.Git("cat-file", "-t", "v1.1.0"), "tag"},
		{"committer", r.Git("log", "-1", "--format=%cn <%ce> %cI %ae", "v1.0.0"),
			"Carl Committer <committer@example.com> 2024-05-01T10:00:00+02:00 author@example.com"},
		{"clock", r.Git("log", "--format=%cI", "--date-order", "main"), strings.Join([]string{
			"2024-05-01T10:03:00+02:00",
			"2024-05-01T10:02:00+02:00",
			"2024-05-01T10:01:00+02:00",
			"2024-05-01T10:00:00+02:00",
		}, "\n")},
		{"clean", r.Git("status", "--porcelain"), ""},
		{"branches", r.Git("branch", "--format=%(refname:short)"), "main\nold\nside"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "-- a --\none\n-- b/c --\ntwo\n")
	if got := r.Git("log", "-1", "--format=%cI"); got != gittest.Epoch.Format("2006-01-02T15:04:05+00:00") {
		t.Errorf("first commit at %s", got)
	}
	r.Write("d/e", []byte{0, '\r', '\n'})
	r.CopyFS("copied", fstest.MapFS{"x/y": {Data: []byte("y")}})
	r.At(time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC))
	hash := r.Commit("more")
	r.Run("write\ncommit third\n-- a --\nchanged\n")
	if got := r.Git("rev-parse", "HEAD~1"); got != hash {
		t.Errorf("Commit returned %s, not %s", hash, got)
	}
	if got := r.Git("log", "-1", "--format=%cI", hash); got != "2001-02-03T04:05:06+00:00" {
		t.Errorf("second commit at %s", got)
	}
	if got, want := r.Git("ls-tree", "-r", "--name-only", "HEAD"), "a\nb/c\ncopied/x/y\nd/e"; got != want {
		t.Errorf("files %q, want %q", got, want)
	}
	r.Repack()
	if packs, _ := filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "*.pack")); len(packs) != 1 {
		t.Errorf("packs: %q", packs)
	}
	if _, err := os.Stat(filepath.Join(r.Bare(), "HEAD")); err != nil {
		t.Error(err)
	}
	if got := gittest.New(t, "init --object-format=sha256\nwrite\ncommit x\n-- a --\n").Git("rev-parse", "HEAD"); len(got) != 64 {
		t.Errorf("sha256 repository has commit %s", got)
	}
}

// TestDeltas asserts that Repack makes what pack readers have to understand: chains of deltas.
func TestDeltas(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "")
	noise := rand.New(rand.NewPCG(1, 2))
	lines := make([]string, 50)
	for i := range lines {
		lines[i] = fmt.Sprintf("%x%x%x", noise.Uint64(), noise.Uint64(), noise.Uint64())
	}
	for i := range 5 {
		lines[10*i] = fmt.Sprintf("%x%x%x", noise.Uint64(), noise.Uint64(), noise.Uint64())
		r.Write("file", []byte(strings.Join(lines, "\n")))
		r.Commit("next")
	}
	r.Repack()
	idx, _ := filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "*.idx"))
	if len(idx) != 1 {
		t.Fatalf("indices: %q", idx)
	}
	if out := r.Git("verify-pack", "-v", idx[0]); !strings.Contains(out, "chain length = 3: ") {
		t.Errorf("no chain of three deltas:\n%s", out)
	}
}

const objectsScript = `
write
commit one
blob text "text\n"
tree odd 100644 "latin\xe9" made/text 100755 sub/.git made/text 100644 sub/sub/x made/text 160000 gone {hash:HEAD} 100644 a HEAD:m.go
commit-tree first made/odd
commit-tree second made/odd HEAD made/first
tag v1.0.0 made/second
tag v0.0.0-{time:made/second}-{hash12:made/second} HEAD
object raw commit "tree {hash:made/odd}\nauthor A <a> 0 +0000\ncommitter C <c> 1700000000 -0730\n\nlate"
tag late made/raw
repeat 3 files/%.txt "% of %\n"
repeat 3 one.txt "a%"
commit two
-- m.go --
package m
`

// TestObjects asserts that a script can make what git doesn't.
func TestObjects(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, objectsScript)
	list := func(tree string) string { return r.Git("ls-tree", "-r", "-z", "--format=%(objectmode) %(path)", tree) }
	second := r.Git("rev-parse", "made/second")
	tests := []struct{ name, got, want string }{
		{"tree", list("v1.0.0"), `100644 "latin\351"` + "\x00100755 sub/.git\x00100644 sub/sub/x\x00160000 gone\x00100644 a\x00"},
		{"content", r.Git("cat-file", "blob", "v1.0.0:sub/sub/x"), "text"},
		{"parents", r.Git("log", "-1", "--format=%P", "v1.0.0"), r.Git("rev-parse", "HEAD~1") + " " + r.Git("rev-parse", "made/first")},
		{"tags", r.Git("tag", "--list", "v0*"), "v0.0.0-20240101000200-" + second[:12]},
		{"expanded", r.Expand("{hash:v1.0.0^{commit}} {hash7:v1.0.0} {time:v1.0.0}{x}"), second + " " + second[:7] + " 20240101000200{x}"},
		{"late", r.Expand("{time:late}"), "20231114221320"},
		{"files", list("HEAD"), "100644 files/0.txt\x00100644 files/1.txt\x00100644 files/2.txt\x00100644 m.go\x00100644 one.txt\x00"},
		{"numbered", r.Git("cat-file", "blob", "HEAD:files/1.txt"), "1 of 1"},
		{"repeated", r.Git("cat-file", "blob", "HEAD:one.txt"), "a%a%a%"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestBadScripts(t *testing.T) {
	t.Parallel()
	for _, script := range []string{
		"fly away",
		"commit",
		"commit don't",
		`commit "open`,
		"at noon",
		"write nowhere\n-- a --\n",
		"rm nothing",
		"print ../out text",
		"print . text",
		"tag v1.0.0", // there's no commit
		"tree odd 100644 name",
		"tree odd 100644 name nothing",
		"blob text",
		"blob text {hash:nothing}",
		"object text blob",
		"object text cloud text",
		"commit-tree c nothing",
		"repeat some a b",
		"repeat 2 a",
	} {
		if got := failure(t, func(tb testing.TB) { gittest.New(tb, script) }); got == "" {
			t.Errorf("%q didn't fail", script)
		}
	}
}

// TestHostile asserts that nothing depends on the environment of who runs the tests.
func TestHostile(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs tests again")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^(TestReproducible|TestModule|TestClone|TestGuard)$")
	cmd.Env = append(os.Environ(),
		"GIT_DIR=/nowhere", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.autocrlf", "GIT_CONFIG_VALUE_0=true",
		"GIT_AUTHOR_NAME=Somebody", "GIT_SSL_CAINFO=/nowhere", "GIT_TRACE=1",
		"GOFLAGS=-mod=vendor", "GOPROXY=http://127.0.0.1:9", "GOENV=/nowhere", "GOWORK=/nowhere",
		"HTTP_PROXY=http://127.0.0.1:9", "http_proxy=http://127.0.0.1:9", "ALL_PROXY=http://127.0.0.1:9",
		"TZ=Asia/Tokyo", "LC_ALL=de_DE.UTF-8", "XDG_CONFIG_HOME=/nowhere")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
