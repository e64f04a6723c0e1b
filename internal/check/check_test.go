package check_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/check"
)

func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		check func(string) []string
		value string
		want  string // part of the only reason; empty for none
	}{
		{check.Directory, "", ""},
		{check.Directory, "libs/tool/", ""},
		{check.Directory, "/libs", "begins with a slash"},
		{check.Directory, ".", "leave it empty"},
		{check.Directory, "libs/../x", `".."`},
		{check.Directory, `libs\x`, "backslash"},
		{check.Tags, "", ""},
		{check.Tags, "libs/tool/v*", ""},
		{check.Tags, "v", `write "v*"`},
		{check.Tags, "*-*", `has 2 "*"`},
		{check.Tags, "a..*", `".."`},
		{check.Tags, "*.lock", ".lock"},
		{check.Text, "wörds", ""},
		{check.Text, "a\nb", "control character"},
		{check.Text, "\xff", "UTF-8"},
	} {
		got := tt.check(tt.value)
		if (len(got) == 1) != (tt.want != "") || len(got) > 1 || !strings.Contains(strings.Join(got, ""), tt.want) {
			t.Errorf("%q: %q, want %q", tt.value, got, tt.want)
		}
	}
}

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"git.acme.dev": true, "xn--bcher-kva.example": true, "git.acme.dev:8443": true, "10.0.0.1": true, "[::1]:80": true,
		"": false, "git..dev": false, "bücher.example": false, "git.acme.dev:0": false, "git.acme.dev:": false, "[fe80::1%25x]": false,
	} {
		if got := check.Host(&url.URL{Host: host}); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	for raw, want := range map[string]string{
		"https://h/p":              "https://h/p",
		"https://u:secret@h/p":     "https://xxxxx@h/p",
		"https://h/p?token=secret": "https://h/p?xxxxx",
		"git@h:p":                  "git@h:p",
		"/srv/a@b":                 "/srv/a@b",
	} {
		if got := check.Redact(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	var faults check.Faults
	if err := faults.Err("x: "); err != nil {
		t.Errorf("without faults: %v", err)
	}
	faults.Add("a", "is empty")
	faults.Add("b", "is full")
	if diff := cmp.Diff("x: a: is empty\nx: b: is full", faults.Err("x: ").Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is right is found to be so on each request for a module below another, and so must cost little.
func TestTagsAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { check.Tags("libs/tool/sub/v*") }); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
