package vanity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/vanity/internal/check"
	"example.com/vanity/internal/dirstore"
	"example.com/vanity/internal/modstore"
	"example.com/vanity/internal/netrc"
	"example.com/vanity/internal/observe"
	"example.com/vanity/internal/pages"
	"example.com/vanity/internal/passwords"
	"example.com/vanity/internal/reply"
)

// An Option says how a handler reaches the world; what it serves is data ([Config], [Site]), never an option.
//
// One list of options may be given to every constructor: an option that a constructor has no use for is ignored,
// unless it is a guard ([WithHosts], [WithSeal]) that the constructor can't enforce. That panics, because a guard that is
// ignored is a hole.
type Option func(*options)

type options struct {
	next         http.Handler
	hasNext      bool // which the owner has given
	client       *http.Client
	trusted      bool // the client's owner guards where it connects
	hosts        []string
	sealKeys     [][]byte
	logger       *slog.Logger
	backing      *modstore.Backing // nil for memory alone
	freshness    time.Duration
	withoutPages bool
	templates    pages.Templates
	credentials  func(context.Context, *url.URL) (user, password string, err error)
	auth         func(r *http.Request, modulePath, repository string) error
	callers      bool // their own rights count
	observer     func(context.Context, Event)
	guards       map[string][]string // the guards that were given, with the constructors that enforce them
	publicURL    string              // without a slash at its end; empty if nobody said
}

// WithNext names the handler that answers what is not the library's own: a path outside the base, or one that is no
// request of the protocol (see [Goproxy]), or for [Meta] what is at or below no import, see there. If it is nil or not given, that is
// answered with 404. A catch-all page with status 200 there hides a base that doesn't fit the mount: try once.
//
// So a whole program needs no mux, if app is what it was before:
//
//	vanity.GoproxyFunc("/go", site.Resolve, vanity.WithNext(vanity.Meta(site, vanity.WithNext(app))))
func WithNext(next http.Handler) Option {
	return func(o *options) { o.next = next }
}

// WithClient names the client that reaches git hosts; if it is nil or not given, one with [http.DefaultTransport].
// Hosts that say nothing for 30 seconds are given up whatever its time limits; a transport of one's own should limit
// the time of TLS handshakes besides. The client is never changed. [Gosub] works with a guarded copy, see there.
func WithClient(client *http.Client) Option {
	return func(o *options) { o.client, o.trusted = client, false }
}

// WithTrustedClient is [WithClient] for an owner who guards the client himself: [Gosub] uses its Transport as it is,
// without checking the addresses that it connects to. Give it only a client that can't reach what strangers must not
// reach.
func WithTrustedClient(client *http.Client) Option {
	return func(o *options) { o.client, o.trusted = client, client != nil }
}

// WithHosts names the repositories that [Gosub] serves, in place of those of github.com, gitlab.com, bitbucket.org,
// codeberg.org and git.sr.ht: all of a host, what is below a path at a host, or one repository.
//
//	vanity.WithHosts("git.acme.dev", "github.com/acme/*", "github.com/golang/mod")
//
// A redirect must lead to a repository that is named, too: for one that was moved, name both places. Paths are compared
// as [Encode] writes them; the case of letters makes no difference at github.com, gitlab.com, bitbucket.org and
// codeberg.org, for which it makes none, and does anywhere else. Whoever is refused is told what is served.
//
// A host that is named here is connected to wherever it is, on port 443, private addresses included: so name none that
// strangers must not have asked by this server. No other constructor can enforce WithHosts: they panic.
func WithHosts(hosts ...string) Option {
	return func(o *options) {
		o.guard("WithHosts", "Gosub")
		o.hosts = append([]string{}, hosts...)
	}
}

