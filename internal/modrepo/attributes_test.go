package modrepo_test

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
)

// TestRefuses has one line of attributes, and one file in the same directory, in each case.
func TestRefuses(t *testing.T) {
	tests := []struct {
		line, name string
		want       bool
	}{
		// What changes files.
		{"* eol=crlf", "a", true},
		{"* ident", "a", true},
		{"* working-tree-encoding=UTF-16", "a", true},
		{"* working-tree-encoding", "a", true},
		{"* working-tree-encoding=UTF-8", "a", false},
		{"* working-tree-encoding=utf8", "a", false},
		{"* working-tree-encoding=", "a", false},
		{"* -working-tree-encoding", "a", false},
		{"* eol=CRLF", "a", false},
		{"* eol=lf", "a", false},
		{"* -eol", "a", false},
		{"* !eol=crlf", "a", false},
		{"* -ident", "a", false},
		{"* ident=x", "a", false},
		{"* text", "a", false},
		{"* text=auto", "a", false},
		{"* crlf", "a", false},
		{"* filter=lfs", "a", false},
		{"* export-subst export-ignore", "a", false},
		{"* binary", "a", false},

		// How a line is read.
		{"*\teol=crlf", "a", true},
		{" * text eol=crlf\r", "a", true},
		{"*\veol=crlf", "a", false},
		{"*\u00a0eol=crlf", "a", false},
		{"# * eol=crlf", "a", false},
		{"#* eol=crlf", "#a", false},
		{`\#* eol=crlf`, "#a", true},
		{"!a eol=crlf", "!a", false},
		{`\!a eol=crlf`, "!a", true},
		{"eol=crlf", "eol=crlf", false},
		{"* eol=crlf\x00", "a", true},
		{"* eol=\x00crlf", "a", false},
		{"*.x x\x00\n* eol=crlf", "a", false},
		{"\ufeff* eol=crlf", "a", true},
		{"\ufeff# x\n* eol=crlf", "a", true},
		{"\ufeffa eol=crlf", "\ufeffa", true},
		{`"a b" eol=crlf`, "a b", true},
		{`"a b"eol=crlf`, "a b", true},
		{`"a b" eol=crlf`, "a", false},
		{`"a\040b" eol=crlf`, "a b", true},
		{`"\141"eol=crlf`, "a", true},
		{`"a eol=crlf`, `"a`, true},
		{"a\\ b eol=crlf", "a", true}, // can't tell

		// Macros.
		{"[attr]m eol=crlf\n* m", "a", true},
		{"[attr]m eol=crlf\n* -m", "a", false},
		{"[attr]m eol=crlf\n* !m", "a", false},
		{"[attr]m eol=crlf\n* m=m", "a", false},
		{"[attr]m eol=crlf\n*.go m", "a", false},
		{"[attr]m eol=crlf", "m", false},
		{"[attr]m n\n[attr]n ident\n* m", "a", true},
		{"[attr]m n\n[attr]n m\n* m", "a", false},
		{"[attr]binary eol=crlf\n* binary", "a", true},
		{"\"[attr]m x\" eol=crlf\n* m", "a", true},
		{"[attr]m eol=crlf\n[attr]m -text\n* m", "a", true},
		{"[attr] eol=crlf", "t", true},
		{"[attr]", "t", false},

		// Patterns.
		{"a eol=crlf", "a", true},
		{"A eol=crlf", "a", true},
		{"a eol=crlf", "ab", false},
		{"a eol=crlf", "d/a", true},
		{"/a eol=crlf", "d/a", false},
		{"d/a eol=crlf", "d/a", true},
		{"/d/a eol=crlf", "d/a", true},
		{"D/a eol=crlf", "d/a", true},
		{"d/ eol=crlf", "d/a", false},
		{"d eol=crlf", "d/a", false},
		{"d/** eol=crlf", "d/e/a", true},
		{"**/a eol=crlf", "d/a", true},
		{"d/*/a eol=crlf", "d/e/a", true},
		{"e/*/a eol=crlf", "d/e/a", false},
		{"*.txt eol=crlf", "a.txt", true},
		{"*.txt eol=crlf", "a.TXT", true},
		{"*.txt eol=crlf", "a.txt.go", false},
		{"*a*b*c* eol=crlf", "xaxbxcx", true},
		{"*a*b*c* eol=crlf", "xaxcxbx", false},
		{"*a*ab eol=crlf", "aaab", true},
		{"?.txt eol=crlf", "a.txt", true},
		{"?.txt eol=crlf", "ab.txt", false},
		{"? eol=crlf", "ä", false},
		{"?? eol=crlf", "ä", true},
		{"[ab] eol=crlf", "b", true},
		{"[ab] eol=crlf", "c", false},
		{"[!ab] eol=crlf", "c", true},
		{"[]] eol=crlf", "]", true},
		{"[]-a] eol=crlf", "^", true},
		{"[[:alpha:]] eol=crlf", "q", true},
		{"[a-z] eol=crlf", "q", true},
		{"[\\]] eol=crlf", "]", true},
		{"[a eol=crlf", "[a", true},
		{"a[b/c]d eol=crlf", "abd", true},
		{"*.{cmd,[cC][mM][dD]} eol=crlf", "x.go", false},
		{"*.[cC][mM][dD] eol=crlf", "x.cmd", true},
		{"*.[cC][mM][dD] eol=crlf", "x.mod", false},
		{`\a eol=crlf`, "a", true},
		{`\* eol=crlf`, "a", false},
		{`\* eol=crlf`, "*", true},
	}
	for _, tt := range tests {
		if err := modrepo.Refuses(map[string]string{"": tt.line}, tt.name); (err != nil) != tt.want {
			t.Errorf("line %q, file %q: %v, want refused %v", tt.line, tt.name, err, tt.want)
		}
	}
	if err := modrepo.Refuses(map[string]string{"": "[attr]m ident", "d/": "/a m", "e/": "* ident"}, "d/a"); err == nil {
		t.Error("a macro of the root's is not known below")
	}
	if err := modrepo.Refuses(map[string]string{"e/": "* ident", "d/e/": "* ident"}, "d/a"); err != nil {
		t.Errorf("other directories' attributes: %v", err)
	}
}

