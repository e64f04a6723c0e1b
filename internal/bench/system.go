package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"

	"github.com/goproxy/goproxy"

	"example.com/vanity"
	"example.com/vanity/internal/bench/load"
	"example.com/vanity/internal/bench/proc"
	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/bench/upstream"
)

// A proxySpec says what a process is to serve.
type proxySpec struct {
	Config vanity.Config
	Dir    string // of its store
	CPU    string // file for a profile
	Memory string
}

// start starts a proxy in a process of its own, with a directory that is empty.
func (b *bench) start(sys system, s shape.Shape, repo, dir string) (*proc.Process, error) {
	if err := s.Build(b.repos); err != nil {
		return nil, err
	}
	env, err := b.environment(b.host.URL+repo, s, dir)
	if err != nil {
		return nil, err
	}
	spec := proxySpec{
		Config: vanity.Config{URL: b.host.URL + repo, Module: s.Module(), Directory: s.Dir, Tags: s.Pattern()},
		Dir:    filepath.Join(dir, "store"),
	}
	if sys == ours {
		b.profiles++
		spec.CPU, spec.Memory = numbered(b.cpuProfile, b.profiles), numbered(b.memProfile, b.profiles)
	}
	return proc.StartServer(string(sys), spec, env...)
}

func numbered(name string, n int) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%s.%d", name, n)
}

// environment makes a home with git and go as they are freshly installed, but that a repository of github.com is elsewhere.
func (b *bench) environment(url string, s shape.Shape, dir string) (env []string, err error) {
	config := filepath.Join(dir, "home", ".gitconfig")
	telemetry := filepath.Join(dir, "home", ".config", "go", "telemetry", "mode")
	err = os.MkdirAll(filepath.Dir(telemetry), 0o777)
	err = errors.Join(err, os.WriteFile(config, fmt.Appendf(nil, "[safe]\n\tdirectory = *\n[url %q]\n\tinsteadOf = https://github.com/%s\n", url, s.Repo()), 0o666))
	err = errors.Join(err, os.WriteFile(telemetry, []byte("off"), 0o666)) // it would be a process of its own
	return []string{
		"HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + dir, "LC_ALL=C",
		"GOPATH=" + filepath.Join(dir, "gopath"), "GOMODCACHE=" + filepath.Join(dir, "modcache"), "GOCACHE=" + b.goCache,
		"GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=-modcacherw", "GOPROXY=direct", "GOSUMDB=off", "GONOSUMDB=*",
		"GIT_CONFIG_GLOBAL=" + config, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
	}, err
}

// serveProxy is the life of a process that is one of the systems.
func serveProxy(sys system) error {
	var spec proxySpec
	if err := proc.Spec(&spec); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if sys == peer {
		return proc.Serve(&goproxy.Goproxy{Cacher: goproxy.DirCacher(spec.Dir), Logger: logger}, nil, nil)
	}
	if spec.CPU != "" {
		f, err := os.Create(spec.CPU)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if spec.Memory != "" {
		runtime.MemProfileRate = 4096
		defer writeMemory(spec.Memory)
	}
	return proc.Serve(vanity.Goproxy("/", spec.Config, vanity.WithStore(vanity.DirStore(spec.Dir)), vanity.WithLogger(logger)), nil, nil)
}

// writeMemory writes a profile of all that was allocated.
func writeMemory(name string) {
	f, err := os.Create(name)
	if err == nil {
		runtime.GC()
		err = errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// roles are what a process can be started for.
var roles = map[string]func() error{
	string(ours):     func() error { return serveProxy(ours) },
	string(peer):     func() error { return serveProxy(peer) },
	string(files):    serveFiles,
	string(constant): serveConstant,
	"host":           serveHost,
	"site":           serveSite,
	"load":           runLoad,
}

func serveFiles() error {
	var dir string
	if err := proc.Spec(&dir); err != nil {
		return err
	}
	return proc.Serve(http.FileServer(http.Dir(dir)), nil, nil)
}

// serveConstant serves what is in a file, whatever it is asked for.
// A constantSpec is what a handler writes that does nothing else.
type constantSpec struct {
	File   string
	Header http.Header // nil for what net/http needs to know
}

func serveConstant() error {
	var spec constantSpec
	if err := proc.Spec(&spec); err != nil {
		return err
	}
	body, err := os.ReadFile(spec.File)
	if err != nil {
		return err
	}
	length := strconv.Itoa(len(body))
	if spec.Header == nil {
		spec.Header = http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {length}}
	}
	return proc.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), spec.Header)
		w.Write(body)
	}), nil, nil)
}

func serveSite() error {
	var paths int
	if err := proc.Spec(&paths); err != nil {
		return err
	}
	return proc.Serve(vanity.Meta(site(paths)), nil, nil)
}

func runLoad() error {
	var spec load.Spec
	if err := proc.Spec(&spec); err != nil {
		return err
	}
	res, err := load.Run(spec)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(res)
}

// serveHost is the life of a process that is the git host.
func serveHost() error {
	var dir string
	if err := proc.Spec(&dir); err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "vanity-bench-host-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	host, err := upstream.New(dir, home)
	if err != nil {
		return err
	}
	return proc.Serve(http.HandlerFunc(host.ServeHTTP), func(l net.Listener) net.Listener { return host.Listener(l) },
		func(string) any { return host.Count() })
}
