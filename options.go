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

// An Option says how a handler reaches the world, who may have what, or who is told of it. What is served is data
// ([Config], [Site], [Forge]), never an option.
//
//   - [WithNext] names the handler for all that is not the library's.
//   - [WithClient] and [WithTrustedClient] name the client that reaches git hosts, [WithCredentials] the credentials.
//   - [WithAuth] says who may have what, [WithCallersRights] leaves that to the git host, and [WithHosts] and [WithSeal]
//     bound what [Gosub] serves.
//   - [WithStore] and [WithFreshness] say where answers are kept, and for how long.
//   - [WithLogger] and [WithObserver] tell the owner what happens.
//   - [WithTemplates] and [WithoutPages] are for the pages of [Meta], [WithPublicURL] is for the form of Gosub.
//
// Options are applied in their order: of two that set the same thing, the last one holds. A nil Option is passed over, so
// that a list can be built with conditions.
//
// One list may be given to every constructor: an option that a constructor has no use for is ignored. A guard that a
// constructor can't enforce makes it panic instead, because a guard that is ignored is a hole: so it is with WithHosts and
// WithSeal for all but Gosub.
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

// WithNext names the handler that answers what a handler of this package leaves alone. For [Goproxy], [GoproxyFunc] and
// [Gosub] that is a path outside the base, and one that neither holds "/@v/" nor ends in "/@latest". For [Meta] see there.
// If next is nil or the option is not given, the answer is 404.
//
// With it, a whole program needs no mux, if app is what it was before:
//
//	vanity.GoproxyFunc("/go", site.Resolve, vanity.WithNext(vanity.Meta(site, vanity.WithNext(app))))
//
// A next handler that answers every path with 200 hides a base that doesn't fit the place where the handler is mounted. So
// ask for one list of versions after mounting.
func WithNext(next http.Handler) Option {
	return func(o *options) { o.next = next }
}

// WithClient names the HTTP client that reaches git hosts. If client is nil or the option is not given, it is one with
// [http.DefaultTransport]. The client is never changed. [Gosub] works with a guarded copy of it, see there, and panics if
// it can't make one. WithClient and [WithTrustedClient] replace each other.
//
// Whatever the client's time limits, a host that sends nothing for 30 seconds is given up. A transport of your own should
// also limit the time of TLS handshakes.
//
// In a web page or a Worker (GOOS=js), [http.Transport] uses the platform's fetch. The key "js.fetch:redirect" in
// Request.Header (see net/http) tells it to show redirects, so that none is followed unchecked. A transport of another kind
// must do as that key says, and not send it.
func WithClient(client *http.Client) Option {
	return func(o *options) { o.client, o.trusted = client, false }
}

// WithTrustedClient is [WithClient] for a client that its owner guards: [Gosub] uses its Transport as it is, and doesn't
// check the addresses that it connects to. Give it only a client that can't reach what strangers must not reach. Which
// repositories are served, and where redirects lead, is checked all the same. If client is nil, it is as if neither option
// were given. For the other constructors the two options are the same.
func WithTrustedClient(client *http.Client) Option {
	return func(o *options) { o.client, o.trusted = client, client != nil }
}

// WithHosts names the repositories that [Gosub] serves. An entry is all of a host, what is below a path at a host, or one
// repository:
//
//	vanity.WithHosts("git.acme.dev", "github.com/acme/*", "github.com/golang/mod")
//
// If it is not given, they are those of github.com, gitlab.com, bitbucket.org, codeberg.org and git.sr.ht. A caller who
// asks for another is told which are served.
//
// Paths are compared as [Encode] writes them. Upper and lower case make no difference at github.com, gitlab.com,
// bitbucket.org and codeberg.org, where they make none for the host either, and do everywhere else. A redirect must lead to
// a repository that is named, too: for one that has moved, name both places.
//
// Gosub connects to a host that is named here at any address, on port 443, even a private one. So don't name a host that
// strangers must not reach through this server.
//
// WithHosts without an entry, or with a malformed one, makes Gosub panic. No other constructor can enforce it: they panic.
func WithHosts(hosts ...string) Option {
	return func(o *options) {
		o.guard("WithHosts", "Gosub")
		o.hosts = append([]string{}, hosts...)
	}
}

