package git

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// A wire0 is version 0 or 1 (gitprotocol-pack): the advertisement lists all refs, and says in the first line what the
// server can do. The two differ in a line before it.
type wire0 struct {
	number int
	caps   map[string]string // each with its first value; symref apart
}

// readVersion0 reads an advertisement from the line on that holds the first ref. A repository without refs has a line
// that says so, or none.
func readVersion0(p *pktReader, number int, text string, kind packetKind, l *listing) (wire0, error) {
	w := wire0{number, make(map[string]string)}
	text, caps, _ := strings.Cut(text, "\x00")
	l.targets = w.learn(caps)
	if err := checkFormat(w.caps["object-format"]); err != nil {
		return wire0{}, err
	}
	for line := []byte(text); kind == dataPacket; {
		if err := l.advertised(line); err != nil {
			return wire0{}, err
		}
		pkt, err := p.next()
		if err != nil {
			return wire0{}, answerError(err)
		}
		line, kind = bytes.TrimSuffix(pkt.data, []byte("\n")), pkt.kind
	}
	if kind != flushPacket {
		return wire0{}, failf(Broken, "the host's list of refs does not end as it should")
	}
	p.finish()
	return w, nil
}

// learn notes capabilities, and gives the targets of symbolic refs. A capability's first value is the one in force.
func (w wire0) learn(caps string) (targets map[string]string) {
	targets = make(map[string]string)
	for field := range strings.FieldsSeq(caps) {
		name, value, _ := strings.Cut(field, "=")
		if ref, target, ok := strings.Cut(value, ":"); ok && name == "symref" {
			targets[ref] = target
		} else if !w.knows(name) {
			w.caps[name] = value
		}
	}
	return targets
}

func (w wire0) knows(name string) bool {
	_, ok := w.caps[name]
	return ok
}

func (w wire0) version() int           { return w.number }
func (w wire0) format() *format        { return formatNamed(w.caps["object-format"]) }
func (w wire0) filters() bool          { return w.knows("filter") }
func (w wire0) deepens() bool          { return w.knows("shallow") }
func (w wire0) lsRefs([]string) []byte { return nil }
func (w wire0) anyObject() bool {
	return w.knows("allow-tip-sha1-in-want") && w.knows("allow-reachable-sha1-in-want")
}

// first gives the first of the capabilities that the server knows; empty if none.
func (w wire0) first(names ...string) string {
	for _, name := range names {
		if w.knows(name) {
			return name
		}
	}
	return ""
}

// sideBand is the capability by which the pack comes in packets; empty if it comes as it is.
func (w wire0) sideBand() string { return w.first("side-band-64k", "side-band") }

func (w wire0) fetch(req fetchRequest) []byte {
	chosen := "" // capabilities, on the first line
	choose := func(name, value string) bool {
		if name == "" || !w.knows(name) {
			return false
		}
		chosen += " " + name + value
		return true
	}
	var arguments string
	switch {
	case !req.since.IsZero():
		if choose("deepen-since", "") {
			arguments = pkt("deepen-since %d", req.since.Unix())
		}
	case req.deepen && w.deepens():
		arguments = pkt("deepen 1")
	}
	if req.filter != "" && choose("filter", "") {
		arguments += pkt("filter %s", req.filter)
	}
	choose(w.first("multi_ack_detailed", "multi_ack"), "") // means nothing without haves, but a big forge insists on it
	choose(w.sideBand(), "")
	choose("no-progress", "")
	choose("ofs-delta", "")
	choose("agent", "="+userAgent)
	choose("object-format", "="+w.format().name)
	var b strings.Builder
	for _, want := range req.wants {
		b.WriteString(pkt("want %s%s", want, chosen))
		chosen = ""
	}
	fmt.Fprintf(&b, "%s%s%s", arguments, flushLine, pkt("done"))
	return []byte(b.String())
}

// pack passes over the news of where the history was cut, and the NAK that says that we have nothing.
func (w wire0) pack(p *pktReader) (io.Reader, error) {
	size := 0
	for lines := 0; lines < maxLines && size < maxLineBytes; lines++ {
		text, kind, err := p.line()
		size += len(text)
		switch {
		case err == io.EOF:
			return nil, errNoPack
		case err != nil:
			return nil, err
		case kind == flushPacket, kind == dataPacket && (strings.HasPrefix(text, "shallow ") || strings.HasPrefix(text, "unshallow ")):
		case kind != dataPacket || text != "NAK":
			return nil, failf(Broken, "the host sent %.100q where NAK was due", text)
		case w.sideBand() == "":
			return p.rest(), nil
		default:
			return &bandReader{p: p}, nil
		}
	}
	return nil, failf(Broken, "the host's answer has no pack in its first %d lines or %d bytes", maxLines, maxLineBytes)
}
