package dirstore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/dirstore"
)

// mount makes a small file system of its own.
func mount(t *testing.T, options string) (dir string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: a tmpfs is mounted on Linux only")
	}
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "dirstore-test", dir).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: a tmpfs can't be mounted, which root may: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	root := mount(t, "size=1m")
	d := dirstore.New(root)
	large := strings.Repeat("x", 600<<10)
	const other = "go.acme.dev/other/@v/v1.0.0.zip"
	put(t, d, zip, large)
	put(t, d, list, "before")
	for _, name := range []string{other, list} {
		err := wantFailure(t, root, name, strings.NewReader(large), "storing "+name+": write "+root, "no space left on device")
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	want(t, d, zip, large)
	want(t, d, list, "before")
	wantNone(t, d, other)
	if diff := cmp.Diff([]string{list, zip}, files(t, root)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(root, "go.acme.dev", "other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was made: %v", err)
	}
	if err := d.Remove(t.Context(), zip); err != nil {
		t.Error(err)
	}
	put(t, d, other, large)
	want(t, d, other, large)
}

// TestDiskFullOfLeftovers has a disk that only what killed processes left has filled.
func TestDiskFullOfLeftovers(t *testing.T) {
	root := mount(t, "size=1m")
	temp := filepath.Join(root, ".tmp", "left")
	then := time.Now().Add(-2 * time.Hour)
	large := strings.Repeat("x", 600<<10)
	err := errors.Join(os.Mkdir(filepath.Dir(temp), 0o777), os.WriteFile(temp, []byte(large), 0o666), os.Chtimes(temp, then, then))
	if err != nil {
		t.Fatal(err)
	}
	put(t, dirstore.New(root), zip, large)
}

// TestNoInodes has a disk with room, but none for more files and directories: a number of them fails at each step.
func TestNoInodes(t *testing.T) {
	mount(t, "size=1m")           // skips if that can't be done
	for inodes := 1; ; inodes++ { // the root takes one
		done := false
		t.Run(fmt.Sprint(inodes), func(t *testing.T) {
			root := mount(t, fmt.Sprint("size=1m,nr_inodes=", inodes))
			d := dirstore.New(root)
			err := d.Put(t.Context(), zip, strings.NewReader("x"))
			if done = err == nil; done {
				want(t, d, zip, "x")
				return
			}
			if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "storing "+zip+": ") {
				t.Error(err)
			}
			wantNone(t, d, zip)
			if left := temps(t, root); len(left) > 0 {
				t.Errorf("temporary files %q", left)
			}
		})
		if done || t.Failed() {
			return
		}
		if inodes == 20 {
			t.Fatal("twenty inodes don't suffice")
		}
	}
}

func TestReadOnly(t *testing.T) {
	root := mount(t, "size=1m")
	remount := func(option string) {
		if out, err := exec.Command("mount", "-o", "remount,"+option, root).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	remount("ro")
	wantFailure(t, root, zip, strings.NewReader("x"), "storing "+zip, "read-only file system")
	remount("rw")
	put(t, dirstore.New(root), zip, "zip")
	put(t, dirstore.New(root), list, "list")
	remount("ro")
	d := dirstore.New(root)
	want(t, d, zip, "zip")
	want(t, d, list, "list")
	put(t, d, zip, "is there")
	for _, name := range []string{list, zip + ".sum"} {
		err := wantFailure(t, root, name, strings.NewReader("x"), "storing "+name, "read-only file system")
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	if err := d.Remove(t.Context(), zip); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Remove: %v", err)
	}
	want(t, d, zip, "zip")
}

func putOnce(d *dirstore.Dir, id string) error {
	return errors.Join(
		d.Put(context.Background(), zip, strings.NewReader(id)),
		d.Put(context.Background(), list, strings.NewReader(id)))
}

func TestUmask(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no umask")
	}
	for umask, modes := range map[string][2]fs.FileMode{
		"000": {0o666, 0o777},
		"022": {0o644, 0o755},
		"027": {0o640, 0o750},
		"077": {0o600, 0o700},
	} {
		root := filepath.Join(t.TempDir(), "root")
		cmd := process(t, "once", root, "x")
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `umask "$1" && exec "$0"`, os.Args[0], umask}
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			mode := modes[0]
			if e.IsDir() {
				mode = modes[1]
			}
			if got := info.Mode().Perm(); got != mode {
				t.Errorf("umask %s: %s has mode %#o, want %#o", umask, file, got, mode)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
