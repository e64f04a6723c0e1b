package vanity_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

var (
	storeKills  = flag.Int("kills", 4, "kill a serving process this `number` of times")
	storeEpochs = flag.Int("epochs", 2, "let processes share this `number` of stores, one after the other")
)

// serverVariable makes the test binary a server of stores, see serveStores.
const serverVariable = "VANITY_TEST_STORES"

// A storeServer is what such a process is told. It serves /NAME/... from a store in Dir/NAME, with a handler for each.
type storeServer struct {
	URL   string // of the repository
	Dir   string
	Fresh time.Duration

	mu       sync.Mutex
	handlers map[string]http.Handler
}

// serveStores is the whole of such a process. It ends when it is killed, or with the process that began it.
func serveStores(spec string) {
	s := &storeServer{handlers: make(map[string]http.Handler)}
	if err := json.Unmarshal([]byte(spec), s); err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	fmt.Printf("http://%s\n", l.Addr())
	log.Fatal(http.Serve(l, s))
}

func (s *storeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(r.URL.Path[1:], "/")
	s.mu.Lock()
	h := s.handlers[name]
	if h == nil {
		h = vanity.Goproxy("/"+name, at(waveringConfig, s.URL), vanity.WithStore(vanity.DirStore(filepath.Join(s.Dir, name))),
			vanity.WithFreshness(s.Fresh), vanity.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
		s.handlers[name] = h
	}
	s.mu.Unlock()
	h.ServeHTTP(w, r)
}

// A process is one that serves stores.
type process struct {
	url string
	log logged
	t   testing.TB
	cmd *exec.Cmd
}

func startProcess(t testing.TB, s *storeServer, env ...string) *process {
	t.Helper()
	p := new(process)
	p.start(t, serverVariable, s, append(os.Environ(), env...))
	return p
}

// start runs this binary again, as what a variable says by spec in JSON, and waits for the URL that it serves.
func (p *process) start(t testing.TB, variable string, spec any, env []string) {
	t.Helper()
	data, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	p.t, p.cmd = t, exec.Command(os.Args[0])
	p.cmd.Env = append(env, variable+"="+string(data))
	p.cmd.Stderr = &p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("a process did not start: %v\n%s", err, p.log.text())
	}
	p.url = strings.TrimSuffix(line, "\n")
}

// kill ends the process without its knowing, and reads what it said until then. It may be called again.
func (p *process) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	p.cmd.Process.Kill()
	p.cmd.Wait()
	if text := p.log.text(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic") || strings.Contains(text, "goroutine ") {
		p.t.Errorf("a process went wrong:\n%s", text)
	}
}

// load asks for all files in some order, with some of them at the same time.
func (r *record) load(base string, rnd *rand.Rand, files []string) {
	lanes := 1 + rnd.IntN(4)
	shuffled := make([]string, len(files))
	for i, j := range rnd.Perm(len(files)) {
		shuffled[i] = files[j]
	}
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			for i := lane; i < len(shuffled); i += lanes {
				r.ask(base, shuffled[i])
			}
		})
	}
	wg.Wait()
}

// thorough reports whether time doesn't matter.
func thorough() bool { return *storeKills > 100 }

// A killing is a row of processes that were killed, and the stores that they left.
type killing struct {
	t    *testing.T
	w    *wavering
	rnd  *rand.Rand
	root string // of the stores
	temp string // where a process spools
	took time.Duration
	rec  *record
	n    int
}

// TestStore takes everything from a store that may fail it: processes, disks, bits, and their owners.
func TestStore(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := newWavering(t)
	t.Run("killed", w.testKilled)
	t.Run("shared", w.testShared)
	t.Run("listed", w.testLists)
	t.Run("disk full", w.testDiskFull)
	t.Run("temporary directory full", w.testTempFull)
	t.Run("read-only", w.testReadOnly)
	t.Run("spoilt", w.testSpoilt)
	t.Run("spoilt later", w.testSpoiltLater)
	t.Run("half mended", w.testHalfMended)
	t.Run("no pin", w.testNoPin)
	t.Run("seeded", w.testSeeded)
}

