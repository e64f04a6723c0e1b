package vanity_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// An oddStore is a mapStore that fails as its hooks say.
type oddStore struct {
	mapStore
	get func(name string) error
	put func(ctx context.Context, name string) error
}

func (s *oddStore) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if s.get != nil {
		if err := s.get(name); err != nil {
			return nil, err
		}
	}
	return s.mapStore.Get(ctx, name)
}

func (s *oddStore) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	if s.put != nil {
		if err := s.put(ctx, name); err != nil {
			return err
		}
	}
	return s.mapStore.Put(ctx, name, content)
}

func (s *oddStore) text(name string) string { return s.all()[name] }

// A fileStore gives what looks like a file, but is none of the system's.
type fileStore struct{ oddStore }

func (s *fileStore) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := s.oddStore.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	r.Close()
	return fstest.MapFS{"file": {Data: []byte(s.text(name))}}.Open("file")
}

// TestFileOfAnotherKind checks that a store may have files of its own.
func TestFileOfAnotherKind(t *testing.T) {
	repo := gittest.New(t, acme)
	repo.Write("libs/tool/noise", noise(200<<10))
	repo.Commit("large")
	repo.Git("tag", "tool-1.3.0")
	store := new(fileStore)
	for range 2 { // the second time from the store
		base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(store)))
		if status, _, body := get(t, base+"/go.acme.test/!tool/@v/v1.3.0.zip"); status != 200 || len(body) < 200<<10 {
			t.Errorf("status %d, %.100q", status, body)
		}
	}
}

// noise can't be compressed.
func noise(n int) []byte {
	data := make([]byte, n)
	for i, x := 0, uint32(1); i < n; i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		data[i] = byte(x >> 8)
	}
	return data
}

// TestListOutlivesFailures checks that no failure of the store takes from the stored list what only that knows.
func TestListOutlivesFailures(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	const list = "go.acme.test/!tool/@v/list.served"
	for _, failing := range []string{"/list.served", ".info"} {
		for _, asked := range []string{"/@v/list", "/@v/v1.1.0.info"} {
			if failing == ".info" && asked != "/@v/list" {
				continue // 500
			}
			repo := gittest.New(t, acme)
			store := new(oddStore)
			handler := func() string {
				return serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(store), quiet())) + "/go.acme.test/!tool"
			}
			base := handler()
			get(t, base+"/@v/v1.0.0.info")
			get(t, base+"/@v/list")
			want := store.text(list)
			repo.Git("tag", "-d", "tool-1.0.0")

			store.get = func(name string) error {
				if strings.HasSuffix(name, failing) {
					return errors.New("slow down")
				}
				return nil
			}
			if status, _, body := get(t, handler()+asked); status != 200 {
				t.Errorf("%s fails, %s: status %d, %s", failing, asked, status, body)
			}
			store.get = nil
			if got := store.text(list); got != want {
				t.Errorf("%s fails, %s: the stored list was %q and is %q", failing, asked, want, got)
			}
			if _, _, got := get(t, handler()+"/@v/list"); got != want {
				t.Errorf("%s fails, %s: the list was %q and is %q", failing, asked, want, got)
			}
		}
	}
}

// TestPinOutlivesCaller checks that a version is stored though its first caller went away, for the second one is told that it
// will never change.
func TestPinOutlivesCaller(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	repo := gittest.New(t, acme)
	ctx, leave := context.WithCancel(t.Context())
	store := new(oddStore)
	store.put = func(ctx context.Context, name string) error {
		if strings.HasSuffix(name, "v1.0.0.info") {
			leave()
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
		return ctx.Err()
	}
	handler := func() string {
		return serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(store), quiet())) + "/go.acme.test/!tool/@v/v1.0.0.info"
	}
	url := handler()
	if _, err := http.DefaultClient.Do(request(t, http.MethodGet, url).WithContext(ctx)); err == nil {
		t.Fatal("there was an answer before the version was stored")
	}
	_, _, want := get(t, url)
	repo.Git("tag", "-f", "tool-1.0.0", "tool-1.1.0")
	for range 100 { // for the first caller's run, which the second one may have overtaken
		if store.text("go.acme.test/!tool/@v/v1.0.0.info") != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, _, got := get(t, handler()); got != want {
		t.Errorf("v1.0.0 was %s and is %s", want, got)
	}
}

