// Package budget bounds the memory of answers in the making, as far as a git host decides how much that is: refs, the
// indexes of packs, trees, deltas. What takes it says so before or as it does, by an estimate.
package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"example.com/vanity/internal/bounds"
)

// Bounds, in bytes that are in use. The garbage collector lets a process have about twice as much.
const (
	Each = bounds.Answer  // of one answer
	All  = bounds.Answers // of all of them; what is below Free for each doesn't count
	Free = bounds.Free
)

var (
	// ErrTooMuch is the error of an answer that takes more than there is for one.
	ErrTooMuch = fmt.Errorf("it takes more than the %d MiB of memory that there are for one answer", Each>>20)
	// ErrBusy is the error of one that takes more than others leave.
	ErrBusy = errors.New("the answers that are being made at the same time take too much memory")
)

// A Budget is what several answers have together. The zero value is ready.
type Budget struct {
	mu    sync.Mutex
	taken int64
}

// An account is what one answer has taken.
type account struct {
	budget *Budget
	taken  int64
	ended  bool
}

type key struct{}

// Begin gives the context for the making of one answer. Calling end gives all back that was taken in it.
func (b *Budget) Begin(ctx context.Context) (_ context.Context, end func()) {
	a := &account{budget: b}
	return context.WithValue(ctx, key{}, a), a.end
}

// Take asks for so many bytes. They are given back when the answer is made, or by [Give]. Without a budget there is no
// bound.
func Take(ctx context.Context, n int64) error {
	a, ok := ctx.Value(key{}).(*account)
	if !ok {
		return nil
	}
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	if a.taken+n > Each {
		return ErrTooMuch
	}
	counted := counted(a.taken+n) - counted(a.taken)
	switch {
	case a.ended: // others wait for what the answer began, and it is bounded still
	case counted > 0 && a.budget.taken+counted > All:
		return ErrBusy
	default:
		a.budget.taken += counted
	}
	a.taken += n
	return nil
}

// Give gives back what is no longer used of what was taken.
func Give(ctx context.Context, n int64) { _ = Take(ctx, -n) }

func counted(n int64) int64 { return max(0, n-Free) }

func (a *account) end() {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.budget.taken -= counted(a.taken)
	a.ended = true
}
