package git

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode"

	"example.com/vanity/internal/check"
)

// authorizationKey is the key of a caller's authorization in a context.
type authorizationKey struct{}

// An authorization is no string: a context that is printed shows those.
type authorization struct{ header string }

// WithAuthorization makes requests of a context ask in a caller's name: what goes to the host of the repository's own URL
// carries exactly this Authorization header, or none if it is empty, and [Client.Credentials] are not used. What goes
// elsewhere, after a redirect, carries none, nor does anything that goes over http. The schemes Negotiate and NTLM are refused,
// as they log a connection in, which the next caller may get.
//
// What was fetched is kept for all callers: see [Repo.Admit].
func WithAuthorization(ctx context.Context, header string) context.Context {
	return context.WithValue(ctx, authorizationKey{}, authorization{header})
}

// callerOf gives the authorization of a context; ok says whether it has one, be it empty.
func callerOf(ctx context.Context) (header string, ok bool) {
	a, ok := ctx.Value(authorizationKey{}).(authorization)
	return a.header, ok
}

// A login says what the requests for one repository carry, and remembers who asked for it.
type login struct {
	own   *url.URL                                                                          // the repository's URL, without userinfo
	inURL string                                                                            // Authorization by the userinfo that the URL had
	ask   func(ctx context.Context, repository *url.URL) (user, password string, err error) // may be nil

	private func() // called when credentials brought something, or nil
	once    sync.Once

	mu    sync.Mutex
	asked bool // for credentials, lately
}

// first is the Authorization header for a request that nobody has refused yet, empty for none.
func (l *login) first(ctx context.Context, base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", failf(Broken, "malformed URL %q", check.Redact(base))
	}
	here := origin(u)
	if header, ok := callerOf(ctx); ok {
		if scheme := schemeOf(header); scheme == "negotiate" || scheme == "ntlm" {
			return "", failf(Denied, "the caller authorizes himself by %s, which is for a connection, and not for a request: Basic or Bearer is needed", scheme)
		}
		if u.Scheme != "https" || here != origin(l.own) {
			return "", nil
		}
		return header, nil
	}
	if here != origin(l.own) {
		return "", nil
	}
	if l.inURL != "" {
		return l.inURL, nil
	}
	if !l.isAsked() {
		return "", nil
	}
	return l.credentials(ctx, u)
}

// second is the Authorization header for a repository whose host has asked for credentials in answer to last, empty if there
// are none. Only the host that was named gets any, and only if no other led there: else whoever can make one redirect would
// choose what of the other is read.
func (l *login) second(ctx context.Context, last *http.Request, base string) (string, error) {
	if _, ok := callerOf(ctx); ok || !l.isOwn(last) {
		return "", nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", failf(Broken, "malformed URL %q", check.Redact(base))
	}
	return l.credentials(ctx, u)
}

// isOwn reports whether a request, and all that redirected to it, went to the host of the repository's own URL.
func (l *login) isOwn(r *http.Request) bool {
	switch {
	case r == nil || origin(r.URL) != origin(l.own):
		return false
	case r.Response == nil:
		return true
	}
	return l.isOwn(r.Response.Request)
}

func (l *login) isAsked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *login) setAsked(asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = asked
}

// credentials asks for what the server itself has, each time anew: it may have changed. A repository that was named by http
// gets none, even where its host redirects to https: who is on the way there could redirect as well.
func (l *login) credentials(ctx context.Context, u *url.URL) (string, error) {
	if l.ask == nil || l.own.Scheme != "https" || u.Scheme != "https" {
		return "", nil
	}
	user, password, err := l.ask(ctx, u)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		// Not wrapped: a file that isn't there must not look like a repository that isn't.
		return "", fmt.Errorf("credentials for %s: %v", redacted(u), err)
	}
	if user == "" && password == "" {
		return "", nil
	}
	return basic(user, password), nil
}

func basic(user, password string) string {
	r := http.Request{Header: make(http.Header)}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

// served notes an answer that is good, second if it took what second gives: a host that goes on refusing may have asked for
// credentials for the sake of the request, and not of the repository.
func (l *login) served(ctx context.Context, last *http.Request, second bool) {
	if second {
		l.setAsked(true)
	}
	if _, ok := callerOf(ctx); !ok && l.isAsked() && authorized(last) && l.private != nil {
		l.once.Do(l.private)
	}
}

// denied tells more of an answer that denies what was asked for.
func (l *login) denied(ctx context.Context, resp *http.Response, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind != Denied {
		return err
	}
	header, isCaller := callerOf(ctx)
	switch last := resp.Request; {
	case !authorized(last):
		has := header != "" || !isCaller && l.ask != nil
		switch {
		case has && l.own.Scheme != "https":
			e.Err = fmt.Errorf("%w; none are sent for a repository whose URL begins with http, as they would go in the clear", e.Err)
		case has && !l.isOwn(last):
			e.Err = fmt.Errorf("%w; none are sent where another host redirects to: the repository must be named by the URL that it has now", e.Err)
		}
	case !isCaller:
		l.setAsked(false) // it may be public by now
		e.Kind, e.Err = Refused, fmt.Errorf("%w, though credentials were sent", e.Err)
	case resp.StatusCode == http.StatusForbidden:
		e.Kind = Forbidden
	}
	return e
}

// schemeOf is the scheme of an Authorization header, in lower case. Hosts may take other characters than a space for its end.
func schemeOf(header string) string {
	end := strings.IndexFunc(header, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' })
	if end < 0 {
		end = len(header)
	}
	return strings.ToLower(header[:end])
}

func authorized(r *http.Request) bool { return r.Header.Get("Authorization") != "" }

// origin is a URL's scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
