package main

import (
	"io"
	"net/http"

	"example.com/vanity"
)

// site is what each router serves: write your own.
var site = vanity.Site{
	Host:  "go.acme.dev",
	Proxy: "/go",
	Paths: map[string]vanity.Import{
		"tool":   {Repo: "https://github.com/acme/mono", Directory: "tool", Tags: "tool-*"}, // tool-1.2.0 is v1.2.0
		"libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"},
	},
}

// Root has the site at the root of a server, its modules and its pages in one handler: GOPROXY=https://go.acme.dev.
func Root(site vanity.Site, opts ...vanity.Option) http.Handler {
	site.Proxy = "/"
	return vanity.GoproxyFunc("/", site.Resolve, with(opts, vanity.Meta(site, opts...))...)
}

// InFront has all three handlers in front of a program, whatever router that has: what is not theirs goes to it as it came.
func InFront(app http.Handler, site vanity.Site, opts ...vanity.Option) http.Handler {
	pages := vanity.Meta(site, with(opts, app)...)
	gosub := vanity.Gosub("/gosub", with(opts, pages)...)
	return vanity.GoproxyFunc("/go", site.Resolve, with(opts, gosub)...)
}

// with adds [vanity.WithNext] to options that others have, too.
func with(opts []vanity.Option, next http.Handler) []vanity.Option {
	return append(opts[:len(opts):len(opts)], vanity.WithNext(next))
}

// healthz stands for all else that a program has.
func healthz(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }
