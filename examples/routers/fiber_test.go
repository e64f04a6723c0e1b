package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFiberKeeps has a handler that keeps what it was asked. By the adaptor alone all of it would become the last request's.
func TestFiberKeeps(t *testing.T) {
	t.Parallel()
	kept := make(chan *http.Request, 4)
	at := start(t, FiberRoot(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.Context().Err(); err != nil {
			t.Error(err)
		}
		kept <- r
	})))
	<-kept // by which start knows that it is served
	var want, got []string
	for i := range 3 {
		path := fmt.Sprintf("/%d?q=%d", i, i)
		ask(t, at, "GET", path, fmt.Sprintf("Authorization: %d", i), "X-Twice: a", "X-Twice: b")
		want = append(want, fmt.Sprintf("GET %s %s go.acme.dev %d [a b] context canceled", path, path, i))
	}
	for range want {
		r := <-kept
		got = append(got, fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.URL, " ", r.Host, " ", r.Header.Get("Authorization"), " ", r.Header["X-Twice"], " ", r.Context().Err()))
		if !strings.HasPrefix(r.RemoteAddr, "127.0.0.1:") || r.TLS != nil {
			t.Errorf("from %s, %v", r.RemoteAddr, r.TLS)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFiberFaults has handlers that fail in the midst of an answer: none of it is served, and the program goes on.
func TestFiberFaults(t *testing.T) {
	t.Parallel()
	at := start(t, FiberRoot(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		if r.Method != http.MethodHead {
			io.WriteString(w, "12345")
		}
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/panic":
			panic("at the disco")
		case "/whole":
			io.WriteString(w, "67890")
		}
	})))
	for path, want := range map[string]string{
		"/abort": `500 "" net/http handler panicked`,
		"/panic": `500 "" net/http handler panicked`,
		"/short": `500 "" Internal Server Error`,
		"/whole": `200 "public, max-age=31536000, immutable" 1234567890`,
	} {
		got := ask(t, at, "GET", path)
		if text := fmt.Sprintf("%d %q %s", got.Status, got.Header.Get("Cache-Control"), got.Body); text != want {
			t.Errorf("%s: %s; want %s", path, text, want)
		}
	}
	if got := ask(t, at, "HEAD", "/short"); got.Status != 200 || got.Header.Get("Content-Length") != "10" {
		t.Errorf("HEAD: %v", got)
	}
}

// TestFiberUnread has requests that no handler gets: nor does any have a part in the answer, which might be kept.
func TestFiberUnread(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]any{"prefix": Fiber(site), "root": FiberRoot(Root(site))} {
		at := start(t, h)
		for path, status := range map[string]int{"/" + strings.Repeat("x", 20<<10): 431, "/tool%zz": 400} {
			got := ask(t, at, "GET", path)
			if got.Status != status || got.Header.Get("Cache-Control") != "" || got.Header.Get("Etag") != "" {
				t.Errorf("%s: %.10s: %v; want %d", name, path, got, status)
			}
		}
	}
}
