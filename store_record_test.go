package vanity_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity/internal/gocmd"
)

// A record is what was ever answered from one store, or was seen in it, whichever process gave it. It complains as soon
// as two answers don't go together. It is safe for concurrent use.
type record struct {
	t   *testing.T
	w   *wavering
	dir string

	mu    sync.Mutex
	fixed map[string]string // answers that must never change, by file
	seen  map[string]bool   // files that there were answers for, or that are stored
	given map[string]bool   // versions that there was an info of
	pins  map[string]string // commits by version
}

func (w *wavering) newRecord(t *testing.T, dir string) *record {
	return &record{t: t, w: w, dir: dir, fixed: make(map[string]string), seen: make(map[string]bool), given: make(map[string]bool), pins: make(map[string]string)}
}

// names gives the files that there were answers for, or that are stored.
func (r *record) names() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.seen)
}

// infos gives the tagged versions that there was an info of.
func (r *record) infos() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.given))
}

// ask asks a server for a file such as /@v/v1.0.0.info, and notes a whole answer.
func (r *record) ask(base, file string) (status int, err error) {
	given := r.infos()
	resp, err := http.Get(base + "/" + waveringPath + file)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != 200 {
		if testing.Verbose() && resp.StatusCode != http.StatusBadGateway {
			r.t.Logf("%s: %s: %s", file, resp.Status, body)
		}
		return resp.StatusCode, nil
	}
	r.note(file, string(body))
	version := strings.TrimSuffix(path.Base(file), ".info")
	switch {
	case file == "/@v/list":
		r.compareList("a served list", string(body), given)
	case r.w.tags[version] != [2]string{}:
		r.mu.Lock()
		r.given[version] = true
		r.mu.Unlock()
	}
	return 200, nil
}

// note takes an answer to the record.
func (r *record) note(file, body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[file] = true
	name := strings.TrimPrefix(file, "/@v/")
	ext := filepath.Ext(name)
	version := strings.TrimSuffix(name, ext)
	if r.w.sums[version] != nil {
		old, ok := r.fixed[file]
		if ok && old != body {
			r.t.Errorf("%s: %.200q, and then %.200q", file, old, body)
		}
		if r.fixed[file] = body; !ok {
			r.judge(file, version, ext, body)
		}
		return
	}
	if ext == ".info" || file == "/@latest" {
		r.judgeInfo(file, body)
	}
}

// judge compares what never changes with what the go command says of the commit.
func (r *record) judge(file, version, ext, body string) {
	if ext == ".info" {
		if got := r.judgeInfo(file, body); got != version {
			r.t.Errorf("%s is of %s", file, got)
		}
		return
	}
	pin, ok := r.pins[version]
	if !ok {
		info, ok := r.storedFile("/@v/" + version + ".info")
		if !ok {
			r.t.Errorf("%s: the version's info is not stored", file)
			return
		}
		r.judgeInfo(file, info)
		pin = r.pins[version]
	}
	want := r.w.sums[version][pin]
	if ext == ".mod" && goModSum(body) != want.GoModSum {
		r.t.Errorf("%s of another commit than %s: %s", file, pin, body)
	}
	if got := r.w.zipSum(r.t, body); ext == ".zip" && got != want.Sum {
		r.t.Errorf("%s: %s, want %s", file, got, want.Sum)
	}
}

// judgeInfo checks that an info names one of the version's commits, the same as all others.
func (r *record) judgeInfo(file, body string) (version string) {
	var info gocmd.Download
	if err := json.Unmarshal([]byte(body), &info); err != nil || info.Origin == nil {
		r.t.Errorf("%s: %q (%v)", file, body, err)
		return ""
	}
	if _, ok := r.w.sums[info.Version][info.Origin.Hash]; !ok {
		r.t.Errorf("%s: %s", file, body)
	}
	if pin, ok := r.pins[info.Version]; ok && pin != info.Origin.Hash {
		r.t.Errorf("%s: %s is of commit %s, and here of %s", file, info.Version, pin, info.Origin.Hash)
	}
	r.pins[info.Version] = info.Origin.Hash
	return info.Version
}

func goModSum(content string) string {
	sum, _ := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	})
	return sum
}

// zipSum is the h1: of a zip, or what is wrong with it.
func (w *wavering) zipSum(t testing.TB, content string) string {
	key := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.zips[key] == "" {
		f, err := os.CreateTemp(t.TempDir(), "*.zip")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
		if w.zips[key], err = dirhash.HashZip(f.Name(), dirhash.Hash1); err != nil {
			w.zips[key] = err.Error()
		}
	}
	return w.zips[key]
}

