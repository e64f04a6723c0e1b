package bucket_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/bucket"
)

var _ vanity.Store = (*bucket.Store)(nil)

// A kind is a kind of bucket.
type kind struct {
	name string
	url  func(t *testing.T, prefix string) string
	left func() []string // uploads that weren't ended; nil if there can't be any
}

// kinds are those that can be tried here. Each URL of one test names the same bucket, but for memory.
func kinds(t *testing.T) []*kind {
	dir := filepath.ToSlash(t.TempDir())
	s3 := &kind{name: "s3"}
	s3.url = func(t *testing.T, prefix string) string {
		srv := server(t)
		s3.left = srv.Uploads
		return srv.URL("prefix", prefix)
	}
	all := []*kind{
		s3,
		{name: "mem", url: func(_ *testing.T, prefix string) string { return "mem://?prefix=" + prefix }},
		{name: "file", url: func(_ *testing.T, prefix string) string {
			return "file:///" + strings.TrimPrefix(dir, "/") + "/not/yet?prefix=" + prefix
		}},
	}
	for _, url := range strings.Fields(os.Getenv(emulators)) {
		scheme, _, _ := strings.Cut(url, ":")
		all = append(all, &kind{name: scheme, url: func(_ *testing.T, prefix string) string {
			return url + "&prefix=" + strings.Trim(prefix, "/") + "/" + rand.Text()
		}})
	}
	return all
}

// emulators names a variable with URLs of further buckets on this machine, each with a query, with which the tests that go
// for all kinds of buckets are done as well: "azblob://c?localemu=true&…", say.
const emulators = "BUCKET_EMULATORS"

func TestStore(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(kind.name, func(t *testing.T) {
			s := open(t, kind.url(t, "/go/"))
			testNames(t, s)
			testContents(t, s)
			testList(t, s)
			testBadNames(t, s)
			testFailedPut(t, s)
			testCanceled(t, s)
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			if names, err := s.List(t.Context(), "check-"); err != nil || len(names) > 0 {
				t.Errorf("Ping leaves %q, %v", names, err)
			}
		})
	}
}

// testNames puts contents twice.
func testNames(t *testing.T, s *bucket.Store) {
	const mod = "go.acme.dev/!tool/@v/"
	for name, once := range map[string]bool{
		mod + "v1.2.0.info":             true,
		mod + "v1.2.0.mod":              true,
		mod + "v1.2.0.zip":              true,
		mod + "v2.0.0+incompatible.zip": true,
		"gosub/6d6f64/" + zipFile:       true,
		mod + "v1.2.0.zip.sum":          false,
		mod + "main.info":               false,
		mod + "list":                    false,
		mod + "list.served":             false,
		"go.acme.dev/!tool/@latest":     false,
		"mirror/github.com/a/b.bundle":  false,
		"go.acme.dev/~t_x/@v/list":      false,
	} {
		wantNone(t, s, name)
		put(t, s, name, "first")
		want(t, s, name, "first")
		put(t, s, name, "the second")
		if once {
			want(t, s, name, "first")
		} else {
			want(t, s, name, "the second")
		}
		for range 2 {
			if err := s.Remove(t.Context(), name); err != nil {
				t.Error(err)
			}
			wantNone(t, s, name)
		}
	}
}

func testContents(t *testing.T, s *bucket.Store) {
	for _, size := range []int{0, 1, 5<<20 - 1, 5 << 20, 5<<20 + 1, 17 << 20} {
		content := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		for _, name := range []string{list, fmt.Sprintf("go.acme.dev/a/@v/v1.0.%d.zip", size)} {
			put(t, s, name, content)
			want(t, s, name, content)
			put(t, s, name, content)
			want(t, s, name, content)
		}
	}
	r := strings.NewReader("from its start")
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), zipFile, r); err != nil {
		t.Fatal(err)
	}
	want(t, s, zipFile, "from its start")
}

