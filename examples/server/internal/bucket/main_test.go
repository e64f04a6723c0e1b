package bucket_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"example.com/vanity/examples/server/internal/bucket"
	"example.com/vanity/examples/server/internal/s3test"
	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

const (
	zipFile = "go.acme.dev/!tool/@v/v1.2.0.zip"
	info    = "go.acme.dev/!tool/@v/v1.2.0.info"
	list    = "go.acme.dev/!tool/@v/list"
)

// open opens a store that is closed with the test.
func open(t *testing.T, url string) *bucket.Store {
	t.Helper()
	s, _ := openLogged(t, url)
	return s
}

// openLogged gives what the store logs besides.
func openLogged(t *testing.T, url string) (*bucket.Store, *logged) {
	t.Helper()
	l := new(logged)
	s, err := bucket.Open(t.Context(), url, slog.New(slog.NewTextHandler(l, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, l
}

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// server starts an S3 server whose credentials the environment has.
func server(t *testing.T) *s3test.Server {
	t.Helper()
	s := s3test.Start(t)
	s.Setenv(t)
	return s
}

func put(t *testing.T, s *bucket.Store, name, content string) {
	t.Helper()
	if err := s.Put(t.Context(), name, strings.NewReader(content)); err != nil {
		t.Error(err)
	}
}

// read gives a content.
func read(ctx context.Context, s *bucket.Store, name string) (string, error) {
	r, err := s.Get(ctx, name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

func want(t *testing.T, s *bucket.Store, name, content string) {
	t.Helper()
	if got, err := read(t.Context(), s, name); err != nil || got != content {
		t.Errorf("%s: got %.40q (%d bytes), %v; want %.40q (%d bytes)", name, got, len(got), err, content, len(content))
	}
}

func wantNone(t *testing.T, s *bucket.Store, name string) {
	t.Helper()
	if r, err := s.Get(t.Context(), name); r != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%.80s: got %v, %v; want fs.ErrNotExist", name, r, err)
	}
}

// wantError wants an error that says all of some things, and is no absence.
func wantError(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error; want one that says %q", says)
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %q looks like the answer that there is none", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q doesn't say %q", err, s)
		}
	}
}
