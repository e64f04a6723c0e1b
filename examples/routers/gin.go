package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/vanity"
)

// Gin mounts the handlers in an engine of gin.
//
// A catch-all can't stand beside other routes, so what is at the root is NoRoute's. There the status is 404 until somebody
// says another: the handlers do, a handler of yours behind them must, too. UseRawPath and its like make no difference;
// RedirectFixedPath would, and stays off.
func Gin(site vanity.Site, opts ...vanity.Option) http.Handler {
	goproxy := gin.WrapH(vanity.GoproxyFunc("/go", site.Resolve, opts...))
	gosub := gin.WrapH(vanity.Gosub("/gosub", opts...))
	r := gin.New()
	r.GET("/healthz", gin.WrapF(healthz))
	r.Any("/go", goproxy)
	r.Any("/go/*path", goproxy)
	r.Any("/gosub", gosub)
	r.Any("/gosub/*path", gosub)
	r.NoRoute(gin.WrapH(vanity.Meta(site, opts...)))
	return r
}

// GinRoot mounts one handler at the root, beside the program's own paths.
func GinRoot(h http.Handler) http.Handler {
	r := gin.New()
	r.GET("/healthz", gin.WrapF(healthz))
	r.NoRoute(gin.WrapH(h))
	return r
}
