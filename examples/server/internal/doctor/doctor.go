// Package doctor walks the way that the go command takes to a module, and says for each step what it saw, and what to
// mend: the pages of discovery and their tags, then the list of versions, the latest, a version's info, go.mod and zip,
// their hashes, and how what isn't there is answered.
//
// It judges as the go command does (as of Go 1.26): FAIL is what makes it fail, for whoever asks that server without
// another one behind it; warn is what it puts up with, but older releases, other readers or the next change may not.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/examples/server/internal/gotags"
)

// Options say what to look at.
type Options struct {
	// URL is where the server is. Without a path, "https://go.acme.dev", it is the one that answers for the module's host,
	// be it at its own place or at one where it can be tried before, "http://127.0.0.1:8080": then requests for the
	// module's host go there. With a path, "https://forge.acme.dev/registry/go", it is the base of a GOPROXY, and so it is
	// if the go command asks the module's host for no pages (github.com), or if the server is another host's and has a
	// list of the module's versions instead of pages. If empty, the module's host.
	URL string

	// Module is a module's path, or that of a package in it, and perhaps a version: "go.acme.dev/tool@v1.2.0". If there is
	// none, the version that the go command would take is looked at.
	Module string

	// GoSum is the go.sum file that has the hashes to compare with. If empty, they are only shown.
	GoSum string

	// Client has the transport that requests go by; its time limit and redirect rules don't count. If nil,
	// [http.DefaultTransport] is used.
	Client *http.Client

	// Credentials gives the user and password for a URL, or two empty strings, as vanity.EnvCredentials does from .netrc.
	// They are sent where the go command would send them, over https to the host that they are for, and to a server on this
	// machine that stands for it. If nil, none are sent.
	Credentials func(ctx context.Context, u *url.URL) (user, password string, err error)

	// Timeout is the time that an answer may take, but a zip, which has 20 times as long. If zero, 30 seconds.
	Timeout time.Duration

	// Out gets a line for each thing that was seen, and for what isn't well an indented one that says how to mend it. Control
	// characters are escaped.
	Out io.Writer
}

// Run looks at a module, and reports whether nothing failed; warnings don't count. An error says that it couldn't be
// looked at: options that make no sense, a file that can't be read or written, an end of ctx. Run leaves no files behind.
func Run(ctx context.Context, o Options) (healthy bool, err error) {
	d, err := newDoctor(ctx, o)
	if err != nil {
		return false, fmt.Errorf("doctor: %w", err)
	}
	d.walk(ctx)
	if err := context.Cause(ctx); err != nil {
		return false, fmt.Errorf("doctor: not all was looked at: %w", err)
	}
	if err := errors.Join(d.err, d.report.err); err != nil {
		return false, fmt.Errorf("doctor: %w", err)
	}
	return !d.report.failed, nil
}

// A doctor is one walk.
type doctor struct {
	*report
	web   *web
	given *url.URL // the server, or the base of a GOPROXY
	path  string   // as it was given: of a module, or below one
	query string   // as it was given: a version, or what comes to one; "" for none
	sums  *goSum   // nil for none

	err error // of this machine
}

func newDoctor(ctx context.Context, o Options) (*doctor, error) {
	if o.Out == nil {
		return nil, errors.New("there is no Out to write to")
	}
	path, query, hasQuery := strings.Cut(o.Module, "@")
	if hasQuery && query == "" {
		return nil, fmt.Errorf("%s has no version behind the @", clean(o.Module))
	}
	if err := module.CheckImportPath(path); err != nil {
		return nil, fmt.Errorf("no module path: %s", clean(err.Error()))
	}
	host, _, _ := strings.Cut(path, "/")
	if !strings.Contains(host, ".") {
		return nil, fmt.Errorf("%s is no module path that could be had: its first element, %s, is no host name", path, host)
	}
	if query == "latest" {
		query = ""
	}
	given, err := parseServer(o.URL, host)
	if err != nil {
		return nil, err
	}
	d := &doctor{report: &report{ctx: ctx, out: o.Out}, given: given, path: path, query: query}
	if o.GoSum != "" {
		if d.sums, err = readGoSum(o.GoSum); err != nil {
			return nil, err
		}
	}
	d.web = newWeb(o, host)
	return d, nil
}

