package bucket_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/bucket"
	"example.com/vanity/examples/server/internal/s3test"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// The module is where the go command finds it without help, so that it can be the judge.
const (
	modPath = "github.com/acme/mono/libs/tool"
	script  = `
print libs/tool/go.mod "module github.com/acme/mono/libs/tool\n"
print libs/tool/tool.go "package tool // one\n"
commit one
git tag libs/tool/v1.0.0
print libs/tool/tool.go "package tool // two\n"
commit two
git tag libs/tool/v1.1.0
`
)

// A host is a git host with the repository.
type host struct {
	*gittest.Server
	repo *gittest.Repo
}

func newHost(t *testing.T) *host {
	repo := gittest.New(t, script)
	return &host{gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo}), repo}
}

// replica starts a server with nothing but the bucket's URL, and gives the base that it serves.
func (h *host) replica(t *testing.T, url string, opts ...vanity.Option) (base string) {
	t.Helper()
	s := open(t, url)
	opts = append([]vanity.Option{
		vanity.WithStore(s), vanity.WithFreshness(0), vanity.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
	}, opts...)
	server := httptest.NewServer(vanity.Goproxy("/go", vanity.Config{
		URL: h.URL + "/acme/mono", Module: modPath, Directory: "libs/tool", Tags: "libs/tool/v*",
	}, opts...))
	t.Cleanup(server.Close)
	return server.URL + "/go"
}

// fetch asks a replica for a file of the module.
func fetch(base, file string) (status int, body string, err error) {
	resp, err := http.Get(base + "/" + modPath + file)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

func mustFetch(t *testing.T, base, file string) string {
	t.Helper()
	status, body, err := fetch(base, file)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s%s: status %d, %.200s, %v", base, file, status, body, err)
	}
	return body
}

// judge is what the go command itself makes of a version.
func (h *host) judge(t *testing.T, version string) gocmd.Download {
	t.Helper()
	g := gocmd.New(t)
	g.Direct(h.URL)
	return g.Download(modPath + "@" + version)
}

// TestReplica fills a bucket by one server, and serves from it by another when the git host is gone.
func TestReplica(t *testing.T) {
	srv := server(t)
	h := newHost(t)
	judged := h.judge(t, "v1.1.0")
	first := gocmd.New(t)
	first.Proxy(h.replica(t, srv.URL("prefix", "go")))
	if got := first.Download(modPath + "@latest"); got.Sum != judged.Sum || got.GoModSum != judged.GoModSum {
		t.Errorf("the first server gives %+v, want %+v", got, judged)
	}
	h.SetDown(true)
	second := gocmd.New(t)
	base := h.replica(t, srv.URL("prefix", "go"))
	second.Proxy(base)
	if got := second.Download(modPath + "@latest"); got.Sum != judged.Sum || got.GoModSum != judged.GoModSum || got.Version != judged.Version {
		t.Errorf("the second server gives %+v, want %+v", got, judged)
	}
	if got := mustFetch(t, base, "/@v/list"); got != "v1.0.0\nv1.1.0\n" {
		t.Errorf("the list is %q", got)
	}
	second.Write("main.go", "package main\n\nimport _ \""+modPath+"\"\n\nfunc main() {}\n")
	second.Get(modPath + "@v1.1.0")
	second.Run("build", ".")
	if status, body, err := fetch(base, "/@v/v1.0.0.info"); err != nil || status != http.StatusBadGateway {
		t.Errorf("what nobody has stored: status %d, %s, %v", status, body, err)
	}
	checkWhole(t, srv)
}

// A turnstile tells each of those who ask for refs of another commit, and all of them at the same moment.
type turnstile struct {
	crowd int
	move  func(i int)

	mu   sync.Mutex
	n    int
	open chan struct{}
}

func (g *turnstile) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		open := g.enter(func() { next.ServeHTTP(answer, r) })
		select {
		case <-open:
		case <-r.Context().Done():
		case <-time.After(time.Second): // who doesn't come has it from another
		}
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	})
}

