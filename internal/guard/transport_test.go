//go:build !js

package guard_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/guard"
)

func transport(t *testing.T, original *http.Transport) *http.Transport {
	t.Helper()
	guarded, err := guard.Transport(original)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(guarded.CloseIdleConnections)
	return guarded
}

func get(rt http.RoundTripper, rawURL string) (*http.Response, error) {
	client := &http.Client{Transport: rt, Timeout: 10 * time.Second}
	resp, err := client.Get(rawURL)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

// tlsServer counts the connections that it gets.
func tlsServer(t *testing.T) (srv *httptest.Server, connections chan net.Conn) {
	connections = make(chan net.Conn, 100)
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.EnableHTTP2 = true
	srv.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections <- c
		}
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, connections
}

var targets = []struct{ url, want string }{
	{"http://127.0.0.1", "port 80 is not 443"},
	{"https://127.0.0.1", "127.0.0.1 is no public address"},
	{"https://localhost", "is no public address"},
	{"https://[::1]", "::1 is no public address"},
	{"https://[::ffff:127.0.0.1]", "127.0.0.1 is no public address"},
	{"https://[fe80::1%25lo]", "fe80::1%lo is no public address"},
	{"https://0.0.0.0", "0.0.0.0 is no public address"},
	{"https://[::]", "is no public address"},
	{"https://169.254.169.254", "169.254.169.254 is no public address"},
	{"https://8.8.8.8:8443", "port 8443 is not 443"},
	{"https://[2606:4700:4700::1111]:22", "port 22 is not 443"},
}

// Whatever the owner's transport has that would lead elsewhere, the copy doesn't use it.
func TestTransportRefuses(t *testing.T) {
	srv, connections := tlsServer(t)
	srvURL, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	base := srv.Client().Transport.(*http.Transport)
	with := func(change func(*http.Transport)) *http.Transport {
		c := base.Clone()
		c.DialContext = nil
		change(c)
		return c
	}
	originals := map[string]*http.Transport{
		"plain":       with(func(*http.Transport) {}),
		"proxy":       with(func(c *http.Transport) { c.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: srvURL.Host}) }),
		"dialContext": with(func(c *http.Transport) { c.DialContext = elsewhere }),
		"dial": with(func(c *http.Transport) {
			//lint:ignore SA1019 net/http still uses it
			c.Dial = func(network, address string) (net.Conn, error) { return elsewhere(t.Context(), network, address) }
		}),
		"protocol": with(func(c *http.Transport) {
			c.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{} // so that "https" is free
			c.RegisterProtocol("https", base)
			c.RegisterProtocol("http", base)
		}),
	}
	for name, original := range originals {
		t.Run(name, func(t *testing.T) {
			guarded := transport(t, original)
			if _, err := get(guarded, "https://localhost:"+srvURL.Port()); err == nil || !strings.Contains(err.Error(), "is not 443") {
				t.Errorf("GET of a local server: %v", err)
			}
			for _, tt := range targets {
				if strings.Contains(tt.url, "[") && !hasIPv6() {
					continue
				}
				_, err := get(guarded, tt.url)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("GET %s: %v; want %s", tt.url, err, tt.want)
				}
			}
			if n := len(connections); n > 0 {
				t.Errorf("the server got %d connections", n)
			}
		})
	}
}

// dialled makes a guarded transport for the port of a server, which is let to no other machine, whatever the guard says:
// from a loopback address, the system connects to no other one.
func dialled(t *testing.T, srv *httptest.Server, hosts ...string) *http.Transport {
	t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	guarded, err := guard.TransportAt(from, port(t, srv), srv.Client().Transport.(*http.Transport), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	guarded.TLSClientConfig.ServerName = "example.com" // of httptest's certificate
	t.Cleanup(guarded.CloseIdleConnections)
	return guarded
}

func port(t *testing.T, srv *httptest.Server) uint16 {
	t.Helper()
	return uint16(srv.Listener.Addr().(*net.TCPAddr).Port)
}

// The hosts that the owner names may be anywhere, and nobody else.
func TestTransportHosts(t *testing.T) {
	srv, connections := tlsServer(t)
	gittest.AnswerNames(t, func(name string) []netip.Addr {
		if strings.HasSuffix(name, "acme.test") {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		}
		return nil
	})
	rt := dialled(t, srv, "git.acme.test", "127.0.0.1")
	own := fmt.Sprintf(":%d/", port(t, srv))
	for _, tt := range []struct{ url, want string }{
		{"https://git.acme.test" + own, ""},
		{"https://GIT.acme.test" + own, ""},
		{"https://127.0.0.1" + own, ""},
		{"https://git.acme.test:1/", "port 1 is not "},
		{"https://git.acme.test." + own, "127.0.0.1 is no public address"},
		{"https://sub.git.acme.test" + own, "127.0.0.1 is no public address"},
		{"https://acme.test" + own, "127.0.0.1 is no public address"},
		{"https://localhost" + own, "is no public address"},
	} {
		_, err := get(rt, tt.url)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("GET %s: %v; want %q", tt.url, err, tt.want)
		}
		if n := len(connections); (n == 1) != (tt.want == "") {
			t.Errorf("GET %s: %d connections", tt.url, n)
		}
		for len(connections) > 0 {
			<-connections
		}
		rt.CloseIdleConnections()
	}
}

