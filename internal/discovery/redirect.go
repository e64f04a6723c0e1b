package discovery

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"example.com/vanity/internal/check"
)

// pathPlaceholder stands for the import path in a URL to redirect to.
const pathPlaceholder = "{path}"

// redirect returns where browsers are sent from the pages of im, with [pathPlaceholder]; "" for nowhere. What is wrong with
// that of the site is none of the import's faults, unless it leads back here.
func (s Site) redirect(im Import, prefix string) (string, error) {
	raw := im.Redirect
	if raw == "" {
		raw = s.Redirect
	}
	if raw == "" {
		return "", nil
	}
	u, err := parseRedirect(raw, prefix)
	switch {
	case err != nil && im.Redirect == "":
		return "", nil
	case err != nil:
		return "", err
	case s.isAt(u, prefix):
		return "", fmt.Errorf("%s is a page of this import itself: a browser would go round in circles", check.Quote(raw))
	}
	return raw, nil
}

// isAt reports whether u is at or below an import prefix, whatever its scheme and port, by any of the site's names.
func (s Site) isAt(u *url.URL, prefix string) bool {
	_, below, _ := strings.Cut(prefix, "/")
	return s.isOwn(strings.TrimSuffix(u.Hostname(), ".")) && (below == "" || strings.HasPrefix(path.Clean("/"+u.Path)+"/", "/"+below+"/"))
}

// parseRedirect parses a URL to redirect to, as it is for an import path.
func parseRedirect(raw, importPath string) (*url.URL, error) {
	before, _, ok := strings.Cut(raw, pathPlaceholder)
	if _, host, isURL := strings.Cut(before, "://"); ok && isURL && !strings.ContainsAny(host, "/?#") {
		return nil, fmt.Errorf("has %s in its host", pathPlaceholder)
	}
	filled := FillRedirect(raw, importPath)
	if strings.ContainsAny(filled, "{}") {
		return nil, fmt.Errorf("has a placeholder other than %s", pathPlaceholder)
	}
	return parsePublicURL(filled, vcsSchemes["mod"])
}

// FillRedirect returns the URL that a browser is sent to for an import path.
func FillRedirect(redirect, importPath string) string {
	return strings.ReplaceAll(redirect, pathPlaceholder, escape(importPath))
}
