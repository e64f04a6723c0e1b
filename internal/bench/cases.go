package main

import (
	"fmt"
	"slices"
	"time"

	"example.com/vanity/internal/bench/shape"
)

// colds are all cold measurements.
func colds() []cold {
	var all []cold
	for _, rule := range []string{"forge", "all"} {
		for _, s := range shape.All {
			all = append(all, cold{shape: s, rule: rule})
		}
	}
	for _, name := range []string{"small", "monosub2"} {
		s, _ := shape.Find(name)
		all = append(all, cold{shape: s, rule: "forge", latency: 40 * time.Millisecond}, cold{shape: s, rule: "all", latency: 40 * time.Millisecond})
	}
	for _, rule := range []string{"forge", "all"} {
		for _, s := range shape.All {
			all = append(all, cold{shape: s, rule: rule, list: true}, cold{shape: s, rule: rule, further: true})
		}
	}
	return all
}

// compare measures the systems in turns, and prints what came out.
func (b *bench) compare(c cold) error {
	if err := c.shape.Build(b.repos); err != nil {
		return err
	}
	samples := make(map[system][]sample)
	for range b.rounds {
		for _, sys := range b.systems {
			s, err := b.measure(sys, c)
			if err != nil {
				return err
			}
			samples[sys] = append(samples[sys], s)
		}
	}
	for _, sys := range b.systems {
		fmt.Printf("%-32s %-8s", c, sys)
		var times []time.Duration
		for _, s := range samples[sys] {
			times = append(times, s.time.Round(time.Millisecond))
		}
		slices.Sort(times)
		last := samples[sys][len(samples[sys])-1]
		fmt.Printf(" %v  %d requests %.3f MB  peak %.1f MB\n", times, last.upstream.Requests, float64(last.upstream.Bytes())/1e6, float64(last.peak)/1e6)
	}
	return nil
}
