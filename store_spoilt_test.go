package vanity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/internal/gocmd"
)

// A vault is a store that is complete for some files, to be spoilt and mended.
type vault struct {
	t    *testing.T
	w    *wavering
	root string            // of the module in the store
	dir  string            // of the store
	good map[string][]byte // all that is stored, by paths below root
	log  logged

	fresh time.Duration
}

func (w *wavering) newVault(t *testing.T, files ...string) *vault {
	t.Helper()
	v := &vault{t: t, w: w, dir: t.TempDir(), good: make(map[string][]byte), fresh: time.Minute}
	v.root = filepath.Join(v.dir, filepath.FromSlash(waveringPath))
	h := v.handler(true)
	for _, file := range files {
		if status, body := v.ask(h, file); status != 200 {
			t.Fatalf("%s: %s", file, body)
		}
	}
	err := filepath.WalkDir(v.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		v.good[filepath.ToSlash(strings.TrimPrefix(name, v.root))], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// handler makes a handler that knows nothing of others, with or without a host.
func (v *vault) handler(up bool) http.Handler {
	url := v.w.url
	if !up {
		url = "http://127.0.0.1:9/acme/mono"
	}
	return vanity.Goproxy("", at(waveringConfig, url), vanity.WithStore(vanity.DirStore(v.dir)), vanity.WithFreshness(v.fresh), vanity.WithLogger(v.log.logger()))
}

func (v *vault) ask(h http.Handler, file string) (status int, body []byte) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/"+waveringPath+file, nil))
	return rec.Code, rec.Body.Bytes()
}

func (v *vault) file(name string) string { return filepath.Join(v.root, filepath.FromSlash(name)) }

// write puts other bytes into a file, as a disk does that fails: it is the same file still.
func (v *vault) write(name string, content []byte) {
	v.t.Helper()
	if err := os.WriteFile(v.file(name), content, 0o666); err != nil {
		v.t.Fatal(err)
	}
}

// mend makes the store what it was.
func (v *vault) mend() {
	v.t.Helper()
	for name, content := range v.good {
		data, err := os.ReadFile(v.file(name))
		if err == nil && bytes.Equal(data, content) {
			continue
		}
		if err := os.RemoveAll(v.file(name)); err != nil {
			v.t.Fatal(err)
		}
		v.write(name, content)
	}
}

// A damage is one way to spoil a file.
type damage struct {
	name  string
	spoil func(v *vault, name string)
	flip  bool
}

// faults are those to try with a file of some bytes, each of them flipped if there are few.
func faults(good []byte, flips int, rnd *rand.Rand) []damage {
	content := func(name string, content []byte) damage {
		return damage{name: name, spoil: func(v *vault, file string) { v.write(file, content) }}
	}
	remove := func(v *vault, file string) {
		if err := os.Remove(v.file(file)); err != nil {
			v.t.Fatal(err)
		}
	}
	list := []damage{
		content("emptied", nil),
		content("cut in half", good[:len(good)/2]),
		content("cut by a byte", good[:len(good)-1]),
		content("with more at its end", append(slices.Clone(good), "garbage\n"...)),
		content("zeroed", make([]byte, len(good))),
		{name: "deleted", spoil: remove},
		{name: "a directory", spoil: func(v *vault, file string) {
			remove(v, file)
			if err := os.Mkdir(v.file(file), 0o777); err != nil {
				v.t.Fatal(err)
			}
		}},
	}
	for i := range min(flips, len(good)) {
		if flips < len(good) {
			i = rnd.IntN(len(good))
		}
		flipped := slices.Clone(good)
		flipped[i] ^= 1 << rnd.IntN(8)
		f := content(fmt.Sprintf("with %q for %q at %d", flipped[i], good[i], i), flipped)
		f.flip = true
		list = append(list, f)
	}
	return list
}

// testSpoilt spoils one file of a store after the other, in many ways. With the host, the answer is right, and the file
// is mended; without it the answer is right, or an error.
func (w *wavering) testSpoilt(t *testing.T) {
	files := []string{"/@v/list", "/@latest", "/@v/main.info"}
	for _, version := range []string{"v1.0.0", "v1.2.0"} {
		for _, ext := range []string{".info", ".mod", ".zip"} {
			files = append(files, "/@v/"+version+ext)
		}
	}
	for _, file := range files {
		v := w.newVault(t, files...)
		names := []string{file, file + ".sum"}
		if file == "/@v/list" {
			names = append(names, servedList, servedList+".sum")
		}
		for _, name := range names {
			good, ok := v.good[name]
			if !ok {
				t.Fatalf("there is no %s", name)
			}
			flips := 12
			if name == "/@v/v1.0.0.info" {
				flips = len(good) // all of them
			}
			t.Run(name, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(1, 2))
				for _, f := range faults(good, flips, rnd) {
					v.t = t
					v.try(f, name, file)
				}
			})
		}
	}
}

