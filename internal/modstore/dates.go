package modstore

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
)

// A Listing is what people are told of a module's versions.
type Listing struct {
	Versions []Version // those of the list that is served, the highest first
	Majors   []string  // see [modrepo.Listing]; nil if that is not known
	Stale    bool      // the list should have been made anew, but could not be
}

// A Version is one of a Listing.
type Version struct {
	Version string
	Time    time.Time // of its commit, in UTC; zero if that can't be had cheaply, or not yet
}

// maxDated is the number of versions that have times, the highest ones of a module.
const maxDated = 200

// Versions gives the versions that the list has which File gives, with the times of the highest ones. What the host is
// asked for goes on to its end, for the next one who asks, though ctx ends; a list that is there is given without the times
// that are not.
//
// A version that was pinned has its pin's time, any other that of the commit that its tag leads to. Nothing is pinned for
// that, nor stored: times are kept in memory alone, for as long as the tags stay where they are. One small request brings
// those of a module back, which is less than a file would be in everybody's store, to be checked, and of no use to the go
// command.
func (s *Store) Versions(ctx context.Context, m Module) (*Listing, error) {
	if _, err := (modproxy.Request{Path: m.Path, Kind: modproxy.List}).Name(); err != nil {
		return nil, &modrepo.Error{Reason: err.Error()}
	}
	a := s.list(m)
	a.stays = true
	c, err := s.listed(ctx, a)
	if err != nil {
		return nil, s.vanished(ctx, m, err)
	}
	defer c.Close()
	versions, err := readList(c)
	if err != nil {
		return nil, err
	}
	slices.Reverse(versions)
	tags := s.tagsOf(m)
	dates := s.date(ctx, m, versions[:min(len(versions), maxDated)], tags)
	l := &Listing{Versions: make([]Version, len(versions)), Majors: tags.Majors, Stale: c.Stale}
	for i, v := range versions {
		l.Versions[i] = Version{v, dates[v].Time}
	}
	return l, nil
}

// Beside the list in memory there are the tags that it was made of last, and what is known of their times.
const (
	tagsSuffix  = ".tags"
	datesSuffix = ".dates"
)

// Tags are what is kept of a listing of tags.
type tags struct {
	Majors  []string
	Commits map[string]string // of the highest versions; nil if nothing is known
}

// noteTags keeps what a listing says beyond the list.
func (s *Store) noteTags(m Module, l *modrepo.Listing, began time.Time) {
	highest := l.Versions[max(0, len(l.Versions)-maxDated):]
	t := tags{l.Majors, make(map[string]string, len(highest))}
	for _, v := range highest {
		t.Commits[v.Version] = v.Commit
	}
	if c, err := encode(t); err == nil {
		s.memory.put(entry{name: s.list(m).name + tagsSuffix, rank: common, content: c, made: began})
		c.release()
	}
}

func (s *Store) tagsOf(m Module) (t tags) {
	s.decode(s.list(m).name+tagsSuffix, &t)
	return t
}

// Dates are when versions were committed.
type dates map[string]date

// A date is that of a version.
type date struct {
	Commit string    // of its tag; empty if it is pinned
	Time   time.Time // zero if the tag leads to no commit
}

