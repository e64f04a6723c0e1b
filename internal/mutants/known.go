package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// list is the file of survivors, relative to a module.
const list = "internal/mutants/survivors.txt"

// survivors reads the list: a mutant's name, then lines that are indented by a tab, and name the test that kills it now, or say
// why none can.
func (m module) survivors() (remarks map[string]string, err error) {
	data, err := os.ReadFile(filepath.Join(m.Dir, filepath.FromSlash(list)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	remarks = make(map[string]string)
	name := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		remark, indented := strings.CutPrefix(line, "\t")
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case indented && name == "":
			return nil, fmt.Errorf("%s: a remark without a mutant: %s", list, remark)
		case indented:
			remarks[name] = strings.TrimSpace(remarks[name] + " " + remark)
		default:
			if _, ok := remarks[line]; ok {
				return nil, fmt.Errorf("%s: twice: %s", list, line)
			}
			name = line
			remarks[name] = ""
		}
	}
	for name, remark := range remarks {
		if remark == "" {
			return nil, fmt.Errorf("%s: no remark: %s", list, name)
		}
	}
	return remarks, nil
}
