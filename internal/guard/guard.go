// Package guard keeps a program that connects where strangers say away from what strangers must not reach.
package guard

import (
	"fmt"
	"net/netip"
)

// public is what is given out of IPv6. Site-local, local-use NAT64, IPv4-translated and other addresses lie outside.
var public = netip.MustParsePrefix("2000::/3")

// nat64 carries an IPv4 address, to which a gateway connects. Where there is no IPv4, names resolve to it.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// forbidden are the ranges of special use that the methods of netip.Addr don't know (the IANA special-purpose address
// registries), and those that carry an IPv4 address to gateways of no standing.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),    // shared by carriers; a cloud's metadata address is in it
	netip.MustParsePrefix("168.63.129.16/32"), // a cloud's platform service, seen from within
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// Check refuses every address that is not of the public internet: loopback, private, link-local (where metadata
// services are), multicast and other special ones.
func Check(addr netip.Addr) error {
	if !isPublic(addr.Unmap().WithZone("")) {
		return fmt.Errorf("%s is no public address", addr)
	}
	return nil
}

func isPublic(addr netip.Addr) bool {
	if nat64.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !public.Contains(addr) {
		return false
	}
	for _, prefix := range forbidden {
		if prefix.Contains(addr) {
			return false
		}
	}
	return true
}
