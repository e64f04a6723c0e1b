package modstore

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
)

// moved remembers which tags were found to have moved, and which versions were looked for in the backing.
type moved struct {
	mu       sync.Mutex
	reported map[string]string // commits by the names of pins
	looked   map[string]bool
	count    int
}

// Bounds of what is remembered, and of what is looked up in the backing for one listing.
const (
	maxMoved = 10_000
	maxLooks = 16
)

// watch compares the tags of a listing with the pins: all that are in memory, and a few more each time.
func (s *Store) watch(ctx context.Context, m Module, list []modrepo.Tagged) {
	looks := 0
	for i := len(list) - 1; i >= 0 && ctx.Err() == nil; i-- {
		t := list[i]
		name := m.name(modproxy.Info, t.Version)
		e, ok := s.memory.get(name)
		if !ok && s.Backing != nil && looks < maxLooks && s.moved.look(name) {
			looks++
			if c, err := s.load(ctx, s.info(m, t.Version)); err == nil {
				e.content = c
			}
		}
		if e.content == nil {
			continue
		}
		if p, err := readPin(nil, e.content); err == nil {
			s.compare(m, p, t.Commit)
		}
		e.content.release()
	}
}

// compare reports that a pinned version's tag leads elsewhere, if it does.
func (s *Store) compare(m Module, p *pin, commit string) {
	if p.commit() != commit && p.commit() != noTie {
		s.reportMoved(m, p.Version, p.commit(), commit)
	}
}

// look reports whether a name wasn't looked for yet.
func (w *moved) look(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looked == nil || len(w.looked) >= maxMoved {
		w.looked = make(map[string]bool)
	}
	defer func() { w.looked[name] = true }()
	return !w.looked[name]
}

// reportMoved logs once that a tag leads elsewhere now.
func (s *Store) reportMoved(m Module, version, was, is string) {
	name := m.name(modproxy.Info, version)
	w := &s.moved
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reported[name] == is {
		return
	}
	if w.reported == nil || len(w.reported) >= maxMoved {
		w.reported = make(map[string]string)
	}
	w.reported[name] = is
	w.count++
	s.Log().Warn("vanity: a version's tag was moved; the version stays what it was, and what is new needs a new version",
		"module", m.Path, "version", version, "commit", was, "moved_to", is, "moved_tags", w.count)
}

// trouble keeps a failing store from filling the log.
type trouble struct {
	mu    sync.Mutex
	lines map[string]*line // by message
}

type line struct {
	next   time.Time
	silent int
}

// troubleEvery is the time between two lines of the same message.
const troubleEvery = 10 * time.Second

// report logs a failure of the store, and how many of its kind there were since the last line.
func (t *trouble) report(log *slog.Logger, message string, err error, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[message]
	if l == nil {
		if t.lines == nil {
			t.lines = make(map[string]*line)
		}
		l = new(line)
		t.lines[message] = l
	}
	now := time.Now()
	if now.Before(l.next) {
		l.silent++
		return
	}
	log.Error(message, append(args, "err", err, "others_since", l.silent)...)
	l.next, l.silent = now.Add(troubleEvery), 0
}
