package mirror_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/mirror"
	"example.com/vanity/internal/gittest"
)

// TestRefresh follows a repository through all that can become of branches, tags and HEAD.
func TestRefresh(t *testing.T) {
	_, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
	steps := []struct{ name, script string }{
		{"nothing", ""},
		{"a commit", "commit four"},
		{"tags", "tag v1.2.0\ntag -a v1.3.0 -m three"},
		{"a deleted tag", "git tag -d v1.0.0"},
		{"a moved tag", "git tag -f v1.2.0 HEAD~1"},
		{"a forced branch", "git branch -f side HEAD~3"},
		{"a rewritten branch", "git reset -q --hard HEAD~2\ncommit other"},
		{"a deleted branch", "git branch -D side"},
		{"a directory for a branch", "git branch a\n"},
		{"that becomes one", "git branch -D a\ngit branch a/b"},
		{"and back", "git branch -D a/b\ngit branch a"},
		{"a renamed default branch", "git branch -m main trunk"},
		{"another default branch", "git checkout -q -b next"},
		{"nothing new", ""},
	}
	for _, step := range steps {
		repo.Run(step.script)
		m.refresh(url)
		if equal(t, repo, m.gitDir(url)); t.Failed() {
			t.Fatalf("after %s", step.name)
		}
	}
	if got := git(t, "--git-dir="+m.gitDir(url), "config", "remote.origin.url"); got != url {
		t.Errorf("remote.origin.url is %s, want %s", got, url)
	}
}

// TestKeepsWhatIsGone has a host that suddenly has nothing, or no repository.
func TestKeepsWhatIsGone(t *testing.T) {
	server, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	had := state(t, m.gitDir(url))
	fails := func(want string) {
		t.Helper()
		if err := m.Refresh(t.Context(), url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Refresh: %v, want an error with %q", err, want)
		}
		if got := state(t, m.gitDir(url)); got != had {
			t.Errorf("the mirror has\n%s\nwant\n%s", got, had)
		}
		if s := m.Status()[0]; s.Err == nil || !s.Present || s.Refreshed.IsZero() {
			t.Errorf("status %+v", s)
		}
	}
	server.Put("acme/mono", gittest.New(t, ""))
	fails("lists no branches and tags any more")
	server.Remove("acme/mono")
	fails("404")
	server.SetDown(true)
	fails("connection refused")
	clone(t, m.serve(url))
	server.SetDown(false)
	server.Put("acme/mono", repo)
	m.refresh(url)
	if s := m.Status()[0]; s.Err != nil || s.Size == 0 || s.Path == "" || s.Repository != url {
		t.Errorf("status %+v", s)
	}
}

// TestRenamed has a repository that its host knows by another name, and one that it knows with ".git" alone.
func TestRenamed(t *testing.T) {
	server, repo, _ := host(t)
	server.Wrap(gittest.Redirect(301, "/old/mono", "/acme/mono"))
	url := server.URL + "/old/mono/"
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
	repo.Run("commit four")
	m.refresh(strings.TrimSuffix(url, "/") + ".git")
	equal(t, repo, m.gitDir(url))
	clone(t, m.serve(url))
}

// TestDotGit has a host that knows its repositories by names with ".git" alone.
func TestDotGit(t *testing.T) {
	server, repo, url := host(t)
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/acme/mono.git/") {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
}

// TestOdd has objects that git doesn't make: what old programs made is mirrored, what attacks whoever checks it out is not.
func TestOdd(t *testing.T) {
	_, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	repo.Run("blob text x\ntree padded 0100644 old.txt made/text\ncommit-tree padded made/padded HEAD\ntag v1.2.0 made/padded")
	m.refresh(url)
	had := state(t, m.gitDir(url))
	repo.Run("tree evil 100644 .git/config made/text\ncommit-tree evil made/evil HEAD\ntag v1.3.0 made/evil")
	if err := m.Refresh(t.Context(), url); err == nil || !strings.Contains(err.Error(), "hasDotgit") {
		t.Errorf("Refresh: %v", err)
	}
	if got := state(t, m.gitDir(url)); got != had {
		t.Errorf("the mirror has\n%s\nwant\n%s", got, had)
	}
	clone(t, m.serve(url))
}

// TestLocal mirrors a repository of this machine, an empty one first.
func TestLocal(t *testing.T) {
	repo := gittest.New(t, "")
	m := run(t, mirror.Options{Repositories: []string{repo.GitDir()}})
	m.refresh(repo.GitDir())
	clone(t, m.serve(repo.GitDir()))
	repo.Run(script)
	m.refresh(repo.GitDir())
	equal(t, repo, m.gitDir(repo.GitDir()))
	if path, ok := m.Path(repo.Dir + "/.git/"); !ok || !strings.HasPrefix(path, "localhost/") {
		t.Errorf("path %q", path)
	}
}