// WithSeal has [Gosub] serve only what [Seal] wrote with one of the keys, and answer 404 to all else before anything is
// asked of a host. A seal names no hosts: for others than those of [WithHosts]'s default, that is needed as well. To change keys, give both for a while: a spec is good as long as its key is there. WithSeal panics
// without a key, or if one has less than 16 bytes. No other constructor can enforce it: they panic.
func WithSeal(keys ...[]byte) Option {
	if len(keys) == 0 {
		panic(errors.New("vanity: WithSeal: no key is given, so that no spec could be served"))
	}
	var own [][]byte
	for _, key := range keys {
		if err := checkSealKey(key); err != nil {
			panic(fmt.Errorf("vanity: WithSeal: %w", err))
		}
		own = append(own, bytes.Clone(key))
	}
	return func(o *options) {
		o.guard("WithSeal", "Gosub")
		o.sealKeys = own
	}
}

// WithLogger names the logger for what the owner must know; if it is not given, [slog.Default] at the time of the
// event. Faults of this machine are logged at error level; failures of the git host, and what else the owner must
// mend (a repository that isn't there, a pattern that no tag fits), at warning level; what is only not there at debug
// level. There is one line at most for a request.
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) { o.logger = logger }
}

// WithObserver names a function that is told of each request that a handler has answered, or left by a panic, and of each fetch
// from a git host that has ended, for metrics and logs. It is called before the next request of the connection is read, so it
// should be quick, and must be safe for concurrent use. The context is the request's, or that of a fetch, which may be for many
// requests. What goes to the handler of [WithNext] is none of its affair, nor is the 404 in the place of that handler. If it is
// nil or not given, nobody is told.
func WithObserver(observer func(ctx context.Context, e Event)) Option {
	return func(o *options) { o.observer = observer }
}

// An Event is what the function of [WithObserver] is told.
type Event struct {
	// Kind is what was done: "list", "latest", "info", "mod" or "zip" for a file of the GOPROXY protocol that was asked for,
	// "go-get" for a page of [Meta] for the go command, "page" for one that is for people, a redirect, or a method that Meta
	// doesn't know (405), "form" for that of [Gosub], "probe" for the go command's try of credentials, see [WithAuth]; empty for
	// a request that is malformed. "fetch" for a fetch: what was asked of a host for a file, for the dates on a page, for the
	// form, or to learn whether it lets a caller in ([WithCallersRights]). What needs no request is no fetch.
	Kind string

	// Module is the module path as it was asked for, for a fetch by the first who needed it, or for Meta the import prefix;
	// Version the version or the query. They are whatever callers write: keep no more than you have room for. Empty where there
	// is none.
	Module, Version string

	// Repository is the URL of the repository that a fetch was from, or that the caller of Gosub named; else empty.
	Repository string

	// Status is that of the answer; zero if there is none, something having panicked. Of a file whose caller has gone before it
	// was there it is 503, which nobody gets, and errors.Is(Err, context.Canceled) holds.
	//
	// For a fetch it is 200, or what a request that needs it is answered with; zero if the fetch was given up because nobody
	// waited for it any more, which says nothing of the host.
	Status int

	// Source says where a file comes from: "memory", "store", or "host" if it was made now of what the git host has sent; or
	// "stale" for what was made before, and can't be made anew. Empty where there is no file.
	Source string

	Requests   int           // of a fetch: those that the git host was sent, or the times that git was run
	Bytes      int64         // of the body that was sent, or that the git host sent
	Duration   time.Duration // from the request's arrival to the end of the answer, or of a fetch
	RetryAfter time.Duration // of a fetch: what a git host that limits the rate of requests wants; zero if it doesn't say

	// Err is why there is no file, or why the answer was not sent to its end; where the handler has panicked, what with. It has
	// what the log has.
	Err error
}

