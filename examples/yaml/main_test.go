package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

func TestParse(t *testing.T) {
	data, err := os.ReadFile("vanity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := vanity.Site{
		Host: "go.acme.dev", Hosts: []string{"old.acme.dev"}, CacheMaxAge: 3600, Proxy: "/go",
		Paths: map[string]vanity.Import{
			"/log": {Repo: "https://github.com/acme/log"},
			"/draw": {
				Repo: "https://hg.acme.dev/draw", VCS: "hg",
				Display: "https://hg.acme.dev/draw https://hg.acme.dev/draw/file/tip{/dir} https://hg.acme.dev/draw/file/tip{/dir}/{file}#l{line}",
			},
			"/tool":   {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*", Description: "It measures what there is."},
			"/libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"},
		},
	}
	if site, err := parse(data); err != nil || !cmp.Equal(want, site) {
		t.Errorf("vanity.yaml: %v (-want +got):\n%s", err, cmp.Diff(want, site))
	}
}

// TestParseFaults has files that are not served.
func TestParseFaults(t *testing.T) {
	const tool = "paths: {/tool: {repo: https://github.com/acme/tool}}\n"
	for name, tt := range map[string]struct {
		file string
		want []string
	}{
		"empty":         {"# nothing\n", []string{"no documents"}},
		"two documents": {"host: acme.dev\n" + tool + "---\nhost: acme.dev\n" + tool, []string{"multiple"}},
		"capitals":      {"Host: acme.dev\n" + tool, []string{"line 1: field Host not found"}},
		"unknown":       {"host: acme.dev\npaths:\n  /tool:\n    branch: x\n    repository: y\n", []string{"line 4: field branch not found", "line 5: field repository not found"}},
		"twice":         {"host: acme.dev\n" + tool + "host: acme.dev\n", []string{`line 3: mapping key "host" already defined at line 1`}},
		"half a second": {"host: acme.dev\ncache_max_age: 0.5\n" + tool, []string{"line 2: cannot construct !!float `0.5` into int"}},
		"no host":       {tool, []string{"vanity: site: host: missing: the import paths begin with it"}},
		"an import of nothing": {"host: acme.dev\npaths:\n  /tool:\n", []string{
			`vanity: site: paths["/tool"].repo: missing, and so is proxy: one of the two must say where the code is`,
		}},
		"all that a site may have": {
			"host: https://acme.dev\ncache_max_age: -1\npaths:\n  /tool: {repo: https://git.acme.dev/tool}\n  /log: {repo: https://github.com/acme/log, vcs: cvs}\n" +
				"  log/: {repo: https://github.com/acme/log, display: https://h _}\n",
			[]string{
				`vanity: site: host: "https://acme.dev" has a scheme: import paths have none`,
				`vanity: site: cache_max_age: -1 is negative`,
				`vanity: site: paths["/log"].vcs: "cvs" is unknown: it must be git, hg, svn, bzr, fossil or mod`,
				`vanity: site: paths["/tool"].vcs: missing: it can't be told from a repository at git.acme.dev: write git, or what else it is`,
				`vanity: site: paths["log/"]: means the same import prefix as paths["/log"]`,
				`vanity: site: paths["log/"].display: has 2 fields, not 3 (home, directory, file)`,
			},
		},
	} {
		_, err := parse([]byte(tt.file))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if strings.Count(err.Error(), "vanity: site: ") > len(tt.want) {
			t.Errorf("%s: more than %d faults: %v", name, len(tt.want), err)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %s", name, err, want)
			}
		}
	}
}

const script = `
write
commit one
tag tool-1.0.0
tag tool-1.1.0
-- libs/tool/go.mod --
module go.acme.dev/tool
-- libs/tool/tool.go --
package tool
`

// TestHandler has the file's pages, and a module from its repository.
func TestHandler(t *testing.T) {
	repositories := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, script)})
	data, err := os.ReadFile("vanity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := strings.ReplaceAll(string(data), "repo: https://github.com/acme/mono", "vcs: git\n    repo: "+repositories.URL+"/acme/mono")
	const versions = "v1.0.0\nv1.1.0\n"
	for proxy, want := range map[string]map[string]string{
		"/go": {
			"/tool/sub?go-get=1":           `content="go.acme.dev/tool mod https://go.acme.dev/go"`,
			"/libs/a?go-get=1":             `content="go.acme.dev/libs/a mod https://go.acme.dev/go"`,
			"/log?go-get=1":                `content="go.acme.dev/log git https://github.com/acme/log"`,
			"/go/go.acme.dev/tool/@v/list": versions,
			"/go.acme.dev/tool/@v/list":    "404",
		},
		"/": {
			"/tool/sub?go-get=1":        `content="go.acme.dev/tool mod https://go.acme.dev"`,
			"/go.acme.dev/tool/@v/list": versions,
		},
		"https://proxy.acme.dev/go": {
			"/tool/sub?go-get=1":           `content="go.acme.dev/tool mod https://proxy.acme.dev/go"`,
			"/go/go.acme.dev/tool/@v/list": "404",
		},
	} {
		site, err := parse([]byte(strings.Replace(file, "proxy: /go", "proxy: "+proxy, 1)))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(handler(site))
		for path, part := range want {
			resp, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !strings.Contains(string(body), part) {
				t.Errorf("proxy %s: %s: %v, %s; want %s", proxy, path, err, body, part)
			}
		}
		server.Close()
	}
}
