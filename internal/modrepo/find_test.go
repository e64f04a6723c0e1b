package modrepo_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
)

// A historian counts what looks at history.
type historian struct {
	*git.Repo
	asked int
}

func (h *historian) Reachable(ctx context.Context, prefix string, at time.Time, from ...[]git.Hash) ([]*git.Commit, error) {
	h.asked++
	return h.Repo.Reachable(ctx, prefix, at, from...)
}

// TestHash has commits found by hash: what branches and tags lead to without a look at history, and what either reach. An
// annotated tag stands for its commit.
func TestHash(t *testing.T) {
	r := gittest.New(t, `
		print go.mod "module x.y/z\n"
		commit one
		branch old
		commit two
		commit three
		tag -a v1.0.0 -m text
		branch b
		git switch -q --detach
		commit "by a tag alone"
		commit four
		tag v1.1.0
		git switch -q main
		commit "by a branch alone"
		commit five
	`)
	repo := &historian{Repo: new(git.Client).Open(r.GitDir())}
	m := mustModule(t, &modrepo.Source{Repo: repo, TagPrefix: "v"}, "x.y/z", false)
	for _, tt := range []struct {
		name, commit string
		asked        int
	}{
		{"main", "main", 0},
		{"old", "old", 0},
		{"b", "b", 0},
		{"v1.0.0^{}", "b", 0},
		{"v1.0.0", "b", 0},
		{"old~0", "old", 0},
		{"b~1", "b~1", 1},
		{"main~1", "main~1", 1},
		{"v1.1.0~1", "v1.1.0~1", 1},
	} {
		hash, want := r.Git("rev-parse", tt.name), r.Git("rev-parse", tt.commit)
		for _, query := range []string{hash, hash[:12], hash[:7]} {
			repo.asked = 0
			info, err := m.Stat(t.Context(), query)
			if err != nil {
				t.Errorf("%s, %s: %v", tt.name, query, err)
				continue
			}
			if info.Origin.Hash != want || repo.asked != tt.asked {
				t.Errorf("%s, %s: commit %s, want %s, after %d looks at history", tt.name, query, info.Origin.Hash, want, repo.asked)
			}
		}
	}
}

// TestMajorDirectory has a major version's go.mod in a directory of its own, or in the module's, but not in both.
func TestMajorDirectory(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"its own alone", `print m/v2/go.mod "module x.y/m/v2\n"`, "module x.y/m/v2\n"},
		{"the module's alone", `print m/go.mod "module x.y/m/v2 // here\n"`, "module x.y/m/v2 // here\n"},
		{"beside another's", "print m/go.mod \"module x.y/m\\n\"\nprint m/v2/go.mod \"module x.y/m/v2\\n\"", "module x.y/m/v2\n"},
		{"beside a directory", "print m/go.mod/x \"\"\nprint m/v2/go.mod \"module x.y/m/v2\\n\"", "module x.y/m/v2\n"},
		{"both", "print m/go.mod \"module x.y/m/v2\\n\"\nprint m/v2/go.mod \"module x.y/m/v2\\n\"", "error: go.mod and v2/go.mod both have /v2 module paths"},
		{"another's in it", "print m/v2/go.mod \"module x.y/m\\n\"", `error: the module's v2/go.mod declares its path as "x.y/m", which is not of this path's major version`},
		{"neither", `print m/x.go ""`, "error: the module has no go.mod at this version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := mustModule(t, local(gittest.New(t, tt.script+"\ncommit one\ntag v2.0.0\n"), "m", "v*"), "x.y/m/v2", true)
			info, err := m.Stat(t.Context(), "v2.0.0")
			if err != nil {
				if got := outcome("", err); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				return
			}
			goMod, err := m.GoMod(t.Context(), info)
			if got := outcome(string(goMod), err); got != tt.want {
				t.Errorf("go.mod %q, want %q", got, tt.want)
			}
			if err := m.Zip(t.Context(), info, io.Discard); err != nil {
				t.Errorf("zip: %v", err)
			}
		})
	}
}

