// Package deflate compresses contents on all cores, and keeps what they come to until it is copied elsewhere.
package deflate

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/zlib"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"example.com/vanity/internal/spool"
)

// level gives some twentieth more than zlib's own default would, in half the time.
const level = 4

// maxHeld bounds the contents that are being compressed at the same time, but for a single one that is larger.
const maxHeld = 8 << 20

// A Span is where a content's compressed form is in a batch, as a zlib stream (RFC 1950), with the content's checksum.
type Span struct {
	Start, End int64
	CRC        uint32 // IEEE, as in zip files
}

// A Batch is a number of compressed contents. The zero value is empty and ready. Contents are added from one goroutine; those
// that compress them have ended when Wait returns. It must be closed.
type Batch struct {
	spool spool.Spool

	mu      sync.Mutex
	changed sync.Cond // a content is compressed
	running int
	held    int
	err     error
}

// Add compresses a content, which must not change until done is called. That is done from another goroutine, perhaps before
// Add returns, one call at a time. Add waits for others to end if much is under way. The first error, which is the local
// disk's, comes back from all later calls.
func (b *Batch) Add(data []byte, done func(Span)) error { return b.AddParts([][]byte{data}, done) }

// AddParts is Add for a content that is in parts.
func (b *Batch) AddParts(parts [][]byte, done func(Span)) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed.L = &b.mu
	for b.running > 0 && (b.running >= runtime.GOMAXPROCS(0) || b.held+size > maxHeld) {
		b.changed.Wait()
	}
	if b.err != nil {
		return b.err
	}
	b.running++
	b.held += size
	go b.run(parts, size, done)
	return nil
}

func (b *Batch) run(parts [][]byte, size int, done func(Span)) {
	var s Span
	var err error
	if size > maxHeld { // nothing else is under way, and what it comes to may be as large
		s, _, err = b.stream(func(w io.Writer) error { return writeParts(w, parts) })
		b.mu.Lock()
	} else {
		d := deflaters.Get().(*deflater)
		s.CRC = d.compress(parts)
		b.mu.Lock()
		s.Start = b.spool.Size()
		_, err = b.spool.Write(d.out.Bytes())
		s.End = b.spool.Size()
		d.free()
	}
	defer b.mu.Unlock()
	b.err = cmp.Or(b.err, err)
	b.running--
	b.held -= size
	done(s)
	b.changed.Signal()
}

func writeParts(w io.Writer, parts [][]byte) error {
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Stream compresses a content as it is written, which may be larger than memory should hold, and says how many bytes that were.
// An error is that of the writing, or the local disk's; the batch is of no use then.
func (b *Batch) Stream(write func(io.Writer) error) (s Span, size int64, err error) {
	if err := b.Wait(); err != nil {
		return s, 0, err
	}
	return b.stream(write)
}

// stream is Stream while nothing is under way.
func (b *Batch) stream(write func(io.Writer) error) (s Span, size int64, err error) {
	d := deflaters.Get().(*deflater)
	defer d.free()
	out := bufio.NewWriter(&b.spool)
	d.zw.Reset(out)
	in := &counter{w: d.zw}
	s.Start = b.spool.Size()
	if err = write(in); err == nil {
		err = d.zw.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	s.End, s.CRC = b.spool.Size(), in.crc
	return s, in.size, err
}

// A counter notes what passes.
type counter struct {
	w    io.Writer
	size int64
	crc  uint32
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.size += int64(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	return n, err
}

// Wait ends when all that was added is compressed. The batch can be read then.
func (b *Batch) Wait() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed.L = &b.mu
	for b.running > 0 {
		b.changed.Wait()
	}
	return b.err
}

// ReadAt reads the compressed forms, which follow one another.
func (b *Batch) ReadAt(p []byte, off int64) (int, error) { return b.spool.ReadAt(p, off) }

// Size is the number of bytes of all compressed forms.
func (b *Batch) Size() int64 { return b.spool.Size() }

// Section reads one of them.
func (b *Batch) Section(s Span) *io.SectionReader {
	return io.NewSectionReader(&b.spool, s.Start, s.End-s.Start)
}

// Close waits as Wait does, and frees the bytes.
func (b *Batch) Close() error {
	b.Wait()
	return b.spool.Close()
}

// A zlib stream is a deflate stream between a header and a checksum.
const (
	zlibHeader  = 2
	zlibTrailer = 4
)

// Raw cuts a zlib stream to the deflate stream (RFC 1951) in it. It must be one without a preset dictionary.
func Raw(z *io.SectionReader) *io.SectionReader {
	return io.NewSectionReader(z, zlibHeader, z.Size()-zlibHeader-zlibTrailer)
}

// A deflater is what compressing needs, some 700 kB.
type deflater struct {
	out bytes.Buffer
	zw  *zlib.Writer
}

var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	d.zw, _ = zlib.NewWriterLevel(&d.out, level) // which is one that there is
	return d
}}

// compress fills out, and gives the checksum of the content. Writing to memory doesn't fail.
func (d *deflater) compress(parts [][]byte) (crc uint32) {
	d.out.Reset()
	d.zw.Reset(&d.out)
	for _, part := range parts {
		d.zw.Write(part)
		crc = crc32.Update(crc, crc32.IEEETable, part)
	}
	d.zw.Close()
	return crc
}

// free lets others use the deflater, unless its buffer has grown large.
func (d *deflater) free() {
	const most = 1 << 20
	if d.out.Cap() <= most {
		deflaters.Put(d)
	}
}
