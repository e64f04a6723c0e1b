package modrepo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modrepo"
)

// A mover is a repository with one tag, which notes what commit is asked for.
type mover struct {
	modrepo.Repository
	tag   string
	asked string
}

func (m *mover) Refs(context.Context, ...string) ([]git.Ref, error) {
	h, err := git.ParseHash(m.tag)
	return []git.Ref{{Name: "refs/tags/v1.0.0", Hash: h}}, err
}

func (m *mover) Snapshot(_ context.Context, commit git.Hash, _ string) (*git.Snapshot, error) {
	m.asked = commit.String()
	return nil, errors.New("enough")
}

// TestOldListing checks that a version, which is for ever, is not taken from a listing that is good enough for lists.
func TestOldListing(t *testing.T) {
	const one, two = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"
	synctest.Test(t, func(t *testing.T) {
		repo := &mover{tag: one}
		m := mustModule(t, &modrepo.Source{Repo: repo, TagPrefix: "v", Fresh: 24 * time.Hour}, "x.y/z", false)
		if _, err := m.Versions(t.Context()); err != nil {
			t.Fatal(err)
		}
		repo.tag = two
		for _, want := range []string{one, two} {
			if m.Stat(t.Context(), "v1.0.0"); repo.asked != want {
				t.Errorf("commit %s was asked for, want %s", repo.asked, want)
			}
			time.Sleep(time.Minute)
		}
	})
}
