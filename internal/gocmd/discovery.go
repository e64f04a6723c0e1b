package gocmd

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"testing"
	"time"

	"example.com/vanity/internal/gittest"
)

// Discovery plays every domain by a handler over plain HTTP, and returns the variables for [New] that send the go
// command, and its git, there. A request looks as it would on that domain's own server. URLs that h hands out must be
// http, as https is refused.
func Discovery(tb testing.TB, h http.Handler) (env []string) {
	tb.Helper()
	server := httptest.NewServer(asOrigin(h))
	tb.Cleanup(server.Close)
	return append(httpProxy(server.URL), "GOINSECURE=*")
}

// DiscoveryTLS is [Discovery] with both HTTP and HTTPS, as the go command wants it for credentials: no domain is
// insecure, and each has a certificate. Where the go command takes certificates from the system alone, the test is
// skipped.
func DiscoveryTLS(tb testing.TB, h http.Handler) (env []string) {
	tb.Helper()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		tb.Skipf("gocmd: no SSL_CERT_FILE on %s", runtime.GOOS)
	}
	authority := gittest.NewAuthority(tb)
	tunnels := &tunnels{conns: make(chan net.Conn), closed: make(chan struct{})}
	secure := &http.Server{
		Handler:   h,
		TLSConfig: &tls.Config{GetCertificate: authority.Certificate},
		ErrorLog:  log.New(io.Discard, "", 0), // the go command has its own word for it
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		secure.ServeTLS(tunnels, "", "")
	}()
	plain := asOrigin(h)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			tunnels.open(w)
			return
		}
		plain.ServeHTTP(w, r)
	}))
	tb.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if secure.Shutdown(ctx) != nil {
			secure.Close()
		}
		<-done
	})
	return append(httpProxy(server.URL), "SSL_CERT_FILE="+authority.File(), "GIT_SSL_CAINFO="+authority.File())
}

// asOrigin makes of a request to an HTTP proxy what the server of the domain would see.
func asOrigin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			http.Error(w, "no tunnels", http.StatusMethodNotAllowed)
			return
		}
		r.RequestURI = r.URL.RequestURI()
		u, err := url.ParseRequestURI(r.RequestURI)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.URL = u
		r.Header.Del("Proxy-Connection")
		h.ServeHTTP(w, r)
	})
}

// A tunnels is a listener whose connections come by CONNECT.
type tunnels struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (t *tunnels) open(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		conn.Close()
		return
	}
	select {
	case t.conns <- conn:
	case <-t.closed:
		conn.Close()
	}
}

func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case conn := <-t.conns:
		return conn, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close is called once, by the server's.
func (t *tunnels) Close() error {
	close(t.closed)
	return nil
}

func (t *tunnels) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }
