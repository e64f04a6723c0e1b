package vanity_test

import (
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/vanity"
)

// A peerCase is a behaviour of another server of import paths, as a request of us.
type peerCase struct {
	peers  string // whose it is
	does   string // what they do
	site   vanity.Site
	opts   []vanity.Option
	ask    string // METHOD host/path
	status int
	tag    string   // the go-import tag; "" for none
	source string   // the go-source tag; "" for any, "-" for none
	header string   // a line of the header
	has    []string // parts of the body
	lacks  []string
}

func (tt peerCase) check(t *testing.T) {
	server := httptest.NewServer(vanity.Meta(tt.site, tt.opts...))
	defer server.Close()
	method, rest, _ := strings.Cut(tt.ask, " ")
	host, path, _ := strings.Cut(rest, "/")
	req, err := http.NewRequest(method, server.URL+"/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != tt.status {
		t.Errorf("status %d, want %d", res.StatusCode, tt.status)
	}
	if got, err := metaTags(body, "go-import"); err != nil || strings.Join(got, "; ") != tt.tag {
		t.Errorf("go-import: %q, %v, want %q", got, err, tt.tag)
	}
	if got, err := metaTags(body, "go-source"); err != nil || tt.source != "" && strings.Join(got, "; ") != strings.TrimPrefix(tt.source, "-") {
		t.Errorf("go-source: %q, %v, want %q", got, err, tt.source)
	}
	if key, want, ok := strings.Cut(tt.header, ": "); ok && res.Header.Get(key) != want {
		t.Errorf("%s: %q, want %q", key, res.Header.Get(key), want)
	}
	for _, part := range tt.has {
		if !strings.Contains(strings.ReplaceAll(string(body), "<wbr/>", ""), part) {
			t.Errorf("no %q in\n%s", part, body)
		}
	}
	for _, part := range tt.lacks {
		if strings.Contains(string(body), part) {
			t.Errorf("%q in\n%s", part, body)
		}
	}
}

// peerSite is a site of repositories at one place, by their keys.
func peerSite(host string, keys ...string) vanity.Site {
	site := vanity.Site{Host: host, Paths: make(map[string]vanity.Import)}
	for _, key := range keys {
		name := strings.ReplaceAll(strings.Trim(key, "/"), "/", "-")
		switch {
		case name == "":
			name = "root"
		case strings.HasSuffix(key, "*"):
			name = "*"
		}
		site.Paths[key] = vanity.Import{Repo: peerHost + name}
	}
	return site
}

const peerHost = "https://github.com/acme/"

// peerTag is the tag of an import of peerSite.
func peerTag(prefix, name string) string { return prefix + " git " + peerHost + name }

func peerWith(site vanity.Site, set func(*vanity.Site)) vanity.Site {
	set(&site)
	return site
}

func runPeers(t *testing.T, cases []peerCase) {
	for _, tt := range cases {
		t.Run(tt.peers+" "+tt.does, tt.check)
	}
}

