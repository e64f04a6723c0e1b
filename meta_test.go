package vanity_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/vanity"

	"github.com/google/go-cmp/cmp"
)

// metaTags reads a page as parseMetaGoImports in cmd/go/internal/vcs/discovery.go does, and returns the contents of
// the tags that go by name.
func metaTags(page []byte, name string) ([]string, error) {
	attr := func(attrs []xml.Attr, key string) string {
		for _, a := range attrs {
			if strings.EqualFold(a.Name.Local, key) {
				return a.Value
			}
		}
		return ""
	}
	d := xml.NewDecoder(bytes.NewReader(page))
	d.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("charset %q", charset)
	}
	d.Strict = false
	var contents []string
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			return contents, nil
		}
		if err != nil {
			return contents, err // the go command goes on with what it has; we want it all
		}
		switch e := token.(type) {
		case xml.StartElement:
			if strings.EqualFold(e.Name.Local, "body") {
				return contents, nil
			}
			if strings.EqualFold(e.Name.Local, "meta") && attr(e.Attr, "name") == name {
				contents = append(contents, attr(e.Attr, "content"))
			}
		case xml.EndElement:
			if strings.EqualFold(e.Name.Local, "head") {
				return contents, nil
			}
		}
	}
}

// metaMatch is the tag that the go command chooses for importPath, as parseMetaGoImports and matchGoImport do: mod
// tags come first and make others of the same prefix void, and two that match are an error.
func metaMatch(contents []string, importPath string) (string, error) {
	var mods, others []string
	have := make(map[string]bool)
	for _, c := range contents {
		if f := strings.Fields(c); (len(f) == 3 || len(f) == 4) && f[1] == "mod" {
			have[f[0]] = true
			mods = append(mods, c)
		}
	}
	for _, c := range contents {
		if f := strings.Fields(c); (len(f) == 3 || len(f) == 4) && f[1] != "mod" && !have[f[0]] {
			others = append(others, c)
		}
	}
	match := ""
	for _, c := range append(mods, others...) {
		f := strings.Fields(c)
		if importPath != f[0] && !strings.HasPrefix(importPath, f[0]+"/") {
			continue
		}
		if match != "" {
			if strings.Fields(match)[1] == "mod" && f[1] != "mod" {
				break
			}
			return "", fmt.Errorf("multiple meta tags match import path %q", importPath)
		}
		match = c
	}
	if match == "" {
		return "", fmt.Errorf("no go-import meta tags (%s)", importPath)
	}
	return match, nil
}

