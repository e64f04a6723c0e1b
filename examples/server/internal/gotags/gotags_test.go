package gotags_test

import (
	"strings"
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
		"ascii":     {`<?xml version="1.0" encoding="ASCII"?><meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">`, []gotags.Import{tool}, ""},
		"latin-1":   {`<?xml version="1.0" encoding="iso-8859-1"?><meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">`, nil, ""},
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

// TestRead has what the go command leaves out.
func TestRead(t *testing.T) {
	tool := gotags.Import{Prefix: "go.acme.dev/tool", VCS: "mod", Repo: "https://go.acme.dev/go"}
	const tag = `<meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">`
	link := []string{"go-import", "go.acme.dev/tool", "mod", "https://go.acme.dev/go"}
	for name, tt := range map[string]struct {
		page string
		want gotags.Page
		err  string
	}{
		"all": {`<head><meta name="go-source" content="p  h"><meta name="go-import" content=" a b">` + tag + `</head>`, gotags.Page{
			Imports: []gotags.Import{tool}, Odd: []string{" a b"}, Links: [][]string{{"go-source", "p", "h"}, {"go-import", "a", "b"}, link},
		}, ""},
		"behind":  {`<head></head>` + tag, gotags.Page{Unseen: 1}, ""},
		"latin-1": {"<title>J\xfcrg</title>" + tag, gotags.Page{Unseen: 1}, "XML syntax error on line 1: invalid UTF-8"},
		"charset": {`<?xml version="1.0" encoding="iso-8859-1"?>` + tag, gotags.Page{Unseen: 1}, `the charset is "iso-8859-1", not UTF-8`},
		"late":    {tag + "\xfc", gotags.Page{Imports: []gotags.Import{tool}, Links: [][]string{link}}, "XML syntax error on line 1: invalid UTF-8"},
	} {
		got := gotags.Read([]byte(tt.page))
		text := ""
		if got.Err != nil {
			text = got.Err.Error()
		}
		got.Err = nil
		if diff := cmp.Diff(tt.want, got); diff != "" || !strings.HasSuffix(text, tt.err) || (text == "") != (tt.err == "") {
			t.Errorf("%s: error %q (-want +got):\n%s", name, text, diff)
		}
	}
	tool.Repo, tool.Subdir = "https://ann:s3cret@go.acme.dev/go", "sub"
	if got := tool.String(); got != "go.acme.dev/tool mod https://ann:xxxxx@go.acme.dev/go sub" {
		t.Errorf("String: %s", got)
	}
}
