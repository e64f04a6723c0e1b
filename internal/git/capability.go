package git

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
)

// capabilities are what a server says it can do, each with its value.
type capabilities map[string]string

// readCapabilities reads an advertisement of protocol version 2. Over HTTP the name of the service comes first.
func readCapabilities(r io.Reader) (capabilities, error) {
	p := newPktReader(r)
	text, kind, err := p.line()
	if err == nil && strings.HasPrefix(text, "# service=") {
		if _, kind, err = p.line(); err == nil && kind != flushPacket {
			return nil, failf(Broken, "the host's advertisement has no flush after the service's name")
		}
		text, kind, err = p.line()
	}
	if err != nil {
		return nil, answerError(err)
	}
	if kind != dataPacket || text != "version 2" {
		return nil, failf(Broken, "the host does not speak version 2 of git's protocol")
	}
	caps := make(capabilities)
	const most = 100 << 10
	for size := 0; size < most; size += len(text) + 4 {
		if text, kind, err = p.line(); err != nil {
			return nil, answerError(err)
		}
		if kind == flushPacket {
			p.finish()
			return caps, caps.check()
		}
		name, value, _ := strings.Cut(text, "=")
		caps[name] = value
	}
	return nil, failf(Broken, "the host advertises capabilities of more than %d bytes", most)
}

func (c capabilities) check() error {
	for _, command := range []string{"ls-refs", "fetch"} {
		if _, ok := c[command]; !ok {
			return failf(Broken, "the host does not know the command %s", command)
		}
	}
	if c.format() == nil {
		return failf(Broken, "the host names objects by %.20q, which is unknown here", c["object-format"])
	}
	return nil
}

func (c capabilities) format() *format {
	switch c["object-format"] {
	case "", "sha1":
		return formatSHA1
	case "sha256":
		return formatSHA256
	}
	return nil
}

// fetchTakes reports whether fetch knows a feature: "filter", say. Which filters, only an attempt can tell.
func (c capabilities) fetchTakes(feature string) bool {
	return slices.Contains(strings.Fields(c["fetch"]), feature)
}

// header begins a command's request: all that stands before its arguments.
func (c capabilities) header(command string) string {
	s := pkt("command=%s", command)
	if _, ok := c["agent"]; ok {
		s += pkt("agent=%s", userAgent)
	}
	if _, ok := c["object-format"]; ok {
		s += pkt("object-format=%s", c.format().name)
	}
	return s + delimLine
}

// answerError makes an end within an answer a fault of the host.
func answerError(err error) error {
	var r *refusal
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return failf(Broken, "the connection ended in the middle of an answer")
	case errors.As(err, &r):
		return failf(Broken, "%w", r)
	}
	return err
}

// A Ref is a named object.
type Ref struct {
	Name   string // full: refs/tags/v1.0.0, HEAD
	Hash   Hash   // what it points at
	Peeled Hash   // what the annotated tag there points at in the end; zero if it is none
	Target string // the ref that a symbolic one points at
}

// Object is what the ref comes to, through tags.
func (r Ref) Object() Hash {
	if r.Peeled.IsZero() {
		return r.Hash
	}
	return r.Peeled
}

// maxRefLine is the most that a line of a listing may have, and refBytes what it may have on average.
const (
	maxRefLine = 16 << 10
	refBytes   = 300
)

// tooLong reports whether no ref can begin with a prefix, for its length.
func tooLong(prefix string) bool { return len(prefix) > maxRefLine }

// listRefs asks for the refs that begin with one of the prefixes.
func listRefs(ctx context.Context, t transport, caps capabilities, prefixes []string, most int) ([]Ref, error) {
	request := caps.header("ls-refs") + pkt("peel") + pkt("symrefs")
	for _, prefix := range prefixes {
		request += pkt("ref-prefix %s", prefix)
	}
	body, err := t.command(ctx, []byte(request+flushLine))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	p := newPktReader(body)
	var refs []Ref
	size := int64(0)
	for range most + 1 {
		text, kind, err := p.line()
		if err != nil {
			return nil, answerError(err)
		}
		if kind != dataPacket {
			p.finish()
			return refs, nil
		}
		if size += int64(len(text)); len(text) > maxRefLine || size > maxRefLine+int64(most)*refBytes {
			return nil, failf(Broken, "the host lists refs of %d bytes, more than is allowed", size)
		}
		ref, err := parseRef(text)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(ref.Name, p) }) { // a prefix is a hint to the server, no more
			refs = append(refs, ref)
		}
	}
	return nil, failf(Broken, "the host lists more than %d refs", most)
}

// parseRef reads `OID NAME [symref-target:REF] [peeled:OID]`. An unborn ref has no object.
func parseRef(text string) (Ref, error) {
	fields := strings.Split(text, " ")
	if len(fields) < 2 || fields[1] == "" {
		return Ref{}, failf(Broken, "the host sent a malformed ref: %.100q", text)
	}
	ref := Ref{Name: fields[1]}
	var err error
	if fields[0] != "unborn" {
		ref.Hash, err = ParseHash(fields[0])
	}
	for _, attribute := range fields[2:] {
		if value, ok := strings.CutPrefix(attribute, "peeled:"); ok && err == nil {
			ref.Peeled, err = ParseHash(value)
		}
		if value, ok := strings.CutPrefix(attribute, "symref-target:"); ok {
			ref.Target = value
		}
	}
	if err != nil {
		return Ref{}, failf(Broken, "the host sent a malformed ref: %w", err)
	}
	return ref, nil
}
