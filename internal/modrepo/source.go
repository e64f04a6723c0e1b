package modrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/git"
)

// TagsAge is how long a listing of tags is used for what comes after it. A tag that is not in it is asked for anew.
const TagsAge = time.Minute

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

	mu      sync.Mutex
	tags    map[string]git.Ref // as they were listed last, by version
	since   time.Time
	listing *listing // under way
}

// A listing serves all who ask while it is under way.
type listing struct {
	done chan struct{} // closed when tags and err are there
	tags map[string]git.Ref
	err  error
}

// tag is the name of a version's tag.
func (s *Source) tag(version string) string {
	return s.TagPrefix + strings.TrimPrefix(version, "v") + s.TagSuffix
}

// version is the canonical version that a tag stands for, or empty.
func (s *Source) version(tag string) string {
	rest, ok := strings.CutPrefix(tag, s.TagPrefix)
	rest, ok2 := strings.CutSuffix(rest, s.TagSuffix)
	v := "v" + rest
	if !ok || !ok2 || v != semver.Canonical(v) || module.IsPseudoVersion(v) {
		return ""
	}
	return v
}

const tagsDir = "refs/tags/"

// ownPrefixes is how the go command wants the tags of the directory to begin; the major version that ends DIR/vN is
// no part of DIR for it.
func (s *Source) ownPrefixes() []string {
	prefixes := []string{tagsDir + s.Directory + "/v"}
	if dir, major, ok := module.SplitPathVersion(s.Directory); ok && strings.HasPrefix(major, "/") {
		prefixes = append(prefixes, tagsDir+dir+major+".")
	}
	return prefixes
}

// list gives the tags of all versions, by version, no older than a minute.
func (s *Source) list(ctx context.Context) (map[string]git.Ref, error) {
	for {
		s.mu.Lock()
		if s.tags != nil && time.Since(s.since) < TagsAge {
			defer s.mu.Unlock()
			return s.tags, nil
		}
		l := s.listing
		if l == nil {
			l = &listing{done: make(chan struct{})}
			s.listing = l
			s.mu.Unlock()
			return s.run(ctx, l)
		}
		s.mu.Unlock()
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !isContextError(l.err) {
			return l.tags, l.err
		} // else it was the one who listed who left
	}
}

// run lists for all who wait.
func (s *Source) run(ctx context.Context, l *listing) (map[string]git.Ref, error) {
	l.err = context.Canceled // should this panic
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listing = nil
		if l.err == nil {
			s.tags, s.since = l.tags, time.Now()
		}
		close(l.done)
	}()
	l.tags, l.err = s.fetch(ctx)
	return l.tags, l.err
}

// isContextError tells a caller's leaving from a host's timeout, which may be a DeadlineExceeded within.
func isContextError(err error) bool {
	var host *git.Error
	return !errors.As(err, &host) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// fetch asks the repository for the tags of all versions.
func (s *Source) fetch(ctx context.Context) (map[string]git.Ref, error) {
	refs, err := s.refs(ctx, tagsDir+s.TagPrefix)
	if err != nil {
		return nil, err
	}
	tags := make(map[string]git.Ref)
	for _, ref := range refs {
		if v := s.version(strings.TrimPrefix(ref.Name, tagsDir)); v != "" {
			tags[v] = ref
		}
	}
	return tags, nil
}

// refs lists refs by their prefix, unless it must not be guessed which are meant.
func (s *Source) refs(ctx context.Context, prefix string) ([]git.Ref, error) {
	prefixes := []string{prefix}
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
	for _, ref := range refs {
		if ref.Name == name && !ref.Hash.IsZero() {
			return ref, nil
		}
	}
	return git.Ref{}, &Error{Reason: "unknown version", Hint: fmt.Sprintf("the repository has no tag %q", s.tag(version))}
}

func (s *Source) known(version string) (git.Ref, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.since) >= TagsAge {
		return git.Ref{}, false
	}
	ref, ok := s.tags[version]
	return ref, ok
}
