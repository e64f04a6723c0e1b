package push

import (
	"net/url"
	"strings"
	"unicode"
)

// Name gives a repository's URL the form in which a [Push] names it, so that the two can be compared: its host and
// path, as in "github.com/acme/mono". The scheme, user, port, query, a ".git" at the end and slashes around it don't
// count, and the host is in lower case; https, http, ssh and git URLs and git@HOST:PATH are understood. So two hosts
// at two ports of one name are one here. The path keeps its case, though most hosts have no two that differ by that
// alone: compare by [strings.EqualFold]. Where raw is no such URL, ok is false.
func Name(raw string) (name string, ok bool) {
	host, path := "", ""
	if scheme, _, found := strings.Cut(raw, "://"); found {
		u, err := url.Parse(raw)
		if err != nil {
			return "", false
		}
		switch strings.ToLower(scheme) {
		case "https", "http", "ssh", "git", "git+ssh":
		default:
			return "", false
		}
		host, path = u.Hostname(), u.Path
	} else if host, path, found = strings.Cut(raw, ":"); found {
		host = host[strings.LastIndexByte(host, '@')+1:]
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	name = strings.ToLower(host) + "/" + path
	if strings.ContainsAny(host, "/@") || !isPath(name) {
		return "", false
	}
	return name, true
}

// isPath reports whether path has elements, of which each could be a host's name or that of a directory.
func isPath(path string) bool {
	for elem := range strings.SplitSeq(path, "/") {
		if elem == "" || elem == "." || elem == ".." || strings.ContainsFunc(elem, func(r rune) bool { return !isPlain(r) }) {
			return false
		}
	}
	return true
}

func isPlain(r rune) bool {
	return r != unicode.ReplacementChar && r != '\\' && unicode.IsGraphic(r) && !unicode.IsSpace(r)
}
