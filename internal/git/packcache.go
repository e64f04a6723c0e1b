package git

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// What a client keeps of what it fetched, so that the info, go.mod and zip of one version are one fetch, or parts of
// the same.
const (
	maxPacks     = 128
	maxPackBytes = 256 << 20
	packIdle     = time.Minute
)

// A packCache keeps the packs used last. The zero value is ready.
type packCache struct {
	mu    sync.Mutex
	packs []*heldPack // the one used last at the end
	bytes int64
	timer *time.Timer // to drop idle packs; nil while there are none

	fetches map[packKey]*packFetch // under way
}

// A packKey names what was fetched: which history of which repository.
type packKey struct{ repo, key string }

// A packFetch is waited for by all who want the same.
type packFetch struct {
	done chan struct{} // closed when err is there
	err  error
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
	return c.use(repo, key)
}

func (c *packCache) use(repo, key string) *heldPack {
	for _, h := range c.packs {
		if h.repo == repo && h.key == key {
			h.users++
			return h
		}
	}
	return nil
}

// once gives a pack that is held by its key, to be released, or what fetch brings, which is to add it. Who comes while that
// is under way waits, and shares its failure, unless it is that the other's caller left. A pack that is too large to be
// held is fetched by one after the other.
func (c *packCache) once(ctx context.Context, repo, key string, fetch func() (*heldPack, error)) (*heldPack, error) {
	name := packKey{repo, key}
	for {
		c.mu.Lock()
		if h := c.use(repo, key); h != nil {
			c.mu.Unlock()
			return h, nil
		}
		f := c.fetches[name]
		if f == nil {
			f = &packFetch{done: make(chan struct{}), err: context.Canceled} // should this panic
			if c.fetches == nil {
				c.fetches = make(map[packKey]*packFetch)
			}
			c.fetches[name] = f
			c.mu.Unlock()
			return c.run(name, f, fetch)
		}
		c.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		var host *Error
		if errors.As(f.err, &host) {
			return nil, f.err
		}
	}
}

// run fetches for all who wait.
func (c *packCache) run(name packKey, f *packFetch, fetch func() (*heldPack, error)) (h *heldPack, err error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.fetches, name)
		close(f.done)
	}()
	h, f.err = fetch()
	return h, f.err
}

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
