package main_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func startFetch(t *testing.T) *worker { return start(t, setup{Program: "internal/fetch/fetchtest"}) }

func TestFetchRequest(t *testing.T) {
	w := startFetch(t)
	host := strings.TrimPrefix(w.URL, "http://")
	for path, want := range map[string]string{
		"/request":                       `"escaped":"/request","header":["a, b"],"host":"HOST","length":0,"method":"GET","path":"/request","query":"","uri":"/request"`,
		"/request?a=%2F;b=%zz&c":         `"escaped":"/request","header":["a, b"],"host":"HOST","length":0,"method":"GET","path":"/request","query":"a=%2F;b=%zz\u0026c","uri":"/request?a=%2F;b=%zz\u0026c"`,
		"/%72equest":                     `"escaped":"/%72equest","header":["a, b"],"host":"HOST","length":0,"method":"GET","path":"/request","query":"","uri":"/%72equest"`,
		"/request?%C3%BC=" + "%E2%82%AC": `"escaped":"/request","header":["a, b"],"host":"HOST","length":0,"method":"GET","path":"/request","query":"%C3%BC=%E2%82%AC","uri":"/request?%C3%BC=%E2%82%AC"`,
	} {
		got := ask(t, http.MethodGet, w.URL+path, "X-Test", "a", "X-Test", "b")
		if want := "{" + strings.ReplaceAll(want, "HOST", host) + "}\n"; got.Body != want {
			t.Errorf("%s:\n got %swant %s", path, got.Body, want)
		}
	}
}

