package git_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	for name, read := range map[string]func(context.Context, io.Reader, bool, git.Limits) (*git.Pack, error){"plain": git.ReadPack, "whole": git.ReadPackWhole} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(pack)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := read(b.Context(), bytes.NewReader(pack), false, git.Limits{})
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

// refLines is the answer to ls-refs of a repository with many modules, each of which has a thousand versions: a line for each
// of so many tags, every other one annotated.
func refLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		h := nameOf(blobObject, fmt.Sprint(i))
		line := fmt.Sprintf("%s refs/tags/service/module%d/v1.%d.%d", h, i/1000, i%1000/10, i%10)
		if i%2 == 0 {
			line += " peeled:" + h.String()
		}
		b.WriteString(pkt(line + "\n"))
	}
	b.WriteString("0000")
	return b.Bytes()
}

// BenchmarkRefs reads the answer to ls-refs: where the host goes by the prefixes that it is given, so that all are wanted, and
// where it lists all refs, and those of one module of a thousand tags are.
func BenchmarkRefs(b *testing.B) {
	for _, n := range []int{1000, 35_000, 1_000_000} {
		answer := refLines(n)
		for name, prefix := range map[string]string{"all": "refs/tags/", "few": "refs/tags/service/module0/v"} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.SetBytes(int64(len(answer)))
				b.ReportAllocs()
				for b.Loop() {
					if refs, err := git.ReadRefs(bytes.NewReader(answer), prefix); err != nil || len(refs) == 0 {
						b.Fatalf("%d refs, %v", len(refs), err)
					}
				}
			})
		}
	}
}

// BenchmarkAdvertisement reads the refs that protocol version 0 lists unasked.
func BenchmarkAdvertisement(b *testing.B) {
	var lines bytes.Buffer
	for i := range 35_000 {
		h := nameOf(blobObject, fmt.Sprint(i))
		line := fmt.Sprintf("%s refs/tags/service/module%d/v1.%d.%d", h, i/1000, i%1000/10, i%10)
		if i == 0 {
			line += "\x00side-band-64k shallow"
		}
		lines.WriteString(pkt(line + "\n"))
	}
	lines.WriteString("0000")
	b.SetBytes(int64(lines.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if ad, err := git.ReadAdvertisement(bytes.NewReader(lines.Bytes()), 1_000_000, "refs/tags/service/module0/v"); err != nil || len(ad.Refs) != 1000 {
			b.Fatalf("%d refs, %v", len(ad.Refs), err)
		}
	}
}

// BenchmarkBands takes a pack of 16 MiB out of the packets that carry it.
func BenchmarkBands(b *testing.B) {
	var stream bytes.Buffer
	for range 256 {
		stream.WriteString(pkt("\x01" + strings.Repeat("x", 65515)))
	}
	stream.WriteString("0000")
	b.SetBytes(int64(stream.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, git.ReadBands(bytes.NewReader(stream.Bytes()))); err != nil {
			b.Fatal(err)
		}
	}
}
