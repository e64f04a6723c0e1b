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
	"unicode"
	"unicode/utf8"
)

// How long an answer may be kept by clients and intermediaries; see also [For].
const (
	Immutable = "public, max-age=31536000, immutable" // what never changes: a version's files
	Brief     = "public, max-age=60"                  // absence: what isn't there may be there any minute
	Stale     = "no-cache"                            // what is out of date, for want of anything newer: ask again each time
	Never     = "no-store"                            // failures
	Private   = "private, no-store"                   // what depends on who asks
)

// For says that an answer may be kept for a time of its own, rounded down to seconds: nobody shall have it longer. What is
// not fresh for one whole second is as good as stale.
func For(d time.Duration) string {
	if d < time.Second {
		return Stale
	}
	return "public, max-age=" + strconv.FormatInt(int64(d/time.Second), 10)
}

// Content types.
const (
	Text = "text/plain; charset=utf-8"
	JSON = "application/json"
	HTML = "text/html; charset=utf-8"
	Zip  = "application/zip"
)

// Unreachable is what is said of a git host that doesn't answer, in a text of status 502: who asks for much at once goes by it.
const Unreachable = "the git host could not be reached; the owner of this server finds the cause in its log"

// A Reply is everything that one request comes to.
type Reply struct {
	Status       int
	ContentType  string
	CacheControl string
	ETag         string        // with its quotes; empty for none
	RetryAfter   time.Duration // zero for none
	Allow        string        // for 405
	Authenticate string        // for 401
	Location     string        // for a redirect
	Vary         string        // header of the request that the answer depends on; empty for none
	Policy       string        // Content-Security-Policy, unless the header has one already; empty for none
	Data         []byte        // the body, which is not changed; others may have it as well
	Body         io.ReadSeeker // in place of Data, for status 200; read from its start; the kernel may copy an *os.File
	Length       string        // the number of bytes in either, if somebody has written it down already; then Body stands at its start
	Close        func() error  // frees the body once it is written; nil if there is nothing to free
	From         string        // where the body comes from, for whoever observes; no header
}

// Message makes a plain-text answer of one line. What can't be printed in a terminal becomes a space.
func Message(status int, cacheControl, format string, args ...any) Reply {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return Reply{Status: status, ContentType: Text, CacheControl: cacheControl, Data: []byte(text + "\n")}
}

// Bytes makes an answer of status 200.
func Bytes(contentType, cacheControl string, data []byte) Reply {
	return Reply{Status: http.StatusOK, ContentType: contentType, CacheControl: cacheControl, Data: data}
}

// MethodNotAllowed is the answer to anything but GET and HEAD, which are all that the library knows.
func MethodNotAllowed() Reply {
	rp := Message(http.StatusMethodNotAllowed, Never, "method not allowed: only GET and HEAD")
	rp.Allow = "GET, HEAD"
	return rp
}

// Redirect leads to another URL for the time being. What is not ASCII in it is escaped, which a header must not hold.
func Redirect(location, cacheControl string) Reply {
	var b strings.Builder
	for i := range len(location) {
		if c := location[i]; c < utf8.RuneSelf {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	rp := Message(http.StatusFound, cacheControl, "see %s", b.String())
	rp.Location = b.String()
	return rp
}

// InternalServerError is all that is said of a fault of this machine; the log has more.
func InternalServerError() Reply {
	return Message(http.StatusInternalServerError, Never, "internal server error; the owner of this server finds the cause in its log")
}

const policy = "Content-Security-Policy"

// A header is filled with values that stand in one array, the answer's own: a handler around ours may change them.
type header struct {
	h      http.Header
	values []string
}

const most = 10 // headers of an answer

func (h *header) set(key, value string) {
	if value != "" {
		n := len(h.values)
		h.values = append(h.values, value)
		h.h[key] = h.values[n : n+1 : n+1] // so that to add one makes a copy
	}
}

// Write sends rp, and closes it. A body of status 200 goes through [http.ServeContent] where it can make a difference: HEAD,
// ranges and conditional requests work.
func (rp Reply) Write(w http.ResponseWriter, r *http.Request) {
	if rp.Close != nil {
		defer rp.Close()
	}
	h := header{w.Header(), make([]string, 0, most)}
	h.set("Content-Type", rp.ContentType)
	h.set("Cache-Control", rp.CacheControl)
	h.set("Etag", rp.ETag)
	h.set("Allow", rp.Allow)
	h.set("Www-Authenticate", rp.Authenticate)
	h.set("Location", rp.Location)
	if rp.Vary != "" {
		h.h.Add("Vary", rp.Vary)
	}
	if rp.Policy != "" && h.h.Get(policy) == "" {
		h.set(policy, rp.Policy)
	}
	h.set("X-Content-Type-Options", "nosniff")
	if rp.RetryAfter > 0 {
		h.set("Retry-After", strconv.FormatInt(seconds(rp.RetryAfter), 10))
	}
	if rp.Body == nil && rp.Length == "" {
		rp.Length = strconv.Itoa(len(rp.Data))
	}
	if rp.Status != http.StatusOK || rp.Length != "" && isPlain(r) && len(h.h["Content-Encoding"]) == 0 {
		rp.writeWhole(h, w, r)
		return
	}
	if rp.Body == nil {
		rp.Body = bytes.NewReader(rp.Data)
	}
	refused := refusals{w, Never}
	if rp.CacheControl == Private {
		refused.caching = Private
	}
	http.ServeContent(refused, r, "", time.Time{}, rp.Body)
}

// isPlain reports whether a request wants the whole of something that has no date, whatever that is by now.
func isPlain(r *http.Request) bool {
	return r.Header["Range"] == nil && r.Header["If-None-Match"] == nil && r.Header["If-Match"] == nil
}

// writeWhole does what [http.ServeContent] does for a plain request.
func (rp *Reply) writeWhole(h header, w http.ResponseWriter, r *http.Request) {
	if rp.Status == http.StatusOK {
		h.set("Accept-Ranges", "bytes")
	}
	h.set("Content-Length", rp.Length)
	w.WriteHeader(rp.Status)
	if r.Method == http.MethodHead {
		return
	}
	if rp.Body == nil {
		w.Write(rp.Data) // the client may be gone; there is nobody left to tell
		return
	}
	size, _ := strconv.ParseInt(rp.Length, 10, 64)
	io.CopyN(w, rp.Body, size) // what is missing the server notices, and so the client does
}

// seconds rounds up: a client that comes back too early is turned away again.
func seconds(d time.Duration) int64 {
	n := int64(d / time.Second)
	if d%time.Second > 0 {
		n++
	}
	return n
}

// refusals are the answers of [http.ServeContent] to conditions and ranges that can't be met (412, 416), and to a body
// that can't be read. The headers that were set for a status of 200 must not go with them: net/http takes them away from
// some of these answers, and from none if the program says so in GODEBUG.
type refusals struct {
	http.ResponseWriter
	caching string
}

// Unwrap is for [http.ResponseController].
func (w refusals) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w refusals) WriteHeader(status int) {
	if status >= 400 {
		h := w.Header()
		h.Set("Content-Type", Text)
		h.Set("Cache-Control", w.caching)
		h.Del("ETag")
	}
	w.ResponseWriter.WriteHeader(status)
}

// ReadFrom lets the writer below take a file as a whole (sendfile), if it can.
func (w refusals) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }
