package gitattr

import (
	"bufio"
	"bytes"
	"io"
	"iter"
)

// A Conversion is what becomes of a file's content on its way into an archive. The zero value leaves it alone.
type Conversion struct {
	eol      eol
	ident    bool
	encoding string
}

type eol byte

const (
	eolKeep eol = iota
	eolCRLF
	eolAuto // CRLF, if the content looks like text that has none yet
)

// conversion reads a file's attributes (convert.c, convert_attrs).
func conversion(values map[string]state) (Conversion, error) {
	c := Conversion{ident: values["ident"].kind == set}
	text := textOf(values["text"])
	if text == textUnknown {
		text = textOf(values["crlf"])
	}
	if e := values["eol"]; e.kind == valued && e.value == "crlf" {
		switch text {
		case textAuto:
			c.eol = eolAuto
		case textYes, textUnknown:
			c.eol = eolCRLF
		}
	}
	switch e := values["working-tree-encoding"]; e.kind {
	case set:
		return Conversion{}, ErrNoEncoding
	case valued:
		c.encoding = encodingName(e.value)
	}
	return c, nil
}

// textKind is what the attribute text makes of a file, or its forerunner crlf.
type textKind byte

const (
	textUnknown textKind = iota
	textYes
	textNo
	textAuto
)

func textOf(st state) textKind {
	switch {
	case st.kind == set, st.kind == valued && st.value == "input":
		return textYes
	case st.kind == unset:
		return textNo
	case st.kind == valued && st.value == "auto":
		return textAuto
	}
	return textUnknown
}

// Apply writes the converted content. The object name is that of the blob, in hexadecimal. An *[EncodingError] comes
// before anything is written; other errors are those of w.
func (c Conversion) Apply(w io.Writer, content []byte, object string) error {
	if len(content) == 0 {
		return nil // which no encoding changes, not even one that is unknown
	}
	enc, ok := encodings[c.encoding]
	if !ok {
		return &EncodingError{c.encoding}
	}
	pieces := c.pieces(content, object)
	if enc != nil && !enc.can(pieces) {
		enc = nil // git says so, and goes on
	}
	convertLines := c.eol == eolCRLF || c.eol == eolAuto && needsCRLF(pieces)
	buffered := bufio.NewWriter(w)
	if enc != nil {
		buffered.WriteString(enc.mark)
	}
	write := func(b []byte) error {
		if enc != nil {
			return enc.write(buffered, b)
		}
		_, err := buffered.Write(b)
		return err
	}
	for piece := range pieces {
		var err error
		if convertLines {
			err = writeLines(piece, write)
		} else {
			err = write(piece)
		}
		if err != nil {
			return err
		}
	}
	return buffered.Flush()
}

var crlf = []byte("\r\n")

// writeLines writes a piece with all its line ends CRLF.
func writeLines(piece []byte, write func([]byte) error) error {
	for line := range bytes.Lines(piece) {
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		if ended {
			text = bytes.TrimSuffix(text, []byte("\r"))
		}
		if err := write(text); err != nil {
			return err
		}
		if ended {
			if err := write(crlf); err != nil {
				return err
			}
		}
	}
	return nil
}

// pieces gives the content with its identifiers expanded. A piece ends behind a dollar sign, if not at the end.
func (c Conversion) pieces(content []byte, object string) iter.Seq[[]byte] {
	expanded := []byte("Id: " + object + " $")
	return func(yield func([]byte) bool) {
		rest := content
		for c.ident {
			dollar := bytes.IndexByte(rest, '$')
			if dollar < 0 {
				break
			}
			if !yield(rest[:dollar+1]) {
				return
			}
			rest = rest[dollar+1:]
			if n := identifier(rest); n > 0 {
				rest = rest[n:]
				if !yield(expanded) {
					return
				}
			}
		}
		if len(rest) > 0 {
			yield(rest)
		}
	}
}

// identifier is the length of what is to be replaced behind a dollar sign: "Id$", or "Id: TEXT $" where the text looks
// like git's, without blanks. Others may be those of another system.
func identifier(s []byte) int {
	switch {
	case bytes.HasPrefix(s, []byte("Id$")):
		return 3
	case !bytes.HasPrefix(s, []byte("Id:")):
		return 0
	}
	dollar := bytes.IndexByte(s, '$')
	if dollar < 0 || bytes.IndexByte(s[:dollar], '\n') >= 0 {
		return 0
	}
	if dollar > 4 {
		if blank := bytes.IndexByte(s[4:dollar], ' ') + 4; blank >= 4 && blank < dollar-1 {
			return 0
		}
	}
	return dollar + 1
}

// needsCRLF reports whether git takes a content for text (convert.c, gather_stats, convert_is_binary), with line ends
// to be changed, and no carriage returns.
func needsCRLF(pieces iter.Seq[[]byte]) bool {
	lines, printable, unprintable := 0, 0, 0
	var last byte
	for piece := range pieces {
		for _, last = range piece {
			switch {
			case last == '\r', last == 0:
				return false
			case last == '\n':
				lines++
			case last >= ' ' && last != 127, last == '\b', last == '\t', last == '\033', last == '\f':
				printable++
			default:
				unprintable++
			}
		}
	}
	if last == '\032' {
		unprintable-- // the end of a file, for DOS
	}
	return lines > 0 && printable>>7 >= unprintable
}
