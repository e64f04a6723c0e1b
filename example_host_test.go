package vanity_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/vanity/internal/gittest"
)

// What only the examples' own runs need is here, so that a reader has all the rest before him: there is no network, and no
// Example in this file.

// exampleRepos make the repositories of the examples, by their paths at the git host.
var exampleRepos = map[string]string{
	"acme/mono": `
write
commit one
tag tool-1.0.0
tag libs/log/v1.0.0
commit two
tag tool-1.1.0
tag libs/log/v1.1.0
tag libs/db/v0.3.0
print libs/db/go.mod "module go.acme.dev/libs/db/v2\n"
commit three
tag libs/db/v2.0.0
-- LICENSE --
Do as you please.
-- libs/tool/go.mod --
module go.acme.dev/tool
-- libs/tool/tool.go --
package tool
-- libs/log/go.mod --
module go.acme.dev/libs/log
-- libs/log/log.go --
package log
-- libs/db/go.mod --
module go.acme.dev/libs/db
-- libs/db/db.go --
package db
`,
	"acme/secret": "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule go.acme.dev/secret\n",
	"ann/dotfiles": "write\ncommit one\ntag tool-1.0.0\ncommit two\ntag tool-1.1.0\n" +
		"-- go/tool/go.mod --\nmodule ann.dev/tool\n-- go/tool/tool.go --\npackage tool\n",
}

// An exampleHost is git's own server, and stands for whatever git host a URL names.
type exampleHost struct {
	*gittest.Server
	repos map[string]*gittest.Repo
	tb    *exampleTB
}

// gitHost serves repositories, to who has its Client, as https://HOST/NAME.
func gitHost(names ...string) *exampleHost {
	h := &exampleHost{repos: make(map[string]*gittest.Repo), tb: new(exampleTB)}
	for _, name := range names {
		script, ok := exampleRepos[name]
		if !ok {
			h.tb.Fatalf("gitHost: no repository %q in exampleRepos", name)
		}
		h.repos[name] = gittest.New(h.tb, script)
	}
	h.Server = gittest.ServeTLS(h.tb, gittest.ForgeFilters, h.repos)
	return h
}

// push commits something to a repository, and tags it.
func (h *exampleHost) push(name, tag string) {
	h.repos[name].Run("commit more\ntag " + tag)
}

// Close ends the host, and takes its repositories away.
func (h *exampleHost) Close() { h.tb.end() }

// bareRepositories makes a directory of them, as a forge has it.
func bareRepositories() (dir string, end func()) {
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

// runAsTest does what go test does with a test, and prints what the test logs.
func runAsTest(test func(t testing.TB)) {
	tb := new(exampleTB)
	defer tb.end()
	test(loudTB{tb})
	fmt.Println("PASS")
}

// A loudTB prints what a test logs.
type loudTB struct{ *exampleTB }

func (loudTB) Log(args ...any)            { fmt.Print(args...) }
func (loudTB) Logf(f string, args ...any) { fmt.Printf(f, args...) }

// exampleTB lets an Example use what is made for tests. A failure ends the process.
type exampleTB struct {
	testing.TB
	cleanup []func()
}

func (tb *exampleTB) Helper()                      {}
func (tb *exampleTB) Logf(string, ...any)          {}
func (tb *exampleTB) Error(args ...any)            { log.Fatal(args...) }
func (tb *exampleTB) Errorf(f string, args ...any) { log.Fatalf(f, args...) }
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

func (tb *exampleTB) Setenv(key, value string) {
	if old, ok := os.LookupEnv(key); ok {
		tb.Cleanup(func() { os.Setenv(key, old) })
	} else {
		tb.Cleanup(func() { os.Unsetenv(key) })
	}
	if err := os.Setenv(key, value); err != nil {
		log.Fatal(err)
	}
}

func (tb *exampleTB) end() {
	for _, f := range slices.Backward(tb.cleanup) {
		f()
	}
}
