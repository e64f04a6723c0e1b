package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/vanity/examples/server/internal/local"
	"example.com/vanity/internal/reply"
)

const (
	tries     = 6                // of a request that a host has no time for
	downTries = 3                // of one that doesn't reach the host
	backOff   = time.Second      // after the first of them; doubled after each
	longest   = 15 * time.Minute // that a host is waited for
	downAfter = 3                // requests that failed so, one after the other, and the host is given up
)

// ErrGivenUp says that a git host was not asked, having failed before.
var ErrGivenUp = errors.New("not tried: its git host is down, or has no time")

// hosts are the git hosts as they were found.
type hosts struct {
	mu sync.Mutex
	m  map[string]*hostState
}

type hostState struct {
	until time.Time // before which it wants no request
	down  int       // requests in a row that came to nothing
}

func (h *hosts) with(name string, f func(*hostState)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil {
		h.m = make(map[string]*hostState)
	}
	if h.m[name] == nil {
		h.m[name] = new(hostState)
	}
	f(h.m[name])
}

// pass waits until a host may be asked.
func (h *hosts) pass(ctx context.Context, name string) error {
	for {
		var state hostState
		h.with(name, func(s *hostState) { state = *s })
		if state.down >= downAfter {
			return ErrGivenUp
		}
		d := time.Until(state.until)
		if d <= 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// patiently asks until there is an answer that lasts.
func (s *Server) patiently(ctx context.Context, m Module, file string, ask func(path string) (local.Response, error)) (local.Response, error) {
	path, err := m.path(file)
	if err != nil {
		return local.Response{}, err
	}
	for n := 1; ; n++ {
		if err := s.waiting.pass(ctx, m.GitHost); err != nil {
			return local.Response{}, err
		}
		resp, err := ask(path)
		if err != nil {
			return resp, err
		}
		wait, again := judge(resp, n)
		if !again {
			s.note(m.GitHost, isDown(resp) || isBusy(resp))
			if resp.OK() {
				return resp, nil
			}
			return resp, &StatusError{resp.Status, resp.Text}
		}
		if wait > longest {
			return resp, fmt.Errorf("%s: that is too long to wait", resp.Text)
		}
		s.waiting.with(m.GitHost, func(h *hostState) {
			if until := time.Now().Add(wait); until.After(h.until) {
				h.until = until
			}
		})
	}
}

// note remembers whether a host was reached.
func (s *Server) note(host string, down bool) {
	s.waiting.with(host, func(h *hostState) {
		if h.down++; !down {
			h.down = 0
		}
	})
}

// judge says whether to ask once more after the nth time, and how long to wait before.
func judge(resp local.Response, n int) (wait time.Duration, again bool) {
	wait = backOff << (n - 1)
	switch {
	case isBusy(resp):
		if d, ok := retryAfter(resp.Header); ok {
			wait = max(wait, d)
		}
		return wait, n < tries
	case isDown(resp):
		return wait, n < downTries
	}
	return 0, false
}

// isBusy reports whether an answer says to come back later.
func isBusy(resp local.Response) bool {
	return resp.Status == http.StatusTooManyRequests || resp.Status == http.StatusServiceUnavailable
}

// isDown reports whether an answer says that the git host doesn't answer.
func isDown(resp local.Response) bool {
	return resp.Status == http.StatusGatewayTimeout || resp.Status == http.StatusBadGateway && strings.Contains(resp.Text, reply.Unreachable)
}

func retryAfter(h http.Header) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil {
		return time.Until(t), true
	}
	return 0, false
}
