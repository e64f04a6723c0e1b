package vanity_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"go/parser"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// formMono has what people get wrong.
const formMono = `
write one
commit one
tag v0.9.0
tag libs/own/v1.0.0
tag libs/own/v1.1.0
tag tool-1.0.0
tag tool-1.2
tag wrong-1.0.0
tag wrong-2.0.0
tag plain-1.0.0
blob text hello
tag blob-1.0.0 made/text
tag '"><script>alert(1)</script>-1.0.0'
tag nightly
tag 2024.01.02
-- one/libs/tool/go.mod --
module go.acme.test/tool
-- one/libs/own/go.mod --
module go.acme.test/own
-- one/libs/evil/go.mod --
module "a';rm -rf ~;<b>"
-- one/libs/none/x.go --
package x
-- one/libs/mute/go.mod --
go 1.25
`

// formServer serves repositories for a Gosub at /go.
func formServer(t testing.TB) (*gittest.Server, http.Handler) {
	repos := map[string]*gittest.Repo{
		"acme/mono":  gittest.New(t, formMono),
		"acme/tool":  gittest.New(t, acme),
		"acme/empty": gittest.New(t, ""),
		"acme/new":   gittest.New(t, "write\ncommit one\n-- go.mod --\nmodule go.acme.test/new\n"),
		"acme/old":   gittest.New(t, "write\ncommit one\ntag v1.0.0\ntag v2.0.0\n-- old.go --\npackage old\n"),
	}
	server := gittest.ServeTLS(t, gittest.ForgeFilters, repos)
	return server, vanity.Gosub("/go", append(trusting(server), vanity.WithPublicURL("https://go.acme.test/go/"))...)
}

// formQuery is the query of a filled-in form.
func formQuery(repo, dir, tags, module string) string {
	return "?" + url.Values{"repo": {repo}, "dir": {dir}, "tags": {tags}, "module": {module}}.Encode()
}

// says gives what a form's page says of its fields.
func says(page []byte) (all []string) {
	for _, m := range regexp.MustCompile(`(?s)<div class="(fault|note)" id="(\w+)-says">(.*?)</div>`).FindAllSubmatch(page, -1) {
		text := regexp.MustCompile(`<[^>]*>|\n`).ReplaceAllString(string(m[3]), " ")
		all = append(all, fmt.Sprintf("%s %s: %s", m[1], m[2], strings.Join(strings.Fields(html.UnescapeString(text)), " ")))
	}
	return all
}

// codes gives what a page has to copy.
func codes(page []byte) (all []string) {
	for _, m := range regexp.MustCompile(`(?s)<pre><code>(.*?)</code></pre>`).FindAllSubmatch(page, -1) {
		all = append(all, html.UnescapeString(string(m[1])))
	}
	return all
}

