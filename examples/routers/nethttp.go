package main

import (
	"net/http"

	"example.com/vanity"
)

// NetHTTP mounts the handlers in net/http's own router.
//
// The patterns have no method: "GET /" would conflict with "/go/". That is enough for /go, which the mux sends to /go/, query
// and all; so it does with a path that has an empty, "." or ".." element, which the go command asks for none of.
func NetHTTP(site vanity.Site, opts ...vanity.Option) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve, opts...))
	mux.Handle("/gosub/", vanity.Gosub("/gosub", opts...))
	mux.Handle("/", vanity.Meta(site, opts...))
	return mux
}

// NetHTTPRoot mounts one handler at the root, beside the program's own paths.
func NetHTTPRoot(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.Handle("/", h)
	return mux
}
