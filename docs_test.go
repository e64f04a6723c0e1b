package vanity_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// A document is a file of Markdown.
type document struct {
	name     string // from the root
	text     string // without blocks of code
	headings []string
	blocks   []block
}

// A block is code that stands in a document by itself.
type block struct {
	language string // as it is said behind the fence; empty for one that is indented
	text     string
	line     int
	section  string // the heading above it, as an anchor
}

// documents reads all that there are.
func documents(t testing.TB) (docs []document) {
	t.Helper()
	for _, name := range filesOf(t, ".md") {
		docs = append(docs, parseDocument(name, read(t, name)))
	}
	if len(docs) < 5 {
		t.Fatalf("%d documents", len(docs))
	}
	return docs
}

// filesOf gives the names of all files with an extension, but for test data.
func filesOf(t testing.TB, ext string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "testdata"}, d.Name()):
			return fs.SkipDir
		case d.Type().IsRegular() && path.Ext(name) == ext:
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var (
	fence    = regexp.MustCompile("^ *(```+|~~~+) *([a-z]*)$")
	indented = regexp.MustCompile(`^(    |\t)`)
	item     = regexp.MustCompile(`^ *([-*+]|[0-9]+\.) `)
	heading  = regexp.MustCompile(`^#{1,6} +(.*?)( +#+)?$`)
)

// parseDocument takes a document apart. An indented block comes after a blank line, and not below an item of a list.
func parseDocument(name, text string) document {
	doc := document{name: name}
	end, inList, blank := "", false, true
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		code := indented.MatchString(line) && !inList
		switch last := len(doc.blocks) - 1; {
		case end != "" && m != nil && m[1] == end && m[2] == "":
			end = ""
		case end != "":
			doc.blocks[last].text += line + "\n"
			continue
		case m != nil:
			end = m[1]
			doc.blocks = append(doc.blocks, block{language: m[2], line: i + 1, section: doc.section()})
		case code && blank:
			doc.blocks = append(doc.blocks, block{text: line[len(indented.FindString(line)):] + "\n", line: i + 1, section: doc.section()})
			continue // and blank, for the next line of it
		default:
			if m := heading.FindStringSubmatch(line); m != nil {
				doc.headings = append(doc.headings, m[1])
			}
			doc.text += line + "\n"
			inList = item.MatchString(line) || inList && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, " "))
		}
		blank = strings.TrimSpace(line) == ""
	}
	return doc
}

// section is the last heading that was read.
func (doc *document) section() string {
	if doc.headings == nil {
		return ""
	}
	all := slugs(doc.headings)
	return all[len(all)-1]
}

// TestDocuments proves that what is in a document is found.
func TestDocuments(t *testing.T) {
	doc := parseDocument("x.md", strings.ReplaceAll(`# One & two
text [a](b.md) and

    indented one

    indented two
text

- item

    text of the item

## ''code'', again ##

'''sh
go one
# a comment
    go two
'''
end
`, "'", "`"))
	if got := fmt.Sprintf("%q", doc.headings); got != "[\"One & two\" \"``code``, again\"]" {
		t.Errorf("headings %s", got)
	}
	if got, want := fmt.Sprintf("%+v", doc.blocks), `[{language: text:indented one
 line:4 section:one--two} {language: text:indented two
 line:6 section:one--two} {language:sh text:go one
# a comment
    go two
 line:15 section:code-again}]`; got != want {
		t.Errorf("blocks %s", got)
	}
	if strings.Contains(doc.text, "indented") || strings.Contains(doc.text, "go one") || !strings.Contains(doc.text, "text of the item") || !strings.Contains(doc.text, "end\n") {
		t.Errorf("text %q", doc.text)
	}
	if got := slugs([]string{"One & two", "`code`, again", "How it's 2_b-c", "One & two", "[Link](x.md)"}); !slices.Equal(got, []string{"one--two", "code-again", "how-its-2_b-c", "one--two-1", "link"}) {
		t.Errorf("slugs %q", got)
	}
	if got := commands("go one | tail -1  # why\n\nA=\"b # c\" go two \\\n  --flag\n# remark\n$ go three\n"); !slices.Equal(got, []string{"go one | tail -1", `A="b # c" go two --flag`, "go three"}) {
		t.Errorf("commands %q", got)
	}
}

