package forge

import (
	"net/url"
	"strings"

	"golang.org/x/mod/module"
)

// usualPorts are the schemes of URLs that git fetches from a host by, and their ports.
var usualPorts = map[string]string{"https": "443", "http": "80", "ssh": "22", "git": "9418"}

// maxName is the length of the longest name of what a mirror mirrors, in bytes.
const maxName = 1024

// ModulePath gives the path of the module at the root of the repository that git knows by a URL, https://HOST/PATH, ssh, git and
// http alike, or USER@HOST:PATH: HOST/PATH without ".git" at its end, with the host in lower case. User and password are left
// out.
//
// There is none for what the go command would not look for there: a port that is not the scheme's own, a query, escapes,
// an element such as "..", or whatever else a module path can't have; nor for a path on this machine.
func ModulePath(rawURL string) (path string, ok bool) {
	host, path, ok := splitURL(rawURL)
	if !ok {
		return "", false
	}
	path = strings.TrimSuffix(strings.TrimSuffix(path, "/"), suffix)
	name := strings.ToLower(host) + "/" + path
	if len(name) > maxName || module.CheckPath(strings.ToLower(host)) != nil || module.CheckImportPath(name) != nil {
		return "", false
	}
	for elem := range strings.SplitSeq(path, "/") {
		if !isElement(elem) {
			return "", false
		}
	}
	return name, true
}

// splitURL cuts a URL, without a slash at the start of the path.
func splitURL(rawURL string) (host, path string, ok bool) {
	if !strings.Contains(rawURL, "://") {
		return splitSSH(rawURL)
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || strings.ContainsAny(rawURL, "?#\\") || strings.Contains(u.EscapedPath(), "%") {
		return "", "", false
	}
	usual, ok := usualPorts[u.Scheme]
	authority, _, _ := strings.Cut(rawURL[len(u.Scheme)+len("://"):], "/")
	if !ok || strings.Count(authority, "@") > 1 || u.Port() != "" && u.Port() != usual {
		return "", "", false
	}
	path, ok = strings.CutPrefix(u.Path, "/")
	return u.Hostname(), path, ok
}

// splitSSH cuts [USER@]HOST:PATH, which is none if a slash comes before the colon.
func splitSSH(rawURL string) (host, path string, ok bool) {
	host, path, ok = strings.Cut(rawURL, ":")
	if i := strings.IndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return host, strings.TrimPrefix(path, "/"), ok && !strings.Contains(host, "/") // another "@" is no host's
}
