package modstore

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"example.com/vanity/internal/flight"
	"example.com/vanity/internal/modrepo"
)

// living gives an answer that changes: the one that is there while it is fresh. Then one caller makes it anew, while the
// others get the old one; so does he if the host fails.
func (s *Store) living(ctx context.Context, a *answer) (*Content, error) {
	e := s.seen(&a.of, s.old(ctx, a))
	ok := e.content != nil
	if ok {
		defer e.content.release()
	}
	now := time.Now()
	switch {
	case !ok && now.Before(e.retry):
		return nil, e.absence
	case ok && now.Sub(e.made) < s.Fresh:
		return e.content.open(), nil
	case a.of.StoredOnly && !ok:
		return nil, ErrNotStored
	case a.of.StoredOnly, ok && now.Before(e.retry):
		return e.stale(), nil
	}
	call, began := s.flights.Join(ctx, s.flight(a), func(ctx context.Context) (*content, error) { return s.refresh(ctx, a) })
	switch {
	case ok && e.serves && !began:
		call.Leave()
		return e.stale(), nil
	case ok && e.serves && !isPatient(ctx, call):
		call.Detach()
		return e.stale(), nil
	}
	c, err := await(ctx, call, a.stays)
	if err == nil {
		defer c.release()
		return c.open(), nil
	}
	if !ok || modrepo.IsAbsent(err) || ctx.Err() != nil {
		return nil, err
	}
	return e.stale(), nil
}

func (e entry) stale() *Content {
	c := e.content.open()
	c.Stale, c.From = true, FromBefore
	return c
}

// isPatient waits for as long as one should who has an old answer already. Whoever goes before leaves the call to those who
// come: if all had less time than the host needs, there would never be a newer one.
func isPatient(ctx context.Context, call *flight.Call[*content]) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-call.Done():
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// await is call.Wait; if the run stays, whoever leaves it does so by Detach.
func await(ctx context.Context, call *flight.Call[*content], stays bool) (*content, error) {
	select {
	case <-call.Done():
	case <-ctx.Done():
		if stays {
			call.Detach()
			return nil, ctx.Err()
		}
	}
	return call.Wait(ctx)
}

// old gives what is known of an answer that changes, from memory or from the backing: a content, to be released, or an
// absence, or neither. How old a content from the backing is isn't known. If it was found to be gone since, it is only for
// the time when the host fails.
func (s *Store) old(ctx context.Context, a *answer) entry {
	e, known := s.memory.get(a.name)
	if known && (e.content != nil || time.Now().Before(s.seen(&a.of, e).retry)) || s.Backing == nil {
		return e
	}
	c, err := s.flights.Do(ctx, "old "+a.name, func(ctx context.Context) (*content, error) { return s.loadStored(ctx, a) })
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			s.trouble.report(s.Log(), "vanity: a stored file can't be used, and is made anew", err)
		}
		return entry{}
	}
	e = entry{name: a.name, rank: a.rank, content: c, serves: !known}
	s.memory.put(e)
	return e
}

// refresh makes an answer that changes anew.
func (s *Store) refresh(ctx context.Context, a *answer) (*content, error) {
	began := time.Now()
	c, err := s.produce(ctx, a)
	if err != nil {
		s.failed(ctx, a, err, began)
		return nil, err
	}
	ctx, cancel := storing(ctx)
	defer cancel()
	unlock, err := s.lists.lock(ctx, a.name)
	if err != nil {
		c.release()
		return nil, err
	}
	defer unlock()
	all := true
	if a.join != nil {
		if c, all, err = a.join(ctx, c); err != nil {
			return nil, err
		}
	}
	if all && !s.isOutdated(a, began) {
		s.replace(ctx, a, c)
	}
	s.memory.put(entry{name: a.name, rank: a.rank, content: c, made: began, serves: true})
	return c, nil
}

// isOutdated reports whether an answer that was begun at a time comes after a newer one, its callers having left.
func (s *Store) isOutdated(a *answer, began time.Time) bool {
	e, _ := s.memory.get(a.name)
	if e.content == nil {
		return false
	}
	defer e.content.release()
	return e.made.After(began)
}

// failed notes what is not there, and else for whom there is an old answer in the meantime.
func (s *Store) failed(ctx context.Context, a *answer, err error, began time.Time) {
	if s.noteAbsence(ctx, a, err, began) {
		return
	}
	if ctx.Err() == context.Canceled || !s.memory.has(a.name) {
		return
	}
	s.memory.postpone(a.name, time.Now().Add(min(backOff, s.Fresh)))
	s.Log().WarnContext(ctx, "vanity: no new answer could be had; the old one is served", "name", a.name, "err", err)
}

// replace leaves an answer that changes to the backing, unless it has done so already. Another process may have put a list since
// that it had begun before: what is lost by that is put again.
func (s *Store) replace(ctx context.Context, a *answer, c *content) {
	if e, _ := s.memory.get(a.name); e.content != nil {
		defer e.content.release()
		if e.content.kept && e.content.sum == c.sum && (a.join == nil || s.Backing.holds(ctx, a, c)) {
			c.kept = true
			return
		}
	}
	s.put(ctx, a, c)
}

func (s *Store) put(ctx context.Context, a *answer, c *content) {
	if s.Backing == nil {
		return
	}
	if err := s.Backing.replace(ctx, a, c); err != nil {
		s.notStored(ctx, a, err)
		return
	}
	c.kept = true
}
