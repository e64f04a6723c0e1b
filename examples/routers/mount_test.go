package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gofiber/fiber/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
	"github.com/julienschmidt/httprouter"
	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"

	"example.com/vanity"
)

// compare has a router answer what another server does. The first of the targets is there.
func compare(t *testing.T, name string, l layout, bare, at string, targets []target) {
	t.Helper()
	for i, r := range targets {
		want, got := ask(t, bare, r.method, r.path, r.header...), ask(t, at, r.method, r.path, r.header...)
		diff := cmp.Diff(want, got)
		if status, ok := differs(name, l, r); ok {
			diff = cmp.Diff(status, got.Status)
		}
		if diff != "" || i == 0 && want.Status != http.StatusOK {
			t.Errorf("%s %.300s %q (-want +got):\n%.1500s", r.method, r.path, r.header, diff)
		}
	}
}

// TestGroups has handlers inside what routers have for parts of a program: their base is the whole path, or behind a
// StripPrefix what that leaves.
func TestGroups(t *testing.T) {
	t.Parallel()
	host, site := newGithub(t), testSite()
	goproxy := func(base string) http.Handler { return vanity.GoproxyFunc(base, site.Resolve, host.options()...) }
	gosub := func(base string) http.Handler { // whose form can't know what was stripped
		return vanity.Gosub(base, append(host.options(), vanity.WithPublicURL("https://go.acme.dev/api/gosub"))...)
	}
	whole := [2]http.Handler{goproxy("/api/go"), gosub("/api/gosub")}
	bare := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/gosub/") {
			whole[1].ServeHTTP(w, r)
			return
		}
		whole[0].ServeHTTP(w, r)
	}))
	targets := append(goproxyTargets("/api/go"), gosubTargets(t, "/api/gosub")...)
	for name, router := range groups(goproxy, gosub) {
		t.Run(name, func(t *testing.T) {
			kind, _, _ := strings.Cut(name, ",")
			compare(t, kind, layout{}, bare, start(t, router), targets)
		})
	}
}

func groups(goproxy, gosub func(base string) http.Handler) map[string]any {
	muxed := http.NewServeMux()
	muxed.Handle("/go/", goproxy("/go"))
	muxed.Handle("/gosub/", gosub("/gosub"))
	outer, each := http.NewServeMux(), http.NewServeMux()
	outer.Handle("/api/", http.StripPrefix("/api", muxed))
	each.Handle("/api/go/", http.StripPrefix("/api/go", goproxy("")))
	each.Handle("/api/gosub/", http.StripPrefix("/api/gosub", gosub("")))

	chiRouter := chi.NewRouter()
	chiRouter.Route("/api", func(r chi.Router) {
		r.Mount("/go", goproxy("/api/go"))
		r.Mount("/gosub", gosub("/api/gosub"))
	})

	gorilla := mux.NewRouter().SkipClean(true).UseEncodedPath()
	sub := gorilla.PathPrefix("/api").Subrouter()
	sub.PathPrefix("/go/").Handler(goproxy("/api/go"))
	sub.PathPrefix("/gosub/").Handler(gosub("/api/gosub"))

	e := echo.New()
	e.Group("/api").Any("/go/*", echo.WrapHandler(goproxy("/api/go")))
	e.Group("/api").Any("/gosub/*", echo.WrapHandler(gosub("/api/gosub")))

	g := gin.New()
	g.Group("/api").Any("/go/*path", gin.WrapH(goproxy("/api/go")))
	g.Group("/api").Any("/gosub/*path", gin.WrapH(gosub("/api/gosub")))

	app, part := newFiber(), newFiber()
	app.Group("/api").All("/go/*", mount(goproxy("/api/go")))
	part.All("/gosub/*", mount(gosub("/api/gosub")))
	app.Use("/api", part)
	return map[string]any{
		"nethttp": outer, "nethttp, each stripped": each, "chi": chiRouter, "gorilla": gorilla, "echo": e, "gin": g, "fiber": app,
	}
}

