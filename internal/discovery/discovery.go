// Package discovery makes the pages by which the go command finds where the code of an import path lives.
package discovery

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/check"
)

// A Site is what the imports of a vanity.Site have in common.
type Site struct {
	Host  string   // host name and perhaps a path, without a slash at its end
	Hosts []string // further host names, with the same path
	Proxy string   // base of a GOPROXY, for the imports that need one

	Redirect string // where browsers are sent, if an import doesn't say

	use string // the one of Hosts that is in use; "" for the name in Host
}

// Check returns what is wrong with s, by the keys of a vanity.Site, and a site whose imports can be checked.
func (s Site) Check() (Site, check.Faults) {
	var faults check.Faults
	if err := checkHost(s.Host); err != nil {
		faults.Add("host", err.Error())
		s.Host = "host.invalid"
	}
	seen := map[string]bool{s.Name(): true}
	for i, name := range s.Hosts {
		key := fmt.Sprintf("hosts[%d]", i)
		if err := checkHost(name); err != nil {
			faults.Add(key, err.Error())
		} else if strings.Contains(name, "/") {
			faults.Add(key, check.Quote(name)+" has a path: that of host is meant")
		} else if seen[name] {
			faults.Add(key, check.Quote(name)+" is named twice")
		}
		seen[name] = true
	}
	if _, err := s.proxyURL(s.Proxy); err != nil {
		faults.Add("proxy", err.Error())
	}
	if s.Redirect != "" {
		if _, err := parseRedirect(s.Redirect, s.Name()); err != nil {
			faults.Add("redirect", err.Error())
		} else if strings.Contains(s.Redirect, "*") {
			faults.Add("redirect", `has a "*", which only the redirect of a wildcard may have`)
		}
	}
	return s, faults
}

// Name returns the host name in use.
func (s Site) Name() string {
	if s.use != "" {
		return s.use
	}
	name, _, _ := strings.Cut(s.Host, "/")
	return name
}

// Prefix returns the import prefix of what [CleanKey] has made of a key, at the host in use.
func (s Site) Prefix(path string) string {
	host := s.Host
	if s.use != "" {
		_, below, ok := strings.Cut(s.Host, "/")
		if host = s.use; ok {
			host += "/" + below
		}
	}
	if path == "" {
		return host
	}
	return host + "/" + path
}

// At returns s with that of its host names in use which host is, a name and perhaps a port; if it is none of them, the
// one in Host.
func (s Site) At(host string) Site {
	name, _, _ := strings.Cut(host, ":")
	s.use = ""
	for _, known := range s.Hosts {
		if strings.EqualFold(known, name) {
			s.use = known
		}
	}
	return s
}

// Base returns the base of the GOPROXY that serves im, as it was configured; "" for none.
func (s Site) Base(im Import) string {
	if im.Proxy == "" && im.isGit() && (im.Directory != "" || im.Tags != "") {
		return s.Proxy
	}
	return im.Proxy
}

// Serves reports whether im is a git repository's, and proxied by a base on one of the site's own hosts, whatever
// its scheme and port; but not by one that says by itself where the module is, as those of a Gosub do.
func (s Site) Serves(im Import) bool {
	base := s.Base(im)
	if base == "" || im.Repo == "" || !im.isGit() || strings.HasSuffix(base, ";") {
		return false
	}
	if base[0] == '/' {
		return true
	}
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	return s.isOwn(u.Hostname())
}

// isOwn reports whether host is one of the site's names.
func (s Site) isOwn(host string) bool {
	s.use = ""
	return strings.EqualFold(host, s.Name()) || slices.ContainsFunc(s.Hosts, func(name string) bool {
		return strings.EqualFold(host, name)
	})
}

// Conventional reports whether im's versions are where the go command itself looks for them, be they tagged so or not
// proxied.
func (s Site) Conventional(im Import) bool {
	im.Proxy = s.Base(im)
	return im.goCommandsTags(strings.TrimSuffix(im.Directory, "/"))
}

// Cut returns what an import path has after the host in use, without slashes at its ends; false if it is elsewhere.
func (s Site) Cut(importPath string) (path string, ok bool) {
	rest, ok := strings.CutPrefix(importPath, s.Prefix(""))
	if !ok || s.Host == "" || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.TrimPrefix(rest, "/"), true
}

// checkHost returns what is wrong with host, a host name and perhaps a path.
func checkHost(host string) error {
	name, _, _ := strings.Cut(host, "/")
	switch {
	case host == "":
		return errors.New("missing: the import paths begin with it")
	case strings.Contains(host, "://"):
		return fmt.Errorf("%q has a scheme: import paths have none", host)
	case strings.Contains(name, ":"):
		return fmt.Errorf("%q has a port: the go command refuses import paths with a port", host)
	}
	if err := module.CheckPath(name); err != nil {
		return fmt.Errorf("%q: %w", host, check.PathReason(err))
	}
	if err := module.CheckImportPath(host); err != nil {
		return fmt.Errorf("%q: %w", host, check.PathReason(err))
	}
	return nil
}

// proxyURL returns the GOPROXY base to print, without a trailing slash; "" for none.
func (s Site) proxyURL(base string) (string, error) {
	if base == "" {
		return "", nil
	}
	if base[0] == '/' {
		base = "https://" + s.Name() + base
	} else if !strings.Contains(base, "://") {
		return "", fmt.Errorf(`%s is neither a path on this host, such as "/go", nor an absolute URL`, check.Quote(check.Redact(base)))
	}
	u, err := parsePublicURL(base, vcsSchemes["mod"])
	if err == nil {
		err = checkProxyURL(u, base)
	}
	return strings.TrimSuffix(base, "/"), err
}
