package git

import (
	"context"
	"sync/atomic"
)

// A Meter counts what is asked of hosts, and how many bytes they send. A repository on this machine counts as a host.
type Meter struct{ requests, bytes atomic.Int64 }

type meterKey struct{}

// WithMeter gives a context whose requests a meter counts.
func WithMeter(ctx context.Context, m *Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// IsMetered reports whether a meter counts the requests of a context.
func IsMetered(ctx context.Context) bool { return meterOf(ctx) != &uncounted }

// uncounted is the meter of a context that has none.
var uncounted Meter

func meterOf(ctx context.Context) *Meter {
	if m, ok := ctx.Value(meterKey{}).(*Meter); ok {
		return m
	}
	return &uncounted
}

// Count gives the numbers so far.
func (m *Meter) Count() (requests int, bytes int64) { return int(m.requests.Load()), m.bytes.Load() }
