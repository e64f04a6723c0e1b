package git

import (
	"io"
	"slices"
	"strings"
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
	last    string            // name of the ref before
	count   int
	size    int64
}

// line accounts for a line of the server's.
func (l *listing) line(text string) error {
	if l.size += int64(len(text)); len(text) > maxRefLine || l.size > maxRefLine+int64(l.most)*refBytes {
		return failf(Broken, "the host lists refs of %d bytes, more than is allowed", l.size)
	}
	return nil
}

// add takes a ref, if it is one of those.
func (l *listing) add(ref Ref) error {
	l.last = ref.Name
	if l.count++; l.count > l.most {
		return failf(Broken, "the host lists more than %d refs", l.most)
	}
	if slices.ContainsFunc(l.prefixes, func(p string) bool { return strings.HasPrefix(ref.Name, p) }) { // a prefix is a hint to the server, no more
		if l.take != nil {
			if err := l.take(refCost + 2*int64(len(ref.Name))); err != nil {
				return err
			}
		}
		ref.Name = strings.Clone(ref.Name) // or the whole line would stay
		l.refs = append(l.refs, ref)
	}
	return nil
}

// read reads the answer to ls-refs.
func (l *listing) read(r io.Reader) error {
	p := newPktReader(r)
	for {
		text, kind, err := p.line()
		if err != nil {
			return answerError(err)
		}
		if kind != dataPacket {
			p.finish()
			return nil
		}
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
func (l *listing) advertised(text string) error {
	if err := l.line(text); err != nil {
		return err
	}
	oid, name, _ := strings.Cut(text, " ")
	if oid == "shallow" {
		return nil
	}
	h, err := ParseHash(oid)
	if err != nil || name == "" || strings.Contains(name, " ") {
		return malformedRef(text)
	}
	tag, peeled := strings.CutSuffix(name, "^{}")
	switch {
	case !peeled:
		return l.add(Ref{Name: name, Hash: h, Target: l.targets[name]})
	case l.count == 0 && tag == "capabilities":
		return nil
	case tag != l.last:
		return malformedRef(text)
	}
	l.last = ""
	if n := len(l.refs); n > 0 && l.refs[n-1].Name == tag {
		l.refs[n-1].Peeled = h
	}
	return nil
}

func malformedRef(text string) error {
	return failf(Broken, "the host sent a malformed ref: %.100q", text)
}

// parseRef reads `OID NAME [symref-target:REF] [peeled:OID]`. An unborn ref has no object.
func parseRef(text string) (Ref, error) {
	fields := strings.Split(text, " ")
	if len(fields) < 2 || fields[1] == "" {
		return Ref{}, malformedRef(text)
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
