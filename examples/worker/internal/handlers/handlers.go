// Package handlers mounts what the Worker serves. It runs anywhere.
package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"example.com/vanity"
)

// New mounts the handlers by the variables of the Worker:
//
//	SITE         a vanity.Site as JSON: what Meta answers for. If its proxy is a path, such as "/go", GoproxyFunc serves
//	             there what Site.Resolve knows.
//	GOSUB_HOSTS  what Gosub serves at /gosub, by vanity.WithHosts, separated by spaces. If empty, there is no Gosub.
//	PUBLIC_URL   where callers reach the Worker, for the form of Gosub; may be empty.
//
// The store is for what SITE names, and not for Gosub, whose callers could fill it; it may be nil.
func New(vars map[string]string, store vanity.Store, opts ...vanity.Option) (http.Handler, error) {
	site, err := vanity.ParseSite([]byte(vars["SITE"]))
	if err != nil {
		return nil, fmt.Errorf("the variable SITE: %w", err)
	}
	mux := http.NewServeMux()
	own := append([]vanity.Option{vanity.WithStore(store)}, opts...)
	root := vanity.Meta(site, own...)
	if base, ok := strings.CutSuffix(site.Proxy, "/"); strings.HasPrefix(site.Proxy, "/") {
		if ok && base == "" || strings.HasPrefix(site.Proxy+"/", gosubBase+"/") {
			return nil, errors.New("the variable SITE: proxy: want a path of its own, such as /go")
		}
		mux.Handle(base+"/", vanity.GoproxyFunc(base, site.Resolve, own...))
	}
	if hosts := strings.Fields(vars["GOSUB_HOSTS"]); len(hosts) > 0 {
		gosub, err := newGosub(hosts, vars["PUBLIC_URL"], opts)
		if err != nil {
			return nil, err
		}
		mux.Handle(gosubBase+"/", gosub)
	}
	mux.Handle("/", root)
	return mux, nil
}

const gosubBase = "/gosub"

// newGosub makes of the constructors' panics errors: here it is not the program that is wrong.
func newGosub(hosts []string, publicURL string, opts []vanity.Option) (h http.Handler, err error) {
	defer func() {
		if p, ok := recover().(error); ok {
			err = fmt.Errorf("the variables GOSUB_HOSTS and PUBLIC_URL: %w", p)
		}
	}()
	opts = append([]vanity.Option{vanity.WithHosts(hosts...)}, opts...)
	if publicURL != "" {
		opts = append(opts, vanity.WithPublicURL(strings.TrimSuffix(publicURL, "/")+gosubBase))
	}
	return vanity.Gosub(gosubBase, opts...), nil
}
