package bucket_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

// noise is content of some size that is nowhere: it can only be read from its start.
type noise struct {
	size, at int64
	rnd      *rand.ChaCha8
}

func (n *noise) Seek(offset int64, whence int) (int64, error) {
	switch {
	case offset == 0 && whence == io.SeekStart:
		n.at, n.rnd = 0, rand.NewChaCha8([32]byte{1})
	case offset == 0 && whence == io.SeekEnd:
		n.at = n.size
	default:
		return 0, errors.New("no such seeking")
	}
	return n.at, nil
}

func (n *noise) Read(p []byte) (int, error) {
	if n.at == n.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), n.size-n.at)]
	n.rnd.Read(p)
	n.at += int64(len(p))
	return len(p), nil
}

// heap is how many bytes objects take.
func heap() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// peak gives by how much the heap grows while something happens.
func peak(do func()) int64 {
	runtime.GC()
	start, most := heap(), int64(0)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			most = max(most, heap()-start)
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	do()
	close(stop)
	wg.Wait()
	return most
}

// TestLarge moves more than may be held in memory, both ways.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 500 MB")
	}
	srv := server(t)
	s := open(t, srv.URL())
	const size, bound = 250 * mb, 100 * mb
	content := &noise{size: size}
	content.Seek(0, io.SeekStart)
	h := sha256.New()
	if _, err := io.Copy(h, content); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", h.Sum(nil))
	put := peak(func() {
		if err := s.Put(t.Context(), zipFile, content); err != nil {
			t.Fatal(err)
		}
	})
	h.Reset()
	get := peak(func() {
		r, err := s.Get(t.Context(), zipFile)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.Copy(h, r); err != nil {
			t.Fatal(err)
		}
	})
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("%s came back as %s", want, got)
	}
	t.Logf("of %d MB, Put holds up to %d MB and Get %d MB", size/mb, put/mb, get/mb)
	if put > bound || get > bound {
		t.Errorf("want no more than %d MB", bound/mb)
	}

	// Many at the same time take turns.
	many := peak(func() {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				name := fmt.Sprintf("go.acme.dev/many/@v/v1.%d.0.zip", i)
				if err := s.Put(t.Context(), name, &noise{size: 20 * mb}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	t.Logf("16 of 20 MB at the same time hold up to %d MB", many/mb)
	if many > 250*mb {
		t.Errorf("want no more than 250 MB")
	}
}
