// Package load asks a server on loopback for the same things over and over, at less cost than net/http's client, which would be
// slower than what is measured.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Spec says what is to be asked.
type Spec struct {
	Address string // host and port
	Targets []string
	Conns   int           // each waits for an answer before it asks again
	Warm    time.Duration // before it counts
	For     time.Duration
}

// A Result is of the time that counts.
type Result struct {
	Requests int64
	Bytes    int64 // of bodies
	Time     time.Duration
}

// Rate is requests in a second.
func (r Result) Rate() float64 { return float64(r.Requests) / r.Time.Seconds() }

// Run asks. An answer that is not 200, or has no length, is an error.
func Run(s Spec) (Result, error) {
	var counting, over atomic.Bool
	results := make([]Result, s.Conns)
	failures := make([]error, s.Conns)
	conns := make([]net.Conn, s.Conns)
	for i := range conns {
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			return Result{}, err
		}
		defer conn.Close()
		conns[i] = conn
	}
	counting.Store(s.Warm == 0)
	start := time.Now()
	var done sync.WaitGroup
	for i, conn := range conns {
		done.Go(func() { results[i], failures[i] = ask(conn, s.requests(i), &counting, &over) })
	}
	if s.Warm > 0 {
		time.Sleep(s.Warm)
		counting.Store(true)
		start = time.Now()
	}
	time.Sleep(s.For)
	over.Store(true)
	sum := Result{Time: time.Since(start)}
	for _, conn := range conns {
		conn.SetDeadline(time.Now().Add(time.Minute))
	}
	done.Wait()
	for _, r := range results {
		sum.Requests += r.Requests
		sum.Bytes += r.Bytes
	}
	return sum, errors.Join(failures...)
}

// requests are those of the nth connection, each of which begins elsewhere.
func (s Spec) requests(n int) [][]byte {
	requests := make([][]byte, len(s.Targets))
	for i := range requests {
		target := s.Targets[(i+n*len(s.Targets)/s.Conns)%len(s.Targets)]
		requests[i] = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\n\r\n", target, s.Address)
	}
	return requests
}

func ask(conn net.Conn, requests [][]byte, counting, over *atomic.Bool) (r Result, err error) {
	in := bufio.NewReaderSize(conn, 256<<10)
	for i := 0; ; i = (i + 1) % len(requests) {
		counts := counting.Load()
		if _, err := conn.Write(requests[i]); err != nil {
			return r, err
		}
		n, err := answer(in)
		if err != nil {
			line, _, _ := strings.Cut(string(requests[i]), "\r")
			return r, fmt.Errorf("%s: %w", line, err)
		}
		if over.Load() {
			return r, nil
		}
		if counts {
			r.Requests++
			r.Bytes += int64(n)
		}
	}
}

var (
	okay   = []byte("HTTP/1.1 200 ")
	length = []byte("Content-Length: ")
)

// answer reads one, and gives the length of its body.
func answer(in *bufio.Reader) (int, error) {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(status, okay) {
		return 0, fmt.Errorf("%s", bytes.TrimSpace(status))
	}
	n := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) == 2 {
			break
		}
		if rest, ok := bytes.CutPrefix(line, length); ok {
			if n, err = strconv.Atoi(string(bytes.TrimSpace(rest))); err != nil {
				return 0, err
			}
		}
	}
	if n < 0 {
		return 0, errors.New("an answer without Content-Length")
	}
	return in.Discard(n)
}
