package modstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/vanity/internal/modstore"
)

type produce = func(context.Context, io.Writer) error

// text makes a fixed answer.
func text(s string) produce {
	return func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// unwanted fails the test if it is run.
func unwanted(t *testing.T) produce {
	return func(context.Context, io.Writer) error {
		t.Error("an answer that is kept was made again")
		return nil
	}
}

// get closes what it reads.
func get(t *testing.T, s *modstore.Store, name string, fresh time.Duration, p produce) (string, error) {
	t.Helper()
	c, err := s.Get(t.Context(), name, fresh, p)
	if err != nil {
		if c != nil {
			t.Errorf("Get(%s) gives content beside the error %v", name, err)
		}
		return "", err
	}
	defer c.Close()
	return read(t, c), nil
}

func read(t *testing.T, c *modstore.Content) string {
	t.Helper()
	data, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	if sum := sha256.Sum256(data); c.Sum() != hex.EncodeToString(sum[:]) {
		t.Errorf("Sum is %s, the bytes' is %x", c.Sum(), sum)
	}
	if c.Size() != int64(len(data)) {
		t.Errorf("Size is %d, there are %d bytes", c.Size(), len(data))
	}
	return string(data)
}

func want(t *testing.T, s *modstore.Store, name string, fresh time.Duration, p produce, answer string) {
	t.Helper()
	if got, err := get(t, s, name, fresh, p); err != nil || got != answer {
		t.Errorf("Get(%s) = %.40q, %v; want %.40q", name, got, err, answer)
	}
}

// spools are the temporary files that this process has open, and those that have a name.
func spools(t *testing.T) int {
	t.Helper()
	named, err := filepath.Glob(filepath.Join(os.TempDir(), "vanity-*"))
	if err != nil {
		t.Fatal(err)
	}
	n := len(named)
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, _ := os.Readlink(link); strings.HasPrefix(target, filepath.Join(os.TempDir(), "vanity-")) {
			n++
		}
	}
	return n
}

// ownTempDir keeps the spools of a test apart from those of other processes.
func ownTempDir(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if os.Getenv("TMPDIR") != os.TempDir() {
		t.Skip("temporary files can't be told apart here")
	}
}

func TestFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s modstore.Store
		want(t, &s, "a", time.Minute, text("one"), "one")
		want(t, &s, "a", time.Minute, unwanted(t), "one")
		want(t, &s, "b", time.Minute, text(""), "")
		want(t, &s, "b", time.Minute, unwanted(t), "")
		time.Sleep(time.Minute - time.Nanosecond)
		want(t, &s, "a", time.Minute, unwanted(t), "one")
		time.Sleep(time.Nanosecond)
		want(t, &s, "a", modstore.Forever, unwanted(t), "one")
		want(t, &s, "a", time.Minute, text("two"), "two")
		want(t, &s, "a", time.Minute, unwanted(t), "two")
		want(t, &s, "a", 0, text("three"), "three")
		time.Sleep(100 * 365 * 24 * time.Hour)
		want(t, &s, "a", modstore.Forever, unwanted(t), "three")
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	var s modstore.Store
	broken := errors.New("broken")
	_, err := get(t, &s, "a", modstore.Forever, func(_ context.Context, w io.Writer) error {
		io.WriteString(w, "half an answ")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want what produce returned", err)
	}
	want(t, &s, "a", modstore.Forever, text("whole"), "whole")

	// A stale answer is not given in the place of an error, and survives it for those who take it.
	if _, err := get(t, &s, "a", 0, func(context.Context, io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want what produce returned", err)
	}
	want(t, &s, "a", modstore.Forever, unwanted(t), "whole")
}

func TestPanicIsAnError(t *testing.T) {
	var s modstore.Store
	_, err := get(t, &s, "a", modstore.Forever, func(context.Context, io.Writer) error { panic("ouch") })
	if err == nil || !strings.Contains(err.Error(), "panic: ouch") || !strings.Contains(err.Error(), "modstore_test.go") {
		t.Errorf("got %v, want the panic and where it was", err)
	}
	_, err = get(t, &s, "a", modstore.Forever, func(context.Context, io.Writer) error { runtime.Goexit(); return nil })
	if err == nil {
		t.Error("runtime.Goexit makes an answer")
	}
	want(t, &s, "a", modstore.Forever, text("well"), "well")
}

// An error of the disk must not become a shorter answer.
func TestWriteError(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	if _, err := os.CreateTemp("", ""); err == nil {
		t.Skip("the directory of temporary files can't be set here")
	}
	var s modstore.Store
	careless := func(_ context.Context, w io.Writer) error {
		io.WriteString(w, "small; ")
		w.Write(make([]byte, 1<<20)) // to a file
		io.WriteString(w, "small again")
		return nil
	}
	if _, err := get(t, &s, "a", modstore.Forever, careless); err == nil || !strings.Contains(err.Error(), "spooling") {
		t.Errorf("got %v, want the error of the disk", err)
	}
}

type outcome struct {
	text string
	err  error
}

// ask is a caller in a goroutine of its own.
func ask(t *testing.T, ctx context.Context, s *modstore.Store, name string, p produce) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		c, err := s.Get(ctx, name, modstore.Forever, p)
		if err != nil {
			done <- outcome{"", err}
			return
		}
		defer c.Close()
		done <- outcome{read(t, c), nil}
	}()
	return done
}

