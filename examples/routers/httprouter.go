package main

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"example.com/vanity"
)

// HTTPRouter mounts the handlers in a router of httprouter.
//
// A catch-all can't stand beside other routes, so what is at the root is NotFound's. RedirectFixedPath is off: it would take
// go.acme.dev/Gosub for a misspelt /gosub. The go command sends HEAD as well as GET; other methods the router refuses itself.
func HTTPRouter(site vanity.Site, opts ...vanity.Option) http.Handler {
	goproxy := vanity.GoproxyFunc("/go", site.Resolve, opts...)
	gosub := vanity.Gosub("/gosub", opts...)
	r := httprouter.New()
	r.RedirectFixedPath = false
	r.HandlerFunc("GET", "/healthz", healthz)
	for _, method := range []string{"GET", "HEAD"} {
		r.Handler(method, "/go", goproxy)
		r.Handler(method, "/go/*path", goproxy)
		r.Handler(method, "/gosub", gosub)
		r.Handler(method, "/gosub/*path", gosub)
	}
	r.NotFound = vanity.Meta(site, opts...)
	return r
}

// HTTPRouterRoot mounts one handler at the root, beside the program's own paths.
func HTTPRouterRoot(h http.Handler) http.Handler {
	r := httprouter.New()
	r.RedirectFixedPath = false
	r.HandlerFunc("GET", "/healthz", healthz)
	r.NotFound = h
	return r
}
