package budget_test

import (
	"context"
	"testing"

	"example.com/vanity/internal/budget"
)

func TestTake(t *testing.T) {
	var b budget.Budget
	type step struct {
		answer int
		take   int64
		want   error
	}
	const large = budget.Each - budget.Free
	ctxs := make([]context.Context, 5)
	ends := make([]func(), 5)
	for i := range ctxs {
		ctxs[i], ends[i] = b.Begin(t.Context())
	}
	try := func(steps ...step) {
		t.Helper()
		for i, s := range steps {
			if err := budget.Take(ctxs[s.answer], s.take); err != s.want {
				t.Errorf("step %d: taking %d gives %v, want %v", i, s.take, err, s.want)
			}
		}
	}
	try(
		step{0, budget.Each + 1, budget.ErrTooMuch},
		step{0, budget.Each, nil},
		step{0, 1, budget.ErrTooMuch},
		step{1, budget.Each, nil},
		step{2, budget.Free + 2*budget.Free, nil}, // the free part of the three is left
		step{2, 1, budget.ErrBusy},
		step{3, budget.Free, nil}, // nobody is refused a little
		step{3, 1, budget.ErrBusy},
	)
	budget.Give(ctxs[2], 1)
	try(step{3, 1, nil}, step{2, 1, budget.ErrBusy})
	ends[0]()
	try(step{2, large - 2*budget.Free, nil}, step{0, -budget.Each, nil}, step{0, budget.Each, nil}) // what has ended takes nothing from others
	for _, end := range ends[1:] {
		end()
	}
	fresh, end := b.Begin(t.Context())
	defer end()
	if err := budget.Take(fresh, budget.Each); err != nil {
		t.Errorf("after all have ended: %v", err)
	}
	if err := budget.Take(t.Context(), 1<<50); err != nil {
		t.Errorf("without a budget: %v", err)
	}
}
