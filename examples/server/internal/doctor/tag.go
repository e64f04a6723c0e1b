package doctor

import (
	"net/url"
	"slices"
	"strings"

	"example.com/vanity/examples/server/internal/gotags"
	"example.com/vanity/examples/server/internal/progress"
)

// checkTag says what there is to say of the tag that the go command takes, and reports whether it can.
func (d *doctor) checkTag(tag gotags.Import, others []gotags.Import) bool {
	u, err := url.Parse(tag.Repo)
	switch {
	case err != nil:
		d.fail("tag", "write a URL, such as https://go.acme.dev/go", "%s: its URL is none: %v", tag, err)
	case u.Scheme == "":
		d.fail("tag", "write the URL with its scheme: https://"+tag.Repo, "%s: its URL has no scheme", tag)
	case u.Scheme == "file":
		d.fail("tag", "write an https URL: the go command takes no file from a page", "%s: its URL is a file's", tag)
	case tag.VCS == "mod" && u.Scheme != "https" && u.Scheme != "http":
		d.fail("tag", "write the base of a GOPROXY with https", "%s: a GOPROXY is reached by https or http", tag)
	case !slices.Contains([]string{"mod", "git", "hg", "svn", "bzr", "fossil"}, tag.VCS):
		d.fail("tag", "write mod or git (hg, svn, bzr or fossil)", "%s: %q is no version control system", tag, tag.VCS)
	case strings.HasPrefix(tag.Subdir, "/") || strings.HasPrefix(tag.Subdir, "-"):
		d.fail("tag", "write the directory without a slash or dash before it", "%s: its directory is refused", tag)
	default:
		d.ok("tag", "%s", tag)
		d.warnTag(tag, others, u)
		return true
	}
	return false
}

// warnTag says what of a tag the go command puts up with.
func (d *doctor) warnTag(tag gotags.Import, others []gotags.Import, u *url.URL) {
	if tag.Subdir != "" {
		d.warn("tag", "none, if nobody has an older Go; else lead there by mod and the base of a GOPROXY, as vanity.Goproxy is", "a tag with a directory is nothing to Go 1.24 and older")
	}
	if u.User != nil {
		if _, secret := u.User.Password(); secret {
			d.warn("tag", "take it out, and change the password", "the URL shows a password to everyone")
		}
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		d.warn("tag", "lead to https", "what is fetched from %s can be changed on its way, and no credentials are sent there", show(u))
	}
	if isPrivate(u.Hostname()) {
		d.warn("tag", "write the URL at which others reach it", "%s is an address of this machine, or of a private network", u.Host)
	}
	for _, other := range others {
		if tag.VCS == "mod" && len(other.Prefix) > len(tag.Prefix) {
			d.warn("tag", "print no mod tag for a short prefix next to a tag for a longer one, if that is meant", "it is taken in the place of one with a longer prefix, %q, as mod comes first", other)
		}
	}
}

// checkReaders says what pkg.go.dev finds on the page, to link to the source: the one tag of a repository, or a go-source
// tag with the same prefix.
func (d *doctor) checkReaders(p *gotags.Page) {
	const step = "pkg.go.dev"
	repository, prefix := "", ""
	for _, fields := range p.Links {
		if len(fields) < 2 || !within(d.path, fields[1]) {
			continue
		}
		if fields[0] == "go-import" {
			switch {
			case len(fields) != 4 || fields[2] == "mod":
			case repository != "":
				d.warn(step, "leave one tag with a repository", "it takes no links from two: %s and %s", repository, fields[3])
				return
			default:
				repository, prefix = fields[3], fields[1]
			}
			continue
		}
		switch {
		case len(fields) != 5:
			d.warn(step, `write content="PREFIX HOME DIRECTORY FILE"`, "the go-source tag has %s, not 4", progress.Count(len(fields)-1, "field"))
		case prefix != "" && prefix != fields[1]:
			d.warn(step, "write the same prefix", "it takes no links from a go-source tag for %s next to a go-import tag for %s", fields[1], prefix)
		case fields[2] == "_" && prefix == "":
			d.warn(step, "write the project's URL in place of the _", "the go-source tag means a repository that no tag before it names")
		default:
			d.ok(step, "it links to the source by the go-source tag: %s", fields[4])
		}
		return
	}
	if repository == "" {
		d.warn(step, "add a go-source tag, or one of the repository, if its tags are those of the versions", "it can't link to the source: there is neither a go-source tag, nor one with three fields that names a repository")
		return
	}
	d.ok(step, "it links to the source as it knows the host of %s", repository)
}
