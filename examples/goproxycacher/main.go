// Goproxycacher serves one module of a monorepo, go.acme.dev/tool, at the root of port 8080. What it answered once it has in
// the directory "cache", by a cacher of github.com/goproxy/goproxy, and serves it from there when the repository is gone.
package main

import (
	"log"
	"net/http"

	"github.com/goproxy/goproxy"

	"example.com/vanity"
)

func handler(repository string, opts ...vanity.Option) http.Handler {
	return vanity.Goproxy("/", vanity.Config{
		URL:       repository,
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*", // tool-1.2.0 is v1.2.0
	}, opts...)
}

func main() {
	cacher := goproxy.DirCacher("cache") // or any other goproxy.Cacher
	log.Fatal(http.ListenAndServe(":8080", handler("https://github.com/acme/mono", vanity.WithStore(cacher))))
}
