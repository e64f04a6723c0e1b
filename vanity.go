// Package vanity serves Go modules under a name of one's own, as handlers to mount in any web application. The module may be
// in a directory of its repository, and have tags of whatever pattern. This is a site with one module, and with all that
// are in the directory libs of the same repository:
//
//	site := vanity.Site{
//		Host:  "go.acme.dev",
//		Proxy: "/go",
//		Paths: map[string]vanity.Import{
//			"tool":   {Repo: "https://github.com/acme/mono", Directory: "cmd/tool", Tags: "tool-*"},
//			"libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"},
//		},
//	}
//	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
//	mux.Handle("/", vanity.Meta(site))
//
// Once https://go.acme.dev leads there, "go get go.acme.dev/tool" works for everyone, with nothing to set up at theirs, and with
// the checksums that the go command would compute from the repository itself. The handlers are:
//
//   - [Meta], which answers the go command's question where a module lives (?go-get=1), from a small table, and has pages
//     for people;
//   - [GoproxyFunc], which answers the GOPROXY protocol, straight from git repositories, for all modules of a [Site], for
//     those of a forge that has its repositories on a disk ([Forge]), or for those that a function knows;
//   - [Goproxy], which does it for one module, a [Config];
//   - [Gosub], which does it for any module, the configuration being in the URL: for strangers, too.
//
// # The way of the go command
//
// For an import of go.acme.dev/tool/sub, the go command asks https://go.acme.dev/tool/sub?go-get=1, and finds
//
//	<meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">
//
// The word "mod" says that https://go.acme.dev/go is the base of a GOPROXY, where it then asks for
//
//	https://go.acme.dev/go/go.acme.dev/tool/@v/list          the versions, one a line
//	https://go.acme.dev/go/go.acme.dev/tool/@latest          the version to use, as JSON
//	https://go.acme.dev/go/go.acme.dev/tool/@v/v1.2.0.info   its commit's time and origin, as JSON
//	https://go.acme.dev/go/go.acme.dev/tool/@v/v1.2.0.mod    its go.mod
//	https://go.acme.dev/go/go.acme.dev/tool/@v/v1.2.0.zip    its content
//
// An upper-case letter is written as an exclamation mark and the lower-case one (see [module.EscapePath]). The
// protocol is described at https://go.dev/ref/mod#goproxy-protocol. Everyone whose GOPROXY is the public module mirror
// gets the module from there, and the mirror gets it in this way.
//
// # Versions
//
// A version is a tag. The pattern Tags has one "*", which stands for the version without its "v": by "tool-*", the tag
// tool-1.2.0 is v1.2.0. Tags whose version is not canonical (tool-1, tool-01.2.0, tool-1.2.0+meta) or looks like a
// pseudo-version are not listed. A path without a major version suffix has the versions v0 and v1, a path that ends in
// /v2 the versions v2, and so on; its go.mod is in Directory, or in Directory/v2, and must be of that major version.
// Where Config.Module is set, no more of the path is compared here, as in the go command, so that a fork can stand in
// for the original; whoever requires it without a replace directive is told by his own go command if the path is
// another. A repository's root without go.mod is served with the one that the go command makes up, if Config.Module is
// set; its tags of v2 and above are +incompatible versions. Pre-releases are listed, and so are retracted versions,
// which are never the latest.
//
// The version in VERSION.info may be a query: the name of a branch or tag without a slash, HEAD, or a commit's hash, or 7
// digits of it and more. It comes to the highest version that has a tag on the commit, or to a pseudo-version, whose
// base is the highest version before the commit by the tags of this pattern. A pseudo-version asked for must have the
// commit's time and hash, and a base that precedes the commit. A commit that no branch or tag reaches is refused, though
// git hosts give it out: it may be anyone's, from a pull request. Without a release or pre-release, the latest version
// is what the default branch comes to; and if that has no such module, there is none, and no list either (404).
//
// # Contents
//
// A zip holds, byte for byte, what the go command would put in if it fetched from the repository itself, and so has
// the same "h1:" checksum: nested modules, vendored packages, symbolic links and submodules are left out, a module in
// a subdirectory without LICENSE has that of the repository's root. Files are converted as .gitattributes says (text,
// eol, ident, working-tree-encoding from UTF-8 to UTF-16, UTF-32 or Latin-1; a file to be converted that has more than
// 64 MiB, or to another encoding, is refused), while export-ignore and export-subst have no effect. What the go command
// refuses, because of a file's name or the module's size, is refused here; how the line "go" of go.mod compares with a
// go command is that one's to say. What the host has compressed goes into the zip as it is, so
// that the zip's own bytes, which no checksum is of, may differ from those that another server makes.
//
// # What is kept
//
// A version is, for ever, the commit that it was when it was first asked for: its info, which names the commit
// (Origin.Hash), is kept before anything else of it, and go.mod and zip are made from that commit, never from the tag
// again. Where the tag leads elsewhere since, that is logged; where the commit is gone from its host, what was not kept
// yet is answered with 502. A version whose tag was deleted stays in the list as long as its info is kept.
//
// Lists, "latest" and what branches come to live for a minute ([WithFreshness]). They are made anew by one caller, while
// the others get what there is, and so does everybody when the host fails: then the old ones are served for as long as
// they are kept, with "no-cache". That a host denies that there is such a repository (404, 401, 403, 410) is its failure
// too, if the module was served before. That there is no such version or branch is remembered for 10 seconds; failures
// are not remembered. Callers who want the same at the same time share one fetch, which ends when the last of them has
// gone, unless there is an old answer that it is to replace. A handler fetches 32 answers at the same time, 16 from one
// host, and lets others wait for half a minute (503). A request with the header "Disable-Module-Fetch: true" gets what is
// kept, or 404.
//
// Who knows that a repository has changed, by a webhook say, need not wait for that minute: every handler is a [Refresher].
//
// All that outlives the process in a store: see [WithStore] and [DirStore]. The answers used last are held besides, and
// alone where there is no store, up to 64 MiB for a handler, in memory and, beyond 512 KiB, in temporary files (see
// [os.TempDir]), which have no name where the system allows that. The infos of versions go last. Without a store, an answer
// of more than 16 MiB is there only as long as somebody reads it. What the last few thousand paths come to is remembered in
// up to 16 MiB more. What was fetched from git hosts is kept for a minute after its last use, in temporary files of up to
// 256 MiB.
//
// # Answers
//
//	200  the file; a version's may be cached for a year, list, latest and the info of a query as long as they live here
//	401  credentials are needed, or others: see WithAuth and WithCallersRights
//	403  whoever has these credentials may not have it
//	404  there is no such module, version or repository, or it can't be a module; or the repository is private
//	405  the method is neither GET nor HEAD
//	429  the git host limits the rate of requests
//	500  a fault of this machine, such as a full disk, or of the store
//	502  the git host can't be reached, answers what can't be used, or refuses this server's credentials; or a version's
//	     commit, or the repository, is gone
//	503  the git host is out of service, or this server fetches too much at the same time
//	504  the git host doesn't answer in time
//
// Ranges and conditional requests have their usual answers. A 404 may be cached as long as a list, but a
// minute at most, a failure never; and what depends on who asks by nobody.
//
// The go command takes 404 as "ask the next one" and everything else as a reason to stop, and shows the text, which is
// one line that says who must do what. It names paths and addresses of the server never, and directories and tags of
// the repository only to callers of Gosub, who have named it themselves, and to whom [WithAuth] or [WithCallersRights] has
// let in; but the info of a version says to everyone where it comes from, as the go command's own does. The log has the
// whole, and no credentials: see [WithLogger].
//
// # Git hosts
//
// Repositories are read by git's own protocol, of any version, over HTTP without the git program, from any host. List, info,
// go.mod and zip of one version cost three or four requests and about the module's own bytes, if the host allows partial
// fetches. What it allows is found out, at the cost of a refused request, and remembered for an hour:
//
//   - Where filters may be combined, a commit comes with the trees on the way to the directory, and the directory with its
//     small files, go.mod among them; of a repository's root, only its own files come until the zip is asked for.
//   - Where blob:none alone is allowed, a commit comes with all its trees, unless those are more than 10,000 or 2 MB; of a small
//     module, the files that are small by their names come with go.mod. So it is with the first versions of root modules
//     from a host, whatever it allows: they take no refused request.
//   - Where there are more trees, or tree:0 alone is allowed, it takes a request for each level of the directory.
//   - Where no filter is allowed, the whole commit comes, as from most hosts that know nothing of version 2.
//
// The zip is made of exactly the files that belong in, named one by one. A repository that was renamed is found by the host's
// redirects, but never from https to http. Credentials are sent if the owner says so, by [WithCredentials] or
// [WithCallersRights], over https alone. A repository on the same machine, named by an absolute path, is read through "git
// upload-pack".
//
// # Limits
//
// What a host sends is bounded: a pack to 1 GiB and a million objects, an object to 500 MiB, a listing to a million
// refs (502 beyond that), silence to 30 seconds, and the making of one answer to 10 minutes (504). A module zip has at
// most 500 MiB, go.mod and LICENSE 16 MiB, as the go command has it (404). Each object is checked against its name. What
// a host can make one answer hold in memory is bounded to 512 MiB (502 beyond that: some 500,000 tags, or as many files of a
// module), and for all that a handler makes at the same time to 1 GiB and 8 MiB for each of them (503), of which
// processes under attack had up to 0.8 GiB for one answer, and 2.5 GiB for fifty, as the garbage collector is set by default.
package vanity

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/bits"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/check"
	"example.com/vanity/internal/discovery"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
	"example.com/vanity/internal/pages"
	"example.com/vanity/internal/recent"
	"example.com/vanity/internal/reply"
	"example.com/vanity/internal/strictjson"
)

