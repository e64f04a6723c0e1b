package form

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modrepo"
)

// A Survey is what a repository says of a configuration.
type Survey struct {
	Sorted
	OfOthers int                  // versions that the pattern finds besides, of major versions that the module path excludes
	Times    map[string]time.Time // of the highest versions' commits, by tag, as far as they are had cheaply
	Undated  error                // why they could not be had
	Empty    bool                 // there is no commit to read

	// Of the highest release, or the highest version if there is none, or the default branch.
	Lead      Tagged          // zero for the default branch
	Declared  []modrepo.GoMod // none if there is no go.mod
	Elsewhere []string        // then: directories that have one
	Unread    error           // why go.mod could not be read

	Module  string // the path to ask for: the one that was given or is declared, with the lead's major version; may be empty
	Version string // the version of it that the lead is; empty if there is none
	Refusal error  // why the lead is not served
}

// shown is how many there are of everything on a page, at most.
const shown = 20

// Ask makes a survey of a source, for a module path, which may be empty. The error is one of the listing of its tags.
func Ask(ctx context.Context, source *modrepo.Source, modPath string) (*Survey, error) {
	refs, head, err := source.Refs(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.Name
	}
	s := &Survey{Sorted: Sort(names, source.TagPrefix+"*"+source.TagSuffix, source.Directory)}
	s.keepMajor(modPath)
	commits := s.commits(refs)
	if s.Lead = s.lead(); s.Lead.Tag != "" {
		head = commits[s.Lead.Tag]
	}
	if s.Empty = head.IsZero(); s.Empty {
		return s, nil
	}
	s.Unread = s.read(ctx, source, modPath, head)
	s.date(ctx, source, commits)
	return s, nil
}

// keepMajor drops the versions of other major versions, if the path means one alone.
func (s *Survey) keepMajor(modPath string) {
	if _, major, _ := module.SplitPathVersion(modPath); major != "" {
		all := len(s.Versions)
		s.Versions = slices.DeleteFunc(s.Versions, func(t Tagged) bool { return module.CheckPathMajor(t.Version, major) != nil })
		s.OfOthers = all - len(s.Versions)
	}
}

// lead is the version that speaks for the module.
func (s *Survey) lead() Tagged {
	if len(s.Versions) == 0 {
		return Tagged{}
	}
	if i := slices.IndexFunc(s.Versions, func(t Tagged) bool { return semver.Prerelease(t.Version) == "" }); i >= 0 {
		return s.Versions[i]
	}
	return s.Versions[0]
}

// commits gives what the tags lead to that matter.
func (s *Survey) commits(refs []git.Ref) map[string]git.Hash {
	commits := map[string]git.Hash{s.lead().Tag: {}}
	for _, t := range s.Versions[:min(len(s.Versions), shown)] {
		commits[t.Tag] = git.Hash{}
	}
	for _, ref := range refs {
		if _, ok := commits[ref.Name]; ok {
			commits[ref.Name] = ref.Object()
		}
	}
	return commits
}

// read reads what go.mod declares, and says whether the lead would be served.
func (s *Survey) read(ctx context.Context, source *modrepo.Source, modPath string, commit git.Hash) (err error) {
	major := semver.Major(s.Lead.Version)
	if major == "v0" || major == "v1" {
		major = ""
	}
	if s.Declared, s.Elsewhere, err = source.Declared(ctx, commit, major, shown); err != nil {
		return err
	}
	base := cmp.Or(modPath, s.declared())
	s.Module, s.Version = base, s.Lead.Version
	if base == "" || s.Version == "" {
		return nil
	}
	_, own, _ := module.SplitPathVersion(base)
	switch {
	case own != "" || major == "":
		err = module.CheckPathMajor(s.Version, own)
	case modPath != "" && s.Declared == nil && source.Directory == "":
		s.Version += "+incompatible"
	default:
		s.Module += "/" + major
	}
	if err == nil {
		if err = s.try(ctx, source, modPath == "", commit); err == nil || !modrepo.IsAbsent(err) {
			return err
		}
	}
	s.Module, s.Version, s.Refusal = base, "", err
	return nil
}

// try makes the lead's info, which leaves no trace in any store.
func (s *Survey) try(ctx context.Context, source *modrepo.Source, declared bool, commit git.Hash) error {
	m, err := source.Module(s.Module, declared)
	if err == nil {
		_, err = m.Restore(ctx, s.Version, commit.String())
	}
	return err
}

// Servable reports whether there may be something to serve, by a path that is one.
func (s *Survey) Servable() bool {
	return !s.Empty && s.Unread == nil && (s.Declared != nil || s.Refusal == nil) && module.CheckPath(s.Module) == nil
}

// declared is the module path that go.mod declares, by the one that is of the lead's major version if there are two.
func (s *Survey) declared() (path string) {
	for _, g := range s.Declared {
		_, major, ok := module.SplitPathVersion(g.Path)
		if path == "" || ok && module.CheckPathMajor(s.Lead.Version, major) == nil {
			path = g.Path
		}
	}
	return path
}

// date asks for the times of the versions that are shown.
func (s *Survey) date(ctx context.Context, source *modrepo.Source, commits map[string]git.Hash) {
	hashes := make([]git.Hash, 0, len(commits))
	for _, h := range commits {
		if !h.IsZero() {
			hashes = append(hashes, h)
		}
	}
	if len(hashes) == 0 {
		return
	}
	times, err := source.Repo.Times(ctx, hashes)
	if err != nil {
		s.Undated = err // they are an extra
		return
	}
	s.Times = make(map[string]time.Time)
	for tag, h := range commits {
		s.Times[tag] = times[h]
	}
}
