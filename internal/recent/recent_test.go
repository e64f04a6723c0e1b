package recent_test

import (
	"fmt"
	"sync"
	"testing"

	"example.com/vanity/internal/recent"
)

func TestCache(t *testing.T) {
	c := recent.New[string, int](4)
	if v, ok := c.Get("a"); ok || v != 0 {
		t.Errorf("empty: got %d", v)
	}
	c.Put("a", 1)
	c.Put("a", 2)
	if v, ok := c.Get("a"); !ok || v != 2 {
		t.Errorf("got %d, %t; want 2", v, ok)
	}
}

// However many keys there are, so many are remembered, the last one surely, and none with another's value.
func TestBound(t *testing.T) {
	const bits, keys = 4, 1000
	c := recent.New[[2]string, int](bits)
	key := func(i int) [2]string { return [2]string{fmt.Sprint(i % 7), fmt.Sprint(i)} }
	for i := range keys {
		c.Put(key(i), i)
		if v, ok := c.Get(key(i)); !ok || v != i {
			t.Fatalf("%d: got %d, %t", i, v, ok)
		}
	}
	n := 0
	for i := range keys {
		if v, ok := c.Get(key(i)); ok {
			n++
			if v != i {
				t.Errorf("%d: got %d", i, v)
			}
		}
	}
	if n == 0 || n > 1<<bits {
		t.Errorf("%d are remembered", n)
	}
}

// Those that meet in the same places are all remembered, as long as there are enough of them; then the oldest goes.
func TestNeighbours(t *testing.T) {
	c := recent.New[int, int](2)
	for _, key := range []int{1, 2, 3, 4, 2} {
		c.Put(key, 10*key)
	}
	for key := 1; key <= 4; key++ {
		if v, ok := c.Get(key); !ok || v != 10*key {
			t.Errorf("%d: got %d, %t", key, v, ok)
		}
	}
	c.Put(5, 50)
	if v, ok := c.Get(1); ok {
		t.Errorf("the oldest: got %d", v)
	}
	if v, ok := c.Get(2); !ok || v != 20 {
		t.Errorf("one put again: got %d, %t", v, ok)
	}
}

func TestConcurrent(t *testing.T) {
	c := recent.New[int, int](3)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 2000 {
				key := (n * (i + 1)) % 40
				if v, ok := c.Get(key); ok && v != key*key {
					t.Errorf("%d: got %d", key, v)
				}
				c.Put(key, key*key)
			}
		})
	}
	wg.Wait()
}

func TestNoAllocation(t *testing.T) {
	type key struct{ a, b string }
	c := recent.New[key, *int](4)
	k := key{"some", "thing"}
	c.Put(k, new(int))
	if n := testing.AllocsPerRun(100, func() { c.Get(k) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGet(b *testing.B) {
	c := recent.New[string, int](10)
	const key = "go.acme.test/!tool/@v/v1.0.0.info"
	c.Put(key, 1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Get(key)
		}
	})
}