// attributesGenerator makes up attributes files.
type attributesGenerator struct{ *rand.Rand }

func (g attributesGenerator) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g attributesGenerator) pattern() string {
	if g.IntN(2) == 0 {
		return g.pick("*", "*.txt", "a.txt", "/a.txt", "sub/*", "sub/a.txt", "**/a.txt", "sub/**", "*.TXT", "/*/a.txt", "a*", "sub/", "sub", `"a b.txt"`, "[attr]x", "[ab].txt")
	}
	var b strings.Builder
	for range 1 + g.IntN(4) {
		b.WriteString(g.pick("a", "b", "A", ".txt", "*", "**", "?", "/", "sub", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[[:alpha:]]", "[\\a]", "[", "]", "\\", "\\a", "\\*", "!", "#", "-", "ä", "\"", "\ufeff"))
	}
	if g.IntN(6) == 0 {
		return `"` + strings.ReplaceAll(b.String(), `"`, `\"`) + g.pick("", " b.txt", `\t`, `\141`, `\n`) + `"`
	}
	return b.String()
}

func (g attributesGenerator) file() string {
	var b strings.Builder
	b.WriteString(g.pick("", "", "", "", "", "\ufeff"))
	for range 1 + g.IntN(3) {
		b.WriteString(g.pick("", "", "", " ", "\t", "#"))
		b.WriteString(g.pattern())
		for range 1 + g.IntN(3) {
			b.WriteString(g.pick(" ", " ", " ", "\t", " \t ", "\r", ""))
			if g.IntN(15) == 0 {
				b.WriteString(g.pick("eol=", "=x", "\"", "-", "filter=x", "working-tree-encoding=UTF-8"))
				continue
			}
			b.WriteString(g.pick("eol=crlf", "eol=crlf", "text eol=crlf", "ident", "ident", "working-tree-encoding=UTF-16LE", "eol=lf", "text", "-text", "text=auto",
				"!text", "binary", "-ident", "!eol", "-eol", "crlf", "-crlf", "crlf=input", "dos", "dosdos", "-dos", "!dosdos", "id"))
		}
		b.WriteString(g.pick("\n", "\n", "\n", "\r\n", "\x00", "\n\n", strings.Repeat(" ", 2500)+"\n"))
	}
	return b.String()
}

// TestGitAttributes compares made-up attributes files with git: where it changes a file on its way into the archive,
// we must refuse the file.
func TestGitAttributes(t *testing.T) {
	if testing.Short() {
		t.Skip("makes some thousand files")
	}
	names := []string{"a.txt", "b.txt", "A.txt", "ab.txt", "a b.txt", "a", "b", "ä.txt", "[a].txt", "!a", "#a", "a*", "]", "\ufeffa", "-a", `"a`, "x",
		"sub/a.txt", "sub/a", "sub/deep/a.txt", "asub/b", "sub.txt/a"}
	const content = "one\ntwo $Id$\n"
	root := "[attr]dos text eol=crlf\n[attr]dosdos dos\n[attr]id ident\n"
	g := attributesGenerator{rand.New(rand.NewPCG(1, 2))}
	r := gittest.New(t, "")
	r.Write(".gitattributes", []byte(root))
	attributes := make(map[string]string)
	for i := range 150 {
		dir := fmt.Sprintf("d%03d", i)
		attributes[dir] = g.file()
		r.Write(dir+"/.gitattributes", []byte(attributes[dir]))
		for _, name := range names {
			r.Write(dir+"/"+name, []byte(content))
		}
	}
	r.Commit("all")
	// A clone: the repository's own attributes would overrule. Those here are what the go command writes.
	bare := r.Bare()
	if err := os.WriteFile(filepath.Join(bare, "info", "attributes"), []byte("\n* -export-subst -export-ignore\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "zip")
	r.Git("-C", bare, "-c", "core.autocrlf=input", "-c", "core.eol=lf", "archive", "--format=zip", "--output="+archive, "HEAD")
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	changed, over, kept := 0, 0, 0
	for _, f := range z.File {
		dir, name, _ := strings.Cut(f.Name, "/")
		if attributes[dir] == "" || name == "" || strings.HasSuffix(name, "/") || path.Base(name) == ".gitattributes" {
			continue
		}
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		refused := modrepo.Refuses(map[string]string{"": root, dir + "/": attributes[dir]}, f.Name) != nil
		switch isChanged := string(data) != content; {
		case isChanged && !refused:
			t.Errorf("git changes %s by attributes\n%q", f.Name, attributes[dir])
		case isChanged:
			changed++
		case refused:
			over++
		default:
			kept++
		}
	}
	if changed == 0 || kept == 0 {
		t.Error("the test has lost its point")
	}
	t.Logf("%d files changed and refused, %d unchanged and not refused; %d refused without need", changed, kept, over)
}

// FuzzRefuses looks for panics, and for refusals without any attribute to blame.
func FuzzRefuses(f *testing.F) {
	g := attributesGenerator{rand.New(rand.NewPCG(3, 4))}
	for range 20 {
		f.Add(g.file(), "a.txt")
	}
	f.Add(`"a`, "sub/[a]")
	f.Fuzz(func(t *testing.T, attributes, name string) {
		err := modrepo.Refuses(map[string]string{"": attributes}, path.Join("d", name))
		blamed := false
		for _, word := range []string{"eol=crlf", "ident", "working-tree-encoding"} {
			blamed = blamed || strings.Contains(attributes, word)
		}
		if err != nil && !blamed {
			t.Errorf("attributes %q, file %q: %v", attributes, name, err)
		}
		if err != nil {
			checkError(t, err, "attribute")
		}
	})
}
