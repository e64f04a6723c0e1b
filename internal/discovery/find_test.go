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
	f.Fuzz(func(t *testing.T, path, key1, key2, key3 string) {
		path = discovery.CleanKey(path)
		if strings.Contains("/"+path+"/", "//") && path != "" {
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
		if ok != found || m.Path != want || ok && !paths[m.Key] {
			t.Errorf("%q in %v: %+v, %v, want %q, %v", path, paths, m, ok, want, found)
		}
	})
}