// WithSeal has [Gosub] serve only specs that [Seal] wrote with one of the keys. To all others it answers 404, before it
// asks anything of a host. A seal doesn't allow a host: a repository that is at none of the default hosts needs [WithHosts]
// as well.
//
// To change the key, give both keys for a while. A spec is good as long as its key is there.
//
// WithSeal panics without a key, and over one of less than 16 bytes. It keeps a copy of the keys. No constructor but Gosub
// can enforce it: they panic.
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

// WithLogger names the logger for what the owner must know. If logger is nil or the option is not given, it is
// [slog.Default] at the time of each message.
//
//   - Error: a fault of this machine, of the store, or of a function that an option names.
//   - Warning: a failure of the git host, or something else for the owner to mend, such as a repository that isn't there or
//     a pattern that fits no tag.
//   - Debug: that something is not there.
//
// A request that fails makes one such line, or none if its caller has gone away. No line has credentials.
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) { o.logger = logger }
}

// WithObserver names a function for metrics and logs. It is told of each request that a handler has answered, or left by a
// panic, and of each fetch from a git host that has ended. It is not told of what went to the handler of [WithNext], or got
// 404 for want of one. If observer is nil or the option is not given, nobody is told.
//
// The function must be safe for concurrent use, and should be quick, as it is called before the next request of the
// connection is read. The context is the request's, or that of a fetch, which may be for many requests.
func WithObserver(observer func(ctx context.Context, e Event)) Option {
	return func(o *options) { o.observer = observer }
}

// An Event is what the function of [WithObserver] is told: of a request, or of a fetch from a git host, as Kind says.
// Fields that don't apply are zero.
type Event struct {
	// Kind is what was done. It is never empty but for a malformed request. For a fetch it is
	//
	//   - "fetch": what was asked of a git host for a file, for the dates on a page, for the form,
	//     or to learn whether it lets a caller in ([WithCallersRights]). What needs no request to
	//     the host is no fetch.
	//
	// and for a request
	//
	//   - "list", "latest", "info", "mod", "zip": a file of the GOPROXY protocol.
	//   - "go-get": a page of [Meta] for the go command.
	//   - "page": one for people, a redirect, or a method other than GET and HEAD (405).
	//   - "form": the form of [Gosub].
	//   - "probe": the go command tries out credentials, see [WithAuth].
	Kind string

	// Module is the module path as it was asked for, of a fetch by the first who needed it; for
	// [Meta] it is the import prefix. It is empty where there is none. Callers write what they like
	// here and in Version: keep no more than you have room for.
	Module string

	// Version is the version, or the query, that was asked for; empty where there is none, and for
	// a fetch.
	Version string

	// Repository is the URL of the repository that a fetch was from, or that a caller of [Gosub]
	// named; else empty.
	Repository string

	// Status is the HTTP status of the answer. It is zero if there is none, because something has
	// panicked. If the caller went away before the file was there, it is 503, which nobody gets,
	// and errors.Is(Err, context.Canceled) holds.
	//
	// For a fetch it is 200, or the status of the requests that needed it. It is zero if nobody
	// waited for the fetch any more, so that it was given up, which says nothing of the host.
	Status int

	// Source says where a file comes from: "memory", "store", "host" if it was made now from what
	// the git host has sent, or "stale" if it was made before and can't be made anew. It is empty
	// where there is no file.
	Source string

	// Requests is how many requests a fetch has sent to the git host, or how often it has run git;
	// zero for a request.
	Requests int

	// Bytes is the size of the body that was sent, or of what the git host sent in a fetch; zero
	// for none.
	Bytes int64

	// Duration is the time from the request's arrival to the end of the answer, or that of the
	// fetch; never zero but for the coarseness of a clock.
	Duration time.Duration

	// RetryAfter is how long to leave the git host alone after a fetch that has failed: as long as
	// the host asks for, and at least a minute if it limits the rate of requests (429), or 30
	// seconds if it is out of service (503). Otherwise zero.
	RetryAfter time.Duration

	// Err says why there is no file, why the answer was not sent to its end, or what a handler has
	// panicked with. It has as much detail as the log. Otherwise it is nil.
	Err error
}

