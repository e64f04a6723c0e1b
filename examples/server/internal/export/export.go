// Package export writes what the server would serve into a directory, for a host of files: pages at the import paths, and a GOPROXY
// below its base.
//
//	DIR/tool/index.html                        for the import path go.acme.dev/tool, for the go command and for people
//	DIR/index.html, DIR/404.html               the list of all, and what is shown elsewhere
//	DIR/go/go.acme.dev/tool/@v/list            the versions
//	DIR/go/go.acme.dev/tool/@v/v1.0.0.info     and .mod, .zip, .ziphash
//	DIR/go/go.acme.dev/tool/@latest            the version to use
//
// DIR is what a host of files serves at the root of go.acme.dev; GOPROXY=file://DIR/go works, too. Hosts must serve tool/index.html
// at /tool, or redirect to /tool/, as all of them do. The go command looks at no content type, and at no 404 page either; browsers
// want text/html for *.html, with or without a charset, as the pages say it themselves.
//
// A host of files can't answer by what is asked. So there is nothing for wildcards, but for modules of them that are named, none
// of the pages of packages below a module, which the go command doesn't need, and neither links to the source by version (the
// go-source tag is left out where those would go through the server) nor "git clone https://IMPORT/PATH".
//
// An export can be broken off and run again: files have their names when they are complete, a version is listed when all its
// files are there, and a version that is there, by its checksum, is not fetched again. It is never exported with another checksum.
// Nothing is removed; what is no longer in the server's file is named.
package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/progress"
)

// Options say what to write, and where.
type Options struct {
	Server    *fetch.Server
	Entries   []config.Entry
	Wildcards []string // import prefixes with "*", which are named as not exported
	Modules   []string // module paths, those of wildcards and nested ones too; if empty, all that the entries name
	Dir       string   // is made if it isn't there
	Most      int      // versions to be written at the same time; if zero, 4
	Progress  progress.Options
	Again     string // the command that goes on, for the summary
}

const most = 4

// Run writes. What fails is told, and doesn't hinder the rest, but for a directory that can't be written to; the error says then
// how much failed, and is ctx's if that ended before all was done.
func Run(ctx context.Context, o Options) error {
	t, err := openTree(o.Dir)
	if err != nil {
		return err
	}
	defer t.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &work{Options: o, tree: t, meter: progress.Start(o.Progress), cancel: cancel}
	defer w.meter.Close()

	w.modules(ctx)
	w.pages(ctx)
	if len(o.Modules) == 0 && ctx.Err() == nil && w.failed == 0 {
		w.stale()
	}
	w.meter.Close()
	return w.summary(ctx)
}

// A work is one run.
type work struct {
	Options
	tree   *tree
	meter  *progress.Meter
	cancel context.CancelCauseFunc
	all    []*module

	mu      sync.Mutex
	was     int // versions that were there
	written int
	total   int // versions
	failed  int // of anything
	bytes   int64
	paged   int
	names   map[string]bool // of pages and of modules, as there should be
	keep    map[string]bool // import paths whose versions could not be listed: their pages stay as they are
}

// fail tells a fault, of something, if err doesn't say it itself. One of the directory ends the work.
func (w *work) fail(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return // it is told once why
	}
	var disk *diskError
	if errors.As(err, &disk) {
		w.cancel(fmt.Errorf("%w; see to that, and run %s again", disk, w.Again))
		return
	}
	w.mu.Lock()
	w.failed++
	w.mu.Unlock()
	if what != "" {
		err = fmt.Errorf("%s: %w", what, err)
	}
	w.meter.Printf("%v", err)
}

// note remembers that a name belongs to this export.
func (w *work) note(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.names == nil {
		w.names = make(map[string]bool)
	}
	w.names[name] = true
}

// wants says which modules are to be written.
func (w *work) wants(ctx context.Context) []fetch.Want {
	args := slices.DeleteFunc(slices.Clone(w.Modules), func(path string) bool {
		return slices.ContainsFunc(w.Entries, func(e config.Entry) bool { return e.Path == path && e.Page && !e.Proxy })
	})
	if len(args) == 0 && len(w.Modules) > 0 {
		return nil
	}
	wants, errs := w.Server.Plan(ctx, w.Entries, args)
	for _, err := range errs {
		w.fail(ctx, "", err)
	}
	w.keep = make(map[string]bool)
	planned := make(map[string]bool)
	for _, want := range wants {
		planned[want.Key] = true
	}
	for _, e := range w.Entries {
		w.keep[e.Path] = e.Proxy && !planned[e.Key]
	}
	return wants
}

// modules writes the modules, version by version.
func (w *work) modules(ctx context.Context) {
	wants := w.wants(ctx)
	w.all = make([]*module, len(wants))
	fetch.Each(ctx, len(wants), cmp.Or(w.Most, most), func(i int) {
		w.meter.Begin(wants[i].Path)
		m := &module{Module: wants[i].Module}
		w.note(m.dir())
		var err error
		var none *fetch.NoModuleError
		m.versions, m.latest, err = w.Server.Wanted(ctx, wants[i])
		switch {
		case err == nil:
			w.all[i] = m
		case errors.As(err, &none):
			w.meter.Printf("%s: %v", m.Path, none)
		default:
			w.fail(ctx, m.Path, err)
			w.mu.Lock()
			w.keep[m.Path] = true
			w.mu.Unlock()
		}
	})
	var jobs []job
	w.all = slices.DeleteFunc(w.all, func(m *module) bool { return m == nil })
	for _, m := range w.all {
		m.left = len(m.versions)
		for _, v := range m.versions {
			jobs = append(jobs, job{m, v})
		}
	}
	w.total = len(jobs)
	w.meter.Total(len(jobs))
	fetch.Each(ctx, len(jobs), cmp.Or(w.Most, most), func(i int) { w.do(ctx, jobs[i]) })
}

// summary tells what was done, and what is left.
func (w *work) summary(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf("%d of %s (%d written, %s", w.was+w.written, progress.Count(w.total, "version"), w.written, progress.Size(w.bytes))
	if w.was > 0 {
		text += fmt.Sprintf(", %d were there", w.was)
	}
	text += fmt.Sprintf(") and %s are in %s", progress.Count(w.paged, "page"), w.Dir)
	for _, prefix := range w.Wildcards {
		w.meter.Printf("%s is not exported: it is a wildcard, whose modules nobody knows; name them as arguments", prefix)
	}
	switch {
	case ctx.Err() != nil:
		w.meter.Printf("broken off: %s; run %s again to go on", text, w.Again)
		return context.Cause(ctx)
	case w.failed > 0:
		w.meter.Printf("%s; run %s again for what failed", text, w.Again)
		return fmt.Errorf("%d failed", w.failed)
	}
	w.meter.Printf("%s", text)
	return nil
}
