package modstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
)

// A crowded repository has many more tags, all of one commit.
type crowded struct {
	modrepo.Repository
	tags int
	one  git.Ref
}

func (r *crowded) Refs(ctx context.Context, prefixes ...string) ([]git.Ref, error) {
	refs, err := r.Repository.Refs(ctx, prefixes...)
	for i := range r.tags {
		ref := r.one
		ref.Name = fmt.Sprintf("refs/tags/v1.2.%d", i)
		for _, prefix := range prefixes {
			if strings.HasPrefix(ref.Name, prefix) {
				refs = append(refs, ref)
				break
			}
		}
	}
	return refs, err
}

// However long a list is, making it anew takes no more than some times what it took at first.
func TestManyVersions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	const tags = 100_000
	r := newRepo(t, twoVersions)
	refs, err := local(r).Refs(t.Context(), "refs/tags/v1.0.0")
	if err != nil || len(refs) != 1 {
		t.Fatal(refs, err)
	}
	repo := &crowded{local(r), tags, refs[0]}
	s := newShelf()
	c := newClient(t, local(r), modstore.Options{Backing: modstore.NewBacking(s), Fresh: time.Nanosecond})
	c.m.At = func(directory, _ string) (*modrepo.Module, error) {
		source := &modrepo.Source{Repo: repo, Directory: directory, TagPrefix: "v"}
		return source.Module(modPath, false)
	}
	took := func(file string) time.Duration {
		began := time.Now()
		c.get(file)
		return time.Since(began)
	}
	first := took("/@v/list")
	for _, file := range []string{"/@v/list", "/@v/v1.2.7.info", "/@v/list", "/@v/v1.2.8.mod"} {
		if again := took(file); again > 10*first {
			t.Errorf("%s took %v, and the first list %v", file, again, first)
		}
	}
	s.set(servedName, "v1.0.0\n")
	s.set(servedName+".sum", "")
	if again := took("/@v/list"); again > 10*first {
		t.Errorf("with another list in the store it took %v, and the first list %v", again, first)
	}
}

// A host that fails is no reason to look each version up in the store.
func TestHostFailureCostsTheStoreNothing(t *testing.T) {
	t.Parallel()
	s := newShelf()
	h := local(newRepo(t, twoVersions))
	c := newClient(t, h, modstore.Options{Backing: modstore.NewBacking(s), Fresh: time.Nanosecond})
	c.get("/@v/v1.0.0.info")
	c.want("/@v/list", list2, false)
	h.fail(git.Broken)
	s.faults(func(name string) error {
		t.Errorf("%s was looked for", name)
		return errors.New("on purpose")
	}, nil)
	c.want("/@v/list", list2, true)
}
