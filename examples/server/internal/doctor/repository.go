package doctor

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/gotags"
	"example.com/vanity/examples/server/internal/progress"
	"example.com/vanity/internal/git"
)

// repository looks at a module that the go command clones by itself. What it would make of the clone is what a
// vanity.Goproxy makes of the same repository, and so that is looked at.
func (d *doctor) repository(ctx context.Context, tag gotags.Import) {
	const step = "repository"
	u, err := url.Parse(tag.Repo)
	if err != nil {
		return
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		d.warn(step, "lead there by https, if others are to have it; try it: GOPROXY=direct go mod download "+d.path+"@latest", "%s is not looked at: only what is reached by https is", tag.Repo)
		d.skip("the module", "the go command clones it by itself")
		return
	}
	if !d.advertisement(ctx, u) {
		d.skip("the module", "there is no repository to clone")
		return
	}
	refs, err := d.refs(ctx, u)
	if err != nil {
		d.fail(step, "see what the git host says to git ls-remote "+show(u), "%s: %v", show(u), err)
		return
	}
	m := d.tagged(tag, refs)
	if m == nil {
		return
	}
	cfg := vanity.Config{URL: tag.Repo, Module: m.path, Directory: m.dir, Tags: path.Join(m.dir, "v*")}
	if err := cfg.Validate(); err != nil {
		d.warn(step, "try it: GOPROXY=direct go mod download "+m.path+"@latest", "is not looked into: %v", err)
		return
	}
	stop := d.web.serveInside(vanity.Goproxy("", cfg, d.options()...))
	defer stop()
	d.goproxyInside(ctx, m)
}

// options are those by which the repository is read as everything else is.
func (d *doctor) options() []vanity.Option {
	opts := []vanity.Option{
		vanity.WithTrustedClient(&http.Client{Transport: d.web}), vanity.WithLogger(slog.New(slog.DiscardHandler)),
		// Whoever asks is the one who has named the repository: with this, answers may name tags and directories.
		vanity.WithAuth(func(*http.Request, string, string) error { return nil }),
	}
	if d.web.credentials != nil {
		opts = append(opts, vanity.WithCredentials(d.web.credentials))
	}
	return opts
}

// goproxyInside takes the steps of a GOPROXY on what answers inside.
func (d *doctor) goproxyInside(ctx context.Context, m *inRepository) {
	found := &mod{base: &url.URL{Scheme: "http", Host: insideHost}, path: m.path}
	a := d.get(ctx, "list", found, "@v/list", "see that the repository has a go.mod there")
	if a == nil || !d.checkList(found, a) {
		d.skip("the module", "there is no list to begin with")
		return
	}
	d.versionSteps(ctx, found)
}

// advertisement asks a repository what git asks first.
func (d *doctor) advertisement(ctx context.Context, repo *url.URL) bool {
	const step = "repository"
	u := *repo
	u.Path, u.RawPath = strings.TrimSuffix(repo.Path, "/")+"/info/refs", ""
	u.RawQuery = "service=git-upload-pack"
	a, err := d.web.get(ctx, &u)
	const mend = "name the repository in the tag as git clone takes it, and let everyone read it"
	switch {
	case err != nil:
		saw, mend := explain(err, u.Hostname())
		d.fail(step, mend, "%s: %s", show(&u), saw)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.isGone():
		d.fail(step, mend+"; if it is private, git at the user's needs credentials for "+u.Hostname(), "%s: %s%s", a.at(), a, a.why())
	case a.status != http.StatusOK:
		d.refused(step, a, mend)
	case a.mediaType() != "application/x-git-upload-pack-advertisement" && a.isHTML():
		d.fail(step, mend, "%s: %s, but a page", a.at(), a)
	case a.mediaType() != "application/x-git-upload-pack-advertisement":
		d.fail(step, "serve it by git http-backend, or a git host: files alone, as git's dumb protocol has them, can't be fetched in part", "%s: %s, labelled %q: no smart git server", a.at(), a, a.mediaType())
	default:
		d.ok(step, "%s: %s, git's protocol", a.at(), a)
		return true
	}
	return false
}

