package discovery

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/check"
)

// CutWildcard returns what a key that [CleanKey] has made has before its wildcard, with the slash.
func CutWildcard(path string) (parent string, ok bool) {
	parent, ok = strings.CutSuffix(path, "*")
	return parent, ok && (parent == "" || strings.HasSuffix(parent, "/"))
}

// Sample stands for the path element of a wildcard where an import is checked before there is one.
const Sample = "NAME"

// maxElement is the length of the longest name of a file.
const maxElement = 255

// validElement reports whether a wildcard may stand for elem: an element of a module path that means nothing else in
// the path, in a URL or in a tag. A major version belongs to the module before it, and what ends like "x.git" the go
// command takes for a repository that needs no discovery.
func validElement(elem string) bool {
	if elem == "" || len(elem) > maxElement || elem[0] == '-' || strings.Contains(elem, "..") {
		return false
	}
	if elem[0] == 'v' && strings.Trim(elem[1:], "0123456789") == "" {
		return false
	}
	for _, vcs := range [...]string{".bzr", ".fossil", ".git", ".hg", ".svn"} {
		if strings.HasSuffix(strings.ToLower(elem), vcs) {
			return false
		}
	}
	return !strings.Contains(elem, "/") && module.CheckPath("host.invalid/"+elem) == nil
}

// Expand returns im with elem in place of what stands for the path element of its wildcard.
func (im Import) Expand(elem string) Import {
	for _, field := range []*string{&im.Repo, &im.Display, &im.Directory, &im.Redirect, &im.Description} {
		*field = strings.ReplaceAll(*field, "*", elem)
	}
	if strings.Count(im.Tags, "*") > 1 { // the last stands for the version
		im.Tags = strings.Replace(im.Tags, "*", elem, 1)
	}
	return im
}

// CheckWildcard returns what is wrong with im, as the import of a wildcard, besides what is wrong with it once it is
// expanded.
func (im Import) CheckWildcard() (faults check.Faults) {
	switch n := strings.Count(im.Repo, "*"); {
	case im.Repo == "":
		faults.Add("repo", "missing: a wildcard needs one")
	case n > 1:
		faults.Add("repo", fmt.Sprintf(`has %d "*": want one, which stands for the path element`, n))
	case n == 1 && (starsHost(im.Repo) || strings.ContainsAny(im.Repo[:strings.IndexByte(im.Repo, '*')], "?#")):
		faults.Add("repo", `has its "*" outside of the path`)
	case n == 0 && !strings.Contains(im.Directory, "*"):
		faults.Add("repo", `has no "*" to stand for the path element, nor has directory: every path would be the same module`)
	}
	if slices.ContainsFunc(strings.Fields(im.Display), starsHost) {
		faults.Add("display", `has a "*" in a host`)
	}
	if starsHost(im.Redirect) {
		faults.Add("redirect", `has a "*" in its host`)
	}
	return faults
}

// CheckPlain returns what is wrong with im, as the import of a key without a wildcard, besides what is wrong with it anyway.
func (im Import) CheckPlain() (faults check.Faults) {
	for _, field := range [...]struct{ key, value string }{{"repo", im.Repo}, {"directory", im.Directory}, {"redirect", im.Redirect}} {
		if strings.Contains(field.value, "*") {
			faults.Add(field.key, check.Quote(field.value)+` has a "*", but the key ends in none that it could stand for`)
		}
	}
	return faults
}

// starsHost reports whether a URL has a "*" before its path: who asks for a path must not say which host a browser is led
// to.
func starsHost(raw string) bool {
	before, _, ok := strings.Cut(raw, "*")
	_, host, _ := strings.Cut(before, "://")
	return ok && !strings.ContainsAny(host, "/?#")
}
