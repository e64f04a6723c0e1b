package git_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// grown is the repository that the odd ones are made of.
const grown = `
write one
commit one
tag -a v1 -m one
write two
commit two
branch side
tag light
print dir/file "changed\n"
commit three
tag -a v2 -m two
-- one/dir/file --
first
-- one/root --
x
-- two/dir/deep/more --
more
`

// oddRepos are repositories as servers may have them.
func oddRepos(t *testing.T) map[string]*gittest.Repo {
	repos := map[string]*gittest.Repo{"empty": gittest.New(t, "")}
	origin := gittest.New(t, grown)
	from := func(name, script string, args ...string) *gittest.Repo {
		r := gittest.New(t, "")
		if name == "alternates" {
			gitFile(t, r, "objects/info/alternates", filepath.Join(origin.GitDir(), "objects")+"\n")
		}
		r.Git(append(append([]string{"fetch", "--quiet"}, args...), "--update-head-ok", "file://"+origin.GitDir(), "+refs/*:refs/*")...)
		repos[name] = r
		r.Run(script)
		return r
	}
	from("shallow", "", "--depth=1")
	from("shallow by two", "", "--depth=2")
	from("alternates", "git checkout -q main\nprint own x\ncommit own\ntag own\n")
	from("replaced", "git replace --graft refs/heads/main\ngit replace refs/heads/side refs/heads/main\n")
	r := from("grafted", "")
	gitFile(t, r, "info/grafts", r.Git("rev-parse", "main")+" "+r.Git("rev-parse", "v1^{}")+"\n")
	from("mixed", "git repack -q -a -d\ngit pack-refs --all\ngit checkout -q main\nprint loose x\ncommit loose\ntag -a loose -m x\ngit tag -f light\ngit branch -D side\ngit tag -d v1\n")
	from("many packs", "git repack -q -d\ngit checkout -q main\nprint a x\ncommit a\ngit repack -q -d\nprint b x\ncommit b\ngit repack -q -d\ngit multi-pack-index write\ngit commit-graph write --reachable\nprint c x\ncommit c\n")
	from("bitmap", "git repack -q -a -d --write-bitmap-index\n")
	from("detached", "git checkout -q --detach v1\n")
	from("detached at no ref", "git checkout -q --detach v1\nprint x y\ncommit detached\n")
	from("unborn", "git symbolic-ref HEAD refs/heads/none\n")
	from("symbolic", "git symbolic-ref refs/heads/alias refs/heads/side\ngit symbolic-ref HEAD refs/heads/alias\ngit symbolic-ref refs/remotes/origin/HEAD refs/heads/main\n")
	from("hidden", "git config uploadpack.hideRefs refs/pull\ngit update-ref refs/pull/1/head side\ngit checkout -q --detach\nprint x y\ncommit hidden\ngit update-ref refs/pull/2/head HEAD\ngit checkout -q main\n")
	r = from("names", "")
	for _, name := range []string{
		"refs/tags/v1.0.0+meta", "refs/tags/%2F;x=1&y#z", `refs/heads/a"b'c`, "refs/tags/é", "refs/tags/\xff\xfe", "refs/x/y/z",
		"refs/tags/-dash", "refs/pull/1/head", "refs/tags/" + strings.Repeat("long", 50), "refs/tags/a{b}", "refs/tags/@", "refs/heads/HEAD", "refs/heads/refs/heads/main",
		"refs/tags/capabilities", "refs/tags/version", "refs/tags/|<>$`!()",
	} {
		r.Git("update-ref", name, "refs/heads/side")
	}
	return repos
}