func (g *turnstile) enter(ask func()) (open chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n%g.crowd == 0 {
		g.open = make(chan struct{})
	}
	g.move(g.n % g.crowd)
	ask()
	open = g.open
	if g.n++; g.n%g.crowd == 0 {
		close(open)
	}
	return open
}

// TestReplicasRace lets two servers ask for a version's tag while it moves, a hundred times, so that they would make two
// answers. The bucket holds one, and both serve it.
func TestReplicasRace(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	srv := server(t)
	h := newHost(t)
	commits := []string{h.repo.Git("rev-parse", "libs/tool/v1.0.0"), h.repo.Git("rev-parse", "libs/tool/v1.1.0")}
	texts := map[string]string{commits[0]: "package tool // one\n", commits[1]: "package tool // two\n"}
	tag := ""
	turn := &turnstile{crowd: 2, move: func(i int) { h.repo.Git("tag", "-f", tag, commits[i]) }}
	bases := []string{h.replica(t, srv.URL()), h.replica(t, srv.URL())}
	h.Wrap(gittest.On("ls-refs", turn.wrap))
	won := make(map[string]int)
	for round := range rounds {
		version := fmt.Sprintf("v1.%d.0", 2+round)
		tag = "libs/tool/" + version
		var wg sync.WaitGroup
		infos, zips := make([]string, len(bases)), make([]string, len(bases))
		for i, base := range bases {
			wg.Go(func() {
				for body, file := range map[*string]string{&infos[i]: ".info", &zips[i]: ".zip"} {
					status, text, err := fetch(base, "/@v/"+version+file)
					if err != nil || status != http.StatusOK {
						t.Errorf("round %d: %s%s: status %d, %.200s, %v", round, base, file, status, text, err)
					}
					*body = text
				}
			})
		}
		wg.Wait()
		h.repo.Git("tag", "-d", tag) // the host must not have too many
		if t.Failed() {
			return
		}
		stored := objectIn(t, srv, modPath+"/@v/"+version+".info")
		for i := range bases {
			commit := commitOf(t, infos[i])
			if infos[i] != stored {
				t.Errorf("round %d: server %d says %s, and the bucket %s", round, i, infos[i], stored)
			}
			if got := fileOf(t, zips[i], modPath+"@"+version+"/tool.go"); got != texts[commit] {
				t.Errorf("round %d: server %d has %q in the zip of %s", round, i, got, commit)
			}
		}
		won[commitOf(t, stored)]++
	}
	t.Logf("which was first: %v", won)
	checkWhole(t, srv)
}

