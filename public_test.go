package vanity_test

import (
	"bufio"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity"
)

var public = flag.String("public", "", "compare testdata/public.txt with the repositories in a `directory`: clones with all branches and tags, as OWNER/NAME")

// TestPublic compares what we make of public repositories with what the public module mirror has, as far as the
// repositories are at hand: see the flag -public.
func TestPublic(t *testing.T) {
	if *public == "" {
		t.Skip("needs public repositories: see the flag -public")
	}
	f, err := os.Open("testdata/public.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) != 4 {
			t.Fatalf("malformed line %q", lines.Text())
		}
		t.Run(fields[1]+"@"+fields[2], func(t *testing.T) { checkPublic(t, fields[0], fields[1], fields[2], fields[3]) })
	}
}

// checkPublic makes a version's zip of a repository, which is given as Gosub has it, and compares its sum.
func checkPublic(t *testing.T, spec, path, version, want string) {
	cfg, _, err := vanity.Decode(spec + ";")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.URL, err = filepath.Abs(filepath.Join(*public, filepath.FromSlash(u.Path))); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cfg.URL); err != nil {
		t.Skip(err)
	}
	escPath, err1 := module.EscapePath(path)
	escVersion, err2 := module.EscapeVersion(version)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	resp, err := http.Get(serve(t, vanity.Goproxy("", cfg, quiet())) + "/" + escPath + "/@v/" + escVersion + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %.1000s", resp.StatusCode, err, data)
	}
	name := filepath.Join(t.TempDir(), "zip")
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := dirhash.HashZip(name, dirhash.Hash1); got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}
