package vanity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/admission"
	"example.com/vanity/internal/bounds"
	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/check"
	"example.com/vanity/internal/discovery"
	"example.com/vanity/internal/forge"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
	"example.com/vanity/internal/recent"
	"example.com/vanity/internal/reply"
)

// Goproxy returns a handler that answers the GOPROXY protocol (https://go.dev/ref/mod#goproxy-protocol) below base for the
// one module that cfg describes, straight from its git repository. A go-import tag with the word "mod" leads the go command
// there (see [Meta]), or the variable GOPROXY does.
//
//	mux.Handle("/go/", vanity.Goproxy("/go", vanity.Config{
//		URL:       "https://github.com/acme/mono",
//		Module:    "go.acme.dev/tool",
//		Directory: "libs/tool",
//		Tags:      "tool-*",
//	}))
//
// The base is the path below which the handler is mounted: a path such as "/go", or "" or "/" for the root of a server and
// behind [http.StripPrefix]. See "Mounting" in the package comment.
//
// # What is served
//
// If cfg.Module is set, that path is served, and those of its major versions ("/v2" and so on). If it is empty, a path is
// served if the go.mod of the version asked for declares it; for lists and "latest", that of the highest version. For any
// other path the answer is 404.
//
// If cfg.Directory is set, cfg.Tags is empty, and the repository has tags such as "DIR/v1.2.3", nothing is served until
// cfg.Tags says "DIR/v*" or "v*". The wrong guess would be a wrong checksum for ever.
//
// A path that is outside the base, or neither holds "/@v/" nor ends in "/@latest", is left to the handler of [WithNext].
// Everything else is answered here: see "Answers" in the package comment.
//
// # Panics
//
// Goproxy panics with the error of [Config.Validate] if there is one, as [http.ServeMux.Handle] does over a pattern. It
// panics on a malformed base, on an option that it can't enforce ([WithHosts], [WithSeal]), and for a repository on this
// machine on [WithCallersRights]. It makes no request. The handler is safe for concurrent use, and is a [Refresher].
func Goproxy(base string, cfg Config, opts ...Option) http.Handler {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	if check.Local(cfg.URL) && applyOptions(opts).callers {
		panic(fmt.Errorf("vanity: Goproxy: WithCallersRights can't be enforced for a repository on this machine, %s: it has no host to ask", check.Quote(cfg.URL)))
	}
	h := goproxyFunc("Goproxy", base, opts)
	h.home = h.modules.newHome(cfg)
	return h
}

// GoproxyFunc is [Goproxy] for any number of modules: resolve says where the module of a path is kept. [Site.Resolve] and
// [Forge.Resolve] are such functions.
//
//	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
//
// The function resolve is called for each request, before the repository or the store is asked for anything, so it should
// be quick. It must be safe for concurrent use. Its context is the request's. The module path is well-formed
// ([module.CheckPath]), and may end in a major version ("/v2"). The [Config] that it returns may be for that and other
// major versions. If Config.Module is empty, the path is served if go.mod declares it.
//
// If errors.Is(err, fs.ErrNotExist) holds for its error, the module is not served here. The answer is 404, so that the go
// command asks the next entry of GOPROXY. Any other error, and a Config that is not valid, is answered with 500 and logged.
// No error's text gets into an answer.
//
// GoproxyFunc panics if resolve is nil, on a malformed base, and on an option that it can't enforce ([WithHosts],
// [WithSeal]). It makes no request. The handler is safe for concurrent use, and is a [Refresher].
func GoproxyFunc(base string, resolve func(ctx context.Context, modulePath string) (Config, error), opts ...Option) http.Handler {
	if resolve == nil {
		panic(errors.New("vanity: GoproxyFunc: resolve is nil"))
	}
	h := goproxyFunc("GoproxyFunc", base, opts)
	h.resolve = resolve
	return h
}

// A Forge is a directory tree of bare git repositories, as a forge has them on its disk. With [Forge.Resolve],
// [GoproxyFunc] serves the modules of all of them, straight from the repositories:
//
//	forge := vanity.Forge{Host: "git.acme.dev", Dir: "/srv/git"}
//	mux.Handle("/registry/go/", vanity.GoproxyFunc("/registry/go", forge.Resolve))
//
// With
//
//	GOPROXY=https://git.acme.dev/registry/go,https://proxy.golang.org
//
// the go command gets the forge's modules from there, by the paths and with the checksums that they have without a proxy,
// and all others from the next entry.
//
// The zero value is not valid: see [Forge.Validate].
type Forge struct {
	// Host is the host name that the module paths begin with, and may carry a path: "git.acme.dev",
	// "acme.dev/git". Its syntax is that of [Site].Host. It is required.
	Host string

	// Dir is the absolute path of the directory. The repository of HOST/OWNER/REPO is
	// Dir/OWNER/REPO.git or Dir/OWNER/REPO, at any depth. It is required.
	Dir string

	// Mirrors says that a mirror is served under the path of what it mirrors as well: one of
	// https://github.com/x/y as github.com/x/y. If false, it is served only below Host.
	//
	// A mirror is a repository whose configuration has fetches from remote.origin.url overwrite its
	// branches (remote.origin.fetch is +refs/*:refs/* or +refs/heads/*:refs/heads/*), as "git clone
	// --mirror" makes it.
	Mirrors bool
}

