package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"example.com/vanity/internal/budget"
	"example.com/vanity/internal/deflate"
)

// A rung is a way of fetching a directory without the rest of the repository. Hosts allow filters one by one, so
// there is a ladder of them, from the one that brings least to the one that works everywhere.
type rung int

const (
	rungSmall    rung = iota // as rungCombine, and the small files along with the trees, go.mod among them
	rungCombine              // commit and trees on the way by combine:blob:none+tree:N, trees below by blob:none
	rungBlobless             // commit and all its trees by blob:none
	rungLevels               // commit and trees on the way by tree:0, a trip each; then all below the directory
	rungWhole                // all of the commit
)

// What a file may have to come along unasked: with a directory, where all files below do; and with a repository's root, where
// only those in the root itself do. Of well-known modules in directories, go.mod has 0.5 to 7.5 kB; what is as small is 9 to
// 58 % of a module's bytes, some 70 kB, and comes for nothing only if no zip is asked for.
const (
	small     = 8 << 10
	smallRoot = 16 << 10
)

// filter keeps away what is not wanted of a commit or a tree that many levels above the directory; at 0, of the
// directory itself, or below.
func (r rung) filter(levels int) string {
	switch {
	case r <= rungCombine && levels > 0:
		return fmt.Sprintf("combine:blob:none+tree:%d", levels)
	case r == rungSmall:
		return fmt.Sprintf("blob:limit=%d", small)
	case r == rungCombine || r == rungBlobless:
		return "blob:none"
	case r == rungLevels && levels > 0:
		return "tree:0"
	}
	return ""
}

// rootFilter is filter for the repository's root as the directory: its own files, and trees to see which directories are
// modules themselves. Those are two levels of a commit, and one of a tree: git does not count what is named (list-objects-filter.c).
func (r rung) rootFilter(levels int) string {
	if r == rungSmall {
		return fmt.Sprintf("combine:tree:%d+blob:limit=%d", levels, smallRoot)
	}
	return r.filter(0)
}

// commit is the request for a commit and what is best fetched along, for a directory depth levels down.
func (r rung) commit(h Hash, depth int) fetchRequest {
	req := fetchRequest{wants: []Hash{h}, deepen: true, partial: true, filter: r.filter(depth)}
	if depth == 0 {
		req.filter = r.rootFilter(2)
	}
	return req
}

// root is the request for the repository's root as the directory, if the commit is at hand.
func (r rung) root(tree Hash) fetchRequest {
	return fetchRequest{wants: []Hash{tree}, filter: r.rootFilter(1)}
}

// trees is the request for trees that are missing, levels above the directory.
func (r rung) trees(levels int, missing ...Hash) fetchRequest {
	return fetchRequest{wants: missing, filter: r.filter(levels)}
}

// A Snapshot is one commit with the trees that lead to a directory, that of the directory, and, once LoadTrees was called, all
// below it. Blobs come as they are asked for. It must be closed. It is for one goroutine.
type Snapshot struct {
	Commit *Commit

	repo      *Repo
	dir       string
	root      Hash // the directory's tree; zero if there is none
	rung      rung
	unlimited bool // take all trees, however many: the host allows nothing better
	packs     []*heldPack
	trees     map[Hash][]Entry
	entries   int               // of all trees
	take      func(int64) error // asks for memory
	taken     int64             // and what it got
}

// Snapshot fetches a commit for the sake of a directory of it: slash-separated, empty for the root. What the client
// still has is not fetched again. A directory that isn't there is no error; see [Snapshot.Lookup].
//
// The number of requests is 1 for the root, 2 for a directory where the host allows combined filters, 1 where it allows
// blob:none, and 2 more than the directory has levels where it allows tree:0 alone. A host that gives out nothing but what
// refs point at costs the whole commit, as one without filters does. The directory's go.mod is in what comes, unless it is
// large, or the host allows nothing better than blob:none. Each further call of LoadTrees and Load is a request at most.
func (r *Repo) Snapshot(ctx context.Context, commit Hash, dir string) (*Snapshot, error) {
	s := &Snapshot{repo: r, dir: dir, rung: r.client.hosts.rung(r.host), trees: make(map[Hash][]Entry)}
	switch {
	case s.rung == rungBlobless && dir != "" && r.hasManyTrees():
		s.rung, s.unlimited = rungLevels, true
	case s.rung == rungSmall && dir == "" && !r.client.hosts.isKnown(r.host):
		s.rung = rungBlobless // which most hosts allow, and takes no request more
	}
	s.take = func(n int64) error {
		err := budget.Take(ctx, n)
		if err == nil {
			s.taken += n
		}
		return err
	}
	s.packs = r.client.packs.acquire(r.name)
	err := s.loadCommit(ctx, commit)
	if err == nil {
		err = s.loadWay(ctx)
	}
	if err != nil {
		s.Close()
		return nil, named(r.name, err)
	}
	return s, nil
}

