package gittest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Epoch is the date of a repository's first commit, unless its script says otherwise.
var Epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// exactAttributes, in .git/info/attributes, overrules every .gitattributes: blobs hold what was written.
const exactAttributes = "* -text !eol -ident -filter !working-tree-encoding\n"

// A Repo is a git repository with a work tree, both temporary. Its methods fail the test, and are not for concurrent
// use; servers may read it at any time.
type Repo struct {
	Dir string // the work tree

	tb   testing.TB
	home string
	now  time.Time
}

// New makes a repository by running a script. An empty script makes an empty repository.
func New(tb testing.TB, script string) *Repo {
	tb.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		tb.Fatalf("gittest: git is required: %v", err)
	}
	tmp := tb.TempDir()
	r := &Repo{Dir: filepath.Join(tmp, "work"), tb: tb, home: filepath.Join(tmp, "home"), now: Epoch}
	for _, dir := range []string{r.Dir, r.home} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			tb.Fatalf("gittest: %v", err)
		}
	}
	if err := r.init(); err != nil {
		tb.Fatalf("gittest: %v", err)
	}
	r.Run(script)
	return r
}

// init makes, or makes again, the .git directory.
func (r *Repo) init(args ...string) error {
	if err := os.RemoveAll(r.GitDir()); err != nil {
		return err
	}
	if _, err := r.git(append([]string{"init", "--quiet"}, args...)...); err != nil {
		return err
	}
	info := filepath.Join(r.GitDir(), "info")
	if err := os.MkdirAll(info, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(info, "attributes"), []byte(exactAttributes), 0o666)
}

// GitDir is the directory that a git server serves.
func (r *Repo) GitDir() string { return filepath.Join(r.Dir, ".git") }

// Git runs git in the work tree and returns its output without the newlines at the end.
func (r *Repo) Git(args ...string) string {
	r.tb.Helper()
	out, err := r.git(args...)
	if err != nil {
		r.tb.Fatalf("gittest: %v", err)
	}
	return out
}

func (r *Repo) git(args ...string) (string, error) {
	date := fmt.Sprintf("@%d %s", r.now.Unix(), r.now.Format("-0700"))
	cmd := exec.Command("git", args...)
	cmd.Dir = r.Dir
	cmd.Env = append(Environ(GitEnviron(r.home)...),
		"GIT_AUTHOR_NAME=Ann Author", "GIT_AUTHOR_EMAIL=author@example.com", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=Carl Committer", "GIT_COMMITTER_EMAIL=committer@example.com", "GIT_COMMITTER_DATE="+date,
		"GIT_EDITOR=true", "GIT_CEILING_DIRECTORIES="+filepath.Dir(r.Dir))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		return "", fmt.Errorf("git %s: %v\n%s%s", strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	if len(args) > 0 && makesCommits[args[0]] {
		r.now = r.now.Add(time.Minute)
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}

// makesCommits names the git commands after which the clock goes on, so that no two commits have one date.
var makesCommits = map[string]bool{
	"am": true, "cherry-pick": true, "commit": true, "commit-tree": true, "merge": true, "pull": true,
	"rebase": true, "revert": true,
}

// At sets the clock for what follows.
func (r *Repo) At(t time.Time) { r.now = t }

// Commit adds everything in the work tree, commits it, and returns the commit's hash.
func (r *Repo) Commit(message string) (hash string) {
	r.tb.Helper()
	if err := r.commit(message); err != nil {
		r.tb.Fatalf("gittest: %v", err)
	}
	return r.Git("rev-parse", "HEAD")
}

func (r *Repo) commit(message string) error {
	if _, err := r.git("add", "--all", "--force"); err != nil {
		return err
	}
	_, err := r.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "--no-verify", "-m", message)
	return err
}

// Write writes a file of the work tree, name being slash-separated. It keeps the mode of one that is there.
func (r *Repo) Write(name string, data []byte) {
	r.tb.Helper()
	if err := r.write(name, data); err != nil {
		r.tb.Fatalf("gittest: %v", err)
	}
}

func (r *Repo) write(name string, data []byte) error {
	p, err := r.path(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
		return err
	}
	if info, err := os.Lstat(p); err == nil && info.Mode().Type() == fs.ModeSymlink {
		os.Remove(p) // or the link's target would be written
	}
	return os.WriteFile(p, data, 0o666)
}

// path is where a file of the work tree lies.
func (r *Repo) path(name string) (string, error) {
	local, err := filepath.Localize(path.Clean(name))
	if err != nil || local == "." {
		return "", fmt.Errorf("bad path %q", name)
	}
	return filepath.Join(r.Dir, local), nil
}

// CopyFS writes the regular files of fsys below a directory of the work tree, "." being its root: for real source
// from the module cache, see [Module].
func (r *Repo) CopyFS(dir string, fsys fs.FS) {
	r.tb.Helper()
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		return r.write(path.Join(dir, p), data)
	})
	if err != nil {
		r.tb.Fatalf("gittest: %v", err)
	}
}

// Bare makes a bare mirror of the repository as it is now, and returns its path.
func (r *Repo) Bare() string {
	r.tb.Helper()
	dir := filepath.Join(r.tb.TempDir(), "bare.git")
	r.Git("clone", "--quiet", "--mirror", r.GitDir(), dir)
	return dir
}

// Repack puts all objects into one pack, with deltas wherever they save something, chains of them too.
func (r *Repo) Repack() {
	r.tb.Helper()
	r.Git("repack", "-a", "-d", "-f", "--quiet", "--depth=50", "--window=50")
	r.Git("pack-refs", "--all")
}
