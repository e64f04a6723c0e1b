package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/vanity/internal/bench/proc"
	"example.com/vanity/internal/bench/shape"
)

func TestMain(m *testing.M) {
	if proc.Role() == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // of the many processes to come
		os.Exit(m.Run())
	}
	main()
}

// small is a bench of repositories a fiftieth of the size.
func small(t *testing.T) (*bench, []shape.Shape) {
	t.Helper()
	return &bench{repos: filepath.Join(t.TempDir(), "repos"), rounds: 1, period: 20 * time.Millisecond, systems: []system{ours, peer}}, divided(shape.All, 50)
}

// TestAll runs measurements of each kind, which check all zips by the go command, and looks whether there is a row for each
// figure. What they measure is not looked at.
func TestAll(t *testing.T) {
	b, shapes := small(t)
	var out bytes.Buffer
	chosen := regexp.MustCompile(`^cold (small|medium|monosub|monosub2|giant)-50, forge$|^cold small-50, all|^50 cold.*monosub2.*forge|^hot .(info|zip)|go-get=1, 1000 `)
	if err := b.all(&out, chosen, shapes, false); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	var names []string
	for _, c := range b.comparisons(shapes) {
		if chosen.MatchString(c.name) {
			names = append(names, c.name)
		}
	}
	if len(names) != 5+5+1+3+1 {
		t.Errorf("%d cases:\n%s", len(names), strings.Join(names, "\n"))
	}
	for _, name := range names {
		figures := []string{seconds, traffic, requests, memory}
		if strings.HasPrefix(name, "hot") || strings.HasPrefix(name, "?") {
			figures = []string{rate}
		}
		for _, f := range figures {
			if row := fmt.Sprintf("| %s | %s | ", name, f); !strings.Contains(out.String(), row) {
				t.Errorf("no row %q", row)
			}
		}
	}
	if t.Failed() {
		t.Logf("%s", out.Bytes())
	}
	if left, err := os.ReadDir(b.tmp); err == nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestExact is of what has no spread: how often the two systems ask the host for a version.
func TestExact(t *testing.T) {
	b, shapes := small(t)
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	s := shapes[0]
	samples := make(map[system]sample)
	for _, sys := range b.systems {
		first, err := b.measure(sys, cold{shape: s, version: s.Last(), rule: "all"})
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.measure(sys, cold{shape: s, version: s.Last(), rule: "all"})
		if err != nil {
			t.Fatal(err)
		}
		if first.upstream.Requests != again.upstream.Requests || first.upstream.Fetches != again.upstream.Fetches {
			t.Errorf("%s: %+v, and then %+v", sys, first.upstream, again.upstream)
		}
		samples[sys] = first
	}
	// The go command lists what the host offers, and all refs, then the same for a tag that it fetches.
	if got := samples[peer].upstream; got.Requests != 5 || got.Fetches != 1 {
		t.Errorf("goproxy asked for %+v, want 5 requests with 1 fetch", got)
	}
	for sys, s := range samples {
		if s.time <= 0 || s.peak < 1<<20 || s.upstream.Bytes() < 1000 {
			t.Errorf("%s: %+v", sys, s)
		}
	}
}

// TestWrong wants a zip that is not the go command's to be an error.
func TestWrong(t *testing.T) {
	b, shapes := small(t)
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	s := shapes[0]
	dir, err := b.warm(s)
	if err != nil {
		t.Fatal(err)
	}
	zip := filepath.Join(dir, "files", filesOf(s.Module()), s.Last()+".zip")
	if err := b.judge(s, s.Last(), zip); err != nil {
		t.Error(err)
	}
	if err := b.judge(s, s.Previous(), zip); err == nil || !strings.Contains(err.Error(), "the go command says") {
		t.Errorf("the zip of another version: %v", err)
	}
}

func TestGrowth(t *testing.T) {
	b, _ := small(t)
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for _, a := range axes() {
		a.sizes = []int{100, 200}
		var out bytes.Buffer
		if err := b.along(&out, a, "forge"); err != nil {
			t.Fatal(err)
		}
		if rows := strings.Count(out.String(), "\n"); rows != 4 || strings.Contains(out.String(), "refused") {
			t.Errorf("%s: %d rows\n%s", a.name, rows, out.Bytes())
		}
	}
}

func TestSlope(t *testing.T) {
	sizes := []int{100, 1000, 10_000}
	for want, values := range map[string][]float64{"0.00": {7, 7, 7}, "1.00": {1, 10, 100}, "2.00": {1, 100, 10_000}, "0.50": {10, 31.6228, 100}} {
		if got := fmt.Sprintf("%.2f", slope(sizes, values)); got != want {
			t.Errorf("the slope of %v is %s, want %s", values, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	values := map[system][]float64{ours: {1, 3, 2}, peer: {10, 10, 40}, constant: {5, 5, 5}}
	var order []system
	c := comparison{
		name: "case", systems: []system{ours, peer, constant}, targets: []target{{seconds, 0.2, ratioAtMost}, {memory, 1.5, atMost}, {rate, 0.1, ratioAtLeast}},
		measure: func(sys system) ([]figure, error) {
			v := values[sys][0]
			values[sys] = values[sys][1:]
			order = append(order, sys)
			return []figure{{seconds, v}, {memory, v}, {rate, v}, {traffic, v}}, nil
		},
	}
	res, err := c.run(3)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(order), "[vanity goproxy constant goproxy constant vanity constant vanity goproxy]"; got != want {
		t.Errorf("measured in the order %s, want %s", got, want)
	}
	var out bytes.Buffer
	c.write(&out, res)
	for _, want := range []string{
		"| case | time, s | vanity | 2.00 (1.00 to 3.00) | goproxy | 10.0 (10.0 to 40.0) | 0.100 (0.050 to 0.300) | ratio at most 0.2 | met |\n",
		"| case | time, s | constant | 5.00 | goproxy | 10.0 (10.0 to 40.0) | 0.500 (0.125 to 0.500) |  |  |\n",
		"| case | peak RSS, MB | vanity | 2.00 (1.00 to 3.00) | goproxy | 10.0 (10.0 to 40.0) | 0.100 (0.050 to 0.300) | at most 1.5 | **missed** |\n",
		"| ratio at least 0.1 | met |\n",
		"| case | upstream, MB | vanity | 2.00 (1.00 to 3.00) | goproxy | 10.0 (10.0 to 40.0) | 0.100 (0.050 to 0.300) |  |  |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row %q in\n%s", want, out.Bytes())
		}
	}
}

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
		err  bool
	}{
		{[]string{"-list"}, "cold monosub2, forge, 40ms\n", false},
		{[]string{"-list", "-short"}, "cold giant-20, all, list\n", false},
		{[]string{"-rounds", "0"}, "", true},
		{[]string{"-cases", "("}, "", true},
		{[]string{"-cases", "none such", "-repos", t.TempDir()}, heading, false},
	} {
		var out bytes.Buffer
		if err := command(tt.args, &out); (err != nil) != tt.err || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: %v\n%s", tt.args, err, out.Bytes())
		}
	}
}