func (d *doctor) refs(ctx context.Context, repo *url.URL) ([]git.Ref, error) {
	ctx, cancel := context.WithTimeout(ctx, d.web.timeout)
	defer cancel()
	client := &git.Client{HTTP: &http.Client{Transport: d.web}, Credentials: d.web.credentials}
	return client.Open(repo.String()).Refs(ctx, "refs/tags/", "HEAD")
}

// An inRepository is where in a repository the go command looks for a module.
type inRepository struct {
	path string // of the module
	dir  string // "" for the root
}

// place finds it for a module path, as the go command does (as of Go 1.26); false if there can't be such a module.
func place(tag gotags.Import, modPath string) (inRepository, bool) {
	below, _, ok := module.SplitPathVersion(modPath)
	if modPath == tag.Prefix {
		below = modPath
	}
	if !ok || !within(below, tag.Prefix) {
		return inRepository{}, false
	}
	return inRepository{modPath, path.Join(strings.TrimPrefix(below[len(tag.Prefix):], "/"), tag.Subdir)}, true
}

// tagged says which versions of a repository the go command sees, and of which module; nil for none. It is the longest
// path with tags of its own, or else the prefix.
func (d *doctor) tagged(tag gotags.Import, refs []git.Ref) *inRepository {
	const step = "versions"
	if len(refs) == 0 {
		d.fail(step, "push something", "the repository is empty")
		return nil
	}
	var names []string
	for _, r := range refs {
		if name, ok := strings.CutPrefix(r.Name, "refs/tags/"); ok {
			names = append(names, name)
		}
	}
	var m inRepository
	for _, p := range candidates(d.path, tag.Prefix) {
		at, ok := place(tag, p)
		if !ok {
			continue
		}
		if m = at; len(m.versions(names)) > 0 {
			break
		}
	}
	if m.path == "" {
		d.fail(step, "write the prefix without the major version", "a repository at %s can't hold a module %s", tag.Prefix, d.path)
		return nil
	}
	if m.path != d.path {
		d.ok("module", "%s is in the module %s", d.path, m.path)
	}
	pattern := path.Join(m.dir, "vX.Y.Z")
	if versions := m.versions(names); len(versions) > 0 {
		d.ok(step, "%s of %s for %s by the pattern %s, the highest %s", progress.Count(len(versions), "tag"), tag.Repo, m.path, pattern, latest(versions, notRetracted))
		return &m
	}
	mend := "tag a release as " + pattern
	if others := versionLike(names); len(others) > 0 {
		mend += "; or, as the tags have another pattern (" + some(others) + "), lead there by mod and a GOPROXY that knows it: in vanity.Import set Proxy and Tags"
	}
	d.warn(step, mend, "no tag of %s is for %s: the go command would make a pseudo-version of its default branch", tag.Repo, m.path)
	return &m
}

// versions are those that tags are for.
func (m inRepository) versions(tags []string) (versions []string) {
	_, major, _ := module.SplitPathVersion(m.path)
	for _, t := range tags {
		v := t
		if m.dir != "" {
			var ok bool
			if v, ok = strings.CutPrefix(t, m.dir+"/"); !ok {
				continue
			}
		}
		if v == semver.Canonical(v) && v != "" && !module.IsPseudoVersion(v) && module.CheckPathMajor(v, major) == nil {
			versions = append(versions, v)
		}
	}
	semver.Sort(versions)
	return versions
}

// versionLike are tags that end in a version.
func versionLike(tags []string) (found []string) {
	for _, t := range tags {
		i := strings.LastIndexAny(t, "-_/v") + 1
		if v := "v" + t[i:]; semver.IsValid(v) && strings.Count(v, ".") == 2 {
			found = append(found, t)
		}
	}
	slices.Sort(found)
	return found
}
