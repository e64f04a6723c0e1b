package vanity_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
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

// Facts are what the go command and we must agree on.
type facts struct {
	Info     info
	Files    map[string]string // of the zip, with a hash of each
	Sum      string
	GoModSum string
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

// judged is what the go command says.
func judged(d gocmd.Download) (facts, error) {
	f := facts{Sum: d.Sum, GoModSum: d.GoModSum}
	data, err := os.ReadFile(d.Info)
	if err := errors.Join(err, json.Unmarshal(data, &f.Info)); err != nil {
		return f, err
	}
	f.Info.Version, f.Info.Origin = d.Version, *d.Origin
	f.Files, err = files(d.Zip)
	return f, err
}

// A proxy is what a server has of one module: a URL with the escaped module path.
type proxy struct{ url string }

// A response is one file of the protocol, or why there is none.
type response struct {
	status int
	header http.Header
	body   string
}

func (p proxy) get(t testing.TB, file string) response {
	t.Helper()
	status, header, body := get(t, p.url+"/"+file)
	return response{status, header, body}
}

// file asks for a file of a version.
func (p proxy) file(t testing.TB, version, ext string) response {
	t.Helper()
	escVersion, err := module.EscapeVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	return p.get(t, "@v/"+escVersion+ext)
}

// read reads what is served of a query that comes to a version, as the go command would.
func (p proxy) read(t testing.TB, query, version string) (f facts, err error) {
	t.Helper()
	infoFile, modFile, zipFile := p.file(t, query, ".info"), p.file(t, version, ".mod"), p.file(t, version, ".zip")
	for ext, r := range map[string]response{".info": infoFile, ".mod": modFile, ".zip": zipFile} {
		if r.status != http.StatusOK {
			return f, fmt.Errorf("%s: status %d: %s", ext, r.status, r.body)
		}
	}
	name := filepath.Join(t.TempDir(), "zip")
	if err := os.WriteFile(name, []byte(zipFile.body), 0o666); err != nil {
		t.Fatal(err)
	}
	err0 := json.Unmarshal([]byte(infoFile.body), &f.Info)
	var err1, err2, err3 error
	f.Files, err1 = files(name)
	f.Sum, err2 = dirhash.HashZip(name, dirhash.Hash1)
	f.GoModSum, err3 = dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(modFile.body)), nil
	})
	return f, errors.Join(err0, err1, err2, err3)
}

// judge compares our answers with the go command's, and says what is wrong with them.
func (a *ask) judge(t testing.TB, p proxy, d gocmd.Download) (faults []string) {
	t.Helper()
	fails := d.Error != ""
	switch a.outcome {
	case "":
		if fails {
			return []string{"the go command fails: " + d.Error}
		}
		return a.judgeVersion(t, p, d)
	case "fails", "refused":
		if fails != (a.outcome == "fails") {
			return []string{fmt.Sprintf("the go command has %q, and the error %q", d.Version, d.Error)}
		}
		return p.judgeFailure(t, a.query, a.text)
	case "ours":
		if !fails {
			return []string{"the go command does not fail"}
		}
		if _, err := p.read(t, a.query, a.query); err != nil {
			return []string{err.Error()}
		}
		return nil
	}
	return []string{"no such outcome: " + a.outcome}
}

func (a *ask) judgeVersion(t testing.TB, p proxy, d gocmd.Download) []string {
	t.Helper()
	want, err := judged(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.read(t, a.query, d.Version)
	if err != nil {
		return []string{err.Error()}
	}
	want.Info.Origin.Ref = a.ref(want.Info.Origin.Ref)
	want.Info.Origin.URL, got.Info.Origin.URL = "", "" // ours is another
	if diff := cmp.Diff(want, got); diff != "" {
		return []string{"(-go +ours):\n" + diff}
	}
	return nil
}

// judgeFailure wants one of the files of a version to be refused.
func (p proxy) judgeFailure(t testing.TB, version, text string) []string {
	t.Helper()
	for _, ext := range []string{".info", ".mod", ".zip"} {
		if r := p.file(t, version, ext); r.status != http.StatusOK {
			return r.judgeRefusal(text)
		}
	}
	return []string{"all files of " + version + " are served"}
}

// judgeRefusal wants a 404 with one line of text, which says what it should and nothing of the server's own.
func (r response) judgeRefusal(text string) (faults []string) {
	line, ok := strings.CutSuffix(r.body, "\n")
	if r.status != http.StatusNotFound || !ok || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) || len(line) > 2000 ||
		!strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
		faults = append(faults, fmt.Sprintf("status %d, %.2000q is not a 404 with a line of text", r.status, r.body))
	}
	if !strings.Contains(line, text) {
		faults = append(faults, fmt.Sprintf("%q does not say %q", line, text))
	}
	if strings.Contains(line, "127.0.0.1") || strings.Contains(line, os.TempDir()) {
		faults = append(faults, fmt.Sprintf("%q names the repository", line))
	}
	return faults
}

// judgeList compares lists, but for +incompatible versions.
func (p proxy) judgeList(t testing.TB, want []string) []string {
	t.Helper()
	r := p.get(t, "@v/list")
	want = slices.DeleteFunc(want, func(v string) bool { return strings.HasSuffix(v, "+incompatible") })
	if len(want) == 0 {
		if r.status == http.StatusNotFound {
			return r.judgeRefusal("")
		}
	}
	if got := strings.Fields(r.body); r.status != http.StatusOK || !slices.Equal(want, got) {
		return []string{fmt.Sprintf("status %d, (-go +ours):\n%s", r.status, cmp.Diff(want, got))}
	}
	return nil
}

// lists are the versions that `go list` knows of each module, retracted ones too.
func lists(t *testing.T, g *gocmd.Go, asks []*ask) map[string][]string {
	t.Helper()
	args := append([]string{"list", "-m", "-e", "-retracted", "-versions", "-json"}, modules(asks)...)
	lists := make(map[string][]string)
	for d := json.NewDecoder(strings.NewReader(g.Run(args...))); d.More(); {
		var m struct {
			Path     string
			Versions []string
			Error    *struct{ Err string }
		}
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Error != nil {
			t.Errorf("versions of %s: %s", m.Path, m.Error.Err)
		}
		lists[m.Path] = m.Versions
	}
	return lists
}

// downloads asks the go command for all that is asked at once.
func downloads(t *testing.T, g *gocmd.Go, asks []*ask) map[string]gocmd.Download {
	t.Helper()
	args := []string{"mod", "download", "-json"}
	for _, a := range asks {
		args = append(args, a.path+"@"+a.query)
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
