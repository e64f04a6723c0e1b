package discovery

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/vanity/internal/check"
)

// An Import is a vanity.Import, which says what the fields mean.
type Import struct {
	Repo, VCS, Display, Proxy, Directory, Tags, Redirect, Description string
}

// Page returns what im comes to under prefix, or what is wrong with it. What is wrong with s is none of its faults.
func (s Site) Page(im Import, prefix string) (Page, check.Faults) {
	var faults check.Faults
	add := func(key string, err error) {
		if err != nil {
			faults.Add(key, err.Error())
		}
	}
	own := im.Proxy != ""
	im.Proxy = s.Base(im)
	dir := strings.TrimSuffix(im.Directory, "/")
	tagged := im.Repo != "" && im.goCommandsTags(dir) // print the tag of the repository
	repo, err := im.checkRepo()
	add("repo", err)
	vcs, err := im.vcs(repo, tagged)
	add("vcs", err)
	for _, fault := range im.checkDirectory(dir, tagged) {
		faults.Add("directory", check.Quote(im.Directory)+": "+fault)
	}
	for _, fault := range im.checkTags(dir) {
		faults.Add("tags", check.Quote(im.Tags)+": "+fault)
	}
	proxy, err := s.proxyURL(im.Proxy)
	if own {
		add("proxy", err)
	}
	conventional := im.Proxy == "" || im.goCommandsTags(dir)
	source, err := im.source(repo, dir)
	if err == nil && !conventional {
		err = source.checkUnconventional()
	}
	add("display", err)
	redirect, err := s.redirect(im, prefix)
	add("redirect", err)
	for _, fault := range check.Text(im.Description) {
		faults.Add("description", fault)
	}
	if len(faults) > 0 {
		return Page{}, faults
	}

	p := Page{Prefix: prefix, Description: im.Description, Redirect: redirect, Source: source}
	if proxy != "" {
		p.GoImports = append(p.GoImports, prefix+" mod "+proxy)
	}
	switch {
	case vcs == "mod":
		p.GoImports = append(p.GoImports, prefix+" mod "+strings.TrimSuffix(im.Repo, "/"))
	case tagged:
		p.GoImports = append(p.GoImports, strings.TrimSuffix(prefix+" "+vcs+" "+im.Repo+" "+dir, " "))
	}
	p.GoSource = source.tag(prefix, conventional)
	if vcs != "mod" && repo != nil && (repo.Scheme == "https" || repo.Scheme == "http") {
		p.Browse = im.Repo
		if im.isGit() && !strings.ContainsAny(im.Repo, "?#") && !s.isAt(repo, prefix) {
			p.Clone = strings.TrimSuffix(im.Repo, "/")
		}
	}
	return p, nil
}

// isGit reports whether the repository of im is git's, as far as anybody says.
func (im Import) isGit() bool { return im.VCS == "" || im.VCS == "git" }

// goCommandsTags reports whether im's versions are where the go command itself looks for those of a module in dir.
func (im Import) goCommandsTags(dir string) bool {
	switch {
	case im.Tags == "":
		return dir == "" || im.Proxy == ""
	case dir == "":
		return im.Tags == "v*"
	default:
		return im.Tags == dir+"/v*"
	}
}

// vcsSchemes holds the words for a VCS and the URL schemes that the go command takes with each (cmd/go/internal/vcs).
var vcsSchemes = map[string][]string{
	"git":    {"https", "http", "ssh", "git+ssh", "git"},
	"hg":     {"https", "http", "ssh"},
	"svn":    {"https", "http", "svn", "svn+ssh"},
	"bzr":    {"https", "http", "bzr", "bzr+ssh"},
	"fossil": {"https", "http"},
	"mod":    {"https", "http"},
}

// gitHosts are the hosts whose repositories are all git's.
var gitHosts = []string{"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht"}

