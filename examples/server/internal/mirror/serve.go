package mirror

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/vanity/internal/spool"
)

const (
	infoRefs    = "/info/refs"
	uploadPack  = "/git-upload-pack"
	receivePack = "/git-receive-pack"
	uploadQuery = "service=git-upload-pack"
	pushQuery   = "service=git-receive-pack"
)

const (
	mostRequest = 10 << 20         // bytes of a request, inflated; as git http-backend has it
	sendTime    = time.Minute      // for a client to send its request
	takeTime    = 2 * time.Minute  // for it to take a piece of the answer
	retryBusy   = 5 * time.Second  // until a client may try again
	retryAbsent = 60 * time.Second // as it is tried to get the mirror
)

// Handler serves the mirrors read-only by the smart HTTP protocol of git, in its versions 0 to 2, with shallow and partial
// clones. The mirror of https://github.com/acme/mono is at /github.com/acme/mono and /github.com/acme/mono.git; mount it by
// [http.StripPrefix] elsewhere than at the root. Nothing else is there, and no push (403).
//
// A mirror that isn't there yet, and a server with too many clients, are answered with 503.
func (m *Mirrors) Handler() http.Handler { return http.HandlerFunc(m.serveHTTP) }

func (m *Mirrors) serveHTTP(w http.ResponseWriter, r *http.Request) {
	repo, service := m.route(r)
	h := w.Header()
	h.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "Fri, 01 Jan 1980 00:00:00 GMT")
	switch {
	case repo == nil:
		answer(w, http.StatusNotFound, "404 page not found")
	case service == receivePack, service == infoRefs && r.URL.RawQuery == pushQuery:
		answer(w, http.StatusForbidden, fmt.Sprintf("this is a read-only mirror of %s: push there", repo.shown()))
	case service == infoRefs && r.URL.RawQuery != uploadQuery:
		answer(w, http.StatusForbidden, "this mirror speaks git's smart HTTP protocol alone: use git")
	case service == infoRefs && r.Method != http.MethodGet:
		h.Set("Allow", http.MethodGet)
		answer(w, http.StatusMethodNotAllowed, "the method must be GET")
	case service == infoRefs:
		m.serve(w, r, repo, request{version: version(r.Header), advertise: true})
	case r.Method != http.MethodPost:
		h.Set("Allow", http.MethodPost)
		answer(w, http.StatusMethodNotAllowed, "the method must be POST")
	default:
		m.servePost(w, r, repo)
	}
}

// Repository gives the URL of what a request to [Mirrors.Handler] is for, as in the options; ok says whether that is mirrored. It is for
// who must ask for rights first.
func (m *Mirrors) Repository(r *http.Request) (url string, ok bool) {
	repo, _ := m.route(r)
	if repo == nil {
		return "", false
	}
	return repo.url, true
}

// route finds the mirror that a request is for, in the table alone: nothing of the path becomes one of the disk.
func (m *Mirrors) route(r *http.Request) (repo *repository, service string) {
	if strings.Contains(strings.ToLower(r.URL.RawPath), "%2f") {
		return nil, ""
	}
	for _, service := range []string{infoRefs, uploadPack, receivePack} {
		path, ok := strings.CutSuffix(r.URL.Path, service)
		if !ok || !strings.HasPrefix(path, "/") {
			continue
		}
		if repo := m.table[strings.TrimSuffix(path[1:], ".git")]; repo != nil {
			return repo, service
		}
	}
	return nil, ""
}

// version is the newest version of the protocol that a client understands, of those that git has.
func version(h http.Header) (newest int) {
	for key := range strings.SplitSeq(h.Get("Git-Protocol"), ":") {
		switch key {
		case "version=2":
			return 2
		case "version=1":
			newest = 1
		}
	}
	return newest
}

