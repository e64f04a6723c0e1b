// Package progress tells how far long work is: on a terminal by one line that changes, elsewhere by lines now and then.
package progress

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Options say where to tell it.
type Options struct {
	Out      io.Writer     // nil for nowhere
	Terminal bool          // Out moves the cursor as terminals do
	Width    func() int    // columns of the terminal; nil or 0 for 80
	Every    time.Duration // between two lines where there is no terminal; if zero, 10 seconds
	Unit     string        // what is counted; if empty, "versions"
}

// For are the options for a file, which may be a terminal.
func For(f *os.File) Options {
	fd := int(f.Fd())
	return Options{
		Out:      f,
		Terminal: term.IsTerminal(fd) && os.Getenv("TERM") != "dumb",
		Width: func() int {
			width, _, _ := term.GetSize(fd)
			return width
		},
	}
}

// A Meter counts what is done of some work. It is safe for concurrent use. An error of the output is nobody's concern.
type Meter struct {
	o     Options
	began time.Time
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	total   int
	n       int
	bytes   int64
	current string
	shown   bool // the line that changes is on the screen
}

const (
	often     = 200 * time.Millisecond // between two changes of the line
	seldom    = 10 * time.Second
	noWidth   = 80
	clearLine = "\r\x1b[K"
)

// Start begins to tell. The Meter must be closed.
func Start(o Options) *Meter {
	if o.Out == nil {
		o.Out = io.Discard
	}
	o.Every, o.Unit = cmp.Or(o.Every, seldom), cmp.Or(o.Unit, "versions")
	m := &Meter{o: o, began: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	every := o.Every
	if o.Terminal {
		every = often
	}
	go m.run(every)
	return m
}

func (m *Meter) run(every time.Duration) {
	defer close(m.done)
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-t.C:
			m.mu.Lock()
			m.draw()
			m.mu.Unlock()
		}
	}
}

// Close ends it. The line that changes goes away. It may be called again.
func (m *Meter) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.stop:
		return
	default:
	}
	close(m.stop)
	m.mu.Unlock()
	<-m.done
	m.mu.Lock()
	m.clear()
}

// Total adds to what there is to do.
func (m *Meter) Total(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total += n
}

// Begin says what is being done now.
func (m *Meter) Begin(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = what
}

// Done adds one thing to those that are done.
func (m *Meter) Done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
}

// Write counts bytes that came, whatever they are: it makes a Meter part of an io.MultiWriter.
func (m *Meter) Write(p []byte) (int, error) {
	m.Bytes(int64(len(p)))
	return len(p), nil
}

// Bytes adds to the bytes that came.
func (m *Meter) Bytes(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += n
}

// Printf says something that stays, on a line of its own. What a terminal would take for a command is left out.
func (m *Meter) Printf(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	fmt.Fprintln(m.o.Out, Printable(fmt.Sprintf(format, args...)))
	if m.o.Terminal {
		m.draw()
	}
}

// Elapsed is the time since Start.
func (m *Meter) Elapsed() time.Duration { return time.Since(m.began) }

func (m *Meter) clear() {
	if m.shown {
		io.WriteString(m.o.Out, clearLine)
		m.shown = false
	}
}

// draw shows the state; elsewhere than on a terminal, only if there is something to do.
func (m *Meter) draw() {
	select {
	case <-m.stop:
		return
	default:
	}
	if !m.o.Terminal {
		if m.total > 0 {
			fmt.Fprintln(m.o.Out, m.state())
		}
		return
	}
	line := m.state()
	if m.current != "" {
		line += "  " + Printable(m.current)
	}
	width := noWidth
	if m.o.Width != nil {
		width = cmp.Or(m.o.Width(), noWidth)
	}
	io.WriteString(m.o.Out, clearLine+cut(line, width-1)) // in the last column the line may break
	m.shown = true
}

func (m *Meter) state() string {
	state := fmt.Sprintf("%d of %d %s", m.n, m.total, m.o.Unit)
	if m.bytes > 0 {
		state += ", " + Size(m.bytes)
		if s := time.Since(m.began).Seconds(); s >= 1 {
			state += ", " + Size(int64(float64(m.bytes)/s)) + "/s"
		}
	}
	return state
}

// cut shortens a line to a number of columns, one for a character.
func cut(line string, columns int) string {
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	return string([]rune(line)[:max(columns-1, 0)]) + "…"
}

// Count writes a number of things, "1 version" or "2 versions".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Size writes a number of bytes for people.
func Size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	i := -1
	for f >= 999.95 {
		f /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}

// Printable leaves out what is not to be printed, and puts spaces for line breaks.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, s)
}
