package mirror

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// refresh makes a mirror equal to its original, and makes or restores it before if it isn't there.
func (m *Mirrors) refresh(ctx context.Context, r *repository) (changed bool, err error) {
	if err := m.lookAfter(ctx, r); err != nil {
		return false, err
	}
	if r.exists() {
		upstream, err := m.list(ctx, r)
		if err != nil {
			return false, err
		}
		return m.update(ctx, r, upstream)
	}
	r.listed = "" // somebody has removed what that was said of
	made := filepath.Join(m.temp(), rand.Text())
	defer os.RemoveAll(made)
	restored := m.prepare(ctx, r, made)
	upstream, err := m.list(ctx, r)
	switch {
	case err == nil && restored == restoredAll:
		return m.update(ctx, r, upstream)
	case err == nil:
		err = m.fill(ctx, r, made, upstream)
	}
	if err != nil && restored == restoredSome && ctx.Err() == nil { // there is nothing better
		err = errors.Join(err, markSpoilt(made), m.publish(made, r))
	}
	return true, err
}

// lookAfter mends what a killed process, or another configuration, has left of a mirror that is there.
func (m *Mirrors) lookAfter(ctx context.Context, r *repository) error {
	if r.checked || !r.exists() {
		return nil
	}
	sweep(r.dir)
	if err := m.git(ctx, task{dir: r.dir, writes: true}, "config", "remote.origin.url", r.url); err != nil {
		return err
	}
	r.checked, r.spoilt = true, isMarkedSpoilt(r.dir)
	r.noteSize(size(r.dir))
	return nil
}

// prepare restores a mirror from the shelf, in a directory that isn't there. If the shelf has all of it, the mirror is there
// then, before its host was asked for anything.
func (m *Mirrors) prepare(ctx context.Context, r *repository, made string) outcome {
	if m.options.Shelf == nil {
		return restoredNothing
	}
	restored, err := m.restore(ctx, r, made)
	if err == nil && restored == restoredAll {
		if err = m.publish(made, r); err == nil {
			m.log().Info("mirror: restored from the shelf", "repository", r.url)
			return restoredAll
		}
		restored = restoredNothing
	}
	if err != nil && ctx.Err() == nil {
		m.log().Warn("mirror: a mirror can't be restored from the shelf: it is fetched from its host", "repository", r.url, "error", err)
	}
	if restored == restoredNothing {
		os.RemoveAll(made) // the new one may have to be of another format
	}
	return restored
}

// fill makes a mirror in a directory of no name, and gives it its name.
func (m *Mirrors) fill(ctx context.Context, r *repository, made string, upstream state) error {
	if _, err := os.Stat(made); errors.Is(err, fs.ErrNotExist) {
		if err := m.initialize(ctx, r, made, upstream.format()); err != nil {
			return err
		}
	}
	if err := m.fetch(ctx, r, made, upstream); err != nil {
		return err
	}
	if err := m.git(ctx, task{dir: made, writes: true}, "pack-refs", "--all"); err != nil {
		return err
	}
	if err := m.publish(made, r); err != nil {
		return err
	}
	r.listed = upstream.digest()
	return nil
}

// initialize makes an empty repository.
func (m *Mirrors) initialize(ctx context.Context, r *repository, dir, format string) error {
	err := m.git(ctx, task{writes: true}, "init", "--quiet", "--bare", "--template=", "--object-format="+format, dir)
	if err == nil {
		err = m.git(ctx, task{dir: dir, writes: true}, "config", "remote.origin.url", r.url)
	}
	return err
}

// publish gives a mirror that is complete its name.
func (m *Mirrors) publish(made string, r *repository) error {
	if err := os.MkdirAll(filepath.Dir(r.dir), 0o777); err != nil {
		return err
	}
	if err := os.Rename(made, r.dir); err != nil {
		if _, statErr := os.Stat(r.dir); statErr == nil {
			err = fmt.Errorf("%w: %s is no mirror: remove it", err, r.dir)
		}
		return err
	}
	r.checked = true
	r.noteSize(size(r.dir))
	return nil
}

// update makes a mirror that is served equal to what its host has listed.
func (m *Mirrors) update(ctx context.Context, r *repository, upstream state) (changed bool, err error) {
	if r.listed == upstream.digest() {
		return false, nil
	}
	own, err := m.local(ctx, r.dir)
	if err != nil {
		return false, err
	}
	if own.digest() != upstream.digest() {
		sweep(r.dir) // of a git that was killed
		if err := m.fetch(ctx, r, r.dir, upstream); err != nil {
			return false, err
		}
		changed = true
		if err := m.git(ctx, task{dir: r.dir, writes: true}, "gc", "--auto", "--quiet"); err != nil {
			m.log().Warn("mirror: git gc failed", "repository", r.url, "error", err)
		}
		r.noteSize(size(r.dir))
	}
	r.listed = upstream.digest()
	return changed, nil
}
