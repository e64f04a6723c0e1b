package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/mirror"
	"example.com/vanity/examples/server/internal/push"
)

// Bounds of what pushes set off.
const (
	maxPushes    = 256              // that wait
	pushWorkers  = 4                // at the same time
	pushTimeout  = 15 * time.Minute // for one
	drainTimeout = 30 * time.Second // for all that run and wait when the server ends
)

// pushes do what pushes ask for: refresh mirror and lists, warm the store for a new tag, and announce it.
type pushes struct {
	app   *App
	queue chan push.Push

	mu    sync.Mutex
	ended bool // run has
	late  int  // workers for what comes then
}

func newPushes(a *App) *pushes { return &pushes{app: a, queue: make(chan push.Push, maxPushes)} }

var (
	errTooMany = errors.New("too many pushes wait already")
	errEnds    = errors.New("the server ends, or its configuration was replaced, and this took too long")
)

// accept takes a push. It is the function of a [push.Handler]. What a request brings to a configuration that was replaced
// meanwhile is done apart, as what waited was: whoever takes it up goes on until nothing waits.
func (p *pushes) accept(_ context.Context, pushed push.Push) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.queue <- pushed:
	default:
		return errTooMany
	}
	if p.ended {
		p.log(pushed).Info("push: it came to a configuration that was just replaced, and is done apart")
		if p.late < pushWorkers {
			p.late++
			go p.doLate()
		}
	}
	return nil
}

// run works until ctx ends, and then does what runs and waits still, as far as there is time. What there isn't any for, it logs.
func (p *pushes) run(ctx context.Context) {
	lasting, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	drained := make(chan struct{})
	defer close(drained)
	go func() {
		<-ctx.Done()
		select {
		case <-time.After(drainTimeout):
			cancel(errEnds)
		case <-drained:
		}
	}()
	var workers sync.WaitGroup
	for range pushWorkers {
		workers.Go(func() {
			for {
				select {
				case pushed := <-p.queue:
					p.do(lasting, pushed)
				case <-ctx.Done():
					p.drain(lasting)
					return
				}
			}
		})
	}
	workers.Wait()
	for !p.end() {
		p.drain(lasting)
	}
}

// end says that nobody takes from the queue any more, unless something is in it.
func (p *pushes) end() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = len(p.queue) == 0
	return p.ended
}

// drain does what waits, until ctx ends: then it is dropped.
func (p *pushes) drain(ctx context.Context) {
	for {
		select {
		case pushed := <-p.queue:
			p.do(ctx, pushed)
		default:
			return
		}
	}
}

// doLate does what comes when run has ended.
func (p *pushes) doLate() {
	ctx, cancel := context.WithTimeoutCause(context.Background(), drainTimeout, errEnds)
	defer cancel()
	for {
		p.drain(ctx)
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.late--
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
	}
}

func (p *pushes) log(pushed push.Push) *slog.Logger {
	return p.app.Log.With("repository", strings.Join(pushed.Repositories, " "), "tag", pushed.Tag, "branch", pushed.Branch)
}

// do is for one push. Once ctx has ended it only says that it isn't done.
func (p *pushes) do(ctx context.Context, pushed push.Push) {
	began := time.Now()
	lasting, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	a, log := p.app, p.log(pushed)
	served, known, err := a.follow(lasting, pushed)
	if ctx.Err() != nil && (err != nil || !known) {
		known, err = true, errors.Join(context.Cause(ctx), err)
	}
	if !known {
		log.Info("push: none of this server's modules is kept there")
		return
	}
	if a.Metrics != nil {
		a.Metrics.Pushed(err)
	}
	switch seconds := time.Since(began).Seconds(); {
	case err != nil && ctx.Err() != nil:
		log.Warn("push: dropped", "err", err, "seconds", seconds)
	case err != nil:
		log.Warn("push: not all could be done", "err", err, "seconds", seconds)
	default:
		log.Info("push: done", "versions", names(served), "seconds", seconds)
	}
}

// follow does all that a push asks for. It gives the versions that were found to be served, and whether the repository is known at all.
func (a *App) follow(ctx context.Context, pushed push.Push) (served []release, known bool, err error) {
	urls := a.repositories(ctx, pushed)
	if len(urls) == 0 || ctx.Err() != nil {
		return nil, false, nil
	}
	err = a.refresh(ctx, urls)
	if hook := a.cfg.Webhook; pushed.Tag != "" && !pushed.Deleted && (hook.Warm || hook.Notify != "") {
		served, e := a.serve(ctx, a.released(pushed))
		err = errors.Join(err, e)
		if hook.Notify != "" {
			err = errors.Join(err, a.announce(ctx, served))
		}
		return served, true, err
	}
	return nil, true, err
}

func names(all []release) (names []string) {
	for _, r := range all {
		names = append(names, r.String())
	}
	return names
}

