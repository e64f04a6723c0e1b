package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"example.com/vanity/internal/budget"
)

// mostInMemory is the most that a spool may hold before it is counted, that many small ones don't make much.
const mostInMemory = 16 << 10

// Bounds in bytes. One answer has three spools at most that are large: what was fetched, what of it was compressed anew, and
// the zip. So whoever is refused for the sum is so because of others.
const (
	maxOne = 16 << 20
	maxAll = 3 * maxOne
	block  = 64 << 10
)

// taken is what all files have. There is one thread.
var taken int64

// A memFile is in memory, in blocks, so that to grow leaves nothing behind for the garbage collector.
type memFile struct {
	blocks [][]byte // full, but for the last
	size   int64
	closed bool
}

func newFile() (file, error) { return new(memFile), nil }

func (f *memFile) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if f.size%block == 0 {
			if err := f.grow(); err != nil {
				return n, err
			}
		}
		k := copy(f.blocks[len(f.blocks)-1][f.size%block:], p[n:])
		n += k
		f.size += int64(k)
	}
	return n, nil
}

func (f *memFile) grow() error {
	switch {
	case f.size+block > maxOne:
		return fmt.Errorf("spooling %d MiB to memory, as there is no disk: %w", maxOne>>20, budget.ErrTooMuch)
	case taken+block > maxAll:
		return fmt.Errorf("spooling %d MiB to memory, as there is no disk: %w", maxAll>>20, budget.ErrBusy)
	}
	taken += block
	f.blocks = append(f.blocks, make([]byte, block))
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (n int, err error) {
	switch {
	case f.closed:
		return 0, fs.ErrClosed
	case off < 0:
		return 0, errors.New("spool: negative offset")
	}
	for n < len(p) && off < f.size {
		b := f.blocks[off/block]
		k := copy(p[n:], b[off%block:min(block, f.size-off/block*block)])
		n += k
		off += int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Close() error {
	if f.closed {
		return fs.ErrClosed
	}
	taken -= int64(len(f.blocks)) * block
	f.blocks, f.closed = nil, true
	return nil
}
