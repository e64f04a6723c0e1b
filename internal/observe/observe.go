// Package observe counts what goes out to a client.
package observe

import (
	"io"
	"net/http"
)

// A Writer passes an answer on, and counts. The kernel may still copy a file to the connection.
type Writer struct {
	http.ResponseWriter
	Status int   // zero if nothing was written
	Bytes  int64 // of the body
	Err    error // of the first write that failed: the client has gone
}

// WriteHeader implements [http.ResponseWriter].
func (w *Writer) WriteHeader(status int) {
	if w.Status == 0 && status >= http.StatusOK {
		w.Status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.wrote(int64(n), err)
	return n, err
}

// ReadFrom implements [io.ReaderFrom] by what is below.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	w.wrote(n, err)
	return n, err
}

func (w *Writer) wrote(n int64, err error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	w.Bytes += n
	if w.Err == nil {
		w.Err = err
	}
}

// Unwrap is for [http.ResponseController].
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
