package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Ends of a mutant, beside "killed by" a stage.
const (
	notCompiled = "does not compile"
	survives    = "survives"
)

// A module is the main module in a directory.
type module struct{ Dir, Path string }

// A stage is a run of tests. Later ones cost more.
type stage struct {
	name  string
	args  []string
	limit time.Duration // for a mutant
}

// open finds the module around a directory.
func open(ctx context.Context, dir string) (m module, err error) {
	out, err := module{Dir: dir}.run(ctx, nil, "list", "-m", "-json")
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(out, &m)
}

// run runs the go command in the module. Its error has what was printed.
func (m module) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = m.Dir, append(os.Environ(), env...)
	cmd.WaitDelay = time.Second // for what a killed test has left running
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return nil, fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.Bytes(), nil
}

// find gives all mutants of a package.
func (m module) find(ctx context.Context, pkg string) (all []mutant, err error) {
	out, err := m.run(ctx, nil, "list", "-json=Dir,GoFiles", pkg)
	if err != nil {
		return nil, err
	}
	var listed struct {
		Dir     string
		GoFiles []string
	}
	if err := json.Unmarshal(out, &listed); err != nil {
		return nil, err
	}
	for _, name := range listed.GoFiles {
		name = filepath.Join(listed.Dir, name)
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(m.Dir, name)
		if err != nil {
			return nil, err
		}
		found, err := findIn(filepath.ToSlash(rel), src)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// prepare runs the stages without a mutant: they must pass, and show what time they need.
func (m module) prepare(ctx context.Context, pkg string, full bool, slack time.Duration) ([]stage, error) {
	stages := []stage{{name: "its package's tests", args: []string{pkg}}, {name: "the root's, -short", args: []string{"-short", m.Path}}}
	if full {
		stages = append(stages, stage{name: "the root's", args: []string{m.Path}})
	}
	for i := range stages {
		start := time.Now()
		if err := m.test(ctx, &stages[i], "-timeout=20m"); err != nil {
			return nil, fmt.Errorf("without a mutant: %w", err)
		}
		stages[i].limit = 4*time.Since(start) + slack // the machine may do other things, too
	}
	return stages, nil
}

// test runs a stage. What killed tests leave behind is removed with their directory of temporary files.
func (m module) test(ctx context.Context, s *stage, args ...string) error {
	tmp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer removeAll(tmp)
	args = append([]string{"test", "-vet=off", "-failfast", "-count=1"}, args...)
	_, err = m.run(ctx, []string{"TMPDIR=" + tmp}, append(args, s.args...)...)
	return err
}

// removeAll removes a directory, and directories in it that can't be written.
func removeAll(dir string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	os.RemoveAll(dir)
}

// try says how a mutant ends.
func (m module) try(ctx context.Context, mut mutant, stages []stage) (end string, err error) {
	tmp, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	overlay, err := m.overlay(tmp, mut)
	if err != nil {
		return "", err
	}
	if _, err := m.run(ctx, nil, "build", "-overlay", overlay, "./"+filepath.Dir(mut.file)); err != nil {
		return notCompiled, ended(ctx, err)
	}
	for i := range stages {
		s := &stages[i]
		err := m.test(ctx, s, "-overlay", overlay, "-timeout", s.limit.String())
		if err != nil && strings.Contains(err.Error(), " [build failed]\n") { // a test wants a constant to be what it was
			return notCompiled, ended(ctx, err)
		}
		if err != nil {
			return "killed by " + s.name, ended(ctx, err)
		}
	}
	return survives, nil
}

// ended is the error if the go command did not run, or was ended by the user: such an end says nothing of a mutant.
func ended(ctx context.Context, err error) error {
	if exit := (*exec.ExitError)(nil); ctx.Err() == nil && errors.As(err, &exit) {
		return nil
	}
	return err
}

// overlay writes the changed file, and what lets the go command read it in place of the other.
func (m module) overlay(tmp string, mut mutant) (name string, err error) {
	original := filepath.Join(m.Dir, filepath.FromSlash(mut.file))
	src, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(tmp, filepath.Base(original))
	if err := os.WriteFile(changed, mut.apply(src), 0o600); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return "", err
	}
	name = filepath.Join(tmp, "overlay.json")
	return name, os.WriteFile(name, data, 0o600)
}