// TestPeersShared has what others do and we do, too.
func TestPeersShared(t *testing.T) {
	const draw = "https://hg.acme.dev/draw"
	display := peerWith(peerSite("go.acme.dev"), func(s *vanity.Site) {
		s.Paths["/draw/"] = vanity.Import{Repo: draw, VCS: "hg", Display: draw + " " + draw + "/dir{/dir} _"}
	})
	const drawSource = "go.acme.dev/draw " + draw + " " + draw + "/dir{/dir} _"
	neighbours := peerSite("go.acme.dev", "/abc", "/log", "/log/slog", "/xyz")
	rooted := peerSite("go.acme.dev", "/", "/abc", "/log/slog", "/y")
	aged := peerWith(peerSite("go.acme.dev", "/log"), func(s *vanity.Site) { s.CacheMaxAge = 60 })
	runPeers(t, []peerCase{
		{
			peers: "govanityurls", does: "print display after the prefix", site: display,
			ask: "GET go.acme.dev/draw?go-get=1", status: 200, tag: "go.acme.dev/draw hg " + draw, source: drawSource,
		}, {
			peers: "govanityurls", does: "print the same below a prefix with a slash", site: display,
			ask: "GET go.acme.dev/draw/line?go-get=1", status: 200, tag: "go.acme.dev/draw hg " + draw, source: drawSource,
		}, {
			peers: "govanityurls and sally", does: "tolerate a slash at the end", site: neighbours,
			ask: "GET go.acme.dev/log/?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"),
		}, {
			peers: "sally", does: "answer far below a prefix", site: neighbours,
			ask: "GET go.acme.dev/log/a/b/c?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"),
		}, {
			peers: "govanityurls and sally", does: "let the longest prefix win", site: neighbours,
			ask: "GET go.acme.dev/log/slog/x?go-get=1", status: 200, tag: peerTag("go.acme.dev/log/slog", "log-slog"),
		}, {
			peers: "all", does: "have no page before the first key", site: neighbours,
			ask: "GET go.acme.dev/aaa?go-get=1", status: 404,
		}, {
			peers: "all", does: "have no page behind the last key", site: neighbours,
			ask: "GET go.acme.dev/zzz?go-get=1", status: 404,
		}, {
			peers: "govanityurls", does: "give the rest to the root", site: rooted,
			ask: "GET go.acme.dev/x?go-get=1", status: 200, tag: peerTag("go.acme.dev", "root"),
		}, {
			peers: "govanityurls", does: "give the root to the root", site: rooted,
			ask: "GET go.acme.dev/?go-get=1", status: 200, tag: peerTag("go.acme.dev", "root"),
		}, {
			peers: "govanityurls", does: "give what is above a key to the root", site: rooted,
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: peerTag("go.acme.dev", "root"),
		}, {
			peers: "govanityurls", does: "give what is beside a key to the root", site: rooted,
			ask: "GET go.acme.dev/log/log?go-get=1", status: 200, tag: peerTag("go.acme.dev", "root"),
		}, {
			peers: "govanityurls", does: "find a key by its place only", site: rooted,
			ask: "GET go.acme.dev/x/y/?go-get=1", status: 200, tag: peerTag("go.acme.dev", "root"),
		}, {
			peers: "govanityurls", does: "let a page be cached for a day", site: neighbours,
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"), header: "Cache-Control: public, max-age=86400",
		}, {
			peers: "govanityurls", does: "let a page be cached for as long as is said", site: aged,
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"), header: "Cache-Control: public, max-age=60",
		}, {
			peers: "kare/vanity and sally", does: "print the name that is configured", site: peerSite("acme.dev", "log"),
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: peerTag("acme.dev/log", "log"),
		}, {
			peers: "kare/vanity", does: "serve all repositories of an owner", site: peerSite("acme.dev", "*"),
			ask: "GET acme.dev/log/?go-get=1", status: 200, tag: peerTag("acme.dev/log", "log"),
		}, {
			peers: "kare/vanity", does: "serve them below /cmd", site: peerSite("acme.dev", "*", "cmd/*"),
			ask: "GET acme.dev/cmd/a.test-srv?go-get=1", status: 200, tag: peerTag("acme.dev/cmd/a.test-srv", "a.test-srv"),
		}, {
			peers: "go-import-redirector", does: "serve packages below a path of the host", site: peerSite("acme.dev/go", ""),
			ask: "GET acme.dev/go/acme/edit?go-get=1", status: 200, tag: peerTag("acme.dev/go", "root"),
		}, {
			peers: "go-import-redirector", does: "not serve what is beside that path", site: peerSite("acme.dev/go", ""),
			ask: "GET acme.dev/gopher?go-get=1", status: 404,
		}, {
			peers: "go-import-redirector", does: "substitute the path element", site: peerSite("acme.dev/x", "*"),
			ask: "GET acme.dev/x/x86/x86asm?go-get=1", status: 200, tag: peerTag("acme.dev/x/x86", "x86"),
		},
	})
}

