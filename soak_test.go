package vanity_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

var (
	soakTime = flag.Duration("soak", 3*time.Second, "run TestSoak for this `time`")
	soakSeed = flag.Uint64("soakseed", 0, "TestSoak's `seed`; if 0, one of the clock's")
)

const (
	soakPath  = "github.com/o/soak/lib"
	soakFresh = time.Second

	// soakLate is how old an answer may be that is called fresh: it was made by a request to the host that began when another
	// listing was as old as that may be, and took its time.
	soakLate = 2*soakFresh + 5*time.Second
)

// TestSoak lets many clients ask many handlers about a repository that changes, of a host that fails and goes away for a
// while, and checks each answer against what was true, what was served before, and what the go command makes of the
// commits.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s := newSoak(t)
	s.warm()
	before := s.usage()
	stop := make(chan bool)
	var wg sync.WaitGroup
	for i := range uint64(8) {
		wg.Go(func() {
			c := &soakClient{soak: s, Rand: rand.New(rand.NewPCG(s.seed, i)), stop: stop}
			c.run()
		})
	}
	for began := time.Now(); time.Since(began) < *soakTime && !t.Failed(); {
		s.change()
	}
	close(stop)
	wg.Wait()
	s.settle()
	s.checkUsage(before)
	for _, dir := range []string{tmp, filepath.Join(s.dir, ".tmp")} {
		if left, err := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left in %s: %v %v", dir, left, err)
		}
	}
	s.judge()
}

// A soak is a world and those who look at it.
type soak struct {
	t      *testing.T
	seed   uint64
	rnd    *rand.Rand // of who changes the world
	dir    string     // of a DirStore
	repo   *gittest.Repo
	server *gittest.Server
	door   *httptest.Server
	mux    sync.Map // nodes by number, for the door

	world  world
	groups []*soakGroup
	away   time.Time // until which the repository is away; zero if it isn't

	mu     sync.Mutex
	nodes  []*soakNode
	counts map[string]int
}

// A soakGroup is the handlers that have one store.
type soakGroup struct {
	name   string
	option func() vanity.Option
	stored func(name string) bool // nil for memory

	mu    sync.Mutex
	first map[string]*soakAnswer // by file
}

// A soakAnswer is an answer that was given first.
type soakAnswer struct {
	sum  string // of its bytes; of a zip the h1
	body string
	at   time.Time // when it was there
	etag string
}

// A soakNode is a handler.
type soakNode struct {
	group *soakGroup
	base  string

	mu   sync.Mutex
	seen map[string]time.Time // files that were served
}

