package git_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"example.com/vanity/internal/git"
)

// Types of pack entries.
const (
	commitObject = 1
	treeObject   = 2
	blobObject   = 3
	tagObject    = 4
	ofsDelta     = 6
	refDelta     = 7
)

var typeNames = map[int]string{commitObject: "commit", treeObject: "tree", blobObject: "blob", tagObject: "tag"}

// nameOf is an object's name.
func nameOf(kind int, data string) git.Hash {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", typeNames[kind], len(data), data))
	return git.HashOf(sum[:])
}

func raw(h git.Hash) string {
	b := make([]byte, 0, 32)
	fmt.Sscanf(h.String(), "%x", &b)
	return string(b)
}

// A packed is one entry of a crafted pack.
type packed struct {
	kind   int
	size   int64  // what the header says, if not the truth; -1 for zero
	head   string // between header and stream: a delta's base
	data   string
	stored bool // without compression
}

var deflaters = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

func deflate(data string, stored bool) []byte {
	var b bytes.Buffer
	if stored {
		w, _ := zlib.NewWriterLevel(&b, zlib.NoCompression)
		io.WriteString(w, data)
		w.Close()
		return b.Bytes()
	}
	w := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(w)
	w.Reset(&b)
	io.WriteString(w, data)
	w.Close()
	return b.Bytes()
}

// entryHead is type and size.
func entryHead(kind int, size uint64) []byte {
	b := []byte{byte(kind<<4) | byte(size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return b
}

func (e packed) bytes() []byte {
	size := int64(len(e.data))
	if e.size != 0 {
		size = max(e.size, 0)
	}
	return append(append(entryHead(e.kind, uint64(size)), e.head...), deflate(e.data, e.stored)...)
}

// distance is how an ofs-delta names its base.
func distance(n int64) string {
	b := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		b = append([]byte{0x80 | byte(n&0x7f)}, b...)
	}
	return string(b)
}

func packHead(count int) []byte {
	return binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(count))
}

func sealed(pack []byte) []byte {
	sum := sha1.Sum(pack)
	return append(bytes.Clone(pack), sum[:]...)
}

func craft(entries ...packed) []byte {
	pack := packHead(len(entries))
	for _, e := range entries {
		pack = append(pack, e.bytes()...)
	}
	return sealed(pack)
}

// deltaOf is a delta: sizes of base and result, then instructions.
func deltaOf(base, result int, instructions ...string) string {
	b := binary.AppendUvarint(nil, uint64(base))
	b = binary.AppendUvarint(b, uint64(result))
	return string(b) + strings.Join(instructions, "")
}

// copyOf is a copy instruction with all seven bytes.
func copyOf(offset, size int) string {
	return string([]byte{0xff, byte(offset), byte(offset >> 8), byte(offset >> 16), byte(offset >> 24), byte(size), byte(size >> 8), byte(size >> 16)})
}

func insertOf(s string) string { return string(rune(len(s))) + s }

func readPack(t testing.TB, pack []byte, limits git.Limits) (*git.Pack, error) {
	t.Helper()
	p, err := git.ReadPack(context.Background(), bytes.NewReader(pack), false, limits)
	if err == nil {
		t.Cleanup(func() { p.Close() })
	}
	return p, err
}

// pkt is a pkt-line.
func pkt(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

// bands carries a pack as fetch's answer does.
func bands(pack []byte) string {
	var b strings.Builder
	b.WriteString(pkt("packfile\n"))
	for len(pack) > 0 {
		n := min(len(pack), 60000)
		b.WriteString(pkt("\x01" + string(pack[:n])))
		pack = pack[n:]
	}
	return b.String() + "0000"
}

const advertisement = "001e# service=git-upload-pack\n0000000eversion 2\n0015agent=git/2.39.5\n000cls-refs\n" +
	"0019fetch=shallow filter\n0017object-format=sha1\n0000"

// A fake is a handcrafted server: what it answers to each command. An empty advertisement is the usual one.
type fake struct {
	advertisement string
	refs, fetch   func(w io.Writer, r *http.Request, request string)
}

func say(s string) func(io.Writer, *http.Request, string) {
	return func(w io.Writer, _ *http.Request, _ string) { io.WriteString(w, s) }
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/info/refs") {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		if f.advertisement == "" {
			f.advertisement = advertisement
		}
		io.WriteString(w, f.advertisement)
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	answer := f.fetch
	if strings.Contains(string(body), "command=ls-refs") {
		answer = f.refs
	}
	if answer != nil { // else it ends its answer at once, as git does when it understands nothing
		answer(w, r, string(body))
	}
}

// serve runs a handler, and opens a repository of it.
func serve(t testing.TB, h http.Handler, limits git.Limits) (*git.Repo, *httptest.Server) {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client := server.Client()
	t.Cleanup(client.CloseIdleConnections)
	return (&git.Client{HTTP: client, Limits: limits}).Open(server.URL + "/o/r"), server
}

// commitOf is a commit's text.
func commitOf(tree git.Hash) string {
	return fmt.Sprintf("tree %s\nauthor A <a@b> 1700000000 +0000\ncommitter C <c@d> 1700000001 +0100\n\nwords\n", tree)
}

func treeEntry(mode, name string, h git.Hash) string { return mode + " " + name + "\x00" + raw(h) }
