package git_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

// gitOf puts a git program before the real one that has heard of nothing newer than a protocol version.
func gitOf(t *testing.T, version int) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nunset GIT_PROTOCOL\n[ %d = 0 ] || export GIT_PROTOCOL=version=%d\nexec '%s' \"$@\"\n", version, version, real)
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// versioned is a repository with what listings and fetches can meet.
const versioned = `
commit empty
write
commit one
tag light
tag -a v1 -m one
tag -a v1-again -m again v1
tag -a on-tree -m x HEAD^{tree}
tag light-blob HEAD:x
branch dev
write more
commit two
-- a/b/c --
text
-- x --
x
-- more/y --
y
`

func describe(refs []git.Ref) string {
	var b strings.Builder
	for _, ref := range refs {
		fmt.Fprintf(&b, "%s %s", ref.Hash, ref.Name)
		if !ref.Peeled.IsZero() {
			fmt.Fprintf(&b, " ^%s", ref.Peeled)
		}
		if ref.Target != "" {
			fmt.Fprintf(&b, " >%s", ref.Target)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// versionedRepos are two of them, one of which gives out any object whatever the version, and an empty one.
func versionedRepos(t *testing.T, format string) map[string]*gittest.Repo {
	begin := "init --object-format=" + format + "\n"
	return map[string]*gittest.Repo{
		"r":     gittest.New(t, begin+versioned),
		"any":   gittest.New(t, begin+"git config uploadpack.allowAnySHA1InWant true\n"+versioned),
		"empty": gittest.New(t, begin),
	}
}

// TestVersions: what is read is the same whatever version a server speaks.
func TestVersions(t *testing.T) {
	if testing.Short() {
		t.Skip("slow; TestVersionsLocal is the same over a pipe")
	}
	t.Parallel()
	for _, format := range formats() {
		repos := versionedRepos(t, format)
		for version := range 3 {
			t.Run(fmt.Sprintf("%s/%d", format, version), func(t *testing.T) {
				t.Parallel()
				for name, filters := range allFilters {
					server := gittest.Serve(t, filters, repos)
					if version < 2 {
						server.Wrap(gittest.Version(version))
					}
					for repo := range repos {
						c := &git.Client{HTTP: server.Client()}
						testVersion(t, name+"/"+repo, c.Open(server.URL+"/"+repo), repos[repo])
					}
					for _, r := range server.Requests() {
						want := []string{"", "version=1", "version=2"}[version]
						tried := bytes.Contains(r.Body, []byte("command=")) // before the server was asked
						if got := r.Header.Get("Git-Protocol"); r.Method == "POST" && got != want && !tried {
							t.Errorf("a request in %q, not %q", got, want)
						}
					}
				}
			})
		}
	}
}

func TestVersionsLocal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	for _, format := range formats() {
		repos := versionedRepos(t, format)
		for version := range 3 {
			t.Run(fmt.Sprintf("%s/%d", format, version), func(t *testing.T) {
				localEnv(t)
				gitOf(t, version)
				for name, repo := range repos {
					testVersion(t, name, new(git.Client).Open(repo.Dir), repo)
				}
			})
		}
	}
}

func testVersion(t *testing.T, name string, r *git.Repo, repo *gittest.Repo) {
	t.Helper()
	var want string
	if refs := repo.Git("for-each-ref", "--format=%(refname)"); refs != "" {
		want = fmt.Sprintf("%s HEAD >refs/heads/main\n", repo.Git("rev-parse", "HEAD"))
		for ref := range strings.FieldsSeq(refs) {
			want += repo.Git("rev-parse", ref) + " " + ref
			if repo.Git("cat-file", "-t", ref) == "tag" {
				want += " ^" + repo.Git("rev-parse", ref+"^{}")
			}
			want += "\n"
		}
	}
	for range 2 { // a listing is never an old one
		refs, err := r.Refs(t.Context(), "HEAD", "refs/")
		if got := describe(refs); got != want || err != nil {
			t.Fatalf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
	size := map[string]int{"sha1": 20, "sha256": 32}[repo.Git("rev-parse", "--show-object-format")]
	unknown, _ := git.ParseHash(strings.Repeat("12", size))
	if _, err := r.Snapshot(t.Context(), unknown, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: unknown commit: %v", name, err)
	}
	if want == "" {
		return
	}
	for _, rev := range []string{"HEAD", "v1^{}", "v1-again^{}", "light", "HEAD~2"} {
		for i, dir := range []string{"a/b", "", "absent"} {
			if rev != "HEAD" && i > 0 {
				break
			}
			s := snapshot(t, r, revision(t, repo, rev), dir)
			if dir != "absent" && rev != "HEAD~2" { // the first commit is empty
				check(t, s, repo, dir)
			}
			s.Close()
		}
	}
	for _, rev := range []string{"on-tree^{}", "light-blob", "v1"} {
		if _, err := r.Snapshot(t.Context(), revision(t, repo, rev), ""); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %s as a commit: %v", name, rev, err)
		}
	}
}

var filterLine = regexp.MustCompile(`filter \w+:\S+`)

// TestVersion0Requests counts what a directory of a commit costs, and looks at what is asked for.
func TestVersion0Requests(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	t.Parallel()
	repo := monorepo(t)
	any := gittest.New(t, "git config uploadpack.allowAnySHA1InWant true\ngit remote add r "+repo.Dir+"\ngit fetch -q --tags r\n")
	for _, tt := range []struct {
		name     string
		repo     *gittest.Repo
		filters  gittest.Filters
		requests []string
		whole    bool
	}{
		{"all", any, gittest.AllFilters, []string{"combine:blob:none+tree:2", "blob:limit=8192", ""}, false},
		{"forge", any, gittest.ForgeFilters, []string{"combine:blob:none+tree:2", "blob:none", ""}, false},
		{"tree", any, gittest.TreeFilters, []string{"combine:blob:none+tree:2", "blob:none", "tree:0", "tree:0", "tree:0", ""}, false},
		{"any object, no filter", any, gittest.NoFilters, []string{""}, true},
		{"filters, but not any object", repo, gittest.AllFilters, []string{""}, true},
		{"none", repo, gittest.NoFilters, []string{""}, true},
	} {
		server := gittest.Serve(t, tt.filters, map[string]*gittest.Repo{"r": tt.repo})
		server.Wrap(gittest.Version(0))
		r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
		refs, err := r.Refs(t.Context(), "refs/tags/tool-")
		if err != nil || len(refs) != 2 {
			t.Fatalf("%s: %v, %v", tt.name, refs, err)
		}
		s := snapshot(t, r, refs[1].Object(), "libs/tool")
		check(t, s, repo, "libs/tool")
		s.Close()
		var got []string
		for _, q := range server.Requests()[2:] { // what was tried first and the listing are all there is before
			got = append(got, strings.TrimPrefix(filterLine.FindString(string(q.Body)), "filter "))
		}
		if !slices.Equal(got, tt.requests) {
			t.Errorf("%s: fetches with the filters %q, want %q", tt.name, got, tt.requests)
		}
		if whole := server.Bytes() > 200_000; whole != tt.whole {
			t.Errorf("%s: %d bytes", tt.name, server.Bytes())
		}
	}
}

// TestVersion0Without: servers that can do little.
func TestVersion0Without(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, versioned)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	for _, without := range [][]string{
		{"nothing"},
		{"side-band-64k"},
		{"multi_ack_detailed"},
		{"multi_ack_detailed", "multi_ack"},
		{"side-band-64k", "side-band"}, // the pack comes as it is
		{"shallow", "deepen-since"},    // with all its history
		{"ofs-delta", "no-progress", "agent", "object-format", "filter"},
		{"multi_ack", "thin-pack", "side-band", "side-band-64k", "ofs-delta", "shallow", "deepen-since", "deepen-not", "deepen-relative", "no-progress", "include-tag", "multi_ack_detailed", "no-done", "symref", "object-format", "agent", "filter"},
	} {
		server.Wrap(nil)
		server.Wrap(gittest.Version(0))
		server.Wrap(gittest.Without(without...))
		server.Reset()
		r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
		refs, err := r.Refs(t.Context(), "HEAD")
		if err != nil || len(refs) != 1 || refs[0].Hash != revision(t, repo, "HEAD") || (refs[0].Target == "") != slices.Contains(without, "symref") {
			t.Errorf("%q: %v, %v", without, refs, err)
		}
		s := snapshot(t, r, revision(t, repo, "HEAD"), "a")
		check(t, s, repo, "a")
		s.Close()
		want := pkt("want "+repo.Git("rev-parse", "HEAD")+" multi_ack_detailed side-band-64k no-progress ofs-delta agent=git/vanity object-format=sha1\n") +
			pkt("deepen 1\n") + "0000" + pkt("done\n")
		for i, q := range server.Requests() {
			if i == 2 && without[0] == "nothing" && string(q.Body) != want {
				t.Errorf("asked\n%s\nwant\n%s", q.Body, want)
			}
			for _, capability := range without {
				if line := regexp.MustCompile(" " + capability + "[ =\n]|" + capability + " [0-9]"); line.Match(q.Body) {
					t.Errorf("asked for %s:\n%s", capability, q.Body)
				}
			}
		}
	}
}

// TestVersion0Tags: a server may give out what refs point at and no more, which an annotated tag's commit isn't.
func TestVersion0Tags(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "write\ncommit one\ntag -a v1 -m one\ntag -a v1.1 -m one\ncommit two\n-- a/b --\nx\n")
	commit, tag := revision(t, repo, "v1^{}"), revision(t, repo, "v1.1")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	server.Wrap(gittest.Version(0))
	server.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if strings.Contains(string(body), "want "+commit.String()) {
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
				io.WriteString(w, pkt("ERR upload-pack: not our ref "+commit.String()))
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	r := (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
	if _, err := r.Snapshot(t.Context(), commit, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no tag is known: %v", err)
	}
	for range 2 {
		if _, err := r.Refs(t.Context(), "refs/tags/"); err != nil {
			t.Fatal(err)
		}
	}
	s := snapshot(t, r, commit, "a")
	check(t, s, repo, "a")
	s.Close()
	if q := server.Requests(); !strings.Contains(string(q[len(q)-1].Body), "want "+tag.String()) {
		t.Errorf("the last request is\n%s", q[len(q)-1].Body)
	}

	// Where tags have gone, the commits that they came to may still be there.
	server.Wrap(nil)
	server.Wrap(gittest.Version(0))
	r = (&git.Client{HTTP: server.Client()}).Open(server.URL + "/r")
	if _, err := r.Refs(t.Context(), "refs/tags/"); err != nil {
		t.Fatal(err)
	}
	repo.Git("tag", "-d", "v1", "v1.1")
	repo.Git("prune", "--expire=now")
	s = snapshot(t, r, commit, "a")
	check(t, s, repo, "a")
	s.Close()
}

// TestVersion0Hostile: answers that no git server gives. What both versions read alike is in TestHostile.
func TestVersion0Hostile(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 40)
	service := "001e# service=git-upload-pack\n0000"
	first := pkt(zeros + " HEAD\x00side-band-64k shallow\n")
	plain := pkt(zeros + " HEAD\x00ofs-delta\n")
	ad := service + first + "0000"
	tag := pkt(zeros + " refs/tags/v1\n")
	for _, tt := range []struct {
		name, advertisement, fetch, want string
	}{
		{name: "version 3", advertisement: service + pkt("version 3\n") + "0000", want: `version "3"`},
		{name: "version without number", advertisement: service + pkt("version \n") + "0000", want: `version ""`},
		{name: "version 1 alone", advertisement: service + pkt("version 1\n"), want: "connection ended"},
		{name: "version 1 twice", advertisement: service + strings.Repeat(pkt("version 1\n"), 2) + "0000", want: "malformed ref"},
		{name: "ERR after version 1", advertisement: service + pkt("version 1\n") + pkt("ERR go away"), want: "refused: go away"},
		{name: "no end", advertisement: service + first + tag, want: "connection ended"},
		{name: "another end", advertisement: service + first + tag + "0001", want: "does not end as it should"},
		{name: "ERR among refs", advertisement: service + first + pkt("ERR internal"), want: "refused: internal"},
		{name: "unknown names", advertisement: service + pkt(zeros+" HEAD\x00object-format=md5\n") + "0000", want: `by "md5"`},
		{name: "empty packet", advertisement: service + "0004", want: "malformed ref"},
		{name: "no hash", advertisement: service + pkt("HEAD\x00ofs-delta\n") + "0000", want: "malformed ref"},
		{name: "no name", advertisement: service + pkt(zeros+"\x00ofs-delta\n") + "0000", want: "malformed ref"},
		{name: "upper-case hash", advertisement: service + first + pkt(strings.Repeat("A", 40)+" refs/tags/v1\n") + "0000", want: "malformed ref"},
		{name: "name with a space", advertisement: service + first + pkt(zeros+" refs/tags/v1 peeled:"+zeros+"\n") + "0000", want: "malformed ref"},
		{name: "capabilities twice", advertisement: service + first + first + "0000", want: "malformed ref"},
		{name: "peeled first", advertisement: service + pkt(zeros+" refs/tags/v1^{}\x00ofs-delta\n") + "0000", want: "malformed ref"},
		{name: "peeled to nothing", advertisement: service + first + tag + pkt("1 refs/tags/v1^{}") + "0000", want: "malformed ref"},
		{name: "peeled apart", advertisement: service + first + tag + pkt(zeros+" refs/tags/v2\n") + pkt(zeros+" refs/tags/v1^{}\n") + "0000", want: "malformed ref"},
		{name: "peeled twice", advertisement: service + first + tag + strings.Repeat(pkt(zeros+" refs/tags/v1^{}\n"), 2) + "0000", want: "malformed ref"},
		{name: "no refs after refs", advertisement: service + first + pkt(zeros+" capabilities^{}\n") + "0000", want: "malformed ref"},
		{name: "long ref", advertisement: service + first + pkt(zeros+" refs/tags/"+strings.Repeat("x", 60000)) + "0000", want: "more than is allowed"},
		{name: "many refs", advertisement: service + first + strings.Repeat(tag, 1000) + "0000", want: "lists more than 1000 refs"},
		{name: "many long refs", advertisement: service + first + strings.Repeat(pkt(zeros+" refs/tags/"+strings.Repeat("x", 9000)), 500) + "0000", want: "more than is allowed"},
		{name: "many shallow lines", advertisement: service + first + strings.Repeat(pkt("shallow "+zeros), 10_000) + "0000", want: "more than is allowed"},
		{name: "html", advertisement: "<html>", want: "packet's length was due"},

		{name: "no answer", fetch: "", want: "connection ended"},
		{name: "flush and no more", fetch: "0000", want: "connection ended"},
		{name: "no NAK", fetch: bands(craft()), want: "where NAK was due"},
		{name: "ACK", fetch: pkt("ACK " + zeros), want: "where NAK was due"},
		{name: "many shallow lines of fetch", fetch: strings.Repeat(pkt("shallow "+zeros), 100_000), want: "no pack in its first"},
		{name: "many flushes", fetch: strings.Repeat("0000", 100_000), want: "no pack in its first"},
		{name: "delim", fetch: "0001", want: "where NAK was due"},
		{name: "ERR before the pack", fetch: pkt("shallow "+zeros) + pkt("ERR died"), want: "refused: died"},
		{name: "ERR in the pack", fetch: pkt("NAK") + pkt("ERR died"), want: "refused: died"},
		{name: "NAK alone", fetch: pkt("NAK"), want: "connection ended"},
		{name: "no band", fetch: pkt("NAK") + string(craft()), want: "packet's length was due"},
		{name: "band 3", fetch: pkt("NAK") + pkt("\x03fatal: out of memory\n"), want: "refused: fatal: out of memory"},
		{name: "band, but none was asked for", advertisement: service + plain + "0000", fetch: pkt("NAK") + pkt("\x01"+string(craft())), want: "sent no pack"},
		{name: "plain pack without end", advertisement: service + plain + "0000", fetch: pkt("NAK") + string(craft()[:20]), want: "connection ended"},
		{name: "plain pack and more", advertisement: service + plain + "0000", fetch: pkt("NAK") + string(craft()) + "0000", want: "more after the pack"},
		{name: "object not sent", fetch: pkt("NAK") + strings.TrimPrefix(bands(craft()), pkt("packfile\n")), want: "did not send object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := fake{advertisement: tt.advertisement, fetch: say(tt.fetch)}
			if f.advertisement == "" {
				f.advertisement = ad
			}
			repo, _ := serve(t, f, git.Limits{Refs: 1000})
			_, err := repo.Refs(t.Context(), "refs/tags/")
			if tt.fetch != "" || tt.advertisement == "" {
				if err != nil {
					t.Fatal(err)
				}
				_, err = repo.Snapshot(t.Context(), nameOf(blobObject, "x"), "")
			}
			var e *git.Error
			if !errors.As(err, &e) || e.Kind != git.Broken || e.Repo != repo.Name() || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%T %v, want %q", err, err, tt.want)
			}
		})
	}
}

