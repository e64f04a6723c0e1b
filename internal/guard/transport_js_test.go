package guard_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/vanity/internal/guard"
)

var errSent = errors.New("sent")

// A sender is in the place of fetch, which this process has not.
type sender struct{ redirect string }

func (s *sender) RoundTrip(r *http.Request) (*http.Response, error) {
	s.redirect = r.Header.Get("js.fetch:redirect")
	return nil, errSent
}

var fetches = []struct{ url, want string }{
	{"https://github.com/o/r", ""},
	{"https://GitHub.com:443/o/r", ""},
	{"https://git.sr.ht./~o/r", ""},
	{"https://xn--bcher-kva.example.org/r", ""},
	{"https://1.2.3.4.nip.io/r", ""}, // leads where it likes, as any name may: the platform sees to that
	{"https://git.corp.internal/r", ""},
	{"https://buildhost/r", ""},

	{"http://github.com/o/r", "http is not https"},
	{"http://git.corp.internal/r", "http is not https"},
	{"https://github.com:8443/o/r", "port 8443 is not 443"},
	{"https://git.corp.internal:22/r", "port 22 is not 443"},
	{"https://127.0.0.1/r", "127.0.0.1 is an address"},
	{"https://8.8.8.8/r", "8.8.8.8 is an address"},
	{"https://127.0.0.1./r", "127.0.0.1 is an address"},
	{"https://[::1]/r", "::1 is an address"},
	{"https://[::ffff:169.254.169.254]/r", "is an address"},
	{"https://[fe80::1%25lo]/r", "is an address"},
	{"https://127.1/r", "is no name of a host"},
	{"https://2130706433/r", "is no name of a host"},
	{"https://0x7f000001/r", "is no name of a host"},
	{"https://0x7f.1/r", "is no name of a host"},
	{"https://017700000001/r", "is no name of a host"},
	{"https://127.0.0.1%E3%80%82/r", "is no name of a host"},
	{"https://%E2%91%A0.com/r", "is no name of a host"}, // a circled digit
	{"https://a_b.com/r", "is no name of a host"},
	{"https:///r", "is no name of a host"},
	{"https://./r", "is no name of a host"},
	{"https://localhost/r", "localhost is a local name"},
	{"https://LOCALHOST./r", "is a local name"},
	{"https://git.localhost/r", "is a local name"},
	{"https://metadata.google.internal/r", "is a local name"},
	{"https://router.home.arpa/r", "is a local name"},
	{"https://printer.local./r", "is a local name"},
	{"https://host/r", "host is a local name"},
}

func TestFetch(t *testing.T) {
	for _, tt := range fetches {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		s := new(sender)
		req := &http.Request{Method: http.MethodGet, URL: u, Header: make(http.Header)}
		_, err = guard.Fetcher(s, "git.corp.internal", "buildhost").RoundTrip(req)
		switch {
		case tt.want == "" && (err != errSent || s.redirect != "manual"):
			t.Errorf("%s: %v, redirect %q", tt.url, err, s.redirect)
		case tt.want != "" && (err == errSent || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v; want %s", tt.url, err, tt.want)
		}
		if len(req.Header) > 0 {
			t.Errorf("%s: the caller's request was changed: %v", tt.url, req.Header)
		}
	}
}

func TestTransport(t *testing.T) {
	own := &http.Transport{DialContext: new(net.Dialer).DialContext}
	if _, err := guard.Transport(own); err != nil || own.DialContext == nil {
		t.Errorf("a transport that dials: %v", err)
	}
	own.DialTLSContext = func(context.Context, string, string) (net.Conn, error) { return tls.Dial("tcp", "127.0.0.1:1", nil) }
	if _, err := guard.Transport(own); err == nil || !strings.Contains(err.Error(), "can't be guarded") {
		t.Errorf("a transport that dials TLS: %v", err)
	}
}
