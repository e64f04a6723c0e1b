package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	defaultTimeout = 30 * time.Second
	zipTimeouts    = 20       // for which a zip has time
	maxAnswer      = 16 << 20 // bytes of anything but a zip: the go command takes no larger go.mod
	maxRedirects   = 10       // as the go command has it
)

// A web reaches servers as the go command does.
type web struct {
	transport   http.RoundTripper
	host        string            // the module's
	server      *url.URL          // that stands for it; nil if it is its own
	inside      http.RoundTripper // what answers for insideHost; nil for nothing
	credentials func(ctx context.Context, u *url.URL) (user, password string, err error)
	timeout     time.Duration
}

func newWeb(o Options, host string) *web {
	w := &web{transport: http.DefaultTransport, host: host, credentials: o.Credentials, timeout: o.Timeout}
	if o.Client != nil && o.Client.Transport != nil {
		w.transport = o.Client.Transport
	}
	if w.timeout <= 0 {
		w.timeout = defaultTimeout
	}
	return w
}

// standIn has a server asked in the place of the module's host, unless it is that.
func (w *web) standIn(server *url.URL) {
	if server.Scheme != "https" || !w.isHost(server) {
		w.server = server
	}
}

// isHost reports whether u is at the module's host, at a usual port.
func (w *web) isHost(u *url.URL) bool {
	port := u.Port()
	return strings.EqualFold(u.Hostname(), w.host) && (port == "" || port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http")
}

// RoundTrip sends a request to whoever is to answer it.
func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.Host == insideHost && w.inside != nil:
		return w.inside.RoundTrip(r)
	case w.server != nil && w.isHost(r.URL):
		r = r.Clone(r.Context())
		if r.Host == "" {
			r.Host = r.URL.Host
		}
		if !w.mayLogIn(r.URL) {
			r.Header.Del("Authorization") // of whatever asks for more than the doctor's own
		}
		r.URL.Scheme, r.URL.Host = w.server.Scheme, w.server.Host
	}
	return w.transport.RoundTrip(r)
}

// An answer is what a server has said.
type answer struct {
	asked  *url.URL
	hops   []string // the URLs of redirects
	status int
	header http.Header
	body   []byte // but for a zip
	size   int64  // bytes of the body that have come
	length int64  // bytes that the server has announced; -1 for none
	known  bool   // credentials were sent; the user's name isn't told, as it may be a token
	cut    bool   // the body has more than may be
}

// isGone reports whether the go command takes it for "there is no such thing".
func (a *answer) isGone() bool {
	return a.status == http.StatusNotFound || a.status == http.StatusGone
}

// isHTML reports whether it is a page, by what it says it is or by how it begins.
func (a *answer) isHTML() bool {
	return strings.HasPrefix(a.mediaType(), "text/html") || looksHTML(a.body)
}

func looksHTML(body []byte) bool {
	return strings.HasPrefix(http.DetectContentType(body), "text/html")
}

func (a *answer) mediaType() string { return strings.ToLower(a.header.Get("Content-Type")) }

// String says how the server has answered, without the body.
func (a *answer) String() string {
	s := strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
	if a.known {
		s += " with the credentials for " + a.asked.Hostname()
	}
	for _, hop := range a.hops {
		s += ", by way of " + hop
	}
	return s
}

// at is what was asked.
func (a *answer) at() string { return show(a.asked) }

// show writes a URL without a password, and without what stands for the repository.
func show(u *url.URL) string {
	if u.Host == insideHost {
		return "the repository's " + u.Path[strings.LastIndex(u.Path, "/@")+1:]
	}
	return u.Redacted()
}

// why is the text of an answer that says no, as far as the go command shows it.
func (a *answer) why() string {
	text := strings.Join(strings.Fields(string(a.body[:min(len(a.body), 300)])), " ")
	if text == "" || !strings.HasPrefix(a.mediaType(), "text/plain") {
		return ""
	}
	return ": " + text
}

// get asks for something other than a zip.
func (w *web) get(ctx context.Context, u *url.URL) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	a, body, err := w.open(ctx, u)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	a.body, err = io.ReadAll(io.LimitReader(body, maxAnswer+1))
	a.size = int64(len(a.body))
	if a.size > maxAnswer {
		a.cut, a.body = true, a.body[:maxAnswer]
	}
	return a, err
}

// download asks for a zip, and writes it to a file unless it is refused. An error of the file is an *os.PathError.
func (w *web) download(ctx context.Context, u *url.URL, f *os.File, limit int64) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, zipTimeouts*w.timeout)
	defer cancel()
	a, body, err := w.open(ctx, u)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if a.status != http.StatusOK {
		a.body, err = io.ReadAll(io.LimitReader(body, 1000))
		return a, err
	}
	a.size, err = io.Copy(f, io.LimitReader(body, limit+1))
	a.cut = a.size > limit
	return a, err
}

// open asks, with the credentials that there are.
func (w *web) open(ctx context.Context, u *url.URL) (*answer, io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	a := &answer{asked: u}
	if w.credentials != nil && w.mayLogIn(u) {
		user, password, err := w.credentials(ctx, u)
		if err != nil {
			return nil, nil, fmt.Errorf("its credentials can't be had: %w", err)
		}
		if password != "" {
			req.SetBasicAuth(user, password)
			a.known = true
		}
	}
	client := &http.Client{Transport: w, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		a.hops = append(a.hops, req.URL.Redacted())
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return &downgradeError{via[len(via)-1].URL.Redacted(), req.URL.Redacted()}
		}
		if len(via) >= maxRedirects {
			return errRedirects
		}
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	a.status, a.header, a.length = resp.StatusCode, resp.Header, resp.ContentLength
	if resp.Uncompressed {
		a.length = -1
	}
	return a, resp.Body, nil
}

// mayLogIn reports whether credentials for u are sent: over https alone, as the go command has it, and to who stands for
// the module's host only if that is this machine, or the same host at another port.
func (w *web) mayLogIn(u *url.URL) bool {
	if u.Scheme != "https" || w.server == nil || !w.isHost(u) {
		return u.Scheme == "https"
	}
	name := w.server.Hostname()
	return isLoopback(name) || w.server.Scheme == "https" && strings.EqualFold(name, w.host)
}

// isLoopback reports whether a host is this machine, as far as its name says.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// isPrivate reports whether a host is an address that others can't reach.
func isPrivate(host string) bool {
	addr, err := netip.ParseAddr(host)
	return isLoopback(host) || err == nil && (addr.Unmap().IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified())
}

// A downgradeError is a redirect that the go command doesn't follow.
type downgradeError struct{ from, to string }

func (e *downgradeError) Error() string { return "redirects from https to " + e.to }

var errRedirects = fmt.Errorf("redirects %d times", maxRedirects)

// explain says of a request that got no answer what was seen, and what to do.
func explain(err error, host string) (saw, mend string) {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	var downgrade *downgradeError
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	var record tls.RecordHeaderError
	switch saw = err.Error(); {
	case errors.As(err, &downgrade):
		return saw, "redirect to https: the go command follows no redirect from there to http"
	case errors.Is(err, errRedirects):
		return saw, "break the circle: the go command follows " + fmt.Sprint(maxRedirects) + " redirects at most"
	case errors.As(err, &certificate):
		return saw, "give the server a certificate for " + host + " from an authority that everyone's system knows"
	case errors.As(err, &name):
		return saw, "give " + host + " an address in the DNS, or name another server"
	case errors.As(err, &record), strings.Contains(saw, "server gave HTTP response to HTTPS client"):
		return saw, "have the server speak TLS at this port, or name it with http"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time", "see what keeps the server: people wait for each of these requests"
	}
	return saw, "see that the server runs, and that nothing on the way keeps it from answering"
}
