package gitattr_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/gitattr"
)

var rounds = flag.Int("rounds", 1, "how many repositories to make up")

// A generator makes up attributes files, and contents.
type generator struct{ *rand.Rand }

func (g generator) pick(s ...string) string { return s[g.IntN(len(s))] }

// names are below the directory of an attributes file.
var names = []string{"a.txt", "b.txt", "A.txt", "ab.txt", "a b.txt", "a", "b", "ä.txt", "[a].txt", "!a", "#a", "a*", "]", "\ufeffa", "-a", `"a`, "x",
	"sub/a.txt", "sub/a", "sub/deep/a.txt", "sub/deep/er/b", "asub/b", "sub.txt/a", "b/sub/a", "[/a", "sub/-", "s/u/b/a.txt", "subab/a", "a/a/a/b", "^a", "a\tb"}

func (g generator) pattern() string {
	if g.IntN(3) > 0 {
		return g.pick("*", "*", "*", "*.txt", "a.txt", "/a.txt", "sub/*", "sub/a.txt", "**/a.txt", "sub/**", "*.TXT", "/*/a.txt", "a*", "sub/", "sub", `"a b.txt"`,
			"[ab].txt", "sub**/a.txt", "s**", "**/deep/**", "a/**/b", "sub/**/a.txt", "**/**/b", "/**/a", "*/", "**", "/**", "a/*/*/b")
	}
	var b strings.Builder
	for range 1 + g.IntN(5) {
		b.WriteString(g.pick("a", "b", "A", ".txt", "*", "**", "***", "?", "/", "sub", "deep", "/**/", "**/", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[!]a]", "[[:alpha:]]",
			"[[:punct:]x]", "[[:foo:]]", "[[:a]", "[[:]", "[a-]", "[--/]", "[+--]", "[\\a]", "[\\]]", "[a-\\c]", "[/]", "[!/]", "[", "]", "\\", "\\a", "\\*", "\\/", "!", "#", "-", "ä", "\"", "\ufeff", "^"))
	}
	if g.IntN(6) == 0 {
		return `"` + strings.ReplaceAll(b.String(), `"`, `\"`) + g.pick("", " b.txt", `\t`, `\141`, `\n`, `\000`, `\400`, `\08`, `\x`) + g.pick(`"`, `"`, `"`, "")
	}
	return b.String()
}

func (g generator) attr() string {
	if g.IntN(40) == 0 {
		return g.pick("eol=", "=x", "\"", "-", "--a", "!-a", "filter=x", "a=b=c", "-text=x", "!eol=crlf", "ä", "a/b", "x.y", "_", "working-tree-encoding", "-working-tree-encoding=", "export-ignore", "[attr]m")
	}
	switch g.IntN(6) {
	case 0:
		return g.pick("eol=crlf", "text eol=crlf", "text=auto eol=crlf")
	case 1:
		return g.pick("ident", "m", "n", "o")
	case 2:
		return "working-tree-encoding=" + g.encoding()
	}
	return g.pick("eol=lf", "text", "-text", "text=auto", "text=auto eol=crlf", "text=x", "crlf=auto", "text=input", "text=auto eol=crlf",
		"!text", "binary", "-binary", "!binary", "-ident", "!ident", "!eol", "-eol", "crlf", "-crlf", "crlf=input", "m", "n", "o", "-m", "!n", "-o", "m=x",
		"-working-tree-encoding", "!working-tree-encoding", "working-tree-encoding=")
}

func (g generator) encoding() string {
	name := g.pick("UTF-16", "UTF16", "UTF-16LE", "UTF-16BE", "utf-16le-bom", "UTF16BE-BOM", "UTF-32", "utf32", "UTF32LE", "UTF-32BE", "UTF-8", "utf8",
		"ISO-8859-1", "iso8859-1", "latin1", "latin-1", "L1", "US-ASCII", "ascii", "ISO_8859-1", "ISO88591")
	if g.IntN(10) == 0 {
		return g.pick("UTF-16//TRANSLIT", "no-such", "SHIFT-JIS", "UTF-7", "utf--8", "UTF-32LE-BOM")
	}
	return name
}

// mostly picks the first string, but not always.
func (g generator) mostly(usual string, others ...string) string {
	if g.IntN(25) > 0 {
		return usual
	}
	return g.pick(others...)
}

// file makes an attributes file; some lines of it define macros.
func (g generator) file(macros bool) string {
	var b strings.Builder
	b.WriteString(g.mostly("", "\ufeff"))
	for range 1 + g.IntN(6) {
		b.WriteString(g.mostly("", " ", "\t", "#", "\f", " \t\r"))
		switch {
		case macros && g.IntN(2) == 0, g.IntN(30) == 0:
			b.WriteString(g.pick("[attr]m", "[attr]n", "[attr]o", "[attr]binary", `"[attr]m x"`, `"[attr] n"`, "[attr]", "[attr]-x", "[attr]text", "[attr]export-ignore", `"[attr]\000"`))
		default:
			b.WriteString(g.pattern())
		}
		for range g.IntN(5) {
			b.WriteString(g.mostly(" ", "\t", " \t ", "\r", "", "\v"))
			b.WriteString(g.attr())
		}
		b.WriteString(g.mostly("\n", "\r\n", "\r\n", "\r", "\x00", "\n\n", strings.Repeat(" ", 2000+g.IntN(60))+"\n"))
	}
	return b.String()
}

