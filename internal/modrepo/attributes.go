package modrepo

import (
	"bytes"
	"strings"
)

// converting gives the first attribute in an attributes file that might change the content of a file with a base
// name, on its way into an archive with core.autocrlf=input and core.eol=lf, as the go command makes it; empty if
// there is none. Under these settings, text and crlf leave what is stored alone; filters have no programs.
// What it can't tell it takes for a match.
func converting(attributes []byte, base string) string {
	attributes = bytes.TrimPrefix(attributes, []byte("\ufeff"))
	for line := range bytes.Lines(attributes) {
		fields := strings.FieldsFunc(string(line), isBlank)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") || !mayMatch(fields[0], base) {
			continue
		}
		for _, attr := range fields[1:] {
			name, _, _ := strings.Cut(attr, "=")
			if attr == "eol=crlf" || name == "ident" || name == "working-tree-encoding" {
				return attr
			}
		}
	}
	return ""
}

// isBlank reports what separates words for git, which is less than for Unicode.
func isBlank(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }

// mayMatch compares the two simplest kinds of pattern, a name and "*.ext", and says yes to all others.
func mayMatch(pattern, base string) bool {
	suffix, isSuffix := strings.CutPrefix(pattern, "*")
	if strings.ContainsAny(suffix, `*?[]\/"!`) {
		return true
	}
	if isSuffix {
		return strings.HasSuffix(base, suffix)
	}
	return pattern == base
}
