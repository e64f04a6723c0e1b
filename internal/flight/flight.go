// Package flight runs a thing once for all who ask for it at the same time.
package flight

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// A Group is a set of runs, each with a key. It is safe for concurrent use. The zero value is ready; the fields must not
// change after its first use.
type Group[V any] struct {
	Timeout time.Duration // for one run; zero for none

	// Hold and Drop count the users of a value that must be freed, if they are not nil. A run's value comes with one user;
	// each of those who wait for it gets a user of its own, which it has to drop.
	Hold, Drop func(V)

	mu    sync.Mutex
	calls map[string]*Call[V]
}

// A Call is one run, and those who wait for it.
type Call[V any] struct {
	group   *Group[V]
	key     string
	done    chan struct{} // closed when value and err are there
	value   V
	err     error
	waiters int
	stays   bool // it goes on without waiters
	cancel  context.CancelFunc
}

// Do gives what run gives, or a run of the same key that is under way. It goes on as long as anybody waits for it, with
// the values of the first one's context, and not with its end. A panic is an error.
func (g *Group[V]) Do(ctx context.Context, key string, run func(context.Context) (V, error)) (V, error) {
	if err := ctx.Err(); err != nil {
		var none V
		return none, err
	}
	c, _ := g.Join(ctx, key, run)
	return c.Wait(ctx)
}

// Join is Do without the waiting: one call of Wait, Leave or Detach must follow. It says whether a run was begun.
func (g *Group[V]) Join(ctx context.Context, key string, run func(context.Context) (V, error)) (c *Call[V], began bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c = g.calls[key]
	if c == nil {
		c, began = g.start(ctx, key, run), true
	}
	c.waiters++
	return c, began
}

func (g *Group[V]) start(ctx context.Context, key string, run func(context.Context) (V, error)) *Call[V] {
	ctx, cancel := g.detached(ctx)
	c := &Call[V]{group: g, key: key, done: make(chan struct{}), cancel: cancel}
	if g.calls == nil {
		g.calls = make(map[string]*Call[V])
	}
	g.calls[key] = c
	go func() {
		defer cancel()
		var value V
		err := errors.New("the run ended without an outcome") // by runtime.Goexit, if this stays
		defer func() { c.finish(value, err) }()
		value, err = protect(ctx, run)
	}()
	return c
}

func (g *Group[V]) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if g.Timeout > 0 {
		return context.WithTimeout(ctx, g.Timeout)
	}
	return context.WithCancel(ctx)
}

// protect makes a panic an error: in a goroutine of our own it would end the whole program, and not one request.
func protect[V any](ctx context.Context, run func(context.Context) (V, error)) (value V, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx)
}

func (c *Call[V]) finish(value V, err error) {
	g := c.group
	g.mu.Lock()
	defer g.mu.Unlock()
	c.forget()
	c.value, c.err = value, err
	close(c.done)
	if c.waiters == 0 {
		c.drop()
	}
}

// forget lets who comes now begin anew.
func (c *Call[V]) forget() {
	if c.group.calls[c.key] == c {
		delete(c.group.calls, c.key)
	}
}

// drop gives up the run's own hold on its value.
func (c *Call[V]) drop() {
	if c.err == nil && c.group.Drop != nil {
		c.group.Drop(c.value)
	}
}

// Done is closed when there is an outcome.
func (c *Call[V]) Done() <-chan struct{} { return c.done }

// Wait gives the outcome, or leaves when ctx ends.
func (c *Call[V]) Wait(ctx context.Context) (value V, err error) {
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return c.part(ctx.Err())
}

// Leave gives the outcome up. The last one to leave ends the run.
func (c *Call[V]) Leave() {
	if v, err := c.part(context.Canceled); err == nil && c.group.Drop != nil {
		c.group.Drop(v)
	}
}

// Detach is Leave for one who wants the run to go on all the same.
func (c *Call[V]) Detach() {
	c.group.mu.Lock()
	c.stays = true
	c.group.mu.Unlock()
	c.Leave()
}

// part takes a waiter's leave: with the outcome, if there is one, else with the reason for leaving.
func (c *Call[V]) part(reason error) (value V, err error) {
	g := c.group
	g.mu.Lock()
	defer g.mu.Unlock()
	c.waiters--
	select {
	case <-c.done:
		if c.err == nil && g.Hold != nil {
			g.Hold(c.value)
		}
		if c.waiters == 0 {
			c.drop()
		}
		return c.value, c.err
	default:
	}
	if c.waiters == 0 && !c.stays {
		c.cancel()
		c.forget()
	}
	return value, reason
}
