package modstore

import (
	"io"
	"time"
)

// What parses stored bytes, for fuzzing.
var (
	ReadList  = readList
	ReadInfo  = readInfo
	WriteList = writeList
)

// ParseSums reads and writes checksums.
func ParseSums(text string) (again string, err error) {
	sums, err := parseSums(text)
	for _, s := range sums {
		again += s.String()
	}
	return again, err
}

// Ranks, from the one that goes first.
const (
	Bulk   = bulk
	Common = common
	Pins   = pins
)

// A Memory is a memory of texts: to fill a store's, or to have answers come in the wrong order, would take too much.
type Memory struct{ m memory }

func (m *Memory) Put(name, text string, r rank, made time.Time) {
	c := newContent()
	io.WriteString(c, text)
	c.seal()
	m.m.put(entry{name: name, rank: r, content: c, made: made})
	c.release()
}

func (m *Memory) Get(name string) (text string, ok bool) {
	e, ok := m.m.get(name)
	if !ok {
		return "", false
	}
	defer e.content.release()
	data, _ := e.content.bytes()
	return string(data), true
}

func (m *Memory) Has(name string) bool { return m.m.has(name) }

// Size is what is counted, and what there is.
func (m *Memory) Size() (counted, is int64) {
	for i := range m.m.shards {
		for _, s := range m.m.shards[i].slots {
			is += s.cost()
		}
	}
	return m.m.size, is
}

// Rank is the rank of what a store holds.
func (s *Store) Rank(name string) (r rank, ok bool) {
	el := s.memory.shard([]byte(name)).slots[name]
	if el == nil {
		return 0, false
	}
	return el.rank, true
}

// Users is how many hold a content of the store's memory, which is one of them.
func (s *Store) Users(name string) int64 {
	e, ok := s.memory.get(name)
	if !ok || e.content == nil {
		return 0
	}
	defer e.content.release()
	return e.content.users.Load() - 1
}