// Validate returns nil if f is valid, and otherwise one error that names every fault, each on a line of its own that begins
// with "vanity: forge: " and the field. It doesn't look whether the directory is there. It is safe for concurrent use.
func (f Forge) Validate() error {
	var faults check.Faults
	_, found := f.site().Check()
	for _, fault := range found {
		faults.Add("Host", fault.Reason)
	}
	if f.Dir == "" || !filepath.IsAbs(f.Dir) {
		faults.Add("Dir", check.Quote(f.Dir)+" is not an absolute path")
	}
	for _, reason := range check.Text(f.Dir) {
		faults.Add("Dir", reason)
	}
	return faults.Err("vanity: forge: ")
}

func (f Forge) site() discovery.Site { return discovery.Site{Host: strings.TrimSuffix(f.Host, "/")} }

// Resolve returns where the module of a path is kept, for [GoproxyFunc].
//
// The repository is the one with the longest path that the module path begins with. The rest of the module path is the
// directory, by the go command's rule: the versions of HOST/OWNER/REPO/sub/v2 have the tags sub/v2.0.0 and so on, and its
// go.mod is in sub or in sub/v2. A repository's path may end in ".git". Upper and lower case must be as on the disk. The
// URL of the [Config] is the path of the repository, Dir and what is below, whatever name led there: let a function for
// [WithAuth] decide by that.
//
// Resolve doesn't look whether the repository has such a module. The error satisfies errors.Is(err, fs.ErrNotExist) if no
// repository is found. Other errors say that f is not valid, that ctx has ended, or that this process can't look into a
// directory. Resolve is safe for concurrent use.
//
// Nothing outside Dir is found, as symbolic links are not followed, except that Dir may be one. Nothing is found inside a
// repository, inside a work tree or its .git, or below a name that begins with a dot. Repositories that belong to another
// user may be refused by git itself (safe.directory in git-config(1)).
//
// # Mirrors
//
// A mirror's URL must be https, http, ssh or git, at the usual port, or USER@HOST:PATH. It is read from the file config
// alone, without its includes, and is never shown. A mirror never answers for a path at Host or below, whatever its URL
// says.
//
// If several repositories mirror the same one, the one whose path comes first in the order of bytes answers. Where users
// can make mirrors, answer those who may not read that one with 404, as if it were not there.
//
// All mirrors are looked up at once, for the first path that is not below Host, which takes about a second and 2 MB for
// 10,000 repositories. The result holds for a minute, or for 20 times as long as it took if that is more. While it is made
// anew, other callers get the old one. So a new mirror is found after that time at the latest. A repository that is no
// longer a mirror is not found from that moment on. What is below Host is looked up each time, by a few system calls for
// each element of the path.
func (f Forge) Resolve(ctx context.Context, modulePath string) (Config, error) {
	if err := f.Validate(); err != nil {
		return Config{}, err
	}
	cfg, err := f.config(ctx, modulePath)
	switch {
	case err == nil:
		return cfg, nil
	case errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil:
		return Config{}, fmt.Errorf("vanity: forge: no module %s: %w", check.Quote(modulePath), err)
	}
	return Config{}, fmt.Errorf("vanity: forge: module %s: %v", check.Quote(modulePath), err) // which is nobody's lack of rights
}

func (f Forge) config(ctx context.Context, modPath string) (Config, error) {
	if len(modPath) > maxField || module.CheckPath(modPath) != nil {
		return Config{}, fs.ErrNotExist
	}
	var repo, root string
	err := fs.ErrNotExist
	if rest, ok := f.site().Cut(modPath); ok {
		repo, root, err = forge.Find(f.Dir, rest)
		root = modPath[:len(modPath)-len(rest)+len(root)]
	} else if f.Mirrors {
		repo, root, err = forge.MirrorsIn(f.Dir).Find(ctx, modPath)
	}
	if err != nil {
		return Config{}, err
	}
	cfg := Config{URL: repo, Module: root, Tags: "v*"}
	ok := serves(root, modPath)
	if !ok {
		cfg, ok = cfg.nested(modPath)
	}
	if !ok || len(cfg.problems()) > 0 {
		return Config{}, fs.ErrNotExist
	}
	return cfg, nil
}