// metaPage asks the server at base, which plays all hosts, for the page of importPath. There may be tags in a page of any
// status.
func metaPage(base, importPath string) (page []byte, status string, err error) {
	host, path, _ := strings.Cut(importPath, "/")
	if !strings.Contains(host, ".") {
		return nil, "", errors.New("import path does not begin with hostname")
	}
	req, err := http.NewRequest("GET", base+"/"+path+"?go-get=1", nil)
	if err != nil {
		return nil, "", err
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	page, err = io.ReadAll(res.Body)
	return page, res.Status, err
}

// metaLookup asks the server at base where the code of importPath lives, with all of the steps of
// repoRootForImportDynamic in cmd/go/internal/vcs/vcs.go. It returns the tag.
func metaLookup(base, importPath string) (string, error) {
	match := func(path string) (string, error) {
		page, status, err := metaPage(base, path)
		if err != nil {
			return "", err
		}
		contents, err := metaTags(page, "go-import")
		if len(contents) == 0 && status != "200 OK" {
			return "", errors.New(status)
		}
		if err != nil {
			return "", err
		}
		return metaMatch(contents, importPath)
	}
	tag, err := match(importPath)
	if err != nil {
		return "", err
	}
	f := strings.Fields(tag)
	if f[0] != importPath {
		again, err := match(f[0])
		if err != nil || again != tag {
			return "", fmt.Errorf("%s and %s disagree: %q, %q, %v", importPath, f[0], tag, again, err)
		}
	}
	if len(f) == 4 && (f[3][0] == '/' || f[3][0] == '-') {
		return "", fmt.Errorf("invalid subdirectory %q", f[3])
	}
	if u, err := url.Parse(f[2]); err != nil || u.Scheme == "" || u.Scheme == "file" {
		return "", fmt.Errorf("invalid repo root %q", f[2])
	}
	if !slices.Contains([]string{"mod", "git", "hg", "svn", "bzr", "fossil"}, f[1]) {
		return "", fmt.Errorf("unknown vcs %q", f[1])
	}
	return tag, nil
}

// metaGet makes a request of h as a server would see it, and returns the answer.
func metaGet(tb testing.TB, h http.Handler, method, target string, header ...string) (*http.Response, []byte) {
	tb.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	req, err := http.NewRequest(method, server.URL+target, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res, body
}

func metaSite(host string, im vanity.Import) vanity.Site {
	return vanity.Site{Host: host, Paths: map[string]vanity.Import{"tool": im}}
}

func TestMetaTags(t *testing.T) {
	const repo = "https://github.com/acme/mono"
	tests := []struct {
		name   string
		im     vanity.Import
		want   []string // go-import
		chosen int      // index in want of what the go command takes
	}{
		{
			name: "git inferred",
			im:   vanity.Import{Repo: repo},
			want: []string{"go.acme.dev/tool git " + repo},
		},
		{
			name: "tags spelt out",
			im:   vanity.Import{Repo: repo, Tags: "v*"},
			want: []string{"go.acme.dev/tool git " + repo},
		},
		{
			name: "ssh, inferred",
			im:   vanity.Import{Repo: "ssh://git@codeberg.org/acme/mono"},
			want: []string{"go.acme.dev/tool git ssh://git@codeberg.org/acme/mono"},
		},
		{
			name: "host in capitals, with a port",
			im:   vanity.Import{Repo: "https://Git.sr.ht:443/~acme/mono"},
			want: []string{"go.acme.dev/tool git https://Git.sr.ht:443/~acme/mono"},
		},
		{
			name: "hg",
			im:   vanity.Import{Repo: "https://hg.acme.dev/mono", VCS: "hg"},
			want: []string{"go.acme.dev/tool hg https://hg.acme.dev/mono"},
		},
		{
			name: "svn",
			im:   vanity.Import{Repo: "svn+ssh://svn@acme.dev/mono", VCS: "svn"},
			want: []string{"go.acme.dev/tool svn svn+ssh://svn@acme.dev/mono"},
		},
		{
			name: "bzr",
			im:   vanity.Import{Repo: "bzr://acme.dev/mono", VCS: "bzr"},
			want: []string{"go.acme.dev/tool bzr bzr://acme.dev/mono"},
		},
		{
			name: "fossil",
			im:   vanity.Import{Repo: "https://acme.dev/mono", VCS: "fossil"},
			want: []string{"go.acme.dev/tool fossil https://acme.dev/mono"},
		},
		{
			name: "mod by VCS",
			im:   vanity.Import{Repo: "https://proxy.acme.dev/", VCS: "mod"},
			want: []string{"go.acme.dev/tool mod https://proxy.acme.dev"},
		},
		{
			name: "directory",
			im:   vanity.Import{Repo: repo, Directory: "go/tool"},
			want: []string{"go.acme.dev/tool git " + repo + " go/tool"},
		},
		{
			name: "directory with a slash, tags spelt out",
			im:   vanity.Import{Repo: repo, Directory: "go/tool/", Tags: "go/tool/v*"},
			want: []string{"go.acme.dev/tool git " + repo + " go/tool"},
		},
		{
			name: "proxy alone",
			im:   vanity.Import{Proxy: "https://proxy.acme.dev/p/"},
			want: []string{"go.acme.dev/tool mod https://proxy.acme.dev/p"},
		},
		{
			name: "proxy by path",
			im:   vanity.Import{Proxy: "/go"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go"},
		},
		{
			name: "proxy at the root",
			im:   vanity.Import{Proxy: "/"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev"},
		},
		{
			name: "proxy is a gosub URL",
			im:   vanity.Import{Proxy: "/go/github.com/acme/mono:d=go%2Ftool&p=;"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go/github.com/acme/mono:d=go%2Ftool&p=;"},
		},
		{
			name: "proxy and repository",
			im:   vanity.Import{Repo: repo, Proxy: "/go"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go", "go.acme.dev/tool git " + repo},
		},
		{
			name: "proxy and repository, tags spelt out",
			im:   vanity.Import{Repo: repo, Proxy: "http://10.0.0.1:8080", Tags: "v*"},
			want: []string{"go.acme.dev/tool mod http://10.0.0.1:8080", "go.acme.dev/tool git " + repo},
		},
		{
			name: "proxy and directory with the go command's tags",
			im:   vanity.Import{Repo: repo, Proxy: "/go", Directory: "go", Tags: "go/v*"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go", "go.acme.dev/tool git " + repo + " go"},
		},
		{
			name: "proxy and directory, tags v*",
			im:   vanity.Import{Repo: repo, Proxy: "/go", Directory: "go"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go"},
		},
		{
			name: "proxy and directory, tags v* spelt out",
			im:   vanity.Import{Repo: repo, Proxy: "/go", Directory: "go", Tags: "v*"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go"},
		},
		{
			name: "proxy and tags of one's own; the host needs no vcs, since no tag says it",
			im:   vanity.Import{Repo: "https://git.acme.dev/mono", Proxy: "/go", Tags: "tool-*"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go"},
		},
		{
			name: "proxy and a directory that a tag can't say",
			im:   vanity.Import{Repo: repo, Proxy: "/go", Directory: "-my tool"},
			want: []string{"go.acme.dev/tool mod https://go.acme.dev/go"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := vanity.Meta(metaSite("go.acme.dev", tt.im))
			_, body := metaGet(t, h, "GET", "/tool?go-get=1")
			got, err := metaTags(body, "go-import")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("go-import (-want +got):\n%s", diff)
			}
			server := httptest.NewServer(h)
			defer server.Close()
			for _, importPath := range []string{"go.acme.dev/tool", "go.acme.dev/tool/v2", "go.acme.dev/tool/a/b.c/d++"} {
				if got, err := metaLookup(server.URL, importPath); err != nil || got != tt.want[tt.chosen] {
					t.Errorf("lookup of %s: %q, %v, want %q", importPath, got, err, tt.want[tt.chosen])
				}
			}
		})
	}
}

// TestMetaSiteProxy has what the proxy of a site makes of imports.
func TestMetaSiteProxy(t *testing.T) {
	const repo = "https://github.com/acme/mono"
	const mod, git = "acme.dev/go/tool mod https://acme.dev/-", "acme.dev/go/tool git " + repo
	for _, tt := range []struct {
		im   vanity.Import
		want []string
	}{
		{vanity.Import{Repo: repo}, []string{git}},
		{vanity.Import{Repo: repo, Tags: "v*"}, []string{mod, git}},
		{vanity.Import{Repo: repo, Tags: "tool-*"}, []string{mod}},
		{vanity.Import{Repo: repo, Directory: "tool"}, []string{mod}},
		{vanity.Import{Repo: repo, Directory: "tool", Tags: "v*"}, []string{mod}},
		{vanity.Import{Repo: repo, Directory: "tool", Tags: "tool/v*"}, []string{mod, git + " tool"}},
		{vanity.Import{Repo: repo, Directory: "-my tool"}, []string{mod}},
		{vanity.Import{Repo: "https://git.acme.dev/mono", Tags: "tool-*"}, []string{mod}},
		{vanity.Import{Directory: "tool"}, []string{mod}},
		{vanity.Import{Repo: repo, Proxy: "https://proxy.acme.dev/x", Tags: "*"}, []string{"acme.dev/go/tool mod https://proxy.acme.dev/x"}},
		{vanity.Import{Repo: "https://hg.acme.dev/r", VCS: "hg", Directory: "tool"}, []string{"acme.dev/go/tool hg https://hg.acme.dev/r tool"}},
		{vanity.Import{Repo: "https://proxy.acme.dev/y", VCS: "mod"}, []string{"acme.dev/go/tool mod https://proxy.acme.dev/y"}},
	} {
		site := metaSite("acme.dev/go", tt.im)
		site.Proxy = "/-/"
		_, body := metaGet(t, vanity.Meta(site), "GET", "/go/tool/sub?go-get=1")
		if got, err := metaTags(body, "go-import"); err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%+v: %q, %v, want %q", tt.im, got, err, tt.want)
		}
	}
}

// TestMetaPrefix has every request in four columns: which prefix answers, for a host with and without a path.
func TestMetaPrefix(t *testing.T) {
	repo := func(name string) vanity.Import { return vanity.Import{Repo: "https://github.com/acme/" + name} }
	plain := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{
		"foo": repo("foo"), "/foo/bar/": repo("bar"), "/x/v2": repo("x2"), "x": repo("x"),
	}}
	rooted := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"/": repo("root"), "foo": repo("foo")}}
	below := vanity.Site{Host: "acme.dev/go/", Paths: map[string]vanity.Import{"foo": repo("foo")}}
	belowRooted := vanity.Site{Host: "acme.dev/go", Paths: map[string]vanity.Import{"": repo("root"), "/foo": repo("foo")}}
	long := strings.Repeat("/a", 1<<16)
	tests := []struct{ path, plain, rooted, below, belowRooted string }{
		{"/", "", "acme.dev", "", ""},
		{"/foo", "acme.dev/foo", "acme.dev/foo", "", ""},
		{"/foo/", "acme.dev/foo", "acme.dev/foo", "", ""},
		{"/foo/sub", "acme.dev/foo", "acme.dev/foo", "", ""},
		{"/foo/sub/", "acme.dev/foo", "acme.dev/foo", "", ""},
		{"/foobar", "", "acme.dev", "", ""},
		{"/fo", "", "acme.dev", "", ""},
		{"/Foo", "", "acme.dev", "", ""},
		{"/foo/bar", "acme.dev/foo/bar", "acme.dev/foo", "", ""},
		{"/foo/barn", "acme.dev/foo", "acme.dev/foo", "", ""},
		{"/foo/bar/baz", "acme.dev/foo/bar", "acme.dev/foo", "", ""},
		{"/x", "acme.dev/x", "acme.dev", "", ""},
		{"/x/v2/y", "acme.dev/x/v2", "acme.dev", "", ""},
		{"/x/v3/y", "acme.dev/x", "acme.dev", "", ""},
		{"/go", "", "acme.dev", "", "acme.dev/go"},
		{"/go/", "", "acme.dev", "", "acme.dev/go"},
		{"/gopher/foo", "", "acme.dev", "", ""},
		{"/go/foo", "", "acme.dev", "acme.dev/go/foo", "acme.dev/go/foo"},
		{"/go/foo/sub", "", "acme.dev", "acme.dev/go/foo", "acme.dev/go/foo"},
		{"/go/foobar", "", "acme.dev", "", "acme.dev/go"},
		{"/foo" + long, "acme.dev/foo", "acme.dev/foo", "", ""},
		{"/go/foo" + long, "", "acme.dev", "acme.dev/go/foo", "acme.dev/go/foo"},
		{"/go" + long, "", "acme.dev", "", "acme.dev/go"},
		// What is no import path is nobody's.
		{"/foo//sub", "", "", "", ""},
		{"/foo/sub//", "", "", "", ""},
		{"/foo/@v/list", "", "", "", ""},
		{"/go/foo/@v/list", "", "", "", ""},
		{"/foo/@latest", "", "", "", ""},
		{"/foo/a%20b", "", "", "", ""},
		{"/foo/a%0Ab", "", "", "", ""},
		{"/foo/%C3%A9", "", "", "", ""},
		{"/foo/%FF", "", "", "", ""},
		{"/foo/..", "", "", "", ""},
		{"/foo/%3Cscript%3E", "", "", "", ""},
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "next") })
	run := func(column string, site vanity.Site, want func(i int) string) {
		h := vanity.Meta(site, vanity.WithNext(next))
		server := httptest.NewServer(h)
		defer server.Close()
		for i, tt := range tests {
			for _, query := range []string{"", "?go-get=1"} {
				if query == "" && strings.Contains(tt.path, long) {
					continue // no page for people has such a path
				}
				res, err := http.Get(server.URL + tt.path + query)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				if string(body) != "next" {
					tags, err := metaTags(body, "go-import")
					if err != nil || len(tags) != 1 {
						t.Fatalf("%s: %.80s%s: tags %q, %v", column, tt.path, query, tags, err)
					}
					got, _, _ = strings.Cut(tags[0], " ")
				}
				if got != want(i) {
					t.Errorf("%s: %.80s%s: prefix %q, want %q", column, tt.path, query, got, want(i))
				}
			}
		}
	}
	run("plain", plain, func(i int) string { return tests[i].plain })
	run("rooted", rooted, func(i int) string { return tests[i].rooted })
	run("below", below, func(i int) string { return tests[i].below })
	run("belowRooted", belowRooted, func(i int) string { return tests[i].belowRooted })
}

// TestMetaWildcard has the tags of paths below wildcards, and of what beats them.
func TestMetaWildcard(t *testing.T) {
	const gh = "https://github.com/acme/"
	site := vanity.Site{Host: "acme.dev/go", Proxy: "/-", Paths: map[string]vanity.Import{
		"*":         {Repo: gh + "*", Display: "https://h/* https://h/*{/dir} _"},
		"/lib/*/":   {Repo: gh + "mono", Directory: "libs/*", Tags: "libs/*/v*"},
		"lib/x":     {Repo: gh + "x"},
		"lib/x/y/z": {Repo: gh + "z"},
		"tool":      {Repo: gh + "own"},
		"deep/er/*": {Repo: gh + "go-*-go.git", Tags: "*-v*"},
	}}
	rooted := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"": {Repo: gh + "root"}, "*": {Repo: gh + "*"}}}
	git := func(prefix, repo string) string { return "acme.dev/" + prefix + " git " + gh + repo }
	mod := func(prefix string) string { return "acme.dev/" + prefix + " mod https://acme.dev/-" }
	long := strings.Repeat("x", 255)
	for _, tt := range []struct {
		site vanity.Site
		path string
		want string // of the first tag; empty for no page
	}{
		{site, "/go", ""},
		{site, "/go/", ""},
		{site, "/a", ""},
		{site, "/go/a", git("go/a", "a")},
		{site, "/go/a/v2/sub", git("go/a", "a")},
		{site, "/go/A-b_c~d.e", git("go/A-b_c~d.e", "A-b_c~d.e")},
		{site, "/go/" + long, git("go/"+long, long)},
		{site, "/go/" + long + "x", ""},
		{site, "/go/tool/x", git("go/tool", "own")},
		{site, "/go/toolbox", git("go/toolbox", "toolbox")},
		{site, "/go/lib", git("go/lib", "lib")},
		{site, "/go/lib/v2", git("go/lib", "lib")},
		{site, "/go/lib/a", mod("go/lib/a")},
		{site, "/go/lib/a/v2/b", mod("go/lib/a")},
		{site, "/go/lib/x/y", git("go/lib/x", "x")},
		{site, "/go/lib/x/y/z/v3", git("go/lib/x/y/z", "z")},
		{site, "/go/deep/er", git("go/deep", "deep")},
		{site, "/go/deep/er/x/y", mod("go/deep/er/x")},
		// No elements.
		{site, "/go/v2", ""},
		{site, "/go/v10/x", ""},
		{site, "/go/a..b", ""},
		{site, "/go/a.", ""},
		{site, "/go/.a", ""},
		{site, "/go/-a", ""},
		{site, "/go/c++", ""},
		{site, "/go/con", ""},
		{site, "/go/a.git", ""},
		{site, "/go/a.Hg/x", ""},
		{site, "/go/*", ""},
		{site, "/go/lib/*", ""},
		{site, "/go/a%2Fb/c", git("go/a", "a")},
		{site, "/go/%2e%2e", ""},
		{site, "/go/a%20b", ""},
		{site, "/go/%C3%A9", ""},
		{site, "/go/a%00", ""},
		{site, "/go/a%3Fb", ""},
		{site, "/go/lib/" + long + "x", git("go/lib", "lib")},

		{rooted, "/", "acme.dev git " + gh + "root"},
		{rooted, "/v2/x", "acme.dev git " + gh + "root"},
		{rooted, "/a/b", git("a", "a")},
	} {
		_, body := metaGet(t, vanity.Meta(tt.site), "GET", tt.path+"?go-get=1")
		got, err := metaTags(body, "go-import")
		if err != nil || strings.Join(got[:min(len(got), 1)], "") != tt.want {
			t.Errorf("%.40s: %.200q, %v, want %.200q", tt.path, got, err, tt.want)
		}
	}
	_, body := metaGet(t, vanity.Meta(site), "GET", "/go/a/b?go-get=1")
	if got, err := metaTags(body, "go-source"); err != nil || !cmp.Equal(got, []string{"acme.dev/go/a https://h/a https://h/a{/dir} _"}) {
		t.Errorf("go-source: %q, %v", got, err)
	}
	site.Proxy = ""
	delete(site.Paths, "deep/er/*") // whose tags need it
	_, body = metaGet(t, vanity.Meta(site), "GET", "/go/lib/a/b?go-get=1")
	if got, err := metaTags(body, "go-import"); err != nil || !cmp.Equal(got, []string{git("go/lib/a", "mono libs/a")}) {
		t.Errorf("without a proxy: %q", got)
	}
}

// TestMetaAgree has sites whose prefixes overlap, and looks at every import as the go command does: it refuses what a
// page says of a prefix if the prefix's own page says something else.
func TestMetaAgree(t *testing.T) {
	const gh = "https://github.com/acme/"
	paths := map[string]vanity.Import{
		"*":               {Repo: gh + "*", Display: "https://h/* https://h/*{/dir} _"},
		"tool":            {Repo: gh + "tool", Proxy: "/p", Tags: "v*"},
		"tool/v2":         {Repo: gh + "tool2", Directory: "go", Tags: "go/v*"},
		"/tool/*/":        {Repo: gh + "mono", Directory: "tools/*", Tags: "tools/*/v*"},
		"tool/sub":        {Repo: "https://hg.acme.dev/sub", VCS: "hg"},
		"tool/sub/deep/":  {Repo: gh + "deep", VCS: "mod"},
		"tool/sub/deep/*": {Repo: gh + "deep-*", VCS: "svn"},
		"x/sub/*":         {Repo: gh + "x", Directory: "*"},
		"sub":             {Repo: gh + "sub", Directory: "sub"},
	}
	rooted := maps.Clone(paths)
	rooted["/"] = vanity.Import{Repo: gh + "root"}
	for _, site := range []vanity.Site{
		{Host: "acme.dev", Paths: paths},
		{Host: "acme.dev", Paths: rooted, Proxy: "/-", Hosts: []string{"b.test", "go.acme.dev"}},
		{Host: "acme.dev/tool/", Paths: rooted, Hosts: []string{"tool.test"}},
		{Host: "acme.dev/go", Paths: paths, Proxy: "https://proxy.acme.dev"},
	} {
		server := httptest.NewServer(vanity.Meta(site))
		_, below, _ := strings.Cut(site.Host, "/")
		for _, host := range append([]string{"acme.dev"}, site.Hosts...) {
			var prefixes []string
			for key := range site.Paths {
				prefixes = append(prefixes, path.Join(host, below, key))
			}
			for _, prefix := range prefixes {
				for _, elem := range []string{"a", "sub"} {
					metaAgree(t, server.URL, prefixes, strings.ReplaceAll(prefix, "*", elem))
				}
			}
		}
		server.Close()
	}
}

// metaAgree checks the lookups of a prefix and of paths below it, some of which belong to other prefixes.
func metaAgree(t *testing.T, base string, prefixes []string, prefix string) {
	t.Helper()
	for _, sub := range []string{"", "/v2", "/sub/deep/er", "/subs"} {
		tag, err := metaLookup(base, prefix+sub)
		if err != nil {
			t.Errorf("%s: %v", prefix+sub, err)
			continue
		}
		own, _, _ := strings.Cut(tag, " ")
		if want := metaLongest(prefixes, prefix+sub); own != want {
			t.Errorf("%s has the prefix %s, want %s", prefix+sub, own, want)
		}
		if diff := cmp.Diff(metaPageTags(t, base, own), metaPageTags(t, base, prefix+sub)); diff != "" {
			t.Errorf("%s (-tags of its prefix +tags):\n%s", prefix+sub, diff)
		}
	}
}

// metaLongest finds the longest of prefixes, some with wildcards, that importPath is at or below.
func metaLongest(prefixes []string, importPath string) string {
	for p := importPath; p != "."; p = path.Dir(p) {
		for _, prefix := range prefixes {
			if ok, err := path.Match(prefix, p); err == nil && ok && (p == prefix || path.Base(p) != "v2") {
				return p
			}
		}
	}
	return ""
}

// metaPageTags returns all tags of a page.
func metaPageTags(t *testing.T, base, importPath string) (contents []string) {
	t.Helper()
	page, status, err := metaPage(base, importPath)
	if err != nil || status != "200 OK" {
		t.Errorf("page of %s: %s, %v", importPath, status, err)
	}
	for _, name := range []string{"go-import", "go-source"} {
		c, err := metaTags(page, name)
		if err != nil {
			t.Errorf("page of %s: %v", importPath, err)
		}
		contents = append(contents, c...)
	}
	return contents
}

// FuzzMetaWildcard asserts that what a path has at a wildcard's place changes nothing else of a URL.
func FuzzMetaWildcard(f *testing.F) {
	f.Add("https://github.com/acme/*", "", "", "/tool/v2")
	f.Add("https://github.com/acme/mono", "libs/*", "libs/*/v*", "/a.b/c")
	f.Add("https://github.com/a%2f*/..*?", "*", "*.lock/v*", "/2e/..")
	f.Fuzz(func(t *testing.T, repo, dir, tags, path string) {
		site := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"*": {Repo: repo, VCS: "git", Directory: dir, Tags: tags}}}
		if site.Validate() != nil {
			return
		}
		r := httptest.NewRequest("GET", "/?go-get=1", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		vanity.Meta(site).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return
		}
		contents, err := metaTags(w.Body.Bytes(), "go-import")
		if err != nil || len(contents) != 1 {
			t.Fatalf("%+v, %q: %q, %v", site, path, contents, err)
		}
		elem, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		fields := strings.Fields(contents[0])
		got, err := url.Parse(fields[2])
		if err != nil {
			t.Fatalf("%+v, %q: %v", site, path, err)
		}
		want, err := url.Parse(strings.ReplaceAll(repo, "*", "NAME"))
		if err != nil {
			t.Fatalf("%+v, %q: %v", site, path, err)
		}
		if fields[0] != "acme.dev/"+elem || got.Scheme != want.Scheme || got.Host != want.Host || got.RawQuery != want.RawQuery ||
			got.Path != strings.ReplaceAll(want.Path, "NAME", elem) && !strings.Contains(repo, "NAME") ||
			strings.Count(got.EscapedPath(), "/") != strings.Count(want.EscapedPath(), "/") {
			t.Errorf("%+v, %q: %q", site, path, contents)
		}
		if dir != "" && strings.Count(fields[3], "/") != strings.Count(strings.TrimSuffix(dir, "/"), "/") {
			t.Errorf("%+v, %q: %q", site, path, contents)
		}
	})
}

