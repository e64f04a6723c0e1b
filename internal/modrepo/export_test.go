package modrepo

import (
	"path"

	"example.com/vanity/internal/git"
)

// Refuses says why a file is refused for the sake of attributes files, which are named by their directories, with a
// slash at the end.
func Refuses(attributes map[string]string, name string) error {
	var s attributeSet
	for dir, text := range attributes {
		s.add(dir, []byte(text))
	}
	f := &file{name: path.Base(name), entry: git.Entry{Mode: git.RegularFile}, wanted: true}
	return s.check(path.Dir(name), []*file{f})
}