func goproxyFunc(constructor, base string, opts []Option) *handler {
	o := applyOptions(opts)
	o.refuse(constructor)
	h := newHandler(constructor, base, o, &git.Client{HTTP: o.httpClient()})
	h.cut = func(r *http.Request) (string, bool) { return cutBase(r.URL.Path, h.base) }
	h.read = func(rest string) route { return route{path: rest} }
	return h
}

// A handler answers the GOPROXY protocol for whatever a request, its owner or a resolver names.
type handler struct {
	*options
	base    string
	cut     func(*http.Request) (rest string, ok bool) // cuts the base off; false: not ours
	read    func(rest string) route                    // reads what follows the base; the same is always read in the same way
	home    *home                                      // of all modules, if it is one
	resolve func(ctx context.Context, modPath string) (Config, error)
	modules *modules
	routes  *recent.Cache[string, *route] // of what follows the base, in good order
	fresh   string                        // Cache-Control of what doesn't stay what it is
}

// A route says which file of the protocol a request is for, and as far as it says that itself, where its module is kept.
type route struct {
	path       string // module path and what follows, without percent-escapes
	repository string // that callers name themselves, else ""
	config     Config // if callers say it themselves
	home       *home  // of config; nil if callers don't say it
	err        error  // what is wrong with all that stands before the path

	req       modproxy.Request // what the path says
	malformed error            // what is wrong with it
}

const (
	makeTimeout = 10 * time.Minute // for one answer
	briefly     = time.Minute      // for which others may remember that there is no such thing

	rememberedBits = bounds.Remembered // of the number of routes that a handler remembers, and of Configs
	rememberedSize = 1024              // bytes of the longest of them
)

func newHandler(constructor, base string, o *options, client *git.Client) *handler {
	clean, err := cleanBase(base)
	if err != nil {
		panic(fmt.Errorf("vanity: %s: %w", constructor, err))
	}
	return &handler{
		options: o, base: clean, modules: newModules(o, client),
		routes: recent.New[string, *route](rememberedBits), fresh: reply.For(o.freshness),
	}
}

// cleanBase gives a base without a slash at its end.
func cleanBase(base string) (string, error) {
	if base == "" || base == "/" {
		return "", nil
	}
	clean := strings.TrimSuffix(base, "/")
	if !strings.HasPrefix(base, "/") {
		return "", fmt.Errorf(`base %q must begin with a slash, or be empty for the root`, base)
	}
	for elem := range strings.SplitSeq(clean[1:], "/") {
		if elem == "" || elem == "." || elem == ".." || strings.ContainsAny(elem, "{}?#%\\") {
			return "", fmt.Errorf("base %q must be a path as a request has it: without empty, \".\" and \"..\" elements, wildcards, escapes or a query", base)
		}
	}
	return clean, nil
}

// cutBase cuts the base off a path, at a segment's boundary, with the slash that follows.
func cutBase(path, base string) (string, bool) {
	rest, ok := strings.CutPrefix(path, base)
	if !ok {
		return "", false
	}
	return strings.CutPrefix(rest, "/")
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := h.cut(r)
	h.serve(w, r, rest, ok)
}

// serve decides whose a request is, whose path has rest behind the base, if it has that.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, rest string, ok bool) {
	var rt *route
	if ok {
		rt, ok = h.route(rest)
	}
	switch {
	case h.isProbe(r, h.base):
		h.serveProbe(w, r)
		return
	case !ok:
		h.next.ServeHTTP(w, r)
		return
	case h.observer != nil:
		h.serveObserved(w, r, rt)
		return
	}
	h.serveRoute(w, r, rt)
}

func (h *handler) serveObserved(w http.ResponseWriter, r *http.Request, rt *route) {
	e := Event{Module: rt.req.Path, Version: rt.req.Version, Repository: rt.repository}
	if e.Module != "" {
		e.Kind = kinds[rt.req.Kind]
	}
	h.observe(w, r, e, func(w http.ResponseWriter) (string, error) { return h.serveRoute(w, r, rt) })
}

// kinds are the words for the files of the protocol.
var kinds = [...]string{modproxy.List: "list", modproxy.Latest: "latest", modproxy.Info: "info", modproxy.Mod: "mod", modproxy.Zip: "zip"}

