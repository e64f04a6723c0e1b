// Bench measures vanity side by side with github.com/goproxy/goproxy and [net/http.FileServer].
//
//	go -C internal/bench run . -h
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"example.com/vanity/internal/bench/proc"
	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/bench/upstream"
)

// A bench is what all measurements share.
type bench struct {
	repos   string // directory of repositories
	tmp     string
	goCache string
	host    *proc.Process
	rounds  int
	period  time.Duration // of a load
	systems []system

	cpuProfile, memProfile string
	profiles               int // that were asked for
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	role := proc.Role()
	if role == "" {
		return command(os.Args[1:], os.Stdout)
	}
	do, ok := roles[role]
	if !ok {
		return fmt.Errorf("no role %q", role)
	}
	return do()
}

// command is the whole of what the first process does.
func command(args []string, out io.Writer) error {
	b := &bench{period: period}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	cases := flags.String("cases", "", "measure only what a `regexp` matches")
	list := flags.Bool("list", false, "list the cases")
	short := flags.Bool("short", false, "measure repositories of a twentieth of the size, for a moment")
	grow := flags.Bool("growth", false, "measure how cost grows, in place of all else")
	systems := flags.String("systems", "vanity,goproxy", "measure these `systems` where proxies are compared")
	flags.StringVar(&b.repos, "repos", defaultRepos(), "keep generated repositories in a `directory`")
	flags.IntVar(&b.rounds, "rounds", 5, "measure each a `number` of times")
	flags.StringVar(&b.cpuProfile, "cpuprofile", "", "write CPU profiles of vanity to `file`.1 and so on")
	flags.StringVar(&b.memProfile, "memprofile", "", "write profiles of vanity's allocations to `file`.1 and so on")
	flags.Parse(args)
	if b.rounds < 1 {
		return errors.New("at least one round is needed")
	}
	chosen, err := regexp.Compile(*cases)
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(*systems, ",") {
		b.systems = append(b.systems, system(name))
	}
	if err := absolute(&b.repos, &b.cpuProfile, &b.memProfile); err != nil {
		return err
	}
	shapes := shape.All
	if *short {
		shapes, b.period = divided(shapes, 20), period/20
	}
	if *list {
		for _, c := range b.comparisons(shapes) {
			fmt.Fprintln(out, c.name)
		}
		return nil
	}
	return b.all(out, chosen, shapes, *grow)
}

// all measures what was chosen.
func (b *bench) all(out io.Writer, chosen *regexp.Regexp, shapes []shape.Shape, grow bool) (err error) {
	if err := b.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if grow {
		return b.growth(out, chosen)
	}
	fmt.Fprint(out, heading)
	for _, c := range b.comparisons(shapes) {
		if !chosen.MatchString(c.name) {
			continue
		}
		res, err := c.run(b.rounds)
		if err != nil {
			return err
		}
		c.write(out, res)
	}
	return nil
}

// absolute makes names of files that are given absolute, as processes have directories of their own.
func absolute(names ...*string) (err error) {
	for _, name := range names {
		if *name != "" {
			if *name, err = filepath.Abs(*name); err != nil {
				return err
			}
		}
	}
	return nil
}

func divided(shapes []shape.Shape, by int) []shape.Shape {
	var smaller []shape.Shape
	for _, s := range shapes {
		smaller = append(smaller, s.Divided(by))
	}
	return smaller
}

// defaultRepos is where repositories are kept that nobody wants elsewhere.
func defaultRepos() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "vanity-bench")
}

func (b *bench) open() error {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	b.goCache = strings.TrimSpace(string(out))
	if b.tmp, err = os.MkdirTemp("", "vanity-bench-"); err != nil {
		return err
	}
	b.host, err = proc.StartServer("host", b.repos)
	return err
}

func (b *bench) close() error {
	err := b.host.Stop()
	os.RemoveAll(b.tmp)
	return err
}

// count is what the host was asked so far.
func (b *bench) count() (n upstream.Count, err error) {
	err = b.host.Ask("count", &n)
	return n, err
}
