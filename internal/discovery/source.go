package discovery

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/check"
)

// A Source says where a browser finds the files of an import.
type Source struct {
	static string // what an owner says instead: three fields that have no place for a version
	home   string
	dir    string // URLs of a directory and of a line of a file, with the placeholders of a go-source tag, and {commit}
	file   string
	known  bool // readers of tags know the host by themselves

	forge     *forge
	directory string // that stands for the import prefix
	tags      string // pattern of the version tags, "*" standing for the version without its "v"
}

// A forge is a kind of git host, with the paths below a repository at which it shows files.
type forge struct {
	dir, file, line string
	branch          string // what stands for {commit} where no version is meant
	tag, commit     string // what stands before a tag and before a hash
}

var gitea = &forge{dir: "/src/{commit}{/dir}", file: "/src/{commit}{/dir}/{file}", line: "#L{line}", branch: "branch/HEAD", tag: "tag/", commit: "commit/"}

// forges holds the words for the kinds of git hosts.
var forges = map[string]*forge{
	"github":    {dir: "/tree/{commit}{/dir}", file: "/blob/{commit}{/dir}/{file}", line: "#L{line}", branch: "HEAD"},
	"gitlab":    {dir: "/-/tree/{commit}{/dir}", file: "/-/blob/{commit}{/dir}/{file}", line: "#L{line}", branch: "HEAD"},
	"forgejo":   gitea,
	"gitea":     gitea,
	"bitbucket": {dir: "/src/{commit}{/dir}", file: "/src/{commit}{/dir}/{file}", line: "#lines-{line}", branch: "HEAD"},
	"sourcehut": {dir: "/tree/{commit}{/dir}", file: "/tree/{commit}/item{/dir}/{file}", line: "#L{line}", branch: "HEAD"},
}

// forgeOf tells the kind of a git host by its name, as far as pkg.go.dev does (pkgsite, internal/source).
func forgeOf(host string) string {
	host = strings.ToLower(host)
	switch host {
	case "codeberg.org":
		return "gitea"
	case "bitbucket.org":
		return "bitbucket"
	case "git.sr.ht":
		return "sourcehut"
	}
	for _, kind := range [...]string{"github", "gitlab", "gitea"} {
		if strings.HasPrefix(host, kind+".") {
			return kind
		}
	}
	return ""
}

// source returns where the files of im are, whose repository is repo; the zero Source if nobody says so.
func (im Import) source(repo *url.URL, dir string) (s Source, err error) {
	s = Source{directory: dir, tags: im.Tags}
	if s.tags == "" {
		s.tags = "v*"
		if im.Proxy == "" && dir != "" {
			s.tags = dir + "/v*"
		}
	}
	if !im.isGit() {
		repo = nil // the hosts of other systems are no forges
	}
	fields := strings.Fields(im.Display)
	switch len(fields) {
	case 0:
		if im.Display != "" {
			return s, errFields(0)
		}
		if repo != nil {
			s.use(repo, forgeOf(repo.Host))
			s.known = s.forge != nil
		}
	case 1:
		if forges[fields[0]] == nil {
			return s, fmt.Errorf("%s is none of github, gitlab, gitea, forgejo, bitbucket and sourcehut, nor three fields (home, directory, file)", check.Quote(fields[0]))
		}
		s.use(repo, fields[0])
		if s.forge == nil {
			return s, errors.New("is a word for a git host, which repo, with https or http, must name")
		}
		s.known = forgeOf(repo.Host) == fields[0]
	case 3:
		if !printable(im.Display, " \t\r\n") {
			return s, errors.New("has a control character, or is no UTF-8")
		}
		s.static = strings.Join(fields, " ")
		if strings.Contains(s.static, "{commit}") {
			return s.useTemplates(fields)
		}
	default:
		return s, errFields(len(fields))
	}
	return s, nil
}

// Display gives the three fields of [Import.Display] that come to the same wherever the repository is; empty if nobody says where
// files are.
func (s Source) Display() string {
	switch {
	case s.forge != nil:
		return s.home + " " + s.dir + " " + s.file
	case s.static != "":
		return s.static
	}
	return ""
}

