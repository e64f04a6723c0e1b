package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// monorepo has 1,000 files in 100 directories; the one of interest, libs/tool, has 41 files in five.
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
	for d := range 96 {
		for f := range 10 {
			write(fmt.Sprintf("apps/app%d/part%d/file%d.go", d/10, d%10, f), text(20))
		}
	}
	for f := range 40 {
		write(fmt.Sprintf("libs/tool/%s/file%d.go", []string{".", "a", "b", "b/c", "internal/d"}[f%5], f), text(60))
	}
	write("libs/tool/b/c/large.go", text(200))
	write("libs/tool/go.mod", []byte("module example.com/tool\n"))
	write("libs/other/go.mod", []byte("module example.com/other\n"))
	write("LICENSE", []byte("do as you please\n"))
	r.Commit("first")
	r.Git("tag", "tool-1.0.0")
	write("libs/tool/file0.go", text(61))
	r.Commit("second")
	r.Git("tag", "-a", "tool-1.1.0", "-m", "second")
	r.Repack()
	return r
}

func revision(t testing.TB, r *gittest.Repo, rev string) git.Hash {
	t.Helper()
	h, err := git.ParseHash(r.Git("rev-parse", rev))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func snapshot(t testing.TB, r *git.Repo, commit git.Hash, dir string) *git.Snapshot {
	t.Helper()
	s, err := r.Snapshot(t.Context(), commit, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listing is a directory as `git ls-tree -r -t` shows it, submodules and all.
func listing(t testing.TB, s *git.Snapshot, dir string) (lines []string, blobs []git.Hash) {
	t.Helper()
	modes := []string{"100644 blob", "100755 blob", "120000 blob", "040000 tree", "160000 commit"}
	if err := s.LoadTrees(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := s.Walk(dir, func(path string, e git.Entry) error {
		lines = append(lines, fmt.Sprintf("%s %s\t%s", modes[e.Mode], e.Hash, path))
		if e.Mode < git.Directory {
			blobs = append(blobs, e.Hash)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, blobs
}

// lsTree is what listing is to be.
func lsTree(r *gittest.Repo, commit, dir string) []string {
	tree := commit + "^{tree}"
	if dir != "" {
		tree = commit + ":" + dir
	}
	out := r.Git("-c", "core.quotePath=false", "ls-tree", "-r", "-t", "-z", tree)
	if out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
}

func read(t testing.TB, s *git.Snapshot, h git.Hash) []byte {
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
	if size, err := s.BlobSize(h); err != nil || size != int64(len(data)) {
		t.Errorf("blob %s of %d bytes: size %d, %v", h, len(data), size, err)
	}
	return data
}

// check compares all of a directory, blobs included, with git's own view. A blob that has its name is right.
func check(t testing.TB, s *git.Snapshot, r *gittest.Repo, dir string) {
	t.Helper()
	lines, blobs := listing(t, s, dir)
	if want := lsTree(r, s.Commit.Hash.String(), dir); !slices.Equal(lines, want) {
		t.Fatalf("directory %q:\n%s\nwant\n%s", dir, strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if err := s.Load(t.Context(), blobs); err != nil {
		t.Fatal(err)
	}
	for _, h := range blobs {
		if data := string(read(t, s, h)); len(h.String()) == 40 && nameOf(blobObject, data) != h {
			t.Fatalf("blob %s is not what was read", h)
		}
	}
}

func TestSnapshotRungs(t *testing.T) {
	if testing.Short() {
		t.Skip("slow; TestRandom does it in small")
	}
	t.Parallel()
	repo := monorepo(t)
	first, second := revision(t, repo, "tool-1.0.0"), revision(t, repo, "HEAD")
	for _, tt := range []struct {
		name    string
		filters gittest.Filters
		trees   int
		// requests: the first one ever, another directory of the same commit, another commit, and another repository of
		// the same host, which begins where the first one came to
		cold, otherDir, otherCommit, otherRepo int
	}{
		{"combine", gittest.AllFilters, 0, 3, 1, 2, 3},     // the large file did not change
		{"blob:none", gittest.ForgeFilters, 0, 3, 1, 2, 2}, // one is refused first
		{"levels", gittest.TreeFilters, 0, 6, 1, 4, 4},     // two are
		{"levels for too many trees", gittest.ForgeFilters, 100, 6, 1, 4, 5},
		{"none", gittest.NoFilters, 0, 3, 0, 1, 2}, // the server is asked once whether it knows any filter
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"o/r": repo, "o/r2": repo})
			c := &git.Client{HTTP: server.Client(), Limits: git.Limits{Trees: tt.trees}}
			r, r2 := c.Open(server.URL+"/o/r"), c.Open(server.URL+"/o/r2")
			for _, step := range []struct {
				name     string
				repo     *git.Repo
				commit   git.Hash
				dir      string
				requests int
			}{
				{"cold", r, second, "libs/tool", tt.cold},
				{"again", r, second, "libs/tool", 0},
				{"below", r, second, "libs/tool/b", 0},
				{"other directory", r, second, "libs/other", tt.otherDir},
				{"no directory", r, second, "libs/absent", 0},
				{"other commit", r, first, "libs/tool", tt.otherCommit},
				{"other repository", r2, second, "libs/tool", tt.otherRepo},
				{"other repository again", r2, second, "libs/tool", 0},
			} {
				server.Reset()
				s := snapshot(t, step.repo, step.commit, step.dir)
				if step.name == "no directory" {
					if _, err := s.Lookup(step.dir); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("lookup of no directory: %v", err)
					}
					if lines, _ := listing(t, s, step.dir); len(lines) > 0 {
						t.Errorf("no directory holds %q", lines)
					}
				} else {
					check(t, s, repo, step.dir)
				}
				s.Close()
				if n := len(server.Requests()); n != step.requests {
					t.Errorf("%s: %d requests, want %d", step.name, n, step.requests)
					for _, q := range server.Requests() {
						t.Logf("%s %s %d %d\n%s", q.Method, q.Path, q.Status, q.Bytes, q.Body[:min(len(q.Body), 600)])
					}
				}
				if whole := server.Bytes() > 200_000; whole != (tt.filters == gittest.NoFilters) && step.requests > 0 {
					t.Errorf("%s: %d bytes", step.name, server.Bytes())
				}
			}
		})
	}
}

func TestSnapshotCommit(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "write\ncommit one\ntag -a v1 -m one\nat 2024-05-01T10:00:00+02:00\ncommit two\n-- a/b/c.txt --\ntext\n")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	c := &git.Client{HTTP: server.Client()}
	s := snapshot(t, c.Open(server.URL+"/r"), revision(t, repo, "HEAD"), "a")
	defer s.Close()
	if got, want := s.Commit.Time.Format("2006-01-02T15:04:05Z07:00"), "2024-05-01T08:00:00Z"; got != want {
		t.Errorf("time %s, want %s", got, want)
	}
	if s.Commit.Tree != revision(t, repo, "HEAD^{tree}") {
		t.Errorf("commit %+v", s.Commit)
	}
	for path, mode := range map[string]git.Mode{"a": git.Directory, "a/b": git.Directory, "a/b/c.txt": git.RegularFile} {
		if e, err := s.Lookup(path); err != nil || e.Mode != mode {
			t.Errorf("%s: %+v, %v", path, e, err)
		}
	}
	for _, path := range []string{"", "x", "a/", "/a", "a//b", "a/x", "a/b/c.txt/d", "A", "."} {
		if _, err := s.Lookup(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", path, err)
		}
	}
	e, _ := s.Lookup("a/b/c.txt")
	if data, err := s.ReadBlob(t.Context(), e.Hash, 5); err != nil || string(data) != "text\n" {
		t.Errorf("%q, %v", data, err)
	}
	var broken *git.Error
	if _, err := s.ReadBlob(t.Context(), e.Hash, 4); !errors.As(err, &broken) || broken.Kind != git.Broken {
		t.Errorf("over the limit: %v", err)
	}
	if err := s.Walk("", func(string, git.Entry) error { return io.ErrShortWrite }); err != io.ErrShortWrite {
		t.Errorf("the walker's own error: %v", err)
	}
	tree, _ := s.Lookup("a")
	if _, err := s.OpenBlob(tree.Hash); !errors.As(err, &broken) || broken.Repo == "" {
		t.Errorf("a tree for a blob: %v", err)
	}
}

// odd is a repository with what is rare: an empty tree, modes, links, submodules, names, tags on everything.
const odd = `
commit empty
tag empty
write
symlink ../x dir/link
chmod 755 dir/run.sh
gitlink 1234567890123456789012345678901234567890 dir/sub
print "dir/sp ace \u00e9" "x"
commit odd
tag -a on-commit -m x
tag -a on-tag -m x on-commit
tag -a on-tree -m x HEAD^{tree}
tag -a on-blob -m x HEAD:dir/run.sh
tag light-tree HEAD^{tree}
tag light-blob HEAD:dir/run.sh
-- dir/run.sh --
#!/bin/sh
-- dir/deep/deeper/file --
x
-- dir.x --
sorts before dir/
-- dir0 --
sorts after dir/
`

var allFilters = map[string]gittest.Filters{"all": gittest.AllFilters, "combine": gittest.CombineFilters, "forge": gittest.ForgeFilters, "tree": gittest.TreeFilters, "none": gittest.NoFilters}

func TestSnapshotOdd(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	t.Parallel()
	for _, format := range formats() {
		script := odd
		if format == "sha256" {
			script = "init --object-format=sha256\n" + strings.Replace(odd, "gitlink", "# gitlink", 1)
		}
		repo := gittest.New(t, script)
		for name, filters := range allFilters {
			t.Run(format+"/"+name, func(t *testing.T) {
				t.Parallel()
				server := gittest.Serve(t, filters, map[string]*gittest.Repo{"r": repo})
				for _, dir := range []string{"", "dir", "dir/deep", "dir/deep/deeper", "dir.x", "absent/absent/absent"} {
					c := &git.Client{HTTP: server.Client()}
					r := c.Open(server.URL + "/r")
					s := snapshot(t, r, revision(t, repo, "HEAD"), dir)
					if dir != "dir.x" && !strings.HasPrefix(dir, "absent") {
						check(t, s, repo, dir)
					}
					s.Close()
					s = snapshot(t, r, revision(t, repo, "empty"), dir)
					if lines, _ := listing(t, s, dir); len(lines) > 0 {
						t.Errorf("the empty tree holds %q", lines)
					}
					s.Close()
				}
				testNoCommits(t, server, repo)
			})
		}
	}
}

// testNoCommits asks for what is no commit.
func testNoCommits(t *testing.T, server *gittest.Server, repo *gittest.Repo) {
	c := &git.Client{HTTP: server.Client()}
	for _, dir := range []string{"", "dir"} {
		for _, rev := range []string{"on-tree^{}", "on-blob^{}", "light-tree", "light-blob", "on-commit", strings.Repeat("12", 20), strings.Repeat("12", 32), ""} {
			h, err := git.ParseHash(rev)
			if err != nil && rev != "" {
				h = revision(t, repo, rev)
			}
			s, err := c.Open(server.URL+"/r").Snapshot(t.Context(), h, dir)
			if err == nil {
				s.Close()
			}
			var e *git.Error
			if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Kind != git.Missing || e.Repo == "" {
				t.Errorf("%q as a commit: %v", rev, err)
			}
		}
	}
}

// TestSnapshotRace lets many work on one repository.
func TestSnapshotRace(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	t.Parallel()
	repo := chains(t, "")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"r": repo})
	c := &git.Client{HTTP: server.Client()}
	r := c.Open(server.URL + "/r")
	commits := strings.Fields(repo.Git("rev-list", "HEAD"))[:4]
	var wg sync.WaitGroup
	for i := range 8 {
		h, _ := git.ParseHash(commits[i%len(commits)])
		wg.Go(func() {
			s, err := r.Snapshot(t.Context(), h, "dir")
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			e, err := s.Lookup("dir/long.txt")
			if err != nil {
				t.Error(err)
				return
			}
			if data, err := s.ReadBlob(t.Context(), e.Hash, 1<<20); err != nil || nameOf(blobObject, string(data)) != e.Hash {
				t.Errorf("%d bytes, %v", len(data), err)
			}
			if _, err := r.Refs(t.Context(), "refs/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestSnapshotConnections wants one connection for all the trips to a host, and HTTP/2 where there is TLS.
func TestSnapshotConnections(t *testing.T) {
	t.Parallel()
	repo := chains(t, "")
	for name, serve := range map[string]func(testing.TB, gittest.Filters, map[string]*gittest.Repo) *gittest.Server{"http": gittest.Serve, "https": gittest.ServeTLS} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
			protocols := make(map[int]int)
			client := *server.Client()
			client.Transport = observed{client.Transport, protocols}
			c := &git.Client{HTTP: &client}
			dials := 0
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{ConnectDone: func(string, string, error) { dials++ }})
			r := c.Open(server.URL + "/r")
			if _, err := r.Refs(ctx, "refs/tags/"); err != nil {
				t.Fatal(err)
			}
			s, err := r.Snapshot(ctx, revision(t, repo, "HEAD"), "dir")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_, blobs := listing(t, s, "dir")
			if err := s.Load(ctx, blobs); err != nil {
				t.Fatal(err)
			}
			if dials != 1 {
				t.Errorf("%d connections", dials)
			}
			if want := map[string]int{"http": 1, "https": 2}[name]; protocols[want] != 4 {
				t.Errorf("requests by protocol: %v", protocols)
			}
		})
	}
}

type observed struct {
	http.RoundTripper
	protocols map[int]int
}

func (o observed) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.RoundTripper.RoundTrip(r)
	if err == nil {
		o.protocols[resp.ProtoMajor]++
	}
	return resp, err
}

// TestSnapshotManyWants loads so many blobs by name that a request is large.
func TestSnapshotManyWants(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 22,000 blobs")
	}
	t.Parallel()
	const n = 22_000
	repo := gittest.New(t, "")
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "blob\nmark :%d\ndata %d\n%08d\n", i+1, 8, i)
	}
	in.WriteString("commit refs/heads/main\ncommitter C <c@d> 1700000000 +0000\ndata 1\nx\n")
	for i := range n {
		fmt.Fprintf(&in, "M 100644 :%d all/%03d/%d\n", i+1, i%100, i)
	}
	repo.Write("in", []byte(in.String()))
	repo.Git("-c", "alias.import=!git fast-import --quiet <in", "import")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"r": repo}) // small files don't come along
	c := &git.Client{HTTP: server.Client()}
	s := snapshot(t, c.Open(server.URL+"/r"), revision(t, repo, "main"), "all")
	defer s.Close()
	_, blobs := listing(t, s, "all")
	if len(blobs) != n {
		t.Fatalf("%d blobs", len(blobs))
	}
	for _, part := range [][]git.Hash{blobs[:11_000], blobs} {
		server.Reset()
		if err := s.Load(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		for _, h := range part {
			if _, err := s.BlobSize(h); err != nil {
				t.Fatal(err)
			}
		}
		if q := server.Requests(); len(q) != 1 || q[0].Length > 27*11_000 {
			t.Errorf("%d requests, the first one of %d bytes", len(q), q[0].Length)
		}
	}
}