// TestPeersPages has what others show to people and we do, too.
func TestPeersPages(t *testing.T) {
	site := peerWith(peerSite("go.acme.dev", "log", "net/counts", "net/dial", "network"), func(s *vanity.Site) {
		s.Paths["zap"] = vanity.Import{Repo: peerHost + "zap", Description: "Fast & structured.", Redirect: "https://docs.acme.dev/zap"}
	})
	led := peerWith(peerSite("go.acme.dev", "log", "x/*"), func(s *vanity.Site) { s.Redirect = "https://pkg.go.dev/{path}" })
	toForge := peerWith(peerSite("go.acme.dev", "cmd/*"), func(s *vanity.Site) {
		s.Paths["cmd/*"] = vanity.Import{Repo: peerHost + "*", Redirect: peerHost + "*"}
	})
	templates := template.Must(template.New("index.html").Parse(`modules of {{.Path}}:{{range .Modules}} {{.Path}}{{end}}`))
	const found, location = http.StatusFound, "Location: https://pkg.go.dev/go.acme.dev/log"
	runPeers(t, []peerCase{
		{
			peers: "govanityurls and sally", does: "list all modules", site: site, ask: "GET go.acme.dev/", status: 200,
			has: []string{">go.acme.dev/log<", ">go.acme.dev/net/counts<", ">go.acme.dev/net/dial<", ">go.acme.dev/network<", ">go.acme.dev/zap<", "Fast &amp; structured."},
		}, {
			peers: "sally", does: "list the modules below a path", site: site, ask: "GET go.acme.dev/net", status: 200,
			has:   []string{">go.acme.dev/net/counts<", ">go.acme.dev/net/dial<"},
			lacks: []string{">go.acme.dev/log<", ">go.acme.dev/network<", "structured"},
		}, {
			peers: "sally", does: "list no modules below a path that has none", site: site, ask: "GET go.acme.dev/ne", status: 404,
		}, {
			peers: "sally", does: "let nobody keep a 404 for long", site: site, ask: "GET go.acme.dev/absent", status: 404,
			header: "Cache-Control: public, max-age=60",
		}, {
			peers: "govanityurls and sally", does: "show the way to the documentation", site: site, ask: "GET go.acme.dev/log", status: 200,
			tag: peerTag("go.acme.dev/log", "log"), has: []string{`href="https://pkg.go.dev/go.acme.dev/log"`},
		}, {
			peers: "govanityurls and sally", does: "show the way to that of a package", site: site, ask: "GET go.acme.dev/log/slog", status: 200,
			tag: peerTag("go.acme.dev/log", "log"), has: []string{`href="https://pkg.go.dev/go.acme.dev/log/slog"`},
		}, {
			peers: "kare/vanity", does: "lead browsers to the documentation", site: led, ask: "GET go.acme.dev/log", status: found, header: location,
		}, {
			peers: "all", does: "lead browsers to that of a package", site: led, ask: "GET go.acme.dev/log/slog", status: found, header: location + "/slog",
		}, {
			peers: "kare/vanity", does: "do so for all repositories of an owner", site: led, ask: "GET go.acme.dev/x/log/y", status: found,
			header: "Location: https://pkg.go.dev/go.acme.dev/x/log/y",
		}, {
			peers: "kare/vanity", does: "lead browsers to the repository", site: toForge, ask: "GET go.acme.dev/cmd/health", status: found,
			header: "Location: " + peerHost + "health",
		}, {
			peers: "sally", does: "lead browsers to a module's own documentation", site: site, ask: "GET go.acme.dev/zap", status: found,
			header: "Location: https://docs.acme.dev/zap",
		}, {
			peers: "all", does: "not lead the go command away", site: led, ask: "GET go.acme.dev/log?go-get=1", status: 200,
			tag: peerTag("go.acme.dev/log", "log"),
		}, {
			peers: "sally", does: "take templates of the owner's", site: site, opts: []vanity.Option{vanity.WithTemplates(templates)},
			ask: "GET go.acme.dev/net/", status: 200, has: []string{"modules of go.acme.dev/net: go.acme.dev/net/counts go.acme.dev/net/dial"},
		}, {
			peers: "sally", does: "take one template, and leave the others", site: site, opts: []vanity.Option{vanity.WithTemplates(templates)},
			ask: "GET go.acme.dev/log", status: 200, tag: peerTag("go.acme.dev/log", "log"), has: []string{"<!DOCTYPE html>"},
		},
	})
}

