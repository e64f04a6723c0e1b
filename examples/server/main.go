// Server serves Go modules under a name of one's own, as a file says: pages, proxies, Gosub, a forge's repositories, mirrors.
//
//	server -config FILE              serve
//	server -config FILE -check       try all that the file names, and say what is wrong
//	server warm -config FILE         fill the store
//	server export -config FILE       write a tree of files for hosting without a server
//	server doctor URL MODULE         do what the go command does, and say what is wrong
//
// See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"example.com/vanity/examples/server/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case errors.Is(err, errUnhealthy):
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(os.Stderr, "server: %v\n", err)
		os.Exit(1)
	}
}

var (
	errUsage     = errors.New("usage") // which was printed
	errUnhealthy = errors.New("not all is well")
)

const usage = `usage:
  server -config FILE [-host NAME] [-listen ADDRESS] [-check]
  server warm -config FILE [MODULE[@VERSION]...]
  server export -config FILE [-out DIR] [MODULE...]
  server doctor [-gosum FILE] URL MODULE[@VERSION]
`

// run does what the arguments say. Reports and progress go to stdout, logs and faults to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, ok := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
			"warm": runWarm, "export": runExport, "doctor": runDoctor,
		}[args[0]]
		if !ok {
			fmt.Fprintf(stderr, "server: there is no command %q\n%s", args[0], usage)
			return errUsage
		}
		return command(ctx, args[1:], stdout, stderr)
	}
	flags, file := newFlags("server", stderr)
	flags.StringVar(&file.listen, "listen", "", "the `ADDRESS` to serve on, in place of the file's")
	check := flags.Bool("check", false, "try all that the file names, say what is wrong, and end")
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "server: what is %q? Flags go before other arguments\n%s", flags.Arg(0), usage)
		return errUsage
	}
	if *check {
		return runCheck(ctx, file, stdout, stderr)
	}
	return serve(ctx, file, stderr)
}

// A file is a configuration as the command line names it.
type file struct{ name, host, listen string }

// load reads it.
func (f *file) load() (*config.Config, error) {
	if f.name == "" {
		return nil, errors.New("which configuration? Say -config FILE")
	}
	c, err := config.Load(f.name, f.host)
	if err == nil && f.listen != "" {
		c.Listen = f.listen
	}
	return c, err
}

func newFlags(name string, stderr io.Writer) (*flag.FlagSet, *file) {
	flags, f := flag.NewFlagSet(name, flag.ContinueOnError), new(file)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&f.name, "config", "", "the configuration `FILE`, YAML or JSON")
	flags.StringVar(&f.host, "host", "", "the host `NAME` of import paths, for a file that has none")
	return flags, f
}

// parse reads the flags, and has said what is wrong with them if there is an error.
func parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return errUsage
	}
	return err
}

// newLog makes the logger that a file asks for.
func newLog(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // which was checked; empty is info
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