func objectIn(t *testing.T, srv *s3test.Server, key string) string {
	t.Helper()
	text, err := read(t.Context(), open(t, srv.URL()), key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// commitOf is the commit that an info names.
func commitOf(t *testing.T, info string) string {
	t.Helper()
	var i struct{ Origin struct{ Hash string } }
	if err := json.Unmarshal([]byte(info), &i); err != nil || len(i.Origin.Hash) != 40 {
		t.Fatalf("info %s: %v", info, err)
	}
	return i.Origin.Hash
}

// fileOf gives a file of a zip.
func fileOf(t *testing.T, content, name string) string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	text, err := io.ReadAll(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkWhole wants every object of the bucket to be what it was put as: what never changes has its checksum, if it has one, and
// what changes one of its checksums.
func checkWhole(t *testing.T, srv *s3test.Server) {
	t.Helper()
	objects := srv.Objects()
	checked := 0
	for key, content := range objects {
		sums, ok := objects[key+".sum"]
		if strings.HasSuffix(key, ".sum") || !ok {
			continue
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		if !slices.ContainsFunc(strings.Split(string(sums), "\n"), func(line string) bool { return strings.HasPrefix(line, sum) }) {
			t.Errorf("%s is spoilt: %d bytes", key, len(content))
		}
		checked++
	}
	for key := range objects {
		if strings.HasSuffix(key, ".zip") {
			if _, err := zip.NewReader(bytes.NewReader(objects[key]), int64(len(objects[key]))); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	t.Logf("%d objects, %d of them with a checksum", len(objects), checked)
	if checked == 0 {
		t.Error("nothing has a checksum")
	}
}

// TestReplicaFaults has the bucket's service stopped, slow, silent and cut off while a server works. What it answers is
// right or an error, nothing wrong is stored, and when all is well again, so is the server.
func TestReplicaFaults(t *testing.T) {
	srv := server(t)
	h := newHost(t)
	data := make([]byte, 7<<20) // so that the zip is moved in parts
	rand.NewChaCha8([32]byte{}).Read(data)
	h.repo.Write("libs/tool/data", data)
	h.repo.Commit("three")
	right := make(map[string]string) // by file, from a server without a store
	judged := make(map[string]gocmd.Download)
	plain := h.replica(t, "mem://")
	faults := []struct {
		name string
		set  func()
	}{
		{"stopped", srv.Stop},
		{"slow", func() { srv.Slow(time.Millisecond) }},
		{"silent", func() { srv.StallDown(0) }},
		{"silent in an answer", func() { srv.StallDown(100) }},
		{"silent in a zip", func() { srv.StallDown(3 << 20) }},
		{"deaf in a zip", func() { srv.StallUp(6 << 20) }},
		{"cut off", func() { srv.CutDown(0) }},
		{"cut off in a zip", func() { srv.CutDown(3 << 20) }},
		{"cut off in an upload", func() { srv.CutUp(6 << 20) }},
	}
	for i := range faults {
		h.repo.Git("tag", fmt.Sprintf("libs/tool/v1.%d.0", 10+i))
	}
	g := gocmd.New(t)
	g.Direct(h.URL)
	var queries []string
	for i := range faults {
		queries = append(queries, fmt.Sprintf("%s@v1.%d.0", modPath, 10+i))
	}
	for i, d := range g.DownloadAll(queries...) {
		version := fmt.Sprintf("v1.%d.0", 10+i)
		if judged[version] = d; d.Error != "" {
			t.Fatal(d.Error)
		}
		for _, file := range files(version) {
			right[file] = mustFetch(t, plain, file)
		}
	}
	base, whole := h.replica(t, srv.URL()), t
	defer bucket.SetLimits(time.Minute, 0)()
	for i, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			version := fmt.Sprintf("v1.%d.0", 10+i)
			defer srv.Start()
			defer srv.Heal()
			for _, warm := range []bool{false, true} {
				if warm {
					srv.Heal()
					srv.Start()
					// Another server has to read what this one has in memory.
					checkRight(t, base, version, right)
					base = h.replica(whole, srv.URL())
				}
				fault.set()
				restore := bucket.SetLimits(500*time.Millisecond, 500*time.Millisecond)
				said := make(map[int]int)
				for _, file := range files(version) {
					status, body, err := fetch(base, file)
					switch {
					case err != nil:
						t.Errorf("%s: %v", file, err)
					case status == http.StatusOK && body != right[file]:
						t.Errorf("%s: a wrong answer, of %d bytes and not %d", file, len(body), len(right[file]))
					case status != http.StatusOK && status < 500:
						t.Errorf("%s: status %d: %s", file, status, body)
					}
					if strings.Contains(body, "127.0.0.1") && status != http.StatusOK {
						t.Errorf("%s: the answer has the service's address: %s", file, body)
					}
					said[status]++
				}
				restore()
				t.Logf("statuses: %v", said)
			}
			srv.Heal()
			srv.Start()
			checkRight(t, base, version, right)
			checkRight(t, h.replica(t, srv.URL()), version, right)
			g := gocmd.New(t)
			g.Proxy(base)
			if got := g.Download(modPath + "@" + version); got.Sum != judged[version].Sum {
				t.Errorf("the go command has %s, want %s", got.Sum, judged[version].Sum)
			}
		})
	}
	checkWhole(t, srv)
}

func files(version string) []string {
	return []string{"/@v/list", "/@v/" + version + ".info", "/@v/" + version + ".mod", "/@v/" + version + ".zip", "/@latest"}
}

func checkRight(t *testing.T, base, version string, right map[string]string) {
	t.Helper()
	for _, file := range files(version) {
		if got := mustFetch(t, base, file); got != right[file] {
			t.Errorf("%s: a wrong answer, of %d bytes and not %d", file, len(got), len(right[file]))
		}
	}
}