// A Site says which import paths a host answers for, and where the code of each lives: what [Meta] serves. A
// configuration file of govanity or govanityurls decodes into it as it stands, whether JSON or YAML: see [ParseSite].
type Site struct {
	// Host is the host name that the import paths begin with, and may carry a path: "go.acme.dev", "acme.dev/go".
	// A trailing slash is tolerated. It may hold neither a scheme nor a port, nor upper-case letters: import paths
	// don't. It is required, also where a file of govanityurls leaves it out, and never taken from the request.
	Host string `json:"host,omitempty" yaml:"host,omitempty"`

	// Hosts holds further host names that the site answers for, without a path: that of Host is theirs, too. A request
	// whose Host is one of them, in whatever case and at whatever port, gets pages for import paths that begin with that
	// name; any other gets those of Host. If empty, there is none.
	Hosts []string `json:"hosts,omitempty" yaml:"hosts,omitempty"`

	// CacheMaxAge is for how many seconds a page may be cached. If zero, a day, though a zero that is written in a file of
	// govanityurls means not at all there: write 1.
	CacheMaxAge int `json:"cache_max_age,omitempty" yaml:"cache_max_age,omitempty"`

	// Proxy is the base of the GOPROXY that serves those imports that need one, so that it is said once: each import
	// with a Directory or Tags, but no Proxy of its own, and whose VCS is git or not said. It has the syntax of Import.Proxy. If
	// empty, an import is proxied only if it says so itself. Where it is set, a Directory wants Tags: see there.
	Proxy string `json:"proxy,omitempty" yaml:"proxy,omitempty"`

	// Redirect is the Redirect of each import that has none of its own.
	Redirect string `json:"redirect,omitempty" yaml:"redirect,omitempty"`

	// Paths holds the imports, at least one. A key, "tool", "/tool" or "/tool/", makes the import prefix
	// Host + "/tool"; the key "" or "/" makes Host itself the prefix, which claims every path of the host that no
	// longer prefix does. No two keys may come to the same prefix.
	//
	// A key "*", or one that ends in "/*", is a wildcard: it stands for every path element at its place. (YAML wants such
	// keys in quotes.) In the import, "*" stands for the element in Repo, where it may be once, in the path, and in
	// Directory, Display, Redirect and Description, but in no host; in Tags too, if there is another "*" behind it for the
	// version. It must be in Repo or in Directory.
	//
	//	"*":      {Repo: "https://github.com/acme/*"}
	//	"libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"}
	//
	// The longest prefix wins, and of two that are equally long the one without a wildcard. The element has ASCII
	// letters, digits, and "-", ".", "_" and "~", as module paths have (see [module.CheckPath]), and 255 of them at most; it
	// doesn't begin with "-", hold ".." or end in the suffix of a version control system, such as ".git". A major version
	// ("v2") is none: it belongs to the module before it. What can't be an element, or makes no valid import, has no page.
	// Whether there is such a repository is not looked up.
	Paths map[string]Import `json:"paths,omitempty" yaml:"paths,omitempty"`
}

