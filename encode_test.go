package vanity_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"example.com/vanity"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
)

// utf64 is the example of gosub's README.
var utf64 = vanity.Config{
	URL:       "https://github.com/more-please/more-stuff",
	Module:    "utf64.moreplease.com",
	Directory: "utf64/go",
	Tags:      "utf64-go-*",
}

const utf64Spec = "github.com/more-please/more-stuff:d=utf64%2Fgo&m=utf64.moreplease.com&p=utf64-go-;"

const repo = "https://github.com/o/r"

func TestConfigValidate(t *testing.T) {
	const want = "want https://HOST/PATH, http://HOST/PATH or the absolute path of a local repository"
	const badHost = "has no valid host: want an ASCII name (xn--… for others) or an IP address, and a port from 1 to 65535 if any"
	const badElem = `no element of the path may be empty, "." or ".."`
	tests := []struct {
		name string
		c    vanity.Config
		want string // lines without "vanity: "; empty if valid
	}{
		{"readme", utf64, ""},
		{"url alone", vanity.Config{URL: repo}, ""},
		{"git and slash", vanity.Config{URL: repo + ".git/"}, ""},
		{"upper case", vanity.Config{URL: "HTTPS://GitHub.COM:443/O/R"}, ""},
		{"deep", vanity.Config{URL: "https://gitlab.com/group/sub/repo"}, ""},
		{"one element", vanity.Config{URL: "https://git.zx2c4.com/cgit"}, ""},
		{"tilde", vanity.Config{URL: "https://git.sr.ht/~user/repo"}, ""},
		{"space in path", vanity.Config{URL: "https://dev.azure.com/org/My%20Project/_git/repo"}, ""},
		{"at in path", vanity.Config{URL: "https://git.example.com/@user/repo"}, ""},
		{"intranet", vanity.Config{URL: "http://git_server:3000/repo"}, ""},
		{"address", vanity.Config{URL: "https://[::1]:8443/repo"}, ""},
		{"local", vanity.Config{URL: "/srv/git/tool.git"}, ""},
		{"local with anything", vanity.Config{URL: "/srv/a b/@x?#%zz/"}, ""},
		{"bare tags", vanity.Config{URL: repo, Tags: "*"}, ""},
		{"explicit default", vanity.Config{URL: repo, Tags: "v*"}, ""},
		{"directory tags", vanity.Config{URL: repo, Directory: "a/b/", Tags: "a/b/v*"}, ""},
		{"suffix with slash", vanity.Config{URL: repo, Tags: "release/*/final"}, ""},
		{"odd tags", vanity.Config{URL: repo, Tags: "-@+%&;=é$!'(),|<>\"#{*}"}, ""},
		{"odd directory", vanity.Config{URL: repo, Directory: "a b/~ü*é/.github/...;&=+%2F:?#"}, ""},
		{"major", vanity.Config{URL: repo, Module: "example.com/tool/v2"}, ""},

		{"empty", vanity.Config{}, `URL "": is empty: ` + want},
		{"scp", vanity.Config{URL: "git@github.com:o/r.git"}, `URL "git@github.com:o/r.git": git is spoken over https here: write "https://github.com/o/r"`},
		{"scp of another user", vanity.Config{URL: "tok@host.example:r"}, `URL "xxxxx@host.example:r": git is spoken over https here: write "https://host.example/r"`},
		{"ssh", vanity.Config{URL: "ssh://git@host.example:2222/g/r.git"}, `URL "ssh://git@host.example:2222/g/r.git": git is spoken over https here: write "https://host.example/g/r"`},
		{"git protocol", vanity.Config{URL: "git://host.example/r"}, `URL "git://host.example/r": git is spoken over https here: write "https://host.example/r"`},
		{"ssh without more", vanity.Config{URL: "ssh://x"}, `URL "ssh://x": git is spoken over https here: ` + want},
		{"file", vanity.Config{URL: "file:///srv/r"}, `URL "file:///srv/r": write the path alone, "/srv/r"`},
		{"file with host", vanity.Config{URL: "file://srv/r"}, `URL "file://srv/r": has an unknown scheme: ` + want},
		{"ftp", vanity.Config{URL: "ftp://host.example/r"}, `URL "ftp://host.example/r": has an unknown scheme: ` + want},
		{"no scheme", vanity.Config{URL: "github.com/o/r"}, `URL "github.com/o/r": has no scheme: write "https://github.com/o/r"`},
		{"relative", vanity.Config{URL: "repos/r"}, `URL "repos/r": has no scheme: ` + want},
		{"white space", vanity.Config{URL: repo + "\n"}, `URL "https://github.com/o/r\n": begins or ends with white space: remove it`},
		{"control", vanity.Config{URL: "https://h/a\nb"}, `URL "https://h/a\nb": is malformed: ` + want},
		{"escaped control", vanity.Config{URL: "https://h/a%0Ab"}, `URL "https://h/a%0Ab": has a control character: remove it`},
		{"escaped bytes", vanity.Config{URL: "https://h/%ff"}, `URL "https://h/%ff": is not valid UTF-8`},
		{"bad escape", vanity.Config{URL: "https://h/%zz"}, `URL "https://h/%zz": is malformed: ` + want},
		{"user", vanity.Config{URL: "https://ghp_secret@github.com/o/r"}, `URL "https://xxxxx@github.com/o/r": credentials don't belong in a URL: remove what precedes the "@"`},
		{"password", vanity.Config{URL: "https://u:se/cr@et@github.com/o/r"}, `URL "https://xxxxx@github.com/o/r": is malformed: ` + want},
		{"query", vanity.Config{URL: repo + "?token=secret"}, `URL "https://github.com/o/r?xxxxx": a repository has no query: remove the "?" and what follows`},
		{"empty query", vanity.Config{URL: repo + "?"}, `URL "https://github.com/o/r?xxxxx": a repository has no query: remove the "?" and what follows`},
		{"fragment", vanity.Config{URL: repo + "#"}, `URL "https://github.com/o/r#xxxxx": a repository has no fragment: remove the "#" and what follows`},
		{"no host", vanity.Config{URL: "https:///o/r"}, `URL "https:///o/r": ` + badHost},
		{"unicode host", vanity.Config{URL: "https://bücher.example/r"}, `URL "https://bücher.example/r": ` + badHost},
		{"final dot", vanity.Config{URL: "https://github.com./o/r"}, `URL "https://github.com./o/r": ` + badHost},
		{"empty port", vanity.Config{URL: "https://h:/r"}, `URL "https://h:/r": ` + badHost},
		{"port 0", vanity.Config{URL: "https://h:0/r"}, `URL "https://h:0/r": ` + badHost},
		{"port too high", vanity.Config{URL: "https://h:65536/r"}, `URL "https://h:65536/r": ` + badHost},
		{"zone", vanity.Config{URL: "https://[fe80::1%25eth0]/r"}, `URL "https://[fe80::1%25eth0]/r": ` + badHost},
		{"no path", vanity.Config{URL: "https://h.example/"}, `URL "https://h.example/": has no path: want https://HOST/PATH of one repository`},
		{"empty element", vanity.Config{URL: "https://h/a//b"}, `URL "https://h/a//b": ` + badElem},
		{"two slashes at the end", vanity.Config{URL: "https://h/a//"}, `URL "https://h/a//": ` + badElem},
		{"dot", vanity.Config{URL: "https://h/a/./b"}, `URL "https://h/a/./b": ` + badElem},
		{"escaped dots", vanity.Config{URL: "https://h/a/%2E%2e"}, `URL "https://h/a/%2E%2e": ` + badElem},
		{"escaped slash", vanity.Config{URL: "https://h/a%2fb"}, `URL "https://h/a%2fb": no element of the path may hold a slash: write / for %2F if it parts two`},
		{"backslash", vanity.Config{URL: `https://h/a\b`}, `URL "https://h/a\\b": the path may hold no backslash: write "/"`},
		{"github tree", vanity.Config{URL: repo + "/tree/main/x"}, `URL "https://github.com/o/r/tree/main/x": want https://github.com/OWNER/REPO: a directory goes into Directory`},
		{"github owner", vanity.Config{URL: "https://github.com/o"}, `URL "https://github.com/o": want https://github.com/OWNER/REPO: a directory goes into Directory`},
		{"long", vanity.Config{URL: repo + strings.Repeat("r", 4096-len(repo)), Directory: strings.Repeat("a/", 2048), Tags: strings.Repeat("t", 4095) + "*"}, ""},
		{"long url", vanity.Config{URL: repo + strings.Repeat("é", 700)}, `URL "` + repo + strings.Repeat("é", 89) + `"…: has 4222 bytes: want 4096 at most`},
		{"long directory", vanity.Config{URL: repo, Directory: strings.Repeat("a/", 100_000)}, `Directory "` + strings.Repeat("a/", 100) + `"…: has 200000 bytes: want 4096 at most`},
		{"long tags", vanity.Config{URL: repo, Tags: strings.Repeat("t", 4096) + "*"}, `Tags "` + strings.Repeat("t", 200) + `"…: has 4097 bytes: want 4096 at most`},
		{"local control", vanity.Config{URL: "/srv/\x00"}, `URL "/srv/\x00": has a control character: remove it`},

		{"module without dot", vanity.Config{URL: repo, Module: "tool"}, `Module "tool": missing dot in first path element: want the module path as in go.mod`},
		{"module with slash", vanity.Config{URL: repo, Module: "e.x/"}, `Module "e.x/": trailing slash: want the module path as in go.mod`},
		{"module with line", vanity.Config{URL: repo, Module: "e.x/\n"}, `Module "e.x/\n": invalid char '\n': want the module path as in go.mod`},

		{"rooted directory", vanity.Config{URL: repo, Directory: "/a"}, `Directory "/a": begins with a slash: write it relative to the repository's root`},
		{"root directory", vanity.Config{URL: repo, Directory: "."}, `Directory ".": leave it empty for the repository's root`},
		{"slash", vanity.Config{URL: repo, Directory: "/"}, `Directory "/": leave it empty for the repository's root`},
		{"dots", vanity.Config{URL: repo, Directory: "a/../b"}, `Directory "a/../b": no element may be empty, "." or ".."`},
		{"leading dot", vanity.Config{URL: repo, Directory: "./b"}, `Directory "./b": no element may be empty, "." or ".."`},
		{"double slash", vanity.Config{URL: repo, Directory: "a//"}, `Directory "a//": no element may be empty, "." or ".."`},
		{"directory backslash", vanity.Config{URL: repo, Directory: `a\b`}, `Directory "a\\b": has a backslash: write "/"`},
		{"directory bytes", vanity.Config{URL: repo, Directory: "a\xff\x01"}, "Directory \"a\\xff\\x01\": is not valid UTF-8\n" + `Directory "a\xff\x01": has a control character: remove it`},

		{"no star", vanity.Config{URL: repo, Tags: "tool-"}, `Tags "tool-": has no "*" to stand for the version: write "tool-*" if the version comes last`},
		{"two stars", vanity.Config{URL: repo, Tags: "*-*"}, `Tags "*-*": has 2 "*": want one, which stands for the version`},
		{"tag space", vanity.Config{URL: repo, Tags: "a *"}, `Tags "a *": git allows no space and none of ~ ^ : ? [ \ in a tag`},
		{"tag dots", vanity.Config{URL: repo, Tags: "a..*"}, `Tags "a..*": git allows no ".." in a tag`},
		{"tag at", vanity.Config{URL: repo, Tags: "@{*"}, `Tags "@{*": git allows no "@{" in a tag`},
		{"tag final dot", vanity.Config{URL: repo, Tags: "*."}, `Tags "*.": git allows no tag that ends with "."`},
		{"tag leading slash", vanity.Config{URL: repo, Tags: "/*"}, `Tags "/*": git allows no slash at the start or end of a tag, nor "//"`},
		{"tag double slash", vanity.Config{URL: repo, Tags: "a//*"}, `Tags "a//*": git allows no slash at the start or end of a tag, nor "//"`},
		{"tag leading dot", vanity.Config{URL: repo, Tags: "a/.*"}, `Tags "a/.*": git allows no element of a tag that begins with "."`},
		{"tag lock", vanity.Config{URL: repo, Tags: "*.lock"}, `Tags "*.lock": git allows no element of a tag that ends with ".lock"`},
		{"tag lock directory", vanity.Config{URL: repo, Tags: "a.lock/*"}, `Tags "a.lock/*": git allows no element of a tag that ends with ".lock"`},
		{"tag control", vanity.Config{URL: repo, Tags: "\x7f*"}, `Tags "\x7f*": has a control character: remove it`},

		{"all at once", vanity.Config{URL: "https://u:p@github.com./o//r?q", Module: "Tool", Directory: `/a\`, Tags: "~.."},
			`URL "https://xxxxx@github.com./o//r?xxxxx": credentials don't belong in a URL: remove what precedes the "@"
URL "https://xxxxx@github.com./o//r?xxxxx": a repository has no query: remove the "?" and what follows
URL "https://xxxxx@github.com./o//r?xxxxx": ` + badHost + `
URL "https://xxxxx@github.com./o//r?xxxxx": ` + badElem + `
Module "Tool": missing dot in first path element: want the module path as in go.mod
Directory "/a\\": begins with a slash: write it relative to the repository's root
Directory "/a\\": has a backslash: write "/"
Tags "~..": has no "*" to stand for the version: write "~..*" if the version comes last
Tags "~..": git allows no space and none of ~ ^ : ? [ \ in a tag
Tags "~..": git allows no ".." in a tag`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			if err := tt.c.Validate(); err != nil {
				got = err.Error()
			}
			want := tt.want
			if want != "" {
				want = "vanity: " + strings.ReplaceAll(want, "\n", "\nvanity: ")
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("Validate (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConfigValidateSecrets makes sure that no message repeats what may be a credential.
func TestConfigValidateSecrets(t *testing.T) {
	for _, s := range []string{
		"https://SECRET@h/r", "https://u:SECRET@h/r", "https://u:SE/CRET@h/r", "https://u:SECRET?x@h/r", "https://u:#SECRET@h/r",
		"https://u:SECRET@[h/r", "https:/u:SECRET@h/r", "u:SECRET@h/r", "ssh://u:SECRET@h.x/r", "SECRET@h.x:r", "u:SECRET@h://r@x",
		"https://h/r?SECRET", "https://h/r#SECRET", "ftp://u:SECRET@h/r", " https://u:SECRET@h/r", "https://u:%zzSECRET@h/r", "https://u:SECRET@h/r@v1//",
		"file://u:SECRET@h/r", "u:SECRET://x@h/r", "ssh://git@SECRET@h.x/r", "ssh://h.x/r?SECRET",
	} {
		err := vanity.Config{URL: s}.Validate()
		if err == nil || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "CRET") {
			t.Errorf("Validate of URL %q: %v", s, err)
		}
	}
}

// TestConfigTagsLikeGit compares the rules for tags with git's own.
func TestConfigTagsLikeGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git: ", err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "v", "-", "/", ".", ".lock", "@", "{", "}", "~", "^", ":", "?", "[", "]", "\\", " ", "!", "%", "é", "lock", "\t", "\x7f", "HEAD"}
	pick := func() string {
		var s string
		for range rnd.IntN(4) {
			s += pieces[rnd.IntN(len(pieces))]
		}
		return s
	}
	for range 400 {
		prefix, suffix := pick(), pick()
		gitErr := exec.Command("git", "check-ref-format", "refs/tags/"+prefix+"1.2.3"+suffix).Run()
		err := vanity.Config{URL: repo, Tags: prefix + "*" + suffix}.Validate()
		if (gitErr == nil) != (err == nil) {
			t.Errorf("Tags %q: git says %v, Validate %v", prefix+"*"+suffix, gitErr, err)
		}
	}
}

// specs are configurations in canonical form and what Encode makes of them.
var specs = []struct {
	c    vanity.Config
	spec string
}{
	{utf64, utf64Spec},
	{vanity.Config{URL: utf64.URL, Directory: utf64.Directory, Tags: utf64.Tags}, "github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-;"},
	{vanity.Config{URL: repo}, "github.com/o/r;"},
	{vanity.Config{URL: repo, Tags: "*"}, "github.com/o/r:p=;"},
	{vanity.Config{URL: repo, Tags: "v*-x"}, "github.com/o/r:s=-x;"},
	{vanity.Config{URL: repo, Tags: "*-x"}, "github.com/o/r:p=&s=-x;"},
	{vanity.Config{URL: repo, Tags: "pre-*-post"}, "github.com/o/r:p=pre-&s=-post;"},
	{vanity.Config{URL: repo, Tags: "a/v*/z"}, "github.com/o/r:p=a%2Fv&s=%2Fz;"},
	{vanity.Config{URL: repo, Tags: "a/*"}, "github.com/o/r:p=a%2F;"},
	{vanity.Config{URL: repo, Tags: "+&;=%2F#!'()*"}, "github.com/o/r:p=%2B%26%3B%3D%252F%23%21%27%28%29;"},
	{vanity.Config{URL: repo, Directory: "größe/日本"}, "github.com/o/r:d=gr%C3%B6%C3%9Fe%2F%E6%97%A5%E6%9C%AC;"},
	{vanity.Config{URL: repo, Directory: "my dir"}, "github.com/o/r:d=my+dir;"},
	{vanity.Config{URL: repo, Directory: "c++"}, "github.com/o/r:d=c%2B%2B;"},
	{vanity.Config{URL: repo, Directory: "~/a*b-c.d_e"}, "github.com/o/r:d=%7E%2Fa*b-c.d_e;"},
	{vanity.Config{URL: repo, Directory: "..."}, "github.com/o/r:d=...;"},
	{vanity.Config{URL: repo, Directory: "a:b;c&d=e?f#g%41"}, "github.com/o/r:d=a%3Ab%3Bc%26d%3De%3Ff%23g%2541;"},
	{vanity.Config{URL: repo, Module: "github.com/BurntSushi/toml/v2"}, "github.com/o/r:m=github.com%2FBurntSushi%2Ftoml%2Fv2;"},
	{vanity.Config{URL: "https://github.com/More-Please/.github"}, "github.com/More-Please/.github;"},
	{vanity.Config{URL: "https://gitlab.com/group/sub/repo", Directory: "x"}, "gitlab.com/group/sub/repo:d=x;"},
	{vanity.Config{URL: "https://git.sr.ht/~user/repo"}, "git.sr.ht/~user/repo;"},
	{vanity.Config{URL: "https://git.example.com/libstdc++"}, "git.example.com/libstdc++;"},
	{vanity.Config{URL: "https://dev.azure.com/org/My%20Project/_git/repo"}, "dev.azure.com/org/My%20Project/_git/repo;"},
	{vanity.Config{URL: "https://h.example/@x/%C3%BC%26%3D%2C%25%3F"}, "h.example/@x/%C3%BC%26%3D%2C%25%3F;"},
	{vanity.Config{URL: "https://h.example/one"}, "h.example/one;"},
	{vanity.Config{URL: "https://127.0.0.1/one"}, "127.0.0.1/one;"},
	{vanity.Config{URL: "https://h.example/x/.git"}, "h.example/x/.git;"},
	{vanity.Config{URL: "https://h.example/x.git.git"}, "h.example/x.git.git;"},
	{vanity.Config{URL: "https://h.example/x/..git"}, "h.example/x/..git;"},
}

func TestEncodeDecode(t *testing.T) {
	for _, tt := range specs {
		spec, err := vanity.Encode(tt.c)
		if err != nil || spec != tt.spec {
			t.Errorf("Encode(%+v) = %q, %v, want %q", tt.c, spec, err, tt.spec)
		}
		for _, rest := range []string{"", "/example.com/m/@v/list", ";d=other;"} {
			c, used, err := vanity.Decode(tt.spec + rest)
			if err != nil || c != tt.c || used != tt.spec {
				t.Errorf("Decode(%q) = %+v, %q, %v, want %+v, %q", tt.spec+rest, c, used, err, tt.c, tt.spec)
			}
		}
	}
}

// TestEncodeCanonical checks the forms that mean the same.
func TestEncodeCanonical(t *testing.T) {
	tests := []struct {
		c    vanity.Config
		spec string
	}{
		{vanity.Config{URL: "HTTPS://GitHub.COM:443/O/R.git/", Tags: "v*"}, "github.com/O/R;"},
		{vanity.Config{URL: repo, Directory: "a/b/"}, "github.com/o/r:d=a%2Fb;"},
		{vanity.Config{URL: "https://git.sr.ht/%7euser/a b"}, "git.sr.ht/~user/a%20b;"},
		{vanity.Config{URL: "https://h.example/x.git.git.git"}, "h.example/x.git.git.git;"},
	}
	for _, tt := range tests {
		if spec, err := vanity.Encode(tt.c); err != nil || spec != tt.spec {
			t.Errorf("Encode(%+v) = %q, %v, want %q", tt.c, spec, err, tt.spec)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	const no = "can't be written in a spec: "
	tests := []struct {
		c    vanity.Config
		want string
	}{
		{vanity.Config{URL: "/srv/r.git"}, `URL "/srv/r.git": ` + no + "it is a local path"},
		{vanity.Config{URL: "http://h/r"}, `URL "http://h/r": ` + no + "it is not https"},
		{vanity.Config{URL: "https://h:8443/r"}, `URL "https://h:8443/r": ` + no + "it has a port, 8443"},
		{vanity.Config{URL: "https://[::1]/r"}, `URL "https://[::1]/r": ` + no + "its host is an IPv6 address: name the host"},
		{vanity.Config{URL: "https://h/a:b"}, `URL "https://h/a:b": ` + no + `its path has a ':', which ends the path there`},
		{vanity.Config{URL: "https://h/a%3bb"}, `URL "https://h/a%3bb": ` + no + `its path has a ';', which ends the path there`},
		{vanity.Config{URL: repo, Directory: "a//b", Tags: "x"}, `Directory "a//b": no element may be empty, "." or ".."` + "\n" +
			`vanity: Tags "x": has no "*" to stand for the version: write "x*" if the version comes last`},
	}
	for _, tt := range tests {
		spec, err := vanity.Encode(tt.c)
		if spec != "" || err == nil || err.Error() != "vanity: "+tt.want {
			t.Errorf("Encode(%+v) = %q, %v, want error %q", tt.c, spec, err, tt.want)
		}
	}
}

func TestDecode(t *testing.T) {
	readme := utf64
	readme.Module = ""
	tests := []struct {
		path string
		want vanity.Config
		used string // if empty, all of path
	}{
		// What gosub reads too.
		{"github.com/o/r:;", vanity.Config{URL: repo}, ""},
		{"github.com/o/r:p;", vanity.Config{URL: repo, Tags: "*"}, ""},
		{"github.com/o/r:p=v&s=&d=&m=;", vanity.Config{URL: repo}, ""},
		{"github.com/o/r:d=a&d=b;", vanity.Config{URL: repo, Directory: "a"}, ""},
		{"github.com/o/r:d=&d=b;", vanity.Config{URL: repo}, ""},
		{"github.com/o/r:p=&p=x;", vanity.Config{URL: repo, Tags: "*"}, ""},
		{"github.com/o/r:x=y&D=z&d=a&&=&;/x;y", vanity.Config{URL: repo, Directory: "a"}, "github.com/o/r:x=y&D=z&d=a&&=&;"},
		{"github.com/o/r:%64=x;", vanity.Config{URL: repo, Directory: "x"}, ""},
		{"github.com/o/r:s=-x&p=a-;", vanity.Config{URL: repo, Tags: "a-*-x"}, ""},
		{"github.com/o/r:d=a=b;", vanity.Config{URL: repo, Directory: "a=b"}, ""},
		// Other forms of what Encode writes.
		{"github.com/more-please/more-stuff:d=utf64/go&p=utf64-go-;/m", readme, "github.com/more-please/more-stuff:d=utf64/go&p=utf64-go-;"},
		{"/github.com/o/r;/m", vanity.Config{URL: repo}, "/github.com/o/r;"},
		{"GitHub.Com/o/r.git:d=a%2f;", vanity.Config{URL: repo, Directory: "a"}, ""},
		{"git.sr.ht/%7Euser/r;", vanity.Config{URL: "https://git.sr.ht/~user/r"}, ""},
		{"github%2Ecom%2Fo/r;", vanity.Config{URL: repo}, ""},
		{"github.com/o/r:d=a:b;", vanity.Config{URL: repo, Directory: "a:b"}, ""},
		{"github.com/o/r:d=ü;", vanity.Config{URL: repo, Directory: "ü"}, ""},
		// Escaped more than need be.
		{"github.com/o/r%3B/m", vanity.Config{URL: repo}, "github.com/o/r%3B"},
		{"/github.com/o/r%3bx%3B", vanity.Config{URL: repo}, "/github.com/o/r%3b"},
		{"github.com/o/r%3Ad%3Da%2Fb%26p%3d%3B/m/@v/list", vanity.Config{URL: repo, Directory: "a/b", Tags: "*"}, "github.com/o/r%3Ad%3Da%2Fb%26p%3d%3B"},
		{"github.com/o/r%3ad=a%26b;", vanity.Config{URL: repo, Directory: "a&b"}, ""},
	}
	for _, tt := range tests {
		if tt.used == "" {
			tt.used = tt.path
		}
		c, used, err := vanity.Decode(tt.path)
		if err != nil || c != tt.want || used != tt.used {
			t.Errorf("Decode(%q) = %+v, %q, %v, want %+v, %q", tt.path, c, used, err, tt.want, tt.used)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ path, want string }{
		{"", `path "": holds no spec: want HOST/OWNER/REPO[:QUERY] and a semicolon`},
		{"github.com/o/r/@v/list", `path "github.com/o/r/@v/list": holds no spec: want HOST/OWNER/REPO[:QUERY] and a semicolon`},
		{";", `spec "": names no repository: want HOST/OWNER/REPO, without a port`},
		{"github.com;", `spec "github.com": names no repository: want HOST/OWNER/REPO, without a port`},
		{"h:8443/o/r;", `spec "h:8443/o/r": names no repository: want HOST/OWNER/REPO, without a port`},
		{"https://github.com/o/r;", `spec "https://github.com/o/r": begins with a scheme: want HOST/OWNER/REPO, without https://`},
		{"https:/github.com/o/r;", `spec "https:/github.com/o/r": begins with a scheme: want HOST/OWNER/REPO, without https://`},
		{"//github.com/o/r;", `spec "/github.com/o/r": begins with no host name: want HOST/OWNER/REPO, without credentials`},
		{"u@github.com/o/r;", `spec "u@github.com/o/r": begins with no host name: want HOST/OWNER/REPO, without credentials`},
		{"u%3Ap@github.com/o/r;", `spec "u:p@github.com/o/r": names no repository: want HOST/OWNER/REPO, without a port`},
		{"github.com/o/r/;", `spec "github.com/o/r/": has a slash too many before ":" or ";"`},
		{"github.com/o/r/x;", `spec "github.com/o/r/x": URL "https://github.com/o/r/x": want https://github.com/OWNER/REPO: a directory goes into Directory`},
		{"github.com/o;", `spec "github.com/o": URL "https://github.com/o": want https://github.com/OWNER/REPO: a directory goes into Directory`},
		{"h/a/../b;", `spec "h/a/../b": URL "https://h/a/../b": no element of the path may be empty, "." or ".."`},
		{"h/a%5Cb;", `spec "h/a%5Cb": URL "https://h/a%5Cb": the path may hold no backslash: write "/"`},
		{"h/a%3Bb;", `spec "h/a%3Bb": URL "https://h/a%3Bb": can't be written in a spec: its path has a ';', which ends the path there`},
		{"h/r?x;", `spec "h/r?x": has a bare '?': write %3F`},
		{"h/r:d=a%zz;", `spec "h/r:d=a%zz": has an invalid escape: a percent sign is written %25`},
		{"h/r:d=..%2Fx&m=x&p=*%20;", `spec "h/r:d=..%2Fx&m=x&p=*%20": Module "x": missing dot in first path element: want the module path as in go.mod; ` +
			`Directory "../x": no element may be empty, "." or ".."; ` +
			`Tags "* *": has 2 "*": want one, which stands for the version; Tags "* *": git allows no space and none of ~ ^ : ? [ \ in a tag`},
		{"h/r:p=../../victim/private/main/secret.txt%3F;", `spec "h/r:p=../../victim/private/main/secret.txt%3F": Tags "../../victim/private/main/secret.txt?*": ` +
			`git allows no space and none of ~ ^ : ? [ \ in a tag; Tags "../../victim/private/main/secret.txt?*": git allows no ".." in a tag; ` +
			`Tags "../../victim/private/main/secret.txt?*": git allows no element of a tag that begins with "."`},
	}
	for _, tt := range tests {
		c, used, err := vanity.Decode(tt.path)
		if c != (vanity.Config{}) || used != "" || err == nil || err.Error() != "vanity: "+tt.want {
			t.Errorf("Decode(%q) = %+v, %q, %v, want error %q", tt.path, c, used, err, tt.want)
		}
	}
	_, _, err := vanity.Decode("h/r:d=" + strings.Repeat("/<b>", 1e5) + ";")
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("Decode of a long spec: the error has %d bytes", len(fmt.Sprint(err)))
	}
}

// bases are those that a server may have, as they stand before a spec in the base of a GOPROXY.
var bases = []string{"https://proxy.example/", "https://proxy.example/go/", "http://127.0.0.1:8080/a%2Fb/%7Ec/"}

// TestDecodeRewritten decodes what a server in between makes of a spec when it decodes the path and encodes it anew, by
// Go's rules, and when it also escapes all that it may.
func TestDecodeRewritten(t *testing.T) {
	delimiters := strings.NewReplacer(":", "%3A", ";", "%3B", "&", "%26", "=", "%3D")
	for _, tt := range specs {
		if strings.ContainsAny(tt.c.Directory+tt.c.Tags, "+&;") {
			continue // documented: such a server loses these
		}
		decoded, err := url.PathUnescape(tt.spec)
		if err != nil {
			t.Fatal(err)
		}
		rewritten := (&url.URL{Path: decoded}).EscapedPath()
		for _, spec := range []string{rewritten, delimiters.Replace(rewritten), delimiters.Replace(tt.spec)} {
			if c, used, err := vanity.Decode(spec + "/m"); err != nil || c != tt.c || used != spec {
				t.Errorf("Decode(%q) = %+v, %q, %v, want %+v", spec, c, used, err, tt.c)
			}
		}
	}
}

// TestDecodeGoCommand has the real go command ask for each spec.
func TestDecodeGoCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	const modPath = "example.com/BurntSushi/m"
	var mu sync.Mutex
	var got []vanity.Config
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := strings.TrimPrefix(r.URL.EscapedPath(), "/go")
		c, used, err := vanity.Decode(escaped)
		rest, _ := url.PathUnescape(escaped[len(used):])
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case rest == "/example.com/!burnt!sushi/m/@v/list":
			mu.Lock()
			got = append(got, c)
			mu.Unlock()
			fmt.Fprintln(w, "v1.0.0")
		case rest == "/example.com/!burnt!sushi/m/@v/v1.0.0.info":
			fmt.Fprintln(w, `{"Version":"v1.0.0"}`)
		case rest == "/example.com/!burnt!sushi/m/@v/v1.0.0.mod":
			fmt.Fprintln(w, "module "+modPath)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	for _, tt := range specs {
		mu.Lock()
		got = nil
		mu.Unlock()
		cmd := exec.Command("go", "list", "-m", "-versions", modPath+"@latest")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "GOENV=off", "GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOWORK=off",
			"GONOSUMDB=*", "GOPRIVATE=", "GONOPROXY=", "GO111MODULE=", "GOPROXY="+server.URL+"/go/"+tt.spec)
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != modPath+" v1.0.0\n" {
			t.Fatalf("spec %s: go list: %v\n%s", tt.spec, err, out)
		}
		mu.Lock()
		if len(got) == 0 || got[0] != tt.c {
			t.Errorf("spec %s: the go command asked for %+v, want %+v", tt.spec, got, tt.c)
		}
		mu.Unlock()
	}
}

