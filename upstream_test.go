package vanity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// A tape has a repository, and answers for its server what that was asked before. Thousands of requests are asked in these
// tests, and each would be a process or two.
type tape struct {
	repo    *gittest.Repo
	mu      sync.Mutex
	answers map[string]*httptest.ResponseRecorder
}

// newTape has acme and a branch that is ahead of its tags.
func newTape(t testing.TB) *tape {
	t.Helper()
	repo := gittest.New(t, acme)
	repo.Run("commit four")
	return &tape{repo: repo, answers: make(map[string]*httptest.ResponseRecorder)}
}

func (tp *tape) play(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	key := fmt.Sprintln(r.Method, r.URL, r.Header.Get("Git-Protocol"), string(body))
	tp.mu.Lock()
	defer tp.mu.Unlock()
	rec := tp.answers[key]
	if rec == nil {
		rec = httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		tp.answers[key] = rec
	}
	return rec
}

// A fault is what a git server does wrong.
type fault = func(http.Handler) http.Handler

// A host is a git server on tape, with a fault from time to time.
type host struct {
	*gittest.Server
	*tape
	fault atomic.Pointer[fault]

	mu     sync.Mutex
	played []string // bodies of answers
}

// newHost speaks a version of the git protocol.
func newHost(t testing.TB, tp *tape, version int) *host {
	t.Helper()
	h := &host{Server: gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": tp.repo}), tape: tp}
	h.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.play(w, tp.play(next, r)) })
	})
	if version < 2 {
		h.Wrap(gittest.Version(version))
	}
	h.Wrap(func(next http.Handler) http.Handler {
		if f := h.fault.Load(); f != nil {
			return (*f)(next)
		}
		return next
	})
	return h
}

func (h *host) play(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	h.mu.Lock()
	h.played = append(h.played, rec.Body.String())
	h.mu.Unlock()
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

// bodies gives what was answered since it was called last.
func (h *host) bodies() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.played = nil }()
	return h.played
}

// spoil makes the host have a fault, or none.
func (h *host) spoil(f fault) {
	if f == nil {
		h.fault.Store(nil)
		return
	}
	h.fault.Store(&f)
}

// handler serves the host's repository.
func (h *host) handler(opts ...vanity.Option) http.Handler {
	opts = append([]vanity.Option{quiet(), vanity.WithClient(h.Client())}, opts...)
	return vanity.Goproxy("", at(toolConfig, h.URL+"/acme/mono"), opts...)
}

// files are all kinds of answers, of versions, branches and commits.
func (h *host) files() []string {
	head := h.repo.Git("rev-parse", "HEAD")
	pseudo := "v1.2.0-rc.1.0.20240101000300-" + head[:12]
	return []string{
		"/@v/list", "/@latest", "/@v/main.info", "/@v/" + head[:9] + ".info", "/@v/v1.0.0.info", "/@v/v1.1.0.mod", "/@v/v1.0.0.zip",
		"/@v/" + pseudo + ".info", "/@v/" + pseudo + ".zip",
	}
}

// A mapStore is a store in memory that overwrites, as many do.
type mapStore struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (s *mapStore) Get(_ context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.m[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *mapStore) Put(_ context.Context, name string, content io.ReadSeeker) error {
	data, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[string][]byte)
	}
	s.m[name] = data
	return nil
}

// all is what is stored now.
func (s *mapStore) all() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]string)
	for name, data := range s.m {
		all[name] = string(data)
	}
	return all
}

// isForEver reports whether a name in a store, or a path, is of what never changes, or of its checksum.
func isForEver(name string) bool {
	file := strings.TrimSuffix(path.Base(name), ".sum")
	version := strings.TrimSuffix(file, path.Ext(file))
	return strings.Contains(name, "/@v/") && version == module.CanonicalVersion(version)
}

// A door is a server whose handler is replaced again and again.
type door struct {
	url     string
	handler atomic.Pointer[http.Handler]
}

func newDoor(t testing.TB) *door {
	d := new(door)
	d.url = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*d.handler.Load()).ServeHTTP(w, r) }))
	return d
}