func TestFetchAnswers(t *testing.T) {
	w := startFetch(t)
	got := ask(t, http.MethodGet, w.URL+"/headers")
	want := http.Header{"Link": {"<a>; rel=x, <b>; rel=y"}, "Set-Cookie": {"a=1", "b=2; Path=/"}, "Content-Type": {"text/html; charset=utf-8"}, "Content-Length": {"21"}}
	if diff := cmp.Diff(want, got.Header); diff != "" || got.Status != http.StatusTeapot {
		t.Errorf("headers, status %d (-want +got):\n%s", got.Status, diff)
	}
	for path, want := range map[string]answer{
		"/nothing":      {Status: 200},
		"/no-content":   {Status: 204},
		"/panic":        {Status: 500, Body: "internal server error\n"},
		"/abort":        {Status: 500, Body: "internal server error\n"},
		"/bad-header":   {Status: 500, Body: "internal server error\n"},
		"/sized/5/5":    {Status: 200, Body: "xxxxx"},
		"/sized/9/5":    {Status: 500, Body: "internal server error\n"},
		"/sized/5/9":    {Status: 500, Body: "internal server error\n"},
		"/sized/-1/5":   {Status: 200, Body: "xxxxx"},
		"/elsewhere":    {Status: 404, Body: "404 page not found\n"},
		"/request/../x": {Status: 404, Body: "404 page not found\n"},
	} {
		got := ask(t, http.MethodGet, w.URL+path)
		if got.Header = nil; !cmp.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	for size, whole := range map[int]bool{1 << 16: true, 1<<16 + 1: true, 1_000_000: true, 999_999: false} {
		resp, err := http.Get(w.URL + "/sized/" + strconv.Itoa(max(size, 1_000_000*b2i(!whole))) + "/" + strconv.Itoa(size))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if whole && (err != nil || n != int64(size) || resp.ContentLength != n) || !whole && err == nil {
			t.Errorf("%d bytes: got %d, %v, Content-Length %d", size, n, err, resp.ContentLength)
		}
	}
	if resp, err := http.Get(w.URL + "/late"); err != nil {
		t.Error(err)
	} else if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("a panic in the middle: %d bytes, which look whole", n)
	}
	for _, want := range []string{"of the test", "in the middle"} {
		w.log.wait(t, want)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A repository on a disk is one of another machine.
func TestLocal(t *testing.T) {
	w := startFetch(t)
	if got := ask(t, http.MethodGet, w.URL+"/local/x.test/m/@v/list"); got.Status != http.StatusInternalServerError || strings.Contains(got.Body, "/srv") {
		t.Errorf("got %v", got)
	}
	w.log.wait(t, "/srv/m.git is a local repository, which needs a disk and the git program, and here is neither: name it by its https URL")
}

// Bodies go both ways as they come.
func TestFetchStreams(t *testing.T) {
	w := startFetch(t)
	out, in := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/echo", out)
	if err != nil {
		t.Fatal(err)
	}
	sent := sha256.New()
	next := make(chan struct{}, 1)
	go func() {
		random := rand.NewChaCha8([32]byte{1})
		for range 50 {
			io.CopyN(io.MultiWriter(in, sent), random, 30_000)
			<-next // the piece has come back
		}
		in.Close()
	}()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := sha256.New()
	for range 50 {
		if _, err := io.CopyN(got, resp.Body, 30_000); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
	if n, err := io.Copy(got, resp.Body); n > 0 || err != nil || string(got.Sum(nil)) != string(sent.Sum(nil)) {
		t.Errorf("the body that came back is another; at its end %d, %v", n, err)
	}

	resp, err = http.Get(w.URL + "/flush")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if word, err := bufio.NewReader(io.LimitReader(resp.Body, 6)).ReadString(' '); word != "first " || err != nil {
		t.Fatalf("before the handler has ended: %q, %v", word, err)
	}
	ask(t, http.MethodGet, w.URL+"/open/flush")
	if rest, err := io.ReadAll(resp.Body); string(rest) != "second" || err != nil {
		t.Errorf("then: %q, %v", rest, err)
	}
}

// Whoever doesn't read keeps the handler from writing.
func TestFetchPressure(t *testing.T) {
	w := startFetch(t)
	resp, err := http.Get(w.URL + "/pressure")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 1); err != nil {
		t.Fatal(err)
	}
	const pressed = 64 << 20
	if given, _ := strconv.Atoi(ask(t, http.MethodGet, w.URL+"/given").Body); given > pressed/2 {
		t.Errorf("the handler has written %d bytes, and one was read", given)
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != pressed-1 || err != nil {
		t.Errorf("then: %d bytes, %v", n, err)
	}
}

// abrupt is a client that resets a connection when it goes away. Of one that only closes it, workerd learns when it writes; where
// Workers run in earnest, there is something else in front.
func abrupt(t *testing.T) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return conn, conn.(*net.TCPConn).SetLinger(0)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// A client that goes away ends the context of its request, be it before the answer or in the middle of it.
func TestFetchGone(t *testing.T) {
	w := startFetch(t)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := abrupt(t).Do(req)
		done <- err
	}()
	ask(t, http.MethodGet, w.URL+"/note/waits")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := ask(t, http.MethodGet, w.URL+"/note/wait").Body; got != "context canceled" {
		t.Errorf("the handler's context: %s", got)
	}

	resp, err := abrupt(t).Get(w.URL + "/endless")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, 1_000_000); err != nil {
		t.Error(err)
	}
	resp.Body.Close()
	if got := ask(t, http.MethodGet, w.URL+"/note/endless").Body; got != "ended" {
		t.Errorf("the handler that writes: %s", got)
	}
}

// A Go program that ends, by its will or not, is started again for the next request.
func TestFetchEnd(t *testing.T) {
	w := startFetch(t)
	for _, path := range []string{"/exit", "/goroutine"} {
		got := ask(t, http.MethodGet, w.URL+path)
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || !strings.Contains(got.Body, "can't answer now") {
			t.Errorf("%s: %v", path, got)
		}
		if got := ask(t, http.MethodGet, w.URL+"/nothing"); got.Status != http.StatusOK {
			t.Errorf("after %s: %v", path, got)
		}
	}
	w.log.wait(t, "panic: in a goroutine")
}