// testKilled kills processes while they fill a store, at any moment of a download from nothing. Who has the store next
// must give right answers, and those that were given before, with the host or without it.
func (w *wavering) testKilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	k := &killing{t: t, w: w, rnd: rand.New(rand.NewPCG(seed, 1)), root: t.TempDir(), temp: t.TempDir()}
	for range 2 { // the host remembers what it gave, the second time
		k.renew()
		p := k.start()
		began := time.Now()
		k.rec.load(p.url+"/"+filepath.Base(k.rec.dir), k.rnd, k.w.files)
		k.took = time.Since(began)
		p.kill()
	}
	t.Logf("a download from nothing takes %v", k.took)
	defer w.server.SetDown(false)
	for i := range *storeKills {
		k.round(i)
		if t.Failed() {
			t.Fatalf("round %d, seed %d", i, seed)
		}
	}
	k.checkTemp()
}

// checkTemp wants nothing to be left where processes spool but files that were to lose their names when the process was
// killed. Nothing was written to them yet.
func (k *killing) checkTemp() {
	left, err := os.ReadDir(k.temp)
	if err != nil {
		k.t.Error(err)
	}
	for _, d := range left {
		if info, err := d.Info(); err != nil || info.Size() > 0 {
			k.t.Errorf("%v is left in the temporary directory (%v)", info, err)
		}
	}
}

// renew goes on with an empty store.
func (k *killing) renew() {
	if k.rec != nil {
		os.RemoveAll(k.rec.dir)
	}
	k.n++
	k.rec = k.w.newRecord(k.t, filepath.Join(k.root, fmt.Sprint(k.n)))
}

func (k *killing) start() *process {
	fresh := time.Duration(k.rnd.IntN(2)) * time.Minute
	return startProcess(k.t, &storeServer{URL: k.w.url, Dir: k.root, Fresh: fresh}, "TMPDIR="+k.temp)
}

func (k *killing) round(i int) {
	if k.rnd.IntN(3) > 0 {
		k.renew()
	}
	base := "/" + filepath.Base(k.rec.dir)
	k.w.server.SetDown(false)
	k.w.move(k.t, k.rnd)
	p := k.start()
	delay := time.Duration(k.rnd.Float64() * 1.1 * float64(k.took))
	done := make(chan struct{})
	load := rand.New(rand.NewPCG(k.rnd.Uint64(), 2))
	go func() {
		defer close(done)
		k.rec.load(p.url+base, load, k.w.files)
	}()
	time.Sleep(delay)
	p.kill()
	<-done
	k.rec.checkDir()
	before := k.rec.names()
	if k.rnd.IntN(2) == 0 {
		k.w.move(k.t, k.rnd)
	}
	down := k.rnd.IntN(2) == 0
	k.w.server.SetDown(down)
	k.t.Logf("round %d: killed after %v, %d answers are known, host down: %v", i, delay, len(before), down)
	p = k.start()
	defer p.kill()
	for _, file := range k.w.files {
		status, err := k.rec.ask(p.url+base, file)
		if wanted := !down || before[file]; err != nil || status != 200 && (wanted || status < 500) {
			k.t.Errorf("%s: status %d, %v; answered before: %v", file, status, err, before[file])
		}
	}
	k.rec.checkDir()
	k.rec.checkList(p.url + base)
	if k.rnd.IntN(8) == 0 {
		k.rec.checkGo()
	}
}

