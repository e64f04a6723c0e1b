// Package spool keeps bytes of unknown number: few in memory, many in a temporary file that has no name where the
// system allows it, so that nothing is left behind even by a killed process, but for an empty file if it was just being
// made. Where there are no files (GOOS=js), many are in memory, too, up to a bound.
package spool

import (
	"cmp"
	"errors"
	"io"
)

// inMemory is how many bytes a spool holds before it moves to a file, if nobody says.
const inMemory = 128 << 10

// A Spool is written once, from one goroutine, and then read from any number of them. The zero value is empty and
// ready. It must be closed.
type Spool struct {
	InMemory int // how many bytes to hold before it moves to a file; if zero, 128 KiB

	mem  []byte
	file file
	size int64
}

// A file takes what is too much for the beginning of a spool. Its errors say so themselves.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// Write appends p. An error is one of the local disk, or of the memory in its place.
func (s *Spool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.mem)+len(p) > min(cmp.Or(s.InMemory, inMemory), mostInMemory) {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		s.mem = append(s.mem, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

func (s *Spool) toFile() error {
	f, err := newFile()
	if err != nil {
		return err
	}
	s.file = f
	if _, err := f.Write(s.mem); err != nil {
		return err
	}
	s.mem = nil
	return nil
}

// ReadAt implements [io.ReaderAt].
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	if off < 0 {
		return 0, errors.New("spool: negative offset")
	}
	if off >= int64(len(s.mem)) {
		return 0, io.EOF
	}
	n := copy(p, s.mem[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size is the number of bytes written.
func (s *Spool) Size() int64 { return s.size }

// Memory is the number of bytes held in memory.
func (s *Spool) Memory() int64 { return int64(len(s.mem)) }

// Bytes gives the bytes if they are in memory. They must not be changed, and may be read after Close.
func (s *Spool) Bytes() (data []byte, ok bool) { return s.mem, s.file == nil }

// Reader reads the whole from its start, independently of other readers.
func (s *Spool) Reader() *io.SectionReader { return io.NewSectionReader(s, 0, s.size) }

// Close frees the bytes. Reading after it fails.
func (s *Spool) Close() error {
	s.mem = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