// ask puts a handler behind the door, unless that is nil, and asks it.
func (d *door) ask(t testing.TB, h http.Handler, file string) response {
	t.Helper()
	if h != nil {
		d.handler.Store(&h)
	}
	return proxy{d.url + "/go.acme.test/!tool"}.get(t, file[1:])
}

// right says what is wrong with an answer that should be one.
func (r response) right(want string) error {
	if r.status != http.StatusOK || r.body != want {
		return fmt.Errorf("%s: status %d, %.300q, want %.300q", r.file, r.status, r.body, want)
	}
	return nil
}

// rightOrNone says what is wrong with an answer that should be one, or say that it can't be had now.
func (r response) rightOrNone(want string) error {
	if r.status >= http.StatusTooManyRequests && r.status != http.StatusInternalServerError && r.header.Get("Cache-Control") == "no-store" && r.header.Get("ETag") == "" {
		return nil
	}
	return r.right(want)
}

// serveAll asks for all files, and gives the answers' bodies by file.
func serveAll(t testing.TB, d *door, h http.Handler, files []string) map[string]string {
	t.Helper()
	want := make(map[string]string)
	for _, file := range files {
		r := d.ask(t, h, file)
		if r.status != http.StatusOK {
			t.Fatalf("%s: status %d, %s", file, r.status, r.body)
		}
		want[file] = r.body
	}
	return want
}

var cutEvery = flag.Int("cuts", 16, "end answers at every `n`th place that is worth it")

// cuts are places in an answer: the packets' bounds with what is beside them, the ends, and some between. Which of them
// are taken this time depends on turn. Most answers are to be had again and again, so that all have theirs.
func cuts(body string, turn int) []int64 {
	at := map[int64]bool{}
	add := func(n int) {
		for i := max(n-1, 0); i <= n+1 && i < len(body); i++ {
			at[int64(i)] = true
		}
	}
	for n := 0; n < len(body); {
		add(n)
		size, err := strconv.ParseUint(body[n:min(n+4, len(body))], 16, 16)
		if err != nil {
			break
		}
		n += int(max(size, 4))
	}
	for n := 0; n < len(body); n += 1 + len(body)/12 {
		add(n)
	}
	add(len(body) - 21) // before a pack's checksum
	add(len(body) - 5)
	step := *cutEvery
	if testing.Short() {
		step *= 10
	}
	var some []int64
	for i, n := range slices.Sorted(maps.Keys(at)) {
		if i%step == turn%step {
			some = append(some, n)
		}
	}
	return some
}

// end ends an answer after n bytes as if that were all: nothing tells it from a whole one but its own content.
func end(n int64) fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			maps.Copy(w.Header(), rec.Header())
			w.WriteHeader(rec.Code)
			w.Write(rec.Body.Bytes()[:min(n, int64(rec.Body.Len()))])
		})
	}
}

// TestUpstreamCut checks that of a host's answer that ends anywhere too early comes the right thing or a failure, and
// nothing that is remembered or stored.
func TestUpstreamCut(t *testing.T) {
	tp := newTape(t)
	for _, version := range []int{2, 0} {
		for name, cut := range map[string]func(int64) fault{"cut": gittest.CutAnswerAfter, "ended": end} {
			t.Run(fmt.Sprintf("version %d, %s", version, name), func(t *testing.T) {
				t.Parallel()
				h, d, whole, turn := newHost(t, tp, version), newDoor(t), new(mapStore), version+len(name)
				want := serveAll(t, d, h.handler(vanity.WithStore(whole)), h.files())
				for _, file := range h.files() {
					h.bodies()
					d.ask(t, h.handler(), file)
					for i, body := range h.bodies() {
						turn += 3
						for _, n := range cuts(body, turn) {
							fault := gittest.After(int64(i), gittest.First(1, cut(n)))
							if err := testCut(t, h, d, fault, file, want[file], whole.all()); err != nil {
								t.Errorf("answer %d of %d bytes ends after %d: %v", i, len(body), n, err)
							}
						}
					}
				}
			})
		}
	}
}

