package main

import (
	"bytes"
	"net"
	"os"
	"strings"
	"testing"

	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// tryRun runs the program with arguments and returns what it printed.
func tryRun(t *testing.T, args ...string) (string, error) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	err := run(t.Context(), args, &out)
	t.Logf("%s", out.Bytes())
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return out.String(), err
}

func TestTour(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	out, err := tryRun(t, "-once", "-addr", taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"v1.0.0\n     v1.2.0\n     v1.3.0-rc.1\n",
		`"Version":"v1.2.0"`,
		"h1:",
		"Hello, world!",
		`<meta name="go-import" content="go.quickstart.example/greet mod http://go.quickstart.example/go/greet">`,
		"git.quickstart.example/sample:d=libs%2Fhello&p=hello-;",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the tour does not show %q", want)
		}
	}
}

func TestOwnRepository(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, `
write
commit first
tag tool-1.4.2
-- libs/tool/go.mod --
module go.acme.test/Tool
-- libs/tool/tool.go --
package tool
`)
	out, err := tryRun(t, "-once", "-addr", "127.0.0.1:0", "-repo", repo.Dir, "-dir", "libs/tool", "-tags", "tool-*", "-module", "go.acme.test/Tool")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "go.acme.test/Tool v1.4.2\n") {
		t.Error("the tour does not show the version")
	}
}

// TestOwnRepositoryFails checks that what a user would run into shows in the tour.
func TestOwnRepositoryFails(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, "write\ncommit first\ntag tool-1.4.2\n-- libs/tool/go.mod --\nmodule go.acme.test/tool\n-- libs/tool/tool.go --\npackage tool\n")
	for _, tt := range []struct{ dir, tags, module, want string }{
		{"libs/tool", "tool-*", "go.acme.test/other", "declares its path as: go.acme.test/tool"},
		{"libs/tools", "tool-*", "go.acme.test/tool", "404 Not Found"},
	} {
		_, err := tryRun(t, "-once", "-addr", "127.0.0.1:0", "-repo", repo.Dir, "-dir", tt.dir, "-tags", tt.tags, "-module", tt.module)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v", tt, err)
		}
	}
}

// TestOwnRepositoryUntagged checks that a pattern that no tag fits leads to a pseudo-version.
func TestOwnRepositoryUntagged(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, "write\ncommit first\ntag tool-1.4.2\n-- libs/tool/go.mod --\nmodule go.acme.test/tool\n-- libs/tool/tool.go --\npackage tool\n")
	out, err := tryRun(t, "-once", "-addr", "127.0.0.1:0", "-repo", repo.Dir, "-dir", "libs/tool", "-tags", "tools-*", "-module", "go.acme.test/tool")
	if err != nil || !strings.Contains(out, "go.acme.test/tool v0.0.0-20240101000000-") {
		t.Errorf("%v", err)
	}
}

func TestBadArguments(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-once extra", "no arguments"},
		{"-dir libs/tool", "go with -repo"},
		{"-repo https://github.com/acme/mono", "-repo needs -module"},
		{"-repo nowhere -module go.acme.test/tool", "URL"},
		{"-repo /tmp/x -module go.acme.test/tool -tags v1", "*"},
		{"-addr nonsense", "-addr"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			if _, err := tryRun(t, strings.Fields(tt.args)...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
