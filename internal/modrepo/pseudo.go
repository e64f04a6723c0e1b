package modrepo

import (
	"context"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// validatePseudo refuses a pseudo-version that is not one of the commit's own: any other would be one more name for the
// same thing, higher than those that the module's author gave, perhaps (coderepo.go, validatePseudoVersion, says more).
func (c *converter) validatePseudo(ctx context.Context, version string) error {
	rev, err := module.PseudoVersionRev(version)
	if err != nil || rev != c.rev.short() {
		return notFound("malformed pseudo-version: it must end in the commit's hash as %s", c.rev.short())
	}
	at, err := module.PseudoVersionTime(version)
	if own := c.rev.time().Truncate(time.Second); err != nil || !at.Equal(own) {
		return notFound("the pseudo-version has not the commit's time, which is %s", own.UTC().Format(module.PseudoVersionTimestampFormat))
	}
	base, err := module.PseudoVersionBase(strings.TrimSuffix(version, incompatible))
	if err != nil {
		return notFound("malformed pseudo-version: %.200v", err)
	}
	if base == "" {
		if c.pathMajor == "" && semver.Major(version) == "v1" {
			return notFound("a pseudo-version without a preceding tag begins with v0.0.0, not with v1")
		}
		return nil
	}
	return c.validateBase(ctx, base)
}

// validateBase wants a tag of the base before the commit. A canonical one on the commit itself names that already. (The
// go command minds a root's tag of that name in a directory's module as well, and then refuses what it has named itself.)
func (c *converter) validateBase(ctx context.Context, base string) error {
	for _, v := range c.rev.tagged() {
		if v == base {
			return notFound("the pseudo-version is of a commit that has a tag of %s: ask for that", base)
		}
	}
	var versions []string
	for v := range c.rev.tags {
		if semver.Compare(v, base) == 0 && strings.HasPrefix(v, base) { // v1.2 is no v1.2.0
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return notFound("the pseudo-version follows %s, of which there is no tag", base)
	}
	semver.Sort(versions)
	i, err := c.source.Repo.Ancestor(ctx, c.rev.hash(), c.rev.tags.objects(versions))
	if err != nil {
		return noCommit(c.rev.tags[versions[0]], err)
	}
	if i < 0 {
		return notFound("the pseudo-version follows %s, but its commit does not descend from that version's", base)
	}
	return nil
}
