package vanity_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity/internal/gocmd"
)

// An info is the content of an .info file.
type info struct {
	Version string
	Time    time.Time
	Origin  gocmd.Origin
}

// files reads a zip in its own way, which tells more of a difference than one hash does.
func files(name string) (map[string]string, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	files := make(map[string]string)
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			return nil, err
		}
		files[f.Name] = fmt.Sprintf("%d bytes, %x", len(data), sha256.Sum256(data))
	}
	return files, nil
}

// A proxy is what a server has of one module: a URL with the escaped module path.
type proxy struct{ url string }

// A response is one file of the protocol, or why there is none.
type response struct {
	file   string
	status int
	header http.Header
	body   string
}

func (p proxy) get(t testing.TB, file string) response {
	t.Helper()
	status, header, body := get(t, p.url+"/"+file)
	return response{file, status, header, body}
}

// file asks for a file of a version.
func (p proxy) file(t testing.TB, version, ext string) response {
	t.Helper()
	escVersion, err := module.EscapeVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	return p.get(t, "@v/"+url.PathEscape(escVersion)+ext)
}

// judge compares our answers with the go command's, and says what is wrong with them.
func (a *ask) judge(t testing.TB, p proxy, d gocmd.Download) (faults []string) {
	t.Helper()
	switch fails := d.Error != ""; {
	case !slices.Contains([]string{"", "fails", "early", "ours", "refused", "agrees"}, a.outcome):
		return []string{"no such outcome: " + a.outcome}
	case fails == (a.outcome == "" || a.outcome == "refused") && a.outcome != "agrees":
		return []string{fmt.Sprintf("the go command has %q, and the error %q", d.Version, d.Error)}
	}
	version := d.Version
	if d.Info == "" {
		version = a.query
	}
	infoFile, modFile, zipFile := p.file(t, a.query, ".info"), p.file(t, version, ".mod"), p.file(t, version, ".zip")
	switch a.outcome {
	case "ours":
		return slices.Concat(infoFile.judgeSuccess(), modFile.judgeSuccess(), zipFile.judgeSuccess())
	case "refused":
		return slices.Concat(infoFile.judgeSuccess(), modFile.judgeSuccess(), zipFile.judgeRefusal(), zipFile.judgeText(a.text))
	case "early":
		return slices.Concat(infoFile.judgeRefusal(), infoFile.judgeText(a.text), modFile.judgeRefusal(), zipFile.judgeRefusal())
	}
	if version != a.query {
		// What a query comes to is asked for by its own name, too.
		faults = a.judgeInfo(d, p.file(t, version, ".info"), false)
	}
	faults = slices.Concat(faults, a.judgeInfo(d, infoFile, true), judgeMod(d, modFile), judgeZip(t, d, zipFile))
	for _, r := range []response{infoFile, modFile, zipFile} {
		if r.status != http.StatusOK {
			return append(faults, r.judgeText(a.text)...)
		}
	}
	return faults
}

// judgeInfo compares an .info file.
func (a *ask) judgeInfo(d gocmd.Download, r response, byQuery bool) []string {
	if d.Info == "" {
		return r.judgeRefusal()
	}
	var want info
	data, err := os.ReadFile(d.Info)
	if err := errors.Join(err, json.Unmarshal(data, &want)); err != nil {
		return []string{err.Error()}
	}
	want.Version, want.Origin = d.Version, *d.Origin
	if a.query == module.CanonicalVersion(a.query) {
		// Its ref is the tag's, though the go command has another's if that led to the same version before.
		want.Origin.Ref = "refs/tags/" + path.Join(a.dir, strings.TrimSuffix(a.query, "+incompatible"))
	}
	want.Origin.Ref = a.ref(want.Origin.Ref)
	return r.judgeInfo(want, byQuery && hasStableRef(a.query))
}

// hasStableRef reports whether the ref that a query leads by depends on the query alone, and not on what the go
// command happens to have in its cache.
func hasStableRef(query string) bool {
	isHash := len(query) >= 7 && strings.Trim(query, "0123456789abcdef") == ""
	return !isHash && query != "HEAD" && !module.IsPseudoVersion(query)
}

func (r response) judgeInfo(want info, withRef bool) []string {
	if faults := r.judgeSuccess(); faults != nil {
		return faults
	}
	var got info
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		return []string{r.file + ": " + err.Error()}
	}
	want.Origin.URL, got.Origin.URL = "", "" // ours is another
	if !withRef {
		want.Origin.Ref, got.Origin.Ref = "", ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return []string{r.file + " (-go +ours):\n" + diff}
	}
	return nil
}

// judgeMod compares a go.mod file.
func judgeMod(d gocmd.Download, r response) []string {
	if d.GoMod == "" {
		return r.judgeRefusal()
	}
	want, err := os.ReadFile(d.GoMod)
	if err != nil {
		return []string{err.Error()}
	}
	if faults := r.judgeSuccess(); faults != nil {
		return faults
	}
	if diff := cmp.Diff(string(want), r.body); diff != "" {
		return []string{r.file + " (-go +ours):\n" + diff}
	}
	return nil
}

