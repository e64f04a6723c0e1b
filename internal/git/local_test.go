package git_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// localEnv is what a repository on this machine needs of the environment: one that belongs to somebody else is
// refused by git.
func localEnv(t *testing.T) {
	for _, kv := range gittest.GitEnviron(t.TempDir()) {
		key, value, _ := strings.Cut(kv, "=")
		t.Setenv(key, value)
	}
}

func TestLocal(t *testing.T) {
	localEnv(t)
	for _, format := range formats() {
		repo := gittest.New(t, "init --object-format="+format+"\nwrite\ncommit one\ntag -a v1 -m one\n-- a/b/c --\ntext\n-- x --\n")
		restricted := gittest.New(t, "init --object-format="+format+"\nwrite\ncommit one\ngit config uploadpackfilter.allow false\n-- a/b/c --\ntext\n-- x --\n")
		c := new(git.Client)
		for name, dir := range map[string]string{"restricted": restricted.GitDir(), "work tree": repo.Dir, "git directory": repo.GitDir(), "bare": repo.Bare()} {
			r := c.Open(dir)
			refs, err := r.Refs(t.Context(), "refs/heads/", "HEAD")
			if err != nil || len(refs) != 2 || refs[0].Target != "refs/heads/main" {
				t.Errorf("%s: %v, %v", name, refs, err)
				continue
			}
			for _, dir := range []string{"", "a/b", "absent"} {
				s := snapshot(t, r, refs[0].Object(), dir)
				if dir != "absent" {
					of := repo
					if name == "restricted" {
						of = restricted
					}
					check(t, s, of, dir)
				}
				s.Close()
			}
			unknown, _ := git.ParseHash(strings.Repeat("12", len(refs[0].Hash.String())/2))
			var e *git.Error
			if _, err := r.Snapshot(t.Context(), unknown, ""); !errors.As(err, &e) || e.Kind != git.Missing {
				t.Errorf("%s: unknown commit: %v", name, err)
			}
		}
	}
}

func TestLocalNoRepository(t *testing.T) {
	localEnv(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	broken := gittest.New(t, "commit one")
	if err := os.WriteFile(filepath.Join(broken.GitDir(), "config"), []byte("[nonsense"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]git.Kind{
		filepath.Join(dir, "absent"): git.NoRepository,
		dir:                          git.NoRepository,
		name:                         git.NoRepository,
		filepath.Join(name, "below"): git.NoRepository,
		"relative":                   git.NoRepository,
		"--help":                     git.NoRepository,
		"":                           git.NoRepository,
		"ssh://host/r":               git.NoRepository,
		broken.GitDir():              git.Broken,
	} {
		_, err := new(git.Client).Open(path).Refs(t.Context(), "HEAD")
		var e *git.Error
		if !errors.As(err, &e) || e.Kind != kind || e.Repo != path {
			t.Errorf("%q: %T %v", path, err, err)
		}
	}
}

// TestLocalVanished: a directory goes away, or what makes a repository of it.
func TestLocalVanished(t *testing.T) {
	localEnv(t)
	for name, vanish := range map[string]func(r *gittest.Repo) error{
		"directory":     func(r *gittest.Repo) error { return os.RemoveAll(r.Dir) },
		"git directory": func(r *gittest.Repo) error { return os.RemoveAll(r.GitDir()) },
	} {
		repo := gittest.New(t, "commit one")
		r := new(git.Client).Open(repo.Dir)
		refs, err := r.Refs(t.Context(), "HEAD")
		if err != nil || len(refs) != 1 {
			t.Fatal(refs, err)
		}
		if err := vanish(repo); err != nil {
			t.Fatal(err)
		}
		var e *git.Error
		if _, err := r.Snapshot(t.Context(), refs[0].Hash, ""); !errors.As(err, &e) || e.Kind != git.NoRepository || e.Repo != repo.Dir {
			t.Errorf("%s: snapshot: %v", name, err)
		}
		if _, err := r.Refs(t.Context(), "HEAD"); !errors.As(err, &e) || e.Kind != git.NoRepository {
			t.Errorf("%s: refs: %v", name, err)
		}
	}
}

func TestLocalNoGit(t *testing.T) {
	dir := gittest.New(t, "commit one").Dir
	t.Setenv("PATH", t.TempDir())
	_, err := new(git.Client).Open(dir).Refs(t.Context(), "HEAD")
	var e *git.Error
	if err == nil || errors.As(err, &e) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "needs the git program") {
		t.Errorf("%T %v", err, err)
	}
}

// TestLocalEnvironment: variables that turn git elsewhere don't.
func TestLocalEnvironment(t *testing.T) {
	localEnv(t)
	repo := gittest.New(t, "commit one")
	t.Setenv("GIT_DIR", t.TempDir())
	t.Setenv("GIT_OBJECT_DIRECTORY", t.TempDir())
	t.Setenv("GIT_NAMESPACE", "other")
	refs, err := new(git.Client).Open(repo.Dir).Refs(t.Context(), "HEAD")
	if err != nil || len(refs) != 1 {
		t.Errorf("%v, %v", refs, err)
	}
}

// TestLocalCancel has a git that says nothing, and one that fails.
func TestLocalCancel(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := gittest.New(t, "commit one").Dir
	bin := t.TempDir()
	script := func(text string) {
		if err := os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\n"+text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	defer settled(t)()
	script("exec sleep 100")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if _, err := new(git.Client).Open(dir).Refs(ctx, "HEAD"); err != context.Canceled {
		t.Errorf("%T %v", err, err)
	}
	if _, err := new(git.Client).Open(dir).Refs(ctx, "HEAD"); err != context.Canceled {
		t.Errorf("already cancelled: %T %v", err, err)
	}
	var e *git.Error
	_, err := (&git.Client{Limits: git.Limits{Stall: 50 * time.Millisecond}}).Open(dir).Refs(t.Context(), "HEAD")
	if !errors.As(err, &e) || e.Kind != git.Timeout {
		t.Errorf("stall: %T %v", err, err)
	}
	// Whoever has the pipes does not keep us: git is dead, its child isn't.
	script("sleep 3 &\nexec sleep 100")
	if _, err := (&git.Client{Limits: git.Limits{Stall: 50 * time.Millisecond}}).Open(dir).Refs(t.Context(), "HEAD"); !errors.As(err, &e) || e.Kind != git.Timeout {
		t.Errorf("stall of a child: %T %v", err, err)
	}
	if d := time.Since(start); d > 2500*time.Millisecond {
		t.Errorf("after %v", d)
	}
	script("echo fatal: out of luck >&2\nexit 128")
	if _, err := new(git.Client).Open(dir).Refs(t.Context(), "HEAD"); !errors.As(err, &e) || e.Kind != git.Broken || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("%T %v", err, err)
	}
	// One that has said all, and then waits for us to hang up.
	script("printf '000eversion 2\n000cls-refs\n000afetch\n0000'\nexec sleep 100")
	if _, err := (&git.Client{Limits: git.Limits{Stall: 50 * time.Millisecond}}).Open(dir).Refs(t.Context(), "HEAD"); !errors.As(err, &e) {
		t.Errorf("%T %v", err, err)
	}
}
