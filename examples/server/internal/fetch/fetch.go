// Package fetch asks the server in its own process for many modules' files, with patience: it waits where a git host wants it to,
// and gives up a host that is down.
package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/local"
	"example.com/vanity/examples/server/internal/origin"
)

// A Server is what a file makes of itself, without the rules of access. Its fields must not change after first use; it is safe
// for concurrent use.
type Server struct {
	Handler http.Handler
	Host    string         // of the site, a path behind it being ignored
	Origin  *origin.Reader // to look for majors, and for causes; nil for doing without

	// BaseOf gives the base of a GOPROXY for a module path that is named, but is no entry; false if it knows none, and then
	// the path's page is asked. It may be nil. A forge has modules that nobody lists.
	BaseOf func(modulePath string) (base string, ok bool)

	waiting hosts
}

func (s *Server) host() string {
	host, _, _ := strings.Cut(s.Host, "/")
	return host
}

// A Module is a module path that the server serves.
type Module struct {
	Path    string
	Base    string // of the GOPROXY at this server; empty for the root
	Key     string // where the file has it; empty if it isn't named there
	GitHost string // whose limits count
	Named   bool   // its files have its path as their name in the store
}

// Name is the name of a file in the store, MODULE/@v/FILE, in the protocol's escaped form.
func (m Module) Name(file string) (string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	if file == "@latest" {
		return path + "/" + file, nil
	}
	return path + "/@v/" + file, nil
}

// File names a version's file, "v1.0.0.zip" say, in the protocol's escaped form.
func File(version, kind string) (string, error) {
	v, err := module.EscapeVersion(version)
	return v + "." + kind, err
}

// path is where a file of the module is, as a URL has it.
func (m Module) path(file string) (string, error) {
	name, err := m.Name(file)
	if err != nil {
		return "", err
	}
	return (&url.URL{Path: m.Base + "/" + name}).EscapedPath(), nil
}

// A StatusError is an answer that is not the file: for others, what its text says.
type StatusError struct {
	Status int
	Text   string
}

func (e *StatusError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Text
}

// IsAbsent reports whether an error says that there is no such file.
func IsAbsent(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusGone)
}

// storedOnly is the header that asks for what is stored.
var storedOnly = http.Header{"Disable-Module-Fetch": {"true"}}

// Get asks for a file of a module, as often as is worthwhile. Any other status than 200 is a [StatusError].
func (s *Server) Get(ctx context.Context, m Module, file string, sink io.Writer) (local.Response, error) {
	return s.patiently(ctx, m, file, func(path string) (local.Response, error) {
		return local.Get(ctx, s.Handler, s.host(), path, nil, sink)
	})
}

// Make is Get for who doesn't want to have the file, but that it was made. A zip that was left in a bucket isn't fetched from
// there. Why there is none, the answer to HEAD doesn't say.
func (s *Server) Make(ctx context.Context, m Module, file string) (local.Response, error) {
	return s.patiently(ctx, m, file, func(path string) (local.Response, error) {
		if strings.HasSuffix(file, ".zip") {
			if resp, err := local.Head(ctx, s.Handler, s.host(), path, nil); err != nil || resp.OK() {
				return resp, err
			}
		}
		return local.Get(ctx, s.Handler, s.host(), path, nil, io.Discard)
	})
}

// IsStored reports whether the server has a file without asking anybody. It reads it to its end where that is, to see
// whether it is whole.
func (s *Server) IsStored(ctx context.Context, m Module, file string) (bool, error) {
	path, err := m.path(file)
	if err != nil {
		return false, err
	}
	resp, err := local.Head(ctx, s.Handler, s.host(), path, storedOnly)
	return resp.OK(), err
}

// Versions gives the versions that the list of a module has, the lowest first. No list is an [IsAbsent] error.
func (s *Server) Versions(ctx context.Context, m Module) ([]string, error) {
	var b strings.Builder
	if _, err := s.Get(ctx, m, "list", &b); err != nil {
		return nil, err
	}
	return parseList(b.String()), nil
}

func parseList(text string) (versions []string) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == module.CanonicalVersion(f[0]) {
			versions = append(versions, f[0])
		}
	}
	semver.Sort(versions)
	return slices.Compact(versions)
}

// Latest gives the version to use.
func (s *Server) Latest(ctx context.Context, m Module) (string, error) {
	return s.info(ctx, m, "@latest")
}

// Resolve gives the version that a query comes to.
func (s *Server) Resolve(ctx context.Context, m Module, query string) (string, error) {
	if query == "latest" {
		return s.Latest(ctx, m)
	}
	file, err := File(query, "info")
	if err != nil {
		return "", err
	}
	return s.info(ctx, m, file)
}

// A NoModuleError says that a major version has tags and is no module: its go.mod says another path, as that of a repository
// whose owner didn't know that it must change.
type NoModuleError struct{ Err error }

func (e *NoModuleError) Error() string { return "it has tags, and is no module: " + e.Err.Error() }

// Wanted gives the versions that are wanted of a module, the lowest first, and the latest of all if all are wanted; where there is
// none but what the default branch comes to, that is in the list, too. The latest is empty if there is none. A [NoModuleError] is
// nobody's failure.
func (s *Server) Wanted(ctx context.Context, w Want) (versions []string, latest string, err error) {
	if w.Query != "" {
		v, err := s.Resolve(ctx, w.Module, w.Query)
		return []string{v}, "", err
	}
	if versions, err = s.Versions(ctx, w.Module); err != nil {
		return nil, "", err
	}
	latest, err = s.Latest(ctx, w.Module)
	switch {
	case err == nil && !slices.Contains(versions, latest):
		versions = append(versions, latest)
	case err != nil && (!IsAbsent(err) || len(versions) == 0):
		return nil, "", err
	case err != nil: // all are retracted, or it is no module
		if _, highest := s.Resolve(ctx, w.Module, versions[len(versions)-1]); IsAbsent(highest) {
			if _, major, _ := module.SplitPathVersion(w.Path); major != "" {
				return nil, "", &NoModuleError{highest}
			}
		}
	}
	return versions, latest, nil
}

func (s *Server) info(ctx context.Context, m Module, file string) (string, error) {
	var b strings.Builder
	if _, err := s.Get(ctx, m, file, &b); err != nil {
		return "", err
	}
	var info struct{ Version string }
	if err := json.Unmarshal([]byte(b.String()), &info); err != nil {
		return "", fmt.Errorf("%s is no JSON: %w", file, err)
	}
	if info.Version == "" || info.Version != module.CanonicalVersion(info.Version) {
		return "", fmt.Errorf("%s has no version, but %q", file, info.Version)
	}
	return info.Version, nil
}

// Each calls f for 0 to n-1, as many at the same time as most says, and returns when all are done. Once ctx ends, no more
// are begun.
func Each(ctx context.Context, n, most int, f func(i int)) {
	var next = make(chan int)
	var wg sync.WaitGroup
	for range min(max(most, 1), n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
}

// gitHost is what a repository's limits are counted by.
func gitHost(cfg vanity.Config) string {
	if u, err := url.Parse(cfg.URL); err == nil && u.Host != "" {
		return strings.ToLower(u.Host)
	}
	return "" // this machine
}