// judgeZip compares a zip, file by file, and by the hash in go.sum.
func judgeZip(t testing.TB, d gocmd.Download, r response) []string {
	t.Helper()
	if d.Zip == "" {
		return r.judgeRefusal()
	}
	if faults := r.judgeSuccess(); faults != nil {
		return faults
	}
	name := filepath.Join(t.TempDir(), "zip")
	if err := os.WriteFile(name, []byte(r.body), 0o666); err != nil {
		t.Fatal(err)
	}
	want, err1 := files(d.Zip)
	got, err2 := files(name)
	sum, err3 := dirhash.HashZip(name, dirhash.Hash1)
	if err := errors.Join(err1, err2, err3); err != nil {
		return []string{r.file + ": " + err.Error()}
	}
	if diff := cmp.Diff(want, got) + cmp.Diff(d.Sum, sum); diff != "" {
		return []string{r.file + " (-go +ours):\n" + diff}
	}
	return nil
}

func (r response) judgeSuccess() []string {
	if r.status == http.StatusOK {
		return nil
	}
	return []string{fmt.Sprintf("%s: status %d: %q; the go command does not fail here", r.file, r.status, r.body)}
}

// judgeRefusal wants a 404 with one line of text, which says what it should and nothing of the server's own.
func (r response) judgeRefusal() (faults []string) {
	line, ok := strings.CutSuffix(r.body, "\n")
	if r.status != http.StatusNotFound || !ok || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) || len(line) > 2000 ||
		!strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
		faults = append(faults, fmt.Sprintf("%s: status %d, %.200q is not a 404 with a line of text", r.file, r.status, r.body))
	}
	if strings.Contains(line, "127.0.0.1") || strings.Contains(line, os.TempDir()) {
		faults = append(faults, fmt.Sprintf("%s: %q names the repository", r.file, line))
	}
	return faults
}

func (r response) judgeText(text string) []string {
	if !strings.Contains(r.body, text) {
		return []string{fmt.Sprintf("%s: %q does not say %q", r.file, r.body, text)}
	}
	return nil
}

// A listed is what the go command has of a module: versions, retracted ones too, and the latest one.
type listed struct {
	versions []string
	err      string
	latest   info // what there is of it in an .info file
	noLatest string
}

// judgeList compares lists of versions.
func (p proxy) judgeList(t testing.TB, want listed) []string {
	t.Helper()
	r := p.get(t, "@v/list")
	switch {
	case want.err != "":
		return r.judgeRefusal()
	case len(want.versions) == 0 && want.noLatest != "" && r.status != http.StatusOK:
		return r.judgeRefusal() // there is nothing at all
	}
	if faults := r.judgeSuccess(); faults != nil {
		return faults
	}
	if got := strings.Fields(r.body); !slices.Equal(want.versions, got) {
		return []string{fmt.Sprintf("%s (-go +ours):\n%s", r.file, cmp.Diff(want.versions, got))}
	}
	return nil
}

// judgeLatest compares what is latest. The go command has no Origin for it where it comes from no tag.
func (p proxy) judgeLatest(t testing.TB, want listed) []string {
	t.Helper()
	r := p.get(t, "@latest")
	if want.noLatest != "" {
		return r.judgeRefusal()
	}
	var got info
	if want.latest.Origin.VCS == "" && json.Unmarshal([]byte(r.body), &got) == nil {
		want.latest.Origin = got.Origin
	}
	return r.judgeInfo(want.latest, want.latest.Origin.Ref != "")
}

// lists asks the go command for all modules: the latest versions first, as it knows nothing of the repositories yet.
func lists(t *testing.T, g *gocmd.Go, asks []*ask) map[string]listed {
	t.Helper()
	lists := make(map[string]listed)
	latest := []string{"list", "-m", "-e", "-json"}
	for _, path := range modules(asks) {
		latest = append(latest, path+"@latest")
	}
	for _, m := range list(t, g, latest) {
		l := listed{latest: info{m.Version, m.Time, m.Origin}}
		if m.Error != nil {
			l.noLatest = m.Error.Err
		}
		lists[m.Path] = l
	}
	for _, m := range list(t, g, append([]string{"list", "-m", "-e", "-retracted", "-versions", "-json"}, modules(asks)...)) {
		l := lists[m.Path]
		if l.versions = m.Versions; m.Error != nil {
			l.err = m.Error.Err
		}
		lists[m.Path] = l
	}
	return lists
}

// A listedModule is what go list -m -json prints.
type listedModule struct {
	info
	Path     string
	Versions []string
	Error    *struct{ Err string }
}

func list(t *testing.T, g *gocmd.Go, args []string) (modules []listedModule) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(g.Run(args...))); d.More(); {
		var m listedModule
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		modules = append(modules, m)
	}
	return modules
}

// downloads asks the go command for all that is asked at once.
func downloads(t *testing.T, g *gocmd.Go, asks []*ask) map[string]gocmd.Download {
	t.Helper()
	args := []string{"mod", "download", "-json"}
	for _, a := range asks {
		if a.query != "latest" {
			args = append(args, a.path+"@"+a.query)
		}
	}
	stdout, stderr, _ := g.Try(args...)
	downloads := make(map[string]gocmd.Download)
	for dec := json.NewDecoder(strings.NewReader(stdout)); dec.More(); {
		var d gocmd.Download
		if err := dec.Decode(&d); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		if d.Query == "" {
			d.Query = d.Version
		}
		downloads[d.Path+"@"+d.Query] = d
	}
	return downloads
}
