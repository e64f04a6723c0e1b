package git_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
)

func open(t testing.TB, p *git.Pack, h git.Hash) []byte {
	t.Helper()
	rc, err := p.Open(h)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	data, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// verify computes all names of a pack anew, and checks spans.
func verify(t testing.TB, p *git.Pack, isSHA256 bool) (deltas int) {
	t.Helper()
	for _, h := range p.Hashes() {
		data := open(t, p, h)
		kind, size, err := p.Stat(h)
		if err != nil || size != int64(len(data)) {
			t.Fatalf("%s: stat says %d, %v; it has %d bytes", h, size, err, len(data))
		}
		whole := fmt.Appendf(nil, "%s %d\x00%s", kind, size, data)
		name := fmt.Sprintf("%x", sha1.Sum(whole))
		if isSHA256 {
			name = fmt.Sprintf("%x", sha256.Sum256(whole))
		}
		if name != h.String() {
			t.Fatalf("%s has the content of %s", h, name)
		}
		span, crc, ok := p.Span(h)
		if !ok {
			deltas++
			continue
		}
		if want := crc32.ChecksumIEEE(data); crc != want {
			t.Fatalf("%s: checksum %x, want %x", h, crc, want)
		}
		zr, err := zlib.NewReader(span)
		if err != nil {
			t.Fatal(err)
		}
		inflated, err := io.ReadAll(zr)
		if err != nil || !bytes.Equal(inflated, data) {
			t.Fatalf("%s: span is not its content: %v", h, err)
		}
		if n, _ := io.Copy(io.Discard, span); n > 0 {
			t.Fatalf("%s: its span has %d bytes more", h, n)
		}
	}
	return deltas
}

// formats are the ways of naming objects to test with.
func formats() []string {
	if testing.Short() {
		return []string{"sha1"}
	}
	return []string{"sha1", "sha256"}
}

// packOf runs git pack-objects on all objects of a repository.
func packOf(t testing.TB, r *gittest.Repo, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("git", append([]string{"pack-objects", "--all", "--stdout", "-q"}, args...)...)
	cmd.Dir = r.Dir
	cmd.Env = gittest.Environ(gittest.GitEnviron(t.TempDir())...)
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// chains is a repository whose files change a little many times.
func chains(t testing.TB, init string) *gittest.Repo {
	r := gittest.New(t, init)
	var lines []string
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("line %d %x", i, sha1.Sum([]byte(strconv.Itoa(i)))))
	}
	for i := range 12 {
		lines[i*7] += " changed"
		r.Write("dir/long.txt", []byte(strings.Join(lines, "\n")))
		r.Write(fmt.Sprintf("dir/f%d", i), []byte(lines[i]))
		r.Commit(fmt.Sprint(i))
	}
	r.Git("tag", "-a", "v1.0.0", "-m", "one")
	r.Repack()
	return r
}

func TestReadPackRealDeltas(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		r := chains(t, "init --object-format="+format)
		for _, tt := range []struct {
			name   string
			args   []string
			deltas bool
		}{
			{"ofs-deltas", []string{"--delta-base-offset"}, true},
			{"ref-deltas", nil, true},
			{"no deltas", []string{"--no-reuse-delta", "--depth=0"}, false},
			{"not compressed", []string{"--compression=0", "--no-reuse-object"}, true},
		} {
			t.Run(format+"/"+tt.name, func(t *testing.T) {
				pack := packOf(t, r, tt.args...)
				p, err := git.ReadPack(t.Context(), bytes.NewReader(pack), format == "sha256", git.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				want := strings.Fields(r.Git("rev-list", "--objects", "--all", "--no-object-names"))
				if p.Len() != len(want) {
					t.Errorf("%d objects, git says %d", p.Len(), len(want))
				}
				for _, name := range want {
					if h, err := git.ParseHash(name); err != nil || !p.Has(h) {
						t.Errorf("no object %s", name)
					}
				}
				if deltas := verify(t, p, format == "sha256"); deltas > 0 != tt.deltas {
					t.Errorf("%d deltas", deltas)
				}
				deepest := 0
				for _, h := range p.Hashes() {
					deepest = max(deepest, p.Depth(h))
				}
				if tt.deltas && deepest < 3 {
					t.Errorf("no chain of deltas is longer than %d", deepest)
				}
				checkWhole(t, pack, format == "sha256")
			})
		}
	}
}

