package git

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Commit fetches one commit, without what it holds and without its history. The host may give out commits that no
// ref reaches; see [Repo.Reachable].
func (r *Repo) Commit(ctx context.Context, h Hash) (*Commit, error) {
	commits, err := r.commits(ctx, []Hash{h})
	if err != nil {
		return nil, err
	}
	if commits[h] == nil {
		return nil, named(r.name, failf(Missing, "object %s is not a commit", h))
	}
	return commits[h], nil
}

// Reachable finds the commits whose names begin with a prefix of hexadecimal digits, among those that some tips reach.
// If the commit's time is known, the history since then is looked through first, of one group of tips after the
// other, and one commit found there is enough. Only where there is none (times may be wrong, at or in the commits)
// all history is; or if that was fetched lately.
//
// Tips may be objects that are no commits; they reach none.
func (r *Repo) Reachable(ctx context.Context, prefix string, at time.Time, groups ...[]Hash) ([]*Commit, error) {
	all := slices.Concat(groups...)
	if at.Unix() >= 0 && !r.holds(all) { // no commit is older, and hosts refuse such times
		for _, tips := range groups {
			tips, err := r.since(ctx, at, tips)
			if err != nil {
				return nil, err
			}
			found, err := r.find(ctx, prefix, at, tips)
			if len(found) > 0 || err != nil {
				return found, err
			}
		}
	}
	return r.find(ctx, prefix, time.Time{}, all)
}

// Ancestor gives the first of some candidates that is the commit itself or one of its ancestors, as an index, or -1 if
// none is. The history since the first candidate is looked through first, and all of it only if that one isn't there:
// a commit's time need not be later than its parents'.
func (r *Repo) Ancestor(ctx context.Context, commit Hash, candidates []Hash) (int, error) {
	switch {
	case len(candidates) == 0:
		return -1, nil
	case candidates[0] == commit:
		return 0, nil
	}
	commits, err := r.commits(ctx, []Hash{commit, candidates[0]})
	if err != nil {
		return -1, err
	}
	if first, tip := commits[candidates[0]], commits[commit]; first != nil && tip != nil && !first.Time.After(tip.Time) {
		i, err := r.descends(ctx, commit, first.Time, candidates[:1])
		if i >= 0 || err != nil {
			return i, err
		}
	}
	return r.descends(ctx, commit, time.Time{}, candidates)
}

// since keeps the tips that are commits and not older than a time: of an older one a host would send all history,
// instead of none (upload-pack's deepen-since).
func (r *Repo) since(ctx context.Context, at time.Time, tips []Hash) ([]Hash, error) {
	commits, err := r.commits(ctx, tips)
	if err != nil {
		return nil, err
	}
	var kept []Hash
	for h, c := range commits {
		if !c.Time.Before(at) {
			kept = append(kept, h)
		}
	}
	return kept, nil
}

// ErrCostly says that commits' times would cost what the commits hold, or their history.
var ErrCostly = errors.New("the host does not give out commits by themselves")

// Times gives the committers' times of those of some objects that are commits; see [Commit]. What isn't at hand is fetched
// by one request, that brings the commits and nothing else: a host that can't be asked so is not asked, and it is ErrCostly.
func (r *Repo) Times(ctx context.Context, hashes []Hash) (map[Hash]time.Time, error) {
	commits, err := r.commitsBy(hashes, func(wants []Hash) (*heldPack, error) {
		const tags = 4 // that may come along with each, see advertised
		return r.fetch(ctx, fetchRequest{wants: wants, filter: "tree:0", deepen: true, most: (1 + tags) * len(wants), thin: true, bare: true})
	})
	switch {
	case errors.Is(err, errFilterRefused), errors.Is(err, errTooMany):
		return nil, fmt.Errorf("%w: %w", ErrCostly, err)
	case errors.Is(err, ErrCostly):
		return nil, err
	case err != nil:
		return nil, r.fail(err)
	}
	times := make(map[Hash]time.Time, len(commits))
	for h, c := range commits {
		times[h] = c.Time
	}
	return times, nil
}

// commits gives those of some objects that are commits, and fetches what isn't at hand by one request.
func (r *Repo) commits(ctx context.Context, hashes []Hash) (map[Hash]*Commit, error) {
	return r.commitsBy(hashes, func(wants []Hash) (*heldPack, error) {
		return r.fetchOnce(ctx, fetchRequest{wants: wants, deepen: true})
	})
}

// commitsBy is commits, fetched otherwise.
func (r *Repo) commitsBy(hashes []Hash, fetch func(wants []Hash) (*heldPack, error)) (map[Hash]*Commit, error) {
	held := r.client.packs.acquire(r.name)
	defer func() { r.client.packs.release(held) }()
	find := func(h Hash) *heldPack {
		if i := slices.IndexFunc(held, func(p *heldPack) bool { return p.Has(h) }); i >= 0 {
			return held[i]
		}
		return nil
	}
	missing := slices.DeleteFunc(unique(hashes), func(h Hash) bool { return find(h) != nil })
	for wants := range slices.Chunk(missing, maxWants) {
		p, err := fetch(wants)
		if err != nil {
			return nil, err
		}
		held = append(held, p)
	}
	commits := make(map[Hash]*Commit)
	var read commitReader
	for _, h := range hashes {
		p := find(h)
		if p == nil {
			continue
		}
		c, err := read.commit(p.Pack, h, nil)
		if err != nil {
			return nil, named(r.name, err)
		}
		if c != nil {
			commits[h] = c
		}
	}
	return commits, nil
}

