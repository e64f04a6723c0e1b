package git

import (
	"container/list"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
)

// pieceSize is the size of the pieces that contents are made of, but for those that are smaller.
const pieceSize = 256 << 10

// pieces are those that nobody uses. The garbage collector has as much again as is in use, and more where it must wait for a
// processor: contents come and go faster than anything else, so none are left to it, whatever their sizes.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// A content is that of an object, in memory, and perhaps still being written. The pieces of one that all its users have released
// are those of others.
type content struct {
	size    int64 // once it is whole
	written int64
	parts   [][]byte // all but the last have pieceSize
	single  [1][]byte
	users   atomic.Int32
}

// newContent begins a content, with one user. It takes memory as it is written.
func newContent(size int64) *content {
	c := &content{size: size}
	c.parts = c.single[:0]
	if size > pieceSize {
		c.parts = make([][]byte, 0, (size+pieceSize-1)/pieceSize)
	}
	c.users.Store(1)
	return c
}

func (c *content) retain() *content {
	c.users.Add(1)
	return c
}

func (c *content) release() {
	if c.users.Add(-1) > 0 {
		return
	}
	for _, part := range c.parts {
		if cap(part) == pieceSize {
			pieces.Put((*[pieceSize]byte)(part[:pieceSize]))
		}
	}
	c.parts = nil
}

// memory is what the content takes, once it is whole.
func (c *content) memory() (n int64) {
	for _, part := range c.parts {
		n += int64(cap(part))
	}
	return n
}

// room is where the content goes on. There must be something left to write.
func (c *content) room() []byte {
	at := c.written % pieceSize
	if at == 0 {
		var part []byte
		if c.size > pieceSize {
			part = pieces.Get().(*[pieceSize]byte)[:min(pieceSize, c.size-c.written)]
		} else {
			part = make([]byte, c.size)
		}
		c.parts = append(c.parts, part)
	}
	return c.parts[len(c.parts)-1][at:]
}

// write adds bytes, no more than are left to write.
func (c *content) write(p []byte) {
	for len(p) > 0 {
		n := copy(c.room(), p)
		c.written += int64(n)
		p = p[n:]
	}
}

// copy adds bytes of another content, which must be there.
func (c *content) copy(from *content, offset, size int64) {
	for size > 0 {
		part := from.parts[offset/pieceSize][offset%pieceSize:]
		part = part[:min(int64(len(part)), size)]
		c.write(part)
		offset += int64(len(part))
		size -= int64(len(part))
	}
}

// fill reads all that is left to write.
func (c *content) fill(r io.Reader) error {
	for c.written < c.size {
		n, err := io.ReadFull(r, c.room())
		c.written += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// A contentReader reads a content, of which it is a user until it is closed. It is for one goroutine.
type contentReader struct {
	c  *content // nil once it is closed
	at int64
}

// Read implements [io.Reader].
func (r *contentReader) Read(p []byte) (int, error) {
	switch {
	case r.c == nil:
		return 0, fs.ErrClosed
	case r.at == r.c.size:
		return 0, io.EOF
	}
	n := copy(p, r.c.parts[r.at/pieceSize][r.at%pieceSize:])
	r.at += int64(n)
	return n, nil
}

// Close lets others use the memory.
func (r *contentReader) Close() error {
	if r.c != nil {
		r.c.release()
		r.c = nil
	}
	return nil
}

// maxContent bounds the content that a pack keeps in memory for deltas, but for the one object in hand.
const maxContent = 8 << 20

// A contentCache keeps the content used last. The zero value is ready.
type contentCache struct {
	byEntry map[int32]*list.Element
	recent  list.List // of cached; the front was used last
	size    int64     // of what they take
}

type cached struct {
	entry   int32
	content *content
}

// get gives an entry's content, to be released, or nil.
func (c *contentCache) get(i int32) *content {
	el, ok := c.byEntry[i]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(el)
	return el.Value.(cached).content.retain()
}

func (c *contentCache) has(i int32) bool {
	_, ok := c.byEntry[i]
	return ok
}

func (c *contentCache) put(i int32, data *content) {
	if c.byEntry == nil {
		c.byEntry = make(map[int32]*list.Element)
	}
	if _, ok := c.byEntry[i]; ok {
		return
	}
	c.byEntry[i] = c.recent.PushFront(cached{i, data.retain()})
	c.size += data.memory()
	c.shrink(maxContent, 1)
}

// shrink drops what was used longest ago, until no more than some bytes are left, or contents.
func (c *contentCache) shrink(size int64, contents int) {
	for c.size > size && c.recent.Len() > contents {
		last := c.recent.Remove(c.recent.Back()).(cached)
		delete(c.byEntry, last.entry)
		c.size -= last.content.memory()
		last.content.release()
	}
}

// inHand is what the one content takes that is more than a cache may have, or zero.
func (c *contentCache) inHand() int64 {
	if c.size > maxContent {
		return c.size
	}
	return 0
}
