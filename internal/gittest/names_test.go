package gittest_test

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"example.com/vanity/internal/gittest"
)

func TestAnswerNames(t *testing.T) {
	gittest.AnswerNames(t, func(name string) []netip.Addr {
		switch name {
		case "both.acme.test":
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
		case "six.acme.test":
			return []netip.Addr{netip.MustParseAddr("::1")}
		}
		return nil
	})
	for name, want := range map[string][]string{
		"both.acme.test": {"10.0.0.1", "127.0.0.1", "fd00::1"},
		"six.acme.test":  {"::1"},
	} {
		got, err := net.DefaultResolver.LookupHost(t.Context(), name)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	var dnsErr *net.DNSError
	if _, err := net.DefaultResolver.LookupHost(t.Context(), "none.acme.test"); !errors.As(err, &dnsErr) || !dnsErr.IsNotFound {
		t.Errorf("a name that is not there: %v", err)
	}
}
