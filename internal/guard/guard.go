// Package guard keeps a program that connects where strangers say away from what strangers must not reach.
package guard

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// forbidden are the ranges of special use that the methods of netip.Addr don't know (the IANA special-purpose address
// registries), and those that carry an IPv4 address within: what is behind them can't be seen from here.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared by carriers; a cloud's metadata address is in it
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("5f00::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

// Check refuses every address that is not of the public internet: loopback, private, link-local (where metadata
// services are), multicast and other special ones.
func Check(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return fmt.Errorf("%s is no public address", addr)
	}
	for _, prefix := range forbidden {
		if prefix.Contains(addr) {
			return fmt.Errorf("%s is no public address", addr)
		}
	}
	return nil
}

// control is asked before each connection, with the address that the name resolved to: there is no time for it to
// change in between.
func control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ap.Port() != 443 {
		return fmt.Errorf("port %d is not 443", ap.Port())
	}
	return Check(ap.Addr())
}

// Transport is a copy of t that connects to port 443 of public addresses alone, and to no HTTP proxy, which would
// connect for it. It fails if t makes its TLS connections itself, where the copy could not look.
func Transport(t *http.Transport) (*http.Transport, error) {
	if t.DialTLSContext != nil || t.DialTLS != nil { //nolint:staticcheck // old, but it would be used
		return nil, fmt.Errorf("its transport has a DialTLS function of its own, which can't be guarded")
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: control}
	t = t.Clone()
	t.Proxy = nil
	t.Dial = nil //nolint:staticcheck // old, but it would be used
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	return t, nil
}
