package dirstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// tempDir is where files are written, on the entries' file system. No name of an entry begins with a dot.
const tempDir = ".tmp"

// leftover is how long a temporary file was not written to if its writer is taken for dead. It is also how often such
// files are looked for.
const leftover = time.Hour

// create makes a temporary file. Its mode is as the umask wants it, unlike that of [os.CreateTemp].
func (d *Dir) create() (*os.File, error) {
	name := filepath.Join(d.root, tempDir, rand.Text())
	const flag = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(name, flag, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(name)); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(name, flag, 0o666)
	}
	d.sweep(f)
	return f, err
}

// sweep removes what killed processes left, if it is time to. That f could not be made may be for want of the room that
// they take. Time is told by f, the file system's clock: over NFS ours may be another.
func (d *Dir) sweep(f *os.File) {
	d.mu.Lock()
	due := d.swept.IsZero() || time.Since(d.swept) >= leftover
	if due {
		d.swept = time.Now()
	}
	d.mu.Unlock()
	if !due {
		return
	}
	now := time.Now()
	if f != nil {
		if info, err := f.Stat(); err == nil {
			now = info.ModTime()
		}
	}
	dir := filepath.Join(d.root, tempDir)
	entries, _ := os.ReadDir(dir) // what can't be had now is there in an hour
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) >= leftover {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// fill writes content to a temporary file, for good, and closes it.
func fill(ctx context.Context, f *os.File, content io.ReadSeeker) error {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the content: %w", err)
	}
	if _, err := io.Copy(f, &reader{ctx, content}); err != nil {
		return err
	}
	if err := syncFile(f); err != nil {
		return err
	}
	return f.Close()
}

// A reader reads until its context ends. Its errors say that they are not the file's that is written.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("reading the content: %w", err)
	}
	return n, err
}

// They are replaced by tests: file systems without links are rarely at hand.
var (
	link   = os.Link
	rename = os.Rename
)

// noLinks are the errors of link where there are no hard links. Some systems say that they aren't permitted; if it is
// the directory that may not be written to, a rename fails likewise.
var noLinks = []error{errors.ErrUnsupported, fs.ErrPermission}

// linkFirst gives a temporary file the name of an entry unless that is there, where it loses to the one that is.
func linkFirst(temp, file string) error {
	for tries := 1; ; tries++ {
		err := link(temp, file)
		for _, target := range noLinks {
			if errors.Is(err, target) {
				return renameFirst(temp, file)
			}
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		there, statErr := isFile(file)
		if there || statErr != nil {
			return statErr
		}
		if tries == 10 { // not removed since, then, but a symbolic link to nowhere
			return err
		}
	}
}

// renaming makes looking and renaming one step, for one process.
var renaming sync.Mutex

// renameFirst does what linkFirst does, as well as it can be done without links.
func renameFirst(temp, file string) error {
	renaming.Lock()
	defer renaming.Unlock()
	if there, err := isFile(file); there || err != nil {
		return err
	}
	return rename(temp, file)
}

// makeDir makes a directory and those above it, durably.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o777)
	}
	if err == nil {
		return syncDir(parent)
	}
	switch info, statErr := os.Stat(dir); {
	case statErr != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	}
	return nil // another one was faster
}

// syncDir makes the names in a directory durable. Windows has nothing of the kind.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncFile(f)
}

// syncFile is [os.File.Sync] where the file system has it.
func syncFile(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}