// goCommandURL is what the go command asks for: newProxyRepo and getBody of cmd/go/internal/modfetch/proxy.go.
func goCommandURL(baseURL, modPath, file string) (string, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return "", err
	}
	enc, err := module.EscapePath(modPath)
	if err != nil {
		return "", err
	}
	pathEscape := func(s string) string { return strings.ReplaceAll(url.PathEscape(s), "%2F", "/") }
	basePath, baseRawPath := u.Path, u.RawPath
	u.Path = strings.TrimSuffix(basePath, "/") + "/" + enc
	u.RawPath = strings.TrimSuffix(baseRawPath, "/") + "/" + pathEscape(enc)

	target := *u
	target.Path = path.Join(u.Path, file)
	target.RawPath = path.Join(target.RawPath, pathEscape(file))
	return target.String(), nil
}

// received returns the URL that a server sees when a client asks for target.
func received(target string) (*url.URL, error) {
	req, err := http.NewRequest("GET", target, nil)
	if err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil, err
	}
	r, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	return r.URL, nil
}

// checkTravels makes sure that spec says c when it has been through the go command, and that the request stays whole.
func checkTravels(t *testing.T, c vanity.Config, spec string) {
	t.Helper()
	const modPath, file = "example.com/BurntSushi/m/v2", "@v/v2.0.0-!r!c+x~y.info"
	for _, base := range bases {
		target, err := goCommandURL(base+spec, modPath, file)
		if err != nil {
			t.Fatal(err)
		}
		u, err := received(target)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		b, _ := url.Parse(base)
		rest, ok := strings.CutPrefix(u.EscapedPath(), b.EscapedPath())
		if !ok {
			t.Fatalf("%s: the server sees %s", target, u.EscapedPath())
		}
		got, used, err := vanity.Decode(rest)
		if err != nil || got != c || used != spec {
			t.Fatalf("base %s, spec %s: Decode(%q) = %+v, %q, %v, want %+v", base, spec, rest, got, used, err, c)
		}
		if tail, err := url.PathUnescape(rest[len(used):]); err != nil || tail != "/example.com/!burnt!sushi/m/v2/"+file {
			t.Fatalf("base %s, spec %s: the rest is %q, %v", base, spec, tail, err)
		}
		if path.Clean(u.Path) != u.Path {
			t.Fatalf("base %s, spec %s: ServeMux would redirect %q", base, spec, u.Path)
		}
	}
}

