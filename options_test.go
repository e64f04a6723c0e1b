package vanity_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// noStore is a store that has failed.
type noStore struct{}

var errNoStore = errors.New("the store has failed")

func (noStore) Get(context.Context, string) (io.ReadCloser, error) { return nil, errNoStore }

func (noStore) Put(context.Context, string, io.ReadSeeker) error { return errNoStore }

// TestNilOptions: nil is what it would be if the option were not given, also where it takes back what was given before.
func TestNilOptions(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule go.acme.test/x\n")
	before := []vanity.Option{
		vanity.WithNext(http.RedirectHandler("/", http.StatusFound)),
		vanity.WithObserver(func(_ context.Context, e vanity.Event) { t.Errorf("the observer is told of %+v", e) }),
		vanity.WithStore(noStore{}),
		vanity.WithCredentials(vanity.EnvCredentials),
	}
	after := []vanity.Option{
		nil, vanity.WithNext(nil), vanity.WithObserver(nil), vanity.WithStore(nil), vanity.WithCredentials(nil),
		vanity.WithClient(nil), vanity.WithTrustedClient(nil), vanity.WithLogger(nil),
	}
	url := serve(t, vanity.Goproxy("", vanity.Config{URL: repo.Dir}, append(before, after...)...))
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"/go.acme.test/x/@v/list", http.StatusOK, "v1.0.0\n"},
		{"/go.acme.test/x/@v/v1.0.0.mod", http.StatusOK, "module go.acme.test/x\n"},
		{"/somewhere/else", http.StatusNotFound, "404 page not found\n"},
	} {
		if status, _, body := get(t, url+tt.path); status != tt.status || body != tt.body {
			t.Errorf("%s: %d, %q; want %d, %q", tt.path, status, body, tt.status, tt.body)
		}
	}
	// Without credentials of the server, the callers' rights may count.
	vanity.Gosub("", vanity.WithCredentials(vanity.EnvCredentials), vanity.WithCredentials(nil), vanity.WithCallersRights())
}

// TestLastOptionHolds: of two that say the same, be they by different names.
func TestLastOptionHolds(t *testing.T) {
	t.Parallel()
	own := &http.Client{Transport: roundTripper{}}
	known := func(context.Context, *url.URL) (user, password string, err error) { return "ann", "s3cret", nil }
	for name, tt := range map[string]struct {
		opts   []vanity.Option
		panics bool
	}{
		"the client alone":                {[]vanity.Option{vanity.WithClient(own)}, true},
		"trusted, then not":               {[]vanity.Option{vanity.WithTrustedClient(own), vanity.WithClient(own)}, true},
		"not trusted, then it is":         {[]vanity.Option{vanity.WithClient(own), vanity.WithTrustedClient(own)}, false},
		"trusted, then none":              {[]vanity.Option{vanity.WithTrustedClient(own), vanity.WithTrustedClient(nil)}, false},
		"hosts, then malformed ones":      {[]vanity.Option{vanity.WithHosts("git.acme.test"), vanity.WithHosts("https://git.acme.test")}, true},
		"malformed hosts, then good":      {[]vanity.Option{vanity.WithHosts("https://git.acme.test"), vanity.WithHosts("git.acme.test")}, false},
		"credentials for everybody":       {[]vanity.Option{vanity.WithCredentials(known)}, true},
		"credentials, and then none":      {[]vanity.Option{vanity.WithCredentials(known), vanity.WithCredentials(nil)}, false},
		"credentials and callers' rights": {[]vanity.Option{vanity.WithHosts("git.acme.test"), vanity.WithCredentials(known), vanity.WithCallersRights()}, true},
	} {
		if value := recovered(func() { vanity.Gosub("", tt.opts...) }); (value != nil) != tt.panics {
			t.Errorf("%s: panics with %v; want a panic: %v", name, value, tt.panics)
		}
	}
}
