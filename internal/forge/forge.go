// Package forge finds git repositories in a directory tree of them, as a forge keeps them: by their place in the tree, and
// mirrors by what they are mirrors of.
//
// It looks at names and at the configuration of repositories alone, and follows no symbolic link. What is in a repository is
// git's to read.
package forge

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// suffix is what the names of bare repositories end in, by custom.
const suffix = ".git"

// Find finds the bare repository that a slash-separated path leads to or through, from dir down: of several the one that is
// furthest down. Root is the part of the path that is the repository, and repo its directory.
//
// A repository is found by the name of its directory, and by that name with ".git" at its end or without; of two, the one of
// just the name that was asked for wins. Nothing is found inside a repository, in a work tree, or below a name that ends in
// ".git". Where there is none, the error is [fs.ErrNotExist]; what can't be looked at is another error.
func Find(dir, path string) (repo, root string, err error) {
	at := dir
	for end := 0; ; {
		elem, _, more := strings.Cut(path[end:], "/")
		end += len(elem)
		if !isElement(elem) {
			break
		}
		found, here, err := findElement(at, elem)
		if err != nil {
			return "", "", err
		}
		if found != "" {
			repo, root = found, path[:end]
		}
		if here != group || !more || strings.HasSuffix(elem, suffix) {
			break
		}
		at = filepath.Join(at, elem)
		end++
	}
	if repo != "" {
		return repo, root, nil
	}
	// The tree itself must be there, or nothing can be said of it.
	if _, err := os.Stat(dir); err != nil {
		return "", "", fmt.Errorf("the directory of the repositories: %v", err)
	}
	return "", "", fs.ErrNotExist
}

// findElement finds the repository that one element of a path names in a directory, and says what has just that name.
func findElement(dir, elem string) (repo string, here kind, err error) {
	other := elem + suffix
	if short, ok := strings.CutSuffix(elem, suffix); ok {
		other = short
	}
	if here, err = look(dir, elem); err != nil {
		return "", absent, err
	}
	if here == repository {
		return filepath.Join(dir, elem), here, nil
	}
	if k, err := look(dir, other); k == repository || err != nil {
		return filepath.Join(dir, other), here, err
	}
	return "", here, nil
}

// maxElement is the length of the longest file name on all file systems that matter.
const maxElement = 255

// isElement reports whether elem may be the name of a repository, or of a directory that has some: as in a module path, it
// has ASCII letters, digits and "-._~", and no dot at either end. No such name means another place to any file system.
func isElement(elem string) bool {
	return elem != "" && len(elem) <= maxElement && elem[0] != '.' && elem[len(elem)-1] != '.' &&
		!strings.ContainsFunc(elem, func(r rune) bool {
			return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~", r))
		})
}

// A kind is what a directory is to us.
type kind int

const (
	absent     kind = iota // not there, no directory, or a symbolic link
	closed                 // what is below is nobody's to find: a work tree, or what looks like part of a repository
	group                  // there may be repositories below
	repository             // a bare one
)

// look tells what a directory has of a name.
func look(dir, name string) (kind, error) {
	info, err := os.Lstat(filepath.Join(dir, name))
	switch {
	case isAbsent(err):
		return absent, nil
	case err != nil:
		return absent, err
	case !info.IsDir():
		return absent, nil
	}
	if ok, err := isNamed(dir, name, info); !ok || err != nil {
		return absent, err
	}
	return kindOf(filepath.Join(dir, name))
}

// marks are what makes a bare repository of a directory (git's setup.c, is_git_directory), and what it is without them.
var marks = [...]struct {
	name      string
	fits      func(fs.FileInfo) bool // nil if there is no such file
	otherwise kind
}{
	{".git", func(info fs.FileInfo) bool { return info == nil }, closed}, // else git itself would go there
	{"objects", isDir, group},
	{"refs", isDir, group},
	{"HEAD", func(info fs.FileInfo) bool { // a link in old repositories
		return info != nil && (info.Mode().IsRegular() || info.Mode().Type() == fs.ModeSymlink)
	}, closed},
}

func isDir(info fs.FileInfo) bool { return info != nil && info.IsDir() }

// kindOf tells what a directory is, by what is in it.
func kindOf(dir string) (kind, error) {
	for _, mark := range marks {
		info, err := os.Lstat(filepath.Join(dir, mark.name))
		switch {
		case err != nil && !isAbsent(err):
			return absent, err
		case err != nil:
			info = nil
		}
		if !mark.fits(info) {
			return mark.otherwise, nil
		}
	}
	return repository, nil
}

// isAbsent reports whether an error says that there is no such file.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// isNamed reports whether a directory has a file by just this name: there are file systems to which Alice is alice, and what
// somebody may have goes by names. Only there it is necessary to read the directory.
func isNamed(dir, name string, info fs.FileInfo) (bool, error) {
	other := swapCase(name)
	if other == name {
		return true, nil
	}
	twin, err := os.Lstat(filepath.Join(dir, other))
	switch {
	case isAbsent(err):
		return true, nil
	case err != nil:
		return false, err
	case !os.SameFile(info, twin):
		return true, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(1000)
		for _, n := range names {
			if n == name {
				return true, nil
			}
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return false, err
		}
	}
}

// swapCase gives name with each letter in its other case.
func swapCase(name string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r ^ ('a' ^ 'A')
		}
		return r
	}, name)
}
