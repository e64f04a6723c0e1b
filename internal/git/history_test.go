package git_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// branchy has merges, a side branch, a tag beside all branches, a commit older than its parent, and one that no ref
// reaches.
const branchy = `
	commit one
	tag one
	commit two
	tag -a two -m text
	git switch -q -c side
	commit side
	tag side
	git switch -q main
	commit three
	git merge -q --no-ff -m merged side
	tag merged
	git switch -q -c beside two
	commit beside
	tag beside
	git switch -q main
	git branch -q -D beside
	commit dropped
	git update-ref refs/pull/1/head HEAD
	git reset -q --hard merged
	at 2023-01-01T00:00:00Z
	commit older
	tag older
	at 2025-01-01T00:00:00Z
	commit last
	tag -a tree -m text HEAD^{tree}
`

// everywhere serves a repository in all the ways there are, or in one if time is short.
func everywhere(t *testing.T, r *gittest.Repo) map[string]*git.Repo {
	t.Helper()
	repos := map[string]*git.Repo{"local": new(git.Client).Open(r.GitDir())}
	if testing.Short() {
		return repos
	}
	for name, filters := range map[string]gittest.Filters{
		"all": gittest.AllFilters, "forge": gittest.ForgeFilters, "tree": gittest.TreeFilters, "none": gittest.NoFilters,
	} {
		s := gittest.Serve(t, filters, map[string]*gittest.Repo{"r": r})
		repos[name] = (&git.Client{HTTP: s.Client()}).Open(s.URL + "/r")
	}
	return repos
}

// tips are the objects of heads and tags.
func tips(t *testing.T, r *git.Repo) (heads, tags []git.Hash) {
	t.Helper()
	refs, err := r.Refs(t.Context(), "refs/heads/", "refs/tags/")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		if strings.HasPrefix(ref.Name, "refs/heads/") {
			heads = append(heads, ref.Object())
		} else {
			tags = append(tags, ref.Object())
		}
	}
	return heads, tags
}

// Every commit that git finds from branches and tags is found, by its time and without it, and no other.
func TestReachable(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, branchy)
	reachable := strings.Fields(r.Git("log", "--branches", "--tags", "--format=%H"))
	dropped := r.Git("rev-parse", "refs/pull/1/head")
	if slices.Contains(reachable, dropped) || len(reachable) != 8 {
		t.Fatalf("%d commits", len(reachable))
	}
	for name, repo := range everywhere(t, r) {
		heads, tags := tips(t, repo)
		for _, hash := range append(reachable, dropped) {
			h, _ := git.ParseHash(hash)
			commit, err := repo.Commit(t.Context(), h)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, at := range []time.Time{{}, commit.Time, commit.Time.Add(time.Hour), time.Unix(1, 0), time.Unix(4e9, 0)} {
				var got []string
				found, err := repo.Reachable(t.Context(), hash[:12], at, heads, tags)
				for _, c := range found {
					got = append(got, c.Hash.String())
				}
				want := []string{hash}
				if hash == dropped {
					want = nil
				}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %s at %v: %v, %v; want %v", name, hash, at, got, err, want)
				}
			}
		}
		if found, err := repo.Reachable(t.Context(), "", time.Time{}, heads, tags); len(found) != len(reachable) || err != nil {
			t.Errorf("%s: %d commits, %v; want %d", name, len(found), err, len(reachable))
		}
		if found, err := repo.Reachable(t.Context(), reachable[0], time.Time{}); len(found) != 0 || err != nil {
			t.Errorf("%s: from no tips: %d commits, %v", name, len(found), err)
		}
	}
}

// Wherever a host fails, commits that could not be looked for are not said to be absent.
func TestReachableFails(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, branchy)
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"r": r})
	heads, tags := tips(t, (&git.Client{HTTP: server.Client()}).Open(server.URL+"/r"))
	hash := revision(t, r, "one")
	find := func(at time.Time) error {
		repo := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
		found, err := repo.Reachable(t.Context(), hash.String()[:12], at, heads, tags)
		if err == nil && len(found) != 1 {
			t.Errorf("%d commits", len(found))
		}
		return err
	}
	for _, at := range []time.Time{{}, time.Unix(1, 0)} {
		server.Reset()
		checkKind(t, "up", find(at), none)
		n := len(server.Requests())
		for i := range n {
			server.Wrap(gittest.After(int64(i), gittest.First(1, gittest.Status(http.StatusServiceUnavailable, nil))))
			checkKind(t, fmt.Sprintf("from %v, request %d of %d", at, i+1, n), find(at), git.Unavailable)
			server.Wrap(nil)
		}
	}
}

