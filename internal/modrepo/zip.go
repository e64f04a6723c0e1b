package modrepo

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/deflate"
	"example.com/vanity/internal/git"
)

// Zip writes the module zip of the version that info is about. Its content is what the go command would put in, file
// by file; nothing should be made of what was written before an error.
//
// What is compressed already, as all is that comes whole from a git host, goes into the zip as it is.
func (m *Module) Zip(ctx context.Context, info *Info, w io.Writer) error {
	r, err := m.at(ctx, info)
	if err != nil {
		return err
	}
	defer r.Close()
	files, err := r.wanted(ctx)
	if err == nil {
		err = r.snapshot.Load(ctx, blobs(files))
	}
	if err != nil {
		return gone(info, err)
	}
	if err := sizes(r.snapshot, files); err != nil {
		return err
	}
	var made deflate.Batch
	defer made.Close()
	if err := convertFiles(ctx, files, &made); err != nil {
		return err
	}
	if _, err := check(files); err != nil { // again, now that the sizes are known
		return err
	}
	if err := compressFiles(ctx, files, &made); err != nil {
		return err
	}
	return m.create(ctx, w, info.Version, files, &made)
}

// blobs names the files' contents.
func blobs(files []*file) []git.Hash {
	list := make([]git.Hash, len(files))
	for i, f := range files {
		list[i] = f.hash
	}
	return list
}

// wanted gives the files that go into the zip. Their content need not be at hand.
func (r *root) wanted(ctx context.Context) ([]*file, error) {
	if err := r.snapshot.LoadTrees(ctx); err != nil {
		return nil, err
	}
	files, err := r.files(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.loadAttributes(ctx, files); err != nil {
		return nil, err
	}
	if err := r.findConversions(ctx, files); err != nil {
		return nil, err
	}
	if r.zipGoMod, err = r.convertedGoMod(files); err != nil {
		return nil, err
	}
	return check(files)
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
		files = append(files, &file{root: r, name: name, hash: e.Hash, mode: e.Mode})
		haveLicense = haveLicense || name == license
		return nil
	})
	if err != nil || haveLicense || r.dir == "" {
		return files, err
	}
	e, ok, err := r.file(license)
	if ok {
		// What a link says is taken for the text.
		files = append(files, &file{root: r, name: license, hash: e.Hash, mode: git.RegularFile, inherited: true})
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

// check asks the rules of module zips which files go in.
func check(files []*file) ([]*file, error) {
	list := make([]modzip.File, len(files))
	for i, f := range files {
		list[i] = f
	}
	checked, err := modzip.CheckFiles(list)
	if err != nil {
		return nil, invalid(err)
	}
	wanted := make([]*file, 0, len(checked.Valid))
	for _, f := range files { // which are in the same order
		if n := len(wanted); n < len(checked.Valid) && checked.Valid[n] == f.name {
			wanted = append(wanted, f)
		}
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
		size, err := s.BlobSize(f.hash)
		if err != nil {
			return err
		}
		f.size = size
	}
	return nil
}

// maxInMemory is the size up to which files are compressed at the same time, each on a core of its own.
const maxInMemory = 1 << 20

// compressFiles compresses what is not compressed.
func compressFiles(ctx context.Context, files []*file, made *deflate.Batch) error {
	for _, f := range files {
		if f.span != nil {
			continue
		}
		if _, _, ok := f.stored(); ok {
			continue
		}
		if err := f.compressStored(ctx, made); err != nil {
			return err
		}
	}
	return made.Wait()
}

func (f *file) compressStored(ctx context.Context, made *deflate.Batch) error {
	if f.size <= maxInMemory {
		content, err := f.root.snapshot.ReadBlob(ctx, f.hash, maxInMemory)
		if err != nil {
			return err
		}
		return f.compress(ctx, content, made)
	}
	_, err := f.stream(made, func(w io.Writer) error {
		r, err := f.root.snapshot.OpenBlob(f.hash)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(w, r)
		return err
	})
	return err
}

// create writes the zip, with the names and in the order that [modzip.Create] gives to the files.
func (m *Module) create(ctx context.Context, w io.Writer, version string, files []*file, made *deflate.Batch) error {
	if err := module.Check(m.path, version); err != nil {
		return err
	}
	zw := zip.NewWriter(w)
	buf := make([]byte, 64<<10)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.write(zw, m.path+"@"+version+"/"+f.name, made, buf); err != nil {
			return err
		}
	}
	return zw.Close()
}
