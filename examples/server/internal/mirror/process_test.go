package mirror_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/examples/server/internal/mirror"
	"example.com/vanity/internal/gittest"
)

const secret = "hunter2-correct-horse"

// commandLines gives those of all processes, and whose environment has some text.
func commandLines(text string) (lines []string, inEnv bool) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		data, _ := os.ReadFile(f)
		lines = append(lines, strings.ReplaceAll(string(data), "\x00", " "))
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "environ"))
		inEnv = inEnv || bytes.Contains(env, []byte(text))
	}
	return lines, inEnv
}

// holding gives the files below a directory that hold a text.
func holding(t testing.TB, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPrivate mirrors a private repository, and looks for the password where it must not be while git talks to the host.
func TestPrivate(t *testing.T) {
	repo := gittest.New(t, script)
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	server.SetPrivate("acme/mono", "ann", secret)
	t.Setenv("SSL_CERT_FILE", server.CertFile())
	encoded := base64.StdEncoding.EncodeToString([]byte("ann:" + secret))
	var mu sync.Mutex
	var seen, passed bool
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.UserAgent(), "git/2") {
				lines, inEnv := commandLines(secret)
				mu.Lock()
				seen, passed = true, passed || inEnv
				for _, line := range lines {
					if strings.Contains(line, secret) || strings.Contains(line, encoded) {
						t.Errorf("a process shows the password: %s", line)
					}
				}
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	})
	url := server.URL + "/acme/mono"
	password := secret
	s := newShelf(t)
	m := run(t, mirror.Options{Repositories: []string{url}, Client: server.Client(), Shelf: s, Credentials: credentials(&mu, &password)})
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
	mu.Lock()
	if _, err := os.Stat("/proc/self"); err == nil && (!seen || !passed) {
		t.Errorf("git was seen: %v, and its environment: %v", seen, passed)
	}
	password = "wrong-" + secret
	mu.Unlock()
	repo.Run("commit four")
	if err := m.Refresh(t.Context(), url); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("with a wrong password: %v", err)
	}
	mu.Lock()
	password = "with a line\nbreak-" + secret
	mu.Unlock()
	if err := m.Refresh(t.Context(), url); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("with an odd password: %v", err)
	}
	mu.Lock()
	password = secret
	mu.Unlock()
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
	m.stop()
	if strings.Contains(m.log.String(), secret) {
		t.Errorf("the log has the password:\n%s", m.log)
	}
	for _, dir := range []string{m.dir, s.dir} {
		if files := holding(t, dir, secret); len(files) > 0 {
			t.Errorf("the password is in %q", files)
		}
	}
}

// credentials are ann's.
func credentials(mu *sync.Mutex, password *string) func(context.Context, *url.URL) (string, string, error) {
	return func(context.Context, *url.URL) (string, string, error) {
		mu.Lock()
		defer mu.Unlock()
		return "ann", *password, nil
	}
}

