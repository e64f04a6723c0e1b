// Package netrc finds passwords in a .netrc file, as the go command and git's HTTP library do.
package netrc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// An Entry is what a file says of one machine.
type Entry struct{ Machine, Login, Password string }

// Parse gives the entries of a file in their order, but for incomplete ones. The entry "default" is none, nor for the go
// command: it would send a password to every host there is.
func Parse(data string) (entries []Entry) {
	var e Entry
	add := func() {
		if e.Machine != "" && e.Login != "" && e.Password != "" {
			entries = append(entries, e)
		}
		e = Entry{}
	}
	fields := map[string]*string{"machine": &e.Machine, "login": &e.Login, "password": &e.Password, "account": new(string)}
	var field *string
	isMacro := false
	for line := range strings.Lines(data) {
		if isMacro {
			isMacro = strings.TrimSpace(line) != "" // it ends with an empty line
			continue
		}
	words:
		for _, word := range strings.Fields(line) {
			switch {
			case field != nil:
				*field, field = word, nil
			case word == "macdef":
				isMacro = true
				break words
			case word == "machine", word == "default":
				add()
				field = fields[word]
			case strings.HasPrefix(word, "#"):
				break words
			default:
				field = fields[word]
			}
		}
	}
	add()
	return entries
}

// Find gives the first entry for a host, a name and perhaps a port: first with its port, then by its name alone.
func Find(entries []Entry, host string) (Entry, bool) {
	name, _, _ := strings.Cut(host, ":")
	for _, machine := range [...]string{host, name} {
		for _, e := range entries {
			if strings.EqualFold(e.Machine, machine) {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// Read gives the entries of the file that the environment names: NETRC, or .netrc in the home directory (on Windows _netrc
// first). Without a file there are none.
func Read() ([]Entry, error) {
	names := []string{os.Getenv("NETRC")}
	if names[0] == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, nil // there is no home to have one in
		}
		names = []string{filepath.Join(home, ".netrc")}
		if runtime.GOOS == "windows" {
			names = append([]string{filepath.Join(home, "_netrc")}, names...)
		}
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return Parse(string(data)), err
	}
	return nil, nil
}
