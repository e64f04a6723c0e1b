package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// cli runs the server's command line to its end, in this process.
func cli(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), err
}

// TestCheckBroken has files that can't be served, each with all that is said of it.
func TestCheckBroken(t *testing.T) {
	data, err := os.ReadFile("testdata/broken.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(data), "=== ")[1:]
	if len(cases) < 30 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		name, rest, _ := strings.Cut(c, "\n")
		text, want, _ := strings.Cut(rest, ">>>\n")
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "server.yaml")
			write(t, file, text)
			stdout, stderr, err := cli(t, "-config", file, "-check")
			if err == nil {
				t.Fatalf("it passes: %s%s", stdout, stderr)
			}
			got := strings.ReplaceAll(strings.TrimPrefix(err.Error(), file+": "), dir, "DIR")
			if got != strings.TrimSuffix(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if err := run(t.Context(), []string{"-config", file}, new(bytes.Buffer), new(bytes.Buffer)); err == nil {
				t.Error("it is served")
			}
		})
	}
}

// github plays https://github.com, and all other hosts, with repositories by OWNER/REPO, to a process that gets these variables.
func github(t testing.TB, repos map[string]*gittest.Repo) (env []string) {
	return gocmd.DiscoveryTLS(t, gittest.Serve(t, gittest.AllFilters, repos).Handler())
}

// plain is a module at the root of a repository.
func plain(t testing.TB, path, version string) *gittest.Repo {
	return gittest.New(t, fmt.Sprintf("write\ncommit one\ntag %s\n-- go.mod --\nmodule %s\n-- m.go --\npackage m\n", version, path))
}

// TestCheckGovanityurls has files as govanity and govanityurls document them.
func TestCheckGovanityurls(t *testing.T) {
	env := github(t, map[string]*gittest.Repo{
		"acme/portmidi": plain(t, "go.acme.test/portmidi", "v1.0.0"), "acme/launchpad": plain(t, "go.acme.test/launchpad", "v0.1.0"),
		"company/sample": plain(t, "custom.company.test/sample", "v1.2.3"), "company/another": plain(t, "custom.company.test/another", "v2.0.0"),
	})
	for name, tt := range map[string]struct {
		text string
		args []string
		want []string
	}{
		"govanityurls": {
			"paths:\n  /portmidi:\n    repo: https://github.com/acme/portmidi\n\n  /launchpad:\n    repo: https://github.com/acme/launchpad\n",
			[]string{"-host", "go.acme.test"}, []string{"go.acme.test/launchpad  ok  1 version, latest v0.1.0", "go.acme.test/portmidi  ok  1 version, latest v1.0.0"},
		},
		"govanity": {
			"host: custom.company.test\ncache_max_age: 3600\npaths:\n  sample:\n    repo: https://github.com/company/sample\n    vcs: git\n  another:\n    repo: https://bitbucket.org/company/another\n    vcs: git\n",
			nil, []string{"custom.company.test/sample  ok  1 version, latest v1.2.3", "custom.company.test/another  FAULT  1 version", "the tag v2.0.0 makes no version of it: "},
		},
		"govanity, JSON": {
			"{\n\t\"host\": \"custom.company.test\",\n\t\"paths\": {\"sample\": {\"repo\": \"https:\\/\\/github.com\\/company\\/sample\", \"description\": \"a \\ud83d\\ude00\"}}\n}\n",
			nil, []string{"custom.company.test/sample  ok  1 version, latest v1.2.3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "vanity.yaml")
			write(t, file, tt.text)
			stdout, stderr, ok := outcome(t, env, append([]string{"-config", file, "-check"}, tt.args...)...)
			for _, want := range tt.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("no %q in\n%s%s", want, stdout, stderr)
				}
			}
			if wantOK := !strings.Contains(tt.text, "another"); ok != wantOK { // its tag would need /v2
				t.Errorf("all well: %t\n%s%s", ok, stdout, stderr)
			}
			if ok {
				p := startFile(t, file, env, append([]string{"-config", file, "-listen", "127.0.0.1:0"}, tt.args...)...)
				if status, body := get(t, p.url+"/"+strings.SplitN(strings.SplitN(tt.want[0], "/", 2)[1], " ", 2)[0]+"?go-get=1"); status != 200 || !strings.Contains(body, "git https://github.com/") {
					t.Errorf("the page: %d %s", status, body)
				}
			}
		})
	}
}

