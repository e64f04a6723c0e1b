package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// gosubDir is read before TestMain takes away every variable that begins with GO.
var gosubDir = os.Getenv("GOSUB_GOPROXY")

// gosubScript has gosub answer requests of one module, with an API of GitHub that is elsewhere.
const gosubScript = `
import { goproxy } from "gosub-goproxy";
import { writeFileSync } from "node:fs";
const [api, dir, config, ...files] = process.argv.slice(1);
const real = globalThis.fetch;
globalThis.fetch = (url, init) => real(url.replace(/^https:\/\/(api\.github\.com|raw\.githubusercontent\.com)/, api), init);
const quiet = { info() {}, log() {}, warn() {}, error() {} };
const handle = goproxy("/go", JSON.parse(config), {}, { console: quiet });
for (const [i, file] of files.entries()) {
	const response = await handle("/go/" + file);
	writeFileSync(dir + "/" + i, Buffer.from(await response.arrayBuffer()));
	writeFileSync(dir + "/" + i + ".status", String(response.status));
}
`

// Gosub's configurations, as in its README.
const (
	pathConfig   = `{"url": "https://github.com/more-please/more-stuff", "directory": "utf64/go", "tagPrefix": "utf64-go-"}`
	moduleConfig = `{"url": "https://github.com/more-please/more-stuff", "module": "utf64.moreplease.com", "directory": "utf64/go", "tagPrefix": "utf64-go-"}`
)

// A gosubFile is what the real gosub answered.
type gosubFile struct {
	status string
	name   string // of the file with the body
	body   string
}

// runGosub asks the real gosub for files of the module.
func runGosub(t *testing.T, api, config string, files ...string) map[string]gosubFile {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--input-type=module", "-e", gosubScript, api, dir, config}
	for _, file := range files {
		args = append(args, utf64+"/"+file)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = gosubDir
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node in %s: %v\n%s", gosubDir, err, msg)
	}
	answers := make(map[string]gosubFile)
	for i, file := range files {
		name := filepath.Join(dir, fmt.Sprint(i))
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		status, err := os.ReadFile(name + ".status")
		if err != nil {
			t.Fatal(err)
		}
		answers[file] = gosubFile{string(status), name, string(body)}
	}
	return answers
}

// A gitHub answers what gosub asks GitHub for, from a repository. GitHub itself can't be had here.
type gitHub struct{ dir string }

const gitHubRepo = "/repos/more-please/more-stuff"

type object map[string]any