func newSoak(t *testing.T) *soak {
	s := &soak{t: t, seed: *soakSeed, dir: t.TempDir(), counts: map[string]int{}}
	if s.seed == 0 {
		s.seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-soakseed %d", s.seed)
	s.rnd = rand.New(rand.NewPCG(s.seed, 1<<32))
	s.repo = gittest.New(t, "print lib/go.mod \"module "+soakPath+"\\n\"\nprint LICENSE terms\nprint README outside")
	data := make([]byte, 80<<10) // so that zips are large enough to be left in files
	rand.NewChaCha8([32]byte{1}).Read(data)
	s.repo.Write("lib/data", data)
	s.commit()
	s.tag("v1.0.0", "HEAD")
	s.plan()
	s.server = gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/soak": s.repo})
	s.server.Client().Timeout = time.Second
	s.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number, _, _ := strings.Cut(r.URL.Path[1:], "/")
		h, _ := s.mux.Load("/" + number)
		h.(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(s.door.Close)
	overwriting := new(mapStore)
	shared := vanity.WithStore(overwriting)
	s.groups = []*soakGroup{
		{name: "files", option: func() vanity.Option { return vanity.WithStore(vanity.DirStore(s.dir)) }, stored: func(name string) bool {
			_, err := os.Stat(filepath.Join(s.dir, name))
			return err == nil
		}},
		{name: "map", option: func() vanity.Option { return shared }, stored: func(name string) bool {
			_, err := overwriting.Get(t.Context(), name)
			return err == nil
		}},
		{name: "memory", option: func() vanity.Option { return nil }},
	}
	for i, group := range []int{0, 0, 0, 1, 1, 2} {
		s.groups[group].first = map[string]*soakAnswer{}
		s.start(i, s.groups[group])
	}
	return s
}

// start puts a new handler into a place.
func (s *soak) start(place int, group *soakGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	base := fmt.Sprintf("/%d", s.counts["handlers"])
	s.counts["handlers"]++
	cfg := vanity.Config{URL: s.server.URL + "/o/soak", Module: soakPath, Directory: "lib", Tags: "lib/v*"}
	s.mux.Store(base, vanity.Goproxy(base, cfg, group.option(), vanity.WithFreshness(soakFresh), vanity.WithClient(s.server.Client()), quiet()))
	n := &soakNode{group: group, base: base, seen: map[string]time.Time{}}
	if place == len(s.nodes) {
		s.nodes = append(s.nodes, nil)
	}
	s.nodes[place] = n
}

func (s *soak) node(place int) *soakNode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[place]
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

// warm lets all know that there is a module, and then begins to spoil answers: of what a host hides from the beginning
// nobody knows that it is there.
func (s *soak) warm() {
	c := &soakClient{soak: s, Rand: s.rnd}
	for _, n := range s.nodes {
		for _, file := range []string{"@v/list", "@latest", "@v/main.info"} {
			c.ask(n, file)
		}
	}
	faults := []fault{
		gittest.CutAnswerAfter(40), gittest.CutAnswerAfter(300), gittest.CutAnswerAfter(20_000), gittest.StallAfter(20), gittest.HTML(), gittest.Garbage("nonsense"),
		gittest.Status(500, nil), gittest.Status(503, nil), gittest.Status(429, nil), gittest.Status(404, nil), gittest.Status(401, nil),
	}
	s.server.Wrap(gittest.Sometimes(rand.New(rand.NewPCG(s.seed, 1<<33)), append(faults, make([]fault, 9*len(faults))...)...))
}

// A world is the history of the repository's refs.
type world struct {
	mu      sync.Mutex
	refs    map[string]*history // by their names as they are asked for: versions, and branches
	commits []string
	next    string // the version that will be next
}

// A history is that of one ref.
type history struct {
	lives []span
	moves []span // each to a commit
}

// A span is a time in which something was so, for sure from the one until the other, and maybe a little longer.
type span struct {
	commit                           string
	mayFrom, from, sureUntil, mayEnd time.Time
}

func (sp span) isOpen() bool { return sp.mayEnd.IsZero() }

// mayBe reports whether it may have been so at any time from a to b.
func (sp span) mayBe(a, b time.Time) bool {
	return !sp.mayFrom.After(b) && (sp.isOpen() || !sp.mayEnd.Before(a))
}

// must reports whether it was so all the time from a to b.
func (sp span) must(a, b time.Time) bool {
	return !sp.from.After(a) && (sp.isOpen() || !sp.sureUntil.Before(b))
}

// set makes a change of a ref, and notes when. No commit means that the ref is deleted.
func (w *world) set(name, commit string, change func()) {
	began := time.Now()
	w.mu.Lock()
	h := w.refs[name]
	if h == nil {
		h = new(history)
		if w.refs == nil {
			w.refs = make(map[string]*history)
		}
		w.refs[name] = h
	}
	// Who looks in the meantime must see both.
	far := began.Add(24 * time.Hour)
	exists := len(h.lives) > 0 && h.lives[len(h.lives)-1].isOpen()
	if exists && commit == "" {
		h.lives[len(h.lives)-1].sureUntil, h.lives[len(h.lives)-1].mayEnd = began, far
	}
	if exists {
		h.moves[len(h.moves)-1].sureUntil, h.moves[len(h.moves)-1].mayEnd = began, far
	}
	if commit != "" {
		if !exists {
			h.lives = append(h.lives, span{mayFrom: began, from: far})
		}
		h.moves = append(h.moves, span{commit: commit, mayFrom: began, from: far})
	}
	w.mu.Unlock()
	change()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, spans := range [][]span{h.lives, h.moves} {
		for i := range spans {
			if spans[i].mayEnd.Equal(far) {
				spans[i].mayEnd = now
			}
			if spans[i].from.Equal(far) {
				spans[i].from = now
			}
		}
	}
}

// names are those of all refs that ever were, versions or branches.
func (w *world) names(versions bool) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.refs)) {
		if semver.IsValid(name) == versions {
			names = append(names, name)
		}
	}
	return names
}

// is asks the history of a ref.
func (w *world) is(name string, ask func(h *history) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.refs[name]
	return h != nil && ask(h)
}