// testShared lets processes fill one store at the same time, while tags move: each version is one thing for all of
// them, from the first answer on.
func (w *wavering) testShared(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	root := t.TempDir()
	var processes []*process
	for range 3 {
		processes = append(processes, startProcess(t, &storeServer{URL: w.url, Dir: root, Fresh: time.Millisecond}))
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for rnd := rand.New(rand.NewPCG(seed, 3)); ; {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				w.move(t, rnd)
			}
		}
	}()
	for i := range *storeEpochs {
		r := w.newRecord(t, filepath.Join(root, fmt.Sprint(i)))
		files := w.files
		if i%2 == 0 {
			files = files[1:] // without the list, which others make along the way
		}
		users := processes[:2+i%2]
		var wg sync.WaitGroup
		for j, p := range users {
			wg.Go(func() { r.load(p.url+"/"+fmt.Sprint(i), rand.New(rand.NewPCG(seed+uint64(i), uint64(j))), files) })
		}
		wg.Wait()
		r.checkDir()
		for _, p := range users {
			r.checkList(p.url + "/" + fmt.Sprint(i))
		}
		if i == 0 {
			r.checkGo()
		}
	}
	close(stop)
	<-stopped
	w.race(t, root, processes)
	for _, p := range processes {
		p.kill()
	}
}

// race asks all processes for the same version, which is the first one for its store. The host tells each of another
// commit, and all at the same moment.
func (w *wavering) race(t *testing.T, root string, processes []*process) {
	g := &turnstile{w: w, crowd: len(processes)}
	w.server.Wrap(g.wrap)
	defer func() {
		w.server.Wrap(nil)
		w.server.Wrap(w.remembered())
	}()
	for i := range 10 * *storeEpochs {
		name := fmt.Sprintf("race%d", i)
		r := w.newRecord(t, filepath.Join(root, name))
		var wg sync.WaitGroup
		for _, p := range processes {
			wg.Go(func() { r.mustAsk(p.url+"/"+name, "/@v/v1.0.0.info", "/@v/v1.0.0.mod") })
		}
		wg.Wait()
		r.checkDir()
	}
}

// A turnstile lets those who ask for refs in when there is a crowd of them, but moves a tag for each.
type turnstile struct {
	w     *wavering
	crowd int

	mu   sync.Mutex
	n    int
	open chan struct{}
}

func (g *turnstile) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !bytes.Contains(body, []byte("command=ls-refs")) {
			next.ServeHTTP(w, r)
			return
		}
		a := &answerWriter{header: make(http.Header), status: 200}
		open := g.enter(func() { next.ServeHTTP(a, r) })
		select {
		case <-open:
		case <-r.Context().Done():
		case <-time.After(time.Second): // who doesn't come has it from another
		}
		a.write(w)
	})
}

// enter asks after a tag was moved, and says when to go on.
func (g *turnstile) enter(ask func()) (open chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n%g.crowd == 0 {
		g.open = make(chan struct{})
	}
	g.w.tag("v1.0.0", g.w.tags["v1.0.0"][g.n%2])
	ask()
	open = g.open
	if g.n++; g.n%g.crowd == 0 {
		close(open)
	}
	return open
}

// wavering is a repository whose tags lead now to one commit and now to another, with a host, and what the go command
// makes of each commit.
type wavering struct {
	repo   *gittest.Repo
	server *gittest.Server
	url    string
	tags   map[string][2]string // by version, the commits that its tag may lead to
	sums   map[string]map[string]gocmd.Download
	pseudo string   // main, which stays where it is
	files  []string // all that may be asked for; the list comes first

	moves atomic.Int64

	mu   sync.Mutex
	zips map[string]string // h1: by the zips' own bytes
}

// waveringPath is found by the go command without help, so that it can be the judge.
const waveringPath = "github.com/acme/mono/libs/tool"

var waveringConfig = vanity.Config{Module: waveringPath, Directory: "libs/tool", Tags: "libs/tool/v*"}

