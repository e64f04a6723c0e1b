// Package mirror keeps bare mirrors of git repositories and serves them read-only over smart HTTP, so that "git clone" and
// direct builds survive the death of the repositories' host.
//
// A mirror is made and refreshed by the installed git, in a directory that its URL says: https://github.com/acme/mono is in
// DIR/github.com/acme/mono.git. It has the branches and tags of the original, and its HEAD; a branch or tag that is deleted
// or moved there is so here. Each refresh that brings something is saved to a [Shelf] as a git bundle, from which another
// replica, whose disk is empty, restores the mirror though the host is dead.
//
//	DIR/github.com/acme/mono.git/   the mirror
//	DIR/.lock                       held by the process that refreshes the mirrors of DIR
//	DIR/.tmp/                       what is being made
//
// [Mirrors.Handler] serves git clients, and [Mirrors.Transport] the library's own client when the host fails.
//
// Who may read the handler reads all mirrors, those of private repositories too: guard it as those are.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/vanity/internal/git"
)

// A Shelf is where mirrors are saved, in an object store usually. It must be safe for concurrent use.
type Shelf interface {
	// Get opens what is under a name; the error is an [fs.ErrNotExist] if that is nothing.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Put puts content under a name, from its start, in the place of what is there. Others see all of it or nothing.
	Put(ctx context.Context, name string, content io.ReadSeeker) error
	// Remove removes what is under a name, if anything is.
	Remove(ctx context.Context, name string) error
	// List gives all names that begin with a prefix, whole.
	List(ctx context.Context, prefix string) ([]string, error)
}

// Options say what is mirrored, and how.
type Options struct {
	// Dir is the directory of the mirrors, made if it isn't there. It is required.
	Dir string

	// Repositories are the URLs of what is mirrored: https://host/owner/repo, http:// on an intranet, or the absolute path of
	// a repository on this machine. They may not hold credentials. A trailing slash and ".git" make no difference.
	Repositories []string

	// Every is the time from one refresh of a mirror to the next; if zero, it is refreshed by [Mirrors.Refresh] alone once it is
	// there.
	Every time.Duration

	// Shelf is where mirrors are saved to and restored from; if nil, they aren't.
	Shelf Shelf

	// Credentials gives the user and the password, or token, for a private repository's URL, or two empty strings, as the function
	// of vanity.WithCredentials does. They are sent over https only, to the host and port of the URL alone, if it asks for some.
	// If nil, there are none.
	Credentials func(ctx context.Context, u *url.URL) (user, password string, err error)

	// Client asks hosts what branches and tags they have; if nil, [http.DefaultClient]. What is new is fetched by git, whose
	// certificates are those of GIT_SSL_CAINFO or SSL_CERT_FILE, if set, and whose HTTP proxy is the environment's.
	Client *http.Client

	// Log gets what an owner should know, and no credentials; if nil, [slog.Default].
	Log *slog.Logger

	Parallel   int           // refreshes at the same time; default 4
	FetchTime  time.Duration // the most that one refresh may take, saving included; default an hour, 6 hours at most
	Uploads    int           // git processes that serve clients at the same time; default 16
	Queue      time.Duration // how long a request waits for its turn among them before it is answered with 503; default 10 s
	UploadTime time.Duration // the most that one request may take; default 30 min
	Patience   time.Duration // how long Transport waits for a host to begin its answer; default 10 s
}

// Mirrors are the mirrors of a server. They are safe for concurrent use.
type Mirrors struct {
	options Options
	dir     string // absolute
	program string // git
	environ []string
	client  *git.Client
	table   map[string]*repository // by the path below the handler
	all     []*repository          // in the order of the options

	fetching chan struct{} // holds one for each refresh under way
	serving  chan struct{} // holds one for each git that serves
	reading  chan struct{} // holds one for each request whose body is read, or that waits for its turn

	mu      sync.Mutex
	started bool
	lock    *lock // while Run runs
}

// ErrStopped says that a refresh did not happen because [Mirrors.Run] has returned.
var ErrStopped = errors.New("mirror: stopped")

// New checks the options, and that git is there. It touches neither the directory nor any host: see [Mirrors.Run].
func New(o Options) (*Mirrors, error) {
	if o.Dir == "" {
		return nil, errors.New("mirror: no directory is named")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	o.fill()
	m := &Mirrors{
		options:  o,
		dir:      dir,
		table:    make(map[string]*repository),
		client:   &git.Client{HTTP: o.Client, Credentials: o.Credentials},
		fetching: make(chan struct{}, o.Parallel),
		serving:  make(chan struct{}, o.Uploads),
		reading:  make(chan struct{}, 8*o.Uploads),
	}
	if err := m.fillTable(o.Repositories); err != nil {
		return nil, err
	}
	if m.program, err = findGit(); err != nil {
		return nil, err
	}
	m.environ = environ(m.temp())
	return m, nil
}

// fill puts the defaults where nothing is said.
func (o *Options) fill() {
	positive := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	duration := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	positive(&o.Parallel, 4)
	positive(&o.Uploads, 16)
	duration(&o.FetchTime, time.Hour)
	duration(&o.Queue, 10*time.Second)
	duration(&o.UploadTime, 30*time.Minute)
	duration(&o.Patience, 10*time.Second)
	o.FetchTime = min(o.FetchTime, mostFetchTime)
}

// mostFetchTime must be much less than keepRetired: who has read a manifest and then writes one must not name what another
// has removed since.
const mostFetchTime = 6 * time.Hour

func (m *Mirrors) fillTable(urls []string) error {
	folded := make(map[string]string)
	for _, raw := range urls {
		r, err := parse(raw)
		if err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
		fold := strings.ToLower(r.path)
		if other, ok := folded[fold]; ok { // some file systems take both for one
			return fmt.Errorf("mirror: %s and %s would be one mirror: remove one of them", other, r.url)
		}
		folded[fold] = r.url
		r.dir = filepath.Join(m.dir, filepath.FromSlash(r.path)+".git")
		r.upstream = m.client.Open(r.url)
		r.wake = make(chan struct{}, 1)
		m.table[r.path] = r
		m.all = append(m.all, r)
	}
	return nil
}

// Path gives the path of a repository's mirror below the handler, without slashes around it, "github.com/acme/mono" for
// https://github.com/acme/mono.git; ok says whether it has one.
func (m *Mirrors) Path(repository string) (path string, ok bool) {
	r, ok := m.find(repository)
	if !ok {
		return "", false
	}
	return r.path, true
}

// find gives the mirror of a repository by any URL that it may be written as.
func (m *Mirrors) find(repository string) (*repository, bool) {
	asked, err := parse(repository)
	if err != nil {
		return nil, false
	}
	r, ok := m.table[asked.path]
	if !ok || r.scheme != asked.scheme {
		return nil, false
	}
	return r, true
}

// Ready reports whether each mirror can be served, or was at least tried to be had by now.
func (m *Mirrors) Ready() bool {
	for _, r := range m.all {
		if !r.exists() && !r.wasTried() {
			return false
		}
	}
	return true
}

func (m *Mirrors) temp() string { return filepath.Join(m.dir, ".tmp") }

func (m *Mirrors) log() *slog.Logger {
	if m.options.Log != nil {
		return m.options.Log
	}
	return slog.Default()
}
