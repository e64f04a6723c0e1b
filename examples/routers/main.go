// Routers serves a site by package vanity from the router of your choice: go run . -router chi
package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v3"

	"example.com/vanity"
)

var routers = map[string]func(vanity.Site, ...vanity.Option) http.Handler{
	"chi": Chi, "echo": Echo, "gin": Gin, "gorilla": Gorilla, "httprouter": HTTPRouter, "nethttp": NetHTTP,
}

func main() {
	names := strings.Join(append(slices.Sorted(maps.Keys(routers)), "fiber"), ", ")
	name := flag.String("router", "nethttp", "serve from `NAME`: "+names)
	addr := flag.String("addr", "127.0.0.1:8080", "listen at `ADDRESS`")
	flag.Parse()
	router, ok := routers[*name]
	if !ok && *name != "fiber" {
		log.Fatalf("-router %q: want one of %s", *name, names)
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s serves at http://%s\n", *name, ln.Addr())
	if *name == "fiber" {
		log.Fatal(Fiber(site).Listener(ln, fiber.ListenConfig{DisableStartupMessage: true}))
	}
	log.Fatal(http.Serve(ln, router(site)))
}