// TestListAfterAbsence checks that the one version which somebody asked for is not the list, where a moment ago there was
// nothing to list.
func TestListAfterAbsence(t *testing.T) {
	repo := gittest.New(t, "write x\ncommit x\n-- x/go.mod --\nmodule go.acme.test/old\n")
	base := serve(t, vanity.Goproxy("", vanity.Config{URL: repo.Dir}, quiet())) + "/go.acme.test/new/@v/"
	if status, _, body := get(t, base+"list"); status != 404 {
		t.Fatalf("status %d, %s", status, body)
	}
	repo.Write("go.mod", []byte("module go.acme.test/new\n"))
	repo.Commit("renamed")
	repo.Git("tag", "v1.0.0")
	repo.Git("tag", "v1.1.0")
	if status, _, body := get(t, base+"v1.0.0.info"); status != 200 {
		t.Fatalf("status %d, %s", status, body)
	}
	if status, _, body := get(t, base+"list"); status == 200 && body != "v1.0.0\nv1.1.0\n" {
		t.Errorf("list %q", body)
	}
}

// TestListIsNotChanged checks that nobody changes a list by asking for a version which is not to be listed, nor is one listed
// for ever because it was once.
func TestListIsNotChanged(t *testing.T) {
	repo := gittest.New(t, `
write old
commit old
tag v1.0.0
tag v2.0.0
-- old/x.go --
package x
`)
	for _, store := range []vanity.Store{nil, new(oddStore)} {
		base := serve(t, vanity.Goproxy("", vanity.Config{URL: repo.Dir, Module: "go.acme.test/x"}, vanity.WithStore(store), vanity.WithFreshness(0), quiet())) + "/go.acme.test/x/@v/"
		list := func(want string) {
			t.Helper()
			if _, _, got := get(t, base+"list"); got != want {
				t.Errorf("list %q, want %q", got, want)
			}
		}
		list("v1.0.0\nv2.0.0+incompatible\n")
		if status, _, body := get(t, base+"v2.0.0+incompatible.info"); status != 200 {
			t.Fatalf("status %d, %s", status, body)
		}
		repo.Write("go.mod", []byte("module go.acme.test/x/v2\n"))
		repo.Commit("a module")
		repo.Git("tag", "-f", "v2.1.0")
		list("v1.0.0\n")
		if status, _, body := get(t, base+"v2.0.0+incompatible.info"); status != 200 {
			t.Fatalf("status %d, %s", status, body)
		}
		list("v1.0.0\n")
		repo.Git("tag", "-d", "v2.1.0")
		repo.Git("rm", "-q", "go.mod")
		repo.Commit("none")
	}
	base := serve(t, vanity.Goproxy("", vanity.Config{URL: repo.Dir, Module: "go.acme.test/x"}, quiet())) + "/go.acme.test/x/@v/"
	repo.Git("checkout", "-q", "HEAD~1")
	repo.Git("tag", "v2.1.0")
	_, _, want := get(t, base+"list")
	get(t, base+"v2.0.0+incompatible.info")
	if _, _, got := get(t, base+"list"); got != want {
		t.Errorf("while it was fresh, the list became %q", got)
	}
}

// TestGoneIsGone checks that what the host said is gone isn't there for those either who ask while it is asked again.
func TestGoneIsGone(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	for _, fresh := range []time.Duration{0, 10 * time.Millisecond} {
		for _, store := range []vanity.Store{nil, new(oddStore)} {
			repo := gittest.New(t, acme)
			repo.Git("branch", "feature")
			base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(store), vanity.WithFreshness(fresh), quiet()))
			url := base + "/go.acme.test/!tool/@v/feature.info"
			if status, _, body := get(t, url); status != 200 {
				t.Fatalf("status %d, %s", status, body)
			}
			repo.Git("branch", "-D", "feature")
			time.Sleep(fresh)
			get(t, url)
			time.Sleep(fresh)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if status, _, body := get(t, url); status != 404 {
						t.Errorf("fresh for %v, %T: status %d, %s", fresh, store, status, body)
					}
				})
			}
			wg.Wait()
		}
	}
}

// TestHurriedCallers checks that callers who all have less time than the host needs get a newer list in the end.
func TestHurriedCallers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	repo := gittest.New(t, acme)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	base := serve(t, vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), vanity.WithFreshness(time.Millisecond), quiet()))
	url := base + "/go.acme.test/!tool/@v/list"
	get(t, url)
	repo.Git("tag", "tool-1.9.0")
	server.Wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(300 * time.Millisecond)
			h.ServeHTTP(w, r)
		})
	})
	time.Sleep(time.Millisecond)
	for range 100 {
		ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		resp, err := http.DefaultClient.Do(request(t, http.MethodGet, url).WithContext(ctx))
		var body []byte
		if err == nil {
			body, _ = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		leave()
		if strings.Contains(string(body), "v1.9.0") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the list was never made anew")
}
