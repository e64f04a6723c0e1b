package git

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"sort"
	"sync"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/deflate"
	"example.com/vanity/internal/spool"
)

// A Type is an object's type, with the numbers that packs use.
type Type uint8

const (
	CommitObject Type = 1
	TreeObject   Type = 2
	BlobObject   Type = 3
	TagObject    Type = 4

	ofsDelta Type = 6
	refDelta Type = 7
)

func (t Type) String() string {
	switch t {
	case CommitObject:
		return "commit"
	case TreeObject:
		return "tree"
	case BlobObject:
		return "blob"
	case TagObject:
		return "tag"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// A Pack holds objects as they came, each checked against its name. It is safe for concurrent use. Its bytes stay in
// a spool: memory holds the index, and some content while deltas are resolved. Blobs that came as deltas, but were wanted
// for a zip, are held whole, as if they had come so.
type Pack struct {
	format   *format
	spool    *spool.Spool
	deflated deflate.Batch // what came as deltas and is held whole
	entries  []entry       // in the order of the pack
	order    []int32       // entries by hash

	mu    sync.Mutex
	cache contentCache // content that deltas are likely to need, by entry
	again int64        // bytes that were made by deltas once more, being no longer in the cache
}

// An entry is one object of a pack.
type entry struct {
	hash       Hash
	kind       Type // the resolved one
	depth      uint16
	base       int32  // entry that this one is a delta to; -1 for none
	crc        uint32 // of the content, if there is no base
	size       int64  // of the content
	deltaSize  int64  // of the delta, inflated
	start, end int64  // the compressed span in the spool, or beyond its end, in what follows it there
}

// Len is the number of objects.
func (p *Pack) Len() int { return len(p.entries) }

// Size is the number of bytes that the pack has on the disk.
func (p *Pack) Size() int64 { return p.spool.Size() + p.deflated.Size() }

// Close frees the pack's bytes.
func (p *Pack) Close() error { return errors.Join(p.spool.Close(), p.deflated.Close()) }

// section reads the compressed span of an entry.
func (p *Pack) section(e *entry) *io.SectionReader {
	if size := p.spool.Size(); e.start >= size {
		return io.NewSectionReader(&p.deflated, e.start-size, e.end-e.start)
	}
	return io.NewSectionReader(p.spool, e.start, e.end-e.start)
}

// find returns the entry of an object, or -1.
func (p *Pack) find(h Hash) int32 {
	i, ok := sort.Find(len(p.order), func(i int) int {
		return bytes.Compare(h.bytes(), p.entries[p.order[i]].hash.bytes())
	})
	if !ok {
		return -1
	}
	return p.order[i]
}

// Has reports whether the pack holds the object.
func (p *Pack) Has(h Hash) bool { return p.find(h) >= 0 }

// Stat gives an object's type and the size of its content. It fails with fs.ErrNotExist if the pack hasn't got it.
func (p *Pack) Stat(h Hash) (Type, int64, error) {
	i := p.find(h)
	if i < 0 {
		return 0, 0, absent(h)
	}
	return p.entries[i].kind, p.entries[i].size, nil
}

// Span gives an object's compressed form: a zlib stream of its content (RFC 1950), if the pack holds it whole, and the
// content's checksum (CRC-32, IEEE). ok is false for an object stored as a delta, or unknown.
func (p *Pack) Span(h Hash) (span *io.SectionReader, crc uint32, ok bool) {
	i := p.find(h)
	if i < 0 || p.entries[i].base >= 0 {
		return nil, 0, false
	}
	e := &p.entries[i]
	return p.section(e), e.crc, true
}

// Open reads an object's content. One that is stored whole is inflated as it is read; a delta needs the memory of
// its content until it is closed.
func (p *Pack) Open(h Hash) (io.ReadCloser, error) {
	i := p.find(h)
	if i < 0 {
		return nil, absent(h)
	}
	if p.entries[i].base < 0 {
		s, err := p.inflate(i)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.content(context.Background(), i)
	if err != nil {
		return nil, err
	}
	p.cache.shrink(maxContent, 0) // memory in hand is the reader's, and counted so
	return &contentReader{c: c}, nil
}

// memory is about what it takes to open an object: nothing, if it is stored whole.
func (p *Pack) memory(h Hash) int64 {
	i := p.find(h)
	if i < 0 || p.entries[i].base < 0 {
		return 0
	}
	return p.cost(i)
}

// cost is what an entry's content takes while it is made, if nothing is in the cache: of the deltas that lead to it, the
// largest result together with its base.
func (p *Pack) cost(i int32) int64 {
	most := p.entries[i].size
	for e := &p.entries[i]; e.base >= 0; e = &p.entries[e.base] {
		most = max(most, e.size+p.entries[e.base].size)
	}
	return most
}

func absent(h Hash) error {
	return fmt.Errorf("object %s: %w", h, fs.ErrNotExist)
}

// inflate opens the zlib stream of an entry.
func (p *Pack) inflate(i int32) (*stream, error) {
	return openStream(p.section(&p.entries[i]))
}

// inflateAll reads the zlib stream of an entry that is stored whole. The content is to be released.
func (p *Pack) inflateAll(i int32) (*content, error) {
	r, err := p.inflate(i)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c := newContent(p.entries[i].size)
	if err := c.fill(r); err != nil {
		c.release()
		return nil, errAgain(err)
	}
	return c, nil
}

// errAgain is not wrapped: an early end is not the host's here.
func errAgain(err error) error { return fmt.Errorf("reading a spooled pack again: %v", err) }

// openDelta begins to read an entry's delta. That ends when the stream is closed.
func (p *Pack) openDelta(i int32) (deltaReader, *stream, error) {
	r, err := p.inflate(i)
	if err != nil {
		return deltaReader{}, nil, err
	}
	d, err := readDelta(r.ahead(), p.entries[i].deltaSize)
	if err != nil {
		r.Close()
		return deltaReader{}, nil, err
	}
	return d, r, nil
}

// applyDelta makes what an entry's delta makes of its base.
func (p *Pack) applyDelta(i int32, base *content) (*content, error) {
	d, r, err := p.openDelta(i)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return d.apply(base)
}

// content reads an entry whole, its deltas applied, to be released. p.mu must be held.
func (p *Pack) content(ctx context.Context, i int32) (*content, error) {
	var chain []int32 // deltas to apply, the last one first
	c := p.cache.get(i)
	for c == nil && p.entries[i].base >= 0 {
		chain = append(chain, i)
		i = p.entries[i].base
		c = p.cache.get(i)
	}
	if c == nil {
		p.cache.shrink(maxContent, 0) // what was in hand is of no use for this
		var err error
		if c, err = p.inflateAll(i); err != nil {
			return nil, err
		}
		p.cache.put(i, c)
	}
	for _, i := range slices.Backward(chain) {
		if ctx.Err() != nil {
			c.release()
			return nil, ctx.Err()
		}
		next, err := p.applyDelta(i, c)
		c.release()
		if err != nil {
			return nil, err
		}
		c = next
		p.cache.put(i, c)
		p.again += c.size
	}
	return c, nil
}

// forget frees the memory that resolving deltas took.
func (p *Pack) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cache.shrink(-1, 0)
	p.cache = contentCache{}
}

// readPack spools a pack and indexes it. Up to so many blobs are held whole though they come as deltas, which a zip wants. Every
// error but those of the local disk is the host's.
func readPack(ctx context.Context, r io.Reader, f *format, limits Limits, whole int) (*Pack, error) {
	p := &Pack{format: f, spool: new(spool.Spool)}
	pr := &packReader{r: r, pack: p, limits: limits, sum: f.new(), whole: whole}
	pr.name.sum = f.new()
	err := pr.read(ctx)
	if err == nil {
		err = pr.resolve(ctx)
	}
	if err = cmp.Or(err, p.deflated.Wait()); err == nil {
		pr.settle()
	}
	p.forget()
	budget.Give(ctx, pr.taken+pr.inHand)
	if err != nil {
		p.Close()
		return nil, err
	}
	p.order = make([]int32, len(p.entries))
	for i := range p.order {
		p.order[i] = int32(i)
	}
	slices.SortFunc(p.order, func(a, b int32) int {
		return bytes.Compare(p.entries[a].hash.bytes(), p.entries[b].hash.bytes())
	})
	return p, nil
}

// A packReader reads a pack once from front to back. Names of objects that are stored whole are computed on the way;
// deltas wait for resolve.
type packReader struct {
	r      io.Reader
	pack   *Pack
	limits Limits

	buf      [32 << 10]byte
	pos, end int   // unread bytes of buf
	flushed  int   // bytes of buf that the spool and the sum have already
	off      int64 // of pos in the pack
	inflated int64 // bytes of content so far
	sum      hash.Hash
	name     namer
	zr       io.ReadCloser
	copyBuf  [32 << 10]byte

	refBase map[int32]Hash // bases of ref-deltas, by entry
	offsets []int64        // where the entries' headers begin
	taken   int64          // memory for what is gone once the pack is read
	inHand  int64          // and for contents; see need

	whole int         // how many more blobs are compressed that deltas make
	held  []heldWhole // those that were
	bytes int64       // of their contents
}

// A heldWhole is an entry whose content was compressed.
type heldWhole struct {
	entry int32
	span  deflate.Span
}

// ReadByte keeps inflate from reading beyond the end of a stream.
func (r *packReader) ReadByte() (byte, error) {
	if r.pos == r.end {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	b := r.buf[r.pos]
	r.pos++
	r.off++
	return b, nil
}

func (r *packReader) Read(p []byte) (int, error) {
	if r.pos == r.end {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.pos:r.end])
	r.pos += n
	r.off += int64(n)
	return n, nil
}

// fill reads on; what was consumed goes to the spool first.
func (r *packReader) fill() error {
	if err := r.flush(); err != nil {
		return err
	}
	if r.off > r.limits.PackBytes {
		return failf(Broken, "the host's pack is larger than %d bytes: %w", r.limits.PackBytes, errTooMany)
	}
	n, err := r.r.Read(r.buf[:])
	for n == 0 && err == nil {
		n, err = r.r.Read(r.buf[:])
	}
	r.pos, r.end, r.flushed = 0, n, 0
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// flush sums and spools what was consumed.
func (r *packReader) flush() error {
	part := r.buf[r.flushed:r.pos]
	r.flushed = r.pos
	r.sum.Write(part)
	_, err := r.pack.spool.Write(part)
	return err
}

// What an entry takes of memory, and what it takes besides while a pack is read.
const (
	entryCost   = 100
	readingCost = 200
)

func (r *packReader) read(ctx context.Context) error {
	count, err := r.header()
	if err != nil {
		return err
	}
	r.refBase = make(map[int32]Hash)
	for i := range count {
		if err := r.take(ctx, i); err != nil {
			return err
		}
		r.pack.entries, r.offsets = withRoom(r.pack.entries, count), withRoom(r.offsets, count)
		if err := r.entry(); err != nil {
			return entryError(i, count, err)
		}
	}
	return r.trailer()
}

// take asks for the memory of some entries at a time: a pack may claim more than it has.
func (r *packReader) take(ctx context.Context, i int) error {
	const some = 1000
	if i%some > 0 {
		return nil
	}
	if err := budget.Take(ctx, some*(entryCost+readingCost)); err != nil {
		return err
	}
	r.taken += some * readingCost
	return nil
}

// withRoom makes room for one more of what will be no more than some. Append would grow by a quarter at a time, and leave four
// times as much as there is in the end to the garbage collector.
func withRoom[T any](s []T, most int) []T {
	if len(s) < cap(s) {
		return s
	}
	return append(make([]T, 0, min(most, max(64, 2*len(s)))), s...)
}

// entryError says which object is malformed; what is no fault of the pack's stays as it is.
func entryError(i, count int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, errPack) && !isInflateError(err) {
		return err
	}
	return failf(Broken, "object %d of %d in the host's pack: %w", i+1, count, err)
}

var errPack = errors.New("malformed pack")

func (r *packReader) header() (int, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	version := binary.BigEndian.Uint32(head[4:])
	if string(head[:4]) != "PACK" || version != 2 && version != 3 {
		return 0, failf(Broken, "the host sent no pack of version 2 or 3, but %q", head[:8])
	}
	count := binary.BigEndian.Uint32(head[8:])
	if int64(count) > int64(r.limits.Objects) {
		return 0, failf(Broken, "the host's pack has %d objects, more than %d: %w", count, r.limits.Objects, errTooMany)
	}
	return int(count), nil
}

// trailer compares the pack's checksum and insists that nothing follows.
func (r *packReader) trailer() error {
	if err := r.flush(); err != nil {
		return err
	}
	want := make([]byte, r.pack.format.size)
	sum := r.sum.Sum(nil)
	if _, err := io.ReadFull(r, want); err != nil {
		return err
	}
	if !bytes.Equal(sum, want) {
		return failf(Broken, "the host's pack does not have the checksum %x that it ends with, but %x", want, sum)
	}
	if r.pos < r.end {
		return failf(Broken, "the host sent more after the pack's end")
	}
	var more [1]byte
	n, err := io.ReadFull(r.r, more[:])
	if n > 0 {
		return failf(Broken, "the host sent more after the pack's end")
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// entry reads one object.
func (r *packReader) entry() error {
	headerAt := r.off
	kind, size, err := r.entryHeader()
	if err != nil {
		return err
	}
	e := entry{kind: kind, base: -1}
	index := int32(len(r.pack.entries))
	switch kind {
	case CommitObject, TreeObject, BlobObject, TagObject:
		e.size = size
		if size > r.limits.Object {
			return failf(Broken, "an object in the host's pack has %d bytes, more than %d", size, r.limits.Object)
		}
	case ofsDelta:
		e.deltaSize = size
		e.base, err = r.ofsBase(headerAt)
	case refDelta:
		e.deltaSize = size
		name := make([]byte, r.pack.format.size)
		_, err = io.ReadFull(r, name)
		r.refBase[index] = hashOf(name)
	default:
		err = fmt.Errorf("%w: unknown object type %d", errPack, kind)
	}
	if err != nil {
		return err
	}
	if e.deltaSize > r.limits.Delta {
		return failf(Broken, "a delta in the host's pack has %d bytes, more than %d", size, r.limits.Delta)
	}
	e.start = r.off
	if e.hash, err = r.body(kind, size); err != nil {
		return err
	}
	e.crc, e.end = r.name.crc, r.off
	r.offsets = append(r.offsets, headerAt)
	r.pack.entries = append(r.pack.entries, e)
	return nil
}

// entryHeader reads type and size (gitformat-pack, "pack entry").
func (r *packReader) entryHeader() (Type, int64, error) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	kind, size := Type(b>>4&7), int64(b&15)
	for shift := 4; b&0x80 != 0; shift += 7 {
		if b, err = r.ReadByte(); err != nil {
			return 0, 0, err
		}
		if shift > 56 {
			return 0, 0, fmt.Errorf("%w: size of an object", errPack)
		}
		size |= int64(b&0x7f) << shift
	}
	if size < 0 {
		return 0, 0, fmt.Errorf("%w: size of an object", errPack)
	}
	return kind, size, nil
}

// ofsBase reads how far before headerAt the base's header is.
func (r *packReader) ofsBase(headerAt int64) (int32, error) {
	b, err := r.ReadByte()
	if err != nil {
		return -1, err
	}
	distance := int64(b & 0x7f)
	for b&0x80 != 0 {
		if b, err = r.ReadByte(); err != nil {
			return -1, err
		}
		if distance > 1<<50 {
			return -1, fmt.Errorf("%w: distance of a delta's base", errPack)
		}
		distance = (distance+1)<<7 | int64(b&0x7f)
	}
	base, ok := slices.BinarySearch(r.offsets, headerAt-distance)
	if !ok {
		return -1, fmt.Errorf("%w: no object begins where a delta's base should", errPack)
	}
	return int32(base), nil
}

// body inflates an object's stream, checks its size, and names it if it is stored whole.
func (r *packReader) body(kind Type, size int64) (Hash, error) {
	if r.inflated += size; r.inflated > r.limits.Inflated {
		return Hash{}, failf(Broken, "the host's pack holds more than %d bytes", r.limits.Inflated)
	}
	var err error
	if r.zr, err = inflate(r.zr, r); err != nil {
		return Hash{}, err
	}
	var dst io.Writer = io.Discard
	whole := kind < ofsDelta
	if whole {
		r.name.begin(kind, size)
		dst = &r.name
	}
	n, err := io.CopyBuffer(dst, io.LimitReader(r.zr, size+1), r.copyBuf[:])
	if err != nil {
		return Hash{}, err
	}
	if n != size {
		return Hash{}, fmt.Errorf("%w: object's content has not the size %d that its header says", errPack, size)
	}
	if !whole {
		return Hash{}, nil
	}
	return r.name.end(), nil
}

// resolve names the deltas: depth first from each object that is stored whole, so that the content that a delta
// needs is nearly always at hand. What remains has a base that isn't there, or is its own base.
func (r *packReader) resolve(ctx context.Context) error {
	p := r.pack
	p.mu.Lock()
	defer p.mu.Unlock()
	r.offsets = nil
	kids := newChildren(p.entries, r.refBase)
	r.refBase = nil
	resolved := 0
	var stack []delta
	for i := range int32(len(p.entries)) {
		if e := &p.entries[i]; e.kind >= ofsDelta || e.base >= 0 {
			continue // a delta: done, or to be come to
		}
		resolved++
		for stack = kids.push(stack, i, p.entries[i].hash); len(stack) > 0; {
			d := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := r.resolveDelta(ctx, d.entry, d.base); err != nil {
				return err
			}
			resolved++
			stack = kids.push(stack, d.entry, p.entries[d.entry].hash)
		}
	}
	if resolved < len(p.entries) {
		return failf(Broken, "the host's pack has %d deltas whose base it hasn't got", len(p.entries)-resolved)
	}
	return nil
}

// maxAgain bounds the work that many small deltas to large objects make, in multiples of [Limits.Inflated]. Real packs
// make next to none.
const maxAgain = 4

func (r *packReader) resolveDelta(ctx context.Context, i, base int32) error {
	p := r.pack
	e, b := &p.entries[i], &p.entries[base]
	if int(b.depth) >= r.limits.Depth {
		return failf(Broken, "the host's pack has a chain of more than %d deltas", r.limits.Depth)
	}
	e.base, e.depth = base, b.depth+1
	if b.size > r.limits.Delta {
		return failf(Broken, "the host's pack has a delta to an object of %d bytes, more than %d", b.size, r.limits.Delta)
	}
	c, err := r.make(ctx, i, base)
	if err != nil {
		return err
	}
	defer c.release()
	p.cache.put(i, c)
	e.kind, e.size, e.hash = b.kind, c.size, r.name.of(b.kind, c)
	if err := r.need(ctx, p.cache.inHand()); err != nil {
		return err
	}
	return r.holdWhole(ctx, i, c)
}

// make makes what a delta makes of its base.
func (r *packReader) make(ctx context.Context, i, base int32) (*content, error) {
	p := r.pack
	need := p.entries[base].size
	if !p.cache.has(base) {
		need = p.cost(base)
	}
	if err := r.need(ctx, need); err != nil {
		return nil, err
	}
	d, stream, err := p.openDelta(i)
	if err != nil {
		return nil, deltaError(err)
	}
	defer stream.Close()
	if most := min(r.limits.Delta, r.limits.Object); d.size > most {
		return nil, failf(Broken, "a delta in the host's pack makes %d bytes, more than %d", d.size, most)
	}
	if r.inflated += d.size; r.inflated > r.limits.Inflated {
		return nil, failf(Broken, "the host's pack holds more than %d bytes", r.limits.Inflated)
	}
	if err := r.need(ctx, max(need, p.entries[base].size+d.size)); err != nil {
		return nil, err
	}
	from, err := p.content(ctx, base)
	if err != nil {
		return nil, err
	}
	defer from.release()
	if p.again/maxAgain > r.limits.Inflated {
		return nil, failf(Broken, "the deltas in the host's pack take more work than %d bytes are worth", r.limits.Inflated)
	}
	c, err := d.apply(from)
	if err != nil {
		return nil, deltaError(err)
	}
	return c, nil
}

// need asks for as much memory as contents take from now on, in place of what they took before.
func (r *packReader) need(ctx context.Context, n int64) error {
	err := budget.Take(ctx, n-r.inHand)
	if err == nil {
		r.inHand = n
	}
	return err
}

// holdWhole compresses what a delta has made of a blob, if that is wanted. All of a module zip's contents have no more than an object
// may have: beyond that there will be no zip.
func (r *packReader) holdWhole(ctx context.Context, i int32, c *content) error {
	e := &r.pack.entries[i]
	if r.whole == 0 || e.kind != BlobObject || r.bytes+e.size > r.limits.Object {
		return nil
	}
	r.whole--
	r.bytes += e.size
	if err := budget.Take(ctx, e.size+heldWholeCost); err != nil {
		return err
	}
	r.taken += heldWholeCost
	c.retain()
	return r.pack.deflated.AddParts(c.parts, func(span deflate.Span) {
		r.held = append(r.held, heldWhole{i, span})
		c.release()
		budget.Give(ctx, e.size)
	})
}

const heldWholeCost = 32

// settle makes entries whole that were compressed: nothing is a delta to them any more but by their content.
func (r *packReader) settle() {
	for _, w := range r.held {
		e, start := &r.pack.entries[w.entry], r.pack.spool.Size()
		e.base, e.crc, e.start, e.end = -1, w.span.CRC, start+w.span.Start, start+w.span.End
	}
}

// deltaError is the host's, if what is wrong is the delta itself.
func deltaError(err error) error {
	if !errors.Is(err, errPack) {
		return err
	}
	return failf(Broken, "a delta in the host's pack: %w", err)
}

// A delta is an entry with the one that it is a delta to.
type delta struct{ entry, base int32 }

// children are the deltas of each entry.
type children struct {
	deltas []delta          // to entries, sorted by them
	byName map[Hash][]int32 // deltas to objects named by hash
}

func newChildren(entries []entry, refBase map[int32]Hash) *children {
	c := &children{byName: make(map[Hash][]int32)}
	for i := range entries {
		if base := entries[i].base; base >= 0 {
			c.deltas = append(c.deltas, delta{int32(i), base})
		}
	}
	slices.SortStableFunc(c.deltas, func(a, b delta) int { return cmp.Compare(a.base, b.base) })
	for i, name := range refBase {
		c.byName[name] = append(c.byName[name], i)
	}
	return c
}

// push puts the deltas to an entry on a stack, each once.
func (c *children) push(stack []delta, base int32, name Hash) []delta {
	i, _ := slices.BinarySearchFunc(c.deltas, base, func(d delta, base int32) int { return cmp.Compare(d.base, base) })
	for ; i < len(c.deltas) && c.deltas[i].base == base; i++ {
		stack = append(stack, c.deltas[i])
	}
	for _, i := range c.byName[name] {
		stack = append(stack, delta{i, base})
	}
	delete(c.byName, name) // a pack may hold an object twice
	return stack
}
