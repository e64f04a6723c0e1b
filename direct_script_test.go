package vanity_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// A script is a file of testdata/direct: a repository, and what is asked of it. See [TestDirect].
type script struct {
	name   string // the repository's, github.com/o/NAME
	intent string // what it is about, in a sentence
	text   string // for gittest
	tags   string // pattern of tags that is not the go command's; empty if there is none
	dir    string // of the pattern
	found  []found
	asks   []*ask
}

// A found is a go-import tag: prefix git https://github.com/o/NAME subdir.
type found struct{ prefix, subdir string }

// An ask is one query of one module.
type ask struct {
	script        *script
	path          string // of the module
	root          string // its part that stands for the repository
	dir           string // of the module, as the go command takes it from the path
	query         string
	outcome, text string
}

// readScripts reads all scripts.
func readScripts(t testing.TB) (scripts []*script) {
	t.Helper()
	names, err := filepath.Glob("testdata/direct/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseScript(strings.TrimSuffix(filepath.Base(name), ".txt"), string(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		scripts = append(scripts, s)
	}
	return scripts
}

// parseScript takes out of a script what is not for gittest.
func parseScript(name, text string) (*script, error) {
	s := &script{name: name}
	var asks []string
	rest := ""
	for line := range strings.Lines(text) {
		if rest != "" || strings.HasPrefix(line, "-- ") {
			rest += line // the files, and what stands in them
			continue
		}
		word, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		words := strings.Fields(args)
		switch {
		case word == "#" && s.text == "":
			s.intent = strings.TrimSpace(s.intent + " " + args)
		case word == "tags" && (len(words) == 1 || len(words) == 2):
			s.tags, s.dir = words[0], strings.Join(words[1:], "")
		case word == "found" && (len(words) == 1 || len(words) == 2):
			s.found = append(s.found, found{words[0], strings.Join(words[1:], "")})
		case word == "ask" && args != "":
			asks = append(asks, args)
		case word == "tags", word == "found", word == "ask":
			return nil, fmt.Errorf("malformed line %q", line)
		default:
			s.text += line
		}
	}
	s.text += rest
	if s.intent == "" || !strings.HasSuffix(s.intent, ".") || len(asks) == 0 {
		return nil, fmt.Errorf("want an intent, as a sentence, and something to ask")
	}
	for _, line := range asks {
		if err := s.addAsk(line); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// addAsk reads what follows the word ask: MODULE@QUERY [OUTCOME [TEXT]].
func (s *script) addAsk(line string) error {
	what, outcome, _ := strings.Cut(line, " ")
	mod, query, ok := strings.Cut(what, "@")
	a := &ask{script: s, root: "github.com/o/" + s.name, query: query}
	a.outcome, a.text, _ = strings.Cut(outcome, " ")
	a.path = path.Join(a.root, mod)
	subdir := ""
	for _, f := range s.found {
		if mod == f.prefix || strings.HasPrefix(mod, f.prefix+"/") {
			a.path, a.root, subdir = mod, f.prefix, f.subdir
		}
	}
	prefix, _, ok2 := module.SplitPathVersion(a.path)
	if !ok || !ok2 || query == "" {
		return fmt.Errorf("malformed ask %q", line)
	}
	if a.root != a.path {
		a.dir = strings.Trim(strings.TrimPrefix(prefix, a.root), "/")
	}
	a.dir = path.Join(a.dir, subdir)
	s.asks = append(s.asks, a)
	return nil
}

// latest is what the script says of a module's latest version, if anything.
func (s *script) latest(modPath string) *ask {
	for _, a := range s.asks {
		if a.path == modPath && a.query == "latest" {
			return a
		}
	}
	return new(ask)
}

// tagMark is where a script with a pattern names a version's tag.
var tagMark = regexp.MustCompile(`\{([0-9][^{}:]*)\}`)

// repos makes the repository that the go command sees, and ours: the same, unless there is a pattern of tags.
func (s *script) repos(t *testing.T) (theirs, ours *gittest.Repo) {
	t.Helper()
	if s.tags == "" {
		theirs = gittest.New(t, s.text)
		ours = theirs
	} else {
		comment, files, _ := strings.Cut(s.text, "\n-- ")
		build := func(pattern string) *gittest.Repo {
			tag := strings.ReplaceAll(strings.ReplaceAll(pattern, "$", "$$"), "*", "${1}")
			return gittest.New(t, tagMark.ReplaceAllString(comment, tag)+"\n-- "+files)
		}
		theirs, ours = build(path.Join(s.dir, "v*")), build(s.tags)
	}
	for _, a := range s.asks {
		a.query, a.text = theirs.Expand(a.query), theirs.Expand(a.text)
	}
	return theirs, ours
}

// config says where we find the asked module, below the URL or path of its repository.
func (a *ask) config(url string) vanity.Config {
	cfg := vanity.Config{URL: url, Module: a.path, Directory: a.dir, Tags: a.script.tags}
	if prefix, major, _ := module.SplitPathVersion(a.path); strings.HasPrefix(major, "/") && a.root != a.path {
		cfg.Module = prefix
	}
	if cfg.Tags == "" && a.dir != "" {
		cfg.Tags = a.dir + "/v*"
	}
	return cfg
}

// ref is what we call a ref that the go command names, where the pattern of tags is not its own.
func (a *ask) ref(theirs string) string {
	if a.script.tags == "" {
		return theirs
	}
	if v, ok := strings.CutPrefix(theirs, "refs/tags/"+path.Join(a.dir, "v")); ok {
		return "refs/tags/" + strings.Replace(a.script.tags, "*", v, 1)
	}
	return theirs
}
