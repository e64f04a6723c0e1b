package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/vanity/examples/server/internal/bucket"
	"example.com/vanity/examples/server/internal/s3test"
)

const mb = 1 << 20

// large is the content of objects that come in many pieces.
var large = strings.Repeat("0123456789abcdef", 12*mb/16)

// TestStopped stops the service and starts it again.
func TestStopped(t *testing.T) {
	srv := server(t)
	s := open(t, srv.URL())
	put(t, s, info, "info")
	for range 2 {
		srv.Stop()
		says := []string{"s3://" + srv.Bucket, "can't reach the service: start it, or mend the endpoint", srv.Endpoint()[len("http://"):]}
		_, err := read(t.Context(), s, info)
		wantError(t, err, says...)
		_, err = read(t.Context(), s, zipFile)
		wantError(t, err, says...)
		wantError(t, s.Put(t.Context(), zipFile, strings.NewReader("zip")), says...)
		wantError(t, s.Put(t.Context(), zipFile, strings.NewReader(large)), says...)
		wantError(t, s.Put(t.Context(), list, strings.NewReader("list")), says...)
		wantError(t, s.Remove(t.Context(), info), says...)
		_, err = s.List(t.Context(), "")
		wantError(t, err, says...)
		wantError(t, s.Ping(t.Context()), says...)
		srv.Start()
		want(t, s, info, "info")
		wantNone(t, s, zipFile)
		wantNone(t, s, list)
	}
	put(t, s, zipFile, large)
	want(t, s, zipFile, large)
}

// limits are for a service that is known to say nothing.
func limits() (restore func()) { return bucket.SetLimits(200*time.Millisecond, 0) }

// TestStalled lets the service say nothing more at any point.
func TestStalled(t *testing.T) {
	srv := server(t)
	s := open(t, srv.URL())
	put(t, s, zipFile, large)
	const says = "the service doesn't answer: it has said nothing for 200ms"
	ask := map[string]func(name string) error{
		"get":       func(string) error { _, err := read(t.Context(), s, zipFile); return err },
		"none":      func(name string) error { _, err := read(t.Context(), s, name+"none"); return err },
		"put":       func(name string) error { return s.Put(t.Context(), name+"list", strings.NewReader("list")) },
		"put once":  func(name string) error { return s.Put(t.Context(), name+"v1.0.0.info", strings.NewReader("info")) },
		"put large": func(name string) error { return s.Put(t.Context(), name+"v1.0.0.zip", strings.NewReader(large)) },
		"remove":    func(string) error { return s.Remove(t.Context(), zipFile) },
		"list":      func(string) error { _, err := s.List(t.Context(), ""); return err },
		"ping":      func(string) error { return s.Ping(t.Context()) },
	}
	for what, ask := range ask {
		t.Run(what, func(t *testing.T) {
			srv.StallDown(0)
			restore := limits()
			err := ask("go.acme.dev/" + strings.ReplaceAll(what, " ", "") + "/@v/")
			restore()
			wantError(t, err, says)
			srv.Heal()
		})
	}
	t.Run("left alone", func(t *testing.T) {
		defer srv.Heal()
		srv.StallDown(0)
		defer bucket.SetLimits(200*time.Millisecond, time.Hour)()
		s := open(t, srv.URL())
		_, err := read(t.Context(), s, info)
		wantError(t, err, says)
		srv.Heal()
		const alone = "the service didn't answer"
		_, err = read(t.Context(), s, info)
		wantError(t, err, alone)
		wantError(t, s.Put(t.Context(), info, strings.NewReader("info")), alone)
		wantError(t, s.Put(t.Context(), "go.acme.dev/alone/@v/v1.0.0.zip", strings.NewReader(large)), alone)
		wantError(t, s.Remove(t.Context(), info), alone)
		_, err = s.List(t.Context(), "")
		wantError(t, err, alone)
		bucket.SetLimits(time.Minute, 0)
		wantNone(t, s, info)
	})
	defer bucket.SetLimits(time.Minute, 0)()
	want(t, s, zipFile, large)

	t.Run("in a body", func(t *testing.T) {
		r, err := s.Get(t.Context(), zipFile)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		srv.StallDown(mb)
		defer srv.Heal()
		defer limits()()
		n, err := io.Copy(io.Discard, r)
		wantError(t, err, says)
		if n >= int64(len(large)) {
			t.Errorf("%d bytes came", n)
		}
	})
	t.Run("in an upload", func(t *testing.T) {
		defer srv.Heal()
		srv.StallUp(7 * mb)
		defer limits()()
		const name = "go.acme.dev/up/@v/v1.0.0.zip"
		wantError(t, s.Put(t.Context(), name, strings.NewReader(large)), says)
		srv.Heal()
		bucket.SetLimits(time.Minute, 0)
		wantNone(t, s, name)
		put(t, s, name, large)
		want(t, s, name, large)
	})
}

