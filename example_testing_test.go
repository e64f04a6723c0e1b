package vanity_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity"
)

var testedSite = vanity.Site{
	Host:  "go.acme.dev",
	Proxy: "/go",
	Paths: map[string]vanity.Import{
		"tool": {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"},
	},
}

// testedHandler is what main serves, with testedSite.Resolve. The test has modules be found elsewhere.
func testedHandler(resolve func(ctx context.Context, modulePath string) (vanity.Config, error)) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", resolve))
	mux.Handle("/", vanity.Meta(testedSite))
	return mux
}

// testGoGet is the test: in a file of one's own, func TestGoGet(t *testing.T).
func testGoGet(t testing.TB) {
	// A repository as the one at GitHub is, with a version.
	repository := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":  "module go.acme.dev/tool\n",
		"tool.go": "package tool\n",
	} {
		name = filepath.Join(repository, "libs", "tool", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	run(t, repository, "git", "init", "--quiet")
	run(t, repository, "git", "add", ".")
	run(t, repository, "git", "-c", "user.name=test", "-c", "user.email=test@acme.dev", "commit", "--quiet", "-m", "first")
	run(t, repository, "git", "tag", "tool-1.2.0")

	// The handler, with that repository in place of GitHub's.
	handler := testedHandler(func(ctx context.Context, modulePath string) (vanity.Config, error) {
		cfg, err := testedSite.Resolve(ctx, modulePath)
		cfg.URL = repository
		return cfg, err
	})

	// The page leads the go command to the proxy.
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/tool?go-get=1", nil))
	if want := `"go.acme.dev/tool mod https://go.acme.dev/go"`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("the page has no %s:\n%s", want, w.Body)
	}

	// The proxy gives it the module, and there is nobody else to get it from: no mirror, and no cache.
	server := httptest.NewServer(handler)
	defer server.Close()
	t.Setenv("GOPROXY", server.URL+"/go") // and ",https://proxy.golang.org", if the module requires others
	t.Setenv("GONOPROXY", "none")         // whatever GOPRIVATE says
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // or the cache can't be removed
	program := t.TempDir()
	run(t, program, "go", "mod", "init", "example.com/program")
	out := run(t, program, "go", "get", "go.acme.dev/tool@latest")
	if want := "added go.acme.dev/tool v1.2.0\n"; !strings.HasSuffix(out, want) {
		t.Errorf("go get says %q, want %q", out, want)
	}
	t.Log(out)
}

// run runs a program in a directory, wants it to succeed, and returns what it printed.
func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Testing one's own set-up: the page, and "go get" by the real go command, without a network.
func Example_testing() {
	runAsTest(testGoGet) // go test does it with TestGoGet
	// Output:
	// go: downloading go.acme.dev/tool v1.2.0
	// go: added go.acme.dev/tool v1.2.0
	// PASS
}
