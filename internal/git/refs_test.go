package git_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

func TestRefs(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		repo := gittest.New(t, "init --object-format="+format+`
commit one
tag light
tag -a v1 -m one
tag -a v1-again -m again v1
tag -a on-tree -m x HEAD^{tree}
tag v1.1
branch dev
git symbolic-ref refs/remotes/origin/HEAD refs/heads/main
git symbolic-ref refs/heads/dangling refs/heads/absent
`)
		server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo, "empty": gittest.New(t, "")})
		c := &git.Client{HTTP: server.Client()}
		for _, tt := range []struct {
			name     string
			prefixes []string
			want     string // name, and > target, and ^ if peeled
		}{
			{"r", []string{"refs/tags/v1"}, "refs/tags/v1^ refs/tags/v1-again^ refs/tags/v1.1"},
			{"r", []string{"refs/tags/"}, "refs/tags/light refs/tags/on-tree^ refs/tags/v1^ refs/tags/v1-again^ refs/tags/v1.1"},
			{"r", []string{"HEAD"}, "HEAD>refs/heads/main"},
			{"r", []string{"refs/heads/", "HEAD"}, "HEAD>refs/heads/main refs/heads/dev refs/heads/main"},
			{"r", []string{"refs/remotes/"}, "refs/remotes/origin/HEAD>refs/heads/main"},
			{"r", []string{"refs/none"}, ""},
			{"r", []string{"refs/tags/v1", "refs/tags/v1"}, "refs/tags/v1^ refs/tags/v1-again^ refs/tags/v1.1"},
			{"r", []string{strings.Repeat("x", 70000)}, ""},
			{"r", []string{strings.Repeat("x", 70000), "HEAD"}, "HEAD>refs/heads/main"},
			{"r", []string{"refs/tags/light\n"}, ""},
			{"r", nil, ""},
			{"empty", []string{"HEAD", "refs/"}, ""},
		} {
			refs, err := c.Open(server.URL+"/"+tt.name).Refs(t.Context(), tt.prefixes...)
			if err != nil {
				t.Errorf("%.100q: %v", tt.prefixes, err)
			}
			var got []string
			for _, ref := range refs {
				s := ref.Name
				if ref.Target != "" {
					s += ">" + ref.Target
				}
				if !ref.Peeled.IsZero() {
					s += "^"
				}
				if want := revision(t, repo, ref.Name+"^{}"); ref.Object() != want {
					t.Errorf("%s comes to %s, want %s", ref.Name, ref.Object(), want)
				}
				got = append(got, s)
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%.100q: got %s, want %s", tt.prefixes, s, tt.want)
			}
		}
	}
}

func TestRefsMany(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "commit one")
	head := repo.Git("rev-parse", "HEAD")
	var b strings.Builder
	b.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for i := range 5000 {
		fmt.Fprintf(&b, "%s refs/tags/v1.%04d.0\n", head, i)
	}
	if err := os.WriteFile(filepath.Join(repo.GitDir(), "packed-refs"), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"r": repo})
	for most, ok := range map[int]bool{0: true, 5000: true, 4999: false} {
		c := &git.Client{HTTP: server.Client(), Limits: git.Limits{Refs: most}}
		refs, err := c.Open(server.URL+"/r").Refs(t.Context(), "refs/tags/")
		var e *git.Error
		if ok && (err != nil || len(refs) != 5000) || !ok && (!errors.As(err, &e) || e.Kind != git.Broken) {
			t.Errorf("at most %d: %d refs, %v", most, len(refs), err)
		}
	}
}

// endless repeats text until the client has enough.
func endless(text string) func(io.Writer, *http.Request, string) {
	return func(w io.Writer, r *http.Request, _ string) {
		text := strings.Repeat(text, 1+30000/len(text))
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
	}
}