// A Store keeps answers for longer than the process's life, and for other processes. Its method set is that of a Cacher of
// github.com/goproxy/goproxy. See [WithStore] for what it must do, and [DirStore] for one. Its methods are called at the same time by
// any number of goroutines.
type Store interface {
	// Get gives the content that was put under a name. The error satisfies errors.Is(err, fs.ErrNotExist) if there is
	// none; with any other error nobody can tell what a version was first, so that its info is answered with 500. A
	// content that has the methods Seek, ReadAt and Stat of an *os.File, and is one or holds one, is left where it is, and
	// opened again for each request; another is copied into a temporary file if it is large. It is closed after use.
	Get(ctx context.Context, name string) (io.ReadCloser, error)

	// Put puts content under a name, from its start, so that others see all of it or nothing. Names are slash-separated,
	// relative, and the same whatever the case of letters ([module.EscapePath]).
	Put(ctx context.Context, name string, content io.ReadSeeker) error
}

// WithStore names the store where answers outlive the process; if it is nil or not given, they are held in memory alone
// (see the package comment). What is in the store is never asked of a git host again, if it is a version's, and is served
// for as long as the store has it, whatever has become of the host and the repository.
//
// A version's info is stored before anything else of it, and its go.mod and zip are made from the commit that the info
// names. So a store must keep the first content of a name that ends in /@v/VERSION.info, .mod or .zip, VERSION being
// canonical (see [module.CanonicalVersion]), and ignore a later Put without an error; all other contents are to be
// replaced.
// With one that replaces all of them, as goproxy's Cachers do, a version is sure to stay what it was first only as long as
// one process at a time uses the store, all of its handlers by the same option. A store that keeps the first should have a
// method
//
//	Remove(ctx context.Context, name string) error
//
// by which an entry that is found to be spoilt is taken away before it is put again: what is stored has its checksum
// beside it (NAME.sum), and is compared with that before it is served, files once an hour or when they have changed.
// What was stored by others, without a checksum, is served if it has the form, and gets one.
//
// Names begin with the module path for [Goproxy] and [GoproxyFunc] with Config.Module set: MODULE/@latest,
// MODULE/@v/VERSION.info and so on, in the protocol's escaped form. Handlers with one store whose Modules are the same, or
// differ in the major version, are taken to serve the same. For Gosub, and without Config.Module, "gosub/HASH/" or
// "goproxy/HASH/" stands before them, HASH being that of the whole Config: who leaves Gosub open to strangers lets them fill
// the store. MODULE/@v/list has the versions whose go.mod is stored, and MODULE/@v/list.served the list that was served
// last.
//
// One option may be given to several handlers, [Meta] among them, which lists versions by it. Each of them serves to its callers
// what any of them has stored of a module: a handler with [WithAuth] or [WithCallersRights], or with [WithCredentials], should
// share its store with no handler that lets in others. What can't be stored is
// served all the same, and logged; it is tried again.
func WithStore(store Store) Option {
	if store == nil {
		return func(o *options) { o.backing = nil }
	}
	backing := modstore.NewBacking(store)
	return func(o *options) { o.backing = backing }
}

// DirStore is a store in a directory, which is made when it is first needed. Any number of processes may share it, over
// NFS too: the first to put a version's file wins, and all of them serve that. Files are complete and on the disk before
// they have their name. The layout is that of GOMODCACHE/cache/download, so that the directory can be served as it is, or
// be named in GOPROXY as file://DIR, where the versions are that somebody has asked for. It has no bound, and nothing is
// ever removed that is not spoilt; the owner may remove what he likes, a module with all of its versions best, and
// restart. DirStore panics if dir is empty; a relative one is resolved at once.
func DirStore(dir string) Store {
	if dir == "" {
		panic(errors.New("vanity: DirStore: the directory is empty"))
	}
	return dirstore.New(dir)
}

// WithFreshness says for how long lists, "latest" and what branches come to are served before the git host is asked
// again; if it is not given, a minute. When that time is over, one caller waits for the host's answer, 10 seconds at most,
// while the others get the old one, as all do when the host fails. That a version is not there is remembered for as
// long, but 10 seconds at most. Zero or less means that the host is asked every time. So it is with the versions on pages
// of [Meta].
func WithFreshness(d time.Duration) Option {
	return func(o *options) { o.freshness = max(d, 0) }
}

