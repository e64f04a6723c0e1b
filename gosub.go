package vanity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	hosts, err := gosubHosts(o.hosts)
	if err != nil {
		panic(fmt.Errorf("vanity: Gosub: %w", err))
	}
	client, err := guardedClient(o, hosts)
	if err != nil {
		panic(fmt.Errorf("vanity: Gosub: %w", err))
	}
	h := newHandler("Gosub", base, o, &git.Client{HTTP: client})
	h.named = true
	escapedBase := h.escapedBase()
	h.route = func(r *http.Request) (route, bool) {
		rest, ok := cutBase(r.URL.EscapedPath(), escapedBase)
		if !ok {
			return route{}, false
		}
		return gosubRoute(rest, hosts), true
	}
	return h
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
	return route{
		path:    path,
		resolve: func(context.Context, string) (Config, error) { return cfg, nil },
		err:     errors.Join(err, unescapeErr), // the latter can't be: net/http has parsed the path
	}
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
		u, err := url.Parse("https://" + host + "/")
		if err != nil || u.Host != host || u.Port() != "" || host == "" || strings.HasSuffix(host, ":") {
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
		client.Transport = http.DefaultTransport
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
