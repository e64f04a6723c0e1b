package git

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A fetchRequest names objects to bring.
type fetchRequest struct {
	wants  []Hash
	filter string // empty for none: everything that the wants reach
	deepen bool   // history of one commit; for wants that are commits
	most   int    // objects; zero for the limit
	key    string // names the history that this is, for who asks again; empty if it is none
	thin   bool   // commits alone are wanted: of other objects a filter may keep away even what is named
	bare   bool   // if the host can't filter, or not deepen, it is not to be asked at all

	partial bool // what a filter keeps away will be wanted by itself: no filter where the host does not give that out
	whole   bool // the blobs are for a zip: see readPack

	// since, unless zero, cuts the history of wants that are commits at a time, to the second, in place of deepen. A
	// want whose own commit is older is not cut at all, nor is any by a host that knows nothing of it.
	since time.Time
}

// errFilterRefused says that the host does not allow the filter.
var errFilterRefused = errors.New("the host does not allow the filter")

// errWantRefused says that the host does not give out the object: it hasn't got it, or gives out what refs point at and
// no more.
var errWantRefused = errors.New("the host does not give out the object")

// errNoCommits says that nothing is as young as the fetch wanted its commits to be. Over HTTP, stock git says so by
// ending its answer, and that may mean other things: who must be sure asks for the tips' own times first.
var errNoCommits = errors.New("no commits since the time")

// errNoPack is the end of an answer before its pack.
var errNoPack = fmt.Errorf("no pack: %w", io.EOF)

// errTooMany says that a pack holds more objects, or bytes, than the fetch wanted to pay for.
var errTooMany = errors.New("that is too much")

// explain tells a refused filter, a refused object and an empty history from other failures; they have no code, only
// words (upload-pack.c, shallow.c and list-objects-filter-options.c of git, WantNotValidException of JGit).
func (req fetchRequest) explain(err error) error {
	if !req.since.IsZero() && (errors.Is(err, errNoPack) || strings.Contains(strings.ToLower(err.Error()), "no commits selected for shallow request")) {
		return failf(Broken, "%w: %w", errNoCommits, err)
	}
	var r *refusal
	if !errors.As(err, &r) {
		return answerError(err)
	}
	switch {
	case req.filter != "" && strings.Contains(r.text, "filter"):
		return fmt.Errorf("%w %s: %w", errFilterRefused, req.filter, r)
	case strings.Contains(r.text, "not our ref"), strings.HasPrefix(r.text, "want ") && strings.HasSuffix(r.text, " not valid"):
		return failf(Missing, "%w: %w", errWantRefused, r)
	}
	return failf(Broken, "%w", r)
}

// A bandReader reads the pack out of the packets that carry it (gitprotocol-v2, "packfile").
type bandReader struct {
	p    *pktReader
	rest []byte
	idle int // bytes that were none of the pack's
	end  bool
}

// maxIdle bounds what comes beside the pack: a word every few seconds, to say that the host is still there.
const maxIdle = 1 << 20

const (
	bandPack     = 1
	bandProgress = 2
	bandError    = 3
)

func (b *bandReader) Read(buf []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.end {
			return 0, io.EOF
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(buf, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *bandReader) fill() error {
	pkt, err := b.p.next()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // a pack ends with a flush
	}
	if err != nil {
		return err
	}
	if pkt.kind != dataPacket {
		b.end = true
		b.p.finish()
		return nil
	}
	if len(pkt.data) == 0 {
		return failf(Broken, "the host sent an empty packet within the pack")
	}
	b.rest = nil
	switch pkt.data[0] {
	case bandPack:
		b.rest = pkt.data[1:]
	case bandProgress:
		b.idle += len(pkt.data)
	case bandError:
		return &refusal{printable(pkt.data[1:])}
	default:
		return failf(Broken, "the host sent band %d within the pack", pkt.data[0])
	}
	if len(b.rest) == 0 {
		b.idle += 5
	}
	if b.idle > maxIdle {
		return failf(Broken, "the host sent more than %d bytes of other things than the pack", maxIdle)
	}
	return nil
}
