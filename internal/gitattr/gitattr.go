// Package gitattr reads .gitattributes and converts contents by them, as `git archive` does in the way the go command
// calls it:
//
//	git -c core.autocrlf=input -c core.eol=lf archive --format=zip COMMIT [DIRECTORY]
//
// in a bare repository whose info/attributes says `* -export-subst -export-ignore`, and which has no filters. Under
// these settings text and crlf alone leave what is stored as it is. What changes files is eol=crlf, ident, and
// working-tree-encoding.
//
// What git does stands in its attr.c, dir.c (parse_path_pattern, match_basename, match_pathname), wildmatch.c, and
// convert.c (convert_attrs, convert_to_working_tree_ca_internal). Names are compared as on Linux: case makes a
// difference.
package gitattr

import (
	"errors"
	"slices"
	"strings"
)

// File is the name of attributes files.
const File = ".gitattributes"

// ErrComplicated is the error of attributes that cost too much to read, or to compare with names.
var ErrComplicated = errors.New("attributes are too complicated")

// ErrNoEncoding is the error of a file that has the attribute working-tree-encoding without a value. Git gives up
// there.
var ErrNoEncoding = errors.New("attribute working-tree-encoding has no value")

// Bounds of what is done for one Set. The steps are those of comparing names with patterns.
const (
	maxKept  = 1 << 18 // rules and attributes that can make a difference
	maxSteps = 1 << 28

	stepsOfState = 64 // what it takes to note one
)

// A Set is the attributes files of one commit. The zero value is empty. Files are added first, then looked up; it is
// for one goroutine.
type Set struct {
	texts    map[string]string // of the attributes files, by directory
	compiled *table
	err      error // of compiling
	matcher  matcher
}

// Add gives the content of the attributes file in a directory, the empty name being the root.
func (s *Set) Add(dir string, data []byte) {
	if s.texts == nil {
		s.texts = make(map[string]string)
	}
	s.texts[dir] = string(data)
	s.compiled, s.err = nil, nil
}

// Lookup says how the file with a slash-separated path from the repository's root is converted. Its error is
// [ErrNoEncoding], which is one even if nobody wants the file, or [ErrComplicated].
func (s *Set) Lookup(path string) (Conversion, error) {
	if s.compiled == nil && s.err == nil {
		s.matcher.left = maxSteps
		s.compiled, s.err = compile(s.texts, matters)
	}
	if s.err != nil {
		return Conversion{}, s.err
	}
	if !s.compiled.changes {
		return Conversion{}, nil
	}
	name := nameOf(path)
	d := s.compiled.directory(name.dir)
	if changes, err := s.anyChanges(d, name); err != nil || !changes {
		return Conversion{}, err
	}
	values, err := s.values(s.compiled, d, name)
	if err != nil {
		return Conversion{}, err
	}
	return conversion(values)
}

// A fileName is a path and its two parts.
type fileName struct{ path, dir, base string }

func nameOf(path string) fileName {
	i := strings.LastIndexByte(path, '/')
	return fileName{path, path[:max(0, i)], path[i+1:]}
}

// values gives the attributes of a file. The first to speak of an attribute has the last word: info/attributes, whose
// lines come before all, then the lines of each file from its end, and the files from the deepest directory on.
func (s *Set) values(t *table, d *directory, name fileName) (map[string]state, error) {
	values := map[string]state{"export-subst": {kind: unset}, "export-ignore": {kind: unset}}
	for ; d != nil; d = d.above {
		for i := len(d.rules) - 1; i >= 0; i-- {
			r := &d.rules[i]
			matched, err := s.match(d, r, name)
			if err == nil && matched {
				err = s.add(values, r.states, t.macros)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}

// add notes states of attributes that are not known yet, the last one first. A macro that is set gives way to its own
// states at once, before what stands in front of it.
func (s *Set) add(values map[string]state, states []state, macros map[string][]state) error {
	next := slices.Clone(states)
	for len(next) > 0 {
		if s.matcher.left -= stepsOfState; s.matcher.left < 0 {
			return ErrComplicated
		}
		st := next[len(next)-1]
		next = next[:len(next)-1]
		if _, known := values[st.attr]; known {
			continue
		}
		values[st.attr] = st
		if st.kind == set {
			next = append(next, macros[st.attr]...)
		}
	}
	return nil
}

// anyChanges reports whether any rule for a file can make a change.
func (s *Set) anyChanges(d *directory, name fileName) (bool, error) {
	for ; d != nil && d.changes; d = d.above {
		s.matcher.left--
		for _, r := range d.changing {
			if matched, err := s.match(d, r, name); matched || err != nil {
				return matched, err
			}
		}
	}
	return false, nil
}

// match compares a rule of a directory with a file there or below.
func (s *Set) match(d *directory, r *rule, name fileName) (bool, error) {
	s.matcher.left--
	below := name.path
	if d.name != "" {
		below = below[len(d.name)+1:]
	}
	matched := r.pattern.match(&s.matcher, below, name.base)
	if s.matcher.left < 0 {
		return false, ErrComplicated
	}
	return matched, nil
}

// A table is what a Set's files come to.
type table struct {
	rules       map[string][]rule // by directory
	macros      map[string][]state
	changes     bool // any rule does
	directories map[string]*directory
}

// A directory has the rules of its own file, and those of the directories above.
type directory struct {
	name     string
	rules    []rule
	changing []*rule // those that can make a change
	changes  bool    // there are any, here or above
	above    *directory
}

// directory gives the rules for the files of a directory: those of the nearest one that has any.
func (t *table) directory(name string) *directory {
	if d, ok := t.directories[name]; ok {
		return d
	}
	var d *directory
	if name != "" {
		d = t.directory(name[:max(0, strings.LastIndexByte(name, '/'))])
	}
	if rules := t.rules[name]; len(rules) > 0 || d == nil {
		below := &directory{name: name, rules: rules, changes: d != nil && d.changes, above: d}
		for i := range rules {
			if rules[i].changes {
				below.changing = append(below.changing, &rules[i])
				below.changes = true
			}
		}
		d = below
	}
	t.directories[name] = d
	return d
}
