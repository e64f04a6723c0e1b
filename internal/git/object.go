package git

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Commit is what the library needs of a commit.
type Commit struct {
	Hash Hash
	Tree Hash
	Time time.Time // the committer's, in UTC; zero if git could not read it, or if it is beyond the year 9999, as in a commit that was made by hand
}

// parseCommit reads a commit's headers, as far as the committer's. Parents, of which there may be very many, are given to a
// function, unless that is nil.
func parseCommit(h Hash, data []byte, parent func(Hash)) (c *Commit, err error) {
	c = &Commit{Hash: h}
	for line := range bytes.Lines(data) {
		key, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if !ok {
			break // the empty line before the message
		}
		switch string(key) {
		case "tree":
			c.Tree, err = parseHash(value)
		case "parent":
			var name Hash
			if name, err = parseHash(value); err == nil && parent != nil {
				parent(name)
			}
		case "committer":
			c.Time = committerTime(value)
		}
		if err != nil {
			return nil, fmt.Errorf("commit %s: %s: %w", h, key, err)
		}
		if string(key) == "committer" {
			break
		}
	}
	if c.Tree.IsZero() {
		return nil, fmt.Errorf("commit %s has no tree", h)
	}
	return c, nil
}

// maxSeconds is the end of the year 9999, beyond which neither JSON nor a pseudo-version can say the time.
const maxSeconds = 253402300799

// committerTime reads the time out of `NAME <EMAIL> SECONDS ZONE`, as git does (ident.c, split_ident_line); names and
// addresses may hold anything.
func committerTime(value []byte) time.Time {
	const blanks, digits = " \t\r\v\f", "0123456789"
	date := strings.TrimLeft(string(value[bytes.LastIndexByte(value, '>')+1:]), blanks)
	rest := strings.TrimLeft(date, digits)
	zone := strings.TrimLeft(rest, blanks)
	seconds, err := strconv.ParseInt(date[:len(date)-len(rest)], 10, 64)
	if err != nil || seconds > maxSeconds || len(zone) < 2 || zone[0] != '+' && zone[0] != '-' || zone[1] < '0' || zone[1] > '9' {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// A Mode is what a tree says of an entry.
type Mode uint8

const (
	RegularFile Mode = iota
	Executable
	Symlink
	Directory
	Submodule
)

// An Entry is one name in a tree.
type Entry struct {
	Name string
	Mode Mode
	Hash Hash
}

// parseTree reads `MODE NAME NUL OID` entries, which is all that a tree is, and whose names stay parts of it. More than most are
// an error.
func parseTree(h Hash, tree string, most int) ([]Entry, error) {
	size := int(h.n)
	entries := make([]Entry, 0, min(most, strings.Count(tree, "\x00"), len(tree)/(size+len("1 n\x00"))))
	for len(tree) > 0 {
		if len(entries) >= most {
			return nil, fmt.Errorf("tree %s makes more than the entries that are allowed", h)
		}
		head, rest, ok := strings.Cut(tree, "\x00")
		mode, name, ok2 := strings.Cut(head, " ")
		if !ok || !ok2 || len(name) == 0 || strings.IndexByte(name, '/') >= 0 || len(rest) < size {
			return nil, fmt.Errorf("tree %s is malformed", h)
		}
		m, err := parseMode(mode)
		if err != nil {
			return nil, fmt.Errorf("tree %s: %w", h, err)
		}
		entries = append(entries, Entry{Name: name, Mode: m, Hash: hashOf(rest[:size])})
		tree = rest[size:]
	}
	return entries, nil
}

// parseMode sorts modes as git does (object.h, canon_mode).
func parseMode(s string) (Mode, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil {
		return 0, fmt.Errorf("malformed mode %.20q", s)
	}
	switch n & 0o170000 {
	case 0o100000:
		if n&0o100 != 0 {
			return Executable, nil
		}
		return RegularFile, nil
	case 0o120000:
		return Symlink, nil
	case 0o040000:
		return Directory, nil
	}
	return Submodule, nil
}
