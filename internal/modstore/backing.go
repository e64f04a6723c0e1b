package modstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
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
	lists   keyed // a list is read and written: what another store adds in between would be lost
}

// NewBacking makes a Backing, which any number of stores may share.
func NewBacking(b Backend) *Backing { return &Backing{backend: b} }

// errSpoilt says that an entry is not what was put there.
var errSpoilt = errors.New("the stored file is spoilt")

// A spoiltError is an errSpoilt of which is known what the entry was made from.
type spoiltError struct{ name, tie string }

func (e *spoiltError) Error() string {
	return e.name + " has not the checksum that it was stored with"
}

func (e *spoiltError) Is(target error) bool { return target == errSpoilt }

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
	return b.read(ctx, a.name, a.fixed && !a.held, func(c *content, r io.Reader) error { return b.verify(ctx, a, c, r) })
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

// verify compares an entry with its checksums. Without one, as when the writer was killed, its form must do.
func (b *Backing) verify(ctx context.Context, a *answer, c *content, r io.Reader) error {
	sums, err := b.sums(ctx, a.name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := a.checkForm(c, r); err != nil {
			return err
		}
		if a.fixed {
			_ = b.putSums(ctx, a, c, nil) // else to be tried again
		}
		return nil
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sums, func(s sum) bool { return s.hash == c.sum })
	if i < 0 {
		return &spoiltError{a.name, sums[0].tie}
	}
	if a.rank == pins && sums[i].tie != a.tieOf(c) {
		_ = b.putSums(ctx, a, c, nil) // the content says itself what it is of
	}
	if a.tie != "" && sums[i].tie != a.tie {
		return fmt.Errorf("%w: %s is of commit %s, and the version's info of %s", errSpoilt, a.name, sums[i].tie, a.tie)
	}
	return nil
}

// A sum is a checksum: the SHA-256 hash of an entry, and the commit that it was made from.
type sum struct{ hash, tie string }

func (s sum) String() string { return s.hash + " " + s.tie + "\n" }

// The checksums of an entry have its name with a suffix. One that never changes has one, and it is written after the entry.
// Another has that of what it is to be, written before it, and some of what it was: the two can't be changed at once, and
// other processes may be at it.
const (
	sumSuffix = ".sum"
	noTie     = "-" // instead of a commit
	maxSums   = 8
)

// sumOfNothing is not kept: an empty list that has lost its content must not look like an old one.
var sumOfNothing = fmt.Sprintf("%x", sha256.Sum256(nil))

// sums gives an entry's checksums, at least one. Malformed ones are fs.ErrNotExist.
func (b *Backing) sums(ctx context.Context, name string) ([]sum, error) {
	name += sumSuffix
	c, err := b.read(ctx, name, false, func(*content, io.Reader) error { return nil })
	if err != nil {
		return nil, err
	}
	defer c.release()
	data, err := c.bytes()
	if err != nil {
		return nil, readError(ctx, name, err)
	}
	return parseSums(string(data))
}

// parseSums reads what String writes.
func parseSums(text string) (sums []sum, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 || len(fields[0]) != 64 || strings.Trim(fields[0], "0123456789abcdef") != "" {
			return nil, fs.ErrNotExist
		}
		s := sum{fields[0], fields[1]}
		if s.String() != line {
			return nil, fs.ErrNotExist
		}
		sums = append(sums, s)
	}
	if len(sums) == 0 || len(sums) > maxSums {
		return nil, fs.ErrNotExist
	}
	return sums, nil
}

// putSums writes the checksum of a content, and others after it.
func (b *Backing) putSums(ctx context.Context, a *answer, c *content, others []sum) error {
	var text strings.Builder
	for _, s := range append([]sum{{c.sum, a.tieOf(c)}}, others...) {
		text.WriteString(s.String())
	}
	return b.backend.Put(ctx, a.name+sumSuffix, strings.NewReader(text.String()))
}

// replace puts an answer that changes.
func (b *Backing) replace(ctx context.Context, a *answer, c *content) error {
	others, err := b.sums(ctx, a.name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	others = slices.DeleteFunc(others, func(s sum) bool { return s.hash == c.sum || s.hash == sumOfNothing })
	if err := b.putSums(ctx, a, c, others[:min(len(others), maxSums-1)]); err != nil {
		return err
	}
	return b.put(ctx, a.name, c)
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
	return b.read(ctx, a.name, !a.held, func(c *content, r io.Reader) error {
		if c.sum != made.sum {
			return b.verify(ctx, a, c, r)
		}
		_ = b.putSums(ctx, a, c, nil) // without it there is less to go by, and who reads it next tries again
		return nil
	})
}

// holds reports whether an entry is there, and is this content.
func (b *Backing) holds(ctx context.Context, a *answer, c *content) bool {
	is, err := b.load(ctx, a)
	if err != nil {
		return false
	}
	defer is.release()
	return is.sum == c.sum
}

// remove takes away an entry and its checksum, if the backend can. The checksum goes last: as long as the spoilt entry is
// there, nothing else tells that it is spoilt.
func (b *Backing) remove(ctx context.Context, name string) error {
	r, ok := b.backend.(remover)
	if !ok {
		return nil
	}
	if err := r.Remove(ctx, name); err != nil {
		return err
	}
	return r.Remove(ctx, name+sumSuffix)
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