// TestMetaHosts has the host names that requests may come with.
func TestMetaHosts(t *testing.T) {
	const repo = " git https://github.com/acme/tool"
	site := vanity.Site{Host: "acme.dev/go", Hosts: []string{"b.test", "c.b.test"}, Paths: map[string]vanity.Import{
		"tool": {Repo: "https://github.com/acme/tool", Proxy: "/-"},
		"*":    {Repo: "https://github.com/acme/*", Proxy: "https://acme.dev/-"},
		"":     {Repo: "https://github.com/acme/tool"},
	}}
	h := vanity.Meta(site)
	site.Hosts[1] = "evil.test"
	for _, tt := range []struct{ host, path, want string }{
		{"acme.dev", "/go/tool/x", "acme.dev/go/tool mod https://acme.dev/-; acme.dev/go/tool" + repo},
		{"b.test", "/go/tool/x", "b.test/go/tool mod https://b.test/-; b.test/go/tool" + repo},
		{"B.Test:8443", "/go/tool", "b.test/go/tool mod https://b.test/-; b.test/go/tool" + repo},
		{"c.b.test:443", "/go/a/v2", "c.b.test/go/a mod https://acme.dev/-; c.b.test/go/a git https://github.com/acme/a"},
		{"b.test", "/go", "b.test/go" + repo},
		{"b.test", "/tool", ""},
		{"evil.test", "/go", "acme.dev/go" + repo},
		{"b.test.", "/go", "acme.dev/go" + repo},
		{"b.test.evil.test", "/go", "acme.dev/go" + repo},
		{"xb.test", "/go", "acme.dev/go" + repo},
		{"b.test/go", "/go", "acme.dev/go" + repo},
		{"", "/go", "acme.dev/go" + repo},
		{":80", "/go", "acme.dev/go" + repo},
		{`"><script>`, "/go", "acme.dev/go" + repo},
	} {
		r := httptest.NewRequest("GET", tt.path+"?go-get=1", nil)
		r.Host = tt.host
		r.Header.Set("X-Forwarded-Host", "b.test")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got, err := metaTags(w.Body.Bytes(), "go-import")
		if err != nil || strings.Join(got, "; ") != tt.want {
			t.Errorf("%s%s: %q, %v, want %q", tt.host, tt.path, got, err, tt.want)
		}
		if strings.Contains(w.Body.String(), "evil") || strings.Contains(w.Body.String(), "<script") || w.Header().Get("Vary") != "" {
			t.Errorf("%s%s: %v\n%s", tt.host, tt.path, w.Header(), w.Body)
		}
	}
}

// TestMetaOddPaths has the paths that only a server's own tricks, or another handler's cutting, can lead to.
func TestMetaOddPaths(t *testing.T) {
	root := vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"": {Repo: "https://github.com/acme/root"}}}
	h := vanity.Meta(root)
	for path, want := range map[string]int{"": 200, "/": 200, "*": 404, "foo": 404, "foo/bar": 404} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("path %q: status %d, want %d", path, w.Code, want)
		}
	}
}

// TestMetaGoGet has the page for the go command.
func TestMetaGoGet(t *testing.T) {
	site := metaSite("acme.dev/go", vanity.Import{
		Repo: "https://github.com/acme/tool", Proxy: "/proxy", Display: "https://h/r _\t_", Description: "<A tool>",
		Redirect: "https://pkg.go.dev/{path}",
	})
	h := vanity.Meta(site)
	res, want := metaGet(t, h, "GET", "/go/tool?go-get=1")
	for _, target := range []string{
		"/go/tool?go-get=1", "/go/tool/?go-get=1", "/go/tool/sub?go-get=1", "/go/tool/v2/cmd/x/?go-get=1", "/go/tool/-/src/v1.0.0/x.go?go-get=1",
		"/go/tool/sub?go-get=1&q=%3Cscript%3Ealert(1)%3C/script%3E", "/go%2Ftool?q=;&go-get=1",
	} {
		again, got := metaGet(t, h, "GET", target, "X-Forwarded-Host", "evil.test")
		if !bytes.Equal(got, want) || again.StatusCode != 200 {
			t.Errorf("%s: status %d, page %q, want %q", target, again.StatusCode, got, want)
		}
		for _, key := range []string{"Content-Type", "Cache-Control", "ETag", "Content-Length"} {
			if again.Header.Get(key) != res.Header.Get(key) || res.Header.Get(key) == "" {
				t.Errorf("%s: %s is %q and %q", target, key, again.Header.Get(key), res.Header.Get(key))
			}
		}
	}
	if got := res.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type: %q", got)
	}
	const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="go-import" content="acme.dev/go/tool mod https://acme.dev/proxy">