func (g generator) content() string {
	var b strings.Builder
	b.WriteString(g.pick("", "a\nb\n", "a\n$Id$\n"))
	for range g.IntN(6) {
		b.WriteString(g.pick("one", "\n", "\n", "two\n", "\r\n", "\r", "\x00", "\x01", "\x7f", "\x1a", "\x1b\t\b\f", "ä", "\u20ac", "\U0001f600", "\U000e0041", "\ufeff", "\xff", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xc3",
			"$Id$", "$Id: 0123 $", "$Id:$", "$Id: $", "$Id:x$", "$Id: a b $", "$Id: a\n$", "$Id", "$", "Id$", "$Id:  x$", "$Idx$", strings.Repeat("text ", 30)))
	}
	return b.String()
}

// repository makes up the files of a repository: an attributes file at the root, and many below.
func (g generator) repository() map[string]string {
	files := map[string]string{".gitattributes": g.file(true) + g.file(true)}
	contents := make([]string, 60) // few, since writing objects takes most of the time
	for i := range contents {
		contents[i] = g.content()
	}
	for i := range 60 {
		dir := fmt.Sprintf("d%02d/", i)
		files[dir+".gitattributes"] = g.file(false)
		if g.IntN(3) == 0 {
			files[dir+"sub/.gitattributes"] = g.file(false)
		}
		for _, name := range names {
			files[dir+name] = g.pick(contents...)
		}
	}
	return files
}

// TestMadeUp compares made-up repositories with git: `git check-attr` for all attributes, and `git archive`.
func TestMadeUp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	converted := 0
	for i := range *rounds {
		g := generator{rand.New(rand.NewPCG(1, uint64(i)))}
		j := newJudge(t)
		files := g.repository()
		s := setOf(files)
		checkAttrs(t, j, s, files)
		converted += checkArchive(t, j, s, files)
		if t.Failed() {
			t.Fatalf("round %d", i)
		}
	}
	if converted < 100 {
		t.Errorf("%d files are converted: the test has lost its point", converted)
	}
	t.Logf("%d files converted", converted)
}

// TestPatterns compares patterns of few bytes with paths of few bytes, so that many match.
func TestPatterns(t *testing.T) {
	for i := range *rounds {
		g := generator{rand.New(rand.NewPCG(2, uint64(i)))}
		word := func(most int, bytes string) string {
			b := make([]byte, 1+g.IntN(most))
			for i := range b {
				b[i] = bytes[g.IntN(len(bytes))]
			}
			return string(b)
		}
		var text strings.Builder
		for i := range 500 {
			fmt.Fprintf(&text, "%s p%d\n", word(8, g.pick("a/*", "aab/**", "ab/*?", "aa*[]!-b", `a[]!^-\`, "[]:ab-[]")), i)
		}
		files := map[string]string{".gitattributes": text.String(), "b/.gitattributes": text.String()}
		for len(files) < 200 {
			if path := word(7, g.pick("ab", "ab//", "a/b", "ab-]:")); isPath(path) {
				files[path] = ""
			}
		}
		checkAttrs(t, newJudge(t), setOf(files), files)
		if t.Failed() {
			t.Fatalf("round %d", i)
		}
	}
}

// around is what stands in the attributes files that concern a path.
func around(files map[string]string, path string) string {
	var b strings.Builder
	for dir := path; dir != ""; {
		dir = dir[:max(0, strings.LastIndexByte(dir, '/'))]
		name := strings.TrimPrefix(dir+"/.gitattributes", "/")
		if text, ok := files[name]; ok {
			fmt.Fprintf(&b, "%s %q\n", name, text)
		}
	}
	return b.String()
}

func checkAttrs(t *testing.T, j *judge, s *gitattr.Set, files map[string]string) {
	t.Helper()
	var paths []string
	for name := range files {
		paths = append(paths, name)
	}
	c, err := s.Checker()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range j.attrs(files, paths) {
		got, err := c.Attrs(path)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: (-git +gitattr, %v)\n%s%s", path, err, diff, around(files, path))
		}
	}
}

// checkArchive counts the files that are converted. Of those that make git fail there must not be any.
func checkArchive(t *testing.T, j *judge, s *gitattr.Set, files map[string]string) (converted int) {
	t.Helper()
	for again := true; again; s = setOf(files) {
		again = false
		for name := range files {
			if _, err := s.Lookup(name); err != nil {
				delete(files, name)
				again = again || strings.HasSuffix(name, gitattr.File)
			}
		}
	}
	archived, err := j.archive(files)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		got, err := convert(s, name, content)
		if unknown := new(gitattr.EncodingError); errors.As(err, &unknown) {
			continue
		}
		if want := archived[name]; err != nil || got != want {
			t.Errorf("%q: %q becomes\n%q, want\n%q (%v)\n%s", name, content, got, want, err, around(files, name))
		}
		if got != content {
			converted++
		}
	}
	return converted
}