// Close lets go of what the snapshot holds.
func (s *Snapshot) Close() {
	s.repo.client.packs.release(s.packs)
	s.packs = nil
	s.take(-s.taken)
}

// fetch brings what a rung's request asks for, and goes down the ladder as the host refuses.
func (s *Snapshot) fetch(ctx context.Context, request func(rung) fetchRequest) error {
	if w := s.repo.spoken(); w != nil && !w.anyObject() {
		s.rung = rungWhole
		if req := request(s.rung); !req.deepen { // trees or blobs of a commit that came without them
			return s.fetchAll(ctx, req.wants)
		}
	}
	for {
		req := request(s.rung)
		if s.rung == rungBlobless && req.deepen && s.dir != "" && !s.unlimited { // of what comes unasked
			req.most = s.repo.limits.Trees
		}
		h, err := s.repo.fetch(ctx, req)
		var refused *refusal
		switch {
		case err == nil:
			s.packs = append(s.packs, h)
			return nil
		case errors.Is(err, errTooMany) && req.most > 0:
			s.repo.noteManyTrees()
			s.rung, s.unlimited = rungLevels, true
		case errors.Is(err, errWantRefused) && !req.deepen && s.rung != rungWhole:
			s.rung = rungWhole
			return s.fetchAll(ctx, req.wants)
		case !errors.Is(err, errFilterRefused) || !errors.As(err, &refused) || req.filter == "":
			return s.repo.fail(err)
		case s.rung == rungLevels && s.unlimited:
			s.rung = rungBlobless // came here from too many trees, but a level at a time is not allowed
		case s.rung == rungBlobless && s.unlimited:
			s.rung = rungWhole // levels were tried before
		default:
			s.rung = s.repo.client.hosts.refused(s.repo.host, s.rung, refused.text)
		}
	}
}

// fetchAll brings the whole commit, for the sake of objects that the host doesn't give out by themselves.
func (s *Snapshot) fetchAll(ctx context.Context, wants []Hash) error {
	h, err := s.repo.fetch(ctx, rungWhole.commit(s.Commit.Hash, 0))
	if err != nil {
		return s.repo.fail(err)
	}
	s.packs = append(s.packs, h)
	for _, want := range wants {
		if !h.Has(want) {
			return failf(Broken, "the host does not give out object %s, nor does it come with commit %s", want, s.Commit.Hash)
		}
	}
	return nil
}

func (s *Snapshot) loadCommit(ctx context.Context, h Hash) error {
	if h.IsZero() {
		return failf(Missing, "no commit is named") // what an unborn ref points at
	}
	depth := levels(s.dir)
	if !s.Has(h) {
		if err := s.fetch(ctx, func(r rung) fetchRequest { return r.commit(h, depth) }); err != nil {
			return err
		}
	}
	if kind, _, err := s.pack(h).Stat(h); err == nil && kind != CommitObject {
		return failf(Missing, "object %s is a %s, not a commit", h, kind)
	}
	data, err := s.read(h, CommitObject, maxCommit)
	if err != nil {
		return err
	}
	if s.Commit, err = parseCommit(h, data, nil); err != nil {
		return failf(Broken, "%w", err)
	}
	return nil
}

const (
	maxCommit = 4 << 20
	maxTree   = 64 << 20
)

func levels(dir string) int {
	if dir == "" {
		return 0
	}
	return strings.Count(dir, "/") + 1
}

// loadWay fetches what is missing on the way to the directory, and its own tree.
func (s *Snapshot) loadWay(ctx context.Context) error {
	h := s.Commit.Tree
	depth := levels(s.dir)
	var elements []string
	if s.dir != "" {
		elements = strings.Split(s.dir, "/")
	}
	for i := 0; ; i++ {
		if !s.Has(h) {
			request := func(r rung) fetchRequest { return r.trees(depth-i, h) }
			if depth == 0 {
				request = func(r rung) fetchRequest { return r.root(h) }
			}
			if err := s.fetch(ctx, request); err != nil {
				return err
			}
		}
		entries, err := s.tree(h)
		if err != nil {
			return err
		}
		if i == len(elements) {
			s.root = h
			return s.loadDirectories(ctx, entries)
		}
		e, ok := find(entries, elements[i])
		if !ok || e.Mode != Directory {
			return nil
		}
		h = e.Hash
	}
}

// loadDirectories makes sure of the trees just below the directory, in which files are looked up as well.
func (s *Snapshot) loadDirectories(ctx context.Context, entries []Entry) error {
	for _, e := range entries {
		if e.Mode == Directory && s.pack(e.Hash) == nil {
			return s.loadTrees(ctx, nil) // they did not come for the sake of this directory
		}
	}
	return nil
}

// LoadTrees makes sure that all trees below the directory are at hand, and some blobs, by one request for all that are
// missing.
func (s *Snapshot) LoadTrees(ctx context.Context, blobs ...Hash) error {
	if s.root.IsZero() {
		return s.Load(ctx, blobs)
	}
	return named(s.repo.name, s.loadTrees(ctx, blobs))
}

// loadTrees takes a trip for each level where a host sends but one. A filter does not keep away what is named.
func (s *Snapshot) loadTrees(ctx context.Context, blobs []Hash) error {
	for range maxLevels {
		missing, err := s.survey()
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			return s.load(ctx, blobs)
		}
		wants := append(missing, s.missing(blobs)...)
		if err := s.fetch(ctx, func(r rung) fetchRequest { return max(r, rungCombine).trees(0, wants...) }); err != nil {
			return err
		}
	}
	return failf(Broken, "the directory has more than %d levels", maxLevels)
}

// survey lists the trees below the directory that are missing, each once.
func (s *Snapshot) survey() (missing []Hash, err error) {
	seen := map[Hash]bool{s.root: true}
	next := []Hash{s.root}
	for len(next) > 0 {
		h := next[len(next)-1]
		next = next[:len(next)-1]
		if s.pack(h) == nil {
			missing = append(missing, h)
			continue
		}
		entries, err := s.tree(h)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Mode == Directory && !seen[e.Hash] {
				seen[e.Hash] = true
				next = append(next, e.Hash)
			}
		}
	}
	return missing, nil
}

// pack gives a pack that holds the object, or nil.
func (s *Snapshot) pack(h Hash) *heldPack {
	for i := len(s.packs) - 1; i >= 0; i-- {
		if s.packs[i].Has(h) {
			return s.packs[i]
		}
	}
	return nil
}

// stat gives the pack that holds an object of the type that is due, and its size.
func (s *Snapshot) stat(h Hash, want Type) (*heldPack, int64, error) {
	p := s.pack(h)
	if p == nil {
		return nil, 0, failf(Broken, "the host did not send object %s", h)
	}
	kind, size, err := p.Stat(h)
	if err == nil && kind != want {
		err = failf(Broken, "object %s is a %s, but is named as a %s", h, kind, want)
	}
	return p, size, err
}

// open reads an object, for which it has memory until it is closed, and says how large it is. More than most bytes are an error.
func (s *Snapshot) open(h Hash, want Type, most int64) (io.ReadCloser, int64, error) {
	p, size, err := s.stat(h, want)
	if err != nil {
		return nil, 0, err
	}
	if size > most {
		return nil, 0, failf(Broken, "%s %s has %d bytes, more than %d", want, h, size, most)
	}
	o := &object{s: s, memory: p.memory(h)}
	if err := s.take(o.memory); err != nil {
		return nil, 0, err
	}
	if o.ReadCloser, err = p.Open(h); err != nil {
		s.take(-o.memory)
		return nil, 0, err
	}
	return o, size, nil
}

// An object gives its memory back when it is closed.
type object struct {
	io.ReadCloser
	s      *Snapshot
	memory int64
}

