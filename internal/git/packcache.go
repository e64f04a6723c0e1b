package git

import (
	"context"
	"slices"
	"sync"
	"time"

	"example.com/vanity/internal/bounds"
	"example.com/vanity/internal/flight"
)

// What a client keeps of what it fetched, so that the info, go.mod and zip of one version are one fetch, or parts of
// the same.
const (
	maxPacks     = 128
	maxPackBytes = bounds.Packs
	packIdle     = time.Minute
)

// A packCache keeps the packs used last. The zero value is ready.
type packCache struct {
	mu    sync.Mutex
	packs []*heldPack // the one used last at the end
	bytes int64
	timer *time.Timer // to drop idle packs; nil while there are none

	init    sync.Once
	fetches flight.Group[*heldPack] // those that have a key
}

// A heldPack is a pack of a repository with the number of its users. It is closed when the cache has dropped it and
// the last user has gone.
type heldPack struct {
	*Pack
	repo    string
	key     string // which history it is, if it is one; see keyOf
	users   int
	dropped bool
	used    time.Time
}

// cost is what a pack takes of disk and memory.
func (h *heldPack) cost() int64 { return h.Size() + int64(h.Len())*100 }

// acquire gives the packs of a repository, each to be released.
func (c *packCache) acquire(repo string) []*heldPack {
	c.mu.Lock()
	defer c.mu.Unlock()
	var held []*heldPack
	for _, h := range c.packs {
		if h.repo == repo {
			h.users++
			held = append(held, h)
		}
	}
	return held
}

// get gives the pack of a repository that has a key, to be released, or nil.
func (c *packCache) get(repo, key string) *heldPack {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.packs {
		if h.repo == repo && h.key == key {
			h.users++
			return h
		}
	}
	return nil
}

// once gives a pack that is held by its key, to be released, or what fetch brings, which is to add it. Who comes while that
// is under way waits for it.
func (c *packCache) once(ctx context.Context, repo, key string, fetch func(context.Context) (*heldPack, error)) (*heldPack, error) {
	if h := c.get(repo, key); h != nil {
		return h, nil
	}
	c.init.Do(func() { c.fetches.Hold, c.fetches.Drop = c.hold, c.drop })
	fetchKey := repo + " " + key
	if header, ok := callerOf(ctx); ok { // what one is denied another may get
		fetchKey += " " + header
	}
	return c.fetches.Do(ctx, fetchKey, func(ctx context.Context) (*heldPack, error) {
		if h := c.get(repo, key); h != nil { // it came in between
			return h, nil
		}
		return fetch(ctx)
	})
}

func (c *packCache) hold(h *heldPack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.users++
}

func (c *packCache) drop(h *heldPack) { c.release([]*heldPack{h}) }

// add takes a new pack; its first user is the caller.
func (c *packCache) add(repo, key string, p *Pack) *heldPack {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &heldPack{Pack: p, repo: repo, key: key, users: 1, used: time.Now()}
	if h.cost() > maxPackBytes { // too large to keep: nothing else should go for it
		h.dropped = true
		return h
	}
	c.packs = append(c.packs, h)
	c.bytes += h.cost()
	c.evict(time.Now())
	if c.timer == nil {
		c.timer = time.AfterFunc(packIdle, c.tick)
	}
	return h
}

func (c *packCache) release(held []*heldPack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range held {
		h.users--
		h.used = time.Now()
		if h.users > 0 {
			continue
		}
		h.forget()
		if h.dropped {
			h.Close()
		} else if i := slices.Index(c.packs, h); i >= 0 {
			c.packs = append(slices.Delete(c.packs, i, i+1), h)
		}
	}
	c.evict(time.Now())
}

// evict drops what is idle or too much, the longest unused first.
func (c *packCache) evict(now time.Time) {
	count := len(c.packs)
	c.packs = slices.DeleteFunc(c.packs, func(h *heldPack) bool {
		idle := h.users == 0 && now.Sub(h.used) >= packIdle
		if !idle && c.bytes <= maxPackBytes && count <= maxPacks {
			return false
		}
		c.bytes -= h.cost()
		count--
		h.dropped = true
		if h.users == 0 {
			h.Close()
		}
		return true
	})
}

func (c *packCache) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evict(time.Now())
	if len(c.packs) == 0 {
		c.timer = nil
		return
	}
	c.timer.Reset(packIdle)
}
