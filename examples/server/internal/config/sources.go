package config

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/vanity"
	"example.com/vanity/internal/check"
)

// checkSources looks for modules that would come from two places: what is stored of one would be served for the other.
func (c *Config) checkSources(f *check.Faults) {
	for i, m := range c.Modules {
		key := fmt.Sprintf("modules[%d].module", i)
		if m.Module == "" {
			continue
		}
		if at, err := c.Resolve(context.Background(), m.Module); err == nil && !isSame(at, m.Config()) {
			f.Add(key, fmt.Sprintf("%q is in paths, too, from another repository, directory or tags: one path has one source", m.Module))
		}
		for j, other := range c.Modules[:i] {
			if other.Module == m.Module && !isSame(other.Config(), m.Config()) {
				f.Add(key, fmt.Sprintf("%q is that of modules[%d], too, from another repository, directory or tags: one path has one source", m.Module, j))
			}
		}
	}
	if c.Forge == nil {
		return
	}
	for _, e := range c.Catalog() {
		if e.Proxy && strings.HasPrefix(e.Path, c.Forge.Host+"/") {
			f.Add(e.Key, fmt.Sprintf("%q is below the forge's host %q: one path has one source", e.Path, c.Forge.Host))
		}
	}
}

// NeedsGit reports whether the git program is needed: for mirrors, and for repositories on this machine.
func (c *Config) NeedsGit() bool {
	isLocal := func(m Module) bool { return check.Local(m.URL) }
	return c.Forge != nil || c.Mirror != nil || slices.ContainsFunc(c.Modules, isLocal)
}

// isSame reports whether two Configs say the same, however they write it.
func isSame(a, b vanity.Config) bool {
	plain := func(c vanity.Config) vanity.Config {
		c.URL = strings.TrimSuffix(strings.TrimSuffix(c.URL, "/"), ".git")
		c.Directory, c.Tags = strings.TrimSuffix(c.Directory, "/"), cmp.Or(c.Tags, "v*")
		return c
	}
	return plain(a) == plain(b)
}