func newWavering(t *testing.T) *wavering {
	t.Helper()
	repo := gittest.New(t, "print libs/tool/go.mod \"module "+waveringPath+"\\n\"\ncommit main\ngit checkout --quiet -b work\n")
	w := &wavering{repo: repo, tags: make(map[string][2]string), sums: make(map[string]map[string]gocmd.Download), zips: make(map[string]string)}
	large := 1 << 20
	if thorough() {
		large *= 4
	}
	rnd := rand.NewChaCha8([32]byte{})
	for _, version := range []struct {
		name string
		size int
	}{{"v1.0.0", 10}, {"v1.1.0", 1000}, {"v1.2.0", 100 << 10}, {"v1.3.0", large}} {
		data := make([]byte, version.size)
		rnd.Read(data)
		var commits [2]string
		for i := range commits {
			repo.Write("libs/tool/data", data)
			repo.Write("libs/tool/go.mod", fmt.Appendf(nil, "module %s\n\ngo 1.2%d\n", waveringPath, i))
			repo.Write("libs/tool/tool.go", fmt.Appendf(nil, "package tool\n\nconst Version = %q // %d\n", version.name, i))
			commits[i] = repo.Commit(fmt.Sprint(version.name, i))
		}
		w.tags[version.name] = commits
	}
	w.server = gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	w.server.Wrap(w.remembered())
	w.url = w.server.URL + "/acme/mono"
	w.judge(t)
	w.files = []string{"/@v/list", "/@latest", "/@v/main.info"}
	for version := range w.sums {
		for _, ext := range []string{".info", ".mod", ".zip"} {
			w.files = append(w.files, "/@v/"+version+ext)
		}
	}
	return w
}

// judge asks the go command what each version is, with the tag on either of its commits.
func (w *wavering) judge(t *testing.T) {
	t.Helper()
	asks := []*ask{{path: waveringPath, query: "main"}}
	for version := range w.tags {
		asks = append(asks, &ask{path: waveringPath, query: version})
	}
	for i := range 2 {
		for version, commits := range w.tags {
			w.tag(version, commits[i])
		}
		g := gocmd.New(t)
		g.Direct(w.server.URL)
		for _, d := range downloads(t, g, asks) {
			if d.Error != "" || d.Origin == nil {
				t.Fatalf("download %+v", d)
			}
			if d.Query == "main" {
				w.pseudo = d.Version
			}
			if w.sums[d.Version] == nil {
				w.sums[d.Version] = make(map[string]gocmd.Download)
			}
			w.sums[d.Version][d.Origin.Hash] = d
		}
	}
	if len(w.sums) != len(w.tags)+1 || !module.IsPseudoVersion(w.pseudo) {
		t.Fatalf("the go command gives %v", w.sums)
	}
}

// move lets each tag lead to any of its commits.
func (w *wavering) move(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	for version, commits := range w.tags {
		w.tag(version, commits[rnd.IntN(2)])
	}
}

func (w *wavering) tag(version, commit string) {
	w.repo.Git("tag", "-f", "libs/tool/"+version, commit)
	w.moves.Add(1)
}

// remembered makes a host quick, that the store's part of the time be large: it says the same until a tag is moved.
func (host *wavering) remembered() func(http.Handler) http.Handler {
	var mu sync.Mutex
	answers := make(map[string]*answerWriter)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			key := fmt.Sprintf("%s %s %s %s", r.Header.Get("Git-Protocol"), r.Method, r.URL, body)
			if r.Header.Get("Git-Protocol") != "version=2" || bytes.Contains(body, []byte("command=ls-refs")) {
				key += fmt.Sprint(host.moves.Load())
			}
			mu.Lock()
			a := answers[key]
			mu.Unlock()
			if a == nil {
				a = &answerWriter{header: make(http.Header), status: 200}
				next.ServeHTTP(a, r)
				if r.Context().Err() != nil {
					panic(http.ErrAbortHandler)
				}
				mu.Lock()
				answers[key] = a
				mu.Unlock()
			}
			a.write(w)
		})
	}
}

// An answerWriter keeps an answer.
type answerWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answerWriter) Header() http.Header         { return a.header }
func (a *answerWriter) WriteHeader(status int)      { a.status = status }
func (a *answerWriter) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answerWriter) write(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	w.Write(a.body.Bytes())
}