func testList(t *testing.T, s *bucket.Store) {
	var put12 []string
	for i := range 12 {
		name := fmt.Sprintf("mirror/h.test/r%02d.bundle", i)
		put12 = append(put12, name)
		put(t, s, name, "bundle")
	}
	put(t, s, "mirrors/other", "")
	for prefix, names := range map[string][]string{
		"mirror/":             put12,
		"mirror/h.test/r0":    put12[:10],
		"mirror/h.test/r1":    put12[10:],
		"mirror/none/":        nil,
		"no/such/place":       nil,
		"mirrors/other":       {"mirrors/other"},
		"mirror/h.test/r00.b": put12[:1],
	} {
		if got, err := s.List(t.Context(), prefix); err != nil || !slices.Equal(got, names) {
			t.Errorf("List(%q) = %q, %v; want %q", prefix, got, err, names)
		}
	}
	all, err := s.List(t.Context(), "")
	if err != nil || !slices.IsSorted(all) || !slices.Contains(all, put12[3]) || !slices.Contains(all, zipFile) {
		t.Errorf("List: %q, %v", all, err)
	}
}

func testBadNames(t *testing.T, s *bucket.Store) {
	for _, name := range []string{"", ".", "..", "../x", "a/../../x", "/x", "a//b", "a/", "a/./b", `a\b`, "a\nb", "a\x00b"} {
		wantError(t, s.Put(t.Context(), name, strings.NewReader("x")), "malformed name")
		_, err := s.Get(t.Context(), name)
		wantError(t, err, "malformed name")
		wantError(t, s.Remove(t.Context(), name), "malformed name")
	}
	if _, err := s.List(t.Context(), "../"); err == nil {
		t.Error("List goes up")
	}
	for _, long := range []string{strings.Repeat("go.acme.dev/", 200) + "@v/v1.0.0.info", strings.Repeat("x", 300) + "/@v/v1.0.0.info"} {
		wantNone(t, s, long)
		if err := s.Put(t.Context(), long, strings.NewReader("x")); err != nil {
			wantError(t, err)
			wantNone(t, s, long)
		}
	}
}

// A broken content fails when some of it was read.
type broken struct {
	io.ReadSeeker
	left int
	fail func() error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if err := b.fail(); err != nil {
			return 0, err
		}
	}
	if b.left > 0 {
		p = p[:min(len(p), b.left)]
	}
	n, err := b.ReadSeeker.Read(p[:min(len(p), 64<<10)])
	b.left -= n
	return n, err
}

// testFailedPut fails in the middle of contents, which leaves nothing.
func testFailedPut(t *testing.T, s *bucket.Store) {
	rotten := errors.New("the disk is rotten")
	for _, size := range []int{100, 4 << 20, 12 << 20} {
		for i, name := range []string{"go.acme.dev/f/@v/list", fmt.Sprintf("go.acme.dev/f/@v/v1.0.%d.zip", size)} {
			if i == 0 {
				s.Remove(t.Context(), name)
			}
			whole := strings.Repeat("x", size)
			content := &broken{strings.NewReader(whole), size / 2, func() error { return rotten }}
			wantError(t, s.Put(t.Context(), name, content), name, "reading the content", rotten.Error())
			wantNone(t, s, name)

			gone := &broken{strings.NewReader(whole), size / 2, func() error { return fs.ErrNotExist }}
			wantError(t, s.Put(t.Context(), name, gone), "reading the content")
			wantNone(t, s, name)

			ctx, cancel := context.WithCancel(t.Context())
			leaving := &broken{strings.NewReader(whole), size / 2, func() error { cancel(); return nil }}
			err := s.Put(ctx, name, leaving)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Put of who has gone: %v", err)
			}
			wantNone(t, s, name)

			put(t, s, name, whole)
			want(t, s, name, whole)
		}
	}
}

