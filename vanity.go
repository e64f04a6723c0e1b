// Package vanity serves Go modules under a domain name of your own. It has handlers to mount in any web application
// ([http.Handler]): one tells the go command where a module lives, the others serve the module itself, straight from its
// git repository. The module may be in a subdirectory of the repository, and its version tags may follow any pattern.
//
// This site has one module, cmd/tool of a monorepo, and beside it every module in the directory libs of the same
// repository:
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
// Once https://go.acme.dev leads to this program, "go get go.acme.dev/tool" works for everyone. Users have nothing to set
// up, and get the checksums that the go command would compute from the repository itself.
//
// There are four handlers:
//
//   - [Meta] answers the go command's question where a module lives (?go-get=1), from a small table, and has pages for
//     people.
//   - [GoproxyFunc] answers the GOPROXY protocol for many modules: those of a [Site], those of a forge that has its
//     repositories on disk ([Forge]), or those that a function of yours knows.
//   - [Goproxy] answers it for one module, which a [Config] describes.
//   - [Gosub] answers it for any module, because the URL holds the Config. It may be open to strangers.
//
// What is served is data: a Site, a Forge or a Config, each with a method Validate. How the world is reached, who may have
// what, and who is told of it, is said by an [Option]. A constructor makes no request. It panics on data that is not valid,
// as [http.ServeMux.Handle] does on a pattern. Handlers are safe for concurrent use.
//
// # Mounting
//
// [Goproxy], [GoproxyFunc] and [Gosub] take a base. It is the path below which the handler is mounted, as a request has it:
//
//	// Below /go, the base is "/go".
//	mux.Handle("/go/", vanity.Goproxy("/go", cfg))
//
//	// As the whole server, it is "" or "/".
//	http.ListenAndServe(addr, vanity.Goproxy("", cfg))
//
//	// Where the prefix is cut off before, it is "" as well.
//	mux.Handle("/go/", http.StripPrefix("/go", vanity.Goproxy("", cfg)))
//
// A base begins with a slash. One at its end makes no difference. It matches whole path elements: "/go" is not the base of
// /gopher. A base that is no such path, because of a wildcard or an escape for example, makes the constructor panic.
//
// [Meta] takes no base, as the path in Site.Host is part of the import paths. Mount it at "/", or with the Host
// "acme.dev/go" at "/go/", and never behind [http.StripPrefix].
//
// With [http.ServeMux], end the pattern with a slash, and write no method before it: the handlers answer 405 to other
// methods than GET and HEAD themselves, and ServeMux panics over "GET /" beside "/go/". Other routers must pass the path on
// as it came. A module path may hold "!", and a spec of Gosub ";" and an encoded slash, which a router that cleans or
// decodes paths may lose. The directory examples/routers has net/http, chi, gorilla/mux, echo, gin, fiber and httprouter,
// each in a short file that can be copied, and says what to set in each.
//
// What is not for a handler goes to the one that [WithNext] names, or is answered with 404. So handlers can be chained
// without a mux.
//
// # How the go command finds a module
//
// For an import of go.acme.dev/tool/sub, the go command asks https://go.acme.dev/tool/sub?go-get=1 (see
// https://go.dev/ref/mod#vcs-find), and finds
//
//	<meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">
//
// The word "mod" says that https://go.acme.dev/go is the base of a GOPROXY. There it asks for the files of the GOPROXY
// protocol (see https://go.dev/ref/mod#goproxy-protocol):
//
//	https://go.acme.dev/go/go.acme.dev/tool/@v/list          the versions, one a line
//	https://go.acme.dev/go/go.acme.dev/tool/@latest          the version to use, as JSON
//	https://go.acme.dev/go/go.acme.dev/tool/@v/v1.2.0.info   its commit's time and origin, as JSON
//	https://go.acme.dev/go/go.acme.dev/tool/@v/v1.2.0.mod    its go.mod
//	https://go.acme.dev/go/go.acme.dev/tool/@v/v1.2.0.zip    its content
//
// In these URLs, an upper-case letter is written as an exclamation mark and the lower-case letter (see
// [module.EscapePath]).
//
// The public module mirror finds a module in the same way. Users who have the mirror in GOPROXY, as by default, get the
// module from there.
//
// # Versions
//
// A version is a tag. The pattern Tags of a [Config] or an [Import] has one "*", which stands for the version without its
// "v": with "tool-*", the tag tool-1.2.0 is v1.2.0. A tag is not listed if its version is not canonical (tool-1,
// tool-01.2.0, tool-1.2.0+meta) or looks like a pseudo-version. Pre-releases and retracted versions are listed.
//
// A module path without a major version suffix has the versions v0 and v1, a path that ends in /v2 the versions v2, and so
// on. The go.mod is in Directory, or in Directory/v2, and its module path must have that major version. If Config.Module is
// set, no more of the path is compared, as in the go command, so that a fork can stand in for the original: users who
// require it without a replace directive are told by their own go command that the path differs. If Config.Module is set
// and the repository's root has no go.mod, it is served with the one that the go command makes up, and its tags of v2 and
// above are +incompatible versions.
//
// The version in VERSION.info may be a query (https://go.dev/ref/mod#version-queries): HEAD, the name of a branch or tag
// without a slash, or the hash of a commit, of which 7 digits are enough. The answer is the highest version whose tag is on
// that commit, or else a pseudo-version, based on the highest version whose tag precedes the commit; only tags of the
// pattern count, and no retracted versions. If a pseudo-version is asked for, it must have the commit's time and hash, and
// a base that precedes the commit. A commit that no branch or tag reaches is refused, although git hosts hand it out: it
// may be anyone's, from a pull request.
//
// The latest version is the highest release that is not retracted, or else the highest such pre-release. Without either, it
// is what the default branch comes to; if that doesn't have the module, there is no latest version, and no list (404).
//
// These rules follow those of the go command (https://go.dev/ref/mod#vcs-version, and the package
// cmd/go/internal/modfetch), for any pattern of tags.
//
// # Contents
//
// A zip holds, byte for byte, what the go command would put into it from the repository itself, and so has the same "h1:"
// checksum (https://go.dev/ref/mod#zip-files). Nested modules, vendored packages, symbolic links and submodules are left
// out. A module in a subdirectory without a LICENSE has that of the repository's root (https://go.dev/ref/mod#vcs-license).
// The bytes of the zip file itself may differ from those that another server makes, as files that the git host has
// compressed go in as they are. No checksum depends on them.
//
// Files are converted as .gitattributes says: text, eol, ident, and working-tree-encoding from UTF-8 to UTF-16, UTF-32 or
// Latin-1. A version is refused if one of its files is to be converted to another encoding, or is to be converted and has
// more than 64 MiB. The attributes export-ignore and export-subst have no effect.
//
// What the go command refuses because of a file's name or the module's size is refused here. How the go line of a go.mod
// compares with a go command is for that command to say.
//
// # What is kept
//
// A version stays, for ever, the commit that it was when it was first asked for. Its info, which names the commit
// (Origin.Hash), is kept before anything else of it, and its go.mod and zip are made from that commit, never from the tag
// again. If the tag leads elsewhere later, that is logged. If the commit is gone from the git host, what was not kept yet
// is answered with 502. A version whose tag was deleted stays in the list as long as its info is kept.
//
// Lists, "latest" and what queries come to are fresh for a minute ([WithFreshness]). After that one caller has them made
// anew, while the others get the old answer. If the host fails, everyone gets the old answer, with "Cache-Control:
// no-cache". If the host says of a repository whose module was served before that it doesn't exist (404, 401, 403, 410),
// that counts as a failure, too. That there is no such version or branch is remembered for 10 seconds. Failures are not
// remembered. If a webhook, for example, tells you that a repository has changed, you need not wait: each handler is a
// [Refresher].
//
// Callers who ask for the same at the same time share one fetch. It ends when the last of them has gone, unless there is an
// old answer that it is to replace. A handler fetches for at most 32 answers at the same time, and for 16 from one host.
// Others wait their turn for half a minute, and then get 503. A request with the header "Disable-Module-Fetch: true" gets
// what is kept, or 404.
//
// In a store ([WithStore], [DirStore]) all this outlives the process. With a store or without, a handler holds what was
// used last:
//
//   - Answers take up to 64 MiB. Those of more than 512 KiB are in temporary files (see [os.TempDir]), which have no name
//     where the system allows that. The infos of versions are the last to be dropped. An answer of more than 16 MiB is held
//     only as long as somebody reads it, unless there is a store.
//   - What the last few thousand request paths come to takes up to 16 MiB more.
//   - What was fetched from git hosts is in temporary files of up to 256 MiB, for a minute after its last use.
//
// # Answers
//
//	200  the file; a version's may be cached for a year, any other as long as it is fresh here
//	401  credentials are needed, or others: see WithAuth and WithCallersRights
//	403  whoever has these credentials may not have it
//	404  there is no such module, version or repository, or it can't be a module; or it is private
//	405  the method is neither GET nor HEAD
//	429  the git host limits the rate of requests
//	500  a fault of this machine, such as a full disk, of the store, or of a function of its owner's
//	502  the git host can't be reached, answers what can't be used, or refuses this server's
//	     credentials; or the commit of a version, or the whole repository, is gone
//	503  the git host is out of service, or this server fetches too much at the same time
//	504  the git host doesn't answer in time
//
// Files have an ETag. Ranges and conditional requests work as usual (RFC 9110). A 404 may be cached as long as a list, but
// for a minute at most. Failures may not be cached, nor may what depends on who asks. An answer with 429 or 503 has a
// Retry-After.
//
// The go command takes 404 as a reason to ask the next entry of GOPROXY, and every other status as a reason to stop. It
// shows the text, which is one line that says who must do what. That line never names paths or addresses of the server. It
// names directories and tags of the repository only to callers of [Gosub], who have named the repository themselves, and to
// those whom [WithAuth] or [WithCallersRights] has let in. The info of a version says to everyone where it comes from, as
// the go command's own does. The log has everything but credentials: see [WithLogger].
//
// # Private modules and strangers
//
// By default, no credentials are sent anywhere, and everybody may have what is served. For private modules there are two
// ways:
//
//   - [WithCallersRights] passes the callers' own credentials on to the git host, which decides who gets what. The server
//     needs none.
//   - [WithCredentials] gives the server credentials of its own ([EnvCredentials] has those of the environment), and
//     [WithAuth] says who may have what ([PasswordAuth] goes by passwords and tokens).
//
// Users of a private module set GOPRIVATE, so that neither the mirror nor the checksum database is asked for it
// (https://go.dev/ref/mod#private-modules), and have the credentials for your server in .netrc or by GOAUTH ("go help
// goauth").
//
// [Gosub] takes the name of the repository from whoever asks, and is made for strangers: see there for what it refuses.
// [WithHosts] says which hosts, owners or repositories it serves. With [WithSeal] it serves only what its owner has written
// with [Seal].
//
// # Git hosts
//
// Repositories are read by git's own protocol, of any version, over HTTP, without the git program and without any host's
// API. The list, info, go.mod and zip of one version cost three or four requests, and about as many bytes as the module
// has, if the host allows partial fetches. What a host allows is found out by a request that it refuses, and is remembered
// for an hour:
//
//   - Where filters may be combined, a commit comes with the trees on the way to the directory, and the directory with its
//     small files, go.mod among them. Of a repository's root, only the root's own files come until the zip is asked for.
//   - Where blob:none alone is allowed, a commit comes with all its trees, unless those are more than 10,000 or 2 MB. Of a
//     small module, the files that are probably small, by their names, come with go.mod. The first versions of root modules
//     from any host are fetched in this way, as it needs no refused request.
//   - Where there are more trees, or tree:0 alone is allowed, each level of the directory takes a request.
//   - Where no filter is allowed, the whole commit comes. So it is with most hosts that don't speak version 2 of the
//     protocol.
//
// The zip is made of exactly the files that belong in it, fetched by their hashes. Redirects are followed, so that a
// renamed repository is found, but never from https to http. Credentials are sent over https alone, and only if
// [WithCredentials] or [WithCallersRights] is given. A repository on the same machine, named by an absolute path, is read
// through "git upload-pack".
//
// # Limits
//
// What a git host sends is bounded: a pack to 1 GiB and a million objects, an object to 500 MiB, a listing to a million
// refs (502 beyond that), silence to 30 seconds, and the making of one answer to 10 minutes (504). Each object is checked
// against its hash. A module zip has at most 500 MiB, and go.mod and LICENSE 16 MiB each, as for the go command (404 beyond
// that).
//
// What a host can make one answer hold in memory is bounded to 512 MiB, which is some 500,000 tags or as many files of a
// module (502 beyond that). For all answers that a handler makes at the same time the bound is 1 GiB, and 8 MiB for each of
// them (503). As the garbage collector is set by default, a process under attack has had up to 0.8 GiB for one answer, and
// 2.5 GiB for fifty.
//
// With GOOS=js, in a Worker for example, there is neither a disk nor much memory. There, what would be in temporary files is
// held in memory: 16 MiB at most each, and 48 MiB for all (502 and 503 beyond that). A handler holds answers of 8 MiB, 2 MiB
// at most each, has 16 MiB for the making of one answer and 32 MiB for all, and fetches 6 of them at the same time, 4 from
// one host. Repositories on a disk, [DirStore] and the git program are not there. The directory examples/worker has such a
// program.
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

