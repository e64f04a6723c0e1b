package forge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Mirrors are the repositories of a directory tree that are mirrors of others, by the module paths of those. What the tree
// has is looked up for all of them at once, by who needs it, and remembered for a minute. It is safe for concurrent use.
type Mirrors struct {
	dir   string
	turn  chan struct{} // of who looks the tree up
	index atomic.Pointer[index]
}

// An index is what a tree had at a time.
type index struct {
	since   time.Time
	good    time.Duration
	repos   map[string]string // slash-separated paths of repositories below the tree's directory, by module paths
	longest int               // length of the longest of those
}

const (
	indexAge   = time.Minute
	indexShare = 20 // an index is good for so many times as long as it takes to make, if that is more
	maxTrees   = 64 // directory trees that are remembered
)

var trees = struct {
	sync.Mutex
	m map[string]*Mirrors
}{m: make(map[string]*Mirrors)}

// MirrorsIn gives the mirrors in a directory, the same to all who ask for it.
func MirrorsIn(dir string) *Mirrors {
	trees.Lock()
	defer trees.Unlock()
	m := trees.m[dir]
	if m == nil {
		if len(trees.m) >= maxTrees {
			for other := range trees.m {
				delete(trees.m, other)
				break
			}
		}
		m = &Mirrors{dir: dir, turn: make(chan struct{}, 1)}
		trees.m[dir] = m
	}
	return m
}

// Find finds the mirror that a module path leads to: of the repository whose path, with ".git" at its end or without, is the
// longest that it begins with. Root is that part of the module path, and repo the mirror's directory. Of two mirrors of one
// repository the one whose path is the first in the order of bytes counts, as long as it is one.
//
// Where there is none, the error is [fs.ErrNotExist]; the tree not being there is another, and so is the context's.
func (m *Mirrors) Find(ctx context.Context, modPath string) (repo, root string, err error) {
	x, err := m.current(ctx)
	if err != nil {
		return "", "", err
	}
	for end := len(modPath); end > 0; end = strings.LastIndexByte(modPath[:end], '/') {
		if end > x.longest+len(suffix) {
			continue
		}
		root = modPath[:end]
		name := strings.TrimSuffix(root, suffix)
		below, ok := x.repos[name]
		if !ok {
			continue
		}
		// What it is by now must not be taken for what it was.
		if is, err := isMirrorOf(m.dir, below, name); err != nil {
			return "", "", err
		} else if !is {
			break
		}
		return filepath.Join(m.dir, filepath.FromSlash(below)), root, nil
	}
	return "", "", fs.ErrNotExist
}

// isMirrorOf reports whether what is at a path below a directory, no symbolic link being on the way, is a mirror of what goes by
// a name.
func isMirrorOf(dir, below, name string) (bool, error) {
	at := dir
	for elem := range strings.SplitSeq(below, "/") {
		at = filepath.Join(at, elem)
		info, err := os.Lstat(at)
		if isAbsent(err) || err == nil && !info.IsDir() {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	if k, err := kindOf(at); k != repository || err != nil {
		return false, err
	}
	mirrored, err := mirroredBy(at)
	return mirrored == name, err
}

// mirroredBy gives the module path of what a repository is a mirror of; "" if it is none, or of what has no such path.
func mirroredBy(repo string) (string, error) {
	o, err := readOrigin(repo)
	if err != nil || !o.isMirror() {
		return "", err
	}
	name, _ := ModulePath(o.url)
	return name, nil
}

// current gives the index of the tree, made anew if it is too old. Who comes while that is done gets the old one, or waits for
// the first.
func (m *Mirrors) current(ctx context.Context) (*index, error) {
	x := m.index.Load()
	switch {
	case x != nil && time.Since(x.since) < x.good:
		return x, nil
	case x != nil:
		select {
		case m.turn <- struct{}{}:
		default:
			return x, nil
		}
	default:
		select {
		case m.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-m.turn }()
	if other := m.index.Load(); other != x {
		return other, nil // somebody was quicker
	}
	made, err := newIndex(m.dir)
	if err != nil {
		return nil, fmt.Errorf("looking for mirrors: %v", err) // none that isn't there must look like a module that isn't
	}
	m.index.Store(made)
	return made, nil
}

// newIndex looks a tree up: all that [Find] would find, and below directories of other names, too, unless they begin with a dot.
// What this process may not read is no mirror.
func newIndex(dir string) (*index, error) {
	x := &index{since: time.Now(), repos: make(map[string]string)}
	// Whoever is impatient would leave all the work to the next one.
	err := Walk(context.Background(), dir, func(below string) error { return passOver(x.add(dir, below)) }, passOver)
	if err != nil {
		return nil, err
	}
	x.good = max(indexAge, indexShare*time.Since(x.since))
	return x, nil
}

// passOver is nil for an error that says that a file may not be read, or has gone, and else the error.
func passOver(err error) error {
	if isAbsent(err) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// add adds a repository to the index if it is a mirror.
func (x *index) add(dir, below string) error {
	name, err := mirroredBy(filepath.Join(dir, filepath.FromSlash(below)))
	if name == "" || err != nil {
		return err
	}
	if other, ok := x.repos[name]; !ok || below < other {
		x.repos[name] = below
		x.longest = max(x.longest, len(name))
	}
	return nil
}
