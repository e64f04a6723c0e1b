package vanity_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// A browserPage is a page to look at.
type browserPage struct {
	name   string
	path   string
	url    string   // of the server that has it
	status int      // 200 if zero
	shows  []string // what a reader finds, whatever it would mean as HTML
	brief  bool     // not all looks are needed
	bare   bool     // it is not for people, so that it need only be harmless
	form   bool     // it has a form
}

// A browserLook is one look at a page, for look.mjs.
type browserLook struct {
	URL        string `json:"url"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Mobile     bool   `json:"mobile"`     // keep to the viewport that the page asks for
	Dark       bool   `json:"dark"`       // the reader prefers it so
	NoScript   bool   `json:"noScript"`   // the browser runs no scripts
	NoPolicy   bool   `json:"noPolicy"`   // the browser knows nothing of Content-Security-Policy
	Screenshot string `json:"screenshot"` // file to write; if empty, none

	// Keys to press on the page, which must lead to one with a query: names, or "=" and a text to type. If nil, none.
	Keys []string `json:"keys"`

	name string
}

// A browserReport is what look.mjs saw.
type browserReport struct {
	URL         string   `json:"url"`
	Type        string   `json:"type"`
	Status      int      `json:"status"`
	Policy      string   `json:"policy"` // the header
	Violations  []string `json:"violations"`
	Console     []string `json:"console"`
	Requests    []string `json:"requests"`
	Windows     []string `json:"windows"` // dialogs and popups
	Text        string   `json:"text"`
	BrokenWords []string `json:"brokenWords"`
	Width       int      `json:"width"`
	ScrollWidth int      `json:"scrollWidth"`
	Elements    []string `json:"elements"`
	Attributes  []string `json:"attributes"`
	Links       []string `json:"links"`
	Ran         bool     `json:"ran"` // whether there is a variable pwned
	Axe         []struct {
		ID        string   `json:"id"`
		Impact    string   `json:"impact"`
		Help      string   `json:"help"`
		Undecided bool     `json:"undecided"`
		Nodes     []string `json:"nodes"`
	} `json:"axe"`
}

// browserFaults maps kinds of faults to what was seen of each.
type browserFaults map[string][]string

func (f browserFaults) add(kind, format string, args ...any) {
	f[kind] = append(f[kind], fmt.Sprintf(format, args...))
}

// goodPage has no faults, with goodPolicy as its policy.
const goodPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Page</title>
<style>
:root { color-scheme: light dark; color: #111; background: #fff }
a { color: #00c }
@media (prefers-color-scheme: dark) { :root { color: #eee; background: #111 } a { color: #9cf } }
</style>
</head>
<body>
<main><h1>Page</h1><p>Text &amp; text. <a href="https://example.com/">More</a></p></main>
</body>
</html>
`

const goodPolicy = "default-src 'none'; style-src 'unsafe-inline'"

// faultyPages are goodPage with a fault each.
var faultyPages = []struct {
	name     string
	old, new string
	policy   string
	want     []string // kinds
}{
	{name: "good", want: nil},
	{name: "status", want: []string{"status"}},
	{name: "contrast", old: "<p>", new: `<style>p { color: #777; background: #888 }</style><p>`, want: []string{"color-contrast"}},
	{name: "contrast in the dark", old: "a { color: #9cf }", new: "p { color: #333 }", want: []string{"color-contrast"}},
	{name: "small", old: "<p>", new: `<style>a { display: block; font: 10px/10px sans-serif }</style><a href="https://example.com/a">a</a><a href="https://example.com/b">b</a><p>`, want: []string{"target-size"}},
	{name: "no title", old: "<title>Page</title>", want: []string{"document-title"}},
	{name: "no language", old: ` lang="en"`, want: []string{"html-has-lang"}},
	{name: "no viewport", old: `name="viewport"`, new: `name="view"`, want: []string{"width"}},
	{name: "too wide", old: "More", new: strings.Repeat("w", 60), want: []string{"width"}},
	{name: "broken word", old: "Text", new: `<b>word</b><style>b { display: block; width: 1em; overflow-wrap: anywhere }</style>Text`, want: []string{"word"}},
	{name: "light alone", old: "(prefers-color-scheme: dark)", new: "(prefers-color-scheme: grey)", want: []string{"scheme"}},
	{name: "no policy", policy: "none", want: []string{"policy"}},
	{name: "script", old: "Text", new: "Text<script>pwned = 1</script>", want: []string{"console", "element", "policy", "ran"}},
	{name: "script that may run", old: "Text", new: "Text<script>document.write(1)</script>", policy: "script-src 'unsafe-inline'", want: []string{"element", "text"}},
	{name: "dialog", old: "Text", new: "Text<script>alert(1)</script>", policy: "script-src 'unsafe-inline'", want: []string{"element", "window"}},
	{name: "console", old: "Text", new: "Text<script>console.log(1)</script>", policy: "script-src 'unsafe-inline'", want: []string{"console", "element"}},
	{name: "exception", old: "Text", new: "Text<script>throw 1</script>", policy: "script-src 'unsafe-inline'", want: []string{"console", "element"}},
	{name: "image", old: "Text", new: `Text<img src=/x alt=x onerror="pwned = 1">`, want: []string{"attribute", "console", "element", "policy", "ran", "request"}},
	{name: "style attribute", old: "<p>", new: `<p style="font-weight: bold">`, want: []string{"attribute"}},
	{name: "style", old: "<p>", new: "<style>p { display: none }</style><p>", want: []string{"text"}},
	{name: "frame", old: "Text", new: "Text<iframe title=x srcdoc=x></iframe>", want: []string{"attribute", "element"}},
	{name: "input", old: "Text", new: "Text<input hidden>", want: []string{"element"}},
	{name: "link", old: "https://example.com/", new: "javascript:pwned=1", want: []string{"link"}},
	{name: "escaped twice", old: "&amp;", new: "&amp;amp;", want: []string{"text"}},
}

// TestBrowserFaults has pages with a fault each, so that what TestBrowser looks for is known to be found.
func TestBrowserFaults(t *testing.T) {
	modules := browserModules(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i, tt := range faultyPages {
			if r.URL.Path != fmt.Sprint("/", i) {
				continue
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if tt.policy != "none" {
				w.Header().Set("Content-Security-Policy", goodPolicy+"; "+tt.policy)
			}
			if tt.name == "status" {
				w.WriteHeader(http.StatusTeapot)
			}
			fmt.Fprint(w, strings.Replace(goodPage, cmp.Or(tt.old, "\x00"), tt.new, 1))
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	var pages []browserPage
	for i, tt := range faultyPages {
		pages = append(pages, browserPage{name: tt.name, path: fmt.Sprint("/", i), url: server.URL, brief: true, shows: []string{"Text & text."}})
	}
	found := lookAtPages(t, modules, pages)
	for i, tt := range faultyPages {
		if tt.old != "" && !strings.Contains(goodPage, tt.old) {
			t.Errorf("%s: nothing to replace", tt.name)
		}
		if diff := gocmp.Diff(tt.want, slices.Sorted(maps.Keys(found[i]))); diff != "" {
			t.Errorf("%s: kinds of faults (-want +got):\n%s%v", tt.name, diff, found[i])
		}
	}
}

// TestBrowser looks at Meta's pages in Chromium: in light and dark, on a desktop and on a telephone 360 px wide, without
// scripts, and as a browser that knows no Content-Security-Policy. What axe-core calls serious or critical is a fault.
func TestBrowser(t *testing.T) {
	modules := browserModules(t)
	var pages []browserPage
	for _, serve := range []func(*testing.T) (http.Handler, []browserPage){plainPages, largePages, hostilePages, formPages} {
		h, list := serve(t)
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		for _, p := range list {
			p.url = server.URL
			pages = append(pages, p)
		}
	}
	for i, found := range lookAtPages(t, modules, pages) {
		for kind, details := range found {
			t.Errorf("%s: %s:\n%s", pages[i].name, kind, strings.Join(details, "\n"))
		}
	}
}

// plainPages is a site as many are.
func plainPages(t *testing.T) (http.Handler, []browserPage) {
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, acme), "acme/empty": gittest.New(t, "")})
	h := vanity.Meta(vanity.Site{Host: "go.acme.test", Proxy: "/go", Paths: map[string]vanity.Import{
		"Tool":        {Repo: server.URL + "/acme/mono", Directory: "libs/tool", Tags: "tool-*", VCS: "git", Display: "gitea", Description: "It cuts, and welds."},
		"Tool/sub":    {Repo: "https://github.com/acme/sub"},
		"new":         {Repo: server.URL + "/acme/empty", Tags: "v*", VCS: "git"},
		"down":        {Repo: "http://127.0.0.1:1/acme/down", Tags: "v*", VCS: "git"},
		"net/http2":   {Repo: "https://git.acme.test/http2", VCS: "git", Description: "HTTP of version 2 & beyond: Größe, 日本語, \U0001F642."},
		"net/metrics": {Proxy: "https://proxy.golang.org"},
		"libs/*":      {Repo: "https://github.com/acme/*", Description: "The library *."},
	}}, quiet(), vanity.WithFreshness(time.Hour))
	awaitVersions(t, h, "/Tool")
	return h, []browserPage{
		{name: "index", path: "/", shows: []string{"go.acme.test/libs/*", "The library *.", "HTTP of version 2 & beyond: Größe, 日本語, \U0001F642."}},
		{name: "part of the index", path: "/net", shows: []string{"go.acme.test/net/http2"}},
		{name: "module", path: "/Tool", shows: []string{"go get go.acme.test/Tool", "It cuts, and welds.", "v1.2.0-rc.1", "1 January 2024", "go.acme.test/Tool/v2", "go.acme.test/Tool/sub"}},
		{name: "major version", path: "/Tool/v2", shows: []string{"go get go.acme.test/Tool/v2", "v2.0.0"}},
		{name: "package", path: "/Tool/pkg/x", shows: []string{"go get go.acme.test/Tool/pkg/x"}},
		{name: "no versions yet", path: "/new", shows: []string{"There are no versions yet."}},
		{name: "host is down", path: "/down", shows: []string{"The versions can't be listed at the moment."}},
		{name: "bare module", path: "/net/metrics", shows: []string{"go get go.acme.test/net/metrics"}},
		{name: "absent", path: "/absent", status: http.StatusNotFound, bare: true, shows: []string{"404 page not found"}},
		{name: "go command", path: "/Tool?go-get=1", bare: true, shows: []string{"go get go.acme.test/Tool"}},
	}
}

// largePages is a site with much of everything: modules, versions, letters without a break.
func largePages(t *testing.T) (http.Handler, []browserPage) {
	elem := strings.Repeat("abcdefghij", 6)
	long := strings.Repeat(elem+"/", 4) + strings.ToUpper(elem)
	repo := gittest.New(t, "print go.mod 'module go.acme.test/many'\ncommit one\n")
	refs := "# pack-refs with: peeled fully-peeled\n"
	for i := range 1000 {
		refs += fmt.Sprintf("%s refs/tags/v1.%d.0\n", repo.Git("rev-parse", "HEAD"), i)
	}
	refs += fmt.Sprintf("%s refs/tags/v1.1000.0-%s\n", repo.Git("rev-parse", "HEAD"), elem)
	if err := os.WriteFile(filepath.Join(repo.GitDir(), "packed-refs"), []byte(refs), 0o666); err != nil {
		t.Fatal(err)
	}
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{long: repo})
	im := vanity.Import{Repo: server.URL + "/" + long, VCS: "git", Display: "gitea", Tags: "v*", Description: strings.Repeat("Very long. ", 40) + elem + elem}
	site := vanity.Site{Host: "go.acme.test", Proxy: "/go", Paths: map[string]vanity.Import{"a/" + long: im}}
	for i := range 500 {
		site.Paths[fmt.Sprintf("m%03d", i)] = im
	}
	h := vanity.Meta(site, vanity.WithFreshness(time.Hour))
	awaitVersions(t, h, "/a/"+long)
	return h, []browserPage{
		{name: "large index", path: "/", shows: []string{long, im.Description, "go.acme.test/m498", "More modules"}},
		{name: "rest of a large index", path: "/?after=m498", shows: []string{"go.acme.test/m499"}},
		{name: "many versions", path: "/a/" + long, shows: []string{long, im.Description, "v1.1000.0-" + elem, "v1.999.0", "v1.600.0"}},
		{name: "long path", path: "/a/" + long + "/" + long, shows: []string{long + "/" + long}},
	}
}

