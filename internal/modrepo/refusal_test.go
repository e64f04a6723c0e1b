package modrepo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/gittest"
)

// TestPseudoVersions has a commit's own pseudo-versions be versions, and no others: what the go command refuses has a reason.
func TestPseudoVersions(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, `
		print go.mod "module x.y/z\n"
		commit one
		tag v0.1.0
		commit two
		tag v0.2.0
		commit three
		tag v0.3.0
	`)
	m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
	for version, want := range map[string]string{
		"v0.0.0-{time:HEAD}-{hash12:HEAD}":       "",
		"v0.1.1-0.{time:HEAD}-{hash12:HEAD}":     "",
		"v0.2.1-0.{time:HEAD}-{hash12:HEAD}":     "",
		"v0.0.0-{time:HEAD~1}-{hash12:HEAD}":     "the pseudo-version has not the commit's time, which is " + r.Expand("{time:HEAD}"),
		"v0.0.0-20240101000001-{hash12:HEAD}":    "has not the commit's time",
		"v0.0.0-{time:HEAD}-abcdefabcdef":        "unknown revision: no branch and no tag leads to a commit abcdefabcdef",
		"v0.0.0-{time:HEAD}-{hash11:HEAD}":       "it ends in the first 12 digits of the commit's hash",
		"v0.3.1-0.{time:HEAD}-{hash12:HEAD}":     "the pseudo-version is of a commit that has a tag of v0.3.0: ask for that",
		"v0.4.1-0.{time:HEAD}-{hash12:HEAD}":     "the pseudo-version follows v0.4.0, of which there is no tag",
		"v0.3.1-0.{time:HEAD~1}-{hash12:HEAD~1}": "follows v0.3.0, but its commit does not descend",
		"v0.2.0-0.{time:HEAD}-{hash12:HEAD}":     "malformed pseudo-version",
		"v1.0.0-{time:HEAD}-{hash12:HEAD}":       "a pseudo-version without a preceding tag begins with v0.0.0",
		"v2.0.0-{time:HEAD}-{hash12:HEAD}":       "with a go.mod, the path for v2 ends in /v2",
	} {
		version = r.Expand(version)
		info, err := m.Stat(t.Context(), version)
		if want != "" {
			checkError(t, err, want)
		} else if err != nil || info.Version != version || info.Origin.Hash != r.Git("rev-parse", "HEAD") {
			t.Errorf("%s: %+v, %v", version, info, err)
		}
	}
}

// TestZipRefused has a reason for each module that can't be a module zip, or is none.
func TestZipRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, script, want string }{
		{"files that differ by case", "print a.go x\nprint A.go x\n", `"a.go": case-insensitive file name collision`},
		{"an entry that passes for .git", "blob x x\nblob go.mod \"module x.y/z\\n\"\ntree t 100644 go.mod made/go.mod 100644 \"sub/.git .\" made/x\ncommit-tree c made/t\ntag v1.0.0 made/c\n", "a file that git refuses: \"sub/.git .\""},
		{"a large go.mod", "repeat 1100000 go.mod \"// sixteen bytes\\n\"\n", "go.mod has more than 16777216 bytes"},
		{"a go.mod without path", "print go.mod \"go 1.21\\n\"\n", "go.mod has no module path"},
		{"an encoding that git knows and we do not", "print a.txt x\nprint .gitattributes \"a.txt working-tree-encoding=EBCDIC-XX\\n\"\n", ".gitattributes can't be followed"},
		{"a large LICENSE", "repeat 1100000 LICENSE \"// sixteen bytes\\n\"\n", "LICENSE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := gittest.New(t, "print go.mod \"module x.y/z\\n\"\n"+tt.script)
			if !strings.Contains(tt.script, "\ntag ") {
				r.Run("commit one\ntag v1.0.0\n")
			}
			m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
			info, err := m.Stat(t.Context(), "v1.0.0")
			if err == nil {
				err = m.Zip(t.Context(), info, io.Discard)
			}
			checkError(t, err, tt.want)
		})
	}
}

// TestMemoryShort has all that is made of a version fail for want of memory, and not be said to be absent, wherever the memory
// ends; and be what it is once there is enough.
func TestMemoryShort(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "write\ncommit one\n"+small)
	r.Write("large.txt", []byte(strings.Repeat("large $Id$\n", 110_000)))
	r.Write("small.txt", []byte("small $Id$\n"))
	r.Write(".gitattributes", []byte("*.txt ident\n"))
	r.Run("commit two\ntag v1.0.0\n")
	answer := func(left int64) (string, error) {
		m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
		var b budget.Budget
		ctx, end := b.Begin(t.Context())
		defer end()
		if err := budget.Take(ctx, budget.Each-left); err != nil {
			t.Fatal(err)
		}
		list, err := m.Versions(ctx)
		if err != nil {
			return "", err
		}
		info, err := m.Stat(ctx, "v1.0.0")
		if err != nil {
			return "", err
		}
		var zip bytes.Buffer
		err = m.Zip(ctx, info, &zip)
		return strings.Join(list, " ") + zip.String(), err
	}
	want, err := answer(budget.Each)
	if err != nil {
		t.Fatal(err)
	}
	short := 0
	for left := int64(0); ; left += 1 + left/3 {
		got, err := answer(left)
		if err == nil {
			if got != want {
				t.Errorf("with %d bytes of memory the answer is another", left)
			}
			break
		}
		short++
		if !errors.Is(err, budget.ErrTooMuch) {
			t.Errorf("with %d bytes of memory: %v", left, err)
		}
	}
	if short < 20 {
		t.Errorf("%d times there was too little memory", short)
	}
}

// TestCanceledZip has whoever goes away while a zip is made stop the making.
func TestCanceledZip(t *testing.T) {
	t.Parallel()
	r := gittest.New(t, "write\nprint a.txt \"$Id$\"\nprint .gitattributes \"*.txt ident\\n\"\n"+small)
	for _, name := range []string{"b", "c", "d"} {
		data := make([]byte, 16<<10)
		rand.NewChaCha8([32]byte([]byte(strings.Repeat(name, 32)))).Read(data)
		r.Write(name, data)
	}
	r.Run("commit one\ntag v1.0.0\n")
	m := mustModule(t, local(r, "", "v*"), "x.y/z", false)
	info, err := m.Stat(t.Context(), "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := m.Zip(ctx, info, writer(func(p []byte) (int, error) { cancel(); return len(p), nil })); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled at the first byte: %v", err)
	}
	if err := m.Zip(ctx, info, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
