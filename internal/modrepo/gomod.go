package modrepo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/git"
)

// A root is a module's root at one commit.
type root struct {
	snapshot *git.Snapshot
	dir      string // the source's directory, or its major version's below it
	goMod    []byte // nil if there is none, as only a repository's root may do without
	zipGoMod []byte // as the rules of zips see it, once they are asked
}

func (r *root) Close() { r.snapshot.Close() }

// root finds where the module is at a commit, and whether it is the module.
func (m *Module) root(ctx context.Context, commit git.Hash) (*root, error) {
	r, err := m.source.commit(ctx, commit)
	if err != nil {
		return nil, err
	}
	if err := m.findDir(ctx, r); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// commit takes a commit, without a thought of where the module is in it.
func (s *Source) commit(ctx context.Context, h git.Hash) (*root, error) {
	snapshot, err := s.Repo.Snapshot(ctx, h, s.Directory)
	if err != nil {
		return nil, err
	}
	if snapshot.Commit.Time.IsZero() {
		snapshot.Close()
		return nil, notFound("commit %s is malformed: its committer's time can't be read, or is beyond the year 9999; the repository's owner must make another", h)
	}
	return &root{snapshot: snapshot}, nil
}

// file looks a file up as `git cat-file blob` does: a symbolic link is the text of its target.
func (r *root) file(name string) (git.Entry, bool, error) {
	e, err := r.snapshot.Lookup(name)
	if isNotExist(err) || err == nil && (e.Mode == git.Directory || e.Mode == git.Submodule) {
		return git.Entry{}, false, nil
	}
	return e, err == nil, err
}

// noGoMod is why a commit hasn't the module.
const noGoMod = "the module has no go.mod at this version"

// findDir follows coderepo.go's function of that name: the go.mod of the directory or of its /vN below must be of
// the path's major version, and not both.
func (m *Module) findDir(ctx context.Context, r *root) error {
	dir := m.source.Directory
	names := []string{path.Join(dir, "go.mod")}
	if strings.HasPrefix(m.pathMajor, "/") {
		names = append(names, path.Join(dir, m.pathMajor[1:], "go.mod"))
	}
	goMods, err := r.readGoMods(ctx, names)
	if err != nil {
		return err
	}
	goMod1, path1 := goMods[0], modfile.ModulePath(goMods[0])
	found1 := goMod1 != nil && (isMajor(path1, m.pathMajor) || m.pathMajor == "" && strings.HasPrefix(path1, "gopkg.in/"))
	if len(goMods) == 2 && goMods[1] != nil {
		path2 := modfile.ModulePath(goMods[1])
		switch found2 := isMajor(path2, m.pathMajor); {
		case found1 && found2:
			return notFound("go.mod and %s/go.mod both have %s module paths", m.pathMajor[1:], m.pathMajor)
		case !found2:
			return m.mismatch(m.pathMajor[1:]+"/go.mod", path2)
		}
		r.dir, r.goMod = path.Dir(names[1]), goMods[1]
		return m.checkPath(r.goMod)
	}
	switch {
	case found1:
		r.dir, r.goMod = dir, goMod1
		return m.checkPath(r.goMod)
	case goMod1 != nil:
		return m.mismatch("go.mod", path1)
	case dir == "" && len(names) == 1 && !m.declared:
		return nil // a repository's root may do without go.mod
	}
	return &Error{Reason: noGoMod, Hint: fmt.Sprintf("there is no %.200q", strings.Join(names, " or "))}
}

// readGoMods reads the files that there are, nil standing for the others. If they did not come along with the commit, the zip
// is not made to ask for trees once more, nor for the files of a small module.
func (r *root) readGoMods(ctx context.Context, names []string) ([][]byte, error) {
	hashes := make([]git.Hash, len(names))
	var blobs []git.Hash
	for i, name := range names {
		e, ok, err := r.file(name)
		if err != nil {
			return nil, err
		}
		if ok {
			hashes[i] = e.Hash
			blobs = append(blobs, e.Hash)
		}
	}
	if !r.snapshot.Has(blobs...) {
		blobs = append(blobs, r.companions(parent(names[0]))...)
		if err := r.snapshot.LoadTrees(ctx, blobs...); err != nil {
			return nil, err
		}
	}
	goMods := make([][]byte, len(names))
	for i, h := range hashes {
		if h.IsZero() {
			continue
		}
		size, err := r.snapshot.BlobSize(h)
		if err != nil {
			return nil, err
		}
		if size > modzip.MaxGoMod {
			return nil, notFound("the module's go.mod has more than %d bytes", modzip.MaxGoMod)
		}
		if goMods[i], err = r.snapshot.ReadBlob(ctx, h, modzip.MaxGoMod); err != nil {
			return nil, err
		}
		if err := takeGoMod(ctx, goMods[i]); err != nil {
			return nil, err
		}
	}
	return goMods, nil
}

// takeGoMod asks for the memory that it takes to read what a go.mod says: of lines of a byte a hundred times their size.
func takeGoMod(ctx context.Context, data []byte) error {
	const perByte, perLine = 16, 400
	return budget.Take(ctx, perByte*int64(len(data))+perLine*int64(bytes.Count(data, []byte("\n"))))
}

// checkPath compares what go.mod declares, where that decides.
func (m *Module) checkPath(goMod []byte) error {
	if declared := modfile.ModulePath(goMod); m.declared && declared != m.path {
		return notFound("the module's go.mod declares its path as %.200q", declared)
	}
	return nil
}

// mismatch says why a go.mod is not that of the path's major version.
func (m *Module) mismatch(name, declared string) error {
	if declared == "" {
		return notFound("the module's %s has no module path", name)
	}
	return notFound("the module's %s declares its path as %.200q, which is not of this path's major version", name, declared)
}

// isMajor reports whether a module path is of a major version (coderepo.go's function of that name, which says why).
func isMajor(modPath, pathMajor string) bool {
	_, major, ok := module.SplitPathVersion(modPath)
	if modPath == "" || !ok {
		return false
	}
	if pathMajor == "" {
		switch module.PathMajorPrefix(major) {
		case "", "v0", "v1":
			return true
		}
		return false
	}
	return major != "" && pathMajor[1:] == major[1:]
}

// GoMod is the go.mod of the version that info is about. A repository's root without one gets what the go command
// makes up.
func (m *Module) GoMod(ctx context.Context, info *Info) ([]byte, error) {
	r, err := m.at(ctx, info)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return m.goMod(r), nil
}

// WriteGoMod writes what GoMod gives.
func (m *Module) WriteGoMod(ctx context.Context, info *Info, w io.Writer) error {
	data, err := m.GoMod(ctx, info)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func (m *Module) goMod(r *root) []byte {
	if r.goMod == nil {
		return m.legacyGoMod()
	}
	return r.goMod
}

// legacyGoMod is what the go command makes up (coderepo.go, LegacyGoMod).
func (m *Module) legacyGoMod() []byte {
	return fmt.Appendf(nil, "module %s\n", modfile.AutoQuote(m.path))
}

// at finds the root at an info's commit: what was resolved once is not resolved again.
func (m *Module) at(ctx context.Context, info *Info) (*root, error) {
	commit, err := git.ParseHash(info.Origin.Hash)
	if err != nil {
		return nil, err
	}
	r, err := m.root(ctx, commit)
	return r, gone(info, err)
}
