package git

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/check"
)

// A Client reaches repositories, and remembers for a while what spares it trips: what servers can do, which filters
// hosts allow, and what was fetched last. It is safe for concurrent use. Its fields must not change after its first
// use. It runs no goroutine between calls; files that it holds have no name, or go a minute after their last use.
type Client struct {
	HTTP   *http.Client // for all but local repositories; if nil, http.DefaultClient
	Limits Limits

	// Credentials gives what a repository's host is logged in with if it asks, by Basic authentication, or two empty strings if
	// there is nothing for it; if nil, there is nothing for any. It is told the URL of the repository there, without userinfo,
	// after redirects within the host. What it gives goes to the host, and port, that Open was given, over https only, and to no
	// other that it redirects to, nor back from there. It is not kept: it is asked for each request once the host has asked. An
	// error of it is one of this machine.
	Credentials func(ctx context.Context, repository *url.URL) (user, password string, err error)

	// Private, if not nil, is told of a repository that was had by Credentials only, when something of it was, and once for
	// each Repo.
	Private func(repo string)

	packs packCache
	hosts hosts
}

// How long is remembered what spares trips.
const (
	wayAge  = 10 * time.Minute
	maxTags = 10_000
)

// Open names a repository: an http or https URL, with or without the ".git" by which its host may know it, or an
// absolute path. It does no I/O. The Repo remembers things: it is best kept for later calls.
func (c *Client) Open(name string) *Repo {
	limits := c.Limits.withDefaults()
	r := &Repo{client: c, name: name, limits: limits}
	if u, err := url.Parse(name); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		r.host = u.Scheme + "://" + strings.ToLower(u.Host)
		t := newHTTPTransport(c, u, limits.Stall)
		if c.Private != nil {
			t.login.private = func() { c.Private(check.Redact(name)) }
		}
		r.transport = t
	} else {
		r.host = name // its own configuration says what it allows
		r.transport = &localTransport{dir: name, stall: limits.Stall}
	}
	return r
}

// A Repo is one repository. It is safe for concurrent use.
type Repo struct {
	client    *Client
	name      string
	host      string
	transport transport
	limits    Limits

	mu    sync.Mutex
	way   *way          // nil if not known
	doubt bool          // something went wrong: nothing is assumed until the server was asked
	tags  map[Hash]Hash // annotated tags by what they come to, of an advertisement

	manyTrees time.Time // when blob:none brought more than Limits.Trees
}

// A way is how a server is spoken with, and since when.
type way struct {
	wire
	at      time.Time
	assumed bool // it was not asked, and no answer has shown yet that it can do all that; see Repo.mu
	listed  bool // but it has listed refs
}

// Name is the repository as it was given to Open.
func (r *Repo) Name() string { return r.name }

// Refs lists the refs that begin with one of the prefixes, "refs/tags/v" say, in the host's order; without a prefix,
// none. Every other error than the caller's leaving and those of this machine, its memory's bounds among them (package
// budget), is an *Error.
func (r *Repo) Refs(ctx context.Context, prefixes ...string) (refs []Ref, err error) {
	first := r.spoken()
	err = r.following(ctx, func() error {
		refs, err = r.refs(ctx, prefixes)
		return err
	})
	if err == nil && first != nil {
		r.noteShy(first)
	}
	return refs, err
}

// following does what may go by what was assumed of the server, or by an advertisement of some minutes ago. The server may be
// another, the repository may have moved since, or have been somewhere else for another caller, which only a new
// advertisement says.
func (r *Repo) following(ctx context.Context, do func() error) error {
	w := r.spoken()
	err := do()
	if w == nil || !r.misled(ctx, w, err) {
		return err
	}
	r.mu.Lock()
	if r.way == w {
		r.way, r.doubt = nil, true
	}
	r.mu.Unlock()
	return do()
}

// isAssumed reports whether a server was not asked whether a way is its own; listed, whether it has listed refs that way.
func (r *Repo) isAssumed(w *way) (assumed, listed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return w.assumed, w.listed
}

// noteShy notes of a host that its servers must be asked first, if refs were listed, but not by the way that was assumed, and
// that is not the repository's own affair: another one would meet the same.
func (r *Repo) noteShy(first *way) {
	r.mu.Lock()
	shy := first.assumed && !first.listed && r.way != nil && r.way != first && r.way.format() == formatSHA1
	r.mu.Unlock()
	if shy {
		r.noteUnlikely()
	}
}