// Who descends from whom is as git merge-base says, in all directions.
func TestAncestor(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, branchy)
	names := []string{"one", "two", "side", "merged", "beside", "older", "main", "refs/pull/1/head"}
	hashes := make([]git.Hash, len(names))
	for i, name := range names {
		hashes[i] = revision(t, r, name+"^{commit}")
	}
	descends := func(a, b string) bool {
		return r.Git("rev-list", "-1", b, "--not", a) == "" // all of b is in a
	}
	tree := revision(t, r, "HEAD^{tree}")
	for name, repo := range everywhere(t, r) {
		for i, a := range names {
			for j, b := range names {
				want := -1
				if descends(a, b) {
					want = 0
				}
				if got, err := repo.Ancestor(t.Context(), hashes[i], hashes[j:j+1]); got != want || err != nil {
					t.Errorf("%s: %s from %s: %d, %v, want %d", name, a, b, got, err, want)
				}
			}
			all := append([]git.Hash{tree}, hashes...)
			slices.Reverse(all[1:])
			want := slices.IndexFunc(all, func(h git.Hash) bool { return h != tree && descends(a, h.String()) })
			if got, err := repo.Ancestor(t.Context(), hashes[i], all); got != want || err != nil {
				t.Errorf("%s: %s from any: %d, %v, want %d", name, a, got, err, want)
			}
		}
		if got, err := repo.Ancestor(t.Context(), hashes[0], nil); got != -1 || err != nil {
			t.Errorf("%s: without candidates: %d, %v", name, got, err)
		}
	}
}

// A commit is its own ancestor, which takes no history to know.
func TestAncestorItself(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "commit one\ncommit two\n")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"r": r})
	repo := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
	one, two := revision(t, r, "main~1"), revision(t, r, "main")
	if i, err := repo.Ancestor(t.Context(), two, []git.Hash{two, one}); i != 0 || err != nil || len(server.Requests()) > 0 {
		t.Errorf("%d, %v, %d requests", i, err, len(server.Requests()))
	}
}

// A commit that is wrong in its time is not in the way of others.
func TestHistoryMalformed(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "print x y\ncommit one\ntag one\n")
	raw := fmt.Sprintf("tree %s\nparent %s\nauthor A <a@b.c> 1 +0000\ncommitter A <a@b.c> x +0000\n\nm\n", r.Git("rev-parse", "HEAD^{tree}"), r.Git("rev-parse", "HEAD"))
	if err := os.WriteFile(filepath.Join(r.Dir, "raw"), []byte(raw), 0o666); err != nil {
		t.Fatal(err)
	}
	r.Git("reset", "-q", "--soft", r.Git("hash-object", "-t", "commit", "-w", "--literally", "raw"))
	r.Git("tag", "malformed")
	r.Commit("last")
	for name, repo := range everywhere(t, r) {
		for i, rev := range []string{"one", "malformed", "HEAD"} {
			if got, err := repo.Ancestor(t.Context(), revision(t, r, "HEAD"), []git.Hash{revision(t, r, rev)}); got != 0 || err != nil {
				t.Errorf("%s: %d: %d, %v", name, i, got, err)
			}
		}
	}
}

func TestCommitMissing(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, branchy)
	unknown, _ := git.ParseHash("0123456789012345678901234567890123456789")
	for name, repo := range everywhere(t, r) {
		for _, h := range []git.Hash{unknown, revision(t, r, "HEAD^{tree}")} {
			_, err := repo.Commit(t.Context(), h)
			var e *git.Error
			if !errors.As(err, &e) || e.Kind != git.Missing || e.Repo != repo.Name() {
				t.Errorf("%s: %v: %v", name, h, err)
			}
		}
	}
}

// fastImport makes many commits, a minute apart, each with a file of some size.
func fastImport(t testing.TB, r *gittest.Repo, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		data := strings.Repeat(fmt.Sprintf("%08x\n", uint32(i)*2654435761), 500)
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\ncommitter C <c@example.com> %d +0000\ndata 1\nm\n", i+1, gittest.Epoch.Unix()+int64(i)*60)
		fmt.Fprintf(&b, "M 100644 inline f%d\ndata %d\n%s\n", i%50, len(data), data)
	}
	name := filepath.Join(t.TempDir(), "stream")
	if err := os.WriteFile(name, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	r.Git("-c", "alias.import=!git fast-import --quiet <"+filepath.ToSlash(name), "import")
}