// TestEncodeCollapse shows what would become of two slashes in a value, which gosub writes and Encode refuses.
func TestEncodeCollapse(t *testing.T) {
	target, err := goCommandURL(bases[0]+"github.com/o/r:d=a%2F%2Fb&p=c%2F;", "example.com/m", "@v/list")
	if err != nil {
		t.Fatal(err)
	}
	if want := bases[0] + "github.com/o/r:d=a/b&p=c/;/example.com/m/@v/list"; target != want {
		t.Errorf("the go command asks for %s, want %s", target, want)
	}
}

// canonical is the documented canonical form of a valid Config whose URL Encode accepts, by other means than Encode's.
func canonical(t *testing.T, c vanity.Config) vanity.Config {
	t.Helper()
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	elems := strings.Split(strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/"), "/")
	last := &elems[len(elems)-1]
	switch name := strings.TrimSuffix(*last, ".git"); {
	case name == "", name == ".", name == "..", strings.HasSuffix(name, ".git"):
	default:
		*last = name
	}
	for i, elem := range elems {
		elem = strings.ReplaceAll(url.QueryEscape(elem), "+", "%20")
		elems[i] = strings.NewReplacer("%2B", "+", "%40", "@").Replace(elem)
	}
	c.URL = "https://" + strings.ToLower(u.Hostname()) + "/" + strings.Join(elems, "/")
	if n := len(c.Directory) - 1; n >= 0 && c.Directory[n] == '/' {
		c.Directory = c.Directory[:n]
	}
	if c.Tags == "v*" {
		c.Tags = ""
	}
	return c
}

func FuzzEncode(f *testing.F) {
	for _, tt := range specs {
		f.Add(tt.c.URL, tt.c.Module, tt.c.Directory, tt.c.Tags)
	}
	f.Add("HTTPS://GitHub.com:443/o/r.git/", "gopkg.in/yaml.v3", "a/", "v*")
	f.Add("https://h/%7euser/a b/c%41", "", "a+b;c", "x/y-*+z")
	f.Fuzz(func(t *testing.T, rawURL, modPath, dir, tags string) {
		c := vanity.Config{URL: rawURL, Module: modPath, Directory: dir, Tags: tags}
		spec, err := vanity.Encode(c)
		if err != nil {
			checkMessage(t, err, strings.Count(fmt.Sprint(c.Validate()), "\n"))
			checkRefusal(t, c)
			return
		}
		want := canonical(t, c)
		if got, used, err := vanity.Decode(spec); err != nil || got != want || used != spec {
			t.Fatalf("Encode(%+v) = %q\nDecode = %+v, %q, %v, want %+v", c, spec, got, used, err, want)
		}
		if again, err := vanity.Encode(want); err != nil || again != spec {
			t.Fatalf("Encode(%+v) = %q\nof its canonical form %q, %v", c, spec, again, err)
		}
		checkTravels(t, want, spec)
	})
}

// checkRefusal makes sure that Encode refused c for a reason that its documentation gives.
func checkRefusal(t *testing.T, c vanity.Config) {
	t.Helper()
	if c.Validate() != nil || strings.HasPrefix(c.URL, "/") {
		return
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatalf("%q is valid, but no URL: %v", c.URL, err)
	}
	if u.Scheme == "https" && (u.Port() == "" || u.Port() == "443") && !strings.Contains(u.Host, "[") && !strings.ContainsAny(u.Path, ":;") {
		_, err := vanity.Encode(c)
		t.Errorf("Encode(%+v): %v", c, err)
	}
}

// checkMessage makes sure that a message can be shown: lines of printable text, not too long.
func checkMessage(t *testing.T, err error, breaks int) {
	t.Helper()
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != breaks+1 || len(err.Error()) > 30000 {
		t.Errorf("%d lines, %d bytes: %v", len(lines), len(err.Error()), err)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "vanity: ") || !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("line %q", line)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, tt := range specs {
		f.Add(tt.spec + "/example.com/m/@v/list")
	}
	f.Add("/GitHub.com/o/r.git:d=a/b/&d=c&x=y&p&s=%2dx;")
	f.Add("github.com/o/r%3Ad%3Da%2Fb%26p%3d%3B/m/@v/list")
	f.Add("h/r:d=%zz;")
	f.Fuzz(func(t *testing.T, path string) {
		c, used, err := vanity.Decode(path)
		if err != nil {
			if c != (vanity.Config{}) || used != "" {
				t.Errorf("Decode(%q) = %+v, %q besides the error", path, c, used)
			}
			checkMessage(t, err, 0)
			return
		}
		if !strings.HasPrefix(path, used) || !strings.HasSuffix(used, ";") && !strings.EqualFold(used[len(used)-3:], "%3B") {
			t.Fatalf("Decode(%q) used %q", path, used)
		}
		if c2, used2, err := vanity.Decode(used); err != nil || c2 != c || used2 != used {
			t.Fatalf("Decode(%q) = %+v\nof what it used: %+v, %q, %v", path, c, c2, used2, err)
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("Decode(%q) = %+v: %v", path, c, err)
		}
		spec, err := vanity.Encode(c)
		if err != nil {
			t.Fatalf("Decode(%q) = %+v, which Encode refuses: %v", path, c, err)
		}
		if c2, used2, err := vanity.Decode(spec); err != nil || c2 != c || used2 != spec {
			t.Fatalf("Decode(%q) = %+v\nEncode = %q\nDecode = %+v, %q, %v", path, c, spec, c2, used2, err)
		}
	})
}

var sealKeys = [][]byte{[]byte("0123456789abcdef"), bytes.Repeat([]byte("\x00\xff"), 50)}

// wantSeal is the documented form of a seal, by other means than Seal's.
func wantSeal(t *testing.T, c vanity.Config, key []byte) string {
	t.Helper()
	spec, err := vanity.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "vanity spec\n%s", spec)
	seal := strings.TrimRight(base64.URLEncoding.EncodeToString(mac.Sum(nil)[:16]), "=")
	if !strings.Contains(spec, "=") {
		return strings.Replace(spec, ";", ":x="+seal+";", 1)
	}
	return strings.Replace(spec, ";", "&x="+seal+";", 1)
}

