package vanity_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// hrefs gives the links of a page with their texts.
func hrefs(page []byte) (links []string) {
	for _, m := range regexp.MustCompile(`(?s)<a href="([^"]*)"[^>]*>(.*?)</a>`).FindAllSubmatch(page, -1) {
		links = append(links, string(m[1])+" "+regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(m[2]), ""))
	}
	return links
}

var pagesSite = vanity.Site{Host: "acme.dev/go", Hosts: []string{"b.test"}, Paths: map[string]vanity.Import{
	"tool":        {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Description: "It <cuts> & welds."},
	"/tool/sub/":  {Repo: "https://git.acme.dev/sub", VCS: "git"},
	"net/metrics": {Repo: "ssh://git@github.com/acme/metrics", Redirect: "https://docs.acme.dev/{path}?tab=doc", Description: "Counts."},
	"net/http2":   {Proxy: "https://proxy.golang.org"},
	"libs/*":      {Repo: "https://github.com/acme/*", Description: "The library *."},
}}

func TestMetaPages(t *testing.T) {
	h := vanity.Meta(pagesSite)
	for _, tt := range []struct {
		path, title string
		links       []string
		has         string
	}{
		{"/go", "acme.dev/go", []string{
			"/go/net/http2 acme.dev/go/net/http2", "/go/net/metrics acme.dev/go/net/metrics", "/go/tool acme.dev/go/tool", "/go/tool/sub acme.dev/go/tool/sub",
		}, "<code>acme.dev/go/libs/*</code>\n<p>The library *.</p>"},
		{"/go/net/", "acme.dev/go/net", []string{
			"/go/net/http2 acme.dev/go/net/http2", "/go/net/metrics acme.dev/go/net/metrics", "/go All modules",
		}, "<p>Counts.</p>"},
		{"/go/libs", "acme.dev/go/libs", []string{"/go All modules"}, "acme.dev/go/libs/*"},
		{"/go/tool", "acme.dev/go/tool", []string{
			"https://pkg.go.dev/acme.dev/go/tool Documentation", "https://github.com/acme/mono/tree/HEAD/libs/tool Source",
			"https://github.com/acme/mono Repository", "/go/tool/sub acme.dev/go/tool/sub", "/go All modules",
		}, "It &lt;cuts&gt; &amp; welds."},
		{"/go/tool/pkg/x", "acme.dev/go/tool/pkg/x", []string{
			"https://pkg.go.dev/acme.dev/go/tool/pkg/x Documentation", "https://github.com/acme/mono/tree/HEAD/libs/tool Source",
			"https://github.com/acme/mono Repository", "/go All modules",
		}, "go get acme.dev/go/tool/pkg/x<"},
		{"/go/tool/sub", "acme.dev/go/tool/sub", []string{
			"https://pkg.go.dev/acme.dev/go/tool/sub Documentation", "https://git.acme.dev/sub Repository", "/go All modules",
		}, "go get acme.dev/go/tool/sub<"},
		{"/go/libs/log", "acme.dev/go/libs/log", []string{
			"https://pkg.go.dev/acme.dev/go/libs/log Documentation", "https://github.com/acme/log/tree/HEAD Source", "https://github.com/acme/log Repository", "/go All modules",
		}, "The library log."},
	} {
		res, body := metaGet(t, h, "GET", tt.path)
		if whole := bytes.ReplaceAll(body, []byte("<wbr/>"), nil); res.StatusCode != 200 || !bytes.Contains(whole, []byte("<title>"+tt.title+"</title>")) || !bytes.Contains(whole, []byte(tt.has)) {
			t.Errorf("%s: %s, want title %q and %q in\n%s", tt.path, res.Status, tt.title, tt.has, body)
		}
		if diff := cmp.Diff(tt.links, hrefs(body)); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", tt.path, diff)
		}
		if got := res.Header.Get("Cache-Control"); got != "public, max-age=86400" || res.Header.Get("ETag") == "" || res.Header.Get("Vary") != "" {
			t.Errorf("%s: %v", tt.path, res.Header)
		}
		if again, _ := metaGet(t, h, "GET", tt.path, "If-None-Match", res.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("%s: again: %s", tt.path, again.Status)
		}
		if head, _ := metaGet(t, h, "HEAD", tt.path); head.StatusCode != 200 || head.ContentLength != int64(len(body)) {
			t.Errorf("%s: HEAD: %s, length %d", tt.path, head.Status, head.ContentLength)
		}
		if post, _ := metaGet(t, h, "POST", tt.path); post.StatusCode != 405 {
			t.Errorf("%s: POST: %s", tt.path, post.Status)
		}
	}
	for _, path := range []string{"/", "/gopher", "/go/nets", "/go/ne", "/go/libs/-x", "/go/to", "/go//net", "/go/net//", "/go/net?go-get=1", "/go?go-get=1", "/go/tool" + strings.Repeat("/a", 2048)} {
		res, body := metaGet(t, h, "GET", path)
		if res.StatusCode != 404 || len(body) > 200 || res.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%s: %s, Cache-Control %q, %d bytes", path, res.Status, res.Header.Get("Cache-Control"), len(body))
		}
	}
	r := httptest.NewRequest("GET", "/go/net", nil)
	r.Host = "B.test:443"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(strings.ReplaceAll(w.Body.String(), "<wbr/>", ""), `<a href="/go/net/http2"><code>b.test/go/net/http2</code></a>`) || strings.Contains(w.Body.String(), "acme.dev") {
		t.Errorf("another host:\n%s", w.Body)
	}
}