// TestSHA256 mirrors a repository whose objects have the longer names.
func TestSHA256(t *testing.T) {
	repo := gittest.New(t, "init --object-format=sha256"+script)
	s := newShelf(t)
	m := run(t, mirror.Options{Repositories: []string{repo.GitDir()}, Shelf: s})
	m.refresh(repo.GitDir())
	equal(t, repo, m.gitDir(repo.GitDir()))
	other := run(t, mirror.Options{Repositories: []string{repo.GitDir()}, Shelf: s})
	other.refresh(repo.GitDir())
	equal(t, repo, other.gitDir(repo.GitDir()))
	if !strings.Contains(other.log.String(), "restored from the shelf") {
		t.Errorf("not restored: %s", other.log)
	}
}

// TestNew has what can't be mirrored.
func TestNew(t *testing.T) {
	tests := []struct {
		repositories []string
		want         string
	}{
		{[]string{"github.com/acme/mono"}, "want https://HOST/PATH"},
		{[]string{"ssh://git@github.com/acme/mono"}, "want https://HOST/PATH"},
		{[]string{"https://ann:secret@github.com/acme/mono"}, "has a user or a password"},
		{[]string{"https://github.com/acme/mono?token=secret"}, "has a query"},
		{[]string{"https://github.com/acme/mono#secret"}, "has a query or a fragment"},
		{[]string{"https://github.com/"}, "no element"},
		{[]string{"https://github.com/acme/../mono"}, "no element"},
		{[]string{"https://github.com/acme//mono"}, "no element"},
		{[]string{"https://github.com/acme/%2e%2e/mono"}, "has an escape"},
		{[]string{"https://github.com/acme%2fmono"}, "has an escape"},
		{[]string{"https://github.com/acme.git/mono"}, "only the end"},
		{[]string{"https://github.com/acme/mono.git.git"}, "only the end"},
		{[]string{"https://github.com/acme/mono\x00"}, "want https://HOST/PATH"},
		{[]string{"https://github.com/acme/mono", "https://GitHub.com:443/acme/mono.git"}, "would be one mirror"},
		{[]string{"https://github.com/acme/mono", "http://github.com/acme/mono"}, "would be one mirror"},
		{[]string{"https://github.com/acme/mono", "https://github.com/Acme/mono"}, "would be one mirror"},
	}
	for _, tt := range tests {
		_, err := mirror.New(mirror.Options{Dir: t.TempDir(), Repositories: tt.repositories})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want an error with %q", tt.repositories, err, tt.want)
		}
	}
	if _, err := mirror.New(mirror.Options{}); err == nil {
		t.Error("no directory is no error")
	}
	dir := filepath.Join(t.TempDir(), "none")
	m, err := mirror.New(mirror.Options{Dir: dir, Repositories: []string{"https://GitHub.com/acme/Mono.git/"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("New made the directory")
	}
	for _, url := range []string{"https://github.com/acme/Mono", "https://github.com:443/acme/Mono.git", "https://GITHUB.com/acme/Mono/"} {
		if path, ok := m.Path(url); path != "github.com/acme/Mono" || !ok {
			t.Errorf("the path of %s is %q, %v", url, path, ok)
		}
	}
	for _, url := range []string{"https://github.com/acme/mono", "http://github.com/acme/Mono", "https://github.com:444/acme/Mono", "", "x"} {
		if path, ok := m.Path(url); ok {
			t.Errorf("the path of %q is %q", url, path)
		}
	}
	if m.Ready() {
		t.Error("ready without a mirror")
	}
}

// TestNoGit says what to install.
func TestNoGit(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	for _, tt := range []struct{ git, want string }{
		{"", "the git program is needed"},
		{"#!/bin/sh\necho git version 2.17.1\n", "install git 2.36 or later"},
		{"#!/bin/sh\necho hello\n", "it says"},
		{"#!/bin/sh\nexit 1\n", "exit status 1"},
	} {
		if tt.git != "" {
			if err := os.WriteFile(filepath.Join(bin, "git"), []byte(tt.git), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := mirror.New(mirror.Options{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want an error with %q", err, tt.want)
		}
	}
}

// TestRun has what Run and Refresh do at their ends.
func TestRun(t *testing.T) {
	_, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	if !m.Ready() {
		t.Error("not ready")
	}
	if err := m.Run(t.Context()); err == nil {
		t.Error("Run ran twice")
	}
	if err := m.Refresh(t.Context(), "https://github.com/acme/other"); err == nil || !strings.Contains(err.Error(), "there is no mirror") {
		t.Errorf("Refresh of an unknown repository: %v", err)
	}
	m.stop()
	if err := m.Refresh(t.Context(), url); !errors.Is(err, mirror.ErrStopped) {
		t.Errorf("Refresh after the end: %v", err)
	}
	repo.Run("commit four")
	again := run(t, mirror.Options{Dir: m.dir, Repositories: []string{url}})
	if !again.Ready() {
		t.Error("not ready with a mirror on the disk")
	}
	again.refresh(url)
	equal(t, repo, again.gitDir(url))
	idle, err := mirror.New(mirror.Options{Dir: t.TempDir(), Repositories: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := idle.Refresh(ctx, url); !errors.Is(err, context.Canceled) {
		t.Errorf("Refresh before Run: %v", err)
	}
}
