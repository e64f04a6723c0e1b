package vanity_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"example.com/vanity"
)

// monorepo says where the modules of github.com/acme/mono are.
var monorepo = vanity.Site{
	Host:  "go.acme.dev",
	Proxy: "/go",
	Paths: map[string]vanity.Import{
		// Each directory below libs: libs/log is go.acme.dev/libs/log, with tags such as libs/log/v1.1.0.
		// A new one with a go.mod is a new module, with nothing to add here.
		"libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"},
		// One under a name and tags of its own: tool-1.1.0 is v1.1.0.
		"tool": {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"},
	},
}

func monorepoHandler(opts ...vanity.Option) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", monorepo.Resolve, opts...))
	mux.Handle("/", vanity.Meta(monorepo, opts...))
	return mux
}

// A monorepo with many modules: a wildcard stands for all directories below one,
// and each module has tags and major versions of its own.
func Example_monorepo() {
	// In life, behind a server that speaks TLS:
	//	log.Fatal(http.ListenAndServe(":8080", monorepoHandler()))
	// Here, a git host on this machine plays GitHub.
	host := gitHost("acme/mono")
	defer host.Close()
	handler := monorepoHandler(vanity.WithClient(host.Client()))
	get := func(path string) string {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(w.Code, path)
		return w.Body.String()
	}

	for _, module := range []string{"libs/log", "libs/db", "libs/db/v2", "tool"} {
		versions := strings.Fields(get("/go/go.acme.dev/" + module + "/@v/list"))
		fmt.Println("   ", versions)
	}
	fmt.Print("    ", get("/go/go.acme.dev/libs/absent/@v/list"))

	// Where the tags are those that the go command knows, the page names the repository, too.
	for _, path := range []string{"/libs/db/v2/schema?go-get=1", "/tool?go-get=1"} {
		for line := range strings.Lines(get(path)) {
			if strings.Contains(line, "go-import") {
				fmt.Print("    ", line)
			}
		}
	}
	// Output:
	// 200 /go/go.acme.dev/libs/log/@v/list
	//     [v1.0.0 v1.1.0]
	// 200 /go/go.acme.dev/libs/db/@v/list
	//     [v0.3.0]
	// 200 /go/go.acme.dev/libs/db/v2/@v/list
	//     [v2.0.0]
	// 200 /go/go.acme.dev/tool/@v/list
	//     [v1.0.0 v1.1.0]
	// 404 /go/go.acme.dev/libs/absent/@v/list
	//     not found: go.acme.dev/libs/absent: the module has no go.mod on the default branch
	// 200 /libs/db/v2/schema?go-get=1
	//     <meta name="go-import" content="go.acme.dev/libs/db mod https://go.acme.dev/go">
	//     <meta name="go-import" content="go.acme.dev/libs/db git https://github.com/acme/mono libs/db">
	// 200 /tool?go-get=1
	//     <meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">
}