// A Store keeps answers for longer than the process's life, and for other processes: see [WithStore]. [DirStore] is one.
// Its methods are those of a Cacher of github.com/goproxy/goproxy. They are called by any number of goroutines at the same
// time.
//
// # Names
//
// A name is a relative, slash-separated path. It holds no upper-case letters ([module.EscapePath]), so that two names never
// differ in case alone. It has the form of the GOPROXY protocol, MODULE/@v/VERSION.info for example, perhaps with
// "gosub/HASH/" or "goproxy/HASH/" before it. MODULE/@v/list has the versions whose go.mod is stored, MODULE/@v/list.served
// the list that was served last, and NAME.sum the checksum of what has that name.
//
// # What must not change
//
// A version's info is stored before anything else of it. Its go.mod and zip are made from the commit that the info names.
// So a store must keep the first content of a name that ends in /@v/VERSION.info, .mod or .zip, if VERSION is canonical
// (see [module.CanonicalVersion]), and ignore a later Put without an error. All other contents must be replaced.
//
// A store that replaces those too, as goproxy's Cachers do, is good for one process at a time, all of whose handlers have
// it by the same option. With more processes, a version may change after it was first served.
//
// # What is spoilt
//
// Contents are compared with their checksums before they are served, files once an hour or when they have changed. One that
// somebody else has stored, without a checksum, is served if it has the right form, and gets a checksum. A store that keeps
// the first content should have a method by which a spoilt one is taken away before it is put again:
//
//	Remove(ctx context.Context, name string) error
type Store interface {
	// Get returns the content that was put under a name. It is closed after use. If there is none,
	// the error satisfies errors.Is(err, fs.ErrNotExist). With any other error nobody can tell what
	// a version was first, so that the request for its info is answered with 500.
	//
	// If the content is an *os.File, or holds one and has its methods Seek, ReadAt and Stat, it may
	// stay where it is, and be opened again for each request. All other contents are copied, large
	// ones into a temporary file.
	Get(ctx context.Context, name string) (io.ReadCloser, error)

	// Put stores content under a name, from the content's start, so that others see all of it or
	// nothing.
	Put(ctx context.Context, name string, content io.ReadSeeker) error
}

// WithStore names the store in which answers outlive the process. If store is nil or the option is not given, they are held
// in memory alone, as the package comment says under "What is kept". [DirStore] is a store in a directory. For one of your
// own, see [Store].
//
// A version's file that is in the store is never asked of a git host again. It is served for as long as the store has it,
// whatever becomes of the host and the repository. What can't be stored is served all the same, is logged, and is tried
// again.
//
// # Sharing a store
//
// Give one option to several handlers, [Meta] among them, which lists versions by it. Each of them serves to its callers
// what any of them has stored of a module. So a handler with [WithAuth], [WithCallersRights] or [WithCredentials] must not
// share its store with a handler that lets in others.
//
// [Goproxy] and [GoproxyFunc] keep a module whose Config.Module is set under its path alone: MODULE/@latest,
// MODULE/@v/VERSION.info and so on. Handlers that share a store and have the same Module, or one that differs in its major
// version alone, must mean the same repository. [Gosub], and the others where Config.Module is empty, put "gosub/HASH/" or
// "goproxy/HASH/" before the path, with a hash of the whole [Config]. A Gosub that is open to strangers lets them fill the
// store.
func WithStore(store Store) Option {
	if store == nil {
		return func(o *options) { o.backing = nil }
	}
	backing := modstore.NewBacking(store)
	return func(o *options) { o.backing = backing }
}

// DirStore is a [Store] in a directory, which is made when it is first needed. It panics if dir is empty. A relative dir is
// resolved at once. The store is safe for concurrent use.
//
// Any number of processes may share the directory, over NFS too: the first to put a version's file wins, and all of them
// serve that one. A file has its name only once it is complete and on the disk.
//
// The layout is that of GOMODCACHE/cache/download. So the directory can be served as it is, or be named in GOPROXY by a
// file URL. It has those versions that somebody has asked for.
//
// The directory grows without bound. Only what is spoilt is removed. You may remove what you like, best a module with all
// its versions, and then restart.
func DirStore(dir string) Store {
	if dir == "" {
		panic(errors.New("vanity: DirStore: the directory is empty"))
	}
	return dirstore.New(dir)
}