// An Import says where the code below one import prefix lives, and how the go command gets it: from the repository,
// or from a server of the GOPROXY protocol, such as [Goproxy].
//
// It is proxied if it has a Proxy, or if the site has one, and it a Directory or Tags. Then the page sends the go command
// there by a "mod" tag. The tag of the repository stands beside it, for other readers such as pkg.go.dev, if Tags and
// Directory say that the repository's version tags are those that the go command itself looks for: then both say the
// same. The page of an import that is not proxied has the tag of the repository alone.
type Import struct {
	// Repo is the URL of the repository, its scheme included. It is shown to everyone, so it may not hold
	// credentials. It may be empty if the import is proxied: then the page doesn't say where the repository is.
	Repo string `json:"repo,omitempty" yaml:"repo,omitempty"`

	// VCS is the go command's word for the repository's version control system: git, hg, svn, bzr or fossil; or mod,
	// which says that Repo is no repository but the base of a GOPROXY. If empty, git for Repo at github.com,
	// gitlab.com, bitbucket.org, codeberg.org or git.sr.ht; elsewhere it must be given.
	VCS string `json:"vcs,omitempty" yaml:"vcs,omitempty"`

	// Display says where a browser finds the source, for the go-source tag and for the links of pages: one word for the
	// kind of git host that Repo is at, github, gitlab, gitea, forgejo, bitbucket or sourcehut; or three fields, the
	// URLs of the project's home, of a directory and of a line of a file, with placeholders:
	//
	//	https://h/r https://h/r/tree{/dir}?h={commit} https://h/r/tree{/dir}/{file}?h={commit}#n{line}
	//
	// {commit} stands for a version's tag, or for a commit's hash; pkg.go.dev fills it in, and so do we. {/dir} begins at the
	// repository's root. Without {commit} the three fields are printed as they are. If empty, the kind is told from the
	// name of the host, as pkg.go.dev does (github.com, gitlab.com, codeberg.org, bitbucket.org, git.sr.ht, and what begins
	// with "github.", "gitlab." or "gitea."); if it can't be, there is no go-source tag.
	Display string `json:"display,omitempty" yaml:"display,omitempty"`

	// Proxy is the base of the GOPROXY that serves the modules below the prefix: an absolute URL, http or https, or
	// a path ("/go") on the site's own host, meaning https, the host name in use (see Site.Hosts) without Host's path, and
	// that path. If empty, that of the site, if the import has a Directory or Tags; else the go command fetches from Repo.
	Proxy string `json:"proxy,omitempty" yaml:"proxy,omitempty"`

	// Directory is the slash-separated directory of the repository that stands for the import prefix. A trailing
	// slash is tolerated. If empty, the repository's root. Without a proxy it needs Go 1.25 at the user's: an older go
	// command ignores a tag that names a directory.
	Directory string `json:"directory,omitempty" yaml:"directory,omitempty"`

	// Tags is the pattern of the version tags, "*" standing for the version without its "v". If empty, "v*" for a
	// proxied import; with Directory, as in [Config], only if there is no doubt: a [Goproxy] serves nothing where there
	// are tags "DIRECTORY/v*" besides, until Tags says which are meant. If empty for an import that is not proxied, what
	// the go command looks for: "v*", or "DIRECTORY/v*"; nothing else works there, and is refused.
	Tags string `json:"tags,omitempty" yaml:"tags,omitempty"`

	// Redirect is where a browser is sent instead of getting a page: an absolute URL, http or https, in which {path}
	// stands for the import path: "https://pkg.go.dev/{path}". If empty, that of the site; if that is empty, it gets a page.
	Redirect string `json:"redirect,omitempty" yaml:"redirect,omitempty"`

	// Description says in one line of plain text what the module is, for people. If empty, pages have none.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
}

// Validate returns nil if [Meta] accepts s, and otherwise one error that names every fault, each on a line of its own
// with the key and the reason. An import that [Site.Resolve] serves must be fit for it: its Config must be valid, so Repo
// is http or https, and the prefix is a module path. No key has more than 4096 bytes. Validate makes no requests. It is
// safe for concurrent use while nobody changes s.Paths and s.Hosts.
func (s Site) Validate() error {
	return s.faults().Err("vanity: site: ")
}

// ParseSite reads a site from JSON, such as a file of govanity or govanityurls in that form. It takes nothing that it
// doesn't understand: the error names all unknown and repeated keys, values of wrong types (null is one), what is no
// UTF-8, what follows the end, and everything that [Site.Validate] finds, each on a line of its own with the key and the
// reason. What follows a fault of syntax can't be read: then only that is named, and the unknown, repeated and mistyped
// before it. Keys are taken in lower case alone.
//
// A file in YAML is for a YAML library to decode into a [Site], strictly if it can, and then for Validate.
func ParseSite(data []byte) (Site, error) {
	var s Site
	faults, lost := strictjson.Decode(data, &s)
	if !lost[""] {
		for _, f := range s.faults() {
			whole := f.Key[:strings.LastIndex(f.Key, "].")+1] // of the import, if it is one of its fields
			if !lost[f.Key] && !lost[whole] {
				faults = append(faults, f)
			}
		}
	}
	if err := faults.Err("vanity: site: "); err != nil {
		return Site{}, err
	}
	return s, nil
}

