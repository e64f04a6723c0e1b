package app

import (
	"context"
	"fmt"
	"sync"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/bucket"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/mirror"
)

// Stores are those that were opened. A new configuration with the same store goes on with it. The zero value is ready, and safe
// for concurrent use.
type Stores struct {
	mu  sync.Mutex
	all map[string]opened
}

type opened struct {
	option vanity.Option
	store  vanity.Store
	bucket *bucket.Store // nil if it is none
}

// open gives the option for a store, and the shelf for bundles, if it is a bucket.
func (s *Stores) open(ctx context.Context, name string, o Options) (vanity.Option, mirror.Shelf, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.all[name]
	if !ok {
		store, err := at.open(ctx, name, o)
		if err != nil {
			return nil, nil, err
		}
		if store != nil && o.Metrics != nil {
			store = o.Metrics.Store(store)
		}
		at.option, at.store = vanity.WithStore(store), store
		if s.all == nil {
			s.all = make(map[string]opened)
		}
		s.all[name] = at
	}
	if at.bucket == nil {
		return at.option, nil, nil
	}
	return at.option, at.bucket, nil
}

func (at *opened) open(ctx context.Context, name string, o Options) (vanity.Store, error) {
	switch {
	case name == "":
		return nil, nil
	case !config.IsBucket(name):
		return vanity.DirStore(name), nil
	}
	b, err := bucket.Open(ctx, name, o.Log)
	if err != nil {
		return nil, err
	}
	at.bucket = b
	return b, nil
}

// Get gives a store that is open; nil if there is none.
func (s *Stores) Get(name string) vanity.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[name].store
}

// Ping asks a store whether it can be read and written.
func (s *Stores) Ping(ctx context.Context, name string) error {
	s.mu.Lock()
	at := s.all[name]
	s.mu.Unlock()
	ping := func(context.Context) error { return nil }
	switch {
	case at.bucket != nil:
		ping = at.bucket.Ping
	case name != "":
		ping = bucket.Directory(name).Ping
	}
	if err := ping(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Close closes all of them.
func (s *Stores) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, at := range s.all {
		if at.bucket != nil {
			at.bucket.Close()
		}
		delete(s.all, name)
	}
}