// awaitVersions waits for the page of a module to have them, as on a busy machine the first may not.
func awaitVersions(t *testing.T, h http.Handler, path string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if strings.Contains(w.Body.String(), "<table>") {
			return
		}
	}
	t.Fatalf("%s: no versions", path)
}

// hostileTexts would do something if they were taken for HTML, in one place or another. They have no blanks, which few
// values may have.
var hostileTexts = []string{
	`<script>pwned=1</script>`,
	`"><img/src=x/onerror=pwned=1>`,
	`"onmouseover="pwned=1"style="position:fixed;inset:0`,
	`'autofocus/onfocus='pwned=1`,
	`</title></style></textarea><svg/onload=pwned=1>`,
	`--><iframe/srcdoc="<script>top.pwned=1</script>">`,
	`{{.}}{{template"x"}}`,
	`&lt;b&gt;&amp;amp;`,
	`javascript:pwned=1`,
}

// hostilePages is a site whose every value that may hold HTML does, behind something that passes on requests whose
// every header does as well.
func hostilePages(t *testing.T) (http.Handler, []browserPage) {
	repo := gittest.New(t, "commit empty\n")
	server := gittest.Serve(t, gittest.AllFilters, nil)
	site := vanity.Site{Host: "go.acme.test", Paths: make(map[string]vanity.Import)}
	var pages []browserPage
	for i, text := range hostileTexts {
		inURL := server.URL + "/" + text
		inTags := strings.ReplaceAll(text, ":", "") // what git allows of it
		im := vanity.Import{Repo: inURL, VCS: "git", Proxy: "https://go.acme.test/" + text + "/x", Directory: text, Tags: inTags + "*", Description: text + " " + text}
		server.Put(text, repo)
		repo.Write(text+"/go.mod", []byte("module go.acme.test/m\n"))
		repo.Git("update-ref", "refs/tags/"+inTags+"1.0.0", repo.Commit("one more"))
		inTemplate := strings.NewReplacer("{", "%7B", "}", "%7D").Replace(inURL) // where braces are for placeholders
		for j, display := range []string{
			inTemplate + " " + inTemplate + "{/dir}?{commit} " + inTemplate + "{/dir}/{file}?{commit}#L{line}",
			"javascript:" + text + " " + text + "{/dir} " + text + "{/dir}/{file}#L{line}",
		} {
			im.Display = display
			key := fmt.Sprintf("m%d/%d", i, j)
			site.Paths[key] = im
			query := "&q=" + url.QueryEscape(text) + "&after=" + url.QueryEscape(text) + "#" + url.PathEscape(text)
			pages = append(pages,
				browserPage{name: "hostile module " + key, path: "/" + key + "?a=b" + query, brief: true, shows: []string{"go.acme.test/" + key, im.Description, "v1.0.0"}},
				browserPage{name: "hostile module for the go command " + key, path: "/" + key + "?go-get=1" + query, bare: true, shows: []string{"go.acme.test/" + key}})
		}
		pages = append(pages,
			browserPage{name: fmt.Sprint("hostile path ", i), path: fmt.Sprintf("/m%d/0/%s", i, url.PathEscape(text)), status: http.StatusNotFound, bare: true, shows: []string{"404 page not found"}})
	}
	pages = append(pages, browserPage{name: "hostile index", path: "/", shows: hostileTexts})
	meta := vanity.Meta(site, vanity.WithFreshness(time.Hour))
	for key := range site.Paths {
		awaitVersions(t, meta, "/"+key)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := strings.Join(hostileTexts, " ")
		r.Host = text
		for _, name := range []string{"Referer", "User-Agent", "Accept-Language", "Cookie", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"} {
			r.Header.Set(name, text)
		}
		meta.ServeHTTP(w, r)
	}), pages
}

