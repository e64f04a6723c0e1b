package modrepo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/git"
)

// A Tagged is a version and the commit that its tag leads to.
type Tagged struct{ Version, Commit string }

// A Listing is what the tags of a repository say of a module.
type Listing struct {
	Versions []Tagged // as Versions gives them

	// Majors are the major versions that have tags, as paths end in them: "" for v0 and v1, "v2", "v3". Those are left out
	// whose versions are listed here, as +incompatible ones. Of the others it is not known whether there is a go.mod, and so
	// a module.
	Majors []string

	tags tags
}

// Has reports whether a version has a tag, be it listed or not.
func (l *Listing) Has(version string) bool {
	_, ok := l.tags[strings.TrimSuffix(version, incompatible)]
	return ok
}

// List is Versions, with what else the tags say.
func (m *Module) List(ctx context.Context) (*Listing, error) {
	versions, tags, err := m.listed(ctx)
	if err != nil {
		return nil, err
	}
	l := &Listing{Versions: make([]Tagged, len(versions)), tags: tags}
	for i, v := range versions {
		l.Versions[i] = Tagged{v, tags.of(v).Object().String()}
	}
	l.Majors = tags.majors(versions)
	return l, nil
}

// majors gives the major versions that there are, but for those of +incompatible versions.
func (t tags) majors(versions []string) []string {
	seen := make(map[string]bool)
	for _, v := range versions {
		if IsIncompatible(v) {
			seen[semver.Major(v)] = true
		}
	}
	var majors []string
	for v := range t {
		major := semver.Major(v)
		if major == "v0" || major == "v1" {
			major = ""
		}
		if isListable(v) && !seen[major] {
			majors, seen[major] = append(majors, major), true
		}
	}
	semver.Sort(majors) // to which "" is less than any version
	return majors
}

// isListable reports whether a version may be in a list, for what it is.
func isListable(v string) bool { return v == semver.Canonical(v) && !module.IsPseudoVersion(v) }

