package gitattr_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/vanity/internal/gitattr"
)

// BenchmarkLookup looks up one file after another, as in a large repository.
func BenchmarkLookup(b *testing.B) {
	for name, text := range map[string]string{
		"usual":    "* text=auto\n*.go text eol=lf\n*.bat text eol=crlf\n*.{cmd,[cC][mM][dD]} text eol=crlf\n*.png binary\n",
		"harmless": "* text=auto\n*.go text eol=lf\n*.png binary\n/vendor/** linguist-vendored\n",
		"all":      "* text=auto eol=crlf\n*.go text\n*.png binary\n",
		"twenty":   strings.Repeat("**/x/*.[cC][mM][dD] text eol=crlf\n", 20),
	} {
		b.Run(name, func(b *testing.B) {
			var s gitattr.Set
			b.ReportAllocs()
			for i := range b.N {
				if i%10_000 == 0 {
					s.Add("", []byte(text)) // else it would be too much at some time
				}
				if _, err := s.Lookup(fmt.Sprintf("internal/some/directory%d/of/files/file_%d.go", i%300, i%5000)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