// TestPeersHosts has one server for two base URLs, as sally by a package's own url.
func TestPeersHosts(t *testing.T) {
	other := vanity.Meta(peerSite("go.acme.test", "draw"))
	server := httptest.NewServer(vanity.Meta(peerSite("go.acme.dev", "log"), vanity.WithNext(other)))
	defer server.Close()
	for importPath, want := range map[string]string{
		"go.acme.dev/log/x": peerTag("go.acme.dev/log", "log"), "go.acme.test/draw/x": peerTag("go.acme.test/draw", "draw"),
	} {
		if got, err := metaLookup(server.URL, importPath); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", importPath, got, err, want)
		}
	}
}

// TestPeersFaults has what others do wrong.
func TestPeersFaults(t *testing.T) {
	log := peerSite("go.acme.dev", "log")
	wild := peerSite("go.acme.dev", "*")
	runPeers(t, []peerCase{
		{
			peers: "kare/vanity", does: "take a package for a module", site: wild,
			ask: "GET go.acme.dev/log/slog/x?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"),
		}, {
			peers: "kare/vanity", does: "print the path as it comes", site: wild,
			ask: "GET go.acme.dev/log%22%3E%3Cscript%3Ealert(1)%3C/script%3E?go-get=1", status: 404, lacks: []string{"alert", "<script"},
		}, {
			peers: "gomod-discovery", does: "print the path as it comes", site: log,
			ask: "GET go.acme.dev/log/%3Cimg%20src=x%3E?go-get=1", status: 404, lacks: []string{"img"},
		}, {
			peers: "kare/vanity", does: "go on after the index, or fail without a directory", site: wild,
			ask: "GET go.acme.dev/", status: 200, has: []string{"go.acme.dev/*"}, header: "Location: ",
		}, {
			peers: "kare/vanity", does: "print a tag for the host alone", site: wild,
			ask: "GET go.acme.dev/?go-get=1", status: 404,
		}, {
			peers: "kare/vanity", does: "print the Host of the request, with its port", site: log,
			ask: "GET evil.test:8080/log?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"), lacks: []string{"evil", "8080"},
		}, {
			peers: "kare/vanity and sally", does: "refuse HEAD", site: log,
			ask: "HEAD go.acme.dev/log?go-get=1", status: 200,
		}, {
			peers: "govanityurls", does: "answer for a longer name", site: peerSite("go.acme.dev", "/log", "/loga"),
			ask: "GET go.acme.dev/logb?go-get=1", status: 404,
		}, {
			peers: "govanityurls", does: "answer for a longer name, far below", site: peerSite("go.acme.dev", "/log", "/log/slog"),
			ask: "GET go.acme.dev/logs/slog?go-get=1", status: 404,
		}, {
			peers: "govanityurls and sally", does: "answer for what is no import path", site: log,
			ask: "GET go.acme.dev/log/a%20b?go-get=1", status: 404,
		}, {
			peers: "govanityurls and sally", does: "answer for a file of a proxy", site: log,
			ask: "GET go.acme.dev/log/@v/list", status: 404,
		}, {
			peers: "go-import-redirector", does: "print a path element with a blank, which makes four fields", site: wild,
			ask: "GET go.acme.dev/a%20b?go-get=1", status: 404,
		}, {
			peers: "go-import-redirector", does: "take a major version for a module", site: wild,
			ask: "GET go.acme.dev/v2?go-get=1", status: 404,
		}, {
			peers: "go-import-redirector", does: "answer to no other Host, not even with a port", site: wild,
			ask: "GET go.acme.dev:8080/log?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"),
		}, {
			peers: "GitLab", does: "claim a prefix above the modules", site: peerSite("go.acme.dev", "group/log"),
			ask: "GET go.acme.dev/group?go-get=1", status: 404,
		}, {
			peers: "Gitea", does: "print localhost", site: log,
			ask: "GET localhost:3000/log?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"), lacks: []string{"localhost"},
		}, {
			peers: "sally", does: "fail with a module at the root", site: peerSite("go.acme.dev", ""),
			ask: "GET go.acme.dev/slog?go-get=1", status: 200, tag: peerTag("go.acme.dev", "root"),
		}, {
			peers: "govanityurls", does: "print a go-source tag that says nothing", site: peerWith(log, func(s *vanity.Site) {
				s.Paths = map[string]vanity.Import{"log": {Repo: "https://git.acme.dev/log", VCS: "git"}}
			}),
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: "go.acme.dev/log git https://git.acme.dev/log", source: "-",
		}, {
			peers: "govanityurls", does: "take master for the branch of every repository", site: log,
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"), lacks: []string{"master"},
			source: "go.acme.dev/log https://github.com/acme/log https://github.com/acme/log/tree/HEAD{/dir} https://github.com/acme/log/blob/HEAD{/dir}/{file}#L{line}",
		}, {
			peers: "govanityurls", does: "take default for the branch of every repository at Bitbucket", site: peerWith(log, func(s *vanity.Site) {
				s.Paths = map[string]vanity.Import{"log": {Repo: "https://bitbucket.org/acme/log", VCS: "git"}}
			}),
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: "go.acme.dev/log git https://bitbucket.org/acme/log",
			source: "go.acme.dev/log https://bitbucket.org/acme/log https://bitbucket.org/acme/log/src/HEAD{/dir} https://bitbucket.org/acme/log/src/HEAD{/dir}/{file}#lines-{line}",
		}, {
			peers: "kare/vanity", does: "fail where it leads to GitHub and there is no path", site: peerWith(wild, func(s *vanity.Site) { s.Redirect = "https://github.com/{path}" }),
			ask: "GET go.acme.dev/", status: 200, has: []string{"go.acme.dev/*"},
		}, {
			peers: "sally", does: "write https:// before every repository", site: peerWith(log, func(s *vanity.Site) {
				s.Paths = map[string]vanity.Import{"log": {Repo: "ssh://git@git.acme.dev/log", VCS: "git"}}
			}),
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: "go.acme.dev/log git ssh://git@git.acme.dev/log",
		},
	})
}

