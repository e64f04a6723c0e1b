package mirror

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"example.com/vanity/internal/check"
)

// How long is waited.
const (
	lockPause   = 100 * time.Millisecond
	absentPause = time.Minute // before it is tried again to get a mirror that isn't there
)

// lockTime is how long is waited for another process to end, or for the git of one that was killed.
var lockTime = 20 * time.Second

// Run makes, restores and refreshes the mirrors until ctx ends, and then waits for the git processes that do; the error is nil
// then. It fails at once if the directory can't be used, and after a while if another process runs there. It may be called
// once. What is on the disk already can be served before.
func (m *Mirrors) Run(ctx context.Context) error {
	err := m.start(ctx)
	if err == nil {
		var wg sync.WaitGroup
		for _, r := range m.all {
			wg.Go(func() { m.keep(ctx, r) })
		}
		wg.Wait()
		m.mu.Lock()
		m.lock.close()
		m.lock = nil
		m.mu.Unlock()
	}
	for _, r := range m.all {
		r.end(ErrStopped)
	}
	if err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// start takes possession of the directory, and removes what a killed process was making.
func (m *Mirrors) start(ctx context.Context) error {
	m.mu.Lock()
	started := m.started
	m.started = true
	m.mu.Unlock()
	if started {
		return errors.New("mirror: Run is called a second time")
	}
	if err := os.MkdirAll(m.dir, 0o777); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	l, err := m.takeLock(ctx)
	if err != nil {
		return err
	}
	err = os.RemoveAll(m.temp())
	if err == nil {
		err = os.Mkdir(m.temp(), 0o777)
	}
	if err != nil {
		l.close()
		return fmt.Errorf("mirror: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lock = l
	return nil
}

func (m *Mirrors) takeLock(ctx context.Context) (*lock, error) {
	until := time.Now().Add(lockTime)
	for {
		l, err := tryLock(filepath.Join(m.dir, ".lock"))
		if l != nil || err != nil {
			if err != nil {
				err = fmt.Errorf("mirror: the lock of %s: %w", m.dir, err)
			}
			return l, err
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("mirror: another process keeps the mirrors in %s: stop it, or name another directory", m.dir)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// Refresh makes the mirror of a repository equal to its original, as that is after the call: one refresh serves all who have
// asked before it began. It waits for [Mirrors.Run] to do that; when ctx ends, only the waiting does. The error says what
// went wrong, and is ErrStopped if Run has ended.
func (m *Mirrors) Refresh(ctx context.Context, repository string) error {
	r, ok := m.find(repository)
	if !ok {
		return fmt.Errorf("mirror: there is no mirror of %s", check.Quote(check.Redact(repository)))
	}
	a, err := r.queue()
	if err != nil {
		return err
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep refreshes one mirror, at its times and when asked.
func (m *Mirrors) keep(ctx context.Context, r *repository) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		a := r.begin()
		err := m.attempt(ctx, r)
		a.finish(err)
		timer.Reset(m.pause(r))
	}
}

// pause is the time until the next refresh that nobody asks for. It varies, so that replicas don't come all at once.
func (m *Mirrors) pause(r *repository) time.Duration {
	pause := m.options.Every
	if pause <= 0 {
		pause = math.MaxInt64
	}
	if !r.exists() {
		pause = min(pause, absentPause)
	}
	if pause == math.MaxInt64 {
		return pause
	}
	return pause - time.Duration(rand.Int64N(int64(pause)/10+1))
}

// ownKey marks the context of a refresh: what that asks a host must come from the host.
type ownKey struct{}

// attempt refreshes a mirror, and notes and logs how that went.
func (m *Mirrors) attempt(ctx context.Context, r *repository) error {
	select {
	case m.fetching <- struct{}{}:
		defer func() { <-m.fetching }()
	case <-ctx.Done():
		return ErrStopped
	}
	ctx, cancel := context.WithTimeoutCause(context.WithValue(ctx, ownKey{}, true), m.options.FetchTime,
		fmt.Errorf("it took more than %v", m.options.FetchTime))
	defer cancel()
	began := time.Now()
	changed, err := m.refresh(ctx, r)
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return ErrStopped
	}
	r.note(err)
	switch {
	case err != nil:
		m.log().Warn("mirror: a refresh failed", "repository", r.url, "served", r.exists(), "error", err)
		err = fmt.Errorf("mirror: %s: %w", r.url, err)
	case changed:
		m.log().Info("mirror: refreshed", "repository", r.url, "took", time.Since(began).Round(time.Millisecond))
	}
	if err == nil && m.options.Shelf != nil { // else another replica may have saved what is newer
		m.saveAndNote(ctx, r)
	}
	return err
}

// saveAndNote saves a mirror that was found equal to its original. What fails is made up for after the next refresh.
func (m *Mirrors) saveAndNote(ctx context.Context, r *repository) {
	err := m.save(ctx, r)
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	if r.noteSaved(err); err != nil {
		m.log().Warn("mirror: a mirror can't be saved: it is tried again after the next refresh", "repository", r.url, "error", err)
	}
}