func testCanceled(t *testing.T, s *bucket.Store) {
	put(t, s, "go.acme.dev/c/@v/list", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := s.Get(ctx, "go.acme.dev/c/@v/list"); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v, %v", r, err)
	}
	if err := s.Put(ctx, "go.acme.dev/c/@v/list", strings.NewReader("y")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if err := s.Remove(ctx, "go.acme.dev/c/@v/list"); !errors.Is(err, context.Canceled) {
		t.Errorf("Remove: %v", err)
	}
	if _, err := s.List(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v", err)
	}
	want(t, s, "go.acme.dev/c/@v/list", "x")
}

// TestAsItIs checks what others see of a bucket: the names, below the prefix, the types, and no leftovers of uploads.
func TestAsItIs(t *testing.T) {
	srv := server(t)
	s := open(t, srv.URL("prefix", "go"))
	types := map[string]string{
		info:                              "application/json",
		zipFile:                           "application/zip",
		"go.acme.dev/!tool/@v/v1.2.0.mod": "text/plain; charset=utf-8",
		list:                              "text/plain; charset=utf-8",
		zipFile + ".sum":                  "text/plain; charset=utf-8",
		"go.acme.dev/x/@latest":           "application/json",
		"mirror/h.test/r.bundle":          "application/octet-stream",
	}
	for name := range types {
		put(t, s, name, name)
	}
	srv.Put("other/object", "not ours")
	got := make(map[string]string)
	for key, content := range srv.Objects() {
		if name, ours := strings.CutPrefix(key, "go/"); ours {
			if string(content) != name {
				t.Errorf("%s is %q", key, content)
			}
			got[name] = srv.ContentType(key)
		} else if key != "other/object" {
			t.Errorf("there is %s", key)
		}
	}
	if diff := cmp.Diff(types, got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	names, err := s.List(t.Context(), "")
	if want := slices.Sorted(maps.Keys(types)); err != nil || !slices.Equal(names, want) {
		t.Errorf("List: %q, %v, want %q", names, err, want)
	}

	testFailedPut(t, s)
	if left := srv.Uploads(); len(left) > 0 {
		t.Errorf("uploads of %q are left", left)
	}
}

// TestFileTree keeps a directory a clean tree, which stays a DirStore's.
func TestFileTree(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "file://"+filepath.ToSlash(dir)+"?prefix=go")
	put(t, s, info, "info")
	r, err := vanity.DirStore(filepath.Join(dir, "go")).Get(t.Context(), info)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	r, err = s.Get(t.Context(), info)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, ok := r.(*os.File); !ok {
		t.Errorf("Get gives a %T, which can't be left where it is", r)
	}
}

// TestRace lets two servers' stores put different contents for one name at the same time.
func TestRace(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(kind.name, func(t *testing.T) {
			url := kind.url(t, "")
			stores := []*bucket.Store{open(t, url), open(t, url)}
			if kind.name == "mem" {
				stores[1] = stores[0]
			}
			won := make(map[string]int)
			for round := range 100 {
				size := 10
				if round%10 == 0 {
					size = 6 << 20 // in parts
				}
				name := fmt.Sprintf("go.acme.dev/race/@v/v1.%d.0.zip", round)
				start := make(chan struct{})
				var wg sync.WaitGroup
				seen := make([]string, len(stores))
				for i, s := range stores {
					wg.Go(func() {
						<-start
						content := strings.Repeat(fmt.Sprint(i), size)
						if err := s.Put(t.Context(), name, strings.NewReader(content)); err != nil {
							t.Errorf("round %d: %v", round, err)
							return
						}
						var err error
						if seen[i], err = read(t.Context(), s, name); err != nil || len(seen[i]) != size {
							t.Errorf("round %d: %d bytes, %v", round, len(seen[i]), err)
						}
					})
				}
				close(start)
				wg.Wait()
				if t.Failed() {
					return
				}
				if seen[0] != seen[1] {
					t.Fatalf("round %d: the stores serve %.10q and %.10q", round, seen[0], seen[1])
				}
				want(t, stores[0], name, seen[0])
				won[seen[0][:1]]++
			}
			t.Logf("who was first: %v", won)
			if kind.left != nil {
				if left := kind.left(); len(left) > 0 {
					t.Errorf("uploads of %q are left", left)
				}
			}
		})
	}
}
