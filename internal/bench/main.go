// Bench measures vanity side by side with github.com/goproxy/goproxy and [net/http.FileServer].
//
//	go -C internal/bench run . -h
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"example.com/vanity/internal/bench/proc"
	"example.com/vanity/internal/bench/upstream"
)

// A bench is what all measurements share.
type bench struct {
	repos   string // directory of repositories
	tmp     string
	goCache string
	host    *proc.Process
	rounds  int
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
	switch role := proc.Role(); role {
	case "":
		return command(os.Args[1:])
	case "host":
		return serveHost()
	default:
		return serveProxy(system(role))
	}
}

func command(args []string) error {
	b := new(bench)
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	cases := flags.String("cases", "", "measure only what a `regexp` matches")
	list := flags.Bool("list", false, "list the cases")
	systems := flags.String("systems", "vanity,goproxy", "measure these `systems`")
	flags.StringVar(&b.repos, "repos", defaultRepos(), "keep generated repositories in a `directory`")
	flags.IntVar(&b.rounds, "rounds", 5, "measure each a `number` of times")
	flags.StringVar(&b.cpuProfile, "cpuprofile", "", "write CPU profiles of vanity to `file`.1 and so on")
	flags.StringVar(&b.memProfile, "memprofile", "", "write profiles of vanity's allocations to `file`.1 and so on")
	flags.Parse(args)
	chosen, err := regexp.Compile(*cases)
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(*systems, ",") {
		b.systems = append(b.systems, system(name))
	}
	for _, file := range []*string{&b.repos, &b.cpuProfile, &b.memProfile} {
		if *file != "" {
			if *file, err = filepath.Abs(*file); err != nil {
				return err
			}
		}
	}
	if *list {
		for _, c := range colds() {
			fmt.Println(c)
		}
		return nil
	}
	if err := b.open(); err != nil {
		return err
	}
	defer b.close()
	for _, c := range colds() {
		if chosen.MatchString(c.String()) {
			if err := b.compare(c); err != nil {
				return err
			}
		}
	}
	return nil
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
