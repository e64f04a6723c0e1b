package upstream_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/bench/upstream"
	"example.com/vanity/internal/gittest"
)

// host serves a small repository, and gives the URL below which the rules are.
func host(t *testing.T) (h *upstream.Host, url string, repo string) {
	t.Helper()
	s := shape.All[0].Divided(50)
	dir := t.TempDir()
	if err := s.Build(dir); err != nil {
		t.Fatal(err)
	}
	h, err := upstream.New(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go server.Serve(h.Listener(l))
	t.Cleanup(func() { server.Close() })
	return h, "http://" + l.Addr().String(), s.Repository()
}

// TestCount compares what is counted with what goes over a connection.
func TestCount(t *testing.T) {
	h, url, repo := host(t)
	var in, out int64
	for _, path := range []string{"/info/refs?service=git-upload-pack", "/nothing"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		request := "GET " + upstream.Path("all", 0, repo) + path + " HTTP/1.1\r\nHost: host\r\nConnection: close\r\n\r\n"
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		in += int64(len(request))
		out += int64(len(answer))
	}
	want := upstream.Count{Requests: 2, In: in, Out: out}
	if got := h.Count(); got != want || got.Bytes() != in+out || got.Sub(got) != (upstream.Count{}) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestFetches(t *testing.T) {
	for version, want := range map[string]upstream.Count{"0": {Requests: 3, Fetches: 2}, "2": {Requests: 3, Fetches: 1}} {
		h, url, repo := host(t)
		git(t, "-c", "protocol.version="+version, "clone", "--bare", "--depth=1", url+upstream.Path("none", 0, repo), t.TempDir())
		if got := h.Count(); got.Requests != want.Requests || got.Fetches != want.Fetches {
			t.Errorf("protocol %s: counted %+v, want %+v", version, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	_, url, repo := host(t)
	for _, tt := range []struct {
		rule, filter string
		refused      bool
	}{
		{"all", "tree:2", false}, {"all", "combine:blob:none+tree:2", false}, {"forge", "blob:none", false}, {"forge", "tree:0", false},
		{"forge", "tree:2", true}, {"forge", "combine:blob:none+tree:2", true}, {"none", "blob:none", false}, // which is ignored
		{"other", "blob:none", true},
	} {
		out, err := try("clone", "--bare", "--depth=1", "--filter="+tt.filter, url+upstream.Path(tt.rule, 0, repo), t.TempDir())
		if (err != nil) != tt.refused {
			t.Errorf("%s, %s: %v\n%s", tt.rule, tt.filter, err, out)
		}
		if ignored := strings.Contains(out, "filtering not recognized"); ignored != (tt.rule == "none") {
			t.Errorf("%s, %s: the filter is ignored: %t\n%s", tt.rule, tt.filter, ignored, out)
		}
	}
}

func git(t *testing.T, args ...string) {
	t.Helper()
	if out, err := try(args...); err != nil {
		t.Fatalf("git %s: %v\n%s", args, err, out)
	}
}

func try(args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Env = gittest.Environ(gittest.GitEnviron(filepath.Dir(args[len(args)-1]))...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
