// Package check tries each module of the server's file, as the go command and its user would meet it: the page's tags, the
// versions, the latest of them and its go.mod, and whether page and proxy agree.
package check

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/progress"
)

// Options say what to try, and how.
type Options struct {
	Server    *fetch.Server
	Entries   []config.Entry
	Wildcards []string      // import prefixes with "*", which are listed as not tried
	Out       io.Writer     // for the report
	Most      int           // modules to be tried at the same time; if zero, 4
	Timeout   time.Duration // for one module; if zero, 2 minutes
}

const (
	most    = 4
	timeout = 2 * time.Minute
)

// Run tries all modules, and writes a line for each in the order of the entries, with a line more for each fault, which says what
// to mend. It reports whether there is no fault. If ctx ends, there is one.
func Run(ctx context.Context, o Options) (healthy bool) {
	reports := make([]chan *report, len(o.Entries))
	for i := range reports {
		reports[i] = make(chan *report, 1)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fetch.Each(ctx, len(o.Entries), cmp.Or(o.Most, most), func(i int) {
			reports[i] <- o.try(ctx, o.Entries[i])
		})
	}()
	healthy = true
	for i, e := range o.Entries {
		r := wait(ctx, reports[i])
		if r == nil {
			r = newReport(e)
			r.fault("not tried: %v", context.Cause(ctx))
		}
		healthy = r.write(o.Out) && healthy
	}
	<-done
	for _, w := range o.Wildcards {
		fmt.Fprintf(o.Out, "%s  not tried: it is a wildcard, whose modules nobody knows before they are asked for\n", w)
	}
	return healthy
}

// wait gives a report; nil if there will be none.
func wait(ctx context.Context, reports <-chan *report) *report {
	select {
	case r := <-reports:
		return r
	case <-ctx.Done():
		select {
		case r := <-reports:
			return r
		default:
			return nil
		}
	}
}

func (o *Options) try(ctx context.Context, e config.Entry) *report {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(o.Timeout, timeout), fmt.Errorf("it took longer than %v", cmp.Or(o.Timeout, timeout)))
	defer cancel()
	t := &trial{Server: o.Server, Entry: e, report: newReport(e)}
	t.run(ctx)
	return t.report
}

// A report is what there is to say of one module.
type report struct {
	name   string
	key    string
	says   []string // what was found
	faults []string
	notes  []string // what may be meant so
}

func newReport(e config.Entry) *report { return &report{name: cmp.Or(e.Path, e.Key), key: e.Key} }

func (r *report) say(format string, args ...any) {
	r.says = append(r.says, fmt.Sprintf(format, args...))
}
func (r *report) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}
func (r *report) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// write writes the lines, and reports whether there is no fault.
func (r *report) write(w io.Writer) bool {
	verdict := "ok"
	if len(r.faults) > 0 {
		verdict = "FAULT"
	}
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(strings.TrimRight(progress.Printable(fmt.Sprintf(format, args...)), " ") + "\n")
	}
	line("%s  %s  %s", r.name, verdict, strings.Join(r.says, ", "))
	for _, f := range r.faults {
		line("    %s: %s", r.key, f)
	}
	for _, n := range r.notes {
		line("    note: %s", n)
	}
	io.WriteString(w, b.String())
	return len(r.faults) == 0
}
