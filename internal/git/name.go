package git

import (
	"hash"
	"hash/crc32"
	"strconv"
)

// A namer computes objects' names, and the checksums of their contents that zips want, in one go.
type namer struct {
	sum hash.Hash
	crc uint32
	buf [64]byte
}

// begin starts with an object, whose content is written then.
func (n *namer) begin(kind Type, size int64) {
	n.sum.Reset()
	n.crc = 0
	head := append(n.buf[:0], kind.String()...)
	head = strconv.AppendInt(append(head, ' '), size, 10)
	n.sum.Write(append(head, 0))
}

// Write adds some of the content.
func (n *namer) Write(p []byte) (int, error) {
	n.crc = crc32.Update(n.crc, crc32.IEEETable, p)
	return n.sum.Write(p)
}

func (n *namer) end() Hash { return hashOf(n.sum.Sum(n.buf[:0])) }

// of computes the name of an object that is at hand.
func (n *namer) of(kind Type, c *content) Hash {
	n.begin(kind, c.size)
	for _, part := range c.parts {
		n.sum.Write(part)
	}
	return n.end()
}
