package main

import (
	"fmt"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/bench/shape"
)

// An axis is something that there may be more or less of.
type axis struct {
	name  string
	sizes []int
	shape func(n int) shape.Shape
	back  func(n int) int // how many commits before the tip a pseudo-version is, if that is what is asked for
	limit float64         // of the slopes
}

// Slopes that are targets: what is asked for may cost in proportion, and what isn't nothing. Noise is let pass.
const (
	linear  = 1.1
	nothing = 0.2
)

func axes() []axis {
	tens := []int{100, 1000, 10_000, 100_000}
	thousands := []int{1000, 10_000, 100_000, 1_000_000}
	other := shape.Part{Dir: "other", Dirs: 20, Files: 100, Mean: 1500, Modules: true}
	own := shape.Part{Dir: "libs/tool", Dirs: 1, Files: 50, Mean: 3000}
	return []axis{{
		name: "files of the module", sizes: tens, limit: linear,
		shape: func(n int) shape.Shape {
			return shape.Shape{Commits: 10, Versions: 3, Edits: 1, Parts: []shape.Part{{Dir: "pkg", Dirs: n / 50, Files: n, Mean: 1500}}}
		},
	}, {
		name: "files elsewhere in the repository", sizes: tens, limit: nothing,
		shape: func(n int) shape.Shape {
			return shape.Shape{Dir: own.Dir, Commits: 10, Versions: 3, Edits: 1, Parts: []shape.Part{own, {Dir: "other", Dirs: n / 50, Files: n, Mean: 1500, Modules: true}}}
		},
	}, {
		name: "versions of the module", sizes: thousands, limit: linear,
		shape: func(n int) shape.Shape {
			return shape.Shape{Commits: 1000, Versions: n, Edits: 1, Parts: []shape.Part{{Dirs: 1, Files: 20, Mean: 3000}}}
		},
	}, {
		name: "tags of other modules", sizes: thousands, limit: nothing,
		shape: func(n int) shape.Shape {
			return shape.Shape{Dir: own.Dir, Commits: 1000, Versions: 3, Edits: 1, Tags: n, Parts: []shape.Part{own, other}}
		},
	}, {
		name: "commits, pseudo-version of the 10th before the last", sizes: thousands, limit: nothing,
		shape: history, back: func(int) int { return 10 },
	}, {
		name: "commits, pseudo-version of the middle one", sizes: thousands, limit: linear,
		shape: history, back: func(n int) int { return n / 2 },
	}}
}

// history has commits and no versions.
func history(n int) shape.Shape {
	return shape.Shape{Commits: n, Parts: []shape.Part{{Dirs: 1, Files: 20, Mean: 3000}}}
}

// growth measures our system along the axes that were chosen, and prints the slopes: the power of the number that a figure
// grows with.
func (b *bench) growth(out io.Writer, chosen *regexp.Regexp) error {
	fmt.Fprint(out, "| number of | host | figure | measured | slope | of the last step | target | |\n|---|---|---|---|---|---|---|---|\n")
	for _, a := range axes() {
		for _, rule := range []string{"forge", "all"} {
			if chosen.MatchString(a.name + ", " + rule) {
				if err := b.along(out, a, rule); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// along measures one axis. A size that is refused ends it.
func (b *bench) along(out io.Writer, a axis, rule string) error {
	values := make(map[string][]float64)
	var names []string
	for _, n := range a.sizes {
		s := a.shape(n)
		s.Name, s.Seed = fmt.Sprintf("growth%d", n), uint64(n)
		if err := s.Build(b.repos); err != nil {
			return err
		}
		version, err := b.versionOf(a, s, n)
		if err != nil {
			return err
		}
		c := comparison{name: a.name, systems: []system{ours}, measure: func(sys system) ([]figure, error) {
			sample, err := b.measure(sys, cold{shape: s, version: version, rule: rule, list: a.back == nil})
			return sample.figures(), err
		}}
		res, err := c.run(b.rounds)
		if err != nil {
			fmt.Fprintf(out, "| %s | %s | %d is refused: %s | | | | | **missed** |\n", a.name, rule, n, strings.Join(strings.Fields(err.Error()), " "))
			break
		}
		names = res.names
		for name, spread := range res.spreads[ours] {
			values[name] = append(values[name], spread.median())
		}
	}
	for _, name := range names {
		a.write(out, rule, name, values[name])
	}
	return nil
}

// write writes a row.
func (a axis) write(out io.Writer, rule, name string, values []float64) {
	var measured []string
	for i, v := range values {
		measured = append(measured, fmt.Sprintf("%d: %s", a.sizes[i], short(v)))
	}
	all, last := slope(a.sizes, values), 0.0
	if n := len(values); n > 1 {
		last = slope(a.sizes[n-2:], values[n-2:])
	}
	limit, verdict := fmt.Sprintf("at most %g", a.limit), "met"
	switch {
	case name == seconds && a.limit == nothing:
		limit, verdict = "", "" // git itself takes longer to open a larger repository
	case last > a.limit:
		verdict = "**missed**"
	}
	fmt.Fprintf(out, "| %s | %s | %s | %s | %.2f | %.2f | %s | %s |\n",
		a.name, rule, name, strings.Join(measured, ", "), all, last, limit, verdict)
}

// slope is that of the line through the logarithms, by least squares.
func slope(sizes []int, values []float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for i, v := range values {
		x, y := math.Log(float64(sizes[i])), math.Log(max(v, 1e-9))
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

// versionOf is what is asked for: the last version, or a pseudo-version.
func (b *bench) versionOf(a axis, s shape.Shape, n int) (string, error) {
	if a.back == nil {
		return s.Last(), nil
	}
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", filepath.Join(b.repos, s.Repository()),
		"log", "-1", "--format=%H %ct", fmt.Sprintf("main~%d", a.back(n))).Output()
	if err != nil {
		return "", err
	}
	var hash string
	var date int64
	if _, err := fmt.Sscan(string(out), &hash, &date); err != nil {
		return "", err
	}
	return module.PseudoVersion("v0", "", time.Unix(date, 0).UTC(), hash[:12]), nil
}
