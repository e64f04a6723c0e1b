package modstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modstore"
)

// A desert is a repository with a tag and nothing else, which keeps whoever asks it until it is told to let go.
type desert struct {
	*host
	mu      sync.Mutex
	waiting map[string]int // by host
	order   []string
}

func (d *desert) Refs(ctx context.Context, prefixes ...string) ([]git.Ref, error) {
	name, _ := ctx.Value(contextKey{}).(string)
	server, _, _ := strings.Cut(name, "/")
	d.add(server, 1)
	defer d.add(server, -1)
	d.mu.Lock()
	d.order = append(d.order, name)
	d.mu.Unlock()
	return []git.Ref{{Name: "refs/tags/v1.0.0", Hash: oasis}}, d.ask(ctx)
}

var oasis, _ = git.ParseHash(strings.Repeat("12", 20))

func (d *desert) add(server string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[server] += n
	d.waiting[""] += n
}

// at is how many fetches are under way from a host; from all if it is empty.
func (d *desert) at(server string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting[server]
}

type contextKey struct{}

// crowd asks for things without number.
type crowd struct {
	*client
	d *desert
	n int
}

func newCrowd(t *testing.T) (*crowd, chan struct{}) {
	d := &desert{host: &host{}, waiting: make(map[string]int)}
	d.host.Repository = d
	end := d.hang()
	return &crowd{client: newClient(t, &host{Repository: d}, modstore.Options{}), d: d}, end
}

// more asks a server for one more list.
func (c *crowd) more(ctx context.Context, server string) <-chan result {
	c.n++
	one := *c.client
	one.m = (&host{Repository: c.d}).module(fmt.Sprintf("x.test/m%d", c.n))
	one.m.Host = server
	return one.later(context.WithValue(ctx, contextKey{}, fmt.Sprintf("%s/%d", server, c.n)), "/@v/list")
}

// want wants so many fetches to be under way from hosts.
func (c *crowd) want(a, b, all int) {
	c.t.Helper()
	synctest.Wait()
	if c.d.at("a") != a || c.d.at("b") != b || c.d.at("") != all {
		c.t.Errorf("%d fetches from a, %d from b, %d in all; want %d, %d, %d", c.d.at("a"), c.d.at("b"), c.d.at(""), a, b, all)
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, end := newCrowd(t)
		var have, wait []<-chan result
		add := func(list *[]<-chan result, n int, server string) {
			for range n {
				*list = append(*list, c.more(t.Context(), server))
			}
			synctest.Wait()
		}
		add(&have, 16, "a")
		add(&wait, 10, "a")
		c.want(16, 0, 16)
		add(&have, 15, "b")
		c.want(16, 15, 31)
		add(&have, 1, "c")
		c.want(16, 15, 32)
		add(&wait, 2, "b")
		add(&wait, 2, "c")
		c.want(16, 15, 32)

		start := time.Now()
		for _, done := range wait { // nobody goes: they are sent away
			var busy *modstore.BusyError
			if got := <-done; !errors.As(got.err, &busy) || time.Since(start) != 30*time.Second {
				t.Fatalf("after %v: %+v", time.Since(start), got)
			}
		}
		close(end)
		for _, done := range have {
			if got := <-done; got.err != nil || got.text != "v1.0.0\n" {
				t.Fatalf("%+v", got)
			}
		}
		c.want(0, 0, 0)

		c.d.hang() // all is free again
		for range 20 {
			c.more(t.Context(), "a")
			c.more(t.Context(), "b")
		}
		c.want(16, 16, 32)
	})
}

// Who leaves makes room, for the one who came first; who leaves the queue takes no room.
func TestLeavingSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, end := newCrowd(t)
		var cancels []context.CancelFunc
		for range 16 {
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			c.more(ctx, "a")
		}
		synctest.Wait()
		queued, cancelQueued := context.WithCancel(t.Context())
		gone := c.more(queued, "a")
		synctest.Wait()
		var rest []<-chan result
		for range 3 {
			rest = append(rest, c.more(t.Context(), "a"))
			synctest.Wait()
		}
		cancelQueued()
		if got := <-gone; !errors.Is(got.err, context.Canceled) {
			t.Errorf("%+v", got)
		}
		c.want(16, 0, 16)
		for i, cancel := range cancels {
			cancel()
			c.want(min(16, 16+2-i), 0, min(16, 16+2-i))
		}
		if got := fmt.Sprint(c.d.order[16:]); got != "[a/18 a/19 a/20]" {
			t.Errorf("they came in the order %s", got)
		}
		close(end)
		for _, done := range rest {
			if got := <-done; got.err != nil {
				t.Errorf("%+v", got)
			}
		}
		c.want(0, 0, 0)
	})
}

// A slot that comes at the moment when its waiter leaves is not lost.
func TestLeavingWithASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := newCrowd(t)
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			for range 16 + 16 {
				c.more(ctx, "a")
			}
			c.want(16, 0, 16)
			cancel() // of all, in no order
			c.want(0, 0, 0)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, end := newCrowd(t)
		var all []<-chan result
		for range 1016 {
			all = append(all, c.more(t.Context(), "a"))
		}
		c.want(16, 0, 16)
		start := time.Now()
		var busy *modstore.BusyError
		if got := <-c.more(t.Context(), "a"); !errors.As(got.err, &busy) || time.Since(start) != 0 {
			t.Errorf("after %v: %+v", time.Since(start), got)
		}
		other := c.more(t.Context(), "b") // need not wait, whoever does
		c.want(16, 1, 17)
		close(end)
		for _, done := range append(all, other) {
			if got := <-done; got.err != nil {
				t.Fatalf("%+v", got)
			}
		}
	})
}

// What is asked by the way takes slots like everything else.
func TestAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := modstore.New(modstore.Options{})
		end := make(chan struct{})
		for range 16 {
			go s.Ask(t.Context(), &modstore.Module{Host: "a"}, false, func(context.Context) error { <-end; return nil })
		}
		synctest.Wait()
		ran := false
		ask := func(context.Context) error { ran = true; return errors.New("its own") }
		var busy *modstore.BusyError
		if err := s.Ask(t.Context(), &modstore.Module{Host: "a"}, false, ask); !errors.As(err, &busy) || ran {
			t.Errorf("with all slots taken: %v, ran %v", err, ran)
		}
		close(end)
		if err := s.Ask(t.Context(), &modstore.Module{Host: "a"}, false, ask); !ran || err == nil || err.Error() != "its own" {
			t.Errorf("with slots free: %v, ran %v", err, ran)
		}
	})
}

// Strangers, however many, keep nobody waiting but each other.
func TestStrangersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, end := newCrowd(t)
		ctx, cancel := context.WithCancel(t.Context())
		for range 1100 {
			for _, server := range []string{"a", "b"} {
				go c.store.Ask(ctx, &modstore.Module{Host: server}, true, func(ctx context.Context) error { <-ctx.Done(); return nil })
			}
		}
		synctest.Wait()
		c.more(t.Context(), "a")
		c.want(1, 0, 1)
		cancel()
		close(end)
	})
}
