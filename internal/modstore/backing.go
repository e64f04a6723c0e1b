package modstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"syscall"
)

// A Backend keeps answers for longer than the process's life.
type Backend interface {
	Get(ctx context.Context, name string) (io.ReadCloser, error) // fs.ErrNotExist when absent
	Put(ctx context.Context, name string, content io.ReadSeeker) error
}

// A remover is a Backend that can make room for a good entry in the place of a spoilt one. One that keeps the first entry
// of a name needs that.
type remover interface {
	Remove(ctx context.Context, name string) error
}

// A Backing is a Backend as all stores of this process have it. An entry that never changes has its checksum beside it,
// written after it, by which is noticed what was cut short or has rotted. It is safe for concurrent use.
type Backing struct {
	backend Backend
	locks   keyed
}

// NewBacking makes a Backing, which any number of stores may share.
func NewBacking(b Backend) *Backing { return &Backing{backend: b} }

// errSpoilt says that an entry is not what was put there.
var errSpoilt = errors.New("the stored file is spoilt")

// A ReadError is a failure of the backend to say what it has. It is no absence, whatever is wrapped.
type ReadError struct {
	name string
	err  error
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("reading %s from the store: %v", e.name, e.err)
}

// load gives an entry, if it is whole. What isn't there is fs.ErrNotExist, what isn't whole errSpoilt.
func (b *Backing) load(ctx context.Context, a *answer) (*content, error) {
	return b.read(ctx, a.name, a.fixed, func(c *content, r io.Reader) error { return b.verify(ctx, a, c, r) })
}

// read gives an entry that was read to its end and passed a check.
func (b *Backing) read(ctx context.Context, name string, mayLeave bool, check func(*content, io.Reader) error) (*content, error) {
	r, err := b.backend.Get(ctx, name)
	if err != nil {
		return nil, readError(ctx, name, err)
	}
	defer r.Close()
	c, err := take(ctx, r, mayLeave)
	if err != nil {
		return nil, readError(ctx, name, fmt.Errorf("%v", err)) // what began to be read is not absent
	}
	if err := check(c, r); err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

func readError(ctx context.Context, name string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENAMETOOLONG): // nothing can have been put there
		return fs.ErrNotExist
	}
	return &ReadError{name, err}
}

// has reports whether there is an entry, whatever it is, or may be one: what the backend can't say is no absence.
func (b *Backing) has(ctx context.Context, name string) bool {
	r, err := b.backend.Get(ctx, name)
	if err != nil {
		return !errors.Is(readError(ctx, name, err), fs.ErrNotExist)
	}
	r.Close()
	return true
}

// verify compares an entry with its checksum. Without one, as when the writer was killed, its form must do.
func (b *Backing) verify(ctx context.Context, a *answer, c *content, r io.Reader) error {
	if !a.fixed {
		return a.checkForm(c, r)
	}
	sum, tie, ok := b.sum(ctx, a.name)
	if !ok {
		if err := a.checkForm(c, r); err != nil {
			return err
		}
		b.putSum(ctx, a, c)
		return nil
	}
	if sum != c.sum {
		return fmt.Errorf("%w: %s has not the checksum that it was stored with", errSpoilt, a.name)
	}
	if tie != a.tie {
		return fmt.Errorf("%w: %s is of commit %s, and the version's info of %s", errSpoilt, a.name, tie, a.tie)
	}
	return nil
}

// The checksum of an entry has the entry's name with a suffix. It is a line of the SHA-256 hash and the commit that the
// entry was made from, "-" for an info, which itself says that.
const (
	sumSuffix = ".sum"
	noTie     = "-"
)

// sum gives an entry's checksum, if there is one that can be read.
func (b *Backing) sum(ctx context.Context, name string) (sum, tie string, ok bool) {
	c, err := b.read(ctx, name+sumSuffix, false, func(*content, io.Reader) error { return nil })
	if err != nil {
		return "", "", false
	}
	defer c.release()
	data, err := c.bytes()
	fields := strings.Fields(string(data))
	if err != nil || len(fields) != 2 || string(data) != sumLine(fields[0], fields[1]) || !isSum(fields[0]) {
		return "", "", false
	}
	return fields[0], fields[1], true
}

func sumLine(sum, tie string) string { return sum + " " + tie + "\n" }

func isSum(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// putSum writes a checksum. That it could not be written is no harm: it will be tried again.
func (b *Backing) putSum(ctx context.Context, a *answer, c *content) {
	_ = b.backend.Put(ctx, a.name+sumSuffix, strings.NewReader(sumLine(c.sum, a.tie)))
}

// keep puts an answer that never changes where there is none yet, and gives what is there then: another process may have
// been first, and a backend that overwrites must not do so to another handler of this one.
func (b *Backing) keep(ctx context.Context, a *answer, made *content) (*content, error) {
	unlock, err := b.locks.lock(ctx, a.name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	won, err := b.load(ctx, a)
	switch {
	case err == nil:
		return won, nil
	case errors.Is(err, errSpoilt):
		if err := b.remove(ctx, a.name); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := b.put(ctx, a.name, made); err != nil {
		return nil, err
	}
	return b.read(ctx, a.name, true, func(c *content, r io.Reader) error {
		if c.sum != made.sum {
			if err := a.checkForm(c, r); err != nil {
				return err
			}
		}
		b.putSum(ctx, a, c)
		return nil
	})
}

// remove takes away an entry and its checksum, if the backend can.
func (b *Backing) remove(ctx context.Context, name string) error {
	r, ok := b.backend.(remover)
	if !ok {
		return nil
	}
	return errors.Join(r.Remove(ctx, name+sumSuffix), r.Remove(ctx, name))
}

func (b *Backing) put(ctx context.Context, name string, c *content) error {
	return b.backend.Put(ctx, name, c.spool.Reader())
}

// reopen gives the file of a content that was left there.
func (b *Backing) reopen(ctx context.Context, name string, c *content) (*Content, bool) {
	r, err := b.backend.Get(ctx, name)
	if err != nil {
		return nil, false
	}
	return c.reopen(r)
}

// keyed are locks by name.
type keyed struct {
	mu    sync.Mutex
	locks map[string]*keyedLock
}

type keyedLock struct {
	held  chan struct{} // has room for its holder
	users int
}

// lock gives the function to unlock by, unless ctx ends before: a backend may take for ever.
func (k *keyed) lock(ctx context.Context, name string) (unlock func(), err error) {
	k.mu.Lock()
	l := k.locks[name]
	if l == nil {
		l = &keyedLock{held: make(chan struct{}, 1)}
		if k.locks == nil {
			k.locks = make(map[string]*keyedLock)
		}
		k.locks[name] = l
	}
	l.users++
	k.mu.Unlock()
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; k.leave(name, l) }, nil
	case <-ctx.Done():
		k.leave(name, l)
		return nil, ctx.Err()
	}
}

func (k *keyed) leave(name string, l *keyedLock) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(k.locks, name)
	}
}
