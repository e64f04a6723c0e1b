package git

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// A wire is a version of the protocol, as one server speaks it: what is said, and not how it gets there. It is learned
// from the server's advertisement, and does not change.
type wire interface {
	// version is the protocol's, to be named with each request.
	version() int
	// format is how the repository names objects.
	format() *format
	// filters reports whether a fetch may have a filter. Which ones, only an attempt can tell.
	filters() bool
	// deepens reports whether a fetch may leave history out.
	deepens() bool
	// anyObject reports whether trees and blobs may be wanted by themselves, as far as the server has said.
	anyObject() bool
	// lsRefs is the request for the refs that begin with one of the prefixes, at least; nil if a new advertisement
	// lists them.
	lsRefs(prefixes []string) []byte
	// fetch is the request for a pack.
	fetch(req fetchRequest) []byte
	// pack finds the pack in the answer to fetch.
	pack(p *pktReader) (io.Reader, error)
}

// newestVersion is what is asked for; a server answers in what it knows.
const newestVersion = 2

// protocol names a version in the Git-Protocol header, or GIT_PROTOCOL.
func protocol(version int) string { return fmt.Sprintf("version=%d", version) }

// readAdvertisement reads what a server says it can do, and its refs if it lists them unasked. Over HTTP the name of
// the service comes first.
func readAdvertisement(r io.Reader, l *listing) (wire, error) {
	p := newPktReader(r)
	text, kind, err := readGreeting(p)
	if err != nil {
		return nil, err
	}
	number, named := strings.CutPrefix(text, "version ")
	switch {
	case !named:
		return readVersion0(p, 0, text, kind, l)
	case number == "2":
		return readVersion2(p)
	case number == "1":
		if text, kind, err = p.line(); err != nil {
			return nil, answerError(err)
		}
		return readVersion0(p, 1, text, kind, l)
	}
	return nil, failf(Broken, "the host speaks version %.20q of git's protocol, which is unknown here", number)
}

// readGreeting reads up to the first line that depends on the version.
func readGreeting(p *pktReader) (text string, kind packetKind, err error) {
	text, kind, err = p.line()
	if err == nil && strings.HasPrefix(text, "# service=") {
		if _, kind, err = p.line(); err == nil && kind != flushPacket {
			return "", 0, failf(Broken, "the host's advertisement has no flush after the service's name")
		}
		text, kind, err = p.line()
	}
	if err != nil {
		return "", 0, answerError(err)
	}
	return text, kind, nil
}

// readCapabilities is readAdvertisement for one who doesn't want the refs: where they are listed unasked, the answer's
// beginning must do, and there is no wire.
func readCapabilities(r io.Reader) (wire, error) {
	p := newPktReader(r)
	text, kind, err := readGreeting(p)
	if err != nil {
		return nil, err
	}
	switch text {
	case "version 2":
		return readVersion2(p)
	case "version 1":
		if text, kind, err = p.line(); err != nil {
			return nil, answerError(err)
		}
	}
	if kind != dataPacket { // there are no refs
		return nil, nil
	}
	first, _, _ := strings.Cut(text, "\x00")
	return nil, (&listing{most: 1}).advertised([]byte(first))
}

// formatNamed is the format that a server names; without a name, the one that all had once. It is nil if unknown.
func formatNamed(name string) *format {
	switch name {
	case "", formatSHA1.name:
		return formatSHA1
	case formatSHA256.name:
		return formatSHA256
	}
	return nil
}

func checkFormat(name string) error {
	if formatNamed(name) == nil {
		return failf(Broken, "the host names objects by %.20q, which is unknown here", name)
	}
	return nil
}

// maxLines is how many lines may stand before a pack, and maxLineBytes what they may have.
const (
	maxLines     = 100_000
	maxLineBytes = 16 << 20
)

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
