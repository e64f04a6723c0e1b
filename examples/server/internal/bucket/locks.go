package bucket

import (
	"context"
	"hash/maphash"
)

// locks are some locks that all keys share.
type locks struct {
	seed maphash.Seed
	held [64]chan struct{} // each has room for its holder
}

func newLocks() (l locks) {
	l.seed = maphash.MakeSeed()
	for i := range l.held {
		l.held[i] = make(chan struct{}, 1)
	}
	return l
}

// lock gives the function to unlock by, unless ctx ends before.
func (l *locks) lock(ctx context.Context, key string) (unlock func(), err error) {
	held := l.held[maphash.String(l.seed, key)%uint64(len(l.held))]
	select {
	case held <- struct{}{}:
		return func() { <-held }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
