package modstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modstore"
)

// Everything at once: callers who leave, a host and a store that fail, answers that are stale as soon as they are made. What
// never changes doesn't, and nothing is left.
func TestStress(t *testing.T) {
	h := local(newRepo(t, twoVersions))
	s := newShelf()
	backing := modstore.NewBacking(s)
	want := make(map[string]string)
	for _, file := range files {
		want[file] = newClient(t, h, modstore.Options{}).get(file).text
	}
	before := runtime.NumGoroutine()
	var faults atomic.Int64
	sometimes := func(string) error {
		if faults.Add(1)%11 == 0 {
			return errors.New("on purpose")
		}
		return nil
	}
	s.faults(sometimes, sometimes)
	h.set(func(context.Context) error {
		if faults.Add(1)%13 == 0 {
			return &git.Error{Kind: git.Unavailable, Err: errors.New("on purpose")}
		}
		return nil
	})
	var callers sync.WaitGroup
	for i := range 8 {
		c := newClient(t, h, modstore.Options{Backing: backing, Fresh: time.Millisecond, Timeout: time.Minute})
		callers.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 15 {
				c.stress(r, want)
			}
		})
	}
	callers.Wait()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	h.set(nil)
	s.faults(nil, nil)
	c := newClient(t, h, modstore.Options{Backing: backing})
	for file, text := range want {
		c.want(file, text, false)
	}
	c.want("/@v/list", list2, false)
	s.checkSums(t)
}

// stress asks for some file, and may go away.
func (c *client) stress(r *rand.Rand, want map[string]string) {
	all := append([]string{"/@v/list", "/@latest", "/@v/main.info", "/@v/gone.info"}, files...)
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	if r.IntN(4) == 0 {
		time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, cancel)
	}
	file := all[r.IntN(len(all))]
	a, err := c.ask(ctx, file)
	if text := want[file]; err == nil && text != "" && (a.text != text || a.stale) {
		c.t.Errorf("%s: %+v", file, a)
	}
}
