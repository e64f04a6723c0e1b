package doctor

import (
	"fmt"

	"example.com/vanity/examples/server/internal/gotags"
)

// choose gives the tag that the go command takes for a path, and others that match it as well. Tags with the word "mod"
// come before all others, however long the prefixes of those are.
func choose(tags []gotags.Import, path string) (chosen gotags.Import, others []gotags.Import, err error) {
	var mods, rest []gotags.Import
	for _, t := range tags {
		switch {
		case !t.Has(path):
		case t.VCS == "mod":
			mods = append(mods, t)
		default:
			rest = append(rest, t)
		}
	}
	matching := append(mods, rest...)
	switch {
	case len(matching) == 0:
		return gotags.Import{}, nil, errNoMatch
	case len(mods) > 1, len(mods) == 0 && len(rest) > 1:
		return gotags.Import{}, nil, fmt.Errorf("two tags that match: %q and %q", matching[0], matching[1])
	}
	return matching[0], matching[1:], nil
}

var errNoMatch = fmt.Errorf("no tag whose prefix matches")
