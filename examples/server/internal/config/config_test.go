package config_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
)

func parse(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const site = `
host: go.acme.dev/x
hosts: [old.acme.dev]
proxy: /go
paths:
  "": {repo: https://github.com/acme/root, tags: "v*"}
  tool: {repo: https://github.com/acme/mono, directory: libs/tool, tags: "tool-*"}
  sub: {repo: https://github.com/acme/sub.git, tags: "v*"}
  dated: {repo: https://github.com/acme/mono, directory: dated, tags: "dated-*-rel"}
  libs/*: {repo: https://github.com/acme/mono, directory: "libs/*", tags: "libs/*/v*"}
  own/*: {repo: "https://git.acme.dev/team/*", vcs: git, tags: "v*"}
  plain: {repo: https://github.com/acme/plain}
  other: {repo: https://github.com/acme/other, tags: "v*", proxy: /other}
  away: {repo: https://github.com/acme/away, tags: "v*", proxy: https://proxy.acme.net/go}
  back: {repo: https://github.com/acme/back, tags: "v*", proxy: https://old.acme.dev/back}
`

func TestReleased(t *testing.T) {
	c := parse(t, site)
	for _, tt := range []struct {
		repository, tag string
		want            string
	}{
		{"github.com/acme/mono", "tool-1.2.0", "go.acme.dev/x/tool@v1.2.0"},
		{"github.com/Acme/Mono", "tool-1.2.0", "go.acme.dev/x/tool@v1.2.0"},
		{"github.com/acme/mono", "tool-2.0.0", "go.acme.dev/x/tool/v2@v2.0.0"},
		{"github.com/acme/mono", "tool-1.2.0-rc.1", "go.acme.dev/x/tool@v1.2.0-rc.1"},
		{"github.com/acme/mono", "tool-1.2", ""},
		{"github.com/acme/mono", "tool-1.2.0+meta", ""},
		{"github.com/acme/mono", "dated-1.0.0-rel", "go.acme.dev/x/dated@v1.0.0"},
		{"github.com/acme/mono", "dated-1.0.0", ""},
		{"github.com/acme/mono", "libs/log/v0.3.0", "go.acme.dev/x/libs/log@v0.3.0"},
		{"github.com/acme/mono", "libs/log/v3.0.0", "go.acme.dev/x/libs/log/v3@v3.0.0"},
		{"github.com/acme/mono", "libs/log/deep/v0.3.0", "go.acme.dev/x/libs/log/deep@v0.3.0"},
		{"github.com/acme/mono", "v1.0.0", ""},
		{"github.com/acme/mono", "nonsense", ""},
		{"github.com/acme/root", "v1.0.0", "go.acme.dev/x@v1.0.0"},
		{"github.com/acme/root", "cmd/v1.0.0", "go.acme.dev/x/cmd@v1.0.0"},
		{"github.com/acme/sub", "v2.1.0", "go.acme.dev/x/sub/v2@v2.1.0 go.acme.dev/x/sub@v2.1.0+incompatible"},
		{"github.com/acme/sub", "deep/down/v2.1.0", "go.acme.dev/x/sub/deep/down/v2@v2.1.0"},
		{"git.acme.dev/team/log", "v1.1.0", "go.acme.dev/x/own/log@v1.1.0"},
		{"git.acme.dev/Team/Log", "v1.1.0", "go.acme.dev/x/own/Log@v1.1.0"},
		{"git.acme.dev/team/log/more", "v1.1.0", ""},
		{"git.acme.dev/team", "v1.1.0", ""},
		{"github.com/acme/plain", "v1.0.0", ""}, // which the go command fetches itself
		{"github.com/acme/other", "v1.0.0", "go.acme.dev/x/other@v1.0.0"},
		{"github.com/acme/away", "v1.0.0", ""},
		{"github.com/acme/back", "v1.0.0", "go.acme.dev/x/back@v1.0.0"},
		{"github.com/acme/none", "v1.0.0", ""},
		{"github.com/acme/sub", "v0.0.0-20240101000000-0123456789ab", ""},
	} {
		var got []string
		for _, v := range c.Released(tt.repository, tt.tag) {
			got = append(got, strings.Trim(fmt.Sprint(v), "[]"))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.repository, tt.tag, got, tt.want)
		}
	}
}

