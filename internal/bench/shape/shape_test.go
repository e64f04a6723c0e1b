package shape_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/gittest"
)

// build makes a repository, and gives a function that runs git in it.
func build(t *testing.T, s shape.Shape) (dir string, git func(args ...string) string) {
	t.Helper()
	root := t.TempDir()
	if err := s.Build(root); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(root, s.Repository())
	return dir, func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = gittest.Environ(gittest.GitEnviron(root)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %s: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
}

func TestSame(t *testing.T) {
	for _, s := range shape.All {
		t.Run(s.Name, func(t *testing.T) {
			s = s.Divided(100)
			_, git := build(t, s)
			_, again := build(t, s)
			if a, b := git("for-each-ref"), again("for-each-ref"); a != b {
				t.Errorf("two repositories from one seed have other refs:\n%s\n\n%s", a, b)
			}
			s.Seed++
			_, other := build(t, s)
			if a, b := git("rev-parse", "HEAD:"), other("rev-parse", "HEAD:"); a == b {
				t.Errorf("two seeds give one tree %s", a)
			}
		})
	}
}

// TestAsSaid wants a repository to have what its shape says.
func TestAsSaid(t *testing.T) {
	for _, s := range shape.All {
		t.Run(s.Name, func(t *testing.T) {
			s = s.Divided(50)
			_, git := build(t, s)
			if got := git("rev-list", "--count", "HEAD"); got != fmt.Sprint(s.Commits) {
				t.Errorf("%s commits, want %d", got, s.Commits)
			}
			if got := strings.Count(git("tag", "-l")+"\n", "\n"); got != s.Versions+s.Tags {
				t.Errorf("%d tags, want %d", got, s.Versions+s.Tags)
			}
			last := path.Join(s.Dir, s.Last())
			want := map[bool]string{true: "tag", false: "commit"}[s.Annotated]
			if got := git("cat-file", "-t", last); got != want {
				t.Errorf("the tag %s is a %s, want a %s", last, got, want)
			}
			if a, b := git("rev-parse", last+":"+s.Dir), git("rev-parse", path.Join(s.Dir, s.Previous())+":"+s.Dir); a == b {
				t.Errorf("%s is like the version before", last)
			}
			if got := git("show", last+":"+path.Join(s.Dir, "go.mod")); !strings.HasPrefix(got, "module "+s.Module()+"\n") {
				t.Errorf("go.mod is %q", got)
			}
			files := 2 // go.mod and LICENSE
			for _, p := range s.Parts {
				if !p.Modules {
					files += p.Files
				}
			}
			if got := len(ownFiles(git("ls-tree", "-r", "--name-only", last), s.Dir)); got != files {
				t.Errorf("%d files in the module, want %d", got, files)
			}
			if got := git("fsck", "--strict", "--no-dangling"); got != "" {
				t.Error(got)
			}
			if got := git("count-objects", "-v"); !strings.Contains(got, "count: 0\n") || !strings.Contains(got, "packs: 1\n") {
				t.Errorf("not all is in one pack:\n%s", got)
			}
		})
	}
}

// ownFiles are those in a directory that are in no nested module.
func ownFiles(tree, dir string) []string {
	names := strings.Split(tree, "\n")
	nested := make(map[string]bool)
	for _, name := range names {
		if path.Base(name) == "go.mod" && name != path.Join(dir, "go.mod") {
			nested[path.Dir(name)] = true
		}
	}
	var own []string
	for _, name := range names {
		if (dir == "" || strings.HasPrefix(name, dir+"/")) && !nested[path.Dir(name)] {
			own = append(own, name)
		}
	}
	return own
}

// TestKept wants a repository that is there to stay as it is.
func TestKept(t *testing.T) {
	s := shape.All[0].Divided(100)
	root := t.TempDir()
	if err := s.Build(root); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(root, s.Repository(), "mark")
	if err := os.WriteFile(mark, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := s.Build(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("the repository was made anew")
	}
	old := s.Repository()
	if s.Commits++; s.Repository() == old {
		t.Error("another shape has the same directory")
	}
	if left, _ := filepath.Glob(filepath.Join(root, "making-*")); left != nil {
		t.Errorf("left behind: %s", left)
	}
}

// TestEmptyCommits is of a history without versions.
func TestEmptyCommits(t *testing.T) {
	_, git := build(t, shape.Shape{Name: "empty", Commits: 60_000, Parts: []shape.Part{{Dirs: 1, Files: 3, Mean: 1000}}})
	if got := git("rev-list", "--count", "HEAD"); got != "60000" {
		t.Errorf("%s commits, want 60000", got)
	}
	if got := git("rev-list", "--objects", "--no-object-names", "HEAD", "--filter=object:type=tree", "--filter-provided-objects"); strings.Contains(got, "\n") {
		t.Errorf("more than one tree:\n%s", got)
	}
}
