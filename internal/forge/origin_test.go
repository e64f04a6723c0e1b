package forge_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/forge"
	"example.com/vanity/internal/gittest"
)

// configs are files, and what the origin's URL is by them; "!" if git takes the file for broken.
var configs = []struct{ config, url string }{
	{"", ""},
	{"[remote \"origin\"]\n\turl = https://h/x", "https://h/x"},
	{"[remote \"origin\"]\r\n\turl = https://h/x\r\n\tfetch = y\r\n", "https://h/x"},
	{"\ufeff[remote \"origin\"]\nurl=https://h/x\n", "https://h/x"},
	{"[REMOTE \"origin\"] URL = https://h/x", "https://h/x"},
	{"[remote\t \"origin\"]url=https://h/x", "https://h/x"},
	{"[remote.origin]\nurl = https://h/x\n", "https://h/x"},
	{"[Remote.Origin]\nurl = https://h/x\n", "https://h/x"},
	{"[remote \"Origin\"]\nurl = https://h/x\n", ""},
	{"[remote \"or\\igin\"]\nurl = https://h/x\n", "https://h/x"},
	{"[remote \"origin2\"]\nurl = https://h/x\n", ""},
	{"[remote]\nurl = https://h/x\n", ""},
	{"[remote \"origin\"]\nurl = https://h/x\nurl = https://h/y\n", "https://h/x"},
	{"[remote \"origin\"]\nurl = https://h/x # why\n", "https://h/x"},
	{"[remote \"origin\"]\nurl = https://h/x;why\n", "https://h/x"},
	{"[remote \"origin\"]\nurl = \"https://h/x#;y\"\n", "https://h/x#;y"},
	{"[remote \"origin\"]\nurl = https://\"h/x\"y\n", "https://h/xy"},
	{"[remote \"origin\"]\nurl = \"a\\\\b\\\"c\"\n", `a\b"c`},
	{"[remote \"origin\"]\nurl = a\\\nb\n", "ab"},
	{"[remote \"origin\"]\nurl = \"a\\\nb\"\n", "ab"},
	{"[remote \"origin\"]\nurl = a\\\r\nb\n", "ab"},
	{"[remote \"origin\"]\nurl = a\\tb\\bc\n", "a\tb\bc"},
	{"[remote \"origin\"]\nurl = \"  a  b  \"  \n", "  a  b  "},
	{"[remote \"origin\"]\nurl =   a  b  ; c\n", "a  b"},
	{"[remote \"origin\"]\nurl =\n", ""},
	{"[remote \"origin\"]\nurl\n", ""},
	{"[remote \"origin\"]\nurl", ""},
	{"[remote \"origin\"] ; [x]\n# [y]\nurl = https://h/x", "https://h/x"},
	{"[remote \"origin\"] [core]\nurl = https://h/x", ""},
	{"[core]\nbare = true\n[url \"https://evil/\"]\ninsteadOf = https://h/\n[remote \"origin\"]\nurl = https://h/x\n", "https://h/x"},
	{"[include]\npath = other\n[remote \"origin\"]\nurl = https://h/x\n", "https://h/x"},
	{"[a]b=c\n[remote \"origin\"]url-x=1\nurl1=2\nurl=3", "3"},
	{"url = https://h/x\n", "!"},
	{"[remote \"origin\"]\nurl = \"https://h/x\n", "!"},
	{"[remote \"origin\"]\nurl = \"https://h/x", "!"},
	{"[remote \"origin\"]\nurl = \\x\n", "!"},
	{"[remote \"origin\"]\nurl = a\\", "a"},
	{"[remote \"origin\"]\nurl x\n", "!"},
	{"[remote \"origin\"]\nurl_x = 1\n", "!"},
	{"[remote \"origin\"]\nurl = https://h/x\n=\n", "!"},
	{"[remote \"origin\"]\nurl = https://h/x\n1 = 2\n", "!"},
	{"[remote \"origin\"]\nurl = https://h/x\n[nonsense", "!"},
	{"[remote \"origin\"]\nurl = https://h/x\n[non sense]\n", "!"},
	{"[remote \"origin\"]\nurl = https://h/x\n[nön]\n", "!"},
	{"[remote \"origin\" ]\nurl = https://h/x\n", "!"},
	{"[remote \"ori\ngin\"]\nurl = https://h/x\n", "!"},
	{"[remote\n\"origin\"]\nurl = https://h/x\n", "!"},
	{"[remote \"origin\\\n\"]\nurl = https://h/x\n", "!"},
	{"[remote 'origin']\nurl = https://h/x\n", "!"},
	{"<<<<<<< HEAD\n[remote \"origin\"]\nurl = https://h/x\n", "!"},
}