func TestSeal(t *testing.T) {
	for _, tt := range specs {
		for i, key := range sealKeys {
			spec, err := vanity.Seal(tt.c, key)
			if want := wantSeal(t, tt.c, key); err != nil || spec != want {
				t.Errorf("Seal(%+v) = %q, %v, want %q", tt.c, spec, err, want)
			}
			if c, used, err := vanity.Decode(spec + "/m"); err != nil || c != tt.c || used != spec {
				t.Errorf("Decode(%q) = %+v, %q, %v", spec, c, used, err)
			}
			checkTravels(t, tt.c, spec)
			want := gosubAsks(t, tt.c, tt.spec)
			if len(want) == 0 {
				t.Fatalf("%s: Gosub does not serve it", tt.spec)
			}
			for _, keys := range [][][]byte{{key}, {sealKeys[1-i], key}, {key, sealKeys[1-i]}} {
				if got := gosubAsks(t, tt.c, spec, vanity.WithSeal(keys...)); !slices.Equal(got, want) {
					t.Errorf("%s: Gosub asks its store for %q, want %q", spec, got, want)
				}
			}
			if got := gosubAsks(t, tt.c, spec, vanity.WithSeal(sealKeys[1-i])); len(got) > 0 {
				t.Errorf("%s: served by another key", spec)
			}
		}
		if got := gosubAsks(t, tt.c, tt.spec, vanity.WithSeal(sealKeys...)); len(got) > 0 {
			t.Errorf("%s: served without a seal", tt.spec)
		}
	}
}

