package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/app"
	"example.com/vanity/examples/server/internal/check"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/doctor"
	"example.com/vanity/examples/server/internal/export"
	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/forgelist"
	"example.com/vanity/examples/server/internal/progress"
	"example.com/vanity/examples/server/internal/warm"
)

// An opened configuration is the server of a command, which is its owner's.
type opened struct {
	cfg     *config.Config
	app     *app.App
	stores  *app.Stores
	server  *fetch.Server
	entries []config.Entry
	unread  []error // what of the forge can't be read, and is missing in the entries
}

func (o *opened) close() { o.stores.Close() }

// open makes a server that listens nowhere.
func open(ctx context.Context, f *file, stderr io.Writer) (*opened, error) {
	cfg, err := f.load()
	if err != nil {
		return nil, err
	}
	o := &opened{cfg: cfg, stores: new(app.Stores), entries: cfg.Catalog()}
	o.app, err = app.New(ctx, cfg, app.Options{Log: newLog(config.Log{Level: "error", Format: "text"}, stderr), Stores: o.stores})
	if err != nil {
		o.close()
		return nil, err
	}
	o.server = &fetch.Server{Handler: o.app.Owner(), Host: cfg.Host, Origin: o.app.Origin(), BaseOf: o.app.BaseOf}
	if cfg.Forge != nil {
		var entries []config.Entry
		entries, o.unread = forgelist.Entries(ctx, *cfg.Forge)
		o.entries = append(o.entries, entries...)
	}
	return o, nil
}

// tellUnread tells what is missing, and is an error if there is something.
func (o *opened) tellUnread(w io.Writer) error {
	for _, err := range o.unread {
		fmt.Fprintf(w, "forge: %s\n", progress.Printable(err.Error()))
	}
	if len(o.unread) > 0 {
		return errUnhealthy
	}
	return nil
}

// runCheck is -check.
func runCheck(ctx context.Context, f *file, stdout, stderr io.Writer) error {
	o, err := open(ctx, f, stderr)
	if err != nil {
		return err
	}
	defer o.close()
	healthy := true
	say := func(what string, err error) {
		if err != nil {
			healthy = false
			fmt.Fprintf(stdout, "%s  FAIL  %s\n", what, progress.Printable(err.Error()))
			return
		}
		fmt.Fprintf(stdout, "%s  ok\n", what)
	}
	if o.cfg.Store != "" {
		say("store", o.stores.Ping(ctx, o.cfg.Store))
	}
	if o.cfg.Forge != nil {
		for _, err := range o.unread {
			say("forge", err)
		}
		if len(o.unread) == 0 {
			say("forge", nil)
		}
	}
	if o.cfg.NeedsGit() {
		_, err := exec.LookPath("git")
		say("git", err)
	}
	if !check.Run(ctx, check.Options{Server: o.server, Entries: o.entries, Wildcards: fetch.Wildcards(o.cfg), Out: stdout}) || !healthy {
		return errUnhealthy
	}
	return nil
}

// runWarm is the command warm.
func runWarm(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, f := newFlags("server warm", stderr)
	most := mostFlag(flags)
	if err := parse(flags, args); err != nil {
		return err
	}
	o, err := open(ctx, f, stderr)
	if err != nil {
		return err
	}
	defer o.close()
	if o.cfg.Store == "" {
		return fmt.Errorf("%s names no store to fill", f.name)
	}
	err = warm.Run(ctx, warm.Options{
		Server: o.server, Store: o.stores.Get(o.cfg.Store), Entries: o.entries, Modules: flags.Args(), Most: *most,
		Progress: progressTo(stdout), Again: again("warm", args),
	})
	return cmp.Or(err, o.tellUnread(stderr))
}

// runExport is the command export.
func runExport(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, f := newFlags("server export", stderr)
	most := mostFlag(flags)
	dir := flags.String("out", "public", "the `DIR`ectory to write to")
	if err := parse(flags, args); err != nil {
		return err
	}
	o, err := open(ctx, f, stderr)
	if err != nil {
		return err
	}
	defer o.close()
	err = export.Run(ctx, export.Options{
		Server: o.server, Entries: o.entries, Wildcards: fetch.Wildcards(o.cfg), Modules: flags.Args(), Dir: *dir, Most: *most,
		Progress: progressTo(stdout), Again: again("export", args),
	})
	return cmp.Or(err, o.tellUnread(stderr))
}

func mostFlag(flags *flag.FlagSet) *int {
	return flags.Int("jobs", 4, "the `NUMBER` of versions at the same time")
}

// again is the command line that goes on with what was broken off.
func again(command string, args []string) string {
	return "server " + command + " " + strings.Join(args, " ")
}

// progressTo tells by a line that changes on a terminal, and by lines elsewhere.
func progressTo(w io.Writer) progress.Options {
	if f, ok := w.(*os.File); ok {
		return progress.For(f)
	}
	return progress.Options{Out: w}
}

// runDoctor is the command doctor.
func runDoctor(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("server doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	sums := flags.String("gosum", "", "a go.sum `FILE` to compare hashes with")
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		flags.Usage()
		return errUsage
	}
	healthy, err := doctor.Run(ctx, doctor.Options{URL: flags.Arg(0), Module: flags.Arg(1), GoSum: *sums, Credentials: vanity.EnvCredentials, Out: stdout})
	if err == nil && !healthy {
		err = errUnhealthy
	}
	return err
}
