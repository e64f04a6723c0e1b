// Package modstore keeps the files of the GOPROXY protocol: those that never change for ever, the others for a time. Each
// is made only once however many ask for it at the same time, and what was served once is served when its host has gone.
//
// A version's info says which commit the version is (Origin.Hash). It is stored before anything else of the version,
// never to be changed; go.mod and zip are made from that commit, wherever the tag has gone since.
package modstore

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/flight"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
)

// Options are what a Store is made of. Their zero values are ready.
type Options struct {
	Backing *Backing                     // where answers outlive the process; nil for nowhere
	Fresh   time.Duration                // for which lists, latest and queries are served before they are made anew
	Timeout time.Duration                // for making one answer; zero for none
	Log     func() *slog.Logger          // for what the owner must know; nil for slog.Default
	Observe func(context.Context, Fetch) // is told of each fetch; may be nil
}

// A Store holds the answers used last, 64 MiB of them at most, in memory or in temporary files without a name, and leaves
// all of them to a Backing, if it has one. It is safe for concurrent use.
type Store struct {
	Options
	memory    memory
	flights   flight.Group[*content]
	slots     slots
	strangers slots
	budget    budget.Budget
	lists     *keyed // locks of lists, which all stores of a Backing have in common
	moved     moved
	outdated  outdated
	trouble   trouble
}

// New makes a Store.
func New(o Options) *Store {
	if o.Log == nil {
		o.Log = slog.Default
	}
	s := &Store{Options: o, lists: new(keyed)}
	if o.Backing != nil {
		s.lists = &o.Backing.lists
	}
	s.flights.Timeout = o.Timeout
	s.flights.Hold, s.flights.Drop = (*content).hold, (*content).release
	return s
}

// Bounds of time. Where Fresh is less, that holds.
const (
	absenceAge = 10 * time.Second // for which is remembered that there is no such thing
	backOff    = 5 * time.Second  // for which a host that failed is not asked again for what there is an old answer
	patience   = 10 * time.Second // after which an old answer is given while a new one is still being made
)

// A Module is one module path, and where its files come from.
type Module struct {
	Path       string
	Prefix     string                                                // of its names in the store; empty, or it ends in a slash
	Host       string                                                // whose fetches are counted together
	Repository string                                                // canonical URL
	Directory  string                                                // of the repository
	At         func(directory, path string) (*modrepo.Module, error) // the module of a path as it is in a directory
	StoredOnly bool                                                  // what isn't stored isn't there
}

// ErrNotStored is the answer to who wants what is stored only.
var ErrNotStored = errors.New("not in the store")

// A VanishedError says that a repository which was served before is no longer there, or no longer to be seen. It is a
// failure of the host, and no absence.
type VanishedError struct {
	Commit string // that a file was to be made from; may be empty
	Err    error
}

func (e *VanishedError) Error() string { return "the repository was served before: " + e.Err.Error() }

// File gives a file of a module, to be closed.
func (s *Store) File(ctx context.Context, m Module, req modproxy.Request) (*Content, error) {
	c, err := s.file(ctx, m, req)
	return c, s.vanished(ctx, m, err)
}

// vanished says of what a host hides whether it was served before. Other errors stay what they are.
func (s *Store) vanished(ctx context.Context, m Module, err error) error {
	if isHidden(err) && s.isKnown(ctx, m) {
		return &VanishedError{Err: err}
	}
	return err
}

func (s *Store) file(ctx context.Context, m Module, req modproxy.Request) (*Content, error) {
	if _, err := req.Name(); err != nil {
		return nil, &modrepo.Error{Reason: err.Error()}
	}
	switch {
	case req.Kind == modproxy.List:
		return s.listed(ctx, s.list(m))
	case isQuery(req):
		return s.living(ctx, s.query(m, req))
	case req.Kind == modproxy.Info:
		return s.fixed(ctx, s.info(m, req.Version))
	}
	pin, err := s.pin(ctx, m, req)
	if err != nil {
		return nil, err
	}
	defer pin.content.release()
	return s.fixed(ctx, s.derived(m, req, pin))
}

