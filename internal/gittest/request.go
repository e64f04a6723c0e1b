package gittest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
)

// A Request is one that a [Server] was sent, and how it was answered.
type Request struct {
	Method string
	Host   string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte // without compression
	Length int64  // of the body as it was sent

	Status int   // 0 before there is one
	Bytes  int64 // of the response's body
}

// Command is the command that a request asks for, "ls-refs" or "fetch", which is the only one in protocols v0 and v1;
// "info/refs" for the request before them, "" for any other.
func (r Request) Command() string {
	if len(r.Path) > len(infoRefs) && r.Path[len(r.Path)-len(infoRefs):] == infoRefs {
		return infoRefs[1:]
	}
	if m := commandLine.FindSubmatch(r.Body); m != nil {
		return string(m[1])
	}
	if wantLine.Match(r.Body) {
		return "fetch"
	}
	return ""
}

const infoRefs = "/info/refs"

var (
	commandLine = regexp.MustCompile(`^[0-9a-f]{4}command=([a-z-]+)`)
	wantLine    = regexp.MustCompile(`^[0-9a-f]{4}want `)
)

// Requests returns what the server was sent since the last [Server.Reset], the first one first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
	}
	return all
}

// Bytes is the size of all response bodies since the last [Server.Reset].
func (s *Server) Bytes() (n int64) {
	for _, r := range s.Requests() {
		n += r.Bytes
	}
	return n
}

// Reset forgets the requests.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func newRequest(r *http.Request, raw []byte) *Request {
	return &Request{
		Method: r.Method,
		Host:   r.Host,
		Path:   r.URL.Path,
		Query:  r.URL.Query(),
		Header: r.Header.Clone(),
		Body:   plain(r.Header, raw),
		Length: int64(len(raw)),
	}
}

// plain is a request's body without compression, or as it is if that fails.
func plain(h http.Header, raw []byte) []byte {
	if h.Get("Content-Encoding") != "gzip" {
		return raw
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return raw
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return raw
	}
	return data
}

// setBody gives a request a body that was read before. It is no longer chunked, which CGI can't take.
func setBody(r *http.Request, raw []byte) {
	r.Body = io.NopCloser(bytes.NewReader(raw))
	r.ContentLength = int64(len(raw))
	r.TransferEncoding = nil
}

// A recorder counts a response.
type recorder struct {
	http.ResponseWriter
	mu  *sync.Mutex
	rec *Request
}

func (w *recorder) WriteHeader(status int) {
	w.mu.Lock()
	if w.rec.Status < 200 {
		w.rec.Status = status
	}
	w.mu.Unlock()
	w.ResponseWriter.WriteHeader(status)
}

// Write counts before it sends: who has the bytes may ask for the count.
func (w *recorder) Write(p []byte) (int, error) {
	w.mu.Lock()
	if w.rec.Status < 200 {
		w.rec.Status = http.StatusOK
	}
	w.rec.Bytes += int64(len(p))
	w.mu.Unlock()
	return w.ResponseWriter.Write(p)
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
