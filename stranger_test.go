package vanity_test

import (
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// TestStranger does what README.md says, word for word, in an empty directory and with an empty module cache: a new module gets
// this tree as example.com/vanity, has the README's program, and serves; the go command gets a module of it, first by GOPROXY,
// and then as everybody does, by the module's own path. Only the port is a free one, and the world is on this machine.
func TestStranger(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	t.Parallel()
	port := gittest.FreePort(t)
	program, start := "", []string(nil)
	for _, b := range parseDocument("README.md", strings.ReplaceAll(read(t, "README.md"), ":8080", ":"+port)).blocks {
		switch {
		case b.language == "go" && program == "":
			program = filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(program, []byte(b.text), 0o666); err != nil {
				t.Fatal(err)
			}
		case b.language == "sh":
			start = append(start, b.text)
		}
	}
	g := gocmd.New(t, gocmd.DiscoveryTLS(t, strangersWorld(t, port))...)
	g.Proxy(treeProxy(t))
	g.Setenv("PORT", port)
	g.Setenv("PROGRAM", program)
	g.Command, g.Dir = "bash", t.TempDir()
	out := g.Run("-c", strings.Join([]string{
		"set -euo pipefail; set -m; exec 2>&1",
		start[0],
		`cp "$PROGRAM" main.go`,
		"(\n" + start[1] + ") & server=$!\ntrap 'kill -INT -- -$server; wait' EXIT",
		`until (: </dev/tcp/127.0.0.1/$PORT) 2>/dev/null; do kill -0 $server; sleep 0.1; done`,
		`exec 3<>/dev/tcp/127.0.0.1/$PORT; printf 'GET /tool HTTP/1.0\r\n\r\n' >&3; cat <&3`,
		"mkdir ../mine; cd ../mine; go mod init example.test/mine",
		start[2],
		"mkdir ../other; cd ../other; go mod init example.test/other",
		"export GOMODCACHE=$GOMODCACHE-other GOPROXY=direct",
		"go get go.acme.dev/tool",
		`printf 'package main\nimport _ "go.acme.dev/tool"\nfunc main() { println("it runs") }\n' >main.go; go run .`,
		"cmp ../mine/go.sum ../other/go.sum",
	}, "\n"))
	for _, want := range []string{
		"HTTP/1.0 200 OK", "<title>go.acme.dev/tool</title>", ">1 January 2024<", "it runs",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "go: downloading go.acme.dev/tool v1.2.0\ngo: added go.acme.dev/tool v1.2.0\n"); n != 2 {
		t.Errorf("the module was had %d times, not twice:\n%s", n, out)
	}
}

// strangersWorld has acme's repository at GitHub, go.acme.dev, whose TLS ends here, and nothing else.
func strangersWorld(t *testing.T, port string) http.Handler {
	github := gittest.Serve(t, gittest.ForgeFilters, map[string]*gittest.Repo{"acme/mono": gittest.New(t, `
write
commit one
tag tool-1.0.0
tag tool-1.2.0
-- libs/tool/go.mod --
module go.acme.dev/tool
-- libs/tool/tool.go --
package tool
`)}).Handler()
	site := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:" + port})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Host {
		case "github.com":
			github.ServeHTTP(w, r)
		case "go.acme.dev":
			site.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// treeProxy makes a GOPROXY of files that has this tree as example.com/vanity v0.0.1, and what it requires.
func treeProxy(t *testing.T) (url string) {
	t.Helper()
	dir := t.TempDir()
	addModule(t, dir, module.Version{Path: "example.com/vanity", Version: "v0.0.1"}, ".")
	for _, path := range []string{"golang.org/x/mod", "github.com/google/go-cmp"} {
		m := gittest.Module(t, path)
		addModule(t, dir, module.Version{Path: path, Version: m.Version}, m.Dir)
	}
	return "file://" + filepath.ToSlash(dir)
}

// addModule writes the files of a version, whose content is that of a directory.
func addModule(t *testing.T, proxy string, m module.Version, dir string) {
	t.Helper()
	at := filepath.Join(proxy, filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(at, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"list": m.Version + "\n", m.Version + ".info": `{"Version": "` + m.Version + `"}`, m.Version + ".mod": read(t, filepath.Join(dir, "go.mod")),
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	zip, err := os.Create(filepath.Join(at, m.Version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(modzip.CreateFromDir(zip, m, dir), zip.Close()); err != nil {
		t.Fatal(err)
	}
}
