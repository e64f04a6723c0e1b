// Package upstream is a git host on loopback: git http-backend over bare repositories, behind rules for filters and a delay,
// which counts what it is asked and what goes over its connections.
package upstream

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"strings"
	"sync/atomic"
	"time"

	"example.com/vanity/internal/gittest"
)

// rules are the names of what a host allows, which begin its paths.
var rules = map[string]gittest.Filters{"all": gittest.AllFilters, "forge": gittest.ForgeFilters, "none": gittest.NoFilters}

// Path is where a repository is at a host with these rules, each request taking so much longer.
func Path(rule string, latency time.Duration, repo string) string {
	return fmt.Sprintf("/%s/%s/%s", rule, latency, repo)
}

// A Count is what a host was asked.
type Count struct {
	Requests int64
	Fetches  int64 // of the requests, those for packs
	In, Out  int64 // bytes of its connections, heads of HTTP included
}

// Bytes are those of both directions.
func (c Count) Bytes() int64 { return c.In + c.Out }

// Sub is what was asked since old.
func (c Count) Sub(old Count) Count {
	return Count{c.Requests - old.Requests, c.Fetches - old.Fetches, c.In - old.In, c.Out - old.Out}
}

// A Host serves the bare repositories below a directory.
type Host struct {
	dir, home, backend string
	requests, fetches  atomic.Int64
	in, out            atomic.Int64
}

// New makes a host; its home must be an empty directory.
func New(dir, home string) (*Host, error) {
	backend, err := gittest.Backend()
	return &Host{dir: dir, home: home, backend: backend}, err
}

// Count is what was asked so far.
func (h *Host) Count() Count {
	return Count{h.requests.Load(), h.fetches.Load(), h.in.Load(), h.out.Load()}
}

// Listener counts the bytes of connections of l.
func (h *Host) Listener(l net.Listener) net.Listener { return listener{l, h} }

// ServeHTTP answers after the time that the path says.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	parts := strings.SplitN(r.URL.Path, "/", 4)
	if len(parts) < 4 {
		http.NotFound(w, r)
		return
	}
	filters, known := rules[parts[1]]
	latency, err := time.ParseDuration(parts[2])
	if err != nil || !known {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if bytes.Contains(body, []byte("command=fetch")) || strings.HasSuffix(r.URL.Path, "/git-upload-pack") && r.Header.Get("Git-Protocol") == "" {
		h.fetches.Add(1)
	}
	time.Sleep(latency)
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil // CGI knows no chunks
	root := "/" + parts[1] + "/" + parts[2]
	(&cgi.Handler{
		Path: h.backend,
		Root: root,
		Dir:  h.dir,
		Env: append(gittest.GitEnviron(h.home, filters.Config()...),
			"GIT_PROJECT_ROOT="+h.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_PROTOCOL="+r.Header.Get("Git-Protocol")),
		Logger: log.New(io.Discard, "", 0),
		Stderr: io.Discard, // the client is told as well
	}).ServeHTTP(w, r)
}

type listener struct {
	net.Listener
	host *Host
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, host: l.host}, nil
}

type conn struct {
	net.Conn
	host *Host
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.host.in.Add(int64(n))
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.host.out.Add(int64(n))
	return n, err
}