// Meta answers the go command's question where the code of an import path lives (?go-get=1), for every import path at or
// below a prefix of site: with the go-import tags of the longest such prefix, the same bytes for all of them. Without the
// query, a browser gets a page there: what the module is, how to get it, its documentation and source, and the versions
// with their dates, if [Site.Resolve] knows it; or it is sent elsewhere, if the import has a Redirect. At the path of
// site.Host, and above imports that have a path in common, it gets an index of the modules, 500 at a time.
//
// The path in site.Host is part of the URL: with Host "acme.dev/go" the handler answers /go/tool, so mount it at "/"
// or at "/go/", and not behind [http.StripPrefix]. Mount it without a method in the pattern. What is at or below no
// prefix, or can't be an import path (because it holds an "@", say), goes to the handler of [WithNext], if there is one:
// then the index is none of ours either, nor are other methods than GET and HEAD. If there is none, the answer is 404 or
// 405. [WithoutPages] leaves to it all that is for people, [WithTemplates] gives pages another face.
//
// Where the tags of versions are none that the go command knows, pkg.go.dev doesn't know them either, and can't link to the
// source by itself. There the go-source tag leads it to PREFIX/-/src/VERSION/FILE and PREFIX/-/tree/VERSION/DIRECTORY
// below the import prefix, which Meta redirects to the right tag and directory at the git host. They are there for all
// imports whose kind of git host is known: see Import.Display. And "git clone https://PREFIX" gets the repository: what it asks
// for first is redirected there.
//
// A page for the go command is kept in memory once it is made, up to 96 MiB of them for a handler, which has room for those of
// 100,000 imports; and so are the paths asked for lately, up to 52 MiB of them if there are so many imports, and 4 MiB if there
// are few. What is for the go command may be cached for site.CacheMaxAge, and so may pages, but those with versions no longer
// than a list ([WithFreshness]); all have an ETag. Versions are listed as [GoproxyFunc] does, with the same options: a store is
// shared, and one more request to the git host learns the dates. A page waits 3 seconds for it, then goes without versions.
// Pages have a Content-Security-Policy by which nothing runs and nothing is loaded, unless one is set by whoever calls
// the handler.
//
// Meta panics with the error of [Site.Validate] if there is one, and if given [WithHosts]. It makes no request until a page
// has versions to list, and none for the go command. Later changes to site.Paths and site.Hosts have no effect. The handler
// is safe for concurrent use.
//
// The Host of a request is compared with site.Hosts, and no header such as X-Forwarded-Host is looked at. There is no "Vary:
// Host", as the URL by which caches keep answers has the host in it (RFC 9111, section 2): a cache that leaves it out must
// not be shared by the hosts.
func Meta(site Site, opts ...Option) http.Handler {
	o := applyOptions(opts)
	o.refuse("Meta")
	if err := site.Validate(); err != nil {
		panic(err)
	}
	site.Paths, site.Hosts = maps.Clone(site.Paths), slices.Clone(site.Hosts)
	m := &metaHandler{
		options: o,
		config:  site,
		site:    site.discovery(),
		age:     time.Duration(cmp.Or(site.CacheMaxAge, defaultCacheMaxAge)) * time.Second,
		modules: newModules(o, &git.Client{HTTP: o.httpClient()}),
	}
	for key := range site.Paths {
		m.longest = max(m.longest, len(key))
		m.sorted = append(m.sorted, discovery.CleanKey(key))
	}
	slices.Sort(m.sorted)
	m.goGets.init(site.Paths)
	m.caching = reply.For(m.age)
	return m
}

// clone is what git asks for first, below the URL of a repository; it follows to where that is.
const clone = "/info/refs?service=git-upload-pack"

const (
	defaultCacheMaxAge = 24 * 60 * 60    // seconds, as in govanityurls
	versionsTimeout    = 3 * time.Second // for which a page waits
	pageSize           = 500             // imports, or versions
)

// A metaHandler is the handler of [Meta]. What it says doesn't change once it is made. Pages for people are made for each request,
// which costs some microseconds, and nothing for those that nobody asks for; those for the go command are kept once made.
type metaHandler struct {
	*options
	config  Site
	site    discovery.Site
	longest int      // length of the longest key in config.Paths
	sorted  []string // clean keys of config.Paths
	age     time.Duration
	caching string // Cache-Control for age
	modules *modules
	goGets  goGets
}

func (m *metaHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isRead := r.Method == http.MethodGet || r.Method == http.MethodHead
	if isRead && r.URL.RawQuery == goGetQuery && (m.auth == nil || r.Method == http.MethodGet) { // else it may be a probe
		if page, ok := m.goGets.known(m.site.At(r.Host).Name(), r.URL.Path); ok {
			m.serveGoGet(w, r, page)
			return
		}
	}
	if m.auth != nil && m.isProbe(r, strings.TrimSuffix(link(m.site.At(r.Host).Prefix("")), "/")) {
		m.serveProbe(w, r)
		return
	}
	a, ok := m.find(r)
	switch {
	case !ok || !isRead && m.hasNext:
		m.next.ServeHTTP(w, r)
		return
	case !isRead:
		a.kind, a.reply = "page", reply.MethodNotAllowed
	}
	m.observe(w, r, Event{Kind: a.kind, Module: a.prefix}, func(w http.ResponseWriter) (string, error) {
		a.reply().Write(w, r)
		return "", nil
	})
}

func (m *metaHandler) serveGoGet(w http.ResponseWriter, r *http.Request, page *goGetPage) {
	m.observe(w, r, Event{Kind: "go-get", Module: page.prefix}, func(w http.ResponseWriter) (string, error) {
		m.goGet(page).Write(w, r)
		return "", nil
	})
}

// Refresh implements [Refresher].
func (m *metaHandler) Refresh(repository string) { m.modules.refresh(repository) }

// A metaAnswer is how to answer a request, and what is to be told of it.
type metaAnswer struct {
	kind   string // of an Event
	prefix string // import prefix; empty for none
	reply  func() reply.Reply
}