// slugs are the anchors that a forge makes of headings.
func slugs(headings []string) (slugs []string) {
	link := regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	count := make(map[string]int)
	for _, h := range headings {
		h = link.ReplaceAllString(h, "$1")
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, h)
		n := count[slug]
		count[slug]++
		if n > 0 {
			slug = fmt.Sprintf("%s-%d", slug, n)
		}
		slugs = append(slugs, slug)
	}
	return slugs
}

var (
	inlineCode = regexp.MustCompile("``[^`]+``|`[^`\n]+`")
	links      = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)|\b(?:src|href|srcset)="([^"]+)"|(?m:^\[[^]]+\]: +(\S+))`)
)

// TestLinks follows the links of all documents within the tree, to files and headings.
func TestLinks(t *testing.T) {
	docs := documents(t)
	anchors := make(map[string][]string)
	for _, doc := range docs {
		anchors[doc.name] = slugs(doc.headings)
	}
	n := 0
	for _, doc := range docs {
		for _, m := range links.FindAllStringSubmatch(inlineCode.ReplaceAllString(doc.text, "`code`"), -1) {
			link := m[1] + m[2] + m[3]
			u, err := url.Parse(link)
			if err != nil {
				t.Errorf("%s: link %q: %v", doc.name, link, err)
				continue
			}
			if u.IsAbs() {
				if u.Scheme != "https" && u.Scheme != "mailto" {
					t.Errorf("%s: link %q is not https", doc.name, link)
				}
				continue
			}
			n++
			to := doc.name
			if u.Path != "" {
				to = path.Join(path.Dir(doc.name), u.Path)
			}
			if _, err := os.Stat(filepath.FromSlash(to)); err != nil || u.Host != "" || strings.HasPrefix(u.Path, "/") || strings.HasPrefix(to, "../") {
				t.Errorf("%s: link %q leads nowhere: %v", doc.name, link, err)
			} else if u.Fragment != "" && path.Ext(to) == ".md" && !slices.Contains(anchors[to], u.Fragment) {
				t.Errorf("%s: link %q: %s has no such heading, only %q", doc.name, link, to, anchors[to])
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d links are found", n)
	}
}

// TestPicture asserts that the README's picture can be seen in the light and in the dark, and heard, and brings nothing along.
func TestPicture(t *testing.T) {
	const name = ".doc/flow.svg"
	svg := read(t, name)
	if len(svg) > 8<<10 {
		t.Errorf("%s has %d bytes", name, len(svg))
	}
	elements := make(map[string]int)
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					t.Errorf("%s: attribute %s", name, a.Name.Local)
				}
			}
		}
	}
	if elements["title"] != 1 || elements["desc"] != 1 || elements["script"]+elements["foreignObject"]+elements["image"] > 0 {
		t.Errorf("%s: elements %v", name, elements)
	}
	if !strings.Contains(svg, "@media (prefers-color-scheme: dark)") || regexp.MustCompile(`@import|@font-face|url\([^#]`).MatchString(svg) {
		t.Errorf("%s has one look, or loads something", name)
	}
	if !strings.Contains(read(t, "README.md"), "]("+name+")") {
		t.Errorf("README.md has no %s", name)
	}
}

// TestPrograms looks for the Go code of all documents in files that are compiled: as a whole, or a part as it stands there but
// for its indentation.
func TestPrograms(t *testing.T) {
	sources := make(map[string]string)
	for _, name := range filesOf(t, ".go") {
		sources[name] = read(t, name)
	}
	n := 0
	for _, doc := range documents(t) {
		for _, b := range doc.blocks {
			if b.language != "go" {
				continue
			}
			n++
			whole := regexp.MustCompile(`(?m)^package `).MatchString(b.text)
			found := false
			for _, source := range sources {
				if whole {
					found = found || source == b.text
				} else {
					found = found || strings.Contains(unindented(source), unindented(b.text))
				}
			}
			if !found {
				t.Errorf("%s:%d: this code is in no Go file of the tree:\n%s", doc.name, b.line, b.text)
			}
		}
	}
	if n < 3 {
		t.Errorf("only %d programs are found", n)
	}
}

// unindented is code without white space at the start of its lines, each of which is between line feeds.
func unindented(code string) string {
	return "\n" + regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(strings.TrimSpace(code), "") + "\n"
}
