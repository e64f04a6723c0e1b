package app

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/mirror"
)

// An access decides who may have what, by the rules of a file.
type access struct {
	cfg    *config.Config
	anyone auth                  // of all users; nil if there are none
	by     map[*config.Rule]auth // of the users of a rule
	gosub  auth                  // nil for everybody
	needs  login                 // what the server itself reads repositories with; nil for nothing
}

// An auth is a function for [vanity.WithAuth], and a login one for [vanity.WithCredentials].
type (
	auth  = func(r *http.Request, modulePath, repository string) error
	login = func(ctx context.Context, u *url.URL) (user, password string, err error)
)

// ownerKey marks the requests of who runs the server: no rules hold for them.
type ownerKey struct{}

func isOwner(r *http.Request) bool { return r.Context().Value(ownerKey{}) != nil }

func newAccess(c *config.Config) *access {
	a := &access{cfg: c, by: make(map[*config.Rule]auth), needs: credentials(c.Upstream)}
	if len(c.Users) > 0 {
		a.anyone = c.Authorization(c.AllUsers())
	}
	for i := range c.Access {
		if rule := &c.Access[i]; !rule.Public {
			a.by[rule] = c.Authorization(rule.Users)
		}
	}
	if c.Gosub != nil && len(c.Gosub.Users) > 0 {
		a.gosub = c.Authorization(c.Gosub.Users)
	}
	return a
}

// isOpen reports whether there are no rules at all.
func (a *access) isOpen() bool { return len(a.cfg.Access) == 0 }

// satisfy lets in whoever satisfies a rule; nil is everybody's.
func (a *access) satisfy(r *http.Request, rule *config.Rule) error {
	if rule == nil || rule.Public || isOwner(r) {
		return nil
	}
	err := a.by[rule](r, "", "")
	if errors.Is(err, vanity.ErrUnauthorized) && a.anyone(r, "", "") == nil {
		return fs.ErrPermission // he is one of the others
	}
	return err
}

// module is for modules that a resolver knows. The first rule that matches the path or the repository decides. The empty path is
// that of the probe by which the go command tries what git knows: it is answered by whether there is such a user at all.
func (a *access) module(resolve config.Resolver) auth {
	return func(r *http.Request, modulePath, _ string) error {
		if modulePath == "" {
			return a.probe(r)
		}
		names := []string{modulePath}
		at, err := resolve(r.Context(), modulePath)
		switch {
		case err == nil:
			names = append(names, config.RepositoryName(at.URL))
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return a.satisfy(r, a.cfg.Rule(names...))
	}
}

func (a *access) probe(r *http.Request) error {
	if r.Method != http.MethodHead || a.anyone == nil {
		return nil
	}
	return a.anyone(r, "", "")
}

// forge is for a forge's modules: the module's own name decides, and that of its repository, however it was asked for. By the
// name of what it mirrors it isn't there for who may not have it: he gets from elsewhere what somebody mirrors for himself here.
func (a *access) forge(resolve config.Resolver) auth {
	return func(r *http.Request, modulePath, _ string) error {
		if modulePath == "" {
			return a.probe(r)
		}
		asked := a.satisfy(r, a.cfg.Rule(modulePath))
		at, err := resolve(r.Context(), modulePath)
		switch {
		case asked != nil:
			return asked
		case errors.Is(err, fs.ErrNotExist):
			return nil // there is nothing to be had
		case err != nil:
			return err
		}
		names := a.cfg.ForgeNames(at)
		if names == nil {
			return errors.New("the repository is outside of the forge's directory")
		}
		err = a.satisfy(r, a.cfg.Rule(names...))
		if err != nil && !strings.HasPrefix(modulePath, strings.TrimSuffix(a.cfg.Forge.Host, "/")+"/") {
			return fs.ErrNotExist
		}
		return err
	}
}

// stranger is for Gosub, whose callers say themselves which repository they want: they may have all that is in it.
func (a *access) stranger(r *http.Request, _, repository string) error {
	if a.gosub != nil && !isOwner(r) {
		if err := a.gosub(r, "", ""); err != nil {
			return err
		}
	}
	if repository == "" {
		return nil
	}
	return a.whole(r, repository)
}

// whole lets in who may read all of a repository.
func (a *access) whole(r *http.Request, url string) error {
	for _, rule := range a.cfg.Guards(url) {
		if err := a.satisfy(r, rule); err != nil {
			return err
		}
	}
	return nil
}

// guardMirrors answers who may not clone as git wants it: it asks its user for a password only if it gets 401. What is no
// mirror's isn't there.
func (a *access) guardMirrors(m *mirror.Mirrors) http.Handler {
	next := m.Handler()
	if a.isOpen() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		url, ok := m.Repository(r)
		if !ok {
			http.NotFound(w, r)
			return
		}
		err := a.whole(r, url)
		switch {
		case err == nil:
			next.ServeHTTP(w, r)
		case errors.Is(err, vanity.ErrUnauthorized):
			w.Header().Set("WWW-Authenticate", `Basic realm="git", charset="UTF-8"`)
			http.Error(w, "unauthorized: this repository needs credentials of this server", http.StatusUnauthorized)
		default:
			http.Error(w, "forbidden: these credentials do not allow to read this repository", http.StatusForbidden)
		}
	})
}

// isPublic reports whether a module is everybody's: none of the rules says otherwise, and nobody needs credentials for its
// repository. What the server has credentials for is private, unless a rule says that it is public.
func (a *access) isPublic(ctx context.Context, modulePath string, at vanity.Config) bool {
	names := append([]string{modulePath, config.RepositoryName(at.URL)}, a.cfg.ForgeNames(at)...)
	if rule := a.cfg.Rule(names...); rule != nil {
		return rule.Public
	}
	if a.cfg.Upstream.CallersRights {
		return false
	}
	u, err := url.Parse(at.URL)
	if err != nil || a.needs == nil || u.Host == "" {
		return err == nil
	}
	_, password, err := a.needs(ctx, u)
	return err == nil && password == ""
}
