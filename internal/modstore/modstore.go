// Package modstore remembers answers, and makes each only once however many ask for it at the same time.
package modstore

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"example.com/vanity/internal/spool"
)

// Forever is the age of what never changes.
const Forever = time.Duration(1<<63 - 1)

// Bounds of what a store keeps. An answer larger than maxEntry is made anew each time.
const (
	maxLarge = 48 << 20 // in all
	maxSmall = 16 << 20 // in all, of those up to small
	small    = 16 << 10
	maxEntry = 16 << 20
	perEntry = 500 // what an entry takes besides its name and content
)

// A Store keeps the answers used last, 64 MiB of them at most, in memory or in temporary files without a name. Small
// answers have a room of their own, so that zips never displace the infos that say what they are made of. It is safe
// for concurrent use. The zero value is ready.
type Store struct {
	Timeout time.Duration // for making one answer; zero for none

	mu      sync.Mutex
	entries map[string]*list.Element
	small   shelf
	large   shelf
	flights map[string]*flight
}

// A shelf keeps entries of a sort.
type shelf struct {
	recent list.List // of *entry; the front was used last
	size   int64
}

// An entry is a kept answer.
type entry struct {
	shelf   *shelf
	name    string
	content *content
	made    time.Time
}

// A content is an answer's bytes. They are freed when the store has dropped them and the last reader has gone.
type content struct {
	spool spool.Spool
	hash  hash.Hash
	err   error  // of the first Write that failed
	sum   string // once all is written
	users atomic.Int64
}

// newContent makes a content with one user, who writes it.
func newContent() *content {
	c := &content{hash: sha256.New()}
	c.hold()
	return c
}

// Write adds to the content in the making.
func (c *content) Write(p []byte) (int, error) {
	n, err := c.spool.Write(p)
	c.hash.Write(p[:n])
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// seal ends the making. Bytes that could not be written make the answer an error, even if produce overlooked it.
func (c *content) seal() error {
	c.sum = hex.EncodeToString(c.hash.Sum(nil))
	return c.err
}

func (c *content) hold() { c.users.Add(1) }

func (c *content) release() {
	if c.users.Add(-1) == 0 {
		c.spool.Close()
	}
}

func (c *content) open() *Content {
	c.hold()
	r := &reader{content: c}
	return &Content{io.NewSectionReader(r, 0, c.spool.Size()), r, c.sum}
}

// A Content is an answer's bytes, to be closed.
type Content struct {
	*io.SectionReader
	reader *reader
	sum    string
}

// Sum is the SHA-256 hash of the bytes, in hexadecimal.
func (c *Content) Sum() string { return c.sum }

// Close lets go of the bytes. Reading after it fails; closing again does nothing.
func (c *Content) Close() error { return c.reader.Close() }

// A reader is one user of a content. It may be closed while it reads: [http.ServeContent] leaves a goroutine that does
// if a client goes away from several ranges.
type reader struct {
	mu      sync.RWMutex
	content *content // nil when closed
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.content == nil {
		return 0, fs.ErrClosed
	}
	return r.content.spool.ReadAt(p, off)
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.content != nil {
		r.content.release()
		r.content = nil
	}
	return nil
}

// A flight is an answer in the making.
type flight struct {
	done    chan struct{} // closed when content and err are there
	content *content
	err     error
	waiters int
	cancel  context.CancelFunc
}

// Get gives the answer of a name: the one that is kept if it is younger than fresh, else what produce writes, which is
// then kept. Many who ask at the same time wait for one run of produce; it goes on as long as one of them waits, with
// the values of the first one's context. What it wrote before an error is thrown away, and errors are not kept.
func (s *Store) Get(ctx context.Context, name string, fresh time.Duration, produce func(context.Context, io.Writer) error) (*Content, error) {
	s.mu.Lock()
	if c := s.kept(name, fresh); c != nil {
		s.mu.Unlock()
		return c, nil
	}
	if err := ctx.Err(); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	f := s.flights[name]
	if f == nil {
		f = s.start(ctx, name, produce)
	}
	f.waiters++
	s.mu.Unlock()

	select {
	case <-f.done:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiters--
	select {
	case <-f.done:
		return s.land(f)
	default:
	}
	if f.waiters == 0 {
		f.cancel()
		delete(s.flights, name) // who comes now begins anew
	}
	return nil, ctx.Err()
}

// kept gives a kept answer that is young enough.
func (s *Store) kept(name string, fresh time.Duration) *Content {
	el := s.entries[name]
	if el == nil {
		return nil
	}
	e := el.Value.(*entry)
	if time.Since(e.made) >= fresh {
		return nil
	}
	e.shelf.recent.MoveToFront(el)
	return e.content.open()
}

// start begins a flight. Its content has the flight itself as a user, until the last waiter has gone.
func (s *Store) start(ctx context.Context, name string, produce func(context.Context, io.Writer) error) *flight {
	ctx, cancel := s.detach(ctx)
	f := &flight{done: make(chan struct{}), cancel: cancel}
	if s.flights == nil {
		s.flights = make(map[string]*flight)
	}
	s.flights[name] = f
	go func() {
		defer cancel()
		c := newContent()
		err := errors.New("the making ended without an answer") // by runtime.Goexit, if this stays
		defer func() { s.finish(name, f, c, err) }()
		err = protect(func() error { return produce(ctx, c) })
	}()
	return f
}

// detach makes a flight's context of its first waiter's.
func (s *Store) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if s.Timeout > 0 {
		return context.WithTimeout(ctx, s.Timeout)
	}
	return context.WithCancel(ctx)
}

// protect makes a panic an error: in a goroutine of our own it would end the whole program, and not one request.
func protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// finish ends a flight. What nobody waited for any more is not kept: a later flight may have been faster.
func (s *Store) finish(name string, f *flight, c *content, err error) {
	if err == nil {
		err = c.seal()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[name] == f {
		delete(s.flights, name)
		if err == nil {
			s.keep(name, c)
		}
	}
	f.content, f.err = c, err
	close(f.done)
	if f.waiters == 0 || err != nil {
		c.release()
	}
}

// land gives a waiter the outcome. The last one takes over the flight's own hold.
func (s *Store) land(f *flight) (*Content, error) {
	if f.err != nil {
		return nil, f.err
	}
	c := f.content.open()
	if f.waiters == 0 {
		f.content.release()
	}
	return c, nil
}

// keep puts an answer in the place of an older one.
func (s *Store) keep(name string, c *content) {
	if old := s.entries[name]; old != nil {
		s.drop(old)
	}
	on, most := &s.large, int64(maxLarge)
	switch size := c.spool.Size(); {
	case size > maxEntry:
		return
	case size <= small:
		on, most = &s.small, maxSmall
	}
	if s.entries == nil {
		s.entries = make(map[string]*list.Element)
	}
	c.hold()
	s.entries[name] = on.recent.PushFront(&entry{shelf: on, name: name, content: c, made: time.Now()})
	for on.size += cost(name, c); on.size > most; {
		s.drop(on.recent.Back())
	}
}

func cost(name string, c *content) int64 { return perEntry + int64(len(name)) + c.spool.Size() }

func (s *Store) drop(el *list.Element) {
	e := el.Value.(*entry)
	e.shelf.recent.Remove(el)
	delete(s.entries, e.name)
	e.shelf.size -= cost(e.name, e.content)
	e.content.release()
}
