package modrepo_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
)

func TestSurvey(t *testing.T) {
	repo := gittest.New(t, `
write
commit one
blob text hello
tag v1.0.0
tag -a other-1.0.0 -m text
tag blob made/text
branch v2.0.0
-- go.mod --
module x.y/root
-- a/b/go.mod --
module x.y/a/b
-- a/b/v2/go.mod --
module x.y/a/b/v2
-- a/b/c/d/x.go --
package d
-- a/b/c/d/e/go.mod --
module "x.y/e"
-- mute/go.mod --
go 1.25
`)
	tags, head, err := local(repo, "a", "none-*").Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commit := repo.Git("rev-parse", "HEAD")
	var got []string
	for _, tag := range tags {
		got = append(got, tag.Name+" "+strings.Replace(tag.Object().String(), commit, "HEAD", 1))
	}
	if diff := cmp.Diff([]string{"blob " + repo.Git("rev-parse", "blob"), "other-1.0.0 HEAD", "v1.0.0 HEAD"}, got); diff != "" || head.String() != commit {
		t.Errorf("HEAD %s, tags (-want +got):\n%s", head, diff)
	}
	for _, tt := range []struct {
		dir, major string
		most       int
		declared   []modrepo.GoMod
		elsewhere  []string
	}{
		{"", "", 9, []modrepo.GoMod{{"go.mod", "x.y/root"}}, nil},
		{"a/b", "", 9, []modrepo.GoMod{{"a/b/go.mod", "x.y/a/b"}}, nil},
		{"a/b", "v2", 9, []modrepo.GoMod{{"a/b/go.mod", "x.y/a/b"}, {"a/b/v2/go.mod", "x.y/a/b/v2"}}, nil},
		{"mute", "v2", 9, []modrepo.GoMod{{"mute/go.mod", ""}}, nil},
		{"a/b/c", "", 9, nil, []string{"a/b", "", "a/b/c/d/e"}},
		{"a/b/c", "v2", 2, nil, []string{"a/b", ""}},
		{"a", "", 9, nil, []string{"", "a/b", "a/b/v2", "a/b/c/d/e"}},
		{"a", "", 2, nil, []string{"", "a/b"}},
		{"nowhere/x", "", 9, nil, []string{""}},
		{"a/b/go.mod", "", 9, nil, []string{"a/b", ""}},
	} {
		declared, elsewhere, err := local(repo, tt.dir, "*").Declared(t.Context(), head, tt.major, tt.most)
		if diff := cmp.Diff(tt.declared, declared) + cmp.Diff(tt.elsewhere, elsewhere); diff != "" || err != nil {
			t.Errorf("%s %s: %v (-want +got):\n%s", tt.dir, tt.major, err, diff)
		}
	}
	blob, err := git.ParseHash(repo.Git("rev-parse", "blob"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = local(repo, "", "*").Declared(t.Context(), blob, "", 1)
	checkError(t, err, "leads to no commit")

	empty := gittest.New(t, "")
	if tags, head, err := local(empty, "", "*").Refs(t.Context()); len(tags) > 0 || !head.IsZero() || err != nil {
		t.Errorf("an empty repository: %v, %v, %v", tags, head, err)
	}
	var e *git.Error
	if _, _, err := (&modrepo.Source{Repo: new(git.Client).Open("/nowhere/at/all")}).Refs(t.Context()); !errors.As(err, &e) {
		t.Errorf("no repository: %v", err)
	}
}