// TestHostile: answers that no git server gives.
func TestHostile(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 40)
	tag := pkt(zeros + " refs/tags/v1\n")
	v2 := "000eversion 2\n"
	commands := "000cls-refs\n000afetch\n"
	flood := func(line func(int) string) string {
		var b strings.Builder
		for i := range 20000 {
			b.WriteString(pkt(line(i)))
		}
		return v2 + b.String() + commands + "0000"
	}
	for _, tt := range []struct {
		name, advertisement, want string
		refs, fetch               func(io.Writer, *http.Request, string)
	}{
		{name: "no flush after the service", advertisement: "001e# service=git-upload-pack\n" + v2, want: "no flush"},
		{name: "empty advertisement", advertisement: " ", want: "connection ended"},
		{name: "no commands", advertisement: v2 + "0000", want: "does not know the command"},
		{name: "unknown names", advertisement: v2 + commands + "0016object-format=md5\n0000", want: `by "md5"`},
		{name: "ERR instead", advertisement: pkt("ERR go away"), want: "refused: go away"},
		{name: "ERR after the version", advertisement: v2 + pkt("ERR go\x1b[2Jaway\n"), want: "refused: go [2Jaway"},
		{name: "flood of capabilities", advertisement: flood(func(i int) string { return fmt.Sprintf("cap%d=x", i) }), want: "capabilities of more than"},
		{name: "flood of one capability", advertisement: flood(func(int) string { return "cap=x" }), want: "capabilities of more than"},
		{name: "no refs", refs: say(""), want: "connection ended"},
		{name: "cut refs", refs: say(tag), want: "connection ended"},
		{name: "cut packet", refs: say(tag[:20]), want: "connection ended"},
		{name: "cut length", refs: say("00"), want: "connection ended"},
		{name: "length 3", refs: say("0003"), want: "invalid length 3"},
		{name: "length ffff", refs: say("ffff" + strings.Repeat("x", 65531)), want: "invalid length 65535"},
		{name: "length of letters", refs: say("<htm"), want: "packet's length was due"},
		{name: "negative length", refs: say("-001"), want: "packet's length was due"},
		{name: "ref without name", refs: say(pkt(zeros+"\n") + "0000"), want: "malformed ref"},
		{name: "ref without hash", refs: say(pkt("x refs/tags/v1\n") + "0000"), want: "malformed ref"},
		{name: "upper-case hash", refs: say(pkt(strings.Repeat("A", 40)+" refs/tags/v1\n") + "0000"), want: "malformed ref"},
		{name: "peeled to nothing", refs: say(pkt(zeros+" refs/tags/v1 peeled:1\n") + "0000"), want: "malformed ref"},
		{name: "empty ref", refs: say("00040000"), want: "malformed ref"},
		{name: "long ref", refs: say(pkt(zeros+" refs/tags/"+strings.Repeat("x", 60000)) + "0000"), want: "more than is allowed"},
		{name: "endless refs", refs: endless(tag), want: "lists more than 1000 refs"},
		{name: "endless refs of another kind", refs: endless(pkt(zeros + " refs/heads/v1\n")), want: "lists more than 1000 refs"},
		{name: "endless long refs", refs: endless(pkt(zeros + " refs/tags/" + strings.Repeat("x", 9000))), want: "more than is allowed"},
		{name: "ERR among refs", refs: say(tag + pkt("ERR internal")), want: "refused: internal"},
		{name: "no answer to fetch", fetch: say(""), want: "connection ended"},
		{name: "fetch without pack", fetch: say("0000"), want: "has no pack"},
		{name: "fetch with end", fetch: say("0002"), want: "has no pack"},
		{name: "endless shallow", fetch: endless(pkt("shallow " + zeros + "\n")), want: "no pack in its first"},
		{name: "pack without bytes", fetch: say(pkt("packfile\n") + "0000"), want: "connection ended"},
		{name: "pack without end", fetch: say(pkt("packfile\n") + pkt("\x01"+string(craft()))), want: "connection ended"},
		{name: "empty packet", fetch: say(pkt("packfile\n") + "0004"), want: "empty packet"},
		{name: "band 4", fetch: say(pkt("packfile\n") + pkt("\x04x")), want: "band 4"},
		{name: "no band", fetch: say(pkt("packfile\n") + pkt(string(craft()))), want: "band 80"},
		{name: "band 3", fetch: say(pkt("packfile\n") + pkt("\x02Counting") + pkt("\x03fatal: out of memory\n")), want: "refused: fatal: out of memory"},
		{name: "ERR in the pack", fetch: say(pkt("packfile\n") + pkt("ERR died")), want: "refused: died"},
		{name: "ERR before the pack", fetch: say("0011shallow-info\n" + pkt("ERR died")), want: "refused: died"},
		{name: "endless progress", fetch: endlessAfter(pkt("packfile\n"), pkt("\x02Counting objects\r")), want: "other things than the pack"},
		{name: "endless keepalive", fetch: endlessAfter(pkt("packfile\n"), "0005\x01"), want: "other things than the pack"},
		{name: "object not sent", fetch: say(bands(craft(packed{kind: blobObject, data: "y"}))), want: "did not send object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := fake{tt.advertisement, tt.refs, tt.fetch}
			if f.refs == nil && f.advertisement == "" {
				f.refs = say("0000")
			}
			if f.fetch == nil {
				f.fetch = say("0000")
			}
			repo, _ := serve(t, f, git.Limits{Refs: 1000})
			var err error
			if tt.fetch == nil {
				_, err = repo.Refs(t.Context(), "refs/tags/")
			} else {
				_, err = repo.Snapshot(t.Context(), nameOf(blobObject, "x"), "")
			}
			var e *git.Error
			if !errors.As(err, &e) || e.Kind != git.Broken || e.Repo != repo.Name() || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%T %v, want %q", err, err, tt.want)
			}
		})
	}
}

