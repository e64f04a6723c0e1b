package s3test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A Line is between the server and who asks it. By default it passes all on at once.
type Line struct {
	tb   testing.TB
	addr string

	mu       sync.Mutex
	listener net.Listener
	backend  string
	conns    map[net.Conn]bool
	fault    *fault
}

// A fault is what the line does to one direction of connections.
type fault struct {
	up    bool          // to the server
	after int64         // bytes of all connections that pass first
	cut   bool          // closes the connections then; else says nothing more
	delay time.Duration // before each piece
	heal  chan struct{} // is closed when all is well again
	hit   chan struct{} // is closed when a connection stands

	once sync.Once
	mu   sync.Mutex
}

func newLine(tb testing.TB) *Line {
	return &Line{tb: tb, addr: freeAddr(tb), conns: make(map[net.Conn]bool)}
}

// open lets connections in, and through to a server.
func (l *Line) open(backend string) {
	l.tb.Helper()
	listener, err := net.Listen("tcp", l.addr)
	if err != nil {
		l.tb.Fatalf("s3test: %v", err)
	}
	l.mu.Lock()
	l.listener, l.backend = listener, backend
	l.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.serve(conn)
		}
	}()
}

// close refuses new connections and ends those that there are.
func (l *Line) close() {
	l.mu.Lock()
	l.listener.Close()
	l.mu.Unlock()
	l.Heal()
	l.Cut()
}

// Cut ends all connections that there are.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		conn.Close()
	}
}

// Slow lets each piece of what the server says wait.
func (l *Line) Slow(delay time.Duration) { l.set(&fault{after: 1 << 62, delay: delay}) }

// StallDown passes n more bytes of what the server says, and then nothing. The channel is closed when that has happened.
func (l *Line) StallDown(n int64) <-chan struct{} { return l.set(&fault{after: n}) }

// StallUp does so with what is said to the server.
func (l *Line) StallUp(n int64) <-chan struct{} { return l.set(&fault{after: n, up: true}) }

// CutDown passes n more bytes of what the server says, and then ends the connection, and each one that comes.
func (l *Line) CutDown(n int64) <-chan struct{} { return l.set(&fault{after: n, cut: true}) }

// CutUp does so with what is said to the server.
func (l *Line) CutUp(n int64) <-chan struct{} { return l.set(&fault{after: n, cut: true, up: true}) }

// Heal ends the fault. Connections that stood are ended, as are those that wait for something.
func (l *Line) Heal() { l.set(nil) }

func (l *Line) set(f *fault) (hit <-chan struct{}) {
	if f != nil {
		f.heal, f.hit = make(chan struct{}), make(chan struct{})
		hit = f.hit
	}
	l.mu.Lock()
	old := l.fault
	l.fault = f
	l.mu.Unlock()
	if old != nil {
		close(old.heal)
	}
	return hit
}

func (l *Line) serve(client net.Conn) {
	defer client.Close()
	l.mu.Lock()
	addr := l.backend
	l.mu.Unlock()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	l.mu.Lock()
	l.conns[client], l.conns[server] = true, true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.conns, client)
		delete(l.conns, server)
		l.mu.Unlock()
	}()
	done := make(chan struct{}, 2)
	pass := func(to, from net.Conn, up bool) {
		l.pass(to, from, up)
		to.Close() // not half of it: a service that is cut off says no more
		from.Close()
		done <- struct{}{}
	}
	go pass(server, client, true)
	go pass(client, server, false)
	<-done
	<-done
}

var errFault = errors.New("the line has a fault")

// pass copies one direction until the line fails.
func (l *Line) pass(to io.Writer, from io.Reader, up bool) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if err := l.hold(to, buf[:n], up); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// hold passes a piece on, as the fault of the moment will have it.
func (l *Line) hold(to io.Writer, p []byte, up bool) error {
	l.mu.Lock()
	f := l.fault
	l.mu.Unlock()
	if f == nil || f.up != up {
		_, err := to.Write(p)
		return err
	}
	f.mu.Lock()
	n := min(f.after, int64(len(p)))
	f.after -= n
	f.mu.Unlock()
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-f.heal:
		}
	}
	if _, err := to.Write(p[:n]); err != nil || n == int64(len(p)) {
		return err
	}
	f.once.Do(func() { close(f.hit) })
	if !f.cut {
		<-f.heal
	}
	return errFault
}
