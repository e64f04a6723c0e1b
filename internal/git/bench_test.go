package git_test

import (
	"bytes"
	"os"
	"testing"

	"example.com/vanity/internal/git"
)

// BenchmarkReadPack reads the pack in $VANITY_PACK, or a small one.
func BenchmarkReadPack(b *testing.B) {
	pack := chain(200)
	if name := os.Getenv("VANITY_PACK"); name != "" {
		var err error
		if pack, err = os.ReadFile(name); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(pack)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := git.ReadPack(b.Context(), bytes.NewReader(pack), false, git.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(p.Len()), "objects")
		p.Close()
	}
}
