// Worker runs Meta, GoproxyFunc and Gosub in a Cloudflare Worker: see README.md.
package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"example.com/vanity"
	"example.com/vanity/examples/worker/internal/fetch"
	"example.com/vanity/examples/worker/internal/handlers"
	"example.com/vanity/examples/worker/internal/sqlstore"
)

// memoryLimit is where the garbage collector begins to work harder: a Worker has 128 MB, and the memory of a program never
// becomes smaller.
const memoryLimit = 80 << 20

func main() {
	debug.SetMemoryLimit(memoryLimit)
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	host := fetch.NewHost()
	store, err := sqlstore.New(host.SQL())
	if err != nil {
		slog.Error("the database can't be used", "err", err)
		os.Exit(1)
	}
	handler, err := handlers.New(host.Vars(), store, vanity.WithLogger(slog.Default()))
	if err != nil {
		slog.Error("the Worker is not set up", "err", err)
		os.Exit(1)
	}
	host.Serve(handler)
}
