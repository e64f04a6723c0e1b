package main

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"example.com/vanity"
)

// Echo mounts the handlers in an instance of echo.
//
// "/go/*" is not /go, so both are there. How echo decodes its own parameters makes no difference, as WrapHandler hands on the
// request as it came. Leave out middleware.RemoveTrailingSlash and AddTrailingSlash, which change its path before.
func Echo(site vanity.Site, opts ...vanity.Option) http.Handler {
	goproxy := echo.WrapHandler(vanity.GoproxyFunc("/go", site.Resolve, opts...))
	gosub := echo.WrapHandler(vanity.Gosub("/gosub", opts...))
	e := echo.New()
	e.GET("/healthz", echo.WrapHandler(http.HandlerFunc(healthz)))
	e.Any("/go", goproxy)
	e.Any("/go/*", goproxy)
	e.Any("/gosub", gosub)
	e.Any("/gosub/*", gosub)
	e.Any("/*", echo.WrapHandler(vanity.Meta(site, opts...)))
	return e
}

// EchoRoot mounts one handler at the root, beside the program's own paths.
func EchoRoot(h http.Handler) http.Handler {
	e := echo.New()
	e.GET("/healthz", echo.WrapHandler(http.HandlerFunc(healthz)))
	e.Any("/*", echo.WrapHandler(h))
	return e
}
