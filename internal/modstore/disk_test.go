package modstore_test

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/dirstore"
	"example.com/vanity/internal/modstore"
)

// A disk is a directory that keeps answers, one of them a large zip.
type disk struct {
	*client
	h    *host
	file string // the zip
	want string
}

// onDisk runs a test with a directory that has all of v1.0.0.
func onDisk(t *testing.T, do func(t *testing.T, d *disk)) {
	r := newRepo(t, "")
	noise := make([]byte, 100<<10)
	rand.NewChaCha8([32]byte{}).Read(noise)
	r.Write("noise", noise)
	r.Run("print go.mod \"module x.test/m\\n\"\ncommit one\ntag v1.0.0\n")
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := local(r)
		d := &disk{newClient(t, h, modstore.Options{Backing: modstore.NewBacking(dirstore.New(dir))}), h, "", ""}
		d.want = d.get("/@v/v1.0.0.zip").text
		d.file = filepath.Join(dir, filepath.FromSlash(modPath), "@v", "v1.0.0.zip")
		do(t, d)
	})
}

// check wants the zip to be whole, and counts how often the host was asked for it.
func (d *disk) check(asked bool) {
	d.t.Helper()
	before := d.h.asked.Load()
	d.client.want("/@v/v1.0.0.zip", d.want, false)
	if data, err := os.ReadFile(d.file); err != nil || string(data) != d.want {
		d.t.Errorf("%d bytes on the disk, %v", len(data), err)
	}
	if again := d.h.asked.Load() != before; again != asked {
		d.t.Errorf("the host was asked: %v, want %v", again, asked)
	}
}

// write writes the zip's file, which has a time of change then.
func (d *disk) write(text string, changed time.Time) {
	d.t.Helper()
	f, err := os.OpenFile(d.file, os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Chtimes(d.file, changed, changed)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) changed() time.Time {
	d.t.Helper()
	info, err := os.Stat(d.file)
	if err != nil {
		d.t.Fatal(err)
	}
	return info.ModTime()
}

// A large file is served from where it is, to each reader by itself.
func TestFileIsLeft(t *testing.T) {
	t.Parallel()
	onDisk(t, func(t *testing.T, d *disk) {
		one, two := open(d.client, "/@v/v1.0.0.zip"), open(d.client, "/@v/v1.0.0.zip")
		for _, content := range []*modstore.Content{one, two} {
			if f, ok := content.ReadSeeker.(*os.File); !ok || f.Name() != d.file {
				t.Errorf("%T", content.ReadSeeker)
			}
			if got := read(t, content); got != d.want {
				t.Errorf("%d bytes", len(got))
			}
			content.Close()
		}
		if content := open(d.client, "/@v/v1.0.0.info"); content.ReadSeeker == nil || content.Close() != nil {
			t.Error("the small info")
		} else if _, ok := content.ReadSeeker.(*os.File); ok {
			t.Error("a small file is opened each time")
		}
	})
}

// A file that has changed is looked at again, and made again if it is another.
func TestFileChanges(t *testing.T) {
	t.Parallel()
	onDisk(t, func(t *testing.T, d *disk) {
		d.check(false)
		d.write(d.want, time.Unix(1e9, 0)) // the same, but who knows
		d.check(false)
		d.write(flip(d.want), time.Unix(1e9+1, 0))
		d.check(true)
		d.write(half(d.want), d.changed())
		d.check(true)
		d.write("", time.Unix(1e9+2, 0))
		d.check(true)
		if err := os.Remove(d.file); err != nil {
			t.Fatal(err)
		}
		d.check(true)
		d.check(false)
		d.log.count(t, "is made anew", 1) // of three, in no time
	})
}

// A file that rots in silence is found out within an hour.
func TestFileRots(t *testing.T) {
	t.Parallel()
	onDisk(t, func(t *testing.T, d *disk) {
		d.check(false)
		changed := d.changed()
		d.write(flip(d.want), changed)
		time.Sleep(time.Hour)
		d.check(true)
		time.Sleep(time.Hour)
		d.check(false)
	})
}

// A file that is never the same twice, as on some file systems of networks, is held once it was found to be whole.
func TestFileKeepsChanging(t *testing.T) {
	t.Parallel()
	onDisk(t, func(t *testing.T, d *disk) {
		n := int64(0)
		backing := modstore.NewBacking(&restless{Dir: dirstore.New(strings.TrimSuffix(d.file, filepath.FromSlash("/"+modPath+"/@v/v1.0.0.zip"))), touch: func() {
			n++
			d.write(d.want, time.Unix(1e9+n, 0))
		}})
		c := newClient(t, d.h, modstore.Options{Backing: backing})
		d.h.quiet(t, func() {
			for range 2 {
				c.want("/@v/v1.0.0.zip", d.want, false)
			}
		})
		d.write(flip(d.want), time.Unix(1e9, 0))
		c.want("/@v/v1.0.0.zip", d.want, false)
	})
}

// A restless directory touches the zip whenever it is opened.
type restless struct {
	*dirstore.Dir
	touch func()
}

func (r *restless) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasSuffix(name, ".zip") {
		r.touch()
	}
	return r.Dir.Get(ctx, name)
}
