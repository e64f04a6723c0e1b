package app

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
)

// credentials gives what [vanity.WithCredentials] wants: those of the file by the longest URL, then those of the environment;
// nil if there are none.
func credentials(u config.Upstream) login {
	if !u.Netrc && len(u.Credentials) == 0 {
		return nil
	}
	return func(ctx context.Context, repository *url.URL) (user, password string, err error) {
		longest := -1
		for i, c := range u.Credentials {
			if isBelow(repository, c.URL) && (longest < 0 || len(c.URL) > len(u.Credentials[longest].URL)) {
				longest = i
			}
		}
		switch {
		case longest >= 0:
			return u.Credentials[longest].User, u.Credentials[longest].Password.Reveal(), nil
		case u.Netrc:
			return vanity.EnvCredentials(ctx, repository)
		}
		return "", "", nil
	}
}

// isBelow reports whether a URL begins with another one, at a slash. A host has one case, and 443 is https's own port.
func isBelow(u *url.URL, raw string) bool {
	at, err := url.Parse(raw)
	if err != nil || at.Scheme != u.Scheme || !strings.EqualFold(at.Hostname(), u.Hostname()) || port(at) != port(u) {
		return false
	}
	path := strings.TrimSuffix(at.Path, "/")
	return u.Path == path || strings.TrimSuffix(u.Path, ".git") == path || strings.HasPrefix(u.Path, path+"/")
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" || u.Scheme != "https" {
		return p
	}
	return "443"
}

// transport is that of the client of git hosts.
func transport(client *http.Client) http.RoundTripper {
	if client != nil && client.Transport != nil {
		return client.Transport
	}
	return http.DefaultTransport
}