func (w *world) mayExist(name string, a, b time.Time) bool {
	return w.is(name, func(h *history) bool {
		return slices.ContainsFunc(h.lives, func(sp span) bool { return sp.mayBe(a, b) })
	})
}

func (w *world) mustExist(name string, a, b time.Time) bool {
	return w.is(name, func(h *history) bool {
		return slices.ContainsFunc(h.lives, func(sp span) bool { return sp.must(a, b) })
	})
}

// mayLead reports whether a ref may have led to a commit at any time from a to b.
func (w *world) mayLead(name, commit string, a, b time.Time) bool {
	return w.is(name, func(h *history) bool {
		return slices.ContainsFunc(h.moves, func(sp span) bool { return sp.commit == commit && sp.mayBe(a, b) })
	})
}

// change changes the world a little.
func (s *soak) change() {
	time.Sleep(time.Duration(20+s.rnd.IntN(150)) * time.Millisecond)
	now := time.Now()
	if !s.away.IsZero() && now.After(s.away) {
		s.comeBack()
	}
	versions := s.world.names(true)
	v := versions[s.rnd.IntN(len(versions))]
	exists := s.world.mustExist(v, now, now)
	switch n := s.rnd.IntN(100); {
	case n < 25:
		s.commit()
	case n < 50:
		s.tag(s.world.next, "HEAD")
		s.plan()
	case n < 60 && exists:
		s.tag(v, "HEAD")
	case n < 70 && exists && len(versions) > 3:
		s.world.set(v, "", func() { s.repo.Git("tag", "-d", "lib/"+v) })
	case n < 75 && !exists:
		s.tag(v, "HEAD")
	case n < 85:
		s.branch()
	case n < 90:
		place := s.rnd.IntN(len(s.nodes))
		if group := s.node(place).group; group.stored != nil { // a program is started anew
			s.start(place, group)
		}
	case n < 93 && s.away.IsZero():
		s.goAway()
	}
}

// plan names the next version, so that it may be asked for before it is there. Most often it is the latest then.
func (s *soak) plan() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	minor := len(s.world.refs) / 2
	s.world.next = fmt.Sprintf("v1.%d.%d%s", minor+s.rnd.IntN(3), s.rnd.IntN(100), []string{"", "", "-rc.1"}[s.rnd.IntN(3)])
}

func (s *soak) commit() {
	s.repo.Write("lib/lib.go", fmt.Appendf(nil, "package lib\n\nconst N = %d\n", s.rnd.Uint64()))
	s.repo.Git("add", "--all")
	tree := s.repo.Git("write-tree")
	args := []string{"commit-tree", "-m", "next", tree}
	if len(s.world.commits) > 0 {
		args = append(args, "-p", "refs/heads/main")
	}
	s.advance("main", s.repo.Git(args...))
}

// advance moves a branch to a new commit, which no ref needs to reach later.
func (s *soak) advance(branch, commit string) {
	s.world.set(branch, commit, func() { s.repo.Git("update-ref", "refs/heads/"+branch, commit) })
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.commits = append(s.world.commits, commit)
}

func (s *soak) tag(version, rev string) {
	commit := s.repo.Git("rev-parse", rev)
	s.world.set(version, commit, func() {
		if s.rnd.IntN(3) == 0 {
			s.repo.Git("tag", "-f", "-a", "-m", "text", "lib/"+version, commit)
		} else {
			s.repo.Git("tag", "-f", "lib/"+version, commit)
		}
	})
}

// branch makes, moves or deletes a branch beside the main one.
func (s *soak) branch() {
	now := time.Now()
	if s.world.mustExist("side", now, now) && s.rnd.IntN(2) == 0 {
		s.world.set("side", "", func() { s.repo.Git("update-ref", "-d", "refs/heads/side") })
		return
	}
	s.advance("side", s.repo.Git("commit-tree", "-m", fmt.Sprint("side ", s.rnd.Uint64()), "-p", "HEAD", "HEAD^{tree}"))
}

// goAway takes the repository away for a while.
func (s *soak) goAway() {
	s.count("times away")
	s.away = time.Now().Add(time.Duration(s.rnd.IntN(4000)) * time.Millisecond)
	switch s.rnd.IntN(3) {
	case 0:
		s.server.Remove("o/soak")
	case 1:
		s.server.SetPrivate("o/soak", "ann", "secret")
	default:
		s.server.SetDown(true)
	}
}