func TestForm(t *testing.T) {
	t.Parallel()
	server, h := formServer(t)
	const mono = "https://git.acme.test/acme/mono"
	for _, tt := range []struct {
		name  string
		query string
		says  []string // how what is said of fields begins
		has   []string // elsewhere
		uses  int      // things to copy
	}{
		{"all is well", formQuery(mono, "libs/own", "libs/own/v*", ""), nil,
			[]string{`<th scope="row">v1.1.0<br><code class="quiet">libs/own/v1.1.0</code></th><td><time datetime="2024-01-01T00:00:00Z">1 January 2024</time>`, "declares the module path &#34;go.acme.test/own&#34;", ">tool-*<", `<code>"><script>alert(1)</script>-*</code>`, "<li><code>2024.01.02</code></li>"}, 5},
		{"without a scheme", formQuery("git.acme.test/acme/mono.git/", "libs/own/", "libs/own/v*", " go.acme.test/own "), nil, []string{"v1.1.0"}, 5},
		{"nothing filled in", formQuery("", "", "", ""), []string{"fault repo: Is empty: want https://HOST/PATH of a repository."}, nil, 0},
		{"every field is wrong", formQuery("git@git.acme.test:acme/mono", "/../x", "v", "nope nope"), []string{
			`fault repo: Git is spoken over https here: write "https://git.acme.test/acme/mono".`,
			`fault dir: Begins with a slash: write it relative to the repository's root. No element may be empty, "." or "..".`,
			`fault tags: Has no "*" to stand for the version: write "v*" if the version comes last.`,
			`fault module: Invalid char ' ': want the module path as in go.mod.`,
		}, nil, 0},
		{"another host", formQuery("https://github.com/acme/mono", "", "", ""), []string{"fault repo: Repositories of github.com are not served here, only those of git.acme.test."}, nil, 0},
		{"a port", formQuery("https://git.acme.test:8443/acme/mono", "", "", ""), []string{"fault repo: Only repositories at https://HOST/PATH are served here, and this can't be one: it has a port, 8443."}, nil, 0},
		{"a local path", formQuery("/etc/passwd", "", "", ""), []string{"fault repo: Only repositories at https://HOST/PATH are served here, and this can't be one: it is a local path."}, nil, 0},
		{"no such repository", formQuery("https://git.acme.test/acme/none", "", "", ""), []string{"fault repo: There is no such repository: correct the URL."}, nil, 0},
		{"no commits", formQuery("https://git.acme.test/acme/empty", "", "", ""), []string{
			"fault repo: The repository has no commits", "note tags: No tag of the repository is a version"}, nil, 1},
		{"no tags", formQuery("https://git.acme.test/acme/new", "", "", ""), []string{"note tags: No tag of the repository is a version"},
			[]string{"At the default branch, &#34;go.mod&#34; declares the module path &#34;go.acme.test/new&#34;.", "go get go.acme.test/new@latest"}, 5},
		{"no tag fits", formQuery(mono, "libs/tool", "x-*", ""), []string{
			"fault tags: No tag fits x-*: take a pattern that one fits, such as these. tool-* , which finds tool-1.0.0 libs/own/v* , which finds libs/own/v1.1.0 wrong-* , which finds wrong-2.0.0"},
			[]string{"?dir=libs%2Ftool&amp;module=&amp;repo=https%3A%2F%2Fgit.acme.test%2Facme%2Fmono&amp;tags=tool-%2A"}, 5},
		{"tags in doubt", formQuery(mono, "libs/own", "", ""), []string{
			`note tags: The repository has tags such as "libs/own/v1.1.0", which are those of this directory to the go command. Left empty, the pattern is v* here: say which are meant, by one of these. libs/own/v* v*`}, []string{"v0.9.0"}, 5},
		{"no doubt any more", formQuery(mono, "libs/own", "v*", ""), nil, []string{"v0.9.0"}, 5},
		{"a directory without go.mod", formQuery(mono, "libs", "tool-*", ""), []string{
			`fault dir: The directory "libs" has no go.mod at tag "tool-1.0.0": take a directory that has one, such as these. libs/evil libs/mute libs/own libs/tool`}, nil, 1},
		{"a directory below the module", formQuery("https://git.acme.test/acme/tool", "libs/tool/sub", "tool-*", ""), []string{
			`fault dir: The directory "libs/tool/sub" has no go.mod at tag "tool-2.0.0": take a directory that has one, such as these. libs/tool`}, nil, 1},
		{"no such directory", formQuery(mono, "nowhere", "tool-*", "go.acme.test/tool"), []string{
			`fault dir: The directory "nowhere" has no go.mod at tag "tool-1.0.0": correct the directory, or add the file.`}, nil, 1},
		{"go.mod without a path", formQuery(mono, "libs/mute", "tool-*", ""), []string{
			`fault dir: At tag "tool-1.0.0", "libs/mute/go.mod" declares no module path: it needs a line such as "module go.acme.dev/tool".`}, nil, 1},
		{"another module", formQuery(mono, "libs/tool", "tool-*", "go.acme.test/fork"), []string{`note module: go.mod declares "go.acme.test/tool": whoever requires`},
			[]string{"go get go.acme.test/fork@v1.0.0"}, 5},
		{"another major version", formQuery(mono, "libs/tool", "tool-*", "go.acme.test/tool/v2"), []string{"fault module: The pattern finds 1 versions, but none of the major version that this path has"}, nil, 5},
		{"a major version that go.mod does not declare", formQuery(mono, "libs/tool", "wrong-*", ""), []string{
			`fault module: Tag "wrong-2.0.0" is not served: the module's go.mod declares its path as "go.acme.test/tool", which is not of this path's major version.`},
			[]string{"go get go.acme.test/tool@latest"}, 5},
		{"two major versions", formQuery("https://git.acme.test/acme/tool", "libs/tool", "tool-*", ""), nil,
			[]string{"from v2 on, the path ends in /v2", "go get go.acme.test/Tool/v2@v2.0.0", "Proxy: \"https://go.acme.test/go/", "<li><code>tool-3</code></li>"}, 5},
		{"one of two", formQuery("https://git.acme.test/acme/tool", "libs/tool", "tool-*", "go.acme.test/Tool/v2"), nil, []string{"Module: \"go.acme.test/Tool/v2\""}, 5},
		{"a root without go.mod", formQuery("https://git.acme.test/acme/old", "", "", ""), []string{
			`fault dir: The repository’s root has no go.mod at tag "v2.0.0", and no directory has: add one, or write the module path below.`}, nil, 1},
		{"a root without go.mod, but a path", formQuery("https://git.acme.test/acme/old", "", "", "go.acme.test/old"), []string{
			`note dir: The repository’s root has no go.mod at tag "v2.0.0": it is served with the one that the go command makes up.`}, []string{"go get go.acme.test/old@v2.0.0+incompatible"}, 5},
		{"a tag on no commit", formQuery(mono, "libs/tool", "blob-*", ""), []string{`fault repo: The go.mod of tag "blob-1.0.0" can't be read: it leads to no commit.`}, nil, 1},
		{"a path that is none", formQuery(mono, "libs/evil", "tool-*", ""), []string{`fault module: Tag "tool-1.0.0" is not served: malformed module path`}, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, page := metaGet(t, h, "GET", "/go/"+tt.query)
			checkPage(t, page)
			got := says(page)
			if len(got) != len(tt.says) {
				t.Errorf("says %q, want %q", got, tt.says)
			}
			for i, want := range tt.says[:min(len(got), len(tt.says))] {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("says\n%s, want\n%s", got[i], want)
				}
			}
			text := html.UnescapeString(string(page))
			for _, want := range tt.has {
				if !strings.Contains(text, html.UnescapeString(want)) {
					t.Errorf("no %q in\n%s", want, page[bytes.Index(page, []byte("<form")):])
				}
			}
			if n := len(codes(page)); n != tt.uses {
				t.Errorf("%d things to copy, want %d: %q", n, tt.uses, codes(page))
			}
			wrong := slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "fault") })
			if strings.Contains(text, "<title>To be corrected: ") != wrong {
				t.Errorf("the title is not that of a page with faults, or the other way round")
			}
			if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %v", res.Status, res.Header)
			}
		})
	}
	server.SetPrivate("acme/mono", "user", "password")
	_, page := metaGet(t, vanity.Gosub("/go", trusting(server)...), "GET", "/go/"+formQuery(mono, "", "", ""))
	if got := says(page); len(got) != 1 || !strings.HasPrefix(got[0], "fault repo: The git host asks for credentials") {
		t.Errorf("a private repository: %q", got)
	}
	server.SetDown(true)
	_, page = metaGet(t, vanity.Gosub("/go", trusting(server)...), "GET", "/go/"+formQuery(mono, "", "", ""))
	if got := says(page); len(got) != 1 || !strings.HasPrefix(got[0], "fault repo: The git host could not be reached") {
		t.Errorf("a host that is down: %q", got)
	}
}