<meta name="go-import" content="acme.dev/go/tool git https://github.com/acme/tool">
<meta name="go-source" content="acme.dev/go/tool https://h/r _ _">
<title>acme.dev/go/tool</title>
</head>
<body>
<p>go get acme.dev/go/tool</p>
</body>
</html>
`
	if diff := cmp.Diff(page, string(want)); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

// TestMetaBrowse has the link to the repository, which is there only if a browser can follow it.
func TestMetaBrowse(t *testing.T) {
	tests := []struct {
		im   vanity.Import
		want bool
	}{
		{vanity.Import{Repo: "https://github.com/acme/tool"}, true},
		{vanity.Import{Repo: "http://git.acme.dev/tool", VCS: "git"}, true},
		{vanity.Import{Repo: "https://git.acme.dev/tool", Proxy: "/go", Tags: "*"}, true},
		{vanity.Import{Repo: "ssh://git@github.com/acme/tool"}, false},
		{vanity.Import{Repo: "https://proxy.acme.dev", VCS: "mod"}, false},
		{vanity.Import{Proxy: "/go"}, false},
	}
	for _, tt := range tests {
		_, body := metaGet(t, vanity.Meta(metaSite("acme.dev", tt.im)), "GET", "/tool")
		if got := bytes.Contains(body, []byte(`<a href="`+tt.im.Repo+`">Repository</a>`)); got != tt.want {
			t.Errorf("%+v: link to the repository: %v, want %v", tt.im, got, tt.want)
		}
		if bytes.Contains(body, []byte("ZgotmplZ")) {
			t.Errorf("%+v: html/template refused a URL:\n%s", tt.im, body)
		}
	}
}

func TestMetaEscaping(t *testing.T) {
	hostile := []string{
		`https://g.dev/"><script>alert(1)</script>`,
		`https://g.dev/'/onload='x'`,
		`https://g.dev/a</head><body>`,
		`https://g.dev/a?x=1&amp;y=2&lt;&quot;#<!--`,
		`https://g.dev/c++/{{.}}/é/世界`,
		`https://g.dev/url=javascript:alert(1)`,
		"https://g.dev/`${x}`]]>",
	}
	for _, evil := range hostile {
		t.Run(evil, func(t *testing.T) {
			display := evil + " " + evil + "{/dir} " + evil + "{/dir}/{file}#L{line}"
			h := vanity.Meta(metaSite("acme.dev", vanity.Import{VCS: "git", Repo: evil, Display: display}))
			_, body := metaGet(t, h, "GET", "/tool/sub?go-get=1")
			imports, err := metaTags(body, "go-import")
			if err != nil {
				t.Fatal(err)
			}
			sources, err := metaTags(body, "go-source")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"acme.dev/tool git " + evil}, imports); diff != "" {
				t.Errorf("go-import (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"acme.dev/tool " + display}, sources); diff != "" {
				t.Errorf("go-source (-want +got):\n%s", diff)
			}
			for _, bad := range []string{"<script", "onload='", "<!--", "]]>"} {
				if bytes.Contains(body, []byte(bad)) {
					t.Errorf("%q in the page:\n%s", bad, body)
				}
			}
			if n := bytes.Count(body, []byte("<body>")); n != 1 {
				t.Errorf("%d bodies in the page:\n%s", n, body)
			}
		})
	}
}

func TestMetaNext(t *testing.T) {
	site := metaSite("acme.dev", vanity.Import{Repo: "https://github.com/acme/tool"})
	res, body := metaGet(t, vanity.Meta(site), "GET", "/other?go-get=1")
	if res.StatusCode != 404 || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("without a next handler: %s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	if bytes.Contains(body, []byte("other")) {
		t.Errorf("the answer echoes the request: %q", body)
	}

	var got []string
	h := vanity.Meta(site, vanity.WithNext(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.String())
		w.WriteHeader(http.StatusTeapot)
	})))
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
		for _, target := range []string{"/other?a=b", "/toolbox", "/tool/@v/list"} {
			if res, _ := metaGet(t, h, method, target); res.StatusCode != http.StatusTeapot {
				t.Errorf("%s %s: %s, not for the next handler", method, target, res.Status)
			}
			if last := got[len(got)-1]; last != method+" "+target {
				t.Errorf("%s %s: the next handler saw %s", method, target, last)
			}
		}
		for _, target := range []string{"/tool", "/tool/sub", "/tool/sub?go-get=1"} {
			n := len(got)
			metaGet(t, h, method, target)
			if isRead := method == "GET" || method == "HEAD"; isRead != (len(got) == n) {
				t.Errorf("%s %s: went to the next handler: %v", method, target, len(got) > n)
			}
		}
	}
}

func TestMetaMethods(t *testing.T) {
	h := vanity.Meta(metaSite("acme.dev", vanity.Import{Repo: "https://github.com/acme/tool"}))
	get, page := metaGet(t, h, "GET", "/tool?go-get=1")
	head, body := metaGet(t, h, "HEAD", "/tool/sub?go-get=1")
	if head.StatusCode != 200 || len(body) != 0 || head.ContentLength != int64(len(page)) {
		t.Errorf("HEAD: %s, %d bytes, Content-Length %d, want 200, 0, %d", head.Status, len(body), head.ContentLength, len(page))
	}
	for _, key := range []string{"ETag", "Cache-Control", "Content-Type"} {
		if get.Header.Get(key) != head.Header.Get(key) {
			t.Errorf("%s: %q for GET, %q for HEAD", key, get.Header.Get(key), head.Header.Get(key))
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"} {
		res, _ := metaGet(t, h, method, "/tool")
		if res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, res.Status, res.Header.Get("Allow"))
		}
	}
}

func TestMetaConditional(t *testing.T) {
	h := vanity.Meta(vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{
		"a": {Repo: "https://github.com/acme/a"},
		"b": {Repo: "https://github.com/acme/b"},
	}})
	a, _ := metaGet(t, h, "GET", "/a?go-get=1")
	b, _ := metaGet(t, h, "GET", "/b")
	etag := a.Header.Get("ETag")
	if etag == b.Header.Get("ETag") || len(etag) < 10 || etag[0] != '"' {
		t.Errorf("ETags %s and %s", etag, b.Header.Get("ETag"))
	}
	res, body := metaGet(t, h, "GET", "/a/sub?go-get=1", "If-None-Match", `"x", W/`+etag)
	if res.StatusCode != 304 || len(body) != 0 || res.Header.Get("Cache-Control") == "" {
		t.Errorf("same ETag: %s, %d bytes, Cache-Control %q", res.Status, len(body), res.Header.Get("Cache-Control"))
	}
	if res, _ := metaGet(t, h, "GET", "/b", "If-None-Match", etag); res.StatusCode != 200 {
		t.Errorf("other ETag: %s", res.Status)
	}
}

func TestMetaCacheControl(t *testing.T) {
	for age, want := range map[int]string{0: "public, max-age=86400", 1: "public, max-age=1", 3600: "public, max-age=3600"} {
		site := metaSite("acme.dev", vanity.Import{Repo: "https://github.com/acme/tool"})
		site.CacheMaxAge = age
		res, _ := metaGet(t, vanity.Meta(site), "GET", "/tool")
		if got := res.Header.Get("Cache-Control"); got != want {
			t.Errorf("CacheMaxAge %d: Cache-Control %q, want %q", age, got, want)
		}
	}
}

func TestMetaMounts(t *testing.T) {
	im := vanity.Import{Repo: "https://github.com/acme/tool"}
	mux := func(pattern string, h http.Handler) http.Handler {
		m := http.NewServeMux()
		m.Handle(pattern, h)
		return m
	}
	root := vanity.Site{Host: "acme.dev/go", Paths: map[string]vanity.Import{"": im}}
	tests := []struct {
		name string
		h    http.Handler
		path string // import path
		want string // prefix
	}{
		{"server", vanity.Meta(metaSite("acme.dev", im)), "acme.dev/tool/sub", "acme.dev/tool"},
		{"mux /", mux("/", vanity.Meta(metaSite("acme.dev", im))), "acme.dev/tool/sub", "acme.dev/tool"},
		{"mux /tool/", mux("/tool/", vanity.Meta(metaSite("acme.dev", im))), "acme.dev/tool", "acme.dev/tool"},
		{"server, host with a path", vanity.Meta(metaSite("acme.dev/go", im)), "acme.dev/go/tool/sub", "acme.dev/go/tool"},
		{"mux /go/", mux("/go/", vanity.Meta(metaSite("acme.dev/go", im))), "acme.dev/go/tool", "acme.dev/go/tool"},
		{"mux /go/, at the host's path", mux("/go/", vanity.Meta(root)), "acme.dev/go", "acme.dev/go"},
		{"mux /go/, below the host's path", mux("/go/", vanity.Meta(root)), "acme.dev/go/x", "acme.dev/go"},
	}
	for _, tt := range tests {
		server := httptest.NewServer(tt.h)
		got, err := metaLookup(server.URL, tt.path)
		server.Close()
		if want := tt.want + " git " + im.Repo; err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, want)
		}
	}
}

// TestMetaConcurrent is for the race detector; the map is changed after Meta returned, which must not matter.
func TestMetaConcurrent(t *testing.T) {
	site := metaSite("acme.dev", vanity.Import{Repo: "https://github.com/acme/tool"})
	h := vanity.Meta(site)
	server := httptest.NewServer(h)
	defer server.Close()
	site.Paths["tool"] = vanity.Import{Repo: "https://github.com/evil/tool"}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 8 {
				got, err := metaLookup(server.URL, "acme.dev/tool/sub")
				if want := "acme.dev/tool git https://github.com/acme/tool"; err != nil || got != want {
					t.Errorf("%q, %v, want %q", got, err, want)
				}
			}
		})
	}
	site.Paths["other"] = vanity.Import{Repo: "https://github.com/acme/other"}
	wg.Wait()
}

// metaPanic returns what Meta panics with.
func metaPanic(site vanity.Site, opts ...vanity.Option) any {
	return recovered(func() { vanity.Meta(site, opts...) })
}