func errFields(n int) error { return fmt.Errorf("has %d fields, not 3 (home, directory, file)", n) }

// use takes the templates of a kind of git host.
func (s *Source) use(repo *url.URL, kind string) {
	if repo == nil || repo.Scheme != "https" && repo.Scheme != "http" || forges[kind] == nil || repo.RawQuery != "" || repo.Fragment != "" {
		return
	}
	s.home = strings.TrimSuffix(strings.TrimSuffix(repo.String(), "/"), ".git")
	s.forge = forges[kind]
	s.dir = s.home + s.forge.dir
	s.file = s.home + s.forge.file + s.forge.line
}

// useTemplates takes the owner's: from them URLs are made that browsers are led to. None can have a placeholder in its host,
// as no host has braces.
func (s Source) useTemplates(fields []string) (Source, error) {
	for _, raw := range fields {
		if _, err := parsePublicURL(raw, vcsSchemes["mod"]); err != nil {
			return s, fmt.Errorf("is a template with {commit}, but %s %w", check.Quote(raw), err)
		}
		if strings.ContainsAny(strings.NewReplacer("{commit}", "", "{/dir}", "", "{dir}", "", "{file}", "", "{line}", "").Replace(raw), "{}") {
			return s, fmt.Errorf("has a placeholder other than {commit}, {/dir}, {dir}, {file} and {line} in %s", check.Quote(raw))
		}
	}
	if !strings.Contains(fields[1], "{commit}") || !strings.Contains(fields[2], "{commit}") {
		return s, errors.New("has {commit} in one of directory and file: want it in both")
	}
	if !strings.Contains(fields[2], "{file}") {
		return s, errors.New("has no {file} in its third field")
	}
	s.home, s.dir, s.file = fields[0], fields[1], fields[2]
	s.forge = &forge{branch: "HEAD"}
	return s, nil
}

// guessed are the files from whose form pkg.go.dev tells the kind of a git host (pkgsite, internal/source).
var guessed = regexp.MustCompile(`(/src/(branch/)?\w+|/-/blob/\w+)\{/dir\}/\{file\}#L\{line\}$|/tree\{/dir\}/\{file\}#n\{line\}$`)

// checkUnconventional returns what is wrong with s where versions have tags that the go command doesn't know.
func (s Source) checkUnconventional() error {
	if s.forge != nil || s.static == "" {
		return nil
	}
	const reason = "where pkg.go.dev would look for tags that the go command knows, not for those of tags: write {commit} in its directory and file, or leave it empty"
	fields := strings.Fields(s.static)
	for _, raw := range fields[:2] {
		if u, err := url.Parse(raw); err == nil && forgeOf(u.Host) != "" {
			return fmt.Errorf("names %s, %s", u.Host, reason)
		}
	}
	if guessed.MatchString(fields[2]) {
		return fmt.Errorf("has a file as a git host of a known kind has it, %s", reason)
	}
	return nil
}

// What stands between an import prefix and the paths that lead to files and directories of a version.
const (
	belowFile = "/-/src/"
	belowDir  = "/-/tree/"
)

// tag returns the content of the go-source tag for a prefix; "" for none. Where versions have tags that the go command
// doesn't know, pkg.go.dev can't know them either: there it is led here. It fills in {commit} besides the placeholders that
// a go-source tag has (pkgsite, internal/source), and it does so with the version, or with the hash of a pseudo-version's
// commit, as long as it finds no host that it knows in the tag.
func (s Source) tag(prefix string, conventional bool) string {
	switch {
	case s.forge == nil && s.static == "":
		return ""
	case s.forge == nil, s.static != "" && conventional:
		return prefix + " " + s.static
	case !conventional:
		line := ""
		if i := strings.LastIndexByte(s.file, '#'); i >= 0 && !strings.Contains(s.file[i:], "{commit}") {
			line = s.file[i:]
		}
		home := "https://" + prefix
		return fmt.Sprintf("%s %s %s%s{commit}{/dir} %s%s{commit}{/dir}/{file}%s", prefix, home, home, belowDir, home, belowFile, line)
	}
	rooted := "{/dir}"
	switch {
	case s.known && s.directory != "": // else {/dir} begins at the root of the repository, as pkg.go.dev has it
		rooted = "/" + escape(s.directory) + "{/dir}"
	case s.known, s.forge == forges["gitlab"], s.forge == gitea: // which are known by these very forms
	default:
		return prefix + " " + s.home + " " + s.dir + " " + s.file
	}
	fill := func(template string) string { // much quicker than a strings.Replacer
		return strings.Replace(strings.Replace(template, "{commit}", s.forge.branch, 1), "{/dir}", rooted, 1)
	}
	return prefix + " " + s.home + " " + fill(s.dir) + " " + fill(s.file)
}

