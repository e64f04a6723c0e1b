package gittest

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Run runs one more script: see the package's documentation.
func (r *Repo) Run(script string) {
	r.tb.Helper()
	comment, files := parseArchive(script)
	ran := false
	for i, line := range strings.Split(comment, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		ran = true
		words, err := split(line)
		for i := range words {
			if err == nil {
				words[i], err = r.expand(words[i])
			}
		}
		if err == nil {
			err = r.do(words[0], words[1:], files)
		}
		if err != nil {
			r.tb.Fatalf("gittest: line %d: %s: %v", i+1, line, err)
		}
	}
	if !ran && len(files) > 0 {
		if err := errors.Join(r.copyFiles(files, nil), r.commit("commit")); err != nil {
			r.tb.Fatalf("gittest: %v", err)
		}
	}
}

// do runs one command of a script.
func (r *Repo) do(command string, args []string, files []file) error {
	switch command {
	case "write":
		return r.copyFiles(files, args)
	case "rm":
		return r.remove(args)
	case "git":
		_, err := r.git(args...)
		return err
	case "blob", "tree", "object", "commit-tree":
		return r.make(command, args)
	case "repeat":
		return r.repeat(args)
	case "tag", "branch":
		_, err := r.git(append([]string{command}, args...)...)
		return err
	case "init":
		return r.init(args...)
	case "at", "commit":
		if len(args) != 1 {
			return errors.New("want one argument")
		}
		if command == "commit" {
			return r.commit(args[0])
		}
		return r.at(args[0])
	case "print", "symlink", "chmod", "gitlink":
		if len(args) != 2 {
			return errors.New("want two arguments")
		}
		return r.edit(command, args[0], args[1])
	}
	return errors.New("no such command")
}

func (r *Repo) at(arg string) error {
	t, err := time.Parse(time.RFC3339, arg)
	if err == nil {
		r.now = t
	}
	return err
}

// edit runs the commands that change one file, and have two arguments.
func (r *Repo) edit(command, a, b string) error {
	if command == "print" {
		return r.write(a, []byte(b))
	}
	p, err := r.path(b)
	if err != nil {
		return err
	}
	switch command {
	case "symlink":
		os.Remove(p)
		return errors.Join(os.MkdirAll(filepath.Dir(p), 0o777), os.Symlink(a, p))
	case "chmod":
		mode, err := strconv.ParseUint(a, 8, 9)
		if err != nil {
			return err
		}
		return os.Chmod(p, os.FileMode(mode))
	}
	// An empty directory keeps the link when everything is added.
	if err := os.MkdirAll(p, 0o777); err != nil {
		return err
	}
	_, err = r.git("update-index", "--add", "--cacheinfo", "160000,"+a+","+path.Clean(b))
	return err
}

// repeat writes a text so and so often, into one file or as many.
func (r *Repo) repeat(args []string) error {
	if len(args) != 3 {
		return errors.New("want a number, a path and text")
	}
	times, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	name, text := args[1], args[2]
	if !strings.Contains(name, "%") {
		return r.write(name, []byte(strings.Repeat(text, times)))
	}
	for i := range times {
		number := strconv.Itoa(i)
		content := strings.ReplaceAll(text, "%", number)
		if err := r.write(strings.ReplaceAll(name, "%", number), []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

// remove removes files and directories, which must be there.
func (r *Repo) remove(names []string) error {
	for _, name := range names {
		p, err := r.path(name)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(p); err != nil {
			return err
		}
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	return nil
}

// copyFiles runs the write command, whose arguments are a prefix and a directory.
func (r *Repo) copyFiles(files []file, args []string) error {
	if len(args) > 2 {
		return errors.New("want a prefix and a directory at most")
	}
	args = append(args, "", "")
	prefix, dir := strings.TrimSuffix(args[0], "/"), args[1]
	if prefix != "" {
		prefix += "/"
	}
	n := 0
	for _, f := range files {
		name, ok := strings.CutPrefix(f.name, prefix)
		if !ok {
			continue
		}
		if err := r.write(path.Join(dir, name), []byte(f.data)); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("no file below %q", prefix)
	}
	return nil
}

// split splits a line into words. Quotes may stand within a word.
func split(line string) (words []string, err error) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		word := ""
		for line != "" && line[0] != ' ' && line[0] != '\t' {
			var part string
			switch line[0] {
			case '\'':
				var ok bool
				if part, line, ok = strings.Cut(line[1:], "'"); !ok {
					return nil, errors.New("unclosed quote")
				}
			case '"':
				quoted, err := strconv.QuotedPrefix(line)
				if err != nil {
					return nil, errors.New("bad quoted string")
				}
				part, _ = strconv.Unquote(quoted)
				line = line[len(quoted):]
			default:
				end := strings.IndexAny(line, " \t'\"")
				if end < 0 {
					end = len(line)
				}
				part, line = line[:end], line[end:]
			}
			word += part
		}
		words = append(words, word)
	}
	return words, nil
}
