package vanity_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
)

// Types of a pack's objects.
const (
	packCommit = 1
	packTree   = 2
	packBlob   = 3
	packTag    = 4
	packOfs    = 6 // a delta to the object that begins a distance before
)

var packTypes = map[int]string{packCommit: "commit", packTree: "tree", packBlob: "blob", packTag: "tag"}

// A pack is a pack in the making.
type pack struct {
	b     bytes.Buffer
	count int
	at    int // where the latest object begins

	root    strings.Builder // entries of the module's root
	goMod   func() string   // puts go.mod into the pack; nil for the usual one
	parents int             // of each commit
}

// add puts an object into the pack, and gives its name as 20 bytes.
func (p *pack) add(kind int, data string) (name string) {
	return p.put(kind, int64(len(data)), deflated(data), func(sum hash.Hash) { io.WriteString(sum, data) })
}

func (p *pack) put(kind int, size int64, compressed []byte, content func(hash.Hash)) (name string) {
	p.begin(kind, size)
	p.b.Write(compressed)
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\x00", packTypes[kind], size)
	content(sum)
	return string(sum.Sum(nil))
}

// delta puts a delta to the object before into the pack.
func (p *pack) delta(base, result int, instructions string) {
	b := binary.AppendUvarint(nil, uint64(base))
	b = append(binary.AppendUvarint(b, uint64(result)), instructions...)
	before := p.at
	p.begin(packOfs, int64(len(b)))
	distance := []byte{}
	for n := p.at - before; ; n = n>>7 - 1 {
		distance = append([]byte{byte(n&0x7f) | 0x80}, distance...)
		if n < 0x80 {
			break
		}
	}
	distance[len(distance)-1] &= 0x7f
	p.b.Write(distance)
	p.b.Write(deflated(string(b)))
}

// copies are the instructions that copy the start of a base that often.
func copies(size, times int) string {
	return strings.Repeat(string([]byte{0xf0, byte(size), byte(size >> 8), byte(size >> 16)}), times)
}

// bomb makes 128 MiB out of little, so many times.
func (p *pack) bomb(times int) {
	size := 1 << 16
	p.add(packBlob, strings.Repeat("a", size))
	for ; size < 128<<20; size *= 2 {
		p.delta(size, 2*size, copies(1<<16-1, 2*size>>16)+copies(2*size>>16, 1))
	}
	for range times {
		p.delta(size, size, copies(1<<16-1, size>>16)+copies(size>>16, 1))
	}
}

func (p *pack) begin(kind int, size int64) {
	p.count++
	p.at = p.b.Len()
	b := []byte{byte(kind<<4) | byte(size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	p.b.Write(b)
}

// zeros puts a blob of nothing but zeros into the pack, in a thousandth of its size.
func (p *pack) zeros(size int64) (name string) {
	return p.put(packBlob, size, zeroStream(size), func(sum hash.Hash) {
		for block := make([]byte, 1<<20); size > 0; size -= int64(len(block)) {
			sum.Write(block[:min(size, int64(len(block)))])
		}
	})
}

// bytes is the pack as it is sent, which may claim another number of objects.
func (p *pack) bytes(claim int) []byte {
	if claim == 0 {
		claim = p.count
	}
	data := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(claim))
	data = append(data, p.b.Bytes()...)
	sum := sha1.Sum(data)
	return append(data, sum[:]...)
}

var deflaters = sync.Pool{New: func() any {
	w, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	return w
}}

func deflated(data string) []byte {
	var b bytes.Buffer
	w := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(w)
	w.Reset(&b)
	io.WriteString(w, data)
	w.Close()
	return b.Bytes()
}

// zeroStream is what so many zeros are compressed to: one block of them, again and again.
func zeroStream(size int64) []byte {
	const block = 1 << 20
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	write := func(n int64) []byte {
		b.Reset()
		w.Write(make([]byte, n))
		w.Flush()
		return bytes.Clone(b.Bytes())
	}
	out := write(size % block)
	out = append(out, write(block)...)
	again := write(block)
	for range size/block - 1 {
		out = append(out, again...)
	}
	out = append(out, 1, 0, 0, 0xff, 0xff) // the last block, empty
	return binary.BigEndian.AppendUint32(out, uint32(size%65521)<<16|1)
}

// entry is one of a tree's.
func entry(mode, name, hash string) string { return mode + " " + name + "\x00" + hash }

const (
	hostileTime  = " <a@acme.test> 1700000000 +0000\n"
	hostileGoMod = "module go.acme.test/m\n"
)

// commit puts a commit into the pack, with so many parents.
func (p *pack) commit(tree, more string) (name string) {
	parents := strings.Repeat("parent "+strings.Repeat("a", 40)+"\n", p.parents)
	return p.add(packCommit, fmt.Sprintf("tree %x\n%sauthor A%scommitter A%s%s\nwords\n", tree, parents, hostileTime, hostileTime, more))
}

// enter puts an entry into the root, which nobody wants in git's order here.
func (p *pack) enter(mode, name, hash string) { p.root.WriteString(entry(mode, name, hash)) }

// files puts so many files of one content into the root.
func (p *pack) files(n int, format, content string) {
	blob := p.add(packBlob, content)
	for i := range n {
		p.enter("100644", fmt.Sprintf(format, i), blob)
	}
}

// nest puts directories within directories into the root.
func (p *pack) nest(levels int, name string) {
	below := p.add(packTree, "")
	for range levels {
		below = p.add(packTree, entry("40000", name, below))
	}
	p.enter("40000", "d", below)
}

// takeRoot gives the entries of the root, which is empty then.
func (p *pack) takeRoot() string {
	defer p.root.Reset()
	return p.root.String()
}

// module puts a commit of a module into the pack.
func (p *pack) module() (name string) {
	if p.goMod == nil {
		p.goMod = func() string { return p.add(packBlob, hostileGoMod) }
	}
	tree := p.takeRoot()
	goMod := entry("100644", "go.mod", p.goMod())
	return p.commit(p.add(packTree, tree+goMod), "")
}