// WithCredentials names a function that knows the credentials by which this server reads private repositories: the user and the
// password, or token, for a repository's URL; two empty strings if it has none. Without this option none are sent, whatever
// the environment has. See [EnvCredentials].
//
// A host is first asked without credentials, and only once it wants some is the function. They are sent over https alone, by
// Basic authorization, which GitHub, GitLab, Gitea, Bitbucket and others take tokens in, to the host and port of [Config].URL
// alone, and to no other that it redirects to: a repository that has moved to another host must be named by its new URL. The
// function's URL is https, has that host, and no query. An error is answered with 500 and logged, so it must not hold anything
// secret. The function must be safe for concurrent use.
//
// Whoever may ask the handler gets what the credentials can read. A repository that needed some is logged once where it is
// served without [WithAuth]. [Gosub], whose callers name the repository, panics unless it is given WithAuth, [WithSeal] or
// [WithHosts] as well.
func WithCredentials(credentials func(ctx context.Context, u *url.URL) (user, password string, err error)) Option {
	return func(o *options) { o.credentials = credentials }
}

// EnvCredentials is a function for [WithCredentials]: for https://github.com it gives the token in the variable GITHUB_TOKEN,
// if that is set; else what the file .netrc says for the host, as git and the go command read it: the one that the variable
// NETRC names, or that in the home directory. Both are looked up each time.
func EnvCredentials(ctx context.Context, u *url.URL) (user, password string, err error) {
	if token := os.Getenv("GITHUB_TOKEN"); token != "" && strings.EqualFold(strings.TrimSuffix(u.Host, ":443"), "github.com") {
		return "x-access-token", token, nil
	}
	entries, err := netrc.Read()
	if err != nil {
		return "", "", fmt.Errorf("vanity: EnvCredentials: %w", err)
	}
	e, _ := netrc.Find(entries, u.Host)
	return e.Login, e.Password, nil
}

// ErrUnauthorized says that who asks must send credentials, or others: see [WithAuth].
var ErrUnauthorized = errors.New("vanity: unauthorized: credentials are needed")

// WithAuth names a function that is asked who may have what, before anything else is done for a request, and before
// anything is said of it. It gets the module path that is asked for, and for [Gosub] the URL of the repository, both as they
// were read, whatever their encoding was; they are empty where the request is malformed, and for the probe by which the go
// command tries credentials of git (GOAUTH=git): HEAD at the base. [PasswordAuth] makes such a function.
//
// A nil error lets the request pass. One that is [ErrUnauthorized] is answered with 401, so that the go command sends what it
// has, from .netrc or by GOAUTH; one that is [fs.ErrPermission] with 403; one that is [fs.ErrNotExist] with 404, as what is
// not served at all; any other with 500, and logged. Only who passes learns more of why something isn't there. All answers
// have "Cache-Control: private, no-store" and "Vary: Authorization".
//
// For Gosub decide by the repository: the caller himself says which of its directories goes by which module path, which is
// empty in the form until he fills it in, and the form shows the repository's tags. Name what may be had, not what may not: a
// repository has as many URLs as its host has ways to write it, be it by the case of letters or by an old name that redirects,
// and a module has other paths for its major versions.
//
// Where the empty path, which the probe has, is answered with 401 for credentials that are good for anything, git forgets them.
//
// For [Meta] it guards what it lists of the versions alone: pages for the go command must be there for everyone, and have
// nothing but what the configuration says, which is the paths and descriptions of all imports. The function must be safe for
// concurrent use. Without this option everybody may have everything. WithAuth panics if the function is nil.
func WithAuth(auth func(r *http.Request, modulePath, repository string) error) Option {
	if auth == nil {
		panic(errors.New("vanity: WithAuth: the function is nil"))
	}
	return func(o *options) {
		o.auth = auth
		o.guard("WithAuth", "Goproxy", "GoproxyFunc", "Gosub", "Meta")
	}
}

