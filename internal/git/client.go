package git

import (
	"context"
	"errors"
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

	mu    sync.Mutex
	rungs map[string]rungMemo
}

// How long is remembered what spares trips.
const (
	wireAge  = 10 * time.Minute
	rungAge  = time.Hour
	maxRungs = 1000
	maxTags  = 10_000
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

// A rungMemo is the best way of fetching that a host has not refused.
type rungMemo struct {
	rung  rung
	until time.Time // a host may learn
}

func (c *Client) rung(host string) rung {
	c.mu.Lock()
	defer c.mu.Unlock()
	memo := c.rungs[host]
	if time.Now().After(memo.until) {
		return rungCombine
	}
	return memo.rung
}

// refused notes that a host does not allow what a rung needs.
func (c *Client) refused(host string, at rung) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	memo := c.rungs[host]
	if now.After(memo.until) {
		memo = rungMemo{}
	}
	if memo.rung != at {
		return // refused on a way that began elsewhere
	}
	if c.rungs == nil || len(c.rungs) >= maxRungs {
		c.rungs = make(map[string]rungMemo)
	}
	c.rungs[host] = rungMemo{rung: at + 1, until: now.Add(rungAge)}
}

// A Repo is one repository. It is safe for concurrent use.
type Repo struct {
	client    *Client
	name      string
	host      string
	transport transport
	limits    Limits

	mu     sync.Mutex
	wire   wire // nil if not known
	wireAt time.Time
	tags   map[Hash]Hash // annotated tags by what they come to, of an advertisement
}

// Name is the repository as it was given to Open.
func (r *Repo) Name() string { return r.name }

// Refs lists the refs that begin with one of the prefixes, "refs/tags/v" say, in the host's order; without a prefix,
// none. Every other error than the caller's leaving and those of this machine, its memory's bounds among them (package
// budget), is an *Error.
func (r *Repo) Refs(ctx context.Context, prefixes ...string) (refs []Ref, err error) {
	err = r.following(ctx, func() error {
		refs, err = r.refs(ctx, prefixes)
		return err
	})
	return refs, err
}

// following does what may go by an advertisement of some minutes ago. The repository may have moved since, or have been
// somewhere else for another caller, which only a new one says.
func (r *Repo) following(ctx context.Context, do func() error) error {
	known := r.spoken() != nil
	err := do()
	var e *Error
	if !known || !errors.As(err, &e) {
		return err
	}
	_, isCaller := callerOf(ctx)
	denied := isCaller && (e.Kind == Denied || e.Kind == Forbidden)
	if e.Kind != NoRepository && !errors.Is(err, errMoved) && !denied {
		return err
	}
	r.forget()
	return do()
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
	return l.refs, nil
}

// spoken is the way to speak with the server that was found lately, or nil.
func (r *Repo) spoken() wire {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.wireAt) >= wireAge {
		return nil
	}
	return r.wire
}

// speak gives the way to speak with the server, which it is asked for if that was not lately.
func (r *Repo) speak(ctx context.Context) (wire, error) {
	if w := r.spoken(); w != nil {
		return w, nil
	}
	return r.advertise(ctx, &listing{most: r.limits.Refs})
}

// advertise asks how to speak with the server, which may list its refs with the answer.
func (r *Repo) advertise(ctx context.Context, l *listing) (wire, error) {
	body, err := r.transport.advertise(ctx)
	if err != nil {
		return nil, r.fail(err)
	}
	defer body.Close()
	w, err := readAdvertisement(body, l)
	if err != nil {
		return nil, r.fail(err)
	}
	r.learn(w)
	return w, nil
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
	}
	return nil
}

func (r *Repo) learn(w wire) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wire, r.wireAt = w, time.Now()
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

// fail names the repository in an error, and asks anew next time what the server can do: it may have moved.
func (r *Repo) fail(err error) error {
	r.forget()
	return named(r.name, err)
}

func (r *Repo) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wire = nil
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
	if req.bare && (!w.filters() || !w.deepens() || r.client.rung(r.host) == rungWhole) {
		return nil, ErrCostly
	}
	if !w.filters() {
		req.filter, req.most = "", 0
	}
	for _, want := range req.wants {
		if int(want.n) != w.format().size {
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

func (r *Repo) fetchFrom(ctx context.Context, w wire, req fetchRequest) (*Pack, error) {
	if tag, ok := r.advertised(req.wants); ok {
		byTag := req
		byTag.wants = tag
		pack, err := fetch(ctx, r.transport, w, byTag, r.limits)
		if !errors.Is(err, errWantRefused) { // the tag may have moved since
			return pack, err
		}
	}
	return fetch(ctx, r.transport, w, req, r.limits)
}