// find tells how to answer a request; false if that is not for us.
func (m *metaHandler) find(r *http.Request) (a metaAnswer, ok bool) {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if path != "" && path[0] != '/' { // "*", or what a StripPrefix with a slash too many has left
		return a, false
	}
	d := m.site.At(r.Host)
	importPath := d.Name() + path
	rest, ok := d.Cut(importPath)
	if !ok {
		return a, false
	}
	if isGoGet(r) {
		page, ok := m.goGetPage(r, d, rest, importPath)
		if !ok {
			return a, false
		}
		return metaAnswer{"go-get", page.prefix, func() reply.Reply { return m.goGet(page) }}, true
	}
	page, found := m.page(d, rest)
	answer, ok := m.findPage(r, d, page, found, rest, importPath)
	return metaAnswer{"page", page.Prefix, answer}, ok
}

// findPage is find for what is not for the go command: the page of an import, if one was found for the path whose part behind the
// host is rest, or what is beside it.
func (m *metaHandler) findPage(r *http.Request, d discovery.Site, page discovery.Page, found bool, rest, importPath string) (answer func() reply.Reply, ok bool) {
	valid := found && module.CheckImportPath(importPath) == nil
	if found {
		switch below := importPath[len(page.Prefix):]; {
		case strings.HasPrefix(below+"/", "/-/"):
			return m.findSource(page, below)
		case below+"?"+r.URL.RawQuery == clone && page.Clone != "" && !m.withoutPages:
			return func() reply.Reply { return m.redirect(page.Clone + clone) }, true
		}
	}
	switch {
	case m.withoutPages || len(importPath) > maxField: // a page has the path, and costs time for each of its elements
		return nil, false
	case valid && page.Redirect != "":
		return func() reply.Reply {
			return m.redirect(discovery.FillRedirect(page.Redirect, importPath))
		}, true
	case valid:
		return func() reply.Reply { return m.modulePage(r, d, page, importPath) }, true
	case found || m.hasNext:
		return nil, false
	}
	return func() reply.Reply { return m.indexPage(r, d, rest) }, len(m.below(rest)) > 0
}

// goGetQuery is what the go command asks with.
const goGetQuery = "go-get=1"

// isGoGet reports whether a request is of the go command.
func isGoGet(r *http.Request) bool {
	return r.URL.RawQuery == goGetQuery || strings.Contains(r.URL.RawQuery, "go-get") && r.URL.Query().Get("go-get") == "1"
}

// page returns the page of the longest prefix that a path is at or below.
func (m *metaHandler) page(d discovery.Site, path string) (page discovery.Page, ok bool) {
	match, ok := discovery.Find(m.config.Paths, path, m.longest)
	if !ok {
		return page, false
	}
	return pageAt(d, m.config.Paths, match)
}

// goGet is what the go command gets, and who reads as it does.
func (m *metaHandler) goGet(page *goGetPage) reply.Reply {
	return reply.Reply{
		Status: http.StatusOK, ContentType: reply.HTML, CacheControl: m.caching, Policy: pages.Nothing,
		Data: page.data, ETag: page.etag, Length: page.length,
	}
}

// goGetPage gives the page for the go command at an import path, whose part behind the host is rest; false if there is none.
func (m *metaHandler) goGetPage(r *http.Request, d discovery.Site, rest, importPath string) (*goGetPage, bool) {
	match, ok := discovery.Find(m.config.Paths, rest, m.longest)
	if !ok || module.CheckImportPath(importPath) != nil {
		return nil, false
	}
	isMain := match.Elem == "" && d.Name() == m.site.Name()
	if isMain {
		if page := m.goGets.own[match.Key].Load(); page != nil {
			m.goGets.note(d.Name(), r.URL.Path, page, true)
			return page, true
		}
	}
	found, ok := pageAt(d, m.config.Paths, match)
	if !ok {
		return nil, false
	}
	data := bytes.Clone(found.GoGet()) // without room to grow
	page := newGoGetPage(data, found.Prefix)
	if isMain {
		isMain = m.goGets.keep(match.Key, page)
	}
	m.goGets.note(d.Name(), r.URL.Path, page, isMain)
	return page, true
}

// A goGetPage is a page for the go command.
type goGetPage struct {
	data         []byte
	etag, length string
	prefix       string // import prefix that it is of
}

// newGoGetPage has what goes into the header in one piece, with the prefix behind it: of many pages each has to be fetched from
// afar.
func newGoGetPage(data []byte, prefix string) *goGetPage {
	etag, length := etagOf(data), strconv.Itoa(len(data))
	all := etag + length + prefix
	behind := all[len(etag):]
	return &goGetPage{data, all[:len(etag)], behind[:len(length)], behind[len(length):]}
}

// size is the number of bytes of its content.
func (p *goGetPage) size() int { return len(p.data) + len(p.prefix) }

// goGets are the pages for the go command that were made. Those of the site's own imports stay, as many as there is room for,
// at the host that all imports are of; those of wildcards, and at other hosts, are as many as strangers like, and so only the
// ones used lately are kept. Whoever asks for the same path again gets the same page without looking for its import.
type goGets struct {
	own    map[string]*atomic.Pointer[goGetPage] // by key in the site's paths; wildcards have none
	size   atomic.Int64                          // of what is in them
	paths  *recent.Cache[goGetKey, *goGetPage]   // pages of own
	others *recent.Cache[goGetKey, *goGetPage]
}

type goGetKey struct{ host, path string } // of a URL

// Bounds of the pages that are kept.
const (
	maxGoGets   = 96 << 20 // bytes of a site's own, in all: those of 100,000 imports
	perGoGet    = 216      // bytes that one takes besides its content
	maxGoGet    = 2 << 10  // bytes of one of the others
	maxGoGetKey = 128      // bytes of a path that is remembered
	pathBits    = 12       // of the number of such paths, or more, for a large site
	maxPathBits = 18
	otherBits   = 10 // of the number of the others
)

func (g *goGets) init(imports map[string]Import) {
	g.own = make(map[string]*atomic.Pointer[goGetPage], len(imports))
	all := make([]atomic.Pointer[goGetPage], len(imports))
	for key := range imports {
		g.own[key] = &all[len(g.own)]
	}
	g.paths = recent.New[goGetKey, *goGetPage](max(pathBits, min(bits.Len(uint(len(imports)))+1, maxPathBits)))
	g.others = recent.New[goGetKey, *goGetPage](otherBits)
}

