package doctor

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// A goSum is what a go.sum file has.
type goSum struct {
	name   string
	hashes map[string]map[string]bool // by module path and version, whose go.mod's is VERSION/go.mod
}

// readGoSum reads a go.sum file. An h1: hash is the only kind that there is.
func readGoSum(name string) (*goSum, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s := &goSum{name: name, hashes: make(map[string]map[string]bool)}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "h1:") {
			return nil, fmt.Errorf("%s:%d is no line of a go.sum: %s", name, n, clean(strings.TrimSpace(line)))
		}
		key := fields[0] + " " + fields[1]
		if s.hashes[key] == nil {
			s.hashes[key] = make(map[string]bool)
		}
		s.hashes[key][fields[2]] = true
	}
	if n == 0 {
		return nil, errors.New(name + " is empty: there is nothing to compare with")
	}
	return s, nil
}

// of gives the hashes of a version, which are more than one only in a file that somebody has merged.
func (s *goSum) of(path, version string) string {
	return strings.Join(slices.Sorted(maps.Keys(s.hashes[path+" "+version])), " and ")
}
