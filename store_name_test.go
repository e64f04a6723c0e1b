package vanity_test

import (
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// A plainStore refuses long names as a file system does, and doesn't say that they are not there.
type plainStore struct{ vanity.Store }

func (s plainStore) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if len(path.Base(name)) > 255 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENAMETOOLONG}
	}
	return s.Store.Get(ctx, name)
}

// TestLongNames checks that what is too long for the store's names is not there, and no failure of the store.
func TestLongNames(t *testing.T) {
	repo := gittest.New(t, acme)
	store := vanity.WithStore(plainStore{vanity.DirStore(t.TempDir())})
	var log logged
	base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), store, vanity.WithLogger(log.logger()))) + "/go.acme.test/!tool/@v/"
	long := strings.Repeat("a", 300)
	for _, file := range []string{"v1.0.0-" + long + ".info", "v1.0.0-" + long + ".mod", "v1.0.0-" + long + ".zip", long + ".info"} {
		if status, _, body := get(t, base+file); status != 404 {
			t.Errorf("%.20s…: status %d, %.200s", file, status, body)
		}
	}
	if text := log.text(); strings.Contains(text, "level=ERROR") {
		t.Errorf("log %.2000s", text)
	}
}
