package modrepo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
)

// small is a module of two files.
const small = "-- go.mod --\nmodule github.com/o/any\n-- m.go --\npackage m\n"

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

// local gives a source of a repository on this machine.
func local(r *gittest.Repo, dir, tags string) *modrepo.Source {
	s := &modrepo.Source{Repo: new(git.Client).Open(r.GitDir()), Directory: dir}
	s.TagPrefix, s.TagSuffix, _ = strings.Cut(tags, "*")
	return s
}

func mustModule(t *testing.T, s *modrepo.Source, path string, declared bool) *modrepo.Module {
	t.Helper()
	m, err := s.Module(path, declared)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// outcome is a value, or the reason of an error, as a string for tables.
func outcome(v any, err error) string {
	var e *modrepo.Error
	switch {
	case errors.As(err, &e):
		return "error: " + e.Reason
	case err != nil:
		return "wrong error: " + err.Error()
	}
	return fmt.Sprint(v)
}

// latest is the version that is latest.
func latest(ctx context.Context, m *modrepo.Module) (string, error) {
	info, err := m.Latest(ctx)
	if err != nil {
		return "", err
	}
	return info.Version, nil
}

const declaredScript = `
	print m/go.mod "module x.y/m\n"
	commit one
	tag v1.0.0
	print m/go.mod "module x.y/new\n"
	commit renamed
	tag v1.1.0
	tag v2.0.0-pre
	print m/go.mod "module x.y/m/v2\n"
	commit two
	tag v2.1.0
	print m/go.mod "module x.y/other/v3\n"
	commit three
	tag v3.0.0-pre
	print m/go.mod "module x.y/m/v3\n"
	commit four
	tag v3.0.0-beta
	rm m
	commit gone
	tag v4.0.0
`

// A path that is declared must be what each version's go.mod says; one that is not, only of the same major version.
func TestDeclared(t *testing.T) {
	r := gittest.New(t, declaredScript)
	const other = "error: the module's go.mod declares its path as "
	tests := []struct {
		path     string
		declared bool
		version  string
		stat     string // version, or error
		versions string
		latest   string
	}{
		{"x.y/m", true, "v1.0.0", "v1.0.0", other + `"x.y/new"`, other + `"x.y/new"`},
		{"x.y/m", false, "v1.0.0", "v1.0.0", "[v1.0.0 v1.1.0]", "v1.1.0"},
		{"x.y/m", true, "v1.1.0", other + `"x.y/new"`, other + `"x.y/new"`, other + `"x.y/new"`},
		{"x.y/m", false, "v1.1.0", "v1.1.0", "[v1.0.0 v1.1.0]", "v1.1.0"},
		{"x.y/new", true, "v1.1.0", "v1.1.0", "[v1.0.0 v1.1.0]", "v1.1.0"},
		{"x.y/new", true, "v1.0.0", other + `"x.y/m"`, "[v1.0.0 v1.1.0]", "v1.1.0"},
		{"x.y/fork", false, "v1.0.0", "v1.0.0", "[v1.0.0 v1.1.0]", "v1.1.0"},
		{"x.y/m/v2", true, "v2.1.0", "v2.1.0", "[v2.0.0-pre v2.1.0]", "v2.1.0"},
		{"x.y/m/v2", true, "v2.0.0-pre", other + `"x.y/new", which is not of this path's major version`, "[v2.0.0-pre v2.1.0]", "v2.1.0"},
		{"x.y/m/v2", false, "v2.0.0-pre", other + `"x.y/new", which is not of this path's major version`, "[v2.0.0-pre v2.1.0]", "v2.1.0"},
		{"x.y/m/v3", true, "v3.0.0-beta", "v3.0.0-beta", other + `"x.y/other/v3"`, other + `"x.y/other/v3"`},
		{"x.y/other/v3", true, "v3.0.0-pre", "v3.0.0-pre", "[v3.0.0-beta v3.0.0-pre]", "v3.0.0-pre"},
		{"x.y/m/v4", true, "v4.0.0", "error: the module has no go.mod at this version", "error: the module has no go.mod at this version", "error: the module has no go.mod at this version"},
		{"x.y/m/v4", false, "v4.0.0", "error: the module has no go.mod at this version", "[v4.0.0]", "error: the module has no go.mod at this version"},
		{"x.y/m/v5", true, "v5.0.0", "error: unknown version", "error: the module has no go.mod on the default branch", "error: the module has no go.mod on the default branch"},
		{"x.y/m/v5", false, "v5.0.0", "error: unknown version", "error: the module has no go.mod on the default branch", "error: the module has no go.mod on the default branch"},
	}
	s := local(r, "m", "v*")
	for _, tt := range tests {
		m := mustModule(t, s, tt.path, tt.declared)
		info, err := m.Stat(t.Context(), tt.version)
		if err == nil {
			if got := outcome(info.Version, m.Zip(t.Context(), info, io.Discard)); got != tt.version {
				t.Errorf("%s@%s, declared %v: zip: %s", tt.path, tt.version, tt.declared, got)
			}
			if info.Origin.URL != "" {
				t.Errorf("Origin.URL = %q of a local repository", info.Origin.URL)
			}
			err = nil
		}
		version := ""
		if info != nil {
			version = info.Version
		}
		if got := outcome(version, err); got != tt.stat {
			t.Errorf("%s@%s, declared %v: %s, want %s", tt.path, tt.version, tt.declared, got, tt.stat)
		}
		if got := outcome(m.Versions(t.Context())); got != tt.versions {
			t.Errorf("%s, declared %v: versions %s, want %s", tt.path, tt.declared, got, tt.versions)
		}
		if got := outcome(latest(t.Context(), m)); got != tt.latest {
			t.Errorf("%s, declared %v: latest %s, want %s", tt.path, tt.declared, got, tt.latest)
		}
	}
}

// A root without go.mod may be any module, unless its path must be declared.
func TestDeclaredRoot(t *testing.T) {
	r := gittest.New(t, "write\ncommit one\ntag v1.0.0\n-- x.go --\npackage x\n")
	s := local(r, "", "v*")
	info, err := mustModule(t, s, "x.y/Any", false).Stat(t.Context(), "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := mustModule(t, s, "x.y/Any", false).GoMod(t.Context(), info); string(data) != "module x.y/Any\n" || err != nil {
		t.Errorf("go.mod: %q, %v", data, err)
	}
	_, err = mustModule(t, s, "x.y/Any", true).Stat(t.Context(), "v1.0.0")
	checkError(t, err, "no go.mod")
	_, err = mustModule(t, s, "x.y/Any", true).GoMod(t.Context(), info)
	checkError(t, err, "no go.mod")
	checkError(t, mustModule(t, s, "x.y/Any", true).Zip(t.Context(), info, io.Discard), "no go.mod")
}

// The default pattern is not trusted where the repository has tags by the go command's own pattern.
func TestUnsure(t *testing.T) {
	tests := []struct {
		dir, tags string
		unsure    bool
		own       bool // it has such tags
	}{
		{"lib", "v1.0.0", true, false},
		{"lib", "v1.0.0 lib/v1.0.0", true, true},
		{"lib", "v1.0.0 lib/v1.0.0", false, false},
		{"lib", "v1.0.0 lib/v0.1.0-pre", true, true},
		{"lib", "v1.0.0 lib/v1", true, true},
		{"lib", "v1.0.0 lib/vista lib/1.0.0 lib/sub/v1.0.0 libs/v1.0.0 a/lib/v1.0.0", true, false},
		{"lib", "lib/v1.0.0", true, true},
		{"vlib", "v1.0.0 vlib/v1.0.0", true, true},
		{"lib/v2", "v1.0.0 lib/v2.0.0", true, true},
		{"lib/v2", "v1.0.0 lib/v2/v2.0.0", true, true},
		{"lib/v2", "v1.0.0 lib/v3.0.0", true, false},
		{"v2", "v1.0.0 v2.0.0", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.dir+" "+tt.tags, func(t *testing.T) {
			t.Parallel()
			script := fmt.Sprintf("print %s/go.mod \"module x.y/z\\n\"\ncommit one\n", tt.dir)
			for tag := range strings.FieldsSeq(tt.tags) {
				script += "tag " + tag + "\n"
			}
			s := local(gittest.New(t, script), tt.dir, "v*")
			s.Unsure = tt.unsure
			m := mustModule(t, s, "x.y/z", false)
			_, err1 := m.Stat(t.Context(), "v1.0.0") // before there is a listing
			_, err2 := m.Versions(t.Context())
			_, err3 := m.Latest(t.Context())
			_, err4 := m.Stat(t.Context(), "v1.0.0")
			for i, err := range []error{err1, err2, err3, err4} {
				if tt.own {
					checkError(t, err, `"DIR/v*" or "v*"`)
				} else if err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
}

// What is latest is a release if there is one, and nothing that the highest release takes back.
func TestLatest(t *testing.T) {
	tests := []struct {
		versions string // with what the go.mod there says after its module line
		want     string
	}{
		{"v1.0.0 v1.1.0 v1.2.0-pre", "v1.1.0"},
		{"v0.1.0-a v0.1.0-b", "v0.1.0-b"},
		{"v1.0.0 v1.1.0:retract[v1.1.0,v1.1.0]", "v1.0.0"},
		{"v1.0.0 v1.1.0-pre v1.2.0:retract[v1.0.0,v1.2.0]", "v0.0.0-20240101000200-8f63138c0ab7"},
		{"v1.0.0 v1.1.0 v1.2.0-pre v1.3.0:retract[v1.0.0,v1.1.0];retract[v1.3.0,v1.3.0]", "v1.2.0-pre"},
		{"v1.0.0 v1.1.0 v1.2.0-pre:retract[v1.1.0,v1.1.0]", "v1.1.0"}, // a prerelease takes nothing back
		{"v1.0.0-a v1.0.0-b:retract[v1.0.0-b,v1.0.0-b]", "v1.0.0-a"},
		{"v1.0.0:retract[v1.1.0,v1.1.0] v1.1.0", "v1.1.0"}, // nor does a lower release
		{"v1.0.0 v1.1.0:retract[", "v1.1.0"},               // nor what can't be read
		{"v2.0.0", "v0.0.0-20240101000000-5a9a9c82b930"},
		{"v1.0.0 v1.1.0:retract[v0.0.0-0,v1.1.0]", "error: all versions of the module are retracted"},
	}
	for _, tt := range tests {
		t.Run(tt.versions, func(t *testing.T) {
			t.Parallel()
			var script strings.Builder
			for word := range strings.FieldsSeq(tt.versions) {
				version, directive, _ := strings.Cut(word, ":")
				directive = strings.NewReplacer("retract", "retract ", ";", "\n").Replace(directive)
				fmt.Fprintf(&script, "print go.mod %q\ncommit one\ntag %s\n", "module x.y/z\n\n"+directive+"\n", version)
			}
			m := mustModule(t, local(gittest.New(t, script.String()), "", "v*"), "x.y/z", false)
			if got := outcome(latest(t.Context(), m)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Which tags are versions is the pattern's to say.
func TestPattern(t *testing.T) {
	r := gittest.New(t, `
		print go.mod "module x.y/z\n"
		commit one
		tag v1.0.0
		tag v1.1.0-post
		tag v1.1.0-pre-post
		tag 1.2.0
		tag 1.3.0-rc.1
		tag x-1.4.0
		tag x-v1.5.0
		tag x-1.6.0-post
		tag x/y/1.7.0
		tag x-
		tag x--post
		tag v
		tag v0.0.0-20240101000000-abcdefabcdef
		tag x-0.0.0-20240101000000-abcdefabcdef
		branch x-1.8.0
		branch v1.9.0
	`)
	tests := []struct{ tags, want string }{
		{"v*", "[v1.0.0 v1.1.0-post v1.1.0-pre-post]"},
		{"*", "[v1.2.0 v1.3.0-rc.1]"},
		{"x-*", "[v1.4.0 v1.6.0-post]"},
		{"x-*-post", "[v1.6.0]"},
		{"x-v*", "[v1.5.0]"},
		{"x/y/*", "[v1.7.0]"},
		{"v*-post", "[v1.1.0-pre v1.1.0]"},
		{"v1.*.0", "[]"}, // "0" and "1" are no canonical versions
		{"y*", "[]"},
	}
	for _, tt := range tests {
		m := mustModule(t, local(r, "", tt.tags), "x.y/z", false)
		got, err := m.Versions(t.Context())
		if s := outcome(got, err); s != tt.want {
			t.Errorf("pattern %q: %s, want %s", tt.tags, s, tt.want)
		}
		for _, v := range got {
			info, err := m.Stat(t.Context(), v)
			if err != nil {
				t.Errorf("pattern %q: %v", tt.tags, err)
				continue
			}
			if want := "refs/tags/" + strings.Replace(tt.tags, "*", v[1:], 1); info.Origin.Ref != want {
				t.Errorf("pattern %q, version %s: Ref %q", tt.tags, v, info.Origin.Ref)
			}
		}
	}
}

// What can't be a module path is none, and what can't be a version isn't asked for.
func TestMalformed(t *testing.T) {
	s := &modrepo.Source{} // whose repository would panic
	for _, path := range []string{"", "x", "x.y/", "/x.y", "x.y/z/v1", "x.y/z/v0", "x.y/z/v02", "x.y/a b", "x.y/\n", "x.y/../z", "gopkg.in/yaml", strings.Repeat("x.y/", 1000)} {
		_, err := s.Module(path, false)
		checkError(t, err, "malformed")
	}
	m := mustModule(t, s, "x.y/z", false)
	for _, version := range []string{"", "v1.0.0+incompatible", "v0.0.0-20240101000000-ABCDEFABCDEF", "v1.0.1-0.20240101000000-abcdefabcde", "v1.0.1-0.20241301000000-abcdefabcdef"} {
		_, err := m.Stat(t.Context(), version)
		checkError(t, err, "")
	}
	for _, path := range []string{"gopkg.in/yaml.v2", "x.y/z/v2"} {
		m = mustModule(t, s, path, false)
		for _, version := range []string{"v3.0.0", "v2.0.0+incompatible", "v3.0.0+incompatible", "v0.0.0-20240101000000-abcdefabcdef", "v3.0.0-20240101000000-abcdefabcdef"} {
			_, err := m.Stat(t.Context(), version)
			checkError(t, err, "the version ")
		}
	}
	m = mustModule(t, &modrepo.Source{Directory: "sub"}, "x.y/z", false)
	for _, version := range []string{"v2.0.0", "v2.0.0+incompatible", "v2.0.1-0.20240101000000-abcdefabcdef"} {
		_, err := m.Stat(t.Context(), version)
		checkError(t, err, "does not fit")
	}
}

// A path of gopkg.in finds its major version in the root's go.mod, or made up; "unstable" ones have no tags.
func TestGopkgIn(t *testing.T) {
	r := gittest.New(t, "print x.go \"\"\ncommit one\ntag v2.0.0\nprint go.mod \"module gopkg.in/yaml.v2\\n\"\ncommit two\ntag v2.1.0\nprint go.mod \"module gopkg.in/yaml.v3\\n\"\ncommit three\ntag v2.2.0\n")
	s := local(r, "", "v*")
	m := mustModule(t, s, "gopkg.in/yaml.v2", false)
	if got := outcome(m.Versions(t.Context())); got != "[v2.0.0 v2.1.0 v2.2.0]" {
		t.Errorf("versions %s", got)
	}
	for version, want := range map[string]string{"v2.0.0": "module gopkg.in/yaml.v2\n", "v2.1.0": "module gopkg.in/yaml.v2\n", "v2.2.0": ""} {
		info, err := m.Stat(t.Context(), version)
		if want == "" {
			checkError(t, err, "major version")
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		if data, err := m.GoMod(t.Context(), info); string(data) != want || err != nil {
			t.Errorf("%s: go.mod %q, %v", version, data, err)
		}
	}
	if got := outcome(mustModule(t, s, "gopkg.in/yaml.v2-unstable", false).Versions(t.Context())); !strings.HasPrefix(got, "error: the module's go.mod declares") {
		t.Errorf("versions of an unstable path that isn't there: %s", got)
	}
	r = gittest.New(t, "print go.mod \"module gopkg.in/yaml.v2-unstable\\n\"\ncommit one\ntag v2.0.0\n")
	if got := outcome(mustModule(t, local(r, "", "v*"), "gopkg.in/yaml.v2-unstable", false).Versions(t.Context())); got != "[]" {
		t.Errorf("versions of an unstable path: %s", got)
	}
}

// What tags say of other major versions, and where their commits' times come from.
func TestList(t *testing.T) {
	const tags = "tag v0.0.1 HEAD^{tree}\ntag v0.1.0\ntag -a v1.0.0 -m text\ntag v2.0.0\ntag v10.0.0-pre\ntag v3\n" +
		"tag v4.0.0+meta\ntag v5.0.0-20240101000000-0123456789ab\ntag other-v6.0.0\n"
	for _, tt := range []struct{ script, path, majors, versions string }{
		{`print go.mod "module x.y/m\n"`, "x.y/m", `["" "v2" "v10"]`, "[v0.0.1 v0.1.0 v1.0.0]"},
		{`print m.go "package m\n"`, "x.y/m/v2", `["" "v2" "v10"]`, "[v2.0.0]"},
		{`print m.go "package m\n"`, "x.y/m", `[""]`, "[v0.0.1 v0.1.0 v1.0.0 v2.0.0+incompatible v10.0.0-pre+incompatible]"},
	} {
		r := gittest.New(t, tt.script+"\ncommit one\n"+tags)
		m := mustModule(t, &modrepo.Source{Repo: new(git.Client).Open(r.GitDir()), TagPrefix: "v"}, tt.path, false)
		l, err := m.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var versions, commits []string
		for _, v := range l.Versions {
			versions, commits = append(versions, v.Version), append(commits, v.Commit)
		}
		if majors := fmt.Sprintf("%q", l.Majors); majors != tt.majors || fmt.Sprint(versions) != tt.versions {
			t.Errorf("%s: majors %s of %v", tt.path, majors, versions)
		}
		for v, has := range map[string]bool{"v2.0.0": true, "v2.0.0+incompatible": true, "v6.0.0": false} {
			if l.Has(v) != has {
				t.Errorf("Has(%s) is %v", v, !has)
			}
		}
		times, err := m.Times(t.Context(), commits)
		if diff := cmp.Diff(map[string]time.Time{r.Git("rev-parse", "HEAD"): gittest.Epoch.UTC()}, times); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.path, err, diff)
		}
		if times, err := m.Times(t.Context(), []string{"HEAD"}); err == nil {
			t.Errorf("the times of HEAD: %v", times)
		}
	}
}

// A counter counts listings.
type counter struct {
	*git.Repo
	refs, ancestor atomic.Int32
}

func (c *counter) Ancestor(ctx context.Context, commit git.Hash, candidates []git.Hash) (int, error) {
	c.ancestor.Add(1)
	return c.Repo.Ancestor(ctx, commit, candidates)
}

func (c *counter) Refs(ctx context.Context, prefixes ...string) ([]git.Ref, error) {
	c.refs.Add(1)
	return c.Repo.Refs(ctx, prefixes...)
}

// One listing serves all who ask in its time; a version that is not in it is asked for alone.
func TestListing(t *testing.T) {
	r := gittest.New(t, "print go.mod \"module x.y/z\\n\"\ncommit one\ntag v1.0.0\ntag v1.1.0\n")
	c := &counter{Repo: new(git.Client).Open(r.GitDir())}
	s := &modrepo.Source{Repo: c, TagPrefix: "v", Fresh: time.Minute}
	m := mustModule(t, s, "x.y/z", false)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			list, err := m.Versions(t.Context())
			if !slices.Equal(list, []string{"v1.0.0", "v1.1.0"}) || err != nil {
				t.Errorf("versions: %v, %v", list, err)
			}
			if info, err := m.Stat(t.Context(), "v1.1.0"); err != nil || info.Version != "v1.1.0" {
				t.Errorf("info: %v, %v", info, err)
			}
		})
	}
	wg.Wait()
	if n := c.refs.Load(); n != 1 {
		t.Errorf("%d listings, want 1", n)
	}
	r.Git("tag", "v1.2.0")
	if _, err := m.Stat(t.Context(), "v1.2.0"); err != nil {
		t.Errorf("new tag: %v", err)
	}
	if n := c.refs.Load(); n != 2 {
		t.Errorf("%d listings, want 2", n)
	}
	if list, _ := m.Versions(t.Context()); len(list) != 2 {
		t.Errorf("versions %v just after they were listed", list)
	}
}

// However many tags there are of a pseudo-version's base, history is asked for once.
func TestManyBases(t *testing.T) {
	script := "print go.mod \"module x.y/z\\n\"\ncommit one\ngit switch -q -c side\n"
	for i := range 20 {
		script += fmt.Sprintf("commit %d\ntag v1.0.0+%d\n", i, i)
	}
	r := gittest.New(t, script+"git switch -q main\ncommit two\n")
	c := &counter{Repo: new(git.Client).Open(r.GitDir())}
	m := mustModule(t, &modrepo.Source{Repo: c, TagPrefix: "v"}, "x.y/z", false)
	version := r.Expand("v1.0.1-0.{time:HEAD}-{hash12:HEAD}")
	_, err := m.Stat(t.Context(), version)
	checkError(t, err, "does not descend")
	r.Git("tag", "v1.0.0+0a", "main~1")
	if info, err := m.Stat(t.Context(), version); err != nil || info.Version != version || c.ancestor.Load() != 2 {
		t.Errorf("%v, %v after %d questions", info, err, c.ancestor.Load())
	}
}

// Of very many tags none is remembered, and all is served as ever.
func TestManyTags(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	r := gittest.New(t, "print go.mod \"module x.y/z\\n\"\ncommit one\n")
	var b strings.Builder
	for i := range 2001 {
		fmt.Fprintf(&b, "%s refs/tags/v1.%d.0\n", r.Git("rev-parse", "HEAD"), i)
	}
	if err := os.WriteFile(filepath.Join(r.GitDir(), "packed-refs"), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	c := &counter{Repo: new(git.Client).Open(r.GitDir())}
	m := mustModule(t, &modrepo.Source{Repo: c, TagPrefix: "v"}, "x.y/z", false)
	for want := range int32(3) {
		if list, err := m.Versions(t.Context()); len(list) != 2001 || err != nil || c.refs.Load() != want+1 {
			t.Errorf("%d versions, %v, by %d listings", len(list), err, c.refs.Load())
		}
	}
	if info, err := m.Latest(t.Context()); err != nil || info.Version != "v1.2000.0" {
		t.Errorf("latest: %v, %v", info, err)
	}
}

// A host's failure is not the module's absence; a repository's absence is.
func TestHostErrors(t *testing.T) {
	r := gittest.New(t, "print go.mod \"module x.y/z\\n\"\ncommit one\ntag v1.0.0\n")
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/r": r})
	client := new(git.Client)
	all := func(name string) []error {
		s := &modrepo.Source{Repo: client.Open(server.URL + name), TagPrefix: "v"}
		m := mustModule(t, s, "x.y/z", true)
		_, err1 := m.Stat(t.Context(), "v1.0.0")
		_, err2 := m.Versions(t.Context())
		_, err3 := m.Latest(t.Context())
		return []error{err1, err2, err3}
	}
	for _, err := range all("/o/none") {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no repository: %v", err)
		}
	}
	server.SetDown(true)
	for _, err := range all("/o/r") {
		var e *modrepo.Error
		if err == nil || errors.As(err, &e) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("server down: %v", err)
		}
	}
	server.SetDown(false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := mustModule(t, &modrepo.Source{Repo: client.Open(server.URL + "/o/r"), TagPrefix: "v"}, "x.y/z", false)
	if _, err := m.Versions(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("caller gone: %v", err)
	}
	if got := outcome(m.Versions(t.Context())); got != "[v1.0.0]" {
		t.Errorf("after that: %s", got)
	}
}

// The go command serves a commit of the year 10000, but can't write its .info; nor could we.
func TestFarFuture(t *testing.T) {
	r := gittest.New(t, `
		print go.mod "module x.y/z\n"
		commit one
		object far commit "tree {hash:HEAD^{tree}}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 253402300800 +0000\n\nx\n"
		tag v1.0.0 made/far
	`)
	m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
	_, err := m.Stat(t.Context(), "v1.0.0")
	checkError(t, err, "beyond the year 9999")
}

// Whichever request a host fails at, the failure is seen: it is never taken for an absence, nor passed over. A repository
// that vanishes on the way is no absence of the module's, or of a commit, either.
func TestHostErrorsAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	r := gittest.New(t, `
		write
		commit one
		tag v1.0.0
		branch old
		commit two
		tag v1.1.0-pre+meta
		rm go.mod
		commit three
		tag v1.1.0-pre
		commit four
		tag v2.0.0
		commit five
-- go.mod --
module x.y/z

retract v1.0.0
`)
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"o/r": r})
	ask := func(query string) (string, error) {
		m := mustModule(t, &modrepo.Source{Repo: new(git.Client).Open(server.URL + "/o/r"), TagPrefix: "v"}, "x.y/z", false)
		if query == "list" {
			list, err := m.Versions(t.Context())
			return fmt.Sprint(list), err
		}
		info, err := m.Stat(t.Context(), query)
		if err != nil {
			return "", err
		}
		goMod, err := m.GoMod(t.Context(), info)
		return fmt.Sprintf("%s %s %s", info.Version, info.Origin.Hash, goMod), err
	}
	for _, query := range []string{"list", "latest", "main", "old", "v2.0.0+incompatible", "v1.1.0-pre+meta", r.Expand("v1.1.0-pre.0.{time:HEAD~1}-{hash12:HEAD~1}"), "0123456"} {
		server.Wrap(nil)
		server.Reset()
		want, wantErr := ask(query)
		n := len(server.Requests())
		t.Logf("%s: %q, %v, %d requests", query, want, wantErr, n)
		for i := range n {
			server.Wrap(nil)
			server.Wrap(gittest.After(int64(i), gittest.First(1, gittest.Status(http.StatusServiceUnavailable, nil))))
			got, err := ask(query)
			if checkHost(t, err, git.Unavailable); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, request %d of %d: %q, %v", query, i+1, n, got, err)
			}
			server.Wrap(nil)
			server.Wrap(gittest.After(int64(i), gittest.Status(http.StatusNotFound, nil)))
			got, err = ask(query)
			if checkHost(t, err, git.NoRepository); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, gone at request %d of %d: %q, %v", query, i+1, n, got, err)
			}
		}
	}
}

// checkHost wants the host's own error, and neither an *Error nor a *GoneError made of it.
func checkHost(t *testing.T, err error, kind git.Kind) {
	t.Helper()
	var host *git.Error
	var absent *modrepo.Error
	var gone *modrepo.GoneError
	if !errors.As(err, &host) || host.Kind != kind || errors.As(err, &absent) || errors.As(err, &gone) {
		t.Errorf("error %v (%T), want the host's, of kind %d", err, err, kind)
	}
}

const twoVersions = `
	print go.mod "module x.y/z\n"
	commit one
	git switch -q -c side
	commit two
	tag v1.0.0
	commit three
	tag v1.1.0
	git switch -q main
`

// A repository that is gone is not taken for a tag without a commit, nor for a commit that is gone, though its tags are
// known, and what they lead to.
func TestRepositoryGone(t *testing.T) {
	for _, where := range []string{"local", "server"} {
		t.Run(where, func(t *testing.T) {
			r := gittest.New(t, twoVersions)
			server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"o/r": r})
			name, remove := server.URL+"/o/r", func() { server.Remove("o/r") }
			if where == "local" {
				name, remove = r.Dir, func() {
					if err := os.RemoveAll(r.Dir); err != nil {
						t.Fatal(err)
					}
				}
			}
			open := func() *modrepo.Module {
				return mustModule(t, &modrepo.Source{Repo: new(git.Client).Open(name), TagPrefix: "v", Fresh: time.Minute}, "x.y/z", false)
			}
			m := open()
			if got := outcome(m.Versions(t.Context())); got != "[v1.0.0 v1.1.0]" {
				t.Fatal(got)
			}
			info, err := m.Stat(t.Context(), "v1.0.0")
			if err != nil {
				t.Fatal(err)
			}
			remove()
			_, err = m.Stat(t.Context(), "v1.1.0") // a tag that was listed
			checkHost(t, err, git.NoRepository)
			_, err = open().GoMod(t.Context(), info)
			checkHost(t, err, git.NoRepository)
			checkHost(t, open().Zip(t.Context(), info, io.Discard), git.NoRepository)
			_, err = open().Versions(t.Context())
			checkHost(t, err, git.NoRepository)
		})
	}
}

