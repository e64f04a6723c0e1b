// Package form is what the form of Gosub says: of what a visitor filled in, and of what the repository makes of it.
package form

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/check"
)

// A Page is the data of the form's template.
type Page struct {
	Asked  bool // something was filled in
	Wrong  bool // a field has a fault
	Fields []*Field
	Facts  []string // what else is to be said of the repository

	Versions []Row    // that the pattern finds
	Others   []Row    // patterns that find other tags
	Odd      []string // tags that are no versions
	More     More

	Uses []Use
}

// A Field is one of the form.
type Field struct {
	Name, Label, Value, Hint, Example string

	Required bool
	Faults   []string // what must be mended
	Notes    []string // what may be meant otherwise
	Try      []Try    // what may be written instead
}

// A Try is another value of a field, with the form that has it.
type Try struct{ Value, Text, Link string }

// A Row is a version, or a pattern of others.
type Row struct {
	Version, Tag string
	Time         time.Time
	Pattern      string
	Count        int
	Link         string // the form with this pattern
}

// More are the numbers of what is not shown.
type More struct{ Versions, Others, Odd int }

// A Use is something to copy.
type Use struct{ Title, Text, Code string }

// Names of the fields, as queries have them.
const (
	Repo   = "repo"
	Dir    = "dir"
	Tags   = "tags"
	Module = "module"
)

// New makes the page of a query. What is served here are repositories of some hosts, or below some paths.
func New(query url.Values, served string) *Page {
	p := &Page{Fields: []*Field{
		{Name: Repo, Label: "Repository", Required: true, Example: "https://github.com/acme/mono",
			Hint: "Its URL. Repositories of " + served + " are served here."},
		{Name: Dir, Label: "Directory", Example: "libs/tool", Hint: "Where in the repository the module’s go.mod is. Empty for its root."},
		{Name: Tags, Label: "Tag pattern", Example: "tool-*", Hint: "What version tags look like, * standing for the version without its v: tool-* for the tag tool-1.2.0. Empty for v*."},
		{Name: Module, Label: "Module path", Example: "go.acme.dev/tool", Hint: "Empty for what go.mod declares."},
	}}
	for _, f := range p.Fields {
		f.Value = clean(strings.TrimSpace(query.Get(f.Name)))
		p.Asked = p.Asked || query.Has(f.Name)
	}
	return p
}

// clean replaces what no page can hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r&0xFFFE == 0xFFFE {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// field finds a field by its name.
func (p *Page) field(name string) *Field {
	for _, f := range p.Fields {
		if f.Name == name {
			return f
		}
	}
	panic("form: no field " + name)
}

// Value is what a field holds.
func (p *Page) Value(name string) string { return p.field(name).Value }

// Fault says what is wrong with a field, and what to do.
func (p *Page) Fault(name, format string, args ...any) {
	f := p.field(name)
	f.Faults = append(f.Faults, sentence(fmt.Sprintf(format, args...)))
	p.Wrong = true
}

// note says what may be meant otherwise.
func (p *Page) note(name, format string, args ...any) {
	f := p.field(name)
	f.Notes = append(f.Notes, sentence(fmt.Sprintf(format, args...)))
}

func (p *Page) fact(format string, args ...any) {
	p.Facts = append(p.Facts, sentence(fmt.Sprintf(format, args...)))
}