func TestReleasedBy(t *testing.T) {
	resolve := func(_ context.Context, path string) (vanity.Config, error) { // as a forge does
		path, _, _ = module.SplitPathVersion(path)
		rest, ok := strings.CutPrefix(path, "git.acme.dev/ann/own")
		if !ok {
			return vanity.Config{}, fs.ErrNotExist
		}
		dir := strings.Trim(rest, "/")
		return vanity.Config{URL: "/srv/git/ann/own.git", Module: path, Directory: dir, Tags: strings.TrimPrefix(dir+"/v*", "/")}, nil
	}
	for tag, want := range map[string][]module.Version{
		"v1.0.0":     {{Path: "git.acme.dev/ann/own", Version: "v1.0.0"}},
		"v2.0.0":     {{Path: "git.acme.dev/ann/own/v2", Version: "v2.0.0"}, {Path: "git.acme.dev/ann/own", Version: "v2.0.0+incompatible"}},
		"sub/v0.1.0": {{Path: "git.acme.dev/ann/own/sub", Version: "v0.1.0"}},
		"sub-0.1.0":  nil,
	} {
		if diff := cmp.Diff(want, config.ReleasedBy(resolve, "git.acme.dev/ann/own", tag)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tag, diff)
		}
	}
	if got := config.ReleasedBy(resolve, "git.acme.dev/bob/none", "v1.0.0"); got != nil {
		t.Errorf("what isn't there: %v", got)
	}
}

func TestURLsOf(t *testing.T) {
	c := parse(t, site+"modules: [{base: /one, url: https://github.com/acme/one.git, module: one.acme.dev}]\nmirror: {base: /git, dir: d, repositories: [https://github.com/acme/two]}\n")
	for repository, want := range map[string][]string{
		"github.com/acme/mono":  {"https://github.com/acme/mono"},
		"github.com/ACME/one":   {"https://github.com/acme/one.git"},
		"github.com/acme/two":   {"https://github.com/acme/two"},
		"git.acme.dev/team/log": {"https://git.acme.dev/team/log"},
		"github.com/acme":       nil,
		"github.com/acme/mono/": nil,
		"example.com/acme/mono": nil,
	} {
		if diff := cmp.Diff(want, c.URLsOf(repository)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", repository, diff)
		}
	}
}