func (s *soak) comeBack() {
	s.away = time.Time{}
	s.server.SetDown(false)
	s.server.Put("o/soak", s.repo)
}

// A soakClient asks.
type soakClient struct {
	*soak
	*rand.Rand
	stop <-chan bool
}

func (c *soakClient) run() {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		n := c.node(c.IntN(6))
		file := c.file(n)
		c.ask(n, file)
	}
}

// file makes up what to ask for.
func (c *soakClient) file(n *soakNode) string {
	switch c.IntN(12) {
	case 0, 1:
		return "@v/list"
	case 2:
		return "@latest"
	case 3, 4:
		return "@v/main.info"
	case 5:
		return "@v/side.info"
	case 6:
		c.world.mu.Lock()
		defer c.world.mu.Unlock()
		return "@v/" + c.world.commits[c.IntN(len(c.world.commits))][:7+c.IntN(34)] + ".info"
	case 7, 8:
		if file := n.group.pseudo(c.Rand); file != "" {
			return file
		}
	}
	versions := c.world.names(true)
	v := versions[c.IntN(len(versions))]
	if c.IntN(10) == 0 {
		c.world.mu.Lock()
		defer c.world.mu.Unlock()
		v = c.world.next // which is not there, or is it?
	}
	return "@v/" + v + []string{".info", ".mod", ".zip", ".zip"}[c.IntN(4)]
}

// pseudo names a file of a pseudo-version that something came to.
func (g *soakGroup) pseudo(rnd *rand.Rand) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for file := range g.first {
		if version, ok := strings.CutSuffix(strings.TrimPrefix(file, "come to "), ".info"); ok && module.IsPseudoVersion(strings.TrimPrefix(version, "@v/")) {
			all = append(all, version)
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return all[rnd.IntN(len(all))] + []string{".info", ".mod", ".zip"}[rnd.IntN(3)]
}

// An asked is one request and what came of it.
type asked struct {
	node   *soakNode
	file   string
	method string
	ranged [2]int // first and last byte; zero for none
	a, b   time.Time
	response
}

func (q asked) isOK() bool { return q.status == 200 || q.status == 206 }

// ask asks a handler in one of the ways that there are, and checks the answer.
func (c *soakClient) ask(n *soakNode, file string) {
	q := asked{node: n, file: file, method: http.MethodGet}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch c.IntN(20) {
	case 0:
		q.method = http.MethodHead
	case 1, 2:
		first := c.IntN(300)
		q.ranged = [2]int{first, first + 1 + c.IntN(100)}
	case 3, 4:
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.IntN(30_000))*time.Microsecond)
		defer cancel()
	}
	q.a = time.Now()
	err := q.do(ctx, c.door.URL+n.base+"/"+soakPath+"/"+file)
	q.b = time.Now()
	if ctx.Err() != nil {
		c.count("cancelled")
		return
	}
	c.count(fmt.Sprint("status ", q.status))
	if err == nil {
		err = c.check(q)
	}
	if err != nil {
		c.t.Errorf("%s, handler %s, %s %s: status %d, %v", q.node.group.name, n.base, q.method, file, q.status, err)
	}
}

func (q *asked) do(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, q.method, url, nil)
	if err != nil {
		return err
	}
	if q.ranged[1] > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", q.ranged[0], q.ranged[1]))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	q.response = response{q.file, resp.StatusCode, resp.Header, string(data)}
	return err
}

// check says what is wrong with an answer.
func (s *soak) check(q asked) error {
	served, byGroup := q.node.wasServed(q)
	late := q.a.Add(-soakLate)
	living := !isForEver("/" + q.file)
	present := !living || q.file == "@v/list" || q.file == "@latest" || q.file == "@v/main.info"
	switch {
	case q.status == 416 && q.ranged[1] > 0:
		return nil
	case !slices.Contains([]int{200, 206, 404, 429, 502, 503, 504}, q.status):
		return fmt.Errorf("a status that nothing here explains: %s", q.body)
	case q.status == 404 && q.header.Get("Cache-Control") != "public, max-age=1", q.status > 404 && q.header.Get("Cache-Control") != "no-store":
		return fmt.Errorf("caching %q", q.header.Get("Cache-Control"))
	case q.status == 404 && present && (served || byGroup):
		return fmt.Errorf("but it was served before: %s", q.body)
	case q.status > 404 && present && (served || byGroup) && (living || q.node.group.stored != nil): // memory is bounded
		return fmt.Errorf("but it was served before: %s", q.body)
	case q.status == 404:
		name := strings.TrimSuffix(strings.TrimPrefix(q.file, "@v/"), filepath.Ext(q.file))
		if s.world.mustExist(name, late, q.b) {
			return fmt.Errorf("but it was there: %s", q.body)
		}
		return nil
	case !q.isOK():
		return nil
	}
	if err := q.node.group.checkPart(q); err != nil || q.method == http.MethodHead || q.status == 206 {
		return err
	}
	var err error
	switch {
	case q.file == "@v/list":
		err = s.checkList(q)
	case living:
		err = s.checkQuery(q)
	default:
		err = s.checkForEver(q)
	}
	q.node.note(q)
	return err
}

