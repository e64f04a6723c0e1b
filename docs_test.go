package vanity_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// A document is a file of Markdown.
type document struct {
	name     string // from the root
	text     string // without blocks of code
	headings []string
	blocks   []block
}

// A block is code that stands in a document by itself.
type block struct {
	language string // as it is said behind the fence; empty for one that is indented
	text     string
	line     int
	section  string // the heading above it, as an anchor
}

// documents reads all that there are.
func documents(t testing.TB) (docs []document) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "testdata"}, d.Name()):
			return fs.SkipDir
		case d.Type().IsRegular() && path.Ext(name) == ".md":
			docs = append(docs, parseDocument(filepath.ToSlash(name), read(t, name)))
		}
		return nil
	})
	if err != nil || len(docs) < 5 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs
}

var (
	fence    = regexp.MustCompile("^ *(```+|~~~+) *([a-z]*)$")
	indented = regexp.MustCompile(`^(    |\t)`)
	item     = regexp.MustCompile(`^ *([-*+]|[0-9]+\.) `)
	heading  = regexp.MustCompile(`^#{1,6} +(.*?)( +#+)?$`)
)

// parseDocument takes a document apart. An indented block comes after a blank line, and not below an item of a list.
func parseDocument(name, text string) document {
	doc := document{name: name}
	end, inList, blank := "", false, true
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		code := indented.MatchString(line) && !inList
		switch last := len(doc.blocks) - 1; {
		case end != "" && m != nil && m[1] == end && m[2] == "":
			end = ""
		case end != "":
			doc.blocks[last].text += line + "\n"
			continue
		case m != nil:
			end = m[1]
			doc.blocks = append(doc.blocks, block{language: m[2], line: i + 1, section: doc.section()})
		case code && blank:
			doc.blocks = append(doc.blocks, block{text: line[len(indented.FindString(line)):] + "\n", line: i + 1, section: doc.section()})
			continue // and blank, for the next line of it
		default:
			if m := heading.FindStringSubmatch(line); m != nil {
				doc.headings = append(doc.headings, m[1])
			}
			doc.text += line + "\n"
			inList = item.MatchString(line) || inList && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, " "))
		}
		blank = strings.TrimSpace(line) == ""
	}
	return doc
}

// section is the last heading that was read.
func (doc *document) section() string {
	if doc.headings == nil {
		return ""
	}
	all := slugs(doc.headings)
	return all[len(all)-1]
}

// TestDocuments proves that what is in a document is found.
func TestDocuments(t *testing.T) {
	doc := parseDocument("x.md", strings.ReplaceAll(`# One & two
text [a](b.md) and

    indented one

    indented two
text

- item

    text of the item

## ''code'', again ##

'''sh
go one
# a comment
    go two
'''
end
`, "'", "`"))
	if got := fmt.Sprintf("%q", doc.headings); got != "[\"One & two\" \"``code``, again\"]" {
		t.Errorf("headings %s", got)
	}
	if got, want := fmt.Sprintf("%+v", doc.blocks), `[{language: text:indented one
 line:4 section:one--two} {language: text:indented two
 line:6 section:one--two} {language:sh text:go one
# a comment
    go two
 line:15 section:code-again}]`; got != want {
		t.Errorf("blocks %s", got)
	}
	if strings.Contains(doc.text, "indented") || strings.Contains(doc.text, "go one") || !strings.Contains(doc.text, "text of the item") || !strings.Contains(doc.text, "end\n") {
		t.Errorf("text %q", doc.text)
	}
	if got := slugs([]string{"One & two", "`code`, again", "How it's 2_b-c", "One & two", "[Link](x.md)"}); !slices.Equal(got, []string{"one--two", "code-again", "how-its-2_b-c", "one--two-1", "link"}) {
		t.Errorf("slugs %q", got)
	}
	if got := commands("go one | tail -1  # why\n\nA=\"b # c\" go two \\\n  --flag\n# remark\n$ go three\n"); !slices.Equal(got, []string{"go one | tail -1", `A="b # c" go two --flag`, "go three"}) {
		t.Errorf("commands %q", got)
	}
}

// slugs are the anchors that a forge makes of headings.
func slugs(headings []string) (slugs []string) {
	link := regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	count := make(map[string]int)
	for _, h := range headings {
		h = link.ReplaceAllString(h, "$1")
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, h)
		n := count[slug]
		count[slug]++
		if n > 0 {
			slug = fmt.Sprintf("%s-%d", slug, n)
		}
		slugs = append(slugs, slug)
	}
	return slugs
}

var (
	inlineCode = regexp.MustCompile("``[^`]+``|`[^`\n]+`")
	links      = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)|\b(?:src|href|srcset)="([^"]+)"|(?m:^\[[^]]+\]: +(\S+))`)
)

// TestLinks follows the links of all documents within the tree, to files and headings.
func TestLinks(t *testing.T) {
	docs := documents(t)
	anchors := make(map[string][]string)
	for _, doc := range docs {
		anchors[doc.name] = slugs(doc.headings)
	}
	n := 0
	for _, doc := range docs {
		for _, m := range links.FindAllStringSubmatch(inlineCode.ReplaceAllString(doc.text, "`code`"), -1) {
			link := m[1] + m[2] + m[3]
			u, err := url.Parse(link)
			if err != nil {
				t.Errorf("%s: link %q: %v", doc.name, link, err)
				continue
			}
			if u.IsAbs() {
				if u.Scheme != "https" && u.Scheme != "mailto" {
					t.Errorf("%s: link %q is not https", doc.name, link)
				}
				continue
			}
			n++
			to := doc.name
			if u.Path != "" {
				to = path.Join(path.Dir(doc.name), u.Path)
			}
			if _, err := os.Stat(filepath.FromSlash(to)); err != nil || u.Host != "" || strings.HasPrefix(u.Path, "/") || strings.HasPrefix(to, "../") {
				t.Errorf("%s: link %q leads nowhere: %v", doc.name, link, err)
			} else if u.Fragment != "" && path.Ext(to) == ".md" && !slices.Contains(anchors[to], u.Fragment) {
				t.Errorf("%s: link %q: %s has no such heading, only %q", doc.name, link, to, anchors[to])
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d links are found", n)
	}
}

// TestPrograms looks for the Go code of all documents in files that are compiled: as a whole, or a part as it stands there but
// for its indentation.
func TestPrograms(t *testing.T) {
	sources := make(map[string]string)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "testdata"}, d.Name()):
			return fs.SkipDir
		case d.Type().IsRegular() && path.Ext(name) == ".go":
			sources[filepath.ToSlash(name)] = read(t, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, doc := range documents(t) {
		for _, b := range doc.blocks {
			if b.language != "go" {
				continue
			}
			n++
			whole := regexp.MustCompile(`(?m)^package `).MatchString(b.text)
			found := false
			for _, source := range sources {
				if whole {
					found = found || source == b.text
				} else {
					found = found || strings.Contains(unindented(source), unindented(b.text))
				}
			}
			if !found {
				t.Errorf("%s:%d: this code is in no Go file of the tree:\n%s", doc.name, b.line, b.text)
			}
		}
	}
	if n < 3 {
		t.Errorf("only %d programs are found", n)
	}
}

// unindented is code without white space at the start of its lines, each of which is between line feeds.
func unindented(code string) string {
	return "\n" + regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(strings.TrimSpace(code), "") + "\n"
}

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

// shells are the languages of blocks that hold commands. Who indents a block says no language: it might be one of them.
var shells = []string{"", "sh", "bash", "shell", "console", "text"}

// howRun says of each command of the documents what runs it:
//
//	here              TestCommands does so itself, in the root
//	ci: TEXT          .ci/run, by a line with this text
//	ci                it is .ci/run
//	test: NAME        the test of that name of the root, or of DIRECTORY if it is NAME in DIRECTORY
//
// DOCUMENT or DOCUMENT#SECTION in place of a command stands for all commands there.
var howRun = map[string]string{
	"CONTRIBUTING.md#how-to-measure": "test: TestContributing in internal/bench",
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

	"go test -short ./...": "ci: go test -short -count=1 ./...",
	"go test -race ./...":  "ci: go test -race -count=1 ./...",
	"bash .ci/run":         "ci",
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
		for _, b := range doc.blocks {
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
