package doctor_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/vanity/internal/gittest"
)

// A spoiler makes one thing wrong.
type spoiler = func(http.Handler) http.Handler

// on answers requests for go.acme.test whose path ends in one of some suffixes, and leaves the others as they are. A
// request for a page is named by its path and "?".
func on(suffixes string, h http.HandlerFunc) spoiler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name := r.URL.Path
			if r.URL.RawQuery == "go-get=1" {
				name += "?"
			}
			for suffix := range strings.FieldsSeq(suffixes) {
				if r.Host == "go.acme.test" && strings.HasSuffix(name, suffix) {
					h(w, r)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

const (
	plain = "text/plain; charset=utf-8"
	html  = "text/html; charset=utf-8"
)

// pages answers all requests for pages.
func pages(head string) spoiler { return on("?", page(head)) }

func page(head string) http.HandlerFunc {
	return answer(200, html, "<!DOCTYPE html>\n<html>\n<head>\n"+head+"\n</head>\n<body>hello</body>\n</html>\n")
}

func meta(content string) string { return `<meta name="go-import" content="` + content + `">` }

const good = tool + " mod https://go.acme.test/go"

// next is a GOPROXY that goes on elsewhere with what isn't found.
const next = "https://go.acme.test/go,https://next.acme.test/go"

// both spoils two things.
func both(a, b spoiler) spoiler {
	return func(next http.Handler) http.Handler { return a(b(next)) }
}

// edit changes the answers that on would replace.
func edit(suffix string, change func(h http.Header, body []byte) []byte) spoiler {
	return func(next http.Handler) http.Handler {
		return on(suffix, func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			body := change(rec.Header(), rec.Body.Bytes())
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			w.Header().Del("Content-Length")
			w.WriteHeader(rec.Code)
			w.Write(body)
		})(next)
	}
}

// rezip makes a zip anew, with each file as change has it; an empty name leaves it out.
func rezip(change func(name string, data []byte) (string, []byte)) spoiler {
	return edit(".zip", func(_ http.Header, body []byte) []byte {
		r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return []byte(err.Error())
		}
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, f := range r.File {
			in, err := f.Open()
			if err != nil {
				return []byte(err.Error())
			}
			data, err := io.ReadAll(in)
			if err != nil {
				return []byte(err.Error())
			}
			name, data := change(f.Name, data)
			if name == "" {
				continue
			}
			out, err := w.Create(name)
			if err != nil {
				return []byte(err.Error())
			}
			out.Write(data)
		}
		w.Close()
		return b.Bytes()
	})
}

func replace(old, with string) func(http.Header, []byte) []byte {
	return func(_ http.Header, body []byte) []byte { return bytes.ReplaceAll(body, []byte(old), []byte(with)) }
}

func label(name, value string) func(http.Header, []byte) []byte {
	return func(h http.Header, body []byte) []byte {
		h.Set(name, value)
		return body
	}
}

var htmlPage = answer(200, html, "<!DOCTYPE html><title>Welcome</title>")

// A deployment is one that somebody got wrong.
type deployment struct {
	name   string
	spoil  spoiler
	module string   // "": tool
	want   []string // that must be among the lines
	sick   bool     // whether something is to fail
	run    string   // what the go command does; "": get the package sub of tool; "-": nothing
	proxy  string   // its GOPROXY; "": direct
}

