package gittest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Filters says which partial fetches a server allows.
type Filters int

const (
	AllFilters     Filters = iota // everything, as stock git with uploadpack.allowFilter
	CombineFilters                // everything but blob:limit
	ForgeFilters                  // blob:none and tree:0 alone, as a big forge
	TreeFilters                   // tree:0 alone
	NoFilters                     // none: the server doesn't even offer them
)

// Config is the git configuration of a server with these filters.
func (f Filters) Config() []string {
	switch f {
	case NoFilters:
		return []string{"uploadpack.allowFilter=false"}
	case AllFilters:
		return []string{"uploadpack.allowFilter=true", "uploadpackfilter.allow=true"}
	case CombineFilters:
		return []string{"uploadpack.allowFilter=true", "uploadpackfilter.allow=true", "uploadpackfilter.blob:limit.allow=false"}
	}
	config := []string{
		"uploadpack.allowFilter=true",
		"uploadpackfilter.allow=false",
		"uploadpackfilter.tree.allow=true",
		"uploadpackfilter.tree.maxDepth=0",
	}
	if f == ForgeFilters {
		config = append(config, "uploadpackfilter.blob:none.allow=true")
	}
	return config
}

// A Server is git http-backend on 127.0.0.1. It keeps what it was asked and how much it sent, also when its handler
// is mounted in another server. It reads the repositories as they are at the time of a request.
type Server struct {
	URL string // without a slash at the end

	tb        testing.TB
	filters   Filters
	authority *Authority // nil without TLS
	client    *http.Client
	log       logWriter
	busy      sync.RWMutex // held by handlers for reading, by close for writing

	mu             sync.Mutex
	closed         bool
	repos          map[string]served // by their paths without slashes around them
	listening      *listening        // nil when down
	wraps          []func(http.Handler) http.Handler
	user, password string
	users          map[string]string // passwords of those that Allow named
	requests       []*Request
}

// A served is a repository, and who may read it: all if nobody is named.
type served struct {
	repo           *Repo
	user, password string
	readers        []string // among the server's users
}

// Serve serves repositories over HTTP. A key such as "owner/repo" is the path of its repository, with or without ".git"
// at its end; any other path is answered with 404.
func Serve(tb testing.TB, filters Filters, repos map[string]*Repo) *Server {
	tb.Helper()
	return serve(tb, filters, repos, nil)
}

// ServeTLS is [Serve] over HTTPS, HTTP/2 included, with a certificate for whatever host a client asks for.
func ServeTLS(tb testing.TB, filters Filters, repos map[string]*Repo) *Server {
	tb.Helper()
	return serve(tb, filters, repos, NewAuthority(tb))
}

func serve(tb testing.TB, filters Filters, repos map[string]*Repo, authority *Authority) *Server {
	tb.Helper()
	if _, err := Backend(); err != nil {
		tb.Fatalf("gittest: %v", err)
	}
	s := &Server{tb: tb, filters: filters, repos: make(map[string]served), authority: authority}
	s.log.tb = tb
	for name, repo := range repos {
		s.Put(name, repo)
	}
	if err := s.listen("127.0.0.1:0"); err != nil {
		tb.Fatalf("gittest: %v", err)
	}
	s.URL = "http://" + s.listening.addr
	if authority != nil {
		s.URL = "https://" + s.listening.addr
	}
	transport := s.transport()
	s.client = &http.Client{Transport: transport}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		s.close()
	})
	return s
}

// Backend is the path of git http-backend.
var Backend = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return "", fmt.Errorf("git is required: %w", err)
	}
	return exec.LookPath(filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"))
})

// A listening is one time of being up.
type listening struct {
	addr   string
	server *http.Server
	done   chan struct{} // closed when Serve has returned
}

