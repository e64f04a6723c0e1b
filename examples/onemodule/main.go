// Onemodule serves one module of a monorepo under a name of one's own, go.acme.dev/tool, on port 8080.
package main

import (
	"log"
	"net/http"

	"example.com/vanity"
)

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/acme/mono",
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*", // tool-1.2.0 is v1.2.0
	}))
	mux.Handle("/", vanity.Meta(vanity.Site{
		Host: "go.acme.dev",
		Paths: map[string]vanity.Import{
			"tool": {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*", Proxy: "/go"},
		},
	}))
	return mux
}

func main() {
	log.Fatal(http.ListenAndServe(":8080", handler()))
}
