package main

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	yamlv2 "go.yaml.in/yaml/v2"
	yamlv3 "go.yaml.in/yaml/v3"
	yamlv4 "go.yaml.in/yaml/v4"
	yamlold "gopkg.in/yaml.v3"
	yamljson "sigs.k8s.io/yaml"

	"example.com/vanity"
)

// libraries decode strictly, each in its own way.
var libraries = map[string]func(data []byte, site *vanity.Site) error{
	"go.yaml.in/yaml/v4": func(data []byte, site *vanity.Site) error {
		return yamlv4.Load(data, site, yamlv4.WithKnownFields())
	},
	"go.yaml.in/yaml/v3": func(data []byte, site *vanity.Site) error {
		d := yamlv3.NewDecoder(bytes.NewReader(data))
		d.KnownFields(true)
		return d.Decode(site)
	},
	"go.yaml.in/yaml/v2": func(data []byte, site *vanity.Site) error { // govanityurls' own, moved
		return yamlv2.UnmarshalStrict(data, site)
	},
	"gopkg.in/yaml.v3": func(data []byte, site *vanity.Site) error { // no longer kept, and much used
		d := yamlold.NewDecoder(bytes.NewReader(data))
		d.KnownFields(true)
		return d.Decode(site)
	},
	"github.com/goccy/go-yaml": func(data []byte, site *vanity.Site) error {
		return yaml.UnmarshalWithOptions(data, site, yaml.Strict())
	},
	"sigs.k8s.io/yaml": func(data []byte, site *vanity.Site) error { // by the tags for JSON
		return yamljson.UnmarshalStrict(data, site)
	},
}

// jsonByCase are the libraries that don't tell "Host" from "host", as encoding/json doesn't.
var jsonByCase = map[string]bool{"sigs.k8s.io/yaml": true}

// govanityurls has all that a file of govanityurls may hold.
const govanityurls = `
host: go.acme.dev
cache_max_age: 60
paths:
  /log:
    repo: https://github.com/acme/log
  /draw/:
    repo: https://hg.acme.dev/draw
    display: "https://hg.acme.dev/draw https://hg.acme.dev/draw/file/tip{/dir} https://hg.acme.dev/draw/file/tip{/dir}/{file}#l{line}"
    vcs: hg
`

// every has all keys that there are.
const every = `
host: acme.dev/go
hosts:
  - acme.test
  - old.acme.dev
cache_max_age: 86400
proxy: /proxy
redirect: https://pkg.go.dev/{path}
paths:
  tool:
    repo: https://git.acme.dev/mono
    vcs: git
    display: https://h/r _ _
    proxy: https://proxy.acme.dev/go
    directory: libs/tool
    tags: tool-*
    redirect: https://docs.acme.dev/{path}
    description: 'It measures: feet, inches & yards.'
`

func TestLibraries(t *testing.T) {
	const repo = "https://github.com/acme/"
	for name, tt := range map[string]struct {
		file string
		want vanity.Site
	}{
		"govanityurls": {govanityurls, vanity.Site{Host: "go.acme.dev", CacheMaxAge: 60, Paths: map[string]vanity.Import{
			"/log": {Repo: repo + "log"},
			"/draw/": {
				Repo: "https://hg.acme.dev/draw", VCS: "hg",
				Display: "https://hg.acme.dev/draw https://hg.acme.dev/draw/file/tip{/dir} https://hg.acme.dev/draw/file/tip{/dir}/{file}#l{line}",
			},
		}}},
		"every key": {every, vanity.Site{
			Host: "acme.dev/go", Hosts: []string{"acme.test", "old.acme.dev"}, CacheMaxAge: 86400, Proxy: "/proxy", Redirect: "https://pkg.go.dev/{path}",
			Paths: map[string]vanity.Import{"tool": {
				Repo: "https://git.acme.dev/mono", VCS: "git", Display: "https://h/r _ _", Proxy: "https://proxy.acme.dev/go",
				Directory: "libs/tool", Tags: "tool-*", Redirect: "https://docs.acme.dev/{path}", Description: "It measures: feet, inches & yards.",
			}},
		}},
		"in every style": {
			"{host: 'acme.dev', \"cache_max_age\": 60, paths: {\n" +
				"  '': {repo: https://github.com/acme/root}, '*': {repo: 'https://github.com/acme/*'}, # the rest\n" +
				"  2048: {repo: https://github.com/acme/2048}}}\n",
			vanity.Site{Host: "acme.dev", CacheMaxAge: 60, Paths: map[string]vanity.Import{
				"": {Repo: repo + "root"}, "*": {Repo: repo + "*"}, "2048": {Repo: repo + "2048"},
			}},
		},
		"repeated by an alias": {
			"host: acme.dev\npaths:\n  /a: &a\n    repo: https://github.com/acme/a\n    vcs: git\n  /b: *a\n  /c: {<<: *a, tags: v*}\n",
			vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{
				"/a": {Repo: repo + "a", VCS: "git"}, "/b": {Repo: repo + "a", VCS: "git"}, "/c": {Repo: repo + "a", VCS: "git", Tags: "v*"},
			}},
		},
		"JSON": {
			`{"host": "acme.dev", "paths": {"a": {"repo": "https://github.com/acme/\u0061"}}}`,
			vanity.Site{Host: "acme.dev", Paths: map[string]vanity.Import{"a": {Repo: repo + "a"}}},
		},
	} {
		for library, decode := range libraries {
			var site vanity.Site
			if err := decode([]byte(tt.file), &site); err != nil {
				t.Errorf("%s, %s: %v", library, name, err)
			} else if diff := cmp.Diff(tt.want, site); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", library, name, diff)
			}
			if err := site.Validate(); err != nil {
				t.Errorf("%s, %s: %v", library, name, err)
			}
		}
	}
}

// TestEveryKey asserts that a field added to the site is tried here, too.
func TestEveryKey(t *testing.T) {
	site, err := parse([]byte(every))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []reflect.Value{reflect.ValueOf(site), reflect.ValueOf(site.Paths["tool"])} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is in no file", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

// TestLibrariesStrict has files that every library must refuse.
func TestLibrariesStrict(t *testing.T) {
	for name, file := range map[string]string{
		"unknown key":             "host: acme.dev\nredirects: none\n",
		"unknown key of a path":   "paths:\n  /tool:\n    repo: https://github.com/acme/tool\n    branch: main\n",
		"key twice":               "host: acme.dev\nhost: acme.test\n",
		"path twice":              "paths:\n  /tool: {repo: https://github.com/acme/tool}\n  /tool: {repo: https://github.com/acme/other}\n",
		"key of a path twice":     "paths:\n  /tool:\n    vcs: git\n    vcs: hg\n",
		"text for a number":       "cache_max_age: 1h\n",
		"text for a list":         "hosts: acme.test\n",
		"list for a map":          "paths: [tool]\n",
		"list for the whole":      "- host: acme.dev\n",
		"tab":                     "paths:\n\t/tool: {repo: https://github.com/acme/tool}\n",
		"capitals":                "Host: acme.dev\n",
		"capitals in a path":      "paths:\n  /tool: {Repo: https://github.com/acme/tool}\n",
		"wildcard without quotes": "paths:\n  *: {repo: https://github.com/acme/tool}\n",
	} {
		for library, decode := range libraries {
			var site vanity.Site
			err := decode([]byte(file), &site)
			if taken := err == nil; taken != (jsonByCase[library] && (name == "capitals" || name == "capitals in a path")) {
				t.Errorf("%s: %s: %+v, %v", library, name, site, err)
			}
		}
	}
}
