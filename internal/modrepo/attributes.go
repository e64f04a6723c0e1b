package modrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/deflate"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gitattr"
)

// The go command takes files from `git archive`, which applies attributes: those in .gitattributes of the commit, of
// the directories above the module too.

// Bounds of what is looked into. Git reads attributes files of up to 100 MiB.
const (
	maxAttributes      = 4 << 20
	maxAttributesFiles = 10_000
	maxConverted       = 64 << 20 // of one file, before; it is held in memory
)

// attributesFiles lists the attributes files that may concern a directory: those above, in, and below it, each by the
// directory that it is in. As for git, a symbolic link is one with its target for text, and a directory is none.
func (r *root) attributesFiles(dir string) map[string]git.Hash {
	files := make(map[string]git.Hash)
	for above := dir; above != ""; {
		above = parent(above)
		if e, ok, err := r.file(path.Join(above, gitattr.File)); ok && err == nil {
			files[above] = e.Hash
		}
	}
	// An error of the walk comes up again where the files are listed.
	r.snapshot.Walk(dir, func(name string, e git.Entry) error {
		if e.Name == gitattr.File && e.Mode != git.Directory && e.Mode != git.Submodule {
			files[parent(path.Join(dir, name))] = e.Hash
		}
		return nil
	})
	return files
}

// parent is the directory above one, the empty name being the repository's root.
func parent(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// loadAttributes makes sure of the attributes files that concern the module. If that takes a request, it brings the files that
// go into the zip besides, as far as they are known without: attributes of go.mod alone could change that.
func (r *root) loadAttributes(ctx context.Context, files []*file) error {
	found := r.attributesFiles(r.dir)
	if len(found) > maxAttributesFiles {
		return notFound("the module has more than %d %s: such modules are not served here", maxAttributesFiles, gitattr.File)
	}
	list := slices.Collect(maps.Values(found))
	if !r.snapshot.Has(list...) {
		r.zipGoMod = r.goMod
		if likely, err := check(files); err == nil { // what is wrong comes up again
			list = append(list, blobs(likely)...)
		}
	}
	return r.snapshot.Load(ctx, list)
}

// attributes reads the attributes files that concern the module, which were loaded.
func (r *root) attributes(ctx context.Context) (*gitattr.Set, error) {
	found := r.attributesFiles(r.dir)
	var s gitattr.Set
	total := int64(0)
	for dir, h := range found {
		size, err := r.snapshot.BlobSize(h)
		if err != nil {
			return nil, err
		}
		if total += size; total > maxAttributes {
			return nil, notFound("the module's %s have more than %d bytes: such modules are not served here", gitattr.File, maxAttributes)
		}
		const perByte = 20 // that what it says takes
		if err := budget.Take(ctx, perByte*size); err != nil {
			return nil, err
		}
		data, err := r.snapshot.ReadBlob(ctx, h, maxAttributes)
		if err != nil {
			return nil, err
		}
		s.Add(dir, data)
	}
	return &s, nil
}

// findConversions notes which conversions the files need. All of those that the archive would have are asked for,
// since git may fail at any of them.
func (r *root) findConversions(ctx context.Context, files []*file) error {
	s, err := r.attributes(ctx)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.inherited || f.mode == git.Symlink {
			continue
		}
		if f.conversion, err = s.Lookup(path.Join(r.dir, f.name)); err != nil {
			return f.refusal(err)
		}
	}
	return nil
}

// refusal is the error of a file that can't be converted here, or not even by git.
func (f *file) refusal(err error) error {
	return &Error{
		Reason: fmt.Sprintf("the module's %s can't be followed: %v", gitattr.File, err),
		Hint:   fmt.Sprintf("file %.100q", f.name),
	}
}

// convertedGoMod is the go.mod that the rules of zips see, which is not that of .mod if it is converted.
func (r *root) convertedGoMod(files []*file) ([]byte, error) {
	i := slices.IndexFunc(files, func(f *file) bool { return f.name == goModName })
	if i < 0 || r.goMod == nil || !files[i].converts() {
		return r.goMod, nil
	}
	var b bytes.Buffer
	err := files[i].convert(&limitedWriter{&b, modzip.MaxGoMod}, r.goMod)
	return b.Bytes(), err
}

// convertFiles makes the contents that differ from what is stored, and compresses them.
func convertFiles(ctx context.Context, files []*file, made *deflate.Batch) error {
	left := int64(modzip.MaxZipFile)
	for _, f := range files {
		if !f.converts() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.size > maxConverted {
			return f.refusal(fmt.Errorf("a file to be converted has more than %d bytes", maxConverted))
		}
		used, err := f.convertAndCompress(ctx, made, left)
		if err != nil {
			return err
		}
		left -= used
	}
	return nil
}

// convertAndCompress says how large the file has become. It may become eight times as large.
func (f *file) convertAndCompress(ctx context.Context, made *deflate.Batch, left int64) (size int64, err error) {
	write := func(w io.Writer) error { return f.convertBlob(ctx, &limitedWriter{w, left}) }
	if f.size <= maxInMemory {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return 0, err
		}
		f.size = int64(b.Len())
		return f.size, f.compress(ctx, b.Bytes(), made)
	}
	f.size, err = f.stream(made, write)
	return f.size, err
}

// convertBlob is convert for the content that is stored.
func (f *file) convertBlob(ctx context.Context, w io.Writer) error {
	if err := budget.Take(ctx, f.size); err != nil {
		return err
	}
	defer budget.Give(ctx, f.size)
	content, err := f.root.snapshot.ReadBlob(ctx, f.hash, maxConverted)
	if err != nil {
		return err
	}
	return f.convert(w, content)
}

func (f *file) converts() bool { return f.conversion != gitattr.Conversion{} }

// convert writes the file's content as the archive has it.
func (f *file) convert(w io.Writer, content []byte) error {
	err := f.conversion.Apply(w, content, f.hash.String())
	var unknown *gitattr.EncodingError
	switch {
	case errors.As(err, &unknown):
		return f.refusal(err)
	case errors.Is(err, errTooLarge):
		return notFound("the module can't be a module zip: its files are too large once they are converted by attributes")
	}
	return err
}

var errTooLarge = errors.New("too large")

// A limitedWriter takes so many bytes.
type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		return 0, errTooLarge
	}
	l.left -= int64(len(p))
	return l.w.Write(p)
}
