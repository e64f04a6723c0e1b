// Sqlstoretest lets the tests of package sqlstore get at a store: PUT, GET and DELETE are what they say, of the name in the path.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"example.com/vanity/examples/worker/internal/fetch"
	"example.com/vanity/examples/worker/internal/sqlstore"
)

func main() {
	host := fetch.NewHost()
	store, err := sqlstore.New(host.SQL())
	if err != nil {
		slog.Error("the database can't be used", "err", err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /get/{name...}", func(w http.ResponseWriter, r *http.Request) {
		content, err := store.Get(r.Context(), r.PathValue("name"))
		if answer(w, err); err == nil {
			io.Copy(w, content)
			answer(w, content.Close())
			if _, err := content.Read(make([]byte, 1)); err != fs.ErrClosed {
				panic(err)
			}
		}
	})
	mux.HandleFunc("PUT /put/{name...}", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		content := bytes.NewReader(data)
		content.Seek(3, io.SeekStart) // it is put from its start
		answer(w, store.Put(r.Context(), r.PathValue("name"), content))
	})
	mux.HandleFunc("DELETE /remove/{name...}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, store.Remove(r.Context(), r.PathValue("name")))
	})
	// A content that can't be read to its end.
	mux.HandleFunc("PUT /fail/{name...}", func(w http.ResponseWriter, r *http.Request) {
		content := failing{strings.NewReader(strings.Repeat("x", 3<<20))}
		answer(w, store.Put(r.Context(), r.PathValue("name"), content))
	})
	// Another content comes while one is read.
	mux.HandleFunc("PUT /between/{name...}", func(w http.ResponseWriter, r *http.Request) {
		content, err := store.Get(r.Context(), r.PathValue("name"))
		if err == nil {
			_, err = content.Read(make([]byte, 1))
		}
		if err == nil {
			err = store.Put(r.Context(), r.PathValue("name"), strings.NewReader("another"))
		}
		if err != nil {
			panic(err)
		}
		n, err := io.Copy(io.Discard, content)
		fmt.Fprint(w, n, " ", err)
	})
	mux.HandleFunc("GET /parts", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, host.SQL().Call("exec", "SELECT count(*) AS n FROM part").Call("one").Get("n").Int())
	})
	// As if the program had ended in the middle of a Put.
	mux.HandleFunc("PUT /orphan", func(w http.ResponseWriter, r *http.Request) {
		host.SQL().Call("exec", "INSERT INTO part (id, number, data) VALUES (999999, 0, x'00')")
	})
	mux.HandleFunc("PUT /exit", func(http.ResponseWriter, *http.Request) { os.Exit(0) })
	host.Serve(mux)
}

var errFailing = errors.New("it can't be read")

type failing struct{ *strings.Reader }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = errFailing
	}
	return n, err
}

func (f failing) WriteTo(io.Writer) (int64, error) { return 0, errFailing }

func answer(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.WriteHeader(http.StatusNotFound)
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
	}
	if err != nil {
		fmt.Fprint(w, err)
	}
}
