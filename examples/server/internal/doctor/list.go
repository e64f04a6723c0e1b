package doctor

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/examples/server/internal/progress"
)

// fileURL is where the go command asks a GOPROXY for a file. The base's path is kept as it was escaped.
func fileURL(base *url.URL, modPath, file string) (*url.URL, error) {
	escaped, err := module.EscapePath(modPath)
	if err != nil {
		return nil, err
	}
	u := *base
	u.Path = path.Join(strings.TrimSuffix(base.Path, "/")+"/"+escaped, file)
	if base.RawPath != "" {
		u.RawPath = path.Join(strings.TrimSuffix(base.RawPath, "/")+"/"+strings.ReplaceAll(url.PathEscape(escaped), "%2F", "/"), strings.ReplaceAll(url.PathEscape(file), "%2F", "/"))
	}
	return &u, nil
}

// candidates are the paths of modules that may hold a path, the longest first, down to a prefix, or to the host.
func candidates(p, prefix string) (paths []string) {
	for {
		if module.CheckPath(p) == nil {
			paths = append(paths, p)
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 || p == prefix {
			return paths
		}
		p = p[:i]
	}
}

// A list is what an answer to @v/list says.
type list struct {
	kept     []string // that the go command keeps, sorted
	pseudo   []string
	strange  []string // lines that are no versions
	inexact  []string // of kept: not canonical
	foreign  []string // of kept: of another major version than the path's
	repeated []string
	lines    int // that are not empty
}

// readList reads a list as the go command does: the first word of each line, if it is a version.
func readList(modPath string, body []byte) (l list) {
	_, major, _ := module.SplitPathVersion(modPath)
	seen := make(map[string]bool)
	for line := range strings.Lines(string(body)) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		l.lines++
		v := fields[0]
		switch {
		case !semver.IsValid(v):
			l.strange = append(l.strange, strconv.Quote(strings.TrimSpace(line)))
			continue
		case module.IsPseudoVersion(v):
			l.pseudo = append(l.pseudo, v)
			continue
		case seen[v]:
			l.repeated = append(l.repeated, v)
			continue
		}
		seen[v] = true
		l.kept = append(l.kept, v)
		if v != module.CanonicalVersion(v) {
			l.inexact = append(l.inexact, v)
		} else if module.CheckPathMajor(v, major) != nil {
			l.foreign = append(l.foreign, v)
		}
	}
	semver.Sort(l.kept)
	return l
}

// latest is the highest release, or else the highest pre-release, of those that are not retracted.
func latest(versions []string, retracted func(version string) bool) (v string) {
	for _, candidate := range versions {
		isRelease := semver.Prerelease(candidate) == ""
		if !retracted(candidate) && (v == "" || isRelease || semver.Prerelease(v) != "") {
			v = candidate
		}
	}
	return v
}

func notRetracted(string) bool { return false }

// checkList says what there is to say of a list, and reports whether the go command can go on from there.
func (d *doctor) checkList(m *mod, a *answer) bool {
	l := readList(m.path, a.body)
	if a.cut {
		d.fail("list", "answer with the versions alone", "%s: has more than %d bytes", a.at(), maxAnswer)
		return false
	}
	if len(l.kept) == 0 && a.isHTML() {
		d.fail("list", "answer with text/plain, one version a line; where there is no module, with 404: a page with 200 reads as a module without versions", "%s: %s, but a page", a.at(), a)
		return false
	}
	m.versions = l.kept
	if l.lines == 0 {
		d.warn("list", "tag a release, or see that its tags are of the pattern that is served: without one, people get a pseudo-version", "%s: %s, but no version", a.at(), a)
	} else {
		text := progress.Count(len(l.kept), "version")
		if highest := latest(l.kept, notRetracted); highest != "" {
			text += ", the highest " + highest
		}
		d.ok("list", "%s: %s, %s", a.at(), a, text)
	}
	d.warnList(m, l)
	if isPlain := strings.HasPrefix(a.mediaType(), "text/plain"); !isPlain && l.lines > 0 {
		d.warn("list", "answer with text/plain; charset=utf-8", "it is labelled %q", a.mediaType())
	}
	d.checkAge(a)
	return true
}

func (d *doctor) warnList(m *mod, l list) {
	highest := latest(l.kept, notRetracted)
	for _, part := range []struct {
		versions  []string
		mend, saw string
	}{
		{l.inexact, "list canonical versions (vX.Y.Z) alone, and tag so", "not canonical, so that nobody can have them: "},
		{l.foreign, "list them under the path of their major version, such as " + m.path + "/v2", "of another major version than the path: "},
	} {
		if len(part.versions) == 0 {
			continue
		}
		isTaken := false
		for _, v := range part.versions {
			isTaken = isTaken || v == highest
		}
		if isTaken {
			d.fail("list", part.mend, "%s; and the go command takes %s for the latest", part.saw+some(part.versions), highest)
		} else {
			d.warn("list", part.mend, "%s", part.saw+some(part.versions))
		}
	}
	if len(l.strange) > 0 {
		d.warn("list", "leave out what is no version", "lines that are passed over: %s", some(l.strange))
	}
	if len(l.pseudo) > 0 {
		d.warn("list", "leave them out", "pseudo-versions, which are passed over: %s", some(l.pseudo))
	}
	if len(l.repeated) > 0 {
		d.warn("list", "list each version once", "named more than once: %s", some(l.repeated))
	}
}

const maxListAge = time.Hour

// checkAge looks at how long caches may keep what changes with a release.
func (d *doctor) checkAge(a *answer) {
	control := strings.ToLower(a.header.Get("Cache-Control"))
	seconds := int64(-1)
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if name == "max-age" || name == "s-maxage" {
			if n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 64); err == nil {
				seconds = max(seconds, n)
			}
		}
	}
	switch {
	case strings.Contains(control, "no-store"), strings.Contains(control, "no-cache"):
	case strings.Contains(control, "immutable"), seconds > int64(maxListAge/time.Second):
		d.warn("cache", "let it be kept for some minutes at most: only what is of one version never changes", "caches may keep the list as long as %q says, and a release stays unseen", control)
	}
}

// get asks for a file of a module, and says why there is none. An answer with another status is none.
func (d *doctor) get(ctx context.Context, step string, m *mod, file, mend string) *answer {
	u, err := fileURL(m.base, m.path, file)
	if err != nil {
		d.fail(step, "rename the module", "%v", err)
		return nil
	}
	a, err := d.web.get(ctx, u)
	switch {
	case err != nil:
		saw, mend := explain(err, u.Hostname())
		d.fail(step, mend, "%s: %s", show(u), saw)
	case a.status != http.StatusOK:
		d.refused(step, a, mend)
	case a.cut:
		d.fail(step, "answer with the file, which can't be as large", "%s: has more than %d bytes", a.at(), maxAnswer)
	default:
		return a
	}
	return nil
}

// refused says that an answer isn't 200, and what to do.
func (d *doctor) refused(step string, a *answer, mend string) {
	switch {
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		mend = d.logIn(a, a.asked)
	case a.status == http.StatusTooManyRequests:
		mend = "wait, or have the server's own limit, or that of the git host behind it, raised"
	case a.status >= 500:
		mend = "see the server's log"
	}
	d.fail(step, mend, "%s: %s%s", a.at(), a, a.why())
}
