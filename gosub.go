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
// Gosub is made to be left open to strangers. It serves repositories of github.com, or of the hosts that [WithHosts]
// names, over https and port 443 alone, and redirects don't lead elsewhere. It works with a copy of the client that
// goes through no HTTP proxy and connects to public addresses only, whatever a name resolves to: not to loopback,
// private or link-local ones. A client whose Transport is no [*http.Transport], or dials TLS by itself, can't be
// guarded so: Gosub panics, unless it was given by [WithTrustedClient]. It has no limits per caller; those are the
// program's to set, by a handler around this one.
//
// Gosub makes no request, and panics on a malformed base. A malformed path never makes it panic. The handler is safe
// for concurrent use.
func Gosub(base string, opts ...Option) http.Handler {
	o := applyOptions(opts)
	o.refuse("Gosub")
	hosts, err := gosubHosts(o.hosts)
	if err != nil {
		panic(fmt.Errorf("vanity: Gosub: %w", err))
	}
	client, err := guardedClient(o, hosts)
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
		return gosubRoute(rest, hosts), true
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
func gosubRoute(escaped string, hosts []string) route {
	cfg, used, err := Decode(escaped)
	if err != nil {
		err = errors.New(strings.TrimPrefix(err.Error(), "vanity: "))
	} else {
		err = checkRepoHost(cfg.URL, hosts)
	}
	path, unescapeErr := url.PathUnescape(strings.TrimPrefix(escaped[len(used):], "/"))
	if err == nil {
		err = unescapeErr
	}
	return route{path: path, repository: cfg.URL, resolve: func(context.Context, string) (Config, error) { return cfg, nil }, err: err}
}

// defaultHosts are served if nobody says otherwise.
var defaultHosts = []string{"github.com"}

// gosubHosts checks the names of hosts.
func gosubHosts(hosts []string) ([]string, error) {
	if hosts == nil {
		return defaultHosts, nil
	}
	if len(hosts) == 0 {
		return nil, errors.New("WithHosts names no host")
	}
	var clean []string
	for _, host := range hosts {
		if !check.Name(host) {
			return nil, fmt.Errorf("WithHosts: %q is no host name; write it as in git.example.com, without scheme, port or path", host)
		}
		clean = append(clean, strings.ToLower(host))
	}
	return clean, nil
}

// checkRepoHost refuses a repository of another host, or at another port.
func checkRepoHost(rawURL string, hosts []string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return err
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return errors.New("only repositories at https://HOST/PATH are served here")
	}
	if !slices.Contains(hosts, strings.ToLower(u.Hostname())) {
		return fmt.Errorf("repositories of %s are not served here, only those of %s", u.Hostname(), strings.Join(hosts, ", "))
	}
	return nil
}

// guardedClient is a copy of the owner's client that can't be led astray.
func guardedClient(o *options, hosts []string) (*http.Client, error) {
	client := *o.httpClient()
	follow := client.CheckRedirect
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if err := checkRepoHost(req.URL.String(), hosts); err != nil {
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
	t, err := guard.Transport(t)
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