// TestPeersDiffer has where we differ on purpose.
func TestPeersDiffer(t *testing.T) {
	log := peerSite("go.acme.dev", "log")
	for why, tt := range map[string]peerCase{
		"a field that is zero is one that is not set": {
			peers: "govanityurls", does: "take cache_max_age 0 for no caching", site: peerWith(log, func(s *vanity.Site) { s.CacheMaxAge = 0 }),
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: peerTag("go.acme.dev/log", "log"), header: "Cache-Control: public, max-age=86400",
		},
		"the path is there, and 405 says what may be done": {
			peers: "sally", does: "answer 404 to POST", site: log,
			ask: "POST go.acme.dev/log", status: 405, header: "Allow: GET, HEAD",
		},
		"since 2020 Bitbucket has had nothing but git": {
			peers: "govanityurls", does: "want to be told the VCS at Bitbucket", site: peerWith(log, func(s *vanity.Site) {
				s.Paths = map[string]vanity.Import{"log": {Repo: "https://bitbucket.org/acme/log"}}
			}),
			ask: "GET go.acme.dev/log/x?go-get=1", status: 200, tag: "go.acme.dev/log git https://bitbucket.org/acme/log",
		},
		"a page says more, and Redirect leads on": {
			peers: "govanityurls, sally and go-import-redirector", does: "send browsers away at once", site: log,
			ask: "GET go.acme.dev/log", status: 200, tag: peerTag("go.acme.dev/log", "log"), lacks: []string{"http-equiv"},
		},
		"there it is plain which modules there are": {
			peers: "go-import-redirector", does: "send browsers away from what a wildcard is below", site: peerSite("go.acme.dev", "x/*"),
			ask: "GET go.acme.dev/x", status: 200, has: []string{"go.acme.dev/x/*"},
		},
		"a page that loads nothing tells nobody who reads it": {
			peers: "sally", does: "show a badge", site: log, ask: "GET go.acme.dev/", status: 200, has: []string{"go.acme.dev/log"}, lacks: []string{"<img"},
		},
		"Bitbucket deleted them in 2020": {
			peers: "govanityurls", does: "link to Mercurial repositories at Bitbucket", site: peerWith(log, func(s *vanity.Site) {
				s.Paths = map[string]vanity.Import{"log": {Repo: "https://bitbucket.org/acme/log", VCS: "hg"}}
			}),
			ask: "GET go.acme.dev/log?go-get=1", status: 200, tag: "go.acme.dev/log hg https://bitbucket.org/acme/log", source: "-",
		},
		"files, an index of one's own and robots.txt are the next handler's": {
			peers: "kare/vanity", does: "serve files", site: log,
			ask: "GET go.acme.dev/robots.txt", status: 404,
		},
	} {
		t.Run(tt.peers+" "+tt.does+", but "+why, tt.check)
	}
}