// try spoils a file, and asks for it and what depends on it.
func (v *vault) try(f damage, name, file string) {
	asked := []string{file}
	if stem, ok := strings.CutSuffix(file, ".info"); ok && v.good[stem+".zip"] != nil {
		asked = append(asked, stem+".mod", stem+".zip")
	}
	for _, up := range []bool{true, false} {
		for i := range asked {
			if f.flip && i != len(f.name)%len(asked) {
				continue // which one is first makes no difference for so many
			}
			v.mend()
			f.spoil(v, name)
			h := v.handler(up)
			for j := range asked { // each one is first once
				v.check(h, f, up, name, asked[(i+j)%len(asked)])
			}
			if up && f.name != "a directory" {
				v.checkMended(f, name)
			}
		}
	}
}

// servedList is where the list is that is served; the one of the protocol's name is of what is stored.
const servedList = "/@v/list.served"

// checkMended checks that a file is what it was. What changes may have several checksums, or none if others wrote it, and a
// list of what is stored that isn't there is begun anew.
func (v *vault) checkMended(f damage, name string) {
	data, err := os.ReadFile(v.file(name))
	file, isSum := strings.CutSuffix(name, ".sum")
	changes := file == "/@latest" || file == "/@v/main.info" || strings.HasPrefix(file, "/@v/list")
	if mended := err == nil && bytes.Equal(data, v.good[name]); !mended && !(isSum && changes) && !(file == "/@v/list" && f.name == "deleted") {
		v.t.Errorf("%s %s is not mended: %q, %v", name, f.name, data, err)
	}
}

func (v *vault) check(h http.Handler, f damage, up bool, name, file string) {
	status, body := v.ask(h, file)
	good := v.good[file]
	if file == "/@v/list" && v.good[servedList] != nil {
		good = v.good[servedList]
	}
	switch {
	case status == 200 && bytes.Equal(body, good):
	case status == 200 && !up && strings.HasPrefix(name, servedList): // then it is the list of what is stored
	case status == 200:
		v.t.Errorf("%s %s, host up: %v: %s is wrong: %.300q", name, f.name, up, file, body)
	case up || status < 500:
		v.t.Errorf("%s %s, host up: %v: %s: status %d, %s", name, f.name, up, file, status, body)
	}
}

// testSpoiltLater spoils a zip that a handler has served, and may have left in its file.
func (w *wavering) testSpoiltLater(t *testing.T) {
	for _, file := range []string{"/@v/v1.0.0.zip", "/@v/v1.2.0.zip"} {
		v := w.newVault(t, file)
		h := v.handler(true)
		for _, f := range faults(v.good[file], 20, rand.New(rand.NewPCG(1, 3))) {
			v.mend()
			v.check(h, f, true, file, file)
			f.spoil(v, file)
			v.check(h, f, true, file, file)
			v.check(v.handler(true), f, true, file, file)
		}
	}
}

