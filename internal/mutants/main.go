// Mutants asks whether the tests would notice if the code were wrong: it changes one place of a package at a time, and runs
// the tests, which must then fail.
//
//	go run ./internal/mutants -seed 1 -n 25 ./internal/modproxy ./internal/git
//
// draws 25 mutants of each package that compile, an operator by chance and then one of its places. A mutant must be killed
// by the tests of its own package, else by those of the main module's root with -short, and with -full else by all of the
// root's. Nothing in the tree is touched: the go command reads the changed file by an overlay. Tests that do not end in time
// have noticed. What somebody changes in the tree meanwhile counts, too: a clone is the place for long runs.
//
// A mutant that survives is a want of the tests, or changes nothing that can be seen. Those that were found stand in
// survivors.txt, with the test that has been written since, or with the reason why there can be none. The exit status is 1 if
// there was another survivor, or if one did not end as it stands there.
//
// -only runs all mutants whose name matches a regular expression, and -list only names them. A mutant may take all memory
// there is, or the disk: limit them before, as by ulimit -v 12000000 -f 4000000.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// A command is what was asked for.
type command struct {
	seed       uint64
	n          int
	slack      time.Duration
	only       *regexp.Regexp
	list, full bool
	out        io.Writer
	module     module
	known      map[string]string // remarks by names
	wrong      int               // mutants that did not end as they should
}

func run(ctx context.Context, args []string, out io.Writer) error {
	c := &command{out: out}
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	dir := flags.String("C", ".", "mutate packages of the module in a `directory`")
	flags.Uint64Var(&c.seed, "seed", 1, "draw by a `seed`")
	flags.IntVar(&c.n, "n", 25, "draw a `number` of mutants of each package")
	flags.BoolVar(&c.list, "list", false, "name the mutants, and run nothing")
	flags.BoolVar(&c.full, "full", false, "run all tests of the root, too, before one is said to survive")
	flags.DurationVar(&c.slack, "slack", 30*time.Second, "give tests four times what they need without a mutant, and a `duration`")
	only := flags.String("only", "", "run all mutants whose names match a `regexp`, in place of a draw")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("name packages, as ./internal/git")
	}
	var err error
	if *only != "" {
		if c.only, err = regexp.Compile(*only); err != nil {
			return err
		}
	}
	if c.module, err = open(ctx, *dir); err != nil {
		return err
	}
	if c.known, err = c.module.survivors(); err != nil {
		return err
	}
	for _, pkg := range flags.Args() {
		if err := c.mutate(ctx, pkg); err != nil {
			return err
		}
	}
	if c.wrong > 0 {
		return fmt.Errorf("%d mutants did not end as %s has it", c.wrong, list)
	}
	return nil
}

// mutate runs the mutants of a package.
func (c *command) mutate(ctx context.Context, pkg string) error {
	mutants, err := c.module.find(ctx, pkg)
	if err != nil {
		return err
	}
	n := c.n
	if c.only == nil {
		mutants = draw(mutants, c.seed)
	} else {
		mutants, n = matching(mutants, c.only), len(mutants)
	}
	if c.list {
		for _, m := range mutants {
			fmt.Fprintln(c.out, m.name())
		}
		return nil
	}
	stages, err := c.module.prepare(ctx, pkg, c.full, c.slack)
	if err != nil {
		return err
	}
	tried, survived := 0, 0
	for _, m := range mutants {
		if tried == n {
			break
		}
		end, err := c.module.try(ctx, m, stages)
		if err != nil {
			return err
		}
		if end == notCompiled {
			continue
		}
		tried++
		if end == survives {
			survived++
		}
		c.report(m, end)
	}
	fmt.Fprintf(c.out, "%s: %d mutants, %d survived\n", pkg, tried, survived)
	return nil
}

// report writes one line of the table.
func (c *command) report(m mutant, end string) {
	remark, known := c.known[m.name()]
	mayLive := known && !strings.HasPrefix(remark, "Test")
	switch {
	case end == survives && mayLive:
		end += ", as is known: " + remark
	case end == survives:
		end = "SURVIVES"
		c.wrong++
	case mayLive:
		end += ", but " + list + " says that it survives"
		c.wrong++
	}
	fmt.Fprintf(c.out, "%s\n\tline %d: %s\n", m.name(), m.line, end)
}