// TestPeersFiles has what files of configuration are refused for: by others rightly, or by us for a reason.
func TestPeersFiles(t *testing.T) {
	const log = `{"host": "go.acme.dev", "paths": {"/log": {"repo": "https://github.com/acme/log"}}}`
	for _, tt := range []struct{ why, old, new, want string }{
		{"govanityurls refuses a VCS that it doesn't know; sally prints it", `log"}`, `log", "vcs": "cvs"}`, `paths["/log"].vcs: "cvs" is unknown`},
		{"govanityurls refuses a VCS that it can't tell", "github.com", "git.acme.dev", `paths["/log"].vcs: missing`},
		{"govanityurls refuses a negative age", `{"host"`, `{"cache_max_age": -1, "host"`, "cache_max_age: -1 is negative"},
		{"go-import-redirector refuses a repository without a scheme; sally wants one", "https://", "", `paths["/log"].repo: is not an absolute URL`},
		{"govanityurls takes the host from the request, which anyone can forge", `"host": "go.acme.dev", `, "", "host: missing"},
		{"govanityurls takes one of two that mean the same", `{"/log"`, `{"/log/": {"repo": "https://github.com/acme/other"}, "/log"`, `paths["/log/"]: means the same import prefix as paths["/log"]`},
		{"govanityurls passes over a key that it doesn't know", `"repo"`, `"vsc": "hg", "repo"`, `paths["/log"].vsc: unknown key`},
		{"govanityurls and sally print a tag without a repository", `"repo": "https://github.com/acme/log"`, "", `paths["/log"].repo: missing`},
		{"sally takes a key for a pattern of its own", `"/log"`, `"/{log}"`, `paths["/{log}"]: invalid char '{'`},
		{"sally panics over a key with a blank", `"/log"`, `"POST /log"`, `paths["POST /log"]: invalid char ' '`},
		{"all print a host that is no part of an import path", "go.acme.dev", "https://go.acme.dev", `host: "https://go.acme.dev" has a scheme`},
		{"all print credentials", "https://", "https://token@", `paths["/log"].repo: has credentials`},
		{"govanityurls prints a display of which the readers drop all", `log"}`, `log", "display": "https://github.com/acme/log _"}`, `paths["/log"].display: has 2 fields`},
	} {
		file := strings.Replace(log, tt.old, tt.new, 1)
		_, err := vanity.ParseSite([]byte(file))
		if err == nil || !strings.Contains(err.Error(), "vanity: site: "+tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %s: %v; want %s", tt.why, file, err, tt.want)
		}
	}
	for _, tt := range []struct{ why, old, new, tag string }{
		{"govanityurls knows neither mod nor fossil", `log"}`, `log", "vcs": "mod"}`, "go.acme.dev/log mod https://github.com/acme/log"},
		{"govanityurls has no directory", `log"}`, `log", "directory": "go"}`, "go.acme.dev/log git https://github.com/acme/log go"},
	} {
		site, err := vanity.ParseSite([]byte(strings.Replace(log, tt.old, tt.new, 1)))
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		t.Run(tt.why, peerCase{site: site, ask: "GET go.acme.dev/log/x?go-get=1", status: 200, tag: tt.tag}.check)
	}
}
