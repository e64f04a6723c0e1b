package modrepo

import (
	"path"
	"slices"
	"strings"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gitattr"
)

// maxCompanions is how many files a module may have to be asked for along with its go.mod: some 100 kB, as compressed source has
// them, which take no longer than the request that is spared if the zip is asked for.
const maxCompanions = 64

// companions are the files that a small module's zip will want, as far as their names promise that they are small: trees don't
// say. There are none as long as the trees are not at hand.
func (r *root) companions(dir string) (blobs []git.Hash) {
	count := 0
	err := r.snapshot.Walk(dir, func(name string, e git.Entry) error {
		if e.Mode == git.Directory || e.Mode == git.Submodule || e.Mode == git.Symlink {
			return nil
		}
		if count++; count > maxCompanions || e.Name == goModName && name != goModName { // a module within: most may be its files
			return errEnough
		}
		if isCompanion(e.Name) {
			blobs = append(blobs, e.Hash)
		}
		return nil
	})
	if err != nil || count == 0 {
		return nil
	}
	if e, ok, err := r.file(license); ok && err == nil { // of the root, if the directory has none
		blobs = append(blobs, e.Hash)
	}
	return blobs
}

var companionExtensions = []string{".go", ".mod", ".sum", ".md", ".yml", ".yaml"}

func isCompanion(name string) bool {
	return slices.Contains(companionExtensions, path.Ext(name)) || strings.HasPrefix(name, license) || name == gitattr.File || name == ".gitignore"
}
