package config

import (
	"cmp"
	"context"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/push"
	"example.com/vanity/internal/check"
	"example.com/vanity/internal/discovery"
	"example.com/vanity/internal/form"
)

// RepositoryName names a repository as HOST/PATH, without scheme, port and ".git", as [push.Name] does; one on this machine as
// localhost/PATH. What no event may name, as with a blank in its path, has such a name, too: access rules go by it.
func RepositoryName(raw string) string {
	own := func(path string) string {
		return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(path, "/"), ".git"), "/")
	}
	if check.Local(raw) {
		return "localhost" + own(raw)
	}
	if name, ok := push.Name(raw); ok {
		return name
	}
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return strings.ToLower(u.Hostname()) + own(u.Path)
}

// A source is a repository that an import or a module is in, as the file writes it.
type source struct {
	url    string // of the repository
	prefix string // import prefix; with a "*" where only the directory says the element
	wild   string // what the tags of such an import look like, the first "*" being the element
}

// sourcesAt gives what is in a repository that is named as [RepositoryName] does, the case of letters making no difference:
// git hosts write it as they like. The element of a wildcard has the case that the name has.
func (c *Config) sourcesAt(repository string) (all []source) {
	for _, key := range slices.Sorted(maps.Keys(c.Paths)) {
		i := c.Paths[key]
		prefix := c.PrefixOf(key)
		name := RepositoryName(i.Repo)
		before, after, inRepo := strings.Cut(name, "*")
		switch n := len(repository) - len(after); {
		case !inRepo && strings.EqualFold(name, repository):
			all = append(all, source{i.Repo, prefix, c.tagsOf(i)})
		case !inRepo, n <= len(before):
		default:
			elem := repository[len(before):n]
			if !strings.Contains(elem, "/") && strings.EqualFold(before+elem+after, repository) {
				all = append(all, source{strings.ReplaceAll(i.Repo, "*", elem), strings.ReplaceAll(prefix, "*", elem), ""})
			}
		}
	}
	for _, m := range c.Modules {
		if isNamed(m.URL, repository) {
			all = append(all, source{m.URL, m.Module, ""})
		}
	}
	return all
}

// isNamed reports whether a URL is of a repository, as [RepositoryName] names it.
func isNamed(url, repository string) bool { return strings.EqualFold(RepositoryName(url), repository) }

// tagsOf gives what the tags of an import look like, as far as that isn't "v*".
func (c *Config) tagsOf(i vanity.Import) string {
	if im := discovery.Import(i); i.Tags == "" && i.Directory != "" && c.discovery().Base(im) == "" {
		return strings.TrimSuffix(i.Directory, "/") + "/v*" // where the go command looks
	}
	return i.Tags
}

