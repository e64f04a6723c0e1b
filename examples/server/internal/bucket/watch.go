package bucket

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// limits are how long a service may say nothing.
type limits struct {
	begin  time.Duration // before an answer begins
	silent time.Duration // between bytes of one
	write  time.Duration // while it takes a content, and commits it; some do so without a word
	abort  time.Duration // until it has aborted an upload
	pause  time.Duration // how long it is not asked again then, so that an answer that needs much of it fails soon
}

var limit atomic.Pointer[limits] // which tests change

func init() {
	limit.Store(&limits{begin: 10 * time.Second, silent: 30 * time.Second, write: 60 * time.Second, abort: 10 * time.Second, pause: 5 * time.Second})
}

// A silentError says that a service was given up.
type silentError struct{ limit time.Duration }

func (e *silentError) Error() string {
	return fmt.Sprintf("it has said nothing for %v", e.limit)
}

// A watch cancels a context when nothing has happened for some time. It is safe for concurrent use.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer

	mu    sync.Mutex
	limit time.Duration // zero while nobody waits
	due   time.Time     // when it is over; the timer may come sooner
}

type watchKey struct{}

// watched gives a context that ends when nobody has called touch for as long as limit, or by end.
func watched(ctx context.Context, limit time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{cancel: cancel, limit: limit, due: time.Now().Add(limit)}
	w.timer = time.AfterFunc(limit, w.expire)
	return context.WithValue(ctx, watchKey{}, w), w
}

func (w *watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limit == 0 {
		return
	}
	if left := time.Until(w.due); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.cancel(&silentError{w.limit})
}

// touch says that something has happened.
func (w *watch) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Now().Add(w.limit)
}

// wait begins to wait, for as long as limit; zero stops waiting.
func (w *watch) wait(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit, w.due = limit, time.Now().Add(limit)
	if limit > 0 {
		w.timer.Reset(limit)
	} else {
		w.timer.Stop()
	}
}

// end ends the context. It may be called again.
func (w *watch) end() {
	w.wait(0)
	w.cancel(nil)
}

// A watchedTransport touches the watch of a request's context whenever a byte goes either way, so that a large part on a
// slow line is no silence.
type watchedTransport struct{ base *http.Transport }

func (t *watchedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w, ok := r.Context().Value(watchKey{}).(*watch)
	if !ok {
		return t.base.RoundTrip(r)
	}
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(r.Context())
		r.Body = touching{r.Body, w}
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.touch()
	resp.Body = touching{resp.Body, w}
	return resp, nil
}

type touching struct {
	io.ReadCloser
	w *watch
}

func (t touching) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if n > 0 {
		t.w.touch()
	}
	return n, err
}

func (t *watchedTransport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// newTransport makes the way to a service.
func newTransport() *watchedTransport {
	t := new(http.Transport)
	if usual, ok := http.DefaultTransport.(*http.Transport); ok {
		t = usual.Clone()
	}
	t.MaxIdleConnsPerHost = 64 // all of them are one host's
	return &watchedTransport{t}
}
