package gitattr_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/vanity/internal/gitattr"
)

// TestAttr has attributes files and a path in each case. What is wanted are the path's attributes, of those named
// here, that are not unspecified. Git must say the same.
func TestAttr(t *testing.T) {
	tests := []struct {
		text, path, want string
		sub              string // the attributes file in d/
	}{
		// How a line is read.
		{text: "* eol=crlf", path: "a", want: "eol=crlf"},
		{text: "*\teol=crlf", path: "a", want: "eol=crlf"},
		{text: " * text eol=crlf\r", path: "a", want: "text=set eol=crlf"},
		{text: " \t\r* eol=crlf\r\n* ident\r\n", path: "a", want: "eol=crlf ident=set"},
		{text: "*\veol=crlf", path: "a"},
		{text: "*\u00a0eol=crlf", path: "a"},
		{text: "# * eol=crlf", path: "a"},
		{text: "#* eol=crlf", path: "#a"},
		{text: `\#* eol=crlf`, path: "#a", want: "eol=crlf"},
		{text: "!a eol=crlf", path: "!a"},
		{text: "!a eol=crlf", path: "a"},
		{text: `"!a" eol=crlf`, path: "!a"},
		{text: `\!a eol=crlf`, path: "!a", want: "eol=crlf"},
		{text: "eol=crlf", path: "eol=crlf"},
		{text: "*", path: "a"},
		{text: "* eol=crlf\x00", path: "a", want: "eol=crlf"},
		{text: "* eol=crlf\x00x", path: "a", want: "eol=crlf"},
		{text: "* eol=\x00crlf", path: "a", want: "eol="},
		{text: "*.x x\x00\n* eol=crlf", path: "a"},
		{text: "\x00\n* eol=crlf", path: "a"},
		{text: "\ufeff* eol=crlf", path: "a"},
		{text: "\ufeff# x\n* eol=crlf", path: "a", want: "eol=crlf"},
		{text: "\ufeffa eol=crlf", path: "\ufeffa", want: "eol=crlf"},
		{text: "* eol=crlf" + strings.Repeat(" ", 2047-len("* eol=crlf")) + "\n", path: "a", want: "eol=crlf"},
		{text: "* eol=crlf" + strings.Repeat(" ", 2048-len("* eol=crlf")) + "\n", path: "a"},
		{text: "* eol=crlf" + strings.Repeat(" ", 2047-len("* eol=crlf")) + "\r\n", path: "a"},
		{text: strings.Repeat(" ", 2048-len("* eol=crlf")) + "* eol=crlf", path: "a"},
		{text: "#" + strings.Repeat(" ", 3000) + "\n* ident", path: "a", want: "ident=set"},

		// Quotes.
		{text: `"a b" eol=crlf`, path: "a b", want: "eol=crlf"},
		{text: `"a b"eol=crlf`, path: "a b", want: "eol=crlf"},
		{text: `"a b" eol=crlf`, path: "a"},
		{text: `"a\040b" eol=crlf`, path: "a b", want: "eol=crlf"},
		{text: `"\141"eol=crlf`, path: "a", want: "eol=crlf"},
		{text: `"\303\244" eol=crlf`, path: "ä", want: "eol=crlf"},
		{text: `"\400" eol=crlf`, path: `"\400"`},
		{text: `"\08" eol=crlf`, path: "\x008"[1:]},
		{text: `"\18" eol=crlf`, path: `"\18"`},
		{text: `"\a\b\f\n\r\t\v\"\\" eol=crlf`, path: "\a\b\f\n\r\t\v\"", want: ""},
		{text: `"\a\b\f\n\r\t\v\"\\\\" eol=crlf`, path: "\a\b\f\n\r\t\v\"\\", want: "eol=crlf"},
		{text: `"a eol=crlf`, path: `"a`, want: "eol=crlf"},
		{text: `"a\x" eol=crlf`, path: `"ax"`, want: "eol=crlf"},
		{text: `"a\000b" eol=crlf`, path: "a", want: "eol=crlf"},
		{text: `"" eol=crlf`, path: "a"},
		{text: `"a"" eol=crlf`, path: "a"},
		{text: ` "a" eol=crlf`, path: "a", want: "eol=crlf"},
		{text: "a\\ b eol=crlf", path: "a"},
		{text: "a\\ b eol=crlf", path: "a b"},

		// States. One malformed attribute makes the whole line void.
		{text: "* -eol", path: "a", want: "eol=unset"},
		{text: "* !eol", path: "a"},
		{text: "* eol", path: "a", want: "eol=set"},
		{text: "* eol=", path: "a", want: "eol="},
		{text: "* eol=a=b", path: "a", want: "eol=a=b"},
		{text: "* -eol=crlf", path: "a", want: "eol=unset"},
		{text: "* !eol=crlf", path: "a"},
		{text: "* eol=crlf eol=lf", path: "a", want: "eol=lf"},
		{text: "* eol=crlf !eol", path: "a"},
		{text: "* eol=crlf =x", path: "a"},
		{text: "* eol=crlf -=x", path: "a"},
		{text: "* eol=crlf -", path: "a"},
		{text: "* eol=crlf --x", path: "a"},
		{text: "* eol=crlf !-x", path: "a"},
		{text: "* eol=crlf x/y", path: "a"},
		{text: "* eol=crlf ä", path: "a"},
		{text: "* eol=crlf x.Y_0-", path: "a", want: "eol=crlf"},
		{text: "* eol=crlf x=ä/\"", path: "a", want: "eol=crlf"},
		{text: "* EOL=crlf", path: "a"},

		// Precedence.
		{text: "* eol=crlf\na eol=lf", path: "a", want: "eol=lf"},
		{text: "a eol=lf\n* eol=crlf", path: "a", want: "eol=crlf"},
		{text: "* eol=crlf\na !eol", path: "a"},
		{text: "* eol=crlf ident", sub: "* eol=lf", path: "d/a", want: "eol=lf ident=set"},
		{text: "* eol=crlf ident", sub: "* eol=lf", path: "e/a", want: "eol=crlf ident=set"},
		{text: "* eol=crlf ident", sub: "a !eol -ident", path: "d/e/a", want: "ident=unset"},
		{text: "* eol=crlf", sub: "b eol=lf", path: "d/a", want: "eol=crlf"},

		// Macros.
		{text: "* binary", path: "a", want: "text=unset binary=set"},
		{text: "* -binary", path: "a", want: "binary=unset"},
		{text: "* binary=x", path: "a", want: "binary=x"},
		{text: "* text binary", path: "a", want: "text=unset binary=set"},
		{text: "* binary text", path: "a", want: "text=set binary=set"},
		{text: "[attr]binary eol=crlf\n* binary", path: "a", want: "eol=crlf binary=set"},
		{text: "[attr]binary\n* binary", path: "a", want: "binary=set"},
		{text: "[attr]binary =x\n* binary", path: "a", want: "text=unset binary=set"},
		{text: "[attr]m eol=crlf\n* m", path: "a", want: "eol=crlf m=set"},
		{text: "* m\n[attr]m eol=crlf", path: "a", want: "eol=crlf m=set"},
		{text: "[attr]m eol=crlf\n* -m", path: "a", want: "m=unset"},
		{text: "[attr]m eol=crlf\n* !m", path: "a"},
		{text: "[attr]m eol=crlf\n* m=m", path: "a", want: "m=m"},
		{text: "[attr]m eol=crlf", path: "m"},
		{text: "[attr]m n\n[attr]n ident\n* m", path: "a", want: "ident=set m=set"},
		{text: "[attr]m n\n[attr]n m\n* m", path: "a", want: "m=set"},
		{text: "[attr]m -n\n[attr]n ident\n* n m", path: "a", want: "m=set"},
		{text: "[attr]m eol=crlf\n[attr]m -text\n* m", path: "a", want: "text=unset m=set"},
		{text: "[attr]m eol=crlf\n* m\na -m", path: "a", want: "m=unset"},
		{text: "[attr]m eol=crlf\n* m\na eol=lf", path: "a", want: "eol=lf m=set"},
		{text: "[attr]m eol=crlf\n* eol=lf m", path: "a", want: "eol=crlf m=set"},
		{text: "[attr]m eol=crlf\n* m eol=lf", path: "a", want: "eol=lf m=set"},
		{text: "[attr]m eol=crlf eol=lf\n* m", path: "a", want: "eol=lf m=set"},
		{text: "[attr]text ident\n* text", path: "a", want: "text=set ident=set"},
		{text: "[attr]export-ignore ident\n* export-ignore", path: "a"},
		{text: "* m", sub: "[attr]m eol=crlf", path: "d/a", want: "m=set"},
		{text: "[attr]m eol=crlf", sub: "* m", path: "d/a", want: "eol=crlf m=set"},
		{text: "\"[attr]m x\" eol=crlf\n* m", path: "a", want: "eol=crlf m=set"},
		{text: "\"[attr] m\" eol=crlf\n* m", path: "a", want: "eol=crlf m=set"},
		{text: "\"[attr]m\\000x\" eol=crlf\n* m", path: "a", want: "eol=crlf m=set"},
		{text: "\"[attr]\\000x\" eol=crlf", path: "t"},
		{text: "[attr]-m eol=crlf\n* m", path: "a", want: "m=set"},
		{text: "[attr]m/ eol=crlf", path: "am/b"},
		{text: " [attr]m eol=crlf\n* m", path: "a", want: "eol=crlf m=set"},
		{text: "[attr] eol=crlf", path: "t", want: "eol=crlf"},
		{text: "[attr]", path: "t"},

		// Patterns.
		{text: "a eol=crlf", path: "A"},
		{text: "a eol=crlf", path: "ab"},
		{text: "a eol=crlf", path: "d/a", want: "eol=crlf"},
		{text: "/a eol=crlf", path: "d/a"},
		{text: "/a eol=crlf", path: "a", want: "eol=crlf"},
		{text: "//a eol=crlf", path: "a"},
		{text: "/ eol=crlf", path: "a"},
		{text: "d/a eol=crlf", path: "d/a", want: "eol=crlf"},
		{text: "/d/a eol=crlf", path: "d/a", want: "eol=crlf"},
		{text: "d/a eol=crlf", path: "e/d/a"},
		{sub: "/a eol=crlf", path: "d/a", want: "eol=crlf"},
		{sub: "d/a eol=crlf", path: "d/a"},
		{sub: "d/a eol=crlf", path: "d/d/a", want: "eol=crlf"},
		{text: "d/ eol=crlf", path: "d/a"},
		{text: "d eol=crlf", path: "d/a"},
		{text: "d/e eol=crlf", path: "d/e/a"},
		{text: "a/ eol=crlf", path: "a"},
		{text: "*/ eol=crlf", path: "a"},
		{text: "d/** eol=crlf", path: "d/e/a", want: "eol=crlf"},
		{text: "d/* eol=crlf", path: "d/e/a"},
		{text: "d/* eol=crlf", path: "d/e", want: "eol=crlf"},
		{text: "d* eol=crlf", path: "d/e"},
		{text: "**/a eol=crlf", path: "a", want: "eol=crlf"},
		{text: "**/a eol=crlf", path: "d/e/a", want: "eol=crlf"},
		{text: "**/a eol=crlf", path: "d/ba"},
		{text: "**a eol=crlf", path: "d/ba", want: "eol=crlf"},
		{text: "/**a eol=crlf", path: "d/ba"},
		{text: "/** eol=crlf", path: "d/e/a", want: "eol=crlf"},
		{text: "*/a eol=crlf", path: "a"},
		{text: "*/a eol=crlf", path: "d/a", want: "eol=crlf"},
		{text: "*/a eol=crlf", path: "d/e/a"},
		{text: "d/*/a eol=crlf", path: "d/e/a", want: "eol=crlf"},
		{text: "d/*/a eol=crlf", path: "d/e/f/a"},
		{text: "d/**/a eol=crlf", path: "d/a", want: "eol=crlf"},
		{text: "d/**/a eol=crlf", path: "d/e/f/a", want: "eol=crlf"},
		{text: "d/**e/a eol=crlf", path: "d/f/e/a"},
		{text: "d/x**/a eol=crlf", path: "d/xy/a", want: "eol=crlf"},
		{text: "d/x**/a eol=crlf", path: "d/xy/z/a", want: "eol=crlf"}, // what is literal was cut off before
		{text: "d/x**/a eol=crlf", path: "d/xa", want: "eol=crlf"},
		{text: "?/x**/a eol=crlf", path: "d/xy/z/a"},
		{text: "?/**\\/a eol=crlf", path: "d/a"},
		{text: "?/**\\/a eol=crlf", path: "d/e/f/a", want: "eol=crlf"},
		{text: "**/*/a eol=crlf", path: "d/a", want: "eol=crlf"},
		{text: "**/**/a eol=crlf", path: "a", want: "eol=crlf"},
		{text: "**/d/**/a eol=crlf", path: "d/a", want: "eol=crlf"},
		{text: "***/a eol=crlf", path: "d/e/a", want: "eol=crlf"},
		{text: "*.txt eol=crlf", path: "a.txt", want: "eol=crlf"},
		{text: "*.txt eol=crlf", path: ".txt", want: "eol=crlf"},
		{text: "*.txt eol=crlf", path: "a.TXT"},
		{text: "*.txt eol=crlf", path: "a.txt.go"},
		{text: "*a*b*c* eol=crlf", path: "xaxbxcx", want: "eol=crlf"},
		{text: "*a*b*c* eol=crlf", path: "xaxcxbx"},
		{text: "*a*ab eol=crlf", path: "aaab", want: "eol=crlf"},
		{text: "?.txt eol=crlf", path: "a.txt", want: "eol=crlf"},
		{text: "?.txt eol=crlf", path: "ab.txt"},
		{text: "d?a eol=crlf", path: "d/a"},
		{text: "/d?a eol=crlf", path: "d/a"},
		{text: "? eol=crlf", path: "ä"},
		{text: "?? eol=crlf", path: "ä", want: "eol=crlf"},
		{text: "[ab] eol=crlf", path: "b", want: "eol=crlf"},
		{text: "[ab] eol=crlf", path: "c"},
		{text: "[!ab] eol=crlf", path: "c", want: "eol=crlf"},
		{text: "[^ab] eol=crlf", path: "b"},
		{text: "[]] eol=crlf", path: "]", want: "eol=crlf"},
		{text: "[!]] eol=crlf", path: "]"},
		{text: "[!!] eol=crlf", path: "!"},
		{text: "[]-a] eol=crlf", path: "^", want: "eol=crlf"},
		{text: "[a-] eol=crlf", path: "-", want: "eol=crlf"},
		{text: "[-a] eol=crlf", path: "-", want: "eol=crlf"},
		{text: "[-a] eol=crlf", path: "A"},
		{text: "[a-c-e] eol=crlf", path: "d"},
		{text: "[a-c-e] eol=crlf", path: "-", want: "eol=crlf"},
		{text: "[c-a] eol=crlf", path: "b"},
		{text: "[a-\\c] eol=crlf", path: "b", want: "eol=crlf"},
		{text: "[\\a-c] eol=crlf", path: "b", want: "eol=crlf"},
		{text: "[\\]] eol=crlf", path: "]", want: "eol=crlf"},
		{text: "[\\\\] eol=crlf", path: "\\", want: "eol=crlf"},
		{text: "[[:alpha:]] eol=crlf", path: "q", want: "eol=crlf"},
		{text: "[![:alpha:]] eol=crlf", path: "q"},
		{text: "[[:alpha:][:digit:]] eol=crlf", path: "1", want: "eol=crlf"},
		{text: "[[:alpha:]-z] eol=crlf", path: "-", want: "eol=crlf"},
		{text: "[[:foo:]] eol=crlf", path: "f"},
		{text: "[[::]] eol=crlf", path: ":"},
		{text: "[[:a]z] eol=crlf", path: "az]", want: "eol=crlf"},
		{text: "[[:a]z eol=crlf", path: ":z", want: "eol=crlf"},
		{text: "[[:] eol=crlf", path: "[", want: "eol=crlf"},
		{text: "[[:-z] eol=crlf", path: "q", want: "eol=crlf"},
		{text: "[a-z] eol=crlf", path: "q", want: "eol=crlf"},
		{text: "[a eol=crlf", path: "[a"},
		{text: "a[ eol=crlf", path: "a["},
		{text: "a[b/c]d eol=crlf", path: "abd", want: "eol=crlf"},
		{text: "a[b/c]d eol=crlf", path: "a/d"},
		{text: "a[!b]d/e eol=crlf", path: "a/d/e"},
		{text: "*.{cmd,[cC][mM][dD]} eol=crlf", path: "x.cmd"},
		{text: "*.{cmd,[cC][mM][dD]} eol=crlf", path: "x.{cmd,CMD}", want: "eol=crlf"},
		{text: "*.[cC][mM][dD] eol=crlf", path: "x.Cmd", want: "eol=crlf"},
		{text: `\a eol=crlf`, path: "a", want: "eol=crlf"},
		{text: `\* eol=crlf`, path: "a"},
		{text: `\* eol=crlf`, path: "*", want: "eol=crlf"},
		{text: `a\ eol=crlf`, path: `a\`},
		{text: `a\\ eol=crlf`, path: `a\`, want: "eol=crlf"},
		{text: `*a\b eol=crlf`, path: `xab`, want: "eol=crlf"},
	}
	j := newJudge(t)
	attrs := []string{"text", "eol", "ident", "m", "binary"}
	for _, tt := range tests {
		files := map[string]string{".gitattributes": tt.text, "d/.gitattributes": tt.sub}
		c, err := setOf(files).Checker()
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Attrs(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		g, judged := describe(got, attrs), describe(j.attrs(files, []string{tt.path})[tt.path], attrs)
		if g != tt.want || g != judged {
			t.Errorf("%q, %q, path %q: %q, git says %q, want %q", tt.text, tt.sub, tt.path, g, judged, tt.want)
		}
	}
}

// describe gives some attributes, without what info/attributes says of all files.
func describe(values map[string]string, attrs []string) string {
	var list []string
	for _, attr := range attrs {
		if value, ok := values[attr]; ok {
			list = append(list, attr+"="+value)
		}
	}
	return strings.Join(list, " ")
}

// TestClasses has every byte, and every class of bytes.
func TestClasses(t *testing.T) {
	files := make(map[string]string)
	var paths []string
	for i, class := range strings.Fields("alnum alpha blank cntrl digit graph lower print punct space upper xdigit Alpha") {
		dir := fmt.Sprintf("d%d/", i)
		files[dir+".gitattributes"] = fmt.Sprintf("[[:%s:]] text\n", class)
		for c := 1; c < 256; c++ {
			if c != '/' && c != '.' {
				paths = append(paths, dir+string([]byte{byte(c)}))
			}
		}
	}
	c, err := setOf(files).Checker()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range newJudge(t).attrs(files, paths) {
		if got, err := c.Attrs(path); got["text"] != want["text"] || err != nil {
			dir, _, _ := strings.Cut(path, "/")
			t.Errorf("%q by %q: %s, want %s (%v)", path, files[dir+"/.gitattributes"], got, want, err)
		}
	}
}

var long = strings.Repeat("a line of text\n", 128)

// TestConvert has attributes and a content in each case. Git must make the same of it.
func TestConvert(t *testing.T) {
	tests := []struct{ attrs, content, want string }{
		// Line ends.
		{"eol=crlf", "a\nb\n", "a\r\nb\r\n"},
		{"eol=crlf", "a\r\nb\n\r\n\nc", "a\r\nb\r\n\r\n\r\nc"},
		{"eol=crlf", "a\r\r\n\rb\r", "a\r\r\n\rb\r"},
		{"eol=crlf", "\n", "\r\n"},
		{"eol=crlf", "", ""},
		{"eol=crlf", "\x00\n\xff\n", "\x00\r\n\xff\r\n"},
		{"text eol=crlf", "\x00\n", "\x00\r\n"},
		{"text=input eol=crlf", "\n", "\r\n"},
		{"text=other eol=crlf", "\n", "\r\n"},
		{"text= eol=crlf", "\n", "\r\n"},
		{"-text eol=crlf", "\n", "\n"},
		{"!text eol=crlf", "\n", "\r\n"},
		{"binary eol=crlf", "\n", "\n"},
		{"-crlf eol=crlf", "\n", "\n"},
		{"text -crlf eol=crlf", "\n", "\r\n"},
		{"text=other -crlf eol=crlf", "\n", "\n"},
		{"crlf eol=crlf", "\x00\n", "\x00\r\n"},
		{"crlf=input eol=crlf", "\n", "\r\n"},
		{"crlf=auto eol=crlf", "\x00\n", "\x00\n"},
		{"crlf=auto eol=crlf", "\n", "\r\n"},
		{"text eol=CRLF", "\n", "\n"},
		{"text eol=lf", "a\r\nb\n", "a\r\nb\n"},
		{"text", "a\r\nb\n", "a\r\nb\n"},
		{"crlf", "a\r\nb\n", "a\r\nb\n"},
		{"text=auto", "a\r\nb\n", "a\r\nb\n"},

		// Line ends of what looks like text.
		{"text=auto eol=crlf", "a\nb\n", "a\r\nb\r\n"},
		{"text=auto eol=crlf", "a\nb\r\n", "a\nb\r\n"},
		{"text=auto eol=crlf", "a\nb\rc", "a\nb\rc"},
		{"text=auto eol=crlf", "a\nb\r", "a\nb\r"},
		{"text=auto eol=crlf", "a\nb\x00", "a\nb\x00"},
		{"text=auto eol=crlf", "a\nb\x01", "a\nb\x01"},
		{"text=auto eol=crlf", "a\nb\x1a", "a\r\nb\x1a"},
		{"text=auto eol=crlf", "a\nb\x1a\n", "a\nb\x1a\n"},
		{"text=auto eol=crlf", "a\nb\x7f", "a\nb\x7f"},
		{"text=auto eol=crlf", "a\n\b\t\f\x1b\xff", "a\r\n\b\t\f\x1b\xff"},
		{"text=auto eol=crlf", strings.Repeat("x", 127) + "\n\x01", strings.Repeat("x", 127) + "\n\x01"},
		{"text=auto eol=crlf", strings.Repeat("x", 128) + "\n\x01", strings.Repeat("x", 128) + "\r\n\x01"},
		{"text=auto eol=crlf", strings.Repeat("x", 255) + "\n\x01\x02", strings.Repeat("x", 255) + "\n\x01\x02"},
		{"text=auto eol=crlf", strings.Repeat("x", 255) + "\n\x01\x1a", strings.Repeat("x", 255) + "\r\n\x01\x1a"},
		{"text=auto eol=crlf", "a", "a"},
		{"text=auto eol=crlf", long, strings.ReplaceAll(long, "\n", "\r\n")},
		// Expanded identifiers count.
		{"text=auto eol=crlf ident", strings.Repeat("x", 70) + "$Id$\n\x01", strings.Repeat("x", 70) + "$Id: OBJECT $\n\x01"},
		{"text=auto eol=crlf ident", strings.Repeat("x", 90) + "$Id$\n\x01", strings.Repeat("x", 90) + "$Id: OBJECT $\r\n\x01"},
		{"text=auto eol=crlf ident", "$Id:\r$\n", "$Id: OBJECT $\r\n"},

		// Identifiers.
		{"ident", "$Id$", "$Id: OBJECT $"},
		{"ident", "a$Id$b$Id$$Id$", "a$Id: OBJECT $b$Id: OBJECT $$Id: OBJECT $"},
		{"ident", "$Id: 0123 $", "$Id: OBJECT $"},
		{"ident", "$Id:$ $Id: $ $Id:x$ $Id: x$ $Id:x $ $Id:  $", "$Id: OBJECT $ $Id: OBJECT $ $Id: OBJECT $ $Id: OBJECT $ $Id: OBJECT $ $Id: OBJECT $"},
		{"ident", "$Id: a b $ $Id:  x$ $Id:x y$", "$Id: a b $ $Id:  x$ $Id:x y$"},
		{"ident", "$Id: a b $Id$", "$Id: a b $Id: OBJECT $"},
		{"ident", "$Id: a\n$Id$", "$Id: a\n$Id: OBJECT $"},
		{"ident", "$Id: a\r$", "$Id: OBJECT $"},
		{"ident", "$Id: \xff\x00$", "$Id: OBJECT $"},
		{"ident", "$Id: x", "$Id: x"},
		{"ident", "$Id:", "$Id:"},
		{"ident", "$Id", "$Id"},
		{"ident", "$", "$"},
		{"ident", "$$Id$$Idx$ $id$ $ID$ $Id $", "$$Id: OBJECT $$Idx$ $id$ $ID$ $Id $"},
		{"ident", "$Id$\x00", "$Id: OBJECT $\x00"},
		{"ident=x", "$Id$", "$Id$"},
		{"-ident", "$Id$", "$Id$"},
		{"ident eol=crlf", "$Id$\n$Id$", "$Id: OBJECT $\r\n$Id: OBJECT $"},
		{"ident eol=crlf", "$Id: a b $\n$\n\r$\r\n", "$Id: a b $\r\n$\r\n\r$\r\n"},

		// Encodings, after all that.
		{"working-tree-encoding=UTF-16BE", "a\n", "\x00a\x00\n"},
		{"working-tree-encoding=UTF-16BE eol=crlf", "a\n", "\x00a\x00\r\x00\n"},
		{"working-tree-encoding=UTF-16BE text=auto eol=crlf", "a\n\x00", "\x00a\x00\n\x00\x00"},
		{"working-tree-encoding=UTF-16BE -text eol=crlf", "a\n", "\x00a\x00\n"},
		{"working-tree-encoding=LATIN1 ident", "$Id: ä$ä", "$Id: OBJECT $\xe4"},
		{"working-tree-encoding=LATIN1 ident", "$Id: €$ä", "$Id: OBJECT $\xe4"},
		{"working-tree-encoding=LATIN1 ident", "$Id: \xff$ä", "$Id: OBJECT $\xe4"},
		{"working-tree-encoding=LATIN1 ident", "\xc3$Id:\xa4$", "\xc3$Id: OBJECT $"},
		{"working-tree-encoding=LATIN1 eol=crlf", "€\n", "€\r\n"},
		{"working-tree-encoding=UTF-16BE eol=crlf", "\xff\n", "\xff\r\n"},
		{"working-tree-encoding=utf-8", "ä\xff", "ä\xff"},
		{"working-tree-encoding=UTF8", "ä", "ä"},
		{"working-tree-encoding=", "ä", "ä"},
		{"-working-tree-encoding", "ä", "ä"},
		{"working-tree-encoding=no-such-encoding", "", ""},
		{"filter=lfs", "a\n$Id$", "a\n$Id$"},
		{"export-subst", "$Format:%H$", "$Format:%H$"},
	}
	files := make(map[string]string)
	for i, tt := range tests {
		files[fmt.Sprintf("d%03d/.gitattributes", i)] = "f " + tt.attrs
		files[fmt.Sprintf("d%03d/f", i)] = tt.content
	}
	archived, err := newJudge(t).archive(files)
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range tests {
		name := fmt.Sprintf("d%03d/f", i)
		want := strings.ReplaceAll(tt.want, "OBJECT", object(tt.content))
		if got, err := convert(setOf(files), name, tt.content); got != want || got != archived[name] || err != nil {
			t.Errorf("%s, %q: %q, git makes %q, want %q (%v)", tt.attrs, tt.content, got, archived[name], want, err)
		}
	}
}

// TestEncodings compares what is made in every encoding by every name with what git makes. It also tells if git knows
// an encoding by a name that is not known here, of those that are tried.
func TestEncodings(t *testing.T) {
	names := strings.Fields(`UTF-16 utf16 Utf-16LE UTF16le UTF-16BE UTF16BE UTF-16LE-BOM utf16le-bom UTF-16BE-BOM UTF16BE-bom
		UTF-32 utf32 UTF-32LE UTF32LE UTF-32BE utf32be ISO-8859-1 iso8859-1 ISO_8859-1 ISO88591 latin1 LATIN-1 l1 US-ASCII ascii`)
	unknown := strings.Fields("UTF-32LE-BOM UTF--16 UTF_16 UTF-16// UTF-16//IGNORE ASCII//TRANSLIT UTF-7 SHIFT-JIS ISO-8859-15 \u017fO-8859-1 no-such")
	contents := []string{"a", "ab", "abc", "\n", "ä", "\u0080\u00ff", "\u0100", "\u20ac", "\ufffd", "\ufffe\uffff", "\ufeff", "\ufeffab", "\U00010000", "\U0010ffff", "a\U0001f600b",
		"\U000e0000", "x\U000e0041y", "x\U000e007fy\U000e0001", "x\U000e0080y", "x\U000e0041€", "\x00", "\x7f", "\xff", "\x80", "a\xc3", "\xc3a", "\xc0\x80", "\xed\xa0\x80", "\xed\xa0\x80\xed\xb0\x80",
		"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe0\x80\x80", strings.Repeat("ä", 5000), strings.Repeat("a", 5000) + "\U0001f600", strings.Repeat("x\U000e0041", 3000)}
	files := make(map[string]string)
	for _, name := range append(names, unknown...) {
		dir := strings.ReplaceAll(name, "/", ":") + "/"
		files[dir+".gitattributes"] = "/f* working-tree-encoding=" + name
		for i, content := range contents {
			files[fmt.Sprintf("%sf%d", dir, i)] = content
		}
	}
	archived, err := newJudge(t).archive(files)
	if err != nil {
		t.Fatal(err)
	}
	s := setOf(files)
	for name, content := range files {
		encoding := strings.ReplaceAll(strings.Split(name, "/")[0], ":", "/")
		got, err := convert(s, name, content)
		var e *gitattr.EncodingError
		switch {
		case strings.HasSuffix(name, gitattr.File):
		case errors.As(err, &e):
			if strings.Contains(strings.Join(names, " "), encoding) || !strings.EqualFold(e.Encoding, encoding) || got != "" {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || got != archived[name]:
			t.Errorf("%s: %.200q becomes %.200q, want %.200q (%v)", name, content, got, archived[name], err)
		}
	}
}

// TestNoEncoding has what makes git give up.
func TestNoEncoding(t *testing.T) {
	j := newJudge(t)
	for text, want := range map[string]bool{
		"* working-tree-encoding":                              true,
		"* -working-tree-encoding":                             false,
		"* working-tree-encoding !working-tree-encoding":       false,
		"* working-tree-encoding=UTF-16 working-tree-encoding": true,
		"[attr]m working-tree-encoding\nf m":                   true,
		"[attr]m working-tree-encoding\nf -m":                  false,
		"g working-tree-encoding":                              false,
		"* working-tree-encoding -text":                        true,
		"d working-tree-encoding\nd/ working-tree-encoding":    false,
	} {
		files := map[string]string{".gitattributes": text, "d/f": ""}
		_, err := setOf(files).Lookup("d/f")
		_, fails := j.archive(files)
		if errors.Is(err, gitattr.ErrNoEncoding) != want || (fails != nil) != want {
			t.Errorf("%q: %v, git says %v, want a failure: %v", text, err, fails, want)
		}
	}
}

// TestWork has attributes that would take long, and must be given up, or done in good time.
func TestWork(t *testing.T) {
	if testing.Short() {
		t.Skip("goes to the limits")
	}
	var macros strings.Builder
	macros.WriteString("[attr]m0 ident\n")
	for i := range 40_000 {
		fmt.Fprintf(&macros, "[attr]m%d m%d\n", i+1, i)
	}
	tests := []struct {
		name, text, path string
		files            int
		want             error
	}{
		{"stars", "/" + strings.Repeat("*a", 500) + "[b] ident", strings.Repeat("a", 5000), 1, nil},
		{"deep stars", "/x/" + strings.Repeat("**/", 600) + "?b ident", "x/" + strings.Repeat("a/", 200) + "cb", 1, nil},
		{"chain of macros", macros.String() + "* m40000", "a", 10_000, gitattr.ErrComplicated},
		{"rules", strings.Repeat("a ident\n", 1<<19), "a", 1, gitattr.ErrComplicated},
		{"states", strings.Repeat("a"+strings.Repeat(" ident", 300)+"\n", 2000), "a", 1, gitattr.ErrComplicated},
		{"rules of no account", strings.Repeat("a x\n", 1<<20), "a", 10_000, nil},
		{"files of no account", "*.x ident\n* text=auto\n" + strings.Repeat("y text\n", 1<<16), "a/b/c", 10_000, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			var s gitattr.Set
			s.Add("", []byte(tt.text))
			var err error
			for range tt.files {
				if _, err = s.Lookup(tt.path); err != nil {
					break
				}
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			t.Log(time.Since(start))
		})
	}
}