func endlessAfter(head, text string) func(io.Writer, *http.Request, string) {
	return func(w io.Writer, r *http.Request, request string) {
		io.WriteString(w, head)
		endless(text)(w, r, request)
	}
}

// TestLenient: what servers may do, though git's own doesn't.
func TestLenient(t *testing.T) {
	t.Parallel()
	commit := commitOf(nameOf(treeObject, ""))
	pack := craft(packed{kind: commitObject, data: commit}, packed{kind: treeObject})
	split := pkt("packfile\n")
	for _, b := range pack {
		split += pkt("\x01"+string([]byte{b})) + "0005\x01" + pkt("\x02still here")
	}
	line := pkt(nameOf(commitObject, commit).String() + " refs/tags/v1 new-attribute:x peeled:" + nameOf(blobObject, "x").String())
	for name, f := range map[string]fake{
		"plain":          {"", say(line + "0000"), say(bands(pack))},
		"byte by byte":   {"", say(line + "0000"), say(split + "0000")},
		"shallow info":   {"", say(line + "0000"), say(pkt("shallow-info\n") + pkt("shallow "+nameOf(commitObject, commit).String()) + "0001" + bands(pack))},
		"no new lines":   {"000dversion 2000bls-refs0009fetch0000", say(strings.ReplaceAll(line, "\n", "") + "0000"), say(strings.Replace(bands(pack), "000dpackfile\n", "000cpackfile", 1))},
		"more after":     {"000dversion 2000bls-refs0009fetch0000more", say(line + "0000more"), say(bands(pack) + "more")},
		"upper-case hex": {"000Dversion 2000Bls-refs0009fetch0000", say(line + "0000"), say(bands(pack))},
		"end packet":     {"", say(line + "0002"), say(strings.TrimSuffix(bands(pack), "0000") + "0002")},
	} {
		for _, zipped := range []bool{false, true} {
			h := http.Handler(f)
			if zipped {
				name += " and gzip"
				h = gzipped(f)
			}
			repo, _ := serve(t, h, git.Limits{})
			refs, err := repo.Refs(t.Context(), "refs/tags/")
			if err != nil || len(refs) != 1 || refs[0].Name != "refs/tags/v1" || refs[0].Object() != nameOf(blobObject, "x") {
				t.Errorf("%s: %+v, %v", name, refs, err)
			}
			s, err := repo.Snapshot(t.Context(), nameOf(commitObject, commit), "")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			s.Close()
		}
	}
}

func gzipped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		h.ServeHTTP(gzipWriter{w, z}, r)
		z.Close()
	})
}

type gzipWriter struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (w gzipWriter) Write(p []byte) (int, error) { return w.z.Write(p) }
