package git

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A packet is one pkt-line: its payload, or one of the special lengths.
type packet struct {
	kind packetKind
	data []byte // valid until the next read
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
	r   *bufio.Reader
	buf [maxPacket]byte
}

func newPktReader(r io.Reader) *pktReader {
	return &pktReader{r: bufio.NewReader(r)}
}

// finish reads the end of an answer that is complete, without which its connection could not be used again. Whatever
// comes instead doesn't matter.
func (p *pktReader) finish() { p.r.ReadByte() }

// next reads a pkt-line. The end of the stream between two is io.EOF, within one io.ErrUnexpectedEOF. A line
// beginning "ERR " is the host's way to refuse anywhere in a conversation: it becomes a *refusal.
func (p *pktReader) next() (packet, error) {
	if _, err := io.ReadFull(p.r, p.buf[:4]); err != nil {
		return packet{}, err
	}
	n, err := strconv.ParseUint(string(p.buf[:4]), 16, 16)
	switch {
	case err != nil:
		return packet{}, failf(Broken, "the host sent %q where a packet's length was due", p.buf[:4])
	case n == 0:
		return packet{kind: flushPacket}, nil
	case n == 1:
		return packet{kind: delimPacket}, nil
	case n == 2:
		return packet{kind: endPacket}, nil
	case n == 3 || n > maxPacket:
		return packet{}, failf(Broken, "the host sent a packet of invalid length %d", n)
	}
	data := p.buf[:n-4]
	if _, err := io.ReadFull(p.r, data); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return packet{}, err
	}
	if text, ok := bytes.CutPrefix(data, []byte("ERR ")); ok {
		return packet{}, &refusal{printable(text)}
	}
	return packet{kind: dataPacket, data: data}, nil
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
