package modrepo_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modrepo"
)

// prose makes so many lines of words, by a seed.
func prose(seed uint64, lines int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	words := strings.Fields("func return if err nil for range string int byte context package import type struct interface map slice error test value name path file module version commit tree blob")
	var b strings.Builder
	for range lines {
		for range 4 + r.IntN(8) {
			fmt.Fprintf(&b, "%s%d ", words[r.IntN(len(words))], r.IntN(50))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// BenchmarkZip makes the zip of a module whose objects are at hand: of files that came whole, of files that are like one
// another, and so came as deltas, and of files that attributes convert.
func BenchmarkZip(b *testing.B) {
	const files = 500
	for _, tt := range []struct {
		name, attributes string
		seed             func(i int) uint64
	}{
		{"whole", "", func(i int) uint64 { return uint64(i) }},
		{"deltas", "", func(i int) uint64 { return uint64(i % 10) }},
		{"converted", "* text eol=crlf\n", func(i int) uint64 { return uint64(i) }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			r := gittest.New(b, "")
			r.Write("go.mod", []byte("module github.com/o/any\n"))
			r.Write(".gitattributes", []byte(tt.attributes))
			size := 0
			for i := range files {
				text := fmt.Sprintf("package p%d\n%s", i, prose(tt.seed(i), 100))
				r.Write(fmt.Sprintf("dir%d/file%d.go", i%20, i), []byte(text))
				size += len(text)
			}
			r.Commit("all")
			r.Git("tag", "v1.0.0")
			m, err := local(r, "", "v*").Module("github.com/o/any", false)
			if err != nil {
				b.Fatal(err)
			}
			info, err := m.Stat(b.Context(), "v1.0.0")
			if err == nil {
				err = m.Zip(b.Context(), info, io.Discard) // which fetches
			}
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Zip(b.Context(), info, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestZipAllocations bounds what each file of a module costs, beyond its content.
func TestZipAllocations(t *testing.T) {
	const files, most = 300, 22
	r := gittest.New(t, "")
	r.Write("go.mod", []byte("module github.com/o/any\n"))
	for i := range files {
		r.Write(fmt.Sprintf("dir%d/file%d.go", i%10, i), fmt.Appendf(nil, "package p%d\n", i))
	}
	r.Commit("all")
	r.Git("tag", "v1.0.0")
	m := mustModule(t, local(r, "", "v*"), "github.com/o/any", false)
	info, err := m.Stat(t.Context(), "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(5, func() {
		if err := m.Zip(t.Context(), info, io.Discard); err != nil {
			t.Fatal(err)
		}
	})
	if n > files*most {
		t.Errorf("%.1f allocations for each of %d files, want at most %d", n/files, files, most)
	}
	t.Logf("%.1f allocations for each file", n/files)
}

// BenchmarkVersions lists a module whose repository has many tags: from what the host has listed to the sorted versions.
func BenchmarkVersions(b *testing.B) {
	for _, n := range []int{1000, 35_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			repo := tagged{refs: make([]git.Ref, n)}
			h, err := git.ParseHash(strings.Repeat("12", 20))
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			for i := range repo.refs {
				repo.refs[i] = git.Ref{Name: fmt.Sprintf("refs/tags/libs/any/v1.%d.%d", i, r.IntN(100)), Hash: h}
			}
			source := &modrepo.Source{Repo: repo, Directory: "libs/any", TagPrefix: "libs/any/v"}
			m, err := source.Module("go.acme.test/any", false)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if list, err := m.Versions(b.Context()); err != nil || len(list) != n {
					b.Fatalf("%d versions, %v", len(list), err)
				}
			}
		})
	}
}

// A tagged repository is made of refs alone.
type tagged struct {
	modrepo.Repository
	refs []git.Ref
}

func (t tagged) Refs(context.Context, ...string) ([]git.Ref, error) { return t.refs, nil }
