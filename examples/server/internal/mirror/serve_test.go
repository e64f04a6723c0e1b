package mirror_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/examples/server/internal/mirror"
)

// TestServe clones and fetches as git does, in all versions of the protocol.
func TestServe(t *testing.T) {
	server, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	base := m.serve(url)
	want := state(t, repo.GitDir())
	for _, version := range []string{"0", "1", "2"} {
		for _, suffix := range []string{"", ".git", "/"} {
			dir := filepath.Join(t.TempDir(), "bare")
			git(t, "-c", "protocol.version="+version, "clone", "--quiet", "--mirror", base+suffix, dir)
			if got := state(t, dir); got != want {
				t.Errorf("version %s, %q: a clone has\n%s\nwant\n%s", version, suffix, got, want)
			}
		}
		shallow := clone(t, base, "--depth=1", "--branch=side", "-c", "protocol.version="+version)
		if got := git(t, "-C", shallow, "rev-list", "--count", "HEAD"); got != "1" {
			t.Errorf("version %s: a shallow clone has %s commits", version, got)
		}
		git(t, "-C", shallow, "fetch", "--quiet", "--unshallow")
		if got := git(t, "-C", shallow, "rev-list", "--count", "HEAD"); got != "2" {
			t.Errorf("version %s: it has %s commits after --unshallow", version, got)
		}
		for _, filter := range []string{"blob:none", "tree:0", "blob:limit=1k", "combine:blob:none+tree:2"} {
			partial := clone(t, base, "--filter="+filter, "--no-checkout", "-c", "protocol.version="+version)
			if missing := git(t, "-C", partial, "rev-list", "--objects", "--all", "--missing=print"); !strings.Contains(missing, "\n?") && filter != "blob:limit=1k" {
				t.Errorf("version %s: nothing is missing with %s", version, filter)
			}
			git(t, "-C", partial, "checkout", "--quiet", "HEAD") // fetches objects by their names
			if _, err := os.Stat(filepath.Join(partial, "libs", "tool", "tool.go")); err != nil {
				t.Error(err)
			}
		}
	}
	dir := clone(t, base)
	server.SetDown(true)
	clone(t, base)
	server.SetDown(false)
	repo.Run("commit four\ntag v1.2.0")
	m.refresh(url)
	git(t, "-C", dir, "fetch", "--quiet")
	if got, want := git(t, "-C", dir, "rev-parse", "v1.2.0"), repo.Git("rev-parse", "HEAD"); got != want {
		t.Errorf("v1.2.0 is %s after a fetch, want %s", got, want)
	}
}