func TestCatalog(t *testing.T) {
	c := parse(t, site+"modules: [{base: /one/, url: https://github.com/acme/one, module: one.acme.dev}, {base: /any, url: https://github.com/acme/any}]\nmirror: {base: /git, dir: d}\n")
	got := make(map[string]string)
	for _, e := range c.Catalog() {
		got[e.Key] = fmt.Sprintf("%s page=%t proxy=%t base=%s %s", e.Path, e.Page, e.Proxy, e.Base, e.Config.URL)
	}
	want := map[string]string{
		`paths[""]`:      "go.acme.dev/x page=true proxy=true base=/go https://github.com/acme/root",
		`paths["tool"]`:  "go.acme.dev/x/tool page=true proxy=true base=/go https://github.com/acme/mono",
		`paths["sub"]`:   "go.acme.dev/x/sub page=true proxy=true base=/go https://github.com/acme/sub.git",
		`paths["dated"]`: "go.acme.dev/x/dated page=true proxy=true base=/go https://github.com/acme/mono",
		`paths["plain"]`: "go.acme.dev/x/plain page=true proxy=false base= https://github.com/acme/plain",
		`paths["other"]`: "go.acme.dev/x/other page=true proxy=true base=/other https://github.com/acme/other",
		`paths["away"]`:  "go.acme.dev/x/away page=true proxy=false base= https://github.com/acme/away",
		`paths["back"]`:  "go.acme.dev/x/back page=true proxy=true base=/back https://github.com/acme/back",
		"modules[0]":     "one.acme.dev page=false proxy=true base=/one https://github.com/acme/one",
		"modules[1]":     " page=false proxy=true base=/any https://github.com/acme/any",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/back", "/go", "/other"}, c.SiteBases()); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{"go.acme.dev/x/tool/v2": "/go", "go.acme.dev/x/other": "/other", "go.acme.dev/x/own/a/b": "/go",
		"old.acme.dev/x/other/v2": "/other", "old.acme.dev/x/tool": "/go", "old.acme.dev/other": "", "go.acme.dev/x/plain": ""} {
		if got := c.BaseOf(path); got != want {
			t.Errorf("%s is at %q, want %q", path, got, want)
		}
	}
	var mirrored []string
	for _, r := range c.Mirror.Repositories {
		mirrored = append(mirrored, strings.TrimPrefix(r, "https://github.com/acme/"))
	}
	if diff := cmp.Diff([]string{"any", "away", "back", "mono", "one", "other", "plain", "root", "sub.git"}, mirrored); diff != "" {
		t.Errorf("mirrored (-want +got):\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	c := parse(t, site+`
users: {ann: password, bob: password, root: password}
access:
  - {match: [go.acme.dev/x/libs/open], public: true}
  - {match: [go.acme.dev/x/libs, "*.acme.net/secret"], users: [ann]}
  - {match: [go.acme.dev/x/own/key*], users: [bob]}
  - {match: [github.com/acme/sub], users: [root]}
`)
	users := func(r *config.Rule) string {
		switch {
		case r == nil:
			return "everybody, by no rule"
		case r.Public:
			return "everybody"
		}
		return strings.Join(r.Users, " ")
	}
	for name, want := range map[string]string{
		"go.acme.dev/x/libs/open":      "everybody",
		"go.acme.dev/x/libs/open/v2":   "everybody",
		"go.acme.dev/x/libs/opened":    "ann",
		"go.acme.dev/x/libs/log":       "ann",
		"go.acme.dev/x/LIBS/log":       "ann",
		"go.acme.dev/x/libs":           "ann",
		"go.acme.dev/x/libsmore":       "everybody, by no rule",
		"a.acme.net/secret/deep":       "ann",
		"acme.net/secret":              "everybody, by no rule",
		"go.acme.dev/x/own/keys":       "bob",
		"go.acme.dev/x/own/monkey":     "everybody, by no rule",
		"go.acme.dev":                  "everybody, by no rule",
		"github.com/acme/sub":          "root",
		"github.com/acme/sub/anything": "root",
		"github.com/acme/submarine":    "everybody, by no rule",
	} {
		if got := users(c.Rule(name)); got != want {
			t.Errorf("%s is for %s, want %s", name, got, want)
		}
	}
	for repository, want := range map[string]string{
		"github.com/acme/mono":   "ann",     // libs/* is in it
		"github.com/acme/root":   "ann+bob", // what is below the root may be anything
		"git.acme.dev/team/keys": "bob",
		"git.acme.dev/team/log":  "",
		"github.com/acme/sub":    "root", // it says so itself
		"github.com/acme/plain":  "",
	} {
		var got []string
		for _, r := range c.Guards(repository) {
			got = append(got, users(r))
		}
		if strings.Join(got, "+") != want {
			t.Errorf("the mirror of %s is for %q, want %q", repository, got, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONFIG_TEST_PW", "from the environment")
	c, err := config.Parse([]byte("host: go.acme.dev\npaths: {t: {repo: https://github.com/acme/t}}\nusers: {a: \"file:pw\", b: \"env:CONFIG_TEST_PW\", c: as-it-stands, d: 1234567}\naccess: [{match: [x], users: [a, b, c, d]}]\n"+
		"upstream: {credentials: [{url: https://github.com, password: \"file:pw\"}]}\ntls: {}\nstore: store\n"), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]string{"a": "from a file", "b": "from the environment", "c": "as-it-stands", "d": "1234567"} {
		if got := c.Users[user].Reveal(); got != want {
			t.Errorf("%s: %q, want %q", user, got, want)
		}
	}
	if got := c.Upstream.Credentials[0]; got.Password.Reveal() != "from a file" || got.User != "x-access-token" {
		t.Errorf("%q %q", got.User, got.Password.Reveal())
	}
	if c.Store != filepath.Join(dir, "store") {
		t.Errorf("store: %s", c.Store)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Error(err)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q", *c, *c, *c, c.Users, c.Users), string(asJSON)} {
		for _, secret := range []string{"from a file", "from the environment", "as-it-stands", "1234567"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is printed: %s", secret, text)
			}
		}
	}
}

// TestSlashes has the slash at the end that hosts and bases may have.
func TestSlashes(t *testing.T) {
	const text = `
host: go.acme.dev/x%[1]s
proxy: /go%[1]s
paths: {tool: {repo: https://github.com/acme/tool, tags: "v*"}, other: {repo: https://github.com/acme/other, tags: "v*", proxy: /other%[1]s}}
modules: [{base: /one%[1]s, url: https://github.com/acme/one, module: one.acme.dev}, {base: %[2]q, url: https://github.com/acme/two, module: two.acme.dev}]
gosub: {base: /gosub%[1]s}
forge: {base: /forge%[1]s, host: git.acme.dev/y%[1]s, dir: /srv/git%[1]s}
mirror: {base: /git%[1]s, dir: /srv/mirrors}
webhook: {path: /hook%[1]s, secrets: [0123456789abcdef]}
`
	describe := func(c *config.Config) string {
		return fmt.Sprintln(c.Host, c.Forge.Host, c.SiteBases(), c.Modules, c.Gosub.Base, c.Forge.Base, c.Mirror.Base, c.Webhook.Path, c.Catalog(),
			c.PrefixOf("/tool/"), c.ForgeNames(vanity.Config{URL: "/srv/git/ann/own.git"}), c.BaseOf("go.acme.dev/x/other/v2"))
	}
	without, with := describe(parse(t, fmt.Sprintf(text, "", ""))), describe(parse(t, fmt.Sprintf(text, "/", "/")))
	if diff := cmp.Diff(without, with); diff != "" {
		t.Errorf("(-without +with):\n%s", diff)
	}
	for _, key := range []string{"host: go.acme.dev/x", "host: git.acme.dev/y", "base: /one", "base: /gosub", "base: /forge", "base: /git", "path: /hook", "proxy: /go", "proxy: /other"} {
		text := strings.Replace(fmt.Sprintf(text, "", ""), key, key+"//", 1)
		if _, err := config.Parse([]byte(text), "/", ""); err == nil {
			t.Errorf("%s with two slashes is taken", key)
		}
	}
}

// TestJSON has what JSON may write and YAML doesn't know.
func TestJSON(t *testing.T) {
	c := parse(t, "{\n\t\"host\": \"go.acme.dev\",\r\n\t\"paths\": {\n\t\t\"t\\u006f\": {\"repo\": \"https:\\/\\/github.com\\/acme\\/t\", \"description\": \"\\ud83d\\ude00 \\\\ud83d\\\\ude00 \\u00e9\"}\n\t}\n}")
	if got := c.Paths["to"]; got.Repo != "https://github.com/acme/t" || got.Description != "😀 \\ud83d\\ude00 é" {
		t.Errorf("%+v", got)
	}
}

func TestHost(t *testing.T) {
	const text = "paths: {t: {repo: https://github.com/acme/t}}\n"
	if c, err := config.Parse([]byte(text), "/", "go.acme.dev"); err != nil || c.Host != "go.acme.dev" {
		t.Errorf("%v %v", c, err)
	}
	if _, err := config.Parse([]byte(text+"host: go.acme.dev\n"), "/", "go.acme.net"); err == nil || !strings.Contains(err.Error(), "leave one out") {
		t.Errorf("two hosts: %v", err)
	}
	if c, err := config.Parse([]byte(text+"host: go.acme.dev\n"), "/", "go.acme.dev"); err != nil || c.Host != "go.acme.dev" {
		t.Errorf("the same host twice: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(site))
	f.Add([]byte(`{"host": "go.acme.dev", "paths": {"t": {"repo": "https://github.com/a/b"}}}`))
	data, err := os.ReadFile("../../testdata/broken.txt")
	if err != nil {
		f.Fatal(err)
	}
	for c := range strings.SplitSeq(string(data), "=== ") {
		_, text, _ := strings.Cut(c, "\n")
		text, _, _ = strings.Cut(text, ">>>\n")
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse(data, "/nowhere", "go.acme.dev")
		if err != nil {
			return
		}
		c.Catalog()
		for _, r := range []string{"github.com/a/b", "git.acme.dev/x"} {
			c.Released(r, "libs/a/v1.0.0")
			c.Guards(r)
			c.URLsOf(r)
		}
	})
}
