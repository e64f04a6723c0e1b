// Package reply writes HTTP answers: status, caching and body are decided in one value and written in one place.
package reply

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How long an answer may be kept by clients and intermediaries.
const (
	Immutable = "public, max-age=31536000, immutable" // what never changes: a version's files
	Brief     = "public, max-age=60"                  // what may change any minute: lists, queries, absence
	Never     = "no-store"                            // failures
)

// Content types.
const (
	Text = "text/plain; charset=utf-8"
	JSON = "application/json"
	HTML = "text/html; charset=utf-8"
	Zip  = "application/zip"
)

// A Reply is everything that one request comes to.
type Reply struct {
	Status       int
	ContentType  string
	CacheControl string
	ETag         string        // with its quotes; empty for none
	RetryAfter   time.Duration // zero for none
	Allow        string        // for 405
	Body         io.ReadSeeker // read from its start; not closed
}

// Message makes a plain-text answer of one line.
func Message(status int, cacheControl, format string, args ...any) Reply {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n") + "\n"
	return Reply{Status: status, ContentType: Text, CacheControl: cacheControl, Body: strings.NewReader(text)}
}

// Bytes makes an answer of status 200.
func Bytes(contentType, cacheControl string, data []byte) Reply {
	return Reply{Status: http.StatusOK, ContentType: contentType, CacheControl: cacheControl, Body: bytes.NewReader(data)}
}

// MethodNotAllowed is the answer to anything but GET and HEAD, which are all that the library knows.
func MethodNotAllowed() Reply {
	rp := Message(http.StatusMethodNotAllowed, Never, "method not allowed: only GET and HEAD")
	rp.Allow = "GET, HEAD"
	return rp
}

// Write sends rp. A body of status 200 goes through [http.ServeContent]: HEAD, ranges and conditional requests work.
func (rp Reply) Write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	set := func(key, value string) {
		if value != "" {
			h.Set(key, value)
		}
	}
	set("Content-Type", rp.ContentType)
	set("Cache-Control", rp.CacheControl)
	set("ETag", rp.ETag)
	set("Allow", rp.Allow)
	set("X-Content-Type-Options", "nosniff")
	if rp.RetryAfter > 0 {
		set("Retry-After", strconv.Itoa(int((rp.RetryAfter+time.Second-1)/time.Second)))
	}
	if rp.Status == http.StatusOK {
		http.ServeContent(w, r, "", time.Time{}, rp.Body)
		return
	}
	if size, err := rp.Body.Seek(0, io.SeekEnd); err == nil {
		set("Content-Length", strconv.FormatInt(size, 10))
	}
	w.WriteHeader(rp.Status)
	if r.Method != http.MethodHead {
		if _, err := rp.Body.Seek(0, io.SeekStart); err == nil {
			io.Copy(w, rp.Body) // the client may be gone; there is nobody left to tell
		}
	}
}