// The tags are in pages for people, too: not everyone who reads them asks as the go command does.
func TestMetaPageTags(t *testing.T) {
	h := vanity.Meta(pagesSite)
	for _, name := range []string{"go-import", "go-source"} {
		_, page := metaGet(t, h, "GET", "/go/tool/x")
		_, goGet := metaGet(t, h, "GET", "/go/tool/x?go-get=1")
		got, err := metaTags(page, name)
		want, err2 := metaTags(goGet, name)
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 1 || err != nil || err2 != nil {
			t.Errorf("%v, %v (-want +got):\n%s", err, err2, diff)
		}
	}
}

// TestMetaPolicy has what pages may do: the style that stands in them, and nothing else.
func TestMetaPolicy(t *testing.T) {
	for _, path := range []string{"/go", "/go/tool"} {
		res, body := metaGet(t, vanity.Meta(pagesSite), "GET", path)
		checkPolicy(t, res, body, "'none'")
		if bytes.Contains(body, []byte("<script")) || bytes.Contains(body, []byte("ZgotmplZ")) {
			t.Errorf("%s:\n%s", path, body)
		}
	}
	meta := vanity.Meta(pagesSite)
	res, _ := metaGet(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src *")
		meta.ServeHTTP(w, r)
	}), "GET", "/go")
	if got := res.Header.Values("Content-Security-Policy"); len(got) != 1 || got[0] != "default-src *" {
		t.Errorf("a policy of the program's own became %q", got)
	}
}

// checkPolicy asserts that a page may have the style that stands in it, and send forms to one place at most.
func checkPolicy(t *testing.T, res *http.Response, page []byte, forms string) {
	t.Helper()
	m := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindSubmatch(page)
	if m == nil {
		t.Fatalf("no style in\n%s", page)
	}
	sum := sha256.Sum256(m[1])
	want := "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action " + forms + "; frame-ancestors 'none'"
	if got := res.Header.Get("Content-Security-Policy"); got != want {
		t.Errorf("policy %q, want %q", got, want)
	}
}

