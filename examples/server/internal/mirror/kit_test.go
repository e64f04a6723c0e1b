package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/examples/server/internal/mirror"
	"example.com/vanity/internal/gittest"
)

// A shelf is an object store over a directory: names are keys and no paths, and an object is replaced at once.
type shelf struct {
	dir string

	mu    sync.Mutex
	fault func(op, name string) error
}

func newShelf(t testing.TB) *shelf { return &shelf{dir: t.TempDir()} }

func (s *shelf) file(name string) string { return filepath.Join(s.dir, url.QueryEscape(name)) }

// spoil has a function say whether an operation fails.
func (s *shelf) spoil(fault func(op, name string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *shelf) may(ctx context.Context, op, name string) error {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		if err := fault(op, name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *shelf) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := s.may(ctx, "Get", name); err != nil {
		return nil, err
	}
	return os.Open(s.file(name))
}

func (s *shelf) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	if err := s.may(ctx, "Put", name); err != nil {
		return err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, "%")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.file(name))
}

func (s *shelf) Remove(ctx context.Context, name string) error {
	if err := s.may(ctx, "Remove", name); err != nil {
		return err
	}
	if err := os.Remove(s.file(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *shelf) List(ctx context.Context, prefix string) ([]string, error) {
	if err := s.may(ctx, "List", prefix); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.dir)
	var names []string
	for _, e := range entries {
		name, err := url.QueryUnescape(e.Name())
		if err == nil && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, err
}

// names are those of all objects whose name ends in a suffix.
func (s *shelf) names(t testing.TB, suffix string) []string {
	t.Helper()
	names, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, suffix) })
}

// A logbook keeps what is logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A running is mirrors whose Run runs.
type running struct {
	*mirror.Mirrors
	t    testing.TB
	log  *logbook
	dir  string
	stop func() // and wait
}

// run makes mirrors, with a directory of their own if none is named.
func run(t testing.TB, o mirror.Options) *running {
	t.Helper()
	r := &running{t: t, log: new(logbook), dir: o.Dir}
	if r.dir == "" {
		r.dir = t.TempDir()
		o.Dir = r.dir
	}
	if o.Log == nil {
		o.Log = r.log.logger()
	}
	m, err := mirror.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Mirrors = m
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", r.dir, r.log)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// refresh refreshes a mirror, and wants that to succeed.
func (r *running) refresh(repository string) {
	r.t.Helper()
	if err := r.Refresh(r.t.Context(), repository); err != nil {
		r.t.Fatalf("Refresh: %v\n%s", err, r.log)
	}
}

// serve serves the mirrors, and gives the URL of one.
func (r *running) serve(repository string) string {
	r.t.Helper()
	path, ok := r.Path(repository)
	if !ok {
		r.t.Fatalf("no mirror of %s", repository)
	}
	s := httptest.NewServer(http.StripPrefix("/git", r.Handler()))
	r.t.Cleanup(s.Close)
	return s.URL + "/git/" + path
}

// gitDir is the directory of a mirror.
func (r *running) gitDir(repository string) string {
	path, _ := r.Path(repository)
	return filepath.Join(r.dir, filepath.FromSlash(path)+".git")
}

// tryGit runs git as a client.
func tryGit(t testing.TB, config []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Env = gittest.Environ(gittest.GitEnviron(t.TempDir(), config...)...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func git(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tryGit(t, nil, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// clone clones, and gives the directory.
func clone(t testing.TB, url string, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, append(append([]string{"clone", "--quiet"}, args...), url, dir)...)
	return dir
}

// state is what a repository's branches, tags and HEAD are.
func state(t testing.TB, gitDir string) string {
	t.Helper()
	return git(t, "--git-dir="+gitDir, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags") +
		"\nHEAD " + git(t, "--git-dir="+gitDir, "symbolic-ref", "HEAD")
}

// equal wants a mirror to have what its original has, all objects included.
func equal(t testing.TB, repo *gittest.Repo, gitDir string) {
	t.Helper()
	if got, want := state(t, gitDir), state(t, repo.GitDir()); got != want {
		t.Errorf("the mirror has\n%s\nwant\n%s", got, want)
	}
	if out, err := tryGit(t, nil, "--git-dir="+gitDir, "fsck", "--connectivity-only", "--no-dangling"); err != nil {
		t.Errorf("git fsck: %v\n%s", err, out)
	}
	if refs := git(t, "--git-dir="+gitDir, "for-each-ref"); strings.Contains(refs, "refs/restoring") || strings.Contains(refs, "refs/pull") {
		t.Errorf("refs that are no branches or tags:\n%s", refs)
	}
}

const script = `
write
commit first
tag v1.0.0
commit second
tag -a v1.1.0 -m 'second release'
branch side
commit third
git update-ref refs/pull/1/head HEAD~2
-- go.mod --
module example.test/mono
-- mono.go --
package mono
-- libs/tool/go.mod --
module example.test/mono/libs/tool
-- libs/tool/tool.go --
package tool
`

// host serves a repository as acme/mono, and gives its URL.
func host(t testing.TB) (*gittest.Server, *gittest.Repo, string) {
	t.Helper()
	repo := gittest.New(t, script)
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	return s, repo, s.URL + "/acme/mono"
}

// until waits for what happens in another process or goroutine, and can't be waited for otherwise.
func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

// commits makes n commits that each bring a file.
func commits(repo *gittest.Repo, name string, n int) {
	for i := range n {
		repo.Write(fmt.Sprintf("%s/%d.txt", name, i), bytes.Repeat([]byte(fmt.Sprintf("%s %d\n", name, i)), 50))
		repo.Commit(fmt.Sprintf("%s %d", name, i))
	}
}