// wasServed reports whether a file was served before the request began: by the handler, and long enough ago by any that
// has the same store.
func (n *soakNode) wasServed(q asked) (here, anywhere bool) {
	n.mu.Lock()
	at, ok := n.seen[q.file]
	here = ok && at.Before(q.a)
	n.mu.Unlock()
	n.group.mu.Lock()
	defer n.group.mu.Unlock()
	first := n.group.first[q.file]
	return here, first != nil && first.at.Before(q.a.Add(-soakLate))
}

// note keeps that a file was served.
func (n *soakNode) note(q asked) {
	n.mu.Lock()
	if _, ok := n.seen[q.file]; !ok {
		n.seen[q.file] = q.b
	}
	n.mu.Unlock()
	n.group.mu.Lock()
	defer n.group.mu.Unlock()
	if n.group.first[q.file] == nil { // of what changes, only that it was there
		n.group.first[q.file] = &soakAnswer{at: q.b}
	}
}

// checkPart compares what is no whole answer, or none at all, with the whole of what never changes.
func (g *soakGroup) checkPart(q asked) error {
	g.mu.Lock()
	first := g.first[q.file]
	g.mu.Unlock()
	if first == nil || first.body == "" {
		return nil
	}
	switch {
	case first.etag != q.header.Get("ETag"):
		return fmt.Errorf("ETag %s, was %s", q.header.Get("ETag"), first.etag)
	case q.method == http.MethodHead && (q.body != "" || q.header.Get("Content-Length") != fmt.Sprint(len(first.body))):
		return fmt.Errorf("%d bytes, Content-Length %s, want %d", len(q.body), q.header.Get("Content-Length"), len(first.body))
	case q.status == 206 && q.method == http.MethodGet && q.body != first.body[q.ranged[0]:min(q.ranged[1]+1, len(first.body))]:
		return fmt.Errorf("another range: %q", q.body)
	}
	return nil
}

// isCurrent reports whether an answer is called fresh.
func (q asked) isCurrent() bool { return q.header.Get("Cache-Control") == "public, max-age=1" }

func (s *soak) checkList(q asked) error {
	late := q.a.Add(-soakLate)
	list := strings.Fields(q.body)
	if !slices.IsSortedFunc(list, semver.Compare) || len(slices.Compact(slices.Clone(list))) != len(list) {
		return fmt.Errorf("out of order: %q", list)
	}
	for _, v := range list {
		stored := q.node.group.stored == nil || q.node.group.stored(soakPath+"/@v/"+v+".info")
		switch {
		case !s.world.mayExist(v, time.Time{}, q.b):
			return fmt.Errorf("%s never was", v)
		case q.isCurrent() && !stored && !s.world.mayExist(v, late, q.b):
			return fmt.Errorf("%s was not there", v)
		}
	}
	for _, v := range s.world.names(true) {
		if slices.Contains(list, v) {
			continue
		}
		// An info may be had a moment before the list that is being made has it.
		here, anywhere := q.node.wasServed(asked{node: q.node, file: "@v/" + v + ".info", a: q.a.Add(-2 * time.Second)})
		if here || anywhere && q.isCurrent() {
			return fmt.Errorf("there is no %s, which is stored: %q", v, list)
		}
		if q.isCurrent() && s.world.mustExist(v, late, q.b) {
			return fmt.Errorf("there is no %s, which was there: %q", v, list)
		}
	}
	return nil
}

