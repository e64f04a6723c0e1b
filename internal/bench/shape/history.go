package shape

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"strings"

	"example.com/vanity/internal/bench/source"
)

// A file is one as it is at the moment.
type file struct {
	path   string
	name   string // what it is about
	pieces []string
	raw    bool
}

func (f *file) content() string {
	var b strings.Builder
	for _, p := range f.pieces {
		if f.raw {
			b.WriteString(p)
		} else {
			b.WriteString(source.Fill(p, f.name))
		}
	}
	return b.String()
}

// A lightTag is a tag that is nothing but a name of the nth commit.
type lightTag struct {
	name   string
	commit int
}

// A history writes a repository for git fast-import.
type history struct {
	Shape
	w     *bufio.Writer
	r     *rand.Rand
	text  *source.Writer
	files []*file
	own   int      // the first files are the module's that is measured
	dirs  []string // of other modules
	next  int      // number of the next commit
	light []lightTag
}

// date is the next commit's: an hour after the one before, or a minute where there are so many that it would be another century.
func (h *history) date() int {
	const began = 1_500_000_000
	if h.Commits > 50_000 {
		return began + h.next*60
	}
	return began + h.next*3600
}

// write writes all of a history, and gives the tags that are not in it.
func (s Shape) write(w io.Writer) ([]lightTag, error) {
	r := rand.New(rand.NewPCG(s.Seed, 0x5eed))
	h := &history{Shape: s, w: bufio.NewWriterSize(w, 1<<20), r: r, text: source.New(r)}
	h.layout()
	h.first()
	releases := max(h.Versions, 1)
	for n := 1; n <= releases; n++ {
		for due := h.Commits * n / releases; h.next < due; {
			if h.next == due-1 {
				h.edit(h.files[h.r.IntN(h.own)]) // no version is like the one before
			} else {
				h.edit(h.files[h.r.IntN(len(h.files))])
			}
		}
		if h.Versions > 0 {
			h.tag(h.Dir, h.Shape.Version(n))
		}
		for i := h.Tags * (n - 1) / releases; i < h.Tags*n/releases; i++ {
			h.tag(h.dirs[i%len(h.dirs)], h.Shape.Version(i/len(h.dirs)))
		}
	}
	fmt.Fprintln(h.w, "done")
	return h.light, h.w.Flush()
}

// layout makes the first content of all files.
func (h *history) layout() {
	h.files = append(h.files,
		&file{path: path.Join(h.Dir, "go.mod"), pieces: []string{"module " + h.Module() + "\n\ngo 1.21\n"}, raw: true},
		&file{path: path.Join(h.Dir, "LICENSE"), pieces: []string{source.License}, raw: true})
	for i, p := range h.Parts {
		h.part(i, p)
		if !p.Modules {
			h.own = len(h.files)
		}
	}
	if h.Dir != "" {
		h.files = append(h.files, &file{path: "LICENSE", pieces: []string{source.License}, raw: true})
	}
	h.files[0], h.files[h.own-1] = h.files[h.own-1], h.files[0]
}

func (h *history) part(number int, p Part) {
	dirs := h.directories(p)
	var kin *file // that the files to come are like
	for i := range p.Files {
		if i%max(p.Kin, 1) == 0 {
			kin = h.file(p)
		}
		f := &file{name: h.text.Name(2), pieces: kin.pieces, raw: p.Raw}
		if i%max(p.Kin, 1) > 0 {
			f.pieces = h.varied(kin.pieces, p.Fresh)
		}
		// Names that end alike are what makes git look for deltas there.
		name := fmt.Sprintf("%s%d_%s%d_%d.go", strings.ToLower(f.name), i, strings.ToLower(kin.name), number, i/max(p.Kin, 1)%100)
		f.path = path.Join(dirs[i*len(dirs)/p.Files], name)
		h.files = append(h.files, f)
	}
}

// directories makes those of a part, with a go.mod each if it is one of modules.
func (h *history) directories(p Part) []string {
	if p.Dirs <= 1 && !p.Modules {
		return []string{p.Dir}
	}
	dirs := make([]string, p.Dirs)
	for i := range dirs {
		dirs[i] = path.Join(p.Dir, fmt.Sprintf("%s%d", strings.ToLower(h.text.Name(1)), i))
		if p.Modules {
			mod := fmt.Sprintf("module github.com/%s/%s\n\ngo 1.21\n", h.Repo(), dirs[i])
			h.files = append(h.files, &file{path: dirs[i] + "/go.mod", pieces: []string{mod}, raw: true})
			h.dirs = append(h.dirs, dirs[i])
		}
	}
	return dirs
}

// file makes one that is like no other.
func (h *history) file(p Part) *file {
	h.text.NewFile(p.Words)
	f := &file{name: h.text.Name(1)}
	if p.Raw {
		f.pieces = []string{h.noise(p.Mean)}
		return f
	}
	size := p.Mean - 700
	if !p.Even {
		size = h.text.Size(size)
	}
	f.pieces = append([]string{h.text.Header(strings.ToLower(f.name))}, h.text.Declarations(size)...)
	return f
}

func (h *history) noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(h.Seed), byte(len(h.files))}).Read(b)
	return string(b)
}

// varied is a copy in which a share of the pieces is another.
func (h *history) varied(pieces []string, fresh float64) []string {
	own := make([]string, len(pieces))
	for i, p := range pieces {
		if h.r.Float64() < fresh {
			p = h.text.Declaration()
		}
		own[i] = p
	}
	return own
}

// first writes the first commit.
func (h *history) first() {
	h.commit("Import all.", h.files)
}

// edit writes a commit that changes a file, and others besides, or nothing if the shape is such.
func (h *history) edit(f *file) {
	var changed []*file
	for len(changed) < h.Edits {
		changed = append(changed, f)
		f = h.files[h.r.IntN(len(h.files))]
	}
	for _, f := range changed {
		if f.raw {
			f.pieces = append(f.pieces[:len(f.pieces):len(f.pieces)], fmt.Sprintf("// %d\n", h.next))
			continue
		}
		h.text.NewFile(0)
		f.pieces = append([]string(nil), f.pieces...)
		f.pieces[1+h.r.IntN(len(f.pieces)-1)] = h.text.Declaration()
	}
	h.commit(h.text.Word()+": change "+h.text.Word()+" of "+f.path+".", changed)
}

// A commit has the mark of its number plus one, as zero is none.
func (h *history) commit(message string, files []*file) {
	who := fmt.Sprintf("Carl Committer <committer@example.com> %d +0000", h.date())
	fmt.Fprintf(h.w, "commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s\n", h.next+1, who, who, len(message), message)
	for _, f := range files {
		content := f.content()
		fmt.Fprintf(h.w, "M 100644 inline %s\ndata %d\n%s\n", f.path, len(content), content)
	}
	h.next++
}

func (h *history) tag(dir, version string) {
	name := tag(dir, version)
	if !h.Annotated {
		h.light = append(h.light, lightTag{name, h.next - 1})
		return
	}
	message := "Release " + version + "\n"
	fmt.Fprintf(h.w, "tag %s\nfrom :%d\ntagger Carl Committer <committer@example.com> %d +0000\ndata %d\n%s\n",
		name, h.next, h.date(), len(message), message)
}
