// Package local asks a handler of this process what a client would ask its server, without a network between them. What is
// answered streams to whoever wants it: a zip of 500 MB is never in memory.
package local

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A Response is what a request came to.
type Response struct {
	Status int
	Header http.Header
	Bytes  int64  // that went to the sink; for HEAD those that GET would give, if the handler says so
	Text   string // of any other status than 200: what the body says, without line breaks, 4 KiB of it at most
}

// OK reports whether the status is 200.
func (r Response) OK() bool { return r.Status == http.StatusOK }

// Get asks h for a path, which may have a query, as a client of a host does. A body of status 200 goes to sink. The error is
// ctx's, that of sink, or says that the handler broke off; what went to the sink is of no use then. A status is no error.
func Get(ctx context.Context, h http.Handler, host, path string, header http.Header, sink io.Writer) (Response, error) {
	return do(ctx, h, http.MethodGet, host, path, header, sink)
}

// Head is Get without the body.
func Head(ctx context.Context, h http.Handler, host, path string, header http.Header) (Response, error) {
	return do(ctx, h, http.MethodHead, host, path, header, io.Discard)
}

func do(ctx context.Context, h http.Handler, method, host, path string, header http.Header, sink io.Writer) (Response, error) {
	u, err := url.ParseRequestURI(path)
	if err != nil || u.Host != "" || !strings.HasPrefix(path, "/") {
		return Response{}, fmt.Errorf("%q is no path of a request", path)
	}
	r := (&http.Request{
		Method: method, URL: u, RequestURI: u.RequestURI(), Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header.Clone(), Body: http.NoBody, RemoteAddr: "127.0.0.1:0",
	}).WithContext(ctx)
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	w := &recorder{ctx: ctx, header: make(http.Header), sink: sink}
	broke := run(h, w, r)
	w.WriteHeader(http.StatusOK) // unless there is a status
	resp := Response{Status: w.status, Header: w.sent, Bytes: w.n, Text: oneLine(w.text)}
	length, lengthErr := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64)
	switch {
	case w.err != nil: // the handler, too, may have stopped for this
		return resp, w.err
	case ctx.Err() != nil:
		return resp, ctx.Err()
	case broke != nil:
		return resp, broke
	case method == http.MethodHead && resp.OK() && lengthErr == nil:
		resp.Bytes = length
	case method == http.MethodGet && resp.OK() && lengthErr == nil && w.n != length:
		return resp, fmt.Errorf("the answer has %d bytes instead of %d: %w", w.n, length, io.ErrUnexpectedEOF)
	}
	return resp, nil
}

// run runs a handler, and says how it broke off, if it did.
func run(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			err = io.ErrUnexpectedEOF
		default:
			err = fmt.Errorf("the server panicked: %v", v)
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// maxText bounds what is kept of an answer that is not the file.
const maxText = 4 << 10

// A recorder is the server's side of an answer.
type recorder struct {
	ctx    context.Context
	header http.Header
	sent   http.Header // as it was when the status was written
	status int
	sink   io.Writer
	n      int64
	err    error // of the sink, or of ctx
	text   []byte
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status != http.StatusOK {
		w.text = append(w.text, p[:min(len(p), maxText-len(w.text))]...)
		return len(p), nil
	}
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.sink.Write(p)
	w.n += int64(n)
	w.err = err
	return n, err
}

// Flush is for handlers that insist.
func (w *recorder) Flush() {}

func oneLine(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }
