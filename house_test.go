package vanity_test

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/gittest"
)

// exampleTB lets an Example use what is made for tests. A failure ends the process.
type exampleTB struct {
	testing.TB
	cleanup []func()
}

func (tb *exampleTB) Helper()                      {}
func (tb *exampleTB) Logf(string, ...any)          {}
func (tb *exampleTB) Fatal(args ...any)            { log.Fatal(args...) }
func (tb *exampleTB) Fatalf(f string, args ...any) { log.Fatalf(f, args...) }
func (tb *exampleTB) Cleanup(f func())             { tb.cleanup = append(tb.cleanup, f) }
func (tb *exampleTB) Context() context.Context     { return context.Background() }
func (tb *exampleTB) Name() string                 { return "example" }
func (tb *exampleTB) TempDir() string {
	dir, err := os.MkdirTemp("", "vanity-example-")
	if err != nil {
		log.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (tb *exampleTB) end() {
	for _, f := range slices.Backward(tb.cleanup) {
		f()
	}
}

const exampleScript = `
write
commit first
tag tool-1.0.0
commit second
tag tool-1.1.0
-- libs/tool/go.mod --
module go.acme.dev/tool
-- libs/tool/tool.go --
package tool
`

// exampleRepository makes a repository with a module go.acme.dev/tool in libs/tool.
func exampleRepository() (dir string, end func()) {
	tb := new(exampleTB)
	return gittest.New(tb, exampleScript).Dir, tb.end
}

// exampleHost serves that repository as https://HOST/mono, and gives the client that gets there.
func exampleHost(string) (client *http.Client, end func()) {
	tb := new(exampleTB)
	repo := gittest.New(tb, exampleScript)
	server := gittest.ServeTLS(tb, gittest.AllFilters, map[string]*gittest.Repo{"mono": repo})
	return server.Client(), tb.end
}

// exampleForge makes a directory of bare repositories.
func exampleForge() (dir string, end func()) {
	tb := new(exampleTB)
	dir = tb.TempDir()
	for at, script := range map[string]string{
		"acme/tool.git":  "write\ncommit one\ntag v1.0.0\ntag sub/v2.1.0\n-- go.mod --\nmodule git.acme.dev/acme/tool\n-- sub/go.mod --\nmodule git.acme.dev/acme/tool/sub/v2\n",
		"ann/secret.git": "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule git.acme.dev/ann/secret\n",
		"hub/text.git":   "write\ncommit one\ntag v0.3.0\n-- go.mod --\nmodule github.com/x/text\n",
	} {
		repo := gittest.New(tb, script)
		at = filepath.Join(dir, filepath.FromSlash(at))
		repo.Git("clone", "--quiet", "--mirror", repo.GitDir(), at)
		repo.Git("-C", at, "remote", "set-url", "origin", "https://github.com/x/text")
		if !strings.HasSuffix(at, "text.git") {
			repo.Git("-C", at, "remote", "remove", "origin")
		}
	}
	return dir, tb.end
}

// TestRequirements keeps the promise that the library needs x/mod, and go-cmp for its tests, and nothing else.
func TestRequirements(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Module  struct{ Path string }
		Require []struct{ Path string }
		Replace []any
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	got := []string{mod.Module.Path}
	for _, r := range mod.Require {
		got = append(got, r.Path)
	}
	if diff := cmp.Diff([]string{"example.com/vanity", "github.com/google/go-cmp", "golang.org/x/mod"}, got); diff != "" || mod.Replace != nil {
		t.Errorf("go.mod (-want +got):\n%s", diff)
	}
	deps, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(deps)) {
		if !strings.HasPrefix(dep, "example.com/vanity") && !strings.HasPrefix(dep, "golang.org/x/mod/") {
			t.Errorf("the library imports %s", dep)
		}
	}
}

// TestReadme keeps the README true: its program is an example that is tested, and each of its commands is run by CI.
func TestReadme(t *testing.T) {
	readme := read(t, "README.md")
	if n := strings.Count(readme, "\n"); n > 150 {
		t.Errorf("README.md has %d lines, more than 150", n)
	}
	blocks := regexp.MustCompile("(?s)```(go|sh)\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(blocks) < 2 {
		t.Fatal("README.md lost its blocks of code")
	}
	ci := read(t, ".ci/run")
	for _, block := range blocks {
		if block[1] == "go" {
			if diff := cmp.Diff(read(t, "examples/onemodule/main.go"), block[2]); diff != "" {
				t.Errorf("README.md's program is not examples/onemodule/main.go:\n%s", diff)
			}
			continue
		}
		for command := range strings.Lines(block[2]) {
			words := strings.Fields(command)
			run := regexp.MustCompile(`(?m)^\w+ '[^']+' ` + strings.Join(words[:2], ` `) + `( -\S+)* ` + regexp.QuoteMeta(words[2]) + `( .*)?$`)
			if !run.MatchString(ci) {
				t.Errorf("README.md says %q, which .ci/run does not run", command)
			}
		}
	}
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
