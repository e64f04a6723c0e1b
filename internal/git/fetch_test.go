package git_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// TestFetchSince: the repository's clock begins at Epoch, and goes on by a minute with each commit.
func TestFetchSince(t *testing.T) {
	localEnv(t)
	repo := gittest.New(t, "commit 0\ncommit 1\ncommit 2\nbranch old\ncommit 3\ncommit 4\n")
	head, branch := revision(t, repo, "HEAD"), revision(t, repo, "old")
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"r": repo})
	old := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"r": repo})
	old.Wrap(gittest.Version(0))
	minute := func(n int) time.Time { return gittest.Epoch.Add(time.Duration(n) * time.Minute) }
	for _, tt := range []struct {
		since time.Time
		wants []git.Hash
		want  int
		err   error
	}{
		{minute(3), []git.Hash{head}, 2, nil},
		{minute(3).Add(time.Second), []git.Hash{head}, 1, nil},
		{minute(3).Add(time.Second - 1), []git.Hash{head}, 2, nil},
		{minute(-1), []git.Hash{head}, 5, nil},
		{minute(2), []git.Hash{head, branch}, 3, nil},
		{minute(3), []git.Hash{head, branch}, 5, nil}, // the branch is not cut
		{minute(5), []git.Hash{head}, 0, git.ErrNoCommits},
	} {
		for _, name := range []string{server.URL + "/r", old.URL + "/r", repo.Dir} {
			hashes, err := (&git.Client{HTTP: server.Client()}).Open(name).FetchSince(t.Context(), tt.since, tt.wants...)
			if len(hashes) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%s since %v: %d commits, %v; want %d, %v", name, tt.since, len(hashes), err, tt.want, tt.err)
			}
		}
	}
}

// TestFetchSinceRefused: how other servers than git's say that there is nothing.
func TestFetchSinceRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"no commits selected for shallow requests", "No commits selected for shallow request"} {
		repo, _ := serve(t, fake{fetch: say(pkt("ERR " + text))}, git.Limits{})
		_, err := repo.FetchSince(t.Context(), gittest.Epoch, nameOf(commitObject, "x"))
		var e *git.Error
		if !errors.Is(err, git.ErrNoCommits) || !errors.As(err, &e) || e.Repo != repo.Name() {
			t.Errorf("%T %v", err, err)
		}
	}
}

// TestFetchSinceWithout: a host that can't cut a history sends all of it.
func TestFetchSinceWithout(t *testing.T) {
	t.Parallel()
	commit := commitOf(nameOf(treeObject, ""))
	h := nameOf(commitObject, commit)
	for advertisement, begin := range map[string]string{
		"000eversion 2\n000cls-refs\n000afetch\n0000":           "",
		pkt(h.String()+" HEAD\x00side-band shallow\n") + "0000": pkt("NAK"),
	} {
		var sent string
		repo, _ := serve(t, fake{advertisement: advertisement, fetch: func(w io.Writer, _ *http.Request, request string) {
			if sent = request; begin == "" && (strings.Contains(request, "deepen") || strings.Contains(request, "filter")) {
				return // it was not asked yet what it can do
			}
			io.WriteString(w, begin+strings.TrimPrefix(bands(craft(packed{kind: commitObject, data: commit})), strings.Repeat(pkt("packfile\n"), min(len(begin), 1))))
		}}, git.Limits{})
		hashes, err := repo.FetchSince(t.Context(), gittest.Epoch, h)
		if len(hashes) != 1 || err != nil || strings.Contains(sent, "deepen") {
			t.Errorf("%d commits, %v of\n%s", len(hashes), err, sent)
		}
	}
}
