package modrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/git"
)

// A revision is a commit, and how it was come by.
type revision struct {
	root    *root // of the commit; where the module is in it is not known yet
	ref     string
	version string // the semantic version for whose tag it was found; empty if it was found otherwise
	tags    tags   // all that the source knows
}

func (rev *revision) Close()           { rev.root.Close() }
func (rev *revision) hash() git.Hash   { return rev.root.snapshot.Commit.Hash }
func (rev *revision) time() time.Time  { return rev.root.snapshot.Commit.Time }
func (rev *revision) short() string    { return rev.hash().String()[:shortHash] }
func (rev *revision) tagged() []string { return rev.tags.on(rev.hash()) }

// shortHash is how many digits of a commit's name stand in a pseudo-version.
const shortHash = 12

// Stat resolves a version, or a version query: the name of a branch or a tag, a commit's hash or at least 7 digits of
// it, "latest". Commits that no branch and no tag reaches are refused: anyone may have put them there, by a pull
// request. The Origin.Hash is what GoMod and Zip want.
func (m *Module) Stat(ctx context.Context, query string) (*Info, error) {
	if query == "latest" {
		return m.Latest(ctx)
	}
	rev, err := m.find(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rev.Close()
	return m.convert(ctx, rev, query)
}

// Restore makes the info that a version had when it was first asked for, from its commit.
func (m *Module) Restore(ctx context.Context, version, commit string) (*Info, error) {
	info := &Info{Version: version, Origin: &Origin{Hash: commit}}
	r, err := m.at(ctx, info)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rev := &revision{root: r}
	info.Time, info.Origin = rev.time(), m.origin(rev)
	return m.Own(info), nil
}

// head resolves the default branch.
func (m *Module) head(ctx context.Context) (*Info, error) {
	refs, tags, err := m.source.look(ctx, head)
	if err != nil {
		return nil, err
	}
	ref, ok := named(refs, head)
	if !ok {
		return nil, notFound("the repository has no commits, or none on its default branch")
	}
	rev, err := m.revision(ctx, ref, tags)
	if err != nil {
		return nil, err
	}
	defer rev.Close()
	info, err := m.convert(ctx, rev, "")
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == noGoMod {
		return nil, &Error{Reason: "the module has no go.mod on the default branch", Hint: e.Hint} // nobody asked for a version
	}
	return info, err
}

// find looks a revision up, in the go command's order (coderepo.go, revToRev, and codehost/git.go, stat).
func (m *Module) find(ctx context.Context, query string) (*revision, error) {
	if query == "" {
		return nil, notFound("a version is wanted, or the name of a branch, tag or commit")
	}
	if query == module.CanonicalVersion(query) {
		// Spare the host what can't be, whatever the repository holds.
		if _, err := m.checkMajor(query, func() bool { return m.source.Directory == "" }); err != nil {
			return nil, err
		}
	}
	switch {
	case module.IsPseudoVersion(query):
		at, err := module.PseudoVersionTime(query)
		if err != nil {
			return nil, notFound("malformed pseudo-version: %.200v", err)
		}
		rev, _ := module.PseudoVersionRev(query)
		if len(rev) != shortHash || !isHex(rev) || semver.Build(query) != "" && !IsIncompatible(query) {
			return nil, notFound("malformed pseudo-version: it ends in the first %d digits of the commit's hash, in lower case, and in %s at most", shortHash, incompatible)
		}
		return m.findHash(ctx, rev, at)
	case query == module.CanonicalVersion(query):
		return m.findVersion(ctx, strings.TrimSuffix(query, incompatible))
	case semver.IsValid(query):
		return m.findLoose(ctx, query)
	}
	return m.findNamed(ctx, query)
}

// findVersion finds a canonical version's tag. A branch of that name would come to another version.
func (m *Module) findVersion(ctx context.Context, version string) (*revision, error) {
	tag, err := m.source.find(ctx, version)
	if err != nil {
		return nil, err
	}
	return m.revision(ctx, tag, nil)
}

// findLoose finds the tag or branch of a version that is not canonical: v1.2.3+meta, v1.
func (m *Module) findLoose(ctx context.Context, version string) (*revision, error) {
	branch := headsDir + m.source.branch(version)
	refs, tags, err := m.source.look(ctx, branch)
	if err != nil {
		return nil, err
	}
	if tag, ok := tags[version]; ok {
		return m.revision(ctx, tag, tags)
	}
	if ref, ok := named(refs, branch); ok {
		return m.revision(ctx, ref, tags)
	}
	return nil, &Error{Reason: "unknown version", Hint: fmt.Sprintf("the repository has no tag %.200q and no branch %.200q", m.source.tag(version), m.source.branch(version))}
}

// findNamed finds what has a name: a tag, a branch, HEAD, or a commit by its hash.
func (m *Module) findNamed(ctx context.Context, name string) (*revision, error) {
	names := []string{tagsDir + name, headsDir + name}
	if name == head {
		names = append(names, head)
	}
	prefixes := names
	if isHashPrefix(name) {
		prefixes = allRefs
	}
	refs, tags, err := m.source.look(ctx, prefixes...)
	if err != nil {
		return nil, err
	}
	_, notHash := git.ParseHash(name)
	for _, full := range names {
		if ref, ok := named(refs, full); ok && notHash != nil { // a whole hash is a hash, whatever has its name
			return m.revision(ctx, ref, tags)
		}
	}
	if isHashPrefix(name) {
		return m.hashed(ctx, refs, tags, name, time.Time{})
	}
	return nil, &Error{Reason: "unknown revision: no version, branch or tag has this name, and it is no commit's hash of 7 or more digits"}
}

// allRefs are the refs that make a commit part of the repository.
var allRefs = []string{head, headsDir, tagsDir}

// revision takes the commit that a ref leads to.
func (m *Module) revision(ctx context.Context, ref git.Ref, tags tags) (*revision, error) {
	rev := &revision{ref: ref.Name, tags: tags}
	if tag, ok := strings.CutPrefix(ref.Name, tagsDir); ok {
		rev.version = m.source.version(tag)
	}
	var err error
	if rev.root, err = m.source.commit(ctx, ref.Object()); err != nil {
		return nil, noCommit(ref, err)
	}
	return rev, nil
}

// findHash finds a commit by how its hash begins. Where its time is known that saves history.
func (m *Module) findHash(ctx context.Context, prefix string, at time.Time) (*revision, error) {
	refs, tags, err := m.source.look(ctx, allRefs...)
	if err != nil {
		return nil, err
	}
	return m.hashed(ctx, refs, tags, prefix, at)
}

// hashed finds a commit among those that branches and tags reach.
func (m *Module) hashed(ctx context.Context, refs []git.Ref, tags tags, prefix string, at time.Time) (*revision, error) {
	h, err := match(refs, prefix)
	if err == nil && h.IsZero() {
		h, err = m.reach(ctx, refs, prefix, at)
	}
	if err != nil {
		return nil, err
	}
	r, err := m.source.commit(ctx, h)
	if isMissing(err) {
		return nil, unknownCommit(prefix) // a tag led to something else
	}
	if err != nil {
		return nil, err
	}
	return &revision{root: r, tags: tags}, nil
}

// match finds what refs lead to, or the name of an annotated tag, which stands for its commit.
func match(refs []git.Ref, prefix string) (found git.Hash, err error) {
	for _, ref := range refs {
		h := ref.Object()
		if ref.Hash.IsZero() || !strings.HasPrefix(h.String(), prefix) || h == found {
			continue
		}
		if !found.IsZero() {
			return git.Hash{}, ambiguous(prefix)
		}
		found = h
	}
	if found.IsZero() {
		for _, ref := range refs {
			if !ref.Peeled.IsZero() && strings.HasPrefix(ref.Hash.String(), prefix) {
				return ref.Peeled, nil
			}
		}
	}
	return found, nil
}

// reach looks for a commit in the history of branches and tags.
func (m *Module) reach(ctx context.Context, refs []git.Ref, prefix string, at time.Time) (git.Hash, error) {
	if h, err := git.ParseHash(prefix); err == nil {
		commit, err := m.source.Repo.Commit(ctx, h)
		if isMissing(err) {
			return git.Hash{}, unknownCommit(prefix)
		}
		if err != nil {
			return git.Hash{}, err
		}
		at = commit.Time
	}
	var heads, tagged []git.Hash
	for _, ref := range refs {
		switch {
		case ref.Hash.IsZero():
		case strings.HasPrefix(ref.Name, headsDir):
			heads = append(heads, ref.Object())
		case strings.HasPrefix(ref.Name, tagsDir):
			tagged = append(tagged, ref.Object())
		}
	}
	found, err := m.source.Repo.Reachable(ctx, prefix, at, heads, tagged)
	switch {
	case err != nil:
		return git.Hash{}, err
	case len(found) == 0:
		return git.Hash{}, unknownCommit(prefix)
	case len(found) > 1:
		return git.Hash{}, ambiguous(prefix)
	}
	return found[0].Hash, nil
}

func unknownCommit(prefix string) error {
	return notFound("unknown revision: no branch and no tag leads to a commit %s", prefix)
}

func ambiguous(prefix string) error {
	return notFound("ambiguous revision: more than one commit's hash begins with %s", prefix)
}

// minHash is how many digits of a hash are taken for one at least (codehost/git.go, minHashDigits).
const minHash = 7

func isHashPrefix(s string) bool { return len(s) >= minHash && len(s) <= 64 && isHex(s) }

// isHex knows the digits of hashes: no upper case.
func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