// known gives the page of a path that somebody asked for before.
func (g *goGets) known(host, path string) (*goGetPage, bool) {
	key := goGetKey{host, path}
	if page, ok := g.paths.Get(key); ok {
		return page, true
	}
	return g.others.Get(key)
}

// keep keeps the page of a key, if there is room.
func (g *goGets) keep(key string, page *goGetPage) bool {
	size := int64(page.size() + perGoGet)
	if g.size.Add(size) > maxGoGets {
		g.size.Add(-size)
		return false
	}
	if was := g.own[key].Swap(page); was != nil { // two have made it
		g.size.Add(-size)
	}
	return true
}

// note remembers a path. The string that it is a part of may be longer.
func (g *goGets) note(host, path string, page *goGetPage, isOwn bool) {
	if len(path) > maxGoGetKey {
		return
	}
	switch key := (goGetKey{host, strings.Clone(path)}); {
	case isOwn:
		g.paths.Put(key, page)
	case page.size() <= maxGoGet:
		g.others.Put(key, page)
	}
}

func withETag(rp reply.Reply) reply.Reply {
	rp.ETag = etagOf(rp.Data)
	return rp
}

func etagOf(data []byte) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(data)) }

// findSource tells how to answer a request for a file or a directory of an import.
func (m *metaHandler) findSource(page discovery.Page, below string) (answer func() reply.Reply, ok bool) {
	target, ok := discovery.ParseTarget(below)
	if !ok {
		return nil, false
	}
	location := page.Source.URL(target)
	return func() reply.Reply { return m.redirect(location) }, location != ""
}

func (m *metaHandler) redirect(location string) reply.Reply {
	return reply.Redirect(location, reply.For(m.age))
}

// A Page is what a person gets to see of a site: the data of templates, see [WithTemplates].
type Page struct {
	Path        string // import path that was asked for; of an index, what the import paths of Modules begin with
	Link        string // path of the page on the host; in Modules empty for a wildcard, which has none
	Description string // as in Import

	// Of a module alone.
	Prefix        string    // import prefix that Path is at or below
	Module        string    // module path of Versions: Prefix, or a major version of it
	Documentation string    // URL at pkg.go.dev
	Repository    string    // URL of the repository; empty if it is not known, or no browser can follow it
	Source        string    // URL of the code of Prefix on the default branch; empty if it is not known
	Versions      []Release // highest first, 500 at most, see More; empty if Notice says why, if Site.Resolve doesn't know the module, or if whoever asks may not know
	More          bool      // there are more versions than these
	Majors        []Page    // other major versions, with Path and Link
	Notice        string    // why there are no versions
	GoImports     []string  // contents of the go-import tags
	GoSource      string    // content of the go-source tag; empty for none

	Modules []Page // imports below Path, with Path, Link and Description; 500 at most
	Next    string // URL of the page with those that follow; empty if there are no more
	Index   string // path of the index; empty if there is none, or if it is this page
}

// A Release is a version on a [Page].
type Release struct {
	Version       string    // "v1.2.0"
	Time          time.Time // of its commit; zero if it is not known
	Documentation string    // URL at pkg.go.dev
	Source        string    // URL of its code; empty if it is not known
}

// samplePage has all that a template may use.
var samplePage = Page{
	Path: "go.acme.dev/tool", Link: "/tool", Description: "A tool.", Prefix: "go.acme.dev/tool", Module: "go.acme.dev/tool",
	Documentation: docs + "go.acme.dev/tool", Repository: "https://github.com/acme/tool", Source: "https://github.com/acme/tool",
	Versions: []Release{{Version: "v1.0.0", Time: time.Unix(1e9, 0).UTC(), Documentation: docs + "go.acme.dev/tool@v1.0.0", Source: "https://github.com/acme/tool/tree/v1.0.0"}},
	Majors:   []Page{{Path: "go.acme.dev/tool/v2", Link: "/tool/v2"}},
	Notice:   "There are no versions yet.", GoImports: []string{"go.acme.dev/tool git https://github.com/acme/tool"},
	Modules: []Page{{Path: "go.acme.dev/tool/sub", Link: "/tool/sub", Description: "A sub."}, {Path: "go.acme.dev/tool/sub/*"}},
	Next:    "/?after=tool", Index: "/",
}

// docs is where the documentation of public packages is.
const docs = "https://pkg.go.dev/"

// modulePage is what a person gets to see of an import.
func (m *metaHandler) modulePage(r *http.Request, d discovery.Site, page discovery.Page, importPath string) reply.Reply {
	p := Page{
		Path: importPath, Link: link(importPath), Prefix: page.Prefix, Module: moduleOf(page.Prefix, importPath),
		Description: page.Description, Documentation: docs + importPath, Repository: page.Browse, Source: page.Source.Dir("", ""),
		GoImports: page.GoImports, GoSource: page.GoSource, Index: m.index(d),
	}
	if p.Link == p.Index {
		p.Index = "" // the root's import has the list itself
	}
	if importPath == page.Prefix {
		rest, _ := d.Cut(importPath)
		m.listImports(&p, r, d, rest)
	}
	cfg, ok := m.config.config(p.Module)
	if !ok {
		return m.render(r, pages.Module, p, m.age)
	}
	fresh := min(m.age, m.versions(r, &p, cfg, page.Source))
	return m.guarded(m.render(r, pages.Module, p, fresh))
}

// moduleOf returns the path of the module that an import path of a prefix is in: the prefix, or a major version of it.
func moduleOf(prefix, importPath string) string {
	elem, _, _ := strings.Cut(strings.TrimPrefix(importPath[len(prefix):], "/"), "/")
	if _, major, ok := module.SplitPathVersion(prefix + "/" + elem); ok && major == "/"+elem && elem != "" {
		return prefix + major
	}
	return prefix
}

