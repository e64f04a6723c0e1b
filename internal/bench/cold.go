package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/vanity/internal/bench/proc"
	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/bench/upstream"
)

// Names of figures.
const (
	seconds  = "time, s"
	traffic  = "upstream, MB"
	requests = "upstream requests"
	fetches  = "upstream fetches"
	memory   = "peak RSS, MB"
	rate     = "requests/s"
)

// A cold is a measurement of a proxy that knows nothing yet.
type cold struct {
	shape   shape.Shape
	version string
	highest bool   // version is the highest, as is said only where it may be another
	rule    string // of the host
	latency time.Duration
	list    bool   // asked for before the rest
	known   string // version that was asked for before, and the list; what is measured is a further one
}

func (c cold) String() string {
	name := fmt.Sprintf("cold %s, %s", c.shape.Name, c.rule)
	if c.highest {
		name += ", highest"
	}
	if c.latency > 0 {
		name += fmt.Sprint(", ", c.latency)
	}
	if c.list {
		name += ", list"
	}
	if c.known != "" {
		name += ", further version"
	}
	return name
}

// want are the targets.
func (c cold) want() []target {
	name, _, _ := strings.Cut(c.shape.Name, "-")
	levels := 0.0 // that the host has us descend
	if c.rule != "all" && c.shape.Dir != "" {
		levels = float64(1 + strings.Count(c.shape.Dir, "/"))
	}
	bytes := map[string]float64{"monosub": 0.025, "monosub2": 0.01}[name]
	if c.rule != "all" { // blob:none brings the trees of all the repository
		bytes = map[string]float64{"monosub": 0.045, "monosub2": 0.03}[name]
	}
	if bytes == 0 || c.known != "" || c.list {
		bytes = 1
	}
	targets := []target{{traffic, bytes, ratioAtMost}}
	if limit, ok := map[string]float64{"giant": 96, "huge": 128}[name]; ok {
		targets = append(targets, target{memory, limit, atMost})
	}
	switch {
	case c.known != "":
		return append(targets, target{requests, 3, atMost})
	case c.list:
		return append(targets, target{requests, 4 + levels, atMost})
	case c.highest:
		return targets
	}
	if limit, ok := map[string]float64{"small": 0.25, "medium": 0.12, "monosub": 0.10, "monosub2": 0.08, "giant": 0.25}[name]; ok {
		targets = append(targets, target{seconds, limit, ratioAtMost})
	}
	return targets
}

// comparison is the measurement with the systems that were chosen.
func (b *bench) cold(c cold) comparison {
	return comparison{name: c.String(), systems: b.systems, targets: c.want(), measure: func(sys system) ([]figure, error) {
		s, err := b.measure(sys, c)
		return s.figures(), err
	}}
}

// A sample is what was measured once.
type sample struct {
	time     time.Duration
	upstream upstream.Count
	peak     int64
}

func (s sample) figures() []figure {
	return []figure{
		{seconds, s.time.Seconds()},
		{traffic, float64(s.upstream.Bytes()) / 1e6},
		{requests, float64(s.upstream.Requests)},
		{memory, float64(s.peak) / 1e6},
	}
}

// files are what is asked for, in the go command's order.
func (c cold) files(version string) []string {
	files := []string{version + ".info", version + ".mod", version + ".zip"}
	if c.list {
		files = append([]string{"list"}, files...)
	}
	return files
}

// measure runs a system from nothing.
func (b *bench) measure(sys system, c cold) (s sample, err error) {
	dir, err := os.MkdirTemp(b.tmp, "cold-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	p, err := b.start(sys, c.shape, upstream.Path(c.rule, c.latency, c.shape.Repository()), dir)
	if err != nil {
		return s, err
	}
	s, err = b.ask(p, c, filepath.Join(dir, "zip"))
	if stopErr := p.Stop(); err == nil {
		err = stopErr
	}
	return s, err
}

// ask is the part of a measurement that is timed, and what is checked afterwards.
func (b *bench) ask(p *proc.Process, c cold, zip string) (s sample, err error) {
	client := newClient(p.URL, c.shape.Module())
	defer client.http.CloseIdleConnections()
	if c.known != "" {
		if err := client.getAll(append([]string{"list"}, c.files(c.known)...), io.Discard); err != nil {
			return s, err
		}
	}
	out, err := os.Create(zip)
	if err != nil {
		return s, err
	}
	defer out.Close()
	s, err = b.timed(p, func() error { return client.getAll(c.files(c.version), out) })
	if err != nil {
		return s, err
	}
	return s, b.judge(c.shape, c.version, zip)
}

// timed measures a process while something is done with it.
func (b *bench) timed(p *proc.Process, do func() error) (s sample, err error) {
	before, err := b.count()
	if err != nil {
		return s, err
	}
	watch := proc.Watching(p.PID())
	start := time.Now()
	err = do()
	s.time = time.Since(start)
	s.peak = watch.Peak()
	if err != nil {
		return s, err
	}
	own, err := proc.Peak(p.PID())
	if err != nil {
		return s, err
	}
	s.peak = max(s.peak, own)
	after, err := b.count()
	s.upstream = after.Sub(before)
	return s, err
}