func (o *object) Close() error {
	err := o.ReadCloser.Close()
	o.s.take(-o.memory)
	o.memory = 0
	return err
}

// read gives an object's content.
func (s *Snapshot) read(h Hash, want Type, most int64) ([]byte, error) {
	r, size, err := s.open(h, want, most)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, size)
	_, err = io.ReadFull(r, data)
	return data, err
}

// readTree gives a tree's content, of which there is no second in memory: it may be large.
func (s *Snapshot) readTree(h Hash) (string, error) {
	r, size, err := s.open(h, TreeObject, maxTree)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if err := s.take(size); err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(int(size))
	_, err = io.CopyBuffer(&b, r, make([]byte, min(max(size, 1), 32<<10)))
	return b.String(), err
}

func (s *Snapshot) tree(h Hash) ([]Entry, error) {
	if entries, ok := s.trees[h]; ok {
		return entries, nil
	}
	text, err := s.readTree(h)
	if err != nil {
		return nil, err
	}
	if err := s.take(entrySize * int64(strings.Count(text, "\x00"))); err != nil {
		return nil, err
	}
	entries, err := parseTree(h, text, s.repo.limits.Entries-s.entries)
	if err != nil {
		return nil, failf(Broken, "%w", err)
	}
	s.entries += len(entries)
	s.trees[h] = entries
	return entries, nil
}

// entrySize is about what an entry of a tree takes, besides its name.
const entrySize = 100