// TestPush is told where to push.
func TestPush(t *testing.T) {
	_, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	base := m.serve(url)
	had := state(t, m.gitDir(url))
	out, err := tryGit(t, nil, "-C", repo.Dir, "push", base, "HEAD:refs/heads/evil")
	if want := "this is a read-only mirror of " + url + ": push there"; err == nil || !strings.Contains(out, want) || !strings.Contains(out, "403") {
		t.Errorf("git push: %v\n%s\nwant %q", err, out, want)
	}
	resp, err := http.Post(base+"/git-receive-pack", "application/x-git-receive-pack-request", strings.NewReader("0000"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("git-receive-pack: %s", resp.Status)
	}
	if got := state(t, m.gitDir(url)); got != had {
		t.Errorf("the mirror has changed:\n%s", got)
	}
	local := repo.GitDir()
	other := run(t, mirror.Options{Repositories: []string{local}})
	other.refresh(local)
	if out, _ := tryGit(t, nil, "-C", repo.Dir, "push", other.serve(local), "HEAD:refs/heads/evil"); strings.Contains(out, "mirror of "+filepath.Dir(local)) {
		t.Errorf("a path of the server is shown: %s", out)
	}
}

// send sends a request by its own words, as no client would write it, and gives the status and the body.
func send(t testing.TB, base, method, target, header, body string) (int, string) {
	t.Helper()
	addr, _, _ := strings.Cut(strings.TrimPrefix(base, "http://"), "/")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s", method, target, addr, header)
	if body != "" {
		fmt.Fprintf(conn, "Content-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(conn, "\r\n%s", body)
	all, _ := io.ReadAll(conn)
	_, rest, _ := strings.Cut(string(all), " ")
	status, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	_, text, _ := strings.Cut(rest, "\r\n\r\n")
	return status, text
}

// TestPaths has what is no path of the table.
func TestPaths(t *testing.T) {
	_, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	base := m.serve(url)
	path, _ := m.Path(url)
	// One that lies beside, and that nobody has configured.
	beside := filepath.Join(m.dir, filepath.FromSlash(filepath.Dir(path)), "secret.git")
	git(t, "clone", "--quiet", "--bare", repo.GitDir(), beside)
	parent := path[:strings.LastIndex(path, "/")]
	const query = "?service=git-upload-pack"
	const post = "Content-Type: application/x-git-upload-pack-request\r\n"
	tests := []struct {
		method, target, header string
		status                 int
	}{
		{"GET", "/git/" + path + "/info/refs" + query, "", 200},
		{"GET", "/git/" + path + ".git/info/refs" + query, "", 200},
		{"GET", "/git/" + path + "/info/refs", "", 403},
		{"GET", "/git/" + path + "/info/refs?service=git-upload-pack&x=y", "", 403},
		{"GET", "/git/" + path + "/info/refs?service=git%2dupload-pack", "", 403},
		{"GET", "/git/" + path + "/info/refs?x=y&service=git-upload-pack", "", 403},
		{"GET", "/git/" + path + "/info/refs?service=git-receive-pack", "", 403},
		{"GET", "/git/" + path + "/info/refs?service=git-upload-archive", "", 403},
		{"POST", "/git/" + path + "/info/refs" + query, "", 405},
		{"HEAD", "/git/" + path + "/info/refs" + query, "", 405},
		{"GET", "/git/" + path + "/git-upload-pack", "", 405},
		{"PUT", "/git/" + path + "/git-upload-pack", post, 405},
		{"POST", "/git/" + path + "/git-upload-pack", "", 415},
		{"POST", "/git/" + path + "/git-upload-pack", post + "Content-Encoding: br\r\n", 415},
		{"POST", "/git/" + path + "/git-upload-pack", post + "Content-Encoding: gzip\r\n", 400},
		{"POST", "/git/" + path + "/git-upload-pack", post, 200},
		{"POST", "/git/" + path + "/git-upload-archive", post, 404},
		{"GET", "/git/" + path, "", 404},
		{"GET", "/git/" + path + ".git/HEAD", "", 404},
		{"GET", "/git/" + path + ".git/config", "", 404},
		{"GET", "/git/" + path + "/objects/info/packs", "", 404},
		{"GET", "/git/" + path + ".git.git/info/refs" + query, "", 404},
		{"GET", "/git/" + path + "/.git/info/refs" + query, "", 404},
		{"GET", "/git/" + path + "/.git/config", "", 404},
		{"GET", "/git/" + path + "//info/refs" + query, "", 404},
		{"GET", "/git//" + path + "/info/refs" + query, "", 404},
		{"GET", "/git/" + path + "/../mono/info/refs" + query, "", 404},
		{"GET", "/git/" + path + "/%2e%2e/mono/info/refs" + query, "", 404},
		{"GET", "/git/" + strings.ReplaceAll(path, "/", "%2f") + "/info/refs" + query, "", 404},
		{"GET", "/git/../git/" + path + "/info/refs" + query, "", 404},
		{"GET", "/git/" + parent + "/secret/info/refs" + query, "", 404},
		{"GET", "/git/" + parent + "/secret.git/info/refs" + query, "", 404},
		{"GET", "/git/" + parent + "/info/refs" + query, "", 404},
		{"GET", "/git/info/refs" + query, "", 404},
		{"GET", "/git" + beside + "/info/refs" + query, "", 404},
		{"GET", "/git/" + strings.ToUpper(path) + "/info/refs" + query, "", 404},
	}
	for _, tt := range tests {
		body := ""
		if tt.method == "POST" {
			body = "0000"
		}
		status, text := send(t, base, tt.method, tt.target, tt.header, body)
		if status != tt.status {
			t.Errorf("%s %s: %d, want %d: %.200q", tt.method, tt.target, status, tt.status, text)
		}
		if status != 200 && (strings.Contains(text, m.dir) || strings.Contains(text, "refs/heads")) {
			t.Errorf("%s %s: %q", tt.method, tt.target, text)
		}
	}
}

// TestRequestBounds has requests of more bytes than a server should take.
func TestRequestBounds(t *testing.T) {
	_, _, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	base := m.serve(url)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte("0032want 0000000000000000000000000000000000000000\n"), 1<<20))
	z.Close()
	const post = "Content-Type: application/x-git-upload-pack-request\r\n"
	path, _ := m.Path(url)
	if status, text := send(t, base, "POST", "/git/"+path+"/git-upload-pack", post+"Content-Encoding: gzip\r\n", bomb.String()); status != 413 {
		t.Errorf("a bomb: %d %q", status, text)
	}
	if status, text := send(t, base, "POST", "/git/"+path+"/git-upload-pack", post, strings.Repeat("0", 11<<20)); status != 413 {
		t.Errorf("a large one: %d %q", status, text)
	}
	if status, text := send(t, base, "POST", "/git/"+path+"/git-upload-pack", post, "zzzz"); status != 200 && status != 500 {
		t.Errorf("nonsense: %d %q", status, text)
	}
	clone(t, base)
}

// TestAbsent has a mirror that isn't there.
func TestAbsent(t *testing.T) {
	server, repo, url := host(t)
	server.SetDown(true)
	m := run(t, mirror.Options{Repositories: []string{url}})
	if err := m.Refresh(t.Context(), url); err == nil {
		t.Error("no error")
	}
	if !m.Ready() {
		t.Error("not ready, though it was tried")
	}
	base := m.serve(url)
	out, err := tryGit(t, nil, "ls-remote", base)
	if err == nil || !strings.Contains(out, "503") || !strings.Contains(out, "isn't there yet") {
		t.Errorf("git ls-remote: %v %s", err, out)
	}
	resp, err := http.Get(base + "/info/refs?service=git-upload-pack")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	server.SetDown(false)
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
}

// slowGit puts a git before the real one that, when it is to be upload-pack, notes its process and waits until a file is
// there. It gives a function for the processes that were noted.
func slowGit(t testing.TB) (pids func() []int, open func()) {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin, notes := t.TempDir(), t.TempDir()
	gate := filepath.Join(notes, "gate")
	text := fmt.Sprintf(`#!/bin/sh
case "$*" in
*upload-pack*)
	echo $$ >%[1]s/$$.new && mv %[1]s/$$.new %[1]s/$$.pid
	while ! test -e %[2]s; do sleep 0.02; done
esac
exec %[3]s "$@"
`, notes, gate, real)
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	pids = func() (all []int) {
		files, _ := filepath.Glob(filepath.Join(notes, "*.pid"))
		for _, f := range files {
			pid, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(f), ".pid"))
			all = append(all, pid)
		}
		return all
	}
	open = func() {
		if err := os.WriteFile(gate, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return pids, open
}

// alive reports whether a process is there.
func alive(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil
}

// TestLimits has more clients than may be served, and one that goes.
func TestLimits(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("no /proc here")
	}
	_, _, url := host(t)
	// The mirror's git is the slow one, but not the host's, and refreshes don't need upload-pack.
	first := run(t, mirror.Options{Repositories: []string{url}})
	first.refresh(url)
	first.stop()
	pids, open := slowGit(t)
	m, err := mirror.New(mirror.Options{Dir: first.dir, Repositories: []string{url}, Uploads: 2, Queue: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(m.Handler())
	defer s.Close()
	path, _ := m.Path(url)
	target := s.URL + "/" + path + "/info/refs?service=git-upload-pack"
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	statuses := make(chan int, 2)
	get := func(ctx context.Context) {
		req, _ := http.NewRequestWithContext(ctx, "GET", target, nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			statuses <- 0
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		statuses <- resp.StatusCode
	}
	wg.Go(func() { get(ctx) })
	until(t, "a client is served", func() bool { return len(pids()) == 1 })
	vanishes := pids()[0]
	wg.Go(func() { get(t.Context()) })
	until(t, "two clients are served", func() bool { return len(pids()) == 2 })
	resp, err := http.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a third client: %s %v", resp.Status, resp.Header)
	}
	cancel()
	until(t, "the process of a client that has gone ends", func() bool { return !alive(vanishes) })
	if status := <-statuses; status != 0 {
		t.Errorf("the client that has gone: %d", status)
	}
	open()
	if status := <-statuses; status != 200 {
		t.Errorf("the one that has waited: %d", status)
	}
	wg.Wait()
	until(t, "a new client's turn", func() bool {
		resp, err := http.Get(target)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == 200
	})
}

// TestUploadTime has a request that takes too long.
func TestUploadTime(t *testing.T) {
	_, _, url := host(t)
	first := run(t, mirror.Options{Repositories: []string{url}})
	first.refresh(url)
	first.stop()
	pids, _ := slowGit(t)
	m, err := mirror.New(mirror.Options{Dir: first.dir, Repositories: []string{url}, UploadTime: 50 * time.Millisecond, Log: first.log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(m.Handler())
	defer s.Close()
	path, _ := m.Path(url)
	resp, err := http.Get(s.URL + "/" + path + "/info/refs?service=git-upload-pack")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusInternalServerError {
		t.Error(resp.Status)
	}
	for _, pid := range pids() {
		if alive(pid) {
			t.Errorf("process %d is there yet", pid)
		}
	}
}

// TestCloneDuringRefresh clones again and again while branches move.
func TestCloneDuringRefresh(t *testing.T) {
	_, repo, url := host(t)
	m := run(t, mirror.Options{Repositories: []string{url}})
	m.refresh(url)
	base := m.serve(url)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			dir := filepath.Join(t.TempDir(), "c")
			if out, err := tryGit(t, nil, "clone", "--quiet", base, dir); err != nil {
				t.Errorf("git clone: %v\n%s", err, out)
				return
			}
			if out, err := tryGit(t, nil, "-C", dir, "fsck"); err != nil {
				t.Errorf("git fsck: %v\n%s", err, out)
			}
		}
	})
	for i := range 10 {
		commits(repo, fmt.Sprintf("round%d", i), 2)
		repo.Run(fmt.Sprintf("branch b%d\ntag t%d\ngit branch -f side HEAD~1", i, i))
		m.refresh(url)
	}
	close(stop)
	wg.Wait()
	equal(t, repo, m.gitDir(url))
}