// checkQuery checks what something came to.
func (s *soak) checkQuery(q asked) error {
	var info info
	if err := json.Unmarshal([]byte(q.body), &info); err != nil {
		return err
	}
	q.node.group.cameTo(info)
	late := q.a.Add(-soakLate)
	if !q.isCurrent() {
		late = time.Time{}
	}
	if first, err := s.checkCommit(q, info); err != nil || first {
		return err // whatever it is now, it stays what it was
	}
	name := strings.TrimSuffix(strings.TrimPrefix(q.file, "@v/"), ".info")
	switch name {
	case "main", "side":
		if !s.world.mayLead(name, info.Origin.Hash, late, q.b) {
			return fmt.Errorf("%s did not lead there: %s", name, q.body)
		}
	case "@latest":
		if !s.world.mayExist(info.Version, late, q.b) {
			return fmt.Errorf("it was not there: %s", q.body)
		}
	default:
		if !strings.HasPrefix(info.Origin.Hash, name) {
			return fmt.Errorf("another commit: %s", q.body)
		}
	}
	return nil
}

// cameTo keeps that something came to a version.
func (g *soakGroup) cameTo(info info) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if key := "come to @v/" + info.Version + ".info"; g.first[key] == nil {
		g.first[key] = new(soakAnswer)
	}
}

// checkCommit checks that an info's version is of a commit that it may be of, and of the one that it was of first. It
// reports whether that was another than is asked for now, by a tag that has moved.
func (s *soak) checkCommit(q asked, info info) (pinned bool, err error) {
	commit := info.Origin.Hash
	tagged := !module.IsPseudoVersion(info.Version)
	if tagged && !s.world.mayLead(info.Version, commit, time.Time{}, q.b) || !tagged && !strings.HasSuffix(info.Version, "-"+commit[:12]) {
		return false, fmt.Errorf("the version never was this commit: %s", q.body)
	}
	g := q.node.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first["commit "+info.Version] == nil {
		g.first["commit "+info.Version] = &soakAnswer{sum: commit}
	}
	if was := g.first["commit "+info.Version].sum; was != commit {
		return false, fmt.Errorf("%s was commit %s: %s", info.Version, was, q.body)
	}
	return tagged, nil
}

// checkForEver compares a version's file with what it was first.
func (s *soak) checkForEver(q asked) error {
	sum, err := q.sum()
	if err != nil {
		return err
	}
	if filepath.Ext(q.file) == ".info" {
		var info info
		if err := json.Unmarshal([]byte(q.body), &info); err != nil {
			return err
		}
		if _, err := s.checkCommit(q, info); err != nil {
			return err
		}
	}
	g := q.node.group
	g.mu.Lock()
	defer g.mu.Unlock()
	first := g.first[q.file]
	if first == nil {
		first = &soakAnswer{sum: sum, at: q.b, etag: q.header.Get("ETag")}
		if len(q.body) < 1<<10 || len(g.first) < 500 {
			first.body = q.body
		}
		g.first[q.file] = first
	}
	if first.sum != sum {
		return fmt.Errorf("it was %s, and is %s: %.300q", first.sum, sum, q.body)
	}
	return nil
}

// sum is a zip's hash as in go.sum, or one of the bytes.
func (q asked) sum() (string, error) {
	if filepath.Ext(q.file) != ".zip" {
		return fmt.Sprintf("%x", sha256.Sum256([]byte(q.body))), nil
	}
	z, err := zip.NewReader(strings.NewReader(q.body), int64(len(q.body)))
	if err != nil {
		return "", err
	}
	return hashZip(z, "", "")
}

// hashZip is [dirhash.HashZip] of a zip in which a prefix of all names is another.
func hashZip(z *zip.Reader, prefix, other string) (string, error) {
	var names []string
	for _, f := range z.File {
		names = append(names, other+strings.TrimPrefix(f.Name, prefix))
	}
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) { return z.Open(prefix + strings.TrimPrefix(name, other)) })
}

