package vanity_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"example.com/vanity"
)

// benchSite has n imports.
func benchSite(n int) vanity.Site {
	site := vanity.Site{Host: "go.acme.dev", Paths: make(map[string]vanity.Import, n)}
	for i := range n {
		name := fmt.Sprintf("team%d/tool%d", i%100, i)
		site.Paths[name] = vanity.Import{Repo: "https://github.com/acme/mono", Directory: name, Tags: name + "/v*", Proxy: "/go"}
	}
	return site
}

var benchSizes = []int{10, 100_000}

func BenchmarkMetaStart(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			site := benchSite(n)
			for b.Loop() {
				vanity.Meta(site)
			}
		})
	}
}

func BenchmarkMeta(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := vanity.Meta(benchSite(n))
			r := httptest.NewRequest("GET", fmt.Sprintf("/team%d/tool%d/sub/pkg?go-get=1", (n-1)%100, n-1), nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}

// BenchmarkMetaPage is of what people get: pages without versions, and a page of an index.
func BenchmarkMetaPage(b *testing.B) {
	for _, n := range benchSizes {
		site := benchSite(n)
		site.Paths["plain"] = vanity.Import{Repo: "https://github.com/acme/plain"}
		h := vanity.Meta(site)
		for name, path := range map[string]string{"module": "/plain/sub", "index": "/team5", "absent": "/team5x/y/z"} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				r := httptest.NewRequest("GET", path, nil)
				b.ReportAllocs()
				for b.Loop() {
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			site := benchSite(n)
			path := fmt.Sprintf("go.acme.dev/team%d/tool%d", (n-1)%100, n-1)
			for name, path := range map[string]string{"prefix": path, "nested": path + "/sub/pkg/v2", "absent": "go.acme.dev/team/x/y"} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := site.Resolve(b.Context(), path); (err != nil) != (name == "absent") {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