// misled reports whether a failure may be one of going that way.
func (r *Repo) misled(ctx context.Context, w *way, err error) bool {
	assumed, listed := r.isAssumed(w)
	if errors.Is(err, errFilterRefused) {
		return assumed && strings.Contains(err.Error(), "unexpected") // by one who knows no filter, not by one who allows few
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch _, isCaller := callerOf(ctx); e.Kind {
	case NoRepository:
		return true
	case Denied, Forbidden:
		return assumed && !listed || isCaller
	case Broken:
		return assumed || errors.Is(err, errMoved)
	}
	return false
}

func (r *Repo) refs(ctx context.Context, prefixes []string) ([]Ref, error) {
	l := &listing{prefixes: slices.DeleteFunc(slices.Clone(prefixes), tooLong), most: r.limits.Refs}
	l.take = func(n int64) error { return budget.Take(ctx, n) }
	w := r.spoken()
	if w == nil || w.lsRefs(nil) == nil {
		var err error
		if w, err = r.advertise(ctx, l); err != nil {
			return nil, err
		}
	}
	request := w.lsRefs(l.prefixes)
	if request == nil {
		r.noteTags(l.refs)
		return l.refs, nil
	}
	if len(l.prefixes) == 0 {
		return nil, nil
	}
	body, err := r.transport.command(ctx, w.version(), request)
	if err != nil {
		return nil, r.fail(err)
	}
	defer body.Close()
	if err := l.read(body); err != nil {
		return nil, r.fail(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w.listed = true
	return l.refs, nil
}

// spoken is the way to speak with the server that was found lately, or the one to try: what most servers speak. It is nil if
// the server must be asked.
func (r *Repo) spoken() *way {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.way != nil && time.Since(r.way.at) < wayAge {
		return r.way
	}
	old := r.way
	r.way = nil
	if suffix, own := r.transport.moved(); suffix != "" || !own || r.doubt {
		return nil
	}
	if r.client.hosts.mustAsk(r.host) {
		return nil
	}
	caps := likely
	if old != nil && old.format() != formatSHA1 {
		caps = maps.Clone(likely)
		caps["object-format"] = old.format().name
	}
	r.way = &way{wire: caps, at: time.Now(), assumed: true}
	return r.way
}

// speak gives the way to speak with the server, which it is asked for if it must be.
func (r *Repo) speak(ctx context.Context) (*way, error) {
	if w := r.spoken(); w != nil {
		return w, nil
	}
	return r.advertise(ctx, &listing{most: r.limits.Refs})
}

// advertise asks how to speak with the server, which may list its refs with the answer.
func (r *Repo) advertise(ctx context.Context, l *listing) (*way, error) {
	body, err := r.transport.advertise(ctx)
	if err != nil {
		return nil, r.fail(err)
	}
	defer body.Close()
	w, err := readAdvertisement(body, l)
	if err != nil {
		return nil, r.fail(err)
	}
	return r.learn(w), nil
}

// Admit asks the host whether who asks may read the repository: by the authorization of ctx, or by none; see
// [WithAuthorization]. [Client.Credentials] are not used. It is an advertisement that is asked for, each time anew, and no more
// of it is read than shows what it is. An *Error of Kind Denied says that the host asks for credentials, or for others, and one
// of Kind Forbidden that those were not enough; NoRepository is what many hosts say then. A local repository is there for all.
//
// The other methods give what was fetched for one caller to all, and so are for those who were admitted. A client whose
// transport logs in by itself makes the host admit everyone.
func (r *Repo) Admit(ctx context.Context) error {
	if _, ok := r.transport.(*localTransport); ok {
		return nil
	}
	if _, ok := callerOf(ctx); !ok {
		ctx = WithAuthorization(ctx, "")
	}
	body, err := r.transport.advertise(ctx)
	if err != nil {
		return named(r.name, err) // what others know stays
	}
	defer body.Close()
	w, err := readCapabilities(body)
	if err != nil {
		return named(r.name, err)
	}
	if w != nil {
		r.learn(w)
	} else {
		r.noteUnlikely()
	}
	return nil
}

// learn notes what the server has said that it can do.
func (r *Repo) learn(w wire) *way {
	if w.version() != newestVersion || !w.filters() || !w.deepens() {
		r.noteUnlikely()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.way, r.doubt = &way{wire: w, at: time.Now()}, false
	return r.way
}

// noteUnlikely notes of the host that it is not to be met as most are, if that is where the repository is.
func (r *Repo) noteUnlikely() {
	if _, own := r.transport.moved(); own {
		r.client.hosts.ask(r.host)
	}
}

// proven notes that a server has understood a fetch with a filter, which is the most that is assumed of any.
func (r *Repo) proven(w *way) {
	r.client.hosts.meet(r.host)
	r.mu.Lock()
	defer r.mu.Unlock()
	w.assumed = false
}

func (r *Repo) noteManyTrees() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manyTrees = time.Now()
}

// hasManyTrees reports whether all trees of a commit were lately more than are worth having.
func (r *Repo) hasManyTrees() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.manyTrees) < hostAge
}

// noteTags keeps the annotated tags of a listing for advertised, if it has any.
func (r *Repo) noteTags(refs []Ref) {
	tags := make(map[Hash]Hash)
	for _, ref := range refs {
		if !ref.Peeled.IsZero() && len(tags) < maxTags {
			tags[ref.Peeled] = ref.Hash
		}
	}
	if len(tags) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags = tags
}

// advertised gives annotated tags instead of the objects that they come to, as far as they are known; ok says whether any
// is. In versions 0 and 1 a server may insist that what is wanted is a ref's value, as git's own wants are.
func (r *Repo) advertised(wants []Hash) (tags []Hash, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tags) == 0 {
		return wants, false
	}
	tags = slices.Clone(wants)
	for i, want := range wants {
		if tag, known := r.tags[want]; known {
			tags[i], ok = tag, true
		}
	}
	return tags, ok
}

