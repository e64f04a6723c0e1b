package modrepo_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
	"example.com/vanity/internal/modrepo"
)

// A repoTest is a repository, and what is asked of it: of us, and of the go command, which fetches
// github.com/o/NAME directly and is right.
type repoTest struct {
	name   string
	intent string // what the repository is about, in a sentence
	script string // see gittest; "{1.2.3}" stands for that version's tag where tags is set
	setup  func(r *gittest.Repo)

	// tags is a pattern of tags that is not the go command's, for the directory dir. We are asked for a repository
	// with such tags; the go command, for one with tags of its own pattern. Empty means that there is but one.
	tags, dir string

	// asks are lines "DIR[/vN]@VERSION OUTCOME". The outcome is what becomes of our answer:
	//
	//	(none)         both serve, and the same
	//	fails          both fail, we with an *Error
	//	refused TEXT   the go command serves; we don't, and say so by TEXT: work of the next milestone
	//	ours           we serve; the go command fails for reasons that are not the proxy's to judge
	asks string
}

// An ask is one version of one module.
type ask struct {
	test          *repoTest
	dir, major    string
	version       string
	outcome, text string
}

func (a *ask) path() string { return path.Join("github.com/o", a.test.name, a.dir) + a.major }

func (tt *repoTest) parse(t *testing.T) (asks []*ask) {
	t.Helper()
	for line := range strings.Lines(tt.asks) {
		what, outcome, _ := strings.Cut(strings.TrimSpace(line), " ")
		if what == "" {
			continue
		}
		mod, version, ok := strings.Cut(what, "@")
		dir, major, ok2 := module.SplitPathVersion("x/" + mod)
		if !ok || !ok2 {
			t.Fatalf("%s: malformed line %q", tt.name, line)
		}
		a := &ask{test: tt, dir: strings.Trim(strings.TrimPrefix(dir, "x"), "/"), major: major, version: version}
		a.outcome, a.text, _ = strings.Cut(outcome, " ")
		asks = append(asks, a)
	}
	return asks
}

// repos makes the repository that the go command sees, and ours.
func (tt *repoTest) repos(t *testing.T) (theirs, ours *gittest.Repo) {
	t.Helper()
	build := func(prefix, suffix string) *gittest.Repo {
		r := gittest.New(t, strings.NewReplacer("{", prefix, "}", suffix).Replace(tt.script))
		if tt.setup != nil {
			tt.setup(r)
		}
		return r
	}
	if tt.tags == "" {
		r := gittest.New(t, tt.script)
		if tt.setup != nil {
			tt.setup(r)
		}
		return r, r
	}
	prefix, suffix, _ := strings.Cut(tt.tags, "*")
	return build(path.Join(tt.dir, "v"), ""), build(prefix, suffix)
}

// source is where we find the asked module.
func (a *ask) source(repo *git.Repo) *modrepo.Source {
	s := &modrepo.Source{Repo: repo, Directory: a.dir, TagPrefix: path.Join(a.dir, "v")}
	if a.test.tags != "" {
		s.TagPrefix, s.TagSuffix, _ = strings.Cut(a.test.tags, "*")
	}
	return s
}

// tag is the version's tag.
func (a *ask) tag() string {
	if a.test.tags == "" {
		return path.Join(a.dir, a.version)
	}
	return strings.Replace(a.test.tags, "*", a.version[1:], 1)
}

// Facts are what the go command and we must agree on.
type facts struct {
	Version   string
	Time      time.Time
	VCS       string
	Subdir    string
	Ref, Hash string
	Files     map[string]string // of the zip, with a hash of each
	Sum       string
	GoModSum  string
}

// files reads a zip in its own way, which tells more of a difference than one hash does.
func files(name string) (map[string]string, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	files := make(map[string]string)
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			return nil, err
		}
		files[f.Name] = fmt.Sprintf("%d bytes, %x", len(data), sha256.Sum256(data))
	}
	return files, nil
}

// judged is what the go command says.
func judged(d gocmd.Download) (facts, error) {
	f := facts{Version: d.Version, Sum: d.Sum, GoModSum: d.GoModSum}
	var info modrepo.Info
	data, err := os.ReadFile(d.Info)
	if err = errors.Join(err, json.Unmarshal(data, &info)); err != nil {
		return f, err
	}
	f.Time, f.VCS, f.Subdir, f.Ref, f.Hash = info.Time, d.Origin.VCS, d.Origin.Subdir, d.Origin.Ref, d.Origin.Hash
	f.Files, err = files(d.Zip)
	return f, err
}

// A served version is what we say: .info, .mod and .zip, as the proxy would send them.
type served struct {
	info    *modrepo.Info
	goMod   []byte
	zipFile string
}

// serve makes all that there is of a version. Errors of one file are errors of the version.
func serve(ctx context.Context, m *modrepo.Module, version, zipFile string) (s served, err error) {
	s.zipFile = zipFile
	if s.info, err = m.Stat(ctx, version); err != nil {
		return s, err
	}
	if s.goMod, err = m.GoMod(ctx, s.info); err != nil {
		return s, err
	}
	var b bytes.Buffer
	if err := m.Zip(ctx, s.info, &b); err != nil {
		return s, err
	}
	return s, os.WriteFile(zipFile, b.Bytes(), 0o666)
}

