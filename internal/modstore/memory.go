package modstore

import (
	"container/heap"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"example.com/vanity/internal/bounds"
)

// Bounds of what is held in memory and in temporary files without a name.
const (
	maxMemory = bounds.Held    // in all
	maxEntry  = bounds.HeldOne // of one; what is larger is made anew each time, or left to the backend
	perEntry  = 540            // what an entry takes besides its name and content
)

// A rank is an entry's place in the order of eviction: the lower ones go first, so that zips never displace the infos
// that say what they are made of.
type rank int

const (
	bulk   rank = iota // zips, and what isn't there
	common             // go.mods, lists, what queries come to
	pins               // infos of versions
	ranks
)

// A memory keeps the answers used last. Who reads takes the lock of one of many shards, and that not alone. The zero value is
// ready.
type memory struct {
	shards [shards]shard
	clock  atomic.Int64 // counts uses

	mu     sync.Mutex // of who writes: to the shards, and to what follows
	recent [ranks]recency
	size   int64
	lent   map[string]entry // what is too large to be kept, and in use
}

const shards = 64

// A shard has the entries of some names.
type shard struct {
	mu    sync.RWMutex
	slots map[string]*slot
}

// A slot is where an entry is kept.
type slot struct {
	entry   // whoever changes it holds both locks
	used    atomic.Int64
	ordered int64 // the use by which it has its place in a recency
	place   int
}

var seed = maphash.MakeSeed()

func (m *memory) shard(name []byte) *shard { return &m.shards[maphash.Bytes(seed, name)%shards] }

// An entry is what is known of a name: a content, or why there is none.
type entry struct {
	name    string
	rank    rank
	tie     string // the commit that the content is made from, if it never changes
	commit  string // of a pin: what the version's other files are made from
	content *content
	absence error
	made    time.Time // when this was true; zero if that is not known
	retry   time.Time // before which the host isn't asked again
	serves  bool      // it may be given while a newer one is made; else only if there is none
}

func (e entry) cost() int64 {
	n := perEntry + int64(len(e.name)+len(e.tie)+len(e.commit))
	if e.content != nil {
		n += e.content.size()
	}
	return n
}

// get gives the entry of a name, its content being held for the caller, who must release it.
func (m *memory) get(name string) (entry, bool) {
	var b nameBuffer
	return m.find(append(b[:0], name...))
}

// A nameBuffer has room for most names, so that to look one up costs no memory.
type nameBuffer [256]byte

// find is get for a name that was put together.
func (m *memory) find(name []byte) (entry, bool) {
	sh := m.shard(name)
	sh.mu.RLock()
	s := sh.slots[string(name)]
	if s == nil {
		sh.mu.RUnlock()
		return m.findLent(name)
	}
	e := s.entry
	if e.content != nil {
		e.content.hold() // the memory itself holds it as long as the shard is locked
	}
	sh.mu.RUnlock()
	s.used.Store(m.clock.Add(1))
	return e, true
}

func (m *memory) findLent(name []byte) (entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.lent[string(name)]
	if !ok || !e.content.holdUsed() {
		return entry{}, false
	}
	return e, true
}

// has reports whether there is a content of a name.
func (m *memory) has(name string) bool {
	e, _ := m.get(name)
	if e.content == nil {
		return false
	}
	e.content.release()
	return true
}

// outlasts reports whether an entry stays although another one comes: it is newer, and says something still; or it is a
// pin, and the other one is not the store's.
func (e entry) outlasts(other entry) bool {
	switch {
	case e.content == nil:
		return e.made.After(other.made) && time.Now().Before(e.retry)
	case e.rank == pins:
		return e.content != other.content && (other.content == nil || e.content.kept || !other.content.kept)
	}
	return e.made.After(other.made)
}

// put puts an entry in the place of an older one, unless that outlasts it. What is too large stays only as long as it has
// other users, so that slow readers of the same thing don't have it made for each of them.
func (m *memory) put(e entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sh := m.shard([]byte(e.name))
	was := sh.slots[e.name] // whoever writes to a shard has m.mu, so that reading takes no lock here
	switch {
	case was != nil && was.outlasts(e):
		return
	case e.cost() > maxEntry:
		if was != nil {
			m.drop(was)
		}
		m.lend(e)
		return
	}
	if e.content != nil {
		e.content.hold()
	}
	s := &slot{entry: e, ordered: m.clock.Add(1)}
	s.used.Store(s.ordered)
	sh.set(s) // in one step: there is one of the two at any time
	if was != nil {
		m.leave(was)
	}
	heap.Push(&m.recent[e.rank], s)
	m.size += e.cost()
	for r := bulk; m.size > maxMemory && r < ranks; {
		if last := m.recent[r].last(); last != nil {
			m.drop(last)
		} else {
			r++
		}
	}
}

func (sh *shard) set(s *slot) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.slots == nil {
		sh.slots = make(map[string]*slot)
	}
	sh.slots[s.name] = s
}

// postpone notes when to ask the host again for what it failed to give. Until then there is nothing better than what there
// is.
func (m *memory) postpone(name string, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sh := m.shard([]byte(name))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s := sh.slots[name]; s != nil {
		s.retry, s.serves = until, true
	}
}

// lend notes what is in use. What is in use no longer goes.
func (m *memory) lend(e entry) {
	for name, e := range m.lent {
		if e.content.users.Load() == 0 {
			delete(m.lent, name)
		}
	}
	if m.lent == nil {
		m.lent = make(map[string]entry)
	}
	m.lent[e.name] = e
}

// forget drops an entry that has this content; nil stands for an absence.
func (m *memory) forget(name string, c *content) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.shard([]byte(name)).slots[name]; s != nil && s.content == c {
		m.drop(s)
	}
}

// drop takes a slot out of its shard.
func (m *memory) drop(s *slot) {
	sh := m.shard([]byte(s.name))
	sh.mu.Lock()
	delete(sh.slots, s.name)
	sh.mu.Unlock()
	m.leave(s)
}

// leave lets go of what no shard has any more.
func (m *memory) leave(s *slot) {
	heap.Remove(&m.recent[s.rank], s.place)
	m.size -= s.cost()
	if s.content != nil {
		s.content.release()
	}
}

// A recency is a heap of slots, by their last use, as far as that has been noticed: it is a note on the slot, so that whoever
// uses it need not wait for others, and is looked at when something must go.
type recency []*slot

// last gives the one that was used least lately; nil if there is none.
func (r *recency) last() *slot {
	for len(*r) > 0 {
		s := (*r)[0]
		used := s.used.Load()
		if used == s.ordered {
			return s
		}
		s.ordered = used
		heap.Fix(r, 0)
	}
	return nil
}

func (r recency) Len() int           { return len(r) }
func (r recency) Less(i, j int) bool { return r[i].ordered < r[j].ordered }

func (r recency) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].place, r[j].place = i, j
}

// Push is for package heap.
func (r *recency) Push(x any) {
	s := x.(*slot)
	s.place = len(*r)
	*r = append(*r, s)
}

// Pop is for package heap.
func (r *recency) Pop() any {
	end := len(*r) - 1
	s := (*r)[end]
	(*r)[end] = nil
	*r = (*r)[:end]
	return s
}
