package doctor

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
)

// insideHost is the host of URLs that a handler in this process answers. No server can have the name (RFC 6761).
const insideHost = "the-repository.invalid"

// serveInside has a handler answer for insideHost, by way of pipes that nobody else can reach, until stop is called.
func (w *web) serveInside(h http.Handler) (stop func()) {
	pipes := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(pipes)
	}()
	transport := &http.Transport{DialContext: pipes.dial, DisableCompression: true}
	w.inside = transport
	return func() {
		w.inside = nil
		transport.CloseIdleConnections()
		server.Close()
		<-done
	}
}

// pipes is a listener whose connections are made in this process.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close is called once, by the server's.
func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
