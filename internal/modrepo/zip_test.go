package modrepo_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
)

// zipFiles reads a version's zip, with its checksums.
func zipFiles(t *testing.T, m *modrepo.Module, version string) map[string]string {
	t.Helper()
	info, err := m.Stat(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Zip(t.Context(), info, &b); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(rc)
		if err != nil || f.CRC32 != crc32.ChecksumIEEE(data) { // archive/zip takes a zero for none
			t.Errorf("%s: checksum %08x, %v", f.Name, f.CRC32, err)
		}
		rc.Close()
		files[f.Name] = string(data)
	}
	return files
}

// TestZipConverted has files be in the zip as `git archive` has them, be they stored whole, as deltas or converted, small or
// large, with those around them that are not converted: links, and the LICENSE of the repository's root.
func TestZipConverted(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "write\nsymlink target d/a.txt\n-- LICENSE --\n$Id$ yours\n-- d/go.mod --\nmodule x.y/d\n-- d/b.txt --\n$Id$ b\n-- d/e.txt --\n$Id$ e\n-- d/plain --\n$Id$ plain\n")
	large := strings.Repeat("0123456789abcde\n", 1<<17)
	r.Write("d/large.txt", []byte(large+"$Id$\n"))
	r.Write("d/large1", []byte(large+"one\n"))
	r.Write("d/large2", []byte(large+"two\n"))
	r.Write("d/large3", []byte("three\n"+large))
	small := large[:4000] // comes along with the tree, as a delta to another
	r.Write("d/small1", []byte(small+"one\n"))
	r.Write("d/small2", []byte(small+"two\n"))
	r.Write("d/small3", []byte("three\n"+small))
	r.Run("commit one\ntag v1.0.0\n")
	r.Write(".gitattributes", []byte("*.txt ident\nLICENSE ident\n"))
	r.Run("commit two\ntag v1.1.0\n")
	r.Repack()
	m := mustModule(t, local(r, "d", "v*"), "x.y/d", true)
	for version, ident := range map[string]func(name string) string{
		"v1.0.0": func(string) string { return "$Id$" },
		"v1.1.0": func(name string) string { return fmt.Sprintf("$Id: %s $", r.Git("rev-parse", "HEAD:d/"+name)) },
	} {
		in := "x.y/d@" + version + "/"
		want := map[string]string{
			in + "go.mod": "module x.y/d\n", in + "LICENSE": "$Id$ yours\n", in + "plain": "$Id$ plain\n",
			in + "b.txt": ident("b.txt") + " b\n", in + "e.txt": ident("e.txt") + " e\n", in + "large.txt": large + ident("large.txt") + "\n",
			in + "large1": large + "one\n", in + "large2": large + "two\n", in + "large3": "three\n" + large,
			in + "small1": small + "one\n", in + "small2": small + "two\n", in + "small3": "three\n" + small,
		}
		if diff := cmp.Diff(want, zipFiles(t, m, version)); diff != "" {
			t.Errorf("%s (-want +got):\n%.3000s", version, diff)
		}
	}
}
