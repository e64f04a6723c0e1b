// Package source writes text that is to a compressor what Go source is: few words, names that come again and again, the same
// turns of phrase with other names in them. It is the same for the same random numbers.
package source

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Subject stands in texts where the name of what a file is about goes, see [Fill].
const Subject = "\x01"

// Fill puts a name in the place of every [Subject].
func Fill(text, name string) string { return strings.ReplaceAll(text, Subject, name) }

// A Writer writes one file after the other.
type Writer struct {
	r       *rand.Rand
	words   []string // of this file, as all that follows
	names   []string
	phrases []string // what comments say
}

// New returns a writer that takes its choices from r.
func New(r *rand.Rand) *Writer {
	w := &Writer{r: r}
	w.NewFile(0)
	return w
}

// usual is how many words a file has, if nobody says.
const usual = 40

// NewFile begins a file with n words and names made of them. The fewer, the better it can be compressed.
func (w *Writer) NewFile(n int) {
	if n == 0 {
		n = usual
	}
	w.words, w.names, w.phrases = w.words[:0], w.names[:0], w.phrases[:0]
	for range n {
		w.words = append(w.words, words[w.r.IntN(len(words))])
	}
	for range max(n*2/5, 1) {
		w.names = append(w.names, w.Name(1+w.r.IntN(2)))
	}
	for range max(n/5, 1) {
		w.phrases = append(w.phrases, w.phrase())
	}
}

// Word is one of the words.
func (w *Writer) Word() string { return w.words[w.r.IntN(len(w.words))] }

// Name is an exported identifier of n words.
func (w *Writer) Name(n int) string {
	var b strings.Builder
	for range n {
		word := w.Word()
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// Size is one from a skewed distribution with this mean, as sizes of files are.
func (w *Writer) Size(mean int) int {
	const sigma = 0.7
	size := float64(mean) * math.Exp(w.r.NormFloat64()*sigma-sigma*sigma/2)
	return max(64, min(int(size), 8*mean))
}

// Header is how a file begins.
func (w *Writer) Header(pkg string) string {
	var b strings.Builder
	b.WriteString(notice)
	fmt.Fprintf(&b, "// Package %s has what a %s needs to %s a %s.\npackage %s\n\nimport (\n", pkg, Subject, w.Word(), w.Word(), pkg)
	for range 3 + w.r.IntN(6) {
		fmt.Fprintf(&b, "\t%q\n", imports[w.r.IntN(len(imports))])
	}
	b.WriteString(")\n")
	return b.String()
}

// Declarations is text of about n bytes, in pieces.
func (w *Writer) Declarations(n int) []string {
	var pieces []string
	for n > 0 {
		piece := w.Declaration()
		pieces = append(pieces, piece)
		n -= len(piece)
	}
	return pieces
}

// Declaration is a type or a function.
func (w *Writer) Declaration() string {
	var b strings.Builder
	switch w.r.IntN(6) {
	case 0:
		w.structure(&b)
	case 1:
		w.constants(&b)
	default:
		w.function(&b)
	}
	return b.String()
}

func (w *Writer) structure(b *strings.Builder) {
	name := w.Name(2)
	fmt.Fprintf(b, "\n// %s%s %s\ntype %s%s struct {\n", Subject, name, w.sentence(), Subject, name)
	for range 3 + w.r.IntN(8) {
		field := w.own()
		fmt.Fprintf(b, "\t// %s %s\n\t%s %s `json:\"%s,omitempty\"`\n\n", field, w.sentence(), field, types[w.r.IntN(len(types))], strings.ToLower(field))
	}
	b.WriteString("}\n")
}

func (w *Writer) constants(b *strings.Builder) {
	kind := w.Name(1)
	b.WriteString("\nconst (\n")
	for range 3 + w.r.IntN(8) {
		value := w.Name(2)
		fmt.Fprintf(b, "\t%s%s %s = %q // %s\n", kind, value, kind, strings.ToLower(value), w.sentence())
	}
	b.WriteString(")\n")
}

func (w *Writer) function(b *strings.Builder) {
	name := w.Name(2)
	fmt.Fprintf(b, "\n// %s %s\n", name, w.sentence())
	for range w.r.IntN(4) {
		fmt.Fprintf(b, "// %s\n", w.sentence())
	}
	fmt.Fprintf(b, "func (c *%s) %s(ctx context.Context, %s %s) (*%s, error) {\n", Subject, name, w.lower(), types[w.r.IntN(len(types))], w.own())
	for range 4 + w.r.IntN(14) {
		b.WriteString(w.fill(statements[w.r.IntN(len(statements))]))
	}
	b.WriteString("\treturn out, nil\n}\n")
}

// fill puts names into a statement: $N an exported one, $n another one, $w a word, $s a sentence, $d digits.
func (w *Writer) fill(statement string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(statement, "$")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		switch rest[0] {
		case 'N':
			b.WriteString(w.own())
		case 'n':
			b.WriteString(w.lower())
		case 'w':
			b.WriteString(w.Word())
		case 's':
			b.WriteString(w.sentence())
		case 'd':
			fmt.Fprint(&b, w.r.IntN(4096))
		}
		statement = rest[1:]
	}
}

// own is one of the file's names, the first ones most of the time.
func (w *Writer) own() string {
	i := int(math.Abs(w.r.NormFloat64()) * float64(len(w.names)) / 3)
	return w.names[min(i, len(w.names)-1)]
}

func (w *Writer) lower() string {
	name := w.own()
	return strings.ToLower(name[:1]) + name[1:]
}

// sentence is what others have said, more often than not.
func (w *Writer) sentence() string {
	if w.r.IntN(4) > 0 {
		return w.phrases[w.r.IntN(len(w.phrases))]
	}
	return w.phrase()
}

func (w *Writer) phrase() string {
	var b strings.Builder
	for i := range 4 + w.r.IntN(9) {
		if i > 0 {
			b.WriteByte(' ')
		}
		if i%2 == 1 {
			b.WriteString(small[w.r.IntN(len(small))])
		} else {
			b.WriteString(w.Word())
		}
	}
	b.WriteByte('.')
	return b.String()
}