var broken = []deployment{
	// Pages.
	{name: "no page", spoil: on("?", http.NotFound), want: []string{"FAIL  page        https://go.acme.test/tool?go-get=1: 404 Not Found, and no go-import tag: 404 page not found\n      mend: answer ?go-get=1 there", "skip  the module"}, sick: true},
	{name: "no tag", spoil: pages("<title>tool</title>"), want: []string{"FAIL  page        https://go.acme.test/tool?go-get=1: 200 OK, but no go-import tag\n      mend: "}, sick: true},
	{name: "tag in the body", spoil: on("?", answer(200, html, "<html><head></head><body>"+meta(good)+"</body></html>")), want: []string{"FAIL  page        https://go.acme.test/tool?go-get=1: its go-import tag is not where the go command reads it"}, sick: true},
	{name: "tag behind the head", spoil: on("?", answer(200, html, "<html><head></head>"+meta(good)+"<body></body></html>")), want: []string{"its go-import tag is not where the go command reads it"}, sick: true},
	{name: "tag in a comment", spoil: pages("<!-- " + meta(good) + " -->"), want: []string{"its go-import tag is not where the go command reads it"}, sick: true},
	{name: "tag of another name", spoil: pages(strings.Replace(meta(good), "go-import", "Go-Import", 1)), want: []string{"or has another name"}, sick: true},
	{name: "tag without a page", spoil: on("?", answer(200, html, meta(good))), want: []string{"ok    tag         " + good}},
	{name: "tag of two fields", spoil: pages(meta(tool + " https://go.acme.test/go")), want: []string{`FAIL  page        https://go.acme.test/tool?go-get=1: the content of its go-import tag has neither three fields nor four: "go.acme.test/tool https://go.acme.test/go"` + "\n      mend: write content="}, sick: true},
	{name: "tag of two fields besides", spoil: pages(meta("a b") + meta(good)), want: []string{"warn  page        a go-import tag that is passed over"}},
	{name: "Latin-1", spoil: pages("<title>J\xfcrg</title>" + meta(good)), want: []string{"can't be read before any tag: XML syntax error on line 4: invalid UTF-8"}, sick: true},
	{name: "Latin-1 behind the tag", spoil: pages(meta(good) + "<title>J\xfcrg</title>"), want: []string{"warn  page        what follows the tags can't be read: XML syntax error on line 4: invalid UTF-8"}},
	{name: "XML in Latin-1", spoil: on("?", answer(200, html, `<?xml version="1.0" encoding="iso-8859-1"?><html><head>`+meta(good)+"</head></html>")), want: []string{`the charset is "iso-8859-1", not UTF-8`}, sick: true},
	{name: "error page with tags", spoil: func(next http.Handler) http.Handler {
		return on("?", func(w http.ResponseWriter, r *http.Request) { answer(404, html, "<head>"+meta(good)+"</head>")(w, r) })(next)
	}, want: []string{"warn  page        https://go.acme.test/tool?go-get=1: 404 Not Found, with 1 go-import tag"}},
	{name: "broken server", spoil: on("?", answer(500, plain, "database is locked")), want: []string{"FAIL  page        https://go.acme.test/tool?go-get=1: 500 Internal Server Error: database is locked\n      mend: see the server's log"}, sick: true},
	{name: "page behind a login", spoil: on("?", answer(401, plain, "who are you?")), want: []string{"FAIL  page        https://go.acme.test/tool?go-get=1: 401 Unauthorized: who are you?\n      mend: let everyone see it, or, if it is private, put \"machine go.acme.test login USER password TOKEN\" into .netrc, and set GOPRIVATE=go.acme.test"}, sick: true},
	{name: "forbidden page", spoil: on("?", answer(403, html, "<p>no")), want: []string{"403 Forbidden\n      mend: have the server let everyone in, or answer 401"}, sick: true},
	{name: "redirect to http", spoil: on("/tool?", http.RedirectHandler("http://go.acme.test/tool?go-get=1", http.StatusFound).ServeHTTP), want: []string{"FAIL  page        https://go.acme.test/tool?go-get=1: redirects from https to http://go.acme.test/tool?go-get=1\n      mend: redirect to https"}, sick: true, run: "get " + tool},
	{name: "redirects in a circle", spoil: on("?", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }), want: []string{"redirects 10 times\n      mend: break the circle"}, sick: true},
	{name: "redirect to another host", spoil: both(on("/www?", page(meta(good))), on("/tool? /tool/sub? /doctor-probe?", http.RedirectHandler("https://go.acme.test/www?go-get=1", http.StatusFound).ServeHTTP)), want: []string{"ok    page        https://go.acme.test/tool?go-get=1: 200 OK, by way of https://go.acme.test/www?go-get=1, 1 go-import tag"}},
	{name: "page that stops", spoil: on("?", func(w http.ResponseWriter, r *http.Request) {
		gittest.CutAnswerAfter(10)(page(meta(good))).ServeHTTP(w, r)
	}), want: []string{"FAIL  page        https://go.acme.test/tool?go-get=1"}, sick: true},

	// Tags.
	{name: "prefix with a scheme", spoil: pages(meta("https://" + good)), want: []string{"FAIL  tag         no tag's prefix is go.acme.test/tool or above it: https://go.acme.test/tool\n      mend: write the prefix as it is imported"}, sick: true},
	{name: "prefix of another", spoil: pages(meta("go.acme.test/too git https://git.acme.test/acme/own")), want: []string{"FAIL  tag         no tag's prefix is go.acme.test/tool"}, sick: true},
	{name: "two repositories", spoil: pages(meta(tool+" git https://git.acme.test/acme/own") + meta("go.acme.test git https://git.acme.test/acme/mono")), want: []string{"FAIL  tag         go.acme.test/tool: two tags that match"}, sick: true},
	{name: "two proxies", spoil: pages(meta(good) + meta("go.acme.test mod https://go.acme.test/go")), want: []string{"FAIL  tag         go.acme.test/tool: two tags that match"}, sick: true},
	{name: "proxy for a short prefix", spoil: pages(meta(tool+" git https://git.acme.test/acme/own") + meta("go.acme.test mod https://go.acme.test/go")), want: []string{
		"ok    tag         go.acme.test mod https://go.acme.test/go", "warn  tag         it is taken in the place of one with a longer prefix, \"go.acme.test/tool git https://git.acme.test/acme/own\"", "ok    prefix ",
	}},
	{name: "no such system", spoil: pages(meta(tool + " Git https://git.acme.test/acme/own")), want: []string{`FAIL  tag         go.acme.test/tool Git https://git.acme.test/acme/own: "Git" is no version control system`}, sick: true},
	{name: "no scheme", spoil: pages(meta(tool + " mod go.acme.test/go")), want: []string{"FAIL  tag         go.acme.test/tool mod go.acme.test/go: its URL has no scheme\n      mend: write the URL with its scheme: https://go.acme.test/go"}, sick: true},
	{name: "file", spoil: pages(meta(tool + " mod file:///srv/go")), want: []string{"FAIL  tag         go.acme.test/tool mod file:///srv/go: its URL is a file's"}, sick: true},
	{name: "proxy by git", spoil: pages(meta(tool + " mod ssh://go.acme.test/go")), want: []string{"a GOPROXY is reached by https or http"}, sick: true},
	{name: "no URL", spoil: pages(meta(tool + " mod https://go.acme.test:x/go")), want: []string{"FAIL  tag         go.acme.test/tool mod https://go.acme.test:x/go: its URL is none"}, sick: true},
	{name: "directory with a slash", spoil: pages(meta(tool + " git https://git.acme.test/acme/mono /libs/tool")), want: []string{"its directory is refused"}, sick: true},
	{name: "directory for a proxy", spoil: pages(meta(good + " libs/tool")), want: []string{"warn  tag         a tag with a directory is nothing to Go 1.24 and older"}},
	{name: "plain proxy", spoil: pages(meta(tool + " mod http://go.acme.test/go")), want: []string{"warn  tag         what is fetched from http://go.acme.test/go can be changed on its way"}},
	{name: "password in the tag", spoil: pages(meta(tool + " mod https://ann:s3cret@go.acme.test/go")), want: []string{"warn  tag         the URL shows a password to everyone", "ok    tag         go.acme.test/tool mod https://ann:xxxxx@go.acme.test/go"}},
	{name: "another tag at the prefix", module: tool + "/sub", spoil: on("/tool?", page(meta(tool+" mod https://go.acme.test/other"))), want: []string{`FAIL  prefix      https://go.acme.test/tool?go-get=1 has another tag: "go.acme.test/tool mod https://go.acme.test/other"` + "\n      mend: answer go.acme.test/tool and all paths below it with the same tags"}, sick: true},
	{name: "no tag at the prefix", module: tool + "/sub", spoil: on("/tool?", page("")), want: []string{"FAIL  prefix      https://go.acme.test/tool?go-get=1: 200 OK, no tag whose prefix matches"}, sick: true},
	{name: "no page at the prefix", module: tool + "/sub", spoil: on("/tool?", http.NotFound), want: []string{"FAIL  prefix      https://go.acme.test/tool?go-get=1: 404 Not Found, no tag whose prefix matches"}, sick: true},
	{name: "no page below", spoil: on("/sub? /doctor-probe?", http.NotFound), want: []string{"warn  below       https://go.acme.test/tool/doctor-probe?go-get=1: 404 Not Found, no tag whose prefix matches\n      mend: answer all paths below go.acme.test/tool"}},
	{name: "another tag below", spoil: on("/v2? /doctor-probe?", page(meta(tool+" mod https://go.acme.test/other"))), want: []string{"FAIL  below       https://go.acme.test/tool/doctor-probe?go-get=1 has another tag"}, sick: true, run: "get " + tool + "/v2"},
	{name: "each path a prefix", spoil: on("?", func(w http.ResponseWriter, r *http.Request) {
		page(meta("go.acme.test"+r.URL.Path+" git https://git.acme.test/acme/own"))(w, r)
	}), module: "go.acme.test/own", want: []string{"FAIL  below       https://go.acme.test/own/doctor-probe?go-get=1 claims to be a prefix of its own"}, sick: true, run: "get go.acme.test/own/sub"},
	{name: "tags for pkg.go.dev", spoil: pages(meta(good) + `<meta name="go-source" content="go.acme.test/tool https://go.acme.test">`), want: []string{"warn  pkg.go.dev  the go-source tag has 2 fields, not 4"}},
	{name: "prefix for pkg.go.dev", spoil: pages(meta(good) + meta(tool+" git https://git.acme.test/acme/mono") + `<meta name="go-source" content="go.acme.test _ https://h/d{/dir} https://h/f{/dir}/{file}#L{line}">`), want: []string{"warn  pkg.go.dev  it takes no links from a go-source tag for go.acme.test next to a go-import tag for go.acme.test/tool"}},

	// Lists.
	{name: "no list", spoil: on("/tool/@v/list", http.NotFound), want: []string{"FAIL  list        https://go.acme.test/go/go.acme.test/tool/@v/list: 404 Not Found: 404 page not found\n      mend: have the base serve go.acme.test/tool"}, sick: true},
	{name: "page for everything", spoil: on("list @latest .info .mod .zip", htmlPage), want: []string{"FAIL  list        https://go.acme.test/go/go.acme.test/tool/@v/list: 200 OK, but a page\n      mend: answer with text/plain", "skip  the module"}, sick: true},
	{name: "broken list", spoil: on("/@v/list", answer(502, plain, "git host unreachable")), want: []string{"FAIL  list        https://go.acme.test/go/go.acme.test/tool/@v/list: 502 Bad Gateway: git host unreachable\n      mend: see the server's log"}, sick: true},
	{name: "list behind a login", spoil: on("/@v/list", answer(401, plain, "who?")), want: []string{"401 Unauthorized: who?\n      mend: let everyone see it, or, if it is private, put"}, sick: true},
	{name: "limited list", spoil: on("/@v/list", answer(429, plain, "slow down")), want: []string{"429 Too Many Requests: slow down\n      mend: wait"}, sick: true},
	{name: "another major version", spoil: on("/tool/@v/list", answer(200, plain, "v1.0.0\nv2.0.0\n")), want: []string{"FAIL  list        of another major version than the path: v2.0.0; and the go command takes v2.0.0 for the latest"}, sick: true},
	{name: "version that is not canonical", spoil: on("/tool/@v/list", answer(200, plain, "v1.0.0\nv1.3\n")), want: []string{"FAIL  list        not canonical, so that nobody can have them: v1.3; and the go command takes v1.3 for the latest"}, sick: true},
	{name: "low version that is not canonical", spoil: on("/tool/@v/list", answer(200, plain, "v1.2.0\nv1.1\n")), want: []string{"warn  list        not canonical, so that nobody can have them: v1.1"}},
	{name: "odd lines", spoil: on("/tool/@v/list", answer(200, plain, "\n1.2.0\nv1.2.0 2024-05-01T10:00:00Z\nv1.2.0\r\nlatest\nv0.0.0-20240501100100-4910aa33b89f\n")), want: []string{
		"ok    list        https://go.acme.test/go/go.acme.test/tool/@v/list: 200 OK, 1 version, the highest v1.2.0", `warn  list        lines that are passed over: "1.2.0", "latest"`,
		"warn  list        pseudo-versions, which are passed over: v0.0.0-20240501100100-4910aa33b89f", "warn  list        named more than once: v1.2.0",
	}},
	{name: "endless list", spoil: on("/tool/@v/list", answer(200, plain, "v1.2.0\n"+strings.Repeat("v1.2.0\n", 16<<20/7))), want: []string{"FAIL  list        https://go.acme.test/go/go.acme.test/tool/@v/list: has more than 16777216 bytes"}, sick: true, run: "-"},
	{name: "no such package", module: tool + "/absent", want: []string{"FAIL  package     go.acme.test/tool@v1.2.0 has no Go files in absent\n      mend: see that the version has the directory"}, sick: true, run: "get " + tool + "/absent"},
	{name: "empty list", spoil: on("/tool/@v/list", answer(200, plain, "")), want: []string{"warn  list        https://go.acme.test/go/go.acme.test/tool/@v/list: 200 OK, but no version", "ok    latest "}},
	{name: "nothing at all", spoil: both(on("/tool/@v/list", answer(200, plain, "")), on("/tool/@latest", http.NotFound)), want: []string{"FAIL  latest      https://go.acme.test/go/go.acme.test/tool/@latest: 404 Not Found: 404 page not found, and the list is empty: there is nothing to get", "skip  info "}, sick: true},
	{name: "list labelled as a page", spoil: edit("/@v/list", label("Content-Type", html)), want: []string{"warn  list        it is labelled \"text/html; charset=utf-8\""}},
	{name: "list kept for a year", spoil: edit("/@v/list", label("Cache-Control", "public, max-age=31536000, immutable")), want: []string{`warn  cache       caches may keep the list as long as "public, max-age=31536000, immutable" says`}},

	// Versions.
	{name: "retracted latest", spoil: on("/tool/@latest", answer(200, "application/json", `{"Version":"v1.1.0","Time":"2024-05-01T10:00:00Z"}`)), want: []string{"warn  latest      https://go.acme.test/go/go.acme.test/tool/@latest: v1.1.0, but the go command takes v1.2.0 of the list"}},
	{name: "no latest", spoil: on("/tool/@latest", http.NotFound), want: []string{"ok    latest      https://go.acme.test/go/go.acme.test/tool/@latest: 404 Not Found; the go command takes v1.2.0 of the list"}},
	{name: "broken latest", spoil: on("/tool/@latest", answer(500, plain, "oops")), want: []string{"warn  latest      https://go.acme.test/go/go.acme.test/tool/@latest: 500 Internal Server Error: oops"}},
	{name: "broken latest of an empty list", spoil: both(on("/tool/@v/list", answer(200, plain, "")), on("/tool/@latest", answer(500, plain, "oops"))), want: []string{"FAIL  latest      "}, sick: true},
	{name: "page for latest", spoil: on("/tool/@latest", htmlPage), want: []string{"warn  latest      https://go.acme.test/go/go.acme.test/tool/@latest: 200 OK, but no such JSON"}},
	{name: "info of another version", spoil: edit("/v1.2.0.info", replace("v1.2.0", "v1.2.1")), want: []string{`FAIL  info        https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.info: is of "v1.2.1"`}, sick: true},
	{name: "page for info", spoil: on("/v1.2.0.info", htmlPage), want: []string{"FAIL  info        https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.info: no such JSON"}, sick: true},
	{name: "info with a time of its own", spoil: edit("/v1.2.0.info", replace("2024-05-01T10:01:00Z", "yesterday")), want: []string{"FAIL  info "}, sick: true},
	{name: "info without a time", spoil: on("/v1.2.0.info", answer(200, plain, `{"Version":"v1.2.0"}`)), want: []string{"warn  info        https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.info: v1.2.0 has no time"}},
	{name: "info of the future", spoil: edit("/v1.2.0.info", replace("2024-05-01T10:01:00Z", "2924-05-01T10:01:00Z")), want: []string{"is of the future"}},
	{name: "no info", spoil: on("/v1.2.0.info", answer(404, plain, "no tag")), want: []string{"FAIL  info        https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.info: 404 Not Found: no tag\n      mend: see that the version has its tag", "skip  go.mod "}, sick: true},
	{name: "go.mod of another", spoil: edit("/v1.2.0.mod", replace("go.acme.test/tool", "github.com/acme/tool")), want: []string{"FAIL  go.mod      https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.mod: it declares github.com/acme/tool\n      mend: write \"module go.acme.test/tool\" into it"}, sick: true},
	{name: "page for go.mod", spoil: on("/v1.2.0.mod", htmlPage), want: []string{"FAIL  go.mod "}, sick: true},
	{name: "no go.mod", spoil: on("/v1.2.0.mod", http.NotFound), want: []string{"FAIL  go.mod      https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.mod: 404 Not Found"}, sick: true},
	{name: "go.mod without a module", spoil: on("/v1.2.0.mod", answer(200, plain, "go 1.21\n")), want: []string{"FAIL  go.mod      https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.mod: it declares no module"}, sick: true},
	{name: "deprecated", spoil: edit("/v1.2.0.mod", replace("module ", "// Deprecated: use another.\nmodule ")), want: []string{"warn  go.mod      it is deprecated: use another."}},

	// Zips.
	{name: "no zip", spoil: on(".zip", answer(404, plain, "gone")), want: []string{"FAIL  zip         https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.zip: 404 Not Found: gone", "skip  hash "}, sick: true},
	{name: "page for the zip", spoil: on(".zip", htmlPage), want: []string{"FAIL  zip check   it is a page"}, sick: true},
	{name: "no zip at all", spoil: on(".zip", answer(200, "application/zip", "PK\x03\x04 and so on")), want: []string{"FAIL  zip check   zip: not a valid zip file"}, sick: true},
	{name: "zip that stops", spoil: func(next http.Handler) http.Handler {
		return on(".zip", func(w http.ResponseWriter, r *http.Request) { gittest.CutAnswerAfter(100)(next).ServeHTTP(w, r) })(next)
	}, want: []string{"FAIL  zip         https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.zip: broke off after 100 of "}, sick: true},
	{name: "zip with another length", spoil: func(next http.Handler) http.Handler {
		return on(".zip", func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			w.Header().Set("Content-Length", fmt.Sprint(rec.Body.Len()+7))
			w.Write(rec.Body.Bytes())
		})(next)
	}, want: []string{"FAIL  zip         https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.zip: broke off after "}, sick: true},
	{name: "zip of a host", spoil: rezip(func(name string, data []byte) (string, []byte) {
		return "tool-1.2.0" + strings.TrimPrefix(name, tool+"@v1.2.0"), data
	}), want: []string{"FAIL  zip check   tool-1.2.0/"}, sick: true},
	{name: "zip with a bad name", spoil: rezip(func(name string, data []byte) (string, []byte) {
		return strings.Replace(name, "tool.go", "aux.go", 1), data
	}), want: []string{"FAIL  zip check   go.acme.test/tool@v1.2.0/aux.go: malformed file path"}, sick: true},
	{name: "zip with names that clash", spoil: rezip(func(name string, data []byte) (string, []byte) {
		return strings.Replace(name, "sub/sub.go", "TOOL.go", 1), data
	}), want: []string{"FAIL  zip check   go.acme.test/tool@v1.2.0/tool.go: case-insensitive file name collision"}, sick: true, run: "get " + tool},
	{name: "zip with another go.mod", spoil: rezip(func(name string, data []byte) (string, []byte) {
		return name, bytes.ReplaceAll(data, []byte("go 1.21"), []byte("go 1.20"))
	}), want: []string{"warn  zip check   the go.mod in it is not the one besides"}},
	{name: "zip without go.mod", spoil: rezip(func(name string, data []byte) (string, []byte) {
		if strings.HasSuffix(name, "/go.mod") {
			return "", nil
		}
		return name, data
	}), want: []string{"warn  zip check   there is no go.mod in it, but one besides"}},
	{name: "zip with a flipped bit", spoil: edit(".zip", func(_ http.Header, body []byte) []byte {
		body = bytes.Clone(body)
		body[40+len(tool)+len("@v1.2.0/go.mod")] ^= 1
		return body
	}), want: []string{"FAIL  zip check   "}, sick: true},

	// +incompatible versions.
	{name: "incompatible with go.mod", spoil: on("/tool/@v/list", answer(200, plain, "v1.2.0\nv3.0.0+incompatible\n")), want: []string{"ok    latest      https://go.acme.test/go/go.acme.test/tool/@latest: v1.2.0"}},
	{name: "incompatible without go.mod", spoil: both(on("/tool/@v/list", answer(200, plain, "v1.2.0\nv3.0.0+incompatible\n")), on("/v1.2.0.mod", answer(200, plain, "module "+tool+"\n"))), want: []string{"FAIL  info        https://go.acme.test/go/go.acme.test/tool/@v/v3.0.0+incompatible.info: 404 Not Found"}, sick: true},

	// What isn't there.
	{name: "every version is there", spoil: on("-doctor-probe.info /v1.1.0.info", answer(200, plain, `{"Version":"v0.0.1","Time":"2024-05-01T10:00:00Z"}`)), want: []string{"FAIL  absent      a version that isn't there: 200 OK, as if it were"}, sick: true, run: "get " + tool + "@v1.1.0", proxy: next},
	{name: "broken for other versions", spoil: on("-doctor-probe.info /v1.1.0.info", answer(502, plain, "no such tag")), want: []string{"FAIL  absent      a version that isn't there: 502 Bad Gateway: no such tag\n      mend: answer 404 or 410"}, sick: true, run: "get " + tool + "@v1.1.0", proxy: next},
	{name: "page for other versions", spoil: on("-doctor-probe.info /v1.1.0.info", answer(404, html, "<h1>Not here</h1>")), want: []string{"warn  absent      a version that isn't there: 404 Not Found, labelled \"text/html; charset=utf-8\""}, run: "get " + tool + "@v1.1.0", proxy: next},
	{name: "broken for other modules", spoil: on("/doctor-probe/@v/list /sub/@v/list", answer(500, plain, "no such module")), want: []string{"FAIL  absent      a module that isn't there: 500 Internal Server Error: no such module\n      mend: answer 404 or 410"}, sick: true},
	{name: "page for other modules", spoil: on("/doctor-probe/@v/list /sub/@v/list /doctor-probe/@latest /sub/@latest", htmlPage), want: []string{"FAIL  absent      a module that isn't there: 200 OK, as if it were"}, sick: true},
	{name: "empty list for other modules", spoil: on("/doctor-probe/@v/list /sub/@v/list", answer(200, plain, "")), want: []string{"warn  absent      a module that isn't there: 200 OK, which reads as one without versions"}},
	{name: "broken checksum database", spoil: on("/supported", answer(500, plain, "oops")), want: []string{"warn  sumdb       https://go.acme.test/go/sumdb/sum.golang.org/supported: 500 Internal Server Error"}},
	{name: "no checksum database", spoil: on("/supported", answer(200, plain, "")), want: []string{"warn  sumdb       it says that it passes on the checksum database, but https://go.acme.test/go/sumdb/sum.golang.org/latest has no database"}},
	{name: "checksum database", spoil: both(on("/supported", answer(200, plain, "")), on("/sum.golang.org/latest", answer(200, plain, "go.sum database tree\n1\n"))), want: []string{"ok    sumdb       it passes on the checksum database"}},

	// Repositories.
	{name: "no repository", module: "go.acme.test/gone", want: []string{"FAIL  repository  https://git.acme.test/acme/gone/info/refs?service=git-upload-pack: 404 Not Found", "skip  the module"}, sick: true, run: "get go.acme.test/gone"},
	{name: "empty repository", module: "go.acme.test/empty", want: []string{"FAIL  versions    the repository is empty"}, sick: true, run: "get go.acme.test/empty"},
	{name: "page for the repository", module: "go.acme.test/own", spoil: onGit(htmlPage), want: []string{"FAIL  repository  https://git.acme.test/acme/own/info/refs?service=git-upload-pack: 200 OK, but a page"}, sick: true, run: "get go.acme.test/own"},
	{name: "files of a repository", module: "go.acme.test/own", spoil: onGit(answer(200, plain, "29b6d045431f889f8daf654349fc1a2db25a3909\trefs/heads/main\n")), want: []string{"no smart git server"}, sick: true, run: "get go.acme.test/own"},
	{name: "no such tag", module: "go.acme.test/own@v1.5.0", want: []string{"FAIL  info        the repository's @v/v1.5.0.info: 404 Not Found: not found: go.acme.test/own@v1.5.0: unknown version (the repository has no tag \"v1.5.0\""}, sick: true, run: "get go.acme.test/own@v1.5.0"},
	{name: "major version without a module", module: "go.acme.test/own/v2", want: []string{"ok    module      go.acme.test/own/v2 is in the module go.acme.test/own", "FAIL  package     go.acme.test/own@v1.0.0 has no Go files in v2\n      mend: tag v2.0.0, with \"module go.acme.test/own/v2\" in go.mod"}, sick: true, run: "get go.acme.test/own/v2"},
	{name: "repository of another module", module: tool, spoil: pages(meta(tool + " git https://git.acme.test/acme/own")), want: []string{"FAIL  go.mod      the repository's @v/v1.0.0.mod: "}, sick: true},
}

