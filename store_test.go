package vanity_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// TestDirStoreIsGoproxy checks that what was served once is a GOPROXY of files. What was only listed isn't there, and so not
// in the list: the go command wants the go.mod of the highest version in it, whatever it is asked for.
func TestDirStoreIsGoproxy(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, acme)
	dir := t.TempDir()
	h := vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(vanity.DirStore(dir)))
	served := gocmd.New(t)
	served.Use(h, "")
	served.Versions(toolPath) // 1.1.0 is the highest, and its go.mod is read for retractions
	get(t, serve(t, h)+"/go.acme.test/!tool/@v/v1.2.0-rc.1.info")
	for _, tt := range []struct {
		version string
		want    []string
	}{
		{toolPath + "@v1.0.0", []string{"v1.0.0", "v1.1.0", "v1.2.0-rc.1"}},
		{toolPath + "/v2@v2.0.0", []string{"v2.0.0"}},
	} {
		first := served.Download(tt.version)
		files := gocmd.New(t)
		files.Setenv("GOPROXY", "file://"+filepath.ToSlash(dir))
		path, _, _ := strings.Cut(tt.version, "@")
		if diff := cmp.Diff(tt.want, files.Versions(path)); diff != "" {
			t.Errorf("versions (-want +stored):\n%s", diff)
		}
		if d := files.Download(tt.version); d.Sum != first.Sum || d.GoModSum != first.GoModSum {
			t.Errorf("stored %+v, served %+v", d, first)
		}
	}
}

// TestHostGone checks that what was served before is served when the host is down, or says that there is no such
// repository, by another process as well.
func TestHostGone(t *testing.T) {
	repo := gittest.New(t, acme)
	files := []string{"/@v/list", "/@latest", "/@v/main.info", "/@v/v1.1.0.info", "/@v/v1.1.0.mod", "/@v/v1.1.0.zip", "/v2/@v/v2.0.0.zip"}
	for name, gone := range map[string]func(*gittest.Server){
		"down":    func(s *gittest.Server) { s.SetDown(true) },
		"deleted": func(s *gittest.Server) { s.Wrap(gittest.Status(404, nil)) },
		"private": func(s *gittest.Server) { s.Wrap(gittest.Status(401, nil)) },
		"hidden":  func(s *gittest.Server) { s.Wrap(gittest.Status(403, nil)) },
		"removed": func(s *gittest.Server) { s.Wrap(gittest.Status(410, nil)) },
		"broken":  func(s *gittest.Server) { s.Wrap(gittest.Status(500, nil)) },
		"limited": func(s *gittest.Server) { s.Wrap(gittest.Status(429, nil)) },
		"another": func(s *gittest.Server) { s.Wrap(gittest.HTML()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
			store := vanity.DirStore(t.TempDir())
			handler := func() http.Handler {
				return vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), vanity.WithStore(store), vanity.WithFreshness(0), quiet())
			}
			base := serve(t, handler()) + "/go.acme.test/!tool"
			var bodies []string
			for _, file := range files {
				status, _, body := get(t, base+file)
				if status != 200 {
					t.Fatalf("%s: status %d, %s", file, status, body)
				}
				bodies = append(bodies, body)
			}
			gone(server)
			for _, base := range []string{base, serve(t, handler()) + "/go.acme.test/!tool"} {
				for i, file := range files {
					status, _, body := get(t, base+file)
					if status != 200 || body != bodies[i] {
						t.Errorf("%s: status %d, %s", file, status, body)
					}
				}
				for _, file := range []string{"/@v/v1.0.0.info", "/@v/dev.info", "/v3/@v/list"} {
					if status, header, body := get(t, base+file); status < 429 || header.Get("Cache-Control") != "no-store" {
						t.Errorf("%s, which was not served before: status %d, %s", file, status, body)
					}
				}
			}
		})
	}
}

// TestMovedTagStored checks that a version stays what it was in every process that has the store, and that the owner
// is told.
func TestMovedTagStored(t *testing.T) {
	repo := gittest.New(t, acme)
	dir := t.TempDir()
	var log logged
	handler := func() http.Handler {
		return vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(vanity.DirStore(dir)), vanity.WithFreshness(time.Nanosecond), vanity.WithLogger(log.logger()))
	}
	base := serve(t, handler()) + "/go.acme.test/!tool"
	_, _, info := get(t, base+"/@v/v1.1.0.info")
	repo.Git("tag", "-f", "tool-1.1.0", "tool-1.0.0")
	repo.Git("tag", "-d", "tool-1.0.0")
	for _, base := range []string{base, serve(t, handler()) + "/go.acme.test/!tool"} {
		_, _, zip := get(t, base+"/@v/v1.1.0.zip")
		if text := zipFile(t, zip, toolPath+"@v1.1.0/tool.go"); !strings.Contains(text, "two") {
			t.Errorf("a zip of another commit: %s", text)
		}
		for _, file := range []string{"/@v/v1.1.0.info", "/@latest", "/@v/tool-1.1.0.info"} {
			if _, _, again := get(t, base+file); again != info {
				t.Errorf("%s: %s, want %s", file, again, info)
			}
		}
		if _, _, list := get(t, base+"/@v/list"); list != "v1.1.0\nv1.2.0-rc.1\n" {
			t.Errorf("list %q", list)
		}
		if text := log.text(); strings.Count(text, "tag was moved") == 0 {
			t.Errorf("log %q", text)
		}
	}
}

