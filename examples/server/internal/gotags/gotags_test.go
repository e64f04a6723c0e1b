package gotags_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/examples/server/internal/gotags"
)

func TestParse(t *testing.T) {
	tool := gotags.Import{Prefix: "go.acme.dev/tool", VCS: "mod", Repo: "https://go.acme.dev/go"}
	for name, tt := range map[string]struct {
		page   string
		want   []gotags.Import
		source string
	}{
		"one":       {`<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go"></head>`, []gotags.Import{tool}, ""},
		"capitals":  {`<HTML><HEAD><META Name="go-import" CONTENT=" go.acme.dev/tool  mod https://go.acme.dev/go ">`, []gotags.Import{tool}, ""},
		"source":    {`<meta name="go-source" content="p h d f"><meta name="go-import" content="a.b/c git https://a.b/c sub">`, []gotags.Import{{Prefix: "a.b/c", VCS: "git", Repo: "https://a.b/c", Subdir: "sub"}}, "p h d f"},
		"in body":   {`<head></head><body><meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">`, nil, ""},
		"no head":   {`<body><meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">`, nil, ""},
		"malformed": {`<meta name="go-import" content="go.acme.dev/tool mod"><meta name="go-import" content="a b c d e">`, nil, ""},
		"broken":    {`<meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go"><`, []gotags.Import{tool}, ""},
		"nothing":   {"", nil, ""},
	} {
		got, source := gotags.Parse([]byte(tt.page))
		if diff := cmp.Diff(tt.want, got); diff != "" || source != tt.source {
			t.Errorf("%s: source %q (-want +got):\n%s", name, source, diff)
		}
	}
	if !tool.Has("go.acme.dev/tool") || !tool.Has("go.acme.dev/tool/sub") || tool.Has("go.acme.dev/toolbox") || tool.Has("go.acme.dev") {
		t.Error("Has")
	}
}
