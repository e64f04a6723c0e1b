package vanity_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const proofScript = `# Two versions, and a file below.
write
commit one
tag v1.0.0
tag v1.1.0
ask @v1.0.0
ask @v1.2.0 fails unknown version
-- go.mod --
module github.com/o/proof
-- m.go --
package m
-- sub/x.txt --
text
`

// TestDirectSees proves that the comparison sees what it should: one byte anywhere, a file more or less, another name,
// time or go.mod, a zip that isn't one, and a refusal that isn't one.
func TestDirectSees(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	s, err := parseScript("proof", proofScript)
	if err != nil {
		t.Fatal(err)
	}
	repo, _ := s.repos(t)
	g := gocmd.New(t)
	g.Direct(gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"o/proof": repo}).URL)
	downloads, lists := downloads(t, g, s.asks), lists(t, g, s.asks)
	good, bad := s.asks[0], s.asks[1]
	judge := func(wrap func(http.Handler) http.Handler) []string {
		p := newProxy(t, wrap(vanity.Goproxy("", good.config(repo.Dir), quiet())), good.path)
		return slices.Concat(
			good.judge(t, p, downloads[good.path+"@v1.0.0"]),
			bad.judge(t, p, downloads[bad.path+"@v1.2.0"]),
			p.judgeList(t, lists[good.path]), p.judgeLatest(t, lists[good.path]))
	}
	for what, wrap := range harmless {
		if faults := judge(wrap); faults != nil {
			t.Errorf("%s makes a difference: %s", what, faults)
		}
	}
	for what, wrap := range spoilt {
		faults := judge(wrap)
		t.Logf("%s: %.100q", what, faults)
		if len(faults) != 1 {
			t.Errorf("%s: %d faults found, want one: %s", what, len(faults), faults)
		}
	}
}

type wrap = func(http.Handler) http.Handler

var harmless = map[string]wrap{
	"nothing":           func(h http.Handler) http.Handler { return h },
	"how a zip is made": rezip(func(map[string]string) {}),
	"a blank in JSON":   spoil(".info", func(s string) string { return " " + s }),
}

// zipRoot is what the names in the zip begin with.
const zipRoot = "github.com/o/proof@v1.0.0/"

var spoilt = map[string]wrap{
	"a byte": rezip(func(files map[string]string) { files[zipRoot+"sub/x.txt"] = "tExt\n" }),
	"a name": rezip(func(files map[string]string) {
		files[zipRoot+"M.go"] = files[zipRoot+"m.go"]
		delete(files, zipRoot+"m.go")
	}),
	"a file less": rezip(func(files map[string]string) { delete(files, zipRoot+"m.go") }),
	"a file more": rezip(func(files map[string]string) { files[zipRoot+"empty"] = "" }),
	"go.mod":      spoil("v1.0.0.mod", func(s string) string { return s + "\n" }),
	"time":        reinfo(func(i *info) { i.Time = i.Time.Add(time.Second) }),
	"version":     reinfo(func(i *info) { i.Version = "v1.1.0" }),
	"hash":        reinfo(func(i *info) { i.Origin.Hash = strings.Repeat("0", 40) }),
	"ref":         reinfo(func(i *info) { i.Origin.Ref = "refs/tags/v1.1.0" }),
	"no info":     spoil("v1.0.0.info", func(s string) string { return "" }),

	// What a broken writer of zips would do.
	"no zip":          spoil("v1.0.0.zip", func(s string) string { return "" }),
	"half a zip":      spoil("v1.0.0.zip", func(s string) string { return s[:len(s)/2] }),
	"all but its end": spoil("v1.0.0.zip", func(s string) string { return s[:len(s)-1] }),
	"only its end":    spoil("v1.0.0.zip", func(s string) string { return s[len(s)/2:] }),
	"a flipped bit": spoil("v1.0.0.zip", func(s string) string {
		b := []byte(s)
		b[bytes.Index(b, []byte("go.mod"))+len("go.mod")+3] ^= 4
		return string(b)
	}),

	"a version less":  spoil("list", func(s string) string { return strings.Replace(s, "v1.1.0\n", "", 1) }),
	"a version more":  spoil("list", func(s string) string { return s + "v1.2.0\n" }),
	"another order":   spoil("list", func(s string) string { return "v1.1.0\nv1.0.0\n" }),
	"no reason":       spoil("v1.2.0.info", func(s string) string { return "not found\n" }),
	"no latest":       status("@latest", http.StatusNotFound),
	"another latest":  spoil("@latest", func(s string) string { return strings.Replace(s, "v1.1.0", "v1.0.0", 1) }),
	"two lines":       spoil("v1.2.0.info", func(s string) string { return s + s }),
	"server's own":    spoil("v1.2.0.info", func(s string) string { return "127.0.0.1: " + s }),
	"a wrong status":  status("v1.2.0.info", http.StatusInternalServerError),
	"a wrong success": status("v1.2.0.zip", http.StatusOK),
}

// spoil changes the body of a file of the protocol.
func spoil(suffix string, change func(string) string) wrap {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, suffix) {
				h.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
			w.WriteHeader(rec.Code)
			io.WriteString(w, change(rec.Body.String()))
		})
	}
}

// status gives files of the protocol another status.
func status(part string, code int) wrap {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if strings.Contains(r.URL.Path, part) {
				rec.Code = code
			}
			w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
			w.WriteHeader(rec.Code)
			w.Write(rec.Body.Bytes())
		})
	}
}

func reinfo(change func(*info)) wrap {
	return spoil("v1.0.0.info", func(body string) string {
		var i info
		err := json.Unmarshal([]byte(body), &i)
		change(&i)
		data, err2 := json.Marshal(i)
		if err := errors.Join(err, err2); err != nil {
			return err.Error()
		}
		return string(data)
	})
}

// rezip makes another zip out of changed files.
func rezip(change func(files map[string]string)) wrap {
	return spoil("v1.0.0.zip", func(body string) string {
		s, err := rezipped(body, change)
		if err != nil {
			return fmt.Sprintf("rezip: %v", err)
		}
		return s
	})
}

func rezipped(body string, change func(files map[string]string)) (string, error) {
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		return "", err
	}
	contents := make(map[string]string)
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			return "", err
		}
		contents[f.Name] = string(data)
	}
	change(contents)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range contents {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err != nil {
			return "", err
		}
	}
	err = w.Close()
	return b.String(), err
}