// testCut asks for one file from nothing, twice: of a host with a fault, and without it.
func testCut(t *testing.T, h *host, d *door, f fault, file, want string, whole map[string]string) error {
	store := new(mapStore)
	handler := h.handler(vanity.WithStore(store))
	h.spoil(f)
	first := d.ask(t, handler, file)
	h.spoil(nil)
	err := errors.Join(first.rightOrNone(want), d.ask(t, nil, file).right(want))
	for name, content := range store.all() {
		if isForEver(name) && content != whole[name] {
			err = errors.Join(err, fmt.Errorf("%s was stored: %q", name, content))
		}
	}
	return err
}

// TestUpstreamCutLater checks that where everything was served before, such a host changes nothing: neither for a handler
// that has it in memory, nor for another one with the same store.
func TestUpstreamCutLater(t *testing.T) {
	tp := newTape(t)
	places := []int64{0, 1, 4, 5, 30, 90, 140, 250, 380}
	if testing.Short() {
		places = places[4:5]
	}
	for name, cut := range map[string]func(int64) fault{"cut": gittest.CutAnswerAfter, "ended": end} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServed(t, tp, 10*time.Second)
			for _, n := range places {
				for _, command := range []string{"info/refs", "ls-refs", "fetch"} {
					s.host.spoil(gittest.On(command, cut(n)))
					s.check(t, fmt.Sprintf("%s ends after %d bytes", command, n))
				}
			}
		})
	}
}

// served is what has been served already, in one handler's memory and in a store.
type served struct {
	host   *host
	door   *door
	store  mapStore
	old    http.Handler
	want   map[string]string // bodies by file
	stored map[string]string
}

func newServed(t testing.TB, tp *tape, timeout time.Duration) *served {
	t.Helper()
	s := &served{host: newHost(t, tp, 2), door: newDoor(t)}
	s.host.Client().Timeout = timeout
	s.old = s.handler()
	s.want = serveAll(t, s.door, s.old, s.host.files())
	s.stored = s.store.all()
	return s
}

// handler is one with that store, which asks the host each time for what may have changed.
func (s *served) handler() http.Handler {
	return s.host.handler(vanity.WithStore(&s.store), vanity.WithFreshness(0))
}

// check asks for everything again, the old handler and a new one.
func (s *served) check(t testing.TB, what string) {
	t.Helper()
	for name, h := range map[string]http.Handler{"the old handler": s.old, "a new one": s.handler()} {
		var wg sync.WaitGroup
		for file, want := range s.want {
			wg.Go(func() {
				if err := s.door.ask(t, h, file).right(want); err != nil {
					t.Errorf("%s, %s: %v", what, name, err)
				}
			})
		}
		wg.Wait()
	}
	if diff := cmp.Diff(s.stored, s.store.all()); diff != "" {
		t.Errorf("%s: what is stored (-before +after):\n%s", what, diff)
	}
}

// TestUpstreamFaults goes through what else a host can do wrong, when nothing was served before, and when all was.
func TestUpstreamFaults(t *testing.T) {
	random := make([]byte, 4<<10)
	rand.NewChaCha8([32]byte{1}).Read(random)
	faults := []upstreamFault{
		{"500", gittest.Status(500, nil), 502, ""},
		{"502", gittest.Status(502, nil), 502, ""},
		{"503", gittest.Status(503, http.Header{"Retry-After": {"41"}}), 503, "41"},
		{"429", gittest.Status(429, http.Header{"Retry-After": {"77"}}), 429, "77"},
		{"403 for a time", gittest.Status(403, http.Header{"Retry-After": {"78"}}), 429, "78"},
		{"504", gittest.Status(504, nil), 504, ""},
		{"says nothing", gittest.Hang(), 504, ""},
	}
	for _, command := range []string{"info/refs", "ls-refs", "fetch"} {
		add := func(name string, f fault, status int) {
			faults = append(faults, upstreamFault{command + " " + name, gittest.On(command, f), status, ""})
		}
		add("stalls", gittest.StallAfter(20), 504)
		for name, text := range map[string]string{"empty": "", "no packets": "nonsense", "too short": "0003", "too long": "ffff0000", "random": string(random), "in packets": "000eversion 2\n000dgarbage\n0000"} {
			add(name, gittest.Garbage(text), 502)
		}
	}
	tp := newTape(t)
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			waits := tt.status == 504 && tt.name != "504"
			if testing.Short() && waits {
				t.Skip("waits")
			}
			timeout := 10 * time.Second
			if waits {
				timeout = time.Second
			}
			s := newServed(t, tp, timeout)
			s.host.spoil(tt.fault)
			tt.testCold(t, s)
			s.check(t, "with the fault")
		})
	}
}

