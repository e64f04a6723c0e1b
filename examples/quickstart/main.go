// Quickstart shows the three handlers at work, on one machine and without a network:
//
//	go run ./examples/quickstart
//
// It makes a sample repository with two modules in subdirectories and tags of its own kind, serves them on
// 127.0.0.1:8080, or on a free port if that is taken, leads the real go command through step by step, and goes on
// serving until Ctrl-C. It needs go and git. With -once it ends after the tour; the exit status tells how that went.
//
// A repository of one's own is served and tried in the same way by
//
//	go run ./examples/quickstart -repo https://github.com/acme/mono -dir libs/tool -tags 'tool-*' -module go.acme.dev/tool
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"example.com/vanity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// A show is something to serve, and the tour through it.
type show struct {
	handler http.Handler
	tour    func(*tour) error
}

// run serves until the tour is over and, unless -once is given, the context.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(out)
	addr := flags.String("addr", ":8080", "address to serve on, of 127.0.0.1 if it names no host; a free port if it is taken")
	once := flags.Bool("once", false, "end after the tour")
	var own vanity.Config
	flags.StringVar(&own.URL, "repo", "", "URL or absolute path of a repository to serve instead of the sample")
	flags.StringVar(&own.Directory, "dir", "", "with -repo: directory of the module; empty for the root")
	flags.StringVar(&own.Tags, "tags", "", "with -repo: pattern of its version tags, * standing for 1.2.3; empty for v*")
	flags.StringVar(&own.Module, "module", "", "with -repo: module path")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || own.URL == "" && own != (vanity.Config{}) || own.URL != "" && own.Module == "" {
		return errors.New("-dir, -tags and -module go with -repo, -repo needs -module, and there are no arguments; see -help")
	}
	for _, program := range []string{"go", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("the tour needs the program %s in PATH: %w", program, err)
		}
	}
	dir, err := os.MkdirTemp("", "vanity-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	listener, err := listen(*addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	t := newTour(ctx, out, dir, "http://"+listener.Addr().String())
	defer t.end()
	if _, port, _ := net.SplitHostPort(*addr); port != "0" && !strings.HasSuffix(listener.Addr().String(), ":"+port) {
		t.say("%s is taken; serving on %s instead.", *addr, listener.Addr())
	}

	var s *show
	if own.URL == "" {
		s, err = sample(t)
	} else {
		s, err = ownRepository(t, own)
	}
	if err != nil {
		return err
	}
	return serve(t, listener, s, *once)
}

// listen takes another port if the one that is asked for is taken.
func listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err == nil {
		return l, nil
	}
	if l, errAny := net.Listen("tcp", net.JoinHostPort(host, "0")); errAny == nil {
		return l, nil
	}
	return nil, err
}

func serve(t *tour, listener net.Listener, s *show, once bool) error {
	server := &http.Server{Handler: notAnHTTPProxy(s.handler), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	defer server.Close()
	err := s.tour(t)
	if t.ctx.Err() != nil {
		return nil // Ctrl-C is no failure
	}
	if err != nil || once {
		return err
	}
	t.say("\nStill serving on %s. Ctrl-C ends it.", t.url)
	<-t.ctx.Done()
	return nil
}

// notAnHTTPProxy refuses what only an HTTP proxy could do. The tour names this server as the go command's HTTP proxy,
// so that it plays the vanity domain as well, without DNS and certificates: that takes plain requests alone.
func notAnHTTPProxy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			http.Error(w, "no HTTPS here", http.StatusMethodNotAllowed)
			return
		}
		h.ServeHTTP(w, r)
	})
}