// A Site says which import paths a host answers for, and where the code of each lives. It is what [Meta] serves, and what
// [Site.Resolve] knows. A configuration file of govanity or govanityurls decodes into it as it stands: from JSON see
// [ParseSite], from YAML use a YAML library, and then [Site.Validate].
//
// The zero value is not valid, as Host and Paths are required. A Site is safe for concurrent use while nobody changes it,
// its Hosts or its Paths.
type Site struct {
	// Host is the host name that the import paths begin with, and may carry a path: "go.acme.dev",
	// "acme.dev/go". A slash at its end is tolerated. It holds no scheme, no port and no upper-case
	// letters, as import paths don't. It is required, even where a file of govanityurls leaves it
	// out, and is never taken from a request.
	Host string `json:"host,omitempty" yaml:"host,omitempty"`

	// Hosts holds further host names that the site answers for, without a path, as the path of Host
	// is theirs, too. A request whose Host is one of them, in whatever case and at whatever port,
	// gets pages for import paths that begin with that name. All other requests get those of Host.
	// If empty, there is only Host.
	Hosts []string `json:"hosts,omitempty" yaml:"hosts,omitempty"`

	// CacheMaxAge says for how many seconds a page may be cached. If zero, a day. (To govanityurls
	// a zero means not at all: write 1 for that.) It may not be negative.
	CacheMaxAge int `json:"cache_max_age,omitempty" yaml:"cache_max_age,omitempty"`

	// Proxy is the base of the GOPROXY for all imports that need one, so that it is said once:
	// those with a Directory or Tags, without a Proxy of their own, whose VCS is git or empty. Its
	// syntax is that of Import.Proxy. If empty, only an import with a Proxy of its own is proxied.
	// Where it is set, an import with a Directory should have Tags: see [Import].Tags.
	Proxy string `json:"proxy,omitempty" yaml:"proxy,omitempty"`

	// Redirect is the Redirect of each import that has none of its own. If empty, those have pages.
	Redirect string `json:"redirect,omitempty" yaml:"redirect,omitempty"`

	// Paths holds the imports by their paths below Host. At least one is required.
	//
	// The keys "tool", "/tool" and "/tool/" mean the same, the import prefix Host + "/tool". The
	// keys "" and "/" mean Host itself, which claims each path of the host that no longer prefix
	// claims. No two keys may mean the same prefix. The longest prefix of an import path wins.
	//
	// A key "*", or one that ends in "/*", is a wildcard: it stands for any one path element. (In
	// YAML such a key needs quotes.) It must stand in Repo or Directory of its import, and there
	// means the element.
	//
	//	"*":      {Repo: "https://github.com/acme/*"}
	//	"libs/*": {Repo: "https://github.com/acme/mono", Directory: "libs/*", Tags: "libs/*/v*"}
	//
	// It may stand in Repo once, in the path; in Directory, Display, Redirect and Description, but
	// in no host; and in Tags, if another "*" follows for the version. Of two prefixes that are
	// equally long, the one without a wildcard wins.
	//
	// The element has up to 255 ASCII letters, digits, "-", ".", "_" and "~", as in a module path
	// (see [module.CheckPath]). It doesn't begin with "-", hold "..", or end in the suffix of a
	// version control system, such as ".git". It is no major version ("v2"), which belongs to the
	// module before it. An element that makes no valid import has no page. Whether there is such a
	// repository is not looked up.
	Paths map[string]Import `json:"paths,omitempty" yaml:"paths,omitempty"`
}