// recovered returns what f panics with.
func recovered(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

func TestMetaOptions(t *testing.T) {
	site := metaSite("acme.dev", vanity.Import{Repo: "https://github.com/acme/tool"})
	if got := metaPanic(site, nil, vanity.WithClient(nil), vanity.WithLogger(nil), vanity.WithNext(nil)); got != nil {
		t.Errorf("panic with options that are of no use: %v", got)
	}
	err, ok := metaPanic(site, vanity.WithHosts("github.com")).(error)
	if !ok || !strings.HasPrefix(err.Error(), "vanity: Meta: WithHosts ") {
		t.Errorf("panic for WithHosts: %v", err)
	}
}

func TestSiteValidate(t *testing.T) {
	const gh = "https://github.com/acme/tool"
	ok := vanity.Import{Repo: gh}
	withHost := func(host string) vanity.Site { return metaSite(host, ok) }
	withHosts := func(hosts ...string) vanity.Site {
		return vanity.Site{Host: "acme.dev/go", Hosts: hosts, Paths: map[string]vanity.Import{"tool": ok}}
	}
	withKeys := func(keys ...string) vanity.Site {
		s := vanity.Site{Host: "acme.dev", Paths: make(map[string]vanity.Import)}
		for _, key := range keys {
			s.Paths[key] = ok
		}
		return s
	}
	with := func(im vanity.Import) vanity.Site { return metaSite("acme.dev", im) }
	wild := func(key string, im vanity.Import) vanity.Site {
		return vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{key: im}}
	}
	const (
		gitSchemes = "https, http, ssh, git+ssh, git"
		noURL      = "is not an absolute URL: scheme://host/path, the scheme one of "
		missing    = "missing, and so is proxy: one of the two must say where the code is"
		secret     = "has credentials, and everyone would see them"
		noStar     = `has no "*" to stand for the path element, nor has directory: every path would be the same module`
		wrongTags  = ", where pkg.go.dev would look for tags that the go command knows, not for those of tags: write {commit} in its directory and file, or leave it empty"
		knownKind  = "has a file as a git host of a known kind has it"
		circles    = " is a page of this import itself: a browser would go round in circles"
	)
	tests := []struct {
		site vanity.Site
		want string // after "vanity: site: "; empty for no fault
	}{
		{withHost("acme.dev"), ""},
		{withHost("acme.dev/go/"), ""},
		{withHost("xn--bcher-kva.example"), ""},
		{withHost(""), "host: missing: the import paths begin with it"},
		{withHost("/"), "host: missing: the import paths begin with it"},
		{withHost("https://acme.dev"), `host: "https://acme.dev" has a scheme: import paths have none`},
		{withHost("localhost:8080"), `host: "localhost:8080" has a port: the go command refuses import paths with a port`},
		{withHost("acme.dev:443/go"), `host: "acme.dev:443/go" has a port: the go command refuses import paths with a port`},
		{withHost("localhost"), `host: "localhost": missing dot in first path element`},
		{withHost("Acme.dev"), `host: "Acme.dev": invalid char 'A' in first path element`},
		{withHost("acme.dev."), `host: "acme.dev.": trailing dot in path element`},
		{withHost("*.acme.dev"), `host: "*.acme.dev": invalid char '*'`},
		{withHost("bücher.example"), `host: "bücher.example": invalid char 'ü'`},
		{withHost("/acme.dev"), `host: "/acme.dev": empty string`},
		{withHost("acme.dev/go//"), `host: "acme.dev/go/": trailing slash`},
		{withHost("acme.dev/a b"), `host: "acme.dev/a b": invalid char ' '`},
		{withHost("acme.dev\n"), `host: "acme.dev\n": invalid char '\n'`},

		{withKeys("a/" + strings.Repeat("x", 4095)), `paths["a/` + strings.Repeat("x", 4095) + `"]: has 4097 bytes: want 4096 at most`},
		{withHosts("a.test", "xn--bcher-kva.example"), ""},
		{withHosts("A.test"), `hosts[0]: "A.test": invalid char 'A' in first path element`},
		{withHosts("a.test:80"), `hosts[0]: "a.test:80" has a port: the go command refuses import paths with a port`},
		{withHosts("a.test", "localhost"), `hosts[1]: "localhost": missing dot in first path element`},
		{withHosts(""), `hosts[0]: missing: the import paths begin with it`},
		{withHosts("a.test/go"), `hosts[0]: "a.test/go" has a path: that of host is meant`},
		{withHosts("a.test", "b.test", "a.test"), `hosts[2]: "a.test" is named twice`},
		{withHosts("acme.dev"), `hosts[0]: "acme.dev" is named twice`},
		{vanity.Site{Host: "acme.dev", Hosts: []string{"b.test"}, Paths: map[string]vanity.Import{"x": {Repo: "ssh://github.com/a/b", Proxy: "https://b.test/go"}}},
			`paths["x"]: can't be served at "https://b.test/go": URL "ssh://github.com/a/b": git is spoken over https here: write "https://github.com/a/b"`},
		{vanity.Site{Host: "acme.dev"}, "paths: there are none"},
		{vanity.Site{Host: "acme.dev", Proxy: "https://u@h/go", Paths: withKeys("a").Paths}, "proxy: " + secret},
		{vanity.Site{Host: "acme.dev", Proxy: "go", Paths: map[string]vanity.Import{"a": {Repo: gh, Tags: "*"}}}, "proxy: " + `"go" is neither a path on this host, such as "/go", nor an absolute URL`},
		{vanity.Site{Host: "acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{"a": {Repo: gh, VCS: "mod", Tags: "*"}}},
			`paths["a"].vcs: mod says that repo is the base of a GOPROXY: directory and tags mean nothing to it`},
		{vanity.Site{Host: "acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{"a": {}}}, `paths["a"].repo: ` + missing},
		{vanity.Site{Host: "acme.dev", CacheMaxAge: -1, Paths: withKeys("a").Paths}, "cache_max_age: -1 is negative"},
		{withKeys("", "a", "/b", "/c/", "d/e", "v2", "~x", "c++"), ""},
		{withKeys("", "/"), `paths["/"]: means the same import prefix as paths[""]`},
		{withKeys("/a", "a/", "b"), `paths["a/"]: means the same import prefix as paths["/a"]`},
		{withKeys("//a"), `paths["//a"]: double slash`},
		{withKeys("a//b"), `paths["a//b"]: double slash`},
		{withKeys("a//"), `paths["a//"]: trailing slash`},
		{withKeys("a/../b"), `paths["a/../b"]: invalid path element ".."`},
		{withKeys("a@v1"), `paths["a@v1"]: invalid char '@'`},
		{withKeys("a b"), `paths["a b"]: invalid char ' '`},
		{withKeys("a*"), `paths["a*"]: invalid char '*'`},
		{withKeys("*/a"), `paths["*/a"]: invalid char '*'`},
		{withKeys("*/*"), `paths["*/*"]: invalid char '*'` + "\nvanity: site: " + `paths["*/*"].repo: ` + noStar},
		{withKeys("*"), `paths["*"].repo: ` + noStar},
		{withKeys("lib/*"), `paths["lib/*"].repo: ` + noStar},
		{withKeys("a?x"), `paths["a?x"]: invalid char '?'`},

		{wild("*", vanity.Import{Repo: "https://github.com/acme/*"}), ""},
		{wild("/*/", vanity.Import{Repo: "https://github.com/*/go.git", Display: "https://h/* _ _"}), ""},
		{wild("*", vanity.Import{Repo: gh, Directory: "libs/*", Tags: "libs/*/v*"}), ""},
		{wild("a/b/*", vanity.Import{Repo: gh, Proxy: "/go", Directory: "*/go", Tags: "*-v*"}), ""},
		{wild("*", vanity.Import{Proxy: "/go", Directory: "*"}), `paths["*"].repo: missing: a wildcard needs one`},
		{wild("*", vanity.Import{Repo: "https://github.com/*/*"}), `paths["*"].repo: has 2 "*": want one, which stands for the path element`},
		{wild("*", vanity.Import{Repo: "https://*.acme.dev/go", VCS: "git"}), `paths["*"].repo: has its "*" outside of the path`},
		{wild("*", vanity.Import{Repo: "https://*", VCS: "git"}), `paths["*"].repo: has its "*" outside of the path`},
		{wild("*", vanity.Import{Repo: "*://github.com/acme", VCS: "git"}), `paths["*"].repo: has its "*" outside of the path`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme?x=*"}), `paths["*"].repo: has its "*" outside of the path`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/*", Redirect: "https://docs.acme.dev/*?of=*#*"}), ""},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/*", Redirect: "https://*/{path}"}), `paths["*"].redirect: has a "*" in its host`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/*", Redirect: "https://docs*"}), `paths["*"].redirect: has a "*" in its host`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/*", Display: "https://h https://h/{commit}{/dir} https://*/{commit}{/dir}/{file}"}), `paths["*"].display: has a "*" in a host`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/%*"}), `paths["*"].repo: ` + noURL + gitSchemes},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/%2*"}), `paths["*"].repo: ` + noURL + gitSchemes},
		{wild("*", vanity.Import{Repo: "https://git.acme.dev/*"}), `paths["*"].vcs: missing: it can't be told from a repository at git.acme.dev: write git, or what else it is`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/*", Tags: "*/v*"}), `paths["*"].tags: "NAME/v*": the go command would look for "v*" there: set proxy to a GOPROXY that knows the tags`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/*", Tags: "*/*/v*"}), `paths["*"].tags: "NAME/*/v*": has 2 "*": want one, which stands for the version`},
		{vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"/lib/*": {Repo: "https://github.com/acme/*"}, "lib/*": {Repo: "https://github.com/acme/*"}}},
			`paths["lib/*"]: means the same import prefix as paths["/lib/*"]`},

		{with(vanity.Import{}), `paths["tool"].repo: ` + missing},
		{with(vanity.Import{VCS: "git"}), `paths["tool"].repo: missing, though vcs is set`},
		{with(vanity.Import{VCS: "git", Proxy: "/go"}), `paths["tool"].repo: missing, though vcs is set`},
		{with(vanity.Import{Repo: "github.com/acme/tool"}), `paths["tool"].repo: ` + noURL + gitSchemes},
		{with(vanity.Import{Repo: "git@github.com:acme/tool"}), `paths["tool"].repo: ` + noURL + gitSchemes},
		{with(vanity.Import{Repo: "/srv/git/tool", VCS: "git"}), `paths["tool"].repo: ` + noURL + gitSchemes},
		{with(vanity.Import{Repo: "https://github.com:x/acme/tool"}), `paths["tool"].repo: ` + noURL + gitSchemes},
		{with(vanity.Import{Repo: "https://github.com/%zz"}), `paths["tool"].repo: ` + noURL + gitSchemes},
		{with(vanity.Import{Repo: "file:///srv/git/tool", VCS: "git"}), `paths["tool"].repo: the scheme "file" is none of ` + gitSchemes},
		{with(vanity.Import{Repo: "javascript://github.com/x"}), `paths["tool"].repo: the scheme "javascript" is none of ` + gitSchemes},
		{with(vanity.Import{Repo: "svn://acme.dev/x", VCS: "hg"}), `paths["tool"].repo: the scheme "svn" is none of https, http, ssh`},
		{with(vanity.Import{Repo: "ssh://acme.dev/x", VCS: "mod"}), `paths["tool"].repo: the scheme "ssh" is none of https, http`},
		{with(vanity.Import{Repo: "https:///acme/tool"}), `paths["tool"].repo: has no host`},
		{with(vanity.Import{Repo: "https:github.com/acme/tool"}), `paths["tool"].repo: has no host`},
		{with(vanity.Import{Repo: "https://github.com/acme tool"}), `paths["tool"].repo: has a blank or a control character, or is no UTF-8`},
		{with(vanity.Import{Repo: gh + "\n"}), `paths["tool"].repo: has a blank or a control character, or is no UTF-8`},
		{with(vanity.Import{Repo: gh + "\u00a0x"}), `paths["tool"].repo: has a blank or a control character, or is no UTF-8`},
		{with(vanity.Import{Repo: gh + "\u202e"}), `paths["tool"].repo: has a blank or a control character, or is no UTF-8`},
		{with(vanity.Import{Repo: gh + "\xff"}), `paths["tool"].repo: has a blank or a control character, or is no UTF-8`},
		{with(vanity.Import{Repo: "https://hunter2@github.com/acme/tool"}), `paths["tool"].repo: ` + secret},
		{with(vanity.Import{Repo: "https://u:hunter2@github.com/acme/tool"}), `paths["tool"].repo: ` + secret},
		{with(vanity.Import{Repo: "ssh://u:hunter2@github.com/acme/tool"}), `paths["tool"].repo: ` + secret},
		{with(vanity.Import{Repo: "https://h/p?x=1", VCS: "mod"}), `paths["tool"].repo: has a query or a fragment`},

		{with(vanity.Import{Repo: "https://git.acme.dev/tool"}), `paths["tool"].vcs: missing: it can't be told from a repository at git.acme.dev: write git, or what else it is`},
		{with(vanity.Import{Repo: "https://git.acme.dev/tool", Proxy: "/go"}), `paths["tool"].vcs: missing: it can't be told from a repository at git.acme.dev: write git, or what else it is`},
		{with(vanity.Import{Repo: "https://notgithub.com/x"}), `paths["tool"].vcs: missing: it can't be told from a repository at notgithub.com: write git, or what else it is`},
		{with(vanity.Import{Repo: gh, VCS: "cvs"}), `paths["tool"].vcs: "cvs" is unknown: it must be git, hg, svn, bzr, fossil or mod`},
		{with(vanity.Import{Repo: gh, VCS: "Git"}), `paths["tool"].vcs: "Git" is unknown: it must be git, hg, svn, bzr, fossil or mod`},
		{with(vanity.Import{Repo: gh, VCS: "mod", Proxy: "/go"}), `paths["tool"].vcs: mod says that repo is the base of a GOPROXY, but there is proxy as well`},
		{with(vanity.Import{Repo: gh, VCS: "mod", Tags: "x-*"}), `paths["tool"].vcs: mod says that repo is the base of a GOPROXY: directory and tags mean nothing to it`},
		{with(vanity.Import{Repo: gh, VCS: "mod", Directory: "x"}), `paths["tool"].vcs: mod says that repo is the base of a GOPROXY: directory and tags mean nothing to it`},

		{with(vanity.Import{Repo: "ssh://git@github.com/acme/tool", Proxy: "/go"}),
			`paths["tool"]: can't be served at "/go": URL "ssh://git@github.com/acme/tool": git is spoken over https here: write "https://github.com/acme/tool"`},
		{with(vanity.Import{Repo: gh + "/tree/main", Proxy: "http://Acme.Dev:8080/go"}),
			`paths["tool"].repo: "` + gh + `/tree/main" is no repository: want https://github.com/OWNER/REPO, and a directory in directory`},
		{with(vanity.Import{Repo: "ssh://git@github.com/acme/tool", Proxy: "https://proxy.acme.dev/go"}), ""},
		{with(vanity.Import{Repo: "ssh://hg@acme.dev/tool", VCS: "hg", Proxy: "/go"}), ""},
		{vanity.Site{Host: "acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{"c++": {Repo: gh, Tags: "*"}, "c--": {Repo: gh}, "x/v1": {Repo: gh, Tags: "*"}}},
			`paths["c++"]: can't be served at "/go": Module "acme.dev/c++": invalid char '+': want the module path as in go.mod` + "\nvanity: site: " +
				`paths["x/v1"]: can't be served at "/go": Module "acme.dev/x/v1": invalid version: want the module path as in go.mod`},
		{wild("*", vanity.Import{Repo: "https://github.com/acme/x/*", Proxy: "/go"}),
			`paths["*"].repo: "https://github.com/acme/x/NAME" is no repository: want https://github.com/OWNER/REPO, and a directory in directory`},

		{with(vanity.Import{Proxy: "go"}), `paths["tool"].proxy: ` + `"go" is neither a path on this host, such as "/go", nor an absolute URL`},
		{with(vanity.Import{Proxy: "proxy.acme.dev/go"}), `paths["tool"].proxy: ` + `"proxy.acme.dev/go" is neither a path on this host, such as "/go", nor an absolute URL`},
		{with(vanity.Import{Proxy: "file:///srv/proxy"}), `paths["tool"].proxy: the scheme "file" is none of https, http`},
		{with(vanity.Import{Proxy: "//evil.test/go"}), `paths["tool"].proxy: has an element in its path that is empty, "." or ".."`},
		{with(vanity.Import{Proxy: "/go//"}), `paths["tool"].proxy: has an element in its path that is empty, "." or ".."`},
		{with(vanity.Import{Proxy: "/go/../x"}), `paths["tool"].proxy: has an element in its path that is empty, "." or ".."`},
		{with(vanity.Import{Proxy: "https://h/go/%2E/x"}), `paths["tool"].proxy: has an element in its path that is empty, "." or ".."`},
		{with(vanity.Import{Proxy: "https://h/a%2F%2Fb"}), `paths["tool"].proxy: has an element in its path that is empty, "." or ".."`},
		{with(vanity.Import{Proxy: "/go x"}), `paths["tool"].proxy: has a blank or a control character, or is no UTF-8`},
		{with(vanity.Import{Proxy: "/go?x=1"}), `paths["tool"].proxy: has a query or a fragment`},
		{with(vanity.Import{Proxy: "/go#x"}), `paths["tool"].proxy: has a query or a fragment`},
		{with(vanity.Import{Proxy: "https://u@h/go"}), `paths["tool"].proxy: ` + secret},

		{with(vanity.Import{Repo: gh, Directory: "/go"}), `paths["tool"].directory: "/go": begins with a slash: write it relative to the repository's root`},
		{with(vanity.Import{Repo: gh, Directory: "/"}), `paths["tool"].directory: "/": leave it empty for the repository's root`},
		{with(vanity.Import{Repo: gh, Directory: "go//x"}), `paths["tool"].directory: "go//x": no element may be empty, "." or ".."`},
		{with(vanity.Import{Repo: gh, Directory: "."}), `paths["tool"].directory: ".": leave it empty for the repository's root`},
		{with(vanity.Import{Repo: gh, Directory: "../x"}), `paths["tool"].directory: "../x": no element may be empty, "." or ".."`},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Directory: "a\x00b"}), `paths["tool"].directory: "a\x00b": has a control character: remove it`},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Directory: "a\xffb"}), `paths["tool"].directory: "a\xffb": is not valid UTF-8`},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Directory: `a\b`}), `paths["tool"].directory: "a\\b": has a backslash: write "/"`},
		{with(vanity.Import{Repo: gh, Directory: "a\u2028b"}), `paths["tool"].directory: "a\u2028b": has a blank or begins with a hyphen, which a go-import tag can't say: set proxy and tags`},
		{with(vanity.Import{Repo: gh, Directory: "a b"}), `paths["tool"].directory: "a b": has a blank or begins with a hyphen, which a go-import tag can't say: set proxy and tags`},
		{with(vanity.Import{Repo: gh, Directory: "-a"}), `paths["tool"].directory: "-a": has a blank or begins with a hyphen, which a go-import tag can't say: set proxy and tags`},

		{with(vanity.Import{Repo: gh, Tags: "v"}), `paths["tool"].tags: "v": has no "*" to stand for the version: write "v*" if the version comes last`},
		{with(vanity.Import{Repo: gh, Tags: "*-*"}), `paths["tool"].tags: "*-*": has 2 "*": want one, which stands for the version`},
		{with(vanity.Import{Proxy: "/go", Tags: "a b*"}), `paths["tool"].tags: "a b*": git allows no space and none of ~ ^ : ? [ \ in a tag`},
		{with(vanity.Import{Proxy: "/go", Tags: "a:*"}), `paths["tool"].tags: "a:*": git allows no space and none of ~ ^ : ? [ \ in a tag`},
		{with(vanity.Import{Repo: gh, Tags: "tool-*"}), `paths["tool"].tags: "tool-*": the go command would look for "v*" there: set proxy to a GOPROXY that knows the tags`},
		{with(vanity.Import{Repo: gh, Tags: "*"}), `paths["tool"].tags: "*": the go command would look for "v*" there: set proxy to a GOPROXY that knows the tags`},
		{with(vanity.Import{Repo: gh, Directory: "go", Tags: "v*"}), `paths["tool"].tags: "v*": the go command would look for "go/v*" there: set proxy to a GOPROXY that knows the tags`},
		{with(vanity.Import{Repo: gh, Tags: "go/v*"}), `paths["tool"].tags: "go/v*": the go command would look for "v*" there: set proxy to a GOPROXY that knows the tags`},

		{vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"acme.dev/x": {Repo: gh}}}, `paths["acme.dev/x"]: begins with the host: write what follows it in an import path`},
		{with(vanity.Import{Proxy: "go.acme.dev/x"}), `paths["tool"].proxy: "go.acme.dev/x" is neither a path on this host, such as "/go", nor an absolute URL`},
		{with(vanity.Import{Repo: "https://github.com/acme/*"}), `paths["tool"].repo: "https://github.com/acme/*" has a "*", but the key ends in none that it could stand for`},
		{with(vanity.Import{Repo: gh, Redirect: "https://h/*"}), `paths["tool"].redirect: "https://h/*" has a "*", but the key ends in none that it could stand for`},
		{with(vanity.Import{Repo: gh, Redirect: "/docs"}), `paths["tool"].redirect: is not an absolute URL: scheme://host/path, the scheme one of https, http`},
		{with(vanity.Import{Repo: gh, Redirect: "https://{path}/"}), `paths["tool"].redirect: has {path} in its host`},
		{with(vanity.Import{Repo: gh, Redirect: "https://h/{module}"}), `paths["tool"].redirect: has a placeholder other than {path}`},
		{with(vanity.Import{Repo: gh, Redirect: "https://acme.dev/tool/docs"}), `paths["tool"].redirect: "https://acme.dev/tool/docs" is a page of this import itself: a browser would go round in circles`},
		{with(vanity.Import{Repo: gh, Description: "two\nlines"}), `paths["tool"].description: has a control character: remove it`},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "x-*", Display: "https://github.com/acme/tool _ _"}), `paths["tool"].display: names github.com, where pkg.go.dev would look for tags that the go command knows, not for those of tags: write {commit} in its directory and file, or leave it empty`},
		{with(vanity.Import{Repo: gh, Display: "https://h https://h/{commit} https://h/{file}"}), `paths["tool"].display: has {commit} in one of directory and file: want it in both`},
		{with(vanity.Import{Repo: gh, Display: "https://h https://h/{commit} https://h/{commit}"}), `paths["tool"].display: has no {file} in its third field`},
		{with(vanity.Import{Repo: gh, Display: "https://h https://{commit}/x https://h/{commit}/{file}"}), `paths["tool"].display: is a template with {commit}, but "https://{commit}/x" is not an absolute URL: scheme://host/path, the scheme one of https, http`},
		{with(vanity.Import{Repo: "ssh://git@h/r", VCS: "git", Display: "gitea"}), `paths["tool"].display: is a word for a git host, which repo, with https or http, must name`},
		{with(vanity.Import{Repo: gh, Display: "https://h _"}), `paths["tool"].display: has 2 fields, not 3 (home, directory, file)`},
		{with(vanity.Import{Repo: gh, Display: "acme.dev/tool https://h _ _"}), `paths["tool"].display: has 4 fields, not 3 (home, directory, file)`},
		{with(vanity.Import{Repo: gh, Display: " "}), `paths["tool"].display: has 0 fields, not 3 (home, directory, file)`},
		{with(vanity.Import{Repo: gh, Display: "a b c\x00"}), `paths["tool"].display: has a control character, or is no UTF-8`},
		{with(vanity.Import{Repo: gh, Display: "a b c\uffff"}), `paths["tool"].display: has a control character, or is no UTF-8`},
		{with(vanity.Import{Repo: "ssh://git@h/r", VCS: "git", Display: "gitea"}), `paths["tool"].display: is a word for a git host, which repo, with https or http, must name`},
		{with(vanity.Import{Repo: gh, Display: "https://h https://h/{commit} _"}), `paths["tool"].display: is a template with {commit}, but "_" ` + noURL + "https, http"},
		{with(vanity.Import{Repo: gh, Display: "https://h https://{dir}/{commit} https://h/{commit}/{file}"}), `paths["tool"].display: is a template with {commit}, but "https://{dir}/{commit}" ` + noURL + "https, http"},
		{with(vanity.Import{Repo: gh, Display: "https://h https://h/{commit}{/dir} https://h/{commit}{/dir}/{path}"}), `paths["tool"].display: has a placeholder other than {commit}, {/dir}, {dir}, {file} and {line} in "https://h/{commit}{/dir}/{path}"`},
		{with(vanity.Import{Repo: gh, Display: "https://h https://h/ https://h/{commit}/{file}"}), `paths["tool"].display: has {commit} in one of directory and file: want it in both`},
		{with(vanity.Import{Repo: gh, Display: "https://h https://h/{commit} https://h/{commit}"}), `paths["tool"].display: has no {file} in its third field`},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "t-*", Display: "_ https://github.com/acme/tool _"}), `paths["tool"].display: names github.com` + wrongTags},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "t-*", Display: "https://h/r _ https://h/r/src/branch/main{/dir}/{file}#L{line}"}), `paths["tool"].display: ` + knownKind + wrongTags},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "t-*", Display: "https://h/r _ https://h/r/src/main{/dir}/{file}#L{line}"}), `paths["tool"].display: ` + knownKind + wrongTags},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "t-*", Display: "https://h/r _ https://h/r/-/blob/main{/dir}/{file}#L{line}"}), `paths["tool"].display: ` + knownKind + wrongTags},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "t-*", Display: "https://h/r _ https://h/r/tree{/dir}/{file}#n{line}"}), `paths["tool"].display: ` + knownKind + wrongTags},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "v*", Display: "https://h/r _ https://h/r/tree{/dir}/{file}#n{line}"}), ""},
		{with(vanity.Import{Repo: gh, Proxy: "/go", Tags: "t-*", Display: "https://h/r _ https://h/r/source{/dir}/{file}#{line}"}), ""},

		{with(vanity.Import{Repo: gh, Redirect: "pkg.go.dev/{path}"}), `paths["tool"].redirect: ` + noURL + "https, http"},
		{with(vanity.Import{Repo: gh, Redirect: "/docs/{path}"}), `paths["tool"].redirect: ` + noURL + "https, http"},
		{with(vanity.Import{Repo: gh, Redirect: "https:{path}"}), `paths["tool"].redirect: has no host`},
		{with(vanity.Import{Repo: gh, Redirect: "javascript://h/{path}"}), `paths["tool"].redirect: the scheme "javascript" is none of https, http`},
		{with(vanity.Import{Repo: gh, Redirect: "https://{path}"}), `paths["tool"].redirect: has {path} in its host`},
		{with(vanity.Import{Repo: gh, Redirect: "https://docs.{path}/{path}"}), `paths["tool"].redirect: has {path} in its host`},
		{with(vanity.Import{Repo: gh, Redirect: "https://h/{path}/{version}"}), `paths["tool"].redirect: has a placeholder other than {path}`},
		{with(vanity.Import{Repo: gh, Redirect: "https://u:hunter2@h/{path}"}), `paths["tool"].redirect: ` + secret},
		{with(vanity.Import{Repo: gh, Redirect: "https://acme.dev/toolbox"}), ""},
		{with(vanity.Import{Repo: gh, Redirect: "https://acme.dev/tool/doc"}), `paths["tool"].redirect: "https://acme.dev/tool/doc"` + circles},
		{with(vanity.Import{Repo: gh, Redirect: "http://Acme.dev.:80/x/..//%74ool"}), `paths["tool"].redirect: "http://Acme.dev.:80/x/..//%74ool"` + circles},
		{vanity.Site{Host: "acme.dev", Redirect: "https://acme.dev/docs", Paths: map[string]vanity.Import{"": {Repo: gh}, "tool": {Repo: gh}}},
			`paths[""].redirect: "https://acme.dev/docs"` + circles},
		{vanity.Site{Host: "acme.dev", Redirect: "pkg.go.dev", Paths: map[string]vanity.Import{"tool": {Repo: gh}, "x": {Repo: gh, Redirect: "https://h/"}}}, `redirect: ` + noURL + "https, http"},
		{with(vanity.Import{Repo: gh, Description: "one\ntwo"}), `paths["tool"].description: has a control character: remove it`},
	}
	for _, tt := range tests {
		got := ""
		err := tt.site.Validate()
		if err != nil {
			got = err.Error()
		}
		want := tt.want
		if want != "" {
			want = "vanity: site: " + want
		}
		if got != want {
			t.Errorf("%+v:\n got %q\nwant %q", tt.site, got, want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("the error gives the password away: %s", got)
		}
		switch panicked := metaPanic(tt.site).(type) {
		case nil:
			if want != "" {
				t.Errorf("%+v: Meta doesn't panic", tt.site)
			}
		case error:
			if panicked.Error() != want {
				t.Errorf("%+v: Meta panics with %q, Validate says %q", tt.site, panicked, want)
			}
		default:
			t.Errorf("%+v: Meta panics with %T", tt.site, panicked)
		}
	}
}