// An upstreamFault is a fault, and how it is answered for.
type upstreamFault struct {
	name       string
	fault      fault
	status     int
	retryAfter string
}

// testCold asks many handlers at once, each for one file that it knows nothing of, and again when the host is well.
func (f upstreamFault) testCold(t *testing.T, s *served) {
	stores := make(map[string]*mapStore)
	var wg sync.WaitGroup
	doors := make(map[string]*door)
	for file, want := range s.want {
		store, d := new(mapStore), newDoor(t)
		stores[file], doors[file] = store, d
		wg.Go(func() {
			r := d.ask(t, s.host.handler(vanity.WithStore(store)), file)
			if err := r.rightOrNone(want); err != nil {
				t.Error(err)
			}
			if r.status != http.StatusOK && (r.status != f.status || f.retryAfter != "" && r.header.Get("Retry-After") != f.retryAfter) {
				t.Errorf("%s: status %d, Retry-After %q", file, r.status, r.header.Get("Retry-After"))
			}
			for name, content := range store.all() {
				if isForEver(name) && content != s.stored[name] {
					t.Errorf("%s was stored: %q", name, content)
				}
			}
		})
	}
	wg.Wait()
	s.host.spoil(nil)
	defer s.host.spoil(f.fault)
	for file, d := range doors {
		if err := d.ask(t, nil, file).right(s.want[file]); err != nil {
			t.Errorf("after it: %v", err)
		}
	}
}

// another is a repository of the same name and layout as acme, with other content.
const another = `
write
commit another
tag tool-1.0.0
tag tool-1.5.0
commit further
-- libs/tool/go.mod --
module go.acme.test/Tool
-- libs/tool/tool.go --
package tool

const Version = "another"
`

// TestUpstreamGone checks that the go command gets what was served before when its repository has gone, from the handler
// that served it and from another with the same store; and that what was not served is no absence.
func TestUpstreamGone(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	other := gittest.New(t, another)
	for name, gone := range map[string]func(*gittest.Server){
		"down":     func(s *gittest.Server) { s.SetDown(true) },
		"deleted":  func(s *gittest.Server) { s.Remove("acme/mono") },
		"private":  func(s *gittest.Server) { s.SetPrivate("acme/mono", "ann", "secret") },
		"replaced": func(s *gittest.Server) { s.Put("acme/mono", other) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := gittest.New(t, acme)
			repo.Run("commit four\ngit switch -q -c side")
			repo.Write("libs/tool/side", make([]byte, 20_000)) // too large to come along with the info
			repo.Run("commit side\ntag tool-1.4.0-pre\ngit switch -q main")
			server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
			store := vanity.DirStore(t.TempDir())
			handler := func() http.Handler {
				return vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), quiet(), vanity.WithStore(store), vanity.WithFreshness(0))
			}
			old, d := handler(), newDoor(t)
			if r := d.ask(t, old, "/@v/v1.4.0-pre.info"); r.status != 200 {
				t.Fatalf("status %d, %s", r.status, r.body)
			}
			want := goGets(t, old)
			gone(server)
			if name == "replaced" { // what was not served is gone; its own versions and branches are there
				want.versions[0] = []string{"v1.0.0", "v1.1.0", "v1.4.0-pre", "v1.5.0"}
				want.main = "v1.5.1-0.20240101000100-" + other.Git("rev-parse", "HEAD")[:12]
			}
			for _, h := range []http.Handler{old, handler()} {
				if diff := cmp.Diff(want, goGets(t, h), cmp.AllowUnexported(gotten{})); diff != "" {
					t.Errorf("the go command gets (-before +after):\n%s", diff)
				}
				if r := d.ask(t, h, "/@v/v1.4.0-pre.zip"); r.status != http.StatusBadGateway || r.header.Get("Cache-Control") != "no-store" {
					t.Errorf("a zip of which the info alone was served: status %d, %q", r.status, r.body)
				}
			}
		})
	}
}

