package vanity_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"example.com/vanity"
)

// One line to mount, and the go command finds go.acme.dev/tool and all packages below it.
func ExampleMeta() {
	mux := http.NewServeMux()
	mux.Handle("/", vanity.Meta(vanity.Site{
		Host: "go.acme.dev",
		Paths: map[string]vanity.Import{
			"tool": {Repo: "https://github.com/acme/mono", Directory: "go/tool", Tags: "tool-*", Proxy: "/go"},
			"log":  {Repo: "https://codeberg.org/acme/log"},
		},
	}))
	server := httptest.NewServer(mux)
	defer server.Close()

	for _, path := range []string{"/tool", "/tool/cmd/acme", "/log"} {
		res, err := http.Get(server.URL + path + "?go-get=1")
		if err != nil {
			log.Fatal(err)
		}
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "go-import") {
				fmt.Println(lines.Text())
			}
		}
		res.Body.Close()
	}
	// Output:
	// <meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">
	// <meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">
	// <meta name="go-import" content="go.acme.dev/log git https://codeberg.org/acme/log">
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
			"tool":   {Repo: "https://github.com/acme/mono", Directory: "tools/go", Tags: "tool-*"},
			"libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"},
			"web":    {Repo: "https://github.com/acme/web"},
		},
	}
	// mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
	// mux.Handle("/", vanity.Meta(site))

	for _, path := range []string{"go.acme.dev/tool/v2", "go.acme.dev/libs/log", "go.acme.dev/libs/log/nested", "go.acme.dev/web"} {
		cfg, err := site.Resolve(context.Background(), path)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Println(path, "is not served here")
			continue
		}
		fmt.Println(path, "is", cfg.Module, "in", cfg.Directory, "under", cfg.Tags)
	}
	// Output:
	// go.acme.dev/tool/v2 is go.acme.dev/tool in tools/go under tool-*
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
	server := httptest.NewServer(vanity.Meta(site, vanity.WithTemplates(page)))
	defer server.Close()

	res, err := http.Get(server.URL + "/tool")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(os.Stdout, res.Body)
	// Output:
	// <!DOCTYPE html>
	// <title>go.acme.dev/tool</title>
	// <p>Cuts &amp; welds. <a href="https://pkg.go.dev/go.acme.dev/tool">Read more</a>.
}

// The rest of the web app goes on as before: only ?go-get=1 is Meta's.
func ExampleWithoutPages() {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "the app at", r.URL.Path) })
	site := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"tool": {Repo: "https://github.com/acme/tool"}}}
	server := httptest.NewServer(vanity.Meta(site, vanity.WithNext(app), vanity.WithoutPages()))
	defer server.Close()

	for _, path := range []string{"/tool", "/tool?go-get=1"} {
		res, err := http.Get(server.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "app") || strings.Contains(lines.Text(), "go-import") {
				fmt.Println(lines.Text())
			}
		}
		res.Body.Close()
	}
	// Output:
	// the app at /tool
	// <meta name="go-import" content="acme.dev/tool git https://github.com/acme/tool">
}
