package deflate_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"

	"example.com/vanity/internal/deflate"
)

// contents are of all sizes: empty, small, one that is more than may be under way, and many.
func contents() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	all := [][]byte{nil, []byte("x"), bytes.Repeat([]byte("large "), 3<<19)}
	for i := range 60 {
		b := make([]byte, r.IntN(50_000))
		for j := range b {
			b[j] = byte(r.IntN(1 + i))
		}
		all = append(all, b)
	}
	return all
}

func TestBatch(t *testing.T) {
	t.Parallel()
	var b deflate.Batch
	defer b.Close()
	all := contents()
	spans := make([]deflate.Span, len(all))
	calls := 0 // one at a time
	for i, data := range all {
		if i%10 == 0 {
			var size int64
			var err error
			spans[i], size, err = b.Stream(func(w io.Writer) error {
				_, err := io.Copy(w, iotest.HalfReader(bytes.NewReader(data)))
				return err
			})
			if calls++; err != nil || size != int64(len(data)) {
				t.Fatalf("streamed %d bytes of %d: %v", size, len(data), err)
			}
			continue
		}
		if err := b.Add(data, func(s deflate.Span) { spans[i] = s; calls++ }); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Wait(); err != nil {
		t.Fatal(err)
	}
	if calls != len(all) {
		t.Fatalf("%d of %d are done", calls, len(all))
	}
	var total int64
	for i, data := range all {
		zr, err := zlib.NewReader(b.Section(spans[i]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(zr)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("content %d: %d bytes, want %d; %v", i, len(got), len(data), err)
		}
		raw, err := io.ReadAll(flate.NewReader(deflate.Raw(b.Section(spans[i]))))
		if err != nil || !bytes.Equal(raw, data) {
			t.Errorf("content %d without zlib's header: %d bytes, want %d; %v", i, len(raw), len(data), err)
		}
		if want := crc32.ChecksumIEEE(data); spans[i].CRC != want {
			t.Errorf("content %d: checksum %x, want %x", i, spans[i].CRC, want)
		}
		total += spans[i].End - spans[i].Start
	}
	if b.Size() != total {
		t.Errorf("%d bytes, the contents have %d", b.Size(), total)
	}
}

// What the writer of a content fails with comes back.
func TestStreamFault(t *testing.T) {
	var b deflate.Batch
	defer b.Close()
	fault := errors.New("no more")
	_, _, err := b.Stream(func(w io.Writer) error {
		io.WriteString(w, "some")
		return fault
	})
	if err != fault {
		t.Errorf("error %v", err)
	}
}

func TestBatchDiskFault(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("there is no disk to fail")
	}
	t.Setenv("TMPDIR", t.TempDir()+"/gone")
	var b deflate.Batch
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	done := 0
	if err := b.Add(noise, func(deflate.Span) { done++ }); err != nil {
		t.Fatal(err)
	}
	err := b.Wait()
	if err == nil || done != 1 {
		t.Fatalf("error %v, %d done", err, done)
	}
	if again := b.Add(nil, func(deflate.Span) { done++ }); again != err || done != 1 {
		t.Errorf("added after %v: %v", err, again)
	}
	if _, _, again := b.Stream(func(io.Writer) error { done++; return nil }); again != err || done != 1 {
		t.Errorf("streamed after %v: %v", err, again)
	}
	var other deflate.Batch
	defer other.Close()
	if _, _, err := other.Stream(func(w io.Writer) error { _, err := w.Write(noise); return err }); err == nil {
		t.Error("streamed without a disk")
	}
	b.Close()
}

func BenchmarkBatch(b *testing.B) {
	for _, size := range []int{1 << 10, 10 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			text := bytes.Repeat([]byte("func (b *Batch) Add(data []byte, done func(Span)) error {\n\treturn nil\n}\n"), size/70)
			r := rand.New(rand.NewPCG(1, 2))
			for range len(text) / 20 {
				text[r.IntN(len(text))] = byte('a' + r.IntN(26))
			}
			b.SetBytes(int64(len(text)) * 100)
			b.ReportAllocs()
			for b.Loop() {
				var batch deflate.Batch
				for range 100 {
					if err := batch.Add(text, func(deflate.Span) {}); err != nil {
						b.Fatal(err)
					}
				}
				if err := batch.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