// PasswordAuth is a function for [WithAuth] that lets in whoever sends one of some passwords: the user's own by Basic
// authorization, as the go command sends it from .netrc. The password of the user "" is a token, good with any user, or by
// Bearer authorization. A password may be given as "sha256:" and its SHA-256 in hexadecimal digits, which is enough for one
// that nobody can guess. No password is kept, and the comparison takes as long whatever is wrong. PasswordAuth panics if
// there is no password, or an empty one.
func PasswordAuth(byUser map[string]string) func(r *http.Request, modulePath, repository string) error {
	set, err := passwords.New(byUser)
	if err != nil {
		panic(fmt.Errorf("vanity: PasswordAuth: %w", err))
	}
	return func(r *http.Request, _, _ string) error {
		if !set.Check(r) {
			return ErrUnauthorized
		}
		return nil
	}
}

// WithCallersRights gives each caller what the repository's host lets himself read: the credentials that he sends, from his
// .netrc or by GOAUTH, go on to the host, and to no other; with none, he gets what is public. Nothing is served to him, not
// even what is stored, before the host has let him in, which is remembered for a minute (a refusal for 10 seconds), by a hash. No
// credentials of the server are involved. A host that wants others answers 401, through us, or 403. When it is down,
// nobody gets anything.
//
// The host says yes or no to the repository as a whole, and to whatever the client sends: one whose Transport logs in by itself
// lets in everybody. What [WithAuth] compares besides goes to the host, too: [PasswordAuth] is not for both. With Gosub the
// caller's request names the host, so that [WithHosts] should name those that may see his credentials, one best.
//
// They are sent over https alone. A repository on this machine has no host to ask: [Goproxy] panics, and for [GoproxyFunc] it
// is answered with 500. All panic if [WithCredentials] is given too. Answers have "Cache-Control: private, no-store" and "Vary:
// Authorization". [Meta] lists versions by it.
func WithCallersRights() Option {
	return func(o *options) {
		o.callers = true
		o.guard("WithCallersRights", "Goproxy", "GoproxyFunc", "Gosub", "Meta")
	}
}

