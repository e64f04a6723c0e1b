package modstore

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"example.com/vanity/internal/modrepo"
)

// fixed gives an answer that never changes. On some file systems a file is never the same twice: it is held then.
func (s *Store) fixed(ctx context.Context, a *answer) (*Content, error) {
	const tries = 4
	for n := range tries {
		a.held = n >= tries/2
		c, err := s.get(ctx, a)
		if err != nil {
			return nil, err
		}
		content, ok := s.open(ctx, a.name, c)
		if !ok {
			s.memory.forget(a.name, c)
		}
		c.release()
		if ok {
			content.Fixed = true
			return content, nil
		}
	}
	return nil, &ReadError{a.name, errors.New("the file changes again and again")}
}

// open gives a content to a caller; not if it was left in a file that is another since.
func (s *Store) open(ctx context.Context, name string, c *content) (*Content, bool) {
	if c.file == nil {
		return c.open(), true
	}
	return s.Backing.reopen(ctx, name, c)
}

// get gives an answer that never changes from memory, from the backing, or made now. It must be released.
func (s *Store) get(ctx context.Context, a *answer) (*content, error) {
	if c, err := s.recall(a); c != nil || err != nil {
		return c, err
	}
	if !a.of.StoredOnly {
		return s.flights.Do(ctx, s.flight(a), func(ctx context.Context) (*content, error) { return s.obtain(ctx, a) })
	}
	c, err := s.load(ctx, a)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errSpoilt) {
		return nil, ErrNotStored
	}
	return c, err
}

// getPresent is get for what is known to be there: nobody who asked for it too early makes it absent, be it that this is
// remembered or that his run is still under way.
func (s *Store) getPresent(ctx context.Context, a *answer) (c *content, err error) {
	const tries = 3
	for range tries {
		s.memory.forget(a.name, nil)
		if c, err = s.get(ctx, a); !modrepo.IsAbsent(err) {
			break
		}
	}
	return c, err
}

// recall gives an answer that never changes, or why there is none, if either is remembered, and there is nothing to be done
// about it.
func (s *Store) recall(a *answer) (*content, error) {
	e, _ := s.memory.get(a.name)
	e = s.seen(&a.of, e)
	switch {
	case e.content == nil && time.Now().Before(e.retry):
		return nil, e.absence
	case e.content == nil:
		return nil, nil
	case e.tie == a.tie && (a.of.StoredOnly || !s.isToKeep(e)):
		return e.content, nil
	}
	e.content.release()
	return nil, nil
}

// isToKeep reports whether an answer could not be left to the backing, and that is to be tried again.
func (s *Store) isToKeep(e entry) bool {
	return s.Backing != nil && !e.content.kept && !time.Now().Before(e.retry)
}

// obtain gives an answer from memory, if another run has made it since the caller looked, from the backing, or made now. A
// pin that might be there must not be made anew.
func (s *Store) obtain(ctx context.Context, a *answer) (*content, error) {
	if c, err := s.recall(a); c != nil || err != nil {
		return c, err
	}
	if e, _ := s.memory.get(a.name); e.content != nil {
		if e.tie == a.tie { // it is still to be left to the backing
			return s.settle(ctx, a, e.content), nil
		}
		e.content.release()
	}
	c, err := s.load(ctx, a)
	if err == nil || ctx.Err() != nil || isReadError(err) && a.rank == pins {
		return c, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		s.trouble.report(s.Log(), "vanity: a stored file can't be used, and is made anew", err)
	}
	began := time.Now()
	made, err := s.produce(ctx, a.again(err))
	if err != nil {
		s.noteAbsence(ctx, a, err, began)
		return nil, err
	}
	return s.settle(ctx, a, made), nil
}

// storeTimeout is the time to store what was made. Whoever asked for it may have gone: the next one gets it from memory.
const storeTimeout = time.Minute

func storing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

// settle leaves an answer that was made to the backing, if it can, and to the memory, and gives what holds then.
func (s *Store) settle(ctx context.Context, a *answer, made *content) *content {
	ctx, cancel := storing(ctx)
	defer cancel()
	c := s.keep(ctx, a, made)
	if !c.kept {
		s.remember(a, c)
	}
	if a.then != nil {
		a.then(ctx, c, true)
	}
	if c.kept { // nobody gets it from memory before it is listed: the process may be killed
		s.remember(a, c)
	}
	return c
}

func isReadError(err error) bool {
	var read *ReadError
	return errors.As(err, &read)
}

// load gives an answer from the backing. It is in memory then.
func (s *Store) load(ctx context.Context, a *answer) (*content, error) {
	if s.Backing == nil {
		return nil, fs.ErrNotExist
	}
	c, err := s.loadStored(ctx, a)
	if err != nil {
		return nil, err
	}
	if a.then != nil { // before anybody gets it from memory: the process that stored it may have been killed too early
		a.then(ctx, c, false)
	}
	s.remember(a, c)
	return c, nil
}

func (s *Store) loadStored(ctx context.Context, a *answer) (*content, error) {
	c, err := s.Backing.load(ctx, a)
	if err == nil {
		c.stored = true
	}
	return c, err
}

func (s *Store) remember(a *answer, c *content) {
	e := entry{name: a.name, rank: a.rank, tie: a.tie, content: c, made: time.Now()}
	if a.rank == pins {
		if p, err := readPin(a, c); err == nil {
			e.commit = p.commit()
		}
	}
	if !c.kept {
		e.retry = e.made.Add(min(backOff, s.Fresh))
	}
	s.memory.put(e)
}

// noteAbsence remembers for a while what isn't there. What a host hides that it showed before is its failure.
func (s *Store) noteAbsence(ctx context.Context, a *answer, err error, began time.Time) bool {
	if !modrepo.IsAbsent(err) && (!isHidden(err) || s.isKnown(ctx, a.of)) {
		return false
	}
	s.memory.put(entry{name: a.name, rank: bulk, absence: err, made: began, retry: began.Add(min(absenceAge, s.Fresh))})
	return true
}

// produce makes an answer.
func (s *Store) produce(ctx context.Context, a *answer) (*content, error) {
	ctx, end := s.budget.Begin(ctx)
	defer end()
	c := newContent()
	err := s.measured(ctx, &a.of, func(ctx context.Context) error { return a.make(ctx, c) })
	if err == nil {
		err = c.seal()
	}
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

// keep leaves an answer to the backing, if it can, and gives what is there then.
func (s *Store) keep(ctx context.Context, a *answer, made *content) *content {
	if s.Backing == nil || made.kept || a.pin != nil && !s.isPinned(ctx, a.pin) {
		return made
	}
	won, err := s.Backing.keep(ctx, a, made)
	if err != nil {
		s.notStored(ctx, a, err)
		return made
	}
	made.release()
	return won
}

// isPinned sees to it that a pin is stored. Nothing else of the version may be, before: what is stored would be of
// another commit than a pin that is made later.
func (s *Store) isPinned(ctx context.Context, p *pin) bool {
	if p.content.kept {
		return true
	}
	won, err := s.Backing.keep(ctx, p.answer, p.content)
	if err != nil {
		s.notStored(ctx, p.answer, err)
		return false
	}
	defer won.release()
	s.remember(p.answer, won)
	return won.sum == p.content.sum
}

func (s *Store) notStored(ctx context.Context, a *answer, err error) {
	if ctx.Err() == nil {
		s.trouble.report(s.Log(), "vanity: an answer could not be stored; it will not outlive this process", err, "name", a.name)
	}
}
