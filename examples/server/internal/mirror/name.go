package mirror

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"example.com/vanity/internal/check"
)

// localHost is the first element of the path of a mirror whose original is on this machine.
const localHost = "localhost"

// parse reads the URL of a repository.
func parse(raw string) (*repository, error) {
	if check.Local(raw) {
		return parseLocal(raw)
	}
	fail := func(reason string) (*repository, error) {
		return nil, fmt.Errorf("repository %s: %s", check.Quote(check.Redact(raw)), reason)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !check.Host(u) {
		return fail("want https://HOST/PATH, or the absolute path of a repository on this machine")
	}
	switch {
	case u.User != nil:
		return fail("has a user or a password: leave them to the credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(raw, "#"):
		return fail("has a query or a fragment")
	case u.RawPath != "":
		return fail("has an escape that it needs not")
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme + host[strings.LastIndexByte(host, ':')+1:] {
	case "https443", "http80":
		host = host[:strings.LastIndexByte(host, ':')]
	}
	path, reason := repositoryPath(u.Path)
	if reason != "" {
		return fail(reason)
	}
	own := &url.URL{Scheme: u.Scheme, Host: host, Path: strings.TrimSuffix(u.Path, "/")}
	return &repository{scheme: u.Scheme, host: host, url: own.String(), path: host + "/" + path}, nil
}

func parseLocal(raw string) (*repository, error) {
	path, reason := repositoryPath("/" + strings.TrimPrefix(filepath.ToSlash(raw), "/"))
	if reason != "" {
		return nil, fmt.Errorf("repository %s: %s", check.Quote(raw), reason)
	}
	return &repository{url: filepath.Clean(raw), path: localHost + "/" + path}, nil
}

// repositoryPath is the part of a mirror's path that comes from its original's, or the reason why there can't be one.
func repositoryPath(path string) (clean, reason string) {
	clean = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if work, ok := strings.CutSuffix(clean, "/.git"); ok { // where there is a work tree
		clean = work
	}
	clean = strings.TrimSuffix(clean, ".git")
	if reasons := check.Text(clean); len(reasons) > 0 {
		return "", reasons[0]
	}
	switch {
	case !check.Elements(clean):
		return "", `no element of its path may be empty, "." or ".."`
	case strings.Contains(clean, `\`):
		return "", `has a backslash: write "/"`
	}
	for elem := range strings.SplitSeq(clean, "/") {
		if strings.HasSuffix(strings.ToLower(elem), ".git") { // it would be in another mirror
			return "", `only the end of its path may be ".git", and only once`
		}
	}
	return clean, ""
}

// shelfName is a mirror's path as names on a [Shelf] have it: the same whatever the case of letters, and without what some
// store may not have in names.
func shelfName(path string) string {
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case 'A' <= c && c <= 'Z':
			b.WriteByte('!')
			b.WriteByte(c + 'a' - 'A')
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '-', c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}
