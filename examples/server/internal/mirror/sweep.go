package mirror

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sweep removes what a git that was killed has left in a mirror: only one at a time writes there, and none does now.
func sweep(dir string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what can't be had now is there next time
		}
		name := d.Name()
		switch {
		case d.IsDir() && strings.HasPrefix(name, "tmp_objdir-"):
			os.RemoveAll(path)
			return fs.SkipDir
		case d.IsDir():
			return nil
		case strings.HasSuffix(name, ".lock"), strings.HasSuffix(name, ".keep"), name == "gc.pid",
			strings.HasPrefix(name, "tmp_"), strings.HasPrefix(name, ".tmp-") && strings.HasPrefix(path, filepath.Join(dir, "objects")):
			if !isRef(dir, path) {
				os.Remove(path)
			}
		}
		return nil
	})
}

// isRef reports whether a file is a ref, or what is left of the making of one, which git names REF.lock: no ref's name ends so.
func isRef(dir, path string) bool {
	return strings.HasPrefix(path, filepath.Join(dir, "refs")+string(filepath.Separator)) && !strings.HasSuffix(path, ".lock")
}

// size is the number of bytes that a directory's files have.
func size(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}