func TestOrigin(t *testing.T) {
	for _, tt := range configs {
		url, _, _, err := forge.Origin([]byte(tt.config))
		if broken := tt.url == "!"; (err != nil) != broken && !strings.HasPrefix(tt.config, "url") || !broken && url != tt.url {
			t.Errorf("%q: %q, %v, want %q", tt.config, url, err, tt.url)
		}
	}
	if _, _, _, err := forge.Origin([]byte("[remote \"origin\"]\nurl = a\x00b\n")); err == nil {
		t.Error("a NUL byte is no text")
	}
	for fetch, want := range map[string]bool{
		"+refs/*:refs/*":                      true,
		"refs/*:refs/*":                       true,
		"+refs/heads/*:refs/heads/*":          true,
		"+refs/heads/*:refs/remotes/origin/*": false,
		"+refs/tags/*:refs/tags/*":            false,
		"+refs/heads/main:refs/heads/main":    false,
		"^refs/*":                             false,
		"":                                    false,
	} {
		if _, _, got, err := forge.Origin(fmt.Appendf(nil, "[remote \"origin\"]\nfetch = a:b\nfetch = %s\nurl = https://h/x\n", fetch)); got != want || err != nil {
			t.Errorf("fetch = %s: %v, %v", fetch, got, err)
		}
		if _, _, got, _ := forge.Origin(fmt.Appendf(nil, "[remote \"origin\"]\nfetch = %s\n", fetch)); got {
			t.Errorf("fetch = %s: a mirror of nothing", fetch)
		}
	}
}

// TestOriginLikeGit compares with git, which is right.
func TestOriginLikeGit(t *testing.T) {
	dir := t.TempDir()
	var all []string
	for _, tt := range configs {
		all = append(all, tt.config)
	}
	pieces := []string{
		"[remote \"origin\"]", "[remote.origin]", "[core]", "[REMOTE\t\"origin\"] ", "\n", "\n", "\n", "\r\n", "url", "URL ", "fetch", " = ", "=", "https://h/x", "a b",
		"+refs/*:refs/*", "\"", "\\", "\\n", "\\\"", "\\\n", "#", ";", " ", "[", "]", "x", "-1", "é",
	}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		text := ""
		if rnd.IntN(4) > 0 {
			text = "[remote \"origin\"]\nurl = "
		}
		for range rnd.IntN(12) {
			text += pieces[rnd.IntN(len(pieces))]
		}
		all = append(all, text)
	}
	for _, config := range all {
		if strings.HasPrefix(config, "url") || strings.HasPrefix(config, "URL") {
			continue // a variable of no section: some git takes it, and nobody asks for it
		}
		name := filepath.Join(dir, "config")
		must(t, os.WriteFile(name, []byte(config), 0o666))
		for _, key := range []string{"url", "fetch"} {
			want, broken := gitConfig(t, name, "remote.origin."+key)
			url, fetch, _, err := forge.Origin([]byte(config))
			got := fetch
			if key == "url" {
				got = []string{url}
				want = append(want, "")[:1]
			}
			if broken != (err != nil) || !broken && !cmp.Equal(spaced(want), spaced(got)) {
				t.Errorf("%q: %s: %q, %v; git: %q, %v", config, key, got, err, want, broken)
			}
		}
	}
}

// spaced gives values in which white space is one space: what becomes of it is not the same in all releases of git.
func spaced(values []string) (all []string) {
	for _, v := range values {
		all = append(all, strings.Join(strings.Fields(v), " "))
	}
	return all
}

// gitConfig gives the values of a variable, or says that git can't read the file.
func gitConfig(t *testing.T, name, key string) (values []string, broken bool) {
	t.Helper()
	cmd := exec.Command("git", "config", "--file", name, "--no-includes", "--null", "--get-all", key)
	cmd.Env = gittest.Environ(gittest.GitEnviron(t.TempDir())...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return strings.Split(string(bytes.TrimSuffix(out, []byte{0})), "\x00"), false
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return nil, false // there is none
	case errors.As(err, &exit) && exit.ExitCode() > 1:
		return nil, true
	}
	t.Fatal(err)
	return nil, false
}

func FuzzOrigin(f *testing.F) {
	for _, tt := range configs {
		f.Add([]byte(tt.config))
	}
	f.Fuzz(func(t *testing.T, config []byte) {
		url, fetch, isMirror, err := forge.Origin(config)
		if len(url) > len(config) || len(strings.Join(fetch, "")) > len(config) || isMirror && err == nil && (url == "" || fetch == nil) {
			t.Errorf("%q, %q, %v, %v", url, fetch, isMirror, err)
		}
		// What there is comes through git's own way of writing it.
		if err == nil && !strings.ContainsAny(url, "\x00\r") {
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\b", `\b`).Replace(url)
			again, _, _, err := forge.Origin([]byte("[core]\n\tbare = true\n[remote \"origin\"]\n\turl = \"" + quoted + "\"\n"))
			if again != url || err != nil {
				t.Errorf("%q became %q, %v", url, again, err)
			}
		}
	})
}

func TestModulePath(t *testing.T) {
	for url, want := range map[string]string{
		"https://github.com/x/y":                   "github.com/x/y",
		"https://github.com/x/y.git":               "github.com/x/y",
		"https://github.com/x/y.git/":              "github.com/x/y",
		"https://github.com/x/y/":                  "github.com/x/y",
		"https://github.com/x/y.git.git":           "github.com/x/y.git",
		"https://GitHub.COM/X/Y.git":               "github.com/X/Y",
		"HTTPS://github.com/x/y":                   "github.com/x/y",
		"http://github.com/x/y":                    "github.com/x/y",
		"http://github.com:80/x/y":                 "github.com/x/y",
		"https://github.com:443/x/y":               "github.com/x/y",
		"https://ann:s3cret@github.com/x/y":        "github.com/x/y",
		"https://t0k%2Fen@github.com/x/y":          "github.com/x/y",
		"git@github.com:x/y.git":                   "github.com/x/y",
		"git@github.com:/x/y.git":                  "github.com/x/y",
		"github.com:x/y":                           "github.com/x/y",
		"ssh://git@host.test:22/x/y":               "host.test/x/y",
		"ssh://host.test/~ann/y":                   "host.test/~ann/y",
		"git://host.test/x":                        "host.test/x",
		"git://host.test:9418/x":                   "host.test/x",
		"https://gitlab.com/group/sub/group/y.git": "gitlab.com/group/sub/group/y",
		"https://10.0.0.1/x/y":                     "10.0.0.1/x/y",

		"https://github.com:8443/x/y":                           "",
		"ssh://git@host.test:2222/x/y":                          "",
		"https://github.com:0443/x/y":                           "",
		"https://github.com:22/x/y":                             "",
		"https://github.com/x/y?a=b":                            "",
		"https://github.com/x/y?":                               "",
		"https://github.com/x/y#z":                              "",
		"https://github.com/x/%79":                              "",
		"https://github.com/x/%2e%2e/y":                         "",
		"https://github.com/x%2Fy":                              "",
		"https://github.com/x/../y":                             "",
		"https://github.com/./x/y":                              "",
		"https://github.com//x/y":                               "",
		"https://github.com/x//y":                               "",
		"https://github.com/x/y//":                              "",
		"https://github.com/x/.git":                             "",
		"https://github.com/x/.y":                               "",
		"https://github.com/x/y.":                               "",
		"https://github.com/":                                   "",
		"https://github.com":                                    "",
		"https://github.com./x/y":                               "",
		"https://github.com\\@evil.test/x/y":                    "",
		"https://evil.test\\github.com/x/y":                     "",
		"https://github.com/x\\y":                               "",
		"https://github.com@@evil.test/x/y":                     "",
		"https://a@github.com@evil.test/x/y":                    "",
		"https://evil.test#@github.com/x/y":                     "",
		"https://evil.test?@github.com/x/y":                     "",
		"https://evil.test/@github.com/x/y":                     "",
		"https://github.com@evil.test/x/y":                      "evil.test/x/y", // a user of that name
		"https://git%68ub.com/x/y":                              "",
		"https://gıthub.com/x/y":                                "",
		"https://github.com/x/ÿ":                                "",
		"https://[::1]/x/y":                                     "",
		"https://localhost/x/y":                                 "",
		"https:///x/y":                                          "",
		"https:github.com/x/y":                                  "",
		"https:a://github.com/x/y":                              "",
		"file:///srv/github.com/x/y":                            "",
		"file://github.com/x/y":                                 "",
		"ftp://github.com/x/y":                                  "",
		"ext::sh -c evil":                                       "",
		"github.com::x/y":                                       "",
		"fd::7":                                                 "",
		"/srv/github.com:x/y":                                   "",
		"./github.com:x/y":                                      "",
		"../x":                                                  "",
		`C:\x\y`:                                                "",
		"C:/x/y":                                                "",
		"github.com/x/y":                                        "",
		"a@b@github.com:x/y":                                    "",
		"git@github.com:":                                       "",
		"git@github.com:../x":                                   "",
		"git@github.com:x y":                                    "",
		"git@github.com:x/y\n":                                  "",
		"-oProxyCommand=evil@github.com:x/y":                    "github.com/x/y", // that user is git's to refuse
		" https://github.com/x/y":                               "",
		"https://github.com/x/y\x00":                            "",
		"https://github.com/x/con":                              "",
		"h.test/x:/y":                                           "", // to git a path on this machine
		"https://github.com/" + strings.Repeat("x/", 600) + "y": "",
		"": "",
	} {
		got, ok := forge.ModulePath(url)
		if got != want || ok != (want != "") {
			t.Errorf("%.100q: %q, %v, want %q", url, got, ok, want)
		}
	}
}

func FuzzModulePath(f *testing.F) {
	for _, seed := range []string{
		"https://ann:s3cret@github.com:443/x/y.git/", "git@github.com:x/y.git", "ssh://git@h.test:22/~x/y", "https://h.test/../x", "ext::h.test:x", "https://a@b@h.test/x", "//h.test/x", "h.test:x:y", "h.test/x:/y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		path, ok := forge.ModulePath(url)
		if !ok {
			if path != "" {
				t.Errorf("none, but %q", path)
			}
			return
		}
		host, rest, _ := strings.Cut(path, "/")
		if rest == "" || host != strings.ToLower(host) || strings.ContainsAny(path, "@:%?#\\ \n\x00") || strings.Contains("/"+path+"/", "/../") || len(path) > 1024 {
			t.Errorf("%q", path)
		}
		if i := strings.LastIndex(url, rest); i < 0 || !strings.Contains(strings.ToLower(url[:i]), host) {
			t.Errorf("%q is not in the URL as it stands", path)
		}
		for _, other := range []string{"https://" + path, "http://u:p@" + path + ".git", "ssh://git@" + path + ".git/", "git@" + host + ":" + rest + ".git"} {
			if again, _ := forge.ModulePath(other); again != path && !strings.HasSuffix(path, ".git") {
				t.Errorf("%q: %q, want %q", other, again, path)
			}
		}
	})
}
