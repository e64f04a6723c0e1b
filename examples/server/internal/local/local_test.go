package local_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/local"
)

func TestRequest(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Path)
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("X-Uri", r.RequestURI)
		w.Header().Set("X-Query", r.URL.Query().Get("q"))
		w.Header().Set("X-Mine", r.Header.Get("Mine"))
		w.Header().Set("Content-Length", "3")
		if r.Method != http.MethodHead {
			io.WriteString(w, "abc")
		}
	})
	var body strings.Builder
	got, err := local.Get(t.Context(), h, "go.acme.dev", "/go/!a/@v/list?q=1", http.Header{"Mine": {"yes"}}, &body)
	if err != nil || !got.OK() || got.Bytes != 3 || body.String() != "abc" || got.Text != "" {
		t.Errorf("%+v, %q, %v", got, body.String(), err)
	}
	for key, want := range map[string]string{
		"X-Path": "/go/!a/@v/list", "X-Host": "go.acme.dev", "X-Uri": "/go/!a/@v/list?q=1", "X-Query": "1", "X-Mine": "yes",
	} {
		if got := got.Header.Get(key); got != want {
			t.Errorf("%s: %q; want %q", key, got, want)
		}
	}
	if got, err := local.Head(t.Context(), h, "go.acme.dev", "/x", nil); err != nil || got.Bytes != 3 {
		t.Errorf("HEAD: %+v, %v", got, err)
	}
	for _, path := range []string{"", "x", "http://h/x", "/%zz"} {
		if got, err := local.Get(t.Context(), h, "h", path, nil, io.Discard); err == nil {
			t.Errorf("%q: %+v", path, got)
		}
	}
}

func TestFaults(t *testing.T) {
	disk := errors.New("no space left on device")
	for name, tt := range map[string]struct {
		h    http.HandlerFunc
		sink io.Writer
		want error
		text string
	}{
		"status": {h: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusProcessing)
			http.Error(w, "not\nfound", http.StatusNotFound)
		}, text: "not found"},
		"short": {h: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4")
			io.WriteString(w, "abc")
		}, want: io.ErrUnexpectedEOF},
		"aborted": {h: func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "abc")
			panic(http.ErrAbortHandler)
		}, want: io.ErrUnexpectedEOF},
		"disk full": {h: func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, strings.NewReader("abc"))
		}, sink: failing{disk}, want: disk},
		"long error": {h: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			w.Write(bytes.Repeat([]byte("x"), 5000))
			w.Write(bytes.Repeat([]byte("x"), 5000))
		}, text: strings.Repeat("x", 4096)},
	} {
		sink := tt.sink
		if sink == nil {
			sink = io.Discard
		}
		got, err := local.Get(t.Context(), tt.h, "h", "/x", nil, sink)
		if !errors.Is(err, tt.want) || got.Text != tt.text {
			t.Errorf("%s: %v, %q; want %v, %q", name, err, got.Text, tt.want, tt.text)
		}
	}
	_, err := local.Get(t.Context(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }), "h", "/", nil, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("panic: %v", err)
	}
}

// TestGone has a caller who leaves in the middle: an endless answer ends.
func TestGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for n := 0; ; n++ {
			if n == 3 {
				cancel()
			}
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
		}
	})
	if got, err := local.Get(ctx, h, "h", "/", nil, io.Discard); !errors.Is(err, context.Canceled) || got.Bytes != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
