package push_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/push"
)

const noSignature = "sha256=0000000000000000000000000000000000000000000000000000000000000000" // which has the form of one

// A slow client sends a hook piece by piece.
type slow struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// dial connects, and sends the headers of a hook with a body of some bytes.
func dial(t testing.TB, server *httptest.Server, length int, headers ...string) *slow {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &slow{t, conn, bufio.NewReader(conn)}
	s.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n\r\n", length, strings.Join(headers, "\r\n")))
	return s
}

func (s *slow) send(text string) {
	s.t.Helper()
	if _, err := s.conn.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// awaited waits until the server reads the body, of which it tells who asks it to.
func (s *slow) awaited() {
	s.t.Helper()
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := s.in.ReadString('\n'); line != want {
			s.t.Fatalf("%q %v", line, err)
		}
	}
}

// answer waits for the answer.
func (s *slow) answer() int {
	s.t.Helper()
	resp, err := http.ReadResponse(s.in, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestUnsigned has hooks that are refused for their headers, though most of their bodies doesn't come.
func TestUnsigned(t *testing.T) {
	server := httptest.NewServer(push.Handler(secretsOf(secret), new(taker).do))
	t.Cleanup(server.Close) // after the connections
	for name, tt := range map[string]struct {
		headers []string
		want    int
	}{
		"GitHub":                     {[]string{"X-GitHub-Event: push"}, 401},
		"GitHub, short":              {[]string{"X-GitHub-Event: push", "X-Hub-Signature-256: sha256=00"}, 401},
		"GitHub, SHA-1":              {[]string{"X-GitHub-Event: push", "X-Hub-Signature: sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"}, 401},
		"Gitea":                      {[]string{"X-Gitea-Event: push"}, 401},
		"Gitea with GitHub's":        {[]string{"X-Gitea-Event: push", "X-Hub-Signature-256: " + noSignature}, 401},
		"Forgejo":                    {[]string{"X-Forgejo-Event: push"}, 401},
		"GitLab":                     {[]string{"X-Gitlab-Event: Push Hook"}, 401},
		"GitLab, another token":      {[]string{"X-Gitlab-Event: Push Hook", "X-Gitlab-Token: x"}, 401},
		"GitLab, signature alone":    {[]string{"X-Gitlab-Event: Push Hook", "webhook-signature: v1,AAAA"}, 401},
		"GitLab, signed long ago":    {[]string{"X-Gitlab-Event: Push Hook", "webhook-id: x", "webhook-timestamp: 1", "webhook-signature: v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, 401},
		"nobody":                     {nil, 400},
		"GitHub, longer than it may": {[]string{"X-GitHub-Event: push", "X-Hub-Signature-256: " + noSignature}, 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			length := 1000
			if tt.want == 413 {
				length = 25<<20 + 1
			}
			s := dial(t, server, length, append(tt.headers, "X: y")...)
			s.send("{")
			if got := s.answer(); got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
			io.Copy(io.Discard, s.in) // until the server closes the connection
		})
	}
}

// TestSlow has as many hooks as there are places, of which but a byte comes. One that is sent as hosts do gets in at the cost of
// the first of them.
func TestSlow(t *testing.T) {
	k := new(taker)
	server := httptest.NewServer(push.Handler(secretsOf(secret), k.do))
	t.Cleanup(server.Close) // after the connections
	var all []*slow
	for range 256 {
		s := dial(t, server, 1000, "X-GitHub-Event: push", "X-Hub-Signature-256: "+noSignature, "Expect: 100-continue")
		s.awaited()
		s.send("{")
		all = append(all, s)
	}
	h := gitHubHook(t, "push", `{"ref": "refs/tags/v1.0.0", `+gitHubRepository+"}")
	for range 3 {
		if resp := post(t, server.URL, h); resp.StatusCode != 202 {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
	if got := all[0].answer(); got != 503 {
		t.Errorf("the slowest: status %d, want 503", got)
	}
	if len(k.got) != 3 {
		t.Errorf("%d pushes", len(k.got))
	}
}

// TestSlowLarge has large hooks that stop in the middle, more than there are places: others need not wait long.
func TestSlowLarge(t *testing.T) {
	k := new(taker)
	server := httptest.NewServer(push.Handler(secretsOf(secret), k.do))
	t.Cleanup(server.Close) // after the connections
	answers := make(chan int, 8)
	for range cap(answers) {
		s := dial(t, server, 20<<20, "X-GitHub-Event: push", "X-Hub-Signature-256: "+noSignature)
		s.send(strings.Repeat(" ", 512<<10))
		go func() {
			resp, err := http.ReadResponse(s.in, nil)
			if err != nil {
				t.Error(err)
				answers <- 0
				return
			}
			resp.Body.Close()
			answers <- resp.StatusCode
		}()
	}
	body := fmt.Sprintf(`{"ref": "refs/tags/v1.0.0", %s, "x": "%s"}`, gitHubRepository, strings.Repeat("x", 3<<20))
	if resp := post(t, server.URL, gitHubHook(t, "push", body)); resp.StatusCode != 202 {
		t.Errorf("status %d", resp.StatusCode)
	}
	for range cap(answers) {
		if got := <-answers; got != 400 {
			t.Errorf("one that is too slow: status %d", got)
		}
	}
}
