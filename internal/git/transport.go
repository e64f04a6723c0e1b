package git

import (
	"context"
	"errors"
	"io"
	"time"
)

// A transport carries the stateless form of the protocol: each command is a request with one answer.
type transport interface {
	// advertise asks what the server can do. The answer is the capability advertisement.
	advertise(ctx context.Context) (io.ReadCloser, error)
	// command sends one request of protocol version 2.
	command(ctx context.Context, request []byte) (io.ReadCloser, error)
}

var errStalled = errors.New("no byte came from the host in time")

// A stallGuard ends an exchange in which nothing has come for a while. It is made before the exchange, with the
// context for it, and wraps the body after.
type stallGuard struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
	body   io.ReadCloser
}

func newStallGuard(ctx context.Context, stall time.Duration) *stallGuard {
	g := &stallGuard{stall: stall}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.timer = time.AfterFunc(stall, func() { g.cancel(errStalled) })
	return g
}

// Read implements [io.Reader] on the body.
func (g *stallGuard) Read(p []byte) (int, error) {
	n, err := g.body.Read(p)
	g.timer.Reset(g.stall)
	if err != nil && err != io.EOF {
		err = g.explain(err)
	}
	return n, err
}

// Close ends the exchange.
func (g *stallGuard) Close() error {
	g.timer.Stop()
	err := g.body.Close()
	g.cancel(nil)
	return err
}

// abandon ends an exchange that has no body.
func (g *stallGuard) abandon() {
	g.timer.Stop()
	g.cancel(nil)
}

// explain says why an exchange failed: because the caller left, because the host said nothing, or otherwise.
func (g *stallGuard) explain(err error) error {
	if context.Cause(g.ctx) == errStalled {
		return failf(Timeout, "%w (%v)", errStalled, g.stall)
	}
	return networkError(g.ctx, err)
}

// networkError sorts a failure of the connection. A caller who left gets his own context's error.
func networkError(ctx context.Context, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var t interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &t) && t.Timeout() {
		return failf(Timeout, "%w", err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return failf(Broken, "the connection ended in the middle of an answer")
	}
	return failf(Unreachable, "%w", err)
}
