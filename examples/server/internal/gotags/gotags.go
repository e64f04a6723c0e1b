// Package gotags reads the tags in a page by which the go command finds where code lives.
package gotags

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// An Import is the content of a go-import tag.
type Import struct {
	Prefix string
	VCS    string
	Repo   string
	Subdir string // may be empty
}

// Has reports whether an import path is at or below the prefix.
func (i Import) Has(importPath string) bool {
	return importPath == i.Prefix || strings.HasPrefix(importPath, i.Prefix+"/")
}

// String is the content of the tag, but for a password.
func (i Import) String() string {
	repo := i.Repo
	if u, err := url.Parse(repo); err == nil && u.User != nil {
		repo = u.Redacted()
	}
	return strings.TrimSuffix(i.Prefix+" "+i.VCS+" "+repo+" "+i.Subdir, " ")
}

// A Page is what the go command, and pkg.go.dev, read of a page.
type Page struct {
	Imports []Import   // that the go command understands, in their order
	Odd     []string   // contents of go-import tags with another number of fields
	Links   [][]string // fields of go-import and go-source tags, in their order, each with its name before them
	Unseen  int        // what looks like go-import tags, but is nothing to the go command
	Err     error      // what ended the reading before the end of the head; what came before it counts
}

// anyImport finds what looks like a go-import tag to people.
var anyImport = regexp.MustCompile(`(?is)<meta\s[^>]*go-import`)

// Read reads a page as the go command does (cmd/go/internal/vcs/discovery.go): as lax XML, in ASCII or UTF-8, to the end of
// the head or the beginning of the body, and all of a page that has neither.
func Read(page []byte) Page {
	var p Page
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict = false
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "ascii") {
			return r, nil
		}
		return nil, fmt.Errorf("the charset is %q, not UTF-8", charset)
	}
	for !p.ended(d.RawToken()) {
	}
	p.Unseen = max(0, len(anyImport.FindAllIndex(page, -1))-len(p.Imports)-len(p.Odd))
	return p
}

// ended takes one token, and reports whether it is the last that counts.
func (p *Page) ended(token xml.Token, err error) bool {
	if err != nil {
		if err != io.EOF {
			p.Err = err
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

func (p *Page) add(name, content string) {
	if name != "go-import" && name != "go-source" {
		return
	}
	f := strings.Fields(content)
	p.Links = append(p.Links, append([]string{name}, f...))
	switch {
	case name != "go-import":
	case len(f) == 3:
		p.Imports = append(p.Imports, Import{f[0], f[1], f[2], ""})
	case len(f) == 4:
		p.Imports = append(p.Imports, Import{f[0], f[1], f[2], f[3]})
	default:
		p.Odd = append(p.Odd, content)
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}

// Parse is [Read] for who wants the go-import tags alone, and the content of the go-source tag, which may be empty.
func Parse(page []byte) (imports []Import, source string) {
	p := Read(page)
	for _, fields := range p.Links {
		if fields[0] == "go-source" {
			source = strings.Join(fields[1:], " ")
		}
	}
	return p.Imports, source
}
