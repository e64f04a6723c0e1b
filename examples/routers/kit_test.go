package main

import (
	"bufio"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

const mainVariable = "ROUTERS_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
	}
	gin.SetMode(gin.TestMode)
	os.Exit(gittest.Main(m))
}

// A build has a router's two functions. What they return is a handler, or an app of fiber.
type build struct {
	mounted func(vanity.Site, ...vanity.Option) any
	root    func(http.Handler) any
}

func handlers(mounted func(vanity.Site, ...vanity.Option) http.Handler, root func(http.Handler) http.Handler) build {
	return build{
		func(s vanity.Site, opts ...vanity.Option) any { return mounted(s, opts...) },
		func(h http.Handler) any { return root(h) },
	}
}

var builds = map[string]build{
	"nethttp":    handlers(NetHTTP, NetHTTPRoot),
	"chi":        handlers(Chi, ChiRoot),
	"gorilla":    handlers(Gorilla, GorillaRoot),
	"echo":       handlers(Echo, EchoRoot),
	"gin":        handlers(Gin, GinRoot),
	"httprouter": handlers(HTTPRouter, HTTPRouterRoot),
	"fiber": {
		func(s vanity.Site, opts ...vanity.Option) any { return Fiber(s, opts...) },
		func(h http.Handler) any { return FiberRoot(h) },
	},
}

// A layout is where the handlers are mounted.
type layout struct {
	goproxy, gosub string // their bases; "-" for none
	pages          bool
	bare           func(vanity.Site, ...vanity.Option) http.Handler // without any router
	router         func(build, vanity.Site, ...vanity.Option) any
}

var layouts = map[string]layout{
	"below a prefix": {"/go", "/gosub", true, separate, func(b build, s vanity.Site, opts ...vanity.Option) any { return b.mounted(s, opts...) }},
	"at the root":    {"", "-", true, Root, func(b build, s vanity.Site, opts ...vanity.Option) any { return b.root(Root(s, opts...)) }},
	"gosub at the root": {"-", "", false, gosubRoot, func(b build, s vanity.Site, opts ...vanity.Option) any {
		return b.root(gosubRoot(s, opts...))
	}},
	"in front": {"/go", "/gosub", true, inFront, func(b build, s vanity.Site, opts ...vanity.Option) any {
		return InFront(asHandler(b.root(http.NotFoundHandler())), s, opts...)
	}},
}

// separate has each handler answer what is its own.
func separate(s vanity.Site, opts ...vanity.Option) http.Handler {
	goproxy, gosub, pages := vanity.GoproxyFunc("/go", s.Resolve, opts...), vanity.Gosub("/gosub", opts...), vanity.Meta(s, opts...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.EscapedPath() + "/"; {
		case strings.HasPrefix(path, "/go/"):
			goproxy.ServeHTTP(w, r)
		case strings.HasPrefix(path, "/gosub/"):
			gosub.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

func inFront(s vanity.Site, opts ...vanity.Option) http.Handler {
	return InFront(http.NotFoundHandler(), s, opts...)
}

func gosubRoot(_ vanity.Site, opts ...vanity.Option) http.Handler { return vanity.Gosub("", opts...) }

func asHandler(router any) http.Handler {
	if app, ok := router.(*fiber.App); ok {
		return adaptor.FiberApp(app)
	}
	return router.(http.Handler)
}

// start serves a router on loopback.
func start(t testing.TB, router any) (url string) {
	t.Helper()
	app, ok := router.(*fiber.App)
	if !ok {
		server := httptest.NewServer(router.(http.Handler))
		t.Cleanup(server.Close)
		return server.URL
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln, fiber.ListenConfig{DisableStartupMessage: true}) }()
	url = "http://" + ln.Addr().String()
	ask(t, url, "GET", "/") // before it has begun, it can't be ended
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return url
}

// mono has the modules of the site, and one whose directory and tags have what a URL has other uses for.
const mono = `
write
commit one
tag tool-1.0.0
tag tool-1.1.0
tag libs/Draw/v1.0.0
tag 'a+b&1.0.0;c=%'
-- tool/go.mod --
module go.acme.dev/tool
-- tool/tool.go --
package tool
-- tool/sub/sub.go --
package sub
-- libs/Draw/go.mod --
module go.acme.dev/libs/Draw
-- libs/Draw/draw.go --
package draw
-- odd/a+b & c;d=e/go.mod --
module go.acme.dev/Odd
-- odd/a+b & c;d=e/odd.go --
package odd
`

var odd = vanity.Config{URL: "https://github.com/acme/mono", Module: "go.acme.dev/Odd", Directory: "odd/a+b & c;d=e", Tags: "a+b&*;c=%"}

// testSite has an import besides whose path differs from a base by case alone.
func testSite() vanity.Site {
	s := site
	s.Paths = maps.Clone(s.Paths)
	s.Paths["Gosub"] = vanity.Import{Repo: "https://github.com/acme/gosub"}
	return s
}

// A github is a server for that name, and the real source of one module that it has.
type github struct {
	*gittest.Server
	mod gittest.Source
}

func newGithub(t testing.TB) github {
	t.Helper()
	src := gittest.Module(t, "golang.org/x/mod")
	mod := gittest.New(t, "")
	mod.CopyFS(".", os.DirFS(src.Dir))
	mod.Commit("all")
	mod.Git("tag", src.Version)
	return github{gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, mono), "golang/mod": mod}), src}
}

// options lead the handlers there.
func (g github) options() []vanity.Option {
	return []vanity.Option{vanity.WithTrustedClient(g.Client()), vanity.WithLogger(slog.New(slog.DiscardHandler))}
}

func spec(t testing.TB, cfg vanity.Config) string {
	t.Helper()
	s, err := vanity.Encode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An answer is what comes back, but for what a server adds.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// ask sends a request as it is written, its path and all: clients mend them.
func ask(t testing.TB, url, method, target string, header ...string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute)) // a router that says nothing would hold all else up
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: go.acme.dev", "Connection: close"}, header...)
	// In one piece: a server that has had enough of it before its end resets the connection.
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	resp.Header.Del("Date")
	resp.Header.Del("Connection")
	return answer{resp.StatusCode, resp.Header, string(body)}
}
