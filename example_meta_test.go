package vanity_test

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"example.com/vanity"
)

// One line to mount, and the go command finds go.acme.dev/tool and all packages below it.
func ExampleMeta() {
	mux := http.NewServeMux()
	mux.Handle("/", vanity.Meta(vanity.Site{
		Host: "go.acme.dev",
		Paths: map[string]vanity.Import{
			"tool": {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*", Proxy: "/go"},
			"log":  {Repo: "https://codeberg.org/acme/log"},
		},
	}))

	for _, path := range []string{"/tool", "/tool/cmd/acme", "/log"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path+"?go-get=1", nil))
		for line := range strings.Lines(w.Body.String()) {
			if strings.Contains(line, "go-import") {
				fmt.Print(line)
			}
		}
	}
	// Output:
	// <meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">
	// <meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">
	// <meta name="go-import" content="go.acme.dev/log git https://codeberg.org/acme/log">
}

// A git host of one's own, whose software is named so that pkg.go.dev finds the source there; and a module that people
// are sent to pkg.go.dev for.
func ExampleImport() {
	handler := vanity.Meta(vanity.Site{
		Host: "go.acme.dev",
		Paths: map[string]vanity.Import{
			"tool": {Repo: "https://git.acme.dev/acme/tool", VCS: "git", Display: "forgejo", Description: "Cuts & welds."},
			"log":  {Repo: "https://github.com/acme/log", Redirect: "https://pkg.go.dev/{path}"},
		},
	})

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/tool?go-get=1", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, `content="go.acme.dev`) {
			fmt.Print(line)
		}
	}
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/log/slog", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output:
	// <meta name="go-import" content="go.acme.dev/tool git https://git.acme.dev/acme/tool">
	// <meta name="go-source" content="go.acme.dev/tool https://git.acme.dev/acme/tool https://git.acme.dev/acme/tool/src/branch/HEAD{/dir} https://git.acme.dev/acme/tool/src/branch/HEAD{/dir}/{file}#L{line}">
	// 302 https://pkg.go.dev/go.acme.dev/log/slog
}

// A file of govanityurls, in JSON, is a Site as it stands.
func ExampleParseSite() {
	site, err := vanity.ParseSite([]byte(`{
		"host": "go.acme.dev",
		"cache_max_age": 3600,
		"paths": {
			"/portmidi": {"repo": "https://github.com/acme/portmidi"},
			"launchpad": {"repo": "https://git.acme.dev/launchpad", "vcs": "git"}
		}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(site.Host, site.CacheMaxAge, site.Paths["launchpad"].VCS)

	_, err = vanity.ParseSite([]byte(`{
		"host": "go.acme.dev",
		"max_age": 3600,
		"paths": {
			"tool": {"repo": "https://git.acme.dev/tool", "vcs": ["git"]}
		}
	}`))
	fmt.Println(err)
	// Output:
	// go.acme.dev 3600 git
	// vanity: site: max_age: unknown key: want one of host, hosts, cache_max_age, proxy, redirect, paths
	// vanity: site: paths["tool"].vcs: is a list: want a string
}

// A configuration that a program puts together is best checked before it is served: all faults come in one error.
func ExampleSite_Validate() {
	site := vanity.Site{
		Host: "go.acme.dev:443",
		Paths: map[string]vanity.Import{
			"tool": {Repo: "https://git.acme.dev/tool"},
		},
	}
	fmt.Println(site.Validate())
	// Output:
	// vanity: site: host: "go.acme.dev:443" has a port: the go command refuses import paths with a port
	// vanity: site: paths["tool"].vcs: missing: it can't be told from a repository at git.acme.dev: write git, or what else it is
}

// One site says all to both: the pages lead the go command to the proxy, and the proxy knows where the modules are.
func ExampleSite_Resolve() {
	site := vanity.Site{
		Host:  "go.acme.dev",
		Proxy: "/go",
		Paths: map[string]vanity.Import{
			"tool":   {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"},
			"libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"},
			"web":    {Repo: "https://github.com/acme/web"},
		},
	}
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
	mux.Handle("/", vanity.Meta(site))

	for _, path := range []string{
		"go.acme.dev/tool/v2",
		"go.acme.dev/libs/log",
		"go.acme.dev/libs/log/nested",
		"go.acme.dev/web", // the go command gets it from GitHub
	} {
		cfg, err := site.Resolve(context.Background(), path)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Println(path, "is not served here")
			continue
		}
		fmt.Println(path, "is", cfg.Module, "in", cfg.Directory, "under", cfg.Tags)
	}
	// Output:
	// go.acme.dev/tool/v2 is go.acme.dev/tool in libs/tool under tool-*
	// go.acme.dev/libs/log is go.acme.dev/libs/log in libs/log under libs/log/v*
	// go.acme.dev/libs/log/nested is go.acme.dev/libs/log/nested in libs/log/nested under libs/log/nested/v*
	// go.acme.dev/web is not served here
}

