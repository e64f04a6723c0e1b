package main

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"example.com/vanity"
)

// Chi mounts the handlers in a router of chi.
//
// Mount takes /go and all below it, and leaves the path in the request as it is: so the base is the whole path, also inside
// a Route. Leave out middleware.RedirectSlashes, which sends /gosub/ elsewhere.
func Chi(site vanity.Site, opts ...vanity.Option) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", healthz)
	r.Mount("/go", vanity.GoproxyFunc("/go", site.Resolve, opts...))
	r.Mount("/gosub", vanity.Gosub("/gosub", opts...))
	r.Handle("/*", vanity.Meta(site, opts...))
	return r
}

// ChiRoot mounts one handler at the root, beside the program's own paths.
func ChiRoot(h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", healthz)
	r.Handle("/*", h)
	return r
}
