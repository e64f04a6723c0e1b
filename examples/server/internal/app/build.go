package app

import (
	"context"
	"net/http"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/push"
)

// A router has the handlers by their bases. One at the root passes on what isn't its own.
type router struct {
	mux  *http.ServeMux
	root func(next http.Handler) http.Handler
}

// mount has a handler answer below a base.
func (rt *router) mount(base string, h func(next vanity.Option) http.Handler) {
	if base = trim(base); base == "" {
		rt.root = func(next http.Handler) http.Handler { return h(vanity.WithNext(next)) }
		return
	}
	handler := h(nil)
	rt.mux.Handle(base, handler)
	rt.mux.Handle(base+"/", handler)
}

// build makes the handler of all that the file names, under some rules.
func (a *App) build(store vanity.Option, rules *access) http.Handler {
	rt := &router{mux: http.NewServeMux(), root: func(next http.Handler) http.Handler { return next }}
	common := a.options(store)
	fixed := join(common, vanity.WithClient(a.client()))
	guarded := func(resolve config.Resolver) []vanity.Option {
		if rules.isOpen() {
			return fixed
		}
		return join(fixed, vanity.WithAuth(rules.module(resolve)))
	}
	for _, base := range a.cfg.SiteBases() {
		rt.mount(base, func(next vanity.Option) http.Handler {
			return a.note(vanity.GoproxyFunc(base, a.cfg.Resolve, join(guarded(a.cfg.Resolve), next)...))
		})
	}
	for _, m := range a.cfg.Modules {
		rt.mount(m.Base, func(next vanity.Option) http.Handler {
			at := func(context.Context, string) (vanity.Config, error) { return m.Config(), nil }
			return a.note(vanity.Goproxy(m.Base, m.Config(), join(guarded(at), next)...))
		})
	}
	if a.cfg.Forge != nil {
		opts := fixed
		if !rules.isOpen() {
			opts = join(fixed, vanity.WithAuth(rules.forge(a.forge.Resolve)))
		}
		rt.mount(a.cfg.Forge.Base, func(next vanity.Option) http.Handler {
			return a.note(vanity.GoproxyFunc(a.cfg.Forge.Base, a.forge.Resolve, join(opts, next)...))
		})
	}
	if g := a.cfg.Gosub; g != nil {
		rt.mount(g.Base, func(next vanity.Option) http.Handler { return a.note(a.gosub(store, rules, next)) })
	}
	if m := a.cfg.Mirror; m != nil {
		h := http.StripPrefix(trim(m.Base), rules.guardMirrors(a.mirrors.Handler(), a.mirrorURLs()))
		rt.mux.Handle(trim(m.Base)+"/", h)
	}
	if w := a.cfg.Webhook; w != nil {
		a.pushes = newPushes(a)
		h := push.Handler(secrets(w), a.pushes.accept)
		rt.mux.Handle(trim(w.Path), h)
		rt.mux.Handle(trim(w.Path)+"/{$}", h)
	}
	rt.mux.Handle("/", rt.root(a.pages(guarded(a.cfg.Resolve))))
	return rt.mux
}

// pages are what is answered where nothing else is.
func (a *App) pages(opts []vanity.Option) http.Handler {
	if !a.cfg.HasSite() {
		return http.NotFoundHandler()
	}
	site, mirrored := a.site()
	if len(mirrored) > 0 {
		client := *a.client()
		client.Transport = mirrored.transport(client.Transport)
		opts = join(opts, vanity.WithClient(&client))
		if of := credentials(a.cfg.Upstream); of != nil {
			opts = append(opts, vanity.WithCredentials(mirrored.credentials(of)))
		}
		a.mirrored = mirrored
	}
	return a.note(vanity.Meta(site, opts...))
}

// note remembers a handler for pushes.
func (a *App) note(h http.Handler) http.Handler {
	if r, ok := h.(refresher); ok {
		a.all = append(a.all, r)
	}
	return h
}

// gosub makes the handler for strangers. The server's credentials are for those alone whom the file names, or for what its owner
// has sealed.
func (a *App) gosub(store vanity.Option, rules *access, next vanity.Option) http.Handler {
	g := a.cfg.Gosub
	open := *a.cfg
	if rules.gosub == nil && len(g.SealKeys) == 0 {
		open.Upstream = config.Upstream{CallersRights: open.Upstream.CallersRights}
	}
	own := *a
	own.cfg = &open
	opts := join(own.options(store), g.Options()...)
	if rules.gosub != nil || !rules.isOpen() {
		opts = append(opts, vanity.WithAuth(rules.stranger))
	}
	return vanity.Gosub(g.Base, append(opts, next)...)
}

// mirrorURLs gives the function that knows the URL of a mirror by its path.
func (a *App) mirrorURLs() func(path string) (url string, ok bool) {
	urls := make(map[string]string)
	for _, u := range a.cfg.Mirror.Repositories {
		if path, ok := a.mirrors.Path(u); ok {
			urls[path] = u
		}
	}
	return func(path string) (url string, ok bool) {
		url, ok = urls[path]
		return url, ok
	}
}

func secrets(w *config.Webhook) (all [][]byte) {
	for _, s := range w.Secrets {
		all = append(all, []byte(s.Reveal()))
	}
	return all
}

func (a *App) observe(ctx context.Context, e vanity.Event) {
	if a.Metrics != nil && (e.Kind == "fetch" || ctx.Value(ownKey{}) == nil) {
		e.Repository = a.mirrored.of(e.Repository)
		a.Metrics.Observe(ctx, e)
	}
}