func gitFile(t *testing.T, r *gittest.Repo, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.GitDir(), name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestOdd compares odd repositories with what git itself sees of them from afar.
func TestOdd(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	localEnv(t)
	repos := oddRepos(t)
	newest, oldest := gittest.Serve(t, gittest.AllFilters, repos), gittest.Serve(t, gittest.NoFilters, repos)
	oldest.Wrap(gittest.Version(0))
	for name, repo := range repos {
		path := "/" + strings.ReplaceAll(name, " ", "%20")
		seen := lsRemote(t, newest.URL+path)
		clone := gittest.New(t, "")
		for spec, got := range map[string]string{"\trefs/": "+refs/*:refs/got/*", "\tHEAD": "+HEAD:refs/got/HEAD"} {
			if slices.ContainsFunc(seen, func(line string) bool { return strings.Contains(line, spec) }) {
				clone.Git("fetch", "--quiet", "--depth=1", newest.URL+path, got)
			}
		}
		for _, url := range []string{newest.URL + path, oldest.URL + path, repo.Dir} {
			t.Run(name, func(t *testing.T) {
				r := (&git.Client{HTTP: newest.Client()}).Open(url)
				refs, err := r.Refs(t.Context(), "HEAD", "refs/")
				if got := asLsRemote(refs); !slices.Equal(got, seen) || err != nil {
					t.Errorf("%s: %v\n%s\nwant\n%s", url, err, strings.Join(got, "\n"), strings.Join(seen, "\n"))
				}
				done := make(map[git.Hash]bool)
				args := []string{"rev-parse"}
				for _, ref := range refs {
					args = append(args, "refs/got/"+strings.TrimPrefix(ref.Name, "refs/")+"^{}")
				}
				objects := strings.Fields(clone.Git(args...))
				for i, ref := range refs {
					if objects[i] != ref.Object().String() {
						t.Errorf("%s is %s, and %s for git", ref.Name, ref.Object(), objects[i])
					}
					if !done[ref.Object()] {
						done[ref.Object()] = true
						compare(t, r, ref, clone)
					}
				}
			})
		}
	}
}

// lsRemote is what git lists.
func lsRemote(t *testing.T, url string) []string {
	out := gittest.New(t, "").Git("ls-remote", url)
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

func asLsRemote(refs []git.Ref) (lines []string) {
	for _, ref := range refs {
		lines = append(lines, fmt.Sprintf("%s\t%s", ref.Hash, ref.Name))
		if !ref.Peeled.IsZero() {
			lines = append(lines, fmt.Sprintf("%s\t%s^{}", ref.Peeled, ref.Name))
		}
	}
	return lines
}

// compare reads a ref's commit, which git has fetched.
func compare(t *testing.T, r *git.Repo, ref git.Ref, clone *gittest.Repo) {
	t.Helper()
	for _, dir := range []string{"dir", ""} {
		s, err := r.Snapshot(t.Context(), ref.Object(), dir)
		if err != nil {
			t.Errorf("%s: %v", ref.Name, err)
			continue
		}
		check(t, s, clone, dir)
		if want := clone.Git("log", "-1", "--format=%ct", ref.Object().String()); fmt.Sprint(s.Commit.Time.Unix()) != want {
			t.Errorf("%s is of %v, not %s", ref.Name, s.Commit.Time, want)
		}
		s.Close()
	}
}

// TestVersion0Unlisted: which commits a server gives out that it doesn't list.
func TestVersion0Unlisted(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "write\ncommit first\ncommit main\ngit config uploadpack.hideRefs refs/pull\ngit checkout -q --detach\nprint x y\ncommit hidden\ngit update-ref refs/pull/2/head HEAD\ngit checkout -q main\n-- dir/file --\nx\n")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	server.Wrap(gittest.Version(0))
	for _, tt := range []struct {
		config            string
		reachable, hidden bool
	}{
		{"allowAnySHA1InWant", true, true},
		{"allowTipSHA1InWant", true, true},
		{"allowReachableSHA1InWant", true, true},
		{"", true, false},
	} {
		if tt.config != "" {
			repo.Git("config", "uploadpack."+tt.config, "true")
		}
		for rev, ok := range map[string]bool{"main": true, "main~1": tt.reachable, "refs/pull/2/head": tt.hidden} {
			s, err := (&git.Client{HTTP: server.Client()}).Open(server.URL+"/r").Snapshot(t.Context(), revision(t, repo, rev), "dir")
			if (err == nil) != ok || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %s: %v", tt.config, rev, err)
			}
			if err == nil {
				check(t, s, repo, "dir")
				s.Close()
			}
		}
		if tt.config != "" {
			repo.Git("config", "--unset", "uploadpack."+tt.config)
		}
	}
}

// TestWalkPaths has names that are short enough each, and paths that are not.
func TestWalkPaths(t *testing.T) {
	blob := packed{kind: blobObject, data: "x"}
	many := ""
	for i := range 5000 {
		many += treeEntry("100644", fmt.Sprintf("%04d", i), nameOf(blobObject, blob.data))
	}
	for _, tt := range []struct{ name, below string }{
		{"one path", treeEntry("100644", strings.Repeat("a", 6000), nameOf(blobObject, blob.data))},
		{"all paths", many},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entries := []packed{blob, {kind: treeObject, data: tt.below}}
			root := treeEntry("40000", strings.Repeat("d", 60_000), nameOf(treeObject, tt.below))
			entries = append(entries, packed{kind: treeObject, data: root})
			commit := commitOf(nameOf(treeObject, root))
			pack := craft(append(entries, packed{kind: commitObject, data: commit})...)
			repo, _ := serve(t, fake{fetch: say(bands(pack))}, git.Limits{})
			s, err := repo.Snapshot(t.Context(), nameOf(commitObject, commit), "")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			longest := 0
			err = s.Walk("", func(path string, _ git.Entry) error {
				longest = max(longest, len(path))
				return nil
			})
			var e *git.Error
			if !errors.As(err, &e) || e.Kind != git.Broken || !strings.Contains(err.Error(), "a path of more than 65535 bytes, or paths of more than 268435456") || longest < 60_000 {
				t.Errorf("error %v after a path of %d bytes", err, longest)
			}
		})
	}
}