// An Import says where the code below one import prefix lives, and how the go command gets it: from the repository, or from
// a server of the GOPROXY protocol, such as [Goproxy].
//
// It is proxied if it has a Proxy, or if the site has one, the import has a Directory or Tags, and its VCS is git or empty.
// Then its page sends the go command there by a go-import tag with the word "mod". A tag for the repository stands beside
// it, for other readers such as pkg.go.dev, but only if Directory and Tags say what the go command itself looks for, so
// that both tags mean the same. The page of an import that is not proxied has the tag for the repository alone.
//
// The zero value is not valid, as Repo or a Proxy is required.
type Import struct {
	// Repo is the URL of the repository, with its scheme. Everyone sees it, so it may not hold
	// credentials. If empty, the page doesn't say where the repository is; the import must then be
	// proxied, and [Site.Resolve] doesn't know it.
	Repo string `json:"repo,omitempty" yaml:"repo,omitempty"`

	// VCS is the go command's word for the version control system of the repository: git, hg, svn,
	// bzr or fossil; or mod, which says that Repo is no repository but the base of a GOPROXY. If
	// empty, git for a Repo at github.com, gitlab.com, bitbucket.org, codeberg.org or git.sr.ht;
	// elsewhere it is required if the page has a tag for the repository.
	VCS string `json:"vcs,omitempty" yaml:"vcs,omitempty"`

	// Display says where a browser finds the source, for the go-source tag and the links of pages.
	// It is one word for the kind of git host that Repo is at, which is github, gitlab, gitea,
	// forgejo, bitbucket or sourcehut; or three fields, which are the URLs of the project's home,
	// of a directory, and of a line in a file, with placeholders:
	//
	//	https://h/r https://h/r/tree{/dir}?h={commit} https://h/r/tree{/dir}/{file}?h={commit}#n{line}
	//
	// {commit} stands for a version's tag or for a commit's hash, and {/dir} for the directory from
	// the repository's root. pkg.go.dev fills them in, and so does [Meta]. Fields without {commit}
	// are printed as they are.
	//
	// If empty, the kind is told from the host's name, as pkg.go.dev tells it: github.com,
	// gitlab.com, codeberg.org, bitbucket.org, git.sr.ht, and names that begin with "github.",
	// "gitlab." or "gitea.". For any other host there is no go-source tag.
	Display string `json:"display,omitempty" yaml:"display,omitempty"`

	// Proxy is the base of the GOPROXY that serves the modules below the prefix. It is an absolute
	// http or https URL, or a path ("/go") on the site's own host: https, the host name in use (see
	// [Site].Hosts) without the path of Host, and that path. If empty, it is that of the site if
	// the import has a Directory or Tags, and its VCS is git or empty; otherwise the go command
	// fetches from Repo.
	Proxy string `json:"proxy,omitempty" yaml:"proxy,omitempty"`

	// Directory is the slash-separated directory of the repository that has the code of the import
	// prefix. A slash at its end is tolerated. If empty, the repository's root. Users need Go 1.25
	// for it if the import is not proxied: an older go command ignores a tag that names a
	// directory.
	Directory string `json:"directory,omitempty" yaml:"directory,omitempty"`

	// Tags is the pattern of the version tags, with one "*" that stands for the version without its
	// "v".
	//
	// If empty for a proxied import, "v*"; but with a Directory, [Goproxy] serves nothing if the
	// repository has tags "DIRECTORY/v*", until Tags says which are meant.
	//
	// If empty for an import that is not proxied, what the go command looks for: "v*", or
	// "DIRECTORY/v*" with a Directory. Anything else doesn't work there, and is refused.
	Tags string `json:"tags,omitempty" yaml:"tags,omitempty"`

	// Redirect is where browsers are sent instead of getting a page. It is an absolute http or
	// https URL, in which {path} stands for the import path: "https://pkg.go.dev/{path}". If empty,
	// that of the site; if that is empty too, browsers get a page.
	Redirect string `json:"redirect,omitempty" yaml:"redirect,omitempty"`

	// Description says what the module is, in one line of plain text, for pages. If empty, they
	// have none.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
}

