package gitattr_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/vanity/internal/gitattr"
)

// addFiles adds made-up attributes files to a fuzz target's corpus.
func addFiles(add func(root, sub string)) {
	g := generator{rand.New(rand.NewPCG(3, 4))}
	for range 30 {
		add(g.file(true), g.file(false))
	}
	for _, text := range []string{
		"* text=auto\n*.go text eol=lf\n*.bat text eol=crlf\n*.{cmd,[cC][mM][dD]} text eol=crlf\n*.png binary\n",
		"[attr]dos text eol=crlf\n*.sln dos\n**/win/** dos\n/vendor/** -text linguist-vendored\n",
		"\"a\\040b\" ident\n*.ps1 working-tree-encoding=UTF-16LE-BOM eol=crlf\n",
	} {
		add(text, "/a.txt ident\n")
		add("# nothing\n", text)
	}
}

// FuzzCheckAttr compares the attributes of a path and of what stands in the same directories with git's.
func FuzzCheckAttr(f *testing.F) {
	i := 0
	addFiles(func(root, sub string) {
		f.Add(root, sub, names[i%len(names)])
		i++
	})
	j := newJudge(f)
	f.Fuzz(func(t *testing.T, root, sub, name string) {
		if !isPath(name) {
			t.Skip()
		}
		files := map[string]string{".gitattributes": root, "sub/.gitattributes": sub}
		paths := []string{name, "sub/" + name, "sub/deep/" + name, "sub/a.txt", "a b", "x/y/z"}
		for _, path := range paths {
			files[path] = ""
		}
		checkAttrs(t, j.with(t), setOf(files), files)
	})
}

// FuzzArchive compares what becomes of a content with what git makes of it.
func FuzzArchive(f *testing.F) {
	g := generator{rand.New(rand.NewPCG(5, 6))}
	addFiles(func(root, sub string) { f.Add(root, sub, g.content()) })
	j := newJudge(f)
	f.Fuzz(func(t *testing.T, root, sub, content string) {
		files := map[string]string{".gitattributes": root, "sub/.gitattributes": sub, "a.txt": content, "sub/a.txt": content, "sub/deep/b.bat": content}
		s := setOf(files)
		j := j.with(t)
		for name := range files {
			if _, err := s.Lookup(name); err != nil {
				if _, fails := j.archive(files); fails == nil {
					t.Errorf("%v, but git makes an archive", err)
				}
				return
			}
		}
		checkArchive(t, j, s, files)
	})
}

// FuzzApply looks for panics, work without bounds, and conversions that can't be told from attributes.
func FuzzApply(f *testing.F) {
	g := generator{rand.New(rand.NewPCG(7, 8))}
	i := 0
	addFiles(func(root, sub string) {
		f.Add(root, sub, names[i%len(names)], []byte(g.content()))
		i++
	})
	f.Fuzz(func(t *testing.T, root, sub, name string, content []byte) {
		var s gitattr.Set
		s.Add("", []byte(root))
		s.Add("sub", []byte(sub))
		for _, path := range []string{name, "sub/" + name, "/", ""} {
			c, err := s.Lookup(path)
			if err != nil {
				if !errors.Is(err, gitattr.ErrNoEncoding) && !errors.Is(err, gitattr.ErrComplicated) {
					t.Error(err)
				}
				continue
			}
			if again, err := s.Lookup(path); again != c || err != nil {
				t.Errorf("%v, then %v (%v)", c, again, err)
			}
			blamed := false
			for _, word := range []string{"eol=crlf", "ident", "working-tree-encoding"} {
				blamed = blamed || strings.Contains(root+sub, word)
			}
			if zero := (gitattr.Conversion{}); c != zero && !blamed {
				t.Errorf("%v without an attribute to blame", c)
			}
			var b bytes.Buffer
			err = c.Apply(&b, content, "0123")
			if unknown := new(gitattr.EncodingError); errors.As(err, &unknown) {
				continue
			}
			if limit := 8 * (len(content)*(len("$Id: 0123 $")/3) + 4); err != nil || b.Len() > limit {
				t.Errorf("%d bytes become %d (%v)", len(content), b.Len(), err)
			}
			if err := c.Apply(failing{}, content, "0123"); !errors.Is(err, io.ErrShortWrite) && b.Len() > 0 {
				t.Errorf("an error of the writer's is lost: %v", err)
			}
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