// TestCheckMixed has a file of 200 lines with everything in it.
func TestCheckMixed(t *testing.T) {
	repos := make(map[string]*gittest.Repo)
	var b strings.Builder
	b.WriteString("host: go.acme.test\nhosts: [old.acme.test]\ncache_max_age: 600\nproxy: /go\npaths:\n")
	script := "write\ncommit one\n"
	files := ""
	for n := range 13 {
		script += fmt.Sprintf("tag tool%[1]d-1.%[1]d.0\ntag libs/l%[1]d/v0.%[1]d.0\n", n)
		files += fmt.Sprintf("-- tools/t%[1]d/go.mod --\nmodule go.acme.test/tool%[1]d\n-- libs/l%[1]d/go.mod --\nmodule go.acme.test/libs/l%[1]d\n", n)
		fmt.Fprintf(&b, "  tool%[1]d:\n    repo: https://github.com/acme/mono\n    directory: tools/t%[1]d\n    tags: \"tool%[1]d-*\"\n    description: number %[1]d\n", n)
		name := fmt.Sprintf("own%d", n)
		repos["acme/"+name] = plain(t, "go.acme.test/"+name, "v1.0.0")
		fmt.Fprintf(&b, "  %[1]s:\n    repo: https://github.com/acme/%[1]s\n    display: github\n    redirect: https://pkg.go.dev/{path}\n", name)
	}
	repos["acme/mono"] = gittest.New(t, script+files)
	b.WriteString("  libs/*:\n    repo: https://github.com/acme/mono\n    directory: libs/*\n    tags: libs/*/v*\n")
	b.WriteString("modules:\n")
	for n := range 6 {
		fmt.Fprintf(&b, "  - base: /one/m%[1]d\n    url: https://github.com/acme/mono\n    module: go.acme.test/tool%[1]d\n    directory: tools/t%[1]d\n    tags: \"tool%[1]d-*\"\n", n)
	}
	forge := t.TempDir()
	bare(t, forgeRepository(t, "git.acme.test/ann/own"), filepath.Join(forge, "ann", "own.git"))
	fmt.Fprintf(&b, "gosub:\n  base: /gosub\n  hosts:\n    - github.com/acme/*\n  public_url: https://go.acme.test/gosub\n  users: [ann]\n")
	fmt.Fprintf(&b, "forge:\n  base: /registry/go\n  host: git.acme.test\n  dir: %s\n  mirrors: true\n", forge)
	fmt.Fprintf(&b, "mirror:\n  base: /git\n  dir: mirrors\n  refresh: 1h\n  public_url: https://go.acme.test/git\n  repositories:\n    - https://github.com/acme/mono\n")
	fmt.Fprintf(&b, "webhook:\n  path: /webhook\n  secrets: [\"a secret of some length\"]\n  warm: true\n  notify: https://proxy.golang.org\n")
	fmt.Fprintf(&b, "users:\n  ann: password\n  bob: sha256:%064x\naccess:\n  - match: [go.acme.test/libs/l1, git.acme.test/ann]\n    users: [ann, bob]\n  - match: [\"*\"]\n    public: true\n", 1)
	fmt.Fprintf(&b, "upstream:\n  netrc: true\n  credentials:\n    - url: https://github.com/acme\n      password: env:TOKEN\n")
	fmt.Fprintf(&b, "store: store\nfreshness: 2m\nshutdown_timeout: 10m\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog:\n  level: debug\n  format: json\n  requests: failed\n")
	if n := strings.Count(b.String(), "\n"); n < 200 {
		t.Fatalf("the file has %d lines only", n)
	}
	env := append(github(t, repos), "TOKEN=token")
	file := filepath.Join(t.TempDir(), "server.yaml")
	write(t, file, b.String())
	stdout, stderr, ok := outcome(t, env, "-config", file, "-check")
	if !ok {
		t.Errorf("not all is well:\n%s%s", stdout, stderr)
	}
	for _, want := range []string{
		"store  ok", "forge  ok", "go.acme.test/tool3  ok  1 version, latest v1.3.0, tags tool3-*", "go.acme.test/own11  ok  1 version, latest v1.0.0",
		"go.acme.test/libs/*", "git.acme.test/ann/own  ok  ", "git.acme.test/ann/own/sub  ok  1 version, latest v0.3.0",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s%s", want, stdout, stderr)
		}
	}
	if strings.Contains(stdout+stderr, "token") {
		t.Errorf("a secret is told:\n%s%s", stdout, stderr)
	}
}

