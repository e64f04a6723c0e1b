package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestMigrate serves the file of examples/migrate by the flags of its page, at a free port.
func TestMigrate(t *testing.T) {
	const page = "../migrate/README.md"
	command := `go -C examples/server run . -config "$PWD/examples/migrate/vanity.yaml" -listen 127.0.0.1:8080` + "\n"
	if !strings.Contains(read(t, page), "\n"+command) {
		t.Fatalf("%s lost %s", page, command)
	}
	file, err := filepath.Abs("../migrate/vanity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := startFile(t, file, nil, "-config", file, "-listen", "127.0.0.1:0")
	for path, want := range map[string]string{
		"/log/slog?go-get=1": `content="go.acme.dev/log git https://github.com/acme/log"`,
		"/draw?go-get=1":     `content="go.acme.dev/draw hg https://hg.acme.dev/draw"`,
	} {
		if status, body := get(t, p.url+path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s; want %s", path, status, body, want)
		}
	}
}
