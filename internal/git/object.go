package git

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// A Commit is what the library needs of a commit.
type Commit struct {
	Hash    Hash
	Tree    Hash
	Parents []Hash
	Time    time.Time // the committer's, in UTC
}

// parseCommit reads a commit's headers, as far as the committer's.
func parseCommit(h Hash, data []byte) (*Commit, error) {
	c, committer, err := parseLinks(h, data)
	if err != nil {
		return nil, err
	}
	seconds, err := committerSeconds(committer)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", h, err)
	}
	c.Time = time.Unix(seconds, 0).UTC()
	return c, nil
}

// parseLinks reads what a commit leads to: its tree and parents. With them comes the line of its committer.
func parseLinks(h Hash, data []byte) (c *Commit, committer []byte, err error) {
	c = &Commit{Hash: h}
	for line := range bytes.Lines(data) {
		key, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if !ok || committer != nil {
			break // the empty line before the message
		}
		switch string(key) {
		case "tree":
			c.Tree, err = ParseHash(string(value))
		case "parent":
			var parent Hash
			parent, err = ParseHash(string(value))
			c.Parents = append(c.Parents, parent)
		case "committer":
			committer = value
		}
		if err != nil {
			return nil, nil, fmt.Errorf("commit %s: %s: %w", h, key, err)
		}
	}
	if c.Tree.IsZero() {
		return nil, nil, fmt.Errorf("commit %s has no tree", h)
	}
	return c, committer, nil
}

// committerSeconds reads the time out of `NAME <EMAIL> SECONDS ZONE`; names and addresses may hold anything.
func committerSeconds(value []byte) (int64, error) {
	fields := bytes.Fields(value[bytes.LastIndexByte(value, '>')+1:])
	if len(fields) == 0 {
		return 0, fmt.Errorf("malformed committer %.100q", value)
	}
	seconds, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return 0, fmt.Errorf("malformed committer %.100q", value)
	}
	return seconds, nil
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

// parseTree reads `MODE NAME NUL OID` entries, which is all that a tree is. More than most are an error.
func parseTree(h Hash, data []byte, most int) ([]Entry, error) {
	size := int(h.n)
	var entries []Entry
	for len(data) > 0 {
		if len(entries) >= most {
			return nil, fmt.Errorf("tree %s makes more than the entries that are allowed", h)
		}
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, ok2 := bytes.Cut(head, []byte(" "))
		if !ok || !ok2 || len(name) == 0 || bytes.IndexByte(name, '/') >= 0 || len(rest) < size {
			return nil, fmt.Errorf("tree %s is malformed", h)
		}
		m, err := parseMode(string(mode))
		if err != nil {
			return nil, fmt.Errorf("tree %s: %w", h, err)
		}
		entries = append(entries, Entry{Name: string(name), Mode: m, Hash: hashOf(rest[:size])})
		data = rest[size:]
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
