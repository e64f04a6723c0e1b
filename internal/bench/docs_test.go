package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReadme asserts that each command of the README is understood, and names cases that there are. What they do with them is
// the affair of the other tests.
func TestReadme(t *testing.T) {
	var list bytes.Buffer
	if err := command([]string{"-list"}, &list); err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSpace(list.String()), "\n")
	n := 0
	for _, line := range strings.Split(shellBlocks(t, "README.md")[0], "\n") {
		line, _, _ = strings.Cut(line, " #")
		flags, ok := strings.CutPrefix(strings.TrimSpace(line), "go -C internal/bench run .")
		if !ok {
			if line != "" {
				t.Errorf("what runs %q?", line)
			}
			continue
		}
		n++
		var args []string
		for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(flags, -1) {
			args = append(args, m[1]+m[2])
			if prev := len(args) - 2; prev >= 0 && args[prev] == "-cases" {
				re, err := regexp.Compile(args[prev+1])
				if err != nil {
					t.Error(err)
				} else if !slices.ContainsFunc(cases, re.MatchString) {
					t.Errorf("%s: no case", line)
				}
			}
		}
		if err := command(append(args, "-list"), new(bytes.Buffer)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if n < 4 {
		t.Errorf("only %d commands are found", n)
	}
}

// TestContributing measures in pairs by the words of CONTRIBUTING.md. Old is the same as new, and nothing is measured for long.
func TestContributing(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if testing.Short() || err != nil {
		t.Skip("builds, by bash")
	}
	script := ""
	for _, block := range shellBlocks(t, "../../CONTRIBUTING.md") {
		if strings.Contains(block, "benchstat") {
			script = block
		}
	}
	dir := t.TempDir()
	for old, new := range map[string]string{
		"git worktree add /tmp/old HEAD": "ln -s \"$PWD\" /tmp/old",
		"-test.bench":                    "-test.benchtime 10x -test.bench",
	} {
		if !strings.Contains(script, old) {
			t.Fatalf("CONTRIBUTING.md lost %q:\n%s", old, script)
		}
		script = strings.ReplaceAll(script, old, new)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bash, "-euo", "pipefail", "-c", strings.ReplaceAll(script, "/tmp/", dir+"/"))
	cmd.Dir = filepath.Join("..", "..")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(`Parse\S* .*± .*n=6`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

// shellBlocks gives the blocks of commands of a document.
func shellBlocks(t *testing.T, name string) (blocks []string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, m[1])
	}
	if blocks == nil {
		t.Fatalf("%s has no commands", name)
	}
	return blocks
}