// Pages for people get another face from a template; the go command notices nothing of it.
func ExampleWithTemplates() {
	page := template.Must(template.New("module.html").Parse(`<!DOCTYPE html>
<title>{{.Path}}</title>
<p>{{.Description}} <a href="{{.Documentation}}">Read more</a>.
`))
	site := vanity.Site{Host: "go.acme.dev", Paths: map[string]vanity.Import{
		"tool": {Repo: "https://github.com/acme/tool", Description: "Cuts & welds."},
	}}
	handler := vanity.Meta(site, vanity.WithTemplates(page))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/tool", nil))
	fmt.Println(w.Body)
	// Output:
	// <!DOCTYPE html>
	// <title>go.acme.dev/tool</title>
	// <p>Cuts &amp; welds. <a href="https://pkg.go.dev/go.acme.dev/tool">Read more</a>.
}

// A template of one's own is tried with a page of one's own.
func ExamplePage() {
	page := template.New("module.html").Funcs(template.FuncMap{
		"released": func(v vanity.Release) string { return v.Version + " of " + v.Time.Format("2 January 2006") },
	})
	template.Must(page.Parse(`<h1>{{.Module}}</h1>
<ul>
{{range .Versions}}<li><a href="{{.Documentation}}">{{released .}}</a>
{{end}}</ul>
`))
	err := page.Execute(os.Stdout, vanity.Page{
		Path:   "go.acme.dev/tool/cmd/cut",
		Module: "go.acme.dev/tool",
		Versions: []vanity.Release{{
			Version:       "v1.1.0",
			Time:          time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC),
			Documentation: "https://pkg.go.dev/go.acme.dev/tool/cmd/cut@v1.1.0",
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	// In life: vanity.Meta(site, vanity.WithTemplates(page))

	// Output:
	// <h1>go.acme.dev/tool</h1>
	// <ul>
	// <li><a href="https://pkg.go.dev/go.acme.dev/tool/cmd/cut@v1.1.0">v1.1.0 of 5 March 2024</a>
	// </ul>
}

// A whole program without a mux: what is not of the proxy goes to the pages, and what is of neither to the app.
func ExampleWithNext() {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "the app at", r.URL.Path) })
	site := vanity.Site{Host: "acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{
		"tool": {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"},
	}}
	pages := vanity.Meta(site, vanity.WithNext(app))
	handler := vanity.GoproxyFunc("/go", site.Resolve, vanity.WithNext(pages))

	for _, path := range []string{"/go/acme.dev/absent/@v/list", "/tool?go-get=1", "/about"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(w.Code, path)
		for line := range strings.Lines(w.Body.String()) {
			if !strings.HasSuffix(path, "?go-get=1") || strings.Contains(line, "go-import") {
				fmt.Print("    ", line)
			}
		}
	}
	// Output:
	// 404 /go/acme.dev/absent/@v/list
	//     not found: acme.dev/absent: no such module is served here
	// 200 /tool?go-get=1
	//     <meta name="go-import" content="acme.dev/tool mod https://acme.dev/go">
	// 200 /about
	//     the app at /about
}

// The rest of the web app goes on as before: only ?go-get=1 is Meta's.
func ExampleWithoutPages() {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "the app at", r.URL.Path) })
	site := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"tool": {Repo: "https://github.com/acme/tool"}}}
	handler := vanity.Meta(site, vanity.WithNext(app), vanity.WithoutPages())

	for _, path := range []string{"/tool", "/tool?go-get=1"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		for line := range strings.Lines(w.Body.String()) {
			if strings.Contains(line, "the app") || strings.Contains(line, "go-import") {
				fmt.Print(line)
			}
		}
	}
	// Output:
	// the app at /tool
	// <meta name="go-import" content="acme.dev/tool git https://github.com/acme/tool">
}
