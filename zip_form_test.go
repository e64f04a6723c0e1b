package vanity_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"example.com/vanity"
)

// emptyBlocks is a zlib stream of a content, with so many blocks before it that hold nothing.
func emptyBlocks(content string, blocks int) []byte {
	stream := deflated(content)
	return append(append([]byte{stream[0], stream[1]}, bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, blocks)...), stream[2:]...)
}

// storedStream is a zlib stream that is not compressed.
func storedStream(content string) []byte {
	n := uint16(len(content))
	b := []byte{0x78, 0x01, 1}
	b = binary.LittleEndian.AppendUint16(b, n)
	b = binary.LittleEndian.AppendUint16(b, ^n)
	return binary.BigEndian.AppendUint32(append(b, content...), adler32.Checksum([]byte(content)))
}

// largeDelta puts a blob into the pack that is a delta and too large to be compressed in memory.
func (p *pack) largeDelta() (name string, size int) {
	const unit = 1 << 16
	size = unit
	p.add(packBlob, strings.Repeat("a", unit))
	for ; size < 64<<20; size *= 2 {
		p.delta(size, 2*size, copies(1<<16-1, 2*size>>16)+copies(2*size>>16, 1))
	}
	p.delta(size, size+unit, copies(1<<16-1, size>>16)+copies(1<<15, 2)+copies(size>>16, 1))
	size += unit
	sum := sha1.New()
	fmt.Fprintf(sum, "blob %d\x00", size)
	for range size / unit {
		io.WriteString(sum, strings.Repeat("a", unit))
	}
	return string(sum.Sum(nil)), size
}

// TestZipForms serves files that the host has compressed in all ways: what it sends goes into the zip as it is, unless there is
// too much of it, or nothing.
func TestZipForms(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("some text to be compressed\n", 1000)
	want := map[string]string{
		"empty.txt": "", "usual.go": "package m // " + text, "stored.txt": text, "blocks.txt": text + "x",
		"few.txt": "few", "näme.txt": "text of a file whose name is not ASCII", "delta.txt": strings.Repeat(strings.ToUpper(text), 2),
	}
	streams := map[string][]byte{
		"stored.txt": storedStream(want["stored.txt"]), "blocks.txt": emptyBlocks(want["blocks.txt"], 100_000), "few.txt": emptyBlocks("few", 3),
	}
	host := moduleWith(func(p *pack) {
		put := func(name string) string {
			content := want[name]
			if stream := streams[name]; stream != nil {
				return p.put(packBlob, int64(len(content)), stream, func(sum hash.Hash) { io.WriteString(sum, content) })
			}
			return p.add(packBlob, content)
		}
		for _, name := range []string{"blocks.txt", "empty.txt", "few.txt", "näme.txt", "stored.txt", "usual.go"} {
			p.enter("100644", name, put(name))
		}
		p.add(packBlob, want["delta.txt"][:len(text)])
		p.delta(len(text), 2*len(text), copies(len(text), 2))
		sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", 2*len(text), want["delta.txt"]))
		p.enter("100644", "delta.txt", string(sum[:]))
		if !testing.Short() {
			name, size := p.largeDelta()
			want["large.txt"] = strings.Repeat("a", size)
			p.enter("100644", "large.txt", name)
		}
	})
	data := zipOf(t, host)
	checkZip(t, data)
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want["go.mod"] = hostileGoMod
	for _, f := range zr.File {
		name := strings.TrimPrefix(f.Name, "go.acme.test/m@v1.0.0/")
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if err != nil || string(got) != want[name] {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(want[name]))
		}
		rc.Close()
		if f.NonUTF8 || f.Method != zip.Deflate {
			t.Errorf("%s: NonUTF8 %t, method %d", name, f.NonUTF8, f.Method)
		}
		if stream := streams[name]; stream != nil && name != "blocks.txt" {
			raw, _ := f.OpenRaw()
			if got, err := io.ReadAll(raw); err != nil || !bytes.Equal(got, stream[2:len(stream)-4]) {
				t.Errorf("%s is not as the host has compressed it: %v", name, err)
			}
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is not in the zip", name)
	}
	if most := 300 << 10; testing.Short() && len(data) > most {
		t.Errorf("the zip has %d bytes, more than %d", len(data), most)
	}
}

// zipOf asks a Goproxy for a zip of what a host has.
func zipOf(t *testing.T, host *hostile) []byte {
	t.Helper()
	host.packed = host.pack()
	server := httptest.NewServer(host)
	t.Cleanup(server.Close)
	h := vanity.Goproxy("/", vanity.Config{URL: server.URL + "/o/m", Module: "go.acme.test/m"})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/go.acme.test/m/@v/v1.0.0.zip", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d, %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// checkZip asks the rules of module zips.
func checkZip(t *testing.T, data []byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "m.zip")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := modzip.CheckZip(module.Version{Path: "go.acme.test/m", Version: "v1.0.0"}, name); err != nil {
		t.Error(err)
	}
}
