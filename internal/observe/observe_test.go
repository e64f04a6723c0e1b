package observe_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/vanity/internal/observe"
)

func TestWriter(t *testing.T) {
	errGone := errors.New("the client has gone")
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter)
		status int
		bytes  int64
		err    error
	}{
		"nothing":        {func(http.ResponseWriter) {}, 0, 0, nil},
		"a status alone": {func(w http.ResponseWriter) { w.WriteHeader(404) }, 404, 0, nil},
		"a body alone":   {func(w http.ResponseWriter) { io.WriteString(w, "12345") }, 200, 5, nil},
		"two statuses":   {func(w http.ResponseWriter) { w.WriteHeader(206); w.WriteHeader(500); io.WriteString(w, "1") }, 206, 1, nil},
		"hints before":   {func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(200) }, 200, 0, nil},
		"a copy":         {func(w http.ResponseWriter) { io.Copy(w, strings.NewReader("1234567")) }, 200, 7, nil},
		"a client that goes": {func(w http.ResponseWriter) {
			io.WriteString(w, "1")
			w.(*observe.Writer).ResponseWriter = broken{w.(*observe.Writer).ResponseWriter, errGone}
			io.WriteString(w, "23")
			io.Copy(w, strings.NewReader("4"))
		}, 200, 1, errGone},
	} {
		w := &observe.Writer{ResponseWriter: httptest.NewRecorder()}
		tt.answer(w)
		if w.Status != tt.status || w.Bytes != tt.bytes || w.Err != tt.err {
			t.Errorf("%s: status %d, %d bytes, %v; want %d, %d, %v", name, w.Status, w.Bytes, w.Err, tt.status, tt.bytes, tt.err)
		}
	}
}

// A broken writer takes nothing more.
type broken struct {
	http.ResponseWriter
	err error
}

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// TestWriterPasses has what only the writer below can do.
func TestWriterPasses(t *testing.T) {
	below := &reader{ResponseRecorder: httptest.NewRecorder()}
	w := &observe.Writer{ResponseWriter: below}
	if _, err := io.Copy(struct{ io.Writer }{w}, struct{ io.Reader }{strings.NewReader("1")}); err != nil || below.n != 0 {
		t.Error("the test tests nothing")
	}
	if n, err := w.ReadFrom(struct{ io.Reader }{strings.NewReader("23")}); n != 2 || err != nil || below.n != 2 || w.Bytes != 3 {
		t.Errorf("ReadFrom is not passed on: %d, %v, %d below, %d in all", n, err, below.n, w.Bytes)
	}
	if err := http.NewResponseController(w).Flush(); err != nil || !below.Flushed {
		t.Errorf("Flush is not passed on: %v", err)
	}
}

// A reader is a writer that reads by itself, as that of a connection does with a file.
type reader struct {
	*httptest.ResponseRecorder
	n int64
}

func (r *reader) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(io.Discard, src)
	r.n += n
	return n, err
}
