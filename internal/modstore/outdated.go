package modstore

import (
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// outdated says of repositories when they have changed, as far as somebody has said so and it makes a difference still.
// To read it takes no lock, as it is read for each request.
type outdated struct {
	mu   sync.Mutex // of those who write
	when atomic.Pointer[map[string]time.Time]
}

// Outdate says that a repository has changed: what of its modules may be another now is made anew for whoever asks for it
// next, and what was not there is looked for again. The case of letters makes no difference.
func (s *Store) Outdate(repository string) {
	s.outdated.mu.Lock()
	defer s.outdated.mu.Unlock()
	now, next := time.Now(), make(map[string]time.Time)
	if was := s.outdated.when.Load(); was != nil {
		maps.Copy(next, *was)
	}
	maps.DeleteFunc(next, func(_ string, t time.Time) bool { return now.Sub(t) > max(s.Fresh, absenceAge, s.Timeout) })
	next[strings.ToLower(repository)] = now
	s.outdated.when.Store(&next)
}

// outdatedAt is when a module's repository has changed; zero if nobody has said so lately.
func (s *Store) outdatedAt(m *Module) time.Time {
	when := s.outdated.when.Load()
	if when == nil {
		return time.Time{}
	}
	return (*when)[strings.ToLower(m.Repository)]
}

// seen is an entry as it looks now that its repository may have changed since: an old answer, or nothing known. Whoever asks in
// the first seconds after the change is not put off by a failure before it, nor by one after it.
func (s *Store) seen(m *Module, e entry) entry {
	if t := s.outdatedAt(m); e.made.Before(t) {
		e.made = time.Time{}
		if e.retry.Before(t.Add(absenceAge)) {
			e.retry = time.Time{}
		}
	}
	return e
}

// flight names the run that makes an answer. Nobody joins one that began before the repository changed.
func (s *Store) flight(a *answer) string {
	name := a.name + " " + a.tie
	if t := s.outdatedAt(&a.of); !t.IsZero() {
		name += " " + strconv.FormatInt(t.UnixNano(), 10)
	}
	return name
}
