// Fetchtest has handlers that do what handlers may do, good and bad, for the tests of package fetch.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"example.com/vanity"
	"example.com/vanity/examples/worker/internal/fetch"
)

var (
	mu    sync.Mutex
	gates = make(map[string]chan struct{})
	notes = make(map[string]chan string)
	given int // bytes that /pressure has written
)

// of gives the value of a key, and makes it if there is none.
func of[T any](m map[string]chan T, key string, n int) chan T {
	mu.Lock()
	defer mu.Unlock()
	if m[key] == nil {
		m[key] = make(chan T, n)
	}
	return m[key]
}

func main() {
	host := fetch.NewHost()
	mux := http.NewServeMux()
	mux.HandleFunc("/request", request)
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Link"] = []string{"<a>; rel=x", "<b>; rel=y"}
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2; Path=/"}
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		w.Header().Set("X-Late", "yes")
		fmt.Fprint(w, "<html>short and stout")
	})
	mux.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/no-content", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := fmt.Fprint(w, "none"); err != http.ErrBodyNotAllowed {
			panic(err)
		}
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("of the test") })
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/bad-header", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X Y", "z") })
	mux.HandleFunc("/late", func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 200_000))
		panic("in the middle")
	})
	mux.HandleFunc("/sized/{length}/{bytes}", sized)
	mux.HandleFunc("/flush", flush)
	mux.HandleFunc("/open/{gate}", func(w http.ResponseWriter, r *http.Request) { close(of(gates, r.PathValue("gate"), 0)) })
	mux.HandleFunc("/note/{name}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, <-of(notes, r.PathValue("name"), 1)) })
	mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		of(notes, "waits", 1) <- "yes"
		<-r.Context().Done()
		of(notes, "wait", 1) <- fmt.Sprint(r.Context().Err())
	})
	mux.HandleFunc("/endless", endless)
	mux.HandleFunc("/pressure", pressure)
	mux.HandleFunc("/given", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, given) })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/goroutine", func(w http.ResponseWriter, r *http.Request) {
		go panic("in a goroutine")
		<-r.Context().Done()
	})
	mux.Handle("/local/", vanity.Goproxy("/local", vanity.Config{URL: "/srv/m.git", Module: "x.test/m"}))
	host.Serve(mux)
}

func request(w http.ResponseWriter, r *http.Request) {
	json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "host": r.Host, "uri": r.RequestURI, "path": r.URL.Path, "escaped": r.URL.EscapedPath(),
		"query": r.URL.RawQuery, "length": r.ContentLength, "header": r.Header["X-Test"],
	})
}

// echo gives back each piece of the body as it comes.
func echo(w http.ResponseWriter, r *http.Request) {
	buf := make([]byte, 100_000)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			w.Write(buf[:n])
			w.(http.Flusher).Flush()
		}
		if err != nil {
			if err != io.EOF {
				of(notes, "echo", 1) <- err.Error()
				panic(http.ErrAbortHandler)
			}
			return
		}
	}
}

// sized writes so many bytes, and says another number.
func sized(w http.ResponseWriter, r *http.Request) {
	var n int
	fmt.Sscan(r.PathValue("bytes"), &n)
	w.Header().Set("Content-Length", r.PathValue("length"))
	_, err := w.Write(bytes.Repeat([]byte("x"), n))
	of(notes, "sized", 100) <- fmt.Sprint(err)
}

// flush writes the second half when it is told to.
func flush(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, "first ")
	w.(http.Flusher).Flush()
	<-of(gates, "flush", 0)
	fmt.Fprint(w, "second")
}

// endless writes until nobody reads any more.
func endless(w http.ResponseWriter, r *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 10_000)); err != nil {
			<-r.Context().Done()
			of(notes, "endless", 1) <- "ended"
			return
		}
	}
}

const pressed = 64 << 20

// pressure writes more than there is room for between it and a client that doesn't read.
func pressure(w http.ResponseWriter, r *http.Request) {
	piece := []byte(strings.Repeat("x", 1<<20))
	for given = 0; given < pressed; given += len(piece) {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}