// formPages is a Gosub with a form, filled in well, badly and with what looks like HTML.
func formPages(t *testing.T) (http.Handler, []browserPage) {
	script := formMono
	for i := range 30 {
		script = fmt.Sprintf("tag libs/own/v0.%d.0\ntag libs/mod%d/v1.0.0\n", i, i) + script
	}
	repo := gittest.New(t, "write one\ncommit zero\n"+script)
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	const mono = "https://git.acme.test/acme/mono"
	pages := []browserPage{
		{name: "form", path: "/go/", shows: []string{"A proxy for any Go module", "Tag pattern", "Repositories of git.acme.test are served here."}},
		{name: "form filled in", path: "/go" + formQuery(mono, "libs/own", "libs/own/v*", ""), shows: []string{"v1.1.0", "libs/own/v0.25.0", "go get go.acme.test/own@v1.1.0", "2024.01.02", `"><script>alert(1)</script>-*`}},
		{name: "form with faults", path: "/go/" + formQuery("https://git.acme.test:1/x", "/a", "x", "x"), shows: []string{"Begins with a slash"}},
		{name: "form without a fit", path: "/go/" + formQuery(mono, "libs", "x-*", ""), shows: []string{"No tag fits x-*", "has no go.mod"}},
		{name: "form in doubt", path: "/go/" + formQuery(mono, "libs/own", "", ""), shows: []string{"say which are meant"}},
	}
	for i, text := range hostileTexts {
		pages = append(pages, browserPage{name: fmt.Sprint("hostile form ", i), path: "/go/" + formQuery(text, text, text, text), brief: true, shows: []string{"Module path"}})
	}
	for i := range pages {
		pages[i].form = true
	}
	return vanity.Gosub("/go", trusting(server)...), pages
}