// A commit that is gone from a repository that is there is no absence: the version was served.
func TestCommitGone(t *testing.T) {
	r := gittest.New(t, twoVersions)
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"o/r": r})
	for i, name := range []string{r.GitDir(), server.URL + "/o/r"} {
		open := func() *modrepo.Module {
			return mustModule(t, &modrepo.Source{Repo: new(git.Client).Open(name), TagPrefix: "v", Fresh: time.Minute}, "x.y/z", false)
		}
		version := fmt.Sprintf("v1.%d.0", 1-i)
		listed := open()
		if got := outcome(listed.Versions(t.Context())); !strings.Contains(got, version) {
			t.Fatal(got)
		}
		info, err := open().Stat(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		r.Git("tag", "-d", version)
		r.Git("branch", "-f", "side", []string{"v1.0.0", "main"}[i])
		r.Git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
		r.Git("gc", "--quiet", "--prune=now")
		_, err = open().GoMod(t.Context(), info)
		for _, err := range []error{err, open().Zip(t.Context(), info, io.Discard)} {
			var gone *modrepo.GoneError
			if !errors.As(err, &gone) || gone.Commit != info.Origin.Hash || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", version, err)
			}
		}
		_, err = listed.Stat(t.Context(), version)
		checkError(t, err, "tag leads to no commit")
	}
}

