package vanity_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// benchSite has n imports.
func benchSite(n int) vanity.Site {
	site := vanity.Site{Host: "go.acme.dev", Paths: make(map[string]vanity.Import, n)}
	for i := range n {
		name := fmt.Sprintf("team%d/tool%d", i%100, i)
		site.Paths[name] = vanity.Import{Repo: "https://github.com/acme/mono", Directory: name, Tags: name + "/v*", Proxy: "/go"}
	}
	return site
}

var benchSizes = []int{10, 100_000}

func BenchmarkMetaStart(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			site := benchSite(n)
			for b.Loop() {
				vanity.Meta(site)
			}
		})
	}
}

func BenchmarkMeta(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := vanity.Meta(benchSite(n))
			r := httptest.NewRequest("GET", fmt.Sprintf("/team%d/tool%d/sub/pkg?go-get=1", (n-1)%100, n-1), nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}

// BenchmarkMetaPage is of what people get: pages without versions, and a page of an index.
func BenchmarkMetaPage(b *testing.B) {
	for _, n := range benchSizes {
		site := benchSite(n)
		site.Paths["plain"] = vanity.Import{Repo: "https://github.com/acme/plain"}
		h := vanity.Meta(site)
		for name, path := range map[string]string{"module": "/plain/sub", "index": "/team5", "absent": "/team5x/y/z"} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				r := httptest.NewRequest("GET", path, nil)
				b.ReportAllocs()
				for b.Loop() {
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			site := benchSite(n)
			path := fmt.Sprintf("go.acme.dev/team%d/tool%d", (n-1)%100, n-1)
			for name, path := range map[string]string{"prefix": path, "nested": path + "/sub/pkg/v2", "absent": "go.acme.dev/team/x/y"} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := site.Resolve(b.Context(), path); (err != nil) != (name == "absent") {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// hotModule has one version, whose zip is of about 0.3 MB, and another, whose zip is of about 2.7 MB: text that can't be
// compressed much, from a seed.
func hotModule(tb testing.TB) *gittest.Repo {
	repo := gittest.New(tb, acme)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, v := range []struct {
		tag  string
		size int
	}{{"tool-1.3.0", 370_000}, {"tool-1.4.0", 3_600_000}} {
		text := make([]byte, v.size)
		for i := range text {
			text[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[rnd.IntN(64)]
		}
		repo.Write("libs/tool/data.txt", text)
		repo.Commit("more")
		repo.Git("tag", v.tag)
	}
	return repo
}

// hotFiles are the files that are asked for, below the escaped module path.
var hotFiles = []struct{ name, path string }{
	{"info", "/@v/v1.3.0.info"},
	{"mod", "/@v/v1.3.0.mod"},
	{"list", "/@v/list"},
	{"zip0.3", "/@v/v1.3.0.zip"},
	{"zip2.7", "/@v/v1.4.0.zip"},
}

// A hotHandler is one of those to be compared, and what stands before the module path.
type hotHandler struct {
	name, before string
	h            http.Handler
}

const hotPath = "/go.acme.test/!tool"

// hotHandlers are the handlers of the library, all of them of one repository.
func hotHandlers(tb testing.TB, opts ...vanity.Option) []hotHandler {
	repo := hotModule(tb)
	server := gittest.ServeTLS(tb, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	plain := gittest.Serve(tb, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	site := vanity.Site{Host: "go.acme.test", Paths: map[string]vanity.Import{
		"Tool": {Repo: plain.URL + "/acme/mono", VCS: "git", Directory: "libs/tool", Tags: "tool-*", Proxy: "/go"},
	}}
	cfg := at(toolConfig, repo.Dir)
	const spec = "/git.acme.test/acme/mono:d=libs%2Ftool&p=tool-;"
	opts = append(opts, vanity.WithFreshness(1<<62))
	store := vanity.WithStore(vanity.DirStore(tb.TempDir()))
	return []hotHandler{
		{"goproxy", "", vanity.Goproxy("", cfg, opts...)},
		{"goproxystore", "", vanity.Goproxy("", cfg, append(opts[:len(opts):len(opts)], store)...)},
		{"goproxyfunc", "", vanity.GoproxyFunc("", site.Resolve, opts...)},
		{"gosub", spec, vanity.Gosub("", append(trusting(server), opts...)...)},
	}
}

// bodyOf asks a handler once, and so makes a file hot.
func bodyOf(tb testing.TB, h http.Handler, path string) []byte {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		tb.Fatalf("%s: status %d, %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// constant writes the same bytes each time, which is all that net/http can do.
func constant(contentType string, body []byte) http.Handler {
	length := strconv.Itoa(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", length)
		w.Write(body)
	})
}

// A rawClient asks for one thing again and again, over one connection, and does little else.
type rawClient struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func newRawClient(tb testing.TB, addr string) *rawClient {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &rawClient{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
}

func (c *rawClient) get(path string) (size int, err error) {
	c.request = append(c.request[:0], "GET "...)
	c.request = append(c.request, path...)
	c.request = append(c.request, " HTTP/1.1\r\nHost: go.acme.test\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n"...)
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, err
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return 0, fmt.Errorf("%s: %s", path, line)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(line) == 2 {
			break
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("%s: no Content-Length", path)
	}
	_, err = c.r.Discard(length)
	return length, err
}

// overWire measures a handler behind a server on loopback, with connections that are kept.
func overWire(b *testing.B, h http.Handler, paths ...string) {
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	b.ReportAllocs()
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c := newRawClient(b, strings.TrimPrefix(server.URL, "http://"))
		for i := rand.IntN(len(paths)); pb.Next(); i++ {
			if size, err := c.get(paths[i%len(paths)]); err != nil || size == 0 {
				b.Errorf("%d bytes, %v", size, err)
				return
			}
		}
	})
}

// A sink is a writer of answers that costs nothing itself.
type sink struct {
	header http.Header
	status int
	n      int64
}

func (w *sink) Header() http.Header    { return w.header }
func (w *sink) WriteHeader(status int) { w.status = status }
func (w *sink) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), nil
}

func (w *sink) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(struct{ io.Writer }{w}, r)
	return n, err
}

func (w *sink) reset() {
	clear(w.header)
	w.status, w.n = 0, 0
}

func direct(b *testing.B, h http.Handler, path string) {
	r := httptest.NewRequest("GET", path, nil)
	w := &sink{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		w.reset()
		h.ServeHTTP(w, r)
	}
	if w.n == 0 {
		b.Error("nothing was written")
	}
}

// BenchmarkHot compares what is served again with the standard library's server of files, and with a handler that does
// nothing but write.
func BenchmarkHot(b *testing.B) {
	handlers := hotHandlers(b)
	dir := b.TempDir()
	for _, file := range hotFiles {
		body := bodyOf(b, handlers[0].h, hotPath+file.path)
		name := filepath.Join(dir, filepath.FromSlash(hotPath+file.path))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, body, 0o666); err != nil {
			b.Fatal(err)
		}
		list := append([]hotHandler{
			{"fileserver", "", http.FileServer(http.Dir(dir))},
			{"constant", "", constant("text/plain; charset=utf-8", body)},
		}, handlers...)
		b.Run(file.name, func(b *testing.B) {
			for _, h := range list {
				full := h.before + hotPath + file.path
				bodyOf(b, h.h, full)
				b.Run(h.name+"/wire", func(b *testing.B) { overWire(b, h.h, full) })
				b.Run(h.name+"/direct", func(b *testing.B) { direct(b, h.h, full) })
			}
		})
	}
}

// BenchmarkGoGet compares pages for the go command with a handler that writes the same bytes and headers, and one that is observed.
func BenchmarkGoGet(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		site := benchSite(n)
		h, observed := vanity.Meta(site), vanity.Meta(site, vanity.WithObserver(func(context.Context, vanity.Event) {}))
		one := fmt.Sprintf("/team%d/tool%d/sub/pkg?go-get=1", (n-1)%100, n-1)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", one, nil))
		same := sameAnswer(w)
		all := make([]string, n)
		for i, j := range rand.Perm(n) {
			all[i] = fmt.Sprintf("/team%d/tool%d/sub/pkg?go-get=1", j%100, j)
			h.ServeHTTP(&sink{header: make(http.Header)}, httptest.NewRequest("GET", all[i], nil))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.Run("one/constant/wire", func(b *testing.B) { overWire(b, same, one) })
			b.Run("one/meta/wire", func(b *testing.B) { overWire(b, h, one) })
			b.Run("one/constant/direct", func(b *testing.B) { direct(b, same, one) })
			b.Run("one/meta/direct", func(b *testing.B) { direct(b, h, one) })
			b.Run("one/observed/direct", func(b *testing.B) { direct(b, observed, one) })
			b.Run("all/constant/wire", func(b *testing.B) { overWire(b, same, all...) })
			b.Run("all/meta/wire", func(b *testing.B) { overWire(b, h, all...) })
		})
	}
}

// sameAnswer writes what was recorded.
func sameAnswer(w *httptest.ResponseRecorder) http.Handler {
	header, body := w.Result().Header, w.Body.Bytes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for key, values := range header {
			w.Header().Set(key, values[0])
		}
		w.Write(body)
	})
}