// URLsOf gives the URLs by which the file names a repository.
func (c *Config) URLsOf(repository string) (urls []string) {
	for _, s := range c.sourcesAt(repository) {
		urls = append(urls, s.url)
	}
	if c.Mirror != nil {
		for _, r := range c.Mirror.Repositories {
			if isNamed(r, repository) {
				urls = append(urls, r)
			}
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// A Resolver says where a module is kept, as [vanity.Site.Resolve] does.
type Resolver func(ctx context.Context, modulePath string) (vanity.Config, error)

// Released gives what a tag of a repository is a version of at the site's proxies here: for each import the names that the version
// may have, with its major version in the path, or "+incompatible". At most one of them is there, and the likelier goes first.
// An import with a wildcard in its directory, whose tags don't say the element, has no name here: the tag is one of all.
func (c *Config) Released(repository, tag string) (all [][]module.Version) {
	return c.releasedBy(c.Resolve, repository, tag)
}

// ReleasedPlain is Released for imports without a proxy, which the go command fetches from their repository itself.
func (c *Config) ReleasedPlain(repository, tag string) (all [][]module.Version) {
	return c.releasedBy(c.ResolvePlain, repository, tag)
}

func (c *Config) releasedBy(resolve Resolver, repository, tag string) (all [][]module.Version) {
	here := func(url string) bool { return isNamed(url, repository) }
	for _, s := range c.sourcesAt(repository) {
		prefixes := []string{s.prefix}
		if strings.Contains(s.prefix, "*") {
			prefixes = nil
			for _, elem := range elementsOf(s.wild, tag) {
				prefixes = append(prefixes, strings.ReplaceAll(s.prefix, "*", elem))
			}
		}
		var names []module.Version
		for _, prefix := range prefixes {
			names = append(names, released(resolve, here, prefix, tag)...)
		}
		known := slices.ContainsFunc(all, func(others []module.Version) bool { return slices.Equal(others, names) })
		if len(names) > 0 && !known { // the modules may say what the site says
			all = append(all, names)
		}
	}
	return all
}

// ResolvePlain says where a module of the site is kept that the go command fetches from its repository itself, be it the import's
// or one in a directory below, as [vanity.Site.Resolve] does for those that are served here.
func (c *Config) ResolvePlain(ctx context.Context, modulePath string) (vanity.Config, error) {
	match, ok := c.find(modulePath)
	im := discovery.Import(c.Paths[match.Key])
	if match.Elem != "" {
		im = im.Expand(match.Elem)
	}
	if !ok || c.discovery().Base(im) != "" {
		return vanity.Config{}, fs.ErrNotExist
	}
	im.Tags, im.Proxy = c.tagsOf(vanity.Import(im)), "/" // as if it were served here
	alone := vanity.Site{Host: c.Host, Hosts: c.Hosts, Paths: map[string]vanity.Import{match.Path: vanity.Import(im)}}
	cfg, err := alone.Resolve(ctx, modulePath)
	if err != nil {
		return vanity.Config{}, err
	}
	return cfg, cfg.Validate() // one by ssh, say, is not for everybody
}

// elementsOf gives what the first "*" of a pattern with two may stand for in a tag, the shortest first, be it the tag of a module
// below the element's, as libs/log/deep/v1.0.0 by libs/*/v*. Which of them has such a tag, its own pattern says.
func elementsOf(pattern, tag string) (elems []string) {
	before, rest, ok := strings.Cut(pattern, "*")
	follows, _, ok2 := strings.Cut(rest, "*")
	below, ok3 := strings.CutPrefix(tag, before)
	if !ok || !ok2 || !ok3 {
		return nil
	}
	for n := range below {
		if n > 0 && (strings.HasPrefix(below[n:], follows) || below[n] == '/' && strings.HasPrefix(follows, "/")) {
			elems = append(elems, below[:n])
		}
		if below[n] == '/' {
			break
		}
	}
	return elems
}

// Released gives the names that the version may have which a tag makes, as [Config.Released] does: a GOPROXY of one module has no
// other, not even those below. Where only go.mod says the path there is no name: it would have to be read first.
func (m Module) Released(repository, tag string) []module.Version {
	if m.Module == "" || !isNamed(m.URL, repository) {
		return nil
	}
	return namesOf(m.Config(), m.Module, versionOf(m.Config(), tag))
}

// ReleasedBy gives the names, as [Config.Released] does, of what a tag is a version of at or below a module path that a resolver
// knows: of the module itself, or of the nested one whose directory the tag names.
func ReleasedBy(resolve Resolver, modulePath, tag string) []module.Version {
	at, err := resolve(context.Background(), modulePath)
	if err != nil {
		return nil
	}
	return released(resolve, func(url string) bool { return url == at.URL }, modulePath, tag)
}

// released is ReleasedBy for what is in a repository: a path below may be elsewhere.
func released(resolve Resolver, here func(url string) bool, modulePath, tag string) (all []module.Version) {
	cfg, err := resolve(context.Background(), modulePath)
	if err != nil {
		return nil
	}
	paths := []string{modulePath}
	if dir, _, ok := cutLast(tag, "/"); ok {
		root := strings.TrimPrefix(strings.TrimSuffix(cfg.Directory, "/")+"/", "/")
		if below, ok := strings.CutPrefix(dir, root); ok && below != "" {
			paths = append(paths, modulePath+"/"+below)
		}
	}
	for _, p := range paths {
		cfg, err := resolve(context.Background(), p)
		if err != nil || !here(cfg.URL) {
			continue
		}
		for _, name := range namesOf(cfg, p, versionOf(cfg, tag)) {
			at, err := resolve(context.Background(), name.Path) // a path with a major version may be another import's
			if err == nil && here(at.URL) && versionOf(at, tag) == versionOf(cfg, tag) && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// versionOf gives the version that a tag is by a pattern; empty if it is none that is listed.
func versionOf(cfg vanity.Config, tag string) string {
	found := form.Sort([]string{tag}, cmp.Or(cfg.Tags, "v*"), cfg.Directory).Versions
	if len(found) == 0 {
		return ""
	}
	return found[0].Version
}

// namesOf gives the names that a version may have of a module path: without a go.mod in the repository's root, a major version is
// "+incompatible" and not in the path. A path that has a major version already has no others.
func namesOf(cfg vanity.Config, modulePath, version string) []module.Version {
	_, has, ok := module.SplitPathVersion(modulePath)
	major := semver.Major(version)
	switch {
	case !ok || version == "":
		return nil
	case module.CheckPathMajor(version, has) == nil:
		return []module.Version{{Path: modulePath, Version: version}}
	case has != "":
		return nil
	case cfg.Directory != "":
		return []module.Version{{Path: modulePath + "/" + major, Version: version}}
	}
	return []module.Version{{Path: modulePath + "/" + major, Version: version}, {Path: modulePath, Version: version + "+incompatible"}}
}
