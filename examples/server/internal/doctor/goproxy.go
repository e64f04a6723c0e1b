package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/examples/server/internal/progress"
	"example.com/vanity/internal/modrepo"
)

// A mod is the module that is looked at, and what is known of it so far.
type mod struct {
	base     *url.URL
	path     string
	versions []string // of the list
	eligible []string // of those, the ones that may be the latest
	retracts []modfile.VersionInterval
	version  string // that is looked at; "" as long as it isn't known
	goMod    []byte // of version
}

// isRetracted reports whether the module's author has taken a version back.
func (m *mod) isRetracted(version string) bool {
	for _, r := range m.retracts {
		if semver.Compare(r.Low, version) <= 0 && semver.Compare(version, r.High) <= 0 {
			return true
		}
	}
	return false
}

// goproxy looks at a module below the base of a GOPROXY: one that a tag for a prefix leads to, or one to be named in
// GOPROXY.
func (d *doctor) goproxy(ctx context.Context, base *url.URL, prefix string, isTag bool) {
	d.baseLine(base)
	m := d.module(ctx, base, prefix)
	if m == nil {
		d.skip("the module", "there is no list to begin with")
		return
	}
	d.versionSteps(ctx, m)
	d.absent(ctx, m)
	d.sumdb(ctx, base, isTag)
}

// baseLine says who is asked for modules.
func (d *doctor) baseLine(base *url.URL) {
	if d.web.server != nil && d.web.isHost(base) {
		d.ok("base", "%s, asked at %s", show(base), d.given)
		return
	}
	d.ok("base", "%s", show(base))
}

// module finds the module that a path is of, as the go command does: the longest path above it that has versions. What
// isn't one it says, and gives nil.
func (d *doctor) module(ctx context.Context, base *url.URL, prefix string) *mod {
	paths := candidates(d.path, prefix)
	var first *answer
	for i, path := range paths {
		m := &mod{base: base, path: path}
		u, err := fileURL(base, path, "@v/list")
		if err != nil {
			continue
		}
		a, err := d.web.get(ctx, u)
		if err != nil {
			saw, mend := explain(err, u.Hostname())
			d.fail("list", mend, "%s: %s", show(u), saw)
			return nil
		}
		if first == nil {
			first = a
		}
		isLast := i == len(paths)-1
		if a.isGone() || !isLast && d.hasNothing(ctx, m, a) {
			continue
		}
		if path != d.path {
			d.ok("module", "%s is in the module %s", d.path, path)
		}
		if a.status != http.StatusOK {
			d.refused("list", a, "answer with the versions, or with 404 where there is no such module")
			return nil
		}
		if !d.checkList(m, a) {
			return nil
		}
		return m
	}
	if first != nil {
		d.refused("list", first, "have the base serve "+d.path+", or lead to another base: there must be a list, if an empty one")
	}
	return nil
}

// hasNothing reports whether a list and what is said to be the latest are empty, so that the go command goes on to the path
// above.
func (d *doctor) hasNothing(ctx context.Context, m *mod, a *answer) bool {
	if a.status != http.StatusOK || a.isHTML() || len(readList(m.path, a.body).kept) > 0 {
		return false
	}
	u, err := fileURL(m.base, m.path, "@latest")
	if err != nil {
		return true
	}
	last, err := d.web.get(ctx, u)
	return err == nil && last.isGone()
}

// versionSteps looks at one version, from what is said to be the latest to the hashes.
func (d *doctor) versionSteps(ctx context.Context, m *mod) {
	d.retractions(ctx, m)
	d.latest(ctx, m)
	query := d.query
	if query == "" {
		query = m.version
	}
	if query == "" {
		d.skip("info", "there is no version to look at")
		return
	}
	if !d.info(ctx, m, query) {
		d.skip("go.mod", "the go command asks no more of a version without info")
		return
	}
	hasMod := d.mod(ctx, m)
	d.zip(ctx, m, hasMod)
}

// An info is what the protocol says of a version.
type info struct {
	Version string
	Time    time.Time
	Origin  *struct{ VCS, URL, Subdir, Ref, Hash string }
}