// No more history comes than it takes, where the host can cut it.
func TestHistoryBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	t.Parallel()
	const n = 3000
	r := gittest.New(t, "")
	fastImport(t, r, n)
	r.Git("tag", "v1", fmt.Sprintf("main~%d", 100))
	r.Git("tag", "far", fmt.Sprintf("main~%d", n-10))
	all := []gittest.Filters{gittest.AllFilters, gittest.ForgeFilters, gittest.TreeFilters}
	if testing.Short() {
		all = all[1:2]
	}
	for _, filters := range all {
		s := gittest.Serve(t, filters, map[string]*gittest.Repo{"r": r})
		open := func() *git.Repo { return (&git.Client{HTTP: s.Client()}).Open(s.URL + "/r") }
		heads, tags := tips(t, open())
		wanted := revision(t, r, "main~50")
		for what, do := range map[string]func() (bool, error){
			"reachable": func() (bool, error) {
				at := gittest.Epoch.Add((n - 51) * time.Minute)
				found, err := open().Reachable(t.Context(), wanted.String()[:12], at, heads, tags)
				return len(found) == 1, err
			},
			"ancestor": func() (bool, error) {
				i, err := open().Ancestor(t.Context(), revision(t, r, "main"), []git.Hash{revision(t, r, "v1"), revision(t, r, "far")})
				return i == 0, err
			},
			"side": func() (bool, error) { // a tip that is older than the time is not asked for its history
				at := gittest.Epoch.Add((n - 1) * time.Minute)
				found, err := open().Reachable(t.Context(), revision(t, r, "main").String()[:12], at, tags, heads)
				return len(found) == 1, err
			},
		} {
			s.Reset()
			if ok, err := do(); !ok || err != nil {
				t.Errorf("%v, %s: %v, %v", filters, what, ok, err)
			}
			// A commit has about 200 bytes.
			if got := s.Bytes(); got > 150*250 {
				t.Errorf("%v, %s: %d bytes in %d requests", filters, what, got, len(s.Requests()))
			}
		}
	}
}

// Who asks for what doesn't exist, again and again and of whatever time, has history fetched once.
func TestHistoryKept(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, branchy)
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": r})
	repo := (&git.Client{HTTP: s.Client()}).Open(s.URL + "/r")
	heads, tags := tips(t, repo)
	at := gittest.Epoch
	ask := func(prefix string) int {
		s.Reset()
		at = at.Add(time.Second)
		found, err := repo.Reachable(t.Context(), prefix, at, heads, tags)
		if len(found) != 0 || err != nil {
			t.Errorf("%s: %d commits, %v", prefix, len(found), err)
		}
		return len(s.Requests())
	}
	if first := ask("0123456"); first == 0 {
		t.Error("no requests")
	}
	if again := ask("01234567"); again != 0 {
		t.Errorf("%d requests for the same history", again)
	}
	r.Commit("new")
	if heads, _ = tips(t, repo); ask("0123456") == 0 {
		t.Error("no requests, though there is a new commit")
	}
}

// A commit's time is read as git reads it, or there is none.
func TestCommitTime(t *testing.T) {
	t.Parallel()
	tree := strings.Repeat("1", 40)
	for _, tt := range []struct {
		committer string
		want      int64 // -1 for none
	}{
		{"committer A <a@b.c> 1700000000 +0000\n", 1700000000},
		{"committer A <a@b.c>   1700000000  -1130\n", 1700000000},
		{"committer <> 0 +0\n", 0},
		{"committer A > <> 7 +0000\n", 7},
		{"committer A <a@b.c>7 +0000\n", 7},
		{"committer A <a@b.c> 7+0000\n", 7},
		{"", -1},
		{"\ncommitter A <a@b.c> 7 +0000\n", -1},
		{"committer A <a@b.c>\n", -1},
		{"committer A <a@b.c> noon +0000\n", -1},
		{"committer A <a@b.c> 7\n", -1},
		{"committer A <a@b.c> 7 0000\n", -1},
		{"committer A <a@b.c> 7 +x\n", -1},
		{"committer A <a@b.c> -7 +0000\n", -1},
		{"committer A <a@b.c> 99999999999999999999 +0000\n", -1},
		{"committer A <a@b.c> 253402300799 +1400\n", 253402300799},
		{"committer A <a@b.c> 253402300800 +0000\n", -1}, // the year 10000
	} {
		c, err := git.ParseCommit(git.Hash{}, []byte("tree "+tree+"\n"+tt.committer+"\nmessage\n"), nil)
		if err != nil {
			t.Errorf("%q: %v", tt.committer, err)
			continue
		}
		if got := c.Time; got.IsZero() != (tt.want < 0) || !got.IsZero() && got.Unix() != tt.want {
			t.Errorf("%q: %v, want %d", tt.committer, got, tt.want)
		}
	}
}

