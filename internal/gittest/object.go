package gittest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// madeRefs is where the objects that a script makes have their names. Nothing there is a branch or a tag.
const madeRefs = "refs/made/"

// make runs the commands that make an object out of hand.
func (r *Repo) make(command string, args []string) error {
	if len(args) == 0 || len(args) == 1 && command != "tree" {
		return errors.New("want a name, and what to make")
	}
	name, args := args[0], args[1:]
	var hash string
	var err error
	switch command {
	case "blob", "object":
		if command == "blob" {
			args = []string{"blob", args[0]}
		}
		if len(args) != 2 {
			return errors.New("want a name, a type and text")
		}
		hash, err = r.writeObject(args[0], args[1])
	case "tree":
		hash, err = r.writeTree(args)
	case "commit-tree":
		words := []string{"commit-tree", "-m", name, args[0]}
		for _, parent := range args[1:] {
			words = append(words, "-p", parent)
		}
		hash, err = r.git(words...)
	}
	if err != nil {
		return err
	}
	_, err = r.git("update-ref", madeRefs+name, hash)
	return err
}

// writeObject makes an object that git need not think well of.
func (r *Repo) writeObject(kind, content string) (hash string, err error) {
	name := filepath.Join(r.home, "object")
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		return "", err
	}
	return r.git("hash-object", "-t", kind, "-w", "--literally", "--no-filters", name)
}

// writeTree makes a tree of MODE, ENTRY, REV and so on. Neighbours in one directory, "dir/a" and "dir/b", get a tree
// of their own.
func (r *Repo) writeTree(args []string) (hash string, err error) {
	if len(args)%3 != 0 {
		return "", errors.New("want a mode, an entry and a revision for each")
	}
	var b strings.Builder
	for len(args) > 0 {
		mode, name, rev := args[0], args[1], args[2]
		n := 3
		if dir, _, ok := strings.Cut(name, "/"); ok {
			var below []string
			for n = 0; n < len(args) && strings.HasPrefix(args[n+1], dir+"/"); n += 3 {
				below = append(below, args[n], args[n+1][len(dir)+1:], args[n+2])
			}
			if rev, err = r.writeTree(below); err != nil {
				return "", err
			}
			mode, name = "40000", dir
		}
		if rev, err = r.git("rev-parse", "--verify", rev); err != nil {
			return "", err
		}
		raw, err := hex.DecodeString(rev)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s %s\x00%s", mode, name, raw)
		args = args[n:]
	}
	return r.writeObject("tree", b.String())
}

var placeholder = regexp.MustCompile(`\{(hash|time)([0-9]*):((?:[^{}]|\{\w*\})+)\}`)

// Expand puts into text what stands there for it: the hash of a revision for {hash:REV}, the first twelve digits of
// it for {hash12:REV}, and the time of its commit as pseudo-versions have it for {time:REV}.
func (r *Repo) Expand(text string) string {
	r.tb.Helper()
	text, err := r.expand(text)
	if err != nil {
		r.tb.Fatalf("gittest: %v", err)
	}
	return text
}

func (r *Repo) expand(text string) (string, error) {
	var errs []error
	text = placeholder.ReplaceAllStringFunc(text, func(match string) string {
		m := placeholder.FindStringSubmatch(match)
		args := []string{"rev-parse", "--verify", m[3]}
		if m[1] == "time" {
			args = []string{"log", "-1", "--format=%cd", "--date=format-local:%Y%m%d%H%M%S", m[3]}
		}
		value, err := r.git(args...)
		errs = append(errs, err)
		var digits int
		if _, err := fmt.Sscan(m[2], &digits); err == nil && digits < len(value) {
			value = value[:digits]
		}
		return value
	})
	return text, errors.Join(errs...)
}
