package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"example.com/vanity/internal/dirstore"
)

// A directory is vanity.DirStore's. The driver for files of gocloud.dev is not used: its conditions hold within one process
// alone, and it has files in the tree that are not yet whole, and none that are sure to be on the disk.
type directory struct {
	*dirstore.Dir
	root string
}

func openDirectory(_ context.Context, u *url.URL, prefix string, _ *slog.Logger) (place, error) {
	if u.Host != "" && u.Host != "localhost" || !path.IsAbs(u.Path) || u.RawQuery != "" {
		return nil, errors.New("want file:///DIR, and nothing after it but a prefix")
	}
	dir := u.Path
	if filepath.Separator != '/' {
		dir = strings.TrimPrefix(dir, "/") // before the drive
	}
	dir = filepath.Join(filepath.FromSlash(dir), filepath.FromSlash(prefix))
	return Directory(dir).place, nil
}

// Directory is the store of a directory of this machine, as file:// opens it.
func Directory(dir string) *Store { return &Store{place: &directory{dirstore.New(dir), dir}} }

func (d *directory) get(ctx context.Context, name string) (io.ReadCloser, error) {
	return d.Get(ctx, name)
}

func (d *directory) put(ctx context.Context, name string, content io.ReadSeeker) error {
	return d.Put(ctx, name, content)
}

func (d *directory) remove(ctx context.Context, name string) error { return d.Remove(ctx, name) }

func (d *directory) list(ctx context.Context, prefix string) (names []string, err error) {
	top := "."
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		top = prefix[:i]
	}
	err = fs.WalkDir(os.DirFS(d.root), top, func(name string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist): // it was removed meanwhile, or nothing was put yet
			return nil
		case err != nil:
			return err
		case name != "." && name[0] == '.': // where contents are made
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.Type().IsRegular() && strings.HasPrefix(name, prefix):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing file://%s: %w", filepath.ToSlash(d.root), err)
	}
	return names, nil
}

func (d *directory) ping(ctx context.Context) error {
	if err := probe(ctx, d); err != nil {
		return fmt.Errorf("the directory %s can't keep answers: make it writable for this server: %w", d.root, err)
	}
	return nil
}

func (d *directory) close() error { return nil }
