package modrepo

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/flight"
	"example.com/vanity/internal/git"
)

// listAge is how long a listing is used for lists of versions, which whoever asks keeps for a time of his own.
const listAge = 5 * time.Second

// tagsAge is how long one is used for the commits of versions at most.
const tagsAge = time.Minute

// A Source is a directory of a repository and the pattern of its versions' tags. It is safe for concurrent use; its
// fields must not change.
type Source struct {
	Repo      Repository
	Directory string // slash-separated; empty for the root
	TagPrefix string // what stands before a version's digits in its tag
	TagSuffix string // and after them

	// Unsure means that the pattern is a mere default. If the repository has tags by the go command's own pattern
	// for the directory too, there is no telling which are meant, and nothing is served.
	Unsure bool

	// Fresh is how long a listing of tags is used for what comes after it, a minute at most: a version is for ever. A tag
	// that is not in it is asked for anew.
	Fresh time.Duration

	listings flight.Group[tags]

	mu     sync.Mutex
	tags   tags // as they were listed last
	since  time.Time
	goMods map[git.Hash]bool // whether the root of a commit has a go.mod
}

// Tags are those that the pattern knows, by what they stand for: a semantic version, canonical or not, such as
// v1.2.3+meta or v1. What the go command says of a tag "DIR/v1.2.3" holds for the tag of "v1.2.3" here.
type tags map[string]git.Ref

// on gives the versions whose tags lead to an object.
func (t tags) on(object git.Hash) []string {
	var versions []string
	for v, ref := range t {
		if ref.Object() == object {
			versions = append(versions, v)
		}
	}
	return versions
}

// tag is the name of a version's tag.
func (s *Source) tag(version string) string {
	return s.TagPrefix + strings.TrimPrefix(version, "v") + s.TagSuffix
}

// version is the semantic version that a tag stands for, or empty.
func (s *Source) version(tag string) string {
	rest, ok := strings.CutPrefix(tag, s.TagPrefix)
	rest, ok2 := strings.CutSuffix(rest, s.TagSuffix)
	if v := "v" + rest; ok && ok2 && semver.IsValid(v) {
		return v
	}
	return ""
}

// branch is the name that a branch must have to be found by what looks like a version: to the go command that is
// short for DIR/VERSION, of tags and branches alike.
func (s *Source) branch(version string) string { return path.Join(s.Directory, version) }

const (
	tagsDir  = "refs/tags/"
	headsDir = "refs/heads/"
	head     = "HEAD"
)

// ownPrefixes is how the go command wants the tags of the directory to begin; the major version that ends DIR/vN is
// no part of DIR for it.
func (s *Source) ownPrefixes() []string {
	prefixes := []string{tagsDir + s.Directory + "/v"}
	if dir, major, ok := module.SplitPathVersion(s.Directory); ok && strings.HasPrefix(major, "/") {
		prefixes = append(prefixes, tagsDir+dir+major+".")
	}
	return prefixes
}

// list gives the tags, listed just now.
func (s *Source) list(ctx context.Context) (tags, error) {
	age := min(s.Fresh, listAge)
	if tags, ok := s.remembered(age); ok {
		return tags, nil
	}
	return s.listings.Do(ctx, "", func(ctx context.Context) (tags, error) {
		if tags, ok := s.remembered(age); ok { // another has listed them since
			return tags, nil
		}
		_, tags, err := s.look(ctx)
		return tags, err
	})
}

// look lists the tags anew, and with them the refs that begin with one of the prefixes.
func (s *Source) look(ctx context.Context, prefixes ...string) ([]git.Ref, tags, error) {
	refs, err := s.refs(ctx, append([]string{tagsDir + s.TagPrefix}, prefixes...)...)
	if err != nil {
		return nil, nil, err
	}
	tags := make(tags, len(refs))
	for _, ref := range refs {
		if name, ok := strings.CutPrefix(ref.Name, tagsDir); ok && !ref.Hash.IsZero() {
			if v := s.version(name); v != "" {
				tags[v] = ref
			}
		}
	}
	s.remember(tags)
	return refs, tags, nil
}

// maxKept bounds the tags that are remembered, and maxKeptBytes their names. Where there are more, they are listed anew
// whenever they are wanted.
const (
	maxKept      = 4000
	maxKeptBytes = 200 << 10
)

func (s *Source) remember(tags tags) {
	size := 0
	for _, ref := range tags {
		size += len(ref.Name)
	}
	if len(tags) > maxKept || size > maxKeptBytes {
		tags = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tags, s.since = tags, time.Now()
}

// refs lists refs by their prefixes, unless it must not be guessed which are meant.
func (s *Source) refs(ctx context.Context, prefixes ...string) ([]git.Ref, error) {
	if s.Unsure {
		prefixes = append(prefixes, s.ownPrefixes()...)
	}
	refs, err := s.Repo.Refs(ctx, prefixes...)
	if err != nil {
		return nil, err
	}
	return refs, s.checkSure(refs)
}

// checkSure refuses to guess between two patterns: the wrong guess would be a checksum for ever.
func (s *Source) checkSure(refs []git.Ref) error {
	if !s.Unsure {
		return nil
	}
	for _, prefix := range s.ownPrefixes() {
		for _, ref := range refs {
			if !strings.HasPrefix(ref.Name, prefix) || !semver.IsValid(ref.Name[strings.LastIndexByte(prefix, '/')+1:]) {
				continue
			}
			return &Error{
				Reason: `the repository has tags DIR/v*, DIR being the module's directory, and may have tags v* of its own: ` +
					`the owner of this server must say which are meant, by Config.Tags "DIR/v*" or "v*"`,
				Hint:  fmt.Sprintf("tag %.200q, Config.Directory %q", strings.TrimPrefix(ref.Name, tagsDir), s.Directory),
				Owner: true,
			}
		}
	}
	return nil
}

// find gives a version's tag: from the listing if there is a fresh one that has it, else by asking for it alone.
func (s *Source) find(ctx context.Context, version string) (git.Ref, error) {
	if ref, ok := s.known(version); ok {
		return ref, nil
	}
	name := tagsDir + s.tag(version)
	refs, err := s.refs(ctx, name)
	if err != nil {
		return git.Ref{}, err
	}
	if ref, ok := named(refs, name); ok {
		return ref, nil
	}
	return git.Ref{}, &Error{Reason: "unknown version", Hint: fmt.Sprintf("the repository has no tag %q", s.tag(version))}
}

// named finds a ref by its full name.
func named(refs []git.Ref, name string) (git.Ref, bool) {
	for _, ref := range refs {
		if ref.Name == name && !ref.Hash.IsZero() {
			return ref, true
		}
	}
	return git.Ref{}, false
}

func (s *Source) known(version string) (git.Ref, bool) {
	tags, _ := s.remembered(min(s.Fresh, tagsAge))
	ref, ok := tags[version]
	return ref, ok
}

// remembered gives the latest listing, if it is young enough.
func (s *Source) remembered(age time.Duration) (tags, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tags == nil || time.Since(s.since) >= age {
		return nil, false
	}
	return s.tags, true
}