// servePost answers a request that has a body.
func (m *Mirrors) servePost(w http.ResponseWriter, r *http.Request, repo *repository) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/x-git-upload-pack-request" {
		answer(w, http.StatusUnsupportedMediaType, "the body must be application/x-git-upload-pack-request")
		return
	}
	select { // who only sends slowly is not one of those that are served
	case m.reading <- struct{}{}:
		defer func() { <-m.reading }()
	default:
		m.fail(w, r, repo, errBusy)
		return
	}
	deadline := http.NewResponseController(w)
	deadline.SetReadDeadline(time.Now().Add(sendTime)) // a writer that can't has an owner who knows
	body, err := readRequest(r.Header, r.Body)
	if err != nil {
		m.fail(w, r, repo, err)
		return
	}
	defer body.Close()
	deadline.SetReadDeadline(time.Time{})
	m.serve(w, r, repo, request{version: version(r.Header), body: body.Reader()})
}

// A requestError is a request that can't be served, whoever asks.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

// readRequest reads a body to its end.
func readRequest(h http.Header, body io.Reader) (*spool.Spool, error) {
	raw := &io.LimitedReader{R: body, N: mostRequest + 1}
	in := io.Reader(raw)
	switch encoding := h.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, &requestError{http.StatusBadRequest, "the body can't be read, or is no gzip"}
		}
		in = z
	default:
		return nil, &requestError{http.StatusUnsupportedMediaType, "the body must be as it is, or gzip"}
	}
	s := new(spool.Spool)
	n, err := io.Copy(spoolWriter{s}, io.LimitReader(in, mostRequest+1))
	var local spoolError
	switch {
	case n > mostRequest || raw.N <= 0:
		err = &requestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has more than %d bytes", mostRequest)}
	case err != nil && !errors.As(err, &local):
		err = &requestError{http.StatusBadRequest, "the body can't be read"}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// A spoolWriter tells an error of our own disk from one of the client's.
type spoolWriter struct{ s *spool.Spool }

type spoolError struct{ error }

func (w spoolWriter) Write(p []byte) (int, error) {
	n, err := w.s.Write(p)
	if err != nil {
		err = spoolError{err}
	}
	return n, err
}

// serve runs git, and passes on what it answers as it comes.
func (m *Mirrors) serve(w http.ResponseWriter, r *http.Request, repo *repository, q request) {
	u, err := m.upload(r.Context(), repo, q)
	if err != nil {
		m.fail(w, r, repo, err)
		return
	}
	defer u.Close()
	w.Header().Set("Content-Type", q.contentType())
	control := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for {
		n, err := u.Read(buf)
		if n > 0 {
			control.SetWriteDeadline(time.Now().Add(takeTime))
			if _, err := w.Write(buf[:n]); err != nil {
				panic(http.ErrAbortHandler) // after Close: the client is gone
			}
			control.Flush()
		}
		if err == io.EOF {
			control.SetWriteDeadline(time.Time{}) // the next request of the connection has its own
			return
		}
		if err != nil {
			if r.Context().Err() == nil {
				m.log().Warn("mirror: a client's request was cut", "repository", repo.url, "error", err)
			}
			panic(http.ErrAbortHandler) // so that what came is not taken for all
		}
	}
}

// fail says why there is no answer.
func (m *Mirrors) fail(w http.ResponseWriter, r *http.Request, repo *repository, err error) {
	var bad *requestError
	switch {
	case r.Context().Err() != nil: // nobody is there to be told
		panic(http.ErrAbortHandler)
	case errors.As(err, &bad):
		w.Header().Set("Connection", "close") // there may be more of the body
		answer(w, bad.status, bad.text)
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", strconv.Itoa(int(retryBusy.Seconds())))
		answer(w, http.StatusServiceUnavailable, "this server serves too many git clients at the same time: try again soon")
	case errors.Is(err, errAbsent):
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAbsent.Seconds())))
		answer(w, http.StatusServiceUnavailable, fmt.Sprintf("the mirror of %s isn't there yet: try again later", repo.shown()))
	default:
		m.log().Error("mirror: a mirror can't be served", "repository", repo.url, "error", err)
		answer(w, http.StatusInternalServerError, "internal server error")
	}
}

// answer writes a line, which git shows to its user.
func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}