// TestFormUses has what there is to copy do what it is for.
func TestFormUses(t *testing.T) {
	t.Parallel()
	server, h := formServer(t)
	_, page := metaGet(t, h, "GET", "/go"+formQuery("https://git.acme.test/acme/tool", "libs/tool", "tool-*", ""))
	const proxy = "https://go.acme.test/go/git.acme.test/acme/tool:d=libs%2Ftool&p=tool-;"
	got := codes(page)
	want := []string{
		proxy,
		"export GOPROXY='" + proxy + ",https://proxy.golang.org,direct' GONOSUMDB=go.acme.test/Tool\ngo list -m -versions go.acme.test/Tool/v2\ngo get go.acme.test/Tool/v2@v2.0.0",
		`<meta name="go-import" content="go.acme.test/Tool mod ` + html.EscapeString(proxy) + `">`,
	}
	if len(got) != 5 {
		t.Fatalf("%d things to copy", len(got))
	}
	if diff := cmp.Diff(want, got[:3]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, code := range got[3:] {
		if _, err := parser.ParseExpr("func() {\n" + code + "}"); err != nil {
			t.Errorf("%v in\n%s", err, code)
		}
	}
	if line := `vanity.Goproxy("/go", vanity.Config{URL: "https://git.acme.test/acme/tool", Module: "go.acme.test/Tool", Directory: "libs/tool", Tags: "tool-*"})`; !strings.Contains(got[4], line) {
		t.Errorf("no %s in\n%s", line, got[4])
	}
	site := vanity.Site{Host: "go.acme.test", Paths: map[string]vanity.Import{
		"Tool": {Repo: "https://git.acme.test/acme/tool", VCS: "git", Directory: "libs/tool", Tags: "tool-*", Proxy: proxy},
	}}
	_, asked := metaGet(t, vanity.Meta(site), "GET", "/Tool/v2?go-get=1")
	if !strings.Contains(string(asked), got[2]) {
		t.Errorf("Meta has another tag than %s:\n%s", got[2], asked)
	}
	for _, field := range []string{`Host: "go.acme.test"`, `"Tool": {Repo: "https://git.acme.test/acme/tool", VCS: "git", Directory: "libs/tool", Tags: "tool-*", Proxy: "` + proxy + `"}`} {
		if !strings.Contains(got[3], field) {
			t.Errorf("no %s in\n%s", field, got[3])
		}
	}
	if testing.Short() {
		t.Skip("runs the go command")
	}
	g := gocmd.New(t)
	g.Use(vanity.Gosub("/go", trusting(server)...), strings.TrimPrefix(proxy, "https://go.acme.test"))
	g.Get("go.acme.test/Tool/v2@v2.0.0")
}

func TestFormBase(t *testing.T) {
	t.Parallel()
	server, _ := formServer(t)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(299) })
	for _, tt := range []struct {
		base, path, proxy string
		status            int
	}{
		{"/go", "/go", "https://YOUR.HOST/go/", 200},
		{"/go", "/go/", "https://YOUR.HOST/go/", 200},
		{"/go/", "/%67o", "https://YOUR.HOST/go/", 200},
		{"", "/", "", 299},
		{"/a b/é'", "/a%20b/%C3%A9'", "https://YOUR.HOST/a%20b/%C3%A9%27/", 200},
		{"/a,b", "/a,b/", "https://YOUR.HOST/a%2Cb/", 200},
		{"/go", "/go//", "", 299},
		{"/go", "/", "", 299},
		{"/go", "/go/x", "", 299},
		{"/go", "/gopher", "", 299},
		{"/a/go", "/a%2Fgo/", "", 299},
	} {
		h := vanity.Gosub(tt.base, append(trusting(server), vanity.WithNext(next))...)
		res, page := metaGet(t, h, "GET", tt.path)
		if res.StatusCode != tt.status || tt.status == 200 && !strings.Contains(string(page), "<form") {
			t.Errorf("base %q, %s: %s", tt.base, tt.path, res.Status)
			continue
		}
		if tt.status != 200 {
			continue
		}
		_, page = metaGet(t, h, "GET", tt.path+formQuery("https://git.acme.test/acme/new", "", "", ""))
		if got := codes(page); len(got) == 0 || got[0] != tt.proxy+"git.acme.test/acme/new;" {
			t.Errorf("base %q, %s: %q", tt.base, tt.path, got)
		}
	}
	if res, page := metaGet(t, vanity.Gosub("/", trusting(server)...), "GET", "/"+formQuery("https://git.acme.test/acme/new", "", "", "")); res.StatusCode != 200 || codes(page)[0] != "https://YOUR.HOST/git.acme.test/acme/new;" {
		t.Errorf("at the root: %s, %q", res.Status, codes(page))
	}
	behind := http.StripPrefix("/a/go", vanity.Gosub("", trusting(server)...))
	for _, path := range []string{"/a/go", "/a/go/"} {
		if res, page := metaGet(t, behind, "GET", path); res.StatusCode != 200 || !strings.Contains(string(page), "<form") {
			t.Errorf("behind StripPrefix: %s: %s", path, res.Status)
		}
	}
}

