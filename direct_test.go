package vanity_test

import (
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// TestDirect compares what we answer for many repositories with what the go command computes of them by itself, as it
// does with GOPROXY=direct. The go command is right.
//
// A repository is a script of package gittest, testdata/direct/NAME.txt, with a few lines more. The first ones are a
// comment, a sentence that says what it is about; others, anywhere before the files, are
//
//	ask MODULE@QUERY [OUTCOME [TEXT]]  a question: see below
//	found PREFIX [SUBDIR]              discovery finds the repository by this prefix of import paths, too
//	tags PATTERN [DIR]                 the tags of DIR's module have a pattern that is not the go command's
//
// The go command knows the repository as github.com/o/NAME. MODULE is what follows that, /vN included, or nothing; or
// it is a whole path that discovery finds. QUERY is a version, branch, tag or hash, and may hold {hash:REV},
// {hash12:REV} and {time:REV}, as other words of a script may. For each MODULE the list of versions and the latest one
// are compared, too; QUERY may be "latest" to say what becomes of it.
//
// OUTCOME is what becomes of the answer:
//
//	(none)         both serve, and the same
//	fails          both fail, and at the same file; we with status 404 and a line of text
//	early          both fail, we at an earlier file than the go command, on purpose
//	ours           we serve; the go command fails for reasons that are not the proxy's to judge
//	refused        the go command serves; we refuse to make the zip, on purpose
//	agrees         both serve, and the same, or both fail: for scripts made at random
//
// TEXT is part of our reason. With tags, "{1.2.3}" in a command is that version's tag: we are asked for a repository
// with tags of that pattern, and the go command for a copy with tags of its own.
//
// To run some scripts: go test -run TestDirect . -direct 'REGEXP'
func TestDirect(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	const groups = 4
	scripts := readScripts(t)
	if *only != "" {
		re := regexp.MustCompile(*only)
		scripts = slices.DeleteFunc(scripts, func(s *script) bool { return !re.MatchString(s.name) })
	}
	for i := range groups {
		t.Run(fmt.Sprintf("%d", i+1), func(t *testing.T) {
			t.Parallel()
			var group []*script
			for j := i; j < len(scripts); j += groups {
				group = append(group, scripts[j])
			}
			if len(group) > 0 {
				testDirect(t, group)
			}
		})
	}
}

var only = flag.String("direct", "", "compare only the scripts of testdata/direct whose `names` match this regular expression")

// testDirect asks the go command once for all, as its start takes time.
func testDirect(t *testing.T, scripts []*script) {
	theirs, ours := make(map[string]*gittest.Repo), make(map[string]*gittest.Repo)
	var asks []*ask
	for _, s := range scripts {
		theirs["o/"+s.name], ours["o/"+s.name] = s.repos(t)
		asks = append(asks, s.asks...)
	}
	domains := gocmd.Discovery(t, importTags(scripts))
	remote := remote(t, theirs)
	g, cold := gocmd.New(t, domains...), gocmd.New(t, domains...)
	g.Direct(remote)
	cold.Direct(remote)
	compare(t, scripts, downloads(t, g, asks), lists(t, cold, asks), ways(t, ours))
}

// compare compares all that is asked.
func compare(t *testing.T, scripts []*script, downloads map[string]gocmd.Download, lists map[string]listed, way func(name string) string) {
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			proxies := make(map[string]proxy)
			for _, a := range s.asks {
				if _, ok := proxies[a.path]; !ok {
					proxies[a.path] = newProxy(t, vanity.Goproxy("", a.config(way(s.name)), quiet()), a.path)
					a.testModule(t, proxies[a.path], lists[a.path])
				}
				if a.query != "latest" {
					a.testQuery(t, proxies[a.path], downloads)
				}
			}
		})
	}
}

// testModule compares what is asked of a module without a version.
func (a *ask) testModule(t *testing.T, p proxy, l listed) {
	t.Run(a.name()+" list", func(t *testing.T) {
		t.Logf("the go command: %s %s", l.versions, l.err)
		report(t, p.judgeList(t, l))
	})
	t.Run(a.name()+" latest", func(t *testing.T) {
		t.Logf("the go command: %+v %s", l.latest, l.noLatest)
		latest := a.script.latest(a.path)
		if fails := l.noLatest != ""; fails != (latest.outcome == "fails") && latest.query != "" {
			t.Errorf("want outcome %q", latest.outcome)
		}
		if r := p.get(t, "@latest"); latest.outcome != "" {
			report(t, slices.Concat(r.judgeRefusal(), r.judgeText(latest.text)))
			return
		}
		l.latest.Origin.Ref = a.ref(l.latest.Origin.Ref)
		report(t, p.judgeLatest(t, l))
	})
}

// testQuery compares what is asked of a version.
func (a *ask) testQuery(t *testing.T, p proxy, downloads map[string]gocmd.Download) {
	t.Run(a.name()+"@"+a.query, func(t *testing.T) {
		d, ok := downloads[a.path+"@"+a.query]
		if !ok {
			t.Fatal("the go command did not answer")
		}
		t.Logf("the go command: %s %+v %s", d.Version, d.Origin, d.Error)
		report(t, a.judge(t, p, d))
	})
}

func (a *ask) name() string { return strings.TrimPrefix(a.path, "github.com/o/") }

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

// importTags plays every domain.
func importTags(scripts []*script) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, s := range scripts {
			for _, f := range s.found {
				if path := r.Host + r.URL.Path; path == f.prefix || strings.HasPrefix(path, f.prefix+"/") {
					content := strings.TrimSpace(f.prefix + " git https://github.com/o/" + s.name + " " + f.subdir)
					fmt.Fprintf(w, `<meta name="go-import" content="%s">`, html.EscapeString(content))
				}
			}
		}
	})
}

// remote gives the go command its repositories by file URLs, which git is quicker with than a server's.
func remote(t *testing.T, repos map[string]*gittest.Repo) (url string) {
	root := t.TempDir()
	for name, r := range repos {
		link := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o777), os.Symlink(r.GitDir(), link)); err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + filepath.ToSlash(root)
}

// ways gives each script its own way to our repositories: a server with more or fewer filters, or a path.
func ways(t *testing.T, repos map[string]*gittest.Repo) func(name string) string {
	var urls []string
	for _, filters := range []gittest.Filters{gittest.AllFilters, gittest.ForgeFilters, gittest.TreeFilters, gittest.NoFilters} {
		urls = append(urls, gittest.Serve(t, filters, repos).URL)
	}
	return func(name string) string {
		h := fnv.New32a() // so that one script keeps its way when others come
		h.Write([]byte(name))
		if i := int(h.Sum32() % 5); i < len(urls) {
			return urls[i] + "/o/" + name
		}
		return repos["o/"+name].GitDir()
	}
}

// newProxy serves a handler for one module.
func newProxy(t testing.TB, h http.Handler, modPath string) proxy {
	t.Helper()
	escPath, err := module.EscapePath(modPath)
	if err != nil {
		t.Fatal(err)
	}
	return proxy{serve(t, h) + "/" + escPath}
}

// modules are the paths that are asked for, each once.
func modules(asks []*ask) (paths []string) {
	for _, a := range asks {
		paths = append(paths, a.path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