// sentence makes a sentence of a reason.
func sentence(s string) string {
	if s != "" && 'a' <= s[0] && s[0] <= 'z' && !strings.HasPrefix(s, "go.mod") { // as it is written
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return clean(strings.TrimSuffix(s, ".") + ".")
}

// try offers another value for a field.
func (p *Page) try(name, value, text string) {
	f := p.field(name)
	f.Try = append(f.Try, Try{clean(value), clean(text), p.link(name, value)})
}

// link is the form with another value in a field.
func (p *Page) link(name, value string) string {
	q := make(url.Values)
	for _, f := range p.Fields {
		q.Set(f.Name, f.Value)
	}
	q.Set(name, value)
	return "?" + q.Encode()
}

// Tell says what a survey of a directory found, and in the caller's words why its go.mod could not be read, if it could not.
func (p *Page) Tell(s *Survey, directory, unread string) {
	p.rows(s)
	p.tags(s, directory)
	switch {
	case s.Empty:
		p.Fault(Repo, "the repository has no commits, or none on its default branch")
	case s.Unread != nil:
		p.Fault(Repo, "the go.mod of %s can't be read: %s", s.where(), unread)
	case s.Declared == nil:
		p.withoutGoMod(s, directory)
	default:
		p.declared(s)
	}
	if s.Refusal != nil && s.Declared != nil && s.Declared[0].Path != "" {
		p.Fault(Module, "%s is not served: %s", s.where(), s.Refusal)
	}
}

// where says of what go.mod was read.
func (s *Survey) where() string {
	if s.Lead.Tag == "" {
		return "the default branch"
	}
	return "tag " + check.Quote(s.Lead.Tag)
}

// rows lists versions and tags.
func (p *Page) rows(s *Survey) {
	for _, t := range s.Versions[:min(len(s.Versions), shown)] {
		p.Versions = append(p.Versions, Row{Version: t.Version, Tag: clean(t.Tag), Time: s.Times[t.Tag]})
	}
	for _, o := range s.Others[:min(len(s.Others), shown)] {
		p.Others = append(p.Others, Row{Pattern: o.Pattern, Count: o.Count, Version: o.Highest.Version, Tag: o.Highest.Tag, Link: p.link(Tags, o.Pattern)})
	}
	for _, tag := range s.Odd[:min(len(s.Odd), shown)] {
		p.Odd = append(p.Odd, clean(tag))
	}
	p.More = More{len(s.Versions) - len(p.Versions), len(s.Others) - len(p.Others), len(s.Odd) - len(p.Odd)}
}

// tags says whether the pattern is the right one.
func (p *Page) tags(s *Survey, directory string) {
	switch {
	case len(s.Versions) == 0 && s.OfOthers > 0:
		p.Fault(Module, "the pattern finds %d versions, but none of the major version that this path has: correct the path, or write it without its /vN for all of them", s.OfOthers)
	case len(s.Versions) == 0 && len(s.Others) > 0:
		p.Fault(Tags, "no tag fits %s: take a pattern that one fits, such as these", cmp.Or(p.Value(Tags), "v*"))
		for _, o := range s.Others[:min(len(s.Others), 3)] {
			p.try(Tags, o.Pattern, ", which finds "+o.Highest.Tag)
		}
	case len(s.Versions) == 0:
		p.note(Tags, "no tag of the repository is a version, which has three numbers, as in v1.2.3. Until there is one, the go command takes the default branch")
	case p.Value(Tags) == "":
		p.doubt(s, directory)
	}
}

// doubt warns of tags that the go command would take for those of the directory.
func (p *Page) doubt(s *Survey, directory string) {
	for _, o := range s.Others {
		if directory != "" && (o.Pattern == directory+"/v*" || o.Pattern == trimMajor(directory)+"/v*") {
			p.note(Tags, "the repository has tags such as %s, which are those of this directory to the go command. Left empty, the pattern is v* here: say which are meant, by one of these", check.Quote(o.Highest.Tag))
			p.try(Tags, o.Pattern, "")
			p.try(Tags, "v*", "")
			return
		}
	}
}

// withoutGoMod says where to look for one.
func (p *Page) withoutGoMod(s *Survey, directory string) {
	where := "the repository’s root"
	if directory != "" {
		where = "the directory " + check.Quote(directory)
	}
	switch {
	case directory == "" && p.Value(Module) != "":
		p.note(Dir, "%s has no go.mod at %s: it is served with the one that the go command makes up", where, s.where())
	case len(s.Elsewhere) > 0:
		p.Fault(Dir, "%s has no go.mod at %s: take a directory that has one, such as these", where, s.where())
		for _, dir := range s.Elsewhere {
			p.try(Dir, dir, "")
		}
	case directory == "":
		p.Fault(Dir, "%s has no go.mod at %s, and no directory has: add one, or write the module path below", where, s.where())
	default:
		p.Fault(Dir, "%s has no go.mod at %s: correct the directory, or add the file", where, s.where())
	}
}

// declared says what go.mod declares.
func (p *Page) declared(s *Survey) {
	asked, _, _ := module.SplitPathVersion(p.Value(Module))
	for _, g := range s.Declared {
		if g.Path == "" {
			p.Fault(Dir, "at %s, %s declares no module path: it needs a line such as \"module go.acme.dev/tool\"", s.where(), check.Quote(g.File))
			continue
		}
		p.fact("At %s, %s declares the module path %s", s.where(), check.Quote(g.File), check.Quote(g.Path))
		if prefix, _, _ := module.SplitPathVersion(g.Path); asked != "" && prefix != asked {
			p.note(Module, "go.mod declares %s: whoever requires the module by the path given here needs a replace directive, as for a fork. Leave it empty to serve what is declared", check.Quote(g.Path))
		}
	}
	majors := make(map[string]bool)
	for _, t := range s.Versions {
		majors[semver.Major(t.Version)] = true
	}
	if delete(majors, "v0"); len(majors) > 1 {
		p.fact("Versions of different majors are different modules: from v2 on, the path ends in /v2 and so on")
	}
}

// Use adds something to copy.
func (p *Page) Use(title, text, code string) {
	p.Uses = append(p.Uses, Use{title, text, code})
}