func TestSealErrors(t *testing.T) {
	for _, tt := range []struct {
		c    vanity.Config
		key  []byte
		want string
	}{
		{utf64, nil, "vanity: Seal: the key has 0 bytes: want 16 at least, from crypto/rand"},
		{utf64, []byte("SECRET"), "vanity: Seal: the key has 6 bytes: want 16 at least, from crypto/rand"},
		{vanity.Config{URL: "http://h/r"}, sealKeys[0], `vanity: URL "http://h/r": can't be written in a spec: it is not https`},
		{vanity.Config{URL: repo, Tags: "x"}, sealKeys[0], `vanity: Tags "x": has no "*" to stand for the version: write "x*" if the version comes last`},
	} {
		if spec, err := vanity.Seal(tt.c, tt.key); spec != "" || err == nil || err.Error() != tt.want {
			t.Errorf("Seal(%+v) with a key of %d bytes = %q, %v; want %s", tt.c, len(tt.key), spec, err, tt.want)
		}
	}
}

// TestSealForms checks that a seal holds for the Config, and not for a way to write it, and for nothing else.
func TestSealForms(t *testing.T) {
	c := vanity.Config{URL: repo, Directory: "a b", Tags: "tool-*"}
	spec, err := vanity.Seal(c, sealKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	seal := spec[strings.Index(spec, "x=") : len(spec)-1]
	other, err := vanity.Seal(vanity.Config{URL: repo, Directory: "other"}, sealKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	want := gosubAsks(t, c, spec)
	for _, tt := range []struct {
		spec string
		ok   bool
	}{
		{spec, true},
		{"GitHub.com/o/r.git:" + seal + "&s=&p=tool-&d=a%20b/;", true},
		{"github.com/o/r:d=a+b&p=tool-&%78" + seal[1:] + ";", true},
		{"github.com/o/r:d=a+b&p=tool-&" + seal + "&x=&d=other&y=z;", true},
		{strings.NewReplacer(":", "%3A", "&", "%26", "=", "%3D", ";", "%3B").Replace(spec), true},

		{"github.com/o/r:d=a+b&p=tool-;", false},
		{"github.com/o/r:d=a+b&p=tool-&x;", false},
		{"github.com/o/r:d=a+b&p=tool-&x=;", false},
		{"github.com/o/r:d=a+b&p=tool-&x=&" + seal + ";", false},
		{"github.com/o/r:d=a+b&p=tool-&X" + seal[1:] + ";", false},
		{"github.com/o/r:d=a+b&p=tool-&" + seal + "=;", false},
		{"github.com/o/r:d=a+b&p=tool-&" + seal + "%3D%3D;", false},
		{"github.com/o/r:d=a+b&p=tool-&" + seal + "%0A;", false},
		{"github.com/o/r:d=a+b&p=tool-&" + seal[:len(seal)-1] + ";", false},
		{"github.com/o/r:d=a+b&p=tool-&" + strings.ToLower(seal) + ";", false},
		{"github.com/o/r:d=other&d=a+b&p=tool-&" + seal + ";", false},
		{"github.com/o/r:d=a%2Bb&p=tool-&" + seal + ";", false},
		{"github.com/O/r:d=a+b&p=tool-&" + seal + ";", false},
		{"github.com/o/r:d=a+b&p=tool-&m=e.x%2Fm&" + seal + ";", false},
		{"gitlab.com/o/r:d=a+b&p=tool-&" + seal + ";", false},
		{strings.Replace(other, "d=other", "d=a+b&p=tool-", 1), false},
	} {
		got := gosubAsks(t, c, tt.spec, vanity.WithSeal(sealKeys[0]), vanity.WithHosts("github.com", "gitlab.com"))
		if ok := slices.Equal(got, want); ok != tt.ok || !ok && len(got) > 0 {
			t.Errorf("%s: Gosub asks its store for %q", tt.spec, got)
		}
	}
	if got := gosubAsks(t, c, spec, vanity.WithSeal(sealKeys[0]), vanity.WithHosts("gitlab.com")); len(got) > 0 {
		t.Errorf("%s: served, though the host isn't", spec)
	}
}

// TestSealChanged changes each byte of some specs to others: what is served is what was sealed.
func TestSealChanged(t *testing.T) {
	for _, c := range []vanity.Config{{URL: repo}, utf64, {URL: "https://git.sr.ht/~user/a%20b", Directory: "c++", Tags: "&*;"}} {
		spec, err := vanity.Seal(c, sealKeys[0])
		if err != nil {
			t.Fatal(err)
		}
		want := gosubAsks(t, c, spec, vanity.WithSeal(sealKeys[0]))
		if len(want) == 0 {
			t.Fatalf("%s: Gosub does not serve it", spec)
		}
		refused := 0
		for i := range spec {
			for _, with := range []byte{spec[i] ^ 1, spec[i] ^ 2, spec[i] ^ 0x20, ';', ':', '/', '&', '%', '.', '+', 0} {
				changed := []byte(spec)
				if changed[i] = with; with == 0 {
					changed = slices.Delete(changed, i, i+1)
				}
				if got := gosubAsks(t, c, string(changed), vanity.WithSeal(sealKeys[0])); len(got) == 0 {
					refused++
				} else if !slices.Equal(got, want) {
					t.Errorf("%s: Gosub asks its store for %q, want %q", changed, got, want)
				}
			}
		}
		if all := 11 * len(spec); refused < all*2/3 {
			t.Errorf("%s: %d of %d changes are refused", spec, refused, all)
		}
	}
}

// FuzzSeal checks that what Seal writes is served to the go command, and nothing that differs by a byte.
func FuzzSeal(f *testing.F) {
	for i, tt := range specs {
		f.Add(tt.c.URL, tt.c.Module, tt.c.Directory, tt.c.Tags, sealKeys[i%2], uint(i), byte(i))
	}
	f.Add("HTTPS://GitHub.com:443/o/r.git/", "gopkg.in/yaml.v3", "a/", "v*", []byte("short"), uint(60), byte('A'))
	f.Fuzz(func(t *testing.T, rawURL, modPath, dir, tags string, key []byte, at uint, with byte) {
		c := vanity.Config{URL: rawURL, Module: modPath, Directory: dir, Tags: tags}
		plain, encodeErr := vanity.Encode(c)
		spec, err := vanity.Seal(c, key)
		if (err == nil) != (encodeErr == nil && len(key) >= 16) {
			t.Fatalf("Seal(%+v) with a key of %d bytes: %v", c, len(key), err)
		}
		if err != nil {
			return
		}
		if want := wantSeal(t, c, key); spec != want {
			t.Fatalf("Seal(%+v) = %q, want %q", c, spec, want)
		}
		c = canonical(t, c)
		checkTravels(t, c, spec)
		want := gosubAsks(t, c, plain)
		if got := gosubAsks(t, c, spec, vanity.WithSeal(key)); len(got) == 0 || !slices.Equal(got, want) {
			t.Fatalf("%s: Gosub asks its store for %q, want %q", spec, got, want)
		}
		changed := []byte(spec)
		changed[at%uint(len(spec))] = with
		if got := gosubAsks(t, c, string(changed), vanity.WithSeal(key)); len(got) > 0 && !slices.Equal(got, want) {
			t.Fatalf("%s: Gosub asks its store for %q, want %q", changed, got, want)
		}
	})
}

// gosubAsks returns the names that a Gosub for c's host asks its store for when the go command wants the list of c's
// module by a spec. A name has a hash of the whole Config in it; without one, the spec is refused.
func gosubAsks(t *testing.T, c vanity.Config, spec string, opts ...vanity.Option) []string {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(c.URL, "https://"), "/")
	modPath := cmp.Or(c.Module, "example.com/BurntSushi/m")
	target, err := goCommandURL(bases[1]+spec, modPath, "@v/list")
	if err != nil {
		return nil // nobody can ask that
	}
	req, err := http.NewRequest("GET", target, nil)
	if err != nil {
		return nil
	}
	req.Header.Set("Disable-Module-Fetch", "true")
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil
	}
	r, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	store := new(nameStore)
	rec := httptest.NewRecorder()
	vanity.Gosub("/go", append([]vanity.Option{vanity.WithHosts(host), vanity.WithStore(store), quiet()}, opts...)...).ServeHTTP(rec, r)
	if rec.Code != http.StatusNotFound || strings.Contains(rec.Body.String(), "has not stored it") != (len(store.names) > 0) {
		t.Errorf("%s: status %d, %q, with %q asked for", target, rec.Code, rec.Body, store.names)
	}
	return store.names
}

