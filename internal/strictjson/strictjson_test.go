package strictjson_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/strictjson"
)

type item struct {
	Name  string `json:"name,omitempty"`
	Count int    `json:"count,omitempty"`
}

type doc struct {
	Title string          `json:"title,omitempty"`
	Words []string        `json:"words,omitempty"`
	Items map[string]item `json:"items,omitempty"`
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		data string
		want doc
		err  string // lines, "; " between them
		lost string // the same
	}{
		{data: `{}`},
		{data: ` {"title": "x", "words": ["a", "b"], "items": {"i": {"name": "n", "count": -3}, "": {}}} `,
			want: doc{"x", []string{"a", "b"}, map[string]item{"i": {"n", -3}, "": {}}}},
		{data: `{"Title": "x", "a b": 1, "items": {"i": {"nane": [{}]}}}`,
			want: doc{Items: map[string]item{"i": {}}},
			err: `Title: unknown key: want one of title, words, items; "a b": unknown key: want one of title, words, items; ` +
				`items["i"].nane: unknown key: want one of name, count`},
		{data: `{"title": "x", "title": "y", "items": {"i": {"count": 1, "count": 2}, "i": {"name": 3}}}`,
			want: doc{Title: "x", Items: map[string]item{"i": {Count: 1}}},
			err: `title: is given twice; items["i"].count: is given twice; items["i"]: is given twice; ` +
				`items["i"].name: is a number: want a string`, lost: `items["i"].name`},
		{data: `{"title": null, "words": {"a": [1]}, "items": {"i": "x", "j": {"count": "1", "name": true}}}`,
			want: doc{Items: map[string]item{"i": {}, "j": {}}},
			err: `title: is null: want a string; words: is an object: want a list; items["i"]: is a string: want an object; ` +
				`items["j"].count: is a string: want a number; items["j"].name: is a boolean: want a string`,
			lost: `items["i"]; items["j"].count; items["j"].name; title; words`},
		{data: `{"words": ["a", 1, []], "items": {"i": {"count": 1.5}, "j": {"count": 1e3}, "k": {"count": 9223372036854775808}}}`,
			want: doc{Words: []string{"a", "", ""}, Items: map[string]item{"i": {}, "j": {}, "k": {}}},
			err: `words[1]: is a number: want a string; words[2]: is a list: want a string; items["i"].count: "1.5" is no whole number, or too large; ` +
				`items["j"].count: "1e3" is no whole number, or too large; items["k"].count: "9223372036854775808" is no whole number, or too large`,
			lost: `items["i"].count; items["j"].count; items["k"].count; words[1]; words[2]`},
		{data: `[1]`, err: `line 1: is a list: want an object`, lost: ``},
		{data: ``, err: `line 1: unexpected end`},
		{data: "{\n\"title\": 1,\n\n", err: `title: is a number: want a string; line 4: unexpected end`, lost: `title; `},
		{data: "{\"title\": \"x\",\n}", want: doc{Title: "x"}, err: `line 2: invalid character '}'`},
		{data: "{\"title\": 'x'}", err: `line 1: invalid character '\''`},
		{data: "{\"title\": \"x\"}\n{}", want: doc{Title: "x"}, err: `line 2: there is more after the end of the value`},
		{data: "{\n\"title\": \"\xff\"\n}", want: doc{Title: "\ufffd"}, err: `line 2: is not valid UTF-8`},
	} {
		var got doc
		faults, lost := strictjson.Decode([]byte(tt.data), &got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.data, diff)
		}
		err := faults.Err("")
		if err == nil {
			err = errors.New("")
		}
		if text := strings.ReplaceAll(err.Error(), "\n", "; "); text != tt.err && !(strings.Contains(tt.err, "invalid character") && strings.HasPrefix(text, tt.err)) {
			t.Errorf("%s:\n got %s\nwant %s", tt.data, text, tt.err)
		}
		syntax := strings.Contains(tt.err, "invalid character") || strings.Contains(tt.err, "unexpected end") || strings.HasPrefix(tt.data, "[")
		if keys := strings.TrimPrefix(strings.Join(slices.Sorted(maps.Keys(lost)), "; "), "; "); lost[""] != syntax || keys != strings.TrimSuffix(tt.lost, "; ") {
			t.Errorf("%s: lost %v", tt.data, lost)
		}
	}
}

// FuzzDecode compares with encoding/json, which takes all that we take, and makes the same of it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"title": "x", "words": ["a"], "items": {"i": {"name": "n", "count": 1}}}`))
	f.Add([]byte(`{"title": "\u00e9\ud800", "words": [], "items": {}} `))
	f.Add([]byte(`{"title": 1, "words": [[[{"a": {}}]]], "x": {"y": [`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want doc
		faults, lost := strictjson.Decode(data, &got)
		if len(faults) > 0 {
			if strings.Count(faults.Err("").Error(), "\n") != len(faults)-1 {
				t.Errorf("%q: lines %v", data, faults)
			}
			return
		}
		if len(lost) > 0 {
			t.Errorf("%q: lost %v without a fault", data, lost)
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", data, diff)
		}
	})
}
