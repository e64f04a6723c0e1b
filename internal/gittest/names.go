package gittest

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// nameServer answers what [net.DefaultResolver] asks, if there is one.
var nameServer atomic.Pointer[func(name string) []netip.Addr]

// AnswerNames has [net.DefaultResolver] ask answer for the addresses of names, until the end of the test; no address
// says that there is no such name. It is called for each query, which are two for a lookup (IPv4 and IPv6), at the same
// time. It is for tests that don't run in parallel, of packages whose TestMain is [Main]. The names of the hosts file,
// such as localhost, are not asked for.
func AnswerNames(tb testing.TB, answer func(name string) []netip.Addr) {
	tb.Helper()
	if !nameServer.CompareAndSwap(nil, &answer) {
		tb.Fatal("gittest: AnswerNames in two tests at the same time")
	}
	tb.Cleanup(func() { nameServer.Store(nil) })
}

// dialNameServer gives a connection to a name server, which speaks as over TCP (RFC 1035, section 4.2.2).
func dialNameServer(answer func(name string) []netip.Addr) net.Conn {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		for {
			var size [2]byte
			if _, err := io.ReadFull(server, size[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(server, query); err != nil {
				return
			}
			reply := nameReply(query, answer)
			if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
				return
			}
		}
	}()
	return client
}

const (
	typeA    = 1
	typeAAAA = 28
)

// nameReply answers a query that Go's resolver has made: one question, without compression.
func nameReply(query []byte, answer func(name string) []netip.Addr) []byte {
	const header = 12
	var labels []string
	end := header
	for query[end] != 0 {
		next := end + 1 + int(query[end])
		labels = append(labels, string(query[end+1:next]))
		end = next
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	addrs := answer(strings.Join(labels, "."))
	reply := slices.Clone(query[:end+5])
	binary.BigEndian.PutUint16(reply[2:], 0x8180) // a response, without an error
	if len(addrs) == 0 {
		reply[3] |= 3 // no such name
	}
	count := uint16(0)
	for _, addr := range addrs {
		if addr.Is4() && kind == typeA || addr.Is6() && kind == typeAAAA {
			data := addr.AsSlice()
			reply = append(reply, 0xc0, header) // the name of the question
			reply = binary.BigEndian.AppendUint16(reply, kind)
			reply = append(reply, 0, 1, 0, 0, 0, 0, 0, byte(len(data))) // class, seconds to live, length
			reply = append(reply, data...)
			count++
		}
	}
	binary.BigEndian.PutUint16(reply[6:], count)
	binary.BigEndian.PutUint32(reply[8:], 0) // nothing else
	return reply
}