// unique gives each hash once.
func unique(hashes []Hash) []Hash {
	sorted := slices.Clone(hashes)
	slices.SortFunc(sorted, func(a, b Hash) int { return cmp.Or(cmp.Compare(a.n, b.n), slices.Compare(a.b[:], b.b[:])) })
	return slices.Compact(sorted)
}

// A commitReader reads commits one after the other, all in the memory that the largest takes.
type commitReader struct{ buf []byte }

// commit reads one of a pack's objects, nil standing for what is no commit. Its parents are given to a function, unless that
// is nil.
func (r *commitReader) commit(p *Pack, h Hash, parent func(Hash)) (*Commit, error) {
	kind, size, err := p.Stat(h)
	if err != nil || kind != CommitObject {
		return nil, err
	}
	if size > maxCommit {
		return nil, failf(Broken, "commit %s has %d bytes, more than %d", h, size, maxCommit)
	}
	rc, err := p.Open(h)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	r.buf = slices.Grow(r.buf[:0], int(size))[:size]
	if _, err := io.ReadFull(rc, r.buf); err != nil {
		return nil, err
	}
	c, err := parseCommit(h, r.buf, parent)
	if err != nil {
		return nil, failf(Broken, "%w", err)
	}
	return c, nil
}

// fetchThin brings commits with as little else as the host allows: their trees and blobs are of no use.
func (r *Repo) fetchThin(ctx context.Context, req fetchRequest) (*heldPack, error) {
	filters := []string{"tree:0", "blob:none", ""}
	if r.client.hosts.rung(r.host) == rungWhole {
		filters = filters[2:] // the others were refused before
	}
	for {
		req.filter, req.thin = filters[0], true
		p, err := r.fetch(ctx, req)
		if len(filters) > 1 && errors.Is(err, errFilterRefused) {
			filters = filters[1:]
			continue
		}
		if err != nil && !errors.Is(err, errNoCommits) {
			err = r.fail(err)
		}
		return p, err
	}
}

// holds reports whether all history of the tips is at hand.
func (r *Repo) holds(tips []Hash) bool {
	p := r.client.packs.get(r.name, keyOf(fetchRequest{wants: unique(tips)}))
	if p != nil {
		r.client.packs.release([]*heldPack{p})
	}
	return p != nil
}

// history fetches what tips reach, as far back as a time, to be released. It is nil if there is nothing.
func (r *Repo) history(ctx context.Context, since time.Time, tips []Hash) (*heldPack, error) {
	if len(tips) == 0 {
		return nil, nil
	}
	p, err := r.fetchOnce(ctx, fetchRequest{wants: unique(tips), since: since})
	if errors.Is(err, errNoCommits) {
		return nil, nil
	}
	return p, err
}

// find gives those commits that tips reach, as far back as a time, whose names begin with a prefix, in the order of their
// names.
func (r *Repo) find(ctx context.Context, prefix string, since time.Time, tips []Hash) (found []*Commit, err error) {
	past, err := r.history(ctx, since, tips)
	if past == nil || err != nil {
		return nil, err
	}
	defer r.client.packs.release([]*heldPack{past})
	last, read := Hash{}, commitReader{}
	for _, i := range past.order {
		h := past.entries[i].hash
		if !h.hasPrefix(prefix) || h == last { // a pack may hold an object twice
			continue
		}
		last = h
		c, err := read.commit(past.Pack, h, nil)
		if err != nil {
			return nil, named(r.name, err)
		}
		if c != nil {
			found = append(found, c)
		}
	}
	return found, nil
}

// descends is Ancestor in the history since a time.
func (r *Repo) descends(ctx context.Context, commit Hash, since time.Time, candidates []Hash) (int, error) {
	past, err := r.history(ctx, since, []Hash{commit})
	if past == nil || err != nil {
		return -1, err
	}
	defer r.client.packs.release([]*heldPack{past})
	reached, err := past.reached(ctx, commit)
	if err != nil {
		return -1, named(r.name, err)
	}
	return slices.IndexFunc(candidates, func(h Hash) bool {
		i := past.find(h)
		return i >= 0 && reached[i]
	}), nil
}

// reached marks a commit and its ancestors among a pack's entries. What has no parents here began here, or was cut off.
// Histories are long: no more than one commit is held in memory.
func (p *Pack) reached(ctx context.Context, from Hash) ([]bool, error) {
	reached := make([]bool, len(p.entries))
	var next []int32
	push := func(h Hash) {
		if i := p.find(h); i >= 0 && p.entries[i].kind == CommitObject && !reached[i] {
			reached[i] = true
			next = append(next, i)
		}
	}
	var read commitReader
	for push(from); len(next) > 0; {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		i := next[len(next)-1]
		next = next[:len(next)-1]
		if _, err := read.commit(p, p.entries[i].hash, push); err != nil {
			return nil, err
		}
	}
	return reached, nil
}

// fetchOnce gives what fetchThin would bring, to be released: a pack that is held, or a new one. Who asks for commits
// that don't exist, one after the other or all together, has all history fetched once.
func (r *Repo) fetchOnce(ctx context.Context, req fetchRequest) (*heldPack, error) {
	req.key = keyOf(req)
	return r.client.packs.once(ctx, r.name, req.key, func(ctx context.Context) (*heldPack, error) { return r.fetchThin(ctx, req) })
}

// keyOf names what a request for commits is for.
func keyOf(req fetchRequest) string {
	sum := sha256.New()
	for _, h := range req.wants {
		sum.Write(h.bytes())
	}
	return fmt.Sprintf("%t %d %x", req.deepen, req.since.Unix(), sum.Sum(nil))
}