// TestFormRequests counts what the form costs others, and looks at how it is answered.
func TestFormRequests(t *testing.T) {
	t.Parallel()
	server, h := formServer(t)
	res, page := metaGet(t, h, "GET", "/go/")
	checkPage(t, page)
	if res.Header.Get("Cache-Control") != "public, max-age=86400" || res.Header.Get("ETag") == "" || len(says(page)) > 0 || strings.Contains(string(page), "robots") {
		t.Errorf("%v\n%s", res.Header, page)
	}
	checkPolicy(t, res, page, "'self'")
	if again, _ := metaGet(t, h, "GET", "/go/", "If-None-Match", res.Header.Get("ETag")); again.StatusCode != 304 {
		t.Errorf("again: %s", again.Status)
	}
	for _, query := range []string{"?", "?utm_source=x"} {
		res, page := metaGet(t, h, "GET", "/go/"+query)
		if len(says(page)) > 0 || query != "?" && res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v\n%s", query, res.Header, page)
		}
	}
	for _, method := range []string{"POST", "PUT", "OPTIONS"} {
		if res, _ := metaGet(t, h, method, "/go/"); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, %v", method, res.Status, res.Header)
		}
	}
	for _, query := range []string{formQuery("https://github.com/acme/mono", "", "", ""), formQuery("https://git.acme.test/acme/mono", "..", "", "")} {
		metaGet(t, h, "GET", "/go/"+query)
	}
	if n := len(server.Requests()); n > 0 {
		t.Errorf("%d requests for nothing", n)
	}
	query := formQuery("https://git.acme.test/acme/tool", "libs/tool", "tool-*", "")
	head, _ := metaGet(t, h, "HEAD", "/go/"+query)
	listings := 0
	for _, r := range server.Requests() {
		if r.Command() == "ls-refs" {
			listings++
		}
	}
	if n := len(server.Requests()); listings != 1 || n > 7 {
		t.Errorf("%d listings, %d requests", listings, n)
	}
	res, page = metaGet(t, h, "GET", "/go/"+query)
	checkPolicy(t, res, page, "'self'")
	if head.StatusCode != 200 || head.ContentLength != int64(len(page)) || !strings.Contains(string(page), `<meta name="robots" content="noindex, nofollow">`) {
		t.Errorf("HEAD: %s, %d bytes", head.Status, head.ContentLength)
	}
}

