package vanity_test

import (
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// pageSeen gives a handler for a site, and a function that asks it for a page and says what its templates got to see.
func pageSeen(t *testing.T, site vanity.Site) func(path string) vanity.Page {
	var seen vanity.Page
	see := template.FuncMap{"see": func(p vanity.Page) string { seen = p; return "" }}
	templates := template.Must(template.New("module.html").Funcs(see).Parse(`{{see .}}`))
	template.Must(templates.New("index.html").Parse(`{{see .}}`))
	h := vanity.Meta(site, vanity.WithTemplates(templates), quiet())
	return func(path string) vanity.Page {
		t.Helper()
		seen = vanity.Page{}
		if res, body := metaGet(t, h, "GET", path); res.StatusCode != 200 {
			t.Errorf("%s: %s\n%s", path, res.Status, body)
		}
		return seen
	}
}

// TestPage has templates see each field of a Page, of modules and of indices.
func TestPage(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, siteMono)
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/mono": repo})
	mono := server.URL + "/acme/mono"
	at, err := time.Parse(time.RFC3339, repo.Git("log", "-1", "--format=%cI", "tool-1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	see := pageSeen(t, vanity.Site{Host: "acme.dev/x", Proxy: "/go", Paths: map[string]vanity.Import{
		"tool":   {Repo: mono, VCS: "git", Directory: "libs/tool", Tags: "tool-*", Display: "gitea", Description: "It cuts."},
		"none":   {Repo: mono, VCS: "git", Tags: "none-*"},
		"libs/*": {Repo: mono, VCS: "git", Directory: "libs/*", Tags: "libs/*/v*", Description: "The library *."},
	}})
	for path, want := range map[string]vanity.Page{
		"/x/tool/sub": {
			Path: "acme.dev/x/tool/sub", Link: "/x/tool/sub", Description: "It cuts.", Prefix: "acme.dev/x/tool", Module: "acme.dev/x/tool",
			Documentation: "https://pkg.go.dev/acme.dev/x/tool/sub", Repository: mono, Source: mono + "/src/branch/HEAD/libs/tool",
			Versions: []vanity.Release{{
				Version: "v1.0.0", Time: at.UTC(),
				Documentation: "https://pkg.go.dev/acme.dev/x/tool@v1.0.0", Source: mono + "/src/tag/tool-1.0.0/libs/tool",
			}},
			Majors:    []vanity.Page{{Path: "acme.dev/x/tool/v2", Link: "/x/tool/v2"}},
			GoImports: []string{"acme.dev/x/tool mod https://acme.dev/go"},
			GoSource:  "acme.dev/x/tool https://acme.dev/x/tool https://acme.dev/x/tool/-/tree/{commit}{/dir} https://acme.dev/x/tool/-/src/{commit}{/dir}/{file}#L{line}",
			Index:     "/x",
		},
		"/x/none": {
			Path: "acme.dev/x/none", Link: "/x/none", Prefix: "acme.dev/x/none", Module: "acme.dev/x/none",
			Documentation: "https://pkg.go.dev/acme.dev/x/none", Repository: mono, Notice: "There are no versions yet.",
			GoImports: []string{"acme.dev/x/none mod https://acme.dev/go"}, Index: "/x",
		},
		"/x/libs": {Path: "acme.dev/x/libs", Link: "/x/libs", Modules: []vanity.Page{{Path: "acme.dev/x/libs/*", Description: "The library *."}}, Index: "/x"},
		"/x": {Path: "acme.dev/x", Link: "/x", Modules: []vanity.Page{
			{Path: "acme.dev/x/libs/*", Description: "The library *."}, {Path: "acme.dev/x/none", Link: "/x/none"}, {Path: "acme.dev/x/tool", Link: "/x/tool", Description: "It cuts."},
		}},
	} {
		if diff := cmp.Diff(want, see(path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestPageMany has a Page list the 500 highest versions, or the first 500 modules, and say that there are more.
func TestPageMany(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "print go.mod \"module acme.dev/tool\\n\"\ncommit one\n")
	head := strings.TrimSpace(repo.Git("rev-parse", "HEAD"))
	tag := func(n int) {
		var refs strings.Builder
		for i := range n {
			fmt.Fprintf(&refs, "%s refs/tags/v1.0.%d\n", head, i)
		}
		if err := os.WriteFile(filepath.Join(repo.GitDir(), "packed-refs"), []byte(refs.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/tool": repo})
	site := vanity.Site{Host: "acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{"tool": {Repo: server.URL + "/acme/tool", VCS: "git", Tags: "v*"}}}
	for _, n := range []int{500, 501} {
		tag(n)
		page := pageSeen(t, site)("/tool")
		var versions, want []string
		for _, v := range page.Versions {
			versions = append(versions, v.Version)
		}
		for i := range 500 {
			want = append(want, fmt.Sprintf("v1.0.%d", n-1-i))
		}
		if !slices.Equal(versions, want) || page.More != (n > 500) {
			t.Errorf("of %d versions: %d, more %t, %s", n, len(versions), page.More, page.Notice)
		}
	}
	for i := range 500 {
		site.Paths[fmt.Sprintf("many/%03d", i)] = vanity.Import{Repo: "https://github.com/acme/many"}
	}
	see := pageSeen(t, site)
	if page := see("/many"); len(page.Modules) != 500 || page.Next != "" {
		t.Errorf("of 500 modules: %d, the next at %q", len(page.Modules), page.Next)
	}
	first := see("/")
	if len(first.Modules) != 500 || first.Next != "/?after=many%2F499" {
		t.Fatalf("of 501 modules: %d, the next at %q", len(first.Modules), first.Next)
	}
	want := vanity.Page{Path: "acme.dev", Link: "/", Modules: []vanity.Page{{Path: "acme.dev/tool", Link: "/tool"}}}
	if diff := cmp.Diff(want, see(first.Next)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", first.Next, diff)
	}
}
