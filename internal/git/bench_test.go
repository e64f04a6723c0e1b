package git_test

import (
	"bytes"
	"os"
	"testing"

	"example.com/vanity/internal/git"
)

// BenchmarkReadPack reads the pack in $VANITY_PACK, or a small one: as it is, and with all deltas made whole, for a zip.
func BenchmarkReadPack(b *testing.B) {
	pack := chain(200)
	if name := os.Getenv("VANITY_PACK"); name != "" {
		var err error
		if pack, err = os.ReadFile(name); err != nil {
			b.Fatal(err)
		}
	}
	for name, whole := range map[string]func(git.Hash) bool{"plain": nil, "whole": func(git.Hash) bool { return true }} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(pack)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := git.ReadPackWhole(b.Context(), bytes.NewReader(pack), false, git.Limits{}, whole)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(p.Len()), "objects")
				p.Close()
			}
		})
	}
}