// testLists checks that a version which is stored is listed, whoever stored it, and though its tag is gone.
func (w *wavering) testLists(t *testing.T) {
	defer w.tagAll(1)
	remove := func(version string) {
		w.repo.Git("tag", "-d", "libs/tool/"+version)
		w.moves.Add(1)
	}
	for _, version := range []string{"v1.1.0", "v1.2.0", "v1.3.0"} {
		remove(version)
	}
	v := w.newVault(t, "/@v/v1.0.0.info")
	v.fresh = 0
	one, another := v.handler(true), v.handler(true)
	want := func(h http.Handler, wantServed, wantStored string) {
		t.Helper()
		_, served := v.ask(h, "/@v/list")
		if stored, err := os.ReadFile(v.file("/@v/list")); err != nil || string(stored) != wantStored || string(served) != wantServed {
			t.Errorf("served %q, stored %q, want %q, %q (%v)", served, stored, wantServed, wantStored, err)
		}
	}
	want(one, "v1.0.0\n", "v1.0.0\n")
	want(another, "v1.0.0\n", "v1.0.0\n")
	w.tagAll(1)
	v.ask(one, "/@v/v1.1.0.info")
	v.ask(another, "/@v/v1.2.0.info")
	for _, version := range []string{"v1.1.0", "v1.2.0", "v1.3.0"} {
		remove(version)
	}
	const all = "v1.0.0\nv1.1.0\nv1.2.0\n"
	want(one, all, all)
	want(another, all, all)

	v.write("/@v/list", []byte("v1.0.0\n")) // a process was killed before it had listed what it stored
	down := v.handler(false)
	v.ask(down, "/@v/v1.2.0.info")
	want(down, all, "v1.0.0\nv1.2.0\n")
	want(another, all, all)
}

// A dying store is one of a process that is killed when it has removed something.
type dying struct {
	vanity.Store
	dead bool
}

func (d *dying) Remove(ctx context.Context, name string) error {
	if d.dead {
		return errors.New("dead")
	}
	d.dead = true
	return d.Store.(interface {
		Remove(ctx context.Context, name string) error
	}).Remove(ctx, name)
}

// testHalfMended kills a process between the two things that it removes to mend a file: the next one must still see
// that it is spoilt.
func (w *wavering) testHalfMended(t *testing.T) {
	const file = "/@v/v1.0.0.mod"
	v := w.newVault(t, file)
	v.write(file, []byte("module "+waveringPath+"\n\ngo 1.13\n"))
	h := vanity.Goproxy("", at(waveringConfig, w.url), vanity.WithStore(&dying{Store: vanity.DirStore(v.dir)}), quiet())
	for _, h := range []http.Handler{h, v.handler(true)} {
		v.check(h, damage{name: "half mended"}, true, file, file)
	}
}

