package export

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A tree is the directory that is written to. Files are written in a directory of its own in it, and renamed.
type tree struct{ dir, temp string }

// A diskError is a failure of the directory, and of nothing else.
type diskError struct{ err error }

func (e *diskError) Error() string { return "can't write the export: " + e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

func diskFault(err error) error {
	if err == nil {
		return nil
	}
	return &diskError{err}
}

const (
	tempPrefix = ".export-"
	abandoned  = 24 * time.Hour // after which the files of a run that didn't end belong to nobody
)

func openTree(dir string) (*tree, error) {
	if dir == "" {
		return nil, errors.New("there is no directory to write to")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, diskFault(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, diskFault(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), tempPrefix) && time.Since(info.ModTime()) > abandoned {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	temp, err := os.MkdirTemp(dir, tempPrefix)
	if err != nil {
		return nil, diskFault(err)
	}
	return &tree{dir, temp}, nil
}

func (t *tree) close() { os.RemoveAll(t.temp) }

// path is where a slash-separated name is.
func (t *tree) path(name string) (string, error) {
	local, err := filepath.Localize(name)
	if err != nil {
		return "", fmt.Errorf("%q can't be the name of a file here", name)
	}
	return filepath.Join(t.dir, local), nil
}

// create makes a file without a name yet, readable to whom the umask lets.
func (t *tree) create() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(t.temp, rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	return f, diskFault(err)
}

// place gives a file that create has made its name, for good.
func (t *tree) place(f *os.File, name string) error {
	path, err := t.path(name)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return diskFault(err)
	}
	if err := f.Close(); err != nil {
		return diskFault(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return diskFault(err)
	}
	return diskFault(os.Rename(f.Name(), path))
}

// discard removes a file that create has made, unless it was placed.
func (t *tree) discard(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}

// put writes a file, unless it is so already: who copies what is new to a host has less to do.
func (t *tree) put(name string, data []byte) error {
	if was, err := t.read(name); err == nil && bytes.Equal(was, data) {
		return nil
	}
	f, err := t.create()
	if err != nil {
		return err
	}
	defer t.discard(f)
	if _, err := f.Write(data); err != nil {
		return diskFault(err)
	}
	return t.place(f, name)
}

// maxRead bounds what is read of a file that others may have put there: a go.mod may have as much.
const maxRead = 16 << 20

// read gives a small file. One that can't be there is [fs.ErrNotExist].
func (t *tree) read(name string) ([]byte, error) {
	path, err := t.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err == nil && len(data) > maxRead {
		err = fmt.Errorf("%s has more than %d bytes", name, maxRead)
	}
	return data, err
}

// A sink writes to a file of the tree, so that its failures are known as such.
type sink struct{ f *os.File }

func (s sink) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	return n, diskFault(err)
}