// gotten is what the go command gets.
type gotten struct {
	sums     []string
	versions [2][]string
	main     string
}

// goGets uses a go command without a cache.
func goGets(t testing.TB, h http.Handler) (got gotten) {
	t.Helper()
	g := gocmd.New(t)
	g.Use(h, "")
	stdout := g.Run("mod", "download", "-json", toolPath+"@v1.0.0", toolPath+"@v1.1.0", toolPath+"/v2@v2.0.0")
	for dec := json.NewDecoder(strings.NewReader(stdout)); dec.More(); {
		var d gocmd.Download
		if err := dec.Decode(&d); err != nil || d.Error != "" {
			t.Fatalf("%v %s", err, d.Error)
		}
		got.sums = append(got.sums, fmt.Sprintln(d.Path, d.Version, d.Sum, d.GoModSum, d.Origin.Hash))
	}
	got.versions = [2][]string{g.Versions(toolPath), g.Versions(toolPath + "/v2")}
	g.Get(toolPath + "@main")
	got.main = strings.TrimSpace(g.Run("list", "-m", "-f", "{{.Version}}", toolPath))
	return got
}

// big makes a module with a zip of about so many bytes, as a version of its own, which nothing makes smaller.
func big(t testing.TB, repo *gittest.Repo, version string, size int) {
	t.Helper()
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	repo.Write("libs/tool/data", data)
	repo.Commit("big")
	repo.Git("tag", "tool-"+version)
}

// TestUpstreamShared counts what many cost the host who ask for one zip at the same time: what one costs. Those who leave
// before they have it, the first one among them, take nothing from the others.
func TestUpstreamShared(t *testing.T) {
	const callers = 50
	repo := gittest.New(t, acme)
	for _, leaving := range []int{0, 10} {
		t.Run(fmt.Sprint(leaving, " leave"), func(t *testing.T) {
			t.Parallel()
			server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
			cfg := at(toolConfig, server.URL+"/acme/mono")
			_, _, want := get(t, serve(t, vanity.Goproxy("", cfg))+"/go.acme.test/!tool/@v/v1.1.0.zip")
			cost := len(server.Requests())
			server.Reset()
			begun, goOn := gate(server)
			h, inside := vanity.Goproxy("", cfg, quiet(), vanity.WithStore(vanity.DirStore(t.TempDir()))), make(chan bool, callers)
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inside <- true
				h.ServeHTTP(w, r)
			})) + "/go.acme.test/!tool/@v/v1.1.0.zip"
			var leave []func()
			var wg sync.WaitGroup
			for i := range callers {
				ctx, cancel := context.WithCancel(t.Context())
				leave = append(leave, cancel)
				wg.Go(func() {
					body, err := fetch(ctx, url)
					if left := i < leaving; (err != nil) != left || !left && body != want {
						t.Errorf("caller %d: %d bytes, %v; want %d", i, len(body), err, len(want))
					}
				})
				<-inside
				if i == 0 {
					<-begun
				}
			}
			time.Sleep(50 * time.Millisecond) // for the last one's way from the door to the store
			for _, leave := range leave[:leaving] {
				leave()
			}
			goOn()
			wg.Wait()
			for _, leave := range leave {
				leave()
			}
			if n := len(server.Requests()); n != cost {
				t.Errorf("%d requests, one caller has %d", n, cost)
			}
		})
	}
}

