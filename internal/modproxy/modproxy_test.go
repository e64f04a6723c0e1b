package modproxy_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/modproxy"
)

var requests = []struct {
	path string
	want modproxy.Request
}{
	{"example.com/m/@v/list", modproxy.Request{Path: "example.com/m", Kind: modproxy.List}},
	{"example.com/m/@latest", modproxy.Request{Path: "example.com/m", Kind: modproxy.Latest}},
	{"example.com/m/@v/v1.0.0.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "v1.0.0"}},
	{"example.com/m/@v/v1.0.0.mod", modproxy.Request{Path: "example.com/m", Kind: modproxy.Mod, Version: "v1.0.0"}},
	{"example.com/m/@v/v1.0.0.zip", modproxy.Request{Path: "example.com/m", Kind: modproxy.Zip, Version: "v1.0.0"}},
	{"example.com/@v/list", modproxy.Request{Path: "example.com", Kind: modproxy.List}},
	{"example.com/m/v2/@latest", modproxy.Request{Path: "example.com/m/v2", Kind: modproxy.Latest}},
	{"gopkg.in/yaml.v3/@v/list", modproxy.Request{Path: "gopkg.in/yaml.v3", Kind: modproxy.List}},

	// Upper-case letters.
	{"github.com/!azure/sdk/@v/list", modproxy.Request{Path: "github.com/Azure/sdk", Kind: modproxy.List}},
	{"github.com/!burnt!sushi/toml/@latest", modproxy.Request{Path: "github.com/BurntSushi/toml", Kind: modproxy.Latest}},
	{"example.com/m/@v/v1.0.0-!r!c1.mod", modproxy.Request{Path: "example.com/m", Kind: modproxy.Mod, Version: "v1.0.0-RC1"}},
	{"example.com/m/@v/!feature.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "Feature"}},

	// Queries, and versions with dots.
	{"example.com/m/@v/main.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "main"}},
	{"example.com/m/@v/release-1.x.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "release-1.x"}},
	{"example.com/m/@v/0123456789ab.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "0123456789ab"}},
	{"example.com/m/@v/v1.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "v1"}},
	{"example.com/m/@v/v1.0.0.info.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "v1.0.0.info"}},
	{"example.com/m/@v/v1.0.0+meta.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "v1.0.0+meta"}},
	{"example.com/m/@v/list.info", modproxy.Request{Path: "example.com/m", Kind: modproxy.Info, Version: "list"}},
	{"example.com/m/@v/v2.0.0+incompatible.zip", modproxy.Request{Path: "example.com/m", Kind: modproxy.Zip, Version: "v2.0.0+incompatible"}},
	{"example.com/m/@v/v1.2.4-0.20060102150405-0123456789ab.mod", modproxy.Request{Path: "example.com/m", Kind: modproxy.Mod, Version: "v1.2.4-0.20060102150405-0123456789ab"}},
	{"golang.org/toolchain/@v/v0.0.1-go1.21.0.linux-amd64.zip", modproxy.Request{Path: "golang.org/toolchain", Kind: modproxy.Zip, Version: "v0.0.1-go1.21.0.linux-amd64"}},
}

func TestParse(t *testing.T) {
	for _, tt := range requests {
		got, err := modproxy.Parse(tt.path)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", tt.path, got, err, tt.want)
		}
		if name, err := got.Name(); err != nil || name != tt.path {
			t.Errorf("%+v.Name() = %q, %v; want %q", got, name, err, tt.path)
		}
		if !modproxy.Is("/" + tt.path) {
			t.Errorf("Is(%q) = false", "/"+tt.path)
		}
	}
}

// The go command writes the exclamation mark as it is or as %21, and a server sees the same path.
func TestParsePercentEscape(t *testing.T) {
	for _, raw := range []string{"https://proxy.test/github.com/!azure/sdk/@v/list", "https://proxy.test/github.com/%21azure/sdk/@v/list"} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := modproxy.Parse(u.Path[1:])
		if err != nil || got.Path != "github.com/Azure/sdk" {
			t.Errorf("Parse(path of %s) = %+v, %v", raw, got, err)
		}
	}
	if got, err := modproxy.Parse("github.com/%21azure/sdk/@v/list"); err == nil {
		t.Errorf("percent-escape left in the path: got %+v, want an error", got)
	}
}

const noFile = "none of the protocol's files: list, VERSION.info"

var failures = []struct{ path, want string }{
	{"", "not a path of the GOPROXY protocol"},
	{"example.com/m", "not a path of the GOPROXY protocol"},
	{"example.com/m/@v", "not a path of the GOPROXY protocol"},
	{"example.com/m/@latest/", "not a path of the GOPROXY protocol"},
	{"sumdb/sum.golang.org/supported", "not a path of the GOPROXY protocol"},

	// Files.
	{"example.com/m/@v/", noFile},
	{"example.com/m/@v/v1.0.0", noFile},
	{"example.com/m/@v/list/", noFile},
	{"example.com/m/@v/list.txt", noFile},
	{"example.com/m/@v/LIST", noFile},
	{"example.com/m/@v/v1.0.0.ZIP", noFile},
	{"example.com/m/@v/v1.0.0.ziphash", noFile},
	{"example.com/m/@v/info", noFile},
	{"example.com/m/@v/v1.0.0.info/", noFile},
	{"example.com/m/@v//@latest", noFile},
	{"example.com/m/@v/v1.0.0/@v/list", noFile},
	{"example.com/m/@v/m/@v/v1.0.0.info", "can't be asked for"},

	// Versions.
	{"example.com/m/@v/.info", `malformed version "": empty string`},
	{"example.com/m/@v/...info", `malformed version "..": invalid path element`},
	{"example.com/m/@v/v1..info", "trailing dot"},
	{"example.com/m/@v/feature/x.info", "can't be asked for"},
	{"example.com/m/@v/caf\u00e9.info", `"caf\u00e9" has a slash or a letter beyond ASCII`},
	{"example.com/m/@v/a\xff.info", "can't be asked for"},
	{"example.com/m/@v/a\nb.info", `"a\nb": invalid char '\n'`},
	{"example.com/m/@v/a\x1b[31m.info", `"a\x1b[31m": invalid char '\x1b'`},
	{"example.com/m/@v/con.info", "disallowed as path element"},
	{"example.com/m/@v/V1.0.0.info", `version "V1.0.0": upper-case letters are escaped, as in "!v1.0.0"`},
	{"example.com/m/@v/v1.0.0-RC1.zip", `as in "v1.0.0-!r!c1"`},
	{"example.com/m/@v/v1.0.0-!RC1.zip", "no other exclamation mark"},
	{"example.com/m/@v/v1.0.0!.zip", "no other exclamation mark"},
	{"example.com/m/@v/!!v1.info", "no other exclamation mark"},
	{"example.com/m/@v/main.mod", `"main" is no canonical version: ask for its .info`},
	{"example.com/m/@v/v1.zip", "no canonical version"},
	{"example.com/m/@v/v1.0.zip", "no canonical version"},
	{"example.com/m/@v/1.0.0.zip", "no canonical version"},
	{"example.com/m/@v/v01.0.0.zip", "no canonical version"},
	{"example.com/m/@v/v1.0.0+meta.mod", "no canonical version"},
	{"example.com/m/@v/v1.0.0.info.zip", "no canonical version"},

	// Module paths.
	{"/@v/list", `malformed module path "": empty string`},
	{"@v/list", "not a path of the GOPROXY protocol"},
	{"/@latest", "empty string"},
	{"/example.com/m/@v/list", "empty path element"},
	{"example.com//m/@v/list", "double slash"},
	{"example.com/m//@v/list", "trailing slash"},
	{"example/m/@v/list", `malformed module path "example/m": missing dot in first path element`},
	{"../m/@v/list", "invalid path element"},
	{"example.com/../m/@latest", "invalid path element"},
	{"-example.com/m/@v/list", "leading dash"},
	{"example.com/.m/@v/list", "leading dot"},
	{"example.com/m/v1/@v/list", "invalid version"},
	{"example.com/m/v02/@v/list", "invalid version"},
	{"gopkg.in/yaml/@v/list", "invalid version"},
	{"example.com/m@v1.0.0/@v/list", "invalid char '@'"},
	{"example.com/a b/@v/list", "invalid char ' '"},
	{"example.com/\u00e9/@v/list", `"example.com/\u00e9": invalid char`},
	{"example.com/\xff/@v/list", "invalid UTF-8"},
	{"example.com/nul/@v/list", "disallowed as path element"},
	{"github.com/Azure/sdk/@v/list", `module path "github.com/Azure/sdk": upper-case letters are escaped, as in "github.com/!azure/sdk"`},
	{"Example.com/m/@latest", "invalid char 'E'"},
	{"github.com/!azure/SDK/@latest", "no other exclamation mark"},
	{"github.com/!Azure/sdk/@latest", "no other exclamation mark"},
	{"github.com/!!azure/sdk/@latest", "no other exclamation mark"},
	{"github.com/azure!/@latest", "no other exclamation mark"},
	{"github.com/!1/@latest", "no other exclamation mark"},

	// Length.
	{"example.com/" + strings.Repeat("a", 3000) + "/@v/list", "longer than 2048 bytes"},
	{"example.com/" + strings.Repeat("A", 1500) + "/@v/list", "upper-case"},
	{"example.com/m/@v/" + strings.Repeat("a", 1500), noFile},
	{"example.com/m/@v/" + strings.Repeat("a", 1500) + ".mod", "no canonical version"},
	{"example.com/m/@v/" + strings.Repeat("\u00e9", 900) + ".info", "can't be asked for"},
}

func TestParseError(t *testing.T) {
	for _, tt := range failures {
		got, err := modproxy.Parse(tt.path)
		if err == nil {
			t.Errorf("Parse(%.200q) = %+v, want an error", tt.path, got)
			continue
		}
		if got != (modproxy.Request{}) {
			t.Errorf("Parse(%.200q) gives %+v beside the error %v", tt.path, got, err)
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%.200q): %v\nwant %s", tt.path, err, tt.want)
		}
		checkText(t, err)
	}
}

// checkText insists on a short line that can be shown in a terminal.
func checkText(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if len(text) > 1000 {
		t.Errorf("error text of %d bytes: %s", len(text), text)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("error text can't be printed: %q", text)
	}
}

func TestIs(t *testing.T) {
	tests := []struct {
		path string
		want bool
	}{
		{"/example.com/m/@v/list", true},
		{"/example.com/m/@latest", true},
		{"/@v/list", true},
		{"/@latest", true},
		{"/example.com/m/@v/", true}, // malformed, but nobody else's
		{"/example.com/m/@v", false},
		{"/example.com/m/@latest/", false},
		{"/example.com/m@latest", false},
		{"/example.com/@vendor/x", false},
		{"/sumdb/sum.golang.org/supported", false},
		{"/sumdb/sum.golang.org/lookup/example.com/m@v1.0.0", false},
		{"/", false},
		{"", false},
	}
	for _, tt := range tests {
		if got := modproxy.Is(tt.path); got != tt.want {
			t.Errorf("Is(%q) = %v", tt.path, got)
		}
	}
}

func TestNameError(t *testing.T) {
	for _, r := range []modproxy.Request{
		{},
		{Path: "example.com/m!", Kind: modproxy.List},
		{Path: "m", Kind: modproxy.Latest},
		{Path: "example.com/m", Kind: modproxy.Info},
		{Path: "example.com/m", Kind: modproxy.Info, Version: "a/b"},
		{Path: "example.com/m", Kind: modproxy.Info, Version: "!a"},
		{Path: "example.com/m", Kind: modproxy.Info, Version: "caf\u00e9"},
		{Path: "example.com/m", Kind: modproxy.Mod, Version: "main"},
		{Path: "example.com/m", Kind: modproxy.Zip, Version: "v1.0"},
	} {
		if name, err := r.Name(); err == nil {
			t.Errorf("%+v.Name() = %q, want an error", r, name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range requests {
		f.Add(tt.path)
	}
	for _, path := range []string{"", "/@v/", "@latest", "a.b/@v/.info", "a.b/@v/!.zip", "a.b/@v/x/@v/list", "A.b/@latest", "a.b/\xff/@v/list", "a.b/@v/\u00e9.info"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		req, err := modproxy.Parse(path)
		if err != nil {
			checkText(t, err)
			return
		}
		if !modproxy.Is("/" + path) {
			t.Errorf("Parse(%q) succeeds, but Is says no", path)
		}
		if err := module.CheckPath(req.Path); err != nil {
			t.Error(err)
		}
		name, err := req.Name()
		if err != nil || name != path {
			t.Fatalf("Parse(%q) = %+v, whose Name is %q, %v", path, req, name, err)
		}
		if again, err := modproxy.Parse(name); err != nil || again != req {
			t.Errorf("Parse(%q) = %+v, %v the second time; %+v before", name, again, err, req)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, path := range map[string]string{
		"info": "go.acme.dev/libs/tool/@v/v1.2.3.info", "upper": "github.com/!azure/azure-sdk-for-go/@v/v1.2.3.zip",
		"list": "go.acme.dev/libs/tool/v2/@v/list", "pseudo": "go.acme.dev/libs/tool/@v/v0.0.0-20240101000000-0123456789ab.mod",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := modproxy.Parse(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
