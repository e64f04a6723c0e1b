package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/vanity/examples/server/internal/s3test"
	"example.com/vanity/internal/gittest"
)

// TestReadme does what README.md says, word for word, in an empty directory. Only what is compiled is taken as it is already,
// ports are free ones, and GitHub is on this machine.
func TestReadme(t *testing.T) {
	binary, s3 := os.Getenv("VANITY_STATIC_SERVER"), os.Getenv(s3test.Variable)
	if binary == "" || s3 == "" {
		t.Skipf("VANITY_STATIC_SERVER or %s names no binary", s3test.Variable)
	}
	readme := read(t, "README.md")
	if n := strings.Count(readme[strings.Index(readme, "## From nothing"):strings.Index(readme, "## The file")], "\n"); n > 30 {
		t.Errorf("the way from nothing to a server has %d lines, more than 30", n)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(blocks) != 2 {
		t.Fatalf("README.md has %d blocks of commands", len(blocks))
	}
	replaced := func(text, old, new string) string {
		t.Helper()
		if !strings.Contains(text, old) {
			t.Fatalf("README.md lost %q", old)
		}
		return strings.ReplaceAll(text, old, new)
	}
	port := freePort(t)
	s3Port := freePort(t)
	script := blocks[0][1]
	script = replaced(script, `CGO_ENABLED=0 GOBIN="$PWD" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0`, "cp "+s3+" versitygw")
	script = replaced(script, `CGO_ENABLED=0 go -C examples/server build -o "$PWD/server" .`, "cp "+binary+" server\nuntil (: </dev/tcp/127.0.0.1/"+s3Port+") 2>/dev/null; do sleep 0.1; done")
	script = replaced(script+blocks[1][1], "127.0.0.1:8080", "127.0.0.1:"+port)
	script = replaced(script, "127.0.0.1:7070", "127.0.0.1:"+s3Port)

	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	utf64 := gittest.New(t, "write\ncommit one\ntag utf64-go-0.0.11\n-- utf64/go/go.mod --\nmodule utf64.moreplease.com\n-- utf64/go/u.go --\npackage utf64\n")
	cmd.Env = append(gittest.Environ("HOME="+dir, "GOMODCACHE="+filepath.Join(dir, "cache"), "GOFLAGS=-modcacherw"), github(t, map[string]*gittest.Repo{"more-please/more-stuff": utf64})...)
	cmd.Env = append(cmd.Env, "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := os.Create(filepath.Join(t.TempDir(), "out")) // no pipe, which what stays in the background would hold
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	text := read(t, out.Name())
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{`utf64.moreplease.com  ok  1 version, latest v0.0.11`, `"Version": "v0.0.11"`, `"Sum": "h1:`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, name := range []string{"objects/modules/utf64.moreplease.com/@v/v0.0.11.zip", "public/go/utf64.moreplease.com/@v/v0.0.11.zip", "public/index.html"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// freePort gives a port that nobody has, for now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
