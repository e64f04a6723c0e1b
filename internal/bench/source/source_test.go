package source_test

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/vanity/internal/bench/source"
)

// text is a file from a seed.
func text(seed uint64, size, words int) string {
	w := source.New(rand.New(rand.NewPCG(seed, 0)))
	w.NewFile(words)
	return source.Fill(w.Header("tool")+strings.Join(w.Declarations(size), ""), "Client")
}

func TestSame(t *testing.T) {
	got, again, other := text(1, 10_000, 0), text(1, 10_000, 0), text(2, 10_000, 0)
	if got != again {
		t.Error("two texts from one seed differ")
	}
	if got == other {
		t.Error("two seeds give one text")
	}
	if strings.Contains(got, source.Subject) || len(got) < 10_000 {
		t.Errorf("the text has %d bytes, or no subject filled in", len(got))
	}
}

// TestRatio wants texts to be compressed as source is.
func TestRatio(t *testing.T) {
	for _, tt := range []struct {
		size, words int
		low, high   float64
	}{
		{4000, 0, 2.5, 4}, {16_000, 0, 3.5, 5.5}, {200_000, 0, 5, 8}, {4000, 3, 3.5, 6},
	} {
		var in int
		var out bytes.Buffer
		for seed := range uint64(20) {
			w, err := flate.NewWriter(&out, flate.DefaultCompression)
			if err != nil {
				t.Fatal(err)
			}
			s := text(seed, tt.size, tt.words)
			in += len(s)
			w.Write([]byte(s))
			w.Close()
		}
		if ratio := float64(in) / float64(out.Len()); ratio < tt.low || ratio > tt.high {
			t.Errorf("texts of %d bytes from %d words shrink to 1/%.2f, want between 1/%g and 1/%g", tt.size, tt.words, ratio, tt.low, tt.high)
		}
	}
}

func TestSize(t *testing.T) {
	w := source.New(rand.New(rand.NewPCG(1, 0)))
	sum := 0
	for range 10_000 {
		sum += w.Size(5000)
	}
	if mean := sum / 10_000; mean < 4800 || mean > 5200 {
		t.Errorf("sizes with a mean of 5000 have one of %d", mean)
	}
}
