package gittest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// On limits a fault to the requests with one command, as [Request.Command] names it.
func On(command string, fault func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return choose(fault, func(r *http.Request) bool {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		return newRequest(r, raw).Command() == command
	})
}

// First limits a fault to the first n requests that come to it.
func First(n int64, fault func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	var count atomic.Int64
	return choose(fault, func(*http.Request) bool { return count.Add(1) <= n })
}

// After spares the first n requests that come to it.
func After(n int64, fault func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	var count atomic.Int64
	return choose(fault, func(*http.Request) bool { return count.Add(1) > n })
}

func choose(fault func(http.Handler) http.Handler, match func(*http.Request) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		spoilt := fault(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match(r) {
				spoilt.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Sometimes picks one of the faults for each request that comes to it, all being equally likely. Nil is no fault, and any
// may be named more than once. Requests that come one after the other meet what rnd's seed says.
func Sometimes(rnd *rand.Rand, faults ...func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	var mu sync.Mutex // rnd has none
	pick := func() func(http.Handler) http.Handler {
		mu.Lock()
		defer mu.Unlock()
		return faults[rnd.IntN(len(faults))]
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := next
			if fault := pick(); fault != nil {
				h = fault(next)
			}
			h.ServeHTTP(w, r)
		})
	}
}

// CutAnswerAfter cuts the connection when n bytes of an answer's body are sent. Shorter answers stay as they are.
func CutAnswerAfter(n int64) func(http.Handler) http.Handler {
	return endAfter(n, func(*http.Request) {})
}

// CutAfter is [CutAnswerAfter] for the answers to a POST for git-upload-pack alone.
func CutAfter(n int64) func(http.Handler) http.Handler {
	return choose(CutAnswerAfter(n), isUploadPack)
}

// StallAfter sends n bytes of an answer's body, and then nothing until the client gives up, or the server is closed.
// Shorter answers stay as they are.
func StallAfter(n int64) func(http.Handler) http.Handler {
	return endAfter(n, func(r *http.Request) { <-r.Context().Done() })
}

// endAfter sends n bytes of an answer's body, and ends the connection after what is to be done before.
func endAfter(n int64, before func(*http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := &cutter{ResponseWriter: w, left: n}
			next.ServeHTTP(c, r)
			if c.cut {
				before(r)
				panic(http.ErrAbortHandler)
			}
		})
	}
}

func isUploadPack(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-upload-pack")
}

type cutter struct {
	http.ResponseWriter
	left int64
	cut  bool
}

var errCut = errors.New("gittest: cut on purpose")

func (c *cutter) Write(p []byte) (int, error) {
	if c.cut {
		return 0, errCut
	}
	if int64(len(p)) <= c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	c.cut = true
	n, err := c.ResponseWriter.Write(p[:c.left])
	if err == nil {
		err = errors.Join(http.NewResponseController(c.ResponseWriter).Flush(), errCut)
	}
	return n, err
}

func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Corrupt inverts the byte at an offset of the answer to a POST for git-upload-pack.
func Corrupt(offset int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isUploadPack(r) {
				w = &corrupter{ResponseWriter: w, offset: offset}
			}
			next.ServeHTTP(w, r)
		})
	}
}

type corrupter struct {
	http.ResponseWriter
	offset int64 // from the next byte to be written
}

func (c *corrupter) Write(p []byte) (int, error) {
	if 0 <= c.offset && c.offset < int64(len(p)) {
		p = bytes.Clone(p)
		p[c.offset] ^= 0xff
	}
	c.offset -= int64(len(p))
	return c.ResponseWriter.Write(p)
}

func (c *corrupter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Hang answers nothing until the client gives up, or the server is closed.
func Hang() func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // before that is read, net/http does not notice that a client goes
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		})
	}
}

// HTML answers 200 with a page, as a login form or a captive portal does.
func HTML() func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>\n")
		})
	}
}

// Garbage answers 200 with a body that is labelled as what was asked for. Requests that no git server labels the answers
// to stay as they are.
func Garbage(body string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, infoRefs):
				w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			case isUploadPack(r):
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			default:
				next.ServeHTTP(w, r)
				return
			}
			io.WriteString(w, body)
		})
	}
}

// Status answers with a status and header fields, which may be nil.
func Status(code int, header http.Header) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			maps.Copy(w.Header(), header)
			http.Error(w, http.StatusText(code), code)
		})
	}
}

// Version makes a server know nothing newer than a version of the protocol, 0 or 1.
func Version(newest int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Git-Protocol") // as a server does that can't read it
			if newest > 0 {
				r.Header.Set("Git-Protocol", fmt.Sprintf("version=%d", newest))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Without takes capabilities out of an advertisement of protocol v0 or v1. The server goes by what a client asks of it,
// so that it is then a server without them.
func Without(capabilities ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, infoRefs) {
				next.ServeHTTP(w, r)
				return
			}
			b := &held{ResponseWriter: w}
			next.ServeHTTP(b, r)
			w.Write(withoutCapabilities(b.body.Bytes(), capabilities))
		})
	}
}

// held keeps an answer's body back.
type held struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }

func withoutCapabilities(advertisement []byte, names []string) []byte {
	var out []byte
	for rest := advertisement; len(rest) >= 4; {
		n, err := strconv.ParseUint(string(rest[:4]), 16, 16)
		n = max(n, 4) // a flush
		if err != nil || n > uint64(len(rest)) {
			return append(out, rest...)
		}
		line := string(rest[4:n])
		if ref, list, ok := strings.Cut(line, "\x00"); ok {
			fields := slices.DeleteFunc(strings.Fields(list), func(field string) bool {
				name, _, _ := strings.Cut(field, "=")
				return slices.Contains(names, name)
			})
			line = ref + "\x00" + strings.Join(fields, " ") + "\n"
			out = fmt.Appendf(out, "%04x%s", len(line)+4, line)
		} else {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}

// Redirect answers requests for paths that begin with a prefix by a status and the same path with another prefix,
// which may be a URL's: a repository that was renamed. The query goes along.
func Redirect(code int, prefix, to string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rest, ok := strings.CutPrefix(r.URL.RequestURI(), prefix)
			if !ok {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Location", to+rest)
			w.WriteHeader(code)
		})
	}
}
