package modstore_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
)

// A shelf is a backend in memory, with the faults that backends have. It keeps the first content of what never changes,
// and can remove it, unless it is told otherwise.
type shelf struct {
	overwrites bool

	mu      sync.Mutex
	entries map[string]string
	puts    []string // names in their order

	getFault func(name string) error
	putFault func(name string) error
	before   func(name string) // each Put, without the lock
}

func newShelf() *shelf {
	return &shelf{entries: make(map[string]string)}
}

// keepsFirst are the names whose content must not change.
func keepsFirst(name string) bool {
	for _, ext := range []string{".info", ".mod", ".zip"} {
		if strings.HasSuffix(name, ext) && strings.Contains(name, "/@v/v1.") {
			return true
		}
	}
	return false
}

func (s *shelf) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.getFault != nil {
		if err := s.getFault(name); err != nil {
			return nil, err
		}
	}
	text, ok := s.entries[name]
	if !ok {
		return nil, fmt.Errorf("shelf: %s: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (s *shelf) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before(name)
	}
	data, err := io.ReadAll(content)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.putFault != nil && err == nil {
		err = s.putFault(name)
	}
	if err != nil {
		return err
	}
	s.puts = append(s.puts, name)
	if _, ok := s.entries[name]; !ok || s.overwrites || !keepsFirst(name) {
		s.entries[name] = string(data)
	}
	return nil
}

func (s *shelf) Remove(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, name)
	return nil
}

// A fixture is a shelf that can't remove anything.
type fixture struct{ shelf *shelf }

func (f fixture) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	return f.shelf.Get(ctx, name)
}

func (f fixture) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	return f.shelf.Put(ctx, name, content)
}

// text is an entry; empty if there is none.
func (s *shelf) text(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[name]
}

// set puts an entry, whatever is there.
func (s *shelf) set(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[name] = text
}

// spoil changes an entry that must be there.
func (s *shelf) spoil(name string, how func(string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[name] == "" {
		panic("no entry " + name)
	}
	s.entries[name] = how(s.entries[name])
}

// faults says how Get and Put fail from now on.
func (s *shelf) faults(get, put func(name string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.getFault, s.putFault = get, put
}

// count is how often a name was put.
func (s *shelf) count(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, put := range s.puts {
		if put == name {
			n++
		}
	}
	return n
}

// checkSums wants a checksum beside each entry.
func (s *shelf) checkSums(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for name, text := range s.entries {
		sum, ok := s.entries[name+".sum"]
		if strings.HasSuffix(name, ".sum") {
			continue
		}
		if !ok {
			t.Errorf("%s has a checksum: %v", name, ok)
		}
		tie := "-"
		if keepsFirst(name) {
			info := s.entries[name[:strings.LastIndexByte(name, '.')]+".info"]
			_, rest, _ := strings.Cut(info, `"Hash":"`)
			tie, _, _ = strings.Cut(rest, `"`)
		}
		if want := fmt.Sprintf("%x %s\n", sha256.Sum256([]byte(text)), tie); ok && !strings.Contains(sum, want) {
			t.Errorf("checksum of %s: %q, want %q", name, sum, want)
		}
		if ok {
			n++
		}
	}
	if n == 0 {
		t.Error("nothing has a checksum")
	}
}

// clone is a shelf with the same entries.
func (s *shelf) clone() *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := newShelf()
	c.overwrites = s.overwrites
	for name, text := range s.entries {
		c.entries[name] = text
	}
	return c
}
