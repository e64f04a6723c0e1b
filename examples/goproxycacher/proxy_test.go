package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/goproxy/goproxy"

	"example.com/vanity"
	"example.com/vanity/internal/gocmd"
)

// TestOfflineProxy checks that a proxy of goproxy's which can fetch nothing serves a directory that the library filled, by
// its own cacher and by the library's store.
func TestOfflineProxy(t *testing.T) {
	repo := repository(t)
	for name, store := range map[string]vanity.Store{
		"DirStore":  vanity.DirStore(t.TempDir()),
		"DirCacher": goproxy.DirCacher(t.TempDir()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filling := serve(t, handler(repo.Dir, vanity.WithStore(store)))
			proxy := serve(t, &goproxy.Goproxy{Cacher: store, Fetcher: offline{}, Logger: slog.New(slog.DiscardHandler)})
			fill(t, filling+tool)
			for _, file := range files {
				want := get(t, filling+tool+file)
				if status, body := ask(t, proxy+tool+file); status != http.StatusOK || body != want {
					t.Errorf("%s: status %d, %.200s", file, status, body)
				}
			}
			g := gocmd.New(t)
			g.Proxy(filling)
			versions, want := g.Versions("go.acme.dev/tool"), g.Download("go.acme.dev/tool@latest")
			g = gocmd.New(t)
			g.Proxy(proxy)
			if diff := cmp.Diff(versions, g.Versions("go.acme.dev/tool")); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			got := g.Download("go.acme.dev/tool@latest")
			if got.Version != want.Version || got.Sum != want.Sum || got.GoModSum != want.GoModSum {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// TestFilledByProxy checks that the library serves the versions that a proxy of goproxy's put into the directory, even if it
// never saw the repository.
func TestFilledByProxy(t *testing.T) {
	upstream := serve(t, handler(repository(t).Dir))
	dir := t.TempDir()
	env := []string{"GOPROXY=" + upstream, "GOSUMDB=off"}
	proxy := serve(t, &goproxy.Goproxy{
		Cacher:  goproxy.DirCacher(dir),
		Fetcher: &goproxy.GoFetcher{Env: env, TempDir: t.TempDir()},
		TempDir: t.TempDir(),
	})
	for _, version := range []string{"v1.1.0", "v1.2.0"} {
		for _, kind := range []string{".info", ".mod", ".zip"} {
			file := "/@v/" + version + kind
			want := get(t, proxy+tool+file)
			status, body := ask(t, start(t, filepath.Join(t.TempDir(), "gone"), dir)+file)
			if status != http.StatusOK || body != want {
				t.Errorf("%s: status %d, %.200s", file, status, body)
			}
		}
	}
}

// offline fetches nothing.
type offline struct{}

var errOffline = errors.New("offline")

func (offline) Query(context.Context, string, string) (string, time.Time, error) {
	return "", time.Time{}, errOffline
}

func (offline) List(context.Context, string) ([]string, error) { return nil, errOffline }

func (offline) Download(context.Context, string, string) (info, mod, zip io.ReadSeekCloser, err error) {
	return nil, nil, nil, errOffline
}
