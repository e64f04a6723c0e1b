// Package deflate compresses contents on all cores, and keeps what they come to until it is copied elsewhere.
package deflate

import (
	"bufio"
	"bytes"
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
func (b *Batch) Add(data []byte, done func(Span)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed.L = &b.mu
	for b.running > 0 && (b.running >= runtime.GOMAXPROCS(0) || b.held+len(data) > maxHeld) {
		b.changed.Wait()
	}
	if b.err != nil {
		return b.err
	}
	b.running++
	b.held += len(data)
	go b.run(data, done)
	return nil
}

func (b *Batch) run(data []byte, done func(Span)) {
	d := deflaters.Get().(*deflater)
	d.compress(data)
	sum := crc32.ChecksumIEEE(data)
	b.mu.Lock()
	defer b.mu.Unlock()
	start := b.spool.Size()
	if _, err := b.spool.Write(d.out.Bytes()); err != nil && b.err == nil {
		b.err = err
	}
	d.free()
	b.running--
	b.held -= len(data)
	done(Span{start, b.spool.Size(), sum})
	b.changed.Signal()
}

// Stream compresses a content as it is written, which may be larger than memory should hold, and says how many bytes that were.
// An error is that of the writing, or the local disk's; the batch is of no use then.
func (b *Batch) Stream(write func(io.Writer) error) (s Span, size int64, err error) {
	if err := b.Wait(); err != nil {
		return s, 0, err
	}
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

// compress fills out. Writing to memory doesn't fail.
func (d *deflater) compress(data []byte) {
	d.out.Reset()
	d.zw.Reset(&d.out)
	d.zw.Write(data)
	d.zw.Close()
}

// free lets others use the deflater, unless its buffer has grown large.
func (d *deflater) free() {
	const most = 1 << 20
	if d.out.Cap() <= most {
		deflaters.Put(d)
	}
}
