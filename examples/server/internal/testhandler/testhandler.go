// Package testhandler makes a server of a file, for tests of what asks one: pages, modules and a forge, without anything else.
package testhandler

import (
	"net/http"
	"slices"
	"testing"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
)

// Load reads a file.
func Load(tb testing.TB, file string) *config.Config {
	tb.Helper()
	c, err := config.Parse([]byte(file), tb.TempDir(), "")
	if err != nil {
		tb.Fatalf("%v\n%s", err, file)
	}
	return c
}

// New makes the handler of a file.
func New(c *config.Config, opts ...vanity.Option) http.Handler {
	h := http.NotFoundHandler()
	with := func(next http.Handler) []vanity.Option { return append(slices.Clone(opts), vanity.WithNext(next)) }
	if c.HasSite() {
		h = vanity.Meta(c.Site, opts...)
	}
	for _, base := range c.SiteBases() {
		h = vanity.GoproxyFunc(base, c.Resolve, with(h)...)
	}
	for _, m := range c.Modules {
		h = vanity.Goproxy(m.Base, m.Config(), with(h)...)
	}
	return h
}