// Times gives the times of those of some commits that are commits indeed, at the cost of one small request; if the host
// can't be asked so, it is [git.ErrCostly].
func (m *Module) Times(ctx context.Context, commits []string) (map[string]time.Time, error) {
	hashes := make([]git.Hash, len(commits))
	for i, c := range commits {
		h, err := git.ParseHash(c)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	found, err := m.source.Repo.Times(ctx, hashes)
	if err != nil {
		return nil, err
	}
	times := make(map[string]time.Time, len(found))
	for h, at := range found {
		times[h.String()] = at
	}
	return times, nil
}

// Versions lists the versions that have a tag and fit the path's major version, the lowest first. If there are none, the
// default branch must have the module, or it isn't there. Where the repository's root has no go.mod, tags of v2 and above are
// +incompatible versions of the path without a major version.
func (m *Module) Versions(ctx context.Context) ([]string, error) {
	list, _, err := m.listed(ctx)
	return list, err
}

// listed is list for who would take an empty one for that of a module without versions: where the default branch has no such
// module either, there is none. The go command asks for every path that may be a module's, and asks elsewhere for none that
// has a list.
func (m *Module) listed(ctx context.Context) ([]string, tags, error) {
	list, tags, err := m.list(ctx)
	if err == nil && len(list) == 0 && !m.declared {
		_, err = m.head(ctx)
	}
	return list, tags, err
}

func (m *Module) list(ctx context.Context) ([]string, tags, error) {
	tags, err := m.source.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, err := m.versions(ctx, tags)
	if err == nil && m.declared {
		err = m.checkDeclared(ctx, list, tags)
	}
	return list, tags, err
}

func (m *Module) versions(ctx context.Context, tags tags) ([]string, error) {
	list, later := m.sort(tags)
	if m.declared {
		return list, nil // without a go.mod nothing is declared
	}
	later, err := m.incompatible(ctx, tags, list, later)
	if err != nil {
		return nil, err
	}
	return append(list, later...), nil
}

// sort gives the versions of the path's major version, and those that come into question as +incompatible ones.
func (m *Module) sort(tags tags) (list, later []string) {
	// Tags are not for gopkg.in/NAME.vN-unstable: those are gopkg.in/NAME.vN's (coderepo.go, Versions).
	if strings.HasSuffix(m.pathMajor, "-unstable") {
		return nil, nil
	}
	list = make([]string, 0, len(tags))
	for v := range tags {
		switch {
		case !isListable(v):
		case module.CheckPathMajor(v, m.pathMajor) == nil:
			list = append(list, v)
		case m.source.Directory == "" && m.pathMajor == "":
			later = append(later, v)
		}
	}
	semver.Sort(list)
	semver.Sort(later)
	return list, later
}

// incompatible keeps those of the later versions that may be listed: none if the latest of the compatible ones has a
// go.mod, and none of a major version whose latest has one (coderepo.go, appendIncompatibleVersions, which says why).
func (m *Module) incompatible(ctx context.Context, tags tags, list, later []string) (kept []string, err error) {
	if len(later) == 0 {
		return nil, nil
	}
	if len(list) > 0 {
		if has, err := m.source.hasGoMod(ctx, tags[list[len(list)-1]]); has || err != nil {
			return nil, err
		}
	}
	for len(later) > 0 {
		major := semver.Major(later[0])
		n := slices.IndexFunc(later, func(v string) bool { return semver.Major(v) != major })
		if n < 0 {
			n = len(later)
		}
		has, err := m.source.hasGoMod(ctx, tags[later[n-1]])
		if err != nil {
			return nil, err
		}
		for _, v := range later[:n] {
			if !has {
				kept = append(kept, v+"+incompatible")
			}
		}
		later = later[n:]
	}
	return kept, nil
}

// maxGoMods bounds what is remembered of commits.
const maxGoMods = 10_000

// hasGoMod reports whether there is a go.mod where a tag leads to. The source's directory is the root.
func (s *Source) hasGoMod(ctx context.Context, tag git.Ref) (has bool, err error) {
	commit := tag.Object()
	s.mu.Lock()
	has, ok := s.goMods[commit]
	s.mu.Unlock()
	if ok {
		return has, nil
	}
	r, err := s.commit(ctx, commit)
	if err != nil {
		return false, noCommit(tag, err)
	}
	defer r.Close()
	if _, has, err = r.file("go.mod"); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.goMods == nil || len(s.goMods) >= maxGoMods {
		s.goMods = make(map[git.Hash]bool)
	}
	s.goMods[commit] = has
	return has, nil
}

// checkDeclared asks the highest version whether the path is its own, or the default branch if there is no version. A
// path that nothing declares must not look like a module without versions: the go command would take it for one.
func (m *Module) checkDeclared(ctx context.Context, list []string, tags tags) error {
	if len(list) == 0 {
		_, err := m.head(ctx)
		return err
	}
	_, err := m.tagged(ctx, highest(list), tags)
	return err
}

// tagged is Stat for a version that was just listed: its tag is not asked for again, which may be gone by now.
func (m *Module) tagged(ctx context.Context, version string, tags tags) (*Info, error) {
	rev, err := m.revision(ctx, tags.of(version), nil)
	if err != nil {
		return nil, err
	}
	defer rev.Close()
	return m.convert(ctx, rev, version)
}

// of gives the tag of a version.
func (t tags) of(version string) git.Ref { return t[strings.TrimSuffix(version, incompatible)] }

// highest is the version that speaks for the module: the highest release, or the highest of all if there is none.
func highest(list []string) string {
	for i := len(list) - 1; i >= 0; i-- {
		if semver.Prerelease(list[i]) == "" {
			return list[i]
		}
	}
	return list[len(list)-1]
}

// Latest is the highest release that is not retracted, else the highest such pre-release, else what the default branch
// comes to (modload/query.go, queryProxy).
func (m *Module) Latest(ctx context.Context) (*Info, error) {
	list, tags, err := m.list(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return m.latestHead(ctx, nil)
	}
	var goMod []byte // of what would be latest if nothing were retracted
	if v := highest(list); !IsIncompatible(v) {
		if goMod, err = m.taggedGoMod(ctx, v, tags); err != nil && !IsAbsent(err) {
			return nil, err
		}
	}
	retracted := retractionsOf(goMod)
	kept, err := m.withoutIncompatible(ctx, slices.DeleteFunc(slices.Clone(list), retracted), tags)
	if err != nil {
		return nil, err
	}
	if len(kept) > 0 {
		return m.tagged(ctx, highest(kept), tags)
	}
	return m.latestHead(ctx, retracted)
}

// latestHead is what the default branch comes to, if that is not retracted. Where there is no version to say so, it speaks
// for itself.
func (m *Module) latestHead(ctx context.Context, retracted func(version string) bool) (*Info, error) {
	info, err := m.head(ctx)
	if err != nil {
		return nil, err
	}
	if retracted == nil {
		goMod, err := m.GoMod(ctx, info)
		if err != nil {
			return nil, err
		}
		retracted = retractionsOf(goMod)
	}
	if retracted(info.Version) {
		return nil, notFound("all versions of the module are retracted")
	}
	return info, nil
}

// withoutIncompatible drops the +incompatible versions if the highest of the others has a go.mod, as it may where a
// higher one was retracted (modload/query.go, filterVersions).
func (m *Module) withoutIncompatible(ctx context.Context, list []string, tags tags) ([]string, error) {
	n := slices.IndexFunc(list, IsIncompatible)
	if n <= 0 {
		return list, nil
	}
	goMod, err := m.taggedGoMod(ctx, list[n-1], tags)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(goMod, m.legacyGoMod()) {
		list = list[:n]
	}
	return list, nil
}

// retractions reports which versions can't name a commit, as the module takes them back. Its highest compatible version
// says so; if that has no go.mod, or none that can be read, none is (coderepo.go, retractedVersions and convert).
func (m *Module) retractions(ctx context.Context, list []string, tags tags) (func(version string) bool, error) {
	if i := slices.IndexFunc(list, IsIncompatible); i >= 0 {
		list = list[:i] // what follows has no go.mod
	}
	if len(list) == 0 {
		return retractionsOf(nil), nil
	}
	data, err := m.taggedGoMod(ctx, highest(list), tags)
	if err != nil && !IsAbsent(err) {
		return nil, err
	}
	return retractionsOf(data), nil
}

// retractionsOf reports which versions a go.mod takes back. One that can't be read takes none.
func retractionsOf(goMod []byte) func(version string) bool {
	f, err := modfile.ParseLax("go.mod", goMod, nil)
	if err != nil {
		f = new(modfile.File)
	}
	return func(v string) bool {
		return slices.ContainsFunc(f.Retract, func(r *modfile.Retract) bool {
			return semver.Compare(r.Low, v) <= 0 && semver.Compare(v, r.High) <= 0
		})
	}
}

// IsIncompatible reports whether a version is of a later major than its path says.
func IsIncompatible(version string) bool { return strings.HasSuffix(version, incompatible) }

const incompatible = "+incompatible"

// taggedGoMod is the go.mod of a version that has a tag.
func (m *Module) taggedGoMod(ctx context.Context, version string, tags tags) ([]byte, error) {
	tag := tags.of(version)
	r, err := m.root(ctx, tag.Object())
	if err != nil {
		return nil, noCommit(tag, err)
	}
	defer r.Close()
	return m.goMod(r), nil
}

// noCommit says of a ref that it leads to no commit, if that is what is wrong.
func noCommit(ref git.Ref, err error) error {
	if !isMissing(err) {
		return err
	}
	if tag, ok := strings.CutPrefix(ref.Name, tagsDir); ok {
		return &Error{Reason: "the version's tag leads to no commit", Hint: fmt.Sprintf("tag %q", tag)}
	}
	return notFound("the branch leads to no commit")
}