// A nameStore has nothing, and keeps what it is asked for.
type nameStore struct {
	mu    sync.Mutex
	names []string
}

func (s *nameStore) Get(_ context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
	return nil, fs.ErrNotExist
}

func (s *nameStore) Put(context.Context, string, io.ReadSeeker) error {
	return errors.New("nothing is stored")
}

// gosubScript reads cases and writes what gosub makes of them.
const gosubScript = `
import { gosubEncode, gosubDecode } from "gosub-goproxy";
import { readFileSync, writeFileSync } from "node:fs";
const { configs, paths } = JSON.parse(readFileSync(process.argv[1], "utf8"));
const encoded = configs.map((c) => gosubEncode(c).value ?? "");
const decoded = paths.concat(encoded).map((p) => gosubDecode(p) ?? null);
writeFileSync(process.argv[2], JSON.stringify({ encoded, decoded }));
`

// gosubConfig is gosub's configuration; a nil TagPrefix is its default.
type gosubConfig struct {
	URL       string  `json:"url"`
	Module    string  `json:"module,omitempty"`
	Directory string  `json:"directory,omitempty"`
	TagPrefix *string `json:"tagPrefix,omitempty"`
	TagSuffix string  `json:"tagSuffix,omitempty"`
}

// config is g as a Config in canonical form.
func (g gosubConfig) config() vanity.Config {
	c := vanity.Config{URL: g.URL, Module: g.Module, Directory: g.Directory}
	if g.TagPrefix != nil {
		c.Tags = *g.TagPrefix + "*" + g.TagSuffix
	} else if g.TagSuffix != "" {
		c.Tags = "v*" + g.TagSuffix
	}
	return c
}

