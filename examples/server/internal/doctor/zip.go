package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity/examples/server/internal/progress"
)

// zip looks at a version's zip and the hashes.
func (d *doctor) zip(ctx context.Context, m *mod, hasMod bool) {
	f, err := d.tempFile()
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if !d.download(ctx, m, f) || !d.unzip(m, f.Name(), hasMod) {
		d.skip("hash", "a zip that can't be used has none")
		return
	}
	sum, err := dirhash.HashZip(f.Name(), dirhash.Hash1)
	if err != nil {
		d.err = err
		return
	}
	d.hash(m, m.version, sum)
	if !hasMod {
		d.skip("hash", "a go.mod that can't be used has none")
		return
	}
	sum, err = dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.goMod)), nil })
	if err != nil {
		d.err = err
		return
	}
	d.hash(m, m.version+"/go.mod", sum)
}

// download gets the zip, as far as the go command would.
func (d *doctor) download(ctx context.Context, m *mod, f *os.File) bool {
	escaped, err := module.EscapeVersion(m.version)
	if err != nil {
		return false
	}
	u, err := fileURL(m.base, m.path, "@v/"+escaped+".zip")
	if err != nil {
		return false
	}
	a, err := d.web.download(ctx, u, f, modzip.MaxZipFile)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		d.err = err
		return false
	}
	switch {
	case err != nil && a != nil && errors.Is(err, io.ErrUnexpectedEOF):
		d.fail("zip", "see what cuts it: a time limit of the server or of a proxy before it, or a Content-Length that is wrong", "%s: broke off after %d of %d bytes", show(u), a.size, a.length)
	case err != nil:
		saw, mend := explain(err, u.Hostname())
		d.fail("zip", mend, "%s: %s", show(u), saw)
	case a.status != http.StatusOK:
		d.refused("zip", a, "answer with the version's zip")
	case a.cut:
		d.fail("zip", "take large files out of the module: a directory with a go.mod of its own is no part of it", "%s: has more than %d bytes, which no module may have", show(u), modzip.MaxZipFile)
	default:
		d.ok("zip", "%s: %s, %d bytes", show(u), a, a.size)
		return true
	}
	return false
}

// unzip checks the zip as the go command does, by taking it apart.
func (d *doctor) unzip(m *mod, name string, hasMod bool) bool {
	const step, mend = "zip check", "answer with a zip as golang.org/x/mod/zip makes it: below MODULE@VERSION/, with names that every system can have"
	head := make([]byte, 512)
	if f, err := os.Open(name); err == nil {
		n, _ := io.ReadFull(f, head)
		head = head[:n]
		f.Close()
	}
	if looksHTML(head) {
		d.fail(step, "answer with the version's zip, or with 404: a page with 200 is taken for the zip", "it is a page")
		return false
	}
	v := module.Version{Path: m.path, Version: m.version}
	checked, err := modzip.CheckZip(v, name)
	if err == nil {
		err = checked.Err()
	}
	if err != nil {
		d.fail(step, mend, "%s", strings.ReplaceAll(err.Error(), name, "the zip"))
		return false
	}
	dir, err := os.MkdirTemp("", "doctor-*")
	if err != nil {
		d.err = err
		return false
	}
	defer os.RemoveAll(dir)
	if err := modzip.Unzip(dir, v, name); err != nil {
		d.fail(step, mend, "%s", strings.ReplaceAll(strings.ReplaceAll(err.Error(), name, "the zip"), dir, "."))
		return false
	}
	if len(checked.Valid) == 0 {
		d.warn(step, "see that the directory is the module's", "it is empty")
	} else {
		d.ok(step, "%s, all below %s/", progress.Count(len(checked.Valid), "file"), v)
	}
	if hasMod {
		d.compareMod(m, filepath.Join(dir, "go.mod"))
	}
	d.checkPackage(m, checked.Valid)
	return true
}

// checkPackage looks for the package that was asked for, if it wasn't the module.
func (d *doctor) checkPackage(m *mod, files []string) {
	dir := strings.TrimPrefix(d.path, m.path+"/")
	if d.path == m.path {
		return
	}
	for _, name := range files {
		rest, ok := strings.CutPrefix(name, m.path+"@"+m.version+"/"+dir+"/")
		if ok && strings.HasSuffix(rest, ".go") && !strings.Contains(rest, "/") {
			d.ok("package", "%s has Go files", dir)
			return
		}
	}
	mend := "see that the version has the directory; it may be in a later one, or in a module of its own that isn't served"
	if _, major, _ := module.SplitPathVersion(d.path); major != "" {
		mend = "tag " + module.PathMajorPrefix(major) + ".0.0, with \"module " + d.path + "\" in go.mod, if a major version is meant"
	}
	d.fail("package", mend, "%s has no Go files in %s", module.Version{Path: m.path, Version: m.version}, dir)
}

// compareMod compares go.mod with the one in the zip. Only attributes of git can make them differ, and not in substance; a
// root without one has none in the zip, and one that the go command makes up besides.
func (d *doctor) compareMod(m *mod, name string) {
	data, err := os.ReadFile(name)
	const mend = "answer both from the same commit"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if lines := bytes.TrimSpace(m.goMod); !bytes.HasPrefix(lines, []byte("module ")) || bytes.ContainsRune(lines, '\n') {
			d.warn("zip check", mend, "there is no go.mod in it, but one besides")
		}
	case err != nil:
		d.err = err
	case !bytes.Equal(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), bytes.ReplaceAll(m.goMod, []byte("\r\n"), []byte("\n"))):
		d.warn("zip check", mend, "the go.mod in it is not the one besides")
	}
}

// hash compares a hash with that of go.sum, in whose form it is shown.
func (d *doctor) hash(m *mod, version, sum string) {
	line := fmt.Sprintf("%s %s %s", m.path, version, sum)
	if d.sums == nil {
		d.ok("hash", "%s", line)
		return
	}
	known := d.sums.hashes[m.path+" "+version]
	switch {
	case len(known) == 0:
		d.warn("hash", "none, if it was never built with that go.sum; else name the one of who has", "%s; %s doesn't have it", line, d.sums.name)
	case !known[sum]:
		d.fail("hash", "if the tag was moved, move it back, and tag a new version; else have the server make the zip as the go command does", "%s; but %s has %s", line, d.sums.name, d.sums.of(m.path, version))
	default:
		d.ok("hash", "%s, as in %s", line, d.sums.name)
	}
}
