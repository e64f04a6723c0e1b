package vanity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/vanity/internal/check"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/guard"
)

// Gosub answers the GOPROXY protocol below base for any module: which repository, directory and tags is said by the
// request's path, as [Encode] writes it.
//
//	mux.Handle("/go/", vanity.Gosub("/go"))
//
// serves, for example, the list of versions of one module at
//
//	/go/github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-;/utf64.moreplease.com/@v/list
//
// Everything else is as with [Goproxy]. A path that says no module is served if the version's go.mod declares it. Tags
// that aren't said are "v*".
//
// Gosub is made to be left open to strangers. It serves repositories of five public hosts, or those that [WithHosts]
// names, over https and port 443 alone, and redirects don't lead elsewhere. It works with a copy of the client that
// goes through no HTTP proxy and connects to public addresses only, whatever a name resolves to: not to loopback,
// private or link-local ones, except for a host that WithHosts names. With [WithSeal] it serves what its owner has sealed,
// and nothing else. A client whose Transport is no [*http.Transport], or dials TLS by itself, can't be guarded so: Gosub
// panics, unless it was given by [WithTrustedClient]. It has no limits per caller; those are the program's to set, by a
// handler around this one.
//
// Gosub makes no request, and panics on a malformed base. A malformed path never makes it panic. The handler is safe
// for concurrent use.
func Gosub(base string, opts ...Option) http.Handler {
	o := applyOptions(opts)
	o.refuse("Gosub")
	places, err := gosubPlaces(o.hosts)
	if err != nil {
		panic(fmt.Errorf("vanity: Gosub: %w", err))
	}
	client, err := guardedClient(o, places)
	if err != nil {
		panic(fmt.Errorf("vanity: Gosub: %w", err))
	}
	h := newHandler("Gosub", base, o, &git.Client{HTTP: client})
	h.modules.named, h.modules.sources.named = true, true
	h.route = func(r *http.Request) (route, bool) {
		rest, ok := cutEscapedBase(r.URL.EscapedPath(), h.base)
		if !ok {
			return route{}, false
		}
		return gosubRoute(rest, places, o.sealKeys), true
	}
	return h
}

// cutEscapedBase is cutBase for an escaped path: an escape makes no difference in the base, and has a meaning behind
// it.
func cutEscapedBase(path, base string) (string, bool) {
	for elem := range strings.SplitSeq(strings.TrimPrefix(base, "/"), "/") {
		if base == "" {
			break
		}
		escaped, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if got, err := url.PathUnescape(escaped); !ok || err != nil || got != elem || path[0] != '/' {
			return "", false
		}
		path = "/" + rest
	}
	return strings.CutPrefix(path, "/")
}

// gosubRoute reads what follows the base. What is wrong with it is said when the request turns out to be one of the
// protocol.
func gosubRoute(escaped string, places places, sealKeys [][]byte) route {
	cfg, used, seal, err := decode(escaped)
	switch {
	case err != nil:
		err = errors.New(strings.TrimPrefix(err.Error(), "vanity: "))
	case sealKeys != nil && !sealed(cfg, seal, sealKeys):
		err = errors.New("the spec has no seal, or none of the owner's: ask who runs this server for a sealed one")
	default:
		err = places.check(cfg.URL)
	}
	path, unescapeErr := url.PathUnescape(strings.TrimPrefix(escaped[len(used):], "/"))
	if err == nil {
		err = unescapeErr
	}
	return route{path: path, repository: cfg.URL, resolve: func(context.Context, string) (Config, error) { return cfg, nil }, err: err}
}

// defaultHosts are served if nobody says otherwise.
var defaultHosts = []string{"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht"}

// caselessHosts are those of them that take acme and Acme for one name, and give it to one owner.
var caselessHosts = []string{"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"}

// A place is where repositories are served from: what an entry of WithHosts means.
type place struct {
	text string // as it was written
	host string // in lower case
	path string // of one repository, or with a slash at its end, what they are below; if empty, anything. As folded gives it.
}

type places []place

// gosubPlaces reads the entries of WithHosts.
func gosubPlaces(entries []string) (places, error) {
	if entries == nil {
		entries = defaultHosts
	}
	if len(entries) == 0 {
		return nil, errors.New("WithHosts names no host")
	}
	var list places
	for _, entry := range entries {
		host, path, _ := strings.Cut(entry, "/")
		p := place{text: entry, host: strings.ToLower(host)}
		if reason := p.setPath(path); reason != "" || !check.Name(host) || strings.HasSuffix(entry, "/") {
			return nil, fmt.Errorf("WithHosts: %q: want a host name, HOST/PATH/* or HOST/PATH of one repository, as in git.example.com/team/*, without scheme or port%s", entry, reason)
		}
		list = append(list, p)
	}
	return list, nil
}