// A writer's failure is the caller's to see.
func TestZipWriter(t *testing.T) {
	r := gittest.New(t, "write\ncommit one\ntag v1.0.0\n"+small)
	m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
	info, err := m.Stat(t.Context(), "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	pr, pw := io.Pipe()
	pr.CloseWithError(io.ErrClosedPipe)
	if err := m.Zip(t.Context(), info, pw); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	info.Origin.Hash = "main"
	if err := m.Zip(t.Context(), info, io.Discard); err == nil {
		t.Error("no commit, but a zip")
	}
}

// Attributes that are too much work are refused, and files that are too large to be converted.
func TestAttributesLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	r := gittest.New(t, "write\n"+small)
	for tag, text := range map[string]string{
		"v1.0.0": strings.Repeat("#", 4<<20+1),
		"v1.1.0": strings.Repeat("a ident\n", 1<<18),
		"v1.2.0": "big ident",
	} {
		r.Write(".gitattributes", []byte(text))
		r.Write("big", make([]byte, 64<<20+1))
		r.Run("commit more\ntag " + tag)
	}
	s := local(r, "", "v*")
	m := mustModule(t, s, "x.y/z", false)
	for version, want := range map[string]string{"v1.0.0": "more than 4194304 bytes", "v1.1.0": "too complicated", "v1.2.0": "a file to be converted has more than"} {
		info, err := m.Stat(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		checkError(t, m.Zip(t.Context(), info, io.Discard), want)
	}
}

func TestError(t *testing.T) {
	e := &modrepo.Error{Reason: "unknown version"}
	if got := e.Error(); got != "unknown version" {
		t.Error(got)
	}
	e.Hint = "no tag"
	if got := e.Error(); got != "unknown version (no tag)" {
		t.Error(got)
	}
	if !errors.Is(fmt.Errorf("x: %w", e), fs.ErrNotExist) || errors.Is(e, fs.ErrExist) {
		t.Error("Is")
	}
}
