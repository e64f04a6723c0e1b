package modstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"example.com/vanity/internal/spool"
)

// A content is an answer's bytes: held here, or left in a file of the backend that was found to be whole. They are freed
// when the last user has gone.
type content struct {
	spool spool.Spool
	hash  hash.Hash
	err   error // of the first Write that failed

	// Once all is written, as headers have them:
	etag   string // the sum in quotes
	sum    string // a part of that
	length string

	file   fs.FileInfo // of the backend's file, if the bytes stay there
	looked time.Time   // when it was found to be whole
	kept   bool        // the backend has it
	stored bool        // and had it before it was asked for

	users atomic.Int64
}

// inMemory is how many bytes of a content are held in memory: those of most zips, which are sent from there at once.
const inMemory = 512 << 10

// newContent makes a content with one user, who writes it.
func newContent() *content {
	c := &content{spool: spool.Spool{InMemory: inMemory}, hash: sha256.New()}
	c.hold()
	return c
}

// Write adds to the content in the making.
func (c *content) Write(p []byte) (int, error) {
	n, err := c.spool.Write(p)
	c.hash.Write(p[:n])
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// seal ends the making. Bytes that could not be written make the answer an error, even if its maker overlooked it.
func (c *content) seal() error {
	c.etag = `"` + hex.EncodeToString(c.hash.Sum(nil)) + `"`
	c.sum = c.etag[1 : len(c.etag)-1]
	c.hash = nil
	size := c.spool.Size()
	if c.file != nil {
		size = c.file.Size()
	}
	c.length = strconv.FormatInt(size, 10)
	return c.err
}

func (c *content) hold() { c.users.Add(1) }

// holdUsed is hold for who has no hold on it: false if there are no users any more.
func (c *content) holdUsed() bool {
	for {
		n := c.users.Load()
		if n == 0 {
			return false
		}
		if c.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *content) release() {
	if c.users.Add(-1) == 0 {
		c.spool.Close()
	}
}

// data gives the bytes, which must not be changed, if they are in memory.
func (c *content) data() (data []byte, ok bool) {
	data, ok = c.spool.Bytes()
	return data, ok && c.file == nil
}

// size is what the content takes of the memory's bound.
func (c *content) size() int64 { return c.spool.Size() }

// bytes reads what is known to be small.
func (c *content) bytes() ([]byte, error) { return io.ReadAll(c.spool.Reader()) }

// open gives the bytes that are held here.
func (c *content) open() *Content {
	c.hold()
	r := &reader{content: c}
	return &Content{ReadSeeker: io.NewSectionReader(r, 0, c.spool.Size()), From: c.from(), etag: c.etag, length: c.length, close: r.Close}
}

func (c *content) from() string {
	if c.stored {
		return FromStore
	}
	return FromHost
}

// A Content is an answer, to be closed. An *os.File of the store is its ReadSeeker itself, which the kernel can copy
// from.
type Content struct {
	io.ReadSeeker
	Fixed bool // it never changes
	Stale bool // it should have been made anew, but could not be
	From  string

	etag, length string
	close        func() error
}

// ETag is the SHA-256 hash of the bytes, in quotes.
func (c *Content) ETag() string { return c.etag }

// Length is the number of bytes, as a header has it.
func (c *Content) Length() string { return c.length }

// Close lets go of the bytes. Reading after it fails.
func (c *Content) Close() error { return c.close() }

// A reader is one user of a content. It may be closed while it reads: [http.ServeContent] leaves a goroutine that does
// if a client goes away from several ranges.
type reader struct {
	mu      sync.RWMutex
	content *content // nil when closed
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.content == nil {
		return 0, fs.ErrClosed
	}
	return r.content.spool.ReadAt(p, off)
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.content != nil {
		r.content.release()
		r.content = nil
	}
	return nil
}

// A file is what can be left where it is, and be opened for each who wants it.
type file interface {
	io.ReadSeekCloser
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// maxHeld is the size up to which the content of a file is held all the same.
const maxHeld = 64 << 10

// take reads what a backend has, to its end; where it may be left, a large file's content is not held. It does not close r.
// What looks like a file but is none of the system's could not be known again, and is held.
func take(ctx context.Context, r io.Reader, mayLeave bool) (*content, error) {
	c := newContent()
	c.kept = true
	err := c.take(ctx, r, mayLeave)
	if err == nil {
		err = c.seal()
	}
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

func (c *content) take(ctx context.Context, r io.Reader, mayLeave bool) error {
	w := io.Writer(c)
	if f, ok := r.(file); ok && mayLeave {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if info.Size() > maxHeld && os.SameFile(info, info) {
			c.file, c.looked, w = info, time.Now(), c.hash
		}
	}
	_, err := io.Copy(w, &patient{ctx, r})
	return err
}

// A patient reads as long as somebody waits.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// at gives the bytes, r being where they were taken from.
func (c *content) at(r io.Reader) *io.SectionReader {
	if c.file != nil {
		return io.NewSectionReader(r.(file), 0, c.file.Size())
	}
	return c.spool.Reader()
}

// lookAgain is the time after which a file is read again before it is taken for whole: disks fail in silence.
const lookAgain = time.Hour

// reopen gives a file that was found to be whole, if it is still the same.
func (c *content) reopen(r io.ReadCloser) (*Content, bool) {
	f, ok := r.(file)
	if ok && c.isSame(f) {
		return &Content{ReadSeeker: f, From: c.from(), etag: c.etag, length: c.length, close: f.Close}, true
	}
	r.Close()
	return nil, false
}

func (c *content) isSame(f file) bool {
	info, err := f.Stat()
	return err == nil && os.SameFile(info, c.file) && info.Size() == c.file.Size() &&
		info.ModTime().Equal(c.file.ModTime()) && time.Since(c.looked) < lookAgain
}
