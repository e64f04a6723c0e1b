package doctor_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"example.com/vanity/examples/server/internal/doctor"
)

// FuzzClean has text that is one line, fit for a terminal, and not endless, whatever it was; what is so already stays.
func FuzzClean(f *testing.F) {
	for _, text := range []string{"", "plain text", "\x1b[31m", "\u202e\u2028", "\xff\xef\xbf", "\ufffd", "ä€𝄞", strings.Repeat("x", 5000)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := doctor.Clean(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) && r != unicode.ReplacementChar }) || len(got) > 1100 {
			t.Errorf("%q comes to %q", text, got)
		}
		if len(text) < 1000 && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) && got != text {
			t.Errorf("%q comes to %q", text, got)
		}
	})
}

// FuzzPage has a tag that is taken lead for its path, whatever the page is.
func FuzzPage(f *testing.F) {
	for _, head := range []string{meta(good), meta(tool+" git https://h/r dir") + "<body>", "<!--" + meta(good) + "-->", `<?xml encoding="latin1"?>`, meta(good) + meta(good), "<p a=b"} {
		f.Add([]byte("<html><head>" + head))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tag := doctor.Chosen(body, tool+"/sub")
		prefix, _, _ := strings.Cut(tag, " ")
		if tag != "" && prefix != tool+"/sub" && !strings.HasPrefix(tool+"/sub", prefix+"/") {
			t.Errorf("%q is for %q", body, tag)
		}
	})
}
