//go:build !js

package guard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A dialer connects to one port of public addresses, and to that port of some hosts wherever they are.
type dialer struct {
	net.Dialer
	port  uint16
	hosts []string
}

// dial is for [http.Transport.DialContext], which gives the name as the URL has it.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	anywhere := slices.Contains(d.hosts, strings.ToLower(host))
	guarded := d.Dialer
	// This is asked before each connection, with the address that the name resolved to: there is no time for it to change
	// in between.
	guarded.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		switch {
		case err != nil:
			return err
		case ap.Port() != d.port:
			return fmt.Errorf("port %d is not %d", ap.Port(), d.port)
		case anywhere:
			return nil
		}
		return Check(ap.Addr())
	}
	return guarded.DialContext(ctx, network, address)
}

// Times that a copy sets where the original has none. Its connections, being nobody else's, would stay for ever.
const (
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	idleTimeout = 90 * time.Second
)

// Transport is a copy of t that connects to port 443 of public addresses alone, and to no HTTP proxy, which would
// connect for it. To the hosts, which are in lower case, it connects wherever they are, on port 443 too. It speaks HTTP/2
// if t does, by net/http's own implementation. It has none of the protocols that were registered with t. It fails if t
// makes its TLS connections itself, where the copy could not look.
func Transport(t *http.Transport, hosts ...string) (*http.Transport, error) {
	return (&dialer{Dialer: net.Dialer{Timeout: dialTimeout}, port: 443, hosts: hosts}).transport(t)
}

func (d *dialer) transport(t *http.Transport) (*http.Transport, error) {
	//lint:ignore SA1019 net/http still uses it
	if t.DialTLSContext != nil || t.DialTLS != nil {
		return nil, errors.New("its transport has a DialTLS function of its own, which can't be guarded")
	}
	guarded := t.Clone()
	guarded.Proxy = nil
	//lint:ignore SA1019 net/http still uses it
	guarded.Dial = nil
	guarded.DialContext = d.dial
	// A function in TLSNextProto may have a pool of connections that others have dialled. Clone has seen to it that
	// t's own has "h2" if t speaks it; with a DialContext net/http must be told again.
	_, guarded.ForceAttemptHTTP2 = t.TLSNextProto["h2"]
	guarded.TLSNextProto = nil
	guarded.TLSHandshakeTimeout = cmp.Or(guarded.TLSHandshakeTimeout, tlsTimeout)
	guarded.IdleConnTimeout = cmp.Or(guarded.IdleConnTimeout, idleTimeout)
	return guarded, nil
}