// testNoPin has something in the place of an info, so that this can't be stored: nothing else of the version may be,
// either.
func (w *wavering) testNoPin(t *testing.T) {
	v := w.newVault(t, "/@v/v1.0.0.info", "/@v/v1.0.0.mod", "/@v/v1.0.0.zip")
	for name := range v.good {
		if err := os.Remove(v.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(v.file("/@v/v1.0.0.info"), 0o777); err != nil {
		t.Fatal(err)
	}
	h := v.handler(true)
	for _, file := range []string{"/@v/v1.0.0.zip", "/@v/v1.0.0.mod", "/@v/v1.0.0.info"} {
		v.check(h, damage{name: "a directory"}, true, "/@v/v1.0.0.info", file)
	}
	for _, file := range []string{"/@v/v1.0.0.zip", "/@v/v1.0.0.mod"} {
		if _, err := os.Stat(v.file(file)); err == nil {
			t.Errorf("%s is stored without its version's info", file)
		}
	}
	if !strings.Contains(v.log.text(), "could not be stored") {
		t.Errorf("log: %s", v.log.text())
	}
}

// testSeeded takes what the go command has downloaded for a store.
func (w *wavering) testSeeded(t *testing.T) {
	defer w.tagAll(1)
	for name, use := range map[string]func(g *gocmd.Go){
		"direct": func(g *gocmd.Go) { g.Direct(w.server.URL) },
		"proxy":  func(g *gocmd.Go) { g.Use(vanity.Goproxy("", at(waveringConfig, w.url)), "") },
		"another": func(g *gocmd.Go) {
			g.Use(withoutOrigin(vanity.Goproxy("", at(waveringConfig, w.url))), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.tagAll(0)
			g := gocmd.New(t)
			use(g)
			for _, query := range []string{"v1.0.0", "v1.2.0", "main"} {
				g.Download(waveringPath + "@" + query)
			}
			v := &vault{t: t, w: w, dir: t.TempDir(), good: make(map[string][]byte), fresh: time.Minute}
			v.root = filepath.Join(v.dir, filepath.FromSlash(waveringPath))
			if err := os.CopyFS(v.dir, os.DirFS(filepath.Join(g.ModCache, "cache", "download"))); err != nil {
				t.Fatal(err)
			}
			v.testSeed(name == "another")
		})
	}
}

// withoutOrigin makes infos of those that say nothing of where they come from.
func withoutOrigin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		var i struct {
			Version string
			Time    time.Time
		}
		if json.Unmarshal(body, &i) == nil && i.Version != "" {
			body, _ = json.Marshal(i)
		}
		w.WriteHeader(rec.Code)
		w.Write(body)
	})
}

// testSeed moves the tags, and wants to have what is there as it is, with the host or without it.
func (v *vault) testSeed(noOrigin bool) {
	v.w.tagAll(1)
	for _, version := range []string{"v1.0.0", "v1.2.0", v.w.pseudo} {
		for _, ext := range []string{".info", ".mod", ".zip"} {
			data, err := os.ReadFile(v.file("/@v/" + version + ext))
			if err != nil {
				v.t.Fatal(err)
			}
			v.good["/@v/"+version+ext] = data
		}
	}
	for range 2 { // the second time with checksums
		for _, up := range []bool{false, true} {
			h := v.handler(up)
			for _, file := range slices.Sorted(maps.Keys(v.good)) {
				v.check(h, damage{name: "as it was"}, true, "", file)
			}
			status, list := v.ask(h, "/@v/list")
			if status != 200 || !strings.Contains(string(list), "v1.0.0\n") || up && string(list) != "v1.0.0\nv1.1.0\nv1.2.0\nv1.3.0\n" {
				v.t.Errorf("list, host up: %v: %d, %s", up, status, list)
			}
		}
	}
	v.testNoZip(noOrigin)
}

// tagAll lets all tags lead to one of their commits.
func (w *wavering) tagAll(i int) {
	for version, commits := range w.tags {
		w.tag(version, commits[i])
	}
}

// testNoZip takes a zip away. It is made again of the commit that the info names, if it does.
func (v *vault) testNoZip(noOrigin bool) {
	const file = "/@v/v1.0.0.zip"
	for _, name := range []string{file, file + ".sum"} {
		if err := os.Remove(v.file(name)); err != nil {
			v.t.Fatal(err)
		}
	}
	status, body := v.ask(v.handler(true), file)
	if !noOrigin {
		got, want := v.w.zipSum(v.t, string(body)), v.w.zipSum(v.t, string(v.good[file]))
		if status != 200 || got != want {
			v.t.Errorf("a zip that is made again: %d, %s, want %s", status, got, want)
		}
		return
	}
	if text := v.log.text(); status != 500 || !strings.Contains(text, "v1.0.0.info names no commit") || !strings.Contains(text, "level=ERROR") {
		v.t.Errorf("status %d, %s, log %s", status, body, text)
	}
	if status, body := v.ask(v.handler(true), "/@v/v1.1.0.zip"); status != 200 {
		v.t.Errorf("another version: %d, %s", status, body)
	}
}