// serveRoute answers a request of the protocol, and says where the answer comes from, or why there is none.
func (h *handler) serveRoute(w http.ResponseWriter, r *http.Request, rt *route) (from string, err error) {
	rp, err := h.answer(r, rt)
	if err != nil {
		rp = errorReply(err, h.modules.named || h.isGuarded()) // who may not know of the repository has met another error before
		if rp.CacheControl == reply.Brief {
			rp.CacheControl = reply.For(min(h.freshness, briefly))
		}
		h.report(r, rp.Status, err)
	}
	h.guarded(rp).Write(w, r)
	return rp.From, err
}

// route reads what follows the base; false if it is nothing of the protocol. What reads well is remembered, by a copy: the
// string that the path is a part of may be longer.
func (h *handler) route(rest string) (*route, bool) {
	if rt, ok := h.routes.Get(rest); ok {
		return rt, true
	}
	isShort := len(rest) <= rememberedSize
	if isShort {
		rest = strings.Clone(rest)
	}
	rt := h.read(rest)
	if !modproxy.Is("/" + rt.path) {
		return nil, false
	}
	rt.req, rt.malformed = modproxy.Parse(rt.path)
	if rt.err != nil || rt.malformed != nil {
		return &rt, true
	}
	if rt.home = h.home; rt.repository != "" {
		rt.home = h.modules.newHome(rt.config)
	}
	if isShort {
		h.routes.Put(rest, &rt)
	}
	return &rt, true
}

// answer makes a reply, or says why there is none.
func (h *handler) answer(r *http.Request, rt *route) (reply.Reply, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return reply.MethodNotAllowed(), nil
	}
	if denied := h.authorize(r, rt.req.Path, rt.repository); denied != nil {
		return reply.Reply{}, &requestError{subject(rt.req), denied}
	}
	if err := cmp.Or(rt.err, rt.malformed); err != nil {
		return reply.Reply{}, &modrepo.Error{Reason: err.Error()}
	}
	home, err := h.homeOf(r.Context(), rt)
	if err != nil {
		return reply.Reply{}, &requestError{subject(rt.req), resolveError(r.Context(), err)}
	}
	if !serves(home.Module, rt.req.Path) {
		return reply.Reply{}, &requestError{subject(rt.req), errNotServed}
	}
	ctx, err := h.modules.admit(r, home, rt.req.Path)
	if err != nil {
		return reply.Reply{}, &requestError{subject(rt.req), err}
	}
	m := home.module(rt.req.Path)
	if v := r.Header["Disable-Module-Fetch"]; len(v) > 0 {
		m.StoredOnly, _ = strconv.ParseBool(v[0])
	}
	held, content, ok := h.modules.store.Ready(ctx, &m, rt.req.Kind, rt.path)
	if !ok {
		content, err = h.modules.store.File(ctx, m, rt.req)
	}
	if err != nil {
		return reply.Reply{}, &requestError{subject(rt.req), h.modules.refused(err)}
	}
	rp := h.success(rt.req.Kind, held, content)
	if rt.req.Kind == modproxy.List && rp.Length == "0" && !h.modules.named {
		h.warnEmpty(ctx, home.Config, rt.req.Path)
	}
	return rp, nil
}

// success is the answer that has a file: a content, or if there is none, what is held.
func (h *handler) success(kind modproxy.Kind, held modstore.Held, c *modstore.Content) reply.Reply {
	rp := reply.Reply{Status: http.StatusOK, ContentType: contentTypes[kind], CacheControl: h.fresh}
	isFixed := held.Fixed
	if c == nil {
		rp.Data, rp.ETag, rp.Length, rp.From = held.Data, held.ETag, held.Length, modstore.FromMemory
	} else {
		rp.Body, rp.ETag, rp.Length, rp.Close, rp.From = c.ReadSeeker, c.ETag(), c.Length(), c.Close, c.From
		isFixed = c.Fixed
	}
	switch {
	case isFixed:
		rp.CacheControl = reply.Immutable
	case c != nil && c.Stale:
		rp.CacheControl = reply.Stale
	}
	return rp
}

// warnEmpty tells the owner that a list is empty, and why. Anybody can ask for majors that nobody made.
func (h *handler) warnEmpty(ctx context.Context, cfg Config, modPath string) {
	if _, major, _ := module.SplitPathVersion(modPath); major == "" {
		h.log().WarnContext(ctx, "vanity: no tag fits the pattern, so that the module has no versions but pseudo-versions", "module", modPath, "tags", cmp.Or(cfg.Tags, "v*"))
	}
}