// browserModules is the directory of the npm packages that a test needs which looks at pages.
func browserModules(t *testing.T) string {
	dir := os.Getenv("VANITY_BROWSER")
	if dir == "" {
		t.Skip("set VANITY_BROWSER to a directory where npm install playwright-core@1.65.1 axe-core@4.14.1 was run, and CHROMIUM to a Chromium that is not on the PATH")
	}
	return dir
}

// lookAtPages returns what is wrong with each page. Screenshots go to the directory VANITY_SCREENSHOTS, if it is set.
func lookAtPages(t *testing.T, modules string, pages []browserPage) []browserFaults {
	t.Helper()
	shots := cmp.Or(os.Getenv("VANITY_SCREENSHOTS"), t.TempDir())
	var looks []browserLook
	var ends []int // of each page's
	for _, p := range pages {
		all := []browserLook{
			{name: "light", Width: 1280, Height: 800, Screenshot: "light"},
			{name: "dark", Width: 1280, Height: 800, Dark: true, Screenshot: "dark"},
			{name: "light phone", Width: 360, Height: 740, Mobile: true, Screenshot: "light-360"},
			{name: "dark phone", Width: 360, Height: 740, Mobile: true, Dark: true, Screenshot: "dark-360"},
			{name: "no scripts", Width: 1280, Height: 800, NoScript: true},
			{name: "no policy", Width: 1280, Height: 800, NoPolicy: true},
		}
		switch {
		case p.bare:
			all = []browserLook{all[0], all[5]}
		case p.brief:
			all = []browserLook{all[0], all[3], all[4], all[5]}
		}
		for _, l := range all {
			l.URL = p.url + p.path
			if l.Screenshot != "" {
				l.Screenshot = filepath.Join(shots, strings.NewReplacer(" ", "-", "/", "-").Replace(t.Name()+"-"+p.name+"-"+l.Screenshot)+".png")
			}
			looks = append(looks, l)
		}
		ends = append(ends, len(looks))
	}
	reports := browse(t, modules, looks)
	found := make([]browserFaults, len(pages))
	minor := make(map[string]bool)
	begin := 0
	for i, p := range pages {
		found[i] = pageFaults(t, p, looks[begin:ends[i]], reports[begin:ends[i]], minor)
		begin = ends[i]
	}
	return found
}

