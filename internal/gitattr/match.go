package gitattr

import "strings"

// A pattern says which files a rule is for.
type pattern struct {
	text    string
	literal int    // how much of the text stands for itself, up to the first special byte
	tail    string // what any name ends with: the text after the last special byte
	base    bool   // it is for a path's last element
}

const special = `*?[\`

// parsePattern reads a line's first word; not ok if it is for no file.
func parsePattern(word string) (p pattern, ok bool) {
	text, _, _ := strings.Cut(word, "\x00")
	if text == "" || text[0] == '!' || strings.HasSuffix(text, "/") {
		return p, false // git ignores negative patterns; a slash at the end is for directories, not for what they hold
	}
	p.base = !strings.Contains(text, "/")
	p.text = strings.TrimPrefix(text, "/")
	p.literal = strings.IndexAny(p.text, special)
	if p.literal < 0 {
		p.literal = len(p.text)
		return p, true
	}
	last := strings.LastIndexAny(p.text, special+"]")
	if p.text[last] == '\\' {
		last++ // and what it escapes
	}
	if last < len(p.text) {
		p.tail = strings.TrimPrefix(p.text[last+1:], "/") // "**/" may stand for nothing
	}
	return p, true
}

// match compares a file's path, from the pattern's directory on, and the path's last element.
func (p *pattern) match(m *matcher, below, base string) bool {
	name := below
	if p.base {
		name = base
	}
	if p.literal == len(p.text) {
		return name == p.text
	}
	if !strings.HasPrefix(name, p.text[:p.literal]) || !strings.HasSuffix(name, p.tail) {
		return false
	}
	if p.base {
		return len(p.tail) == len(p.text)-1 && p.text[0] == '*' || m.match(p.text, base, false)
	}
	// What follows the literal part is compared by itself: in "a**/b" the stars are at the start of a pattern.
	return m.match(p.text[p.literal:], below[p.literal:], true)
}

// A matcher compares texts with patterns as wildmatch does, but follows all ways to read a pattern at once, a byte of
// the text at a time: no pattern takes more steps than its length times the text's.
type matcher struct {
	pattern string
	path    bool // stars stop at slashes
	now     places
	next    places
	left    int // steps that may still be made, for all texts; below zero, no answer counts
}

// A place is where in the pattern a reading is: twice the offset, and one more if it is within the stars that begin
// there.
type place int

// places is a set of places.
type places struct {
	list []place
	in   []bool
}

func (p *places) clear(size int) {
	for _, at := range p.list {
		p.in[at] = false
	}
	p.list = p.list[:0]
	if len(p.in) < size {
		p.in = make([]bool, size)
	}
}

// match reports whether a pattern describes the whole of a text.
func (m *matcher) match(pattern, text string, path bool) bool {
	m.pattern, m.path = pattern, path
	size := 2*len(pattern) + 2
	m.now.clear(size)
	m.next.clear(size)
	m.enter(0)
	m.now, m.next = m.next, m.now
	for i := 0; i < len(text) && len(m.now.list) > 0 && m.left >= 0; i++ {
		m.next.clear(size)
		for _, at := range m.now.list {
			m.step(at, text[i])
		}
		m.now, m.next = m.next, m.now
	}
	return m.now.in[2*len(pattern)]
}

// enter notes that a reading has come to an offset.
func (m *matcher) enter(offset int) {
	at := place(2 * offset)
	if m.next.in[at] {
		return
	}
	m.add(at)
	if offset < len(m.pattern) && m.pattern[offset] == '*' {
		after, deep := m.stars(offset)
		if deep && after < len(m.pattern) && m.pattern[after] == '/' {
			m.enter(after + 1) // "**/" may stand for nothing
		}
		m.add(at + 1)
		m.add(place(2 * after)) // no star
	}
}

func (m *matcher) add(at place) {
	m.left--
	if !m.next.in[at] {
		m.next.in[at] = true
		m.next.list = append(m.next.list, at)
	}
}

// stars gives the end of a run of stars, and whether it takes slashes.
func (m *matcher) stars(offset int) (after int, deep bool) {
	after = offset
	for after < len(m.pattern) && m.pattern[after] == '*' {
		after++
	}
	m.left -= after - offset
	if !m.path {
		return after, true
	}
	rest := m.pattern[after:]
	deep = after-offset > 1 && (offset == 0 || m.pattern[offset-1] == '/') &&
		(rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`))
	return after, deep
}

// step has a reading take a byte of the text.
func (m *matcher) step(at place, c byte) {
	m.left--
	offset := int(at / 2)
	if at%2 == 1 {
		if after, deep := m.stars(offset); deep || c != '/' {
			m.add(at)
			m.add(place(2 * after))
		}
		return
	}
	if offset == len(m.pattern) {
		return
	}
	switch p := m.pattern[offset:]; {
	case p[0] == '*': // the way into the stars, which was gone already
	case p[0] == '?':
		if !m.path || c != '/' {
			m.enter(offset + 1)
		}
	case p[0] == '[':
		n, has := bracket(p, c)
		if m.left -= n; n == 0 {
			m.left -= len(p)
		}
		if has && (!m.path || c != '/') {
			m.enter(offset + n)
		}
	case p[0] == '\\':
		if len(p) > 1 && p[1] == c {
			m.enter(offset + 2)
		}
	case p[0] == c:
		m.enter(offset + 1)
	}
}

// bracket reads a set of bytes at the start of a pattern: how long it is, and whether it has c. One without an end has
// none.
func bracket(p string, c byte) (n int, has bool) {
	i := 1
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	var low byte // where a range may begin; zero if nowhere
	for first := i; i < len(p); i++ {
		switch {
		case p[i] == ']' && i > first:
			return i + 1, has != negated
		case p[i] == '-' && low != 0 && i+1 < len(p) && p[i+1] != ']':
			if i++; p[i] == '\\' {
				i++
			}
			if i == len(p) {
				return 0, false
			}
			has = has || low <= c && c <= p[i]
			low = 0
			continue
		case p[i] == '\\':
			if i++; i == len(p) {
				return 0, false
			}
		case strings.HasPrefix(p[i:], "[:"):
			name, size := class(p[i:])
			if size == 0 {
				break // a bracket like any byte
			}
			in, ok := classes[name]
			if !ok {
				return 0, false
			}
			has = has || in(c)
			low = 0
			i += size - 1
			continue
		}
		has = has || p[i] == c
		low = p[i]
	}
	return 0, false
}

// class reads "[:name:]", which takes size bytes; none if the next closing bracket is not that of a class.
func class(p string) (name string, size int) {
	end := strings.IndexByte(p, ']')
	if end < 3 || p[end-1] != ':' {
		return "", 0
	}
	return p[2 : end-1], end + 1
}

// classes are those of ASCII.
var classes = map[string]func(c byte) bool{
	"alnum":  func(c byte) bool { return isAlpha(c) || isDigit(c) },
	"alpha":  isAlpha,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < ' ' || c == 127 },
	"digit":  isDigit,
	"graph":  isGraph,
	"lower":  func(c byte) bool { return 'a' <= c && c <= 'z' },
	"print":  func(c byte) bool { return isGraph(c) || c == ' ' },
	"punct":  func(c byte) bool { return isGraph(c) && !isAlpha(c) && !isDigit(c) },
	"space":  func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }, // git's own
	"upper":  func(c byte) bool { return 'A' <= c && c <= 'Z' },
	"xdigit": func(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' },
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isGraph(c byte) bool { return ' ' < c && c < 127 }