// TestFormPins has a look at the form decide nothing about versions: what a tag is when the go command asks is what counts.
func TestFormPins(t *testing.T) {
	t.Parallel()
	server := gittest.ServeTLS(t, gittest.AllFilters, nil)
	store := &mapStore{}
	h := vanity.Gosub("", append(trusting(server), vanity.WithStore(store))...)
	script := "write\ncommit one\ntag v1.0.0\n%s-- go.mod --\nmodule go.acme.test/new\n"
	server.Put("acme/new", gittest.New(t, fmt.Sprintf(script, "")))
	if _, page := metaGet(t, h, "GET", "/"+formQuery("https://git.acme.test/acme/new", "", "", "")); !strings.Contains(string(page), "v1.0.0") {
		t.Errorf("no version:\n%s", page)
	}
	if names := store.all(); len(names) > 0 {
		t.Errorf("stored: %q", names)
	}
	moved := gittest.New(t, fmt.Sprintf(script, "commit two\ntag -f v1.0.0\n"))
	server.Put("acme/new", moved)
	_, info := metaGet(t, h, "GET", "/git.acme.test/acme/new;/go.acme.test/new/@v/v1.0.0.info")
	if want := moved.Git("rev-parse", "v1.0.0"); !strings.Contains(string(info), want) {
		t.Errorf("%s, want commit %s", info, want)
	}
}

func TestPublicURL(t *testing.T) {
	for _, bad := range []string{"", "/go", "go.acme.test", "ftp://go.acme.test", "https://", "https://u:p@go.acme.test", "https://go.acme.test?x", "https://go.acme.test/#x", "https://go acme.test"} {
		err, _ := recovered(func() { vanity.WithPublicURL(bad) }).(error)
		if err == nil || !strings.HasPrefix(err.Error(), "vanity: WithPublicURL: ") || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{"https://go.acme.test", "http://127.0.0.1:8080/", "https://go.acme.test/a/b/"} {
		option := vanity.WithPublicURL(good)
		vanity.Goproxy("", vanity.Config{URL: "https://github.com/acme/mono"}, option)
		vanity.Meta(pagesSite, option)
	}
}

// FuzzForm asserts that the form's page is one, and makes no request, whatever is filled in.
func FuzzForm(f *testing.F) {
	const evil = `"><script>alert(1)</script><!-- '{{.}}`
	f.Add("repo=https://github.com/acme/mono&dir=libs/tool&tags=tool-*&module=go.acme.dev/tool")
	f.Add("repo=" + evil + "&dir=" + evil + "&tags=" + evil + "&module=" + evil)
	f.Add("repo=%00%ff%EF%BF%BE%01&dir=%e2%80%a8&dir=x&tags=%&module;=")
	f.Add("repo=https://u:p@git.acme.test/x?y%23z&dir=" + strings.Repeat("a/", 3000))
	f.Add("repo=%2e%2e&tags=**&module=v2")
	noRequest := &http.Client{Transport: noTransport{}}
	h := vanity.Gosub("", vanity.WithHosts("git.acme.test"), vanity.WithTrustedClient(noRequest), quiet())
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery, r.Host = query, `evil.test"><script>`
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		texts := checkPage(t, w.Body.Bytes())
		if w.Code != 200 || len(texts["title"]) != 1 || strings.Contains(w.Body.String(), "ZgotmplZ") || strings.Contains(w.Body.String(), "evil.test") && !strings.Contains(query, "evil") {
			t.Errorf("%d\n%s", w.Code, w.Body)
		}
	})
}

