package git

import (
	"context"
	"errors"
	"io"
	"time"
)

// A transport carries the stateless form of the protocol: each command is a request with one answer.
type transport interface {
	// advertise asks what the server can do, at best in the newest protocol version.
	advertise(ctx context.Context) (io.ReadCloser, error)
	// command sends one request of a protocol version.
	command(ctx context.Context, version int, request []byte) (io.ReadCloser, error)
	// moved says where commands go: to the repository's own address with a suffix, which may be empty, or elsewhere.
	moved() (suffix string, own bool)
}

var errStalled = errors.New("no byte came from the host in time")

// A stallGuard ends an exchange in which nothing has come for a while. It is made before the exchange, with the
// context for it, and wraps the body after. Only waiting for the host counts, not what is done with the bytes.
type stallGuard struct {
	caller context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
	body   io.ReadCloser
	meter  *Meter
}

func newStallGuard(ctx context.Context, stall time.Duration) *stallGuard {
	g := &stallGuard{caller: ctx, stall: stall, meter: meterOf(ctx)}
	g.meter.requests.Add(1)
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.timer = time.AfterFunc(stall, func() { g.cancel(errStalled) })
	return g
}

// answered gives the guard the body, whose first byte may take as long again.
func (g *stallGuard) answered(body io.ReadCloser) {
	g.timer.Stop()
	g.body = body
}

// Read implements [io.Reader] on the body.
func (g *stallGuard) Read(p []byte) (int, error) {
	g.timer.Reset(g.stall)
	n, err := g.body.Read(p)
	g.timer.Stop()
	g.meter.bytes.Add(int64(n))
	if err != nil && err != io.EOF {
		err = g.explain(err, Broken)
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

// explain says why an exchange failed: because the host said nothing, because the caller left, or otherwise. A caller
// who left, or gave it no more time, gets his own context's error.
func (g *stallGuard) explain(err error, otherwise Kind) error {
	if context.Cause(g.ctx) == errStalled {
		return failf(Timeout, "%w (%v)", errStalled, g.stall)
	}
	if g.caller.Err() != nil {
		return g.caller.Err()
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var t interface{ Timeout() bool }
	if errors.As(err, &t) && t.Timeout() {
		return failf(Timeout, "%w", err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return failf(Broken, "the connection ended in the middle of an answer")
	}
	return failf(otherwise, "%w", err)
}
