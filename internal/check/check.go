// Package check says what is wrong with the fields that configurations have in common: directories, patterns of tags,
// host names, texts. Reasons are for whoever wrote the field, and say what to write instead.
package check

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Directory says what is wrong with the directory of a module.
func Directory(dir string) (reasons []string) {
	if dir == "" {
		return nil
	}
	rest, rooted := strings.CutPrefix(dir, "/")
	switch {
	case dir == "/", dir == ".", dir == "./":
		return []string{"leave it empty for the repository's root"}
	case rooted:
		reasons = append(reasons, "begins with a slash: write it relative to the repository's root")
	}
	if !Elements(strings.TrimSuffix(rest, "/")) {
		reasons = append(reasons, `no element may be empty, "." or ".."`)
	}
	if strings.Contains(dir, `\`) {
		reasons = append(reasons, `has a backslash: write "/"`)
	}
	return append(reasons, Text(dir)...)
}

// refRules are those of git-check-ref-format(1), for the name of a tag below refs/tags/.
var refRules = []struct {
	reason string
	broken func(tag string) bool
}{
	{`git allows no space and none of ~ ^ : ? [ \ in a tag`, func(tag string) bool { return strings.ContainsAny(tag, ` ~^:?[\`) }},
	{`git allows no ".." in a tag`, func(tag string) bool { return strings.Contains(tag, "..") }},
	{`git allows no "@{" in a tag`, func(tag string) bool { return strings.Contains(tag, "@{") }},
	{`git allows no tag that ends with "."`, func(tag string) bool { return strings.HasSuffix(tag, ".") }},
	{`git allows no slash at the start or end of a tag, nor "//"`, anyElement(func(elem string) bool { return elem == "" })},
	{`git allows no element of a tag that begins with "."`, anyElement(func(elem string) bool { return strings.HasPrefix(elem, ".") })},
	{`git allows no element of a tag that ends with ".lock"`, anyElement(func(elem string) bool { return strings.HasSuffix(elem, ".lock") })},
}

// anyElement reports whether f holds for an element of a slash-separated path.
func anyElement(f func(elem string) bool) func(path string) bool {
	return func(path string) bool {
		for more := true; more; { // not by strings.SplitSeq, which takes memory
			var elem string
			if elem, path, more = strings.Cut(path, "/"); f(elem) {
				return true
			}
		}
		return false
	}
}

// Tags says what is wrong with a pattern of tags.
func Tags(pattern string) (reasons []string) {
	if pattern == "" {
		return nil
	}
	switch n := strings.Count(pattern, "*"); {
	case n == 0:
		reasons = append(reasons, `has no "*" to stand for the version: write `+Quote(pattern+"*")+" if the version comes last")
		pattern += "*"
	case n > 1:
		reasons = append(reasons, fmt.Sprintf(`has %d "*": want one, which stands for the version`, n))
	}
	tag := strings.ReplaceAll(pattern, "*", "1.2.3")
	for _, rule := range refRules {
		if rule.broken(tag) {
			reasons = append(reasons, rule.reason)
		}
	}
	return append(reasons, Text(tag)...)
}

// Text says what is wrong with any text that is to be part of a URL and of a message.
func Text(s string) (reasons []string) {
	if !utf8.ValidString(s) {
		reasons = append(reasons, "is not valid UTF-8")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		reasons = append(reasons, "has a control character: remove it")
	}
	return reasons
}

// Elements reports whether path has at least one element and none that a cleaning of the path would remove.
func Elements(path string) bool {
	return !anyElement(func(elem string) bool { return elem == "" || elem == "." || elem == ".." })(path)
}

// Local reports whether the URL of a Config is a local path. On Windows it may begin with a drive letter.
func Local(raw string) bool {
	return strings.HasPrefix(raw, "/") || filepath.IsAbs(raw)
}

// Host reports whether u has a host that can be dialled, and no port or one that is a number from 1 to 65535.
func Host(u *url.URL) bool {
	name, port := u.Hostname(), u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0 || port[0] == '0') || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(name)
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	return Name(name)
}

// Name reports whether s is a host name in ASCII, or an IPv4 address.
func Name(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return len(s) <= 253 && !slices.ContainsFunc(strings.Split(s, "."), func(label string) bool {
		return label == "" || strings.Trim(label, letters) != ""
	})
}

// Redact hides what may be a credential: all that precedes the last "@" of a URL, its query and its fragment. The
// user of git@host is nobody's secret.
func Redact(raw string) string {
	if Local(raw) {
		return raw
	}
	if i := strings.LastIndex(raw, "@"); i >= 0 {
		scheme, user := "", raw[:i]
		if j := strings.Index(user, "://"); j >= 0 && !strings.ContainsAny(user[:j], ":/@") {
			scheme, user = user[:j+3], user[j+3:]
		}
		if user != "git" {
			raw = scheme + "xxxxx" + raw[i:]
		}
	}
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		raw = raw[:i+1] + "xxxxx"
	}
	return raw
}

// Quote quotes s for a message, cut to a length that a message can bear.
func Quote(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}