// refuser is a host in the manner of JGit's default: it gives out only what refs point at.
func refuser(message string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if _, after, ok := strings.Cut(string(body), "want "); ok && !strings.Contains(string(body), "deepen 1") {
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
				io.WriteString(w, pkt("ERR "+fmt.Sprintf(message, after[:40])))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestSnapshotRefusedWants(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	t.Parallel()
	repo := chains(t, "")
	for name, filters := range allFilters {
		for _, message := range []string{"upload-pack: not our ref %s", "want %s not valid"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				server := gittest.Serve(t, filters, map[string]*gittest.Repo{"r": repo})
				server.Wrap(refuser(message))
				c := &git.Client{HTTP: server.Client()}
				s := snapshot(t, c.Open(server.URL+"/r"), revision(t, repo, "HEAD"), "dir")
				defer s.Close()
				check(t, s, repo, "dir")
			})
		}
	}
}

// TestSnapshotRefusedFilters: whatever a host refuses in whatever order, there is an end.
func TestSnapshotRefusedFilters(t *testing.T) {
	t.Parallel()
	tree := treeObj()
	n := 0
	repo, _ := serve(t, fake{fetch: func(w io.Writer, _ *http.Request, request string) {
		if n++; strings.Contains(request, "filter blob:none") && n == 2 {
			io.WriteString(w, bands(sealed(packHead(1000)))) // too many trees, and then they are refused
			return
		}
		if strings.Contains(request, "filter ") {
			io.WriteString(w, pkt("ERR filter not supported"))
			return
		}
		io.WriteString(w, bands(craft(packed{kind: commitObject, data: commitOf(nameOf(treeObject, tree))}, packed{kind: treeObject, data: tree})))
	}}, git.Limits{Trees: 100})
	s := snapshot(t, repo, nameOf(commitObject, commitOf(nameOf(treeObject, tree))), "absent")
	s.Close()
	if n > 6 {
		t.Errorf("%d fetches", n)
	}
}

