package doctor

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// A report is what was seen so far, as it is printed.
type report struct {
	ctx    context.Context // once it is over, what is seen says nothing of the server
	out    io.Writer
	err    error // of out
	failed bool
}

func (r *report) ok(step, format string, args ...any) { r.line("ok", step, "", format, args...) }

// warn says what the go command puts up with.
func (r *report) warn(step, mend, format string, args ...any) {
	r.line("warn", step, mend, format, args...)
}

// fail says what the go command fails by.
func (r *report) fail(step, mend, format string, args ...any) {
	r.line("FAIL", step, mend, format, args...)
}

// skip says what can't be looked at.
func (r *report) skip(step, because string) { r.line("skip", step, "", "%s", because) }

func (r *report) line(word, step, mend, format string, args ...any) {
	if r.ctx.Err() != nil {
		return
	}
	if word == "FAIL" {
		r.failed = true
	}
	text := fmt.Sprintf("%-4s  %-11s %s\n", word, step, clean(fmt.Sprintf(format, args...)))
	if mend != "" {
		text += "      mend: " + clean(mend) + "\n"
	}
	if r.err == nil {
		_, r.err = io.WriteString(r.out, text)
	}
}

// maxLine is how many bytes of what a server says are printed in one line.
const maxLine = 1000

// clean makes text one line that does nothing to a terminal: what can't be printed, or turns around what follows, is
// escaped as in Go.
func clean(text string) string {
	var b strings.Builder
	for i, r := range text {
		if b.Len() > maxLine {
			b.WriteString("…")
			break
		}
		switch {
		case r == unicode.ReplacementChar && text[i] != "\uFFFD"[0]:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// some shows the first few of a list.
func some(list []string) string {
	const few = 5
	if len(list) > few {
		return strings.Join(list[:few], ", ") + fmt.Sprintf(" and %d more", len(list)-few)
	}
	return strings.Join(list, ", ")
}
