package check

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/gotags"
	"example.com/vanity/examples/server/internal/origin"
	"example.com/vanity/examples/server/internal/progress"
	"example.com/vanity/internal/form"
)

// A trial is of one entry.
type trial struct {
	*fetch.Server
	config.Entry
	*report
}

func (t *trial) run(ctx context.Context) {
	var imports []gotags.Import
	if t.Page {
		if imports = t.tags(ctx); imports == nil {
			return
		}
	}
	if t.Proxy {
		t.agree(imports)
		t.proxy(ctx)
		return
	}
	t.elsewhere(ctx, imports)
}

// tags gives the go-import tags of the entry's page; nil if there is a fault.
func (t *trial) tags(ctx context.Context) (imports []gotags.Import) {
	page, resp, err := t.GoGet(ctx, t.Path)
	switch {
	case err != nil:
		t.fault("its page can't be had: %v", cause(ctx, err))
		return nil
	case !resp.OK():
		t.fault("its page is answered with %d: %s", resp.Status, resp.Text)
		return nil
	}
	all, _ := gotags.Parse(page)
	for _, i := range all {
		if i.Prefix == t.Path {
			imports = append(imports, i)
		}
	}
	if imports == nil {
		t.fault("its page has no go-import tag for it, so that the go command finds nothing: another handler may answer there")
	}
	return imports
}

// agree says if a page doesn't lead to where the proxy is.
func (t *trial) agree(imports []gotags.Import) {
	if !t.Page {
		return
	}
	at := slices.IndexFunc(imports, func(i gotags.Import) bool { return i.VCS == "mod" })
	if at < 0 {
		t.fault("page and proxy disagree: its page has no \"mod\" tag, so that the go command doesn't ask this server for it; set proxy")
		return
	}
	u, err := url.Parse(imports[at].Repo)
	if err != nil || strings.TrimSuffix(u.Path, "/") != t.Base {
		t.fault("page and proxy disagree: its page leads to %s, and this server has it below %s; make proxy say the one that is right", imports[at].Repo, cmp.Or(t.Base, "/"))
	}
}

// proxy asks for the versions, the latest, and its go.mod, of each major version.
func (t *trial) proxy(ctx context.Context) {
	wants, errs := t.Plan(ctx, []config.Entry{t.Entry}, nil)
	if err := cmp.Or(append(errs, nil)...); err != nil && len(wants) == 0 {
		t.explain(ctx, err)
		return
	}
	total := 0
	for i, w := range wants {
		versions, err := t.Versions(ctx, w.Module)
		if err != nil {
			t.unlisted(ctx, w.Module, i, err)
			continue
		}
		total += len(versions)
		latest, err := t.Latest(ctx, w.Module)
		switch {
		case err != nil && fetch.IsAbsent(err) && i > 0:
			t.note("%s: there are tags of it, but %v", w.Path, err)
			continue
		case err != nil:
			t.explain(ctx, fmt.Errorf("latest: %w", err))
			continue
		}
		t.found(w.Module, versions, latest)
		t.goMod(ctx, w.Module, latest)
	}
	t.say("tags %s", cmp.Or(t.Config.Tags, "v*"))
	if total == 0 && len(t.faults) == 0 {
		t.unversioned(ctx)
	}
	if len(t.faults) == 0 {
		t.reach(ctx)
	}
}

// unlisted says that a module path has no list. A major version with tags need not be a module: its go.mod may say another path.
func (t *trial) unlisted(ctx context.Context, m fetch.Module, i int, err error) {
	if fetch.IsAbsent(err) && i > 0 {
		t.note("%s: there are tags of it, but %v", m.Path, err)
		return
	}
	t.explain(ctx, fmt.Errorf("list: %w", err))
}

func (t *trial) found(m fetch.Module, versions []string, latest string) {
	name := ""
	if m.Path != t.Path {
		name = m.Path + ": "
	}
	t.say("%s%s, latest %s", name, progress.Count(len(versions), "version"), latest)
}

// goMod compares the path that go.mod says.
func (t *trial) goMod(ctx context.Context, m fetch.Module, version string) {
	file, err := fetch.File(version, "mod")
	var data bytes.Buffer
	if err == nil {
		_, err = t.Get(ctx, m, file, &data)
	}
	if err != nil {
		t.explain(ctx, fmt.Errorf("go.mod of %s: %w", version, err))
		return
	}
	if says := modfile.ModulePath(data.Bytes()); says != m.Path {
		t.fault("go.mod of %s says module %.200q, and not %s: nobody can require it without a replace directive; change go.mod, or the path here", version, says, m.Path)
	}
}

// unversioned says why the tags have no versions, if it can be told.
func (t *trial) unversioned(ctx context.Context) {
	hint := hintOf(t.survey(ctx))
	if hint == "" {
		t.note("there are no versions yet: the latest is what the default branch comes to")
		return
	}
	t.noTag(hint)
}

func (t *trial) noTag(hint string) {
	t.fault("no tag fits the pattern %q, so that there are no versions%s", cmp.Or(t.Config.Tags, "v*"), hint)
}

// hintOf names tags that would be versions by another pattern, or look as if they were; empty for none.
func hintOf(survey *form.Survey) string {
	switch {
	case survey == nil:
		return ""
	case len(survey.Others) == 0 && len(survey.Odd) > 0:
		return fmt.Sprintf("; tags such as %q are none, as the go command wants three numbers: v1.2.3", survey.Odd[0])
	case len(survey.Others) == 0:
		return ""
	}
	var patterns []string
	for _, p := range survey.Others[:min(len(survey.Others), 3)] {
		patterns = append(patterns, fmt.Sprintf("%q (%d, such as %s)", p.Pattern, p.Count, p.Highest.Tag))
	}
	return "; there are tags of " + strings.Join(patterns, ", ") + ": correct tags"
}

