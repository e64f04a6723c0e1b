// Package modrepo makes Go modules out of a git repository: versions, their info, go.mod and zip, by the rules of the
// go command (cmd/go/internal/modfetch, coderepo.go), but for one: which tag is which version is a pattern's to say.
//
// A [Source] is a directory of a repository with a pattern of tags, a [Module] one module path served from it.
package modrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/git"
)

// A Repository is what modules are made of; *[git.Repo] is one.
type Repository interface {
	// Name is the repository's URL, or its path on this machine.
	Name() string
	// Refs lists the refs that begin with one of the prefixes.
	Refs(ctx context.Context, prefixes ...string) ([]git.Ref, error)
	// Snapshot gives a commit, for the sake of a directory.
	Snapshot(ctx context.Context, commit git.Hash, dir string) (*git.Snapshot, error)
	// Commit gives a commit alone, be it one that no ref reaches.
	Commit(ctx context.Context, h git.Hash) (*git.Commit, error)
	// Times gives the times of those of some objects that are commits, or git.ErrCostly.
	Times(ctx context.Context, hashes []git.Hash) (map[git.Hash]time.Time, error)
	// Reachable finds commits by how their names begin, of the time given if it isn't zero.
	Reachable(ctx context.Context, prefix string, at time.Time, groups ...[]git.Hash) ([]*git.Commit, error)
	// Ancestor gives the index of the first candidate that a commit descends from, itself included, or -1.
	Ancestor(ctx context.Context, commit git.Hash, candidates []git.Hash) (int, error)
}

// An Error says why a module or a version is not there. It satisfies errors.Is(err, fs.ErrNotExist).
type Error struct {
	Reason string // for whoever asks
	Hint   string // for those who may know the repository: names of tags and directories; may be empty
	Owner  bool   // it is for the server's owner to do something
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Reason
	}
	return e.Reason + " (" + e.Hint + ")"
}

// Is makes every Error equal to fs.ErrNotExist.
func (e *Error) Is(target error) bool { return target == fs.ErrNotExist }

func notFound(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...)}
}

// A Module is a module path served from a source. It is safe for concurrent use.
type Module struct {
	source    *Source
	path      string
	pathMajor string
	declared  bool
}

// Module gives the module with a path. If declared, the path must be what go.mod says; else only its major version
// must, as for the go command, so that a fork can stand in for the original.
func (s *Source) Module(path string, declared bool) (*Module, error) {
	if err := module.CheckPath(path); err != nil {
		return nil, notFound("%.400v", err)
	}
	_, pathMajor, _ := module.SplitPathVersion(path)
	return &Module{source: s, path: path, pathMajor: pathMajor, declared: declared}, nil
}

// An Info is the content of an .info file.
type Info struct {
	Version string
	Time    time.Time // of the commit, by its committer, in UTC
	Origin  *Origin   `json:",omitempty"`
}

// Own is an info as it is when the version is asked for by itself, and not by a query that came to it.
func (m *Module) Own(info *Info) *Info {
	own, origin := *info, *info.Origin
	origin.Ref = ""
	if !module.IsPseudoVersion(info.Version) {
		origin.Ref = tagsDir + m.source.tag(strings.TrimSuffix(info.Version, incompatible))
	}
	own.Origin = &origin
	return &own
}

// An Origin says where a version comes from, with the names that the go command gives to it (codehost.Origin).
type Origin struct {
	VCS    string
	URL    string `json:",omitempty"` // none for a repository on this machine
	Subdir string `json:",omitempty"`
	Hash   string // the commit
	Ref    string `json:",omitempty"`
}

func (m *Module) origin(rev *revision) *Origin {
	o := &Origin{VCS: "git", Subdir: m.source.Directory, Hash: rev.hash().String(), Ref: rev.ref}
	if url := m.source.Repo.Name(); strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		o.URL = url
	}
	return o
}

// A GoneError says that the commit which a version was first served from is no longer in the repository. It is no
// absence: the version is there, but can't be had.
type GoneError struct {
	Commit string
	Err    error
}

func (e *GoneError) Error() string { return "commit " + e.Commit + " is gone: " + e.Err.Error() }

// gone tells what went missing since the info was made from what was never there.
func gone(info *Info, err error) error {
	if isMissing(err) {
		return &GoneError{info.Origin.Hash, err}
	}
	return err
}

// isNotExist is the one question of what isn't there.
func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// IsAbsent tells what isn't there for the module's own reasons from a host that hasn't got it, or won't say.
func IsAbsent(err error) bool {
	var absent *Error
	return errors.As(err, &absent)
}

// isMissing reports whether a repository hasn't got an object. Of one that isn't there itself nothing can be said.
func isMissing(err error) bool {
	var host *git.Error
	return errors.As(err, &host) && host.Kind == git.Missing
}