// settle mends all, and waits until each handler knows it.
func (s *soak) settle() {
	s.comeBack()
	s.server.Wrap(nil)
	now := time.Now()
	var want []string
	for _, v := range s.world.names(true) {
		if s.world.mustExist(v, now, now) {
			want = append(want, v)
		}
	}
	head := s.repo.Git("rev-parse", "refs/heads/main")
	c := &soakClient{soak: s, Rand: s.rnd}
	for place := range s.nodes {
		n := s.node(place)
		for {
			err := c.isCurrent(n, want, head)
			if err == nil {
				break
			}
			if time.Since(now) > 20*time.Second {
				s.t.Errorf("%s, handler %s, long after all is well: %v", n.group.name, n.base, err)
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	s.t.Log(s.counts)
}

func (c *soakClient) isCurrent(n *soakNode, versions []string, head string) error {
	proxy := proxy{c.door.URL + n.base + "/" + soakPath}
	list, main := proxy.get(c.t, "@v/list"), proxy.get(c.t, "@v/main.info")
	got := strings.Fields(list.body)
	for _, v := range versions {
		if !slices.Contains(got, v) {
			return fmt.Errorf("the list has no %s: %s", v, list.body)
		}
	}
	n.group.mu.Lock()
	defer n.group.mu.Unlock()
	for file := range n.group.first {
		v, ok := strings.CutSuffix(strings.TrimPrefix(file, "@v/"), ".info")
		if ok && semver.IsValid(v) && !module.IsPseudoVersion(v) && !slices.Contains(got, v) {
			return fmt.Errorf("the list has no %s, which is stored: %s", v, list.body)
		}
	}
	if !strings.Contains(main.body, head) && !strings.Contains(main.body, `"Ref":"refs/tags/`) {
		return fmt.Errorf("main is not %s: %s", head, main.body)
	}
	return nil
}

// A soakUsage is what the process has of what must not leak.
type soakUsage struct {
	files, routines int
	heap            uint64
}

func (s *soak) usage() soakUsage {
	s.server.Client().CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	time.Sleep(50 * time.Millisecond)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return soakUsage{openFiles(), runtime.NumGoroutine(), m.HeapAlloc}
}

// checkUsage waits until all is as it was before.
func (s *soak) checkUsage(before soakUsage) {
	var now soakUsage
	for range 100 {
		if now = s.usage(); now.files <= before.files && now.routines <= before.routines {
			break
		}
	}
	s.t.Logf("before %+v, after %+v", before, now)
	if now.files > before.files || now.routines > before.routines {
		buf := make([]byte, 1<<20)
		s.t.Errorf("files or goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
	}
	if most := uint64(512 << 20); now.heap > before.heap+most {
		s.t.Errorf("the heap has %d bytes", now.heap)
	}
}

// judge lets the go command make the modules of all commits that were served, and compares.
func (s *soak) judge() {
	commits := map[string]string{} // versions that the go command is to know them by
	for _, g := range s.groups {
		for key, a := range g.first {
			if _, ok := strings.CutPrefix(key, "commit "); ok && commits[a.sum] == "" {
				commits[a.sum] = fmt.Sprintf("v0.0.%d", len(commits))
				s.repo.Git("tag", "lib/"+commits[a.sum], a.sum)
			}
		}
	}
	g := gocmd.New(s.t)
	g.Direct(remote(s.t, map[string]*gittest.Repo{"o/soak": s.repo}))
	args := []string{"mod", "download", "-json"}
	for _, v := range commits {
		args = append(args, soakPath+"@"+v)
	}
	stdout, stderr, err := g.Try(args...)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, stderr)
	}
	theirs := map[string]gocmd.Download{}
	for dec := json.NewDecoder(strings.NewReader(stdout)); dec.More(); {
		var d gocmd.Download
		if err := dec.Decode(&d); err != nil {
			s.t.Fatal(err)
		}
		theirs[d.Version] = d
	}
	compared := 0
	for _, g := range s.groups {
		for file, a := range g.first {
			version := strings.TrimSuffix(strings.TrimPrefix(file, "@v/"), filepath.Ext(file))
			pin := g.first["commit "+version]
			if !isForEver("/"+file) || filepath.Ext(file) == ".info" || pin == nil || a.sum == "" {
				continue
			}
			compared++
			if want, err := judged(theirs[commits[pin.sum]], file, version); err != nil || a.sum != want {
				s.t.Errorf("%s, %s of commit %s: %s, the go command has %s, %v", g.name, file, pin.sum, a.sum, want, err)
			}
		}
	}
	s.t.Logf("%d files of %d commits compared with the go command's", compared, len(commits))
}

// judged is the hash of a file that a download would have as another version.
func judged(d gocmd.Download, file, version string) (string, error) {
	if filepath.Ext(file) == ".mod" {
		data, err := os.ReadFile(d.GoMod)
		return fmt.Sprintf("%x", sha256.Sum256(data)), err
	}
	data, err := os.ReadFile(d.Zip)
	if err != nil {
		return "", err
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	return hashZip(z, soakPath+"@"+d.Version+"/", soakPath+"@"+version+"/")
}