func (i info) String() string {
	s := i.Version
	if !i.Time.IsZero() {
		s += " of " + i.Time.UTC().Format(time.RFC3339)
	}
	if o := i.Origin; o != nil && o.Hash != "" {
		s += ", commit " + o.Hash
		for _, part := range [...]struct{ word, text string }{{"by", o.Ref}, {"in", o.URL}, {"below", o.Subdir}} {
			if part.text != "" {
				s += " " + part.word + " " + part.text
			}
		}
	}
	return s
}

// retractions learns what is retracted, from the go.mod of the highest version, and which versions don't count. If that
// can't be had, its own step says so.
func (d *doctor) retractions(ctx context.Context, m *mod) {
	m.eligible = m.versions
	if compatible := slices.DeleteFunc(slices.Clone(m.versions), modrepo.IsIncompatible); len(compatible) > 0 && len(compatible) < len(m.versions) {
		// The go command counts +incompatible versions only as long as there is no go.mod below.
		if f := d.goMod(ctx, m, compatible[len(compatible)-1]); f != nil && !isMadeUp(f) {
			m.eligible = compatible
		}
	}
	if highest := latest(m.eligible, notRetracted); highest != "" {
		if f := d.goMod(ctx, m, highest); f != nil {
			for _, r := range f.Retract {
				m.retracts = append(m.retracts, r.VersionInterval)
			}
		}
	}
}

// isMadeUp reports whether a go.mod may be one that stands for none.
func isMadeUp(f *modfile.File) bool { return len(f.Syntax.Stmt) == 1 && f.Module != nil }

// goMod gets a version's go.mod, nil if it can't be had or read.
func (d *doctor) goMod(ctx context.Context, m *mod, version string) *modfile.File {
	escaped, err := module.EscapeVersion(version)
	if err != nil {
		return nil
	}
	u, err := fileURL(m.base, m.path, "@v/"+escaped+".mod")
	if err != nil {
		return nil
	}
	a, err := d.web.get(ctx, u)
	if err != nil || a.status != http.StatusOK {
		return nil
	}
	f, err := modfile.ParseLax("go.mod", a.body, nil)
	if err != nil {
		return nil
	}
	return f
}

// latest looks at @latest, and finds the version to look at. The go command asks for it only if the list has none.
func (d *doctor) latest(ctx context.Context, m *mod) {
	want := latest(m.eligible, m.isRetracted)
	if want == "" {
		want = latest(m.eligible, notRetracted)
	}
	m.version = want
	notice := d.warn
	if want == "" {
		notice = d.fail
	}
	u, err := fileURL(m.base, m.path, "@latest")
	if err != nil {
		return
	}
	a, err := d.web.get(ctx, u)
	var i info
	switch {
	case err != nil:
		saw, mend := explain(err, u.Hostname())
		notice("latest", mend, "%s: %s", show(u), saw)
	case a.isGone() && want != "":
		d.ok("latest", "%s: %s; the go command takes %s of the list", a.at(), a, want)
	case a.isGone():
		d.fail("latest", "tag a release, or answer with a pseudo-version of the branch", "%s: %s%s, and the list is empty: there is nothing to get", a.at(), a, a.why())
	case a.status != http.StatusOK:
		notice("latest", "answer with the info of the latest version, or with 404", "%s: %s%s", a.at(), a, a.why())
	case json.Unmarshal(a.body, &i) != nil:
		notice("latest", `answer with JSON, {"Version":"vX.Y.Z","Time":"2024-01-01T00:00:00Z"}, or with 404`, "%s: %s, but no such JSON: %.100q", a.at(), a, a.body)
	case i.Version == "" || i.Version != module.CanonicalVersion(i.Version):
		notice("latest", "answer with a canonical version, a release or a pseudo-version", "%s: %q is no such version", a.at(), i.Version)
	case want == "":
		m.version = i.Version
		d.ok("latest", "%s: %s", a.at(), i)
	case i.Version != want:
		d.warn("latest", "answer with the highest release that isn't retracted, or without one the highest pre-release", "%s: %s, but the go command takes %s of the list", a.at(), i.Version, want)
	default:
		d.ok("latest", "%s: %s", a.at(), i)
	}
}