// encode makes a content of something.
func encode(v any) (*content, error) {
	c := newContent()
	err := json.NewEncoder(c).Encode(v)
	if err == nil {
		err = c.seal()
	}
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

// decode reads what is in memory, if it is, and gives its entry, without the content.
func (s *Store) decode(name string, v any) entry {
	e, _ := s.memory.get(name)
	if e.content != nil {
		if data, err := e.content.bytes(); err == nil {
			_ = json.Unmarshal(data, v) // else nothing is known
		}
		e.content.release()
	}
	return e
}

// date gives the dates of versions that are known, or come to be while the caller waits.
func (s *Store) date(ctx context.Context, m Module, versions []string, t tags) dates {
	name := s.list(m).name + datesSuffix
	var had dates
	e := s.decode(name, &had)
	known := s.valid(m, versions, t, had)
	if len(known) == len(versions) || time.Now().Before(e.retry) {
		return known
	}
	call, _ := s.flights.Join(ctx, name, func(ctx context.Context) (*content, error) {
		return s.findDates(ctx, m, versions, t, maps.Clone(known))
	})
	c, err := await(ctx, call, true)
	if err != nil {
		return known
	}
	defer c.release()
	had = nil
	if data, err := c.bytes(); err == nil {
		_ = json.Unmarshal(data, &had)
	}
	return s.valid(m, versions, t, had)
}

// valid keeps the dates of versions that hold still. What is pinned in memory comes first.
func (s *Store) valid(m Module, versions []string, t tags, had dates) dates {
	known := make(dates, len(versions))
	for _, v := range versions {
		e, _ := s.memory.get(m.name(modproxy.Info, v))
		if e.content != nil {
			if p, err := readPin(nil, e.content); err == nil {
				known[v] = date{Time: p.Time}
			}
			e.content.release()
		} else if d, ok := had[v]; ok && (d.Commit == "" || d.Commit == t.Commits[v]) {
			known[v] = d
		}
	}
	return known
}

// costlyAge is the time for which a host isn't asked again that gives no commits by themselves.
const costlyAge = time.Hour

// findDates finds the dates that are not known yet, and remembers all. Those that can't be had now are tried again later.
func (s *Store) findDates(ctx context.Context, m Module, versions []string, t tags, known dates) (*content, error) {
	e := entry{name: s.list(m).name + datesSuffix, rank: common, made: time.Now()}
	missing := slices.DeleteFunc(slices.Clone(versions), func(v string) bool { _, ok := known[v]; return ok })
	err := s.askDates(ctx, m, s.storedDates(ctx, m, missing, t, known), t, known)
	switch {
	case errors.Is(err, git.ErrCostly):
		e.retry = time.Now().Add(costlyAge)
	case err != nil || len(known) < len(versions):
		e.retry = time.Now().Add(min(backOff, s.Fresh))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, git.ErrCostly) && !errors.As(err, new(*BusyError)) {
		s.trouble.report(s.Log(), "vanity: the times of versions could not be had; they are left out", err, "module", m.Path)
	}
	if e.content, err = encode(known); err == nil {
		s.memory.put(e)
	}
	return e.content, err
}

// storedDates finds the dates of those versions that are stored, and gives the others: a version's tag may have moved since
// it was pinned. The inventory says which are stored, so that not each has to be looked for; and those without a tag are in
// the list because they are. An info without its go.mod, which no go command could use, is found when it is asked for.
func (s *Store) storedDates(ctx context.Context, m Module, versions []string, t tags, known dates) (others []string) {
	if s.Backing == nil || len(versions) == 0 {
		return versions
	}
	stored, _, err := s.lastList(ctx, s.inventory(m))
	if err != nil {
		return nil // any of them may be
	}
	is := setOf(stored)
	var pinned []string
	for _, v := range versions {
		if is[v] || t.Commits != nil && t.Commits[v] == "" {
			pinned = append(pinned, v)
		} else {
			others = append(others, v)
		}
	}
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		turns = make(chan struct{}, 8) // a store may be far away
	)
	for _, v := range pinned {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			at, err := s.storedTime(ctx, m, v)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				known[v] = date{Time: at}
			} else if errors.Is(err, fs.ErrNotExist) {
				others = append(others, v)
			}
		})
	}
	group.Wait()
	return others
}

// storedTime is the time that a stored info has. It does not go to memory, from where it would displace other things.
func (s *Store) storedTime(ctx context.Context, m Module, version string) (time.Time, error) {
	c, err := s.Backing.load(ctx, s.info(m, version))
	if err != nil {
		return time.Time{}, err
	}
	defer c.release()
	p, err := readPin(nil, c)
	if err != nil {
		return time.Time{}, err
	}
	return p.Time, nil
}

// askDates asks the host for the dates of those versions that have tags.
func (s *Store) askDates(ctx context.Context, m Module, versions []string, t tags, known dates) error {
	versions = slices.DeleteFunc(versions, func(v string) bool { return t.Commits[v] == "" })
	if len(versions) == 0 || m.StoredOnly {
		return nil
	}
	commits := make([]string, len(versions))
	for i, v := range versions {
		commits[i] = t.Commits[v]
	}
	source, err := m.At(m.Directory, m.Path)
	if err != nil {
		return err
	}
	return s.Ask(ctx, &m, false, func(ctx context.Context) error {
		times, err := source.Times(ctx, commits)
		if err != nil {
			return err
		}
		for i, v := range versions {
			known[v] = date{commits[i], times[commits[i]]}
		}
		return nil
	})
}
