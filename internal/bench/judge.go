package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/gittest"
)

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

// hash is what the go command says of a version, which is asked once, and not by way of the host. It is kept with the repository.
func (b *bench) hash(s shape.Shape, version string) (string, error) {
	name := filepath.Join(b.repos, s.Repository(), "vanity-bench-"+version)
	if sum, err := os.ReadFile(name); err == nil {
		return string(sum), nil
	}
	dir, err := os.MkdirTemp(b.tmp, "judge-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	env, err := b.environment("file://"+filepath.Join(b.repos, s.Repository()), s, dir)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "mod", "download", "-json", s.Module()+"@"+version)
	cmd.Dir = dir
	cmd.Env = gittest.Environ(env...)
	out, err := cmd.Output()
	var download struct{ Sum, Error string }
	if jsonErr := json.Unmarshal(out, &download); err != nil || jsonErr != nil || download.Sum == "" {
		return "", fmt.Errorf("go mod download %s@%s: %w\n%s", s.Module(), version, errors.Join(err, jsonErr), out)
	}
	return download.Sum, os.WriteFile(name, []byte(download.Sum), 0o666)
}