// homeOf gives the home of a route's module. A resolver is asked each time, but what it says is looked at once.
func (h *handler) homeOf(ctx context.Context, rt *route) (*home, error) {
	if rt.home != nil {
		return rt.home, nil
	}
	cfg, err := h.resolve(ctx, rt.req.Path)
	if err != nil {
		return nil, err
	}
	return h.modules.validHome(cfg)
}

var contentTypes = [...]string{
	modproxy.List: reply.Text, modproxy.Latest: reply.JSON, modproxy.Info: reply.JSON, modproxy.Mod: reply.Text, modproxy.Zip: reply.Zip,
}

// errNotServed is for all modules that are not there, and for those of which nobody must know that they are.
var errNotServed = &modrepo.Error{Reason: "no such module is served here"}

// resolveError tells what a resolver doesn't know from its failures, which are nobody else's, whatever is wrapped.
func resolveError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return errNotServed
	}
	return fmt.Errorf("resolving: %v", err)
}

// serves reports whether a module path is the configured one, or one of its major versions.
func serves(configured, modPath string) bool {
	if configured == "" || configured == modPath {
		return true
	}
	if _, major, _ := module.SplitPathVersion(configured); major != "" {
		return false
	}
	prefix, major, ok := module.SplitPathVersion(modPath)
	return ok && prefix == configured && strings.HasPrefix(major, "/")
}

// subject is what messages say a request was for.
func subject(req modproxy.Request) string {
	switch {
	case req.Path == "":
		return "malformed request"
	case req.Version == "":
		return req.Path
	}
	return req.Path + "@" + req.Version
}

// modules are what a handler has modules from: the store, and the repositories behind it.
type modules struct {
	store   *modstore.Store
	sources sources
	named   bool            // callers name the repository themselves: messages may, too
	gate    *admission.Gate // nil if callers' own rights don't matter
	homes   *recent.Cache[Config, *home]
}

func newModules(o *options, client *git.Client) *modules {
	client.Credentials = o.credentials
	stores := modstore.Options{Backing: o.backing, Fresh: o.freshness, Timeout: makeTimeout, Log: o.log}
	if o.auth == nil {
		client.Private = func(repo string) {
			o.log().Warn("vanity: a private repository is served to everybody: WithCredentials is given, but not WithAuth", "repository", repo)
		}
	}
	m := new(modules)
	if o.observer != nil {
		stores.Observe = func(ctx context.Context, f modstore.Fetch) { o.observeFetch(ctx, f, m.refused(f.Err)) }
	}
	*m = modules{
		store:   modstore.New(stores),
		sources: sources{client: client, fresh: o.freshness},
		homes:   recent.New[Config, *home](rememberedBits),
	}
	if o.callers {
		m.gate = new(admission.Gate)
	}
	return m
}

// A Refresher can be told that a repository has changed, so that nobody has to wait for [WithFreshness]. Each handler of
// this package is one. Call it from the webhook of the repository's host, for example:
//
//	handler.(vanity.Refresher).Refresh("https://github.com/acme/mono")
type Refresher interface {
	// Refresh takes the URL of the repository, in any form that [Config].URL may have. It makes no
	// request. The next who ask for what may have changed get it anew, or the old answer if the
	// host fails. The versions that were served stay what they are. An unknown URL has no effect.
	// Refresh is safe for concurrent use, also while requests are answered.
	Refresh(repository string)
}

// Refresh implements [Refresher].
func (h *handler) Refresh(repository string) { h.modules.refresh(repository) }

func (m *modules) refresh(repository string) {
	canonicalURL := Config{URL: repository}.canonical().URL
	m.sources.forget(canonicalURL)
	m.store.Outdate(canonicalURL)
}

// admit asks the repository's host whether it lets in the caller, who wants something of a module, if that is what counts. The
// context that it gives carries his credentials there.
func (m *modules) admit(r *http.Request, at *home, modPath string) (context.Context, error) {
	if m.gate == nil {
		return r.Context(), nil
	}
	if check.Local(at.URL) {
		return nil, errors.New("WithCallersRights: a repository on this machine has no host to ask")
	}
	credentials := r.Header.Get("Authorization")
	ctx := git.WithAuthorization(r.Context(), credentials)
	err := m.gate.Admit(ctx, credentials, at.canonicalURL, func(ctx context.Context, wasIn bool) error {
		of := at.module(modPath)
		return m.store.Ask(ctx, &of, !wasIn, m.sources.source(at.Config).Repo.(*git.Repo).Admit)
	}, func(err error) bool {
		var host *git.Error
		return errors.As(err, &host) && (host.Kind == git.Denied || host.Kind == git.Forbidden || host.Kind == git.NoRepository)
	})
	return ctx, m.refused(err)
}

