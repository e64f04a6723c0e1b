package modrepo

import (
	"context"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/git"
)

// convert names the version that a revision is, as coderepo.go's function of that name does: the version asked for, the
// highest one that has a tag on the commit, or a pseudo-version. Asked is the version or query; empty for the default
// branch.
func (m *Module) convert(ctx context.Context, rev *revision, asked string) (*Info, error) {
	c := &converter{Module: m, rev: rev, asked: asked}
	if module.IsPseudoVersion(asked) {
		info, err := c.check(ctx, asked)
		if err != nil {
			return nil, err
		}
		return info, c.validatePseudo(ctx, asked)
	}
	if v := c.canonical(rev.version); v != "" {
		info, err := c.check(ctx, v)
		if err == nil || !IsAbsent(err) || asked == module.CanonicalVersion(asked) {
			return info, err
		}
	}
	v, err := c.choose(ctx)
	if err != nil {
		return nil, err
	}
	return c.check(ctx, v)
}

// A converter names the version of one revision.
type converter struct {
	*Module
	rev    *revision
	asked  string
	pseudo string // the version that was made for it

	found    bool  // the module was looked for in the commit
	foundErr error // and this is what came of it
}

// canonical gives a tag's version if that is canonical and no pseudo-version. The go command takes a tag of a directory
// that looks like a pseudo-version for any other (coderepo.go, tagToVersion, which looks at the whole tag).
func (c *converter) canonical(version string) string {
	if v := c.base(version); v == version {
		return v
	}
	return ""
}

// base gives the canonical form of a tag's version, if the version is complete: that of v1.2.3+meta, but not of v1.2.
func (c *converter) base(version string) string {
	v := semver.Canonical(version)
	if v == "" || !strings.HasPrefix(version, v) || c.source.Directory == "" && module.IsPseudoVersion(version) {
		return ""
	}
	return v
}

// choose names the version by the tags: those on the commit, else those before it, on which a pseudo-version is based.
func (c *converter) choose(ctx context.Context) (string, error) {
	list, err := c.versions(ctx, c.rev.tags)
	if err != nil && !IsAbsent(err) {
		return "", err
	}
	retracted, err := c.retractions(ctx, list, c.rev.tags)
	if err != nil {
		return "", err
	}
	highest, base := "", ""
	for _, version := range c.rev.tagged() {
		v, canonical := c.base(version), c.canonical(version) != ""
		if v == "" {
			continue
		}
		if c.asked != "" && semver.Compare(v, c.asked) == 0 {
			if canonical {
				return v, nil
			}
			base = v // several tags may come to this, and none of them is the version's own
		}
		if canonical && semver.Compare(highest, v) < 0 && !retracted(v) && c.fits(v) {
			highest = v
		}
	}
	if highest != "" {
		return highest, nil
	}
	if base == "" {
		if base, err = c.precedingTag(ctx, retracted); err != nil {
			return "", err
		}
	}
	c.pseudo = module.PseudoVersion(module.PathMajorPrefix(c.pathMajor), base, c.rev.time(), c.rev.short())
	return c.pseudo, nil
}

// fits reports whether a version is of the path's major version, or may be +incompatible.
func (c *converter) fits(version string) bool {
	return module.MatchPathMajor(version, c.pathMajor) || c.mayBeIncompatible(version)
}

// precedingTag gives the highest version, not retracted, that has a tag on the commit or one of its ancestors.
func (c *converter) precedingTag(ctx context.Context, retracted func(string) bool) (string, error) {
	var versions []string
	for version := range c.rev.tags {
		if v := c.base(version); v != "" && c.fits(v) && !retracted(v) {
			versions = append(versions, version)
		}
	}
	semver.Sort(versions)
	slices.Reverse(versions)
	i, err := c.source.Repo.Ancestor(ctx, c.rev.hash(), c.rev.tags.objects(versions))
	if i < 0 || err != nil {
		return "", err
	}
	return c.base(versions[i]), nil
}

// objects are what the tags of some versions lead to.
func (t tags) objects(versions []string) []git.Hash {
	list := make([]git.Hash, len(versions))
	for i, v := range versions {
		list[i] = t[v].Object()
	}
	return list
}

// check makes the info of a version, whose tag is on the commit or which is a pseudo-version of it, if the module is
// there and of the version's major (coderepo.go, checkCanonical).
func (c *converter) check(ctx context.Context, v string) (*Info, error) {
	if !c.found {
		c.found, c.foundErr = true, c.findDir(ctx, c.rev.root)
	}
	if c.foundErr != nil {
		return nil, c.foundErr
	}
	if v != c.asked && module.IsPseudoVersion(v) && v != c.pseudo {
		if err := c.validatePseudo(ctx, v); IsAbsent(err) {
			return nil, notFound("the commit has a tag that looks like the pseudo-version %s, which it is not", v)
		} else if err != nil {
			return nil, err
		}
	}
	if v == strings.TrimSuffix(c.asked, incompatible) {
		v = c.asked
	}
	base := strings.TrimSuffix(v, incompatible)
	if c.asked != "" && c.asked == module.CanonicalVersion(c.asked) && base != strings.TrimSuffix(c.asked, incompatible) {
		return nil, notFound("there is no tag of this version; its name leads to %s", v)
	}
	suffix, err := c.checkMajor(v, func() bool { return c.mayBeIncompatible(base) })
	if err != nil {
		return nil, err
	}
	v = base + suffix
	return &Info{Version: v, Time: c.rev.time(), Origin: c.origin(c.rev)}, nil
}

// checkMajor wants a version to be of the path's major version, or else to be one that may be +incompatible. It gives the
// suffix that says so.
func (m *Module) checkMajor(v string, mayBeIncompatible func() bool) (suffix string, err error) {
	switch fits := module.MatchPathMajor(strings.TrimSuffix(v, incompatible), m.pathMajor); {
	case fits && IsIncompatible(v):
		return "", notFound("the version is not %s: major version %s is compatible with the module path", incompatible, semver.Major(v))
	case fits:
		return "", nil
	case m.pathMajor != "":
		return "", notFound("the version does not fit the module path, which is for %s alone", m.pathMajor[1:])
	case !mayBeIncompatible():
		return "", notFound("the version does not fit the module path: with a go.mod, the path for %[1]s ends in /%[1]s", semver.Major(v))
	}
	return incompatible, nil
}

// mayBeIncompatible reports whether a version of a later major may go by the path without one: at the repository's root
// alone, if there is no go.mod, and none in the major's own directory, unless it is asked for as +incompatible.
func (c *converter) mayBeIncompatible(version string) bool {
	if c.source.Directory != "" || c.pathMajor != "" || c.has("go.mod") {
		return false
	}
	return IsIncompatible(c.asked) || !c.has(path.Join(semver.Major(version), "go.mod"))
}

// has reports whether the commit has a file. All trees are there, or the revision would not be.
func (c *converter) has(name string) bool {
	_, ok, err := c.rev.root.file(name)
	return ok && err == nil
}
