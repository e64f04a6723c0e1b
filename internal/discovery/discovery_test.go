package discovery_test

import (
	"testing"

	"example.com/vanity/internal/discovery"
)

func TestAt(t *testing.T) {
	site := discovery.Site{Host: "a.test/go", Hosts: []string{"b.test"}}
	for _, tt := range []struct{ host, name, prefix string }{
		{"B.test:80", "b.test", "b.test/go/x"},
		{"c.test", "a.test", "a.test/go/x"}, // whatever was in use before
		{"", "a.test", "a.test/go/x"},
	} {
		site = site.At(tt.host)
		if site.Name() != tt.name || site.Prefix("x") != tt.prefix {
			t.Errorf("%q: name %q, prefix %q", tt.host, site.Name(), site.Prefix("x"))
		}
		for path, want := range map[string]string{tt.name + "/go": "", tt.name + "/go/x/y": "x/y"} {
			if got, ok := site.Cut(path); !ok || got != want {
				t.Errorf("%q: cut to %q, %v, want %q", path, got, ok, want)
			}
		}
		for _, path := range []string{"", tt.name, tt.name + "/gopher", "x." + tt.name + "/go", "d.test/go/x"} {
			if got, ok := site.Cut(path); ok {
				t.Errorf("%q: cut to %q", path, got)
			}
		}
	}
}
