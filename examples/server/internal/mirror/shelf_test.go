package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/examples/server/internal/mirror"
	"example.com/vanity/internal/gittest"
)

// A manifest is what the tests read of the one on a shelf.
type manifest struct {
	Version    int
	Repository string
	Saved      time.Time
	Format     string
	Head       string
	Refs       map[string]string
	Bundles    []struct {
		Name, SHA256 string
		Size         int64
	}
	Retired []struct {
		Name  string
		Since time.Time
	}
}

func (s *shelf) manifest(t testing.TB) (man manifest) {
	t.Helper()
	if err := json.Unmarshal(s.read(t, s.manifestName(t)), &man); err != nil {
		t.Fatal(err)
	}
	return man
}

func (s *shelf) manifestName(t testing.TB) string {
	t.Helper()
	names := s.names(t, "/manifest.json")
	if len(names) != 1 {
		t.Fatalf("manifests %q", names)
	}
	return names[0]
}

func (s *shelf) read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(s.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (s *shelf) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := s.Put(t.Context(), name, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
}

// whole wants all that the manifest names to be there.
func (s *shelf) whole(t testing.TB) {
	t.Helper()
	if err := s.missing(); err != nil {
		t.Error(err)
	}
}

// missing says what the manifest names and the shelf hasn't.
func (s *shelf) missing() error {
	man := s.manifestOrNil()
	if man == nil {
		return errors.New("there is no manifest")
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, b := range man.Bundles {
		if !slices.ContainsFunc(files, func(e fs.DirEntry) bool {
			info, err := e.Info()
			return err == nil && strings.HasSuffix(e.Name(), b.Name) && info.Size() == b.Size
		}) {
			return fmt.Errorf("the manifest names %s, which is not there", b.Name)
		}
	}
	return nil
}

// restored has a replica with an empty disk and a dead host, and wants it to have what the repository has.
func restored(t testing.TB, server *gittest.Server, repo *gittest.Repo, url string, s *shelf) {
	t.Helper()
	server.SetDown(true)
	defer server.SetDown(false)
	m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	if err := m.Refresh(t.Context(), url); err == nil {
		t.Error("the host is dead, and a refresh has no error")
	}
	equal(t, repo, m.gitDir(url))
	dir := clone(t, m.serve(url))
	if got, want := git(t, "-C", dir, "rev-parse", "HEAD"), repo.Git("rev-parse", "HEAD"); got != want {
		t.Errorf("a clone has HEAD %s, want %s", got, want)
	}
	if len(s.names(t, "")) == 0 || len(m.Status()) != 1 || !m.Status()[0].Present {
		t.Error("nothing was restored")
	}
	m.stop()
}

// TestRestore saves through all that can become of branches and tags, and restores after each step.
func TestRestore(t *testing.T) {
	server, repo, url := host(t)
	s := newShelf(t)
	m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	m.refresh(url)
	restored(t, server, repo, url, s)
	steps := []struct {
		name, script string
		bundles      int
	}{
		{"nothing", "", 1},
		{"a commit", "commit four", 2},
		{"a lightweight tag on what is there", "tag v1.2.0", 2},
		{"an annotated one", "tag -a v1.3.0 -m three HEAD~1", 3},
		{"a deleted tag", "git tag -d v1.0.0", 3},
		{"a moved tag", "git tag -f v1.2.0 HEAD~1", 3},
		{"a branch moved back", "git branch -f side HEAD~3", 3},
		{"a rewritten branch", "git reset -q --hard HEAD~2\ncommit other", 4},
		{"from what was once saved", "git branch -f side HEAD~1\ncommit five", 5},
		{"a tag of a blob", "git tag blob HEAD:go.mod\nprint x.txt x\ncommit six\ngit tag tree HEAD^{tree}", 6},
		{"a deleted branch", "git branch -D side", 6},
		{"a renamed default branch", "git branch -m main trunk", 6},
	}
	for _, step := range steps {
		repo.Run(step.script)
		m.refresh(url)
		if got := len(s.manifest(t).Bundles); got != step.bundles {
			t.Errorf("after %s there are %d bundles, want %d", step.name, got, step.bundles)
		}
		if restored(t, server, repo, url, s); t.Failed() {
			t.Fatalf("after %s", step.name)
		}
	}
	if status := m.Status()[0]; status.ShelfErr != nil || status.Saved.IsZero() {
		t.Errorf("status %+v", status)
	}
	full := s.names(t, ".bundle")[0]
	dir := clone(t, s.copied(t, full))
	git(t, "-C", dir, "log", "-1")
}

// copied is an object as a file.
func (s *shelf) copied(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "copy.bundle")
	if err := os.WriteFile(file, s.read(t, name), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestCompact saves so often that it is worth a new whole, and removes what is old only when it is old.
func TestCompact(t *testing.T) {
	server, repo, url := host(t)
	s := newShelf(t)
	m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	m.refresh(url)
	first := s.manifest(t).Bundles[0].Name
	rounds := 0
	for ; s.manifest(t).Bundles[0].Name == first; rounds++ {
		if rounds > 40 {
			t.Fatal("it is never saved as a whole again")
		}
		data := make([]byte, 20_000) // which can't be compressed, so that the sizes are known
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		repo.Write("random", data)
		repo.Commit("more")
		m.refresh(url)
	}
	man := s.manifest(t)
	if len(man.Bundles) != 1 || len(man.Retired) != rounds || rounds < 2 {
		t.Errorf("after %d rounds there are %d bundles and %d retired", rounds, len(man.Bundles), len(man.Retired))
	}
	if got := len(s.names(t, ".bundle")); got != rounds+1 {
		t.Errorf("%d bundles are on the shelf, want %d", got, rounds+1)
	}
	restored(t, server, repo, url, s)
	m.stop()

	// A day later, two at least of them are old, and one that nobody knows is found.
	name := s.manifestName(t)
	var raw map[string]any
	if err := json.Unmarshal(s.read(t, name), &raw); err != nil {
		t.Fatal(err)
	}
	for _, old := range raw["retired"].([]any)[:2] {
		old.(map[string]any)["since"] = time.Now().Add(-25 * time.Hour)
	}
	data, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, name, data)
	orphan := strings.TrimSuffix(name, "manifest.json") + "more-20200102T030405Z-abc.bundle"
	s.write(t, orphan, []byte("orphan"))
	later := run(t, mirror.Options{Dir: m.dir, Repositories: []string{url}, Shelf: s})
	later.refresh(url)
	left := s.names(t, ".bundle")
	if len(left) != rounds || slices.Contains(left, strings.TrimSuffix(name, "manifest.json")+man.Retired[0].Name) || !slices.Contains(left, orphan) {
		t.Errorf("%d rounds have left %q", rounds, left)
	}
	if retired := s.manifest(t).Retired; len(retired) != rounds-1 || time.Since(retired[len(retired)-1].Since) > time.Hour {
		t.Errorf("retired are %v", retired)
	}
	s.whole(t)
	restored(t, server, repo, url, s)
}

// TestBroken has a shelf whose objects are spoilt or missing.
func TestBroken(t *testing.T) {
	spoil := func(data []byte) []byte {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 0x55
		return data
	}
	tests := []struct {
		name   string
		which  int // of the bundles; -1 for the manifest
		change func([]byte) []byte
		left   bool // something can be restored
	}{
		{"the first", 0, spoil, false},
		{"one in the middle", 1, spoil, true},
		{"the last", 2, spoil, true},
		{"the last, cut", 2, func(data []byte) []byte { return data[:len(data)-10] }, true},
		{"the last, longer", 2, func(data []byte) []byte { return append(bytes.Clone(data), "more"...) }, true},
		{"the last, missing", 2, nil, true},
		{"the manifest", -1, func(data []byte) []byte { return data[:len(data)/2] }, false},
		{"the manifest's refs", -1, func(data []byte) []byte {
			return bytes.ReplaceAll(data, []byte("refs/heads/side"), []byte("refs/heads/--x y"))
		}, false},
		{"the manifest's names", -1, func(data []byte) []byte {
			return bytes.ReplaceAll(data, []byte(`"full-`), []byte(`"../full-`))
		}, false},
		{"a ref without its object", -1, func(data []byte) []byte {
			i := bytes.Index(data, []byte(`"refs/heads/side": "`)) + len(`"refs/heads/side": "`)
			return slices.Concat(data[:i], bytes.Repeat([]byte("1"), 40), data[i+40:])
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, repo, url := host(t)
			s := newShelf(t)
			m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
			m.refresh(url)
			for i := range 2 {
				repo.Run(fmt.Sprintf("print %d.txt x\ncommit more%d\nbranch b%d", i, i, i))
				m.refresh(url)
			}
			m.stop()
			name := s.manifestName(t)
			man := s.manifest(t)
			if len(man.Bundles) != 3 {
				t.Fatalf("%d bundles", len(man.Bundles))
			}
			if tt.which >= 0 {
				name = strings.TrimSuffix(name, "manifest.json") + man.Bundles[tt.which].Name
			}
			data := s.read(t, name)
			if tt.change == nil {
				if err := s.Remove(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			} else {
				s.write(t, name, tt.change(data))
			}

			// The host is dead: as much as is whole.
			server.SetDown(true)
			dead := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
			if err := dead.Refresh(t.Context(), url); err == nil {
				t.Error("no error")
			}
			if present := dead.Status()[0].Present; present != tt.left {
				t.Errorf("the mirror is there: %v, want %v", present, tt.left)
			}
			if !strings.Contains(dead.log.String(), filepath.Base(name)) && tt.name != "a ref without its object" {
				t.Errorf("the log doesn't name %s:\n%s", name, dead.log)
			}
			if tt.left {
				git(t, "-C", clone(t, dead.serve(url)), "fsck", "--strict")
			}
			if got := s.manifestOrNil(); got != nil && tt.which >= 0 && len(got.Bundles) != 3 {
				t.Error("the shelf has changed, though nobody knows better")
			}
			dead.stop()

			// And with the host: all of it, and the shelf is mended.
			server.SetDown(false)
			alive := run(t, mirror.Options{Dir: dead.dir, Repositories: []string{url}, Shelf: s})
			alive.refresh(url)
			equal(t, repo, alive.gitDir(url))
			alive.stop()
			s.whole(t)
			restored(t, server, repo, url, s)
		})
	}
}

// TestGone has a bundle vanish from the shelf of a mirror that is whole.
func TestGone(t *testing.T) {
	server, repo, url := host(t)
	s := newShelf(t)
	m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	m.refresh(url)
	repo.Run("commit four")
	m.refresh(url)
	m.stop()
	gone := s.names(t, ".bundle")[0]
	if err := s.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	again := run(t, mirror.Options{Dir: m.dir, Repositories: []string{url}, Shelf: s})
	again.refresh(url)
	again.stop()
	if !strings.Contains(again.log.String(), gone) {
		t.Errorf("the log doesn't name %s:\n%s", gone, again.log)
	}
	s.whole(t)
	restored(t, server, repo, url, s)
}

// TestRemoved has the mirror of a running server removed, and restored from a shelf that is older than its host.
func TestRemoved(t *testing.T) {
	_, repo, url := host(t)
	s := newShelf(t)
	m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	m.refresh(url)
	s.spoil(func(op, name string) error {
		if op == "Put" {
			return errors.New("the bucket is full")
		}
		return nil
	})
	repo.Run("commit four")
	m.refresh(url)
	s.spoil(nil)
	if err := os.RemoveAll(m.gitDir(url)); err != nil {
		t.Fatal(err)
	}
	m.refresh(url)
	equal(t, repo, m.gitDir(url))
}

func (s *shelf) manifestOrNil() *manifest {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		var man manifest
		if data, err := os.ReadFile(filepath.Join(s.dir, e.Name())); err == nil && strings.HasSuffix(e.Name(), "manifest.json") && json.Unmarshal(data, &man) == nil {
			return &man
		}
	}
	return nil
}

// TestShelfFails has a shelf that can't be reached at each of its steps.
func TestShelfFails(t *testing.T) {
	server, repo, url := host(t)
	s := newShelf(t)
	away := errors.New("the bucket is away")
	for i, op := range []string{"Get", "List", "Put .bundle", "Put manifest.json"} {
		t.Run(op, func(t *testing.T) {
			s.spoil(func(did, name string) error {
				if want, suffix, _ := strings.Cut(op, " "); did == want && strings.HasSuffix(name, suffix) {
					return away
				}
				return nil
			})
			m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
			repo.Run(fmt.Sprintf("print %d.txt x\ncommit more", i))
			m.refresh(url) // which is the host's affair
			equal(t, repo, m.gitDir(url))
			if status := m.Status()[0]; !errors.Is(status.ShelfErr, away) || status.Err != nil {
				t.Errorf("status %+v", status)
			}
			s.spoil(nil)
			if s.manifestOrNil() != nil {
				s.whole(t)
			}
			m.refresh(url) // nothing is new, but it is not saved yet
			if status := m.Status()[0]; status.ShelfErr != nil || status.Saved.IsZero() {
				t.Errorf("status %+v", status)
			}
			m.stop()
			restored(t, server, repo, url, s)
		})
	}
}

// TestStale has a replica that was away for long, and whose host is dead or can't be reached from there: it must not put what
// it has in the place of what is newer.
func TestStale(t *testing.T) {
	server, repo, url := host(t)
	s := newShelf(t)
	stale := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	stale.refresh(url)
	stale.stop()
	repo.Run("commit four\ntag v2.0.0")
	m := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	m.refresh(url)
	m.stop()
	server.SetDown(true)
	again := run(t, mirror.Options{Dir: stale.dir, Repositories: []string{url}, Shelf: s})
	if err := again.Refresh(t.Context(), url); err == nil {
		t.Error("no error")
	}
	again.stop()
	restored(t, server, repo, url, s)
}

// TestReplicas has two replicas that refresh onto one shelf at the same time.
func TestReplicas(t *testing.T) {
	server, repo, url := host(t)
	s := newShelf(t)
	replicas := []*running{
		run(t, mirror.Options{Repositories: []string{url}, Shelf: s}),
		run(t, mirror.Options{Repositories: []string{url}, Shelf: s}),
	}
	for i := range 20 {
		repo.Run(fmt.Sprintf("print %d.txt x\ncommit more\ntag v2.%d.0\ngit branch -f side HEAD~1", i, i))
		var wg sync.WaitGroup
		for _, m := range replicas {
			wg.Go(func() {
				if err := m.Refresh(t.Context(), url); err != nil {
					t.Error(err)
				}
				if err := s.missing(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	restored(t, server, repo, url, s)
}

// TestKilledSaving ends a replica in the middle of each of its calls of the shelf, one after the other.
func TestKilledSaving(t *testing.T) {
	server, repo, url := host(t)
	s := newShelf(t)
	first := run(t, mirror.Options{Repositories: []string{url}, Shelf: s})
	first.refresh(url)
	first.stop()
	for n := 1; ; n++ {
		repo.Run(fmt.Sprintf("print %d.txt x\ncommit more", n))
		ctx, cancel := context.WithCancel(t.Context())
		m, err := mirror.New(mirror.Options{Dir: first.dir, Repositories: []string{url}, Shelf: s, Log: first.log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		s.spoil(func(op, name string) error {
			if calls++; calls == n {
				cancel()
			}
			return nil
		})
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		m.Refresh(t.Context(), url)
		s.mu.Lock()
		over := calls < n
		s.mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s.spoil(nil)
		if s.whole(t); over {
			break
		}
	}
	m := run(t, mirror.Options{Dir: first.dir, Repositories: []string{url}, Shelf: s})
	m.refresh(url)
	restored(t, server, repo, url, s)
	left, err := os.ReadDir(filepath.Join(first.dir, ".tmp"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
