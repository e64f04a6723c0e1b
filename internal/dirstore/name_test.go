package dirstore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/dirstore"
)

var malformed = []string{
	"", ".", "..", "/", "//", "/etc/passwd", "../x", "a/../x", "a/..", "a/./b", "a//b", "a/", "./a", "a/../../x",
	`a\b`, `..\x`, `C:\x`, "a\x00", "\x00", "a/b\x00.info", "a\nb", "a/\x7f", "a\xff",
	".tmp", ".tmp/x", ".TMP/x", ".tmp./x", ".x/@v/list", "...",
}

func TestMalformed(t *testing.T) {
	root := t.TempDir()
	d := dirstore.New(root)
	for _, name := range malformed {
		_, get := d.Get(t.Context(), name)
		put := wantFailure(t, root, name, strings.NewReader("x"), "malformed name")
		for _, err := range []error{get, put, d.Remove(t.Context(), name)} {
			if err == nil || errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(err.Error(), "\x00\n") {
				t.Errorf("%q: %q", name, err)
			}
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("malformed names have made %v, %v", entries, err)
	}
}

func TestLong(t *testing.T) {
	const versions = "go.acme.dev/!tool/@v/"
	long := strings.Repeat("x", 255-len(".info"))
	canonical := "v1.2.0-" + long[len("v1.2.0-"):]
	root := t.TempDir()
	d := dirstore.New(root)
	for _, name := range []string{versions + long + ".info", versions + canonical + ".info"} {
		put(t, d, name, "the longest")
		want(t, d, name, "the longest")
	}
	for _, name := range []string{versions + "x" + long + ".info", versions + canonical + "x.info", strings.Repeat(long+"/", 20) + "list"} {
		if runtime.GOOS == "windows" && len(name) > 4096 {
			continue // which has room for that
		}
		wantNone(t, d, name)
		wantFailure(t, root, name, strings.NewReader("x"), "name too long")
		if err := d.Remove(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}

// FuzzName stores something under any name, and looks what that has changed in the directory and around it.
func FuzzName(f *testing.F) {
	for _, name := range malformed {
		f.Add(name)
	}
	for _, name := range []string{zip, list, "gosub/6d6f64/" + zip, "a", "@", "a/..b", "con", "a:b", "a/.tmp/b", strings.Repeat("a", 256)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		around := t.TempDir()
		root := filepath.Join(around, "root")
		if err := os.Mkdir(root, 0o777); err != nil {
			t.Fatal(err)
		}
		d := dirstore.New(root)
		var wanted []string
		if err := d.Put(t.Context(), name, strings.NewReader("x")); err == nil {
			want(t, d, name, "x")
			wanted = []string{name}
		} else if errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if diff := cmp.Diff(wanted, files(t, root)); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if left := temps(t, root); len(left) > 0 {
			t.Errorf("temporary files %q", left)
		}
		if entries, err := os.ReadDir(around); err != nil || len(entries) != 1 {
			t.Errorf("beside the directory: %v, %v", entries, err)
		}
		if err := d.Remove(t.Context(), name); err != nil && wanted != nil {
			t.Error(err)
		}
		if left := files(t, root); len(left) > 0 {
			t.Errorf("not removed: %q", left)
		}
	})
}
