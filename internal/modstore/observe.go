package modstore

import (
	"context"
	"time"

	"example.com/vanity/internal/git"
)

// A Fetch is what one answer has cost the host of a repository.
type Fetch struct {
	Module   *Module
	Requests int
	Bytes    int64 // that the host sent
	Duration time.Duration
	Err      error
}

// Where a Content comes from.
const (
	FromMemory = "memory"
	FromStore  = "store"
	FromHost   = "host"
	FromBefore = "stale" // from when it was made last: the host gives nothing newer, or not yet
)

// measured gives the context for making an answer, and what tells Observe of it at the end.
func (s *Store) measured(ctx context.Context, m *Module) (context.Context, func(error)) {
	if s.Observe == nil {
		return ctx, func(error) {}
	}
	began, meter := time.Now(), new(git.Meter)
	return git.WithMeter(ctx, meter), func(err error) {
		if n, size := meter.Count(); n > 0 {
			s.Observe(ctx, Fetch{m, n, size, time.Since(began), err})
		}
	}
}