// TestAskedTooEarly checks that who asks for a version before it is there does not hide it from a query that comes to it.
func TestAskedTooEarly(t *testing.T) {
	repo := gittest.New(t, acme)
	base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), quiet(), vanity.WithFreshness(time.Minute))) + "/go.acme.test/!tool/@v/"
	if status, _, body := get(t, base+"v1.3.0.info"); status != 404 {
		t.Fatalf("status %d, %s", status, body)
	}
	repo.Git("tag", "tool-1.3.0")
	for _, file := range []string{"latest.info", "tool-1.3.0.info", "v1.3.0.zip", "v1.3.0.info"} {
		if status, _, body := get(t, base+file); status != 200 {
			t.Errorf("%s: status %d, %s", file, status, body)
		}
	}
}

// TestListShared checks that a version which one handler has served is listed by all that have the store, though its tag was
// gone before they saw it.
func TestListShared(t *testing.T) {
	repo := gittest.New(t, acme)
	dir := t.TempDir()
	base := func() string {
		h := vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(vanity.DirStore(dir)), vanity.WithFreshness(time.Nanosecond))
		return serve(t, h) + "/go.acme.test/!tool/@v/"
	}
	one, two := base(), base()
	for _, base := range []string{one, two} {
		get(t, base+"list")
	}
	repo.Git("tag", "tool-1.3.0")
	if status, _, body := get(t, one+"v1.3.0.info"); status != 200 {
		t.Fatalf("status %d, %s", status, body)
	}
	repo.Git("tag", "-d", "tool-1.3.0")
	for _, base := range []string{two, one, base()} {
		if _, _, list := get(t, base+"list"); list != "v1.0.0\nv1.1.0\nv1.2.0-rc.1\nv1.3.0\n" {
			t.Errorf("list %q", list)
		}
	}
}

// A leaver is a store during whose n-th access the only client goes away.
type leaver struct {
	mapStore
	n     atomic.Int64
	leave func()
}

func (l *leaver) access(ctx context.Context) error {
	if l.n.Add(-1) == 0 {
		l.leave()
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond): // it goes on without him
		}
	}
	return ctx.Err()
}

func (l *leaver) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := l.access(ctx); err != nil {
		return nil, err
	}
	return l.mapStore.Get(ctx, name)
}

func (l *leaver) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	if err := l.access(ctx); err != nil {
		return err
	}
	return l.mapStore.Put(ctx, name, content)
}

// TestLeaveWhileStoring checks that what was made for one who has left meanwhile is stored before anybody else gets it.
func TestLeaveWhileStoring(t *testing.T) {
	if testing.Short() {
		t.Skip("asks a lot")
	}
	tp := newTape(t)
	for _, file := range []string{"/@v/list", "/@v/main.info", "/@v/v1.1.0.info", "/@v/v1.1.0.mod", "/@v/v1.1.0.zip"} {
		for n := int64(1); n <= 12; n++ {
			h, d := newHost(t, tp, 2), newDoor(t)
			ctx, leave := context.WithCancel(t.Context())
			store := &leaver{leave: leave}
			store.n.Store(n)
			handler := func() http.Handler { return h.handler(vanity.WithStore(store), vanity.WithFreshness(time.Minute)) }
			one, done := handler(), make(chan bool)
			first := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				one.ServeHTTP(w, r.WithContext(ctx))
				close(done)
			}))
			d.ask(t, first, file)
			<-done
			store.n.Store(0) // nobody leaves any more
			want := d.ask(t, one, file)
			h.spoil(gittest.Status(500, nil))
			if err := d.ask(t, handler(), file).right(want.body); err != nil || want.status != 200 {
				t.Errorf("access %d: served with status %d, and then by another handler: %v", n, want.status, err)
			}
			leave()
		}
	}
}

// TestDirStore has what a program can do with the store itself: put what a proxy shall serve, and get what it has served.
func TestDirStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "by", "Put")
	store := vanity.DirStore(dir)
	const name = "example.com/m/@v/v1.0.0.mod"
	if content, err := store.Get(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Get of what nobody put: %v, %v", content, err)
	}
	const want = "module example.com/m\n"
	for _, text := range []string{want, "module example.com/other\n"} { // the first wins
		content := strings.NewReader(text)
		content.Seek(0, io.SeekEnd) // it is put from its start
		if err := store.Put(t.Context(), name, content); err != nil {
			t.Fatal(err)
		}
		if got := read(t, filepath.Join(dir, filepath.FromSlash(name))); got != want {
			t.Errorf("the file holds %q, want %q", got, want)
		}
		r, err := store.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); string(got) != want || err != nil {
			t.Errorf("Get: %q, %v, want %q", got, err, want)
		}
	}
	for _, bad := range []string{"", "/etc/passwd", "../out", "a/../../out", "a//b"} {
		if err := store.Put(t.Context(), bad, strings.NewReader("x")); err == nil {
			t.Errorf("Put takes the name %q", bad)
		}
		if _, err := store.Get(t.Context(), bad); err == nil {
			t.Errorf("Get takes the name %q", bad)
		}
	}
}
