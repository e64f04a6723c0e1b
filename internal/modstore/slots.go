package modstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/vanity/internal/bounds"
	"example.com/vanity/internal/git"
)

// Bounds of what is fetched at the same time.
const (
	maxFetches     = bounds.Fetches     // in all
	maxHostFetches = bounds.HostFetches // from one host
	maxWait        = 30 * time.Second
	maxWaiting     = 1000
)

// A BusyError says that too much is being fetched at the same time.
type BusyError struct{ host string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many fetches are under way, or from %s", e.host)
}

// Slots are the right to fetch. The zero value is ready.
type slots struct {
	mu      sync.Mutex
	taken   int
	hosts   map[string]int // taken ones
	waiting []*waiter      // the first to come stands first
}

type waiter struct {
	host string
	turn chan struct{} // closed when it has its slot
}

// Ask runs what asks the host of a module, once it may. What is asked for a stranger, to find out who he is, has a queue and slots
// of its own, so that those who are known don't wait behind any number of them. Of the module it takes the Host; the rest is for
// Observe, which is told of what is no part of an answer that it is told of.
func (s *Store) Ask(ctx context.Context, m *Module, isStranger bool, ask func(context.Context) error) error {
	inTurn := func(ctx context.Context) error { return s.inTurn(ctx, m.Host, isStranger, ask) }
	if git.IsMetered(ctx) {
		return inTurn(ctx)
	}
	return s.measured(ctx, m, inTurn)
}

func (s *Store) inTurn(ctx context.Context, host string, isStranger bool, ask func(context.Context) error) error {
	slots := &s.slots
	if isStranger {
		slots = &s.strangers
	}
	free, err := slots.take(ctx, host)
	if err != nil {
		return err
	}
	defer free()
	ctx, end := s.budget.Begin(ctx)
	defer end()
	return ask(ctx)
}

// take waits for a slot, which is to be given back by calling free.
func (s *slots) take(ctx context.Context, host string) (free func(), err error) {
	w, err := s.queue(host)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-w.turn:
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = &BusyError{host}
	}
	if err != nil {
		s.leave(w)
		return nil, err
	}
	return func() { s.free(host) }, nil
}

func (s *slots) queue(host string) (*waiter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= maxWaiting && !s.isFree(host) {
		return nil, &BusyError{host}
	}
	w := &waiter{host, make(chan struct{})}
	s.waiting = append(s.waiting, w)
	s.serve()
	return w, nil
}

// leave gives up waiting, or the slot that came at the same moment.
func (s *slots) leave(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.waiting {
		if other == w {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return
		}
	}
	s.giveBack(w.host)
}

func (s *slots) free(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBack(host)
}

func (s *slots) giveBack(host string) {
	s.taken--
	if s.hosts[host]--; s.hosts[host] == 0 {
		delete(s.hosts, host)
	}
	s.serve()
}

func (s *slots) isFree(host string) bool {
	return s.taken < maxFetches && s.hosts[host] < maxHostFetches
}

// serve gives slots to those who wait, in turn; nobody waits for a host that is not his.
func (s *slots) serve() {
	if s.hosts == nil {
		s.hosts = make(map[string]int)
	}
	rest := s.waiting[:0]
	for _, w := range s.waiting {
		if s.isFree(w.host) {
			s.taken++
			s.hosts[w.host]++
			close(w.turn)
		} else {
			rest = append(rest, w)
		}
	}
	clear(s.waiting[len(rest):])
	s.waiting = rest
}