func (s *Server) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	u := &listening{addr: l.Addr().String(), done: make(chan struct{})}
	u.server = &http.Server{Handler: s.Handler(), ErrorLog: log.New(&s.log, "", 0)}
	s.listening = u
	go func() {
		defer close(u.done)
		if s.authority == nil {
			u.server.Serve(l)
			return
		}
		u.server.TLSConfig = &tls.Config{GetCertificate: s.authority.Certificate}
		u.server.ServeTLS(l, "", "")
	}()
	return nil
}

// stop cuts every connection: what still runs learns it from its context.
func (u *listening) stop() {
	if u != nil {
		u.server.Close()
		<-u.done
	}
}

// close returns when no handler runs any more, so that nothing uses the repositories or the log after the test.
func (s *Server) close() {
	s.mu.Lock()
	u := s.listening
	s.listening, s.closed = nil, true
	s.mu.Unlock()
	u.stop()
	s.busy.Lock()
	defer s.busy.Unlock()
	s.log.close()
}

// SetDown makes the server refuse connections, after cutting those that it has, or accept them again, at the same
// address.
func (s *Server) SetDown(down bool) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if down == (s.listening == nil) || s.closed {
		return
	}
	if down {
		s.listening.stop()
		s.listening = nil
		return
	}
	_, addr, _ := strings.Cut(s.URL, "://")
	var err error
	for range 50 { // another's connection may have the port for a moment
		if err = s.listen(addr); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.tb.Fatalf("gittest: up again: %v", err)
}

// SetBasicAuth makes the server want these credentials; two empty strings make it public again.
func (s *Server) SetBasicAuth(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user, s.password = user, password
}

// Put serves a repository under a name as [Serve] does, in the place of one that is there. Requests that are under way go on
// with that.
func (s *Server) Put(name string, repo *Repo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[strings.Trim(name, "/")] = served{repo: repo}
}

// Remove takes a repository away: its path is answered with 404.
func (s *Server) Remove(name string) {
	s.tb.Helper()
	s.change(name, func(name string, _ served) { delete(s.repos, name) })
}

// SetPrivate makes one repository want these credentials, as [Server.SetBasicAuth] does all; two empty strings make it public
// again. It stays so until another one is put in its place.
func (s *Server) SetPrivate(name, user, password string) {
	s.tb.Helper()
	s.change(name, func(name string, old served) { s.repos[name] = served{repo: old.repo, user: user, password: password} })
}

// Allow makes repositories private, and lets a user read them, besides those whom earlier calls named. Any other user that the
// server knows is answered with 403, and who is none of them with 401. Another password for a user takes the place of the
// one before.
func (s *Server) Allow(user, password string, names ...string) {
	s.tb.Helper()
	s.mu.Lock()
	if s.users == nil {
		s.users = make(map[string]string)
	}
	s.users[user] = password
	s.mu.Unlock()
	for _, name := range names {
		s.change(name, func(name string, old served) {
			old.readers = append(slices.Clone(old.readers), user)
			s.repos[name] = old
		})
	}
}

// Dismiss makes the server know a user no more, whatever he was allowed.
func (s *Server) Dismiss(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, user)
}

// change does something to a repository that must be there, under the lock.
func (s *Server) change(name string, do func(name string, old served)) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	name = strings.Trim(name, "/")
	old, ok := s.repos[name]
	if !ok {
		s.tb.Fatalf("gittest: the server has no repository %q", name)
	}
	do(name, old)
}

// Wrap puts a handler around those that answer the requests from now on, outside those of earlier calls. Nil takes
// all of them away. What they send is counted, too.
func (s *Server) Wrap(wrap func(next http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wraps = append(s.wraps, wrap); wrap == nil {
		s.wraps = nil
	}
}

// Client returns a client that trusts the server's certificate, and reaches the server under any host name and port:
// https://git.example.test/owner/repo, say. Addresses and localhost are dialled as they stand, if they are loopback.
func (s *Server) Client() *http.Client { return s.client }

func (s *Server) transport() *http.Transport {
	_, own, _ := strings.Cut(s.URL, "://")
	t := &http.Transport{
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, _, _ := net.SplitHostPort(addr); net.ParseIP(host) == nil && host != "localhost" {
				addr = own
			}
			return dialLoopback(ctx, network, addr)
		},
	}
	if s.authority != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: s.authority.Pool()}
	}
	return t
}