// repositories gives the URLs by which the configuration names what was pushed to.
func (a *App) repositories(ctx context.Context, pushed push.Push) (urls []string) {
	for _, name := range pushed.Repositories {
		urls = append(urls, a.cfg.URLsOf(name)...)
		if a.cfg.Forge != nil {
			if at, err := a.forge.Resolve(ctx, name); err == nil {
				urls = append(urls, at.URL)
			}
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// refresh has mirrors and lists made anew. Mirrors go first: they stand in for the host when it fails.
func (a *App) refresh(ctx context.Context, urls []string) (err error) {
	for _, u := range urls {
		if a.mirrors != nil {
			if _, ok := a.mirrors.Path(u); ok {
				if e := a.mirrors.Refresh(ctx, u); e != nil && !errors.Is(e, mirror.ErrStopped) {
					err = errors.Join(err, e)
				}
			}
		}
		for _, name := range append(a.mirrored.at(u), u) {
			for _, h := range a.all {
				h.Refresh(name)
			}
		}
	}
	return err
}

// A release is a version of a module, and the base of the proxy that serves it here.
type release struct {
	module.Version
	base  string
	at    vanity.Config // where it is kept
	plain bool          // the go command fetches it from there itself, and nobody serves it here
}

// released gives what a tag that was pushed may be a version of: releases of which at most one is there, the likelier first.
func (a *App) released(pushed push.Push) (all [][]release) {
	add := func(names []module.Version, resolve config.Resolver, base func(path string) string, plain bool) {
		var group []release
		for _, v := range names {
			if at, err := resolve(context.Background(), v.Path); err == nil { // it has just been found there
				group = append(group, release{v, base(v.Path), at, plain})
			}
		}
		if len(group) > 0 && !slices.ContainsFunc(all, func(g []release) bool { return slices.Equal(g, group) }) {
			all = append(all, group)
		}
	}
	fixed := func(base string) func(string) string { return func(string) string { return base } }
	for _, name := range pushed.Repositories {
		for _, names := range a.cfg.Released(name, pushed.Tag) {
			add(names, a.cfg.Resolve, a.cfg.BaseOf, false)
		}
		for _, m := range a.cfg.Modules {
			one := func(context.Context, string) (vanity.Config, error) { return m.Config(), nil }
			add(m.Released(name, pushed.Tag), one, fixed(m.Base), false)
		}
		if a.cfg.Forge != nil {
			add(config.ReleasedBy(a.forge.Resolve, name, pushed.Tag), a.forge.Resolve, fixed(a.cfg.Forge.Base), false)
		}
		if a.cfg.Webhook.Notify != "" {
			for _, names := range a.cfg.ReleasedPlain(name, pushed.Tag) {
				add(names, a.cfg.ResolvePlain, fixed(""), true)
			}
		}
	}
	return all
}

// serve finds out which releases are there, and asks for all of them if they are to be stored. What it gives is served.
func (a *App) serve(ctx context.Context, all [][]release) (served []release, err error) {
	for _, group := range all {
		plain := group[0].plain
		if (plain || !a.cfg.Webhook.Warm) && !a.isPublic(group[0]) {
			continue // nobody wants to know
		}
		r, e := a.find(ctx, group)
		if e == nil && a.cfg.Webhook.Warm && !plain {
			e = a.get(ctx, r, "mod", "zip")
		}
		switch {
		case plain && fetch.IsAbsent(e): // that there is something to be had from elsewhere was a guess
			a.Log.Info("push: not announced, because not everybody can fetch it", "version", r.String(), "err", e)
		case e != nil:
			err = errors.Join(err, fmt.Errorf("%v: %w", r.Version, e))
		case !slices.Contains(served, r):
			served = append(served, r)
		}
	}
	return served, err
}

// find gives the one that is there. If none is, the error says what is wrong with the first.
func (a *App) find(ctx context.Context, group []release) (r release, err error) {
	for _, r := range group {
		e := a.get(ctx, r, "info")
		if e == nil {
			return r, nil
		}
		err = cmp.Or(err, e)
		if !fetch.IsAbsent(e) {
			return r, e
		}
	}
	return group[0], err
}

// get has files of a version made, as the commands do, and waits for a git host that wants it.
func (a *App) get(ctx context.Context, r release, kinds ...string) error {
	s := &fetch.Server{Handler: a.handlerOf(r), Host: a.cfg.Host}
	ctx = context.WithValue(ctx, ownKey{}, true)
	for _, kind := range kinds {
		file, err := fetch.File(r.Version.Version, kind)
		if err == nil {
			_, err = s.Make(ctx, fetch.Module{Path: r.Path, Base: r.base}, file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// handlerOf gives the handler to ask for a release. What the go command fetches by itself is read as everybody reads it, without
// the server's credentials and mirrors: for whom that isn't enough, it is private.
func (a *App) handlerOf(r release) http.Handler {
	if !r.plain {
		return a.owner
	}
	return vanity.Goproxy("/", r.at, vanity.WithLogger(a.Log), vanity.WithClient(a.Client))
}

// ownKey marks the server's own requests, which are nobody's downloads.
type ownKey struct{}

// announce asks the public module mirror for versions that everybody may have.
func (a *App) announce(ctx context.Context, served []release) (err error) {
	announcer := push.Announcer{Mirror: a.cfg.Webhook.Notify}
	seen := make(map[module.Version]bool)
	for _, r := range served {
		if !a.isPublic(r) || seen[r.Version] {
			continue // it is nobody else's affair that there is such a module
		}
		seen[r.Version] = true
		if e := announcer.Announce(ctx, r.Path, r.Version.Version); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}

// isPublic reports whether everybody may have a release.
func (a *App) isPublic(r release) bool {
	return a.rules.isPublic(context.Background(), r.Path, r.at)
}
