package git

import (
	"bufio"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
	"io/fs"
	"sync"
)

// isInflateError reports whether err says that a compressed stream is malformed.
func isInflateError(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, zlib.ErrChecksum) || errors.Is(err, zlib.ErrHeader) ||
		errors.Is(err, zlib.ErrDictionary) || errors.Is(err, io.ErrUnexpectedEOF)
}

// An inflater is what inflating needs, some 50 kB.
type inflater struct {
	buf *bufio.Reader
	zr  io.ReadCloser // nil before its first use
	out *bufio.Reader // of what is inflated, for who wants to look ahead
}

var inflaters = sync.Pool{New: func() any { return &inflater{buf: bufio.NewReader(nil), out: bufio.NewReader(nil)} }}

// reset makes the inflater read a new stream.
func (z *inflater) reset(r io.Reader) (err error) {
	z.buf.Reset(r)
	z.zr, err = inflate(z.zr, z.buf)
	return err
}

// inflate begins a zlib stream, with a reader that has read another one, or nil.
func inflate(zr io.ReadCloser, r io.Reader) (io.ReadCloser, error) {
	if zr == nil {
		return zlib.NewReader(r)
	}
	return zr, zr.(zlib.Resetter).Reset(r, nil)
}

// A stream is an object's content being inflated. It is for one goroutine.
type stream struct{ z *inflater }

func openStream(r io.Reader) (*stream, error) {
	z := inflaters.Get().(*inflater)
	s := &stream{z}
	if err := z.reset(r); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	if s.z == nil {
		return 0, fs.ErrClosed
	}
	return s.z.zr.Read(p)
}

// ahead is the stream with room to look ahead. It is to be read by that alone.
func (s *stream) ahead() *bufio.Reader {
	s.z.out.Reset(s.z.zr)
	return s.z.out
}

// Close lets others inflate with what the stream held.
func (s *stream) Close() error {
	if s.z != nil {
		s.z.buf.Reset(nil)
		inflaters.Put(s.z)
		s.z = nil
	}
	return nil
}