func TestSiteValidateAllFaults(t *testing.T) {
	site := vanity.Site{CacheMaxAge: -5, Paths: map[string]vanity.Import{
		"b":    {Repo: "file:///x", VCS: "cvs", Display: "x", Proxy: "x", Directory: "/x", Tags: "x"},
		"a//b": {Repo: "https://github.com/acme/a"},
		"c":    {},
	}}
	err := site.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	want := []string{
		`vanity: site: host: missing: the import paths begin with it`,
		`vanity: site: cache_max_age: -5 is negative`,
		`vanity: site: paths["a//b"]: double slash`,
		`vanity: site: paths["b"].repo: the scheme "file" is none of https, http, ssh, git+ssh, git`,
		`vanity: site: paths["b"].vcs: "cvs" is unknown: it must be git, hg, svn, bzr, fossil or mod`,
		`vanity: site: paths["b"].directory: "/x": begins with a slash: write it relative to the repository's root`,
		`vanity: site: paths["b"].tags: "x": has no "*" to stand for the version: write "x*" if the version comes last`,
		`vanity: site: paths["b"].proxy: "x" is neither a path on this host, such as "/go", nor an absolute URL`,
		`vanity: site: paths["b"].display: "x" is none of github, gitlab, gitea, forgejo, bitbucket and sourcehut, nor three fields (home, directory, file)`,
		`vanity: site: paths["c"].repo: missing, and so is proxy: one of the two must say where the code is`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSiteDecode has files of govanity and govanityurls as they stand.
func TestSiteDecode(t *testing.T) {
	tests := []struct {
		name, file string
		want       vanity.Site
		tags       map[string]string // by request path
	}{
		{
			name: "govanity's article",
			file: `{
				"host": "custom.company.com",
				"cache_max_age": 3600,
				"paths": {
					"sample": {"repo": "https://d.zyszy.best/company/sample", "vcs": "git"},
					"another": {"repo": "https://bitbucket.org/company/another", "vcs": "git"}
				}
			}`,
			want: vanity.Site{Host: "custom.company.com", CacheMaxAge: 3600, Paths: map[string]vanity.Import{
				"sample":  {Repo: "https://d.zyszy.best/company/sample", VCS: "git"},
				"another": {Repo: "https://bitbucket.org/company/another", VCS: "git"},
			}},
			tags: map[string]string{
				"/sample":          "custom.company.com/sample git https://d.zyszy.best/company/sample",
				"/another/sub/pkg": "custom.company.com/another git https://bitbucket.org/company/another",
			},
		},
		{
			name: "govanityurls' README",
			file: `{
				"host": "example.com",
				"cache_max_age": 3600,
				"paths": {"/foo": {
					"repo": "https://github.com/example/foo",
					"display": "https://github.com/example/foo https://github.com/example/foo/tree/master{/dir} https://github.com/example/foo/blob/master{/dir}/{file}#L{line}",
					"vcs": "git"
				}}
			}`,
			want: vanity.Site{Host: "example.com", CacheMaxAge: 3600, Paths: map[string]vanity.Import{"/foo": {
				Repo:    "https://github.com/example/foo",
				Display: "https://github.com/example/foo https://github.com/example/foo/tree/master{/dir} https://github.com/example/foo/blob/master{/dir}/{file}#L{line}",
				VCS:     "git",
			}}},
			tags: map[string]string{"/foo": "example.com/foo git https://github.com/example/foo"},
		},
		{
			name: "govanityurls' own vanity.yaml",
			file: `{"host": "rakyll.pizza", "paths": {
				"/portmidi": {"repo": "https://github.com/rakyll/portmidi"},
				"/launchpad/": {"repo": "https://github.com/rakyll/launchpad"}}}`,
			want: vanity.Site{Host: "rakyll.pizza", Paths: map[string]vanity.Import{
				"/portmidi":   {Repo: "https://github.com/rakyll/portmidi"},
				"/launchpad/": {Repo: "https://github.com/rakyll/launchpad"},
			}},
			tags: map[string]string{
				"/portmidi/":     "rakyll.pizza/portmidi git https://github.com/rakyll/portmidi",
				"/launchpad/foo": "rakyll.pizza/launchpad git https://github.com/rakyll/launchpad",
			},
		},
		{
			name: "with what we add",
			file: `{"host": "acme.dev/go", "paths": {"": {"repo": "https://github.com/acme/mono", "vcs": "git",
				"proxy": "/proxy", "directory": "go", "tags": "go-*"}}}`,
			want: vanity.Site{Host: "acme.dev/go", Paths: map[string]vanity.Import{"": {
				Repo: "https://github.com/acme/mono", VCS: "git", Proxy: "/proxy", Directory: "go", Tags: "go-*",
			}}},
			tags: map[string]string{"/go/x": "acme.dev/go mod https://acme.dev/proxy"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got vanity.Site
			if err := json.Unmarshal([]byte(tt.file), &got); err != nil {
				t.Fatal(err)
			}
			if strict, err := vanity.ParseSite([]byte(tt.file)); err != nil || !cmp.Equal(strict, got) {
				t.Errorf("ParseSite: %+v, %v, want %+v", strict, err, got)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			h := vanity.Meta(got)
			for path, want := range tt.tags {
				_, body := metaGet(t, h, "GET", path+"?go-get=1")
				if tags, err := metaTags(body, "go-import"); err != nil || !cmp.Equal(tags, []string{want}) {
					t.Errorf("%s: %q, %v, want %q", path, tags, err, want)
				}
			}
			if display := tt.want.Paths["/foo"].Display; display != "" {
				_, body := metaGet(t, h, "GET", "/foo/bar?go-get=1")
				if tags, err := metaTags(body, "go-source"); err != nil || !cmp.Equal(tags, []string{"example.com/foo " + display}) {
					t.Errorf("go-source: %q, %v", tags, err)
				}
			}
		})
	}
}

// TestParseSite has all that may be wrong with a file in one, and what hides the rest.
func TestParseSite(t *testing.T) {
	file := strings.ReplaceAll(`{
		"host": "acme.dev:80",
		"Cache_max_age": 3600,
		"cache_max_age": "1h",
		"proxy": "/go",
		"paths": {
			"tool": {"repo": "https://git.acme.dev/tool", "dir": "x", "display": "x"},
			"/tool": {"repo": "https://github.com/acme/tool", "repo": "https://github.com/acme/other"},
			"log": {"repo": ["https://github.com/acme/log"], "vcs": "cvs"},
			"bad": "https://github.com/acme/bad",
			"\u0007": {"repo": "https://github.com/acme/bellBAD"}
		}
	} x`, "BAD", "\xff")
	want := []string{
		`line 11: is not valid UTF-8`,
		`Cache_max_age: unknown key: want one of host, hosts, cache_max_age, proxy, redirect, paths`,
		`cache_max_age: is a string: want a number`,
		`paths["tool"].dir: unknown key: want one of repo, vcs, display, proxy, directory, tags, redirect, description`,
		`paths["/tool"].repo: is given twice`,
		`paths["log"].repo: is a list: want a string`,
		`paths["bad"]: is a string: want an object`,
		`line 13: there is more after the end of the value`,
		`host: "acme.dev:80" has a port: the go command refuses import paths with a port`,
		`paths["\a"]: invalid char '\a'`,
		`paths["log"].vcs: "cvs" is unknown: it must be git, hg, svn, bzr, fossil or mod`,
		`paths["tool"]: means the same import prefix as paths["/tool"]`,
		`paths["tool"].vcs: missing: it can't be told from a repository at git.acme.dev: write git, or what else it is`,
		`paths["tool"].display: "x" is none of github, gitlab, gitea, forgejo, bitbucket and sourcehut, nor three fields (home, directory, file)`,
	}
	for data, want := range map[string][]string{
		file:                              want,
		"":                                {"line 1: unexpected end"},
		"[]":                              {"line 1: is a list: want an object"},
		"{\n\"host\": 1,\n\"paths\": {}}": {"host: is a number: want a string", "paths: there are none"},
		`{"x": 1, "paths": {`:             {"x: unknown key: want one of host, hosts, cache_max_age, proxy, redirect, paths", "line 1: unexpected end"},
	} {
		site, err := vanity.ParseSite([]byte(data))
		if err == nil {
			t.Errorf("%s: no error", data)
			continue
		}
		if diff := cmp.Diff(want, strings.Split(strings.ReplaceAll(err.Error(), "vanity: site: ", ""), "\n")); diff != "" || site.Paths != nil {
			t.Errorf("%s: %+v (-want +got):\n%s", data, site, diff)
		}
	}
}

// FuzzParseSite asserts that what is accepted is valid, and comes back as it was.
func FuzzParseSite(f *testing.F) {
	f.Add([]byte(`{"host": "acme.dev", "cache_max_age": 60, "proxy": "/go", "paths": {"/a/": {"repo": "https://github.com/acme/a", "tags": "a-*"}}}`))
	f.Add([]byte(`{"host": "acme.dev/go", "paths": {"": {"repo": "https://h/\u003c\"", "vcs": "hg", "display": "a b c"}}}`))
	f.Add([]byte(`{"host": "acme.dev", "host": 1, "paths": {"a": [{"b": {}}], "x": null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		site, err := vanity.ParseSite(data)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "vanity: site: ") {
					t.Errorf("%q: line %q", data, line)
				}
			}
			return
		}
		if err := site.Validate(); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		out, err := json.Marshal(site)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		again, err := vanity.ParseSite(out)
		if err != nil {
			t.Fatalf("%q, then %s: %v", data, out, err)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(out, twice) {
			t.Errorf("%q: %s, then %s", data, out, twice)
		}
	})
}

// TestSiteKeys asserts that every field has the same key in YAML as in JSON, since we can't decode YAML here.
func TestSiteKeys(t *testing.T) {
	want := map[string][]string{
		"Site":   {"host", "hosts", "cache_max_age", "proxy", "redirect", "paths"},
		"Import": {"repo", "vcs", "display", "proxy", "directory", "tags", "redirect", "description"},
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[vanity.Site](), reflect.TypeFor[vanity.Import]()} {
		var keys []string
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Tag.Get("json") != f.Tag.Get("yaml") {
				t.Errorf("%s.%s: keys %q in JSON, %q in YAML", typ.Name(), f.Name, f.Tag.Get("json"), f.Tag.Get("yaml"))
			}
			keys = append(keys, strings.TrimSuffix(f.Tag.Get("json"), ",omitempty"))
		}
		if diff := cmp.Diff(want[typ.Name()], keys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", typ.Name(), diff)
		}
	}
}

// FuzzMeta asserts that whatever Validate accepts, the go command can read.
func FuzzMeta(f *testing.F) {
	f.Add("acme.dev", "tool", "https://github.com/acme/tool", "", "a b c", "/go", "dir", "dir/v*")
	f.Add("acme.dev/go/", "", "https://h/p", "mod", "", "", "", "")
	f.Add("a.b", "/c++/", `https://h/"'<>&`, "hg", "<\u2028 & \"", "", "a b", "v*")
	f.Fuzz(func(t *testing.T, host, key, repo, vcs, display, proxy, dir, tags string) {
		site := vanity.Site{Host: host, Paths: map[string]vanity.Import{
			key: {Repo: repo, VCS: vcs, Display: display, Proxy: proxy, Directory: dir, Tags: tags},
		}}
		if err := site.Validate(); err != nil {
			if !strings.HasPrefix(err.Error(), "vanity: site: ") {
				t.Errorf("error without its prefix: %v", err)
			}
			return
		}
		prefix := strings.TrimSuffix(strings.TrimSuffix(host, "/")+"/"+strings.Trim(key, "/"), "/")
		_, path, _ := strings.Cut(prefix, "/")
		r := httptest.NewRequest("GET", "/?go-get=1", nil)
		r.URL.Path = "/" + path
		w := httptest.NewRecorder()
		vanity.Meta(site).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%+v: status %d at %s", site, w.Code, r.URL.Path)
		}
		imports, err := metaTags(w.Body.Bytes(), "go-import")
		if err != nil || len(imports) == 0 || len(imports) > 2 {
			t.Fatalf("%+v: go-import %q, %v", site, imports, err)
		}
		for _, tag := range imports {
			fields := strings.Fields(tag)
			if len(fields) < 3 || len(fields) > 4 || fields[0] != prefix || strings.Join(fields, " ") != tag {
				t.Errorf("%+v: go-import %q", site, tag)
			}
		}
		if _, err := metaMatch(imports, prefix+"/sub"); err != nil {
			t.Errorf("%+v: %v", site, err)
		}
		sources, err := metaTags(w.Body.Bytes(), "go-source")
		if err != nil || len(sources) > 1 {
			t.Fatalf("%+v: go-source %q, %v", site, sources, err)
		}
		for _, source := range sources {
			own := strings.Contains(source, "/-/src/{commit}{/dir}/{file}") && strings.HasPrefix(source, prefix+" https://"+prefix+" ")
			if fields := strings.Fields(source); len(fields) != 4 || fields[0] != prefix || strings.Join(fields, " ") != source {
				t.Errorf("%+v: go-source %q", site, source)
			}
			for _, tag := range imports {
				if own && strings.Fields(tag)[1] != "mod" && !strings.Contains(display, "/-/src/") {
					t.Errorf("%+v: both %q and %q", site, tag, source)
				}
			}
		}
	})
}