// WithPublicURL says where callers reach the base of [Gosub], "https://go.acme.dev/gosub" say, so that its form can show
// complete URLs. It is printed there, and used for nothing else; without it the form has https://YOUR.HOST, as the Host of
// a request is whatever the caller wrote. WithPublicURL panics if it is no absolute http or https URL, or has credentials, a
// query or a fragment. Other constructors ignore the option.
func WithPublicURL(publicURL string) Option {
	u, err := url.Parse(publicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !check.Host(u) || u.User != nil || strings.ContainsAny(publicURL, "?#") {
		panic(fmt.Errorf("vanity: WithPublicURL: %s: want an absolute URL, https://HOST/PATH, without credentials, query or fragment", check.Quote(check.Redact(publicURL))))
	}
	clean := u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
	return func(o *options) { o.publicURL = clean }
}

// WithoutPages has [Meta] answer the go command (?go-get=1) and the source links of pkg.go.dev alone. All that is for people
// goes to the handler of [WithNext], at the paths of imports too. Other constructors ignore it.
func WithoutPages() Option {
	return func(o *options) { o.withoutPages = true }
}

// WithTemplates names templates for the pages of [Meta], in place of its own: one of the name "index.html", for an index, one
// of the name "module.html", for an import, or both. Their data is a [Page]. What they write is HTML in UTF-8; it needs no
// go-import tags, as the go command never gets it. Their Content-Security-Policy allows what the host itself serves, styles
// in the page, and images from anywhere over https, but no script that stands in the page; whoever wants another sets the
// header before Meta is called. A template that fails is answered with 500 and logged.
//
// WithTemplates panics if there is no template of these names, or if one doesn't fit a Page. The templates are executed
// once for that, and must not be changed afterwards. Other constructors ignore the option.
func WithTemplates(t *template.Template) Option {
	templates, err := pages.Use(t, Page{}, samplePage)
	if err != nil {
		panic(fmt.Errorf("vanity: WithTemplates: %w", err))
	}
	return func(o *options) { o.templates = templates }
}

// observe answers a request by serve, and tells the observer of it, if there is one.
func (o *options) observe(w http.ResponseWriter, r *http.Request, e Event, serve func(w http.ResponseWriter) (source string, err error)) {
	if o.observer == nil {
		serve(w)
		return
	}
	began, counted := time.Now(), &observe.Writer{ResponseWriter: w}
	e.Err = errNoOutcome // by runtime.Goexit, if this stays
	defer func() {
		p := recover()
		switch {
		case p != nil:
			e.Err = panicked(p)
		case e.Err == nil:
			e.Err = counted.Err
		}
		e.Status, e.Bytes, e.Duration = counted.Status, counted.Bytes, time.Since(began)
		o.observer(r.Context(), e)
		if p != nil {
			panic(p)
		}
	}()
	e.Source, e.Err = serve(counted)
}

var errNoOutcome = errors.New("the handler ended without an outcome")

// panicked makes an error of what somebody panics with, such as [http.ErrAbortHandler].
func panicked(p any) error {
	if err, ok := p.(error); ok {
		return err
	}
	return fmt.Errorf("panic: %v", p)
}

// observeFetch tells the observer of a fetch, whose failure, if it is one, is answered as err.
func (o *options) observeFetch(ctx context.Context, f modstore.Fetch, err error) {
	e := Event{
		Kind: "fetch", Module: f.Module.Path, Repository: f.Module.Repository, Status: http.StatusOK,
		Requests: f.Requests, Bytes: f.Bytes, Duration: f.Duration, Err: f.Err,
	}
	switch {
	case errors.Is(err, context.Canceled):
		e.Status = 0 // it says nothing of the host
	case err != nil:
		rp := errorReply(err, false)
		e.Status, e.RetryAfter = rp.Status, rp.RetryAfter
	}
	o.observer(ctx, e)
}

// applyOptions collects opts. Nil options are passed over, so that a list may be built with conditions.
func applyOptions(opts []Option) *options {
	o := &options{freshness: time.Minute}
	for _, opt := range opts {
		if opt != nil {
			opt(o)
		}
	}
	if o.hasNext = o.next != nil; !o.hasNext {
		o.next = http.HandlerFunc(notFound)
	}
	return o
}

// notFound answers what is nobody's. The go command asks for the pages of all parents of an import path.
func notFound(w http.ResponseWriter, r *http.Request) {
	reply.Message(http.StatusNotFound, reply.Brief, "404 page not found").Write(w, r)
}

// guard notes that a guard was given, and which constructors enforce it.
func (o *options) guard(option string, enforcers ...string) {
	if o.guards == nil {
		o.guards = make(map[string][]string)
	}
	o.guards[option] = enforcers
}

// refuse panics if a guard was given to a constructor that can't enforce it, or if two options say whose rights count.
func (o *options) refuse(constructor string) {
	for _, option := range slices.Sorted(maps.Keys(o.guards)) {
		if enforcers := o.guards[option]; !slices.Contains(enforcers, constructor) {
			panic(fmt.Errorf("vanity: %s: %s can't be enforced here: it is for %s", constructor, option, strings.Join(enforcers, ", ")))
		}
	}
	if o.callers && o.credentials != nil {
		panic(fmt.Errorf("vanity: %s: WithCallersRights and WithCredentials: either the caller's rights count, or those of the server", constructor))
	}
}

// log returns the logger to use now.
func (o *options) log() *slog.Logger {
	if o.logger != nil {
		return o.logger
	}
	return slog.Default()
}
