package dirstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/dirstore"
	"example.com/vanity/internal/gocmd"
)

const (
	zip  = "go.acme.dev/!tool/@v/v1.2.0.zip"
	list = "go.acme.dev/!tool/@v/list"
)

func TestPutAgain(t *testing.T) {
	const mod = "go.acme.dev/!tool/@v/"
	tests := map[string]bool{ // whether the first wins
		mod + "v1.2.0.info":                              true,
		mod + "v1.2.0.mod":                               true,
		mod + "v1.2.0.zip":                               true,
		mod + "v2.0.0+incompatible.zip":                  true,
		mod + "v1.2.0-!r!c.1.zip":                        true,
		mod + "v1.2.0-a.zip.info":                        true,
		mod + "v0.0.0-20240102030405-0123456789ab.info":  true,
		mod + "v1.2.4-0.20240102030405-0123456789ab.mod": true,
		"gosub/6d6f64/" + mod + "v1.2.0.zip":             true,
		mod + "v1.2.0.zip.sum":                           false,
		mod + "v1.2.0.ziphash":                           false,
		mod + "v1.2.0":                                   false,
		mod + "v1.2.0+meta.info":                         false,
		mod + "v1.2.0-RC.info":                           false, // not escaped
		mod + "v1.2.info":                                false,
		mod + "v1.info":                                  false,
		mod + "v01.2.0.info":                             false,
		mod + "1.2.0.info":                               false,
		mod + "main.info":                                false,
		mod + "0123456789ab.info":                        false,
		mod + "latest.info":                              false,
		mod + "v1.2.0.lock":                              false,
		mod + ".info":                                    false,
		mod + "list":                                     false,
		mod + "x/v1.2.0.info":                            false,
		"go.acme.dev/!tool/@latest":                      false,
		"go.acme.dev/!tool/v1.2.0.info":                  false,
		"go.acme.dev/v1.2.0.info":                        false,
		"v1.2.0.info":                                    false,
	}
	root := t.TempDir()
	d := dirstore.New(root)
	for name, once := range tests {
		if got := dirstore.WrittenOnce(name); got != once {
			t.Errorf("%s is written once: %t, want %t", name, got, once)
		}
		wantNone(t, d, name)
		put(t, d, name, "first")
		want(t, d, name, "first")
		put(t, dirstore.New(root), name, "the second")
		if once {
			want(t, d, name, "first")
		} else {
			want(t, d, name, "the second")
		}
		if left := temps(t, root); len(left) > 0 {
			t.Errorf("%s: temporary files %q", name, left)
		}
		if err := d.Remove(t.Context(), name); err != nil {
			t.Error(err)
		}
		wantNone(t, d, name)
		if err := d.Remove(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}

func TestContent(t *testing.T) {
	d := dirstore.New(filepath.Join(t.TempDir(), "made", "by", "put"))
	for _, size := range []int{0, 1, 32 << 10, 32<<10 + 1, 5 << 20} {
		content := strings.Repeat("x", size)
		put(t, d, list, content)
		want(t, d, list, content)
	}
	r := strings.NewReader("from its start")
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), zip, r); err != nil {
		t.Fatal(err)
	}
	want(t, d, zip, "from its start")
}

// TestGoCommand lets the real go command use the directory.
func TestGoCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	src := t.TempDir()
	const gomod = "module go.acme.dev/Tool\n"
	for name, content := range map[string]string{"go.mod": gomod, "tool.go": "package tool\n"} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := modzip.CreateFromDir(&b, module.Version{Path: "go.acme.dev/Tool", Version: "v1.2.0"}, src); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, prefix := range []string{"", "gosub/6d6f64/"} {
		d := dirstore.New(root)
		for file, content := range map[string]string{
			"list":        "v1.2.0\n",
			"v1.2.0.info": `{"Version":"v1.2.0","Time":"2024-01-02T03:04:05Z"}`,
			"v1.2.0.mod":  gomod,
			"v1.2.0.zip":  b.String(),
		} {
			put(t, d, prefix+"go.acme.dev/!tool/@v/"+file, content)
		}
		g := gocmd.New(t)
		g.Proxy("file://" + filepath.ToSlash(filepath.Join(root, filepath.FromSlash(prefix))))
		if got := g.Download("go.acme.dev/Tool@latest"); got.Version != "v1.2.0" {
			t.Errorf("prefix %q: go mod download: %+v", prefix, got)
		}
	}
}