// link returns the path of a page on its host.
func link(importPath string) string {
	_, path, _ := strings.Cut(importPath, "/")
	return "/" + path
}

// index returns the path of the index; "" if somebody else answers there.
func (m *metaHandler) index(d discovery.Site) string {
	if m.hasNext {
		return ""
	}
	return link(d.Prefix(""))
}

// indexPage lists the imports below a path.
func (m *metaHandler) indexPage(r *http.Request, d discovery.Site, path string) reply.Reply {
	p := Page{Path: d.Prefix(path), Link: link(d.Prefix(path))}
	if path != "" {
		p.Index = m.index(d)
	}
	m.listImports(&p, r, d, path)
	return m.render(r, pages.Index, p, m.age)
}

// below returns the clean keys of the imports below a path.
func (m *metaHandler) below(path string) []string {
	if path == "" {
		from, _ := slices.BinarySearch(m.sorted, "\x00") // but for the root
		return m.sorted[from:]
	}
	from, _ := slices.BinarySearch(m.sorted, path+"/")
	to, _ := slices.BinarySearch(m.sorted, path+"0") // which comes next after the slash
	return m.sorted[from:to]
}

// listImports adds the imports below a path to a page, as many as it may have.
func (m *metaHandler) listImports(p *Page, r *http.Request, d discovery.Site, path string) {
	keys := m.below(path)
	if after := r.URL.Query().Get("after"); after != "" {
		i, found := slices.BinarySearch(keys, after)
		if found {
			i++
		}
		keys = keys[i:]
	}
	if len(keys) > pageSize {
		keys = keys[:pageSize]
		p.Next = p.Link + "?after=" + url.QueryEscape(keys[pageSize-1])
	}
	for _, key := range keys {
		match, _ := discovery.Find(m.config.Paths, key, m.longest)
		entry := Page{Path: d.Prefix(key), Description: m.config.Paths[match.Key].Description}
		if _, wild := discovery.CutWildcard(key); !wild {
			entry.Link = link(entry.Path)
		}
		p.Modules = append(p.Modules, entry)
	}
}

// versions adds the versions of a module to its page, and says for how long they are fresh.
func (m *metaHandler) versions(r *http.Request, p *Page, cfg Config, source discovery.Source) (fresh time.Duration) {
	ctx, cancel := context.WithTimeout(r.Context(), versionsTimeout)
	defer cancel()
	list, err := m.list(r.WithContext(ctx), cfg, p.Module)
	if err != nil {
		return m.withoutVersions(r, p, err)
	}
	if len(list.Versions) == 0 {
		p.Notice = noVersions
	}
	p.More = len(list.Versions) > pageSize
	for _, v := range list.Versions[:min(len(list.Versions), pageSize)] {
		p.Versions = append(p.Versions, Release{
			Version: v.Version, Time: v.Time, Documentation: docs + p.Module + "@" + v.Version, Source: source.Dir(v.Version, ""),
		})
	}
	for _, major := range list.Majors {
		if other := strings.TrimSuffix(p.Prefix+"/"+major, "/"); other != p.Module && serves(p.Prefix, other) {
			p.Majors = append(p.Majors, Page{Path: other, Link: link(other)})
		}
	}
	if list.Stale {
		return 0
	}
	return m.freshness
}

// list lists the versions of a module for whoever may know them.
func (m *metaHandler) list(r *http.Request, cfg Config, modPath string) (*modstore.Listing, error) {
	if err := m.authorize(r, modPath, ""); err != nil {
		return nil, err
	}
	at := m.modules.newHome(cfg)
	ctx, err := m.modules.admit(r, at, modPath)
	if err != nil {
		return nil, err
	}
	list, err := m.modules.store.Versions(ctx, at.module(modPath))
	return list, m.modules.refused(err)
}

const noVersions = "There are no versions yet."

// withoutVersions says why a page has none, and for how long that holds. What the owner must mend says nothing of whether
// there are versions.
func (m *metaHandler) withoutVersions(r *http.Request, p *Page, err error) (fresh time.Duration) {
	var access *accessError
	var host *git.Error
	var absent *modrepo.Error
	if errors.As(err, &access) {
		return 0
	}
	isMissing := errors.As(err, &host) && (host.Kind == git.NoRepository || host.Kind == git.Denied)
	if isMissing || errors.As(err, &absent) && !absent.Owner {
		p.Notice = noVersions
		return min(m.freshness, briefly)
	}
	if r.Context().Err() == nil {
		m.log().WarnContext(r.Context(), "vanity: a page has no versions", "module", p.Module, "err", err)
	}
	p.Notice = "The versions can't be listed at the moment."
	return 0
}

// render makes a page from a template.
func (m *metaHandler) render(r *http.Request, name string, p Page, fresh time.Duration) reply.Reply {
	body, policy, err := m.templates.Render(name, p)
	if err != nil {
		m.log().ErrorContext(r.Context(), "vanity: a page can't be made", "path", r.URL.Path, "err", err)
		return reply.InternalServerError()
	}
	rp := withETag(reply.Bytes(reply.HTML, reply.For(fresh), body))
	rp.Policy = policy
	return rp
}

// Resolve returns where a module of s is kept, for [GoproxyFunc]:
//
//	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
//
// It knows the imports that [Meta] sends there: those that are proxied (see [Import]) by a path, or by an absolute URL
// with one of the site's own host names, whatever its scheme and port, and that have a Repo whose VCS is git or not said. Others
// are somebody else's to serve. Resolve doesn't compare the base: whatever handler it is given to serves all of them.
//
// A module path belongs to the import whose page it has: that of the longest prefix. For the prefix and its major
// versions (prefix/v2) the Config has the import's Repo, Directory and Tags, and the prefix as Module. A path further
// down, prefix/sub or prefix/sub/v2, is a nested module in Directory/sub with the tags "Directory/sub/v*", if the
// import's own tags follow that rule of the go command: "Directory/v*", or "v*" at the root. (Without a proxy the go
// command finds them at the root alone: below a Directory it looks for sub/Directory.) With other tags nobody knows what
// those of nested modules are, and there are none.
//
// For any other path the error satisfies errors.Is(err, fs.ErrNotExist). There are no others, if [Site.Validate] finds
// no fault: it is not looked for here, as a call must cost no more for a hundred thousand paths than for ten. The context
// is not used. Resolve is safe for concurrent use while nobody changes s.Paths and s.Hosts.
func (s Site) Resolve(_ context.Context, modulePath string) (Config, error) {
	cfg, ok := s.config(modulePath)
	if !ok {
		return Config{}, fmt.Errorf("vanity: site: no module %s: %w", check.Quote(modulePath), fs.ErrNotExist)
	}
	return cfg, nil
}