// What follows a commit's committer says nothing of its tree, time and parents, as git has it.
func TestParseCommitHeaders(t *testing.T) {
	t.Parallel()
	tree, other := nameOf(treeObject, ""), nameOf(blobObject, "")
	data := fmt.Appendf(nil, "tree %s\nparent %s\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\ntree %s\nparent %s\ncommitter B <b@c> 3 +0000\n\nparent %s\n",
		tree, tree, other, other, other)
	var parents []git.Hash
	c, err := git.ParseCommit(git.Hash{}, data, func(h git.Hash) { parents = append(parents, h) })
	if err != nil || c.Tree != tree || c.Time.Unix() != 2 || !slices.Equal(parents, []git.Hash{tree}) {
		t.Errorf("%+v, parents %v, %v", c, parents, err)
	}
}

// A commit takes no memory for its parents, however many there are.
func TestParseCommitParents(t *testing.T) {
	const parents = 1000
	parent := nameOf(blobObject, "")
	data := fmt.Appendf(nil, "tree %s\n%scommitter A <a@b> 1 +0000\n\nparent %s\n", nameOf(treeObject, ""),
		strings.Repeat(fmt.Sprintf("parent %s\n", parent), parents), parent)
	var seen int
	n := testing.AllocsPerRun(10, func() {
		seen = 0
		if _, err := git.ParseCommit(git.Hash{}, data, func(h git.Hash) {
			if h == parent {
				seen++
			}
		}); err != nil {
			t.Fatal(err)
		}
	})
	if seen != parents || n > 3 {
		t.Errorf("%d of %d parents, by %.0f allocations", seen, parents, n)
	}
}

// Who asks at the same time as others has history fetched once, too, and waits no longer than he wants.
func TestHistoryTogether(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, branchy)
	s := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": r})
	client := &git.Client{HTTP: s.Client()}
	heads, tags := tips(t, client.Open(s.URL+"/r"))
	s.Reset()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			repo := client.Open(s.URL + "/r")
			if found, err := repo.Reachable(t.Context(), fmt.Sprintf("%07d", i), time.Time{}, heads, tags); len(found) != 0 || err != nil {
				t.Errorf("%d: %d commits, %v", i, len(found), err)
			}
		})
	}
	wg.Wait()
	fetches := 0
	for _, request := range s.Requests() {
		if request.Method == http.MethodPost {
			fetches++
		}
	}
	if fetches != 1 {
		t.Errorf("%d fetches", fetches)
	}

	s.SetDown(true)
	repo := (&git.Client{HTTP: s.Client()}).Open(s.URL + "/r")
	for range 8 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(rand.N(10*time.Millisecond), cancel)
			var e *git.Error
			if _, err := repo.Reachable(ctx, "0123456", time.Time{}, heads); !errors.As(err, &e) && !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
}

// A commit with very many parents takes no more than its own memory.
func TestAncestorParents(t *testing.T) {
	t.Parallel()
	tree, root := nameOf(treeObject, ""), commitOf(nameOf(treeObject, ""))
	objects := []packed{{kind: treeObject, data: ""}, {kind: commitObject, data: root}}
	last := nameOf(commitObject, root)
	for range 5 {
		parents := strings.Repeat(fmt.Sprintf("parent %s\n", last), 20_000)
		c := fmt.Sprintf("tree %s\n%sauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm", tree, parents)
		objects = append(objects, packed{kind: commitObject, data: c})
		last = nameOf(commitObject, c)
	}
	repo, _ := serve(t, fake{fetch: say(bands(craft(objects...)))}, git.Limits{})
	if i, err := repo.Ancestor(t.Context(), last, []git.Hash{tree, nameOf(commitObject, root)}); i != 1 || err != nil {
		t.Errorf("%d, %v", i, err)
	}
}