// Validate returns nil if s is valid, so that [Meta] accepts it, and otherwise one error that names every fault. Each line
// of it begins with "vanity: site: ", the key as a file has it, and the reason.
//
// The fields say what each may hold. No key of Paths may have more than 4096 bytes. An import that [Site.Resolve] knows
// must be fit to be served: its [Config] must be valid, so Repo is an http or https URL, and the prefix must be a module
// path.
//
// Validate makes no request. It is safe for concurrent use while nobody changes s.Paths and s.Hosts.
func (s Site) Validate() error {
	return s.faults().Err("vanity: site: ")
}

// ParseSite reads a [Site] from JSON, such as a file of govanity or govanityurls in that form. Keys are in lower case, as
// the fields' tags have them.
//
// It accepts nothing that it doesn't understand. The error names all unknown and repeated keys, all values of a wrong type
// (null is one), and all that [Site.Validate] finds, each on a line of its own with the key and the reason. Invalid UTF-8,
// and data that follow the site, are faults as well. What follows a fault of syntax can't be read: then the error names
// that fault, and what was found before it.
//
// A file in YAML is for a YAML library to decode into a Site, strictly if it can, and then for Validate. ParseSite is safe
// for concurrent use.
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

// Meta returns a handler that answers the go command's question where the code of an import path lives (?go-get=1,
// https://go.dev/ref/mod#vcs-find), and has pages for people. It answers for each import path at or below an import prefix
// of site, with the go-import tags of the longest such prefix.
//
//	mux.Handle("/", vanity.Meta(site))
//
// # Mounting
//
// The path in site.Host is part of the URL. With the Host "acme.dev/go" the handler answers /go/tool, so mount it at "/" or
// "/go/", and not behind [http.StripPrefix]. Mount it without a method in the pattern: see "Mounting" in the package
// comment.
//
// What is at or below no prefix, or is no import path (because it holds an "@", for example), goes to the handler of
// [WithNext]. So do other methods than GET and HEAD then, and the paths of indexes. Without WithNext the answer is 404, or
// 405 to another method where GET has an answer.
//
// The Host of a request is compared with site.Hosts. No header such as X-Forwarded-Host is looked at. There is no "Vary:
// Host", as the URL by which a cache keeps answers has the host in it (RFC 9111, section 2). A cache that leaves it out
// must not be shared by several hosts.
//
// # Pages
//
// In a browser, an import path has a page: what the module is, how to get it, its documentation and source, and its
// versions with their dates if [Site.Resolve] knows it. If the import has a Redirect, the browser is sent there instead.
// The path of site.Host, and any path above imports (/libs for libs/log), have an index of the modules, 500 at a time.
//
// Versions are listed as [GoproxyFunc] lists them, by the same options. Give both the same store ([WithStore]), so that
// they share what they know. The dates take one more request to the git host. A page waits 3 seconds for all this, then
// goes out without versions.
//
// [WithoutPages] leaves all that is for people to the handler of WithNext. [WithTemplates] replaces the pages. Their
// Content-Security-Policy lets nothing run and nothing be loaded; a handler around this one may set its own.
//
// # Source links
//
// Where versions have tags that the go command doesn't know, pkg.go.dev doesn't know them either, and can't link to the
// source by itself. There the go-source tag leads it to PREFIX/-/src/VERSION/FILE and PREFIX/-/tree/VERSION/DIRECTORY,
// which Meta redirects to the right tag and directory at the git host. All imports have these paths if the kind of their
// git host is known: see Display in [Import].
//
// Also "git clone" of an import prefix as an https URL works: Meta redirects its first request to the repository.
//
// # Caching
//
// What is for the go command may be cached for site.CacheMaxAge, and so may pages, but those with versions no longer than a
// list ([WithFreshness]). All have an ETag.
//
// The answers for the go command are held in memory once they are made, up to 96 MiB of them, which is enough for 100,000
// imports. The paths asked for lately take up to 4 MiB more, or up to 52 MiB if there are so many imports.
//
// # Panics
//
// Meta panics with the error of [Site.Validate] if there is one, and on an option that it can't enforce ([WithHosts],
// [WithSeal]). It makes no request until a page has versions to list, and none for the go command. Later changes to
// site.Paths and site.Hosts have no effect. The handler is safe for concurrent use, and is a [Refresher].
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

