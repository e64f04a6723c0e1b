package config

import (
	"path"
	"slices"
	"strings"
)

// Guards gives the rules that whoever reads all of a repository, which has a URL, must satisfy: the one that matches the
// repository itself, or if there is none, all that may match a module in it.
func (c *Config) Guards(url string) (rules []*Rule) {
	name := RepositoryName(url)
	names := []string{name}
	if own := c.forgeName(url); own != "" {
		names = append(names, own)
	}
	if own := c.Rule(names...); own != nil {
		return []*Rule{own}
	}
	prefixes := names
	for _, s := range c.sourcesAt(name) {
		prefixes = append(prefixes, c.variants(s.prefix)...)
	}
	for i := range c.Access {
		if r := &c.Access[i]; !r.Public && slices.ContainsFunc(prefixes, r.mayMatch) {
			rules = append(rules, r)
		}
	}
	return rules
}

// forgeName is what the forge calls a repository on this machine; empty if it isn't the forge's.
func (c *Config) forgeName(file string) string {
	if c.Forge == nil {
		return ""
	}
	below, ok := strings.CutPrefix(path.Clean(file), strings.TrimSuffix(c.Forge.Dir, "/")+"/")
	if !ok {
		return ""
	}
	return c.Forge.Host + "/" + strings.TrimSuffix(below, ".git")
}

// mayMatch reports whether a rule matches a prefix, or something that may be below it. What has no name may be anything.
func (r *Rule) mayMatch(prefix string) bool {
	if prefix == "" {
		return true
	}
	return slices.ContainsFunc(r.Match, func(pattern string) bool {
		p, q := strings.Split(strings.ToLower(pattern), "/"), strings.Split(strings.ToLower(prefix), "/")
		for i := range min(len(p), len(q)) {
			if ok, _ := path.Match(p[i], q[i]); !ok && !strings.Contains(q[i], "*") {
				return false
			}
		}
		return true
	})
}