func onGit(h http.HandlerFunc) spoiler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "git.acme.test" {
				h(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestBroken has what people get wrong, and for each what is said, and that the go command fails where that says FAIL, and
// works where it doesn't.
func TestBroken(t *testing.T) {
	healthy := newWorld(t)
	if !testing.Short() { // what the go command fails to do below, it does here
		g := healthy.goCommand(t)
		g.Get(tool + "/sub")
		g.Get(tool + "/v2")
		g.Get("go.acme.test/own")
		g.Proxy(next)
		g.Get(tool + "@v1.1.0")
	}
	for _, tt := range broken {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := healthy
			if tt.spoil != nil {
				w = healthy.spoiled(t, tt.spoil)
			}
			module := tt.module
			if module == "" {
				module = tool
			}
			out, isHealthy := w.look(t, module)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no line %q in\n%s", want, out)
				}
			}
			if isHealthy == tt.sick {
				t.Errorf("healthy: %t\n%s", isHealthy, out)
			}
			if strings.Contains(out, "s3cret") {
				t.Errorf("a secret in\n%s", out)
			}
			run := tt.run
			if run == "" {
				run = "get " + tool + "/sub"
			}
			if run == "-" || testing.Short() {
				return
			}
			g := w.goCommand(t)
			if tt.proxy != "" {
				g.Proxy(tt.proxy)
			}
			_, stderr, err := g.Try(strings.Fields(run)...)
			if fails := err != nil; fails != tt.sick {
				t.Errorf("go %s: %v\n%s\nbut the doctor:\n%s", run, err, stderr, out)
			}
		})
	}
}
