package git

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A fetched body is as net/http makes one of what fetch gives: to read it waits for the next bytes until it is closed, and then
// it looks as if it were whole.
type fetched struct {
	bytes  chan string
	closed chan struct{}
}

func (f *fetched) Read(p []byte) (int, error) {
	select {
	case s, ok := <-f.bytes:
		if !ok {
			return 0, io.EOF
		}
		return copy(p, s), nil
	case <-f.closed:
		return 0, io.EOF
	}
}

func (f *fetched) Close() error {
	close(f.closed)
	return nil
}

func TestEnding(t *testing.T) {
	whole := &fetched{make(chan string, 1), make(chan struct{})}
	whole.bytes <- "all"
	close(whole.bytes)
	body := ending(t.Context(), whole)
	if got, err := io.ReadAll(body); string(got) != "all" || err != nil {
		t.Errorf("a whole body: %q, %v", got, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	stalled := &fetched{make(chan string, 1), make(chan struct{})}
	stalled.bytes <- "some"
	body = ending(ctx, stalled)
	if n, err := body.Read(make([]byte, 10)); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	cancel()
	if got, err := io.ReadAll(body); len(got) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("a body that stalls: %q, %v; want it to end with its context", got, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever hands requests to fetch is told that redirects are to be shown; what dials is not.
func TestPrepare(t *testing.T) {
	var got []string
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		got = append(got, r.URL.Hostname()+r.URL.Path+" "+r.Header.Get(fetchRedirect))
		next := "https://elsewhere.test/r/info/refs"
		if r.URL.Host == "elsewhere.test" {
			next = "http://elsewhere.test/r/info/refs"
		}
		resp := &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {next}}, Body: http.NoBody, Request: r}
		return resp, nil
	})}
	repo := (&Client{HTTP: client}).Open("https://git.example.test/r")
	if _, err := repo.Refs(t.Context(), "refs/tags/"); err == nil || !strings.Contains(err.Error(), "redirects from https to http") {
		t.Errorf("a redirect to http: %v", err)
	}
	if want := []string{"git.example.test/r/git-upload-pack manual", "git.example.test/r/info/refs manual", "elsewhere.test/r/info/refs manual"}; !slices.Equal(got, want) {
		t.Errorf("requests:\n%q, want\n%q", got, want)
	}
	req, err := http.NewRequest(http.MethodGet, "https://git.example.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	prepare(&http.Client{Transport: &http.Transport{DialContext: new(net.Dialer).DialContext}}, req)
	if len(req.Header) > 0 {
		t.Errorf("a transport that dials: %v", req.Header)
	}
}