// A maker is a produce that waits until it is told to end.
type maker struct {
	runs      atomic.Int32
	cancelled atomic.Int32
	release   chan struct{}
}

func (m *maker) produce(ctx context.Context, w io.Writer) error {
	n := m.runs.Add(1)
	select {
	case <-m.release:
	case <-ctx.Done():
		m.cancelled.Add(1)
		return ctx.Err()
	}
	_, err := fmt.Fprintf(w, "run %d", n)
	return err
}

func TestOneRunForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s modstore.Store
		m := &maker{release: make(chan struct{})}
		var callers []<-chan outcome
		for range 20 {
			callers = append(callers, ask(t, t.Context(), &s, "a", m.produce))
		}
		other := ask(t, t.Context(), &s, "b", text("other"))
		if got := <-other; got.text != "other" {
			t.Errorf("another name waits, or gets %v", got)
		}
		synctest.Wait()
		close(m.release)
		for _, c := range callers {
			if got := <-c; got.text != "run 1" {
				t.Errorf("got %v", got)
			}
		}
		want(t, &s, "a", modstore.Forever, unwanted(t), "run 1")
	})
}

type key struct{}

func TestFirstCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s modstore.Store
		m := &maker{release: make(chan struct{})}
		value := make(chan any, 1)
		first, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "first's"), time.Second)
		defer cancel()
		leaver := ask(t, first, &s, "a", func(ctx context.Context, w io.Writer) error {
			value <- ctx.Value(key{})
			return m.produce(ctx, w)
		})
		synctest.Wait()
		stayer := ask(t, t.Context(), &s, "a", unwanted(t))
		if got := <-leaver; !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("the first got %v", got)
		}
		time.Sleep(time.Hour) // neither its deadline nor its departure matter
		close(m.release)
		if got := <-stayer; got.text != "run 1" {
			t.Errorf("the second got %v", got)
		}
		if got := <-value; got != "first's" {
			t.Errorf("the context's value is %v", got)
		}
	})
}

func TestLastCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s modstore.Store
		m := &maker{release: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		callers := []<-chan outcome{ask(t, ctx, &s, "a", m.produce), ask(t, ctx, &s, "a", m.produce)}
		synctest.Wait()
		cancel()
		for _, c := range callers {
			if got := <-c; !errors.Is(got.err, context.Canceled) {
				t.Errorf("got %v", got)
			}
		}
		synctest.Wait()
		if n := m.cancelled.Load(); n != 1 {
			t.Errorf("%d runs were cancelled, want 1", n)
		}
		want(t, &s, "a", modstore.Forever, text("anew"), "anew")
	})
}

// An answer that comes although nobody waits for it any more must not push out what was made since.
func TestAbandonedAnswerComesLate(t *testing.T) {
	ownTempDir(t)
	synctest.Test(t, func(t *testing.T) {
		var s modstore.Store
		ctx, cancel := context.WithCancel(t.Context())
		abandoned := ask(t, ctx, &s, "a", func(_ context.Context, w io.Writer) error {
			time.Sleep(time.Hour) // it doesn't listen
			_, err := w.Write(make([]byte, 1<<20))
			return err
		})
		synctest.Wait()
		cancel()
		<-abandoned
		want(t, &s, "a", modstore.Forever, text("newer"), "newer")
		time.Sleep(2 * time.Hour)
		want(t, &s, "a", modstore.Forever, unwanted(t), "newer")
		if n := spools(t); n != 0 {
			t.Errorf("%d files are left", n)
		}
	})
}