// refused says of a host's refusal that it is the caller's affair, if his own rights are what counts. That what was served
// before is hidden now says then that he has lost his.
func (m *modules) refused(err error) error {
	var vanished *modstore.VanishedError
	var host *git.Error
	if m.gate == nil {
		return err
	}
	if errors.As(err, &vanished) {
		err = vanished.Err
	}
	switch {
	case !errors.As(err, &host):
	case host.Kind == git.Denied:
		return &accessError{status: http.StatusUnauthorized, host: true, err: err}
	case host.Kind == git.Forbidden:
		return &accessError{status: http.StatusForbidden, host: true, err: err}
	}
	return err
}

// An accessError says that a caller may not have what he asks for.
type accessError struct {
	status int  // 401 or 403
	host   bool // it is the repository's host that says so
	err    error
}

func (e *accessError) Error() string { return e.err.Error() }

func (e *accessError) reply(text string) reply.Reply {
	whose, who := "", "the owner of the module"
	if e.host {
		whose, who = ": those for the git host where the module is", "the owner of its repository"
	}
	if e.status == http.StatusForbidden {
		return reply.Message(e.status, reply.Private, "forbidden: %syour credentials do not allow it; ask %s for the right to read it", text, who)
	}
	rp := reply.Message(e.status, reply.Private, "unauthorized: %scredentials are needed, or others than these%s; the go command sends what .netrc has for this server, or what GOAUTH gives (see go help goauth)", text, whose)
	rp.Authenticate = `Basic realm="Go modules", charset="UTF-8"`
	return rp
}

// authorize asks the owner whether a caller may have a module.
func (o *options) authorize(r *http.Request, modPath, repository string) error {
	if o.auth == nil {
		return nil
	}
	err := o.auth(r, modPath, repository)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnauthorized):
		return &accessError{status: http.StatusUnauthorized, err: err}
	case errors.Is(err, fs.ErrPermission):
		return &accessError{status: http.StatusForbidden, err: err}
	case r.Context().Err() != nil:
		return r.Context().Err()
	case errors.Is(err, fs.ErrNotExist):
		return errNotServed
	}
	return fmt.Errorf("authorizing: %v", err) // it is nobody else's failure, whatever is wrapped
}

// isGuarded reports whether what is answered depends on who asks.
func (o *options) isGuarded() bool { return o.auth != nil || o.callers }

// guarded has an answer kept by nobody if it depends on who asks.
func (o *options) guarded(rp reply.Reply) reply.Reply {
	if o.isGuarded() {
		rp.CacheControl, rp.Vary = reply.Private, "Authorization"
	}
	return rp
}

// isProbe reports whether a request is the one by which the go command finds out whether git's credentials are any good
// (cmd/go/internal/auth, gitauth.go): HEAD for the prefix that they are for. It wants 200 or 401.
func (o *options) isProbe(r *http.Request, path string) bool {
	return o.auth != nil && r.Method == http.MethodHead && r.Header.Get("Authorization") != "" && strings.TrimSuffix(r.URL.Path, "/") == path &&
		!(o.hasNext && path == "")
}

func (o *options) serveProbe(w http.ResponseWriter, r *http.Request) {
	o.observe(w, r, Event{Kind: "probe"}, func(w http.ResponseWriter) (string, error) { return "", o.probe(w, r) })
}

func (o *options) probe(w http.ResponseWriter, r *http.Request) error {
	rp := reply.Bytes(reply.Text, reply.Private, nil)
	err := o.authorize(r, "", "")
	if err != nil {
		rp = errorReply(err, false)
	}
	if rp.Status == http.StatusInternalServerError {
		o.logFailure(r, slog.LevelError, rp.Status, err)
	}
	o.guarded(rp).Write(w, r)
	return err
}

// A home is where a module is kept: a valid Config, and what follows from it.
type home struct {
	Config
	canonicalURL string
	host         string
	prefix       string // of names in the store
	at           func(directory, modPath string) (*modrepo.Module, error)
}

func (m *modules) newHome(cfg Config) *home {
	return &home{
		Config: cfg, canonicalURL: cfg.canonical().URL, host: hostOf(cfg), prefix: m.storePrefix(cfg),
		at: func(directory, modPath string) (*modrepo.Module, error) {
			at := cfg
			at.Directory = directory
			return m.sources.module(at, modPath)
		},
	}
}

