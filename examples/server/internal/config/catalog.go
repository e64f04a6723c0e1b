package config

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"example.com/vanity"
	"example.com/vanity/internal/check"
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
	if c.HasSite() {
		for _, key := range slices.Sorted(maps.Keys(c.Paths)) {
			if !strings.Contains(key, "*") {
				all = append(all, c.siteEntry(key, c.Paths[key]))
			}
		}
	}
	for i, m := range c.Modules {
		all = append(all, Entry{
			Key: fmt.Sprintf("modules[%d]", i), Path: m.Module, Proxy: true, Base: strings.TrimSuffix(m.Base, "/"), Config: m.Config(),
		})
	}
	return all
}

func (c *Config) siteEntry(key string, i vanity.Import) Entry {
	e := Entry{
		Key: fmt.Sprintf("paths[%q]", key), Path: strings.TrimSuffix(strings.TrimSuffix(c.Host, "/")+"/"+strings.Trim(key, "/"), "/"), Page: true,
		Config: vanity.Config{URL: i.Repo, Directory: i.Directory, Tags: i.Tags},
	}
	if cfg, err := c.Resolve(context.Background(), e.Path); err == nil {
		e.Proxy, e.Config = true, cfg
		if u, err := url.Parse(cmp.Or(i.Proxy, c.Proxy)); err == nil {
			e.Base = strings.TrimSuffix(u.Path, "/")
		}
	}
	return e
}

// repositories gives those that the file names, apart from wildcards, each once.
func (c *Config) repositories() (urls []string) {
	for _, e := range c.Catalog() {
		if e.Config.URL != "" && !check.Local(e.Config.URL) && (vanity.Config{URL: e.Config.URL}).Validate() == nil {
			urls = append(urls, e.Config.URL)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// PrefixesOf gives the import prefixes whose code is in a repository, named as HOST/PATH, wildcards filled in;
// and the modules. The case of letters makes no difference.
func (c *Config) PrefixesOf(repository string) (prefixes []string) {
	host := strings.TrimSuffix(c.Host, "/") + "/"
	for key, i := range c.Paths {
		before, after, wild := strings.Cut(strings.ToLower(RepositoryName(i.Repo)), "*")
		name, ok := strings.CutPrefix(strings.ToLower(repository), before)
		if ok && wild {
			name, ok = strings.CutSuffix(name, after)
		}
		if ok && (wild && name != "" && !strings.Contains(name, "/") || !wild && name == "") {
			prefixes = append(prefixes, strings.TrimSuffix(host+strings.ReplaceAll(strings.Trim(key, "/"), "*", name), "/"))
		}
	}
	for _, m := range c.Modules {
		if m.Module != "" && strings.EqualFold(RepositoryName(m.URL), repository) {
			prefixes = append(prefixes, m.Module)
		}
	}
	slices.Sort(prefixes)
	return slices.Compact(prefixes)
}

// RepositoryName names a repository as HOST/PATH, without scheme, port and ".git"; a local one by its path.
func RepositoryName(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return strings.ToLower(u.Hostname()) + strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")
}
