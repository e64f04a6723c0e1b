package main

import (
	"bufio"
	"bytes"
	"context"
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	recovery "github.com/gofiber/fiber/v3/middleware/recover"

	"example.com/vanity"
)

// Fiber mounts the handlers in an app of fiber, by [mount].
//
// All, not Use: fiber asks what is mounted by Use for a part in the answer to requests that can't even be read.
//
// The adaptor holds a whole answer in memory, a module's zip too, and no handler learns that its client has gone: for large
// modules see [InFront], which takes the app, too, by adaptor.FiberApp.
func Fiber(site vanity.Site, opts ...vanity.Option) *fiber.App {
	goproxy := mount(vanity.GoproxyFunc("/go", site.Resolve, opts...))
	gosub := mount(vanity.Gosub("/gosub", opts...))
	app := newFiber()
	app.Get("/healthz", mount(http.HandlerFunc(healthz)))
	app.All("/go", goproxy)
	app.All("/go/*", goproxy)
	app.All("/gosub", gosub)
	app.All("/gosub/*", gosub)
	app.All("/*", mount(vanity.Meta(site, opts...)))
	return app
}

// FiberRoot mounts one handler at the root, beside the program's own paths.
func FiberRoot(h http.Handler) *fiber.App {
	app := newFiber()
	app.Get("/healthz", mount(http.HandlerFunc(healthz)))
	app.All("/*", mount(h))
	return app
}

func newFiber() *fiber.App {
	app := fiber.New(fiber.Config{
		CaseSensitive:  true,     // import paths are: go.acme.dev/Gosub is not below /gosub
		ReadBufferSize: 16 << 10, // of a request's head: a spec may have more than the usual 4 KiB
	})
	app.Use(recovery.New()) // without it a panic ends the program
	return app
}

// mount is [adaptor.HTTPHandler] for handlers that keep what they are asked, as those of package vanity do: fasthttp writes
// the next request over the strings of this one, and uses its context again. So they get a request that is their own.
func mount(h http.Handler) fiber.Handler {
	return func(c fiber.Ctx) error {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Request().Header.Header())))
		if err != nil {
			return fiber.ErrBadRequest
		}
		r.RemoteAddr, r.TLS = c.RequestCtx().RemoteAddr().String(), c.RequestCtx().TLSConnectionState()
		ctx, cancel := context.WithCancel(c.Context())
		own := func(w http.ResponseWriter, _ *http.Request) {
			defer cancel()
			h.ServeHTTP(w, r.WithContext(ctx))
		}
		if err := adaptor.HTTPHandler(http.HandlerFunc(own))(c); err != nil {
			return err
		}
		resp := c.Response()
		if !resp.IsBodyStream() && r.Method != http.MethodHead && resp.Header.ContentLength() > len(resp.Body()) {
			resp.Reset() // a file that can't be read to its end would look whole
			return fiber.ErrInternalServerError
		}
		return nil
	}
}