// TestVersion0Refused: refusals are of the same kinds as those of version 2.
func TestVersion0Refused(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 40)
	for text, kind := range map[string]git.Kind{
		"upload-pack: not our ref " + zeros: git.Missing,
		"want " + zeros + " not valid":      git.Missing,
		"access denied":                     git.Broken,
	} {
		repo, _ := serve(t, fake{advertisement: pkt(zeros+" HEAD\x00side-band-64k\n") + "0000", fetch: say(pkt("ERR " + text))}, git.Limits{})
		_, err := repo.Snapshot(t.Context(), nameOf(blobObject, "x"), "dir")
		var e *git.Error
		if !errors.As(err, &e) || e.Kind != kind || e.Repo != repo.Name() {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestVersion0Lenient: what servers may do, though git's own doesn't.
func TestVersion0Lenient(t *testing.T) {
	t.Parallel()
	commit := commitOf(nameOf(treeObject, ""))
	h := nameOf(commitObject, commit)
	pack := strings.TrimPrefix(bands(craft(packed{kind: commitObject, data: commit}, packed{kind: treeObject})), pkt("packfile\n"))
	line := h.String() + " refs/tags/v1"
	const band = "\x00side-band"
	for name, tt := range map[string]struct{ advertisement, fetch string }{
		"plain":             {pkt(line+band+"\n") + "0000", pkt("NAK\n") + pack},
		"no new lines":      {fmt.Sprintf("%04x%s%s0000", len(line+band)+4, line, band), "0007NAK" + pack},
		"capability twice":  {pkt(line+band+" object-format=sha1 object-format=sha256") + "0000", pkt("NAK\n") + pack},
		"spaces":            {pkt(line+"\x00  side-band  \n") + "0000", pkt("NAK\n") + pack},
		"shallow server":    {pkt(line+band+" shallow\n") + pkt("shallow "+h.String()) + "0000", pkt("shallow "+h.String()) + "0000" + pkt("NAK\n") + pack},
		"shallow, no flush": {pkt(line+band+" shallow\n") + "0000", pkt("shallow "+h.String()) + pkt("NAK\n") + pack},
		"unshallow":         {pkt(line+band+" shallow\n") + "0000", pkt("unshallow "+h.String()) + "0000" + pkt("NAK\n") + pack},
		"no capabilities":   {pkt(line+"\n") + "0000", pkt("NAK\n") + string(craft(packed{kind: commitObject, data: commit}, packed{kind: treeObject}))},
		"malformed symrefs": {pkt(line+band+" symref=HEAD symref= symref=:x symref") + "0000", pkt("NAK\n") + pack},
		"more after":        {pkt(line+band+"\n") + "0000more", pkt("NAK\n") + pack + "more"},
		"version 1":         {pkt("version 1\n") + pkt(line+band+"\n") + "0000", pkt("NAK\n") + pack},
	} {
		repo, _ := serve(t, fake{advertisement: tt.advertisement, fetch: say(tt.fetch)}, git.Limits{})
		refs, err := repo.Refs(t.Context(), "refs/tags/")
		if err != nil || len(refs) != 1 || refs[0].Name != "refs/tags/v1" || refs[0].Object() != h {
			t.Errorf("%s: %+v, %v", name, refs, err)
		}
		s, err := repo.Snapshot(t.Context(), h, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s.Close()
	}
}
