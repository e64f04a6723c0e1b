// Package recent remembers what was worked out of some keys lately, for whoever comes with the same again.
package recent

import (
	"hash/maphash"
	"sync/atomic"
)

// A Cache has room for a fixed number of answers. Each key has a few places, which it shares with others, so that a lookup
// takes no lock, and strangers who make up keys push out others, but make nothing grow. It is safe for concurrent use; so must
// be the values, which many get. Of those who put different values for one key at once, any may win.
type Cache[K comparable, V any] struct {
	seed   maphash.Seed
	places []place[K, V]
}

// A place has a key's hash beside it: what is elsewhere in memory is looked at only for who will most likely find it.
type place[K comparable, V any] struct {
	hash atomic.Uint64
	pair atomic.Pointer[pair[K, V]]
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// perKey is the number of places of a key.
const perKey = 4

// New makes a Cache for 2^bits answers, bits being 2 at least.
func New[K comparable, V any](bits int) *Cache[K, V] {
	return &Cache[K, V]{maphash.MakeSeed(), make([]place[K, V], 1<<bits)}
}

// of gives the places of a key, the one for the newest first.
func (c *Cache[K, V]) of(key K) (hash uint64, places []place[K, V]) {
	hash = maphash.Comparable(c.seed, key)
	i := hash & uint64(len(c.places)-1) &^ (perKey - 1)
	return hash, c.places[i : i+perKey]
}

// Get gives what was put last for a key, if it is still there.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	hash, places := c.of(key)
	for i := range places {
		if at := &places[i]; at.hash.Load() == hash {
			if p := at.pair.Load(); p != nil && p.key == key {
				return p.value, true
			}
		}
	}
	return value, false
}

// Put remembers an answer. What is in its place moves on to the next one, and pushes on what is there.
func (c *Cache[K, V]) Put(key K, value V) {
	hash, places := c.of(key)
	p := &pair[K, V]{key, value}
	for i := range places {
		hash = places[i].hash.Swap(hash)
		p = places[i].pair.Swap(p)
		if p == nil || p.key == key {
			return
		}
	}
}
