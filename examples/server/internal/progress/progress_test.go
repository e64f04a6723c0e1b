package progress_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/examples/server/internal/progress"
)

// safe is a buffer for a Meter that goes on writing.
type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safe) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.b.String()
	s.b.Reset()
	return text
}

// work has the time of a bubble, which stands still while somebody is at work.
func work(m *progress.Meter, out *safe) (text []string) {
	m.Total(3)
	m.Begin("go.acme.dev/tool@v1.0.0")
	m.Bytes(1500)
	m.Done()
	time.Sleep(10*time.Second + time.Millisecond)
	synctest.Wait()
	text = append(text, out.take())
	m.Printf("go.acme.dev/tool@v1.1.0: %s", "not\x1b[2J\nfound")
	text = append(text, out.take())
	io.WriteString(m, "12345")
	m.Done()
	m.Close()
	m.Close()
	time.Sleep(time.Minute)
	synctest.Wait()
	return append(text, out.take())
}

func TestPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out safe
		got := work(progress.Start(progress.Options{Out: &out}), &out)
		want := []string{"1 of 3 versions, 1.5 kB, 150 B/s\n", "go.acme.dev/tool@v1.1.0: not[2J found\n", ""}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%d: %q; want %q", i, got[i], want[i])
			}
		}
	})
}

func TestTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out safe
		const clear = "\r\x1b[K"
		got := work(progress.Start(progress.Options{Out: &out, Terminal: true, Width: func() int { return 50 }, Unit: "files"}), &out)
		line := "1 of 3 files, 1.5 kB, 150 B/s  go.acme.dev/tool@…"
		if n := len([]rune(line)); n != 49 {
			t.Fatalf("the test's line has %d columns", n)
		}
		drawn := strings.Split(got[0], clear)
		if last := drawn[len(drawn)-1]; drawn[0] != "" || last != line {
			t.Errorf("%q; want %q", last, line)
		}
		if !strings.HasPrefix(got[1], clear+"go.acme.dev/tool@v1.1.0: not[2J found\n"+clear+"1 of 3 files") {
			t.Errorf("%q", got[1])
		}
		if got[2] != clear {
			t.Errorf("after Close: %q", got[2])
		}
	})
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 12_345_678: "12.3 MB", 1 << 62: "4.6 EB",
	} {
		if got := progress.Size(n); got != want {
			t.Errorf("%d: %q; want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range []string{"0 versions", "1 version", "2 versions"} {
		if got := progress.Count(n, "version"); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}

func TestFor(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if o := progress.For(f); o.Terminal || o.Out != io.Writer(f) || o.Width() != 0 {
		t.Errorf("%+v", o)
	}
	progress.Start(progress.Options{}).Close()
}
