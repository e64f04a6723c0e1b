package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/metrics"
)

// scrape gives what Prometheus would get.
func scrape(t testing.TB, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func want(t testing.TB, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

func TestObserve(t *testing.T) {
	m := metrics.New()
	for _, e := range []vanity.Event{
		{Kind: "zip", Module: "go.acme.dev/tool", Version: "v1.0.0", Status: 200, Source: "memory", Bytes: 1000, Duration: time.Millisecond},
		{Kind: "zip", Module: "go.acme.dev/tool", Version: "v1.0.0", Status: 200, Source: "store", Bytes: 500, Err: errors.New("gone")},
		{Kind: "zip", Module: "go.acme.dev/tool", Version: "v1.0.0", Status: 200, Source: "store"}, // HEAD
		{Kind: "zip", Module: "go.acme.dev/tool", Version: "v1.0.0", Status: 206, Source: "store", Bytes: 100},
		{Kind: "list", Module: "go.acme.dev/none", Status: 404},
		{Status: 404},
		{Kind: "fetch", Repository: "https://git.acme.dev/tool", Requests: 1, Err: context.Canceled},
		{Kind: "fetch", Module: "go.acme.dev/tool", Repository: "https://git.acme.dev/tool", Status: 200, Requests: 3, Bytes: 4000, Duration: time.Second},
		{Kind: "fetch", Module: "go.acme.dev/tool", Repository: "https://git.acme.dev/tool", Status: 429, Requests: 1, RetryAfter: time.Hour},
		{Kind: "fetch", Module: "go.acme.dev/own", Repository: "/srv/git/own.git", Status: 200, Requests: 1, Bytes: 10},
	} {
		m.Observe(context.Background(), e)
	}
	text := scrape(t, m)
	want(t, text,
		`vanity_requests_total{code="200",kind="zip"} 3`, `vanity_requests_total{code="206",kind="zip"} 1`, `vanity_requests_total{code="404",kind="list"} 1`,
		`vanity_requests_total{code="404",kind="malformed"} 1`, `vanity_response_bytes_total{kind="zip"} 1600`,
		`vanity_files_served_total{kind="zip",source="store"} 3`, `vanity_downloads_total{module="go.acme.dev/tool",version="v1.0.0"} 1`,
		`vanity_fetches_total{code="200",host="git.acme.dev"} 1`, `vanity_fetches_total{code="429",host="git.acme.dev"} 1`,
		`vanity_fetches_total{code="aborted",host="git.acme.dev"} 1`, `vanity_fetch_requests_total{host="git.acme.dev"} 5`, `vanity_fetch_bytes_total{host="(local)"} 10`, `vanity_fetch_duration_seconds_count{host="git.acme.dev"} 3`)
	if _, value, ok := strings.Cut(text, `vanity_rate_limited_until_timestamp_seconds{host="git.acme.dev"} `); !ok || !strings.HasPrefix(value, fmt.Sprintf("%.5g", float64(time.Now().Add(time.Hour).Unix()))[:4]) {
		t.Errorf("until when the host limits: %.30s", value)
	}
}

// TestBounds has strangers who ask for whatever they like.
func TestBounds(t *testing.T) {
	m := metrics.New()
	const n = 12000
	for i := range n {
		m.Observe(context.Background(), vanity.Event{Kind: "zip", Module: fmt.Sprintf("m%d.test/x", i), Version: "v1.0.0", Status: 200, Bytes: 1})
		m.Observe(context.Background(), vanity.Event{Kind: "fetch", Repository: fmt.Sprintf("https://h%d.test/x", i), Status: 200, Requests: 1})
	}
	text := scrape(t, m)
	want(t, text, `vanity_downloads_total{module="(other)",version="(other)"} 2000`, `vanity_fetches_total{code="200",host="(other)"} 11800`)
	if got := strings.Count(text, "\nvanity_downloads_total{"); got != 10001 {
		t.Errorf("%d pairs of module and version", got)
	}
}

// A shelf is a store in memory, with faults.
type shelf struct {
	m   map[string]string
	err error
}

func (s *shelf) Get(_ context.Context, name string) (io.ReadCloser, error) {
	if s.err != nil {
		return nil, s.err
	}
	text, ok := s.m[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (s *shelf) Put(_ context.Context, name string, content io.ReadSeeker) error {
	data, err := io.ReadAll(content)
	s.m[name] = string(data)
	return errors.Join(err, s.err)
}

// A removing shelf can remove, too.
type removing struct{ shelf }

func (s *removing) Remove(_ context.Context, name string) error {
	delete(s.m, name)
	return s.err
}

func TestStore(t *testing.T) {
	m := metrics.New()
	inner := &removing{shelf{m: make(map[string]string)}}
	s := m.Store(inner)
	remover, ok := s.(interface {
		Remove(ctx context.Context, name string) error
	})
	if !ok {
		t.Fatal("what can remove can't any more")
	}
	if _, ok := m.Store(&inner.shelf).(interface {
		Remove(ctx context.Context, name string) error
	}); ok {
		t.Error("what can't remove seems to")
	}
	ctx := context.Background()
	if _, err := s.Get(ctx, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := s.Put(ctx, "a", strings.NewReader("text")); err != nil {
		t.Error(err)
	}
	r, err := s.Get(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := io.ReadAll(r); string(data) != "text" {
		t.Errorf("%q", data)
	}
	if err := remover.Remove(ctx, "a"); err != nil || len(inner.m) > 0 {
		t.Errorf("%v %v", err, inner.m)
	}
	inner.err = errors.New("down")
	s.Get(ctx, "a")
	s.Put(ctx, "a", strings.NewReader(""))
	remover.Remove(ctx, "a")
	want(t, scrape(t, m),
		`vanity_store_operations_total{operation="get",result="absent"} 1`, `vanity_store_operations_total{operation="get",result="ok"} 1`, `vanity_store_operations_total{operation="get",result="error"} 1`,
		`vanity_store_operations_total{operation="put",result="ok"} 1`, `vanity_store_operations_total{operation="put",result="error"} 1`,
		`vanity_store_operations_total{operation="remove",result="ok"} 1`, `vanity_store_operation_duration_seconds_count{operation="put"} 2`)
}

func TestMirrors(t *testing.T) {
	m := metrics.New()
	at := time.Unix(1700000000, 0)
	m.Mirrored("github.com/acme/a", at, at.Add(time.Minute), 100, nil)
	m.Mirrored("github.com/acme/b", time.Time{}, time.Time{}, 0, errors.New("no such repository"))
	m.Pushed(nil)
	m.Pushed(errors.New("late"))
	m.Reloaded(nil)
	text := scrape(t, m)
	want(t, text, `vanity_mirror_refreshed_timestamp_seconds{repository="github.com/acme/a"} 1.7e+09`, `vanity_mirror_failing{repository="github.com/acme/b"} 1`,
		`vanity_mirror_saved_timestamp_seconds{repository="github.com/acme/a"} 1.70000006e+09`, `vanity_mirror_bytes{repository="github.com/acme/a"} 100`, `vanity_webhook_pushes_total{result="ok"} 1`, `vanity_webhook_pushes_total{result="error"} 1`, `vanity_config_reloads_total{result="ok"} 1`)
	if strings.Contains(text, `timestamp_seconds{repository="github.com/acme/b"}`) {
		t.Error("what never was refreshed or saved has a time")
	}
	m.ForgetMirrors()
	if strings.Contains(scrape(t, m), "acme/a") {
		t.Error("a mirror that is no more is there still")
	}
}
