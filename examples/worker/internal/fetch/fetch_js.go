// Package fetch serves an [http.Handler] where requests come by the fetch API: see exchange.mjs for the other half.
package fetch

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall/js"
)

// A Host is the platform as exchange.mjs gives it to the program.
type Host struct{ v js.Value }

// NewHost must be called before the program waits for anything: another may be started then.
func NewHost() Host { return Host{js.Global().Get("goHost")} }

// Vars gives the variables and secrets of the Worker.
func (h Host) Vars() map[string]string {
	vars := make(map[string]string)
	entries := js.Global().Get("Object").Call("entries", h.v.Get("env"))
	for i := range entries.Length() {
		if entry := entries.Index(i); entry.Index(1).Type() == js.TypeString {
			vars[entry.Index(0).String()] = entry.Index(1).String()
		}
	}
	return vars
}

// SQL is the object's database (SqlStorage).
func (h Host) SQL() js.Value { return h.v.Get("sql") }

// Serve answers requests by handler from now on, each in a goroutine of its own. It does not return.
func (h Host) Serve(handler http.Handler) {
	h.v.Set("serve", js.FuncOf(func(_ js.Value, args []js.Value) any {
		go answer(handler, args[0])
		return nil
	}))
	select {}
}

// answer does for one exchange what net/http's server does for one request: its context ends with it, or when the client
// goes away, and a panic ends the answer, and not the program.
func answer(handler http.Handler, exchange js.Value) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	gone := js.FuncOf(func(js.Value, []js.Value) any {
		cancel()
		return nil
	})
	exchange.Set("gone", gone)
	defer func() {
		exchange.Set("gone", nil)
		gone.Release()
	}()
	w := &responseWriter{ctx: ctx, exchange: exchange, isHead: exchange.Get("method").String() == http.MethodHead, header: make(http.Header)}
	defer w.end()
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				slog.Error("a handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
			w.fail("the handler panicked")
		}
	}()
	r, err := newRequest(ctx, exchange)
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	defer r.Body.Close() // what the handler has left of it nobody reads
	handler.ServeHTTP(w, r)
}

func newRequest(ctx context.Context, exchange js.Value) (*http.Request, error) {
	whole, err := url.Parse(exchange.Get("url").String())
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: exchange.Get("method").String(), Host: whole.Host, RequestURI: whole.RequestURI(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody,
	}
	if r.URL, err = url.ParseRequestURI(r.RequestURI); err != nil {
		return nil, err
	}
	headers := exchange.Get("headers")
	for i := 0; i < headers.Length(); i += 2 {
		r.Header.Add(headers.Index(i).String(), headers.Index(i+1).String())
	}
	r.Header.Del("Host")
	if body := exchange.Get("body"); !body.IsNull() && !body.IsUndefined() {
		r.Body = &requestBody{ctx: ctx, reader: body.Call("getReader")}
		r.ContentLength = -1
		if n, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
			r.ContentLength = n
		}
	}
	return r.WithContext(ctx), nil
}

// A requestBody reads a ReadableStream, a piece at a time.
type requestBody struct {
	ctx    context.Context
	reader js.Value
	rest   []byte
	err    error
}

func (b *requestBody) Read(p []byte) (int, error) {
	for len(b.rest) == 0 && b.err == nil {
		b.next()
	}
	if len(b.rest) == 0 {
		return 0, b.err
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *requestBody) next() {
	result, err := await(b.ctx, b.reader.Call("read"))
	switch {
	case err != nil:
		b.err = err
	case result.Get("done").Bool():
		b.err = io.EOF
	default:
		b.rest = make([]byte, result.Get("value").Get("byteLength").Int())
		js.CopyBytesToGo(b.rest, result.Get("value"))
	}
}

// Close lets go of the stream.
func (b *requestBody) Close() error {
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
		forget(b.reader.Call("cancel"))
	}
	b.rest = nil
	return nil
}

// await waits for a promise, or for the end of a context.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	type result struct {
		value js.Value
		err   error
	}
	settled := make(chan result, 1)
	var kept, broken js.Func
	release := func() {
		kept.Release()
		broken.Release()
	}
	kept = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		settled <- result{value: args[0]}
		return nil
	})
	broken = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		settled <- result{err: reason(args[0])}
		return nil
	})
	promise.Call("then", kept, broken)
	select {
	case r := <-settled:
		return r.value, r.err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}

// forget lets a promise be broken without anybody being told.
func forget(promise js.Value) { promise.Call("catch", js.Global().Get("Function").New()) }

// reason makes an error of what a promise was broken with, or what was thrown.
func reason(v js.Value) error {
	if v.Type() != js.TypeObject {
		return fmt.Errorf("%s", v.String())
	}
	return fmt.Errorf("%s", strings.TrimSpace(v.Call("toString").String()))
}
