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
	if base == "" {
		rt.root = func(next http.Handler) http.Handler { return h(vanity.WithNext(next)) }
		return
	}
	handler := h(nil)
	rt.mux.Handle(base, handler)
	rt.mux.Handle(base+"/", handler)
}

// build makes the handler of all that the file names, which reads repositories as up says.
func (a *App) build(store vanity.Option, up config.Upstream) http.Handler {
	rt := &router{mux: http.NewServeMux(), root: func(next http.Handler) http.Handler { return next }}
	common := join(a.options(store, up), vanity.WithClient(a.client()))
	guarded := func(may auth) []vanity.Option {
		if a.rules.isOpen() {
			return common
		}
		return join(common, vanity.WithAuth(may))
	}
	site := guarded(a.rules.module(a.cfg.Resolve))
	for _, base := range a.cfg.SiteBases() {
		rt.mount(base, func(next vanity.Option) http.Handler {
			return a.note(vanity.GoproxyFunc(base, a.cfg.Resolve, join(site, next)...))
		})
	}
	for _, m := range a.cfg.Modules {
		rt.mount(m.Base, func(next vanity.Option) http.Handler {
			at := func(context.Context, string) (vanity.Config, error) { return m.Config(), nil }
			return a.note(vanity.Goproxy(m.Base, m.Config(), join(guarded(a.rules.module(at)), next)...))
		})
	}
	if f := a.cfg.Forge; f != nil {
		rt.mount(f.Base, func(next vanity.Option) http.Handler {
			opts := join(guarded(a.rules.forge(lookUp(a.forge.Resolve))), next)
			return once(a.note(vanity.GoproxyFunc(f.Base, lookUp(a.forge.Resolve), opts...)))
		})
	}
	if g := a.cfg.Gosub; g != nil {
		rt.mount(g.Base, func(next vanity.Option) http.Handler { return a.note(a.gosub(store, up, next)) })
	}
	if m := a.cfg.Mirror; m != nil {
		rt.mux.Handle(m.Base+"/", http.StripPrefix(m.Base, a.rules.guardMirrors(a.mirrors)))
	}
	if w := a.cfg.Webhook; w != nil {
		if a.pushes == nil {
			a.pushes = newPushes(a)
		}
		h := push.Handler(secrets(w), a.pushes.accept)
		rt.mux.Handle(w.Path, h)
		rt.mux.Handle(w.Path+"/{$}", h)
	}
	rt.mux.Handle("/", rt.root(a.pages(site)))
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
	a.all = append(a.all, h.(vanity.Refresher))
	return h
}

// gosub makes the handler for strangers. The server's credentials are for those alone whom the file names, or for what its owner
// has sealed.
func (a *App) gosub(store vanity.Option, up config.Upstream, next vanity.Option) http.Handler {
	g := a.cfg.Gosub
	if a.rules.gosub == nil && len(g.SealKeys) == 0 {
		up = config.Upstream{CallersRights: up.CallersRights}
	}
	opts := join(a.options(store, up), g.Options()...)
	if a.rules.gosub != nil || !a.rules.isOpen() {
		opts = append(opts, vanity.WithAuth(a.rules.stranger))
	}
	return vanity.Gosub(g.Base, append(opts, next)...)
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
