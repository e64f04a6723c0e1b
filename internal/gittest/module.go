package gittest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Source is a module that we depend on, as the module cache has it: real source, with hashes that are known.
type Source struct {
	Path     string
	Version  string
	Dir      string // its files, read-only
	Zip      string // the file that Sum is the hash of
	Sum      string // h1: of the zip, from our go.sum
	GoModSum string // h1: of go.mod, from our go.sum
}

// Module finds a module that the go.mod above the test's directory requires. It must be in the module cache: nothing
// is downloaded.
func Module(tb testing.TB, modpath string) Source {
	tb.Helper()
	src, err := findModule(tb.TempDir(), modpath)
	if err != nil {
		tb.Fatalf("gittest: %s: %v", modpath, err)
	}
	return src
}

func findModule(tmp, modpath string) (Source, error) {
	out, err := goCommand("", "env", "GOMOD")
	if err != nil {
		return Source{}, err
	}
	gomod := strings.TrimSpace(string(out))
	src := Source{Path: modpath}
	if src.Version, err = requiredVersion(gomod, modpath); err != nil {
		return Source{}, err
	}
	gosum := filepath.Join(filepath.Dir(gomod), "go.sum")
	if src.Sum, err = sum(gosum, modpath, src.Version); err != nil {
		return Source{}, err
	}
	if src.GoModSum, err = sum(gosum, modpath, src.Version+"/go.mod"); err != nil {
		return Source{}, err
	}
	// Elsewhere, so that no go.sum of ours is written or asked for.
	if out, err = goCommand(tmp, "mod", "download", "-json", modpath+"@"+src.Version); err != nil {
		return Source{}, fmt.Errorf("run go mod download: %w", err)
	}
	var cached Source
	if err := json.Unmarshal(out, &cached); err != nil {
		return Source{}, err
	}
	if cached.Sum != src.Sum || cached.GoModSum != src.GoModSum {
		return Source{}, fmt.Errorf("the module cache has %s and %s, go.sum has %s and %s",
			cached.Sum, cached.GoModSum, src.Sum, src.GoModSum)
	}
	src.Dir, src.Zip = cached.Dir, cached.Zip
	return src, nil
}

// goCommand runs the go command so that it can't leave this machine, nor change a file of ours.
func goCommand(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = Environ("GOENV=off", "GOFLAGS=", "GOPROXY=off", "GOSUMDB=off", "GOWORK=off", "GOTOOLCHAIN=local")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out, nil
}

// requiredVersion reads go.mod itself: go list would want the whole module graph.
func requiredVersion(gomod, modpath string) (string, error) {
	out, err := goCommand("", "mod", "edit", "-json", gomod)
	if err != nil {
		return "", err
	}
	var m struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return "", err
	}
	for _, r := range m.Require {
		if r.Path == modpath {
			return r.Version, nil
		}
	}
	return "", fmt.Errorf("not required by %s", gomod)
}

// sum returns the hash in a line of go.sum.
func sum(gosum, modpath, version string) (string, error) {
	data, err := os.ReadFile(gosum)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if h, ok := strings.CutPrefix(line, modpath+" "+version+" "); ok {
			return strings.TrimSpace(h), nil
		}
	}
	return "", fmt.Errorf("%s has no %s: run go mod tidy", gosum, version)
}
