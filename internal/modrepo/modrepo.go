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
	"golang.org/x/mod/semver"

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

// An Origin says where a version comes from, with the names that the go command gives to it (codehost.Origin).
type Origin struct {
	VCS    string
	URL    string `json:",omitempty"` // none for a repository on this machine
	Subdir string `json:",omitempty"`
	Hash   string // the commit
	Ref    string `json:",omitempty"`
}

// Versions lists the versions that have a tag and fit the path's major version, the lowest first.
func (m *Module) Versions(ctx context.Context) ([]string, error) {
	tags, err := m.source.list(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(tags))
	for v := range tags {
		// Tags are not for gopkg.in/NAME.vN-unstable: those are gopkg.in/NAME.vN's (coderepo.go, Versions).
		if module.CheckPathMajor(v, m.pathMajor) == nil && !strings.HasSuffix(m.pathMajor, "-unstable") {
			list = append(list, v)
		}
	}
	semver.Sort(list)
	if m.declared {
		return list, m.checkDeclared(ctx, list)
	}
	return list, nil
}

// checkDeclared asks the highest version whether the path is its own. A path that nothing declares must not look
// like a module without versions: the go command would take it for one.
func (m *Module) checkDeclared(ctx context.Context, list []string) error {
	if len(list) == 0 {
		return notFound("no version of the repository's module fits this path")
	}
	_, err := m.Stat(ctx, highest(list))
	return err
}

// highest is the version that speaks for the module: the highest release, or the highest of all if there is none.
func highest(list []string) string {
	for i := len(list) - 1; i >= 0; i-- {
		if semver.Prerelease(list[i]) == "" {
			return list[i]
		}
	}
	return list[len(list)-1]
}

// Stat resolves a version. Its Origin.Hash is what GoMod and Zip want.
func (m *Module) Stat(ctx context.Context, version string) (*Info, error) {
	if err := m.checkVersion(version); err != nil {
		return nil, err
	}
	ref, err := m.source.find(ctx, version)
	if err != nil {
		return nil, err
	}
	r, err := m.root(ctx, ref.Object())
	var host *git.Error
	if errors.As(err, &host) && host.Kind == git.Missing {
		return nil, &Error{Reason: "the version's tag leads to no commit", Hint: fmt.Sprintf("tag %q", m.source.tag(version))}
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return &Info{Version: version, Time: r.snapshot.Commit.Time, Origin: m.origin(ref)}, nil
}

func (m *Module) origin(ref git.Ref) *Origin {
	o := &Origin{VCS: "git", Subdir: m.source.Directory, Hash: ref.Object().String(), Ref: ref.Name}
	if url := m.source.Repo.Name(); strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		o.URL = url
	}
	return o
}

// checkVersion tells what can't be answered apart from what isn't there.
func (m *Module) checkVersion(version string) error {
	switch {
	case version != module.CanonicalVersion(version):
		return notFound("this is no canonical version, and queries by branch, tag or commit are not answered here: ask for a version that has a tag")
	case module.IsPseudoVersion(version):
		return notFound("pseudo-versions are not served here: ask for a version that has a tag")
	case strings.HasSuffix(version, "+incompatible"):
		return notFound("+incompatible versions are not served here")
	}
	if err := module.CheckPathMajor(version, m.pathMajor); err != nil {
		return notFound("the version does not fit the module path: %v", errors.Unwrap(err))
	}
	return nil
}

// NoVersions is the error of who can do nothing with an empty list.
func (m *Module) NoVersions() error {
	return &Error{
		Reason: "the module has no versions: none of the repository's tags fits",
		Hint:   fmt.Sprintf("tags such as %q are wanted, as versions of %s", m.source.tag("1.2.3"), m.path),
		Owner:  m.pathMajor == "", // it is usual to ask for a next major version that isn't there
	}
}

// Latest is the highest release that is not retracted, or the highest pre-release if there is none.
func (m *Module) Latest(ctx context.Context) (*Info, error) {
	list, err := m.Versions(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, m.NoVersions()
	}
	retracted, err := m.retracted(ctx, highest(list))
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, v := range list {
		if !retracted(v) {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return nil, notFound("all versions of the module are retracted")
	}
	return m.Stat(ctx, highest(kept))
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
	var host *git.Error
	if errors.As(err, &host) && host.Kind == git.Missing {
		return &GoneError{info.Origin.Hash, err}
	}
	return err
}

// isNotExist is the one question of what isn't there.
func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
