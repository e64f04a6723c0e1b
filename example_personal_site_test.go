package vanity_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"example.com/vanity"
)

var annsSite = vanity.Site{
	Host:  "ann.dev",
	Proxy: "/go",
	Paths: map[string]vanity.Import{
		// A repository of its own: the go command gets the module from there.
		"hello": {Repo: "https://github.com/ann/hello", Description: "Says hello."},
		// One directory of a repository, where the tag tool-1.1.0 is v1.1.0: by the proxy.
		"tool": {Repo: "https://github.com/ann/dotfiles", Directory: "go/tool", Tags: "tool-*"},
	},
}

// annsHandler serves all of ann.dev: its modules, and the blog, which was there before.
func annsHandler(blog http.Handler, opts ...vanity.Option) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", annsSite.Resolve, opts...))
	mux.Handle("/", vanity.Meta(annsSite, append(opts, vanity.WithNext(blog))...))
	return mux
}

// A personal site with modules: one table tells both the pages that lead the go command to them,
// and the proxy that serves what is in a subdirectory. All else is the blog's.
func Example_personalSite() {
	blog := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Ann's blog")
	})

	// In life, behind a server that speaks TLS:
	//	log.Fatal(http.ListenAndServe(":8080", annsHandler(blog)))
	// Here, a git host on this machine plays GitHub.
	host := gitHost("ann/dotfiles")
	defer host.Close()
	handler := annsHandler(blog, vanity.WithClient(host.Client()))

	for _, path := range []string{
		"/",
		"/hello?go-get=1",
		"/tool/cmd/cut?go-get=1", // a package of the module
		"/go/ann.dev/tool/@v/list",
		"/go/ann.dev/tool/@v/v1.1.0.mod",
		"/go/ann.dev/absent/@v/list",
	} {
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
	// 200 /
	//     Ann's blog
	// 200 /hello?go-get=1
	//     <meta name="go-import" content="ann.dev/hello git https://github.com/ann/hello">
	// 200 /tool/cmd/cut?go-get=1
	//     <meta name="go-import" content="ann.dev/tool mod https://ann.dev/go">
	// 200 /go/ann.dev/tool/@v/list
	//     v1.0.0
	//     v1.1.0
	// 200 /go/ann.dev/tool/@v/v1.1.0.mod
	//     module ann.dev/tool
	// 404 /go/ann.dev/absent/@v/list
	//     not found: ann.dev/absent: no such module is served here
}
