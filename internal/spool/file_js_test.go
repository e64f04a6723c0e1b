package spool_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/spool"
)

const mib = 1 << 20

// fill writes so many bytes, of which no two blocks are the same.
func fill(s *spool.Spool, n int) error {
	chunk := make([]byte, 100_000)
	for n > 0 {
		for i := range chunk {
			chunk[i] = byte(n >> 8 * (i % 3))
		}
		k := min(n, len(chunk))
		if _, err := s.Write(chunk[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// Without a disk, one spool has a bound, and all of them have one together; what is closed makes room.
func TestBounds(t *testing.T) {
	var all []*spool.Spool
	open := func(n int) error {
		s := new(spool.Spool)
		all = append(all, s)
		return fill(s, n)
	}
	closeAll := func() {
		for _, s := range all {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		all = nil
	}
	defer closeAll()
	if err := open(16*mib + 1); !errors.Is(err, budget.ErrTooMuch) {
		t.Errorf("more than 16 MiB: %v", err)
	}
	closeAll()
	for range 2 {
		for range 3 {
			if err := open(16 * mib); err != nil {
				t.Fatalf("%d spools of 16 MiB: %v", len(all), err)
			}
		}
		if err := open(mib); !errors.Is(err, budget.ErrBusy) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a spool beside three of 16 MiB: %v", err)
		}
		if err := open(16 << 10); err != nil {
			t.Errorf("a small spool beside three of 16 MiB: %v", err)
		}
		closeAll()
	}
}

func TestBlocks(t *testing.T) {
	s := new(spool.Spool)
	defer s.Close()
	if err := fill(s, 1_000_000); err != nil {
		t.Fatal(err)
	}
	if s.Memory() > 0 || s.Size() != 1_000_000 {
		t.Errorf("%d bytes, %d of them not counted", s.Size(), s.Memory())
	}
	whole, err := io.ReadAll(s.Reader())
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 500_000, 999_999} {
		for _, n := range []int{1, 64 << 10, 64<<10 + 1, 200_000} {
			p := make([]byte, n)
			got, err := s.ReadAt(p, int64(off))
			want := whole[off:min(off+n, len(whole))]
			if !bytes.Equal(p[:got], want) || (err == io.EOF) != (off+n > len(whole)) {
				t.Errorf("%d bytes at %d: %d, %v", n, off, got, err)
			}
		}
	}
	s.Close()
	if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
