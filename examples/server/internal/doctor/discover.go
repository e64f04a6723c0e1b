package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"example.com/vanity/examples/server/internal/gotags"
	"example.com/vanity/examples/server/internal/progress"
)

// probe is a path element that no module has, unless a page claims everything.
const probe = "doctor-probe"

// discover finds the tag that the go command takes. If there is none, but a list, found is with an empty tag, and the list
// was looked at.
func (d *doctor) discover(ctx context.Context) (tag gotags.Import, found bool) {
	page, a := d.page(ctx, "page", d.path)
	if page == nil {
		return gotags.Import{}, false
	}
	if len(page.Imports) == 0 {
		if d.isProxyInstead(ctx) {
			d.warn("page", "nothing, if "+d.given.String()+" is to be named in GOPROXY; to serve "+d.host()+" itself, it must answer ?go-get=1",
				"%s has no go-import tag, but %s has a list: it is taken for the base of a GOPROXY", a.at(), d.given)
			d.goproxy(ctx, d.given, "", false)
			return gotags.Import{}, true
		}
		d.noTags(page, a)
		return gotags.Import{}, false
	}
	d.pageLine(a, page)
	tag, others, err := choose(page.Imports, d.path)
	if err != nil {
		d.noChoice(page, err)
		return gotags.Import{}, false
	}
	found = d.checkTag(tag, others)
	found = d.checkPrefix(ctx, tag) && found
	d.checkBelow(ctx, tag)
	d.checkReaders(page)
	return tag, found
}

// pageURL is where the go command asks for a path.
func pageURL(path string) *url.URL {
	host, rest, _ := strings.Cut(path, "/")
	return &url.URL{Scheme: "https", Host: host, Path: "/" + rest, RawQuery: "go-get=1"}
}

// page gets the page for a path; nil if there is none to be read, which it says.
func (d *doctor) page(ctx context.Context, step, path string) (*gotags.Page, *answer) {
	u := pageURL(path)
	a, err := d.web.get(ctx, u)
	if err != nil && (a == nil || len(a.body) == 0) {
		saw, mend := explain(err, u.Hostname())
		d.fail(step, mend, "%s: %s", u, saw)
		return nil, nil
	}
	p := gotags.Read(a.body)
	return &p, a
}

// pageLine says of a page with tags how it came.
func (d *doctor) pageLine(a *answer, p *gotags.Page) {
	if a.status != http.StatusOK {
		d.warn("page", "answer with 200: the go command reads the tags of any answer, but caches and other readers don't", "%s: %s, with %s", a.at(), a, progress.Count(len(p.Imports), "go-import tag"))
	} else {
		d.ok("page", "%s: %s, %s", a.at(), a, progress.Count(len(p.Imports), "go-import tag"))
	}
	for _, content := range p.Odd {
		d.warn("page", `write content="PREFIX VCS URL", with a directory of the repository as the fourth field or none`, "a go-import tag that is passed over, as it has neither three fields nor four: %q", content)
	}
	if p.Unseen > 0 {
		d.warn("page", "write the tags into the head, before anything else", "%s not read: behind the head, in a comment, or with another name than go-import", progress.Count(p.Unseen, "go-import tag"))
	}
	if p.Err != nil {
		d.warn("page", "write the page as UTF-8, and the tags before anything else", "what follows the tags can't be read: %v", p.Err)
	}
}

// noTags says why a page has none.
func (d *doctor) noTags(p *gotags.Page, a *answer) {
	mend := "answer ?go-get=1 there, as vanity.Meta does, with <meta name=\"go-import\" content=\"" + d.path + " mod https://…\"> in the head"
	switch {
	case len(p.Odd) > 0:
		mend = `write content="PREFIX VCS URL", with a directory of the repository as the fourth field or none`
		d.fail("page", mend, "%s: the content of its go-import tag has neither three fields nor four: %q", a.at(), p.Odd[0])
	case p.Err != nil && (p.Unseen > 0 || a.status == http.StatusOK):
		d.fail("page", "write the page as UTF-8, and the go-import tag before anything else in the head", "%s can't be read before any tag: %v", a.at(), p.Err)
	case p.Unseen > 0:
		d.fail("page", `write <meta name="go-import" …> into the head, not into the body, a comment or a script`, "%s: its go-import tag is not where the go command reads it, or has another name", a.at())
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		d.fail("page", d.logIn(a, a.asked), "%s: %s%s", a.at(), a, a.why())
	case a.status >= 500:
		d.fail("page", "see the server's log", "%s: %s%s", a.at(), a, a.why())
	case a.status != http.StatusOK:
		d.fail("page", mend, "%s: %s, and no go-import tag%s", a.at(), a, a.why())
	default:
		d.fail("page", mend, "%s: %s, but no go-import tag", a.at(), a)
	}
}