func (r *record) storedFile(file string) (content string, ok bool) {
	data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(waveringPath+file)))
	return string(data), err == nil
}

// stored gives the tagged versions whose go.mod is in the store.
func (r *record) stored() (versions []string) {
	names, _ := filepath.Glob(filepath.Join(r.dir, filepath.FromSlash(waveringPath), "@v", "v*.mod"))
	for _, name := range names {
		if v := strings.TrimSuffix(filepath.Base(name), ".mod"); !module.IsPseudoVersion(v) {
			versions = append(versions, v)
		}
	}
	return versions
}

func (r *record) compareList(what, list string, want []string) {
	got := strings.Fields(list)
	for _, v := range got {
		if r.w.tags[v] == [2]string{} {
			r.t.Errorf("%s: %q", what, list)
		}
	}
	for _, v := range want {
		if !slices.Contains(got, v) {
			r.t.Errorf("%s has not %s: %q", what, v, list)
		}
	}
}

// checkList checks a list that is served, if there is one, and the one that is stored then.
func (r *record) checkList(base string) {
	r.t.Helper()
	if _, err := r.ask(base, "/@v/list"); err != nil {
		r.t.Error(err)
	}
	list, _ := r.storedFile("/@v/list")
	r.compareList("the stored list", list, r.stored())
}

// checkDir takes all that is stored to the record: nothing is there in part, or before its pin.
func (r *record) checkDir() {
	r.t.Helper()
	root := filepath.Join(r.dir, filepath.FromSlash(waveringPath))
	err := filepath.WalkDir(r.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".tmp" {
				return filepath.SkipDir
			}
			return err
		}
		rel, ok := strings.CutPrefix(filepath.ToSlash(name), filepath.ToSlash(root))
		data, err := os.ReadFile(name)
		entry, isSum := strings.CutSuffix(rel, ".sum")
		switch {
		case err != nil:
			return err
		case !ok || entry != servedList && !slices.Contains(r.w.files, entry):
			r.t.Errorf("%s is in the store", name)
		case isSum:
			r.checkSum(entry, string(data))
		case rel == "/@v/list": // nobody was given that
		case rel == servedList:
			r.note("/@v/list", string(data))
		default:
			r.note(rel, string(data))
			r.checkPin(rel)
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		r.t.Error(err)
	}
}

// checkPin checks that what is made from a commit is not stored without the info that names it.
func (r *record) checkPin(file string) {
	ext := path.Ext(file)
	if _, ok := r.storedFile(strings.TrimSuffix(file, ext) + ".info"); !ok && (ext == ".mod" || ext == ".zip") {
		r.t.Errorf("%s is stored, and the version's info is not", file)
	}
}

// checkSum checks what lies beside an entry.
func (r *record) checkSum(file, text string) {
	content, ok := r.storedFile(file)
	version := strings.TrimSuffix(strings.TrimPrefix(file, "/@v/"), filepath.Ext(file))
	r.mu.Lock()
	commit := r.pins[version]
	r.mu.Unlock()
	if commit == "" {
		return // it changes, by more than one process
	}
	if want := fmt.Sprintf("%x %s\n", sha256.Sum256([]byte(content)), commit); !ok || text != want {
		r.t.Errorf("%s.sum: %q, want %q", file, text, want)
	}
}

// checkGo lets the go command have the directory as its proxy.
func (r *record) checkGo() {
	r.t.Helper()
	g := gocmd.New(r.t)
	g.Proxy("file://" + filepath.ToSlash(r.dir))
	var asks []*ask
	for version := range r.w.sums {
		whole := true
		for _, ext := range []string{".info", ".mod", ".zip"} {
			_, ok := r.storedFile("/@v/" + version + ext)
			whole = whole && ok
		}
		if whole {
			asks = append(asks, &ask{path: waveringPath, query: version})
		}
	}
	if len(asks) == 0 {
		return
	}
	for _, d := range downloads(r.t, g, asks) {
		want := r.w.sums[d.Version][r.pins[d.Version]]
		if d.Error != "" || d.Sum != want.Sum || d.GoModSum != want.GoModSum {
			r.t.Errorf("with the directory as its proxy, the go command gets %+v, want %+v", d, want)
		}
	}
	if len(asks) < len(r.w.sums) {
		return // it wants the latest version's go.mod to say what the versions are
	}
	for _, v := range r.stored() {
		if versions := g.Versions(waveringPath); !slices.Contains(versions, v) {
			r.t.Errorf("with the directory as its proxy, the go command lists %v, without %s", versions, v)
		}
	}
}
