package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/bench/upstream"
)

const (
	crowd = 50 // how many they are

	many system = "50 at once"
	one  system = "one"
)

// crowd compares many who want the same at once with one who wants it, who should get it as soon, but for noise.
func (b *bench) crowd(s shape.Shape, rule string) comparison {
	return comparison{
		name:    "50 cold requests for the zip of " + s.Name + ", " + rule,
		systems: []system{many, one},
		targets: []target{{fetches, 1, ratioAtMost}, {requests, 1, ratioAtMost}, {memory, 64, atMost}, {seconds, 1.2, ratioAtMost}},
		measure: func(sys system) ([]figure, error) {
			callers := 1
			if sys == many {
				callers = crowd
			}
			sample, err := b.zipFor(callers, s, rule)
			return append(sample.figures(), figure{fetches, float64(sample.upstream.Fetches)}), err
		},
	}
}

// zipFor has a new process asked for a zip by callers at once.
func (b *bench) zipFor(callers int, s shape.Shape, rule string) (m sample, err error) {
	dir, err := os.MkdirTemp(b.tmp, "crowd-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	p, err := b.start(ours, s, upstream.Path(rule, 0, s.Repository()), dir)
	if err != nil {
		return m, err
	}
	client := newClient(p.URL, s.Module())
	bodies := make([]counter, callers)
	zip, err := os.Create(filepath.Join(dir, "zip"))
	if err != nil {
		return m, errors.Join(err, p.Stop())
	}
	defer zip.Close()
	m, err = b.timed(p, func() error {
		failures := make([]error, callers)
		var done sync.WaitGroup
		for i := range bodies {
			done.Go(func() {
				w := io.Writer(&bodies[i])
				if i == 0 {
					w = io.MultiWriter(w, zip)
				}
				failures[i] = client.get(s.Last()+".zip", w)
			})
		}
		done.Wait()
		return errors.Join(failures...)
	})
	client.http.CloseIdleConnections()
	err = errors.Join(err, p.Stop())
	if err != nil {
		return m, err
	}
	for _, n := range bodies {
		if n != bodies[0] {
			return m, fmt.Errorf("zips of %d and of %d bytes", n, bodies[0])
		}
	}
	return m, b.judge(s, s.Last(), zip.Name())
}

// A counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