func find(entries []Entry, name string) (Entry, bool) {
	for _, e := range entries {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Lookup finds an entry by its slash-separated path from the repository's root. It fails with fs.ErrNotExist if
// there is none, or if the trees there were not fetched: known are the directories on the way to the snapshot's own, those
// in that, and all below it after LoadTrees.
func (s *Snapshot) Lookup(path string) (Entry, error) {
	e, err := s.lookup(path)
	return e, named(s.repo.name, err)
}

func (s *Snapshot) lookup(path string) (Entry, error) {
	e := Entry{Mode: Directory, Hash: s.Commit.Tree}
	for rest := path; ; {
		found := false
		if e.Mode == Directory && s.pack(e.Hash) != nil {
			entries, err := s.tree(e.Hash)
			if err != nil {
				return Entry{}, err
			}
			e, found = first(entries, rest)
		}
		switch {
		case !found:
			return Entry{}, fmt.Errorf("%s at commit %s: %w", path, s.Commit.Hash, fs.ErrNotExist)
		case len(e.Name) == len(rest):
			return e, nil
		}
		rest = rest[len(e.Name)+1:]
	}
}

// first finds the entry that a path begins with. Like git (tree-walk.c, find_tree_entry) it takes the entries to be in
// order: in a tree that is not, what stands behind a later name is not found.
func first(entries []Entry, path string) (Entry, bool) {
	for _, e := range entries {
		n := len(e.Name)
		switch {
		case n > len(path) || path[:n] > e.Name:
		case path[:n] < e.Name:
			return Entry{}, false
		case n == len(path) || path[n] == '/':
			return e, true
		}
	}
	return Entry{}, false
}

// Walk calls fn for every entry below a directory that is the snapshot's own or below it, a directory before what it
// holds, in git's order, with the path from that directory on. It does nothing if there is no such directory. LoadTrees must have been called.
func (s *Snapshot) Walk(dir string, fn func(path string, e Entry) error) error {
	root := Entry{Mode: Directory, Hash: s.Commit.Tree}
	if dir != "" {
		var err error
		if root, err = s.Lookup(dir); errors.Is(err, fs.ErrNotExist) || err == nil && root.Mode != Directory {
			return nil
		} else if err != nil {
			return err
		}
	}
	w := walker{s: s, fn: fn}
	return w.walk(root.Hash, "", 0)
}

// maxLevels is git's own bound (core.maxTreeDepth). So is maxPath, in a zip (archive-zip.c); all paths of a walk may have
// maxPaths, which those of a tree that is there again and again could exceed by far.
const (
	maxLevels = 2048
	maxPath   = 1<<16 - 1
	maxPaths  = 256 << 20
)

type walker struct {
	s     *Snapshot
	fn    func(string, Entry) error
	count int
	bytes int // of all paths
}

func (w *walker) walk(h Hash, prefix string, level int) error {
	entries, err := w.s.tree(h)
	if err != nil {
		return named(w.s.repo.name, err)
	}
	if w.count += len(entries); w.count > w.s.repo.limits.Entries || level > maxLevels {
		return named(w.s.repo.name, failf(Broken, "the directory holds more than %d entries, or %d levels", w.s.repo.limits.Entries, maxLevels))
	}
	for _, e := range entries {
		n := len(prefix) + len(e.Name)
		if w.bytes += n; n > maxPath || w.bytes > maxPaths {
			return named(w.s.repo.name, failf(Broken, "the directory holds a path of more than %d bytes, or paths of more than %d", maxPath, maxPaths))
		}
		path := prefix + e.Name
		if err := w.fn(path, e); err != nil {
			return err
		}
		if e.Mode == Directory {
			if err := w.walk(e.Hash, path+"/", level+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxWants keeps a request below the 10 MiB that git http-backend takes (http.maxRequestBuffer).
const maxWants = 100_000

// Load makes sure that the blobs are at hand, by one request for all that are missing, however many. They are named one by
// one, even if all of a directory is wanted: a name is 25 bytes of a request, about as many as the tree takes that would come
// along if that were named instead, and blobs besides that are no part of a module, or are here.
func (s *Snapshot) Load(ctx context.Context, blobs []Hash) error {
	return named(s.repo.name, s.load(ctx, blobs))
}

func (s *Snapshot) load(ctx context.Context, blobs []Hash) error {
	for wants := range slices.Chunk(s.missing(blobs), maxWants) {
		if err := s.fetch(ctx, func(rung) fetchRequest { return fetchRequest{wants: wants, whole: true} }); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether objects are at hand.
func (s *Snapshot) Has(objects ...Hash) bool { return len(s.missing(objects)) == 0 }

// missing gives those objects that are not at hand, each once.
func (s *Snapshot) missing(objects []Hash) (missing []Hash) {
	seen := make(map[Hash]bool)
	for _, h := range objects {
		if !seen[h] && s.pack(h) == nil {
			missing = append(missing, h)
			seen[h] = true
		}
	}
	if len(missing) > 0 && s.refresh() {
		return s.missing(missing)
	}
	return missing
}

// refresh takes what the client has fetched since, for other snapshots of the repository, and reports whether there is any.
func (s *Snapshot) refresh() bool {
	held := s.repo.client.packs.acquire(s.repo.name)
	known := len(s.packs)
	had := slices.DeleteFunc(slices.Clone(held), func(h *heldPack) bool {
		isNew := !slices.Contains(s.packs[:known], h)
		if isNew {
			s.packs = append(s.packs, h)
		}
		return isNew
	})
	s.repo.client.packs.release(had)
	return len(s.packs) > known
}

// ReadBlob gives a blob's content, which is fetched if it isn't at hand. More than most bytes are an error.
func (s *Snapshot) ReadBlob(ctx context.Context, h Hash, most int64) ([]byte, error) {
	if err := s.Load(ctx, []Hash{h}); err != nil {
		return nil, err
	}
	data, err := s.read(h, BlobObject, most)
	return data, named(s.repo.name, err)
}

// BlobSize gives the size of a blob that was loaded.
func (s *Snapshot) BlobSize(h Hash) (int64, error) {
	_, size, err := s.stat(h, BlobObject)
	return size, named(s.repo.name, err)
}

// Deflated gives the compressed form of a blob that was loaded, a deflate stream (RFC 1951), and the checksum of its content
// (CRC-32, IEEE). ok is false if that would have to be made.
func (s *Snapshot) Deflated(h Hash) (compressed *io.SectionReader, crc uint32, ok bool) {
	p := s.pack(h)
	if p == nil {
		return nil, 0, false
	}
	span, crc, ok := p.Span(h)
	if !ok {
		return nil, 0, false
	}
	return deflate.Raw(span), crc, true
}

// OpenBlob reads a blob that was loaded. It must be closed before the snapshot is.
func (s *Snapshot) OpenBlob(h Hash) (io.ReadCloser, error) {
	r, _, err := s.open(h, BlobObject, math.MaxInt64)
	return r, named(s.repo.name, err)
}
