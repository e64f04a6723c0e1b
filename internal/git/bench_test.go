package git_test

import (
	"bytes"
	"os"
	"strings"
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

// BenchmarkApplyDelta changes a line here and there.
func BenchmarkApplyDelta(b *testing.B) {
	base := strings.Repeat("a line of a file that is like another one\n", 1000)
	instructions := []string{}
	size := 0
	for at := 0; at+500 < len(base); at += 500 {
		instructions = append(instructions, copyOf(at, 480), insertOf("what is different"))
		size += 480 + len("what is different")
	}
	delta := []byte(deltaOf(len(base), size, instructions...))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := git.ApplyDelta([]byte(base), delta); err != nil {
			b.Fatal(err)
		}
	}
}