// facts reads what was served as the go command would.
func (s served) facts() (facts, error) {
	o := s.info.Origin
	f := facts{Version: s.info.Version, Time: s.info.Time, VCS: o.VCS, Subdir: o.Subdir, Ref: o.Ref, Hash: o.Hash}
	var err1, err2, err3 error
	f.Files, err1 = files(s.zipFile)
	f.Sum, err2 = dirhash.HashZip(s.zipFile, dirhash.Hash1)
	f.GoModSum, err3 = goModSum(s.goMod)
	return f, errors.Join(err1, err2, err3)
}

// goModSum is the hash of a go.mod in go.sum.
func goModSum(data []byte) (string, error) {
	return dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	})
}

// difference compares what we serve with what the go command made; empty if there is none.
func difference(want facts, s served) string {
	got, err := s.facts()
	if err != nil {
		return err.Error()
	}
	return cmp.Diff(want, got)
}

// check compares our answer with the go command's.
func (a *ask) check(t *testing.T, repo *git.Repo, d gocmd.Download) {
	m, err := a.source(repo).Module(a.path(), false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := serve(t.Context(), m, a.version, filepath.Join(t.TempDir(), "zip"))
	t.Logf("the go command: %s", d.Error)
	t.Logf("modrepo: %v", err)
	switch a.outcome {
	case "fails":
		if d.Error == "" {
			t.Errorf("the go command has %s@%s", d.Path, d.Version)
		}
		checkError(t, err, a.text)
	case "refused":
		if d.Error != "" {
			t.Error("the go command fails")
		}
		checkError(t, err, a.text)
	case "ours":
		if d.Error == "" || err != nil {
			t.Errorf("want a failure of the go command alone")
		}
	case "":
		if d.Error != "" || err != nil {
			t.Fatal("want no failure")
		}
		want, err := judged(d)
		if err != nil {
			t.Fatal(err)
		}
		if a.test.tags != "" {
			want.Ref = "refs/tags/" + a.tag()
		}
		if diff := difference(want, s); diff != "" {
			t.Errorf("%s@%s (-go +modrepo):\n%s", d.Path, d.Version, diff)
		}
		a.checkURL(t, s.info.Origin, repo.Name())
	default:
		t.Errorf("no such outcome: %q", a.outcome)
	}
}

func (a *ask) checkURL(t *testing.T, o *modrepo.Origin, name string) {
	want := name
	if filepath.IsAbs(name) {
		want = ""
	}
	if o.URL != want {
		t.Errorf("Origin.URL = %q, want %q", o.URL, want)
	}
}

// checkError wants an *Error, which is a not-found, of one line that says what it should and names no repository.
func checkError(t *testing.T, err error, text string) {
	t.Helper()
	var e *modrepo.Error
	switch {
	case !errors.As(err, &e), !errors.Is(err, fs.ErrNotExist):
		t.Errorf("error %v (%T), want an *Error", err, err)
	case !strings.Contains(e.Reason, text):
		t.Errorf("Reason %q, want one with %q", e.Reason, text)
	case strings.ContainsFunc(e.Error(), func(r rune) bool { return r < ' ' }), len(e.Reason) > 1000:
		t.Errorf("error %.2000q is more than a line", e.Error())
	case strings.Contains(e.Reason, "127.0.0.1"), strings.Contains(e.Reason, os.TempDir()):
		t.Errorf("Reason %q names the repository", e.Reason)
	}
}

// lists are the versions that `go list` knows of each module, retracted ones too.
func lists(t *testing.T, g *gocmd.Go, paths []string) map[string][]string {
	args := append([]string{"list", "-m", "-e", "-retracted", "-versions", "-json"}, paths...)
	lists := make(map[string][]string)
	for d := json.NewDecoder(strings.NewReader(g.Run(args...))); d.More(); {
		var m struct {
			Path     string
			Versions []string
			Error    *struct{ Err string }
		}
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Error != nil {
			t.Errorf("versions of %s: %s", m.Path, m.Error.Err)
		}
		lists[m.Path] = m.Versions
	}
	return lists
}

// downloads asks the go command for all versions at once.
func downloads(t *testing.T, g *gocmd.Go, asks []*ask) map[string]gocmd.Download {
	args := []string{"mod", "download", "-json"}
	for _, a := range asks {
		args = append(args, a.path()+"@"+a.version)
	}
	stdout, stderr, _ := g.Try(args...)
	downloads := make(map[string]gocmd.Download)
	for dec := json.NewDecoder(strings.NewReader(stdout)); dec.More(); {
		var d gocmd.Download
		if err := dec.Decode(&d); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		if d.Query == "" {
			d.Query = d.Version
		}
		downloads[d.Path+"@"+d.Query] = d
	}
	return downloads
}

// TestDirect compares what we make of many repositories with what the go command makes of them.
func TestDirect(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	half := (len(repoTests) + 1) / 2
	for i, tests := range [][]repoTest{repoTests[:half], repoTests[half:]} {
		t.Run(fmt.Sprintf("%d", i+1), func(t *testing.T) {
			t.Parallel()
			testDirect(t, tests)
		})
	}
}

func testDirect(t *testing.T, tests []repoTest) {
	theirs := make(map[string]*gittest.Repo)
	ours := make(map[string]*gittest.Repo)
	var asks []*ask
	var paths []string
	for i := range tests {
		tt := &tests[i]
		theirs["o/"+tt.name], ours["o/"+tt.name] = tt.repos(t)
		for _, a := range tt.parse(t) {
			asks = append(asks, a)
			paths = append(paths, a.path())
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	g := gocmd.New(t)
	g.Direct(gittest.Serve(t, gittest.AllFilters, theirs).URL)
	downloads := downloads(t, g, asks)
	lists := lists(t, g, paths)

	// Our own way to the repositories is another one for each test.
	var open []func(name string) *git.Repo
	client := &git.Client{}
	for _, filters := range []gittest.Filters{gittest.AllFilters, gittest.ForgeFilters, gittest.TreeFilters, gittest.NoFilters} {
		url := gittest.Serve(t, filters, ours).URL
		open = append(open, func(name string) *git.Repo { return client.Open(url + "/" + name) })
	}
	open = append(open, func(name string) *git.Repo { return client.Open(ours[name].GitDir()) })
	seen := make(map[string]bool)
	for _, a := range asks {
		i := slices.IndexFunc(tests, func(tt repoTest) bool { return tt.name == a.test.name })
		repo := open[i%len(open)]("o/" + a.test.name)
		if !seen[a.path()] {
			seen[a.path()] = true
			t.Run(a.path()[len("github.com/o/"):]+" versions", func(t *testing.T) { a.checkVersions(t, repo, lists[a.path()]) })
		}
		t.Run(a.path()[len("github.com/o/"):]+"@"+a.version, func(t *testing.T) {
			d, ok := downloads[a.path()+"@"+a.version]
			if !ok {
				t.Fatal("the go command did not answer")
			}
			a.check(t, repo, d)
		})
	}
}

// checkVersions compares lists.
func (a *ask) checkVersions(t *testing.T, repo *git.Repo, want []string) {
	m, err := a.source(repo).Module(a.path(), false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(want)+len(got) > 0 && !slices.Equal(want, got) {
		t.Errorf("versions of %s (-go +modrepo):\n%s", a.path(), cmp.Diff(want, got))
	}
}

// TestJudge proves that the comparison sees what it should: one byte anywhere, a file more or less, another name.
func TestJudge(t *testing.T) {
	r := gittest.New(t, "write\ncommit one\ntag v1.0.0\n"+small+"-- sub/x.txt --\ntext\n")
	m, err := (&modrepo.Source{Repo: new(git.Client).Open(r.GitDir()), TagPrefix: "v"}).Module("github.com/o/any", false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := serve(t.Context(), m, "v1.0.0", filepath.Join(t.TempDir(), "zip"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.facts()
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(want, s); diff != "" {
		t.Fatalf("the same is not the same:\n%s", diff)
	}
	const prefix = "github.com/o/any@v1.0.0/"
	for what, change := range map[string]func(files map[string]string){
		"a byte": func(files map[string]string) { files[prefix+"sub/x.txt"] = "tExt\n" },
		"a name": func(files map[string]string) {
			files[prefix+"M.go"] = files[prefix+"m.go"]
			delete(files, prefix+"m.go")
		},
		"missing": func(files map[string]string) { delete(files, prefix+"m.go") },
		"empty":   func(files map[string]string) { files[prefix+"empty"] = "" },
	} {
		if difference(want, served{s.info, s.goMod, rezip(t, s.zipFile, change)}) == "" {
			t.Errorf("%s: no difference", what)
		}
	}
	if difference(want, served{s.info, s.goMod, rezip(t, s.zipFile, func(map[string]string) {})}) != "" {
		t.Error("the way in which the zip is made makes a difference")
	}
	if difference(want, served{s.info, bytes.ToUpper(s.goMod), s.zipFile}) == "" {
		t.Error("go.mod: no difference")
	}
	other := *s.info
	other.Time = other.Time.Add(time.Second)
	if difference(want, served{&other, s.goMod, s.zipFile}) == "" {
		t.Error("time: no difference")
	}
}

// rezip makes another zip out of a changed one's files.
func rezip(t *testing.T, name string, change func(files map[string]string)) string {
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	contents := make(map[string]string)
	for _, f := range z.File {
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		contents[f.Name] = string(data)
	}
	change(contents)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range contents {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	name = filepath.Join(t.TempDir(), "zip")
	if err := errors.Join(w.Close(), os.WriteFile(name, b.Bytes(), 0o666)); err != nil {
		t.Fatal(err)
	}
	return name
}