// CertFile is the path of a PEM file with the certificate to trust, for SSL_CERT_FILE and GIT_SSL_CAINFO.
func (s *Server) CertFile() string {
	s.tb.Helper()
	if s.authority == nil {
		s.tb.Fatal("gittest: CertFile of a server without TLS")
	}
	return s.authority.File()
}

// Handler is the whole server, to be mounted in another one at its root.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

// serveHTTP keeps the request, and passes it on.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	s.busy.RLock()
	defer s.busy.RUnlock()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	setBody(r, raw)
	rec := newRequest(r, raw)
	h, wraps := s.received(rec)
	for _, wrap := range wraps { // without the lock, as they are a stranger's: they may panic, or ask the server things
		h = wrap(h)
	}
	h.ServeHTTP(&recorder{ResponseWriter: w, mu: &s.mu, rec: rec}, r)
}

// received keeps a request, and gives what answers it now.
func (s *Server) received(rec *Request) (http.Handler, []func(http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		panic(http.ErrAbortHandler)
	}
	s.requests = append(s.requests, rec)
	return authorised(http.HandlerFunc(s.serveGit), s.user, s.password), slices.Clone(s.wraps)
}

func authorised(next http.Handler, user, password string) http.Handler {
	if user == "" && password == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}

// serveGit finds the repository.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	root, found := s.find(r.URL.Path)
	if found.repo == nil {
		http.NotFound(w, r)
		return
	}
	switch s.mayRead(found, r) {
	case http.StatusUnauthorized:
		unauthorized(w)
	case http.StatusForbidden:
		http.Error(w, "forbidden", http.StatusForbidden)
	default:
		s.serveRepo(w, r, root, found.repo)
	}
}

// mayRead says by a status what becomes of a request for a repository.
func (s *Server) mayRead(found served, r *http.Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, password, ok := r.BasicAuth()
	own := found.user != "" || found.password != ""
	known, isUser := s.users[user]
	switch {
	case !own && len(found.readers) == 0:
		return http.StatusOK
	case !ok:
		return http.StatusUnauthorized
	case own && user == found.user && password == found.password:
		return http.StatusOK
	case !isUser || password != known:
		return http.StatusUnauthorized
	case slices.Contains(found.readers, user):
		return http.StatusOK
	}
	return http.StatusForbidden
}

// serveRepo runs git http-backend.
func (s *Server) serveRepo(w http.ResponseWriter, r *http.Request, root string, repo *Repo) {
	path, err := Backend()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	env := append(GitEnviron(repo.home, s.filters.Config()...),
		"GIT_PROJECT_ROOT="+repo.GitDir(),
		"GIT_HTTP_EXPORT_ALL=1",
		"GIT_PROTOCOL="+r.Header.Get("Git-Protocol"))
	(&cgi.Handler{
		Path:   path,
		Root:   root,
		Dir:    repo.Dir,
		Env:    env,
		Logger: log.New(&s.log, "", 0),
		Stderr: &s.log,
	}).ServeHTTP(w, r)
}

// find returns the repository that a path is in, and the part of the path that names it.
func (s *Server) find(path string) (root string, found served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, candidate := range s.repos {
		prefix := "/" + name
		if len(prefix) < len(root) {
			continue
		}
		for _, p := range []string{prefix, prefix + ".git"} {
			if strings.HasPrefix(path, p+"/") {
				root, found = p, candidate
			}
		}
	}
	return root, found
}

// A logWriter writes to a test's log while the test runs.
type logWriter struct {
	tb   testing.TB
	mu   sync.Mutex
	done bool
}

func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.done {
		l.tb.Logf("gittest: %s", strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (l *logWriter) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
}