func TestMetaRedirect(t *testing.T) {
	site := vanity.Site{Host: "acme.dev", Hosts: []string{"b.test"}, Redirect: "https://pkg.go.dev/{path}", CacheMaxAge: 60, Paths: map[string]vanity.Import{
		"tool":  {Repo: "https://github.com/acme/tool"},
		"own":   {Repo: "https://github.com/acme/own", Redirect: "https://acme.dev/projects/own#top"},
		"c++":   {Repo: "https://github.com/acme/cpp"},
		"de":    {Repo: "https://github.com/acme/de", Redirect: "https://docs.acme.dev/de/Übersicht?of={path}"},
		"lib/*": {Repo: "https://github.com/acme/*", Redirect: "https://docs.acme.dev/*?of={path}"},
	}}
	h := vanity.Meta(site)
	for path, want := range map[string]string{
		"/tool":               "https://pkg.go.dev/acme.dev/tool",
		"/tool/sub/?tab=doc":  "https://pkg.go.dev/acme.dev/tool/sub",
		"/own/sub":            "https://acme.dev/projects/own#top",
		"/c++/x":              "https://pkg.go.dev/acme.dev/c%2B%2B/x",
		"/lib/log/x":          "https://docs.acme.dev/log?of=acme.dev/lib/log/x",
		"/de":                 "https://docs.acme.dev/de/%C3%9Cbersicht?of=acme.dev/de",
		"/tool?go-get=2":      "https://pkg.go.dev/acme.dev/tool",
		"/tool?go-get=1":      "",
		"/":                   "",
		"/lib":                "",
		"/tool/-/tree/v1.0.0": "https://github.com/acme/tool/tree/v1.0.0",
	} {
		res, body := metaGet(t, h, "GET", path)
		if want == "" {
			if res.StatusCode != 200 {
				t.Errorf("%s: %s", path, res.Status)
			}
			continue
		}
		if res.StatusCode != 302 || res.Header.Get("Location") != want || res.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%s: %s, %q, Location %q, want %q\n%s", path, res.Status, res.Header.Get("Cache-Control"), res.Header.Get("Location"), want, body)
		}
	}
}

// Who clones an import prefix gets the repository.
func TestMetaClone(t *testing.T) {
	t.Parallel()
	repo := gittest.New(t, siteRoot)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/Root": repo})
	site := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{
		"own": {Repo: "http://acme.dev:8080/own/", VCS: "git"}, "tool": {Repo: server.URL + "/acme/Root", VCS: "git"}, "hg": {Repo: server.URL + "/acme/Root", VCS: "hg"}, "mod": {Proxy: server.URL},
	}}
	meta := httptest.NewServer(vanity.Meta(site))
	defer meta.Close()
	repo.Git("clone", "--quiet", meta.URL+"/tool", "clone")
	if got, want := repo.Git("-C", "clone", "rev-parse", "HEAD"), repo.Git("rev-parse", "HEAD"); got != want {
		t.Errorf("the clone is at %s, want %s", got, want)
	}
	for path, want := range map[string]int{
		"/tool/info/refs?service=git-upload-pack": 302, "/tool/info/refs?service=git-receive-pack": 200, "/tool/info/refs": 200,
		"/tool/sub/info/refs?service=git-upload-pack": 200, "/hg/info/refs?service=git-upload-pack": 200, "/own/info/refs?service=git-upload-pack": 200, "/mod/info/refs?service=git-upload-pack": 200,
	} {
		if res, _ := metaGet(t, vanity.Meta(site), "GET", path); res.StatusCode != want {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

func TestMetaWithoutPages(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "next ", r.Method) })
	for _, tt := range []struct {
		name string
		opts []vanity.Option
		want map[string]string // what the answer has
	}{
		{"with next", []vanity.Option{vanity.WithNext(next)}, map[string]string{
			"GET /go": "next", "GET /go/net": "next", "GET /go/tool": "<title>acme.dev/go/tool", "GET /go/tool?go-get=1": "go-import", "POST /go/tool": "next POST",
			"GET /go/other?go-get=1": "next", "GET /go/net/metrics": "see https://docs", "GET /go/tool/-/tree/v1.0.0": "see https://github.com", "GET /go/tool/-/tree/x": "next",
		}},
		{"without pages", []vanity.Option{vanity.WithNext(next), vanity.WithoutPages()}, map[string]string{
			"GET /go": "next", "GET /go/tool": "next", "GET /go/tool/x": "next", "GET /go/tool?go-get=1": "go-import", "HEAD /go/tool": "", "POST /go/tool?go-get=1": "next POST",
			"GET /go/tool/info/refs?service=git-upload-pack": "next", "GET /go/net/metrics": "next", "GET /go/net/metrics?go-get=1": "go-import", "GET /go/tool/-/tree/v1.0.0": "see https://github.com",
		}},
		{"without pages and next", []vanity.Option{vanity.WithoutPages()}, map[string]string{
			"GET /go": "404", "GET /go/tool": "404", "GET /go/tool?go-get=1": "go-import", "POST /go/tool": "404", "POST /go/tool?go-get=1": "method not allowed",
		}},
	} {
		h := vanity.Meta(pagesSite, tt.opts...)
		for request, want := range tt.want {
			method, path, _ := strings.Cut(request, " ")
			res, body := metaGet(t, h, method, path)
			if !strings.Contains(res.Status+string(body), want) {
				t.Errorf("%s: %s: %s, want %q in\n%s", tt.name, request, res.Status, want, body)
			}
			if strings.Contains(string(body), "All modules") {
				t.Errorf("%s: %s: a link to the index, which is not ours:\n%s", tt.name, request, body)
			}
		}
	}
}

