// Package dirstore keeps the answers of a module proxy in a directory, each in a file of the name that the GOPROXY
// protocol gives it:
//
//	go.acme.dev/!tool/@v/v1.2.0.info    written once
//	go.acme.dev/!tool/@v/v1.2.0.mod     written once
//	go.acme.dev/!tool/@v/v1.2.0.zip     written once
//	go.acme.dev/!tool/@v/main.info      replaced, as is everything else
//	go.acme.dev/!tool/@v/list
//	go.acme.dev/!tool/@latest
//	.tmp/                               what is being written
//
// This is the layout of GOMODCACHE/cache/download, and the go command can use it as GOPROXY=file://DIR.
package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// A Dir keeps answers in a directory, all on one file system. It is safe for concurrent use, by any number of processes
// too, on any number of machines: link and rename are atomic over NFS as well. Only where the file system has no hard
// links may two processes that first write a name at the same moment both win, one after the other; of those who do so
// in one process, one wins there too.
//
// A reader sees an entry whole or not at all, even if its writer was killed or the power went. It may go on reading
// what is replaced or removed meanwhile. On Windows, replacing and removing fail as long as someone reads; over NFS,
// the next read may fail if another machine has done it.
type Dir struct {
	root string

	mu    sync.Mutex
	swept time.Time // when leftovers were last looked for
}

// New gives the Dir of a directory. Put makes the directory if it isn't there.
func New(dir string) *Dir {
	if abs, err := filepath.Abs(dir); err == nil { // else there is no working directory that could be left
		dir = abs
	}
	return &Dir{root: dir}
}

// Get opens an entry. What it gives is an [*os.File]. If there is none, the error is an [fs.ErrNotExist].
func (d *Dir) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := d.path(name)
	if err != nil {
		return nil, missing(err)
	}
	f, err := open(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, missing(err))
	}
	return f, nil
}

// Put stores content, from its start on, durably. What is written once stays as it is if it is there: then Put does
// nothing, and Get gives what won. If Put fails, the entry is as it was, but for a failure of the very last step, which
// is to make its name durable. The error is never an [fs.ErrNotExist].
func (d *Dir) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	file, err := d.path(name)
	if err != nil {
		return err
	}
	err = d.put(ctx, file, content, WrittenOnce(name))
	switch {
	case errors.Is(err, fs.ErrNotExist): // not wrapped: that a directory vanished must not look like "no such entry"
		return fmt.Errorf("storing %s: %v", name, err)
	case err != nil:
		return fmt.Errorf("storing %s: %w", name, err)
	}
	return nil
}

// Remove removes an entry that was found to be corrupt, if it is there. Of two that find so, the later one may remove
// what the earlier one has put in its place. Nor is it durable: what a power failure brings back will be found corrupt
// again.
func (d *Dir) Remove(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := d.path(name)
	if err == nil {
		err = remove(file)
	}
	if err == nil || errors.Is(missing(err), fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("removing an entry: %w", err)
}

func (d *Dir) put(ctx context.Context, file string, content io.ReadSeeker, once bool) error {
	if once { // link decides; this only spares the writing
		there, err := isFile(file)
		if there {
			return syncDir(filepath.Dir(file)) // whoever was first may not have come to that
		}
		if err != nil {
			return err
		}
	}
	temp, err := d.create()
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // only a rename took it away
	defer temp.Close()
	if err := fill(ctx, temp, content); err != nil {
		return err
	}
	dir := filepath.Dir(file)
	if err := makeDir(dir); err != nil {
		return err
	}
	if once {
		err = linkFirst(temp.Name(), file)
	} else {
		err = rename(temp.Name(), file)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// open opens a regular file.
func open(file string) (*os.File, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file: %w", file, fs.ErrNotExist)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// isFile reports whether a regular file is there. It fails if something else is.
func isFile(file string) (bool, error) {
	info, err := os.Stat(file)
	if err != nil {
		if errors.Is(missing(err), fs.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is no file", file)
	}
	return true, nil
}

// remove removes a file, and never an empty directory, as [os.Remove] would.
func remove(file string) error {
	info, err := os.Lstat(file)
	if err != nil || info.IsDir() {
		return err
	}
	return os.Remove(file)
}

// missing makes what says that there can't be such a file an [fs.ErrNotExist].
func missing(err error) error {
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}
