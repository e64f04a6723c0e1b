package vanity_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

var (
	randomCount = flag.Int("random", 30, "compare this `number` of random repositories")
	randomSeed  = flag.Uint64("seed", 1, "the first one's `seed`; the others' follow")
)

// TestRandom compares what we answer for repositories at random. A script that fails is printed whole: what is
// interesting of it belongs into testdata/direct.
func TestRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	const together = 25
	for i := 0; i < *randomCount; i += together {
		var scripts []*script
		for seed := *randomSeed + uint64(i); len(scripts) < min(together, *randomCount-i); seed++ {
			s, err := parseScript(fmt.Sprintf("r%d", seed), randomScript(seed))
			if err != nil {
				t.Fatal(err)
			}
			scripts = append(scripts, s)
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			testRandom(t, scripts)
		})
	}
}

// testRandom lets the go command fetch all of each repository before it is asked. What it has only parts of it may
// judge otherwise: a tag on the commit itself is the base of a pseudo-version though there are higher ones before it.
func testRandom(t *testing.T, scripts []*script) {
	theirs, asks := make(map[string]*gittest.Repo), []*ask(nil)
	warm := []string{"mod", "download"}
	for _, s := range scripts {
		theirs["o/"+s.name], _ = s.repos(t)
		asks = append(asks, s.asks...)
		warm = append(warm, "github.com/o/"+s.name+"@0123456789ab")
	}
	g := gocmd.New(t)
	g.Direct(remote(t, theirs))
	g.Try(warm...)
	downloads, lists := downloads(t, g, asks), lists(t, g, asks)
	for modPath, l := range lists {
		l.latest.Origin.Ref = "" // whatever led to the version first
		lists[modPath] = l
	}
	compare(t, scripts, downloads, lists, ways(t, theirs))
}

// A generator writes a script.
type generator struct {
	*rand.Rand
	name     string
	script   strings.Builder
	tags     map[string]bool
	branches []string
	files    map[string]bool
	commits  int
	year     int
}

// randomScript makes a repository of a few commits, branches and tags, and asks for what is in it, and for more.
func randomScript(seed uint64) string {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), name: fmt.Sprintf("r%d", seed), tags: map[string]bool{}, files: map[string]bool{}}
	g.line("# Made at random.")
	if g.oneIn(8) {
		g.line("init --object-format=sha256")
	}
	if !g.oneIn(4) {
		g.goMod("")
	}
	if !g.oneIn(3) {
		g.goMod(g.dir())
	}
	for range 3 + g.IntN(8) {
		g.step()
	}
	g.line("ask @main agrees")
	for range 2 {
		g.ask()
	}
	return g.script.String()
}

func (g *generator) line(format string, args ...any) {
	fmt.Fprintf(&g.script, format+"\n", args...)
}

func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) dir() string { return pick(g, "sub", "sub", "a/b", "sub/v2", "v2", "vendor/x.y/z") }

// step is one commit, on a new branch or not, with a tag or not, or a merge.
func (g *generator) step() {
	if g.oneIn(6) {
		// Never back: git's own `for-each-ref --merged`, up to 2.39 at least, overlooks tags behind commits that are
		// older than those before them, and so does the go command.
		g.year++
		g.line("at %d-%02d-%02dT%02d:00:00%+03d:00", 2024+g.year, 1+g.IntN(12), 1+g.IntN(28), g.IntN(24), g.IntN(23)-11)
	}
	switch {
	case g.commits > 0 && g.oneIn(5):
		b := fmt.Sprintf("b%d", len(g.branches))
		g.branches = append(g.branches, b)
		g.line("git switch -q -c %s %s", b, pick(g, "HEAD", "HEAD", "main"))
		g.line("git switch -q -")
		g.line("git switch -q %s", b)
		g.files = map[string]bool{} // not known any more
	case len(g.branches) > 0 && g.oneIn(3):
		g.line("git switch -q main")
		g.line("git merge -q --no-ff -s %s -m merged %s", pick(g, "ours", "ours"), pick(g, g.branches...))
		g.files = map[string]bool{}
		g.tag()
		return
	case len(g.branches) > 0 && g.oneIn(4):
		g.line("git switch -q %s", pick(g, append(g.branches, "main")...))
		g.files = map[string]bool{}
	}
	for range g.IntN(5) {
		g.change()
	}
	g.line("commit %d", g.commits)
	g.commits++
	for range g.IntN(3) {
		g.tag()
	}
}

// change is a change of files.
func (g *generator) change() {
	switch g.IntN(10) {
	case 0:
		g.goMod(pick(g, "", "", g.dir()))
	case 1:
		g.attributes()
	case 2:
		g.print(path.Join(pick(g, "", "", g.dir()), "LICENSE"), g.text())
	case 3:
		if names := slices.Sorted(maps.Keys(g.files)); len(names) > 0 {
			name := pick(g, names...)
			g.line("rm %s", name)
			delete(g.files, name)
		}
	case 4:
		name := path.Join(pick(g, "", g.dir()), pick(g, "link", "link.go", "LICENSE.md", "n/link"))
		if !g.files[name] {
			g.line("symlink %s %s", pick(g, "x.go", "nowhere", "../go.mod", "sub"), name)
			g.files[name] = true
		}
	case 5:
		g.print(path.Join(pick(g, "", g.dir()), "vendor", pick(g, "modules.txt", "x.y/z/z.go", "z.go")), g.text())
	default:
		name := path.Join(pick(g, "", "", g.dir(), g.dir()), pick(g, "x.go", "y.txt", "n/x.go", "n/m/y.bin", "doc.md", ".hg_archival.txt", "Makefile"))
		g.print(name, g.text())
		if g.oneIn(5) {
			g.line("chmod 755 %s", name)
		}
	}
}

