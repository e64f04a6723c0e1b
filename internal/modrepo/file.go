package modrepo

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"
	"unicode/utf8"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/deflate"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gitattr"
)

// A file is one file of a module. It is a modzip.File for the rules of zips, which read no content but that of go.mod.
type file struct {
	root       *root
	name       string
	hash       git.Hash
	mode       git.Mode
	inherited  bool // LICENSE of the repository's root
	conversion gitattr.Conversion
	size       int64         // of the content, converted if it is to be
	span       *deflate.Span // of what was compressed here; nil if nothing was
}

// Path is the file's name in the module.
func (f *file) Path() string { return f.name }

// Lstat says what kind of file it is, and its size as far as it is known.
func (f *file) Lstat() (fs.FileInfo, error) { return fileInfo{f}, nil }

// Open reads go.mod.
func (f *file) Open() (io.ReadCloser, error) {
	if f.name == goModName && f.root.zipGoMod != nil {
		return io.NopCloser(bytes.NewReader(f.root.zipGoMod)), nil
	}
	return nil, fs.ErrNotExist
}

const goModName = "go.mod"

// deflated gives the content's compressed form, a deflate stream, and its checksum.
func (f *file) deflated(made *deflate.Batch) (compressed *io.SectionReader, crc uint32) {
	if f.span != nil {
		return deflate.Raw(made.Section(*f.span)), f.span.CRC
	}
	compressed, crc, _ = f.stored()
	return compressed, crc
}

// stored is deflated for what the git host has compressed; false if it has not.
func (f *file) stored() (compressed *io.SectionReader, crc uint32, ok bool) {
	compressed, crc, ok = f.root.snapshot.Deflated(f.hash)
	return compressed, crc, ok && compressed.Size() <= maxDeflated(f.size)
}

// maxDeflated is what a content takes compressed, if it does not give way (RFC 1951, section 2: 5 bytes for each stored block).
// A stream may have any number of blocks that hold nothing.
func maxDeflated(size int64) int64 { return 64 + size + size/1000 }

// compress makes what the zip will have of a content. It is not at hand before the batch is done.
func (f *file) compress(ctx context.Context, content []byte, made *deflate.Batch) error {
	size := int64(len(content))
	if err := budget.Take(ctx, size); err != nil {
		return err
	}
	f.span = new(deflate.Span)
	return made.Add(content, func(span deflate.Span) {
		*f.span = span
		budget.Give(ctx, size)
	})
}

// stream is compress for a content that is written, of which memory should not hold all.
func (f *file) stream(made *deflate.Batch, write func(io.Writer) error) (size int64, err error) {
	f.span = new(deflate.Span)
	*f.span, size, err = made.Stream(write)
	return size, err
}

// write adds the file to a zip.
func (f *file) write(zw *zip.Writer, name string, made *deflate.Batch, buf []byte) error {
	compressed, crc := f.deflated(made)
	const version = 20 // of the zip format: 2.0, which knows the method
	h := &zip.FileHeader{
		Name: name, Method: zip.Deflate, CreatorVersion: version, ReaderVersion: version,
		CRC32: crc, CompressedSize64: uint64(compressed.Size()), UncompressedSize64: uint64(f.size),
	}
	if !isASCII(name) {
		h.Flags = 0x800 // it is UTF-8
	}
	w, err := zw.CreateRaw(h)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(w, compressed, buf)
	if err == nil && n < compressed.Size() {
		err = errCut
	}
	return err
}

// errCut is not the end of what a host sends.
var errCut = errors.New("a temporary file is shorter than what was written to it")

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

type fileInfo struct{ f *file }

func (i fileInfo) Name() string       { return path.Base(i.f.name) }
func (i fileInfo) Size() int64        { return i.f.size }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Mode() fs.FileMode {
	switch i.f.mode {
	case git.Symlink:
		return fs.ModeSymlink | 0o777
	case git.Executable:
		return 0o755
	}
	return 0o644
}