// checkRepo returns im.Repo parsed, nil if it is empty or wrong.
func (im Import) checkRepo() (*url.URL, error) {
	if im.Repo == "" {
		switch {
		case im.VCS != "":
			return nil, errors.New("missing, though vcs is set")
		case im.Proxy == "":
			return nil, errors.New("missing, and so is proxy: one of the two must say where the code is")
		}
		return nil, nil
	}
	schemes := vcsSchemes[im.VCS]
	if schemes == nil {
		schemes = vcsSchemes["git"]
	}
	u, err := parsePublicURL(im.Repo, schemes)
	if err == nil && im.VCS == "mod" {
		err = checkProxyURL(u, im.Repo)
	}
	if err == nil && im.isGit() && strings.EqualFold(u.Host, "github.com") {
		err = checkGitHub(u, im.Repo)
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

// checkGitHub returns what is wrong with u, parsed from raw, as a repository at github.com: no other path can be cloned.
func checkGitHub(u *url.URL, raw string) error {
	path := strings.Trim(u.Path, "/")
	if owner, repo, ok := strings.Cut(path, "/"); !ok || owner == "" || strings.Contains(repo, "/") || strings.ContainsAny(raw, "?#") {
		return fmt.Errorf("%s is no repository: want https://github.com/OWNER/REPO, and a directory in directory", check.Quote(check.Redact(raw)))
	}
	return nil
}

// vcs returns the VCS of repo, which is nil if there is none. It is an error if it can't be told and is needed.
func (im Import) vcs(repo *url.URL, needed bool) (string, error) {
	switch {
	case im.VCS == "mod" && im.Proxy != "":
		return "", errors.New("mod says that repo is the base of a GOPROXY, but there is proxy as well")
	case im.VCS == "mod" && (im.Directory != "" || im.Tags != ""):
		return "", errors.New("mod says that repo is the base of a GOPROXY: directory and tags mean nothing to it")
	case im.VCS != "":
		if vcsSchemes[im.VCS] == nil {
			return "", fmt.Errorf("%q is unknown: it must be git, hg, svn, bzr, fossil or mod", im.VCS)
		}
		return im.VCS, nil
	case repo == nil || !needed:
		return "", nil
	case slices.Contains(gitHosts, strings.ToLower(repo.Hostname())):
		return "git", nil
	}
	return "", fmt.Errorf("missing: it can't be told from a repository at %s: write git, or what else it is", repo.Hostname())
}

// checkProxyURL returns what is wrong with u, parsed from raw, as the base of a GOPROXY. The go command cleans its
// path: what that would change can't be meant.
func checkProxyURL(u *url.URL, raw string) error {
	if strings.ContainsAny(raw, "?#") {
		return errors.New("has a query or a fragment")
	}
	if path := strings.TrimSuffix(u.Path, "/"); path != "" && !check.Elements(path[1:]) {
		return errors.New(`has an element in its path that is empty, "." or ".."`)
	}
	return nil
}

// checkDirectory returns what is wrong with im.Directory: as with Config's, and as a field of a tag, if it is to be one.
func (im Import) checkDirectory(dir string, tagged bool) []string {
	faults := check.Directory(im.Directory)
	if tagged && (strings.ContainsFunc(dir, unicode.IsSpace) || strings.HasPrefix(dir, "-")) {
		faults = append(faults, "has a blank or begins with a hyphen, which a go-import tag can't say: set proxy and tags")
	}
	return faults
}

// checkTags returns what is wrong with im.Tags: as with Config's, and without a proxy if the go command looks elsewhere.
func (im Import) checkTags(dir string) []string {
	faults := check.Tags(im.Tags)
	if len(faults) == 0 && im.Tags != "" && im.Proxy == "" && im.VCS != "mod" && !im.goCommandsTags(dir) {
		own := "v*"
		if dir != "" {
			own = dir + "/v*"
		}
		want := "set proxy to a GOPROXY that knows the tags"
		if !im.isGit() {
			want = "for other systems than git, " + want + " here, in the import"
		}
		faults = append(faults, fmt.Sprintf("the go command would look for %q there: %s", own, want))
	}
	return faults
}

// parsePublicURL parses the absolute URL raw, which is to be printed for everyone as a field of a tag. Errors don't
// quote it: it might hold a password.
func parsePublicURL(raw string, schemes []string) (*url.URL, error) {
	if !printable(raw, "") {
		return nil, errors.New("has a blank or a control character, or is no UTF-8")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme == "":
		return nil, fmt.Errorf("is not an absolute URL: scheme://host/path, the scheme one of %s", strings.Join(schemes, ", "))
	case !slices.Contains(schemes, u.Scheme):
		return nil, fmt.Errorf("the scheme %q is none of %s", u.Scheme, strings.Join(schemes, ", "))
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	}
	if u.User != nil {
		// The user of ssh is no secret ("git"); that of http may be a token.
		if _, secret := u.User.Password(); secret || u.Scheme == "https" || u.Scheme == "http" {
			return nil, errors.New("has credentials, and everyone would see them")
		}
	}
	return u, nil
}

// printable reports whether s is UTF-8, and has neither blanks nor what can't be seen, but for those in except.
func printable(s, except string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return (r == ' ' || !unicode.IsPrint(r)) && !strings.ContainsRune(except, r)
	})
}