// gosubDir is read before TestMain takes away every variable that begins with GO.
var gosubDir = os.Getenv("GOSUB_GOPROXY")

// TestEncodeLikeGosub compares Encode and Decode with the real gosub.
func TestEncodeLikeGosub(t *testing.T) {
	dir := gosubDir
	if dir == "" {
		t.Skip("set GOSUB_GOPROXY to a directory where npm install gosub-goproxy@0.0.18 was run")
	}
	configs := gosubConfigs(6000)
	var in struct {
		Configs []gosubConfig `json:"configs"`
		Paths   []string      `json:"paths"`
	}
	for _, c := range configs {
		g := gosubConfig{URL: c.URL, Module: c.Module, Directory: c.Directory}
		if prefix, suffix, ok := strings.Cut(c.Tags, "*"); ok {
			g.TagPrefix, g.TagSuffix = &prefix, suffix
		}
		in.Configs = append(in.Configs, g)
	}
	in.Paths = gosubPaths(6000)
	var out struct {
		Encoded []string `json:"encoded"`
		Decoded []*struct {
			Config gosubConfig `json:"config"`
			Used   string      `json:"used"`
		} `json:"decoded"`
	}
	runGosub(t, dir, &in, &out)

	for i, c := range configs {
		if spec, err := vanity.Encode(c); err != nil || spec != out.Encoded[i] {
			t.Errorf("Encode(%+v) = %q, %v, gosub says %q", c, spec, err, out.Encoded[i])
		}
	}
	alike := 0
	for i, path := range append(in.Paths, out.Encoded...) {
		c, used, err := vanity.Decode(path)
		switch gosub := out.Decoded[i]; {
		case gosub == nil:
			if err == nil {
				t.Errorf("Decode(%q) = %+v, %q, gosub refuses it", path, c, used)
			}
		case err != nil && gosub.Config.config().Validate() != nil:
			// gosub checks no value.
		case err != nil || c != gosub.Config.config() || used != gosub.Used:
			t.Errorf("Decode(%q) = %+v, %q, %v, gosub says %+v, %q", path, c, used, err, gosub.Config.config(), gosub.Used)
		default:
			alike++
		}
	}
	t.Logf("%d configurations encoded alike, %d of %d paths decoded alike, the others refused by one of the two", len(configs), alike, len(in.Paths)+len(configs))
}