// TestMetaIndexPages goes through an index of many pages.
func TestMetaIndexPages(t *testing.T) {
	site := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"": {Repo: "https://github.com/acme/root"}}}
	want := map[string]bool{}
	for i := range 1203 {
		name := fmt.Sprintf("x/c++%d", i)
		site.Paths[name] = vanity.Import{Repo: "https://github.com/acme/mono"}
		want["/"+name+" acme.dev/"+name] = true
	}
	for start, more := range map[string]int{"/": 3, "/x": 0} { // everything is below the root's import, but for an index
		h := vanity.Meta(site)
		if start == "/x" {
			delete(site.Paths, "")
			h, more = vanity.Meta(site), 3
		}
		seen := map[string]bool{}
		path, pages := start, 0
		for path != "" {
			_, body := metaGet(t, h, "GET", path)
			pages++
			path = ""
			for _, link := range hrefs(body) {
				if next, ok := strings.CutSuffix(link, " More modules"); ok {
					path = strings.ReplaceAll(next, "&#43;", "+")
				} else if want[strings.ReplaceAll(link, "&#43;", "+")] && !seen[link] {
					seen[link] = true
				} else if strings.HasPrefix(link, "/x") || start == "/" && strings.HasSuffix(link, " All modules") {
					t.Errorf("%s: link %q", start, link)
				}
			}
		}
		if pages != more || len(seen) != len(want) {
			t.Errorf("%s: %d pages with %d modules, want %d with %d", start, pages, len(seen), more, len(want))
		}
	}
	for _, after := range []string{"zzz", "%00", "x/c%2B%2B10000", "x/c%2B%2B999&after=y"} {
		res, body := metaGet(t, vanity.Meta(site), "GET", "/?after="+after)
		if res.StatusCode != 200 || bytes.Contains(body, []byte("zzz")) {
			t.Errorf("after %s: %s", after, res.Status)
		}
	}
}

