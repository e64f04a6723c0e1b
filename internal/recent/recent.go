// Package recent remembers what was worked out of some keys lately, for whoever comes with the same again.
package recent

import (
	"hash/maphash"
	"sync/atomic"
)

// A Cache has room for a fixed number of answers. Each key has two places, which it shares with others, so that a lookup
// takes no lock, and strangers who make up keys push out others, but make nothing grow. It is safe for concurrent use; so must
// be the values, which many get.
type Cache[K comparable, V any] struct {
	seed  maphash.Seed
	slots []atomic.Pointer[pair[K, V]]
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// New makes a Cache for 2^bits answers, bits being 1 at least.
func New[K comparable, V any](bits int) *Cache[K, V] {
	return &Cache[K, V]{maphash.MakeSeed(), make([]atomic.Pointer[pair[K, V]], 1<<bits)}
}

// place is the first place of a key; the second is its neighbour.
func (c *Cache[K, V]) place(key K) uint64 {
	return maphash.Comparable(c.seed, key) & uint64(len(c.slots)-1)
}

// Get gives what was put last for a key, if it is still there.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	i := c.place(key)
	for _, i := range [...]uint64{i, i ^ 1} {
		if p := c.slots[i].Load(); p != nil && p.key == key {
			return p.value, true
		}
	}
	return value, false
}

// Put remembers an answer. What is in its place moves on to the other, and pushes out what is there.
func (c *Cache[K, V]) Put(key K, value V) {
	i := c.place(key)
	if was := c.slots[i].Swap(&pair[K, V]{key, value}); was != nil && was.key != key {
		c.slots[i^1].Store(was)
	}
}
