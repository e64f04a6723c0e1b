package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity/internal/bench/proc"
	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/bench/upstream"
)

// A cold is a measurement of a proxy that knows nothing yet.
type cold struct {
	shape   shape.Shape
	rule    string // of the host
	latency time.Duration
	list    bool // asked for before the rest
	further bool // what is measured is another version, after one
}

func (c cold) String() string {
	name := fmt.Sprintf("cold %s, %s", c.shape.Name, c.rule)
	if c.latency > 0 {
		name += fmt.Sprint(", ", c.latency)
	}
	if c.list {
		name += ", list"
	}
	if c.further {
		name += ", further version"
	}
	return name
}

// A sample is what was measured once.
type sample struct {
	time     time.Duration
	upstream upstream.Count
	peak     int64
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
	client := newClient(p.URL, c.shape.Module())
	defer client.http.CloseIdleConnections()
	s, err = b.ask(client, p, c, filepath.Join(dir, "zip"))
	if stopErr := p.Stop(); err == nil {
		err = stopErr
	}
	if err != nil {
		return s, fmt.Errorf("%s: %s: %w", c, sys, err)
	}
	return s, nil
}

// ask is the part of a measurement that is timed, and what is checked afterwards.
func (b *bench) ask(client *client, p *proc.Process, c cold, zip string) (s sample, err error) {
	if c.further {
		for _, f := range c.files(c.shape.Previous()) {
			if err := client.get(f, io.Discard); err != nil {
				return s, err
			}
		}
	}
	out, err := os.Create(zip)
	if err != nil {
		return s, err
	}
	defer out.Close()
	before, err := b.count()
	if err != nil {
		return s, err
	}
	watch := proc.Watching(p.PID())
	start := time.Now()
	for _, f := range c.files(c.shape.Last()) {
		w := io.Discard
		if filepath.Ext(f) == ".zip" {
			w = out
		}
		if err := client.get(f, w); err != nil {
			watch.Peak()
			return s, err
		}
	}
	s.time = time.Since(start)
	own, err := proc.Peak(p.PID())
	s.peak = max(watch.Peak(), own)
	if err != nil {
		return s, err
	}
	after, err := b.count()
	if err != nil {
		return s, err
	}
	s.upstream = after.Sub(before)
	return s, b.judge(c.shape, c.shape.Last(), zip)
}

// judge compares the hash of a zip with what the go command says.
func (b *bench) judge(s shape.Shape, version, zip string) error {
	want, err := b.hash(s, version)
	if err != nil {
		return err
	}
	got, err := dirhash.HashZip(zip, dirhash.Hash1)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the zip of %s@%s has the hash %s, while the go command says %s", s.Module(), version, got, want)
	}
	return nil
}

// A client asks a proxy for files of a module.
type client struct {
	base string
	http *http.Client
}

func newClient(url, modPath string) *client {
	escaped, err := module.EscapePath(modPath)
	if err != nil {
		panic(err) // a shape of ours
	}
	return &client{base: url + "/" + escaped + "/@v/", http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

func (c *client) get(name string, w io.Writer) error {
	resp, err := c.http.Get(c.base + name)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("%s: %s: %s", name, resp.Status, body)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}