func TestMetaTemplates(t *testing.T) {
	module := template.Must(template.New("module.html").Parse(`{{.Path}}|{{.Description}}|{{range .Versions}}{{.Version}}{{end}}|{{.Source}}|<p title={{.Description}}>`))
	h := vanity.Meta(pagesSite, vanity.WithTemplates(module))
	res, body := metaGet(t, h, "GET", "/go/tool/x")
	if want := `acme.dev/go/tool/x|It &lt;cuts&gt; &amp; welds.||https://github.com/acme/mono/tree/HEAD/libs/tool|<p title=It&#32;&lt;cuts&gt;&#32;&amp;&#32;welds.>`; string(body) != want {
		t.Errorf("%s, want %s", body, want)
	}
	if got := res.Header.Get("Content-Security-Policy"); got != "default-src 'self'; img-src 'self' https: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'" {
		t.Errorf("policy %q", got)
	}
	if _, body := metaGet(t, h, "GET", "/go"); !bytes.Contains(body, []byte("<title>acme.dev/go</title>")) {
		t.Errorf("the index is not ours:\n%s", body)
	}
	if _, body := metaGet(t, h, "GET", "/go/tool?go-get=1"); !bytes.Contains(body, []byte("go-import")) {
		t.Errorf("the go command gets\n%s", body)
	}
	index := template.Must(template.New("any").Parse(`{{define "index.html"}}{{len .Modules}}{{end}}`))
	h = vanity.Meta(pagesSite, vanity.WithTemplates(index))
	if _, body := metaGet(t, h, "GET", "/go"); string(body) != "5" {
		t.Errorf("index %s", body)
	}
	if _, body := metaGet(t, h, "GET", "/go/tool"); !bytes.Contains(body, []byte("<title>acme.dev/go/tool</title>")) {
		t.Errorf("the page is not ours:\n%s", body)
	}
	for name, bad := range map[string]*template.Template{
		"nil":     nil,
		"other":   template.Must(template.New("page.html").Parse("x")),
		"field":   template.Must(template.New("module.html").Parse("{{.Nope}}")),
		"version": template.Must(template.New("index.html").Parse("{{range .Versions}}{{.Tag}}{{end}}")),
		"context": template.Must(template.New("module.html").Parse("<a href='{{if .Path}}'{{end}}>")),
	} {
		err, _ := recovered(func() { vanity.WithTemplates(bad) }).(error)
		if err == nil || !strings.HasPrefix(err.Error(), "vanity: WithTemplates: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A template that fails late is our fault, and is logged; the go command doesn't notice.
func TestMetaTemplateFails(t *testing.T) {
	fail := false
	funcs := template.FuncMap{"fail": func() (string, error) {
		if fail {
			return "", errors.New("secret")
		}
		return "", nil
	}}
	h := vanity.Meta(pagesSite, quiet(), vanity.WithTemplates(template.Must(template.New("module.html").Funcs(funcs).Parse("{{.Path}}{{fail}}"))))
	fail = true
	res, body := metaGet(t, h, "GET", "/go/tool")
	if res.StatusCode != 500 || bytes.Contains(body, []byte("secret")) || bytes.Contains(body, []byte("acme.dev")) || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s, %v\n%s", res.Status, res.Header, body)
	}
	if res, _ := metaGet(t, h, "GET", "/go/tool?go-get=1"); res.StatusCode != 200 {
		t.Errorf("the go command gets %s", res.Status)
	}
}

// checkPage asserts that a page is made of nothing that its template doesn't have, and returns the texts of its elements.
func checkPage(t *testing.T, page []byte) (texts map[string][]string) {
	t.Helper()
	const elements = " html head meta link style title body main h1 h2 p pre code nav ul li a footer table thead tbody tr th td time details summary wbr br " +
		"form fieldset legend div label span input button "
	const attributes = " lang charset name content rel href class scope datetime aria-label role " +
		"method for id value type placeholder autocomplete autocapitalize spellcheck aria-describedby aria-invalid required "
	texts = make(map[string][]string)
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var in []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
		switch e := token.(type) {
		case xml.StartElement:
			in = append(in, e.Name.Local)
			if !strings.Contains(elements, " "+e.Name.Local+" ") {
				t.Errorf("element %q in\n%s", e.Name.Local, page)
			}
			for _, a := range e.Attr {
				if !strings.Contains(attributes, " "+a.Name.Local+" ") {
					t.Errorf("attribute %q in\n%s", a.Name.Local, page)
				}
				if a.Name.Local == "href" && !regexp.MustCompile(`^(https?://[^/]|/([^/]|$)|\?|data:,$)`).MatchString(a.Value) {
					t.Errorf("link to %q in\n%s", a.Value, page)
				}
			}
		case xml.EndElement:
			in = in[:len(in)-1]
		case xml.CharData:
			if len(in) > 0 {
				texts[in[len(in)-1]] = append(texts[in[len(in)-1]], string(e))
			}
		case xml.Comment, xml.ProcInst:
			t.Errorf("%v in\n%s", e, page)
		}
	}
}

// FuzzMetaPage asserts that what a config or a request holds is shown, whatever it is.
func FuzzMetaPage(f *testing.F) {
	const evil = `"><script>alert(1)</script><!--`
	f.Add("tool", "https://github.com/acme/tool", "", "", "", evil, "", "/tool/x", "after="+evil)
	f.Add("*", "https://github.com/*/tool", "", "d", "*-v*", "'*' <b>{{.}}</b>", "", "/x", "")
	f.Add("a/b", "https://h/"+evil, "git", "", "", "</style></title>", "", "/a", "")
	f.Add("a/b", "https://h/"+evil, "git", "", "javascript:alert(1) javascript:alert(1)/{commit} javascript:{commit}{file}", "x", "", "/a/b", "")
	f.Add("", "https://h/r", "git", "d", "", "\u2028", "https://h/{path}?"+evil, "/c++", evil)
	f.Fuzz(func(t *testing.T, key, repo, vcs, dir, display, description, redirect, path, query string) {
		site := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{
			key: {Repo: repo, VCS: vcs, Directory: dir, Display: display, Description: description, Redirect: redirect}, "other": {Repo: "https://github.com/acme/other"},
		}}
		if site.Validate() != nil {
			return
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path, r.URL.RawQuery, r.Host = path, query, "acme.dev"
		r.Header.Set("Referer", "https://x/"+evil)
		w := httptest.NewRecorder()
		vanity.Meta(site, quiet()).ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK:
			if texts := checkPage(t, w.Body.Bytes()); len(texts["title"]) != 1 || strings.Contains(w.Body.String(), "ZgotmplZ") {
				t.Errorf("%+v, %q:\n%s", site, path, w.Body)
			}
		case http.StatusFound:
			u, err := url.Parse(w.Header().Get("Location"))
			if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(w.Header().Get("Location"), "\r\n") {
				t.Errorf("%+v, %q: Location %q", site, path, w.Header().Get("Location"))
			}
		case http.StatusNotFound:
		default:
			t.Errorf("%+v, %q: %d", site, path, w.Code)
		}
	})
}