func (t *trial) survey(ctx context.Context) *form.Survey {
	if t.Origin == nil || t.Config.URL == "" {
		return nil
	}
	survey, err := t.Origin.Survey(ctx, t.Config)
	if err != nil {
		return nil
	}
	return survey
}

// explain adds a fault. The server says to callers less than the owner may know: what the repository itself answers to him, or has
// instead, says more.
func (t *trial) explain(ctx context.Context, err error) {
	if ctx.Err() != nil {
		t.fault("%v", cause(ctx, err))
		return
	}
	if t.Origin == nil || t.Config.URL == "" {
		t.fault("%v", err)
		return
	}
	survey, cannot := t.Origin.Survey(ctx, t.Config)
	switch {
	case cannot != nil:
		t.fault("%s", origin.Explain(cannot, t.Config))
	case survey.Empty:
		t.fault("%s has no commit yet: push one", t.Config.URL)
	case survey.Declared == nil && survey.Elsewhere != nil:
		t.fault("there is no go.mod in the directory %q of %s, but in %s: correct directory", t.Config.Directory, t.lead(survey), quoted(survey.Elsewhere))
	case len(survey.Versions) == 0 && hintOf(survey) != "":
		t.noTag(hintOf(survey))
	case survey.Declared != nil && survey.Refusal != nil:
		t.fault("go.mod of %s says module %.200q: change go.mod, or the path here (%v)", t.lead(survey), survey.Declared[0].Path, err)
	default:
		t.fault("%v", err)
	}
}

func (t *trial) lead(s *form.Survey) string { return cmp.Or(s.Lead.Tag, "the default branch") }

func quoted(dirs []string) string {
	var q []string
	for _, d := range dirs[:min(len(dirs), 5)] {
		q = append(q, fmt.Sprintf("%q", path.Clean(d)))
	}
	return strings.Join(q, ", ")
}

// reach looks whether what was served is still to be had: a store hides it that a host is down.
func (t *trial) reach(ctx context.Context) {
	if t.Origin == nil || t.Config.URL == "" {
		return
	}
	if err := t.Origin.Reach(ctx, t.Config); err != nil {
		t.fault("what is stored is served, but %s", origin.Explain(err, t.Config))
	}
}

// elsewhere looks at a module that this server has the page of alone.
func (t *trial) elsewhere(ctx context.Context, imports []gotags.Import) {
	for _, i := range imports {
		if i.VCS == "mod" {
			t.say("its page leads to %s, which is not asked", i.Repo)
			return
		}
	}
	i := imports[0]
	cfg := vanity.Config{URL: i.Repo, Module: t.Path, Directory: i.Subdir, Tags: strings.TrimPrefix(i.Subdir+"/v*", "/")}
	if i.VCS != "git" || cfg.Validate() != nil || t.Origin == nil {
		t.say("its page leads to %s (%s), which is not looked into", i.Repo, i.VCS)
		return
	}
	t.repository(ctx, cfg)
}

// repository looks whether a repository has versions that the go command takes.
func (t *trial) repository(ctx context.Context, cfg vanity.Config) {
	survey, err := t.Origin.Survey(ctx, cfg)
	if err != nil {
		t.fault("%s", cmp.Or(timedOut(ctx), origin.Explain(err, cfg)))
		return
	}
	t.Config = cfg
	t.say("%s", progress.Count(len(survey.Versions), "version"))
	if survey.Version != "" {
		t.say("latest %s", survey.Version)
	}
	t.say("tags %s, from %s itself", cfg.Tags, cfg.URL)
	switch {
	case survey.Empty:
		t.fault("%s has no commit yet: push one", cfg.URL)
	case survey.Unread != nil:
		t.fault("%s", origin.Explain(survey.Unread, cfg))
	case survey.Declared == nil && cfg.Directory != "":
		t.fault("there is no go.mod in the directory %q of %s: correct directory", cfg.Directory, t.lead(survey))
	case len(survey.Declared) > 0 && !declares(survey, t.Path):
		t.fault("go.mod of %s says module %.200q, and not %s: change go.mod, or the path here", t.lead(survey), survey.Declared[0].Path, cmp.Or(survey.Module, t.Path))
	case len(survey.Versions) > 0 && survey.Version == "" && survey.Refusal != nil:
		say := t.note // there are others
		if len(survey.Versions) == 1 {
			say = t.fault
		}
		say("the tag %s makes no version of it: %v", t.lead(survey), survey.Refusal)
	case len(survey.Versions) == 0 && len(survey.Others) > 0:
		t.fault("the go command takes no tag for a version%s, and set proxy to have them served", strings.Replace(hintOf(survey), "correct tags", "name that pattern in tags", 1))
	case len(survey.Versions) == 0 && len(survey.Odd) > 0:
		t.noTag(hintOf(survey))
	case len(survey.Versions) == 0:
		t.note("there are no versions yet: the latest is what the default branch comes to")
	}
}

// declares reports whether a go.mod is of a module path, or of a major version of it.
func declares(s *form.Survey, modPath string) bool {
	for _, g := range s.Declared {
		stem, major, ok := module.SplitPathVersion(g.Path)
		if g.Path == modPath || ok && strings.HasPrefix(major, "/") && stem == modPath {
			return true
		}
	}
	return false
}

// cause says of what a context ended, if that is what is wrong.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func timedOut(ctx context.Context) string {
	if ctx.Err() != nil {
		return context.Cause(ctx).Error()
	}
	return ""
}
