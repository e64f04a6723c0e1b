package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"testing"
)

// TestStreams has an answer that comes in pieces, a client that goes, and an answer that is given up.
func TestStreams(t *testing.T) {
	t.Parallel()
	for name, b := range builds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goOn, gone := make(chan struct{}), make(chan struct{})
			at := start(t, b.root(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/pieces":
					io.WriteString(w, "first\n")
					if err := http.NewResponseController(w).Flush(); err != nil {
						t.Error(err)
					}
					<-goOn
					io.WriteString(w, "second\n")
				case "/goes":
					http.NewResponseController(w).Flush()
					<-r.Context().Done()
					close(gone)
				case "/given-up":
					w.Header().Set("Content-Length", "10")
					io.WriteString(w, "first\n")
					http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
			})))
			get := func(path string) *http.Response {
				resp, err := http.Get(at + path)
				if err != nil {
					t.Fatal(err)
				}
				return resp
			}
			resp := get("/pieces")
			defer resp.Body.Close()
			body := bufio.NewReader(resp.Body)
			if line, err := body.ReadString('\n'); line != "first\n" {
				t.Errorf("%q, %v", line, err)
			}
			close(goOn)
			if rest, err := io.ReadAll(body); string(rest) != "second\n" || err != nil {
				t.Errorf("%q, %v", rest, err)
			}
			if name == "fiber" {
				return // which doesn't know; see TestFiberFaults
			}
			get("/goes").Body.Close()
			<-gone
			resp = get("/given-up")
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