// info looks at what is said of a version, or of what a query comes to.
func (d *doctor) info(ctx context.Context, m *mod, query string) bool {
	escaped, err := module.EscapeVersion(query)
	if err != nil {
		d.fail("info", "ask for a version, or for a branch or commit without a slash", "%v", err)
		return false
	}
	a := d.get(ctx, "info", m, "@v/"+escaped+".info", "see that the version has its tag, and that its go.mod declares "+m.path+": @v/list must name what there is")
	if a == nil {
		return false
	}
	var i info
	_, major, _ := module.SplitPathVersion(m.path)
	switch err := json.Unmarshal(a.body, &i); {
	case err != nil:
		d.fail("info", `answer with JSON, {"Version":"vX.Y.Z","Time":"2024-01-01T00:00:00Z"}`, "%s: no such JSON: %v: %.100q", a.at(), err, a.body)
		return false
	case i.Version != query && query == module.CanonicalVersion(query) && module.CheckPathMajor(query, major) == nil:
		d.fail("info", "answer with the version that was asked for, or with 404", "%s: is of %q", a.at(), i.Version)
		return false
	case i.Version != module.CanonicalVersion(i.Version) || i.Version == "":
		d.fail("info", "answer with a canonical version: for a branch or commit, with a pseudo-version", "%s: %q is no such version", a.at(), i.Version)
		return false
	case module.CheckPathMajor(i.Version, major) != nil:
		d.fail("info", "serve it under the path of its major version", "%s: %v", a.at(), module.CheckPathMajor(i.Version, major))
		return false
	}
	m.version = i.Version
	switch {
	case i.Time.IsZero():
		d.warn("info", "add the time of the commit", "%s: %s has no time", a.at(), i.Version)
	case i.Time.After(time.Now().Add(24 * time.Hour)):
		d.warn("info", "see which clock made the commit", "%s: %s is of the future", a.at(), i)
	default:
		d.ok("info", "%s: %s", a.at(), i)
	}
	return true
}

// mod looks at go.mod, and reports whether the module is what it says.
func (d *doctor) mod(ctx context.Context, m *mod) bool {
	escaped, err := module.EscapeVersion(m.version)
	if err != nil {
		return false
	}
	a := d.get(ctx, "go.mod", m, "@v/"+escaped+".mod", "answer with the version's go.mod, or with \"module "+m.path+"\" for a root without one")
	if a == nil {
		return false
	}
	f, err := modfile.ParseLax("go.mod", a.body, nil)
	switch {
	case err != nil:
		d.fail("go.mod", "answer with the bytes of go.mod alone; if the file itself is wrong, tag a new version", "%s: %v", a.at(), err)
		return false
	case f.Module == nil:
		d.fail("go.mod", "write \"module "+m.path+"\" into it, and tag a new version", "%s: it declares no module", a.at())
		return false
	case f.Module.Mod.Path != m.path:
		d.fail("go.mod", "write \"module "+m.path+"\" into it and tag a new version, or serve it under the path that it declares", "%s: it declares %s", a.at(), f.Module.Mod.Path)
		return false
	}
	m.goMod = a.body
	text := fmt.Sprintf("%s: module %s", a.at(), f.Module.Mod.Path)
	if f.Go != nil {
		text += ", go " + f.Go.Version
	}
	if n := len(f.Require); n > 0 {
		text += ", requires " + progress.Count(n, "module")
	}
	d.ok("go.mod", "%s", text)
	if f.Module.Deprecated != "" {
		d.warn("go.mod", "none, if that is meant", "it is deprecated: %s", strings.Join(strings.Fields(f.Module.Deprecated), " "))
	}
	if m.isRetracted(m.version) {
		d.warn("go.mod", "none, if that is meant; else tag a version that retracts nothing", "%s is retracted", m.version)
	}
	return true
}