func treeObj() string { return treeEntry("100644", "file", nameOf(blobObject, "x")) }

// TestSnapshotHostile: commits and trees that no git makes.
func TestSnapshotHostile(t *testing.T) {
	t.Parallel()
	blob := nameOf(blobObject, "x")
	bomb := []packed{{kind: treeObject, data: treeEntry("100644", "f", blob)}}
	for range 40 {
		h := nameOf(treeObject, bomb[len(bomb)-1].data)
		bomb = append(bomb, packed{kind: treeObject, data: treeEntry("40000", "a", h) + treeEntry("40000", "b", h)})
	}
	var wide strings.Builder
	for i := range 1001 {
		wide.WriteString(treeEntry("40000", fmt.Sprint(i), nameOf(treeObject, bomb[0].data)))
	}
	tree := func(data string) []packed { return []packed{{kind: treeObject, data: data}} }
	for _, tt := range []struct {
		name   string
		trees  []packed // the last one is the commit's
		commit string   // %s is the tree
		walk   bool     // Walk fails, neither Snapshot nor LoadTrees
		want   string
	}{
		{"bomb of shared trees", bomb, "", true, "more than 1000 entries"},
		{"wide", append(tree(bomb[0].data), packed{kind: treeObject, data: wide.String()}), "", false, "more than the entries"},
		{"no mode", tree("file\x00" + raw(blob)), "", false, "malformed"},
		{"mode of letters", tree(treeEntry("abc", "f", blob)), "", false, "malformed mode"},
		{"mode of 40 digits", tree(treeEntry(strings.Repeat("7", 40), "f", blob)), "", false, "malformed mode"},
		{"no name", tree(treeEntry("100644", "", blob)), "", false, "malformed"},
		{"slash", tree(treeEntry("100644", "a/b", blob)), "", false, "malformed"},
		{"short", tree(treeEntry("100644", "f", blob)[:20]), "", false, "malformed"},
		{"no end", tree("100644 name"), "", false, "malformed"},
		{"blob for a tree", []packed{{kind: blobObject, data: "x"}, {kind: treeObject, data: treeEntry("40000", "f", blob)}}, "", false, "is a blob, but is named as a tree"},
		{"tree not sent", tree(treeEntry("40000", "d", nameOf(treeObject, "not sent"))), "", false, "did not send"},
		{"no tree", tree(""), "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx", false, "has no tree"},
		{"tree of letters", tree(""), "tree x\n", false, "malformed object name"},
		{"tree in the message", tree(""), "author A <a@b> 1 +0000\n\ntree %s\n", false, "has no tree"},
		{"parent", tree(""), "tree %s\nparent 12\ncommitter A <a@b> 1 +0000\n\nx", false, "malformed object name"},
		{"giant", tree(""), "tree %s\ncommitter A <a@b> 1 +0000\n\n" + strings.Repeat("x", 17<<20), false, "more than 4194304"},
		{"empty", tree(""), "\n", false, "has no tree"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.commit == "" {
				tt.commit = commitOf(git.Hash{}) + "%.0s"
				tt.commit = strings.Replace(tt.commit, "tree ", "tree %s", 1)
				tt.commit = strings.TrimSuffix(tt.commit, "%.0s")
			}
			commit := strings.ReplaceAll(tt.commit, "%s", nameOf(treeObject, tt.trees[len(tt.trees)-1].data).String())
			pack := bands(craft(append(tt.trees, packed{kind: commitObject, data: commit})...))
			repo, _ := serve(t, fake{fetch: say(pack)}, git.Limits{Entries: 1000})
			s, err := repo.Snapshot(t.Context(), nameOf(commitObject, commit), "")
			if err == nil {
				defer s.Close()
				err = s.LoadTrees(t.Context())
			}
			if tt.walk && err == nil {
				err = s.Walk("", func(string, git.Entry) error { return nil })
			}
			var e *git.Error
			if !errors.As(err, &e) || e.Kind != git.Broken || e.Repo == "" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestSnapshotSharedTrees: a bomb costs nothing as long as nobody walks it.
func TestSnapshotSharedTrees(t *testing.T) {
	t.Parallel()
	n := 0
	missing := nameOf(treeObject, "never sent")
	tree := treeEntry("40000", "a", missing)
	commit := commitOf(nameOf(treeObject, tree))
	pack := bands(craft(packed{kind: treeObject, data: tree}, packed{kind: commitObject, data: commit}))
	repo, _ := serve(t, fake{fetch: func(w io.Writer, _ *http.Request, _ string) {
		n++
		io.WriteString(w, pack)
	}}, git.Limits{})
	_, err := repo.Snapshot(t.Context(), nameOf(commitObject, commit), "")
	if err == nil || !strings.Contains(err.Error(), "did not send object "+missing.String()) || n != 2 {
		t.Errorf("%v after %d fetches", err, n)
	}
}

func TestSnapshotClosedContext(t *testing.T) {
	t.Parallel()
	repo, _ := serve(t, fake{}, git.Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := repo.Snapshot(ctx, nameOf(blobObject, "x"), ""); err != context.Canceled {
		t.Errorf("%T %v", err, err)
	}
}

// TestSnapshotShares: what was fetched for one snapshot is not fetched for another that was there before.
func TestSnapshotShares(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "write\ncommit one\n-- a --\nx\n")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"r": repo})
	r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
	head := revision(t, repo, "HEAD")
	one, two := snapshot(t, r, head, ""), snapshot(t, r, head, "")
	defer one.Close()
	defer two.Close()
	server.Reset()
	for _, s := range []*git.Snapshot{one, two} {
		check(t, s, repo, "")
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestSnapshotOfHistory: a root's files come without those of its directories, though its commit is at hand already.
func TestSnapshotOfHistory(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one\nwrite\ncommit two\n-- a/b/c --\nx\n-- go.mod --\nmodule x\n")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": repo})
	r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/o/r")
	head := revision(t, repo, "HEAD")
	for _, h := range []git.Hash{revision(t, repo, "HEAD~"), head} { // by which the host becomes known, too
		if _, err := r.Commit(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	server.Reset()
	s := snapshot(t, r, head, "")
	defer s.Close()
	for rev, want := range map[string]bool{"HEAD:go.mod": true, "HEAD:a": true, "HEAD:a/b": false, "HEAD:a/b/c": false} {
		if has := s.Has(revision(t, repo, rev)); has != want {
			t.Errorf("%s came along: %t", rev, has)
		}
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestReadBlobMemory: to read what came as a delta takes of an answer's memory, for as long.
func TestReadBlobMemory(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "")
	rnd := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 100_000)
	for i := range text {
		text[i] = 'a' + byte(rnd.IntN(26))
	}
	repo.Write("a", text)
	repo.Write("b", text[1:])
	repo.Commit("one")
	repo.Repack()
	server := gittest.Serve(t, gittest.NoFilters, map[string]*gittest.Repo{"o/r": repo})
	ctx, end := new(budget.Budget).Begin(t.Context())
	defer end()
	s, err := (&git.Client{HTTP: server.Client()}).Open(server.URL+"/o/r").Snapshot(ctx, revision(t, repo, "HEAD"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for budget.Take(ctx, 1<<10) == nil {
	}
	read := func() (failed int) {
		for _, name := range []string{"a", "b"} {
			switch _, err := s.ReadBlob(ctx, revision(t, repo, "HEAD:"+name), 1<<20); {
			case errors.Is(err, budget.ErrTooMuch):
				failed++
			case err != nil:
				t.Error(err)
			}
		}
		return failed
	}
	for range 2 { // the second time there is enough for the blob, but not for what it is made of
		if n := read(); n != 1 {
			t.Errorf("%d of two blobs, one a delta, take memory", n)
		}
		budget.Give(ctx, 150_000)
	}
	for range 3 {
		if n := read(); n != 0 {
			t.Errorf("%d of two blobs take more memory than there is", n)
		}
	}
}

// TestReadBlobMemoryChain: a small blob may be made of a large one.
func TestReadBlobMemoryChain(t *testing.T) {
	t.Parallel()
	objects, texts := blobsInChain(100, 1000, 50)
	tree := ""
	for i, text := range texts {
		tree += treeEntry("100644", fmt.Sprint(i), nameOf(blobObject, text))
	}
	commit := commitOf(nameOf(treeObject, tree))
	objects = append(objects, packed{kind: treeObject, data: tree}, packed{kind: commitObject, data: commit})
	repo, _ := serve(t, fake{fetch: say(bands(craft(objects...)))}, git.Limits{})
	ctx, end := new(budget.Budget).Begin(t.Context())
	defer end()
	s, err := repo.Snapshot(ctx, nameOf(commitObject, commit), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for budget.Take(ctx, 1<<10) == nil {
	}
	small := nameOf(blobObject, texts[2])
	for _, want := range []error{budget.ErrTooMuch, nil} {
		budget.Give(ctx, 600<<10)
		if data, err := s.ReadBlob(ctx, small, 1<<20); !errors.Is(err, want) || err == nil && string(data) != texts[2] {
			t.Errorf("%d bytes, %v; want %v", len(data), err, want)
		}
	}
}

// TestSnapshotLargeTrees: few trees may be too much as well, if they hold many files. They are left out then.
func TestSnapshotLargeTrees(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "repeat 500 other/f% %\nwrite\ncommit one\n-- libs/tool/go.mod --\nmodule x\n")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"o/r": repo})
	for trees, want := range map[int]bool{10: false, 1000: true} {
		c := &git.Client{HTTP: server.Client(), Limits: git.Limits{Trees: trees}}
		s := snapshot(t, c.Open(server.URL+"/o/r"), revision(t, repo, "HEAD"), "libs/tool")
		defer s.Close()
		check(t, s, repo, "libs/tool")
		if has := s.Has(revision(t, repo, "HEAD:other")); has != want {
			t.Errorf("at most %d trees: those of other directories came along: %t", trees, has)
		}
	}
}
