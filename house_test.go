package vanity_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// TestReadme keeps the README short, and its first program one that is tested. See TestPrograms and TestCommands for all else.
func TestReadme(t *testing.T) {
	readme := read(t, "README.md")
	if n := strings.Count(readme, "\n"); n > 150 {
		t.Errorf("README.md has %d lines, more than 150", n)
	}
	for _, b := range parseDocument("README.md", readme).blocks {
		if b.language == "go" {
			if diff := cmp.Diff(read(t, "examples/onemodule/main.go"), b.text); diff != "" {
				t.Errorf("README.md's program is not examples/onemodule/main.go:\n%s", diff)
			}
			return
		}
	}
	t.Error("README.md lost its program")
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