// validHome is newHome for a Config that may not be valid. What was valid lately is so still.
func (m *modules) validHome(cfg Config) (*home, error) {
	if at, ok := m.homes.Get(cfg); ok {
		return at, nil
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(cfg.URL)+len(cfg.Module)+len(cfg.Directory)+len(cfg.Tags) > rememberedSize {
		return m.newHome(cfg), nil
	}
	for _, field := range []*string{&cfg.URL, &cfg.Module, &cfg.Directory, &cfg.Tags} {
		*field = strings.Clone(*field)
	}
	at := m.newHome(cfg)
	m.homes.Put(cfg, at)
	return at, nil
}

// module says what is stored under which names, and where it comes from.
func (at *home) module(modPath string) modstore.Module {
	return modstore.Module{Path: modPath, Prefix: at.prefix, Host: at.host, Repository: at.canonicalURL, Directory: strings.TrimSuffix(at.Directory, "/"), At: at.at}
}

// storePrefix keeps apart what must not answer for one another. A module whose path the owner has configured needs no
// more than that path. Else it is whoever wrote the repository's go.mod who says the path, or a stranger. A module path
// begins with an element that has a dot, which no prefix has.
func (m *modules) storePrefix(cfg Config) string {
	kind := "goproxy"
	switch {
	case m.named:
		kind = "gosub"
	case cfg.Module != "":
		return ""
	}
	c := cfg.canonical()
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", c.URL, c.Directory, c.Tags, c.Module))
	return fmt.Sprintf("%s/%x/", kind, sum)
}

// hostOf is the host of the repository, or the repository on this machine.
func hostOf(cfg Config) string {
	if u, err := url.Parse(cfg.URL); err == nil && u.Host != "" {
		return strings.ToLower(u.Host)
	}
	return cfg.URL
}

// sources remembers repositories, for what they have learned of themselves.
type sources struct {
	client *git.Client
	named  bool // who names a repository himself is taken at his word
	fresh  time.Duration

	mu sync.Mutex
	m  map[Config]*modrepo.Source
}

// maxSources bounds what strangers can make us remember.
const maxSources = 256

func (s *sources) module(cfg Config, modPath string) (*modrepo.Module, error) {
	return s.source(cfg).Module(modPath, cfg.Module == "")
}

// forgetOne makes room, at random: a new one must not cost all others what they have learned.
func (s *sources) forgetOne() {
	for cfg := range s.m {
		delete(s.m, cfg)
		return
	}
}

// forget drops what was learned of a repository that has changed.
func (s *sources) forget(canonicalURL string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.m, func(cfg Config, _ *modrepo.Source) bool { return strings.EqualFold(cfg.canonical().URL, canonicalURL) })
}

func (s *sources) source(cfg Config) *modrepo.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.m[cfg]; src != nil {
		return src
	}
	if s.m == nil {
		s.m = make(map[Config]*modrepo.Source)
	}
	if len(s.m) >= maxSources {
		s.forgetOne()
	}
	prefix, suffix := cfg.tags()
	src := &modrepo.Source{
		Repo:      s.client.Open(strings.TrimSuffix(cfg.URL, "/")),
		Directory: strings.TrimSuffix(cfg.Directory, "/"),
		TagPrefix: prefix,
		TagSuffix: suffix,
		Unsure:    !s.named && cfg.Tags == "" && cfg.Directory != "",
		Fresh:     s.fresh,
	}
	s.m[cfg] = src
	return src
}

// A requestError says what a failed request was for: a module path, or module@version.
type requestError struct {
	subject string
	err     error
}

