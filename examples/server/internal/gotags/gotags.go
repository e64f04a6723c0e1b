// Package gotags reads the tags in a page by which the go command finds where code lives.
package gotags

import (
	"bytes"
	"encoding/xml"
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

// Parse gives the go-import tags of a page that the go command understands, in their order, and the content of the go-source
// tag, which may be empty. As the go command does (cmd/go/internal/vcs/discovery.go), it reads lax XML, in ASCII or UTF-8, as
// far as the end of the head, and what comes before a fault counts.
func Parse(page []byte) (imports []Import, source string) {
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict = false
	for {
		t, err := d.RawToken()
		if err != nil {
			return imports, source
		}
		switch e := t.(type) {
		case xml.StartElement:
			if strings.EqualFold(e.Name.Local, "body") {
				return imports, source
			}
			if !strings.EqualFold(e.Name.Local, "meta") {
				continue
			}
			content := attribute(e, "content")
			switch f := strings.Fields(content); attribute(e, "name") {
			case "go-import":
				if len(f) == 3 {
					imports = append(imports, Import{Prefix: f[0], VCS: f[1], Repo: f[2]})
				} else if len(f) == 4 {
					imports = append(imports, Import{Prefix: f[0], VCS: f[1], Repo: f[2], Subdir: f[3]})
				}
			case "go-source":
				source = content
			}
		case xml.EndElement:
			if strings.EqualFold(e.Name.Local, "head") {
				return imports, source
			}
		}
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
