package proc

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Peak is the most memory in bytes that a process held at any time.
func Peak(pid int) (int64, error) { return status(pid, "VmHWM:") }

// status reads a field of kilobytes.
func status(pid int, field string) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(data) {
		if rest, ok := strings.CutPrefix(string(line), field); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, field)
}

// A Watch looks at the memory of a process and all that it has started.
type Watch struct {
	pid  int
	stop chan struct{}
	done sync.WaitGroup
	peak int64
}

const between = 5 * time.Millisecond

// Watching begins to look.
func Watching(pid int) *Watch {
	w := &Watch{pid: pid, stop: make(chan struct{})}
	w.done.Go(func() {
		ticker := time.NewTicker(between)
		defer ticker.Stop()
		for {
			w.peak = max(w.peak, w.resident())
			select {
			case <-w.stop:
				return
			case <-ticker.C:
			}
		}
	})
	return w
}

// Peak ends the watch. It is the most that was seen at one time.
func (w *Watch) Peak() int64 {
	close(w.stop)
	w.done.Wait()
	return w.peak
}

// resident is the memory of a process and its descendants. What is older than the process is not looked at, which makes it
// quick: not all kernels list children.
func (w *Watch) resident() int64 {
	proc, err := os.Open("/proc")
	if err != nil {
		return 0
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	family := map[int]bool{w.pid: true}
	var younger []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > w.pid {
			younger = append(younger, pid)
		}
	}
	slices.Sort(younger) // parents before their children
	sum := pages(w.pid)
	for _, pid := range younger {
		if family[parent(pid)] {
			family[pid] = true
			sum += pages(pid)
		}
	}
	return sum * int64(os.Getpagesize())
}

// parent is the number that follows the state, which follows the name in parentheses.
func parent(pid int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(data[max(bytes.LastIndexByte(data, ')'), 0):], []byte(" "))
	fields := strings.Fields(string(rest))
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(fields[1])
	return n
}

func pages(pid int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[1], 10, 64)
	return n
}
