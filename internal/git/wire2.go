package git

import (
	"io"
	"slices"
	"strings"
)

// A wire2 is version 2 (gitprotocol-v2): the capabilities, each with its value.
type wire2 map[string]string

// readVersion2 reads an advertisement from its second line on.
func readVersion2(p *pktReader) (wire2, error) {
	w := make(wire2)
	const most = 100 << 10
	for size := 0; size < most; {
		text, kind, err := p.line()
		if err != nil {
			return nil, answerError(err)
		}
		if kind == flushPacket {
			p.finish()
			return w, w.check()
		}
		name, value, _ := strings.Cut(text, "=")
		w[name] = value
		size += len(text) + 4
	}
	return nil, failf(Broken, "the host advertises capabilities of more than %d bytes", most)
}

func (w wire2) check() error {
	for _, command := range []string{"ls-refs", "fetch"} {
		if _, ok := w[command]; !ok {
			return failf(Broken, "the host does not know the command %s", command)
		}
	}
	return checkFormat(w["object-format"])
}

func (w wire2) version() int    { return 2 }
func (w wire2) format() *format { return formatNamed(w["object-format"]) }
func (w wire2) filters() bool   { return w.fetchTakes("filter") }
func (w wire2) deepens() bool   { return w.fetchTakes("shallow") }
func (w wire2) anyObject() bool { return true }

// fetchTakes reports whether fetch knows a feature.
func (w wire2) fetchTakes(feature string) bool {
	return slices.Contains(strings.Fields(w["fetch"]), feature)
}

// header begins a command's request: all that stands before its arguments.
func (w wire2) header(command string) string {
	s := pkt("command=%s", command)
	if _, ok := w["agent"]; ok {
		s += pkt("agent=%s", userAgent)
	}
	if _, ok := w["object-format"]; ok {
		s += pkt("object-format=%s", w.format().name)
	}
	return s + delimLine
}

func (w wire2) lsRefs(prefixes []string) []byte {
	request := w.header("ls-refs") + pkt("peel") + pkt("symrefs")
	for _, prefix := range prefixes {
		request += pkt("ref-prefix %s", prefix)
	}
	return []byte(request + flushLine)
}

func (w wire2) fetch(req fetchRequest) []byte {
	var b strings.Builder
	b.WriteString(w.header("fetch"))
	b.WriteString(pkt("no-progress"))
	b.WriteString(pkt("ofs-delta"))
	if w.deepens() {
		switch { // the two can't go together
		case !req.since.IsZero():
			b.WriteString(pkt("deepen-since %d", req.since.Unix()))
		case req.deepen:
			b.WriteString(pkt("deepen 1"))
		}
	}
	if req.filter != "" {
		b.WriteString(pkt("filter %s", req.filter))
	}
	for _, want := range req.wants {
		b.WriteString(pkt("want %s", want))
	}
	b.WriteString(pkt("done"))
	b.WriteString(flushLine)
	return []byte(b.String())
}

// pack passes over the sections before the pack. Without haves there is only news of where the history was cut.
func (w wire2) pack(p *pktReader) (io.Reader, error) {
	size := 0
	for lines := 0; lines < maxLines && size < maxLineBytes; lines++ {
		text, kind, err := p.line()
		size += len(text)
		if err == io.EOF {
			return nil, errNoPack
		}
		if err != nil {
			return nil, err
		}
		if kind == dataPacket && text == "packfile" {
			return &bandReader{p: p}, nil
		}
		if kind == flushPacket || kind == endPacket {
			return nil, failf(Broken, "the host's answer has no pack")
		}
	}
	return nil, failf(Broken, "the host's answer has no pack in its first %d lines or %d bytes", maxLines, maxLineBytes)
}
