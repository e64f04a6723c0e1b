package git

import (
	"bufio"
	"fmt"
)

// deltaVarint reads a size at the start of a delta.
func deltaVarint(b []byte) (size int64, rest []byte, err error) {
	for shift := 0; len(b) > 0 && shift <= 56; shift += 7 {
		c := b[0]
		b = b[1:]
		size |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			return size, b, nil
		}
	}
	return 0, nil, fmt.Errorf("%w: size in a delta", errPack)
}

// A deltaReader reads a delta as it is inflated, once: what makes an object from its base (gitformat-pack, "deltified
// representation").
type deltaReader struct {
	r          *bufio.Reader
	left       int64 // bytes of the delta
	base, size int64 // of the base, and of what is made
}

// The most bytes that are looked at together: the two sizes, or an instruction with what it inserts.
const (
	maxDeltaSizes  = 2 * 9
	maxInstruction = 1 + 127
)

// readDelta reads the sizes that a delta of some bytes begins with.
func readDelta(r *bufio.Reader, size int64) (deltaReader, error) {
	d := deltaReader{r: r, left: size}
	head, err := d.peek(maxDeltaSizes)
	if err != nil {
		return d, err
	}
	var rest []byte
	if d.base, rest, err = deltaVarint(head); err == nil {
		d.size, rest, err = deltaVarint(rest)
	}
	d.discard(len(head) - len(rest))
	return d, err
}

// peek gives some of what is left. An error is not the delta's: it was read before.
func (d *deltaReader) peek(most int64) ([]byte, error) {
	next, err := d.r.Peek(int(min(most, d.left)))
	if err != nil {
		return nil, errAgain(err)
	}
	return next, nil
}

// discard goes on behind what was looked at.
func (d *deltaReader) discard(n int) {
	d.r.Discard(n)
	d.left -= int64(n)
}

// apply makes the object, to be released.
func (d *deltaReader) apply(base *content) (*content, error) {
	if d.base != base.size {
		return nil, fmt.Errorf("%w: delta to an object of %d bytes, but its base has %d", errPack, d.base, base.size)
	}
	out := newContent(d.size)
	err := d.run(base, out)
	if err == nil && out.written < out.size {
		err = fmt.Errorf("%w: delta makes fewer bytes than it says", errPack)
	}
	if err != nil {
		out.release()
		return nil, err
	}
	return out, nil
}

func (d *deltaReader) run(base, out *content) error {
	for d.left > 0 {
		next, err := d.peek(maxInstruction)
		if err != nil {
			return err
		}
		op, rest := next[0], next[1:]
		offset, size := int64(0), int64(op)
		switch {
		case op&0x80 != 0:
			if offset, size, rest, err = copied(rest, op); err == nil && offset+size > base.size {
				err = fmt.Errorf("%w: delta copies from beyond its base", errPack)
			}
		case op == 0 || int(op) > len(rest):
			err = fmt.Errorf("%w: instruction %d of a delta", errPack, op)
		}
		if err == nil && out.written+size > out.size {
			err = fmt.Errorf("%w: delta makes more bytes than it says", errPack)
		}
		if err != nil {
			return err
		}
		if op&0x80 != 0 {
			out.copy(base, offset, size)
		} else {
			out.write(rest[:size])
			rest = rest[size:]
		}
		d.discard(len(next) - len(rest))
	}
	return nil
}

// copied reads a copy instruction: the bits of op say which bytes of offset and size follow.
func copied(b []byte, op byte) (offset, size int64, rest []byte, err error) {
	for bit := 0; bit < 7; bit++ {
		if op>>bit&1 == 0 {
			continue
		}
		if len(b) == 0 {
			return 0, 0, nil, fmt.Errorf("%w: delta ends within an instruction", errPack)
		}
		if bit < 4 {
			offset |= int64(b[0]) << (8 * bit)
		} else {
			size |= int64(b[0]) << (8 * (bit - 4))
		}
		b = b[1:]
	}
	if size == 0 {
		size = 0x10000
	}
	return offset, size, b, nil
}