// TestNoParts has readers who look all the time while answers of many sizes are replaced, removed and written again.
func TestNoParts(t *testing.T) {
	root := t.TempDir()
	names := []string{zip, list}
	var stop atomic.Bool
	var seen atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		d := dirstore.New(root)
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				switch _, err := winner(d, names[i%2]); {
				case err == nil:
					seen.Add(1)
				case !errors.Is(err, fs.ErrNotExist):
					t.Error(err)
				}
			}
		})
	}
	end := time.Now().Add(300 * time.Millisecond)
	if testing.Short() {
		end = time.Now().Add(50 * time.Millisecond)
	}
	var writers sync.WaitGroup
	for range 3 {
		d := dirstore.New(root)
		writers.Go(func() {
			for i := 0; time.Now().Before(end) || seen.Load() < 10; i++ {
				put(t, d, names[i%2], sealed("w", rand.IntN(1<<(4+rand.IntN(16)))))
				if i%4 == 0 {
					if err := d.Remove(t.Context(), zip); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	wg.Wait()
	if left := temps(t, root); len(left) > 0 {
		t.Errorf("temporary files %q", left)
	}
}

// TestOpen has an entry open while it is replaced and removed.
func TestOpen(t *testing.T) {
	d := dirstore.New(t.TempDir())
	put(t, d, list, "old")
	for _, change := range []func() error{
		func() error { return d.Put(t.Context(), list, strings.NewReader("old")) },
		func() error { return d.Remove(t.Context(), list) },
	} {
		f, err := d.Get(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := change(); err != nil {
			t.Skip("this system does not replace open files: ", err)
		}
		if got, err := io.ReadAll(f); err != nil || string(got) != "old" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestFailure(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name    string
		content func(root string, cancel func()) io.ReadSeeker
		says    string
		is      error
	}{
		{"seek", func(string, func()) io.ReadSeeker { return seekless{} }, "reading the content: no seeking", nil},
		{"read", func(string, func()) io.ReadSeeker {
			return newHook("", func() error { return broken })
		}, "reading the content: broken", broken},
		{"read later", func(string, func()) io.ReadSeeker {
			n := 0
			return newHook(strings.Repeat("x", 1<<20), func() error {
				if n++; n > 9 {
					return broken
				}
				return nil
			})
		}, "reading the content: broken", broken},
		{"content's file vanished", func(string, func()) io.ReadSeeker {
			return newHook("", func() error { return fs.ErrNotExist })
		}, "reading the content: file does not exist", nil},
		{"canceled", func(_ string, cancel func()) io.ReadSeeker {
			return newHook(strings.Repeat("x", 1<<20), func() error { cancel(); return nil })
		}, "context canceled", context.Canceled},
		{"directory vanished", func(root string, _ func()) io.ReadSeeker {
			return newHook("x", func() error { return os.RemoveAll(root) })
		}, "no such file or directory", nil},
	}
	for _, tt := range tests {
		for _, name := range []string{zip, list} {
			root := filepath.Join(t.TempDir(), "root")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d := dirstore.New(root)
			err := d.Put(ctx, name, tt.content(root, cancel))
			if err == nil || !strings.HasPrefix(err.Error(), "storing "+name+": ") || !strings.Contains(err.Error(), tt.says) ||
				tt.is != nil && !errors.Is(err, tt.is) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", tt.name, err)
			}
			wantNone(t, d, name)
			if left := temps(t, root); len(left) > 0 {
				t.Errorf("%s: temporary files %q", tt.name, left)
			}
			put(t, d, name, "after")
			want(t, d, name, "after")
		}
	}
}

type seekless struct{ io.Reader }

func (seekless) Seek(int64, int) (int64, error) { return 0, errors.New("no seeking") }

// TestPanic leaves no temporary file when the content panics.
func TestPanic(t *testing.T) {
	root := t.TempDir()
	func() {
		defer func() { recover() }()
		dirstore.New(root).Put(t.Context(), zip, newHook("", func() error { panic("content") }))
		t.Error("no panic")
	}()
	if left := temps(t, root); len(left) > 0 {
		t.Errorf("temporary files %q", left)
	}
}

func TestCanceled(t *testing.T) {
	d := dirstore.New(t.TempDir())
	put(t, d, zip, "zip")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := d.Get(ctx, zip); f != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v, %v", f, err)
	}
	if err := d.Remove(ctx, zip); !errors.Is(err, context.Canceled) {
		t.Errorf("Remove: %v", err)
	}
	if err := d.Put(ctx, list, strings.NewReader("")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	want(t, d, zip, "zip")
	wantNone(t, d, list)
}

// TestSweep looks for leftovers at the first Put and then hourly, by the file system's clock and not by ours: in the
// bubble it is the year 2000.
func TestSweep(t *testing.T) {
	root := t.TempDir()
	plant := func(name string, age time.Duration) string {
		file := filepath.Join(root, ".tmp", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		then := info.ModTime().Add(-age)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
		return file
	}
	expect := func(t *testing.T, left ...string) {
		t.Helper()
		if diff := cmp.Diff(left, temps(t, root)); diff != "" {
			t.Errorf("temporary files (-want +got):\n%s", diff)
		}
	}
	young := plant("0young", time.Hour-time.Minute)
	plant("1old", time.Hour)
	if err := os.Mkdir(filepath.Join(root, ".tmp", "2directory"), 0o777); err != nil {
		t.Fatal(err)
	}
	directory := filepath.Join(root, ".tmp", "2directory")
	synctest.Test(t, func(t *testing.T) {
		d := dirstore.New(root)
		wantNone(t, d, list)
		put(t, d, list, "1")
		expect(t, young, directory)
		old := plant("3old", 99*time.Hour)
		put(t, d, list, "2")
		time.Sleep(time.Hour - 1)
		put(t, d, list, "3")
		expect(t, young, directory, old)
		time.Sleep(time.Nanosecond)
		put(t, d, list, "4")
		expect(t, young, directory)
		plant("3old", 99*time.Hour)
		put(t, dirstore.New(root), list, "5")
		expect(t, young, directory)
	})
}

// TestLink has another process win at the last moment, or more happen then.
func TestLink(t *testing.T) {
	tests := []struct {
		name string
		link func(n int, oldname, newname string) error
		want string // what is there then
		says string // of the error
	}{
		{"wins", func(_ int, oldname, newname string) error { return os.Link(oldname, newname) }, "mine", ""},
		{"loses", func(_ int, oldname, newname string) error {
			return errors.Join(os.WriteFile(newname, []byte("other"), 0o666), os.Link(oldname, newname))
		}, "other", ""},
		{"loses to what is removed", func(n int, oldname, newname string) error {
			if n == 1 {
				return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: syscall.EEXIST}
			}
			return os.Link(oldname, newname)
		}, "mine", ""},
		{"loses to a directory", func(_ int, oldname, newname string) error {
			return errors.Join(os.MkdirAll(newname, 0o777), os.Link(oldname, newname))
		}, "", "is no file"},
		{"loses to what isn't there", func(n int, oldname, newname string) error {
			if n == 1 {
				os.Symlink("nowhere", newname)
			}
			return os.Link(oldname, newname)
		}, "", "file exists"},
		{"no room", func(_ int, oldname, newname string) error {
			return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: syscall.ENOSPC}
		}, "", "no space left"},
		{"the temporary file is gone", func(_ int, oldname, newname string) error {
			return errors.Join(os.Remove(oldname), os.Link(oldname, newname))
		}, "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, n := t.TempDir(), 0
			defer dirstore.SetLink(func(oldname, newname string) error { n++; return tt.link(n, oldname, newname) })()
			d := dirstore.New(root)
			if tt.says != "" {
				wantFailure(t, root, zip, strings.NewReader("mine"), "storing "+zip, tt.says)
				wantNone(t, d, zip)
				return
			}
			put(t, d, zip, "mine")
			want(t, d, zip, tt.want)
			if left := temps(t, root); len(left) > 0 {
				t.Errorf("temporary files %q", left)
			}
		})
	}
}

// TestNoLinks races where there are no hard links: within a process one wins all the same.
func TestNoLinks(t *testing.T) {
	root := t.TempDir()
	var renamed atomic.Int64
	defer dirstore.SetRename(func(oldname, newname string) error {
		time.Sleep(time.Millisecond) // for others, if they are let in
		renamed.Add(1)
		return os.Rename(oldname, newname)
	})()
	for i, errno := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK, errors.ErrUnsupported} {
		name := fmt.Sprintf("go.acme.dev/!tool/@v/v1.%d.0.zip", i)
		var winners [4]string
		var wg, all sync.WaitGroup
		all.Add(len(winners))
		restore := dirstore.SetLink(func(oldname, newname string) error {
			all.Done()
			all.Wait()
			return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: errno}
		})
		for i := range winners {
			d := dirstore.New(root)
			wg.Go(func() {
				put(t, d, name, sealed(fmt.Sprint(i), 100))
				var err error
				if winners[i], err = winner(d, name); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		restore()
		if n := renamed.Swap(0); n != 1 || len(slices.Compact(winners[:])) != 1 {
			t.Errorf("%v: %d have won; read back %q", errno, n, winners)
		}
	}
	if left := temps(t, root); len(left) > 0 {
		t.Errorf("temporary files %q", left)
	}
}

// TestDescriptors counts the open files after each way to succeed and to fail.
func TestDescriptors(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("open files can't be counted here: ", err)
		}
		return len(entries)
	}
	root := t.TempDir()
	all := func() {
		d := dirstore.New(root)
		put(t, d, zip, "zip")
		put(t, d, list, "list")
		want(t, d, zip, "zip")
		want(t, d, list, "list")
		wantNone(t, d, "go.acme.dev/!tool")
		wantNone(t, d, "go.acme.dev/absent")
		wantNone(t, d, zip+"/below")
		wantFailure(t, root, zip+"/below", strings.NewReader("x"), "is no directory")
		wantFailure(t, root, "go.acme.dev/!tool", strings.NewReader("x"), "file exists")
		wantFailure(t, root, "go.acme.dev/broken", newHook("x", func() error { return io.ErrUnexpectedEOF }), "unexpected EOF")
		wantFailure(t, root, "go.acme.dev/seekless", seekless{}, "no seeking")
		if err := d.Remove(t.Context(), zip); err != nil {
			t.Error(err)
		}
	}
	count()
	all()
	before := count()
	for range 10 {
		all()
	}
	if after := count(); after != before {
		t.Errorf("%d open files, %d before", after, before)
	}
}

func TestRemoveDirectory(t *testing.T) {
	root := t.TempDir()
	d := dirstore.New(root)
	put(t, d, zip, "zip")
	for _, name := range []string{zip, "go.acme.dev/!tool/@v", "go.acme.dev/!tool/@v/list/below", "go.acme.dev"} {
		if err := d.Remove(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "go.acme.dev", "!tool", "@v")); err != nil {
		t.Error("Remove removes a directory: ", err)
	}
}

// TestRoot has roots that are reached by other ways.
func TestRoot(t *testing.T) {
	dir := t.TempDir()
	symlink := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, symlink); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	t.Chdir(filepath.Dir(symlink))
	relative := dirstore.New("link")
	t.Chdir(t.TempDir())
	put(t, relative, zip, "zip")
	want(t, dirstore.New(symlink), zip, "zip")
	put(t, dirstore.New(symlink), list, "list")
	want(t, dirstore.New(dir), list, "list")
	if diff := cmp.Diff([]string{list, zip}, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	wantFailure(t, filepath.Join(dir, list), zip, strings.NewReader(""), "storing "+zip, "not a directory")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	wantNone(t, relative, zip)
	wantFailure(t, symlink, zip, strings.NewReader(""), "storing "+zip, symlink)
}
