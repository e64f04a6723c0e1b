package dirstore

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/mod/module"
)

// maxElem is the length of the longest file name on all file systems that matter.
const maxElem = 255

// path is the file of a name. No name leads out of the directory, or to what is not an entry.
func (d *Dir) path(name string) (string, error) {
	local := filepath.FromSlash(name)
	switch {
	case !fs.ValidPath(name) || name == "." || !filepath.IsLocal(local):
		return "", fmt.Errorf("malformed name %+.100q: not a path from the directory down", name)
	case strings.ContainsRune(name, '\\') || strings.ContainsFunc(name, unicode.IsControl):
		return "", fmt.Errorf("malformed name %+.100q: it has a backslash or a control character", name)
	case name[0] == '.': // whatever a file system may take for tempDir
		return "", fmt.Errorf("malformed name %+.100q: names that begin with a dot are not for entries", name)
	}
	for elem := range strings.SplitSeq(name, "/") {
		if len(elem) > maxElem {
			return "", fmt.Errorf("name %+.100q has an element of more than %d bytes: %w", name, maxElem, syscall.ENAMETOOLONG)
		}
	}
	return filepath.Join(d.root, local), nil
}

// WrittenOnce reports whether a name is of what never changes: the info, go.mod or zip of a canonical version.
func WrittenOnce(name string) bool {
	dir, file := path.Split(name)
	ext := path.Ext(file)
	if !strings.HasSuffix(dir, "/@v/") || ext != ".info" && ext != ".mod" && ext != ".zip" {
		return false
	}
	version, err := module.UnescapeVersion(strings.TrimSuffix(file, ext))
	return err == nil && version == module.CanonicalVersion(version)
}