// Dir returns the URL of a directory below that of the import, in a version, or in what the default branch is if that
// is "". It is "" if nobody says where files are.
func (s Source) Dir(version, dir string) string {
	if s.forge == nil {
		return ""
	}
	return s.fill(s.dir, version, dir, "")
}

// File returns the URL of a file, as Dir does. It has no fragment: browsers keep the one that they come with.
func (s Source) File(version, name string) string {
	if s.forge == nil {
		return ""
	}
	template := s.file
	if i := strings.LastIndexByte(template, '#'); i >= 0 && strings.Contains(template[i:], "{line}") {
		template = template[:i]
	}
	dir, base := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		dir, base = name[:i], name[i+1:]
	}
	return s.fill(template, version, dir, base)
}

func (s Source) fill(template, version, dir, base string) string {
	dir = strings.Trim(s.directory+"/"+dir, "/")
	slashed := ""
	if dir != "" {
		slashed = "/" + escape(dir)
	}
	r := strings.NewReplacer("{commit}", s.ref(version), "{/dir}", slashed, "{dir}/{file}", strings.TrimPrefix(slashed+"/"+escape(base), "/"),
		"{dir}", escape(dir), "{file}", escape(base), "{line}", "1")
	return r.Replace(template)
}

// ref returns the name of a version at the host: "" is that of the default branch, what has no "v" the hash of a commit.
func (s Source) ref(version string) string {
	switch {
	case version == "":
		return s.forge.branch
	case version[0] != 'v':
		return s.forge.commit + version
	}
	return s.forge.tag + escape(strings.Replace(s.tags, "*", strings.TrimSuffix(version[1:], "+incompatible"), 1))
}

// escape escapes a slash-separated name for any part of a URL.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// A Target is what a path below an import prefix leads to: a file or a directory in a version.
type Target struct {
	version string
	path    string
	isFile  bool
}

// ParseTarget reads what a path has after an import prefix, with its slash; false if that is no target. The version is a
// version, of which a pseudo-version stands for its commit, or the hash of a commit, or the placeholder, by which readers of
// tags who know no {commit} come to the default branch.
func ParseTarget(below string) (t Target, ok bool) {
	rest, ok := strings.CutPrefix(below, belowFile)
	if t.isFile = ok; !ok {
		if rest, ok = strings.CutPrefix(below, belowDir); !ok {
			return t, false
		}
	}
	t.version, t.path, _ = strings.Cut(rest, "/")
	t.path = strings.TrimSuffix(t.path, "/")
	switch {
	case t.version == "{commit}":
		t.version = ""
	case module.IsPseudoVersion(t.version):
		if t.version, ok = revision(t.version); !ok {
			return t, false
		}
	case !isHash(t.version) && (t.version == "" || module.CanonicalVersion(t.version) != t.version):
		return t, false
	}
	if t.path == "" {
		return t, !t.isFile
	}
	return t, module.CheckFilePath(t.path) == nil
}

func revision(version string) (string, bool) {
	rev, err := module.PseudoVersionRev(version)
	return rev, err == nil && isHash(rev)
}

// isHash reports whether s is the name of a commit, or its beginning as far as git hosts understand it.
func isHash(s string) bool {
	return len(s) >= 7 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// URL returns where t is at the git host; "" if nobody says.
func (s Source) URL(t Target) string {
	if t.isFile {
		return s.File(t.version, t.path)
	}
	return s.Dir(t.version, t.path)
}
