package flight_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/flight"
)

// A thing is a value that must be freed: it has users, who each hold it once.
type thing struct {
	id    int64
	users atomic.Int64
}

// things make them, and see to it that none is used or freed twice.
type things struct {
	t    *testing.T
	mu   sync.Mutex
	made []*thing
}

func (h *things) group() *flight.Group[*thing] {
	return &flight.Group[*thing]{Hold: h.hold, Drop: h.drop}
}

func (h *things) hold(v *thing) {
	if v.users.Add(1) <= 1 {
		h.t.Errorf("thing %d is held after it was freed", v.id)
	}
}

func (h *things) drop(v *thing) {
	if v.users.Add(-1) < 0 {
		h.t.Errorf("thing %d is freed twice", v.id)
	}
}

func (h *things) make() *thing {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := &thing{id: int64(len(h.made)) + 1}
	v.users.Store(1)
	h.made = append(h.made, v)
	return v
}

// check wants so many to have been made, and none to have users.
func (h *things) check(made int) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.made) != made {
		h.t.Errorf("%d runs gave a value, want %d", len(h.made), made)
	}
	for _, v := range h.made {
		if n := v.users.Load(); n != 0 {
			h.t.Errorf("thing %d has %d users in the end", v.id, n)
		}
	}
}

// A maker is a run that goes on until it is told to end.
type maker struct {
	things
	runs, cancelled atomic.Int64
	end             chan struct{}
	deaf            bool // it doesn't listen to its context
}

func newMaker(t *testing.T) *maker {
	return &maker{things: things{t: t}, end: make(chan struct{})}
}

func (m *maker) run(ctx context.Context) (*thing, error) {
	m.runs.Add(1)
	if m.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-m.end:
		return m.make(), nil
	case <-ctx.Done():
		m.cancelled.Add(1)
		return nil, ctx.Err()
	}
}

// count wants so many runs to have begun, and to have been cancelled.
func (m *maker) count(runs, cancelled int64) {
	m.t.Helper()
	if r, c := m.runs.Load(), m.cancelled.Load(); r != runs || c != cancelled {
		m.t.Errorf("%d runs, %d of them cancelled; want %d and %d", r, c, runs, cancelled)
	}
}

func unwanted(t *testing.T) func(context.Context) (*thing, error) {
	return func(context.Context) (*thing, error) {
		t.Error("a second run was begun")
		return nil, errors.New("not wanted")
	}
}

type outcome struct {
	value *thing
	err   error
}

// ask is a caller in a goroutine of its own, who has to drop what it gets.
func ask(ctx context.Context, g *flight.Group[*thing], key string, run func(context.Context) (*thing, error)) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		v, err := g.Do(ctx, key, run)
		done <- outcome{v, err}
	}()
	return done
}

func TestOneRunForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		g := m.group()
		var callers []<-chan outcome
		for range 20 {
			callers = append(callers, ask(t.Context(), g, "a", m.run))
		}
		synctest.Wait()
		other := newMaker(t)
		close(other.end)
		if v, err := g.Do(t.Context(), "b", other.run); err != nil {
			t.Errorf("another key: %v", err)
		} else {
			m.drop(v)
		}
		close(m.end)
		for _, c := range callers {
			got := <-c
			if got.err != nil || got.value.id != 1 {
				t.Fatalf("got %+v", got)
			}
			m.drop(got.value)
		}
		m.count(1, 0)
		m.check(1)
		if v, err := g.Do(t.Context(), "a", m.run); err != nil || v.id != 2 {
			t.Errorf("after the run's end: got %+v, %v; want a new one", v, err)
		} else {
			m.drop(v)
		}
		m.check(2)
		other.check(1)
	})
}

type contextKey struct{}

func TestFirstCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		g := m.group()
		value := make(chan any, 1)
		first, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey{}, "first's"), time.Second)
		defer cancel()
		leaver := ask(first, g, "a", func(ctx context.Context) (*thing, error) {
			value <- ctx.Value(contextKey{})
			return m.run(ctx)
		})
		synctest.Wait()
		stayer := ask(t.Context(), g, "a", unwanted(t))
		if got := <-leaver; !errors.Is(got.err, context.DeadlineExceeded) || got.value != nil {
			t.Errorf("the first got %+v", got)
		}
		time.Sleep(time.Hour) // neither its deadline nor its departure matter
		late := ask(t.Context(), g, "a", unwanted(t))
		synctest.Wait()
		close(m.end)
		for _, c := range []<-chan outcome{stayer, late} {
			got := <-c
			if got.err != nil {
				t.Fatal(got.err)
			}
			m.drop(got.value)
		}
		if got := <-value; got != "first's" {
			t.Errorf("the context's value is %v", got)
		}
		m.count(1, 0)
		m.check(1)
	})
}

