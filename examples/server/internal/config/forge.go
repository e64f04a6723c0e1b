package config

import "example.com/vanity/internal/check"

func (g *Forge) check(f *check.Faults) {
	if g.Dir == "" {
		f.Add("forge.dir", "missing: the directory of the repositories")
	}
}