// TestSlow lets every piece wait. The limits are for silence, not for the whole.
func TestSlow(t *testing.T) {
	srv := server(t)
	s := open(t, srv.URL())
	put(t, s, zipFile, large)
	srv.Slow(2 * time.Millisecond)
	want(t, s, zipFile, large)
	put(t, s, info, "info")
	want(t, s, info, "info")

	// The reader may take as long as he likes: that is no silence of the service's.
	r, err := s.Get(t.Context(), zipFile)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer bucket.SetLimits(3*time.Second, 0)()
	var got bytes.Buffer
	if _, err := io.CopyN(&got, r, mb); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3500 * time.Millisecond)
	if _, err := io.Copy(&got, r); err != nil || got.String() != large {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}

// TestCut cuts the connection in the middle.
func TestCut(t *testing.T) {
	srv := server(t)
	s := open(t, srv.URL())
	put(t, s, zipFile, large)
	for _, after := range []int64{1, 100, mb, 11 * mb} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			srv.CutDown(after)
			got, err := read(t.Context(), s, zipFile)
			wantError(t, err)
			if len(got) >= len(large) {
				t.Errorf("%d bytes came", len(got))
			}
			name := fmt.Sprintf("go.acme.dev/cut/@v/v1.%d.0.zip", after)
			srv.CutUp(after)
			wantError(t, s.Put(t.Context(), name, strings.NewReader(large)), "s3://"+srv.Bucket)
			srv.Heal()
			wantNone(t, s, name)
			put(t, s, name, large)
			want(t, s, name, large)
			want(t, s, zipFile, large)
		})
	}
	if err := s.Put(t.Context(), list, strings.NewReader("list")); err != nil {
		t.Error(err)
	}
}

// TestLeft lets who puts a large content leave in the middle. The upload is aborted all the same.
func TestLeft(t *testing.T) {
	srv := server(t)
	s := open(t, srv.URL())
	hit := srv.StallUp(7 * mb)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Put(ctx, zipFile, strings.NewReader(large)) }()
	<-hit
	cancel()
	srv.Heal() // only what stood is lost
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	wantNone(t, s, zipFile)
	if left := srv.Uploads(); len(left) > 0 {
		t.Errorf("uploads of %q are left", left)
	}
}

// between puts a proxy in front of the S3 server, which may answer itself, and gives its URL for the store. The real
// server does not make these faults on demand.
func between(t *testing.T, srv *s3test.Server, answers func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	to, err := url.Parse(srv.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return srv.URL("endpoint", front.URL)
}

// refuse answers with an error as S3 writes it.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) bool {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>a message</Message></Error>`, code)
	return true
}

func conditional(r *http.Request) bool { return r.Header.Get("If-None-Match") != "" }

