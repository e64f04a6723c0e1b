package git

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/vanity/internal/check"
)

const (
	userAgent    = "git/vanity" // hosts know git's clients by the first four letters
	infoRefs     = "/info/refs"
	serviceQuery = "service=git-upload-pack"
)

// An httpTransport speaks the smart HTTP protocol (gitprotocol-http).
type httpTransport struct {
	client  *http.Client
	callers *http.Client // for requests in a caller's name
	stall   time.Duration
	url     string // as it was given, but for userinfo
	login   login

	mu   sync.Mutex
	base string // after the redirects of the latest advertisement
}

func newHTTPTransport(c *Client, u *url.URL, stall time.Duration) *httpTransport {
	client := *cmp.Or(c.HTTP, http.DefaultClient)
	follow := client.CheckRedirect
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error { return checkRedirect(follow, req, via) }
	callers := client
	callers.Jar = nil // one's session is not another's
	own := *u
	own.User = nil
	rawURL := strings.TrimSuffix(own.String(), "/")
	t := &httpTransport{client: &client, callers: &callers, stall: stall, url: rawURL, base: rawURL}
	t.login.own, t.login.ask = &own, c.Credentials
	if u.User != nil {
		password, _ := u.User.Password()
		t.login.inURL = basic(u.User.Username(), password)
	}
	return t
}

// checkRedirect follows as git does by default (http.followRedirects=initial): the first request only, so that what
// is posted goes where the advertisement came from.
func checkRedirect(follow func(*http.Request, []*http.Request) error, req *http.Request, via []*http.Request) error {
	if via[0].Method != http.MethodGet {
		return http.ErrUseLastResponse
	}
	req.URL.User = nil // credentials are the owner's affair, not a host's
	elsewhere := func(r *http.Request) bool { return origin(r.URL) != origin(via[0].URL) }
	if elsewhere(req) || slices.ContainsFunc(via, elsewhere) {
		req.Header.Del("Authorization") // net/http lets it go to other ports and to subdomains, and come back from there
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return failf(Broken, "the host redirects from https to %s", req.URL.Scheme)
	}
	if len(via) >= 10 { // a follow may have no bound of its own
		return failf(Broken, "the host redirects more than 10 times")
	}
	if follow != nil {
		return follow(req, via)
	}
	return nil
}

func (t *httpTransport) currentBase() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.base
}

func (t *httpTransport) moved() (suffix string, own bool) {
	const dotGit = ".git"
	switch base := t.currentBase(); base {
	case t.url:
		return "", true
	case t.url + dotGit, strings.TrimSuffix(t.url, dotGit):
		return dotGit, true
	}
	return "", false
}

func (t *httpTransport) advertise(ctx context.Context) (io.ReadCloser, error) {
	// Always from the start: a redirect of last time may not hold any more.
	body, err := t.advertiseAt(ctx, t.url)
	var e *Error
	if errors.As(err, &e) && e.Kind == NoRepository && !strings.HasSuffix(t.url, ".git") {
		return t.advertiseAt(ctx, t.url+".git")
	}
	return body, err
}

func (t *httpTransport) advertiseAt(ctx context.Context, base string) (io.ReadCloser, error) {
	resp, err := t.do(ctx, newestVersion, base, infoRefs+"?"+serviceQuery, nil)
	if err != nil {
		return nil, err
	}
	// resp.Request is the last of the redirects.
	newBase, ok := baseOf(resp.Request.URL, infoRefs+"?"+serviceQuery)
	if !ok {
		resp.Body.Close()
		return nil, failf(Broken, "the host redirects to %s, which is no repository", redacted(resp.Request.URL))
	}
	t.mu.Lock()
	t.base = newBase
	t.mu.Unlock()
	return resp.Body, nil
}

