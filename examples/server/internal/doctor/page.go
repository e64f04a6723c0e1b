package doctor

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// An importTag is a go-import tag: what it says of an import prefix.
type importTag struct{ prefix, vcs, repo, dir string }

// String is the content of the tag, but for a password.
func (t importTag) String() string {
	repo := t.repo
	if u, err := url.Parse(repo); err == nil && u.User != nil {
		repo = u.Redacted()
	}
	return strings.TrimSuffix(t.prefix+" "+t.vcs+" "+repo+" "+t.dir, " ")
}

// A page is what the go command, and pkg.go.dev, read of a page.
type page struct {
	imports []importTag // that the go command understands
	odd     []string    // contents of go-import tags with another number of fields
	links   [][]string  // fields of the tags of both kinds, in their order, each with its name before them
	unseen  int         // what looks like go-import tags, but is nothing to the go command
	err     error       // what ended the reading before the end of the head
}

// anyImport finds what looks like a go-import tag to people.
var anyImport = regexp.MustCompile(`(?is)<meta\s[^>]*go-import`)

// parsePage reads a page as the go command does: as lax XML, in ASCII or UTF-8, to the end of the head or the beginning of
// the body, and all of a page that has neither.
func parsePage(body []byte) page {
	var p page
	seen := 0
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "ascii") {
			return r, nil
		}
		return nil, fmt.Errorf("the charset is %q, not UTF-8", charset)
	}
	for !p.ended(d.RawToken()) {
	}
	seen = len(p.imports) + len(p.odd)
	p.unseen = max(0, len(anyImport.FindAllIndex(body, -1))-seen)
	return p
}

// ended takes one token, and reports whether it is the last that counts.
func (p *page) ended(token xml.Token, err error) bool {
	if err != nil {
		if err != io.EOF {
			p.err = err
		}
		return true
	}
	switch t := token.(type) {
	case xml.EndElement:
		return strings.EqualFold(t.Name.Local, "head")
	case xml.StartElement:
		if strings.EqualFold(t.Name.Local, "body") {
			return true
		}
		if strings.EqualFold(t.Name.Local, "meta") {
			p.add(attribute(t, "name"), attribute(t, "content"))
		}
	}
	return false
}

func (p *page) add(name, content string) {
	if name != "go-import" && name != "go-source" {
		return
	}
	fields := strings.Fields(content)
	p.links = append(p.links, append([]string{name}, fields...))
	if name != "go-import" {
		return
	}
	if len(fields) != 3 && len(fields) != 4 {
		p.odd = append(p.odd, content)
		return
	}
	fields = append(fields, "")
	p.imports = append(p.imports, importTag{fields[0], fields[1], fields[2], fields[3]})
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}

// choose gives the tag that the go command takes for a path, and others that match it as well. Tags with the word "mod"
// come before all others, however long the prefixes of those are.
func (p page) choose(path string) (chosen importTag, others []importTag, err error) {
	var mods, rest []importTag
	for _, t := range p.imports {
		switch {
		case !within(path, t.prefix):
		case t.vcs == "mod":
			mods = append(mods, t)
		default:
			rest = append(rest, t)
		}
	}
	matching := append(mods, rest...)
	switch {
	case len(matching) == 0:
		return importTag{}, nil, errNoMatch
	case len(mods) > 1, len(mods) == 0 && len(rest) > 1:
		return importTag{}, nil, fmt.Errorf("two tags that match: %q and %q", matching[0], matching[1])
	}
	return matching[0], matching[1:], nil
}

var errNoMatch = fmt.Errorf("no tag whose prefix matches")
