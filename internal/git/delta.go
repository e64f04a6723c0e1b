package git

import (
	"container/list"
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

// deltaSizes reads the sizes of a delta's base and of what it makes, and what to do.
func deltaSizes(delta []byte) (base, result int64, instructions []byte, err error) {
	if base, delta, err = deltaVarint(delta); err == nil {
		result, delta, err = deltaVarint(delta)
	}
	return base, result, delta, err
}

// applyDelta makes an object from its base (gitformat-pack, "deltified representation").
func applyDelta(base, delta []byte) ([]byte, error) {
	baseSize, size, delta, err := deltaSizes(delta)
	if err != nil {
		return nil, err
	}
	if baseSize != int64(len(base)) {
		return nil, fmt.Errorf("%w: delta to an object of %d bytes, but its base has %d", errPack, baseSize, len(base))
	}
	out := make([]byte, 0, size)
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		var part []byte
		switch {
		case op&0x80 != 0:
			part, delta, err = copied(base, delta, op)
		case op == 0 || int(op) > len(delta):
			err = fmt.Errorf("%w: instruction %d of a delta", errPack, op)
		default:
			part, delta = delta[:op], delta[op:]
		}
		if err != nil {
			return nil, err
		}
		if int64(len(out)+len(part)) > size {
			return nil, fmt.Errorf("%w: delta makes more bytes than it says", errPack)
		}
		out = append(out, part...)
	}
	if int64(len(out)) != size {
		return nil, fmt.Errorf("%w: delta makes fewer bytes than it says", errPack)
	}
	return out, nil
}

// copied reads a copy instruction: the bits of op say which bytes of offset and size follow.
func copied(base, delta []byte, op byte) (part, rest []byte, err error) {
	var offset, size int64
	for bit := 0; bit < 7; bit++ {
		if op>>bit&1 == 0 {
			continue
		}
		if len(delta) == 0 {
			return nil, nil, fmt.Errorf("%w: delta ends within an instruction", errPack)
		}
		if bit < 4 {
			offset |= int64(delta[0]) << (8 * bit)
		} else {
			size |= int64(delta[0]) << (8 * (bit - 4))
		}
		delta = delta[1:]
	}
	if size == 0 {
		size = 0x10000
	}
	if offset+size > int64(len(base)) {
		return nil, nil, fmt.Errorf("%w: delta copies from beyond its base", errPack)
	}
	return base[offset : offset+size], delta, nil
}

// maxContent bounds the content that a pack keeps in memory for deltas, but for the one object in hand.
const maxContent = 8 << 20

// A contentCache keeps the content used last. The zero value is ready.
type contentCache struct {
	byEntry map[int32]*list.Element
	recent  list.List // of cached; the front was used last
	size    int
}

type cached struct {
	entry int32
	data  []byte
}

func (c *contentCache) get(i int32) ([]byte, bool) {
	el, ok := c.byEntry[i]
	if !ok {
		return nil, false
	}
	c.recent.MoveToFront(el)
	return el.Value.(cached).data, true
}

func (c *contentCache) put(i int32, data []byte) {
	if c.byEntry == nil {
		c.byEntry = make(map[int32]*list.Element)
	}
	if _, ok := c.byEntry[i]; ok {
		return
	}
	c.byEntry[i] = c.recent.PushFront(cached{i, data})
	for c.size += len(data); c.size > maxContent && c.recent.Len() > 1; {
		last := c.recent.Remove(c.recent.Back()).(cached)
		delete(c.byEntry, last.entry)
		c.size -= len(last.data)
	}
}