// TestMemoryGivenBack has a zip of large files made with the memory for one of them, whether they are converted or not.
func TestMemoryGivenBack(t *testing.T) {
	t.Parallel()
	const size, n = 2 << 20, 6
	r := gittest.New(t, "write\n"+small)
	for i := range n {
		r.Write("large/"+string(rune('a'+i)), []byte(string(rune('a'+i))+strings.Repeat("0123456789abcde\n", size/16)))
	}
	r.Run("commit plain\ntag v1.0.0\n")
	r.Write(".gitattributes", []byte("large/* ident\n"))
	r.Run("commit converted\ntag v1.1.0\n")
	m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
	for _, version := range []string{"v1.0.0", "v1.1.0"} {
		info, err := m.Stat(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		var b budget.Budget
		ctx, end := b.Begin(t.Context())
		if err := budget.Take(ctx, budget.Each-5*size); err != nil {
			t.Fatal(err)
		}
		if err := m.Zip(ctx, info, io.Discard); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		end()
	}
}

// TestBranchIsNoTag has branches be no versions, whatever a pattern says.
func TestBranchIsNoTag(t *testing.T) {
	r := gittest.New(t, "print go.mod \"module x.y/z\\n\"\ncommit one\nbranch v1.0.0\ncommit two\nbranch other\ncommit three\n")
	m := mustModule(t, local(r, "", "refs/heads/v*"), "x.y/z", false)
	for _, rev := range []string{"v1.0.0", "other", "main"} {
		want := r.Expand("v0.0.0-{time:" + rev + "}-{hash12:" + rev + "}")
		info, err := m.Stat(t.Context(), r.Git("rev-parse", rev)) // for which all refs are listed
		if err != nil {
			t.Fatal(err)
		}
		if info.Version != want {
			t.Errorf("%s is %s, want %s", rev, info.Version, want)
		}
		if got := outcome(m.Versions(t.Context())); got != "[]" {
			t.Errorf("versions %s", got)
		}
	}
}

// TestTagsOfCommit has a commit be the highest version that has a tag on it, whatever other tags it has.
func TestTagsOfCommit(t *testing.T) {
	for tags, want := range map[string]string{
		"v1.2.3": "v1.2.3",
		"v1 v1.2 v2 v3 v4 v5 v6 v7 v8 v9 v1.2.3 v1.2.4-pre": "v1.2.4-pre",
		"v1.10.0 v1.9.0 v01.11.0":                           "v1.10.0",
		"v1.0.0 v1.2.0+meta":                                "v1.0.0",
		"v1.0.0 v2.0.0 v3.0.0-pre":                          "v1.0.0",
		"v v1 other-2 main-v1.0.0":                          "v0.0.0-{time:HEAD}-{hash12:HEAD}",
		"v1.2.0+meta v1.2.0+another":                        "v1.2.1-0.{time:HEAD}-{hash12:HEAD}",
	} {
		t.Run(tags, func(t *testing.T) {
			t.Parallel()
			r := gittest.New(t, "print go.mod \"module x.y/z\\n\"\ncommit one\ntag "+strings.ReplaceAll(tags, " ", "\ntag ")+"\n")
			m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
			for range 4 { // tags have no order
				info, err := m.Stat(t.Context(), "main")
				if err != nil || info.Version != r.Expand(want) {
					t.Errorf("%+v, %v, want %s", info, err, r.Expand(want))
				}
			}
		})
	}
}

// TestCompanions has the files of a small module, be it one or several, come along with its go.mod, and with them the LICENSE
// of the repository's root: its zip costs no request more.
func TestCompanions(t *testing.T) {
	t.Parallel()
	for _, files := range []string{"", "-- d/m.go --\npackage d\n", "-- d/m.go --\npackage d\n-- d/sub/s.go --\npackage sub\n"} {
		repo := gittest.New(t, "repeat 20 other/%/x% %\nwrite\ncommit one\ntag v1.0.0\n-- LICENSE --\nDo as you please.\n-- d/go.mod --\nmodule x.y/d\n"+files)
		server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"o/r": repo})
		m := mustModule(t, &modrepo.Source{Repo: (&git.Client{HTTP: server.Client()}).Open(server.URL + "/o/r"), Directory: "d", TagPrefix: "v"}, "x.y/d", true)
		info, err := m.Stat(t.Context(), "v1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		server.Reset()
		if err := m.Zip(t.Context(), info, io.Discard); err != nil || len(server.Requests()) > 0 {
			t.Errorf("with %q: %v, %d requests", files, err, len(server.Requests()))
		}
	}
}