// WithFreshness says for how long lists, "latest" and the answers to queries are served before the git host is asked again.
// If it is not given, a minute. If d is zero or less, the host is asked each time. It holds for the versions on pages of
// [Meta], too.
//
// After that time one caller waits for the host's answer, for 10 seconds at most. The others get the old answer meanwhile,
// and so does everyone if the host fails. That a version is not there is remembered for d, but for 10 seconds at most.
func WithFreshness(d time.Duration) Option {
	return func(o *options) { o.freshness = max(d, 0) }
}

// WithCredentials names the function that knows how this server logs in to git hosts: for a repository's URL it returns a
// user and a password or token, or two empty strings if it has none. If the function is nil or the option is not given, no
// credentials are sent, whatever the environment has. [EnvCredentials] is such a function.
//
// The function is not asked before a host wants credentials. Its URL is https, has the host of [Config].URL, and has no
// query. It must be safe for concurrent use. Its error is answered with 500 and logged, so it must not hold a secret.
//
// Credentials go by Basic authorization, in which GitHub, GitLab, Gitea, Bitbucket and others take tokens. They go over
// https alone, to the host and port of Config.URL alone, and never where that host redirects: a repository that has moved
// to another host must be named by its new URL.
//
// Whoever may ask the handler gets what the credentials can read, so give [WithAuth] as well. If it is missing, each
// repository that needs credentials is logged once. [Gosub], whose callers name the repository, panics unless it has
// WithAuth, [WithSeal] or [WithHosts] as well. All constructors panic if [WithCallersRights] is given, too.
func WithCredentials(credentials func(ctx context.Context, u *url.URL) (user, password string, err error)) Option {
	return func(o *options) { o.credentials = credentials }
}

// EnvCredentials is a function for [WithCredentials] that takes credentials from the environment:
//
//   - for github.com, the token in the variable GITHUB_TOKEN, if that is set;
//   - otherwise what .netrc says for the host, as git and the go command read it. The file is the one that the variable
//     NETRC names, or else the one in the home directory.
//
// Both are looked up on each call. The error says that .netrc can't be read; a missing file is no error. The context is not
// used. EnvCredentials is safe for concurrent use.
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

// ErrUnauthorized is for the function of [WithAuth] to return, as it is or wrapped, when the caller must send credentials,
// or others. The answer is 401.
var ErrUnauthorized = errors.New("vanity: unauthorized: credentials are needed")

// WithAuth names a function that decides who may have what. It is called before anything else is done for a request of the
// protocol, and before anything is said of what is asked for. If the option is not given, everybody may have everything.
// [PasswordAuth] makes such a function. It must be safe for concurrent use.
//
// It gets the module path that is asked for, and for [Gosub] the URL of the repository, in the one form that [Decode] gives
// it; with other handlers, repository is always empty. What can't be read of a malformed request is empty. Both are empty
// when the go command tries out credentials of git (GOAUTH=git) by a HEAD request at the base.
//
// The error that it returns decides, as [errors.Is] finds it:
//
//   - nil: the request passes. Only now does the caller learn why something isn't there.
//   - [ErrUnauthorized]: 401, so that the go command sends what it has in .netrc or by GOAUTH.
//   - [fs.ErrPermission]: 403.
//   - [fs.ErrNotExist]: 404, as for what is not served at all.
//   - any other: 500, and a line in the log.
//
// Whatever it is asked for is answered with "Cache-Control: private, no-store" and "Vary: Authorization". When the go
// command tries out credentials that are good for anything, don't return ErrUnauthorized: git would forget them.
//
// With Gosub, decide by the repository: the caller says which of its directories goes by which module path, and the form
// shows the repository's tags while that path is still empty. List what is allowed, not what is forbidden: a repository has
// as many URLs as its host has ways to write it, by the case of letters or by an old name that redirects, and a module has
// other paths for its major versions.
//
// With [Meta], it guards the versions on pages alone: whoever may not have them gets the page without. Discovery must be
// open to everyone. It shows no more than the configuration, which is the paths and descriptions of all imports.
//
// WithAuth panics if auth is nil.
func WithAuth(auth func(r *http.Request, modulePath, repository string) error) Option {
	if auth == nil {
		panic(errors.New("vanity: WithAuth: the function is nil"))
	}
	return func(o *options) {
		o.auth = auth
		o.guard("WithAuth", "Goproxy", "GoproxyFunc", "Gosub", "Meta")
	}
}

