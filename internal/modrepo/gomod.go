package modrepo

import (
	"context"
	"fmt"
	"path"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/git"
)

// A root is a module's root at one commit.
type root struct {
	snapshot *git.Snapshot
	dir      string // the source's directory, or its major version's below it
	goMod    []byte // nil if there is none, as only a repository's root may do without
}

func (r *root) Close() { r.snapshot.Close() }

// root finds where the module is at a commit, and whether it is the module.
func (m *Module) root(ctx context.Context, commit git.Hash) (*root, error) {
	s, err := m.source.Repo.Snapshot(ctx, commit, m.source.Directory)
	if err != nil {
		return nil, err
	}
	r := &root{snapshot: s}
	if err := m.findDir(ctx, r); err != nil {
		s.Close()
		return nil, err
	}
	return r, nil
}

// file looks a file up as `git cat-file blob` does: a symbolic link is the text of its target.
func (r *root) file(name string) (git.Entry, bool, error) {
	e, err := r.snapshot.Lookup(name)
	if isNotExist(err) || err == nil && (e.Mode == git.Directory || e.Mode == git.Submodule) {
		return git.Entry{}, false, nil
	}
	return e, err == nil, err
}

// findDir follows coderepo.go's function of that name: the go.mod of the directory or of its /vN below must be of
// the path's major version, and not both.
func (m *Module) findDir(ctx context.Context, r *root) error {
	dir := m.source.Directory
	file1 := path.Join(dir, "go.mod")
	file2 := ""
	if strings.HasPrefix(m.pathMajor, "/") {
		file2 = path.Join(dir, m.pathMajor[1:], "go.mod")
	}
	goMod1, goMod2, err := r.readGoMods(ctx, file1, file2)
	if err != nil {
		return err
	}
	path1 := modfile.ModulePath(goMod1)
	found1 := goMod1 != nil && (isMajor(path1, m.pathMajor) || m.pathMajor == "" && strings.HasPrefix(path1, "gopkg.in/"))
	path2 := modfile.ModulePath(goMod2)
	found2 := goMod2 != nil && isMajor(path2, m.pathMajor)
	switch {
	case found1 && found2:
		return notFound("go.mod and %s/go.mod both have %s module paths", m.pathMajor[1:], m.pathMajor)
	case found2:
		r.dir, r.goMod = path.Dir(file2), goMod2
		return m.checkPath(path2)
	case goMod2 != nil:
		return notFound("%s/go.mod has module path %q, which is not %s", m.pathMajor[1:], path2, m.pathMajor)
	case found1:
		r.dir, r.goMod = dir, goMod1
		return m.checkPath(path1)
	case goMod1 != nil:
		return m.mismatch(path1)
	case dir == "" && !strings.HasPrefix(m.pathMajor, "/") && !m.declared:
		return nil // a repository's root may do without go.mod
	}
	return &Error{Reason: "the module has no go.mod at this version", Hint: fmt.Sprintf("there is no %s", file1)}
}

// readGoMods reads both, where they exist, with what the zip will want besides: the same request brings them.
func (r *root) readGoMods(ctx context.Context, file1, file2 string) (goMod1, goMod2 []byte, err error) {
	e1, ok1, err := r.file(file1)
	if err != nil {
		return nil, nil, err
	}
	var e2 git.Entry
	var ok2 bool
	if file2 != "" {
		if e2, ok2, err = r.file(file2); err != nil {
			return nil, nil, err
		}
	}
	var blobs []git.Hash
	if ok1 {
		blobs = append(blobs, e1.Hash)
	}
	if ok2 {
		blobs = append(blobs, e2.Hash)
	}
	if blobs = append(blobs, r.attributes(path.Dir(file1))...); len(blobs) > 0 {
		if err := r.snapshot.Load(ctx, blobs); err != nil {
			return nil, nil, err
		}
	}
	if ok1 {
		if goMod1, err = r.snapshot.ReadBlob(ctx, e1.Hash, modzip.MaxGoMod); err != nil {
			return nil, nil, err
		}
	}
	if ok2 {
		goMod2, err = r.snapshot.ReadBlob(ctx, e2.Hash, modzip.MaxGoMod)
	}
	return goMod1, goMod2, err
}

// checkPath compares what go.mod declares, where that decides.
func (m *Module) checkPath(declared string) error {
	if m.declared && declared != m.path {
		return notFound("the module's go.mod declares its path as %s", declared)
	}
	return nil
}

func (m *Module) mismatch(declared string) error {
	if declared == "" {
		return notFound("the module's go.mod has no module path")
	}
	if m.declared {
		return m.checkPath(declared)
	}
	return notFound("the module's go.mod declares its path as %s, which is of another major version", declared)
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
	if r.goMod == nil {
		return fmt.Appendf(nil, "module %s\n", modfile.AutoQuote(m.path)), nil
	}
	return r.goMod, nil
}

// at finds the root at an info's commit: what was resolved once is not resolved again.
func (m *Module) at(ctx context.Context, info *Info) (*root, error) {
	commit, err := git.ParseHash(info.Origin.Hash)
	if err != nil {
		return nil, err
	}
	return m.root(ctx, commit)
}

// retracted reports which versions the module takes back, as the go.mod of the given version says.
func (m *Module) retracted(ctx context.Context, version string) (func(string) bool, error) {
	info, err := m.Stat(ctx, version)
	if err != nil {
		return nil, err
	}
	data, err := m.GoMod(ctx, info)
	if err != nil {
		return nil, err
	}
	f, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return func(string) bool { return false }, nil
	}
	return func(v string) bool {
		for _, r := range f.Retract {
			if semver.Compare(r.Low, v) <= 0 && semver.Compare(v, r.High) <= 0 {
				return true
			}
		}
		return false
	}, nil
}
