package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A system is one of the programs that are compared.
type system string

const (
	ours     system = "vanity"
	peer     system = "goproxy"
	files    system = "FileServer"
	constant system = "constant"
	alike    system = "constant with our headers"
)

// A figure is one thing that was measured.
type figure struct {
	name  string // with its unit
	value float64
}

// A comparison measures systems in turns. The first one is ours, the second what it is compared with, and others are compared
// with the second as well.
type comparison struct {
	name    string
	systems []system
	measure func(system) ([]figure, error)
	targets []target
}

// A target is for a figure of our system.
type target struct {
	figure string
	limit  float64
	kind   kind
}

type kind int

const (
	atMost      kind = iota // of our figure by itself
	ratioAtMost             // of our figure to the other's
	ratioAtLeast
)

func (t target) String() string {
	return []string{"at most %g", "ratio at most %g", "ratio at least %g"}[t.kind]
}

// A spread is what several rounds gave.
type spread []float64

// median is the middle one, or between the two.
func (s spread) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (s spread) String() string {
	if low, high := slices.Min(s), slices.Max(s); low != high {
		return fmt.Sprintf("%s (%s to %s)", short(s.median()), short(low), short(high))
	}
	return short(s[0])
}

func short(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// over is what s is to other, round by round.
func (s spread) over(other spread) spread {
	ratios := make(spread, len(s))
	for i := range s {
		ratios[i] = s[i] / max(other[i], 1e-9)
	}
	return ratios
}

// results are spreads by system and figure.
type results struct {
	names   []string // of figures
	spreads map[system]map[string]spread
}

// run measures in rounds, each of which begins with another system.
func (c comparison) run(rounds int) (*results, error) {
	res := &results{spreads: make(map[system]map[string]spread)}
	for _, sys := range c.systems {
		res.spreads[sys] = make(map[string]spread)
	}
	for round := range rounds {
		for i := range c.systems {
			sys := c.systems[(round+i)%len(c.systems)]
			figures, err := c.measure(sys)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", c.name, sys, err)
			}
			for _, f := range figures {
				if !slices.Contains(res.names, f.name) {
					res.names = append(res.names, f.name)
				}
				res.spreads[sys][f.name] = append(res.spreads[sys][f.name], f.value)
			}
		}
	}
	return res, nil
}

// heading is that of the table.
const heading = "| case | figure | of | median (min to max) | other | median (min to max) | ratio | target | |\n|---|---|---|---|---|---|---|---|---|\n"

// write writes rows of the table.
func (c comparison) write(w io.Writer, res *results) {
	for _, name := range res.names {
		for i, sys := range c.systems {
			if i == 1 || len(res.spreads[sys][name]) == 0 {
				continue
			}
			own := res.spreads[sys][name]
			row := []string{c.name, name, string(sys), own.String(), "", "", ""}
			var ratio float64
			if len(c.systems) > 1 {
				other := c.systems[1]
				if theirs := res.spreads[other][name]; len(theirs) == len(own) {
					ratios := own.over(theirs)
					ratio = ratios.median()
					row[4], row[5], row[6] = string(other), theirs.String(), ratios.String()
				}
			}
			if i == 0 {
				row = append(row, c.verdict(name, own.median(), ratio)...)
			} else {
				row = append(row, "", "")
			}
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
	}
}

// verdict is the target for a figure, and whether it is met.
func (c comparison) verdict(name string, value, ratio float64) []string {
	i := slices.IndexFunc(c.targets, func(t target) bool { return t.figure == name })
	if i < 0 {
		return []string{"", ""}
	}
	t := c.targets[i]
	limit := fmt.Sprintf(t.String(), t.limit)
	var met bool
	switch t.kind {
	case atMost:
		met = value <= t.limit
	case ratioAtMost:
		met = ratio <= t.limit
	case ratioAtLeast:
		met = ratio >= t.limit
	}
	if t.kind != atMost && cmp.Compare(ratio, 0) == 0 {
		return []string{limit, ""} // there is nothing to compare with
	}
	if met {
		return []string{limit, "met"}
	}
	return []string{limit, "**missed**"}
}