func TestLastCallerLeaves(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m, next := newMaker(t), newMaker(t)
			m.deaf = deaf
			g := m.group()
			ctx, cancel := context.WithCancel(t.Context())
			callers := []<-chan outcome{ask(ctx, g, "a", m.run), ask(ctx, g, "a", m.run)}
			synctest.Wait()
			cancel()
			for _, c := range callers {
				if got := <-c; !errors.Is(got.err, context.Canceled) || got.value != nil {
					t.Errorf("got %+v", got)
				}
			}
			synctest.Wait()
			if !deaf {
				m.count(1, 1)
			}
			// Who comes now has nothing to do with it, however late it ends.
			anew := ask(t.Context(), g, "a", next.run)
			synctest.Wait()
			close(m.end)
			synctest.Wait()
			joined := ask(t.Context(), g, "a", unwanted(t))
			synctest.Wait()
			close(next.end)
			for _, c := range []<-chan outcome{anew, joined} {
				got := <-c
				if got.err != nil {
					t.Fatal(got.err)
				}
				next.drop(got.value)
			}
			synctest.Wait()
			if deaf {
				m.check(1)
			} else {
				m.check(0)
			}
			next.check(1)
		})
	}
}

func TestDeadCaller(t *testing.T) {
	m := newMaker(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := m.group().Do(ctx, "a", unwanted(t)); !errors.Is(err, context.Canceled) || v != nil {
		t.Errorf("got %v, %v", v, err)
	}
}

// Who leaves at the moment when the outcome comes has it.
func TestOutcomeAndDeparture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		g := m.group()
		for range 50 { // of two ready channels, select takes any
			m.end = make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			call, began := g.Join(ctx, "a", m.run)
			if !began {
				t.Fatal("the one before it goes on")
			}
			close(m.end)
			<-call.Done()
			cancel()
			v, err := call.Wait(ctx)
			if err != nil {
				t.Fatal(err)
			}
			m.drop(v)
		}
		m.check(50)
	})
}

func TestDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		g := m.group()
		ctx, cancel := context.WithCancel(t.Context())
		call, began := g.Join(ctx, "a", m.run)
		if !began {
			t.Error("nothing was begun")
		}
		call.Detach()
		cancel()
		time.Sleep(time.Hour)
		m.count(1, 0)

		// Others find it, and their departure doesn't end it either.
		other, began := g.Join(t.Context(), "a", unwanted(t))
		if began {
			t.Error("a second run was begun")
		}
		other.Leave()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Do(short, "a", unwanted(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		m.count(1, 0)
		close(m.end)
		synctest.Wait()
		m.check(1)

		// It is forgotten then.
		v, err := g.Do(t.Context(), "a", m.run)
		if err != nil {
			t.Fatal(err)
		}
		m.drop(v)
		m.check(2)
	})
}

// Every order in which two callers may part, before and after the outcome, leaves nothing held.
func TestBalance(t *testing.T) {
	type call = *flight.Call[*thing]
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	wait := func(m *maker, c call, ctx context.Context) {
		if v, err := c.Wait(ctx); err == nil {
			m.drop(v)
		}
	}
	ways := map[string]func(*maker, call){
		"wait":   func(m *maker, c call) { wait(m, c, context.Background()) },
		"cancel": func(m *maker, c call) { wait(m, c, dead) },
		"leave":  func(_ *maker, c call) { c.Leave() },
		"detach": func(_ *maker, c call) { c.Detach() },
	}
	for name1, way1 := range ways {
		for name2, way2 := range ways {
			for _, when := range []string{"before", "between", "after"} {
				synctest.Test(t, func(t *testing.T) {
					m := newMaker(t)
					m.deaf = true
					g := m.group()
					one, _ := g.Join(t.Context(), "a", m.run)
					two, began := g.Join(t.Context(), "a", m.run)
					if began {
						t.Fatal("two runs")
					}
					end := func(now string) {
						if when == now {
							close(m.end)
							synctest.Wait()
						}
					}
					end("before")
					go way1(m, one)
					synctest.Wait()
					end("between")
					go way2(m, two)
					synctest.Wait()
					end("after")
					m.check(1)
					if t.Failed() {
						t.Fatalf("%s, then %s; the outcome came %s", name1, name2, when)
					}
				})
			}
		}
	}
}

