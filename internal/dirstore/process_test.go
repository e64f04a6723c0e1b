package dirstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity/internal/dirstore"
)

// raceNames are what processes race for, in this order.
func raceNames() (names []string) {
	for i := range 12 {
		names = append(names, fmt.Sprintf("go.acme.dev/m%d/@v/v1.%d.0.%s", i/4, i, []string{"info", "mod", "zip"}[i%3]))
		names = append(names, fmt.Sprintf("go.acme.dev/m%d/@v/list", i/4))
	}
	return names
}

// race waits for its standard input to end, writes all names, and says what it read back of each.
func race(d *dirstore.Dir, id string) error {
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	for _, name := range raceNames() {
		if err := d.Put(context.Background(), name, strings.NewReader(sealed(id, rand.IntN(1<<17)))); err != nil {
			return err
		}
		won, err := winner(d, name)
		if err != nil {
			return err
		}
		if dirstore.WrittenOnce(name) {
			fmt.Println(name, won)
		}
	}
	return nil
}

// TestRace has processes race for the same names: all read back the same.
func TestRace(t *testing.T) {
	root := t.TempDir()
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	wins := make(map[string]int)
	for round := range rounds {
		dir := filepath.Join(root, fmt.Sprint(round))
		d := dirstore.New(dir)
		for name, won := range raceOnce(t, dir) {
			wins[won]++
			if id, err := winner(d, name); err != nil || id != won {
				t.Errorf("%s: in the end %q, %v; the processes saw %q", name, id, err, won)
			}
		}
		if left := temps(t, dir); len(left) > 0 {
			t.Errorf("temporary files %q", left)
		}
	}
	t.Logf("wins: %v", wins)
}

// raceOnce gives what all processes saw of each name.
func raceOnce(t *testing.T, dir string) map[string]string {
	type racer struct {
		cmd   *exec.Cmd
		start io.Closer
		said  *bufio.Reader
	}
	var racers []racer
	for i := range 4 {
		cmd := process(t, "race", dir, fmt.Sprint("p", i))
		stdin, err1 := cmd.StdinPipe()
		stdout, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		racers = append(racers, racer{cmd, stdin, bufio.NewReader(stdout)})
	}
	for _, r := range racers {
		if _, err := r.said.ReadString('\n'); err != nil {
			t.Error(err)
		}
	}
	for _, r := range racers {
		r.start.Close()
	}
	saw := make(map[string]string)
	for _, r := range racers {
		out, err := io.ReadAll(r.said)
		if err := errors.Join(err, r.cmd.Wait()); err != nil {
			t.Error(err)
		}
		n := 0
		for line := range strings.Lines(string(out)) {
			name, won, _ := strings.Cut(strings.TrimSpace(line), " ")
			if saw[name] == "" {
				saw[name] = won
			} else if saw[name] != won {
				t.Errorf("%s: one process saw %s, another one %s", name, saw[name], won)
			}
			n++
		}
		if n != len(raceNames())/2 {
			t.Errorf("a process saw %d names: %q", n, out)
		}
	}
	return saw
}

// scrawl writes until it is killed, and not fast.
func scrawl(d *dirstore.Dir, id string) error {
	fmt.Println("ready")
	for i := 0; ; i++ {
		name := []string{
			fmt.Sprintf("go.acme.dev/m%s/@v/v1.%d.0.zip", id, i),
			fmt.Sprintf("go.acme.dev/m/@v/v1.%d.0.mod", i),
			list,
		}[i%3]
		content := newHook(sealed(id, rand.IntN(1<<(4+rand.IntN(14)))), func() error { time.Sleep(50 * time.Microsecond); return nil })
		if err := d.Put(context.Background(), name, content); err != nil {
			return err
		}
	}
}

// TestKill kills writers at any moment: what they leave is whole entries, and temporary files, which go in time.
func TestKill(t *testing.T) {
	root := t.TempDir()
	rounds := 30
	if testing.Short() {
		rounds = 3
	}
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for round := range rounds {
				kill(t, process(t, "scrawl", root, fmt.Sprint(i, "-", round)))
			}
		})
	}
	wg.Wait()
	d := dirstore.New(root)
	names := files(t, root)
	for _, name := range names {
		if _, err := winner(d, name); err != nil {
			t.Error(err)
		}
	}
	left := temps(t, root)
	if len(names) == 0 || len(left) == 0 {
		t.Errorf("%d writers killed have left %d entries and %d temporary files: not much of a test", 2*rounds, len(names), len(left))
	}
	t.Logf("%d writers killed have left %d entries and %d temporary files", 2*rounds, len(names), len(left))
	for i, file := range left {
		then := time.Now().Add(-time.Hour - time.Minute)
		if i%2 == 1 {
			then = time.Now().Add(-time.Hour / 2)
		}
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
	}
	put(t, d, "go.acme.dev/after/@v/v1.0.0.zip", "alive")
	for i, file := range left {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) != (i%2 == 0) {
			t.Errorf("temporary file %d of %d: %v", i, len(left), err)
		}
	}
	for _, name := range names {
		if _, err := winner(d, name); err != nil {
			t.Error(err)
		}
	}
}

// kill starts a process and kills it once it is at work.
func kill(t *testing.T, cmd *exec.Cmd) {
	stdout, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Error(err)
		return
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Error(err)
	}
	time.Sleep(rand.N(40 * time.Millisecond))
	if err := cmd.Process.Kill(); err != nil {
		t.Error("the writer ended by itself: ", err)
	}
	cmd.Wait()
}
