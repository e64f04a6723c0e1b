package admission_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/admission"
)

var (
	errNo   = errors.New("no")
	errDown = errors.New("down")
)

func isNo(err error) bool { return err == errNo }

func TestAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g admission.Gate
		var asked int
		answer := map[string]error{"good": nil, "bad": errNo, "unlucky": errDown}
		admit := func(credentials, repo string, want error, wantAsked int) {
			t.Helper()
			asked = 0
			err := g.Admit(t.Context(), credentials, repo, func(context.Context, bool) error { asked++; return answer[credentials] }, isNo)
			if err != want || asked != wantAsked {
				t.Errorf("%s at %s: %v, asked %d times; want %v, %d", credentials, repo, err, asked, want, wantAsked)
			}
		}
		for _, n := range []int{1, 0} {
			admit("good", "a", nil, n)
			admit("bad", "a", errNo, n)
			admit("unlucky", "a", errDown, 1)
			admit("good", "b", nil, n)
			admit("good", "", nil, n)
			admit("", "good", nil, n)
		}
		time.Sleep(11 * time.Second)
		admit("good", "a", nil, 0)
		answer["bad"], answer["good"] = nil, errNo
		admit("bad", "a", nil, 1)
		time.Sleep(50 * time.Second)
		admit("good", "a", errNo, 1)
		admit("bad", "a", nil, 0)
	})
}

func TestAdmitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g admission.Gate
		var asked atomic.Int64
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				err := g.Admit(t.Context(), fmt.Sprint(i%2), "r", func(context.Context, bool) error {
					asked.Add(1)
					time.Sleep(time.Second)
					return nil
				}, isNo)
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Who was let in is no stranger when he comes again, and no number of strangers makes him one.
func TestAdmitStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g admission.Gate
		admit := func(credentials string, answer error) (asked, wasIn bool) {
			err := g.Admit(t.Context(), credentials, "r", func(_ context.Context, in bool) error { asked, wasIn = true, in; return answer }, isNo)
			if asked && err != answer {
				t.Error(err)
			}
			return asked, wasIn
		}
		if asked, wasIn := admit("ann", nil); !asked || wasIn {
			t.Error("at first", asked, wasIn)
		}
		for i := range 30_000 {
			if asked, wasIn := admit(fmt.Sprint(i), errNo); !asked || wasIn {
				t.Fatal(i, asked, wasIn)
			}
		}
		if asked, _ := admit("ann", nil); asked {
			t.Error("forgotten")
		}
		time.Sleep(time.Minute)
		if asked, wasIn := admit("ann", errNo); !asked || !wasIn {
			t.Error("again", asked, wasIn)
		}
		time.Sleep(time.Minute)
		if asked, wasIn := admit("ann", errNo); !asked || wasIn {
			t.Error("not let in any more", asked, wasIn)
		}
	})
}

// A host that never comes to an end keeps nobody for ever.
func TestAdmitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g admission.Gate
		start := time.Now()
		err := g.Admit(t.Context(), "ann", "r", func(ctx context.Context, _ bool) error { <-ctx.Done(); return ctx.Err() }, isNo)
		if err != context.DeadlineExceeded || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A host that takes its time does not make an old answer a new one; and who guesses can't fill the memory.
func TestAdmitBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g admission.Gate
		admit := func(credentials string, takes time.Duration) (asked bool) {
			err := g.Admit(t.Context(), credentials, "r", func(context.Context, bool) error { asked = true; time.Sleep(takes); return nil }, isNo)
			if err != nil {
				t.Error(err)
			}
			return asked
		}
		if !admit("slow", time.Minute) || !admit("slow", 0) {
			t.Error("an answer is older than what it was asked for")
		}
		for i := range 12_000 {
			admit(fmt.Sprint(i), 0)
		}
		known := 0
		for i := range 12_000 {
			if !admit(fmt.Sprint(i), 0) {
				known++
			}
		}
		if known > 10_000 {
			t.Errorf("%d are remembered", known)
		}
	})
}