// PasswordAuth returns a function for [WithAuth] that lets in whoever sends one of the passwords, and returns
// [ErrUnauthorized] for all others. The map has the passwords by user. Callers send their own by Basic authorization, as
// the go command does from .netrc. The password of the user "" is a token: it is good with any user name, and by Bearer
// authorization.
//
// A password may be given as "sha256:" and the 64 hexadecimal digits of its SHA-256. That protects a password only if
// nobody can guess it, so let it be long and random. The passwords themselves are not kept. A comparison takes the same
// time whatever is wrong.
//
// PasswordAuth panics if there is no password, if one is empty or a malformed hash, or if a user name has a colon. The
// function is safe for concurrent use.
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

// WithCallersRights gives callers what the repository's git host lets them read. Their credentials, from .netrc or by
// GOAUTH, are passed on to that host, over https alone, and to no other. Without credentials they get what is public. The
// server has none of its own: all constructors panic if [WithCredentials] is given, too. In .netrc a caller's credentials for
// the git host stand under the name of this server:
//
//	machine go.acme.dev login ann password TOKEN-OF-THE-GIT-HOST
//
// Nothing is served to a caller before the host has let that caller in, not even what is stored. Its yes is remembered for
// a minute, and its no for 10 seconds, by a hash of the credentials. If the host refuses, the answer is 401, 403 or 404. If
// the host is down, nobody gets anything. Answers have "Cache-Control: private, no-store" and "Vary: Authorization".
//
// The host decides for the repository as a whole, and by all that the client sends: a client whose Transport logs in by
// itself lets in everybody. What a function of [WithAuth] compares goes to the host as well, so don't combine this option
// with [PasswordAuth]. With [Gosub], the caller's request names the host, so give [WithHosts] with the hosts that may see
// credentials, best a single one.
//
// A repository on this machine has no host to ask: [Goproxy] panics, and [GoproxyFunc] answers 500. [Meta] lists versions
// by the caller's rights.
func WithCallersRights() Option {
	return func(o *options) {
		o.callers = true
		o.guard("WithCallersRights", "Goproxy", "GoproxyFunc", "Gosub", "Meta")
	}
}

// WithPublicURL says where callers reach the base of [Gosub], such as "https://go.acme.dev/gosub", so that its form can
// show complete URLs. It is used for nothing else. If it is not given, the form shows YOUR.HOST and the base, as the Host
// of a request is whatever the caller wrote. Other constructors ignore the option.
//
// WithPublicURL panics if publicURL is not an absolute http or https URL, or has credentials, a query or a fragment. A
// slash at its end is tolerated.
func WithPublicURL(publicURL string) Option {
	u, err := url.Parse(publicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !check.Host(u) || u.User != nil || strings.ContainsAny(publicURL, "?#") {
		panic(fmt.Errorf("vanity: WithPublicURL: %s: want an absolute URL, https://HOST/PATH, without credentials, query or fragment", check.Quote(check.Redact(publicURL))))
	}
	clean := u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
	return func(o *options) { o.publicURL = clean }
}

// WithoutPages has [Meta] answer only the go command (?go-get=1) and the source links of pkg.go.dev. All else goes to the
// handler of [WithNext], also at the paths of imports. Other constructors ignore the option.
func WithoutPages() Option {
	return func(o *options) { o.withoutPages = true }
}

// WithTemplates names templates for the pages of [Meta], in place of its own: "index.html" for an index, "module.html" for
// an import, or both. Their data is a [Page], and what they write is HTML in UTF-8. They need no go-import tags, as the go
// command never gets these pages.
//
// The pages have a Content-Security-Policy. It allows what the host itself serves, styles in the page, and images from
// anywhere over https. It allows no script that stands in the page. For another policy, set the header before Meta is
// called. If a template fails, the answer is 500, and the error is logged.
//
// WithTemplates panics if t is nil, has no template of these names, or has one that doesn't fit a Page: each is executed
// for that, with an empty Page and with a full one. Don't change the templates afterwards. Other constructors ignore the
// option.
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