// gate makes a server wait with all its answers. The channel gets a value when it is first asked.
func gate(s *gittest.Server) (begun <-chan bool, open func()) {
	asked, opened := make(chan bool, 1), make(chan bool)
	s.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case asked <- true:
			default:
			}
			<-opened
			next.ServeHTTP(w, r)
		})
	})
	return asked, func() { close(opened) }
}

// fetch gets what must be there.
func fetch(ctx context.Context, url string) (body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.300q", resp.StatusCode, data)
	}
	return string(data), err
}

// TestSlowClients checks that clients who read next to nothing hold no right to fetch, and that nothing is left of them and
// of those who go away in the middle of an answer.
func TestSlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("waits")
	}
	repo := gittest.New(t, acme)
	big(t, repo, "1.3.0", 600<<10)
	server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
	for name, opts := range map[string][]vanity.Option{"in memory": nil, "in files": {vanity.WithStore(vanity.DirStore(t.TempDir()))}} {
		t.Run(name, func(t *testing.T) {
			h := vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), append(opts, quiet())...)
			root, inside := serveTight(t, h)
			url := root + "/go.acme.test/!tool/@v/"
			want, err := fetch(t.Context(), url+"v1.3.0.zip")
			if err != nil {
				t.Fatal(err)
			}
			settled(t, func() bool { return true })
			files, routines := openFiles(), runtime.NumGoroutine()
			conns := dribble(t, url+"v1.3.0.zip", 40) // more than may fetch at the same time
			for _, file := range []string{"v1.0.0.zip", "v1.1.0.zip", "v1.3.0.zip"} {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				body, err := fetch(ctx, url+file)
				cancel()
				if err != nil || file == "v1.3.0.zip" && body != want {
					t.Errorf("%s, while others are slow: %d bytes, %v", file, len(body), err)
				}
			}
			if n := inside.Load(); n < int64(len(conns)) {
				t.Errorf("only %d answers are being read", n)
			}
			for _, c := range conns {
				c.Close()
			}
			settled(t, func() bool { return openFiles() <= files && runtime.NumGoroutine() <= routines })
			if n, m := openFiles(), runtime.NumGoroutine(); n > files || m > routines {
				t.Errorf("%d files are open and %d goroutines run; before it were %d and %d", n, m, files, routines)
			}
		})
	}
}

// serveTight serves with small buffers, so that a handler waits for a client who doesn't read. It counts who is inside.
func serveTight(t *testing.T, h http.Handler) (url string, inside *atomic.Int64) {
	t.Helper()
	inside = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside.Add(1)
		defer inside.Add(-1)
		h.ServeHTTP(w, r)
	}))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		c.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return ctx
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, inside
}

// dribble begins to read an answer many times, and reads one byte of each, then one byte a second.
func dribble(t *testing.T, rawURL string, count int) (conns []net.Conn) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	for range count {
		c, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.(*net.TCPConn).SetReadBuffer(4 << 10)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.EscapedPath(), u.Host)
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		go func() {
			for _, err := c.Read(make([]byte, 1)); err == nil; _, err = c.Read(make([]byte, 1)) {
				time.Sleep(time.Second)
			}
		}()
		conns = append(conns, c)
	}
	return conns
}

// openFiles counts the process's files, where the system says which they are.
func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// settled waits until connections that are not in use are closed, and what depends on that is done.
func settled(t testing.TB, done func() bool) {
	t.Helper()
	for range 100 {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		time.Sleep(30 * time.Millisecond)
		if done() {
			return
		}
	}
}