// TestSettings has what a router might be set to besides, and what that comes to.
func TestSettings(t *testing.T) {
	t.Parallel()
	host, site := newGithub(t), testSite()
	h := three{
		vanity.GoproxyFunc("/go", site.Resolve, host.options()...), vanity.Gosub("/gosub", host.options()...), vanity.Meta(site, host.options()...),
	}
	bare := start(t, separate(site, host.options()...))
	const (
		upper   = "/Gosub?go-get=1"
		dots    = "/gosub/github.com/acme/mono:d=..%2F..%2Fx;/go.acme.dev/tool/@v/list"
		slashed = "/gosub/"
		file    = "/go/go.acme.dev/tool/@v/list/"
		long    = "/gosub/github.com/acme/mono:d=6000;/go.acme.dev/tool/@v/list"
	)
	for name, tt := range map[string]struct {
		router any
		path   string // of a request that is answered in another way; empty if there is none
		status int
		where  string // that it is sent to
	}{
		"chi, CleanPath":       {h.chi(chimiddleware.CleanPath), "", 0, ""},
		"chi, StripSlashes":    {h.chi(chimiddleware.StripSlashes), "", 0, ""},
		"chi, URLFormat":       {h.chi(chimiddleware.URLFormat), "", 0, ""},
		"chi, RedirectSlashes": {h.chi(chimiddleware.RedirectSlashes), slashed, 301, "/gosub"},

		"gorilla":              {h.gorilla(mux.NewRouter()), dots, 301, "/gosub/github.com/acme/x;/go.acme.dev/tool/@v/list"},
		"gorilla, SkipClean":   {h.gorilla(mux.NewRouter().SkipClean(true)), "", 0, ""},
		"gorilla, StrictSlash": {h.gorilla(mux.NewRouter().SkipClean(true).StrictSlash(true)), slashed, 301, "/gosub"},

		"echo, decoding":            {h.echo(echo.RouterConfig{UseEscapedPathForMatching: true, UnescapePathParamValues: true}), "", 0, ""},
		"echo, RemoveTrailingSlash": {h.echo(echo.RouterConfig{}, echomiddleware.RemoveTrailingSlash()), file, 200, ""},

		"gin, UseRawPath":        {h.gin(func(e *gin.Engine) { e.UseRawPath, e.UnescapePathValues = true, false }), "", 0, ""},
		"gin, UseEscapedPath":    {h.gin(func(e *gin.Engine) { e.UseEscapedPath = true }), "", 0, ""},
		"gin, RemoveExtraSlash":  {h.gin(func(e *gin.Engine) { e.RemoveExtraSlash = true }), "", 0, ""},
		"gin, RedirectFixedPath": {h.gin(func(e *gin.Engine) { e.RedirectFixedPath = true }), upper, 301, "/gosub?go-get=1"},

		"httprouter": {h.httprouter(), upper, 301, "/gosub?go-get=1"},

		"fiber":               {h.fiber(fiber.Config{}), upper, 404, ""},
		"fiber, small buffer": {h.fiber(fiber.Config{CaseSensitive: true}), long, 431, ""},
		"fiber, UnescapePath": {h.fiber(fiber.Config{CaseSensitive: true, ReadBufferSize: 16 << 10, UnescapePath: true}), "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			at := start(t, tt.router)
			if tt.path == "" {
				kind, _, _ := strings.Cut(name, ",")
				targets := slices.Concat(goproxyTargets("/go"), gosubTargets(t, "/gosub"), atBase, pageTargets)
				compare(t, kind, layouts["below a prefix"], bare, at, targets)
				return
			}
			path := strings.Replace(tt.path, "6000", strings.Repeat("x", 6000), 1)
			got, want := ask(t, at, "GET", path), ask(t, bare, "GET", path)
			if got.Status != tt.status || got.Header.Get("Location") != tt.where || want.Status == tt.status {
				t.Errorf("%.100s: %d, %q; want %d, %q, and %d otherwise", path, got.Status, got.Header.Get("Location"), tt.status, tt.where, want.Status)
			}
		})
	}
}

// TestConflicts has what can't stand beside other routes.
func TestConflicts(t *testing.T) {
	for name, add := range map[string]func(){
		"nethttp": func() {
			m := http.NewServeMux()
			m.HandleFunc("/go/", healthz)
			m.HandleFunc("GET /", healthz)
		},
		"gin": func() {
			e := gin.New()
			e.GET("/healthz", gin.WrapF(healthz))
			e.Any("/*path", gin.WrapF(healthz))
		},
		"httprouter": func() {
			r := httprouter.New()
			r.HandlerFunc("GET", "/healthz", healthz)
			r.HandlerFunc("GET", "/*path", healthz)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes it: say so", name)
				}
			}()
			add()
		}()
	}
}

// three are the handlers, for routers that are set otherwise than in their files.
type three struct{ goproxy, gosub, meta http.Handler }

func (h three) chi(middleware func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware)
	r.Get("/healthz", healthz)
	r.Mount("/go", h.goproxy)
	r.Mount("/gosub", h.gosub)
	r.Handle("/*", h.meta)
	return r
}

func (h three) gorilla(r *mux.Router) http.Handler {
	r.Handle("/go", h.goproxy)
	r.PathPrefix("/go/").Handler(h.goproxy)
	r.Handle("/gosub", h.gosub)
	r.PathPrefix("/gosub/").Handler(h.gosub)
	r.PathPrefix("/").Handler(h.meta)
	return r
}

func (h three) echo(config echo.RouterConfig, pre ...echo.MiddlewareFunc) http.Handler {
	e := echo.NewWithConfig(echo.Config{Router: echo.NewRouter(config)})
	e.Pre(pre...)
	e.Any("/go", echo.WrapHandler(h.goproxy))
	e.Any("/go/*", echo.WrapHandler(h.goproxy))
	e.Any("/gosub", echo.WrapHandler(h.gosub))
	e.Any("/gosub/*", echo.WrapHandler(h.gosub))
	e.Any("/*", echo.WrapHandler(h.meta))
	return e
}

func (h three) gin(set func(*gin.Engine)) http.Handler {
	e := gin.New()
	set(e)
	e.Any("/go", gin.WrapH(h.goproxy))
	e.Any("/go/*path", gin.WrapH(h.goproxy))
	e.Any("/gosub", gin.WrapH(h.gosub))
	e.Any("/gosub/*path", gin.WrapH(h.gosub))
	e.NoRoute(gin.WrapH(h.meta))
	return e
}

func (h three) httprouter() http.Handler {
	r := httprouter.New()
	r.Handler("GET", "/gosub", h.gosub)
	r.NotFound = h.meta
	return r
}

func (h three) fiber(config fiber.Config) *fiber.App {
	app := fiber.New(config)
	app.Get("/healthz", mount(http.HandlerFunc(healthz)))
	app.All("/go", mount(h.goproxy))
	app.All("/go/*", mount(h.goproxy))
	app.All("/gosub", mount(h.gosub))
	app.All("/gosub/*", mount(h.gosub))
	app.All("/*", mount(h.meta))
	return app
}
