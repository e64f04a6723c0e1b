package modrepo

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"example.com/vanity/internal/git"
)

// The go command takes files from `git archive` with core.autocrlf=input and core.eol=lf, which applies attributes:
// those in .gitattributes of the commit, of the directories above the module too. Under these settings text and crlf
// leave alone what is stored, and filters have no programs; what may change a file is eol=crlf, ident, and
// working-tree-encoding. Such changes are not made here, so modules whose files they may concern are refused: a wrong
// zip would be worse than none. What can't be told for certain counts as a change. What git does stands in its attr.c
// (parse_attr_line, path_matches), dir.c (parse_path_pattern), wildmatch.c, and convert.c (convert_attrs).

// attributesFile tells git how to convert files.
const attributesFile = ".gitattributes"

// Bounds of what is looked into. Git reads attributes files of up to 100 MiB.
const (
	maxAttributes      = 4 << 20
	maxAttributesFiles = 10_000
	maxMatching        = 1 << 28 // steps of comparing names with patterns, all together
)

// attributesFiles lists the attributes files that may concern a directory: those above, in, and below it. As for git,
// a symbolic link is one with its target for text, and a directory is none.
func (r *root) attributesFiles(dir string) map[string]git.Hash {
	files := make(map[string]git.Hash)
	for above := dir; above != ""; {
		above = parent(above)
		name := path.Join(above, attributesFile)
		if e, ok, err := r.file(name); ok && err == nil {
			files[name] = e.Hash
		}
	}
	// An error of the walk comes up again where the files are listed.
	r.snapshot.Walk(dir, func(name string, e git.Entry) error {
		if e.Name == attributesFile && e.Mode != git.Directory && e.Mode != git.Submodule {
			files[path.Join(dir, name)] = e.Hash
		}
		return nil
	})
	return files
}

// parent is the directory above one, the empty name being the repository's root.
func parent(dir string) string {
	return strings.TrimSuffix(dir[:strings.LastIndexByte(dir, '/')+1], "/")
}

// checkAttributes refuses a module whose files the attributes may change. The files are those that the archive would
// have, since git may fail at any of them.
func (r *root) checkAttributes(ctx context.Context, files []*file) error {
	found := r.attributesFiles(r.dir)
	if len(found) > maxAttributesFiles {
		return notFound("the module has more than %d %s: such modules are not served here", maxAttributesFiles, attributesFile)
	}
	if err := r.snapshot.Load(ctx, slices.Collect(maps.Values(found))); err != nil {
		return err
	}
	var s attributeSet
	total := int64(0)
	for _, name := range slices.Sorted(maps.Keys(found)) { // so that one module is always refused for the same reason
		size, err := r.snapshot.BlobSize(found[name])
		if err != nil {
			return err
		}
		if total += size; total > maxAttributes {
			return notFound("the module's %s have more than %d bytes: such modules are not served here", attributesFile, maxAttributes)
		}
		data, err := r.snapshot.ReadBlob(ctx, found[name], maxAttributes)
		if err != nil {
			return err
		}
		s.add(strings.TrimSuffix(name, attributesFile), data)
	}
	return s.check(r.dir, files)
}

// An attributeSet is what stands in attributes files.
type attributeSet struct {
	rules  []rule
	macros []rule
}

// A rule is one line: to files below a directory that match a pattern it gives attributes. A macro's pattern is its
// name.
type rule struct {
	below   string // with a slash at its end, or empty
	pattern string // as it is written; empty if that can't be told
	attrs   []string
}

const (
	macroPrefix = "[attr]"
	bom         = "\ufeff"
)

// isBlank reports what separates words for git, which is less than for Unicode.
func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// add reads the attributes file of a directory.
func (s *attributeSet) add(below string, data []byte) {
	data, _, _ = bytes.Cut(data, []byte{0}) // where git stops
	if rest, ok := bytes.CutPrefix(data, []byte(bom)); ok {
		first, _, _ := bytes.Cut(rest, []byte("\n"))
		s.addLine(below, string(first)) // besides what follows: a git may skip the mark, or not
	}
	for line := range bytes.Lines(data) {
		s.addLine(below, string(line))
	}
}

