package load_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/internal/bench/load"
)

func spec(server *httptest.Server, targets ...string) load.Spec {
	return load.Spec{Address: server.Listener.Addr().String(), Targets: targets, Conns: 4, For: 50 * time.Millisecond}
}

func TestRun(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[string]int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.String()]++
		mu.Unlock()
		io.WriteString(w, strings.Repeat("x", 1000))
	}))
	defer server.Close()
	s := spec(server, "/a?x=1", "/b", "/c", "/d")
	res, err := load.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, target := range s.Targets {
		sum += seen[target]
		if seen[target] == 0 {
			t.Errorf("%s was not asked for", target)
		}
	}
	// What each connection asked last is outside of the time that counts.
	if res.Requests != sum-int64(s.Conns) || len(seen) != len(s.Targets) {
		t.Errorf("counted %d requests, the server %d: %v", res.Requests, sum, seen)
	}
	if res.Bytes != 1000*res.Requests || res.Time < s.For || res.Rate() <= 0 {
		t.Errorf("%d bytes in %d requests and %v", res.Bytes, res.Requests, res.Time)
	}
}

func TestFailures(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/chunked":
			w.(http.Flusher).Flush()
		case "/gone":
			panic(http.ErrAbortHandler)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for path, want := range map[string]string{"/none": "404", "/chunked": "without Content-Length", "/gone": "EOF"} {
		if _, err := load.Run(spec(server, path)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	s := spec(server, "/")
	s.Address = "127.0.0.1:1"
	if _, err := load.Run(s); err == nil {
		t.Error("a server that is none was asked")
	}
}
