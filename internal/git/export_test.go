package git

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math"
	"time"
)

// ReadPack reads a pack as fetch does.
func ReadPack(ctx context.Context, r io.Reader, sha256 bool, limits Limits) (*Pack, error) {
	return readPackBy(ctx, r, sha256, limits, 0)
}

// ReadPackWhole is ReadPack for a zip.
func ReadPackWhole(ctx context.Context, r io.Reader, sha256 bool, limits Limits) (*Pack, error) {
	return readPackBy(ctx, r, sha256, limits, math.MaxInt)
}

// ReadPackWholeSome is ReadPackWhole where so many blobs were asked for.
func ReadPackWholeSome(ctx context.Context, r io.Reader, some int) (*Pack, error) {
	return readPackBy(ctx, r, false, Limits{}, some)
}

func readPackBy(ctx context.Context, r io.Reader, sha256 bool, limits Limits, whole int) (*Pack, error) {
	f := formatSHA1
	if sha256 {
		f = formatSHA256
	}
	return readPack(ctx, r, f, limits.withDefaults(), whole)
}

// Hashes lists the objects of a pack, in its order.
func (p *Pack) Hashes() []Hash {
	list := make([]Hash, len(p.entries))
	for i := range p.entries {
		list[i] = p.entries[i].hash
	}
	return list
}

// Depth is how many deltas an object is made by.
func (p *Pack) Depth(h Hash) int { return int(p.entries[p.find(h)].depth) }

// EvictIdle does what the client does once a while has passed.
func (c *Client) EvictIdle(while time.Duration) {
	c.packs.mu.Lock()
	defer c.packs.mu.Unlock()
	c.packs.evict(time.Now().Add(while))
}

// Held is what the client keeps.
func (c *Client) Held() (packs int, bytes int64) {
	c.packs.mu.Lock()
	defer c.packs.mu.Unlock()
	return len(c.packs.packs), c.packs.bytes
}

const (
	MaxPacks = maxPacks
	PackIdle = packIdle
)

// AddPack keeps a pack as fetch does, with one user, and returns how the user lets go of it.
func (c *Client) AddPack(repo string, p *Pack) (release func()) {
	h := c.packs.add(repo, "", p)
	return func() { c.packs.release([]*heldPack{h}) }
}

var (
	ParseCommit = parseCommit
	HashOf      = hashOf[[]byte]
)

// ApplyDelta makes an object from its base.
func ApplyDelta(base, delta []byte) ([]byte, error) {
	d, err := readDelta(bufio.NewReader(bytes.NewReader(delta)), int64(len(delta)))
	if err != nil {
		return nil, err
	}
	from := newContent(int64(len(base)))
	from.write(base)
	defer from.release()
	c, err := d.apply(from)
	if err != nil {
		return nil, err
	}
	r := contentReader{c: c}
	defer r.Close()
	data := make([]byte, c.size)
	_, err = io.ReadFull(&r, data)
	return data, err
}

// ParseRef reads one line of the answer to ls-refs.
func ParseRef(text string) (Ref, error) {
	ref, err := parseRef([]byte(text))
	return Ref{string(ref.name), ref.hash, ref.peeled, string(ref.target)}, err
}

func ParseTree(h Hash, data []byte, most int) ([]Entry, error) {
	return parseTree(h, string(data), most)
}

// An Advertisement is what was read of one.
type Advertisement struct {
	Version int
	Caps    map[string]string
	Refs    []Ref
	Targets map[string]string
	wire    wire
}

// ReadAdvertisement reads an advertisement, and what it lists below prefixes.
func ReadAdvertisement(r io.Reader, most int, prefixes ...string) (Advertisement, error) {
	l := listing{prefixes: prefixes, most: most}
	w, err := readAdvertisement(r, &l)
	if err != nil {
		return Advertisement{}, err
	}
	ad := Advertisement{Version: w.version(), Refs: l.refs, Targets: l.targets, wire: w}
	switch w := w.(type) {
	case wire0:
		ad.Caps = w.caps
	case wire2:
		ad.Caps = w
	}
	return ad, nil
}

// Fetch is the request for a commit alone.
func (ad Advertisement) Fetch(h Hash) string { return string(ad.wire.fetch(rungLevels.commit(h, 1))) }

// ReadAnswer finds the pack in the answer to fetch.
func (ad Advertisement) ReadAnswer(r io.Reader) (io.Reader, error) {
	return ad.wire.pack(newPktReader(r))
}

// ReadPackets reads pkt-lines up to the end, and gives their payloads, nil for special ones.
func ReadPackets(r io.Reader) (data [][]byte, err error) {
	p := newPktReader(r)
	for {
		pkt, err := p.next()
		if err != nil {
			return data, err
		}
		if pkt.kind != dataPacket {
			data = append(data, nil)
			continue
		}
		data = append(data, append([]byte{}, pkt.data...))
	}
}

// ReadBands reads the pack out of a stream of packets.
func ReadBands(r io.Reader) io.Reader { return &bandReader{p: newPktReader(r)} }

// ErrNoCommits is what FetchSince fails with where nothing is young enough.
var ErrNoCommits = errNoCommits

// FetchSince gives the names of the objects of a fetch that is cut at a time, without trees and blobs.
func (r *Repo) FetchSince(ctx context.Context, since time.Time, wants ...Hash) ([]Hash, error) {
	held, err := r.fetch(ctx, fetchRequest{wants: wants, filter: rungLevels.filter(1), since: since})
	if err != nil {
		return nil, err
	}
	defer r.client.packs.release([]*heldPack{held})
	return held.Hashes(), nil
}

// MaxHosts is how many hosts a client knows at most.
const MaxHosts = maxHosts

// NoteHost notes something of a host, and Hosts is of how many something is.
func (c *Client) NoteHost(host string) { c.hosts.ask(host) }
func (c *Client) Hosts() int           { return len(c.hosts.notes) }

// ReadRefs reads the answer to ls-refs.
func ReadRefs(r io.Reader, prefixes ...string) ([]Ref, error) {
	l := listing{prefixes: prefixes, most: 1_000_000}
	err := l.read(r)
	return l.refs, err
}
