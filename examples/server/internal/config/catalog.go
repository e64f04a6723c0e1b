package config

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"example.com/vanity"
	"example.com/vanity/internal/check"
	"example.com/vanity/internal/discovery"
)

// An Entry is a module that the file names, without wildcards: what can be checked, warmed and exported without being asked for
// by anybody.
type Entry struct {
	Key    string        // where in the file, as paths["tool"]
	Path   string        // module path; empty if only go.mod says it
	Page   bool          // the site has a page for it
	Proxy  bool          // this server serves it, below Base; else its page sends the go command elsewhere
	Base   string        // "/go"; empty for the root
	Config vanity.Config // where it is kept; without a URL if the file doesn't say
}

// Catalog gives the modules that the file names, in the order of paths, then of modules.
func (c *Config) Catalog() (all []Entry) {
	for _, key := range slices.Sorted(maps.Keys(c.Paths)) {
		if !strings.Contains(key, "*") {
			all = append(all, c.siteEntry(key, c.Paths[key]))
		}
	}
	for i, m := range c.Modules {
		all = append(all, Entry{
			Key: fmt.Sprintf("modules[%d]", i), Path: m.Module, Proxy: true, Base: m.Base, Config: m.Config(),
		})
	}
	return all
}

func (c *Config) siteEntry(key string, i vanity.Import) Entry {
	e := Entry{
		Key: fmt.Sprintf("paths[%q]", key), Path: c.PrefixOf(key), Page: true,
		Config: vanity.Config{URL: i.Repo, Directory: i.Directory, Tags: i.Tags},
	}
	if cfg, err := c.Resolve(context.Background(), e.Path); err == nil {
		e.Proxy, e.Base, e.Config = true, c.BaseOf(e.Path), cfg
	}
	return e
}

// PrefixOf gives the import prefix of a key of paths, with the "*" of a wildcard.
func (c *Config) PrefixOf(key string) string { return c.discovery().Prefix(strings.Trim(key, "/")) }

// discovery gives what the imports of the site have in common.
func (c *Config) discovery() discovery.Site {
	return discovery.Site{Host: c.Host, Hosts: c.Hosts, Proxy: c.Proxy}
}

// BaseOf gives the base at which the site's proxy serves a module path; empty for the root, and if nothing is known of it.
func (c *Config) BaseOf(modulePath string) string {
	match, ok := c.find(modulePath)
	if !ok {
		return ""
	}
	return pathOf(c.discovery().Base(discovery.Import(c.Paths[match.Key])))
}

// find gives the key of the import that a module path belongs to, at whichever of the site's hosts.
func (c *Config) find(modulePath string) (discovery.Match, bool) {
	host, _, _ := strings.Cut(modulePath, "/")
	rest, ok := c.discovery().At(host).Cut(modulePath)
	if !ok {
		return discovery.Match{}, false
	}
	return discovery.Find(c.Paths, rest, len(rest))
}

// pathOf gives the path of the base of a GOPROXY, as it is written; empty for the root.
func pathOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// repositories gives those that the file names, apart from wildcards, each once, however often it is written.
func (c *Config) repositories() (urls []string) {
	seen := make(map[string]bool)
	for _, e := range c.Catalog() {
		name := strings.ToLower(RepositoryName(e.Config.URL))
		if e.Config.URL != "" && !seen[name] && !check.Local(e.Config.URL) && (vanity.Config{URL: e.Config.URL}).Validate() == nil {
			seen[name] = true
			urls = append(urls, e.Config.URL)
		}
	}
	slices.Sort(urls)
	return urls
}
