package modstore_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/modstore"
)

// What is read as a list is one: its versions are in order, and written they are the same bytes.
func FuzzReadList(f *testing.F) {
	for _, text := range []string{"", "\n", list2, list3, "v1.0.0", "v1.0.0\n\n", "v1.0.0\r\n", "v1.1.0\nv1.0.0\n", "v1\n", "v1.0.0\nv2.0.0+incompatible\n", "v1.0.0\nv1.0.0\n", "v1.0.0+meta\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		versions, err := modstore.ReadList(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, v := range versions {
			if v == "" || v != module.CanonicalVersion(v) {
				t.Errorf("%q is no version", v)
			}
		}
		if !slices.IsSortedFunc(versions, semver.Compare) {
			t.Errorf("%q is not in order", versions)
		}
		var b bytes.Buffer
		if err := modstore.WriteList(&b, versions); err != nil || b.String() != text {
			t.Errorf("%q was read, and %q written, %v", text, b.String(), err)
		}
	})
}

// What is read as an info can be written and read again, and has what an info must have.
func FuzzReadInfo(f *testing.F) {
	const hash = "0123456789012345678901234567890123456789"
	for _, text := range []string{
		"", "null", "{}", "[]", `{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}`,
		`{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z","Origin":{"VCS":"git","Hash":"` + hash + `"}}` + "\n",
		`{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z","Origin":{"VCS":"git","Hash":"HEAD"}}`,
		`{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z","Origin":{}}`,
		`{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z","Origin":null}{}`,
		`{"Version":"main","Time":"2020-01-01T00:00:00Z"}`,
		`{"Version":"v1.0.0"}`, `{"Time":"2020-01-01T00:00:00Z"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		info, err := modstore.ReadInfo(strings.NewReader(text))
		if err != nil {
			return
		}
		if !semver.IsValid(info.Version) || info.Time.IsZero() {
			t.Fatalf("%q has no version or no time", text)
		}
		if info.Origin != nil && info.Origin.Hash != "" && strings.Trim(info.Origin.Hash, "0123456789abcdef") != "" {
			t.Fatalf("%q is no commit", info.Origin.Hash)
		}
		data, err := json.Marshal(info)
		if err != nil {
			t.Fatal(err)
		}
		again, err := modstore.ReadInfo(bytes.NewReader(data))
		if err != nil || again.Version != info.Version || !again.Time.Equal(info.Time) {
			t.Errorf("%q became %q: %+v, %v", text, data, again, err)
		}
	})
}

// Checksums are lines of a SHA-256 in lower case and a commit, or a dash, and from one to eight.
func TestParseSums(t *testing.T) {
	sum, commit := strings.Repeat("0123456789abcdef", 4), strings.Repeat("0a", 20)
	for text, want := range map[string]bool{
		sum + " -\n":                                  true,
		sum + " " + commit + "\n":                     true,
		strings.Repeat(sum+" -\n", 8):                 true,
		strings.Repeat(sum+" -\n", 9):                 false,
		sum + " -\n" + sum + "\n":                     false,
		strings.Repeat("g", 64) + " " + commit + "\n": false,
		strings.ToUpper(sum) + " " + commit + "\n":    false,
		sum[1:] + " " + commit + "\n":                 false,
		sum + "0 " + commit + "\n":                    false,
		sum + " " + commit + " -\n":                   false,
		sum + " " + commit:                            false,
		sum + "  " + commit + "\n":                    false,
		"":                                            false,
		"\n":                                          false,
	} {
		again, err := modstore.ParseSums(text)
		if (err == nil) != want || want && again != text {
			t.Errorf("%q: %q, %v", text, again, err)
		}
	}
}

// What is read as checksums is written as the same bytes.
func FuzzParseSums(f *testing.F) {
	zero := strings.Repeat("0", 64)
	for _, text := range []string{"", "\n", zero + " -\n", zero + " -", zero + "  -\n", zero + " 0123\n", strings.Repeat("A", 64) + " -\n", zero + " a b\n", zero + "\n", strings.Repeat(zero+" -\n", 8), strings.Repeat(zero+" -\n", 9)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if again, err := modstore.ParseSums(text); err == nil && (again != text || text == "" || strings.Count(text, "\n") > 8) {
			t.Errorf("%q became %q", text, again)
		}
	})
}
