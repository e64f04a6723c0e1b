package git

import (
	"bytes"
	"io"
)

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

// maxRefLine is the most that a line of a listing may have, and refBytes what it may have on average. Keeping a ref
// takes refCost besides its name, and the name again, for those who sort it.
const (
	maxRefLine = 16 << 10
	refBytes   = 300
	refCost    = 500
)

// tooLong reports whether no ref can begin with a prefix, for its length.
func tooLong(prefix string) bool { return len(prefix) > maxRefLine }

// A listing collects the refs of a server that begin with one of the prefixes, and bounds what is read for them.
type listing struct {
	prefixes []string
	most     int               // refs, of whatever name
	take     func(int64) error // asks for memory; nil if none is kept
	refs     []Ref

	targets map[string]string // of symbolic refs, where the lines don't say
	last    []byte            // name of the ref before, where the lines don't say what it peels to
	count   int
	size    int64
}

// A refLine is a ref as a server lists it. It is valid until the next line is read: most are none of those that are wanted.
type refLine struct {
	name, target []byte
	hash, peeled Hash
}

// line accounts for a line of the server's.
func (l *listing) line(text []byte) error {
	if l.size += int64(len(text)); len(text) > maxRefLine || l.size > maxRefLine+int64(l.most)*refBytes {
		return failf(Broken, "the host lists refs of %d bytes, more than is allowed", l.size)
	}
	return nil
}

// add takes a ref, if it is one of those.
func (l *listing) add(ref refLine) error {
	if l.count++; l.count > l.most {
		return failf(Broken, "the host lists more than %d refs", l.most)
	}
	for _, prefix := range l.prefixes { // which are a hint to the server, no more
		if len(ref.name) < len(prefix) || string(ref.name[:len(prefix)]) != prefix {
			continue
		}
		if l.take != nil {
			if err := l.take(refCost + 2*int64(len(ref.name))); err != nil {
				return err
			}
		}
		l.refs = append(l.refs, Ref{string(ref.name), ref.hash, ref.peeled, string(ref.target)})
		return nil
	}
	return nil
}

// read reads the answer to ls-refs.
func (l *listing) read(r io.Reader) error {
	p := newPktReader(r)
	for {
		pkt, err := p.next()
		if err != nil {
			return answerError(err)
		}
		if pkt.kind != dataPacket {
			p.finish()
			return nil
		}
		text := bytes.TrimSuffix(pkt.data, []byte("\n"))
		if err := l.line(text); err != nil {
			return err
		}
		ref, err := parseRef(text)
		if err == nil {
			err = l.add(ref)
		}
		if err != nil {
			return err
		}
	}
}

// advertised reads a line of an advertisement of version 0: `OID NAME`, followed by `OID NAME^{}` if that is an annotated
// tag; `OID capabilities^{}` if there is no ref; and `shallow OID` where the server's own history ends.
func (l *listing) advertised(text []byte) error {
	if err := l.line(text); err != nil {
		return err
	}
	oid, name, _ := bytes.Cut(text, []byte(" "))
	if string(oid) == "shallow" {
		return nil
	}
	h, err := parseHash(oid)
	if err != nil || len(name) == 0 || bytes.IndexByte(name, ' ') >= 0 {
		return malformedRef(text)
	}
	tag, peeled := bytes.CutSuffix(name, []byte("^{}"))
	switch {
	case !peeled:
		l.last = append(l.last[:0], name...)
		return l.add(refLine{name: name, hash: h, target: []byte(l.targets[string(name)])})
	case l.count == 0 && string(tag) == "capabilities":
		return nil
	case !bytes.Equal(tag, l.last):
		return malformedRef(text)
	}
	if n := len(l.refs); n > 0 && l.refs[n-1].Name == string(tag) {
		l.refs[n-1].Peeled = h
	}
	l.last = l.last[:0]
	return nil
}

func malformedRef(text []byte) error {
	return failf(Broken, "the host sent a malformed ref: %.100q", text)
}

// parseRef reads `OID NAME [symref-target:REF] [peeled:OID]`. An unborn ref has no object.
func parseRef(text []byte) (ref refLine, err error) {
	oid, rest, _ := bytes.Cut(text, []byte(" "))
	ref.name, rest, _ = bytes.Cut(rest, []byte(" "))
	if len(ref.name) == 0 {
		return refLine{}, malformedRef(text)
	}
	if string(oid) != "unborn" {
		ref.hash, err = parseHash(oid)
	}
	for len(rest) > 0 {
		var attribute []byte
		attribute, rest, _ = bytes.Cut(rest, []byte(" "))
		if value, ok := bytes.CutPrefix(attribute, []byte("peeled:")); ok && err == nil {
			ref.peeled, err = parseHash(value)
		}
		if value, ok := bytes.CutPrefix(attribute, []byte("symref-target:")); ok {
			ref.target = value
		}
	}
	if err != nil {
		return refLine{}, failf(Broken, "the host sent a malformed ref: %w", err)
	}
	return ref, nil
}
