package form

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/check"
)

// Sorted is what a pattern makes of a repository's tags. Those that look like no version are in none of the fields.
type Sorted struct {
	Versions []Tagged  // those that the pattern finds, the highest first
	Others   []Pattern // patterns that find versions in other tags, the nearest first
	Odd      []string  // tags that look like versions, and are none: v1, v1.2, v1.2.3+meta, what looks like a pseudo-version
}

// A Tagged is a version and its tag.
type Tagged struct{ Version, Tag string }

// A Pattern is one that finds versions: the highest of them, and their number.
type Pattern struct {
	Pattern string
	Highest Tagged
	Count   int
}

// Sort tells tags apart by a pattern, which is valid. Nearest to a directory are patterns that have its name.
func Sort(names []string, pattern, directory string) Sorted {
	prefix, suffix, _ := strings.Cut(pattern, "*")
	var t Sorted
	others := make(map[string]Pattern)
	valid := func(pattern string) bool { return others[pattern].Count > 0 || isPattern(pattern) }
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, prefix)
		rest, ok2 := strings.CutSuffix(rest, suffix)
		v := "v" + rest
		switch {
		case ok && ok2 && isVersion(v):
			t.Versions = append(t.Versions, Tagged{v, name})
		case ok && ok2 && semver.IsValid(v):
			t.Odd = append(t.Odd, name)
		default:
			if other, v, ok := suggest(name, valid); ok {
				others[other] = others[other].with(other, Tagged{v, name})
			} else if hasNumbers(name) {
				t.Odd = append(t.Odd, name)
			}
		}
	}
	slices.SortFunc(t.Versions, func(a, b Tagged) int { return semver.Compare(b.Version, a.Version) })
	for _, p := range others {
		t.Others = append(t.Others, p)
	}
	slices.SortFunc(t.Others, func(a, b Pattern) int {
		if d := b.nearness(directory) - a.nearness(directory); d != 0 {
			return d
		}
		if d := b.Count - a.Count; d != 0 {
			return d
		}
		return strings.Compare(a.Pattern, b.Pattern)
	})
	return t
}

// isVersion reports whether a version can be in a list.
func isVersion(v string) bool {
	return semver.IsValid(v) && v == semver.Canonical(v) && !module.IsPseudoVersion(v)
}

func (p Pattern) with(pattern string, t Tagged) Pattern {
	p.Pattern = pattern
	if p.Count++; p.Count == 1 || semver.Compare(t.Version, p.Highest.Version) > 0 {
		p.Highest = t
	}
	return p
}

// nearness is how likely a pattern is meant for a directory.
func (p Pattern) nearness(directory string) int {
	switch {
	case p.Pattern == strings.TrimPrefix(directory+"/v*", "/"):
		return 2
	case directory != "" && strings.Contains(p.Pattern, path.Base(trimMajor(directory))):
		return 1
	}
	return 0
}

// trimMajor cuts the major version off a directory, which is no part of what tags are named after.
func trimMajor(directory string) string {
	if dir, major, ok := module.SplitPathVersion(directory); ok && strings.HasPrefix(major, "/") {
		return dir
	}
	return directory
}

// maxTag is the length of tags that are thought about. Git hosts allow more than anybody writes.
const maxTag = 200

// Suggest finds a version in a tag, and gives the pattern that finds it there. What stands behind the version has no digits:
// whatever does may as well be a part of it that is wrong.
func Suggest(tag string) (pattern, version string, ok bool) { return suggest(tag, isPattern) }

func isPattern(s string) bool { return len(check.Tags(s)) == 0 }

func suggest(tag string, valid func(pattern string) bool) (pattern, version string, ok bool) {
	if len(tag) > maxTag || strings.Contains(tag, "*") {
		return "", "", false
	}
	for i := range len(tag) {
		if !isDigit(tag[i]) || i > 0 && isDigit(tag[i-1]) || i > 1 && tag[i-1] == '.' && isDigit(tag[i-2]) {
			continue
		}
		v, rest, ok := cutVersion(tag[i:])
		pattern = tag[:i] + "*" + rest
		if ok && !strings.ContainsAny(rest, "+0123456789") && valid(pattern) {
			return pattern, v, true
		}
	}
	return "", "", false
}

// cutVersion cuts a version off what begins with its digits: as much as can be one.
func cutVersion(s string) (version, rest string, ok bool) {
	n := 0
	for range 3 {
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		n++ // the dot, which must be there but for the last time
	}
	n = min(n-1, len(s))
	if v := "v" + s[:n]; !isVersion(v) || strings.HasPrefix(s[n:], ".") && n+1 < len(s) && isDigit(s[n+1]) {
		return "", "", false
	}
	if end := n + 1; n < len(s) && s[n] == '-' {
		for end < len(s) && (isDigit(s[end]) || isLetter(s[end]) || s[end] == '-' || s[end] == '.') {
			end++
		}
		if v := "v" + s[:end]; semver.IsValid(v) {
			return v, s[end:], isVersion(v)
		}
	}
	return "v" + s[:n], s[n:], true
}

// hasNumbers reports whether a tag has two numbers with a dot between them.
func hasNumbers(tag string) bool {
	for i := 1; i+1 < min(len(tag), maxTag); i++ {
		if tag[i] == '.' && isDigit(tag[i-1]) && isDigit(tag[i+1]) {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