// TestFaults has a store that can't keep anything, and a forge of which one repository can't be read: all else is done, and told to be
// not all.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	file, forge := filepath.Join(dir, "server.yaml"), filepath.Join(dir, "git")
	for _, name := range []string{"own", "bad"} {
		bare(t, forgeRepository(t, "git.acme.test/ann/"+name), filepath.Join(forge, "ann", name+".git"))
	}
	write(t, filepath.Join(forge, "ann", "bad.git", "packed-refs"), "rubbish\n")
	text := "host: go.acme.test\nstore: %s\npaths: {other: {repo: https://git.acme.test/other, vcs: git}}\nforge: {base: /registry/go, host: git.acme.test, dir: git}\n"
	write(t, file, fmt.Sprintf(text, "server.yaml/store"))
	stdout, _, err := cli(t, "-config", file, "-check")
	if !errors.Is(err, errUnhealthy) {
		t.Errorf("-check: %v", err)
	}
	for _, want := range []string{"store  FAIL  store: the directory ", "forge  FAIL  " + filepath.Join(forge, "ann", "bad.git") + ": ", "git.acme.test/ann/own  ok  "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	write(t, file, fmt.Sprintf(text, "store"))
	for _, args := range [][]string{{"warm", "-config", file}, {"export", "-config", file, "-out", filepath.Join(dir, "public")}} {
		_, stderr, err := cli(t, args...)
		if !errors.Is(err, errUnhealthy) || strings.Count(stderr, "forge: ") != 1 || !strings.Contains(stderr, "forge: "+filepath.Join(forge, "ann", "bad.git")+": ") {
			t.Errorf("%s: %v\n%s", args[0], err, stderr)
		}
	}
	for _, name := range []string{"store/git.acme.test/ann/own/@v/v1.0.0.zip", "public/registry/go/git.acme.test/ann/own/@v/v1.0.0.zip"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}
}

// TestCommands fills a store, exports it, serves the export as files, and has the doctor look at both.
func TestCommands(t *testing.T) {
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": gittest.New(t, mono)})
	dir := t.TempDir()
	file, out := filepath.Join(dir, "server.yaml"), filepath.Join(dir, "public")
	text := fmt.Sprintf("host: go.acme.test\nproxy: /go\nstore: store\npaths:\n  tool: {repo: \"%[1]s/mono\", vcs: git, directory: libs/tool, tags: \"tool-*\"}\n  libs/*: {repo: \"%[1]s/mono\", vcs: git, directory: \"libs/*\", tags: \"libs/*/v*\"}\n", host.URL)
	write(t, file, text)
	if stdout, stderr, err := cli(t, "warm", "-config", file); err != nil || !strings.Contains(stdout, "go.acme.test/tool") {
		t.Errorf("warm: %v\n%s%s", err, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "store", "go.acme.test", "tool", "@v", "v1.0.0.zip")); err != nil {
		t.Error(err)
	}
	requests := len(host.Requests())
	if _, _, err := cli(t, "warm", "-config", file, "go.acme.test/tool@v1.1.0"); err != nil || len(host.Requests()) != requests {
		t.Errorf("warm again: %v, %d requests", err, len(host.Requests())-requests)
	}
	if stdout, stderr, err := cli(t, "export", "-config", file, "-out", out); err != nil {
		t.Errorf("export: %v\n%s%s", err, stdout, stderr)
	}
	env := gocmd.Discovery(t, http.FileServer(http.Dir(out)))
	g := gocmd.New(t, env...)
	g.Proxy("file://" + filepath.ToSlash(out) + "/go")
	if d := g.Download("go.acme.test/tool@latest"); d.Version != "v1.1.0" {
		t.Errorf("%+v", d)
	}
	p := start(t, text)
	if stdout, stderr, err := cli(t, "doctor", p.url, "go.acme.test/tool@v1.1.0"); err != nil || strings.Contains(stdout, "FAIL") {
		t.Errorf("doctor: %v\n%s%s", err, stdout, stderr)
	}
	if stdout, _, err := cli(t, "doctor", p.url, "go.acme.test/none"); !errors.Is(err, errUnhealthy) || !strings.Contains(stdout, "FAIL") {
		t.Errorf("doctor of what isn't there: %v\n%s", err, stdout)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"-config"}, {"-nope"}, {"doctor"}, {"doctor", "-nope"}, {"warm", "-jobs", "x"}, {"-config", "x.yaml", "more"}} {
		if _, stderr, err := cli(t, args...); !errors.Is(err, errUsage) || !strings.Contains(stderr, "usage:") && !strings.Contains(stderr, "flag") {
			t.Errorf("%q: %v %s", args, err, stderr)
		}
	}
	if _, _, err := cli(t); err == nil || !strings.Contains(err.Error(), "-config FILE") {
		t.Errorf("no arguments: %v", err)
	}
	if _, _, err := cli(t, "-config", filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: %v", err)
	}
}
