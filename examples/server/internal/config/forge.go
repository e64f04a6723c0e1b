package config

import (
	"path"

	"example.com/vanity"
)

// Forge is what vanity.GoproxyFunc serves it by.
func (g *Forge) Forge() vanity.Forge {
	return vanity.Forge{Host: g.Host, Dir: g.Dir, Mirrors: g.Mirrors}
}

// ForgeNames gives the names that the forge has for a module, and for the repository that it is in; nil if it isn't the forge's.
func (c *Config) ForgeNames(at vanity.Config) []string {
	repository := c.forgeName(at.URL)
	if repository == "" {
		return nil
	}
	return []string{path.Join(repository, at.Directory), repository}
}