// parseServer reads where the server of a host is said to be.
func parseServer(raw, host string) (*url.URL, error) {
	if raw == "" {
		raw = "https://" + host
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, errors.New("the server's URL is none: write it as https://go.acme.dev, or http://127.0.0.1:8080")
	case u.User != nil:
		return nil, errors.New("the server's URL holds credentials, which others on this machine may see: put them into .netrc")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the server's URL, %s, has a query or a fragment", clean(raw))
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	return u, nil
}

// host is the one that the module's path begins with.
func (d *doctor) host() string {
	host, _, _ := strings.Cut(d.path, "/")
	return host
}

// walk takes the steps, as far as they lead.
func (d *doctor) walk(ctx context.Context) {
	switch {
	case d.given.Path != "":
		d.ok("server", "%s is taken for the base of a GOPROXY: pages of discovery are not looked at", d.given)
		d.goproxy(ctx, d.given, "", false)
		return
	case isKnownHost(d.path) && d.web.isHost(d.given):
		d.known(ctx)
		return
	case isKnownHost(d.path):
		d.ok("server", "%s is taken for the base of a GOPROXY: the go command asks %s for no pages, but clones from there", d.given, d.host())
		d.goproxy(ctx, d.given, "", false)
		return
	}
	d.web.standIn(d.given)
	d.serverLine()
	tag, found := d.discover(ctx)
	switch {
	case !found:
		d.skip("the module", "the go command finds nothing to ask")
	case tag.VCS == "mod":
		base, err := url.Parse(tag.Repo)
		if err != nil { // which the tag's check has said
			return
		}
		d.goproxy(ctx, base, tag.Prefix, true)
	case tag.VCS == "git":
		d.repository(ctx, tag)
	case tag.VCS != "":
		d.warn("repository", "try it: GOPROXY=direct go mod download "+d.path+"@latest", "%s of %s is not looked at: only git is", tag.Repo, tag.VCS)
		d.skip("the module", "the go command fetches it by "+tag.VCS)
	}
}

// serverLine says who is asked.
func (d *doctor) serverLine() {
	if d.web.server == nil {
		d.ok("server", "%s is asked as the go command would", d.given)
		return
	}
	if strings.EqualFold(d.given.Host, d.host()) {
		d.warn("server", "the go command asks https://"+d.host()+" alone, unless its user has set GOINSECURE: have the server speak TLS",
			"%s is asked over http", d.given)
		return
	}
	d.ok("server", "%s is asked in the place of https://%s, whose own server is not", d.given, d.host())
}

// knownHosts are those whose import paths the go command understands without asking.
var knownHosts = []string{"github.com", "bitbucket.org", "hub.jazz.net/git", "git.apache.org", "git.openstack.org", "chiselapp.com"}

// isKnownHost reports whether the go command knows where the code of a path is without a page.
func isKnownHost(path string) bool {
	for _, h := range knownHosts {
		if within(path, h) {
			return true
		}
	}
	_, rest, _ := strings.Cut(path, "/")
	for elem := range strings.SplitSeq(rest, "/") {
		for _, suffix := range [...]string{".bzr", ".fossil", ".git", ".hg", ".svn"} {
			if strings.HasSuffix(elem, suffix) {
				return true
			}
		}
	}
	return false
}

// known looks at a module whose repository is named by its path.
func (d *doctor) known(ctx context.Context) {
	elems := strings.Split(d.path, "/")
	if h := elems[0]; len(elems) < 3 || h != "github.com" && h != "bitbucket.org" {
		d.warn("server", "try it: GOPROXY=direct go mod download "+d.path+"@latest", "the go command asks %s for no page, and how it clones from there is not looked at", d.host())
		return
	}
	prefix := strings.Join(elems[:3], "/")
	d.ok("server", "the go command asks %s for no page, but clones https://%s", d.host(), prefix)
	d.repository(ctx, gotags.Import{Prefix: prefix, VCS: "git", Repo: "https://" + prefix})
}

// within reports whether path is prefix, or below it.
func within(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// tempFile makes a file for a zip.
func (d *doctor) tempFile() (*os.File, error) {
	f, err := os.CreateTemp("", "doctor-*.zip")
	if err != nil {
		d.err = err
	}
	return f, err
}