// An object that was closed gives nothing more, be it stored whole or as a delta, and may be closed again.
func TestReadClosed(t *testing.T) {
	t.Parallel()
	p, err := git.ReadPack(t.Context(), bytes.NewReader(packOf(t, chains(t, ""))), false, git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	deltas := 0
	for _, h := range p.Hashes() {
		r, err := p.Open(h)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(r, make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("%s: %d bytes, %v", h, n, err)
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Errorf("%s: close: %v", h, err)
			}
			if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%s, closed: %d bytes, %v", h, n, err)
			}
		}
		if p.Depth(h) > 0 {
			deltas++
		}
	}
	if deltas == 0 {
		t.Error("nothing is a delta")
	}
}

// checkWhole reads a pack for a zip: its blobs and nothing else are made whole.
func checkWhole(t *testing.T, pack []byte, isSHA256 bool) {
	t.Helper()
	plain, err := git.ReadPack(t.Context(), bytes.NewReader(pack), isSHA256, git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	p, err := git.ReadPackWhole(t.Context(), bytes.NewReader(pack), isSHA256, git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	verify(t, p, isSHA256)
	made := 0
	for _, h := range p.Hashes() {
		kind, _, _ := p.Stat(h)
		_, _, was := plain.Span(h)
		_, _, is := p.Span(h)
		if want := was || kind == git.BlobObject; is != want {
			t.Errorf("%s %s is whole: %t, want %t", kind, h, is, want)
		}
		if is && !was {
			made++
		}
	}
	if grown := p.Size() > plain.Size(); grown != (made > 0) {
		t.Errorf("%d objects were made whole, and the pack has %d bytes after %d", made, p.Size(), plain.Size())
	}
}

// TestReadPackWholeBounded makes no more contents whole than a zip may hold, and gives up with who asked.
func TestReadPackWholeBounded(t *testing.T) {
	t.Parallel()
	const size = 100 << 10
	text := strings.Repeat("0123456789", size/10)
	pack := craft(append([]packed{{kind: blobObject, data: text}}, bombs(text, 8)...)...)
	p, err := git.ReadPackWhole(t.Context(), bytes.NewReader(pack), false, git.Limits{Object: 4 * size})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if deltas := verify(t, p, false); deltas != 5 {
		t.Errorf("%d of 8 are still deltas, want 5", deltas)
	}
	some, err := git.ReadPackWholeSome(t.Context(), bytes.NewReader(pack), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer some.Close()
	if deltas := verify(t, some, false); deltas != 6 {
		t.Errorf("%d of 8 are still deltas though 2 were asked for", deltas)
	}
	ctx, cancel := context.WithCancel(t.Context())
	leaving := io.MultiReader(bytes.NewReader(pack), onEnd(cancel))
	if _, err = git.ReadPackWhole(ctx, leaving, false, git.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has left: %v", err)
	}
}

// An onEnd is read when all before it was.
type onEnd func()

func (f onEnd) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

func TestPackOpenConcurrently(t *testing.T) {
	t.Parallel()
	p, err := readPack(t, packOf(t, chains(t, ""), "--delta-base-offset"), git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { verify(t, p, false) })
	}
	wg.Wait()
	h := p.Hashes()[0]
	a, _ := p.Open(h)
	b, _ := p.Open(h)
	dataA, err1 := io.ReadAll(io.TeeReader(a, b2w{b}))
	if err1 != nil || len(dataA) == 0 {
		t.Fatal(err1)
	}
	a.Close()
	a.Close() // must not free what others use by now
	b.Close()
	if _, err := a.Read(make([]byte, 1)); err == nil {
		t.Error("reading after Close succeeds")
	}
	if _, err := p.Open(git.HashOf(make([]byte, 20))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown object: %v", err)
	}
	if _, _, err := p.Stat(git.Hash{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no object: %v", err)
	}
	if _, _, ok := p.Span(git.Hash{}); ok {
		t.Error("span of no object")
	}
}

// b2w reads as much of another reader as is written, and wants the same bytes.
type b2w struct{ r io.Reader }

func (b b2w) Write(p []byte) (int, error) {
	q := make([]byte, len(p))
	if _, err := io.ReadFull(b.r, q); err != nil || !bytes.Equal(p, q) {
		return 0, fmt.Errorf("differs: %v", err)
	}
	return len(p), nil
}

// blobChain is a pack of blobs of so many kB each, all but the first deltas to the one before, with what the blobs hold.
func blobChain(kB ...int) (pack []byte, texts []string) {
	entries, texts := blobsInChain(kB...)
	return craft(entries...), texts
}

func blobsInChain(kB ...int) (entries []packed, texts []string) {
	var lines strings.Builder
	for i := range kB[0] << 7 {
		fmt.Fprintf(&lines, "%07d\n", i)
	}
	text := lines.String()
	texts = append(texts, text)
	entries = append(entries, packed{kind: blobObject, data: text})
	for i, kB := range kB[1:] {
		own := fmt.Sprint("number ", i)
		next, instructions := []byte(own), []string{insertOf(own)}
		for len(next) < kB<<10 {
			n := min(len(text), kB<<10-len(next))
			next = append(next, text[:n]...)
			instructions = append(instructions, copyOf(0, n))
		}
		entries = append(entries, packed{kind: refDelta, head: raw(nameOf(blobObject, text)), data: deltaOf(len(text), len(next), instructions...)})
		text = string(next)
		texts = append(texts, text)
	}
	return entries, texts
}

// An instruction of a delta inserts up to 127 bytes, or copies from anywhere. Each is the last of its delta, too.
func TestReadPackInstructions(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 0x30000 / 8 {
		fmt.Fprintf(&text, "%07d\n", i)
	}
	base := text.String()
	entries, want := []packed{{kind: blobObject, data: base}}, []string{base}
	add := func(result string, instructions ...string) {
		entries = append(entries, packed{kind: refDelta, head: raw(nameOf(blobObject, base)), data: deltaOf(len(base), len(result), instructions...)})
		want = append(want, result)
	}
	for n := range 127 {
		insert := base[8 : 9+n]
		add(insert, insertOf(insert))
		add(insert+insert+base[:3]+insert, insertOf(insert), insertOf(insert), copyOf(0, 3), insertOf(insert))
	}
	for _, n := range []int{1, 0xff, 0x100, 0x101, 0xffff, 0x10000, 0x10001, 0x1ffff} {
		for _, offset := range []int{0, 1, 0xff, 0x100, 0x101, 0xffff, 0x10000, 0x10001} {
			part := base[offset : offset+n]
			add(part+"x"+part+part, copyOf(offset, n), insertOf("x"), copyOf(offset, n), copyOf(offset, n))
		}
	}
	p, err := readPack(t, craft(entries...), git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range want {
		if got := open(t, p, nameOf(blobObject, text)); string(got) != text {
			t.Errorf("a blob of %d bytes is another", len(text))
		}
	}
}

// What deltas make is used up, and made anew, while others read it.
func TestPackOpenLarge(t *testing.T) {
	t.Parallel()
	pack, texts := blobChain(999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008) // more than is kept
	whole, err := git.ReadPackWhole(t.Context(), bytes.NewReader(pack), false, git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	p, err := readPack(t, pack, git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var readers []io.ReadCloser
	for _, text := range texts {
		rc, err := p.Open(nameOf(blobObject, text))
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, rc)
	}
	var wg sync.WaitGroup
	for i, text := range texts {
		wg.Go(func() {
			for _, p := range []*git.Pack{whole, p} {
				if got := open(t, p, nameOf(blobObject, text)); string(got) != text {
					t.Errorf("blob %d is another", i)
				}
			}
			if got, err := io.ReadAll(readers[i]); string(got) != text {
				t.Errorf("blob %d became another: %v", i, err)
			}
			readers[i].Close()
			readers[i].Close() // must not free what others use by now
			if _, err := readers[i].Read(make([]byte, 1)); err == nil {
				t.Error("reading after Close succeeds")
			}
		})
	}
	wg.Wait()
}

// Deltas make what they make in the memory of what was made before.
func TestReadPackGarbage(t *testing.T) {
	if raceEnabled {
		t.Skip("what is to be used again is dropped at random")
	}
	pack, _ := blobChain(slices.Repeat([]int{1000}, 60)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readPack(t, pack, git.Limits{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 20 {
		t.Errorf("a pack of 60 MiB took %d MiB, of which 8 are kept at a time", got)
	}
}

// chain is a pack of ref-deltas, each to the one before.
func chain(n int) []byte {
	text := "base"
	entries := []packed{{kind: blobObject, data: text}}
	for range n {
		next := text + "x"
		entries = append(entries, packed{kind: refDelta, head: raw(nameOf(blobObject, text)),
			data: deltaOf(len(text), len(next), copyOf(0, len(text)), insertOf("x"))})
		text = next
	}
	return craft(entries...)
}

func TestReadPackHostile(t *testing.T) {
	t.Parallel()
	const text = "some text to make deltas to\n"
	base := packed{kind: blobObject, data: text}
	baseName := raw(nameOf(blobObject, text))
	toBase := func(delta string) []byte { return craft(base, packed{kind: refDelta, head: baseName, data: delta}) }
	ofs := func(n int64) []byte {
		return craft(base, packed{kind: ofsDelta, head: distance(n), data: deltaOf(len(text), 1, insertOf("x"))})
	}
	good := craft(base)
	badSum := bytes.Clone(good)
	badSum[len(badSum)-1] ^= 1
	zeros := strings.Repeat("\x00", 1<<20)
	x, y := "0123456789012345678x", "0123456789012345678y"
	for _, tt := range []struct {
		name   string
		pack   []byte
		limits git.Limits
		want   string
	}{
		{"empty", nil, git.Limits{}, "the connection ended"},
		{"short head", good[:7], git.Limits{}, "the connection ended"},
		{"magic", append([]byte("KCAP"), good[4:]...), git.Limits{}, "no pack of version"},
		{"version", sealed([]byte("PACK\x00\x00\x00\x04\x00\x00\x00\x00")), git.Limits{}, "no pack of version"},
		{"checksum", badSum, git.Limits{}, "checksum"},
		{"no checksum", good[:len(good)-20], git.Limits{}, "the connection ended"},
		{"more objects than said", sealed(append(packHead(1), bytes.Repeat(base.bytes(), 2)...)), git.Limits{}, "checksum"},
		{"fewer objects than said", sealed(append(packHead(2), base.bytes()...)), git.Limits{}, ""},
		{"trailing byte", append(bytes.Clone(good), 0), git.Limits{}, "more after the pack's end"},
		{"trailing much", append(bytes.Clone(good), make([]byte, 100<<10)...), git.Limits{}, "more after the pack's end"},
		{"type 0", craft(packed{kind: 0, data: "x"}), git.Limits{}, "unknown object type 0"},
		{"type 5", craft(packed{kind: 5, data: "x"}), git.Limits{}, "unknown object type 5"},
		{"endless size", sealed(append(packHead(1), bytes.Repeat([]byte{0xff}, 30)...)), git.Limits{}, "size of an object"},
		{"negative size", sealed(append(packHead(1), entryHead(blobObject, 1<<63)...)), git.Limits{}, "size of an object"},
		{"larger than said", craft(packed{kind: blobObject, size: 3, data: "four"}), git.Limits{}, "not the size 3"},
		{"larger than nothing", craft(packed{kind: blobObject, size: -1, data: "four"}), git.Limits{}, "not the size 0"},
		{"smaller than said", craft(packed{kind: blobObject, size: 5, data: "four"}), git.Limits{}, "not the size 5"},
		{"no zlib", sealed(append(append(packHead(1), entryHead(blobObject, 4)...), "nonsense"...)), git.Limits{}, "zlib"},
		{"adler", sealed(append(packHead(1), wrongAdler(base.bytes())...)), git.Limits{}, "zlib: invalid checksum"},
		{"object over limit", craft(packed{kind: blobObject, data: "12345678901"}), git.Limits{Object: 10}, "11 bytes, more than 10"},
		{"says to be over limit", craft(packed{kind: blobObject, size: 1 << 40, data: "x"}), git.Limits{}, "more than"},
		{"count over limit", sealed(packHead(11)), git.Limits{Objects: 10}, "11 objects, more than 10"},
		{"count of 4 G", sealed(packHead(0xffffffff)), git.Limits{}, "4294967295 objects"},
		{"pack over limit", craft(packed{kind: blobObject, data: zeros, stored: true}), git.Limits{PackBytes: 1 << 16}, "larger than 65536 bytes"},
		{"inflates to too much", craft(packed{kind: blobObject, data: zeros}, packed{kind: blobObject, data: zeros + "1"}), git.Limits{Inflated: 2 << 20}, "holds more than 2097152 bytes"},
		{"inflates beyond what it says", craft(packed{kind: blobObject, size: 10, data: zeros}), git.Limits{}, "not the size 10"},
		{"deltas make too much", craft(append([]packed{{kind: blobObject, data: zeros}}, bombs(zeros, 20)...)...), git.Limits{Inflated: 8 << 20}, "holds more than"},
		{"delta over limit", toBase(deltaOf(len(text), 200, insertOf(strings.Repeat("x", 100)), insertOf(strings.Repeat("x", 100)))), git.Limits{Delta: 100}, "a delta in the host's pack has"},
		{"delta makes more than limit", toBase(deltaOf(len(text), 1<<40, copyOf(0, 1))), git.Limits{}, "makes 1099511627776 bytes"},
		{"delta to more than limit", toBase(deltaOf(len(text), 1, copyOf(0, 1))), git.Limits{Delta: 20}, "delta to an object of"},
		{"base unknown", craft(packed{kind: refDelta, head: baseName, data: deltaOf(len(text), 1, copyOf(0, 1))}), git.Limits{}, "1 deltas whose base"},
		{"each other's base", craft(base,
			packed{kind: refDelta, head: x, data: deltaOf(20, 20, copyOf(0, 20))},
			packed{kind: refDelta, head: y, data: deltaOf(20, 20, copyOf(0, 20))}), git.Limits{}, "2 deltas whose base"},
		{"loop beside a chain", craft(base,
			packed{kind: refDelta, head: baseName, data: deltaOf(len(text), 1, copyOf(0, 1))},
			packed{kind: ofsDelta, head: distance(refEntry(baseName, deltaOf(len(text), 1, copyOf(0, 1)))), data: deltaOf(1, 2, copyOf(0, 1), insertOf("z"))},
			packed{kind: refDelta, head: x, data: deltaOf(20, 20, copyOf(0, 20))}), git.Limits{}, "1 deltas whose base"},
		{"own base", craft(packed{kind: ofsDelta, head: distance(0), data: deltaOf(20, 20, copyOf(0, 20))}), git.Limits{}, "no object begins"},
		{"before the start", ofs(1000), git.Limits{}, "no object begins"},
		{"in the header", ofs(int64(len(base.bytes()) + 5)), git.Limits{}, "no object begins"},
		{"within an object", ofs(3), git.Limits{}, "no object begins"},
		{"endless distance", sealed(append(packHead(1), append([]byte{0x61}, bytes.Repeat([]byte{0xff}, 30)...)...)), git.Limits{}, "distance"},
		{"chain too long", chain(11), git.Limits{Depth: 10}, "chain of more than 10"},
		{"base of another size", toBase(deltaOf(len(text)+1, 1, copyOf(0, 1))), git.Limits{}, "its base has"},
		{"empty delta", toBase(""), git.Limits{}, "size in a delta"},
		{"delta without result", toBase("\x1c"), git.Limits{}, "size in a delta"},
		{"endless delta size", toBase(strings.Repeat("\xff", 40)), git.Limits{}, "size in a delta"},
		{"cut insert", toBase(deltaOf(len(text), 5, "\x05abc")), git.Limits{}, "instruction 5"},
		{"cut copy", toBase(deltaOf(len(text), 5, "\xff\x00\x00")), git.Limits{}, "ends within an instruction"},
		{"instruction 0", toBase(deltaOf(len(text), 5, "\x00")), git.Limits{}, "instruction 0"},
		{"copy beyond", toBase(deltaOf(len(text), 5, copyOf(len(text)-4, 5))), git.Limits{}, "beyond its base"},
		{"copy far beyond", toBase(deltaOf(len(text), 5, copyOf(0xffffffff, 0xffffff))), git.Limits{}, "beyond its base"},
		{"copy of 64 K", toBase(deltaOf(len(text), 5, "\x80")), git.Limits{}, "beyond its base"},
		{"makes more", toBase(deltaOf(len(text), 3, copyOf(0, 4))), git.Limits{}, "more bytes than it says"},
		{"makes fewer", toBase(deltaOf(len(text), 5, copyOf(0, 4))), git.Limits{}, "fewer bytes than it says"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// By the whole way that it comes: what is said to the caller is the host's fault.
			repo, _ := serve(t, fake{fetch: say(bands(tt.pack))}, tt.limits)
			s, err := repo.Snapshot(t.Context(), nameOf(blobObject, text), "")
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			var e *git.Error
			if !errors.As(err, &e) || e.Kind != git.Broken || e.Repo != repo.Name() || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%T %v, want %q", err, err, tt.want)
			}
		})
	}
}

func wrongAdler(entry []byte) []byte {
	entry[len(entry)-1] ^= 1
	return entry
}

// refEntry is the length of an entry.
func refEntry(base, data string) int64 {
	return int64(len(packed{kind: refDelta, head: base, data: data}.bytes()))
}

// bombs are small deltas that make large objects.
func bombs(base string, n int) (entries []packed) {
	for i := range n {
		entries = append(entries, packed{kind: refDelta, head: raw(nameOf(blobObject, base)),
			data: deltaOf(len(base), len(base)+1, copyOf(0, len(base)), insertOf(string(rune('a'+i))))})
	}
	return entries
}

func TestReadPackUnusual(t *testing.T) {
	t.Parallel()
	const text = "text\n"
	name := raw(nameOf(blobObject, text))
	toX := packed{kind: refDelta, head: name, data: deltaOf(5, 6, copyOf(0, 5), insertOf("x"))}
	toXY := packed{kind: refDelta, head: raw(nameOf(blobObject, text+"x")), data: deltaOf(6, 7, copyOf(0, 6), insertOf("y"))}
	base := packed{kind: blobObject, data: text}
	empty := packed{kind: treeObject}
	version3 := craft(base)
	version3[7] = 3
	for _, tt := range []struct {
		name    string
		pack    []byte
		objects []string
	}{
		{"nothing", craft(), nil},
		{"version 3", sealed(version3[:len(version3)-20]), []string{text}},
		{"bases after their deltas", craft(toXY, toX, base), []string{text, text + "x", text + "xy"}},
		{"an object twice", craft(base, toX, base, toX), []string{text, text + "x"}},
		{"delta to what a delta makes", craft(base, toX, toXY), []string{text, text + "x", text + "xy"}},
		{"empty blob", craft(packed{kind: blobObject}), []string{""}},
		{"delta that makes nothing", craft(base, packed{kind: refDelta, head: name, data: deltaOf(5, 0)}), []string{text, ""}},
		{"chain", chain(500), []string{"base", "base" + strings.Repeat("x", 500)}},
		{"empty tree", craft(empty, base), []string{text}},
		{"copy without a size", craft(packed{kind: blobObject, data: strings.Repeat("x", 70000)}, packed{kind: refDelta,
			head: raw(nameOf(blobObject, strings.Repeat("x", 70000))), data: deltaOf(70000, 65536, "\x80")}), []string{strings.Repeat("x", 65536)}},
		{"large", craft(packed{kind: blobObject, data: strings.Repeat(text, 1<<20)}), []string{strings.Repeat(text, 1<<20)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := readPack(t, tt.pack, git.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			verify(t, p, false)
			for _, want := range tt.objects {
				if got := open(t, p, nameOf(blobObject, want)); string(got) != want {
					t.Errorf("got %.20q, want %.20q", got, want)
				}
			}
		})
	}
}

// TestReadPackWork wants time that grows with the pack, not with its square: each delta is to be resolved once.
func TestReadPackWork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	t.Parallel()
	pack := chain(1000)
	start := time.Now()
	p, err := readPack(t, pack, git.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("1000 deltas took %v", d)
	}
	if p.Len() != 1001 {
		t.Error(p.Len())
	}
}

// raceEnabled is set by race_test.go.
var raceEnabled bool

// TestReadPackThrash: a comb of deltas to something large, by which whatever is needed next has just been forgotten.
func TestReadPackThrash(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("copies gigabytes")
	}
	t.Parallel()
	text := strings.Repeat("\x00", 9<<20)
	delta := func(base, more string) packed {
		return packed{kind: refDelta, head: raw(nameOf(blobObject, base)), data: deltaOf(len(base), len(base)+len(more),
			copyOf(0, 8<<20), copyOf(8<<20, len(base)-8<<20), insertOf(more))}
	}
	entries := []packed{{kind: blobObject, data: text}}
	for range 20 {
		entries = append(entries, delta(text, "tooth"), delta(text, "x"))
		text += "x"
	}
	pack := craft(entries...)
	if len(pack) > 20_000 {
		t.Errorf("%d bytes", len(pack))
	}
	_, err := readPack(t, pack, git.Limits{Inflated: 9 * 42 << 20})
	var e *git.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "more work") {
		t.Error(err)
	}
}

func TestReadPackCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	pack := chain(100)
	_, err := git.ReadPack(ctx, &cancelAtEnd{bytes.NewReader(pack), cancel}, false, git.Limits{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("resolving goes on after the caller has left: %v", err)
	}
}

type cancelAtEnd struct {
	r      io.Reader
	cancel func()
}

func (c *cancelAtEnd) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err == io.EOF {
		c.cancel()
	}
	return n, err
}

// TestReadPackDisk: a fault of the local disk is no *git.Error, and says where.
func TestReadPackDisk(t *testing.T) {
	pack := craft(packed{kind: blobObject, data: strings.Repeat("0123456789", 1<<16), stored: true})
	for name, dir := range map[string]string{"absent": filepath.Join(t.TempDir(), "absent"), "file": file(t), "full": tinyDir(t)} {
		t.Run(name, func(t *testing.T) {
			if dir == "" {
				t.Skip("needs to mount a file system")
			}
			t.Setenv("TMPDIR", dir)
			repo, _ := serve(t, fake{fetch: say(bands(pack))}, git.Limits{})
			_, err := repo.Snapshot(t.Context(), nameOf(blobObject, "x"), "")
			var e *git.Error
			if err == nil || errors.As(err, &e) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%T %v", err, err)
			}
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("%d files left", len(entries))
			}
		})
	}
}

func file(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// tinyDir is a file system of 64 KiB, or empty where there is no making one.
func tinyDir(t *testing.T) string {
	dir := t.TempDir()
	if exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).Run() != nil {
		return ""
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	return dir
}