// listed gives the list that is served.
func (s *Store) listed(ctx context.Context, a *answer) (*Content, error) {
	c, err := s.living(ctx, a)
	if err != nil && !modrepo.IsAbsent(err) && ctx.Err() == nil {
		if c, ok := s.stored(ctx, a.of); ok {
			return c, nil
		}
	}
	return c, err
}

// isQuery tells what comes to a version from a version, which can only come to itself.
func isQuery(req modproxy.Request) bool {
	switch req.Kind {
	case modproxy.Latest:
		return true
	case modproxy.Info:
		return !isVersion(req.Path, req.Version)
	}
	return false
}

func isVersion(path, version string) bool {
	return version == module.CanonicalVersion(version) && module.Check(path, version) == nil
}

// name is that of an entry, for a request that has one.
func (m Module) name(kind modproxy.Kind, version string) string {
	name, _ := modproxy.Request{Path: m.Path, Kind: kind, Version: version}.Name()
	return m.Prefix + name
}

// A pin is a version's info as it was first given.
type pin struct {
	modrepo.Info
	answer  *answer
	content *content
}

// commit is what the version is made from; noTie if the store was filled by somebody who doesn't say.
func (p *pin) commit() string {
	if p.Origin == nil || p.Origin.Hash == "" {
		return noTie
	}
	return p.Origin.Hash
}

// pin gives the pin of the version that go.mod or zip are wanted of.
func (s *Store) pin(ctx context.Context, m Module, req modproxy.Request) (*pin, error) {
	if !isVersion(req.Path, req.Version) {
		return nil, s.whyNoVersion(ctx, m, req)
	}
	a := s.info(m, req.Version)
	c, err := s.get(ctx, a)
	if err != nil {
		return nil, err
	}
	p, err := readPin(a, c)
	if err != nil {
		c.release()
		return nil, err
	}
	return p, nil
}

func readPin(a *answer, c *content) (*pin, error) {
	p := &pin{answer: a, content: c}
	data, err := c.bytes()
	if err != nil {
		return nil, err
	}
	return p, json.Unmarshal(data, &p.Info)
}

// whyNoVersion asks what a version that can't be the path's comes to, for the sake of the message.
func (s *Store) whyNoVersion(ctx context.Context, m Module, req modproxy.Request) error {
	c, err := s.living(ctx, s.query(m, req))
	if err != nil {
		return err
	}
	defer c.Close()
	var info modrepo.Info
	if err := json.NewDecoder(c).Decode(&info); err != nil {
		return err
	}
	return &modrepo.Error{Reason: "the version's name is " + info.Version + ": ask for that"}
}

// isHidden reports whether the host says that there is no such repository, or not for us.
func isHidden(err error) bool {
	var host *git.Error
	return errors.As(err, &host) && (host.Kind == git.NoRepository || host.Kind == git.Denied)
}

// isKnown reports whether anything of the module was served before, or of the one without its major version.
func (s *Store) isKnown(ctx context.Context, m Module) bool {
	if s.wasServed(ctx, m) {
		return true
	}
	prefix, major, ok := module.SplitPathVersion(m.Path)
	if !ok || !strings.HasPrefix(major, "/") {
		return false
	}
	m.Path = prefix
	return s.wasServed(ctx, m)
}

// wasServed reports whether anything of the module was served before.
func (s *Store) wasServed(ctx context.Context, m Module) bool {
	return slices.ContainsFunc([]string{m.name(modproxy.List, ""), s.list(m).name, m.name(modproxy.Latest, "")}, func(name string) bool {
		return s.has(ctx, name)
	})
}

// has reports whether there is something of a name, in memory or stored.
func (s *Store) has(ctx context.Context, name string) bool {
	return s.memory.has(name) || s.Backing != nil && s.Backing.has(ctx, name)
}