// Commits' times come by one small request, whatever else the tags are on, or not at all.
func TestTimes(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "blob b x\ntag blob made/b\n")
	fastImport(t, r, 300)
	r.Run("git reset -q --hard\ntag -a tree -m text main^{tree}\ntag -a nested -m text tree\ntag odd main~7\n" +
		"tag one main~200\ntag -a two -m text main~100\ntag -a three -m text two\ntag main\n")
	want := make(map[git.Hash]time.Time)
	for _, tag := range []string{"one", "two", "three", "odd", "main"} {
		at, err := time.Parse(time.RFC3339, r.Git("log", "-1", "--format=%cI", tag, "--"))
		if err != nil {
			t.Fatal(err)
		}
		want[revision(t, r, tag+"^{commit}")] = at.UTC()
	}
	wants := []git.Hash{revision(t, r, "blob"), revision(t, r, "tree^{}")}
	for h := range want {
		wants = append(wants, h)
	}
	check := func(t *testing.T, repo *git.Repo, wants []git.Hash, want map[git.Hash]time.Time) {
		t.Helper()
		got, err := repo.Times(t.Context(), wants)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b git.Hash) bool { return a == b })); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	none := make(map[git.Hash]time.Time)
	for name, tt := range map[string]struct {
		filters gittest.Filters
		wrap    func(http.Handler) http.Handler
		none    bool
	}{
		"all":         {filters: gittest.AllFilters},
		"forge":       {filters: gittest.ForgeFilters},
		"tree":        {filters: gittest.TreeFilters},
		"version 0":   {filters: gittest.ForgeFilters, wrap: gittest.Version(0)},
		"unfiltered":  {filters: gittest.NoFilters, none: true},
		"unfiltered0": {filters: gittest.NoFilters, wrap: gittest.Version(0), none: true},
		"undeepened": {filters: gittest.AllFilters, none: true, wrap: func(next http.Handler) http.Handler {
			return gittest.Version(0)(gittest.Without("shallow")(next))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("serves repositories")
			}
			t.Parallel()
			s := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"r": r})
			if tt.wrap != nil {
				s.Wrap(tt.wrap)
			}
			client := &git.Client{HTTP: s.Client()}
			repo := client.Open(s.URL + "/r")
			tips(t, repo)
			s.Reset()
			if tt.none {
				tries := 0
				if tt.wrap == nil {
					tries = 2 // a filter is tried before the server is asked whether it knows any
				}
				if got, err := repo.Times(t.Context(), wants); !errors.Is(err, git.ErrCostly) || len(s.Requests()) != tries || s.Bytes() > 200 {
					t.Errorf("%v, %v by %d requests", got, err, len(s.Requests()))
				}
				return
			}
			check(t, repo, wants, want)
			check(t, repo, wants[2:], want)
			if n := len(s.Requests()); n != 1 || s.Bytes() > int64(len(want))*300+500 {
				t.Errorf("%d bytes by %d requests", s.Bytes(), n)
			}
			check(t, client.Open(s.URL+"/r"), wants[:1], none)
			check(t, client.Open(s.URL+"/r"), wants[1:2], none)
			check(t, client.Open(s.URL+"/r"), nil, none)
		})
	}
	check(t, new(git.Client).Open(r.GitDir()), wants, want)
}

// Who refuses the filter, or sends what it should keep away, is not asked in a way that costs more.
func TestTimesRefused(t *testing.T) {
	t.Parallel()
	blob := nameOf(blobObject, "x")
	tree := nameOf(treeObject, treeEntry("100644", "x", blob))
	commit := packed{kind: commitObject, data: commitOf(tree)}
	all := []packed{commit, commit, {kind: treeObject, data: treeEntry("100644", "x", blob)}}
	for range 3 {
		all = append(all, packed{kind: blobObject, data: "x"})
	}
	for name, answer := range map[string]string{
		"filter":  pkt("ERR filter 'tree' not supported"),
		"objects": bands(craft(all...)),
	} {
		asked := 0
		repo, _ := serve(t, fake{fetch: func(w io.Writer, _ *http.Request, _ string) {
			asked++
			io.WriteString(w, answer)
		}}, git.Limits{})
		if got, err := repo.Times(t.Context(), []git.Hash{nameOf(commitObject, commit.data)}); !errors.Is(err, git.ErrCostly) || asked != 1 {
			t.Errorf("%s: %v, %v by %d fetches", name, got, err, asked)
		}
	}
	repo, _ := serve(t, fake{fetch: say(pkt("ERR on purpose"))}, git.Limits{})
	var e *git.Error
	if got, err := repo.Times(t.Context(), []git.Hash{tree}); !errors.As(err, &e) || errors.Is(err, git.ErrCostly) || e.Repo != repo.Name() {
		t.Errorf("%v, %v", got, err)
	}
}
