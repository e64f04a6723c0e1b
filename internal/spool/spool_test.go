package spool_test

import (
	"bytes"
	"io"
	"os"
	"sync"
	"testing"

	"example.com/vanity/internal/spool"
)

func TestSpool(t *testing.T) {
	for _, size := range []int{0, 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 1 << 20} {
		for _, chunk := range []int{1 << 10, 100_000, 1 << 20} {
			t.Setenv("TMPDIR", t.TempDir())
			want := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
			var s spool.Spool
			for rest := want; len(rest) > 0; {
				n, err := s.Write(rest[:min(chunk, len(rest))])
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if s.Size() != int64(size) || s.Memory() > 128<<10 {
				t.Errorf("%d bytes: size %d, %d of it in memory", size, s.Size(), s.Memory())
			}
			if entries, _ := os.ReadDir(os.TempDir()); len(entries) > 0 {
				t.Errorf("%d bytes: a file has a name", size)
			}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if got, err := io.ReadAll(s.Reader()); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%d bytes: got %d, %v", size, len(got), err)
					}
				})
			}
			wg.Wait()
			for _, off := range []int64{-1, int64(size), int64(size) + 1} {
				if n, err := s.ReadAt(make([]byte, 1), off); n != 0 || err == nil || off >= 0 && err != io.EOF {
					t.Errorf("%d bytes, at %d: %d, %v", size, off, n, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if n, err := s.ReadAt(make([]byte, 1), 0); n != 0 || err == nil {
				t.Errorf("after Close: %d, %v", n, err)
			}
		}
	}
}
