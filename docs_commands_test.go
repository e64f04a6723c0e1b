package vanity_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// commands are those of a block, each on one line, without remarks and prompts.
func commands(text string) (list []string) {
	joined := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	remark := regexp.MustCompile(`(^|\s+)# .*$|^#.*$`)
	quoted := regexp.MustCompile(`'[^']*'|"[^"]*"`)
	for line := range strings.Lines(joined) {
		line = strings.TrimSpace(line)
		blind := quoted.ReplaceAllStringFunc(line, func(q string) string { return strings.Repeat("q", len(q)) })
		if at := remark.FindStringIndex(blind); at != nil {
			line = line[:at[0]]
		}
		if line = strings.TrimPrefix(line, "$ "); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// inline are the commands that stand in a line, and name something of the tree.
func (doc *document) inline() (blocks []block) {
	for _, code := range inlineCode.FindAllString(doc.text, -1) {
		if code = strings.Trim(code, "`"); regexp.MustCompile(`^(go|bash) .*(\./|\.ci/)`).MatchString(code) {
			blocks = append(blocks, block{text: code + "\n"})
		}
	}
	return blocks
}

// shells are the languages of blocks that hold commands. Who indents a block says no language: it might be one of them.
var shells = []string{"", "sh", "bash", "shell", "console", "text"}

// howRun says of each command of the documents what runs it:
//
//	here              TestCommands does so itself, in the root
//	ci: TEXT          .ci/run, by a line with this text
//	ci                it is .ci/run
//	test: NAME        the test of that name of the root, or of DIRECTORY if it is NAME in DIRECTORY
//	not: REASON       nothing, for it would change the world
//
// DOCUMENT or DOCUMENT#SECTION in place of a command stands for all commands there.
var howRun = map[string]string{
	"CONTRIBUTING.md#how-to-measure": "test: TestContributing in internal/bench",
	"examples/routers/README.md":     "test: TestReadme in examples/routers",
	"examples/server/README.md":      "test: TestReadme in examples/server",
	"internal/bench/README.md":       "test: TestReadme in internal/bench",

	"mkdir hello && cd hello":   "test: TestStranger",
	"go mod init hello":         "test: TestStranger",
	"go get example.com/vanity": "test: TestStranger",
	"go run .":                  "test: TestStranger",
	"GOPROXY=http://127.0.0.1:8080/go,https://proxy.golang.org,direct GONOSUMDB=go.acme.dev go get go.acme.dev/tool": "test: TestStranger",

	"go run ./examples/quickstart": "ci: go run ./examples/quickstart -once -addr 127.0.0.1:0",
	"go test ./...":                "ci: go test -race -count=1 ./...",

	`mkdir -p /var/lib/vanity && cp -r "$(go env GOMODCACHE)/cache/download/utf64.moreplease.com" /var/lib/vanity/`: "test: TestOldVersions in examples/migrate",
	`go -C examples/yaml run . "$PWD/examples/migrate/vanity.yaml"`:                                                 "test: TestMigrate in examples/yaml",
	`go -C examples/server run . -config "$PWD/examples/migrate/vanity.yaml" -listen 127.0.0.1:8080`:                "test: TestMigrate in examples/server",

	"npx wrangler deploy":                        "not: it uploads to Cloudflare",
	"go run ./build":                             "test: TestGoCommand in examples/worker",
	"npm install --no-save workerd@1.20261117.1": "ci: workerd@1.20261117.1",
	"VANITY_WORKERD=$(echo $PWD/node_modules/@cloudflare/workerd-*/bin/workerd) go test .": "ci: VANITY_WORKERD",

	"go test -short ./...": "ci: go test -short -count=1 ./...",
	"go test -race ./...":  "ci: go test -race -count=1 ./...",
	"bash .ci/run":         "ci",

	"go run ./internal/mutants -seed 1 -n 25 ./internal/modproxy ./internal/modrepo ./internal/modstore ./internal/git": "test: TestRun in internal/mutants",

	"go doc ./internal/gittest":                              "here",
	"go test -v -run '^TestDirect$' . -direct '^dashed$'":    "here",
	"go test -run '^TestDirectCorners$' .":                   "here",
	"go test -run '^TestRandom$' . -random 200 -seed 1000":   "ci: go test -run '^TestRandom$' -count=1 . -random 200 -seed 1000",
	"go test -run '^$' -fuzz '^FuzzDecode$' -fuzztime 10s .": "ci: core 'fuzz' bash -c fuzz",
}

// TestCommands asserts that each command of each document is run by something, and runs those that are cheap.
func TestCommands(t *testing.T) {
	ci := read(t, ".ci/run")
	known := make(map[string]bool)
	for _, doc := range documents(t) {
		for _, b := range append(doc.blocks, doc.inline()...) {
			if !slices.Contains(shells, b.language) {
				continue
			}
			for _, command := range commands(b.text) {
				key := command
				for _, all := range []string{doc.name, doc.name + "#" + b.section} {
					if _, ok := howRun[all]; ok {
						key = all
					}
				}
				how, ok := howRun[key]
				if !ok {
					t.Errorf("%s:%d: nothing is known to run %q: say in howRun what does", doc.name, b.line, command)
				}
				if ok && !known[key] {
					t.Run(key, func(t *testing.T) { checkRun(t, ci, key, how) })
				}
				known[key] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(howRun)) {
		if !known[key] {
			t.Errorf("howRun has %q, which no document has", key)
		}
	}
}

// checkRun looks whether a command is run as is said, or runs it.
func checkRun(t *testing.T, ci, command, how string) {
	kind, what, _ := strings.Cut(how, ": ")
	switch kind {
	case "here":
		runHere(t, command)
	case "not":
		if what == "" {
			t.Error("there must be a reason")
		}
	case "ci":
		if what == "" {
			return
		}
		for line := range strings.Lines(ci) {
			if line = strings.TrimSpace(line); strings.Contains(line, what) && line[0] != '#' {
				return
			}
		}
		t.Errorf(".ci/run has no line with %q", what)
	case "test":
		name, dir, _ := strings.Cut(what, " in ")
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.Contains(read(t, file), "\nfunc "+name+"(t *testing.T) {\n") {
				return
			}
		}
		t.Errorf("there is no %s", what)
	default:
		t.Errorf("how is %q to be understood?", how)
	}
}

// runHere runs a command in the root. A go test of the root's own package is this very program, which needs no building.
func runHere(t *testing.T, command string) {
	if testing.Short() {
		t.Skip("runs what documents say")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bash, "-euo", "pipefail", "-c", ownTest(command))
	cmd.Env = append(os.Environ(), "SELF="+self(t))
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "no tests to run") {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
}

func self(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestOwnTest has commands be taken for what they are.
func TestOwnTest(t *testing.T) {
	for command, want := range map[string]string{
		"go test -v -run '^TestA$' . -direct '^b c$'": `"$SELF" -test.v -test.run '^TestA$'  -direct '^b c$'`,
		"go test -run '^TestA$' .":                    `"$SELF" -test.run '^TestA$' `,
		"go test -run TestA .":                        `"$SELF" -test.run TestA `,
		"go test .":                                   `"$SELF" `,
		"go test ./...":                               "go test ./...",
		"go test -v ./internal/git -run TestA":        "go test -v ./internal/git -run TestA",
		"go vet .":                                    "go vet .",
	} {
		if got := ownTest(command); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
}

// ownTest has this program do what "go test FLAGS . FLAGS" would build another for.
func ownTest(command string) string {
	m := regexp.MustCompile(`^go test ((?:-\S+ (?:'[^']*' |[^-.' ]\S* )?)*)\.( .*)?$`).FindStringSubmatch(command)
	if m == nil {
		return command
	}
	flags := regexp.MustCompile(`(^| )-([a-z]+)`).ReplaceAllString(m[1], "$1-test.$2")
	return `"$SELF" ` + flags + m[2]
}
