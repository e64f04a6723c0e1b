package forge_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/vanity/internal/forge"
)

// walk gives what Walk finds, in order, and what it can't look at.
func walk(t *testing.T, dir string) (found []string, unread []error) {
	t.Helper()
	err := forge.Walk(t.Context(), dir, func(below string) error {
		found = append(found, below)
		return nil
	}, func(err error) error {
		unread = append(unread, err)
		return nil
	})
	must(t, err)
	slices.Sort(found)
	return found, unread
}

// TestWalk has what is found found by its name, too, if a module path can have that.
func TestWalk(t *testing.T) {
	dir, _ := newTree(t)
	links(t, dir)
	found, unread := walk(t, dir)
	want := []string{
		"Bob/Tool.git", "alice/-dash.git", "alice/both", "alice/both.git", "alice/odd.git.git", "alice/plain", "alice/pöt.git",
		"alice/separate.git", "alice/tool.git", "alice/v2.git", "objects/refs/HEAD.git", "team/infra.git", "team/infra/deep/er.git", "top.git",
	}
	if !slices.Equal(found, want) || unread != nil {
		t.Errorf("found %q\nwant  %q\n%v", found, want, unread)
	}
	for _, name := range found {
		if strings.Contains(name, "ö") {
			continue
		}
		if repo, root, err := forge.Find(dir, name); err != nil || root != name || repo != filepath.Join(dir, filepath.FromSlash(name)) {
			t.Errorf("%s: %q, %q, %v", name, repo, root, err)
		}
	}
}

// TestWalkUnread has directories that may not be looked into, at all or but for their names.
func TestWalkUnread(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/one.git", "b/two.git", "three.git"} {
		bare(t, dir, name)
	}
	must(t, os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, "a"), 0), os.Chmod(filepath.Join(dir, "b"), 0o444))
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(dir, "a"), 0o755), os.Chmod(filepath.Join(dir, "b"), 0o755)) })
	asNobody(t, func() {
		found, unread := walk(t, dir)
		if !slices.Equal(found, []string{"three.git"}) || len(unread) != 2 || !errors.Is(unread[0], fs.ErrPermission) || !errors.Is(unread[1], fs.ErrPermission) {
			t.Errorf("%q, %v", found, unread)
		}
		fault := errors.New("enough")
		err := forge.Walk(t.Context(), dir, func(string) error { return nil }, func(error) error { return fault })
		if err != fault {
			t.Errorf("what is done about it: %v", err)
		}
	})
}

// TestWalkEnds has walks that don't go on.
func TestWalkEnds(t *testing.T) {
	dir := t.TempDir()
	bare(t, dir, "a/one.git")
	bare(t, dir, "a/two.git")
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o666))
	unread := func(err error) error {
		t.Error(err)
		return nil
	}
	fault, calls := errors.New("enough"), 0
	count := func(string) error {
		calls++
		return fault
	}
	if err := forge.Walk(t.Context(), dir, count, unread); err != fault || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := forge.Walk(ctx, dir, count, unread); err != context.Canceled || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if err := forge.Walk(t.Context(), filepath.Join(dir, "none"), count, unread); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if err := forge.Walk(t.Context(), filepath.Join(dir, "file"), count, unread); err == nil {
		t.Error("a file has no error")
	}
}
