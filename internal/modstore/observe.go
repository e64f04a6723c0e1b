package modstore

import (
	"context"
	"errors"
	"time"

	"example.com/vanity/internal/git"
)

// A Fetch is what one answer has cost the host of a repository, or one question that is no answer's (see [Store.Ask]).
type Fetch struct {
	Module   *Module // of whoever came first
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

// measured runs a fetch, and tells Observe what it was, if the host was asked anything. That a host doesn't give out commits by
// themselves is no failure.
func (s *Store) measured(ctx context.Context, m *Module, fetch func(context.Context) error) error {
	if s.Observe == nil {
		return fetch(ctx)
	}
	began, meter := time.Now(), new(git.Meter)
	err := errors.New("the fetch ended without an outcome") // by a panic, if this stays
	defer func() {
		n, size := meter.Count()
		if n == 0 {
			return
		}
		f := Fetch{m, n, size, time.Since(began), err}
		if errors.Is(err, git.ErrCostly) {
			f.Err = nil
		}
		s.Observe(ctx, f)
	}()
	err = fetch(git.WithMeter(ctx, meter))
	return err
}
