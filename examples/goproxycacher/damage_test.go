package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// damages are what a disk, a crash or an owner does to a file.
var damages = map[string]func([]byte) []byte{
	"emptied":   func([]byte) []byte { return nil },
	"truncated": func(b []byte) []byte { return b[:len(b)/2] },
	"flipped":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
}

// TestDamage checks that a file which is not what was put there is never served: it is made again, and the directory is
// whole then.
func TestDamage(t *testing.T) {
	repo := repository(t)
	for name, damage := range damages {
		for _, version := range []string{"v1.1.0", "v1.2.0"} {
			for _, kind := range []string{".info", ".mod", ".zip", ".info.sum", ".mod.sum", ".zip.sum"} {
				t.Run(name+" "+version+kind, func(t *testing.T) {
					t.Parallel()
					checkDamage(t, repo.Dir, version, version+kind, damage)
				})
			}
		}
	}
}

func checkDamage(t *testing.T, repository, version, file string, damage func([]byte) []byte) {
	dir := t.TempDir()
	running := start(t, repository, dir)
	want := make(map[string]string)
	for _, kind := range []string{".info", ".mod", ".zip"} {
		want[kind] = get(t, running+"/@v/"+version+kind)
	}
	stored := filepath.Join(dir, filepath.FromSlash(tool), "@v", file)
	whole, err := os.ReadFile(stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stored, damage(slices.Clone(whole)), 0o666); err != nil {
		t.Fatal(err)
	}

	gone := start(t, filepath.Join(t.TempDir(), "gone"), dir)
	for kind := range want {
		if status, body := ask(t, gone+"/@v/"+version+kind); status < 500 && body != want[kind] {
			t.Errorf("with the repository gone, %s: status %d, %s", kind, status, body)
		}
	}
	for _, base := range []string{running, start(t, repository, dir)} {
		for kind := range want {
			if status, body := ask(t, base+"/@v/"+version+kind); status != http.StatusOK || body != want[kind] {
				t.Errorf("%s: status %d, %d bytes, want %d", kind, status, len(body), len(want[kind]))
			}
		}
	}
	if again, err := os.ReadFile(stored); err != nil || string(again) != string(whole) {
		t.Errorf("the directory has %q, %v; want %q", again, err, whole)
	}
}
