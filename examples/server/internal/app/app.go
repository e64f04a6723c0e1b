// Package app makes the server's handler from its configuration.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/metrics"
	"example.com/vanity/examples/server/internal/mirror"
	"example.com/vanity/examples/server/internal/origin"
)

// Options are what an App is made of besides its configuration.
type Options struct {
	Log     *slog.Logger
	Metrics *metrics.Metrics // nil for none
	Client  *http.Client     // that reaches git hosts, except for Gosub, whose own is guarded; nil for the default
	Stores  *Stores          // outlives the App
}

// An App answers all requests but those of the admin address. It is safe for concurrent use.
type App struct {
	Options
	cfg     *config.Config
	rules   *access
	handler http.Handler
	owner   http.Handler // the same modules for the server itself, whoever may have them else
	all     []vanity.Refresher
	forge   vanity.Forge
	mirrors *mirror.Mirrors // nil if there are none
	pushes  *pushes         // nil if nobody tells of any

	mirrored originals // by their address in pages
}

// New makes an App. It asks nothing of any host.
func New(ctx context.Context, cfg *config.Config, o Options) (*App, error) {
	a := &App{Options: o, cfg: cfg}
	if cfg.Forge != nil {
		a.forge = cfg.Forge.Forge()
	}
	store, shelf, err := o.Stores.open(ctx, cfg.Store, o)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := a.makeMirrors(shelf); err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	if site, _ := a.site(); cfg.HasSite() {
		if err := site.Validate(); err != nil {
			return nil, fmt.Errorf("mirror.public_url: %w", err)
		}
	}
	if err := config.Catch(func() { a.buildAll(store) }); err != nil {
		return nil, err
	}
	return a, nil
}

// buildAll makes the handlers: that for all, and that for who runs the server. Where callers' rights count it is the library that
// asks for them, and his must be another one.
func (a *App) buildAll(store vanity.Option) {
	a.rules = newAccess(a.cfg)
	a.handler = a.build(store, a.cfg.Upstream)
	a.owner = a.handler
	switch {
	case a.cfg.Upstream.CallersRights:
		a.owner = a.build(store, a.ownersUpstream())
	case !a.rules.isOpen():
		a.owner = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ownerKey{}, true)))
		})
	}
}

// ownersUpstream is what who runs the server reads repositories with: where callers' rights count, he is the caller.
func (a *App) ownersUpstream() config.Upstream {
	if a.cfg.Upstream.CallersRights {
		return config.Upstream{Netrc: true}
	}
	return a.cfg.Upstream
}

// ServeHTTP implements [http.Handler].
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Owner gives a handler of the same modules and pages for whom no rules hold: it must not be served to others.
func (a *App) Owner() http.Handler { return a.owner }

// Origin reads the repositories themselves, for who has configured them.
func (a *App) Origin() *origin.Reader {
	return origin.New(a.Client, credentials(a.ownersUpstream()))
}

// BaseOf gives the base of the GOPROXY that serves a module of the forge.
func (a *App) BaseOf(modulePath string) (base string, ok bool) {
	if a.cfg.Forge == nil {
		return "", false
	}
	if _, err := a.forge.Resolve(context.Background(), modulePath); err != nil {
		return "", false
	}
	return a.cfg.Forge.Base, true
}

// Run keeps mirrors up to date and does what pushes ask for, until ctx ends; what was promised to a git host by then is done
// first, for half a minute at most.
func (a *App) Run(ctx context.Context) error {
	if a.Metrics != nil {
		a.Metrics.ForgetMirrors() // of another configuration
	}
	done := make(chan struct{})
	if a.pushes != nil {
		go func() {
			defer close(done)
			a.pushes.run(ctx)
		}()
	} else {
		close(done)
	}
	var err error
	if a.mirrors != nil {
		lasting, stop := context.WithCancel(context.WithoutCancel(ctx)) // pushes want their mirrors refreshed
		defer stop()
		go func() {
			<-ctx.Done()
			<-done
			stop()
		}()
		go a.watchMirrors(lasting)
		err = a.mirrors.Run(lasting)
	}
	<-done
	return err
}

// Ready reports whether all is there that the first request may need: mirrors that are restored.
func (a *App) Ready() bool { return a.mirrors == nil || a.mirrors.Ready() }

// makeMirrors makes the mirrors of the file, if it names any.
func (a *App) makeMirrors(shelf mirror.Shelf) (err error) {
	m := a.cfg.Mirror
	if m == nil {
		return nil
	}
	a.mirrors, err = mirror.New(mirror.Options{
		Dir: m.Dir, Repositories: m.Repositories, Every: m.Refresh.Or(config.DefaultRefresh), Shelf: shelf,
		Credentials: credentials(a.cfg.Upstream), Client: a.Client, Log: a.Log,
	})
	return err
}

const watchEvery = 15 * time.Second

// watchMirrors tells the metrics how the mirrors are.
func (a *App) watchMirrors(ctx context.Context) {
	if a.Metrics == nil {
		return
	}
	for {
		for _, s := range a.mirrors.Status() {
			a.Metrics.Mirrored(s.Path, s.Refreshed, s.Saved, s.Size, errors.Join(s.Err, s.ShelfErr))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
		}
	}
}

// options are the library's that all handlers have in common.
func (a *App) options(store vanity.Option, up config.Upstream) []vanity.Option {
	opts := []vanity.Option{
		store, vanity.WithLogger(a.Log), vanity.WithFreshness(a.cfg.Freshness.Or(config.DefaultFresh)),
		vanity.WithObserver(a.observe),
	}
	if of := credentials(up); of != nil {
		opts = append(opts, vanity.WithCredentials(of))
	}
	if up.CallersRights {
		opts = append(opts, vanity.WithCallersRights())
	}
	return opts
}

// client is that which reaches git hosts, or their mirrors.
func (a *App) client() *http.Client {
	if a.mirrors == nil {
		return a.Client
	}
	client := http.Client{}
	if a.Client != nil {
		client = *a.Client
	}
	client.Transport = a.mirrors.Transport(transport(a.Client))
	return &client
}

// join puts two lists of options together, without a trace in the first.
func join(opts []vanity.Option, more ...vanity.Option) []vanity.Option {
	return append(opts[:len(opts):len(opts)], more...)
}

// trim gives a base as a pattern wants it.
func trim(base string) string { return strings.TrimSuffix(base, "/") }