// fail names the repository in an error. If it is the host's, the server is asked anew next time what it can do: the
// repository may have moved.
func (r *Repo) fail(err error) error {
	var e *Error
	if errors.As(err, &e) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.way, r.doubt = nil, true
	}
	return named(r.name, err)
}

// fetch brings a pack with all that is wanted, and keeps it for the snapshots to come.
func (r *Repo) fetch(ctx context.Context, req fetchRequest) (held *heldPack, err error) {
	err = r.following(ctx, func() error {
		held, err = r.fetchPack(ctx, req)
		return err
	})
	return held, err
}

func (r *Repo) fetchPack(ctx context.Context, req fetchRequest) (*heldPack, error) {
	w, err := r.speak(ctx)
	if err != nil {
		return nil, err
	}
	if req.bare && (!w.filters() || !w.deepens() || r.client.hosts.rung(r.host) == rungWhole) {
		return nil, ErrCostly
	}
	if !w.filters() || req.partial && !w.anyObject() {
		req.filter, req.most = "", 0
	}
	for _, want := range req.wants {
		if int(want.n) != w.format().size {
			if assumed, _ := r.isAssumed(w); assumed {
				return nil, failf(Broken, "the host's objects are taken to have names of %d bytes, not %d", w.format().size, want.n)
			}
			return nil, failf(Missing, "the repository names objects by %s, which %q is not", w.format().name, want)
		}
	}
	pack, err := r.fetchFrom(ctx, w, req)
	if err != nil {
		return nil, named(r.name, err)
	}
	for _, want := range req.wants {
		if !pack.Has(want) && !req.thin {
			pack.Close()
			return nil, failf(Broken, "the host did not send object %s", want)
		}
	}
	return r.client.packs.add(r.name, req.key, pack), nil
}

func (r *Repo) fetchFrom(ctx context.Context, w *way, req fetchRequest) (*Pack, error) {
	if tag, ok := r.advertised(req.wants); ok {
		byTag := req
		byTag.wants = tag
		pack, err := r.receive(ctx, w, byTag)
		if !errors.Is(err, errWantRefused) { // the tag may have moved since
			return pack, err
		}
	}
	return r.receive(ctx, w, req)
}

// treeBytes is what trees may have on average in a pack that is worth having whole: directories of five files.
const treeBytes = 200

// receive brings a pack, spooled and checked.
func (r *Repo) receive(ctx context.Context, w *way, req fetchRequest) (*Pack, error) {
	body, err := r.transport.command(ctx, w.version(), w.fetch(req))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	stream, err := w.pack(newPktReader(body))
	if err != nil {
		return nil, req.explain(err)
	}
	if req.filter != "" {
		r.proven(w)
	}
	limits := r.limits
	if req.most > 0 {
		limits.Objects = min(limits.Objects, req.most)
	}
	if req.most > 0 && !req.thin {
		limits.PackBytes = min(limits.PackBytes, int64(req.most)*treeBytes)
	}
	whole := 0
	if req.whole {
		whole = len(req.wants) // a host may send any number besides
	}
	pack, err := readPack(ctx, stream, w.format(), limits, whole)
	if err != nil {
		return nil, req.explain(err)
	}
	return pack, nil
}
