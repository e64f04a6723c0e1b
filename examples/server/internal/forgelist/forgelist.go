// Package forgelist finds the modules of a forge's repositories, which its server's file doesn't name.
package forgelist

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/origin"
	"example.com/vanity/internal/forge"
)

// most is how many repositories are looked into at the same time.
const most = 4

// Entries gives the modules of a forge that have versions and whose go.mod says a name by which the forge serves them, be it that
// of the repository or of what it is a mirror of: at the root of a repository by its tags vX.Y.Z, in a directory of it by
// DIRECTORY/vX.Y.Z. They are in the order of their paths. What else there is, repositories without go.mod and forks that are
// still called as the original, is served to whoever asks, but not listed.
//
// Of repositories that can't be read, and directories that can't be looked at, the errors say why; of all others the modules are
// there all the same. Tags are read by the installed git, which must trust the owner of the repositories (safe.directory).
func Entries(ctx context.Context, f config.Forge) (entries []config.Entry, errs []error) {
	resolver := f.Forge()
	if err := resolver.Validate(); err != nil {
		return nil, []error{err}
	}
	repos, errs := repositories(ctx, f.Dir)
	l := &lister{forge: resolver, base: f.Base, reader: origin.New(nil, nil)}
	found, faults := make([][]config.Entry, len(repos)), make([]error, len(repos))
	fetch.Each(ctx, len(repos), most, func(i int) { found[i], faults[i] = l.modules(ctx, repos[i]) })
	for i, err := range faults {
		if err != nil && ctx.Err() == nil {
			errs = append(errs, fmt.Errorf("%s: %w", repos[i], err))
		}
	}
	if ctx.Err() != nil {
		errs = append(errs, ctx.Err())
	}
	entries = slices.Concat(found...)
	slices.SortFunc(entries, func(a, b config.Entry) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(entries, func(a, b config.Entry) bool { return a.Path == b.Path }), errs
}

// repositories gives the bare repositories below a directory, as the forge itself finds them. Symbolic links are not followed, nor
// is anything looked for in a repository, a work tree, or below names that begin with a dot.
func repositories(ctx context.Context, dir string) (repos []string, errs []error) {
	err := forge.Walk(ctx, dir, func(below string) error {
		repos = append(repos, filepath.Join(dir, filepath.FromSlash(below)))
		return nil
	}, func(err error) error {
		errs = append(errs, err)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		errs = append(errs, err)
	}
	return repos, errs
}

type lister struct {
	forge  vanity.Forge
	base   string
	reader *origin.Reader
}

// modules gives those of one repository. What the server would not serve so is left out.
func (l *lister) modules(ctx context.Context, repo string) (entries []config.Entry, err error) {
	dirs, err := l.reader.Directories(ctx, vanity.Config{URL: repo})
	if err != nil {
		return nil, errors.New(origin.Explain(err, vanity.Config{URL: repo}))
	}
	var errs []error
	for _, dir := range dirs {
		cfg := vanity.Config{URL: repo, Directory: dir, Tags: strings.TrimPrefix(dir+"/v*", "/")}
		if cfg.Validate() != nil {
			continue
		}
		survey, err := l.reader.Survey(ctx, cfg)
		if err == nil {
			err = survey.Unread
		}
		if err != nil {
			errs = append(errs, errors.New(origin.Explain(err, cfg)))
			continue
		}
		for _, g := range survey.Declared {
			if e, ok := l.entry(ctx, cfg, g.Path); ok && !slices.Contains(entries, e) {
				entries = append(entries, e)
			}
		}
	}
	return entries, errors.Join(errs...)
}

// entry is the module that a go.mod says, if the forge serves it from there.
func (l *lister) entry(ctx context.Context, cfg vanity.Config, declared string) (config.Entry, bool) {
	path := declared
	if stem, major, ok := module.SplitPathVersion(declared); ok && strings.HasPrefix(major, "/") {
		path = stem
	}
	is, err := l.forge.Resolve(ctx, path)
	if err != nil || is.URL != cfg.URL || is.Directory != cfg.Directory {
		return config.Entry{}, false
	}
	return config.Entry{Key: "forge", Path: path, Proxy: true, Base: l.base, Config: is}, true
}
