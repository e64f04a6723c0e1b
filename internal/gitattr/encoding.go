package gitattr

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// An EncodingError says that a file has a working-tree-encoding that is not known here. Git has it made by the
// system's iconv.
type EncodingError struct{ Encoding string }

func (e *EncodingError) Error() string {
	return fmt.Sprintf("attribute working-tree-encoding=%.100q is of an encoding that is not known here", e.Encoding)
}

// An encoding is one of the encodings that are made as git makes them with the GNU C library on a little-endian
// machine: others take UTF-16 and UTF-32 for big-endian.
type encoding struct {
	mark  string // the byte order mark
	most  rune   // the highest character
	order binary.AppendByteOrder
	size  int // of a unit in bytes
}

var (
	utf16LE     = encoding{"", utf8.MaxRune, binary.LittleEndian, 2}
	utf16BE     = encoding{"", utf8.MaxRune, binary.BigEndian, 2}
	utf16LEMark = encoding{"\xff\xfe", utf8.MaxRune, binary.LittleEndian, 2}
	utf16BEMark = encoding{"\xfe\xff", utf8.MaxRune, binary.BigEndian, 2}
	utf32LE     = encoding{"", utf8.MaxRune, binary.LittleEndian, 4}
	utf32BE     = encoding{"", utf8.MaxRune, binary.BigEndian, 4}
	utf32LEMark = encoding{"\xff\xfe\x00\x00", utf8.MaxRune, binary.LittleEndian, 4}
	latin1      = encoding{"", 0xff, nil, 1}
	ascii       = encoding{"", 0x7f, nil, 1}
)

// encodings are known by these names, nil standing for no change.
var encodings = map[string]*encoding{
	"":       nil,
	"UTF-16": &utf16LEMark, "UTF16": &utf16LEMark,
	"UTF-16LE": &utf16LE, "UTF16LE": &utf16LE,
	"UTF-16BE": &utf16BE, "UTF16BE": &utf16BE,
	"UTF-16LE-BOM": &utf16LEMark, "UTF16LE-BOM": &utf16LEMark, // these are git's own
	"UTF-16BE-BOM": &utf16BEMark, "UTF16BE-BOM": &utf16BEMark,
	"UTF-32": &utf32LEMark, "UTF32": &utf32LEMark,
	"UTF-32LE": &utf32LE, "UTF32LE": &utf32LE,
	"UTF-32BE": &utf32BE, "UTF32BE": &utf32BE,
	"ISO-8859-1": &latin1, "ISO8859-1": &latin1, "ISO_8859-1": &latin1, "ISO88591": &latin1,
	"LATIN1": &latin1, "LATIN-1": &latin1, "L1": &latin1,
	"US-ASCII": &ascii, "ASCII": &ascii,
}

// encodingName gives a name of encoding in upper case; empty for that in which git keeps contents.
func encodingName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	if name := string(b); name != "UTF-8" && name != "UTF8" {
		return name
	}
	return ""
}

// isTag reports whether the C library drops a character where it can't be had, without a word.
func isTag(r rune) bool { return r>>7 == 0xe0000>>7 }

// can reports whether all of a content can be had in the encoding: if not, git leaves it as it is.
func (e *encoding) can(pieces iter.Seq[[]byte]) bool {
	for piece := range pieces {
		if !utf8.Valid(piece) {
			return false
		}
		for len(piece) > 0 && e.most < utf8.MaxRune {
			r, n := utf8.DecodeRune(piece)
			if r > e.most && !isTag(r) {
				return false
			}
			piece = piece[n:]
		}
	}
	return true
}

// write encodes a part of a content.
func (e *encoding) write(w *bufio.Writer, part []byte) error {
	for len(part) > 0 {
		r, n := utf8.DecodeRune(part)
		part = part[n:]
		b := w.AvailableBuffer()
		switch {
		case r > e.most:
			continue
		case e.size == 1:
			b = append(b, byte(r))
		case e.size == 4:
			b = e.order.AppendUint32(b, uint32(r))
		case r < 0x10000:
			b = e.order.AppendUint16(b, uint16(r))
		default:
			high, low := utf16.EncodeRune(r)
			b = e.order.AppendUint16(b, uint16(high))
			b = e.order.AppendUint16(b, uint16(low))
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