func (e *requestError) Error() string { return e.subject + ": " + e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// errorReply decides status, caching and text of an answer that there is none: the whole of the mapping from causes.
// A cause's own text holds paths and addresses, and goes to the log. What may be said of the repository is for those
// who named it, or may have what is in it.
func errorReply(err error, mayKnow bool) reply.Reply {
	var re *requestError
	text := ""
	if errors.As(err, &re) {
		text = re.subject + ": "
	}
	var access *accessError
	var absent *modrepo.Error
	var gone *modrepo.GoneError
	var vanished *modstore.VanishedError
	var busy *modstore.BusyError
	var host *git.Error
	switch {
	case errors.As(err, &access):
		return access.reply(text)
	case errors.Is(err, modstore.ErrNotStored):
		return reply.Message(http.StatusNotFound, reply.Never, "not found: %sthis server has not stored it, and the request's header Disable-Module-Fetch forbids to fetch it", text)
	case errors.As(err, &vanished):
		if vanished.Commit != "" {
			text += "commit " + vanished.Commit + " can't be had: "
		}
		return reply.Message(http.StatusBadGateway, reply.Never, "%sthe module was served before, but now the git host says that there is no such repository, or asks for credentials; only the repository's owner can bring it back", text)
	case errors.Is(err, budget.ErrTooMuch):
		return reply.Message(http.StatusBadGateway, reply.Never, "%sthe repository is too large to be served here: it takes more memory than there is for one request", text)
	case errors.As(err, &busy), errors.Is(err, budget.ErrBusy):
		return retryReply(http.StatusServiceUnavailable, text+"this server fetches too much at the same time", retryUnavailable)
	case errors.As(err, &gone):
		return reply.Message(http.StatusBadGateway, reply.Never, "%scommit %s, which the version was first served from, is no longer in its repository; only the repository's owner can bring it back", text, gone.Commit)
	case errors.As(err, &absent):
		text += absent.Reason
		if mayKnow && absent.Hint != "" {
			text += " (" + absent.Hint + ")"
		}
		return reply.Message(http.StatusNotFound, reply.Brief, "not found: %s", text)
	case errors.As(err, &host):
		return hostReply(host, text)
	case errors.Is(err, context.Canceled): // the client has gone; to whoever else reads it, it must not look like success
		return reply.Message(http.StatusServiceUnavailable, reply.Never, "%sthe request was given up", text)
	case errors.Is(err, context.DeadlineExceeded):
		return reply.Message(http.StatusGatewayTimeout, reply.Never, "%sthe git host did not answer in time; try again later", text)
	}
	return reply.InternalServerError()
}

// Times after which to try again, where the host doesn't say.
const (
	retryLimited     = time.Minute
	retryUnavailable = 30 * time.Second
)

// retryReply says when to try again, to people and to programs.
func retryReply(status int, text string, after time.Duration) reply.Reply {
	rp := reply.Message(status, reply.Never, "%s; try again in %d seconds", text, int64((after+time.Second-1)/time.Second))
	rp.RetryAfter = after
	return rp
}

// hostReply says what is wrong with the git host, and with whom that lies.
func hostReply(e *git.Error, text string) reply.Reply {
	message := func(status int, caching, what string) reply.Reply {
		rp := reply.Message(status, caching, "%s%s", text, what)
		rp.RetryAfter = e.RetryAfter
		return rp
	}
	switch e.Kind {
	case git.NoRepository:
		return reply.Message(http.StatusNotFound, reply.Brief, "not found: %sthe git host says that there is no such repository, as many do of private ones", text)
	case git.Missing: // of a commit asked for, modrepo says more; here it is one that a branch or a tag led to just now
		return reply.Message(http.StatusNotFound, reply.Brief, "not found: %sthe repository lacks something that its branches or tags lead to; it may have changed just now", text)
	case git.Denied:
		return reply.Message(http.StatusNotFound, reply.Brief, "not found, or private: %sthe git host asks for credentials, and this server has none for it", text)
	case git.Refused:
		return message(http.StatusBadGateway, reply.Never, "the git host refuses the credentials that this server has for it; the owner of this server must give it some that may read the repository")
	case git.Limited:
		return retryReply(http.StatusTooManyRequests, text+"the git host limits the rate of requests", max(e.RetryAfter, retryLimited))
	case git.Unavailable:
		return retryReply(http.StatusServiceUnavailable, text+"the git host is out of service for now", max(e.RetryAfter, retryUnavailable))
	case git.Timeout:
		return message(http.StatusGatewayTimeout, reply.Never, "the git host did not answer in time; try again later")
	case git.Unreachable:
		return message(http.StatusBadGateway, reply.Never, reply.Unreachable)
	}
	return message(http.StatusBadGateway, reply.Never, "the git host's answer could not be used; the owner of this server finds the cause in its log")
}

// report logs a failure, by whose it is.
func (h *handler) report(r *http.Request, status int, err error) {
	h.logFailure(r, h.level(status, err), status, err)
}

// logFailure logs why a request got no answer but a status.
func (o *options) logFailure(r *http.Request, level slog.Level, status int, err error) {
	if errors.Is(err, context.Canceled) {
		return // nobody failed
	}
	o.log().Log(r.Context(), level, "vanity: request failed", "path", r.URL.Path, "status", status, "err", err)
}

// level tells what the owner must know from what only a caller got wrong. Where the owner named the repository, it is
// for him to mend what is wrong with that.
func (h *handler) level(status int, err error) slog.Level {
	var absent *modrepo.Error
	var host *git.Error
	switch {
	case status == http.StatusInternalServerError:
		return slog.LevelError
	case status > http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return slog.LevelWarn
	case h.modules.named:
		return slog.LevelDebug
	case errors.As(err, &host), errors.As(err, &absent) && absent.Owner:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// httpClient gives the client to reach hosts with.
func (o *options) httpClient() *http.Client {
	if o.client != nil {
		return o.client
	}
	return &http.Client{}
}