// TestBrowserKeyboard fills in the form by keyboard alone, with and without scripts.
func TestBrowserKeyboard(t *testing.T) {
	modules := browserModules(t)
	h, pages := formPages(t)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	keys := []string{"Tab", "=https://git.acme.test/acme/mono", "Tab", "=libs/own", "Tab", "=libs/own/v*", "Tab", "Tab", "Enter"}
	looks := []browserLook{
		{URL: server.URL + pages[0].path, Width: 1280, Height: 800, Keys: keys},
		{URL: server.URL + pages[0].path, Width: 360, Height: 740, Mobile: true, NoScript: true, Keys: keys},
		{URL: server.URL + pages[0].path, Width: 360, Height: 740, Keys: append(keys[:6:6], "Enter")},
	}
	for i, r := range browse(t, modules, looks) {
		for _, want := range pages[1].shows {
			if !strings.Contains(r.Text, want) {
				t.Errorf("%d: no %q at %s:\n%s", i, want, r.URL, r.Text)
			}
		}
		if len(r.Violations) > 0 || len(r.Console) > 0 || len(r.Requests) != 1 {
			t.Errorf("%d: violations %q, console %q, requests %q", i, r.Violations, r.Console, r.Requests)
		}
	}
}

// browse has look.mjs look.
func browse(t *testing.T, modules string, looks []browserLook) (reports []browserReport) {
	t.Helper()
	chromium, err := exec.LookPath(cmp.Or(os.Getenv("CHROMIUM"), "chromium"))
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	in, out := filepath.Join(tmp, "in.json"), filepath.Join(tmp, "out.json")
	data, err := json.Marshal(map[string]any{"executable": chromium, "looks": looks})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, data, 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "testdata/browser/look.mjs", modules, in, out)
	cmd.Env = gittest.Environ("HOME=" + tmp)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // then it ends the browser, too
	cmd.WaitDelay = 10 * time.Second
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node: %v\n%s", err, msg)
	}
	if data, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &reports); err != nil || len(reports) != len(looks) {
		t.Fatalf("%d reports for %d looks: %v", len(reports), len(looks), err)
	}
	return reports
}

