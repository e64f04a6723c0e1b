package app

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"example.com/vanity"
	"example.com/vanity/internal/discovery"
)

// originals are the repositories that pages name by the address of their mirror, by that address.
type originals map[string]string

// of gives the URL of the original for one at or below a mirror's, of two mirrors the longer; the same if it is none.
func (o originals) of(raw string) string {
	of := raw
	longest := -1
	for mirror, original := range o {
		rest, ok := strings.CutPrefix(raw, mirror)
		rest = strings.TrimPrefix(rest, ".git")
		if ok && (rest == "" || rest[0] == '/') && len(mirror) > longest {
			of, longest = original+rest, len(mirror)
		}
	}
	return of
}

// at gives the addresses of the mirror that stand for a repository, which has a URL.
func (o originals) at(url string) (addresses []string) {
	for mirror, original := range o {
		if original == originalOf(url) {
			addresses = append(addresses, mirror)
		}
	}
	return addresses
}

// originalOf is a URL as originals have it.
func originalOf(url string) string { return strings.TrimSuffix(trim(url), ".git") }

// transport sends what is for a mirror's address to the original: it is this server's own address, and it is for people.
func (o originals) transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		u, err := url.Parse(o.of(r.URL.String()))
		if err != nil || *u == *r.URL {
			return next.RoundTrip(r)
		}
		sent := r.Clone(r.Context())
		sent.URL, sent.Host = u, ""
		resp, err := next.RoundTrip(sent)
		if resp != nil {
			resp.Request = r
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// credentials gives the function that knows those of the originals.
func (o originals) credentials(of login) login {
	return func(ctx context.Context, u *url.URL) (user, password string, err error) {
		original, err := url.Parse(o.of(u.String()))
		if err != nil {
			return "", "", err
		}
		return of(ctx, original)
	}
}

// site is what pages say: where the mirrors have an address, they are the repositories, and the source is shown where it was.
func (a *App) site() (vanity.Site, originals) {
	site := a.cfg.Site
	if a.mirrors == nil || a.cfg.Mirror.PublicURL == "" {
		return site, nil
	}
	byMirror := make(originals)
	site.Paths = maps.Clone(site.Paths)
	for key, i := range site.Paths {
		at, ok := a.mirrors.Path(i.Repo)
		if !ok || i.VCS != "" && i.VCS != "git" {
			continue
		}
		own := discovery.Import{Repo: i.Repo, VCS: "git", Display: i.Display, Directory: i.Directory, Tags: i.Tags, Proxy: i.Proxy}
		if page, faults := (discovery.Site{Host: site.Host}).Page(own, site.Host); len(faults) == 0 {
			i.Display = page.Source.Display()
		}
		original := originalOf(i.Repo)
		i.Repo, i.VCS = trim(a.cfg.Mirror.PublicURL)+"/"+at, "git"
		byMirror[i.Repo] = original
		site.Paths[key] = i
	}
	return site, byMirror
}
