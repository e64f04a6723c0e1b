package doctor

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"golang.org/x/mod/module"
)

const absentMend = "answer 404 or 410, with text/plain that says why: by anything else, the go command neither asks the next entry of GOPROXY nor the path above"

// absent looks at how it is answered that there is no such thing.
func (d *doctor) absent(ctx context.Context, m *mod) {
	_, pathMajor, _ := module.SplitPathVersion(m.path)
	major := module.PathMajorPrefix(pathMajor)
	if major == "" {
		major = "v0"
	}
	d.absentFile(ctx, "version", m.base, m.path, "@v/"+major+".999999.999999-"+probe+".info")
	d.absentFile(ctx, "module", m.base, m.path+"/"+probe, "@v/list")
}

// absentFile asks for what can't be there. A list may be empty, if nothing is said to be the latest either.
func (d *doctor) absentFile(ctx context.Context, what string, base *url.URL, modPath, file string) {
	step := "absent"
	u, err := fileURL(base, modPath, file)
	if err != nil {
		return
	}
	a, err := d.web.get(ctx, u)
	if err != nil {
		saw, mend := explain(err, u.Hostname())
		d.fail(step, mend, "%s: %s", show(u), saw)
		return
	}
	isPlain := strings.HasPrefix(a.mediaType(), "text/plain")
	switch {
	case a.isGone() && !isPlain && len(a.body) > 0:
		d.warn(step, "answer with text/plain: the go command shows no page", "a %s that isn't there: %s, labelled %q", what, a, a.mediaType())
	case a.isGone():
		d.ok(step, "a %s that isn't there: %s%s", what, a, a.why())
	case a.status == http.StatusOK && what == "module" && !a.isHTML() && len(readList(modPath, a.body).kept) == 0:
		d.warn(step, absentMend, "a %s that isn't there: %s, which reads as one without versions", what, a)
	case a.status == http.StatusOK:
		d.fail(step, absentMend, "a %s that isn't there: %s, as if it were: %.60q", what, a, a.body)
	default:
		d.fail(step, absentMend, "a %s that isn't there: %s%s", what, a, a.why())
	}
}

// sumDB is the checksum database that the go command asks, by way of a GOPROXY that offers that.
const sumDB = "sum.golang.org"

// sumdb looks at whether a GOPROXY offers to pass on the checksum database. A base that only a tag leads to is not asked.
func (d *doctor) sumdb(ctx context.Context, base *url.URL, isTag bool) {
	const step = "sumdb"
	u := *base
	u.Path, u.RawPath = path.Join("/", base.Path, "sumdb", sumDB, "supported"), ""
	if base.RawPath != "" {
		u.RawPath = path.Join("/", base.RawPath, "sumdb", sumDB, "supported")
	}
	notice := d.fail
	if isTag {
		notice = d.warn
	}
	const mend = "answer 404 below /sumdb/: then the go command asks the database itself"
	a, err := d.web.get(ctx, &u)
	switch {
	case err != nil:
		saw, mend := explain(err, u.Hostname())
		notice(step, mend, "%s: %s", show(&u), saw)
	case a.isGone():
		d.ok(step, "%s: %s, so that the database is asked without it", a.at(), a)
	case a.status != http.StatusOK:
		notice(step, mend, "%s: %s, by which the go command takes the database for broken", a.at(), a)
	default:
		d.sumdbLatest(ctx, &u, notice)
	}
}

// sumdbLatest looks at whether the database is there indeed.
func (d *doctor) sumdbLatest(ctx context.Context, supported *url.URL, notice func(step, mend, format string, args ...any)) {
	u := *supported
	u.Path, u.RawPath = path.Join(path.Dir(supported.Path), "latest"), ""
	a, err := d.web.get(ctx, &u)
	if err == nil && a.status == http.StatusOK && strings.HasPrefix(string(a.body), "go.sum database tree\n") {
		d.ok("sumdb", "it passes on the checksum database")
		return
	}
	saw := "has no database"
	if err != nil {
		saw, _ = explain(err, u.Hostname())
	}
	notice("sumdb", "answer 404 below /sumdb/: then the go command asks the database itself", "it says that it passes on the checksum database, but %s %s", show(&u), saw)
}
