package modrepo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gitattr"
	"example.com/vanity/internal/spool"
)

// Zip writes the module zip of the version that info is about. Its content is what the go command would put in, file
// by file; nothing should be made of what was written before an error.
func (m *Module) Zip(ctx context.Context, info *Info, w io.Writer) error {
	r, err := m.at(ctx, info)
	if err != nil {
		return err
	}
	defer r.Close()
	files, err := r.files(ctx)
	if err != nil {
		return err
	}
	if err := r.findConversions(ctx, files); err != nil {
		return err
	}
	goMod, err := r.convertedGoMod(files)
	if err != nil {
		return err
	}
	wanted, err := m.choose(files, goMod)
	if err != nil {
		return err
	}
	blobs := make([]git.Hash, len(wanted))
	for i, f := range wanted {
		blobs[i] = f.entry.Hash
	}
	if err := r.snapshot.Load(ctx, blobs); err != nil {
		return gone(info, err)
	}
	if err := sizes(r.snapshot, wanted); err != nil {
		return err
	}
	var converted spool.Spool
	defer converted.Close()
	if err := convertFiles(ctx, wanted, &converted); err != nil {
		return err
	}
	return m.create(w, info.Version, files)
}

// files lists the module's tree as coderepo.go's Zip sees it in `git archive`'s output: files and symbolic links.
// Submodules are empty directories there. A module below the repository's root without LICENSE has the root's.
func (r *root) files(ctx context.Context) ([]*file, error) {
	var files []*file
	haveLicense := false
	err := r.snapshot.Walk(r.dir, func(name string, e git.Entry) error {
		if isForbidden(e) {
			return notFound("the module has a file that git refuses: %.200q", name)
		}
		if e.Mode == git.Directory || e.Mode == git.Submodule {
			return ctx.Err()
		}
		if err := budget.Take(ctx, fileCost+2*int64(len(name))); err != nil {
			return err
		}
		files = append(files, &file{name: name, entry: e, snapshot: r.snapshot})
		haveLicense = haveLicense || name == license
		return nil
	})
	if err != nil || haveLicense || r.dir == "" {
		return files, err
	}
	e, ok, err := r.file(license)
	if ok {
		e.Mode = git.RegularFile // what a link says is taken for the text
		files = append(files, &file{name: license, entry: e, snapshot: r.snapshot, inherited: true})
	}
	return files, err
}

const license = "LICENSE"

// fileCost is about what a file takes of memory on its way into a zip, besides its name.
const fileCost = 500

// isForbidden knows the entries with which there is no `git archive` (read-cache.c, verify_path). Anywhere in the
// repository they make the go command fail, but only those in the module are seen here.
func isForbidden(e git.Entry) bool {
	name := e.Name
	if i := strings.IndexAny(name, `:\`); i >= 0 {
		name = name[:i] // what else Windows might take for .git
	}
	name = strings.TrimRight(name, " .")
	return strings.EqualFold(name, ".git") || strings.EqualFold(name, "git~1") ||
		e.Mode == git.Symlink && strings.EqualFold(name, ".gitmodules")
}

// choose asks the rules of module zips which files go in, before any of their content is fetched.
func (m *Module) choose(files []*file, goMod []byte) ([]*file, error) {
	named := make(map[string]*file, len(files))
	list := make([]modzip.File, len(files))
	for i, f := range files {
		list[i] = unread{f, goMod}
		named[f.name] = f
	}
	checked, err := modzip.CheckFiles(list)
	if err != nil {
		return nil, invalid(err)
	}
	wanted := make([]*file, len(checked.Valid))
	for i, name := range checked.Valid {
		wanted[i] = named[name]
	}
	return wanted, nil
}

// invalid gives the first fault, on one line: that a module zip can't hold a file, or all of them, is no failure of
// ours.
func invalid(err error) error {
	var list modzip.FileErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return notFound("the module can't be a module zip: %.200q: %.400s", list[0].Path, list[0].Err)
	}
	return notFound("the module can't be a module zip: %v", err)
}

// sizes notes how large the files are, once they are at hand.
func sizes(s *git.Snapshot, files []*file) error {
	for _, f := range files {
		size, err := s.BlobSize(f.entry.Hash)
		if err != nil {
			return err
		}
		f.size = size
	}
	return nil
}

// create writes the zip. Its writer asks the rules again, now that the sizes are known; only they tell a fault of the
// module's from one of the disk.
func (m *Module) create(w io.Writer, version string, files []*file) error {
	list := make([]modzip.File, len(files))
	for i, f := range files {
		list[i] = f
	}
	err := modzip.Create(w, module.Version{Path: m.path, Version: version}, list)
	if err == nil {
		return nil
	}
	if _, fault := modzip.CheckFiles(list); fault != nil {
		return invalid(fault)
	}
	return err
}

// A file is one file of a module, for [modzip.Create].
type file struct {
	name       string
	entry      git.Entry
	size       int64
	inherited  bool // LICENSE of the repository's root
	snapshot   *git.Snapshot
	conversion gitattr.Conversion
	converted  io.ReaderAt // the content, if it is converted
}

func (f *file) Path() string                { return f.name }
func (f *file) Lstat() (fs.FileInfo, error) { return fileInfo{f}, nil }

func (f *file) Open() (io.ReadCloser, error) {
	if f.converted == nil {
		return f.snapshot.OpenBlob(f.entry.Hash)
	}
	return io.NopCloser(io.NewSectionReader(f.converted, 0, f.size)), nil
}

// unread is a file whose content is not at hand, but for go.mod's, which the rules want to see.
type unread struct {
	*file
	goMod []byte
}

func (u unread) Open() (io.ReadCloser, error) {
	if u.name == "go.mod" && u.goMod != nil {
		return io.NopCloser(bytes.NewReader(u.goMod)), nil
	}
	return nil, fs.ErrNotExist
}

type fileInfo struct{ f *file }

func (i fileInfo) Name() string       { return path.Base(i.f.name) }
func (i fileInfo) Size() int64        { return i.f.size }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Mode() fs.FileMode {
	switch i.f.entry.Mode {
	case git.Symlink:
		return fs.ModeSymlink | 0o777
	case git.Executable:
		return 0o755
	}
	return 0o644
}
