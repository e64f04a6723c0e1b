// Onemodule serves one module of a monorepo under a name of one's own, go.acme.dev/tool, on port 8080.
package main

import (
	"log"
	"net/http"

	"example.com/vanity"
)

var site = vanity.Site{
	Host:  "go.acme.dev",
	Proxy: "/go",
	Paths: map[string]vanity.Import{
		"tool": {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"}, // tool-1.2.0 is v1.2.0
	},
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
	mux.Handle("/", vanity.Meta(site))
	return mux
}

func main() {
	log.Fatal(http.ListenAndServe(":8080", handler()))
}