func TestDeadCaller(t *testing.T) {
	var s modstore.Store
	want(t, &s, "kept", modstore.Forever, text("kept"), "kept")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := <-ask(t, ctx, &s, "a", unwanted(t)); !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v", got)
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := modstore.Store{Timeout: time.Minute}
		m := &maker{}
		start := time.Now()
		if _, err := get(t, &s, "a", modstore.Forever, m.produce); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("it took %v", d)
		}
		want(t, &s, "a", modstore.Forever, text("quick"), "quick")
	})
}

// sized makes an answer of n bytes.
func sized(n int, fill byte) produce {
	chunk := bytes.Repeat([]byte{fill}, min(n, 128*kib))
	return func(_ context.Context, w io.Writer) error {
		for n := n; n > 0; n -= len(chunk) {
			if _, err := w.Write(chunk[:min(n, len(chunk))]); err != nil {
				return err
			}
		}
		return nil
	}
}

func keep(t *testing.T, s *modstore.Store, name string, p produce) {
	t.Helper()
	c, err := s.Get(t.Context(), name, modstore.Forever, p)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func isKept(t *testing.T, s *modstore.Store, name string) bool {
	t.Helper()
	probe := errors.New("not kept")
	c, err := s.Get(t.Context(), name, modstore.Forever, func(context.Context, io.Writer) error { return probe })
	if err == nil {
		c.Close()
	}
	return !errors.Is(err, probe)
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestBounds(t *testing.T) {
	var s modstore.Store
	checkKept := func(want bool, names ...int) {
		t.Helper()
		for _, i := range names {
			if got := isKept(t, &s, fmt.Sprint(i)); got != want {
				t.Errorf("%d kept: %v, want %v", i, got, want)
			}
		}
	}
	for i := range 382 { // 48 MiB, less two entries, with what they take besides their bytes
		keep(t, &s, fmt.Sprint(i), sized(128*kib, 'x'))
	}
	checkKept(true, 381, 0) // and 1 is now the one used least
	keep(t, &s, "382", sized(100*kib, 'x'))
	checkKept(false, 1)
	checkKept(true, 0, 2, 382)

	// One that is too large is given, not kept, and pushes nothing out but the older one of its name.
	large := strings.Repeat("x", 16*mib+1)
	want(t, &s, "large", modstore.Forever, sized(len(large), 'x'), large)
	if _, err := get(t, &s, "382", 0, sized(len(large), 'x')); err != nil {
		t.Fatal(err)
	}
	checkKept(false, 382)
	checkKept(true, 3, 0, 381)
	if isKept(t, &s, "large") {
		t.Error("the large one is kept")
	}

	// Replacing one again and again costs once.
	for range 20 {
		if _, err := get(t, &s, "3", 0, sized(128*kib, 'z')); err != nil {
			t.Fatal(err)
		}
	}
	checkKept(true, 4, 5, 6, 0, 381)

	// The largest that is kept takes the place of as many as it must.
	keep(t, &s, "largest", sized(16*mib, 'x'))
	checkKept(true, 381, 3, 0)
	checkKept(false, 7, 100)
	if !isKept(t, &s, "largest") {
		t.Error("the largest isn't kept")
	}

	// Small answers have a room of their own: however much else there is, the first of them stays.
	keep(t, &s, "small", sized(kib, 'x'))
	for i := range 800 {
		keep(t, &s, fmt.Sprint("more", i), sized(128*kib, 'x'))
	}
	checkKept(false, 0, 3, 381)
	if !isKept(t, &s, "small") {
		t.Error("the small one isn't kept")
	}
}

// Small answers are bounded, too, by what they take besides their bytes.
func TestBoundOfSmallOnes(t *testing.T) {
	var s modstore.Store
	long := strings.Repeat("n", mib)
	for i := range 70 {
		keep(t, &s, fmt.Sprint(i, long), text(""))
	}
	if isKept(t, &s, fmt.Sprint(0, long)) {
		t.Error("70 MiB of names are kept")
	}
}

// What is being read stays, whatever the store does, and goes with its last reader.
func TestReaderOutlivesEntry(t *testing.T) {
	ownTempDir(t)
	for _, size := range []int{100, mib} {
		var s modstore.Store
		var readers []*modstore.Content
		for range 2 {
			c, err := s.Get(t.Context(), "a", modstore.Forever, sized(size, 'a'))
			if err != nil {
				t.Fatal(err)
			}
			readers = append(readers, c)
		}
		keep(t, &s, "a", unwanted(t))
		if c, err := s.Get(t.Context(), "a", 0, sized(size, 'b')); err != nil { // pushes it out
			t.Fatal(err)
		} else {
			c.Close()
		}
		for range 3 { // the second reader has but one hold to let go of
			readers[0].Close()
		}
		if _, err := readers[0].ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("reading what was closed: %v", err)
		}
		if got := read(t, readers[1]); got != strings.Repeat("a", size) {
			t.Errorf("%d bytes: the reader got %.20q", size, got)
		}
		readers[1].Close()
		if size == mib {
			if n := spools(t); n != 1 {
				t.Errorf("%d files for 1 answer", n)
			}
		}
		want(t, &s, "a", modstore.Forever, unwanted(t), strings.Repeat("b", size))
	}
}

// A goroutine that http.ServeContent leaves behind may read while the handler closes.
func TestReadDuringClose(t *testing.T) {
	var s modstore.Store
	for range 50 {
		c, err := s.Get(t.Context(), "a", 0, text(strings.Repeat("a", 1000)))
		if err != nil {
			t.Fatal(err)
		}
		keep(t, &s, "a", unwanted(t))
		if _, err := get(t, &s, "a", 0, text("b")); err != nil { // c is the only one now
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for p := make([]byte, 100); ; {
				n, err := c.ReadAt(p, 500)
				if errors.Is(err, fs.ErrClosed) {
					return
				}
				if err != nil || string(p[:n]) != strings.Repeat("a", 100) {
					t.Errorf("read %q, %v", p[:n], err)
					return
				}
			}
		}()
		runtime.Gosched()
		c.Close()
		<-done
	}
}

// Everything at once: many callers, few names, answers in memory and in files, errors, panics, departures, staleness.
func TestStress(t *testing.T) {
	ownTempDir(t)
	s := modstore.Store{Timeout: time.Minute}
	before := runtime.NumGoroutine()
	names := []string{"a", "b", "c", "large"}
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 60 {
				stressOnce(t, &s, r, names[r.IntN(len(names))])
			}
		})
	}
	callers.Wait()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	if n := spools(t); n > 1 {
		t.Errorf("%d files for one answer of such a size", n)
	}
	for _, name := range names { // drops them all
		if _, err := get(t, &s, name, 0, text("")); err != nil {
			t.Error(err)
		}
	}
	if n := spools(t); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

var errStress = errors.New("a failure among others")

func stressOnce(t *testing.T, s *modstore.Store, r *rand.Rand, name string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if r.IntN(4) == 0 {
		time.AfterFunc(time.Duration(r.IntN(500))*time.Microsecond, cancel)
	}
	what, pause := r.IntN(10), time.Duration(r.IntN(300))*time.Microsecond
	size := 100
	if name == "large" {
		size = 200 * kib // a file
	}
	c, err := s.Get(ctx, name, time.Duration(r.IntN(3000))*time.Microsecond, func(ctx context.Context, w io.Writer) error {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := sized(size, name[0])(ctx, w); err != nil {
			return err
		}
		switch what {
		case 0:
			return errStress
		case 1:
			panic(errStress)
		}
		return nil
	})
	if err != nil {
		if !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), errStress.Error()) {
			t.Error(err)
		}
		return
	}
	if r.IntN(3) == 0 {
		time.Sleep(pause)
	}
	if got := read(t, c); got != strings.Repeat(name[:1], size) {
		t.Errorf("%s: read %d bytes: %.20q", name, len(got), got)
	}
	for range 1 + r.IntN(2) {
		c.Close()
	}
}
