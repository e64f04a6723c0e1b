package vanity_test

import (
	"go/version"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// A goKind is a place that a module can have on a site. Each has a repository of its own.
type goKind struct {
	name   string
	prefix string
	key    string
	im     vanity.Import // Repo being its path
	repo   string        // what Repo comes to
	dir    string        // what Directory comes to
}

var goKinds = []goKind{
	{name: "root of the host", prefix: "go.acme.test", key: "", im: vanity.Import{Repo: "root", Tags: "v*"}, repo: "root"},
	{name: "below the host", prefix: "go.acme.test/tool", key: "tool", im: vanity.Import{Repo: "own", Tags: "v*"}, repo: "own"},
	{name: "wildcard", prefix: "go.acme.test/x/Any", key: "x/*", im: vanity.Import{Repo: "any/*", Tags: "v*"}, repo: "any/Any"},
	{
		name: "directory", prefix: "go.acme.test/lib", key: "lib",
		im: vanity.Import{Repo: "mono", Directory: "libs/Lib", Tags: "libs/Lib/v*"}, repo: "mono", dir: "libs/Lib",
	},
	{
		name: "wildcard for a directory", prefix: "go.acme.test/all/log", key: "all/*",
		im: vanity.Import{Repo: "all", Directory: "all/*", Tags: "all/*/v*"}, repo: "all", dir: "all/log",
	},
}

// modules returns the latest versions of a kind's modules.
func (k goKind) modules() []string {
	return []string{k.prefix + "@v1.0.0", k.prefix + "/v2@v2.0.0", k.prefix + "/nested@v0.1.0"}
}

// packages returns a package of each of them.
func (k goKind) packages() []string {
	return []string{k.prefix + "/sub", k.prefix + "/v2/sub", k.prefix + "/nested"}
}

// goScript has a module MODULE in DIR, whose tags begin with TAG, with a major version above 1 and a nested module.
const goScript = `
write one DIR
commit one
tag TAGv1.0.0
tag TAGnested/v0.1.0
write two DIR
commit two
tag TAGv1.1.0-rc.1 HEAD^
tag TAGv2.0.0
-- LICENSE --
Do as you please.
-- one/go.mod --
module MODULE
-- one/m.go --
package m
-- one/sub/sub.go --
package sub
-- one/nested/go.mod --
module MODULE/nested
-- one/nested/nested.go --
package nested
-- two/go.mod --
module MODULE/v2
`

// goRepositories serves the repositories of goKinds.
func goRepositories(t *testing.T) (url string) {
	repos := make(map[string]*gittest.Repo)
	for _, k := range goKinds {
		tag := strings.TrimPrefix(k.dir+"/", "/")
		repos[k.repo] = gittest.New(t, strings.NewReplacer("MODULE", k.prefix, "DIR", k.dir, "TAG", tag).Replace(goScript))
	}
	return gittest.Serve(t, gittest.AllFilters, repos).URL
}

// goSite serves goKinds. The go command is led to proxy, or to the repositories if it is "".
func goSite(t *testing.T, repositories, proxy string) http.Handler {
	site := vanity.Site{Host: "go.acme.test", Proxy: proxy, Paths: make(map[string]vanity.Import)}
	for _, k := range goKinds {
		im := k.im
		im.Repo, im.VCS = repositories+"/"+im.Repo, "git"
		site.Paths[k.key] = im
		if k.dir != "" && proxy == "" { // the go command, as of 1.26, looks for what is below a directory elsewhere
			key := strings.TrimPrefix(k.prefix, "go.acme.test/") + "/nested"
			site.Paths[key] = vanity.Import{Repo: repositories + "/" + k.repo, VCS: "git", Directory: k.dir + "/nested"}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("go.acme.test/", vanity.Meta(site))
	mux.Handle("go.acme.test/-/", vanity.GoproxyFunc("/-", site.Resolve))
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked: %s%s", r.Host, r.URL) })
	return mux
}

// TestDiscoveryGo has go commands of several releases find what lies anywhere on a site, from the repositories and from a
// proxy. They must get the same, but that Go 1.24 knows no tag with a directory. VANITY_GOROOTS lists the Go
// installations to try besides the one at hand, as PATH lists directories.
func TestDiscoveryGo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repositories := goRepositories(t)
	git, mod := goSite(t, repositories, ""), goSite(t, repositories, "http://go.acme.test/-")
	sums := newFinder(t, "", git).download(t, goKinds)
	for _, root := range append([]string{""}, filepath.SplitList(os.Getenv("VANITY_GOROOTS"))...) {
		name := "at hand"
		if root != "" {
			name = filepath.Base(root)
		}
		t.Run("git "+name, func(t *testing.T) {
			t.Parallel()
			found, absent := goKinds, []goKind(nil)
			if root != "" {
				f := newFinder(t, root, git)
				if release := strings.TrimSpace(f.Run("env", "GOVERSION")); version.Compare(release, "go1.25") < 0 {
					found, absent = slices.Clone(goKinds), slices.Clone(goKinds)
					found = slices.DeleteFunc(found, func(k goKind) bool { return k.dir != "" })
					absent = slices.DeleteFunc(absent, func(k goKind) bool { return k.dir == "" })
				}
				checkSums(t, found, sums, f.download(t, found))
				f.checkAbsent(t, absent)
			}
			checkSums(t, found, sums, newFinder(t, root, git).get(t, found))
		})
		t.Run("mod "+name, func(t *testing.T) {
			t.Parallel()
			checkSums(t, goKinds, sums, newFinder(t, root, mod).download(t, goKinds))
			checkSums(t, goKinds, sums, newFinder(t, root, mod).get(t, goKinds))
		})
	}
}

// A finder is a go command that looks for modules by their import paths.
type finder struct{ *gocmd.Go }

func newFinder(t *testing.T, root string, h http.Handler) finder {
	g := gocmd.New(t, gocmd.Discovery(t, h)...)
	if root != "" {
		g.SetRoot(root)
	}
	g.Proxy("direct")
	return finder{g}
}

// download checks the versions of the modules of some kinds, and returns the sums of the latest.
func (f finder) download(t *testing.T, kinds []goKind) map[string]string {
	list, want := []string{"list", "-m", "-versions"}, ""
	var queries []string
	for _, k := range kinds {
		list = append(list, k.prefix, k.prefix+"/v2", k.prefix+"/nested")
		want += k.prefix + " v1.0.0 v1.1.0-rc.1\n" + k.prefix + "/v2 v2.0.0\n" + k.prefix + "/nested v0.1.0\n"
		queries = append(queries, k.modules()...)
	}
	if diff := cmp.Diff(want, f.Run(list...)); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	sums := make(map[string]string)
	for _, d := range f.DownloadAll(queries...) {
		if d.Error != "" {
			t.Fatalf("%s@%s: %s", d.Path, d.Version, d.Error)
		}
		sums[d.Path+" "+d.Version] = d.Sum
		sums[d.Path+" "+d.Version+"/go.mod"] = d.GoModSum
	}
	return sums
}

// get gets packages by their import paths from a private site, so that neither the public module mirror nor the checksum
// database is asked, and returns go.sum.
func (f finder) get(t *testing.T, kinds []goKind) map[string]string {
	f.Proxy("https://proxy.golang.org")
	f.Setenv("GOSUMDB", "sum.golang.org")
	f.Setenv("GOPRIVATE", "go.acme.test")
	var packages []string
	for _, k := range kinds {
		packages = append(packages, k.packages()...)
	}
	f.Get(packages...)
	sums := make(map[string]string)
	for line := range strings.Lines(read(t, filepath.Join(f.Dir, "go.sum"))) {
		i := strings.LastIndex(line, " ")
		sums[line[:i]] = strings.TrimSpace(line[i+1:])
	}
	return sums
}

// checkAbsent has kinds that can't be found.
func (f finder) checkAbsent(t *testing.T, kinds []goKind) {
	for _, k := range kinds {
		for _, d := range f.DownloadAll(k.modules()...) {
			if !strings.Contains(d.Error, "no go-import meta tags") {
				t.Errorf("%s: %+v", k.name, d)
			}
		}
		if _, stderr, err := f.Try(append([]string{"get"}, k.packages()...)...); err == nil {
			t.Errorf("%s: got: %s", k.name, stderr)
		}
	}
}

// checkSums compares what was got of some kinds.
func checkSums(t *testing.T, kinds []goKind, all, got map[string]string) {
	t.Helper()
	want := make(map[string]string)
	for _, k := range kinds {
		for _, m := range k.modules() {
			m = strings.Replace(m, "@", " ", 1)
			want[m], want[m+"/go.mod"] = all[m], all[m+"/go.mod"]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sums (-from the repositories +got):\n%s", diff)
	}
}