// TestRedirectedAway has a host that wants credentials and then sends the requests to another one, which must not get them.
func TestRedirectedAway(t *testing.T) {
	repo := gittest.New(t, script)
	repos := map[string]*gittest.Repo{"acme/mono": repo}
	thief := gittest.ServeTLS(t, gittest.AllFilters, repos)
	thief.SetPrivate("acme/mono", "ann", secret)
	server := gittest.ServeTLS(t, gittest.AllFilters, repos)
	server.SetPrivate("acme/mono", "ann", secret)
	certs := filepath.Join(t.TempDir(), "certs.pem")
	var pem []byte
	for _, s := range []*gittest.Server{server, thief} {
		data, err := os.ReadFile(s.CertFile())
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, data...)
	}
	if err := os.WriteFile(certs, pem, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_SSL_CAINFO", certs)
	var mu sync.Mutex
	password := secret
	url := server.URL + "/acme/mono"
	// The listing goes well, and git is led away.
	server.Wrap(func(next http.Handler) http.Handler {
		away := gittest.Redirect(302, "/acme/mono", thief.URL+"/acme/mono")(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.UserAgent(), "git/2") {
				if _, _, ok := r.BasicAuth(); !ok {
					next.ServeHTTP(w, r) // which asks for them
					return
				}
				away.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	m := run(t, mirror.Options{Repositories: []string{url}, Client: server.Client(), Credentials: credentials(&mu, &password)})
	if err := m.Refresh(t.Context(), url); err == nil {
		t.Error("no error")
	}
	if len(thief.Requests()) == 0 {
		t.Error("nothing was led away")
	}
	for _, r := range thief.Requests() {
		if r.Header.Get("Authorization") != "" {
			t.Error("another host was sent the credentials")
		}
	}
	m.stop()
	if strings.Contains(m.log.String(), secret) {
		t.Errorf("the log has the password:\n%s", m.log)
	}
}

// random makes a commit with a file that can't be compressed.
func random(repo *gittest.Repo, name string, size int) {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	repo.Write(name, data)
	repo.Commit(name)
}

// stalled has the host stop in the middle of the next pack, and gives a channel that is closed when it does.
func stalled(server *gittest.Server) <-chan struct{} {
	inPack := make(chan struct{})
	var once sync.Once
	server.Wrap(gittest.On("fetch", func(next http.Handler) http.Handler {
		stall := gittest.StallAfter(200_000)(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stall.ServeHTTP(&notingWriter{ResponseWriter: w, at: 150_000, reached: func() { once.Do(func() { close(inPack) }) }}, r)
		})
	}))
	return inPack
}

// A notingWriter says when it was written so many bytes.
type notingWriter struct {
	http.ResponseWriter
	at, n   int
	reached func()
}

func (w *notingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	if w.n += n; w.n >= w.at {
		w.reached()
	}
	return n, err
}

func (w *notingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestStoppedFetching ends Run in the middle of a pack, the first and a later one.
func TestStoppedFetching(t *testing.T) {
	server, repo, url := host(t)
	dir := t.TempDir()
	for i, name := range []string{"first", "later"} {
		random(repo, name, 1<<20)
		inPack := stalled(server)
		m := run(t, mirror.Options{Dir: dir, Repositories: []string{url}})
		done := make(chan error, 1)
		go func() { done <- m.Refresh(context.Background(), url) }()
		<-inPack
		if i > 0 {
			until(t, "git writes a pack", func() bool { return len(leftovers(t, m.gitDir(url))) > 0 })
		}
		m.stop()
		if err := <-done; err == nil {
			t.Error("no error")
		}
		if lines, _ := commandLines(""); strings.Contains(strings.Join(lines, "\n"), dir) {
			t.Errorf("there are processes yet: %q", lines)
		}
		if present := m.Status()[0].Present; present != (i > 0) {
			t.Errorf("%s: the mirror is there: %v", name, present)
		}
		if i > 0 {
			clone(t, m.serve(url))
			if len(leftovers(t, m.gitDir(url))) == 0 {
				t.Error("git has left nothing: it was not in the middle of it")
			}
		}
		server.Wrap(nil)
		again := run(t, mirror.Options{Dir: dir, Repositories: []string{url}})
		again.refresh(url)
		equal(t, repo, again.gitDir(url))
		again.stop()
		if left := leftovers(t, dir); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// leftovers are files that git removes when it isn't killed.
func leftovers(t testing.TB, dir string) (left []string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name := d.Name(); strings.HasPrefix(name, "tmp_") || strings.HasSuffix(name, ".lock") && name != ".lock" || strings.HasSuffix(name, ".keep") {
			left = append(left, path)
		}
		return nil
	})
	return left
}

// serverVariable holds a directory and a URL for a process that is a server.
const serverVariable = "MIRROR_TEST_SERVER"

// runServer is a server until it is killed.
func runServer(spec string) {
	dir, url, _ := strings.Cut(spec, " ")
	m, err := mirror.New(mirror.Options{Dir: dir, Repositories: []string{url}})
	if err == nil {
		err = m.Run(context.Background())
	}
	fmt.Println(err)
	os.Exit(1)
}

// TestKilled kills a server in the middle of a pack. The next one waits for the git that it has left, and goes on.
func TestKilled(t *testing.T) {
	server, repo, url := host(t)
	dir := t.TempDir()
	first := run(t, mirror.Options{Dir: dir, Repositories: []string{url}})
	first.refresh(url)
	first.stop()
	random(repo, "later", 1<<20)
	inPack := stalled(server)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = gittest.Environ(serverVariable + "=" + dir + " " + url)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-inPack
	cmd.Process.Kill()
	cmd.Wait()

	other := run(t, mirror.Options{Dir: dir, Repositories: []string{url}}) // which has to wait
	clone(t, other.serve(url))
	server.SetDown(true) // so that the git that was left ends
	server.Wrap(nil)
	server.SetDown(false)
	other.refresh(url)
	equal(t, repo, other.gitDir(url))
	other.stop()
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestStaleLocks has what a git leaves that was killed at the worst moment.
func TestStaleLocks(t *testing.T) {
	_, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	m.stop()
	dir := m.gitDir(url)
	for _, name := range []string{
		"HEAD.lock", "config.lock", "packed-refs.lock", "gc.pid", "refs/heads/main.lock", "refs/tags/v9.lock",
		"objects/pack/tmp_pack_abcdef", "objects/pack/.tmp-1-pack-abc.pack", "objects/tmp_objdir-incoming-x/pack/tmp_pack_x",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("1 here"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	repo.Run("commit four\ntag v9\nbranch tmp_branch\nbranch x.keep\nbranch gc.pid")
	again := run(t, mirror.Options{Dir: m.dir, Repositories: []string{url}})
	again.refresh(url)
	equal(t, repo, dir)
	again.stop()
	yetAgain := run(t, mirror.Options{Dir: m.dir, Repositories: []string{url}}) // which keeps branches of such names
	yetAgain.refresh(url)
	equal(t, repo, dir)
}

// TestFull has a git that can't write as much as it has to.
func TestFull(t *testing.T) {
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	flag := filepath.Join(bin, "full")
	text := fmt.Sprintf("#!/bin/sh\ntest -e %s && ulimit -f 8\nexec %s \"$@\"\n", flag, real)
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	_, repo, url := host(t)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	had := state(t, m.gitDir(url))
	random(repo, "large", 1<<20)
	if err := os.WriteFile(flag, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := m.Refresh(t.Context(), url); err == nil {
		t.Error("no error")
	}
	if got := state(t, m.gitDir(url)); got != had {
		t.Errorf("the mirror has\n%s\nwant\n%s", got, had)
	}
	base := m.serve(url)
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	clone(t, base)
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
	if left := leftovers(t, m.gitDir(url)); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestShared refreshes for many at the same time: those who ask while one is under way share the next.
func TestShared(t *testing.T) {
	server, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r) // the answer is made, and then the push comes
			once.Do(func() {
				close(held)
				<-release
			})
		})
	})
	done := make(chan error, 1)
	go func() { done <- m.Refresh(t.Context(), url) }()
	<-held
	repo.Run("commit four")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 30 { // who doesn't wait has asked all the same
		if err := m.Refresh(gone, url); !errors.Is(err, context.Canceled) {
			t.Errorf("Refresh: %v", err)
		}
	}
	server.Reset()
	go func() { close(release) }()
	m.refresh(url)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := len(server.Requests()); n > 10 {
		t.Errorf("%d requests: each one has had its own refresh", n)
	}
	equal(t, repo, m.gitDir(url))
}

// TestFetchTime has a host that stops in the middle, and a refresh that has not all the time in the world.
func TestFetchTime(t *testing.T) {
	server, repo, url := host(t)
	random(repo, "large", 1<<20)
	stalled(server)
	m := run(t, mirror.Options{Repositories: []string{url}, FetchTime: time.Second})
	if err := m.Refresh(t.Context(), url); err == nil || !strings.Contains(err.Error(), "it took more than 1s") {
		t.Errorf("Refresh: %v", err)
	}
	if lines, _ := commandLines(""); strings.Contains(strings.Join(lines, "\n"), m.dir) {
		t.Errorf("there are processes yet: %q", lines)
	}
}

// TestTwoServers has a second server for one directory.
func TestTwoServers(t *testing.T) {
	defer mirror.SetLockTime(time.Millisecond)()
	_, _, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	second, err := mirror.New(mirror.Options{Dir: m.dir, Repositories: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another process keeps the mirrors in "+m.dir) {
		t.Errorf("Run: %v", err)
	}
	if err := second.Refresh(t.Context(), url); !errors.Is(err, mirror.ErrStopped) {
		t.Errorf("Refresh: %v", err)
	}
	m.refresh(url)
}
