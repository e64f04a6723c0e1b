package guard_test

import (
	"net/netip"
	"strings"
	"testing"

	"example.com/vanity/internal/guard"
)

var addresses = []struct {
	addr string
	ok   bool
}{
	// Public ones.
	{"8.8.8.8", true},
	{"140.82.121.3", true},
	{"1.1.1.1", true},
	{"223.255.255.255", true},
	{"2606:4700:4700::1111", true},
	{"2a00:1450:4001:830::200e", true},
	{"2620:4f:8000::1", true},
	{"::ffff:8.8.8.8", true}, // the system connects to the IPv4 address within
	{"64:ff9b::8.8.8.8", true},

	// This host, and any.
	{"127.0.0.1", false},
	{"127.255.255.254", false},
	{"::1", false},
	{"0.0.0.0", false},
	{"0.1.2.3", false},
	{"::", false},

	// Private, shared, link-local.
	{"10.0.0.1", false},
	{"172.16.0.1", false},
	{"172.31.255.255", false},
	{"172.32.0.1", true},
	{"192.168.1.1", false},
	{"100.64.0.1", false},
	{"100.127.255.255", false},
	{"100.128.0.0", true},
	{"169.254.0.1", false},
	{"fe80::1", false},
	{"fe80::1%eth0", false},
	{"fc00::1", false},
	{"fdff::1", false},
	{"fec0::1", false},

	// Metadata services.
	{"169.254.169.254", false},
	{"169.254.170.2", false},
	{"fd00:ec2::254", false},
	{"fe80::a9fe:a9fe%ens5", false},
	{"100.100.100.200", false},
	{"168.63.129.16", false},
	{"192.0.0.192", false},

	// Multicast and broadcast.
	{"224.0.0.1", false},
	{"239.255.255.255", false},
	{"255.255.255.255", false},
	{"240.0.0.1", false},
	{"ff02::1", false},
	{"ff0e::1", false},

	// Documentation, benchmarks, the rest of the registries.
	{"192.0.0.8", false},
	{"192.0.2.1", false},
	{"198.51.100.1", false},
	{"203.0.113.1", false},
	{"198.18.0.1", false},
	{"198.19.255.255", false},
	{"192.88.99.1", false},
	{"2001:db8::1", false},
	{"3fff::1", false},
	{"100::1", false},
	{"5f00::1", false},
	{"4000::1", false},
	{"1fff::1", false},

	// IPv4 addresses within IPv6 ones.
	{"::ffff:127.0.0.1", false},
	{"::ffff:10.0.0.1", false},
	{"::ffff:169.254.169.254", false},
	{"::ffff:127.0.0.1%lo", false},
	{"::127.0.0.1", false},
	{"::8.8.8.8", false},
	{"::ffff:0:127.0.0.1", false},
	{"::ffff:0:8.8.8.8", false},
	{"64:ff9b::127.0.0.1", false},
	{"64:ff9b::10.0.0.1", false},
	{"64:ff9b::169.254.169.254", false},
	{"64:ff9b::168.63.129.16", false},
	{"64:ff9b::0.0.0.0", false},
	{"64:ff9b:0:0:0:1:808:808", false},
	{"64:ff9b:1::8.8.8.8", false},
	{"2002:7f00:1::", false},
	{"2002:808:808::1", false},
	{"2001:0:53aa:64c:0:7bfb:8.8.8.8", false}, // Teredo
}

func TestCheck(t *testing.T) {
	for _, tt := range addresses {
		err := guard.Check(netip.MustParseAddr(tt.addr))
		if (err == nil) != tt.ok {
			t.Errorf("Check(%s): %v; want allowed = %v", tt.addr, err, tt.ok)
		}
		if err != nil && !strings.Contains(err.Error(), "is no public address") {
			t.Errorf("Check(%s): %v", tt.addr, err)
		}
	}
	if guard.Check(netip.Addr{}) == nil {
		t.Error("Check allows the zero Addr")
	}
}