// An error has no value to be freed, even if the run gives one beside it.
func TestErrors(t *testing.T) {
	m := newMaker(t)
	g := m.group()
	broken := errors.New("broken")
	if _, err := g.Do(t.Context(), "a", func(context.Context) (*thing, error) { return nil, broken }); err != broken {
		t.Errorf("got %v", err)
	}
	_, err := g.Do(t.Context(), "a", func(context.Context) (*thing, error) { panic("ouch") })
	if err == nil || !strings.Contains(err.Error(), "panic: ouch") || !strings.Contains(err.Error(), "flight_test.go") {
		t.Errorf("got %v, want the panic and where it was", err)
	}
	_, err = g.Do(t.Context(), "a", func(context.Context) (*thing, error) { panic(broken) })
	if errors.Is(err, broken) {
		t.Error("what was thrown looks like what was returned")
	}
	_, err = g.Do(t.Context(), "a", func(context.Context) (*thing, error) { runtime.Goexit(); return nil, nil })
	if err == nil {
		t.Error("runtime.Goexit makes a value")
	}
	close(m.end)
	v, err := g.Do(t.Context(), "a", m.run)
	if err != nil {
		t.Fatal(err)
	}
	m.drop(v)
	m.check(1)
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		g := m.group()
		g.Timeout = time.Minute
		start := time.Now()
		call, _ := g.Join(t.Context(), "detached", m.run)
		call.Detach()
		if _, err := g.Do(t.Context(), "a", m.run); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("it took %v", d)
		}
		synctest.Wait()
		m.count(2, 2)
	})
}

// The zero Group has values that need not be freed.
func TestZero(t *testing.T) {
	var g flight.Group[int]
	n, err := g.Do(t.Context(), "a", func(ctx context.Context) (int, error) {
		if _, ok := ctx.Deadline(); ok {
			t.Error("there is a deadline")
		}
		return 7, nil
	})
	if n != 7 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	call, _ := g.Join(t.Context(), "a", func(context.Context) (int, error) { return 7, nil })
	<-call.Done()
	call.Leave()
}

// Everything at once: many callers, few keys, errors, panics, departures.
func TestStress(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("the platform has goroutines of its own, which come and go")
	}
	m := newMaker(t)
	g := m.group()
	g.Timeout = time.Minute
	before := runtime.NumGoroutine()
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 100 {
				stressOnce(m, g, r)
			}
		})
	}
	callers.Wait()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	m.mu.Lock() // which also tells the race detector that the runs have ended
	made := len(m.made)
	m.mu.Unlock()
	m.check(made)
	if made == 0 {
		t.Error("no run gave a value")
	}
}

var errStress = errors.New("a failure among others")

func stressOnce(m *maker, g *flight.Group[*thing], r *rand.Rand) {
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	if r.IntN(4) == 0 {
		time.AfterFunc(time.Duration(r.IntN(300))*time.Microsecond, cancel)
	}
	what, pause := r.IntN(10), time.Duration(r.IntN(200))*time.Microsecond
	call, _ := g.Join(ctx, string(rune('a'+r.IntN(3))), func(ctx context.Context) (*thing, error) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch what {
		case 0:
			return nil, errStress
		case 1:
			panic(errStress)
		}
		return m.make(), nil
	})
	switch r.IntN(5) {
	case 0:
		call.Leave()
		return
	case 1:
		call.Detach()
		return
	}
	v, err := call.Wait(ctx)
	if err == nil {
		if v.users.Load() < 1 {
			m.t.Error("a value has no user while it is in use")
		}
		m.drop(v)
	} else if ctx.Err() == nil && !strings.Contains(err.Error(), errStress.Error()) {
		m.t.Errorf("nobody left, and got %v", err)
	}
}
