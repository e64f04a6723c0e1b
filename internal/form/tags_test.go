package form_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/check"
	"example.com/vanity/internal/form"
)

func TestSuggest(t *testing.T) {
	for tag, want := range map[string]string{
		"tool-1.2.3":                         "tool-* v1.2.3",
		"release/1.2.3":                      "release/* v1.2.3",
		"libs/tool/v1.2.3":                   "libs/tool/v* v1.2.3",
		"1.2.3":                              "* v1.2.3",
		"v1.2.3-rc.1":                        "v* v1.2.3-rc.1",
		"tool1.2.3":                          "tool* v1.2.3",
		"python3-1.2.3":                      "python3-* v1.2.3",
		"tool@1.2.3":                         "tool@* v1.2.3",
		"@scope/tool@1.2.3":                  "@scope/tool@* v1.2.3",
		"libs/tool/v2/v2.0.0":                "libs/tool/v2/v* v2.0.0",
		"1.2.3.Final":                        "*.Final v1.2.3",
		"pre_1.2.3_post":                     "pre_*_post v1.2.3",
		"v1.2.3-rc.1_linux":                  "v*_linux v1.2.3-rc.1",
		"größe-1.2.3":                        "größe-* v1.2.3",
		"v1":                                 "",
		"v1.2":                               "",
		"v1.2.3+meta":                        "",
		"v01.2.3":                            "",
		"2024.01.02":                         "",
		"1.2.3.4":                            "",
		"v1.2.3-01":                          "",
		"v1.2.3_amd64":                       "",
		"1-2-3":                              "",
		"v0.0.0-20240101000000-0123456789ab": "",
		"nightly":                            "",
		"":                                   "",
		"a*b-1.2.3":                          "",
		"a..b-1.2.3":                         "",
		"a b-1.2.3":                          "",
		"\xff-1.2.3":                         "",
		"a\x01b-1.2.3":                       "",
		"1.2.3.":                             "",
		"v1.2.3.lock":                        "",
		strings.Repeat("a", 300) + "1.2.3":   "",
	} {
		pattern, version, ok := form.Suggest(tag)
		if got := strings.TrimSpace(pattern + " " + version); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", tag, got, ok, want)
		}
	}
}

func TestSort(t *testing.T) {
	names := []string{"v1.0.0", "v1.10.0", "v1.9.0", "v1.9.0-rc.1", "v2", "v1.2.3+meta", "nightly", "libs/tool/v0.1.0", "libs/tool/v0.2.0", "other/v1.0.0", "other/v1.1.0", "other/v1.2.0", "tool-1.0.0", "3.1", "x*"}
	for _, tt := range []struct {
		pattern, directory string
		want               form.Sorted
	}{
		{"v*", "libs/tool", form.Sorted{
			Versions: []form.Tagged{{"v1.10.0", "v1.10.0"}, {"v1.9.0", "v1.9.0"}, {"v1.9.0-rc.1", "v1.9.0-rc.1"}, {"v1.0.0", "v1.0.0"}},
			Others: []form.Pattern{
				{"libs/tool/v*", form.Tagged{"v0.2.0", "libs/tool/v0.2.0"}, 2},
				{"tool-*", form.Tagged{"v1.0.0", "tool-1.0.0"}, 1},
				{"other/v*", form.Tagged{"v1.2.0", "other/v1.2.0"}, 3},
			},
			Odd: []string{"v2", "v1.2.3+meta", "3.1"},
		}},
		{"tool-*", "", form.Sorted{
			Versions: []form.Tagged{{"v1.0.0", "tool-1.0.0"}},
			Others: []form.Pattern{
				{"v*", form.Tagged{"v1.10.0", "v1.10.0"}, 4},
				{"other/v*", form.Tagged{"v1.2.0", "other/v1.2.0"}, 3},
				{"libs/tool/v*", form.Tagged{"v0.2.0", "libs/tool/v0.2.0"}, 2},
			},
			Odd: []string{"v1.2.3+meta", "3.1"},
		}},
	} {
		if diff := cmp.Diff(tt.want, form.Sort(names, tt.pattern, tt.directory)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.pattern, diff)
		}
	}
}

// FuzzSuggest asserts that a suggested pattern is one, and finds the version in the tag.
func FuzzSuggest(f *testing.F) {
	for _, tag := range []string{"tool-1.2.3", "a1.2.3-b4.5.6", "1.2.3-.x", "1.2.3--", "v1.2.3-0a.0.lock", "1.1.1.1.1", "@1.2.3@{", "00.1.2.3", "é1.2.3.é"} {
		f.Add(tag, "libs/tool")
	}
	f.Fuzz(func(t *testing.T, tag, directory string) {
		pattern, version, ok := form.Suggest(tag)
		sorted := form.Sort([]string{tag}, "\x00*", directory)
		if !ok {
			if len(sorted.Others) > 0 {
				t.Errorf("%q: %v", tag, sorted)
			}
			return
		}
		if reasons := check.Tags(pattern); len(reasons) > 0 {
			t.Errorf("%q: pattern %q: %q", tag, pattern, reasons)
		}
		if version != semver.Canonical(version) || strings.Replace(pattern, "*", version[1:], 1) != tag {
			t.Errorf("%q: pattern %q, version %q", tag, pattern, version)
		}
		want := form.Sorted{Others: []form.Pattern{{pattern, form.Tagged{version, tag}, 1}}}
		if diff := cmp.Diff(want, sorted); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tag, diff)
		}
		if got := form.Sort([]string{tag}, pattern, directory).Versions; len(got) != 1 || got[0] != (form.Tagged{version, tag}) {
			t.Errorf("%q: pattern %q finds %v", tag, pattern, got)
		}
	})
}

func BenchmarkSort(b *testing.B) {
	var names []string
	for i := range 35_000 {
		names = append(names, fmt.Sprintf("libs/module%d/v1.%d.%d", i%700, i/700, i%7))
	}
	for b.Loop() {
		form.Sort(names, "libs/module7/v*", "libs/module7")
	}
}
