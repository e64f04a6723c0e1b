package discovery_test

import (
	"strings"
	"testing"

	"example.com/vanity/internal/discovery"
)

func TestFind(t *testing.T) {
	paths := map[string]int{"a": 1, "/b": 2, "c/": 3, "/d/": 4, "a/b/c": 5}
	for path, want := range map[string]string{
		"a": "a", "a/x": "a", "a/b": "a", "a/b/c": "a/b/c", "a/b/c/d": "a/b/c", "a/b/cd": "a",
		"b": "/b", "b/b": "/b", "c": "c/", "c/x": "c/", "d": "/d/", "d/x/y": "/d/",
		"": "", "x": "", "ab": "", "x/a": "", "/a": "", strings.Repeat("x/", 1000) + "x": "",
		"a/" + strings.Repeat("x", 1000): "a",
	} {
		m, ok := discovery.Find(paths, path, len("a/b/c"))
		if ok != (want != "") || m.Key != want || ok && m.Path != discovery.CleanKey(want) {
			t.Errorf("%.20q: %+v, want key %q", path, m, want)
		}
	}
	paths = map[string]int{"*": 1, "/lib/*": 2, "lib/x/": 3, "a": 4, "/a/b/*/": 5}
	for path, want := range map[string]discovery.Match{
		"":            {},
		"v2":          {},
		"x":           {Key: "*", Path: "x", Elem: "x"},
		"x/v2/y":      {Key: "*", Path: "x", Elem: "x"},
		"lib":         {Key: "*", Path: "lib", Elem: "lib"},
		"lib/v2":      {Key: "*", Path: "lib", Elem: "lib"},
		"lib/y/z":     {Key: "/lib/*", Path: "lib/y", Elem: "y"},
		"lib/x/y":     {Key: "lib/x/", Path: "lib/x"},
		"a/b":         {Key: "a", Path: "a"},
		"a/b/c.git/d": {Key: "a", Path: "a"},
		"a/b/c/d":     {Key: "/a/b/*/", Path: "a/b/c", Elem: "c"},
	} {
		if m, ok := discovery.Find(paths, path, len("/a/b/*/")); m != want || ok != (want.Key != "") {
			t.Errorf("%q: %+v, %v, want %+v", path, m, ok, want)
		}
	}
	for _, root := range []string{"", "/", "//"} {
		m, ok := discovery.Find(map[string]int{root: 1, "a": 2}, "b/c", 1)
		if !ok || m != (discovery.Match{Key: root}) {
			t.Errorf("root %q: %+v, %v", root, m, ok)
		}
	}
}

// FuzzFind compares with a look at every key.
func FuzzFind(f *testing.F) {
	f.Add("a/b", "a", "/a/b/", "")
	f.Add("lib/x/y", "lib/", "lib/x", "/")
	f.Add("lib/x/v2/y", "*", "lib/*", "lib")
	f.Fuzz(func(t *testing.T, path, key1, key2, key3 string) {
		path = discovery.CleanKey(path)
		if strings.Contains("/"+path+"/", "//") && path != "" || strings.ContainsRune(path, '*') {
			return // no import path
		}
		paths := map[string]bool{key1: true, key2: true, key3: true}
		want, found := "", false
		longest := 0
		for key := range paths {
			longest = max(longest, len(key))
			clean := discovery.CleanKey(key)
			if (clean == "" || strings.HasPrefix(path+"/", clean+"/")) && len(clean) >= len(want) {
				want, found = clean, true
			}
		}
		m, ok := discovery.Find(paths, path, longest)
		if m.Elem != "" {
			parent, ok := discovery.CutWildcard(discovery.CleanKey(m.Key))
			if !ok || m.Path != parent+m.Elem || len(m.Path) <= len(want) || !strings.HasPrefix(path+"/", m.Path+"/") {
				t.Errorf("%q in %v: %+v, want %q", path, paths, m, want)
			}
			return
		}
		if ok != found || m.Path != want || ok && !paths[m.Key] {
			t.Errorf("%q in %v: %+v, %v, want %q, %v", path, paths, m, ok, want, found)
		}
	})
}
