package discovery

import "strings"

// A Match is the import that a path belongs to.
type Match struct {
	Key  string // of the import, as it is spelt
	Path string // what the import prefix has after the host, without slashes at its ends
	Elem string // what the wildcard of the key stands for; "" if it has none
}

// CleanKey returns what the import prefix of a key has after the host: a key may have a slash at either end.
func CleanKey(key string) string {
	return strings.TrimSuffix(strings.TrimPrefix(key, "/"), "/")
}

// Find returns the longest prefix in paths that path, which has no slashes at its ends, is at or below; of two that are
// equally long, the one without a wildcard. It looks for all spellings of a key, so that paths needs no index. No key has
// more than longest bytes: that bounds the work, and a path of a million slashes costs no more.
func Find[V any](paths map[string]V, path string, longest int) (Match, bool) {
	if len(path) > longest {
		if i := strings.IndexByte(path[longest:], '/'); i >= 0 {
			path = path[:longest+i]
		}
	}
	slashed := "/" + path + "/"
	for n := len(path); n > 0; {
		if key, ok := spelling(paths, slashed[:n+2]); ok {
			return Match{Key: key, Path: path[:n]}, true
		}
		parent := max(strings.LastIndexByte(path[:n], '/'), 0)
		elem := strings.TrimPrefix(path[parent:n], "/")
		if key, ok := spelling(paths, strings.TrimSuffix(slashed[:parent+1], "/")+"/*/"); ok && validElement(elem) {
			return Match{Key: key, Path: path[:n], Elem: elem}, true
		}
		n = parent
	}
	key, ok := spelling(paths, "//")
	return Match{Key: key}, ok
}

// spelling returns the key that is slashed, with or without the slashes at its ends.
func spelling[V any](paths map[string]V, slashed string) (string, bool) {
	end := len(slashed) - 1
	for _, key := range [...]string{slashed[1:end], slashed[:end], slashed[1:], slashed} {
		if _, ok := paths[key]; ok {
			return key, true
		}
	}
	return "", false
}
