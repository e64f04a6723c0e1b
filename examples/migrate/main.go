// Migrate serves what gosub served, on port 8080: one module from a fixed configuration at /go, and any by gosub's URLs at /.
package main

import (
	"log"
	"net/http"

	"example.com/vanity"
)

func handler(opts ...vanity.Option) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/more-please/more-stuff",
		Module:    "utf64.moreplease.com",
		Directory: "utf64/go",
		Tags:      "utf64-go-*", // tagPrefix + "*" + tagSuffix
	}, opts...))
	mux.Handle("/", vanity.Gosub("/", opts...))
	return mux
}

func main() {
	log.Fatal(http.ListenAndServe(":8080", handler()))
}
