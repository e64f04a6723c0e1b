package mirror

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"example.com/vanity/internal/git"
)

// A repository is one that is mirrored.
type repository struct {
	url          string // as git is told it, or the path of one on this machine
	scheme, host string // of the URL, empty for one on this machine
	path         string // below the handler
	dir          string // of the mirror
	upstream     *git.Repo
	wake         chan struct{} // holds one when there is a queued attempt

	// Of the refresh under way alone.
	listed  string    // what was listed when the mirror last became equal to it, as a digest
	checked bool      // the mirror on the disk was looked after
	spoilt  bool      // what the shelf has must be replaced
	tidied  time.Time // when the shelf was last looked through

	mu        sync.Mutex
	queued    *attempt // one that did not begin yet
	ended     error    // why there will be no more
	tried     bool
	refreshed time.Time
	saved     time.Time
	err       error
	shelfErr  error
	size      int64
}

// An attempt is one refresh, for all who asked for it before it began.
type attempt struct {
	done chan struct{} // closed when err is there
	err  error
}

// exists reports whether the mirror can be served: it gets its name when it is complete.
func (r *repository) exists() bool {
	info, err := os.Stat(filepath.Join(r.dir, "HEAD"))
	return err == nil && info.Mode().IsRegular()
}

func (r *repository) wasTried() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried
}

// shown is what callers are told is mirrored: a path of this machine is nobody's affair.
func (r *repository) shown() string {
	if r.scheme == "" {
		return "a repository of this server"
	}
	return r.url
}

// queue gives the next attempt that has not begun.
func (r *repository) queue() (*attempt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended != nil {
		return nil, r.ended
	}
	if r.queued == nil {
		r.queued = &attempt{done: make(chan struct{})}
		r.wake <- struct{}{} // there is room: begin takes it with the attempt
	}
	return r.queued, nil
}

// begin gives the queued attempt, or a new one that nobody asked for.
func (r *repository) begin() *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.queued
	if a == nil {
		return &attempt{done: make(chan struct{})}
	}
	r.queued = nil
	select {
	case <-r.wake: // if it wasn't this that woke the one who begins
	default:
	}
	return a
}

func (a *attempt) finish(err error) {
	a.err = err
	close(a.done)
}

// end makes the queued attempt, and all later ones, fail.
func (r *repository) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = err
	if r.queued != nil {
		r.queued.finish(err)
		r.queued = nil
	}
}

// note keeps the outcome of an attempt.
func (r *repository) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried, r.err = true, err
	if err == nil {
		r.refreshed = time.Now()
	}
}

// noteSaved keeps the outcome of saving.
func (r *repository) noteSaved(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shelfErr = err; err == nil {
		r.saved = time.Now()
	}
}

func (r *repository) noteSize(size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size = size
}

// A Status says how a mirror is.
type Status struct {
	Repository string    // its original
	Path       string    // below the handler
	Present    bool      // it can be served
	Refreshed  time.Time // when it was last found or made equal to its original, by this process; zero if never
	Err        error     // what went wrong in the last refresh, nil if nothing
	Saved      time.Time // when the shelf last had what the mirror has; zero if never, or if there is no shelf
	ShelfErr   error     // what went wrong when that was last tried
	Size       int64     // bytes on the disk after the last refresh; zero before
}

// Status gives the state of all mirrors, in the order of the options.
func (m *Mirrors) Status() []Status {
	all := make([]Status, 0, len(m.all))
	for _, r := range m.all {
		r.mu.Lock()
		s := Status{
			Repository: r.url, Path: r.path, Refreshed: r.refreshed, Err: r.err, Saved: r.saved, ShelfErr: r.shelfErr, Size: r.size,
		}
		r.mu.Unlock()
		s.Present = r.exists()
		all = append(all, s)
	}
	return all
}
