// Package warm fills the server's store with the versions of modules, so that nobody waits for a git host, nor depends on it.
//
// It can be broken off at any time, and run again: what is stored is not fetched again.
package warm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/progress"
)

// Options say what to fetch, and how.
type Options struct {
	Server   *fetch.Server
	Store    vanity.Store // the one that the server has
	Entries  []config.Entry
	Modules  []string         // MODULE, MODULE@VERSION, MODULE@latest or MODULE@all; if empty, all versions of all entries
	Most     int              // versions to be fetched at the same time; if zero, 4
	Progress progress.Options //
	Again    string           // the command that goes on, for the summary
}

const (
	most = 4

	// maxUnstored is how many versions in a row may not get into the store before it is taken for broken.
	maxUnstored = 3
)

// Run fetches what is wanted. A version that fails is told, and doesn't hinder the others; the error says then how many did, and
// is ctx's if that ended before all was done.
func Run(ctx context.Context, o Options) error {
	if o.Store == nil {
		return errors.New("the file names no store, so that nothing would be kept: set store")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &work{Options: o, meter: progress.Start(o.Progress), cancel: cancel}
	defer w.meter.Close()

	wants, errs := o.Server.Plan(ctx, o.Entries, o.Modules)
	for _, err := range errs {
		w.fail(ctx, "%v", err)
	}
	w.list(ctx, wants)
	fetch.Each(ctx, len(w.jobs), cmp.Or(o.Most, most), func(i int) { w.do(ctx, w.jobs[i]) })
	w.meter.Close()
	return w.summary(ctx)
}

// A job is one version of a module.
type job struct {
	of      *module
	version string
}

// A module is what there is to do of one, and what was done.
type module struct {
	fetch.Module
	left    int
	fetched int
	failed  int
	bytes   int64
}

// A work is one run.
type work struct {
	Options
	meter  *progress.Meter
	cancel context.CancelCauseFunc
	jobs   []job

	mu       sync.Mutex
	was      int // versions that were there
	fetched  int
	failed   int
	bytes    int64
	unstored int // in a row
	faults   int // what is not a version's
}

// fail tells a fault that is not a version's, unless it is only that the work was broken off.
func (w *work) fail(ctx context.Context, format string, args ...any) {
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	w.faults++
	w.mu.Unlock()
	w.meter.Printf(format, args...)
}

// list finds the versions that are wanted.
func (w *work) list(ctx context.Context, wants []fetch.Want) {
	found := make([][]string, len(wants))
	fetch.Each(ctx, len(wants), cmp.Or(w.Most, most), func(i int) {
		want := wants[i]
		w.meter.Begin(want.Path)
		versions, _, err := w.Server.Wanted(ctx, want)
		var none *fetch.NoModuleError
		switch {
		case err == nil:
			found[i] = versions
		case errors.As(err, &none):
			w.meter.Printf("%s: %v", want.Path, none)
		default:
			w.fail(ctx, "%s: %v", want.Path, err)
		}
	})
	byPath, known := make(map[fetch.Module]*module), make(map[job]bool)
	for i, want := range wants {
		m := byPath[want.Module]
		if m == nil {
			m = &module{Module: want.Module}
			byPath[want.Module] = m
		}
		for _, v := range found[i] {
			if j := (job{m, v}); !known[j] {
				w.jobs, known[j] = append(w.jobs, j), true
				m.left++
			}
		}
	}
	w.meter.Total(len(w.jobs))
}

func (w *work) do(ctx context.Context, j job) {
	w.meter.Begin(j.of.Path + "@" + j.version)
	was, bytes, err := w.bring(ctx, j)
	w.meter.Bytes(bytes)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && ctx.Err() != nil {
		return // it is neither there nor not
	}
	w.meter.Done()
	var unstored *notStoredError
	switch {
	case err == nil && was:
		w.was++
	case err == nil:
		w.fetched++
		w.unstored = 0
		j.of.fetched++
	case errors.As(err, &unstored):
		if w.unstored++; w.unstored == maxUnstored {
			w.cancel(errors.New("the store keeps nothing; the log says why"))
		}
		fallthrough
	default:
		w.failed++
		j.of.failed++
		w.meter.Printf("%s@%s: %v", j.of.Path, j.version, err)
	}
	w.bytes += bytes
	j.of.bytes += bytes
	if j.of.left--; j.of.left == 0 && !w.Progress.Terminal && j.of.fetched+j.of.failed > 0 {
		w.meter.Printf("%s: %s", j.of.Path, told(j.of.fetched, 0, j.of.failed, j.of.bytes))
	}
}

// A notStoredError says that a version was made, and not kept.
type notStoredError struct{}

func (*notStoredError) Error() string { return "it could not be stored; the log says why" }

// kinds are a version's files. The info goes first: it pins the version, of which the others are made.
var kinds = []string{"info", "mod", "zip"}

// bring sees to it that a version is stored. It says whether it was so before, and how many bytes it fetched.
func (w *work) bring(ctx context.Context, j job) (was bool, bytes int64, err error) {
	files := make([]string, len(kinds))
	for i, kind := range kinds {
		if files[i], err = fetch.File(j.version, kind); err != nil {
			return false, 0, err
		}
	}
	if was, err = w.has(ctx, j.of.Module, files); was || err != nil {
		return was, 0, err
	}
	for _, file := range files {
		resp, err := w.Server.Make(ctx, j.of.Module, file)
		if err != nil {
			return false, bytes, err
		}
		bytes += resp.Bytes
	}
	if !j.of.Named {
		return false, bytes, nil
	}
	for _, file := range files {
		if ok, err := w.isThere(ctx, j.of.Module, file); !ok {
			return false, bytes, cmp.Or(err, error(&notStoredError{}))
		}
	}
	return false, bytes, nil
}

// has reports whether all files of a version are stored. By their names in the store it can be told without reading them: of a
// bucket that would be a download.
func (w *work) has(ctx context.Context, m fetch.Module, files []string) (bool, error) {
	stored := w.Server.IsStored
	if m.Named {
		stored = w.isThere
	}
	for _, file := range files {
		if ok, err := stored(ctx, m, file); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// isThere looks in the store for the checksum that is written beside a file when all of that is there; and for a zip itself, which
// an owner in need of room may have removed.
func (w *work) isThere(ctx context.Context, m fetch.Module, file string) (bool, error) {
	name, err := m.Name(file)
	if err != nil {
		return false, err
	}
	names := []string{name + ".sum"}
	if strings.HasSuffix(name, ".zip") {
		names = append(names, name)
	}
	for _, n := range names {
		r, err := w.Store.Get(ctx, n)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("reading the store: %w", err)
		}
		r.Close()
	}
	return true, nil
}

// summary tells what was done, and what is left.
func (w *work) summary(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	done, all := w.was+w.fetched, progress.Count(len(w.jobs), "version")
	text := told(w.fetched, w.was, w.failed, w.bytes)
	switch {
	case ctx.Err() != nil:
		w.meter.Printf("broken off: %d of %s are in the store (%s); run %s again to go on", done, all, text, w.Again)
		return context.Cause(ctx)
	case w.failed+w.faults > 0:
		w.meter.Printf("%d of %s are in the store (%s); run %s again for what failed", done, all, text, w.Again)
		return fmt.Errorf("%d failed", w.failed+w.faults)
	}
	w.meter.Printf("all that is wanted is in the store: %s (%s)", all, text)
	return nil
}

func told(fetched, was, failed int, bytes int64) string {
	text := fmt.Sprintf("%d fetched, %s", fetched, progress.Size(bytes))
	if was > 0 {
		text += fmt.Sprintf(", %d were there", was)
	}
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	return text
}