func (t *httpTransport) command(ctx context.Context, version int, request []byte) (io.ReadCloser, error) {
	resp, err := t.do(ctx, version, t.currentBase(), "/git-upload-pack", request)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// baseOf is the repository's URL by one that was asked. All that was asked for must be at its end, query included: so git has
// it, and a page of another shape is no git server's.
func baseOf(u *url.URL, suffix string) (string, bool) {
	v := *u
	v.User, v.Fragment, v.RawFragment = nil, "", ""
	return strings.CutSuffix(v.String(), suffix)
}

// do makes a request of a repository, a POST if there is something to send, and insists on a git server's answer to it. A host
// that asks for credentials is asked once more with those that there are for it.
func (t *httpTransport) do(ctx context.Context, version int, base, suffix string, request []byte) (*http.Response, error) {
	header, err := t.login.first(ctx, base)
	if err != nil {
		return nil, err
	}
	answer := "application/x-git-upload-pack-advertisement"
	if request != nil {
		answer = "application/x-git-upload-pack-result"
	}
	for again := false; ; again = true {
		resp, err := t.send(ctx, version, base+suffix, header, request)
		if err != nil {
			return nil, err
		}
		if err = checkResponse(resp, answer); err == nil {
			t.login.served(ctx, resp.Request, again)
			return resp, nil
		}
		resp.Body.Close()
		at, ok := baseOf(resp.Request.URL, suffix)
		isRepo := ok && !strings.Contains(at, "?") // and not a form to log in, with the way back in its query
		if resp.StatusCode != http.StatusUnauthorized || authorized(resp.Request) || !isRepo || again {
			return nil, t.login.denied(ctx, resp, err)
		}
		second, noCredentials := t.login.second(ctx, resp.Request, at)
		if noCredentials != nil {
			return nil, noCredentials
		}
		if second == "" {
			return nil, t.login.denied(ctx, resp, err)
		}
		base, header = at, second
	}
}

// send makes one request.
func (t *httpTransport) send(ctx context.Context, version int, rawURL, authorization string, request []byte) (*http.Response, error) {
	g := newStallGuard(ctx, t.stall)
	method, body, encoding := http.MethodGet, io.Reader(nil), ""
	if request != nil {
		method = http.MethodPost
		request, encoding = compress(request)
		body = bytes.NewReader(request)
	}
	req, err := http.NewRequestWithContext(g.ctx, method, rawURL, body)
	if err != nil {
		g.abandon()
		return nil, failf(Broken, "%w", err)
	}
	if version > 0 {
		req.Header.Set("Git-Protocol", protocol(version))
	}
	req.Header.Set("User-Agent", userAgent)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	if request != nil {
		req.Header["Idempotency-Key"] = nil // not sent: it lets net/http repeat what met a connection being closed
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		req.Header.Set("Accept", "application/x-git-upload-pack-result")
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
	}
	client := t.client
	if _, ok := callerOf(ctx); ok {
		client = t.callers
	}
	prepare(client, req)
	resp, err := client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			ue.URL = check.Redact(ue.URL) // it may be what a host redirected to
		}
		err = g.explain(err, Unreachable) // before the context says that it was cancelled
		g.abandon()
		return nil, err
	}
	g.answered(ending(g.ctx, resp.Body))
	resp.Body = g
	return resp, nil
}

// compress makes a large request smaller, as git does: of an object's name about half is left.
func compress(request []byte) (body []byte, encoding string) {
	const enough = 1024
	if len(request) <= enough {
		return request, ""
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return request, ""
	}
	z.Write(request) // into memory nothing fails
	z.Close()
	return b.Bytes(), "gzip"
}

// checkResponse sorts answers that are no git server's.
func checkResponse(resp *http.Response, want string) error {
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	contentType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if contentType != want {
		return failf(Broken, "the host answered with %.100q, not as a git server does: is the URL a repository's?", contentType)
	}
	return nil
}

func statusError(resp *http.Response) error {
	e := &Error{Err: fmt.Errorf("%s %s: status %s", resp.Request.Method, redacted(resp.Request.URL), resp.Status)}
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests || code == http.StatusForbidden && e.RetryAfter > 0:
		e.Kind = Limited
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		e.Kind = Denied
	case code == http.StatusNotFound || code == http.StatusGone || code == http.StatusUnavailableForLegalReasons:
		e.Kind = NoRepository // to a command, too: it has vanished since the advertisement
	case code == http.StatusRequestTimeout || code == http.StatusGatewayTimeout:
		e.Kind = Timeout
	case code == http.StatusServiceUnavailable:
		e.Kind = Unavailable
	default:
		e.Kind = Broken
		if code/100 == 3 {
			e.Err = fmt.Errorf("%w: %w", errMoved, e.Err)
		}
	}
	return e
}

// errMoved says that what was posted should have gone elsewhere.
var errMoved = errors.New("the repository has moved")

// redacted is a URL without what may be a secret, be it a host's own in what it redirects to.
func redacted(u *url.URL) string {
	v := *u
	v.User, v.RawQuery, v.Fragment, v.RawFragment = nil, "", "", ""
	return v.String()
}

// retryAfter reads the header, in seconds or as a date, up to a day; zero if there is none.
func retryAfter(value string, now time.Time) time.Duration {
	var d time.Duration
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		d = time.Duration(min(seconds, 86400)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}