// A Page is what a template of [WithTemplates] gets: the page of an import for "module.html", or an index for "index.html".
// The fields from Prefix to GoSource are those of an import, and zero for an index. URLs are absolute, and paths begin with
// a slash.
type Page struct {
	// Path is the import path that was asked for; of an index, what the import paths of Modules
	// begin with. It is never empty.
	Path string

	// Link is the path of this page on the host. It is empty for a wildcard in Modules, which has
	// no page.
	Link string

	// Description is that of the [Import]; empty if it has none.
	Description string

	// Prefix is the import prefix that Path is at or below; empty for an index.
	Prefix string

	// Module is the module path that Versions are of: Prefix, or a major version of it; empty for
	// an index.
	Module string

	// Documentation is the URL of Path at pkg.go.dev; empty for an index.
	Documentation string

	// Repository is the URL of the repository; empty if it is not known, or if no browser can
	// follow it.
	Repository string

	// Source is the URL of the code of Prefix on the default branch; empty if it is not known.
	Source string

	// Versions holds the versions of Module, the highest first, 500 at most. It is empty if Notice
	// says why, if [Site.Resolve] doesn't know the module, or if whoever asks may not know.
	Versions []Release

	// More is true if there are more versions than these, and false if these are all.
	More bool

	// Majors holds the other major versions of the module, with Path and Link alone. It is empty if
	// none are known.
	Majors []Page

	// Notice says why there are no versions; empty if there are some, or if there is nothing to
	// say.
	Notice string

	// GoImports holds the contents of the go-import tags that the go command gets for Path; empty
	// for an index.
	GoImports []string

	// GoSource is the content of the go-source tag; empty if there is none.
	GoSource string

	// Modules holds the imports below Path, 500 at most, with Path, Link and Description alone. It
	// is empty if there are none.
	Modules []Page

	// Next is the path and query of the page with the modules that follow; empty if there are no
	// more.
	Next string

	// Index is the path of the index of all modules; empty if there is none, or if it is this page.
	Index string
}