// A name that changes between two lookups gains nothing: each connection is to the address that was checked for it.
func TestTransportRebinding(t *testing.T) {
	srv, connections := tlsServer(t)
	var lookups atomic.Int32
	answers := []struct {
		addrs []string
		want  string // in the error
	}{
		{[]string{"8.8.8.8"}, "8.8.8.8:"}, // which the guard has allowed
		{[]string{"127.0.0.1"}, "127.0.0.1 is no public address"},
		{[]string{"8.8.8.8", "127.0.0.1"}, ""},
		{[]string{"127.0.0.1", "8.8.8.8"}, ""},
		{[]string{"::1", "10.0.0.1", "169.254.169.254"}, "is no public address"},
	}
	gittest.AnswerNames(t, func(string) (addrs []netip.Addr) {
		n := int(lookups.Add(1)-1) / 2 // IPv4 and IPv6
		for _, addr := range answers[n%len(answers)].addrs {
			addrs = append(addrs, netip.MustParseAddr(addr))
		}
		return addrs
	})
	rt := dialled(t, srv)
	for i, tt := range answers {
		_, err := get(rt, fmt.Sprintf("https://rebind.acme.test:%d/", port(t, srv)))
		if err == nil || !strings.Contains(err.Error(), tt.want) || i == 0 && strings.Contains(err.Error(), "no public") {
			t.Errorf("with %v: %v; want %q", tt.addrs, err, tt.want)
		}
		if n := int(lookups.Load()); n != 2*(i+1) {
			t.Errorf("with %v: %d queries in all, want two for each connection", tt.addrs, n)
		}
	}
	if len(connections) > 0 {
		t.Error("a connection was made")
	}
}

func hasIPv6() bool {
	c, err := net.Dial("udp6", "[::1]:9") // sends nothing
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func TestTransportLeavesOriginal(t *testing.T) {
	srv, _ := tlsServer(t)
	original := srv.Client().Transport.(*http.Transport).Clone()
	dialed := false
	original.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed = true
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	original.Proxy = http.ProxyFromEnvironment
	guarded := transport(t, original)
	if guarded.Proxy != nil {
		t.Error("the copy has the original's Proxy")
	}
	if original.Proxy == nil || original.IdleConnTimeout != 0 || original.TLSHandshakeTimeout != 0 {
		t.Error("the original was changed")
	}
	resp, err := get(original, srv.URL)
	if err != nil {
		t.Fatalf("the original no longer works: %v", err)
	}
	if !dialed || resp.ProtoMajor != 2 {
		t.Errorf("the original: own DialContext used: %v; HTTP/%d", dialed, resp.ProtoMajor)
	}
	original.CloseIdleConnections()
}

func TestTransportFails(t *testing.T) {
	dialTLS := func(string, string) (net.Conn, error) { panic("not to be called") }
	for name, original := range map[string]*http.Transport{
		"DialTLS":        {DialTLS: dialTLS},
		"DialTLSContext": {DialTLSContext: func(_ context.Context, n, a string) (net.Conn, error) { return dialTLS(n, a) }},
	} {
		if guarded, err := guard.Transport(original); err == nil || guarded != nil || !strings.Contains(err.Error(), "can't be guarded") {
			t.Errorf("%s: got %v, %v", name, guarded, err)
		}
	}
}

// The copy speaks HTTP/2 exactly if the original does, and never a mixture: TLS that agrees on h2 below HTTP/1.1.
func TestTransportHTTP2(t *testing.T) {
	srv, _ := tlsServer(t)
	roots := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	protocols := func(http1, http2 bool) *http.Protocols {
		p := new(http.Protocols)
		p.SetHTTP1(http1)
		p.SetHTTP2(http2)
		return p
	}
	foreign := map[string]func(string, *tls.Conn) http.RoundTripper{
		"h2": func(string, *tls.Conn) http.RoundTripper { panic("a pool of others") },
	}
	for name, tt := range map[string]struct {
		original *http.Transport
		want     int
	}{
		"default":      {http.DefaultTransport.(*http.Transport).Clone(), 2},
		"zero":         {&http.Transport{}, 2},
		"forced":       {&http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{}}, 2},
		"own config":   {&http.Transport{TLSClientConfig: &tls.Config{}}, 1}, // net/http is careful then
		"off":          {&http.Transport{ForceAttemptHTTP2: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}, 1},
		"foreign":      {&http.Transport{TLSNextProto: foreign, TLSClientConfig: &tls.Config{NextProtos: []string{"h2", "http/1.1"}}}, 2},
		"protocols 1":  {&http.Transport{Protocols: protocols(true, false)}, 1},
		"protocols 2":  {&http.Transport{Protocols: protocols(false, true)}, 2},
		"protocols 12": {&http.Transport{Protocols: protocols(true, true)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			guarded := transport(t, tt.original)
			// No test can reach a public address, so let the copy through to the server, and trust it.
			guarded.DialContext = new(net.Dialer).DialContext
			if guarded.TLSClientConfig == nil {
				guarded.TLSClientConfig = new(tls.Config)
			}
			guarded.TLSClientConfig.RootCAs = roots
			resp, err := get(guarded, srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			if resp.ProtoMajor != tt.want {
				t.Errorf("HTTP/%d, want HTTP/%d", resp.ProtoMajor, tt.want)
			}
		})
	}
}

// The copy's connections are nobody else's: nobody would ever close them.
func TestTransportTimeouts(t *testing.T) {
	guarded := transport(t, &http.Transport{})
	if guarded.IdleConnTimeout <= 0 || guarded.TLSHandshakeTimeout <= 0 {
		t.Errorf("idle connections are closed after %v, TLS handshakes given up after %v", guarded.IdleConnTimeout, guarded.TLSHandshakeTimeout)
	}
	guarded = transport(t, &http.Transport{IdleConnTimeout: time.Second, TLSHandshakeTimeout: time.Minute})
	if guarded.IdleConnTimeout != time.Second || guarded.TLSHandshakeTimeout != time.Minute {
		t.Errorf("the owner's timeouts became %v, %v", guarded.IdleConnTimeout, guarded.TLSHandshakeTimeout)
	}
}