// setPath reads what follows the host in an entry. A reason says what is wrong with it.
func (p *place) setPath(path string) (reason string) {
	if path == "" || path == "*" {
		return ""
	}
	parent, below := strings.CutSuffix(path, "/*")
	c := Config{URL: "https://" + p.host + "/" + parent}
	if below {
		c.URL += "/x" // for any repository
	}
	switch reasons := urlProblems(c.URL); {
	case len(reasons) > 0:
		return ": " + strings.Join(reasons, "; ")
	case strings.Contains(parent, "*"):
		return `: "*" stands at the end alone, after a slash`
	case c.inexpressible() != "":
		return ": a spec can't hold such a path"
	}
	_, p.path = folded(c.canonical().URL)
	if below {
		p.path = strings.TrimSuffix(p.path, "x")
	}
	return ""
}

// folded gives the host of a canonical URL, and the path of the repository there in the one form of all that the host
// takes for the same, as far as that is known.
func folded(canonical string) (host, path string) {
	host, path, _ = strings.Cut(strings.TrimPrefix(canonical, "https://"), "/")
	if slices.Contains(caselessHosts, host) {
		path = strings.ToLower(path) // which is ASCII, all else being escaped
	}
	return host, path
}

// check refuses the URL of a repository that is served from none of the places.
func (l places) check(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return err
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return errors.New("only repositories at https://HOST/PATH are served here")
	}
	host, path := strings.ToLower(u.Hostname()), ""
	// A path that a spec can't say is in no place: hosts have ideas of their own about "..", "//" and ";".
	if c := (Config{URL: rawURL}); len(urlProblems(rawURL)) == 0 && c.inexpressible() == "" {
		_, path = folded(c.canonical().URL)
	}
	known := false
	for _, p := range l {
		if p.host == host {
			if p.holds(path) {
				return nil
			}
			known = true
		}
	}
	if known {
		return fmt.Errorf("the repository %s is not served here, only those of %s", check.Quote(host+u.EscapedPath()), l)
	}
	return fmt.Errorf("repositories of %s are not served here, only those of %s", u.Hostname(), l)
}

// holds reports whether the path of a repository, as folded gives it, is one of the place.
func (p place) holds(path string) bool {
	return p.path == "" || path == p.path || strings.HasSuffix(p.path, "/") && strings.HasPrefix(path, p.path)
}

// checkRedirect refuses to be led to a repository that is not served. What is asked for is a file of the repository.
func (l places) checkRedirect(to *url.URL) error {
	repo := *to
	repo.RawQuery, repo.ForceQuery, repo.Fragment, repo.RawFragment = "", false, "", ""
	return l.check(strings.TrimSuffix(repo.String(), "/info/refs"))
}

// String lists the places for a message.
func (l places) String() string {
	var texts []string
	for i, p := range l {
		if i == mostShown {
			texts = append(texts, fmt.Sprintf("%d more", len(l)-i))
			break
		}
		texts = append(texts, p.text)
	}
	return strings.Join(texts, ", ")
}

const mostShown = 20 // places in a message

// hosts are those that the places are at.
func (l places) hosts() (names []string) {
	for _, p := range l {
		names = append(names, p.host)
	}
	return names
}

// guardedClient is a copy of the owner's client that can't be led astray.
func guardedClient(o *options, places places) (*http.Client, error) {
	client := *o.httpClient()
	follow := client.CheckRedirect
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if err := places.checkRedirect(req.URL); err != nil {
			return &git.Error{Kind: git.Broken, Repo: via[0].URL.Redacted(), Err: fmt.Errorf("redirect: %w", err)}
		}
		if follow != nil {
			return follow(req, via)
		}
		if len(via) >= maxRedirects {
			return &git.Error{Kind: git.Broken, Repo: via[0].URL.Redacted(), Err: errors.New("too many redirects")}
		}
		return nil
	}
	if o.trusted {
		return &client, nil
	}
	if client.Transport == nil {
		client.Transport = plainTransport()
	}
	t, ok := client.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("a client with a %T as its Transport can't be guarded; give it by WithTrustedClient if it guards itself", client.Transport)
	}
	var named []string // whose addresses are the owner's affair
	if o.hosts != nil {
		named = places.hosts()
	}
	t, err := guard.Transport(t, named...)
	if err != nil {
		return nil, fmt.Errorf("the client can't be guarded: %w; give it by WithTrustedClient if it guards itself", err)
	}
	client.Transport = t
	return &client, nil
}

const maxRedirects = 10

// plainTransport is the default one, or a new one if the program has put something else in its place.
func plainTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t
	}
	return &http.Transport{ForceAttemptHTTP2: true, MaxIdleConns: 100, ExpectContinueTimeout: time.Second}
}
