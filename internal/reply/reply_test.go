package reply_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/reply"
)

const body = "0123456789"

func file() reply.Reply {
	rp := reply.Bytes(reply.Zip, reply.Immutable, []byte(body))
	rp.ETag = `"tag"`
	return rp
}

func serve(t *testing.T, rp func() reply.Reply) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rp().Write(w, r) }))
	t.Cleanup(srv.Close)
	return srv
}

// ask gives status, the headers that matter, and the body, as they came over the wire.
func ask(t *testing.T, srv *httptest.Server, method string, header map[string]string) (int, map[string]string, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range header {
		req.Header.Set(key, value)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for key, values := range resp.Header {
		if key != "Date" {
			got[key] = strings.Join(values, ", ")
		}
	}
	return resp.StatusCode, got, string(data)
}

var whole = map[string]string{
	"Accept-Ranges":          "bytes",
	"Cache-Control":          reply.Immutable,
	"Content-Length":         "10",
	"Content-Type":           reply.Zip,
	"Etag":                   `"tag"`,
	"X-Content-Type-Options": "nosniff",
}

func part(length, contentRange string) map[string]string {
	h := map[string]string{}
	for key, value := range whole {
		h[key] = value
	}
	h["Content-Length"], h["Content-Range"] = length, contentRange
	return h
}

var unmodified = map[string]string{"Cache-Control": reply.Immutable, "Etag": `"tag"`, "X-Content-Type-Options": "nosniff"}

func failure(length string, more ...string) map[string]string {
	h := map[string]string{
		"Cache-Control":          reply.Never,
		"Content-Length":         length,
		"Content-Type":           reply.Text,
		"X-Content-Type-Options": "nosniff",
	}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

func private() reply.Reply {
	rp := file()
	rp.CacheControl, rp.Vary = reply.Private, "Authorization"
	return rp
}

func message(status int) func() reply.Reply {
	return func() reply.Reply { return reply.Message(status, reply.Never, "no %s", "good") }
}

var answers = []struct {
	name   string
	reply  func() reply.Reply
	method string
	header map[string]string
	status int
	want   map[string]string
	body   string
}{
	{"get", file, "GET", nil, 200, whole, body},
	{"head", file, "HEAD", nil, 200, whole, ""},
	{"range", file, "GET", map[string]string{"Range": "bytes=2-4"}, 206, part("3", "bytes 2-4/10"), "234"},
	{"last bytes", file, "GET", map[string]string{"Range": "bytes=-1"}, 206, part("1", "bytes 9-9/10"), "9"},
	{"range, head", file, "HEAD", map[string]string{"Range": "bytes=2-4"}, 206, part("3", "bytes 2-4/10"), ""},
	{"if-range", file, "GET", map[string]string{"Range": "bytes=2-4", "If-Range": `"tag"`}, 206, part("3", "bytes 2-4/10"), "234"},
	{"if-range, changed", file, "GET", map[string]string{"Range": "bytes=2-4", "If-Range": `"other"`}, 200, whole, body},
	{"if-none-match", file, "GET", map[string]string{"If-None-Match": `"tag"`}, 304, unmodified, ""},
	{"if-none-match, weak", file, "HEAD", map[string]string{"If-None-Match": `"x", W/"tag"`}, 304, unmodified, ""},
	{"if-none-match, changed", file, "GET", map[string]string{"If-None-Match": `"other"`}, 200, whole, body},
	{"dates", file, "GET", map[string]string{"If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT", "If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT", "If-Range": `"other"`}, 200, whole, body},
	{"if-match", file, "GET", map[string]string{"If-Match": `"tag"`}, 200, whole, body},
	{
		"if-match, changed", file, "GET", map[string]string{"If-Match": `"other"`},
		412, failure("0"), "",
	}, {
		"range beyond", file, "GET", map[string]string{"Range": "bytes=10-"},
		416, failure("33", "Content-Range", "bytes */10"), "invalid range: failed to overlap\n",
	}, {
		"range malformed", file, "GET", map[string]string{"Range": "bytes=x"},
		416, failure("14"), "invalid range\n",
	}, {
		"bad seeker", func() reply.Reply { rp := file(); rp.Body = unseekable{}; return rp }, "GET", nil,
		500, failure("18"), "seeker can't seek\n",
	},
	{
		"private, if-match", private, "GET", map[string]string{"If-Match": `"other"`},
		412, failure("0", "Cache-Control", reply.Private, "Vary", "Authorization"), "",
	}, {
		"private, range beyond", private, "GET", map[string]string{"Range": "bytes=10-"},
		416, failure("33", "Content-Range", "bytes */10", "Cache-Control", reply.Private, "Vary", "Authorization"), "invalid range: failed to overlap\n",
	}, {
		"private, if-none-match", private, "GET", map[string]string{"If-None-Match": `"tag"`},
		304, map[string]string{"Cache-Control": reply.Private, "Etag": `"tag"`, "Vary": "Authorization", "X-Content-Type-Options": "nosniff"}, "",
	},
	{"message", message(404), "GET", nil, 404, failure("8"), "no good\n"},
	{"message, head", message(404), "HEAD", nil, 404, failure("8"), ""},
	{"message, range", message(404), "GET", map[string]string{"Range": "bytes=2-4"}, 404, failure("8"), "no good\n"},
	{"message, if-none-match", message(502), "GET", map[string]string{"If-None-Match": "*"}, 502, failure("8"), "no good\n"},
	{"empty", func() reply.Reply {
		return reply.Reply{Status: 404, CacheControl: reply.Never, ContentType: reply.Text}
	}, "GET", nil, 404, failure("0"), ""},
	{
		"not allowed", reply.MethodNotAllowed, "POST", nil,
		405, failure("38", "Allow", "GET, HEAD"), "method not allowed: only GET and HEAD\n",
	},
}

// inForm gives a body in each of the forms that it may have.
var inForm = map[string]func(reply.Reply) reply.Reply{
	"data": func(rp reply.Reply) reply.Reply { return rp },
	"data of known length": func(rp reply.Reply) reply.Reply {
		rp.Length = strconv.Itoa(len(rp.Data))
		return rp
	},
	"body": func(rp reply.Reply) reply.Reply {
		rp.Body = strings.NewReader(string(rp.Data))
		rp.Data = nil
		return rp
	},
	"body of known length": func(rp reply.Reply) reply.Reply {
		rp.Length = strconv.Itoa(len(rp.Data))
		rp.Body = strings.NewReader(string(rp.Data))
		rp.Data = nil
		return rp
	},
}

func TestWrite(t *testing.T) {
	for _, godebug := range []string{"", "httpservecontentkeepheaders=1"} {
		t.Setenv("GODEBUG", godebug)
		for _, tt := range answers {
			for form, in := range inForm {
				if rp := tt.reply(); form != "data" && (rp.Status != http.StatusOK || rp.Body != nil) {
					continue
				}
				t.Run(tt.name+", "+form+godebug, func(t *testing.T) {
					status, header, got := ask(t, serve(t, func() reply.Reply { return in(tt.reply()) }), tt.method, tt.header)
					if status != tt.status || got != tt.body {
						t.Errorf("status %d, body %q; want %d, %q", status, got, tt.status, tt.body)
					}
					if diff := cmp.Diff(tt.want, header); diff != "" {
						t.Errorf("headers (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

// Handlers around ours may do what they like with the header of one answer, and others don't notice.
func TestOwnHeader(t *testing.T) {
	rp := file()
	spoil := func(h http.Header) {
		for key, values := range h {
			values[0] = "spoilt"
			h[key] = append(values, "and more")
			h.Add("Etag", "other")
		}
	}
	w := httptest.NewRecorder()
	rp.Write(w, httptest.NewRequest("GET", "/", nil))
	spoil(w.Header())
	for key, values := range w.Header() {
		if key != "Etag" && (len(values) != 2 || values[0] != "spoilt" || values[1] != "and more") {
			t.Errorf("%s: %q: one header's values run into another's", key, values)
		}
	}
	w = httptest.NewRecorder()
	rp.Write(w, httptest.NewRequest("GET", "/", nil))
	for key, want := range whole {
		if got := w.Header()[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", key, got)
		}
	}
}

// What others have put into the header before stays, unless it is ours to say.
func TestHeaderBefore(t *testing.T) {
	for form, in := range inForm {
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Accept")
		w.Header().Set("Content-Security-Policy", "sandbox")
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Content-Encoding", "x")
		rp := in(private())
		rp.Policy = "default-src 'none'"
		rp.Write(w, httptest.NewRequest("GET", "/", nil))
		want := http.Header{
			"Vary": {"Accept", "Authorization"}, "Content-Security-Policy": {"sandbox"}, "Content-Type": {reply.Zip}, "Content-Encoding": {"x"},
			"Cache-Control": {reply.Private}, "Etag": {`"tag"`}, "X-Content-Type-Options": {"nosniff"}, "Accept-Ranges": {"bytes"},
		} // no length: who encodes the body knows better
		if diff := cmp.Diff(want, w.Header()); diff != "" || w.Body.String() != body {
			t.Errorf("%s: body %q, headers (-want +got):\n%s", form, w.Body, diff)
		}
	}
}

type unseekable struct{}

func (unseekable) Read([]byte) (int, error)       { return 0, io.EOF }
func (unseekable) Seek(int64, int) (int64, error) { return 0, errors.New("/secret/path") }

// A body is sent from its start, wherever it stands.
func TestWriteFromStart(t *testing.T) {
	rp := func() reply.Reply {
		r := strings.NewReader(body)
		r.Seek(7, io.SeekStart)
		return reply.Reply{Status: 200, ContentType: reply.Text, CacheControl: reply.Brief, Body: r}
	}
	status, header, text := ask(t, serve(t, rp), "GET", nil)
	if status != 200 || header["Content-Length"] != "10" || text != body {
		t.Errorf("status %d, length %s, body %q", status, header["Content-Length"], text)
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, ""},
		{-time.Second, ""},
		{1, "1"},
		{time.Second, "1"},
		{time.Second + 1, "2"},
		{time.Minute, "60"},
		{90*time.Second - time.Millisecond, "90"},
		{math.MaxInt64, "9223372037"},
	}
	for _, tt := range tests {
		rp := reply.Message(http.StatusServiceUnavailable, reply.Never, "later")
		rp.RetryAfter = tt.d
		w := httptest.NewRecorder()
		rp.Write(w, httptest.NewRequest("GET", "/", nil))
		if got := w.Header().Get("Retry-After"); got != tt.want {
			t.Errorf("%d: Retry-After: %s, want %s", tt.d, got, tt.want)
		}
	}
}

func TestFor(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{math.MinInt64, "no-cache"},
		{-time.Hour, "no-cache"},
		{0, "no-cache"},
		{time.Second - 1, "no-cache"},
		{time.Second, "public, max-age=1"},
		{2*time.Second - 1, "public, max-age=1"},
		{time.Minute, reply.Brief},
		{90 * time.Second, "public, max-age=90"},
		{24 * time.Hour, "public, max-age=86400"},
		{math.MaxInt64, "public, max-age=9223372036"},
	}
	for _, tt := range tests {
		if got := reply.For(tt.d); got != tt.want {
			t.Errorf("For(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

// A wire sees how an answer leaves: by bytes written, or as files that the kernel is to copy.
type wire struct {
	*net.TCPConn
	seen *seen
}

type seen struct {
	mu      sync.Mutex
	written int64   // in memory of ours, headers included
	files   []int64 // bytes of each file that went out by itself
}

func (w wire) Write(p []byte) (int, error) {
	n, err := w.TCPConn.Write(p)
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	w.seen.written += int64(n)
	return n, err
}

// ReadFrom is sendfile, or its like, for what package net knows for a file: itself, or limited.
func (w wire) ReadFrom(r io.Reader) (int64, error) {
	limited, _ := r.(*io.LimitedReader)
	isFile := false
	if limited != nil {
		_, isFile = limited.R.(*os.File)
	}
	n, err := w.TCPConn.ReadFrom(r)
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	if isFile {
		w.seen.files = append(w.seen.files, n)
	} else {
		w.seen.written += n
	}
	return n, err
}

type wires struct {
	net.Listener
	seen *seen
}

func (l wires) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wire{c.(*net.TCPConn), l.seen}, nil
}

// A file's bytes don't pass through our memory, but for those in which net/http would look for a content type.
func TestSendFile(t *testing.T) {
	const size, little = 1 << 20, 4 << 10
	data := bytes.Repeat([]byte(body), size/len(body)+1)[:size]
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		length string
		header map[string]string
		status int
		want   []byte
	}{
		{"whole", "", nil, 200, data},
		{"whole, of known length", strconv.Itoa(size), nil, 200, data},
		{"range", strconv.Itoa(size), map[string]string{"Range": "bytes=100000-899999"}, 206, data[100000:900000]},
	} {
		var out seen
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			reply.Reply{Status: 200, ContentType: reply.Zip, Body: f, Length: tt.length}.Write(w, r)
		}))
		srv.Listener = wires{srv.Listener, &out}
		srv.Start()
		status, _, got := ask(t, srv, "GET", tt.header)
		srv.Close()
		if status != tt.status || got != string(tt.want) {
			t.Errorf("%s: status %d, %d bytes", tt.name, status, len(got))
		}
		if len(out.files) != 1 || out.files[0] < int64(len(tt.want)-little) || out.written > little {
			t.Errorf("%s: files of %d bytes, %d bytes else", tt.name, out.files, out.written)
		}
	}
}

func TestController(t *testing.T) {
	w := httptest.NewRecorder()
	if err := http.NewResponseController(reply.Refusals(w)).Flush(); err != nil || !w.Flushed {
		t.Errorf("flushed: %t, %v", w.Flushed, err)
	}
}

func TestMessage(t *testing.T) {
	tests := []struct {
		format string
		args   []any
		want   string
	}{
		{"plain", nil, "plain\n"},
		{"not found: %s", []any{"é 100%"}, "not found: é 100%\n"},
		{"ends\n\n", nil, "ends\n"},
		{"%s", []any{"two\r\nlines"}, "two  lines\n"},
		{"%s", []any{"a\x1b[31mred\x00\x7f\u202ereversed\u2028"}, "a [31mred   reversed \n"},
		{"%s", []any{"\xff"}, "\ufffd\n"},
		{"", nil, "\n"},
	}
	for _, tt := range tests {
		if data := reply.Message(404, reply.Brief, tt.format, tt.args...).Data; string(data) != tt.want {
			t.Errorf("Message(%q, %q): %q; want %q", tt.format, tt.args, data, tt.want)
		}
	}
}

// A client may go away at any time: Write returns, and nothing is left.
func TestClientGone(t *testing.T) {
	for _, status := range []int{200, 500} {
		returned := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(returned)
			rp := reply.Bytes(reply.Zip, reply.Immutable, make([]byte, 16<<20))
			rp.Status = status
			rp.Write(w, r)
		}))
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		io.ReadFull(c, make([]byte, 1000))
		c.Close()
		select {
		case <-returned:
		case <-time.After(10 * time.Second):
			t.Fatal("Write goes on")
		}
		srv.Close()
	}
}

// A body that ends early must not look whole.
func TestBodyFails(t *testing.T) {
	for _, length := range []string{"", "10"} {
		srv := serve(t, func() reply.Reply {
			rp := file()
			rp.Body, rp.Length = io.NewSectionReader(failing{strings.NewReader(body)}, 0, 10), length
			return rp
		})
		resp, err := srv.Client().Get(srv.URL)
		if err != nil {
			continue // refused altogether: fine
		}
		defer resp.Body.Close()
		if data, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("the client takes %q for the whole", data)
		}
	}
}

type failing struct{ r io.ReaderAt }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 5 {
		n, _ := f.r.ReadAt(p[:max(0, 5-off)], off)
		return n, errors.New("disk gone")
	}
	return f.r.ReadAt(p, off)
}

// Ranges by the dozen are no way to make a server work.
func TestManyRanges(t *testing.T) {
	srv := serve(t, file)
	status, header, got := ask(t, srv, "GET", map[string]string{"Range": "bytes=0-1,5-6"})
	if status != 206 || !strings.HasPrefix(header["Content-Type"], "multipart/byteranges") || !strings.Contains(got, "\r\n56\r\n") {
		t.Errorf("two ranges: status %d, %s, %q", status, header["Content-Type"], got)
	}
	status, _, got = ask(t, srv, "GET", map[string]string{"Range": "bytes=" + strings.Repeat("0-,", 1000) + "0-"})
	if status != 200 || got != body {
		t.Errorf("1001 times the whole: status %d, %d bytes", status, len(got))
	}
}
