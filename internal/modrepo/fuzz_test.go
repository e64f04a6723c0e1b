package modrepo_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
)

// refsOnly is a repository whose refs are made up, and whose objects are another one's.
type refsOnly struct {
	*git.Repo
	refs []git.Ref
}

func (r refsOnly) Refs(_ context.Context, prefixes ...string) (refs []git.Ref, err error) {
	for _, ref := range r.refs {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(ref.Name, p) }) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// FuzzVersions lets anything be tags, a pattern and a query. What is listed is found by its own name, if at all, what a
// query comes to is a version of the path, and all else is an *Error.
func FuzzVersions(f *testing.F) {
	f.Add("v*", "x.y/z", "v1.0.0 v1.1.0-pre v1.2.0+meta v01.2.3 v1", "v1.2.0+meta")
	f.Add("lib/v*", "x.y/z/v2", "lib/v2.0.0 lib/v2.1.0-0.20240101000000-abcdefabcdef v2.2.0", "main")
	f.Add("*", "x.y/z", "1.0.0 2.0.0 0.0.0-20240101000000-abcdefabcdef", "1.0.0")
	f.Add("a-*-b", "gopkg.in/x.v3", "a-3.0.0-b a-3.1.0-rc.1-b a--b", "HEAD")
	f.Add("v*", "gopkg.in/x.v1-unstable", "v1.0.0", "latest")
	f.Add("v*", "x.y/z", "v2.0.0 v3.0.0-pre", "v2.0.0+incompatible")
	f.Add("v*", "x.y/z", "v1.0.0", "v1.0.1-0.20240101000000-0123456789ab")
	f.Add("v*", "x.y/z", "v1.0.0", "0123456789abcdef0123456789abcdef01234567")
	r := gittest.New(f, "print x.go \"package x\\n\"\ncommit one\n")
	repo := new(git.Client).Open(r.GitDir())
	hash, err := git.ParseHash(r.Git("rev-parse", "HEAD"))
	if err != nil {
		f.Fatal(err)
	}
	snapshot, err := repo.Snapshot(f.Context(), hash, "") // keeps the pack, so that the host is not asked again
	if err != nil {
		f.Fatal(err)
	}
	defer snapshot.Close()
	f.Fuzz(func(t *testing.T, pattern, path, tags, query string) {
		prefix, suffix, ok := strings.Cut(pattern, "*")
		if !ok || strings.Contains(suffix, "*") || len(tags) > 1000 {
			return
		}
		refs := []git.Ref{{Name: "HEAD", Hash: hash}, {Name: "refs/heads/main", Hash: hash}}
		for tag := range strings.FieldsSeq(tags) {
			refs = append(refs, git.Ref{Name: "refs/tags/" + tag, Hash: hash})
		}
		s := &modrepo.Source{Repo: refsOnly{repo, refs}, TagPrefix: prefix, TagSuffix: suffix}
		m, err := s.Module(path, false)
		if err != nil {
			wantError(t, err)
			return
		}
		list, err := m.Versions(t.Context())
		wantError(t, err)
		if !slices.IsSortedFunc(list, semver.Compare) {
			t.Errorf("not sorted: %q", list)
		}
		for _, v := range list {
			info, err := m.Stat(t.Context(), v)
			if wantError(t, err); err == nil && info.Version != v {
				t.Errorf("listed %s: %v", v, info)
			}
		}
		if len(query) == 40 && query != hash.String() {
			return // the host would be asked
		}
		info, err := m.Stat(t.Context(), query)
		wantError(t, err)
		if err == nil && (module.Check(path, info.Version) != nil || !info.Time.Equal(gittest.Epoch.Truncate(time.Second))) {
			t.Errorf("%q comes to %v", query, info)
		}
		if err == nil && query == module.CanonicalVersion(query) && strings.TrimSuffix(info.Version, "+incompatible") != strings.TrimSuffix(query, "+incompatible") {
			t.Errorf("version %q comes to %v", query, info)
		}
	})
}

// wantError wants no error, or one that is a not-found.
func wantError(t *testing.T, err error) {
	t.Helper()
	var absent *modrepo.Error
	if err != nil && (!errors.As(err, &absent) || !errors.Is(err, fs.ErrNotExist)) {
		t.Errorf("error %v (%T)", err, err)
	}
}

// FuzzGoMod lets anything be a go.mod: it is a module's, with its retractions, or it is none.
func FuzzGoMod(f *testing.F) {
	for _, text := range []string{
		"module x.y/z\n", "module x.y/z/v2\n\ngo 1.21\n\nretract [v1.0.0, v1.2.0]\n", "module \"x.y/z\" // comment\n", "\ufeffmodule x.y/z\n", "module `gopkg.in/z.v2`\n",
		"retract v1.0.0\nmodule x.y/z", "module (\n\tx.y/z\n)\n", "module x.y/z\nretract [v1.2.0, v1.0.0]\nexclude a v1.0.0\n", "",
	} {
		f.Add([]byte(text), "/v2", "v1.0.0")
	}
	f.Fuzz(func(t *testing.T, data []byte, pathMajor, version string) {
		modrepo.RetractionsOf(data)(version)
		if modrepo.IsMajor(modfile.ModulePath(data), "") && modrepo.IsMajor(modfile.ModulePath(data), "/v2") {
			t.Errorf("%q is of two major versions", data)
		}
	})
}