func (s Site) config(modPath string) (cfg Config, ok bool) {
	if len(modPath) > maxField || module.CheckPath(modPath) != nil {
		return cfg, false
	}
	host, _, _ := strings.Cut(modPath, "/")
	d := s.discovery().At(host)
	path, ok := d.Cut(modPath)
	if !ok {
		return cfg, false
	}
	match, ok := discovery.Find(s.Paths, path, maxField)
	im := importAt(s.Paths, match)
	if !ok || !d.Serves(im) {
		return cfg, false
	}
	prefix := d.Prefix(match.Path)
	if match.Elem != "" {
		if _, ok := pageAt(d, s.Paths, match); !ok {
			return cfg, false
		}
	}
	cfg = configOf(im, prefix)
	if serves(cfg.Module, modPath) {
		return cfg, true
	}
	if !d.Conventional(im) {
		return cfg, false
	}
	return cfg.nested(modPath)
}

// nested says where a module whose path is below that of c is kept, by the go command's rule: in the directory of that name, with
// the tags "DIR/v*". A major version is none of its own.
func (c Config) nested(modPath string) (Config, bool) {
	stem, _, _ := module.SplitPathVersion(modPath)
	if len(stem) <= len(c.Module) {
		return c, false
	}
	c.Directory = strings.TrimPrefix(strings.TrimSuffix(c.Directory, "/")+stem[len(c.Module):], "/")
	c.Module, c.Tags = stem, c.Directory+"/v*"
	return c, serves(stem, modPath) && len(c.problems()) == 0
}

// configOf says where the module of a prefix is kept.
func configOf(im discovery.Import, prefix string) Config {
	return Config{URL: im.Repo, Module: prefix, Directory: im.Directory, Tags: im.Tags}
}

// pageOf returns what an import comes to, or what is wrong with it: what we serve must be fit to be served, too.
func pageOf(d discovery.Site, im discovery.Import, prefix string) (discovery.Page, check.Faults) {
	page, faults := d.Page(im, prefix)
	if len(faults) == 0 && d.Serves(im) {
		for _, problem := range configOf(im, prefix).problems() {
			faults.Add("", "can't be served at "+check.Quote(d.Base(im))+": "+problem)
		}
	}
	return page, faults
}

// pageAt returns the page of a match; false if a wildcard makes no valid import of the path element. One whose redirect would
// lead back to itself has none.
func pageAt(d discovery.Site, paths map[string]Import, match discovery.Match) (discovery.Page, bool) {
	im := importAt(paths, match)
	page, faults := pageOf(d, im, d.Prefix(match.Path))
	if len(faults) == 1 && faults[0].Key == "redirect" {
		im.Redirect, d.Redirect = "", ""
		page, faults = pageOf(d, im, d.Prefix(match.Path))
	}
	return page, len(faults) == 0
}

// importAt returns the import of a match, for its path element if there is a wildcard.
func importAt(paths map[string]Import, match discovery.Match) discovery.Import {
	im := discovery.Import(paths[match.Key])
	if match.Elem != "" {
		return im.Expand(match.Elem)
	}
	return im
}

// discovery returns what the imports of s have in common.
func (s Site) discovery() discovery.Site {
	return discovery.Site{Host: strings.TrimSuffix(s.Host, "/"), Hosts: s.Hosts, Proxy: s.Proxy, Redirect: s.Redirect}
}

// faults returns all that is wrong with s, in the order of its keys.
func (s Site) faults() check.Faults {
	d, faults := s.discovery().Check()
	if s.CacheMaxAge < 0 {
		faults.Add("cache_max_age", fmt.Sprintf("%d is negative", s.CacheMaxAge))
	}
	if len(s.Paths) == 0 {
		faults.Add("paths", "there are none")
	}
	keys := make(map[string]string, len(s.Paths)) // by path
	for _, key := range slices.Sorted(maps.Keys(s.Paths)) {
		path := discovery.CleanKey(key)
		found := s.importFaults(d, key, path)
		if first, ok := keys[path]; ok {
			found = append(check.Faults{{Reason: fmt.Sprintf("means the same import prefix as paths[%q]", first)}}, found...)
		}
		keys[path] = key
		for _, f := range found {
			where := fmt.Sprintf("paths[%q].%s", key, f.Key)
			faults.Add(strings.TrimSuffix(where, "."), f.Reason)
		}
	}
	return faults
}

// importFaults returns all that is wrong with one import and its key, whose clean form is path.
func (s Site) importFaults(d discovery.Site, key, path string) (faults check.Faults) {
	match := discovery.Match{Key: key, Path: path}
	var inside check.Faults
	if parent, ok := discovery.CutWildcard(path); ok {
		match.Path, match.Elem = parent+discovery.Sample, discovery.Sample
		inside = discovery.Import(s.Paths[key]).CheckWildcard()
	} else {
		inside = discovery.Import(s.Paths[key]).CheckPlain()
	}
	if len(key) > maxField {
		faults.Add("", fmt.Sprintf("has %d bytes: want %d at most", len(key), maxField))
	}
	prefix := d.Prefix(match.Path)
	if err := module.CheckImportPath(prefix); err != nil {
		faults.Add("", check.PathReason(err).Error())
	}
	if strings.HasPrefix(path+"/", d.Name()+"/") {
		faults.Add("", "begins with the host: write what follows it in an import path")
	}
	if len(inside) == 0 {
		_, inside = pageOf(d, importAt(s.Paths, match), prefix)
	}
	return append(faults, inside...)
}
