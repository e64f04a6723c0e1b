package fetch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"syscall/js"
)

// piece is how many bytes are given to the platform at a time. An answer that has no more is given as a whole.
const piece = 64 << 10

// A responseWriter is net/http's for one exchange. An answer begins when there is a piece of it, or all; a Write waits
// until the client has taken what was written before.
type responseWriter struct {
	ctx      context.Context // ends when the client goes away
	exchange js.Value
	isHead   bool
	header   http.Header

	status int         // zero until WriteHeader
	sent   http.Header // as it was then
	length int64       // of the body, as the header says it; negative if it doesn't

	buf     []byte // what was not given away yet
	written int64
	begun   bool // the client has the header
	err     error
}

func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter]. Statuses before the last one (1xx) can't be sent.
func (w *responseWriter) WriteHeader(status int) {
	if w.status != 0 || status >= 100 && status < 200 {
		return
	}
	w.status, w.sent, w.length = status, maps.Clone(w.header), -1
	if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		w.length = n
	}
}

func (w *responseWriter) mayHaveBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusResetContent && w.status != http.StatusNotModified
}

// Write implements [http.ResponseWriter].
func (w *responseWriter) Write(p []byte) (n int, err error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case !w.mayHaveBody():
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	}
	for n < len(p) && w.err == nil {
		k := min(piece-len(w.buf), len(p)-n)
		if !w.isHead {
			w.buf = append(w.buf, p[n:n+k]...)
		}
		n += k
		w.written += int64(k)
		if len(w.buf) == piece && w.written != w.length {
			w.give()
		}
	}
	return n, w.err
}

// Flush implements [http.Flusher].
func (w *responseWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	if w.mayHaveBody() && !w.isHead && w.err == nil {
		w.give()
	}
}

// give begins the answer, and waits until the client has taken what there is of it.
func (w *responseWriter) give() {
	if w.err = w.ctx.Err(); w.err != nil {
		return
	}
	if !w.begun {
		w.detectType()
		if w.err = w.call("begin", w.status, w.headers(), w.length); w.err != nil {
			return
		}
		w.begun = true
	}
	if len(w.buf) > 0 {
		_, w.err = await(w.ctx, w.exchange.Call("write", bytesOf(w.buf)))
		w.buf = w.buf[:0]
	}
}

// end ends the answer.
func (w *responseWriter) end() {
	w.WriteHeader(http.StatusOK)
	if w.length >= 0 && w.written < w.length && w.mayHaveBody() && !w.isHead {
		w.fail("the handler wrote less than it said")
	}
	switch {
	case w.err != nil:
	case w.begun:
		if len(w.buf) > 0 {
			w.give()
		}
		if w.err == nil {
			_, w.err = await(w.ctx, w.exchange.Call("close"))
		}
	case w.isHead || !w.mayHaveBody():
		w.err = w.call("whole", w.status, w.headers(), js.Null())
	default:
		w.detectType()
		w.err = w.call("whole", w.status, w.headers(), bytesOf(w.buf))
	}
	if w.err != nil {
		w.fail(w.err.Error())
	}
}

// fail lets the client see that the answer is not whole, or that there is none.
func (w *responseWriter) fail(why string) {
	if w.err == nil {
		w.err = fmt.Errorf("%s", why)
	}
	if w.begun {
		w.buf = nil
		forget(w.exchange.Call("abort", why))
		return
	}
	headers := []any{"Content-Type", "text/plain; charset=utf-8", "Cache-Control", "no-store"}
	if err := w.call("whole", http.StatusInternalServerError, headers, bytesOf([]byte("internal server error\n"))); err != nil {
		slog.Error("an answer could not be given", "err", err)
	}
}

func (w *responseWriter) detectType() {
	if w.sent["Content-Type"] == nil && w.sent["Content-Encoding"] == nil && len(w.buf) > 0 {
		w.sent.Set("Content-Type", http.DetectContentType(w.buf))
	}
}

// headers are pairs of names and values.
func (w *responseWriter) headers() (pairs []any) {
	for name, values := range w.sent {
		for _, value := range values {
			pairs = append(pairs, name, value)
		}
	}
	return pairs
}

// call calls a method of the exchange; what it throws, of a header that is none say, is the error.
func (w *responseWriter) call(method string, args ...any) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			err = reason(p.Value)
		default:
			panic(p)
		}
	}()
	w.exchange.Call(method, args...)
	return nil
}

func bytesOf(b []byte) js.Value {
	array := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}
