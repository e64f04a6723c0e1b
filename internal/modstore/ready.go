package modstore

import (
	"context"
	"time"

	"example.com/vanity/internal/modproxy"
)

// Held is a file that is given from memory.
type Held struct {
	Data   []byte // not to be changed
	ETag   string // its SHA-256 hash, in quotes
	Length string // the number of its bytes
	Fixed  bool   // it never changes
}

// Ready gives what File would give, if nothing is to be done about it: what is in memory, or else a Content, which is nil in
// the other case. What is asked for is said by the path that [modproxy.Parse] has read, and its kind: so nothing is worked out
// again that has its place in memory.
func (s *Store) Ready(ctx context.Context, m *Module, kind modproxy.Kind, path string) (h Held, c *Content, ok bool) {
	e, ok := s.ready(m, kind, path)
	if !ok {
		return h, nil, false
	}
	defer e.content.release()
	isFixed := e.isFixed(kind)
	if data, ok := e.content.data(); ok {
		return Held{data, e.content.etag, e.content.length, isFixed}, nil, true
	}
	if c, ok = s.open(ctx, e.name, e.content); !ok {
		s.memory.forget(e.name, e.content)
		return h, nil, false
	}
	c.Fixed = isFixed
	if c.From = FromMemory; e.content.file != nil {
		c.From = FromStore
	}
	return h, c, true
}

// ready gives the entry of a file that can be given as it is, its content being held.
func (s *Store) ready(m *Module, kind modproxy.Kind, path string) (e entry, ok bool) {
	var b nameBuffer
	name := append(append(b[:0], m.Prefix...), path...)
	switch kind {
	case modproxy.List:
		name = append(name, servedSuffix...)
	case modproxy.Mod, modproxy.Zip:
		return s.readyDerived(m, kind, name)
	}
	e, _ = s.memory.find(name)
	switch {
	case e.content == nil:
		return e, false
	case e.isFixed(kind):
		ok = s.isSettled(m, e)
	default:
		ok = time.Since(s.seen(m, e).made) < s.Fresh
	}
	if !ok {
		e.content.release()
	}
	return e, ok
}

// readyDerived is ready for the go.mod or the zip of a version, which must be made from the commit that its pin names.
func (s *Store) readyDerived(m *Module, kind modproxy.Kind, name []byte) (e entry, ok bool) {
	stem, ext := name[:len(name)-len(modExt)], modExt
	if kind == modproxy.Zip {
		ext = zipExt
	}
	pin, _ := s.memory.find(append(stem, infoExt...))
	if pin.content == nil {
		return e, false
	}
	pin.content.release()
	if pin.rank != pins || !s.isSettled(m, pin) {
		return e, false
	}
	e, _ = s.memory.find(append(stem, ext...))
	if e.content == nil {
		return e, false
	}
	if e.tie != pin.commit || !s.isSettled(m, e) {
		e.content.release()
		return e, false
	}
	return e, true
}

const infoExt, modExt, zipExt = ".info", ".mod", ".zip"

// isFixed reports whether an entry of a kind never changes: what a query comes to has another rank than a version's info.
func (e entry) isFixed(kind modproxy.Kind) bool {
	return e.rank == pins || kind == modproxy.Mod || kind == modproxy.Zip
}

// isSettled reports whether nothing is left to be done about an entry that never changes.
func (s *Store) isSettled(m *Module, e entry) bool { return m.StoredOnly || !s.isToKeep(e) }
