package gittest

import "strings"

// A file is one file of a txtar archive.
type file struct {
	name, data string
}

// parseArchive splits a txtar archive. Unlike x/tools' txtar it adds no newline to a last file that has none: bytes
// count here.
func parseArchive(text string) (comment string, files []file) {
	cur := &comment
	for len(text) > 0 {
		line, rest, _ := strings.Cut(text, "\n")
		n := len(text) - len(rest)
		if name, ok := marker(line); ok {
			files = append(files, file{name: name})
			cur = &files[len(files)-1].data
		} else {
			*cur += text[:n]
		}
		text = rest
	}
	return comment, files
}

// marker returns the name in a line such as "-- name --".
func marker(line string) (string, bool) {
	name, ok := strings.CutPrefix(line, "-- ")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(strings.TrimRight(name, "\r"), " --")
	name = strings.TrimSpace(name)
	return name, ok && name != ""
}