// runGosub runs gosubScript in dir, with in as its input, and reads its output into out.
func runGosub(t *testing.T, dir string, in, out any) {
	t.Helper()
	tmp := t.TempDir()
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	inFile, outFile := filepath.Join(tmp, "in.json"), filepath.Join(tmp, "out.json")
	if err := os.WriteFile(inFile, data, 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "--input-type=module", "-e", gosubScript, inFile, outFile)
	cmd.Dir = dir
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node in %s: %v\n%s", dir, err, msg)
	}
	if data, err = os.ReadFile(outFile); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
}

// gosubConfigs returns n valid configurations at github.com, in canonical form.
func gosubConfigs(n int) []vanity.Config {
	rnd := rand.New(rand.NewPCG(3, 4))
	text := func(alphabet string, most int) string {
		runes := []rune(alphabet)
		s := make([]rune, rnd.IntN(most))
		for i := range s {
			s[i] = runes[rnd.IntN(len(runes))]
		}
		return string(s)
	}
	const (
		name = "abcXYZ019-._"
		any  = name + "/~ !\"#$%&'()*+,:;<=>?@[]^`{|}éß日本🙂\u00a0"
	)
	var list []vanity.Config
	for len(list) < n {
		c := vanity.Config{URL: "https://github.com/o" + text(name, 9) + "/r" + text(name, 9), Directory: text(any, 12)}
		if rnd.IntN(2) == 0 {
			c.Module = "example.com/" + text(name+"/", 9)
		}
		if rnd.IntN(3) > 0 {
			c.Tags = strings.ReplaceAll(text(any, 7), "*", "") + "*" + strings.ReplaceAll(text(any, 4), "*", "")
		}
		if c.Validate() == nil && !strings.HasSuffix(c.URL, ".git") && !strings.HasSuffix(c.Directory, "/") && c.Tags != "v*" {
			list = append(list, c)
		}
	}
	return append(list, utf64, vanity.Config{URL: repo, Tags: "*"}, vanity.Config{URL: repo, Tags: "v*-x"}, vanity.Config{URL: repo, Tags: "v-*"})
}

// gosubPaths returns n escaped paths, some of them broken, that Decode and gosub are meant to read alike, as far as the
// values are valid. They differ elsewhere where gosub is careless: it takes a path without a semicolon for a spec, cuts
// a value at a bare colon and reads "?d=x" as "d=x"; and where Decode is tolerant: a leading slash, letter case of the
// host, ".git", a slash after a directory, other hosts, over-escaped delimiters.
func gosubPaths(n int) []string {
	rnd := rand.New(rand.NewPCG(5, 6))
	heads := []string{"github.com/o/r", "github.com/O-o/r.x_y", "github.com/o", "github.com/o/r/x", "github.com/o/r/", "github.com//r", "github.com"}
	keys := []string{"d", "m", "p", "s", "x", "D", "%64", "", "dd"}
	values := []string{"", "a", "a/b", "a%2Fb", "a%2fb", "v", "-x", "e.x/m", "e.x%2Fm", "a+b", "a%2Bb", "%C3%BC", "a=b", "a%3Db", "a%26b", "a%3Bb", "a%3Ab", "%25", "~", "a*b"}
	list := []string{"github.com/o/r;", "github.com/o/r:;", "github.com/o/r:p;", "github.com/o/r:d;/m", "github.com/o/r:&&d=a&;", ";", "/;", ":d=x;", utf64Spec + "/m/@v/list"}
	for len(list) < n {
		p := heads[max(0, rnd.IntN(2*len(heads))-len(heads))]
		if rnd.IntN(5) > 0 {
			var pairs []string
			for range rnd.IntN(5) {
				pair := keys[rnd.IntN(len(keys))]
				if rnd.IntN(6) > 0 {
					pair += "=" + values[rnd.IntN(len(values))]
				}
				pairs = append(pairs, pair)
			}
			p += ":" + strings.Join(pairs, "&")
		}
		list = append(list, p+";"+[]string{"", "/m/@v/list", "x;y", ":z;"}[rnd.IntN(4)])
	}
	return list
}
