package vanity_test

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
)

// TestMetaSourceTag has the go-source tags, and that our own never stands beside that of the repository.
func TestMetaSourceTag(t *testing.T) {
	const gh, own = "https://github.com/acme/mono", "https://acme.dev/tool"
	const cgit = "https://g.dev/r https://g.dev/r/tree{/dir}?h={commit} https://g.dev/r/tree{/dir}/{file}?h={commit}#n{line}"
	ours := own + " " + own + "/-/tree/{commit}{/dir} " + own + "/-/src/{commit}{/dir}/{file}"
	for _, tt := range []struct {
		im   vanity.Import
		want string // without the prefix
	}{
		{vanity.Import{Repo: gh}, gh + " " + gh + "/tree/HEAD{/dir} " + gh + "/blob/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: gh + ".git/", VCS: "git"}, gh + " " + gh + "/tree/HEAD{/dir} " + gh + "/blob/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: gh, Directory: "a b/c"}, ""},
		{vanity.Import{Repo: gh, Directory: "a/c"}, gh + " " + gh + "/tree/HEAD/a/c{/dir} " + gh + "/blob/HEAD/a/c{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: gh, Display: "github"}, gh + " " + gh + "/tree/HEAD{/dir} " + gh + "/blob/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: gh, Display: "_ _ _"}, "_ _ _"},
		{vanity.Import{Repo: "ssh://git@github.com/acme/mono"}, ""},
		{vanity.Import{Repo: "https://gitlab.com/a/b/c"}, "https://gitlab.com/a/b/c https://gitlab.com/a/b/c/-/tree/HEAD{/dir} https://gitlab.com/a/b/c/-/blob/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: "https://codeberg.org/a/b"}, "https://codeberg.org/a/b https://codeberg.org/a/b/src/branch/HEAD{/dir} https://codeberg.org/a/b/src/branch/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: "https://bitbucket.org/a/b"}, "https://bitbucket.org/a/b https://bitbucket.org/a/b/src/HEAD{/dir} https://bitbucket.org/a/b/src/HEAD{/dir}/{file}#lines-{line}"},
		{vanity.Import{Repo: "https://git.sr.ht/~a/b"}, "https://git.sr.ht/~a/b https://git.sr.ht/~a/b/tree/HEAD{/dir} https://git.sr.ht/~a/b/tree/HEAD/item{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: "https://bitbucket.org/a/b", VCS: "hg"}, ""},
		{vanity.Import{Repo: "https://g.dev/r", VCS: "git"}, ""},
		{vanity.Import{Repo: "https://g.dev/r", VCS: "git", Directory: "d", Display: "gitea"}, "https://g.dev/r https://g.dev/r/src/branch/HEAD{/dir} https://g.dev/r/src/branch/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: "https://g.dev/r", VCS: "git", Directory: "d", Display: "gitlab"}, "https://g.dev/r https://g.dev/r/-/tree/HEAD{/dir} https://g.dev/r/-/blob/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: "https://g.dev/r", VCS: "git", Directory: "d", Display: "github"}, "https://g.dev/r https://g.dev/r/tree/{commit}{/dir} https://g.dev/r/blob/{commit}{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: "https://g.dev/r", VCS: "git", Display: cgit}, cgit},
		{vanity.Import{Repo: gh, Proxy: "/go"}, gh + " " + gh + "/tree/HEAD{/dir} " + gh + "/blob/HEAD{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: gh, Proxy: "/go", Directory: "d", Tags: "d/v*"}, gh + " " + gh + "/tree/HEAD/d{/dir} " + gh + "/blob/HEAD/d{/dir}/{file}#L{line}"},
		{vanity.Import{Repo: gh, Proxy: "/go", Directory: "d"}, ours + "#L{line}"},
		{vanity.Import{Repo: gh, Proxy: "/go", Tags: "tool-*"}, ours + "#L{line}"},
		{vanity.Import{Repo: gh, Proxy: "https://elsewhere.dev/go", Tags: "tool-*"}, ours + "#L{line}"},
		{vanity.Import{Repo: "https://bitbucket.org/a/b", Proxy: "/go", Tags: "*"}, ours + "#lines-{line}"},
		{vanity.Import{Repo: "https://g.dev/r", Proxy: "/go", Tags: "*", Display: "gitea"}, ours + "#L{line}"},
		{vanity.Import{Repo: "https://g.dev/r", Proxy: "/go", Tags: "*", Display: cgit}, ours + "#n{line}"},
		{vanity.Import{Proxy: "/go", Tags: "*", Display: cgit}, ours + "#n{line}"},
		{vanity.Import{Repo: "https://g.dev/r", Proxy: "/go", Tags: "*", Display: "https://g.dev/r _ _"}, "https://g.dev/r _ _"},
		{vanity.Import{Repo: "https://g.dev/r", Proxy: "/go", Tags: "*"}, ""},
		{vanity.Import{Proxy: "/go"}, ""},
	} {
		site := metaSite("acme.dev", tt.im)
		if site.Validate() != nil && tt.want == "" {
			continue
		}
		_, body := metaGet(t, vanity.Meta(site), "GET", "/tool/sub?go-get=1")
		got, err := metaTags(body, "go-source")
		if want := strings.TrimSpace("acme.dev/tool " + tt.want); err != nil || len(got) > 1 || tt.want == "" && len(got) != 0 || tt.want != "" && (len(got) != 1 || got[0] != want) {
			t.Errorf("%+v: %q, %v, want %q", tt.im, got, err, want)
		}
		imports, err := metaTags(body, "go-import")
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range imports {
			if f := strings.Fields(tag); f[1] != "mod" && strings.Contains(strings.Join(got, ""), "/-/src/") {
				t.Errorf("%+v: both %q and %q", tt.im, tag, got)
			}
		}
	}
}

// TestMetaSource has the ways to files at git hosts.
func TestMetaSource(t *testing.T) {
	const hash, pseudo = "0123456789ab", "v1.2.4-0.20260102030405-0123456789ab"
	site := vanity.Site{Host: "acme.dev/go", Hosts: []string{"b.test"}, Paths: map[string]vanity.Import{
		"gh":     {Repo: "https://github.com/acme/mono", Proxy: "/-", Directory: "libs/a b", Tags: "tool-*#x"},
		"gl":     {Repo: "https://gitlab.com/acme/mono.git", Proxy: "/-", Directory: "d/"},
		"gt":     {Repo: "https://g.dev/acme/mono/", Proxy: "/-", Tags: "r/*", Display: "gitea"},
		"bb":     {Repo: "https://bitbucket.org/acme/mono", Directory: "d"},
		"sh":     {Repo: "https://git.sr.ht/~acme/mono"},
		"cgit":   {Proxy: "/-", Tags: "*-go", Display: "https://g.dev/r https://g.dev/r/tree{/dir}?h={commit} https://g.dev/r/tree{/dir}/{file}?h={commit}#n{line}"},
		"libs/*": {Repo: "https://github.com/acme/mono", Proxy: "/-", Directory: "libs/*", Tags: "*-v*"},
		"dir":    {Proxy: "/-", Display: "https://g.dev/r https://g.dev/r/{commit}/{dir} https://g.dev/r/{commit}/{dir}/{file}#{line}"},
		"static": {Repo: "https://g.dev/r", VCS: "git", Display: "https://g.dev/r _ _"},
		"none":   {Repo: "https://g.dev/r", VCS: "git"},
	}}
	h := vanity.Meta(site)
	for path, want := range map[string]string{
		"gh/-/src/v1.2.3/x/y.go":                        "https://github.com/acme/mono/blob/tool-1.2.3%23x/libs/a%20b/x/y.go",
		"gh/-/src/v1.2.3/LICENSE":                       "https://github.com/acme/mono/blob/tool-1.2.3%23x/libs/a%20b/LICENSE",
		"gh/-/src/v2.0.0-rc.1/v2/y.go":                  "https://github.com/acme/mono/blob/tool-2.0.0-rc.1%23x/libs/a%20b/v2/y.go",
		"gh/-/src/v2.0.0+incompatible/y.go":             "https://github.com/acme/mono/blob/tool-2.0.0%23x/libs/a%20b/y.go",
		"gh/-/src/" + hash + "/y.go":                    "https://github.com/acme/mono/blob/" + hash + "/libs/a%20b/y.go",
		"gh/-/src/" + pseudo + "/y.go":                  "https://github.com/acme/mono/blob/" + hash + "/libs/a%20b/y.go",
		"gh/-/src/{commit}/y.go":                        "https://github.com/acme/mono/blob/HEAD/libs/a%20b/y.go",
		"gh/-/src/v1.2.3/%C3%A9%20%23%25.go":            "https://github.com/acme/mono/blob/tool-1.2.3%23x/libs/a%20b/%C3%A9%20%23%25.go",
		"gh/-/tree/v1.2.3":                              "https://github.com/acme/mono/tree/tool-1.2.3%23x/libs/a%20b",
		"gh/-/tree/v1.2.3/":                             "https://github.com/acme/mono/tree/tool-1.2.3%23x/libs/a%20b",
		"gh/-/tree/v1.2.3/x/y":                          "https://github.com/acme/mono/tree/tool-1.2.3%23x/libs/a%20b/x/y",
		"gl/-/src/v1.2.3/y.go":                          "https://gitlab.com/acme/mono/-/blob/v1.2.3/d/y.go",
		"gl/-/tree/" + hash:                             "https://gitlab.com/acme/mono/-/tree/" + hash + "/d",
		"gt/-/src/v1.2.3/y.go":                          "https://g.dev/acme/mono/src/tag/r/1.2.3/y.go",
		"gt/-/src/" + hash + "/y.go":                    "https://g.dev/acme/mono/src/commit/" + hash + "/y.go",
		"gt/-/tree/{commit}":                            "https://g.dev/acme/mono/src/branch/HEAD",
		"bb/-/src/v1.2.3/y.go":                          "https://bitbucket.org/acme/mono/src/d/v1.2.3/d/y.go",
		"sh/-/src/v1.2.3/x/y.go":                        "https://git.sr.ht/~acme/mono/tree/v1.2.3/item/x/y.go",
		"sh/-/tree/v1.2.3":                              "https://git.sr.ht/~acme/mono/tree/v1.2.3",
		"sh/-/tree/v1.2.3/x":                            "https://git.sr.ht/~acme/mono/tree/v1.2.3/x",
		"cgit/-/src/v1.2.3/x/y.go":                      "https://g.dev/r/tree/x/y.go?h=1.2.3-go",
		"cgit/-/tree/v1.2.3":                            "https://g.dev/r/tree?h=1.2.3-go",
		"dir/-/src/v1.2.3/y.go":                         "https://g.dev/r/v1.2.3/y.go",
		"dir/-/src/v1.2.3/x/y.go":                       "https://g.dev/r/v1.2.3/x/y.go",
		"dir/-/tree/v1.2.3/x":                           "https://g.dev/r/v1.2.3/x",
		"libs/log/-/src/v1.2.3/y.go":                    "https://github.com/acme/mono/blob/log-v1.2.3/libs/log/y.go",
		"gh/-/src/":                                     "",
		"gh/-/src/v1.2.3":                               "",
		"gh/-/src/v1.2.3/":                              "",
		"gh/-/src/v1.2/y.go":                            "",
		"gh/-/src/v01.2.3/y.go":                         "",
		"gh/-/src/v1.2.3+meta/y.go":                     "",
		"gh/-/src/main/y.go":                            "",
		"gh/-/src/012345/y.go":                          "",
		"gh/-/src/v1.2.3/../y.go":                       "",
		"gh/-/src/v1.2.3/x/..%2f..%2f..%2fy":            "",
		"gh/-/src/v1.2.3/%5Cevil.test":                  "",
		"gh/-/src/v1.2.3/a%0d%0aSet-Cookie:x":           "",
		"gh/-/src/v1.2.3/%ff":                           "",
		"gh/-/x/v1.2.3/y.go":                            "",
		"gh/-/":                                         "",
		"static/-/src/v1.2.3/y.go":                      "",
		"none/-/src/v1.2.3/y.go":                        "",
		"libs/-/src/v1.2.3/y.go":                        "",
		"gh/-/src/" + strings.Repeat("a", 65) + "/y.go": "",
	} {
		res, _ := metaGet(t, h, "GET", "/go/"+path)
		if want == "" {
			if res.StatusCode != 404 {
				t.Errorf("%s: %s, Location %q", path, res.Status, res.Header.Get("Location"))
			}
			continue
		}
		if got := res.Header.Get("Location"); res.StatusCode != 302 || got != want || res.Header.Get("Cache-Control") != "public, max-age=86400" {
			t.Errorf("%s: %s, %q, Location\n%s, want\n%s", path, res.Status, res.Header.Get("Cache-Control"), got, want)
		}
		if u, err := url.Parse(res.Header.Get("Location")); err != nil || u.Fragment != "" {
			t.Errorf("%s: Location %q: a fragment, or %v", path, res.Header.Get("Location"), err)
		}
	}
}

// pkgsite knows the links that pkg.go.dev makes of a page, by the rules of its internal/source.
type pkgsite struct {
	repo, home, dir, file string // of the tags
	prefix, subdir        string
}

// knownHosts are those whose templates pkg.go.dev knows, whatever a go-source tag says.
var knownHosts = regexp.MustCompile(`^https?://(github\.com|github\.[\w.-]+|gitlab\.com|gitlab\.[\w.-]+|bitbucket\.org|codeberg\.org|gitea\.com|gitea\.[\w.-]+|git\.sr\.ht)(/[^/]+/[^/]+)`)

// templatesOf gives the URL of a file that pkg.go.dev makes for a host, and what it makes of a tag and of a hash.
func templatesOf(host string) (file, tag, hash string) {
	switch {
	case strings.HasPrefix(host, "github."):
		return "{repo}/blob/{commit}/{file}#L{line}", "", ""
	case strings.HasPrefix(host, "gitlab."):
		return "{repo}/-/blob/{commit}/{file}#L{line}", "", ""
	case host == "bitbucket.org":
		return "{repo}/src/{commit}/{file}#lines-{line}", "", ""
	case host == "git.sr.ht":
		return "{repo}/tree/{commit}/{file}#L{line}", "", ""
	}
	return "{repo}/src/{commit}/{file}#L{line}", "tag/", "commit/"
}

// readPkgsite reads a page for a module path; nil if pkg.go.dev finds nothing in it.
func readPkgsite(t *testing.T, page []byte, modPath string) *pkgsite {
	t.Helper()
	read := func(name string, use func(f []string)) {
		tags, err := metaTags(page, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tags {
			if f := strings.Fields(tag); modPath == f[0] || strings.HasPrefix(modPath, f[0]+"/") {
				use(f)
			}
		}
	}
	var p *pkgsite
	read("go-import", func(f []string) {
		if f[1] == "mod" {
			return
		}
		if p != nil {
			t.Errorf("%s: more than one go-import tag of a repository", modPath)
		}
		p = &pkgsite{prefix: f[0], repo: f[2], home: f[2]}
		if len(f) == 4 {
			p.subdir = f[3]
		}
	})
	read("go-source", func(f []string) {
		if p == nil {
			p = &pkgsite{prefix: f[0]}
		}
		if len(f) != 4 || f[0] != p.prefix {
			t.Errorf("%s: go-source %q", modPath, f)
			return
		}
		if f[1] != "_" {
			p.home = f[1]
		}
		p.dir, p.file = f[2], f[3]
	})
	return p
}

// line gives the link to a line of a file, for a module and a version. The file is that of the module; exists tells
// whether there is one at an address, which pkg.go.dev asks for the go.mod of a major version.
func (p *pkgsite) line(modPath, version, name string, exists func(string) bool) string {
	dir := path.Join(p.subdir, strings.TrimPrefix(strings.TrimPrefix(modPath, p.prefix), "/"))
	unversioned := regexp.MustCompile(`(^|/)v[0-9]+$`).ReplaceAllString(dir, "")
	commit, isHash := strings.TrimSuffix(version, "+incompatible"), false
	if i := strings.LastIndex(commit, "-"); i >= 0 && len(commit)-i == 13 {
		commit, isHash = commit[i+1:], true
	} else if unversioned != "" {
		commit = unversioned + "/" + commit
	}
	file, tag, hash := "", "", ""
	home := p.home
	switch m := knownHosts.FindStringSubmatch(home); {
	case m != nil:
		file, tag, hash = templatesOf(m[1])
	case knownHosts.MatchString(p.dir):
		m := knownHosts.FindStringSubmatch(p.dir)
		home = "https://" + m[1] + m[2]
		file, tag, hash = templatesOf(m[1])
	case regexp.MustCompile(`/src/branch/\w+\{/dir\}/\{file\}#L\{line\}$`).MatchString(p.file):
		file, tag, hash = templatesOf("gitea.com")
	case regexp.MustCompile(`/-/blob/\w+\{/dir\}/\{file\}#L\{line\}$`).MatchString(p.file):
		file, _, _ = templatesOf("gitlab.com")
	default:
		file = strings.NewReplacer("{/dir}/{file}", "/{file}", "{/dir}", "/{dir}").Replace(p.file)
	}
	if isHash {
		commit = hash + commit
	} else {
		commit = tag + commit
	}
	fill := func(dir, name string) string {
		return strings.NewReplacer("{repo}", strings.TrimSuffix(strings.TrimSuffix(home, "/"), ".git"), "{commit}", commit, "{file}", path.Join(dir, name), "{line}", "7").Replace(file)
	}
	if unversioned != dir {
		if mod, _, _ := strings.Cut(fill(dir, "go.mod"), "#"); !exists(mod) {
			dir = unversioned
		}
	}
	return fill(dir, name)
}

// TestMetaPkgsite follows the links that pkg.go.dev makes, through our own redirects, to the git host.
func TestMetaPkgsite(t *testing.T) {
	const gh, gd = "https://github.com/acme/mono", "https://g.dev/acme/mono"
	const cgit = "https://g.dev/r https://g.dev/r/tree{/dir}?h={commit} https://g.dev/r/tree{/dir}/{file}?h={commit}#n{line}"
	const pseudo = "v1.2.4-0.20260102030405-0123456789ab"
	for _, tt := range []struct {
		name                  string
		im                    vanity.Import
		module, version, want string
	}{
		{"git alone", vanity.Import{Repo: gh}, "", "v1.2.3", gh + "/blob/v1.2.3/x/y.go#L7"},
		{"nested", vanity.Import{Repo: gh}, "/sub", "v1.2.3", gh + "/blob/sub/v1.2.3/sub/x/y.go#L7"},
		{"directory", vanity.Import{Repo: gh, Directory: "d/e"}, "", "v1.2.3", gh + "/blob/d/e/v1.2.3/d/e/x/y.go#L7"},
		{"both tags", vanity.Import{Repo: gh, Proxy: "/go", Directory: "d", Tags: "d/v*"}, "", "v1.2.3", gh + "/blob/d/v1.2.3/d/x/y.go#L7"},
		{"own tags", vanity.Import{Repo: gh, Proxy: "/go", Tags: "tool-*"}, "", "v1.2.3", gh + "/blob/tool-1.2.3/x/y.go#L7"},
		{"own tags, directory", vanity.Import{Repo: gh, Proxy: "/go", Directory: "d", Tags: "*"}, "", "v1.2.3", gh + "/blob/1.2.3/d/x/y.go#L7"},
		{"own tags, pseudo-version", vanity.Import{Repo: gh, Proxy: "/go", Directory: "d", Tags: "*"}, "", pseudo, gh + "/blob/0123456789ab/d/x/y.go#L7"},
		{"own tags, v2 on a branch", vanity.Import{Repo: gh, Proxy: "/go", Directory: "d", Tags: "t-*"}, "/v2", "v2.0.0", gh + "/blob/t-2.0.0/d/x/y.go#L7"},
		{"own tags, v2 in a directory", vanity.Import{Repo: gh, Proxy: "/go", Directory: "sub2", Tags: "t-*"}, "/v2", "v2.0.0", gh + "/blob/t-2.0.0/sub2/v2/x/y.go#L7"},
		{"own tags, +incompatible", vanity.Import{Repo: gh, Proxy: "/go", Tags: "t-*"}, "", "v3.0.0+incompatible", gh + "/blob/t-3.0.0/x/y.go#L7"},
		{"own tags, bitbucket", vanity.Import{Repo: "https://bitbucket.org/a/b", Proxy: "/go", Tags: "t-*"}, "", "v1.2.3", "https://bitbucket.org/a/b/src/t-1.2.3/x/y.go#lines-7"},
		{"own tags, codeberg", vanity.Import{Repo: "https://codeberg.org/a/b", Proxy: "/go", Tags: "t-*"}, "", "v1.2.3", "https://codeberg.org/a/b/src/tag/t-1.2.3/x/y.go#L7"},
		{"gitea", vanity.Import{Repo: gd, VCS: "git", Display: "gitea"}, "", "v1.2.3", gd + "/src/tag/v1.2.3/x/y.go#L7"},
		{"gitea, directory", vanity.Import{Repo: gd, VCS: "git", Directory: "d", Display: "gitea"}, "", "v1.2.3", gd + "/src/tag/d/v1.2.3/d/x/y.go#L7"},
		{"gitea, pseudo-version", vanity.Import{Repo: gd, VCS: "git", Display: "gitea"}, "", pseudo, gd + "/src/commit/0123456789ab/x/y.go#L7"},
		{"gitea, own tags", vanity.Import{Repo: gd, Proxy: "/go", Tags: "t-*", Display: "gitea"}, "", pseudo, gd + "/src/commit/0123456789ab/x/y.go#L7"},
		{"gitlab, directory", vanity.Import{Repo: gd, VCS: "git", Directory: "d", Display: "gitlab"}, "", "v1.2.3", gd + "/-/blob/d/v1.2.3/d/x/y.go#L7"},
		{"enterprise, directory", vanity.Import{Repo: gd, VCS: "git", Directory: "d", Display: "github"}, "", "v1.2.3", gd + "/blob/d/v1.2.3/d/x/y.go#L7"},
		{"cgit", vanity.Import{Repo: "https://g.dev/r", VCS: "git", Directory: "d", Display: cgit}, "", "v1.2.3", "https://g.dev/r/tree/d/x/y.go?h=d/v1.2.3#n7"},
		{"cgit, own tags", vanity.Import{Repo: "https://g.dev/r", Proxy: "/go", Directory: "d", Tags: "*", Display: cgit}, "", "v1.2.3", "https://g.dev/r/tree/d/x/y.go?h=1.2.3#n7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := vanity.Meta(metaSite("go.acme.dev", tt.im))
			modPath := "go.acme.dev/tool" + tt.module
			_, page := metaGet(t, h, "GET", strings.TrimPrefix(modPath, "go.acme.dev")+"?go-get=1")
			p := readPkgsite(t, page, modPath)
			if p == nil {
				t.Fatalf("pkg.go.dev finds nothing in\n%s", page)
			}
			follow := func(link string) string {
				below, ok := strings.CutPrefix(link, "https://go.acme.dev")
				if !ok {
					return link
				}
				below, fragment, _ := strings.Cut(below, "#")
				res, _ := metaGet(t, h, http.MethodHead, below)
				location := res.Header.Get("Location")
				if res.StatusCode != 302 || location == "" {
					t.Fatalf("%s: %s", link, res.Status)
				}
				return strings.TrimSuffix(location+"#"+fragment, "#")
			}
			exists := func(link string) bool { return strings.Contains(follow(link), "/sub2/v2/go.mod") }
			if diff := cmp.Diff(tt.want, follow(p.line(modPath, tt.version, "x/y.go", exists))); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, page)
			}
		})
	}
}