// TestUnconditional has a service that knows no conditional writes.
func TestUnconditional(t *testing.T) {
	srv := server(t)
	var asked atomic.Int64
	s, log := openLogged(t, between(t, srv, func(w http.ResponseWriter, r *http.Request) bool {
		if !conditional(r) {
			return false
		}
		asked.Add(1)
		return refuse(w, r, http.StatusNotImplemented, "NotImplemented")
	}))
	for i, content := range []string{"first", large} {
		name := fmt.Sprintf("go.acme.dev/un/@v/v1.%d.0.zip", i)
		put(t, s, name, content)
		put(t, s, name, "second")
		want(t, s, name, content)
	}
	if n := asked.Load(); n > 3 {
		t.Errorf("a condition was tried %d times", n)
	}
	if text := log.text(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "let one server at a time write to it") {
		t.Errorf("logged: %s", text)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	testNames(t, s)
}

// TestIgnorant has a service that ignores conditions, which only Ping can tell: what is there is removed before another is
// put on condition.
func TestIgnorant(t *testing.T) {
	srv := server(t)
	client := srv.Client()
	s, log := openLogged(t, between(t, srv, func(_ http.ResponseWriter, r *http.Request) bool {
		if conditional(r) {
			key := strings.TrimPrefix(r.URL.Path, "/"+srv.Bucket+"/")
			if _, err := client.DeleteObject(r.Context(), &s3.DeleteObjectInput{Bucket: &srv.Bucket, Key: &key}); err != nil {
				t.Error(err)
			}
		}
		return false
	}))
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if text := log.text(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "ignores conditions of writes: let one server at a time write to it") {
		t.Errorf("logged: %s", text)
	}
	if objects := srv.Objects(); len(objects) > 0 {
		t.Errorf("Ping leaves %d objects", len(objects))
	}
	testNames(t, s)
}

// TestTrouble has a service in trouble for some requests: what passes soon is tried again, what doesn't is an error.
func TestTrouble(t *testing.T) {
	tests := []struct {
		status int
		code   string
		puts   bool // the trouble is with conditional puts alone
		says   string
	}{
		{500, "InternalError", false, "InternalError: a message"},
		{503, "SlowDown", false, "SlowDown: a message"},
		{409, "ConditionalRequestConflict", true, "ConditionalRequestConflict: a message"},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			srv := server(t)
			var left atomic.Int64
			s := open(t, between(t, srv, func(w http.ResponseWriter, r *http.Request) bool {
				return (conditional(r) || !tt.puts) && left.Add(-1) >= 0 && refuse(w, r, tt.status, tt.code)
			}))
			left.Store(2)
			put(t, s, info, "info")
			left.Store(2)
			put(t, s, zipFile, large)
			if !tt.puts {
				left.Store(2)
			}
			want(t, s, zipFile, large)
			left.Store(1000)
			wantError(t, s.Put(t.Context(), "go.acme.dev/t/@v/v1.0.0.mod", strings.NewReader("mod")), tt.says)
			if !tt.puts {
				_, err := read(t.Context(), s, info)
				wantError(t, err, tt.says)
			}
			left.Store(0)
			wantNone(t, s, "go.acme.dev/t/@v/v1.0.0.mod")
			want(t, s, info, "info")
		})
	}
}

// TestHungUp has a service that hangs up on who puts what is there, or after it has put something, without an answer.
func TestHungUp(t *testing.T) {
	srv := server(t)
	var after atomic.Bool
	client := srv.Client()
	s := open(t, between(t, srv, func(w http.ResponseWriter, r *http.Request) bool {
		if !conditional(r) {
			return false
		}
		if after.Load() {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			key := strings.TrimPrefix(r.URL.Path, "/"+srv.Bucket+"/")
			if _, err := client.PutObject(r.Context(), &s3.PutObjectInput{Bucket: &srv.Bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
				t.Error(err)
			}
		}
		panic(http.ErrAbortHandler)
	}))
	wantError(t, s.Put(t.Context(), info, strings.NewReader("info")), "can't reach the service")
	wantNone(t, s, info)
	srv.Put(zipFile, "zip")
	put(t, s, zipFile, large[:4*mb])
	want(t, s, zipFile, "zip")
	after.Store(true)
	put(t, s, info, "info")
	want(t, s, info, "info")
}

// TestShort has a body that ends early without anybody's saying how long it was to be.
func TestShort(t *testing.T) {
	srv := server(t)
	var cut atomic.Bool
	s := open(t, between(t, srv, func(w http.ResponseWriter, r *http.Request) bool {
		if !cut.Load() {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(large)))
		io.WriteString(w, large[:mb])
		return true
	}))
	cut.Store(true)
	got, err := read(t.Context(), s, zipFile)
	wantError(t, err, "unexpected EOF")
	if len(got) > mb {
		t.Errorf("%d bytes", len(got))
	}
}