// serve serves its API, and its raw files.
func (h gitHub) serve(t *testing.T) (url string) {
	mux := http.NewServeMux()
	for path, make := range map[string]func(name string) (any, error){
		"/tags": h.tags, "/git/ref/tags/{name}": h.ref, "/git/tags/{name}": h.tag, "/git/commits/{name}": h.commit, "/git/trees/{name...}": h.tree,
		"/git/blobs/{name}": h.blob,
	} {
		mux.HandleFunc("GET "+gitHubRepo+path, func(w http.ResponseWriter, r *http.Request) { answer(w, make, r.PathValue("name")) })
	}
	mux.HandleFunc("GET /more-please/more-stuff/{tag}/{path...}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, h.blob, r.PathValue("tag")+":"+r.PathValue("path"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func answer(w http.ResponseWriter, make func(name string) (any, error), name string) {
	switch v, err := make(name); v := v.(type) {
	case nil:
		http.Error(w, err.Error(), http.StatusNotFound)
	case []byte:
		w.Write(v)
	default:
		json.NewEncoder(w).Encode(v)
	}
}

func (h gitHub) git(args ...string) (out string, err error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = h.dir
	data, err := cmd.Output()
	return string(data), err
}

func (h gitHub) tags(string) (any, error) {
	out, err := h.git("tag")
	var tags []object
	for tag := range strings.FieldsSeq(out) {
		tags = append(tags, object{"name": tag})
	}
	return tags, err
}

func (h gitHub) ref(name string) (any, error) {
	out, err := h.git("for-each-ref", "--format=%(objectname) %(objecttype)", "refs/tags/"+name)
	sha, kind, ok := strings.Cut(strings.TrimSpace(out), " ")
	if !ok {
		return nil, fmt.Errorf("no tag %s: %v", name, err)
	}
	return object{"object": object{"sha": sha, "type": kind, "url": "https://api.github.com" + gitHubRepo + "/git/" + kind + "s/" + sha}}, nil
}

func (h gitHub) tag(sha string) (any, error) {
	out, err := h.git("for-each-ref", "--format=%(objectname) %(taggerdate:iso-strict)", "refs/tags")
	for line := range strings.Lines(out) {
		if date, ok := strings.CutPrefix(strings.TrimSpace(line), sha+" "); ok {
			return object{"tagger": object{"date": date}}, nil
		}
	}
	return nil, fmt.Errorf("no tag %s: %v", sha, err)
}

func (h gitHub) commit(sha string) (any, error) {
	date, err := h.git("log", "-1", "--format=%cI", sha)
	return object{"committer": object{"date": strings.TrimSpace(date)}}, err
}

func (h gitHub) tree(name string) (any, error) {
	out, err := h.git("ls-tree", "-r", "-l", name)
	var entries []object
	for line := range strings.Lines(out) {
		meta, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
		f := strings.Fields(meta) // mode, type, name and size
		entries = append(entries, object{
			"path": path, "mode": f[0], "type": f[1], "sha": f[2], "size": json.Number(f[3]), "url": "https://api.github.com" + gitHubRepo + "/git/blobs/" + f[2],
		})
	}
	return object{"tree": entries, "truncated": false}, err
}

func (h gitHub) blob(name string) (any, error) {
	out, err := h.git("cat-file", "blob", name)
	if err != nil {
		return nil, err
	}
	return []byte(out), nil
}

// TestGosub asks the real gosub, for what the page says of it.
func TestGosub(t *testing.T) {
	if gosubDir == "" {
		t.Skip("set GOSUB_GOPROXY to a directory where npm install gosub-goproxy@0.0.18 was run")
	}
	const list, latest, annotated, lightweight, branch, mod, zip = "@v/list", "@latest", "@v/v1.0.0.info", "@v/v1.1.0.info", "@v/main.info", "@v/v1.1.0.mod", "@v/v1.1.0.zip"
	repo, _ := github(t)
	api := gitHub{repo.Dir}.serve(t)
	got := runGosub(t, api, moduleConfig, list, latest, annotated, lightweight, branch, mod, zip)
	for file, want := range map[string]gosubFile{
		list:        {status: "200", body: "v1.0.0\nv1.1.0\nv2.0.0\n"},
		latest:      {status: "404", body: "Not found"},
		annotated:   {status: "200", body: `{"Version":"v1.0.0","Time":"2024-01-01T00:01:00+00:00"}`},
		lightweight: {status: "500", body: "TypeError"},
		branch:      {status: "404", body: "Not found"},
		mod:         {status: "200", body: "module utf64.moreplease.com\n"},
		zip:         {status: "200", body: "PK"},
	} {
		if g := got[file]; g.status != want.status || !strings.HasPrefix(g.body, want.body) {
			t.Errorf("gosub, %s: %s %.200q; want %s %q", file, g.status, g.body, want.status, want.body)
		}
	}
	want := []string{"go.mod", "link.go", "more.go", "utf64.go", "vendor/x.y/z/z.go"} // neither LICENSE nor cmdutil
	if diff := cmp.Diff(want, zipped(t, []byte(got[zip].body))); diff != "" {
		t.Errorf("gosub's zip (-want +got):\n%s", diff)
	}
	const below = "cmdutil/@v/list"
	if got := runGosub(t, api, pathConfig, below)[below]; got.status != "200" || got.body != "v1.0.0\nv1.1.0\nv2.0.0\n" {
		t.Errorf("gosub has %s %q of a package, as if it were a module", got.status, got.body)
	}
}

// TestGosubSame has a module with nothing that gosub treats otherwise: its zip has the same checksum.
func TestGosubSame(t *testing.T) {
	if gosubDir == "" {
		t.Skip("set GOSUB_GOPROXY to a directory where npm install gosub-goproxy@0.0.18 was run")
	}
	repo := gittest.New(t, `
write
commit one
tag -a utf64-go-1.1.0 -m one
-- utf64/js/index.js --
export {}
-- utf64/go/LICENSE --
as you like
-- utf64/go/go.mod --
module utf64.moreplease.com
-- utf64/go/utf64.go --
package utf64
-- utf64/go/internal/x/x.go --
package x
`)
	theirs := runGosub(t, gitHub{repo.Dir}.serve(t), moduleConfig, "@v/v1.1.0.zip")["@v/v1.1.0.zip"]
	server := gittest.ServeTLS(t, gittest.ForgeFilters, map[string]*gittest.Repo{"more-please/more-stuff": repo})
	ours := get(t, handler(vanity.WithTrustedClient(server.Client())), "/go/"+utf64+"/@v/v1.1.0.zip")
	name := filepath.Join(t.TempDir(), "zip")
	if err := os.WriteFile(name, ours.Body.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	want, err1 := dirhash.HashZip(theirs.name, dirhash.Hash1)
	got, err2 := dirhash.HashZip(name, dirhash.Hash1)
	if err1 != nil || err2 != nil || got != want {
		t.Errorf("gosub's zip has %s, %v; ours %s, %v", want, err1, got, err2)
	}
}
