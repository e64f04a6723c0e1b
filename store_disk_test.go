package vanity_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// mountTmpfs gives an empty file system of a size such as "1m".
func mountTmpfs(t *testing.T, size string) (dir string) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root on Linux can mount a small file system")
	}
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: can't mount a small file system: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// fill leaves room for some bytes on a full file system, in a file to be removed.
func fill(t *testing.T, dir string, left int64) (filler string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, ".filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var n int64
	for block := make([]byte, 4096); err == nil; n += int64(len(block)) {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Truncate(max(info.Size()-left, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// mustAsk asks for files that must all be answered.
func (r *record) mustAsk(base string, files ...string) {
	r.t.Helper()
	for _, file := range files {
		if status, err := r.ask(base, file); status != 200 {
			r.t.Errorf("%s: status %d, %v", file, status, err)
		}
	}
}

// wantLog checks that a process told of a failure in one line of its kind.
func (p *process) wantLog(what string, parts ...string) {
	p.t.Helper()
	var lines []string
	for line := range strings.Lines(p.log.text()) {
		if strings.Contains(line, what) {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		p.t.Errorf("%d lines with %q: %s", len(lines), what, lines)
		return
	}
	for _, part := range parts {
		if !strings.Contains(lines[0], part) {
			p.t.Errorf("the log has no %q: %s", part, lines[0])
		}
	}
}

// testDiskFull leaves a store more and more room, and never enough. Everything is answered, and when there is room what
// is stored fits together.
func (w *wavering) testDiskFull(t *testing.T) {
	root := mountTmpfs(t, "16m")
	rnd := rand.New(rand.NewPCG(1, 1))
	const page = 4 << 10
	pages := []int64{0, 3, 9, 24, 100}
	if thorough() {
		pages = []int64{0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 24, 30, 36, 100, 200, 300}
	}
	for i, left := range pages {
		r := w.newRecord(t, filepath.Join(root, fmt.Sprint(i)))
		base := "/" + fmt.Sprint(i)
		p := startProcess(t, &storeServer{URL: w.url, Dir: root})
		filler := fill(t, root, left*page)
		w.move(t, rnd)
		r.mustAsk(p.url+base, w.files...)
		before := r.onDisk()
		r.checkDir()
		if left, err := os.ReadDir(filepath.Join(r.dir, ".tmp")); err == nil && len(left) > 0 {
			t.Errorf("temporary files are left: %v", left)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		r.mustAsk(p.url+base, w.files...)
		r.checkDir()
		if after := r.onDisk(); before == len(w.files) || after < len(w.files) {
			t.Errorf("%d files are stored, and %d when there is room", before, after)
		}
		p.wantLog("could not be stored", "level=ERROR", "no space left on device", "name="+waveringPath)

		other := startProcess(t, &storeServer{URL: w.url, Dir: root})
		r.mustAsk(other.url+base, w.files...)
		r.checkList(other.url + base)
		other.kill()
		os.RemoveAll(r.dir)
		if t.Failed() {
			t.Fatalf("with %d pages left\n%s", left, p.log.text())
		}
	}
}

// onDisk is how many files are stored.
func (r *record) onDisk() (n int) {
	for _, file := range r.w.files {
		if _, ok := r.storedFile(file); ok {
			n++
		}
	}
	return n
}

// testTempFull gives a process no room to spool. That is its own fault, which its log explains; what needs no room goes
// on, and everything does when there is room.
func (w *wavering) testTempFull(t *testing.T) {
	temp := mountTmpfs(t, "40m") // several packs are held
	r := w.newRecord(t, filepath.Join(t.TempDir(), "0"))
	p := startProcess(t, &storeServer{URL: w.url, Dir: filepath.Dir(r.dir)}, "TMPDIR="+temp)
	base := p.url + "/0"
	r.mustAsk(base, "/@v/v1.2.0.zip")
	filler := fill(t, temp, 0)
	for range 2 {
		if status, err := r.ask(base, "/@v/v1.3.0.zip"); status != 500 {
			t.Errorf("status %d, %v", status, err)
		}
	}
	r.mustAsk(base, "/@v/v1.2.0.zip", "/@v/v1.3.0.info", "/@v/v1.3.0.mod", "/@v/v1.0.0.zip", "/@v/list")
	r.checkDir()
	if text := p.log.text(); !strings.Contains(text, "spooling to "+temp+":") || !strings.Contains(text, "no space left on device") {
		t.Errorf("log: %s", text)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 1 {
		t.Errorf("left in the temporary directory: %v (%v)", left, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	r.mustAsk(base, w.files...)
	r.checkDir()
}

// testReadOnly makes a store read-only that has one version: that is served without the host, and all else with it.
func (w *wavering) testReadOnly(t *testing.T) {
	root := mountTmpfs(t, "16m")
	r := w.newRecord(t, filepath.Join(root, "0"))
	server := &storeServer{URL: w.url, Dir: root}
	stored := []string{"/@v/list", "/@latest", "/@v/main.info", "/@v/v1.0.0.info", "/@v/v1.0.0.mod", "/@v/v1.0.0.zip", "/@v/v1.2.0.zip"}
	p := startProcess(t, server)
	r.mustAsk(p.url+"/0", stored...)
	p.kill()
	at := filepath.Join(r.dir, filepath.FromSlash(waveringPath), "@v")
	if err := os.Remove(filepath.Join(at, "v1.0.0.zip.sum")); err != nil {
		t.Fatal(err)
	}
	remount(t, root, "ro")
	w.move(t, rand.New(rand.NewPCG(1, 1)))
	w.server.SetDown(true)
	p = startProcess(t, server)
	r.mustAsk(p.url+"/0", stored...)
	w.server.SetDown(false)
	r.mustAsk(p.url+"/0", w.files...)
	p.wantLog("could not be stored", "level=ERROR", "read-only file system", "name="+waveringPath)
	remount(t, root, "rw")
	if err := os.WriteFile(filepath.Join(at, "v1.2.0.zip"), []byte("spoilt"), 0o666); err != nil {
		t.Fatal(err)
	}
	remount(t, root, "ro")
	r.mustAsk(p.url+"/0", "/@v/v1.2.0.zip")
	p.wantLog("can't be used", "level=ERROR", "v1.2.0.zip")
	remount(t, root, "rw")
	other := startProcess(t, server)
	r = w.newRecord(t, r.dir)
	r.mustAsk(other.url+"/0", w.files...)
	r.checkDir()
}

func remount(t *testing.T, dir, how string) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "remount,"+how, dir).CombinedOutput(); err != nil {
		t.Fatalf("remount: %v: %s", err, out)
	}
}
