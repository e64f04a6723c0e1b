package git

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A packet is one pkt-line: its payload, or one of the special lengths.
type packet struct {
	kind packetKind
	data []byte // valid until the next packet is read
}

type packetKind int

const (
	dataPacket packetKind = iota
	flushPacket
	delimPacket
	endPacket
)

// maxPacket is the most that a pkt-line may hold, its length included (gitprotocol-common).
const maxPacket = 65520

// A pktReader splits a stream in pkt-lines.
type pktReader struct {
	r    *bufio.Reader // holds a whole packet
	last int           // bytes of the packet that was given out, which are still in r
}

func newPktReader(r io.Reader) *pktReader {
	return &pktReader{r: bufio.NewReaderSize(r, maxPacket)}
}

// rest is the stream after the packets that were read.
func (p *pktReader) rest() *bufio.Reader {
	p.r.Discard(p.last)
	p.last = 0
	return p.r
}

// finish reads the end of an answer that is complete, without which its connection could not be used again. Whatever
// comes instead doesn't matter.
func (p *pktReader) finish() { p.rest().ReadByte() }

// next reads a pkt-line. The end of the stream between two is io.EOF, within one io.ErrUnexpectedEOF. A line
// beginning "ERR " is the host's way to refuse anywhere in a conversation: it becomes a *refusal.
func (p *pktReader) next() (packet, error) {
	head, err := p.rest().Peek(4)
	if len(head) > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return packet{}, err
	}
	n, ok := hexLength(head)
	switch {
	case !ok:
		return packet{}, failf(Broken, "the host sent %q where a packet's length was due", head)
	case n == 3 || n > maxPacket:
		return packet{}, failf(Broken, "the host sent a packet of invalid length %d", n)
	case n < 4:
		p.last = 4
		return packet{kind: [...]packetKind{flushPacket, delimPacket, endPacket}[n]}, nil
	}
	line, err := p.r.Peek(n)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return packet{}, err
	}
	p.last = n
	data := line[4:]
	if text, ok := bytes.CutPrefix(data, []byte("ERR ")); ok {
		return packet{}, &refusal{printable(text)}
	}
	return packet{kind: dataPacket, data: data}, nil
}

// hexLength reads the four hexadecimal digits of a packet's length.
func hexLength(head []byte) (n int, ok bool) {
	var b [2]byte
	if _, err := hex.Decode(b[:], head); err != nil {
		return 0, false
	}
	return int(b[0])<<8 | int(b[1]), true
}

// line reads a pkt-line as text, without the newline that may end it; special packets have none.
func (p *pktReader) line() (text string, kind packetKind, err error) {
	pkt, err := p.next()
	if err != nil {
		return "", 0, err
	}
	return strings.TrimSuffix(string(pkt.data), "\n"), pkt.kind, nil
}

// A refusal is what a host says in an ERR packet or on the error band.
type refusal struct{ text string }

func (r *refusal) Error() string { return "the host refused: " + r.text }

// printable cuts a host's text to what a log line can take.
func printable(b []byte) string {
	const most = 300
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, string(b[:min(len(b), most)]))
	return strings.TrimSpace(text)
}

const (
	flushLine = "0000"
	delimLine = "0001"
)

// pkt formats one pkt-line of text.
func pkt(format string, args ...any) string {
	s := fmt.Sprintf(format, args...) + "\n"
	return fmt.Sprintf("%04x%s", len(s)+4, s)
}