// Text that looks like HTML is text.
func TestMetaPageText(t *testing.T) {
	const evil = `</p><script>alert("1")</script><!-- {{.Path}} & 'x'`
	site := metaSite("acme.dev", vanity.Import{Repo: "https://github.com/acme/tool", Description: evil})
	for _, path := range []string{"/tool", "/"} {
		_, body := metaGet(t, vanity.Meta(site), "GET", path)
		if texts := checkPage(t, body)["p"]; !slices.Contains(texts, evil) {
			t.Errorf("%s: %q has no %q", path, texts, evil)
		}
	}
}

// TestMetaVersions has pages list what the proxy of the same site serves, with the dates of the commits.
func TestMetaVersions(t *testing.T) {
	repo := gittest.New(t, siteMono)
	server := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/mono": repo})
	mono := server.URL + "/acme/mono"
	site := vanity.Site{Host: "go.acme.test/x", Hosts: []string{"b.test"}, Proxy: "/go", Paths: map[string]vanity.Import{
		"tool":    {Repo: mono, VCS: "git", Directory: "libs/tool", Tags: "tool-*", Display: "gitea"},
		"libs/*":  {Repo: mono, VCS: "git", Directory: "libs/*", Tags: "libs/*/v*"},
		"none":    {Repo: mono, VCS: "git", Tags: "none-*"},
		"absent":  {Repo: server.URL + "/acme/absent", VCS: "git", Tags: "*"},
		"unsure":  {Repo: mono, VCS: "git", Directory: "libs/log"},
		"foreign": {Repo: mono, VCS: "git", Tags: "*", Proxy: "https://proxy.test"},
	}}
	store := vanity.WithStore(&mapStore{})
	h := vanity.Meta(site, quiet(), store)
	row := func(version, tag string) string {
		at, err := time.Parse(time.RFC3339, repo.Git("log", "-1", "--format=%cI", tag))
		if err != nil {
			t.Fatal(err)
		}
		return version + " " + at.UTC().Format(time.RFC3339)
	}
	rows := regexp.MustCompile(`<tr><th scope="row"><a href="https://pkg.go.dev/([^"]*)">([^<]*)</a></th><td><time datetime="([^"]*)">`)
	for _, tt := range []struct {
		path, module string
		want         []string
		has          string
	}{
		{"/x/tool", "go.acme.test/x/tool", []string{row("v1.0.0", "tool-1.0.0")}, `<a href="/x/tool/v2">go.acme.test/x/tool/v2</a>`},
		{"/x/tool/sub", "go.acme.test/x/tool", []string{row("v1.0.0", "tool-1.0.0")}, mono + "/src/tag/tool-1.0.0/libs/tool"},
		{"/x/libs/log/deep", "go.acme.test/x/libs/log", []string{row("v0.3.0", "libs/log/v0.3.0"), row("v0.1.0", "libs/log/v0.1.0")}, "<h2>Versions of go.acme.test/x/libs/log</h2>"},
		{"/x/tool/v2/sub", "go.acme.test/x/tool/v2", []string{row("v2.0.0", "tool-2.0.0")}, `<a href="/x/tool">go.acme.test/x/tool</a>`},
		{"/x/libs/log", "go.acme.test/x/libs/log", []string{row("v0.3.0", "libs/log/v0.3.0"), row("v0.1.0", "libs/log/v0.1.0")}, "<h2>Versions</h2>"},
		{"/x/none", "", nil, "There are no versions yet."},
		{"/x/absent", "", nil, "There are no versions yet."},
		{"/x/unsure", "", nil, "The versions can&#39;t be listed at the moment."},
		{"/x/foreign", "", nil, "https://pkg.go.dev/go.acme.test/x/foreign"},
	} {
		res, body := metaGet(t, h, "GET", tt.path)
		var got []string
		for _, m := range rows.FindAllSubmatch(body, -1) {
			got = append(got, string(m[2])+" "+string(m[3]))
			if want := tt.module + "@" + string(m[2]); string(m[1]) != want {
				t.Errorf("%s: link to %s, want %s", tt.path, m[1], want)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || !bytes.Contains(body, []byte(tt.has)) {
			t.Errorf("%s: versions (-want +got):\n%s\nwant %q in\n%s", tt.path, diff, tt.has, body)
		}
		want := "public, max-age=60"
		switch tt.path {
		case "/x/foreign":
			want = "public, max-age=86400"
		case "/x/unsure":
			want = "no-cache"
		}
		if got := res.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", tt.path, got, want)
		}
	}
	n := len(server.Requests())
	for _, path := range []string{"/x/tool", "/x/tool/v2", "/x/libs/log", "/x/tool/-/src/v1.0.0/tool.go", "/x/tool?go-get=1"} {
		metaGet(t, h, "GET", path)
	}
	if again := len(server.Requests()); again != n {
		t.Errorf("%d requests more for the same pages", again-n)
	}
	// A host that is down costs a page its versions, and only for a while.
	server.SetDown(true)
	down := vanity.Meta(site, quiet())
	res, body := metaGet(t, down, "GET", "/x/tool")
	if res.StatusCode != 200 || !bytes.Contains(body, []byte("The versions can&#39;t be listed at the moment.")) || res.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("host down: %s, %v\n%s", res.Status, res.Header, body)
	}
	server.SetDown(false)
	if _, body := metaGet(t, down, "GET", "/x/tool"); !bytes.Contains(body, []byte("v1.0.0")) {
		t.Errorf("host up again:\n%s", body)
	}
	// What is stored is there though the host is not.
	server.SetDown(true)
	if _, body := metaGet(t, vanity.Meta(site, quiet(), store), "GET", "/x/tool"); !bytes.Contains(body, []byte("v1.0.0")) {
		t.Errorf("with a store:\n%s", body)
	}
}
