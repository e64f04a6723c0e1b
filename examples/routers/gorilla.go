package main

import (
	"net/http"

	"github.com/gorilla/mux"

	"example.com/vanity"
)

// Gorilla mounts the handlers in a router of gorilla/mux.
//
// SkipClean and UseEncodedPath: otherwise a spec with an encoded "//" or ".." is sent to another one, where its author should
// be told what is wrong with it. The catch-all comes last: the first route that matches wins.
func Gorilla(site vanity.Site, opts ...vanity.Option) http.Handler {
	goproxy := vanity.GoproxyFunc("/go", site.Resolve, opts...)
	gosub := vanity.Gosub("/gosub", opts...)
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.HandleFunc("/healthz", healthz).Methods("GET")
	r.Handle("/go", goproxy)
	r.PathPrefix("/go/").Handler(goproxy)
	r.Handle("/gosub", gosub)
	r.PathPrefix("/gosub/").Handler(gosub)
	r.PathPrefix("/").Handler(vanity.Meta(site, opts...))
	return r
}

// GorillaRoot mounts one handler at the root, beside the program's own paths.
func GorillaRoot(h http.Handler) http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.HandleFunc("/healthz", healthz).Methods("GET")
	r.PathPrefix("/").Handler(h)
	return r
}