// TestStoredOnly checks that the header by which the go command's own proxy asks for what is there anyway costs the host
// nothing.
func TestStoredOnly(t *testing.T) {
	tp := newTape(t)
	for name, opts := range map[string][]vanity.Option{"in memory": nil, "in files": {vanity.WithStore(vanity.DirStore(t.TempDir()))}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, tp, 2)
			base := serve(t, h.handler(append(opts, vanity.WithFreshness(0))...)) + "/go.acme.test/!tool"
			only := func(file string) (int, http.Header, string) {
				req := request(t, http.MethodGet, base+file)
				req.Header.Set("Disable-Module-Fetch", "true")
				h.Reset()
				defer func() {
					if n := len(h.Requests()); n > 0 {
						t.Errorf("%s: %d requests to the host", file, n)
					}
				}()
				return do(t, req)
			}
			for _, file := range h.files() {
				if status, header, body := only(file); status != 404 || header.Get("Cache-Control") != "no-store" || strings.Count(body, "\n") != 1 {
					t.Errorf("%s, before it is stored: status %d, %v, %q", file, status, header, body)
				}
			}
			for _, file := range h.files() {
				_, _, want := get(t, base+file)
				if status, _, body := only(file); status != 200 || body != want {
					t.Errorf("%s, when it is stored: status %d, %q", file, status, body)
				}
			}
			for _, file := range []string{"/@v/v1.1.0.zip", "/@v/nightly.info", "/v2/@v/list"} {
				if status, header, _ := only(file); status != 404 || header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s, which is not stored: status %d", file, status)
				}
			}
		})
	}
}

// TestStoredRanges checks HEAD, ranges and conditions for zips that are served from the store's files, from what is held of
// them, and when they have just been made.
func TestStoredRanges(t *testing.T) {
	repo := gittest.New(t, acme)
	big(t, repo, "1.3.0", 100<<10)
	store := vanity.WithStore(vanity.DirStore(t.TempDir()))
	for _, name := range []string{"just made", "stored"} {
		base := serve(t, vanity.Goproxy("", at(toolConfig, repo.Dir), store)) + "/go.acme.test/!tool/@v/"
		for file, large := range map[string]bool{"v1.0.0.zip": false, "v1.3.0.zip": true} {
			t.Run(name+" "+file, func(t *testing.T) { testRanges(t, base+file, large) })
		}
	}
}

func testRanges(t *testing.T, url string, large bool) {
	_, header, whole := get(t, url)
	size, tag := len(whole), header.Get("ETag")
	if (size > 64<<10) != large || header.Get("Content-Length") != fmt.Sprint(size) || tag == "" {
		t.Fatalf("%d bytes, %v", size, header)
	}
	for _, tt := range []struct {
		method, key, value string
		status             int
		body               string
	}{
		{"HEAD", "", "", 200, ""},
		{"GET", "Range", "bytes=0-0", 206, whole[:1]},
		{"GET", "Range", "bytes=-7", 206, whole[size-7:]},
		{"GET", "Range", fmt.Sprintf("bytes=%d-", size/2), 206, whole[size/2:]},
		{"GET", "Range", fmt.Sprintf("bytes=%d-", size), 416, ""},
		{"HEAD", "Range", "bytes=1-2", 206, ""},
		{"GET", "If-None-Match", tag, 304, ""},
		{"GET", "If-None-Match", "*", 304, ""},
		{"HEAD", "If-None-Match", tag, 304, ""},
		{"GET", "If-None-Match", `"other", W/` + tag, 304, ""},
		{"GET", "If-None-Match", `"other"`, 200, whole},
		{"GET", "If-Match", `"other"`, 412, ""},
		{"GET", "", "", 200, whole},
	} {
		req := request(t, tt.method, url)
		req.Header.Set(tt.key, tt.value)
		if tt.key == "" {
			req.Header = nil
		}
		status, header, body := do(t, req)
		if status != tt.status || status != 416 && body != tt.body {
			t.Errorf("%s, %s %s: status %d, %d bytes; want %d, %d", tt.method, tt.key, tt.value, status, len(body), tt.status, len(tt.body))
		}
		if ok := status < 400; ok != (header.Get("ETag") == tag) || ok != strings.Contains(header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s, %s %s: header %v", tt.method, tt.key, tt.value, header)
		}
		if tt.method == "HEAD" && status == 200 && header.Get("Content-Length") != fmt.Sprint(size) {
			t.Errorf("HEAD: Content-Length %s, want %d", header.Get("Content-Length"), size)
		}
	}
}