// logIn says what to do where credentials are asked for, or refused.
func (d *doctor) logIn(a *answer, u *url.URL) string {
	switch {
	case a.known:
		return "the credentials for " + u.Hostname() + " are refused: put others into .netrc, or have the server let them in"
	case u.Scheme != "https":
		return "the go command sends credentials over https alone: name the base with https, and put \"machine " + u.Hostname() + " login USER password TOKEN\" into .netrc"
	case !d.web.mayLogIn(u):
		return "credentials for " + u.Hostname() + " are sent to no other server, nor over http: look at the one on the machine where it runs"
	case a.status == http.StatusForbidden:
		return "have the server let everyone in, or answer 401, so that who has credentials is asked for them"
	}
	return "let everyone see it, or, if it is private, put \"machine " + u.Hostname() + " login USER password TOKEN\" into .netrc, and set GOPRIVATE=" + d.host()
}

// isProxyInstead reports whether the server is another host's, and has a list of the module's versions.
func (d *doctor) isProxyInstead(ctx context.Context) bool {
	if d.web.server == nil || strings.EqualFold(d.given.Hostname(), d.host()) {
		return false
	}
	for _, path := range candidates(d.path, "") {
		u, err := fileURL(d.given, path, "@v/list")
		if err != nil {
			return false
		}
		if a, err := d.web.get(ctx, u); err == nil && a.status == http.StatusOK && !a.isHTML() && len(readList(path, a.body).kept) > 0 {
			return true
		}
	}
	return false
}

func (d *doctor) noChoice(p *gotags.Page, err error) {
	if !errors.Is(err, errNoMatch) {
		d.fail("tag", "leave one: the go command takes none of two that match, unless one says mod and the other doesn't", "%s: %v", d.path, err)
		return
	}
	var prefixes []string
	for _, t := range p.Imports {
		prefixes = append(prefixes, t.Prefix)
	}
	d.fail("tag", "write the prefix as it is imported: "+d.path+", or what it is below, without a scheme", "no tag's prefix is %s or above it: %s", d.path, some(prefixes))
}

// checkPrefix looks at the page of the prefix, as the go command does where it has found the tag elsewhere.
func (d *doctor) checkPrefix(ctx context.Context, tag gotags.Import) bool {
	if tag.Prefix == d.path {
		return true
	}
	p, a := d.page(ctx, "prefix", tag.Prefix)
	if p == nil {
		return false
	}
	mend := "answer " + tag.Prefix + " and all paths below it with the same tags"
	there, _, err := choose(p.Imports, d.path)
	switch {
	case err != nil && len(p.Imports) == 0 && p.Err != nil:
		d.fail("prefix", mend, "%s can't be read before any tag: %v", a.at(), p.Err)
	case err != nil:
		d.fail("prefix", mend, "%s: %s, %v", a.at(), a, err)
	case there != tag:
		d.fail("prefix", mend, "%s has another tag: %q", a.at(), there)
	default:
		d.ok("prefix", "%s has the same tag", a.at())
		return true
	}
	return false
}

// checkBelow looks at a page below, as the go command does for packages, for the module's next major version, and for
// modules that it may hold. Where there is nothing, only they aren't found.
func (d *doctor) checkBelow(ctx context.Context, tag gotags.Import) {
	u := pageURL(d.path + "/" + probe)
	mend := "answer all paths below " + tag.Prefix + " with the same tags: /v2 and modules below are found by them"
	a, err := d.web.get(ctx, u)
	if err != nil {
		saw, _ := explain(err, u.Hostname())
		d.warn("below", mend, "%s: %s", u, saw)
		return
	}
	p := gotags.Read(a.body)
	there, _, err := choose(p.Imports, d.path+"/"+probe)
	switch {
	case err != nil && errors.Is(err, errNoMatch):
		d.warn("below", mend, "%s: %s, %v", u, a, err)
	case err != nil:
		d.fail("below", mend, "%s: %v", u, err)
	case there == tag:
		d.ok("below", "%s has the same tag", u)
	case within(there.Prefix, d.path+"/"+probe):
		d.fail("below", mend, "%s claims to be a prefix of its own, as any path below might: %q", u, there)
	default:
		d.fail("below", mend, "%s has another tag: %q", u, there)
	}
}
