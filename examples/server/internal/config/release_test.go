package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/config"
)

// said writes names as "A B | C": A, and if that isn't there B, and C besides.
func said[T any](all []T) string {
	var text []string
	for _, names := range all {
		text = append(text, strings.Trim(fmt.Sprint(names), "[]"))
	}
	return strings.Join(text, " | ")
}

// TestReleasedNames has the names that one tag may have at one site or another.
func TestReleasedNames(t *testing.T) {
	paths := func(lines string) string { return "host: go.acme.dev\nproxy: /go\npaths:\n" + lines }
	const (
		toolAndV2 = "  tool: {repo: https://github.com/acme/tool, tags: 'v*'}\n  tool/v2: {repo: https://github.com/acme/tool, tags: 'v*'}\n"
		v2InOther = "  tool: {repo: https://github.com/acme/tool, tags: 'v*'}\n  tool/v2: {repo: https://github.com/acme/tool2, tags: 'v*'}\n"
		v2ByStar  = "  tool: {repo: https://github.com/acme/tool, tags: 'v*'}\n  'tool/*': {repo: 'https://github.com/acme/tool-*', tags: 'v*'}\n"
		repoStar  = "  '*': {repo: 'https://github.com/acme/*', tags: 'v*'}\n"
		repoIn    = "  '*': {repo: 'https://github.com/acme/go-*-lib', tags: 'v*'}\n"
		dashes    = "  'libs/*': {repo: 'https://github.com/acme/tool', directory: 'libs/*', tags: '*-*'}\n"
		behind    = "  'libs/*': {repo: 'https://github.com/acme/tool', directory: 'libs/*', tags: 'v*-*'}\n"
		noTags    = "  'libs/*': {repo: 'https://github.com/acme/tool', directory: 'libs/*'}\n"
		nested    = "  'libs/*': {repo: 'https://github.com/acme/tool', directory: 'libs/*', tags: 'libs/*/v*'}\n"
		shadowed  = "  tool: {repo: https://github.com/acme/tool, tags: 'v*'}\n  tool/sub: {repo: https://github.com/acme/sub, tags: 'sub/v*'}\n"
		inDir     = "  tool: {repo: https://github.com/acme/tool, directory: ab, tags: 'ab/v*'}\n"
	)
	for _, tt := range []struct{ paths, repository, tag, want string }{
		{toolAndV2, "acme/tool", "v1.0.0", "go.acme.dev/tool@v1.0.0"},
		{toolAndV2, "acme/tool", "v2.0.0", "go.acme.dev/tool/v2@v2.0.0 go.acme.dev/tool@v2.0.0+incompatible | go.acme.dev/tool/v2@v2.0.0"},
		{toolAndV2, "acme/tool", "v3.0.0", "go.acme.dev/tool/v3@v3.0.0 go.acme.dev/tool@v3.0.0+incompatible"},
		{toolAndV2, "acme/tool", "v1.0.0+meta", ""},
		{v2InOther, "acme/tool", "v2.0.0", "go.acme.dev/tool@v2.0.0+incompatible"},
		{v2InOther, "acme/tool2", "v2.0.0", "go.acme.dev/tool/v2@v2.0.0"},
		{v2InOther, "acme/tool2", "v1.0.0", ""},
		{v2ByStar, "acme/tool", "v2.0.0", "go.acme.dev/tool/v2@v2.0.0 go.acme.dev/tool@v2.0.0+incompatible"},
		{repoStar, "acme/Mono", "v1.0.0", "go.acme.dev/Mono@v1.0.0"},
		{repoStar, "ACME/mono", "v1.0.0", "go.acme.dev/mono@v1.0.0"},
		{repoStar, "acme/mono/x", "v1.0.0", ""},
		{repoStar, "acme", "v1.0.0", ""},
		{repoIn, "acme/Go-Log-Lib", "v1.0.0", "go.acme.dev/Log@v1.0.0"},
		{repoIn, "acme/go--lib", "v1.0.0", ""},
		{repoIn, "acme/go-lib", "v1.0.0", ""},
		{dashes, "acme/tool", "log-1.0.0", "go.acme.dev/libs/log@v1.0.0"},
		{dashes, "acme/tool", "log-1.0.0-rc.1", "go.acme.dev/libs/log@v1.0.0-rc.1"},
		{dashes, "acme/tool", "my-log-2.0.0-rc.1", "go.acme.dev/libs/my-log/v2@v2.0.0-rc.1"},
		{dashes, "acme/tool", "log-1.0.0-2.0.0", "go.acme.dev/libs/log@v1.0.0-2.0.0 go.acme.dev/libs/log-1.0.0/v2@v2.0.0"},
		{dashes, "acme/tool", "log", ""},
		{dashes, "acme/tool", "-1.0.0", ""},
		{dashes, "acme/tool", "a/log-1.0.0", ""},
		{behind, "acme/tool", "vlog-1.0.0", "go.acme.dev/libs/log@v1.0.0"},
		{noTags, "acme/tool", "libs/log/v1.0.0", ""},
		{nested, "acme/tool", "libs/log/v1.0.0", "go.acme.dev/libs/log@v1.0.0"},
		{nested, "acme/tool", "libs/log/sub/v2.0.0", "go.acme.dev/libs/log/sub/v2@v2.0.0"},
		{nested, "acme/tool", "libs/v1.0.0", ""},
		{shadowed, "acme/tool", "sub/v1.0.0", ""},
		{shadowed, "acme/sub", "sub/v1.0.0", "go.acme.dev/tool/sub@v1.0.0"},
		{inDir, "acme/tool", "ab/v2.0.0", "go.acme.dev/tool/v2@v2.0.0"},
		{inDir, "acme/tool", "ab/c/v1.0.0", "go.acme.dev/tool/c@v1.0.0"},
		{inDir, "acme/tool", "abc/v1.0.0", ""},
	} {
		if got := said(parse(t, paths(tt.paths)).Released("github.com/"+tt.repository, tt.tag)); got != tt.want {
			t.Errorf("%s%s %s:\n%q, want\n%q", tt.paths, tt.repository, tt.tag, got, tt.want)
		}
	}
}