// pageFaults returns what is wrong with p, by the reports of all looks at it. What is not serious is logged, unless it is
// in minor already.
func pageFaults(t *testing.T, p browserPage, looks []browserLook, reports []browserReport, minor map[string]bool) browserFaults {
	faults := make(browserFaults)
	for i, l := range looks {
		r := reports[i]
		lookFaults(faults, p, l, r)
		if p.bare {
			continue
		}
		for _, v := range r.Axe {
			detail := fmt.Sprintf("%s: %s: %s (%s)\n%s", l.name, v.ID, v.Help, v.Impact, strings.Join(v.Nodes, "\n"))
			if serious := v.Impact == "serious" || v.Impact == "critical"; serious && !v.Undecided {
				faults.add(v.ID, "%s", detail)
			} else if !minor[v.ID] {
				minor[v.ID] = true
				t.Logf("%s: no fault, but see: %s", p.name, detail)
			}
		}
		if r.Text != reports[0].Text {
			faults.add("text", "%s: the text is another:\n%s", l.name, gocmp.Diff(reports[0].Text, r.Text))
		}
		if r.Policy == "" {
			faults.add("policy", "%s: there is none", l.name)
		}
		if r.Width != l.Width || r.ScrollWidth > r.Width {
			faults.add("width", "%s: %d of %d px, scrolling to %d", l.name, r.Width, l.Width, r.ScrollWidth)
		}
		if len(r.BrokenWords) > 0 {
			faults.add("word", "%s: broken: %q", l.name, r.BrokenWords)
		}
		if l.Screenshot == "" {
			continue
		}
		if light := brightness(t, l.Screenshot); l.Dark && light > 0.4 || !l.Dark && light < 0.6 {
			faults.add("scheme", "%s: the brightness is %.1f", l.name, light)
		}
	}
	return faults
}

// lookFaults adds what is wrong with p by one look at it, whoever it is for.
func lookFaults(faults browserFaults, p browserPage, l browserLook, r browserReport) {
	if r.Status != cmp.Or(p.status, http.StatusOK) || r.URL != l.URL {
		faults.add("status", "%s: %s: %d", l.name, r.URL, r.Status)
	}
	for kind, list := range map[string][]string{"policy": r.Violations, "console": r.Console, "window": r.Windows} {
		for _, what := range list {
			of, _, refused := strings.Cut(what, ": error: Failed to load resource: the server responded with a status of ")
			if refused && (of == l.URL || strings.HasSuffix(of, "/favicon.ico")) {
				continue // the status of the first is judged above, the second is Chromium's own idea
			}
			faults.add(kind, "%s: %s", l.name, what)
		}
	}
	for _, url := range r.Requests {
		if page, _, _ := strings.Cut(l.URL, "#"); url != page {
			faults.add("request", "%s: %s", l.name, url)
		}
	}
	if r.Type != "text/html" {
		r.Elements, r.Attributes = nil, nil // they are Chromium's own, around the text
	}
	for _, name := range r.Elements {
		if p.form && (name == "form" || name == "input") {
			continue
		}
		if slices.Contains([]string{"script", "img", "iframe", "frame", "object", "embed", "svg", "math", "form", "input", "base", "template"}, name) {
			faults.add("element", "%s: <%s>", l.name, name)
		}
	}
	for _, name := range r.Attributes {
		if strings.HasPrefix(name, "on") || name == "style" || name == "srcdoc" || name == "src" {
			faults.add("attribute", "%s: %s", l.name, name)
		}
	}
	for _, url := range r.Links {
		if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") && url != "data:," {
			faults.add("link", "%s: %s", l.name, url)
		}
	}
	if r.Ran {
		faults.add("ran", "%s: a script", l.name)
	}
	for _, text := range p.shows {
		if !strings.Contains(r.Text, text) {
			faults.add("text", "%s: %q is not to be read in:\n%s", l.name, text, r.Text)
		}
	}
}

// brightness returns the mean brightness of a picture, 0 being black.
func brightness(t *testing.T, name string) float64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0.0, 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 3 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			sum += float64(r+g+b) / (3 * 0xffff)
			n++
		}
	}
	return sum / float64(n)
}
