package modstore

import (
	"container/list"
	"sync"
	"time"
)

// Bounds of what is held in memory and in temporary files without a name.
const (
	maxMemory = 64 << 20 // in all
	maxEntry  = 16 << 20 // of one; what is larger is made anew each time, or left to the backend
	perEntry  = 500      // what an entry takes besides its name and content
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

// A memory keeps the answers used last. The zero value is ready.
type memory struct {
	mu      sync.Mutex
	entries map[string]*list.Element // of entry
	recent  [ranks]list.List         // the front was used last
	size    int64
	lent    map[string]entry // what is too large to be kept, and in use
}

// An entry is what is known of a name: a content, or why there is none.
type entry struct {
	name    string
	rank    rank
	tie     string // the commit that the content is made from, if it never changes
	content *content
	absence error
	made    time.Time // when this was true; zero if that is not known
	retry   time.Time // before which the host isn't asked again
	serves  bool      // it may be given while a newer one is made; else only if there is none
}

func (e entry) cost() int64 {
	n := perEntry + int64(len(e.name))
	if e.content != nil {
		n += e.content.size()
	}
	return n
}

// get gives the entry of a name, its content being held for the caller, who must release it.
func (m *memory) get(name string) (entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	el := m.entries[name]
	if el == nil {
		e, ok := m.lent[name]
		if ok = ok && e.content.holdUsed(); !ok {
			return entry{}, false
		}
		return e, true
	}
	e := el.Value.(entry)
	m.recent[e.rank].MoveToFront(el)
	if e.content != nil {
		e.content.hold()
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
	if el := m.entries[e.name]; el != nil {
		if el.Value.(entry).outlasts(e) {
			return
		}
		m.drop(el)
	}
	if e.cost() > maxEntry {
		m.lend(e)
		return
	}
	if e.content != nil {
		e.content.hold()
	}
	if m.entries == nil {
		m.entries = make(map[string]*list.Element)
	}
	m.entries[e.name] = m.recent[e.rank].PushFront(e)
	m.size += e.cost()
	for r := bulk; m.size > maxMemory && r < ranks; {
		if last := m.recent[r].Back(); last != nil {
			m.drop(last)
		} else {
			r++
		}
	}
}

// postpone notes when to ask the host again for what it failed to give. Until then there is nothing better than what there
// is.
func (m *memory) postpone(name string, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if el := m.entries[name]; el != nil {
		e := el.Value.(entry)
		e.retry, e.serves = until, true
		el.Value = e
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
	if el := m.entries[name]; el != nil && el.Value.(entry).content == c {
		m.drop(el)
	}
}

func (m *memory) drop(el *list.Element) {
	e := el.Value.(entry)
	m.recent[e.rank].Remove(el)
	delete(m.entries, e.name)
	m.size -= e.cost()
	if e.content != nil {
		e.content.release()
	}
}