// TestReleasedPlain has imports that the go command fetches itself, beside others.
func TestReleasedPlain(t *testing.T) {
	c := parse(t, `
host: go.acme.dev
hosts: [old.acme.dev]
paths:
  plain: {repo: https://github.com/acme/plain, tags: "v*"}
  dir: {repo: https://github.com/acme/mono, directory: libs/dir}
  plain/other: {repo: https://github.com/acme/other}
  libs/*: {repo: https://github.com/acme/mono, directory: "more/*"}
  own/*: {repo: "https://github.com/team/*"}
  here: {repo: https://github.com/acme/here, tags: "v*", proxy: /go}
  away: {repo: https://github.com/acme/away, proxy: "https://proxy.acme.net/go"}
  hg: {repo: https://hg.acme.dev/hg, vcs: hg}
  mod: {repo: https://proxy.acme.net/mod, vcs: mod}
  key: {repo: "ssh://git@git.acme.dev/key", vcs: git}
`)
	for _, tt := range []struct{ repository, tag, want string }{
		{"github.com/acme/plain", "v1.0.0", "go.acme.dev/plain@v1.0.0"},
		{"github.com/acme/plain", "v2.0.0", "go.acme.dev/plain/v2@v2.0.0 go.acme.dev/plain@v2.0.0+incompatible"},
		{"github.com/acme/plain", "sub/v2.0.0", "go.acme.dev/plain/sub/v2@v2.0.0"},
		{"github.com/acme/plain", "other/v1.0.0", ""},
		{"github.com/acme/plain", "nonsense", ""},
		{"github.com/acme/other", "v1.0.0", "go.acme.dev/plain/other@v1.0.0"},
		{"github.com/acme/mono", "libs/dir/v1.0.0", "go.acme.dev/dir@v1.0.0"},
		{"github.com/acme/mono", "libs/dir/sub/v1.0.0", "go.acme.dev/dir/sub@v1.0.0"},
		{"github.com/acme/mono", "libs/dir/v2.0.0", "go.acme.dev/dir/v2@v2.0.0"},
		{"github.com/acme/mono", "more/log/v1.0.0", "go.acme.dev/libs/log@v1.0.0"},
		{"github.com/acme/mono", "v1.0.0", ""},
		{"github.com/Team/Log", "v1.0.0", "go.acme.dev/own/Log@v1.0.0"},
		{"github.com/acme/here", "v1.0.0", ""},
		{"github.com/acme/away", "v1.0.0", ""},
		{"hg.acme.dev/hg", "v1.0.0", ""},
		{"proxy.acme.net/mod", "v1.0.0", ""},
		{"git.acme.dev/key", "v1.0.0", ""}, // nobody can fetch it without a key
	} {
		if got := said(c.ReleasedPlain(tt.repository, tt.tag)); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.repository, tt.tag, got, tt.want)
		}
	}
	for path, want := range map[string]string{
		"old.acme.dev/plain/sub":     "old.acme.dev/plain/sub of https://github.com/acme/plain, sub, sub/v*",
		"old.acme.dev/dir/v2":        "old.acme.dev/dir of https://github.com/acme/mono, libs/dir, libs/dir/v*",
		"old.acme.dev/libs/log":      "old.acme.dev/libs/log of https://github.com/acme/mono, more/log, more/log/v*",
		"old.acme.dev/libs/log/deep": "old.acme.dev/libs/log/deep of https://github.com/acme/mono, more/log/deep, more/log/deep/v*",
		"old.acme.dev/here":          "",
		"other.acme.dev/plain":       "",
	} {
		got := ""
		if cfg, err := c.ResolvePlain(t.Context(), path); err == nil {
			got = fmt.Sprintf("%s of %s, %s, %s", cfg.Module, cfg.URL, cfg.Directory, cfg.Tags)
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := said(c.Released("github.com/acme/here", "v1.0.0")); got != "go.acme.dev/here@v1.0.0" {
		t.Errorf("what is served here: %q", got)
	}
}

// TestRepositoryName has the names by which access rules know a repository, however its URL is written.
func TestRepositoryName(t *testing.T) {
	for raw, want := range map[string]string{
		"https://Git.acme.dev:8443/Acme/mono.git":     "git.acme.dev/Acme/mono",
		"ssh://git@git.acme.dev:2222/acme/mono.git/":  "git.acme.dev/acme/mono",
		"https://[::1]:3000/acme/mono":                "::1/acme/mono",
		"https://git.acme.dev//acme/mono//":           "git.acme.dev/acme/mono",
		"https://git.acme.dev/acme/mono/.git":         "git.acme.dev/acme/mono",
		"https://git.acme.dev/My%20Project/_git/mono": "git.acme.dev/My Project/_git/mono",
		"https://git.acme.dev/acme//mono":             "git.acme.dev/acme//mono",
		"https://git.acme.dev/.git":                   "git.acme.dev",
		"https://git.acme.dev/":                       "git.acme.dev",
		"/srv/git/acme/mono.git":                      "localhost/srv/git/acme/mono",
		"/srv/acme/mono/.git/":                        "localhost/srv/acme/mono",
	} {
		if got := config.RepositoryName(raw); got != want {
			t.Errorf("%s is %q, want %q", raw, got, want)
		}
	}
}

// TestReleasedModule has a GOPROXY of one module, which serves no other.
func TestReleasedModule(t *testing.T) {
	for _, tt := range []struct {
		module                config.Module
		repository, tag, want string
	}{
		{config.Module{Module: "x.acme.dev", Tags: "rel/v*"}, "acme/mono", "rel/v1.0.0", "x.acme.dev@v1.0.0"},
		{config.Module{Module: "x.acme.dev", Tags: "rel/v*"}, "Acme/Mono", "rel/v2.0.0", "x.acme.dev/v2@v2.0.0 x.acme.dev@v2.0.0+incompatible"},
		{config.Module{Module: "x.acme.dev", Tags: "rel/v*"}, "acme/other", "rel/v1.0.0", ""},
		{config.Module{Module: "x.acme.dev"}, "acme/mono", "v1.0.0", "x.acme.dev@v1.0.0"},
		{config.Module{Module: "x.acme.dev"}, "acme/mono", "sub/v1.0.0", ""},
		{config.Module{Module: "x.acme.dev", Directory: "go"}, "acme/mono", "v2.0.0", "x.acme.dev/v2@v2.0.0"},
		{config.Module{Module: "x.acme.dev/v2"}, "acme/mono", "v2.0.0", "x.acme.dev/v2@v2.0.0"},
		{config.Module{Module: "x.acme.dev/v2"}, "acme/mono", "v1.0.0", ""},
		{config.Module{Module: "x.acme.dev/v2"}, "acme/mono", "v3.0.0", ""},
		{config.Module{}, "acme/mono", "v1.0.0", ""},
	} {
		tt.module.URL = "https://github.com/acme/mono.git"
		if got := strings.Trim(fmt.Sprint(tt.module.Released("github.com/"+tt.repository, tt.tag)), "[]"); got != tt.want {
			t.Errorf("%+v, %s %s: %q, want %q", tt.module, tt.repository, tt.tag, got, tt.want)
		}
	}
}