// A Release is one version on a [Page]. What is not known of it is zero.
type Release struct {
	// Version is the version, such as "v1.2.0". It is never empty.
	Version string

	// Time is that of the version's commit; the zero time if it is not known.
	Time time.Time

	// Documentation is the URL of the version at pkg.go.dev. It is never empty.
	Documentation string

	// Source is the URL of the version's code; empty if it is not known.
	Source string
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

// Resolve returns where the module of a path is kept, for [GoproxyFunc]:
//
//	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve))
//
// It knows the imports that [Meta] sends to a proxy on one of the site's own hosts: those with a Repo in git that are
// proxied (see [Import]), by a path or by an absolute URL with one of the host names in s, whatever its scheme and port. It
// doesn't know those whose proxy is a [Gosub] with a spec, which says itself where the module is. Other imports are for
// others to serve. The path of the proxy's base is not compared: each handler with this function serves all of these
// imports.
//
// A module path belongs to the import with the longest prefix of it, as its page does:
//
//   - For the prefix and its major versions (PREFIX/v2), the [Config] has the import's Repo, Directory and Tags, and the
//     prefix as Module.
//   - PREFIX/sub and PREFIX/sub/v2 are a nested module in Directory/sub, with the tags "Directory/sub/v*". They are known
//     only if the import's own tags follow that rule of the go command: "Directory/v*", or "v*" at the root. With other
//     tags nobody can say what those of nested modules are. (Without a proxy, the go command finds nested modules at the
//     root alone: below a Directory it looks for sub/Directory.)
//
// For any other path the error satisfies errors.Is(err, fs.ErrNotExist). There is no other error if s is valid. That is not
// checked here, so that a call costs no more for a hundred thousand imports than for ten. The context is not used.
//
// Resolve is safe for concurrent use while nobody changes s.Paths and s.Hosts.
func (s Site) Resolve(ctx context.Context, modulePath string) (Config, error) {
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