func (g *generator) print(name, text string) {
	g.line("print %s %q", name, text)
	g.files[name] = true
}

// text is text of many kinds, and none.
func (g *generator) text() string {
	var b strings.Builder
	for range g.IntN(6) {
		b.WriteString(pick(g, "line", "$Id$", "$Id: 0123 $", "grün", "\x00", "\x7f\x01", "$Id: a b $", "'", "\xff", "\ufeff"))
		b.WriteString(pick(g, "\n", "\n", "\n", "\r\n", "\r", ""))
	}
	return b.String()
}

func (g *generator) goMod(dir string) {
	modPath := path.Join("github.com/o", g.name, dir)
	switch g.IntN(8) {
	case 0:
		modPath = pick(g, "example.com/other", "gopkg.in/other.v2", "x.y/z/v3", "")
	case 1:
		modPath += "/v2"
	}
	text := "module " + modPath + "\n"
	if g.oneIn(3) {
		text += "\ngo " + pick(g, "1.12", "1.23", "1.24", "1.25.0") + "\n"
	}
	if g.oneIn(4) {
		text += "\nretract " + pick(g, "v1.0.0", "v0.2.0", "[v0.0.0-0, v1.1.0]", "[v1.0.0, v1.9.0]", "v2.0.0") + "\n"
	}
	if g.oneIn(20) {
		text = pick(g, "", "module", "\ufeff"+text, "nonsense\n")
	}
	g.print(path.Join(dir, pick(g, "go.mod", "go.mod", "go.mod", "go.mod", "go.mod", "GO.MOD")), text)
}

func (g *generator) attributes() {
	var b strings.Builder
	for range 1 + g.IntN(4) {
		pattern := pick(g, "*", "*.go", "*.txt", "x.go", "/x.go", "**/x.go", "sub/**", "n/", "sub", "[a-y]*", "LICENSE", "go.mod", "!*", "\"*.md\"", "[attr]mine", "#")
		b.WriteString(pattern)
		for range 1 + g.IntN(3) {
			b.WriteString(" " + pick(g, "text", "-text", "!text", "text=auto", "eol=crlf", "eol=lf", "!eol", "crlf", "-crlf", "crlf=input", "ident", "-ident", "binary", "mine",
				"working-tree-encoding=UTF-16", "working-tree-encoding=UTF-16LE-BOM", "working-tree-encoding=UTF-8", "export-ignore", "export-subst", "filter=lfs", "diff"))
		}
		b.WriteString(pick(g, "\n", "\n", "\r\n"))
	}
	g.print(path.Join(pick(g, "", "", g.dir(), "n"), ".gitattributes"), b.String())
}

// tag tags the commit that is at hand.
func (g *generator) tag() {
	if g.oneIn(3) {
		return
	}
	version := fmt.Sprintf("v%d.%d.0", g.IntN(4), g.IntN(4)) + pick(g, "", "", "", "", "-pre", "-rc.1", "+meta", "-pre+meta", "+incompatible")
	tag := pick(g, "", "", "", "sub/", "sub/", "a/b/", "v2/", "sub/v2/", "nightly") + version
	if g.oneIn(12) {
		tag = pick(g, "v1", "v1.2", "sub/v1", "v01.2.3", "v0.0.0-20240101000000-abcdefabcdef", "stable")
	}
	if g.tags[tag] {
		return
	}
	g.tags[tag] = true
	if g.oneIn(3) {
		g.line("tag -a %s -m text", tag)
		return
	}
	g.line("tag %s", tag)
}

// ask asks for one version of one module, if it makes one up that can be asked for.
func (g *generator) ask() {
	dir, query := pick(g, "", "", "sub", "sub", "a/b"), ""
	rev := pick(g, append(g.branches, "HEAD", "main")...)
	switch names := slices.Sorted(maps.Keys(g.tags)); g.IntN(5) {
	case 0:
		query = pick(g, append(g.branches, "main", "{hash:"+rev+"}", "{hash12:"+rev+"}", "HEAD")...)
	case 1:
		base := pick(g, "v0.0.0-", "v0.0.0-", "v0.0.0-", "v0.1.1-0.", "v1.0.1-0.", "v1.1.0-pre.0.", "v1.0.0-", "v2.0.0-", "v2.0.1-0.")
		query = base + "{time:" + rev + "}-{hash12:" + rev + "}" + pick(g, "", "", "", "+incompatible")
	default:
		if len(names) == 0 {
			return
		}
		dir, query = path.Split(pick(g, names...))
	}
	if semver.IsValid(query) && query != module.CanonicalVersion(query) && strings.Count(query, ".") < 2 {
		return // a prefix of versions, for the go command
	}
	dir, major := strings.TrimSuffix(dir, "/"), ""
	if rest, ok := strings.CutSuffix("/"+dir, "/v2"); ok {
		dir, major = strings.TrimPrefix(rest, "/"), "/v2"
	} else if semver.IsValid(query) && semver.Major(query) > "v1" {
		major = pick(g, "", "/v2")
		if major == "" && semver.Build(query) == "" {
			query += pick(g, "", "+incompatible")
		}
	}
	g.line("ask %s@%s agrees", strings.TrimPrefix(dir+major, "/"), query)
}
