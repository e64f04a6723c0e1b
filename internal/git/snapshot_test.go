package git_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// monorepo has 3,000 files in 300 directories; the one of interest, libs/tool, has 40 files in five.
func monorepo(t testing.TB) *gittest.Repo {
	r := gittest.New(t, "")
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func(lines int) []byte {
		var b bytes.Buffer
		for range lines {
			fmt.Fprintf(&b, "func f%d() int { return %d } // %x\n", rnd.IntN(100), rnd.IntN(1e9), rnd.Uint64())
		}
		return b.Bytes()
	}
	write := func(name string, data []byte) { r.Write(name, data) }
	for d := range 296 {
		for f := range 10 {
			write(fmt.Sprintf("apps/app%d/part%d/file%d.go", d/10, d%10, f), text(20))
		}
	}
	for f := range 40 {
		write(fmt.Sprintf("libs/tool/%s/file%d.go", []string{".", "a", "b", "b/c", "internal/d"}[f%5], f), text(60))
	}
	write("libs/tool/go.mod", []byte("module example.com/tool\n"))
	write("LICENSE", []byte("do as you please\n"))
	r.Commit("first")
	r.Git("tag", "tool-1.0.0")
	write("libs/tool/file0.go", text(61))
	r.Commit("second")
	r.Git("tag", "-a", "tool-1.1.0", "-m", "second")
	r.Repack()
	return r
}

func read(t *testing.T, s *git.Snapshot, h git.Hash) []byte {
	t.Helper()
	rc, err := s.OpenBlob(h)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	data, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSnapshotRungs(t *testing.T) {
	repo := monorepo(t)
	commit, err := git.ParseHash(repo.Git("rev-parse", "HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Split(repo.Git("ls-tree", "-r", "--name-only", "HEAD:libs/tool"), "\n")
	for _, tt := range []struct {
		name     string
		filters  gittest.Filters
		trees    int
		requests int
	}{
		{"combine", gittest.AllFilters, 0, 4},
		{"blob:none", gittest.ForgeFilters, 0, 4}, // one is refused first
		{"levels", gittest.TreeFilters, 0, 6},
		{"levels for too many trees", gittest.ForgeFilters, 100, 7},
		{"none", gittest.NoFilters, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"o/r": repo})
			c := &git.Client{HTTP: server.Client(), Limits: git.Limits{Trees: tt.trees}}
			r := c.Open(server.URL + "/o/r")
			s, err := r.Snapshot(t.Context(), commit, "libs/tool")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var got []string
			var blobs []git.Hash
			if err := s.Walk("libs/tool", func(path string, e git.Entry) error {
				if e.Mode != git.Directory {
					got = append(got, path)
					blobs = append(blobs, e.Hash)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, files) {
				t.Fatalf("files %q, want %q", got, files)
			}
			if err := s.Load(t.Context(), blobs); err != nil {
				t.Fatal(err)
			}
			for i, h := range blobs {
				if data, want := read(t, s, h), repo.Git("show", "HEAD:libs/tool/"+files[i]); strings.TrimRight(string(data), "\n") != want {
					t.Errorf("%s differs", files[i])
				}
			}
			t.Logf("%d requests, %d bytes", len(server.Requests()), server.Bytes())
			if n := len(server.Requests()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
				for _, q := range server.Requests() {
					t.Logf("%s %s %d %d\n%s", q.Method, q.Path, q.Status, q.Bytes, q.Body[:min(len(q.Body), 600)])
				}
			}
		})
	}
}