func (s *attributeSet) addLine(below, line string) {
	line = strings.TrimFunc(line, isBlank)
	if line == "" || line[0] == '#' || line[0] == '!' { // git ignores negative patterns
		return
	}
	pattern, attrs := splitLine(line)
	if name, ok := strings.CutPrefix(pattern, macroPrefix); ok && name != "" {
		if words := strings.FieldsFunc(name, isBlank); len(words) > 0 { // more than one if it was quoted
			s.macros = append(s.macros, rule{below, words[0], attrs})
		}
		return
	}
	s.rules = append(s.rules, rule{below, pattern, attrs})
}

// splitLine cuts a line into the pattern and the attributes.
func splitLine(line string) (pattern string, attrs []string) {
	if line[0] != '"' {
		if i := strings.IndexFunc(line, isBlank); i >= 0 {
			return line[:i], strings.FieldsFunc(line[i:], isBlank)
		}
		return line, nil
	}
	end := strings.IndexByte(line[1:], '"') + 1
	if end > 0 && !strings.Contains(line[:end], `\`) {
		return line[1:end], strings.FieldsFunc(line[end+1:], isBlank)
	}
	// With escapes, or without an end: it may be any pattern or macro, and end anywhere.
	line += " " + strings.ReplaceAll(line, `"`, " ")
	return "", strings.FieldsFunc(line, isBlank)
}

// change tells which of the attributes that change files this is, if any: attr stands in a line as it is given.
func change(attr string) string {
	name, value, valued := strings.Cut(attr, "=")
	switch {
	case attr == "ident", attr == "eol=crlf":
		return attr
	case attr == fatal:
		return fatal
	case name == "working-tree-encoding" && valued && value != "" && !isUTF8(value):
		return name + "=" // its value is a stranger's text
	}
	return ""
}

// fatal is what makes git give up, whatever file it is given to.
const fatal = "working-tree-encoding"

// isUTF8 knows the names of the encoding that git keeps files in (utf8.c, same_encoding).
func isUTF8(encoding string) bool {
	return strings.EqualFold(encoding, "UTF-8") || strings.EqualFold(encoding, "UTF8")
}

// changes lists the macros that come to a change of files, through other macros too, and to which one. Macros may be
// defined anew: if any definition will do, the macro counts.
func (s *attributeSet) changes() map[string]string {
	users := make(map[string][]string) // of an attribute: the macros that set it
	changes := make(map[string]string)
	var next []string
	for _, m := range s.macros {
		for _, attr := range m.attrs {
			users[attr] = append(users[attr], m.pattern)
			if c := change(attr); c != "" && changes[m.pattern] == "" {
				changes[m.pattern] = c
				next = append(next, m.pattern)
			}
		}
	}
	for ; len(next) > 0; next = next[1:] {
		for _, user := range users[next[0]] {
			if changes[user] == "" {
				changes[user] = changes[next[0]]
				next = append(next, user)
			}
		}
	}
	return changes
}

// A changeRule is a rule that makes a change.
type changeRule struct {
	rule
	change string
	files  pattern
}

// changeRules lists the rules that make a change of any file.
func (s *attributeSet) changeRules() []changeRule {
	changes := s.changes()
	var rules []changeRule
	for _, r := range s.rules {
		for _, attr := range r.attrs {
			c := change(attr)
			if c == "" {
				c = changes[attr]
			}
			if c == "" {
				continue
			}
			if p, ok := compile(lower(r.pattern)); ok {
				rules = append(rules, changeRule{r, c, p})
			}
		}
	}
	return rules
}

// check finds a file in a directory that an attribute may change on its way into the zip, or that makes git give up
// even if it is omitted from the zip.
func (s *attributeSet) check(dir string, files []*file) error {
	rules := s.changeRules()
	steps := 0
	for _, f := range files {
		if f.inherited || f.entry.Mode == git.Symlink {
			continue
		}
		name := path.Join(dir, f.name)
		small := lower(name)
		for _, r := range rules {
			if !strings.HasPrefix(name, r.below) || !f.wanted && r.change != fatal {
				continue
			}
			rest := small[len(r.below):]
			if steps += (len(path.Base(rest)) + 1) * (len(r.files.tokens) + 1); steps > maxMatching {
				return notFound("the module's %s are too complicated: such modules are not served here", attributesFile)
			}
			if r.files.match(rest) {
				return &Error{
					Reason: fmt.Sprintf("attribute %s in %s changes the module's files: such modules are not served here", r.change, attributesFile),
					Hint:   fmt.Sprintf("%.100q, pattern %.100q, file %.100q", r.below+attributesFile, r.pattern, name),
				}
			}
		}
	}
	return nil
}

// A pattern describes names below the attributes file, both in lower case: case makes no difference for git on some
// systems. It matches more than git does: of directories it has only those before any wildcard, and it gives in to
// brackets that are hard to read.
type pattern struct {
	literal string  // what the whole name begins with
	tokens  []token // its last element
	unclear bool    // the last element may be anything
}

// compile reads a pattern; not ok if it matches no file.
func compile(text string) (p pattern, ok bool) {
	if text == "" {
		return pattern{unclear: true}, true
	}
	if strings.HasSuffix(text, "/") {
		return p, false // directories alone
	}
	if strings.Contains(text, "/") {
		text = strings.TrimPrefix(text, "/")
		p.literal = text
		if i := strings.IndexAny(text, `*?[\`); i >= 0 {
			p.literal = text[:i]
		}
		var dirs string
		dirs, text = path.Split(text)
		p.unclear = strings.Contains(dirs, "[") // the slash may be within brackets
	}
	if p.unclear {
		return p, true
	}
	p.tokens, ok = tokenize(text)
	p.unclear = !ok
	return p, true
}

func (p *pattern) match(name string) bool {
	return strings.HasPrefix(name, p.literal) && (p.unclear || tokensMatch(p.tokens, path.Base(name)))
}

// A token of a pattern is a set of bytes.
type token struct {
	set  string // empty for any byte
	many bool   // any number of them
}

func (t token) has(c byte) bool { return t.set == "" || strings.IndexByte(t.set, c) >= 0 }

// tokenize reads a pattern without slashes as wildmatch does; not ok if that is hard.
func tokenize(pattern string) (tokens []token, ok bool) {
	for i := 0; i < len(pattern); i++ {
		t := token{set: pattern[i : i+1]}
		switch pattern[i] {
		case '*':
			t = token{many: true}
		case '?':
			t = token{}
		case '[':
			n := strings.IndexByte(pattern[i:], ']')
			if n < 0 {
				return nil, false
			}
			t.set = pattern[i+1 : i+n]
			i += n
			if strings.ContainsAny(t.set, `[\`) || strings.Trim(t.set, "!^") == "" {
				return nil, false // that may not be where they end
			}
			if strings.ContainsAny(t.set, "-!^") {
				t.set = ""
			}
		case '\\':
			if i++; i == len(pattern) {
				return nil, false
			}
			t.set = pattern[i : i+1]
		}
		tokens = append(tokens, t)
	}
	return tokens, true
}

// tokensMatch reports whether the tokens describe the whole of a text.
func tokensMatch(tokens []token, text string) bool {
	i, j := 0, 0
	star, resume := -1, 0 // the last that takes many, and how much of the text it has taken
	for j < len(text) {
		switch {
		case i < len(tokens) && tokens[i].many:
			star, resume = i, j
			i++
		case i < len(tokens) && tokens[i].has(text[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(tokens) && tokens[i].many {
		i++
	}
	return i == len(tokens)
}

// lower makes ASCII letters small, and leaves all other bytes alone, whatever they are.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}
