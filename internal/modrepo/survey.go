package modrepo

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"example.com/vanity/internal/git"
)

// What stands here is for whoever is still to say what a source is. It decides nothing.

// Refs lists all tags of the repository, whatever the pattern, without "refs/tags/" before their names, and the commit
// that its HEAD leads to, which is zero if there is none.
func (s *Source) Refs(ctx context.Context) (tags []git.Ref, tip git.Hash, err error) {
	refs, err := s.Repo.Refs(ctx, tagsDir, head)
	if err != nil {
		return nil, git.Hash{}, err
	}
	tags = refs[:0]
	for _, ref := range refs {
		if name, ok := strings.CutPrefix(ref.Name, tagsDir); ok && !ref.Hash.IsZero() {
			ref.Name = name
			tags = append(tags, ref)
		} else if ref.Name == head {
			tip = ref.Object()
		}
	}
	return tags, tip, nil
}

// A GoMod is a file go.mod, and the module path that it declares, which may be empty.
type GoMod struct{ File, Path string }

// Declared reads the go.mod of the source's directory at a commit, and that of its major version ("v2") below, if there is
// one to look for. Where neither is there, it gives up to most directories that have one: above the directory or below.
func (s *Source) Declared(ctx context.Context, commit git.Hash, major string, most int) (declared []GoMod, elsewhere []string, err error) {
	r, err := s.commit(ctx, commit)
	if err != nil {
		if isMissing(err) {
			err = notFound("it leads to no commit")
		}
		return nil, nil, err
	}
	defer r.Close()
	names := []string{path.Join(s.Directory, "go.mod")}
	if major != "" {
		names = append(names, path.Join(s.Directory, major, "go.mod"))
	}
	goMods, err := r.readGoMods(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	for i, data := range goMods {
		if data != nil {
			declared = append(declared, GoMod{names[i], modfile.ModulePath(data)})
		}
	}
	if declared == nil {
		elsewhere, err = s.elsewhere(ctx, r, most)
	}
	return declared, elsewhere, err
}

var errEnough = errors.New("that is enough")

// maxGoModDirs is how many directories with a go.mod are sorted.
const maxGoModDirs = 1000

// elsewhere finds directories with a go.mod: those above the source's, the nearest first, then those below.
func (s *Source) elsewhere(ctx context.Context, r *root, most int) (dirs []string, err error) {
	if err := r.snapshot.LoadTrees(ctx); err != nil {
		return nil, err
	}
	for dir := s.Directory; dir != ""; {
		dir = strings.TrimPrefix(path.Dir("/"+dir), "/")
		if _, ok, err := r.file(path.Join(dir, "go.mod")); err != nil {
			return nil, err
		} else if ok {
			dirs = append(dirs, dir)
		}
	}
	above := len(dirs)
	err = r.snapshot.Walk(s.Directory, func(name string, e git.Entry) error {
		if len(dirs) >= maxGoModDirs {
			return errEnough
		}
		if path.Base(name) == "go.mod" && e.Mode != git.Directory && e.Mode != git.Submodule {
			dirs = append(dirs, path.Join(s.Directory, path.Dir(name)))
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) && !isNotExist(err) {
		return nil, err
	}
	slices.SortFunc(dirs[above:], func(a, b string) int {
		return cmp.Or(strings.Count(a, "/")-strings.Count(b, "/"), strings.Compare(a, b))
	})
	return dirs[:min(len(dirs), most)], nil
}
