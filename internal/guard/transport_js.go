package guard

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Transport is a copy of t whose requests go to port 443 of hosts that have a name, by the platform's fetch. What a name resolves
// to nobody is told here: that it leads to no private address is the platform's to see to. So a name that is not one of the
// hosts, which are in lower case, must be one of the public internet, as far as a name says that. Redirects are shown, and not
// followed. It fails if t dials TLS by itself, as elsewhere; what else it has to connect with is left out.
func Transport(t *http.Transport, hosts ...string) (http.RoundTripper, error) {
	//lint:ignore SA1019 net/http still uses it
	if t.DialTLSContext != nil || t.DialTLS != nil {
		return nil, errors.New("its transport has a DialTLS function of its own, which can't be guarded")
	}
	fetching := t.Clone()
	//lint:ignore SA1019 net/http still uses it
	fetching.Dial = nil
	fetching.DialContext = nil // with one, net/http would not fetch
	fetching.Proxy = nil
	return &fetcher{fetching, hosts}, nil
}

// A fetcher looks at where a request goes.
type fetcher struct {
	next  http.RoundTripper
	hosts []string
}

// RoundTrip implements [http.RoundTripper].
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := f.check(r); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header["js.fetch:redirect"] = []string{"manual"}
	return f.next.RoundTrip(r)
}

func (f *fetcher) check(r *http.Request) error {
	switch {
	case r.URL.Scheme != "https":
		return fmt.Errorf("%s is not https", r.URL.Scheme)
	case r.URL.Port() != "" && r.URL.Port() != "443":
		return fmt.Errorf("port %s is not 443", r.URL.Port())
	}
	host := strings.ToLower(r.URL.Hostname())
	if slices.Contains(f.hosts, host) {
		return nil
	}
	return checkName(host)
}

// local are the names under which there is nothing public (the IANA special-use domain names, and what networks have at home).
var local = []string{"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa", "invalid", "test", "example", "onion", "alt"}

// checkName refuses addresses, in all the ways that URLs of the platform can write them, and local names.
func checkName(host string) error {
	name := strings.TrimSuffix(host, ".")
	if addr, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("%s is an address, and no name", addr)
	}
	top := name[strings.LastIndexByte(name, '.')+1:]
	plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
	switch {
	case !plain, top == "", top[0] >= '0' && top[0] <= '9': // 127.1, 0x7f000001 and 2130706433 are 127.0.0.1 there; other characters may become these
		return fmt.Errorf("%q is no name of a host", host)
	case top == name:
		return fmt.Errorf("%s is a local name", host)
	}
	for _, suffix := range local {
		if strings.HasSuffix(name, "."+suffix) {
			return fmt.Errorf("%s is a local name", host)
		}
	}
	return nil
}