// A noTransport reaches nothing.
type noTransport struct{}

func (noTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }

// TestFormGuards has the form say nothing to whom the protocol would say nothing.
func TestFormGuards(t *testing.T) {
	t.Parallel()
	server, _ := formServer(t)
	server.SetPrivate("acme/mono", "user", "password")
	const mono = "https://git.acme.test/acme/mono"
	query := formQuery(mono, "libs/own", "libs/own/v*", "")
	right := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("user:password"))}
	credentials := vanity.WithCredentials(func(context.Context, *url.URL) (string, string, error) { return "user", "password", nil })
	var asked []string
	auth := vanity.WithAuth(func(r *http.Request, modPath, repository string) error {
		asked = append(asked, modPath+" "+repository)
		if user, _, _ := r.BasicAuth(); user != "user" {
			return vanity.ErrUnauthorized
		}
		if modPath == "go.acme.test/tool" {
			return fs.ErrPermission
		}
		return nil
	})
	for _, tt := range []struct {
		name   string
		opt    vanity.Option
		query  string
		header []string
		status int
		says   string
		asked  []string
	}{
		{"auth, empty", auth, "", nil, 401, "", []string{" "}},
		{"auth, malformed", auth, formQuery("nope", "..", "", "x.y/z"), nil, 401, "", []string{" "}},
		{"auth, another host", auth, formQuery("https://github.com/acme/x", "", "", "x.y/z"), nil, 401, "", []string{"x.y/z https://github.com/acme/x"}},
		{"auth", auth, query, nil, 401, "", []string{" " + mono}},
		{"auth, let in, empty", auth, "", right, 200, "<form", []string{" "}},
		{"auth, let in", auth, query, right, 200, "go.acme.test/own@v1.1.0", []string{" " + mono, "go.acme.test/own " + mono}},
		{"auth, not for this module", auth, formQuery(mono, "libs/tool", "tool-*", ""), right, 403, "", []string{" " + mono, "go.acme.test/tool " + mono}},
		{"callers' rights, empty", vanity.WithCallersRights(), "", nil, 200, "<form", nil},
		{"callers' rights, none", vanity.WithCallersRights(), query, nil, 401, "", nil},
		{"callers' rights", vanity.WithCallersRights(), query, right, 200, "go.acme.test/own@v1.1.0", nil},
		{"callers' rights, no repository", vanity.WithCallersRights(), formQuery("https://git.acme.test/acme/none", "", "", ""), right, 200, "There is no such repository", nil},
	} {
		opts := append(trusting(server), tt.opt)
		if strings.HasPrefix(tt.name, "auth") {
			opts = append(opts, credentials)
		}
		server.Reset()
		asked = nil
		res, page := metaGet(t, vanity.Gosub("", opts...), "GET", "/"+tt.query, tt.header...)
		if res.StatusCode != tt.status || !strings.Contains(string(page), tt.says) || res.Header.Get("Cache-Control") != "private, no-store" || res.Header.Get("Vary") != "Authorization" {
			t.Errorf("%s: %s, %v, want %d and %q in\n%s", tt.name, res.Status, res.Header, tt.status, tt.says, page)
		}
		if tt.status != 200 && (strings.Contains(string(page), "acme.test") || strings.Count(string(page), "\n") != 1) {
			t.Errorf("%s: says %s", tt.name, page)
		}
		if diff := cmp.Diff(tt.asked, asked); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", tt.name, diff)
		}
		if len(asked) == 1 && tt.status == 401 && len(server.Requests()) > 0 {
			t.Errorf("%s: %d requests", tt.name, len(server.Requests()))
		}
	}
	sealed := vanity.Gosub("/go", append(trusting(server), vanity.WithSeal([]byte("0123456789abcdef")))...)
	for _, path := range []string{"/go", "/go/", "/go/" + query} {
		if res, _ := metaGet(t, sealed, "GET", path); res.StatusCode != 404 {
			t.Errorf("with seals: %s: %s", path, res.Status)
		}
	}
}
