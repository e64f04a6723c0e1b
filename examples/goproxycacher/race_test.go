package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goproxy/goproxy"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// TestOneOption checks that handlers which have one option agree what a version is while its tag moves, although goproxy's
// cachers replace what is there.
func TestOneOption(t *testing.T) {
	const rounds = 30
	repo := repository(t)
	dir := t.TempDir()
	opts := []vanity.Option{vanity.WithStore(goproxy.DirCacher(dir)), vanity.WithFreshness(0), quiet()}
	var running []string
	for range 2 {
		running = append(running, serve(t, handler(repo.Dir, opts...))+tool)
	}
	first := make(map[string]int)
	for round := range rounds {
		version := fmt.Sprintf("1.%d.0", 10+round)
		move := func(to string) { repo.Git("tag", "-f", "tool-"+version, to) }
		move("tool-1.0.0")
		was := commits(t, repo, running, version, func() {
			for range 3 {
				move("tool-1.1.0")
				move("tool-1.0.0")
			}
		})
		is := commits(t, repo, append(running, start(t, repo.Dir, dir)), version, func() { move("tool-1.1.0") })
		if all := append(was, is...); slices.ContainsFunc(all, func(hash string) bool { return hash != all[0] }) {
			t.Errorf("v%s is %v, and later %v", version, was, is)
		}
		first[was[0]]++
	}
	t.Logf("what was first: %v", first)
}

// commits asks handlers, all at once and while something happens, for what tells of which commit a version is, and gives what
// each answer says.
func commits(t *testing.T, repo *gittest.Repo, bases []string, version string, something func()) (hashes []string) {
	t.Helper()
	type answer struct {
		url, body string
		status    int
		err       error
	}
	var answers []*answer
	var asking sync.WaitGroup
	for _, base := range bases {
		for _, file := range []string{"v" + version + ".info", "tool-" + version + ".info", "v" + version + ".zip"} {
			a := &answer{url: base + "/@v/" + file}
			answers = append(answers, a)
			asking.Go(func() { a.status, a.body, a.err = fetch(a.url) })
		}
	}
	something()
	asking.Wait()
	for _, a := range answers {
		switch {
		case a.err != nil || a.status != http.StatusOK:
			t.Fatalf("%s: status %d, %.200s, %v", a.url, a.status, a.body, a.err)
		case strings.HasSuffix(a.url, ".info"):
			hashes = append(hashes, commit(t, a.body))
		case strings.Contains(source(t, a.body, "v"+version), "one"):
			hashes = append(hashes, repo.Git("rev-parse", "tool-1.0.0"))
		default:
			hashes = append(hashes, repo.Git("rev-parse", "tool-1.1.0"))
		}
	}
	return hashes
}
