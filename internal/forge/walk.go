package forge

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxDirs bounds the directories that are looked at.
const maxDirs = 1 << 20

// Walk calls found for the bare repositories in a directory tree, in no order, with their slash-separated paths below dir: for all
// that [Find] would find, and those below directories of other names, too, unless they begin with a dot. Unread is called with what
// else than its absence keeps a file or directory from being looked at. An error of either ends the walk, and comes back, as does
// one of the tree's own directory, and the context's.
func Walk(ctx context.Context, dir string, found func(below string) error, unread func(error) error) error {
	groups, left := []string{""}, maxDirs
	for len(groups) > 0 {
		at := groups[len(groups)-1]
		groups = groups[:len(groups)-1]
		for name, err := range directories(filepath.Join(dir, filepath.FromSlash(at))) {
			below, is := path.Join(at, name), absent
			if err == nil {
				if left--; left < 0 {
					return fmt.Errorf("there are more than %d directories in %s", maxDirs, dir)
				}
				is, err = kindOf(filepath.Join(dir, filepath.FromSlash(below)))
			}
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil && below == "":
				return err // nothing can be said of the tree
			case isAbsent(err): // it has gone just now
				err = nil
			case err != nil:
				err = unread(err)
			case is == repository:
				err = found(below)
			case is == group && !strings.HasSuffix(name, suffix):
				groups = append(groups, below)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// directories gives the names of the directories in a directory, in no order, but for those that begin with a dot. An error comes
// last.
func directories(dir string) iter.Seq2[string, error] {
	return func(yield func(name string, err error) bool) {
		f, err := os.Open(dir)
		if err != nil {
			yield("", err)
			return
		}
		defer f.Close()
		for {
			entries, err := f.ReadDir(1000)
			for _, e := range entries {
				if e.IsDir() && e.Name()[0] != '.' && !yield(e.Name(), nil) {
					return
				}
			}
			if err != nil {
				if err != io.EOF {
					yield("", err)
				}
				return
			}
		}
	}
}
