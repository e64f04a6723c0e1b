package gitattr

import (
	"iter"
	"strings"
)

// A state is what is said of an attribute.
type state struct {
	attr  string
	kind  kind
	value string // if valued
}

type kind byte

const (
	set kind = iota + 1
	unset
	unspecified // !attr: as if nothing was said, here or above
	valued
)

// A rule is one line: files that match a pattern have the attributes.
type rule struct {
	pattern pattern
	states  []state
	changes bool // can make a difference to a content
}

const (
	blanks      = " \t\r\n"
	maxLine     = 2048
	macroPrefix = "[attr]"
)

// lines gives the lines of an attributes file that say something, cut into the first word and the attributes.
func lines(text string) iter.Seq2[string, string] {
	return func(yield func(word, attrs string) bool) {
		text, _, _ = strings.Cut(text, "\x00")
		for line := range strings.SplitSeq(text, "\n") {
			content := strings.TrimLeft(line, blanks)
			if content == "" || content[0] == '#' || len(line) >= maxLine {
				continue
			}
			word, attrs, ok := unquote(content)
			if !ok {
				word = firstWord(content)
				attrs = content[len(word):]
			}
			if !yield(word, attrs) {
				return
			}
		}
	}
}

// firstWord is what stands before the first blank.
func firstWord(s string) string {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return s[:i]
	}
	return s
}

// unquote reads "text" with the escapes of C at the start of a line (quote.c, unquote_c_style).
func unquote(line string) (text, rest string, ok bool) {
	if line[0] != '"' {
		return "", "", false
	}
	var b []byte
	for i := 1; i < len(line); i++ {
		c := line[i]
		if c == '"' {
			return string(b), line[i+1:], true
		}
		if c == '\\' {
			n := 0
			if c, n = unescape(line[i+1:]); n == 0 {
				break
			}
			i += n
		}
		b = append(b, c)
	}
	return "", "", false
}

// unescape reads what follows a backslash, which takes n bytes; none if it is no escape.
func unescape(s string) (c byte, n int) {
	if s == "" {
		return 0, 0
	}
	if i := strings.IndexByte(`abfnrtv\"`, s[0]); i >= 0 {
		return "\a\b\f\n\r\t\v\\\""[i], 1
	}
	if len(s) < 3 || s[0] < '0' || s[0] > '3' {
		return 0, 0
	}
	for _, digit := range []byte(s[:3]) {
		if digit < '0' || digit > '7' {
			return 0, 0
		}
		c = c<<3 | (digit - '0')
	}
	return c, 3
}

// macroName reads the first word of a line that defines a macro; not ok if it doesn't, and empty if the line is void.
func macroName(word string) (name string, ok bool) {
	name, ok = strings.CutPrefix(word, macroPrefix)
	if !ok || name == "" {
		return "", false
	}
	name, _, _ = strings.Cut(name, "\x00") // which was in quotes, as were any blanks
	if name = firstWord(strings.TrimLeft(name, blanks)); !isAttr(name) {
		return "", true
	}
	return name, true
}

// isAttr reports whether an attribute can have the name.
func isAttr(name string) bool {
	for _, c := range []byte(name) {
		if c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return name != "" && name[0] != '-'
}

// states reads the attributes of a line, as far as they are to be kept. If any is malformed, the line is void.
func states(attrs string, keep func(attr string) bool) (list []state, ok bool) {
	for attrs = strings.TrimLeft(attrs, blanks); attrs != ""; attrs = strings.TrimLeft(attrs, blanks) {
		word := firstWord(attrs)
		attrs = attrs[len(word):]
		name, value, hasValue := strings.Cut(word, "=")
		st := state{attr: name, kind: set}
		switch {
		case word[0] == '-':
			st = state{attr: name[1:], kind: unset}
		case word[0] == '!':
			st = state{attr: name[1:], kind: unspecified}
		case hasValue:
			st = state{attr: name, kind: valued, value: value}
		}
		if !isAttr(st.attr) {
			return nil, false
		}
		if keep(st.attr) {
			list = append(list, st)
		}
	}
	return list, true
}

// matters reports whether an attribute has a say in conversions.
func matters(attr string) bool {
	switch attr {
	case "text", "crlf", "eol", "ident", "working-tree-encoding":
		return true
	}
	return false
}

// change reports whether a file can't be converted without this.
func (st state) change() bool {
	switch st.attr {
	case "eol":
		return st.kind == valued && st.value == "crlf"
	case "ident":
		return st.kind == set
	case "working-tree-encoding":
		return st.kind == set || st.kind == valued && encodingName(st.value) != ""
	}
	return false
}

// compile reads attributes files, but for what makes no difference to the attributes that are wanted.
func compile(texts map[string]string, want func(attr string) bool) (*table, error) {
	left := maxKept
	macros, err := readMacros(texts[""], &left)
	if err != nil {
		return nil, err
	}
	wanted := closure(macros, func(st state) bool { return want(st.attr) }, func(state) bool { return true })
	changing := closure(macros, state.change, func(st state) bool { return st.kind == set })
	changes := func(st state) bool { return st.change() || st.kind == set && changing[st.attr] }
	keep := func(attr string) bool { return want(attr) || wanted[attr] }

	t := &table{rules: make(map[string][]rule), macros: macros, directories: make(map[string]*directory)}
	for dir, text := range texts {
		for word, attrs := range lines(text) {
			p, ok := parsePattern(word)
			if _, isMacro := macroName(word); isMacro || !ok {
				continue // only the root's file defines macros
			}
			list, ok := states(attrs, keep)
			if !ok || len(list) == 0 {
				continue
			}
			if left -= 1 + len(list); left < 0 {
				return nil, ErrComplicated
			}
			r := rule{pattern: p, states: list}
			for _, st := range list {
				r.changes = r.changes || changes(st)
			}
			t.rules[dir] = append(t.rules[dir], r)
			t.changes = t.changes || r.changes
		}
	}
	return t, nil
}

// readMacros reads the macros, which only the root's attributes file can define. Of several definitions the last one
// counts.
func readMacros(text string, left *int) (map[string][]state, error) {
	macros := map[string][]state{"binary": {{attr: "diff", kind: unset}, {attr: "merge", kind: unset}, {attr: "text", kind: unset}}}
	for word, attrs := range lines(text) {
		name, _ := macroName(word)
		if name == "" {
			continue
		}
		list, ok := states(attrs, func(string) bool { return true })
		if !ok {
			continue
		}
		if *left -= 1 + len(list); *left < 0 {
			return nil, ErrComplicated
		}
		macros[name] = list
	}
	return macros, nil
}

// closure lists the macros with a state for which direct holds, and those that come to one of these by a state for
// which through holds.
func closure(macros map[string][]state, direct, through func(state) bool) map[string]bool {
	users := make(map[string][]string) // of a macro
	in := make(map[string]bool)
	var next []string
	add := func(name string) {
		if !in[name] {
			in[name] = true
			next = append(next, name)
		}
	}
	for name, list := range macros {
		for _, st := range list {
			if direct(st) {
				add(name)
			} else if through(st) {
				users[st.attr] = append(users[st.attr], name)
			}
		}
	}
	for len(next) > 0 {
		last := next[len(next)-1]
		next = next[:len(next)-1]
		for _, user := range users[last] {
			add(user)
		}
	}
	return in
}
