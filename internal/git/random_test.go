package git_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// randomRepo is a history of random trees, as git fast-import takes it: with what is odd, but legal.
func randomRepo(t testing.TB, seed uint64) (repo *gittest.Repo, commits int) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	format := "sha1"
	if seed%5 == 4 {
		format = "sha256"
	}
	repo = gittest.New(t, "init --object-format="+format)
	names := []string{"a", "b", "c", "a.b", "a-b", "a0", "é", "sp ace", "UP", "z\t", "\"q\"", "go.mod"}
	var in strings.Builder
	commits = 2 + rnd.IntN(6)
	for i := range commits {
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter C <c@d> %d +0%d00\ndata 2\n%d\n", 1700000000+i, rnd.IntN(9), i%10)
		if rnd.IntN(6) == 0 {
			in.WriteString("deleteall\n")
		}
		for range rnd.IntN(40) {
			var elements []string
			for range 1 + rnd.IntN(5) {
				elements = append(elements, names[rnd.IntN(len(names))])
			}
			name := strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\t", "\\t").Replace(path.Join(elements...))
			mode := []string{"100644", "100644", "100755", "120000"}[rnd.IntN(4)]
			data := strings.Repeat(fmt.Sprintf("line %d\n", rnd.IntN(4)), rnd.IntN(300)) + fmt.Sprint(rnd.IntN(20))
			switch rnd.IntN(10) {
			case 0:
				fmt.Fprintf(&in, "D \"%s\"\n", name)
			case 1:
				fmt.Fprintf(&in, "M 160000 %s \"%s\"\n", strings.Repeat("12", map[string]int{"sha1": 20, "sha256": 32}[format]), name)
			default:
				fmt.Fprintf(&in, "M %s inline \"%s\"\ndata %d\n%s\n", mode, name, len(data), data)
			}
		}
	}
	repo.Write("in", []byte(in.String()))
	repo.Git("-c", "alias.import=!git fast-import --quiet <in", "import")
	if rnd.IntN(2) == 0 {
		repo.Repack()
	}
	return repo, commits
}

// TestRandom compares random directories of random commits of random repositories with git's own view of them, by
// all ways of fetching.
func TestRandom(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 4 // each a set of filters
	}
	t.Parallel()
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			repo, commits := randomRepo(t, seed)
			rnd := rand.New(rand.NewPCG(seed, 4))
			filters := gittest.Filters(seed % 4)
			server := gittest.Serve(t, filters, map[string]*gittest.Repo{"r": repo})
			c := &git.Client{HTTP: server.Client(), Limits: git.Limits{Trees: []int{0, 5}[rnd.IntN(2)]}}
			r := c.Open(server.URL + "/r")
			for range 4 {
				rev := fmt.Sprintf("main~%d", rnd.IntN(commits))
				dirs := []string{""}
				for line := range strings.SplitSeq(repo.Git("ls-tree", "-r", "-d", "-z", rev), "\x00") {
					if head, name, _ := strings.Cut(line, "\t"); strings.Contains(head, " tree ") {
						dirs = append(dirs, name)
					}
				}
				dir := dirs[rnd.IntN(len(dirs))]
				s := snapshot(t, r, revision(t, repo, rev), dir)
				check(t, s, repo, dir)
				s.Close()
				if t.Failed() {
					t.Fatalf("%s:%q by %v", rev, dir, filters)
				}
			}
		})
	}
}
