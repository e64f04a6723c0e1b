package forge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// An origin is what the configuration of a repository says of its remote "origin".
type origin struct {
	url   string   // the one that git fetches from
	fetch []string // refspecs
}

// isMirror reports whether a fetch overwrites the repository's own branches, as "git clone --mirror" has it, so that they are
// the origin's. One that was just cloned with --bare is no mirror: what is pushed there is its own.
func (o origin) isMirror() bool {
	for _, refspec := range o.fetch {
		switch strings.TrimPrefix(refspec, "+") {
		case "refs/*:refs/*", "refs/heads/*:refs/heads/*":
			return o.url != ""
		}
	}
	return false
}

// maxConfig is the size of the largest configuration that is read, in bytes.
const maxConfig = 1 << 20

// readOrigin reads the configuration of a repository. What is no file, too large, or none that git would read, says nothing.
func readOrigin(repo string) (origin, error) {
	name := filepath.Join(repo, "config")
	info, err := os.Lstat(name)
	if isAbsent(err) || err == nil && (!info.Mode().IsRegular() || info.Size() > maxConfig) {
		return origin{}, nil
	}
	if err != nil {
		return origin{}, err
	}
	f, err := os.Open(name)
	if err != nil {
		if isAbsent(err) {
			err = nil
		}
		return origin{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil || len(data) > maxConfig {
		return origin{}, err
	}
	o, err := parseOrigin(data)
	if err != nil {
		return origin{}, nil // git says what is wrong with it to whoever asks for the repository
	}
	return o, nil
}

// parseOrigin reads what a configuration file says of the remote "origin". What it includes from elsewhere is not looked at.
func parseOrigin(data []byte) (o origin, err error) {
	hasURL := false
	err = parseConfig(data, func(key, value string) {
		switch key {
		case "remote.origin.url":
			if !hasURL { // git fetches from the first
				o.url, hasURL = value, true
			}
		case "remote.origin.fetch":
			o.fetch = append(o.fetch, value)
		}
	})
	return o, err
}

// parseConfig reads a file in git's format (git-config(1), and config.c where that is silent), and calls each for its variables,
// one after another. A key is SECTION.NAME or SECTION.SUBSECTION.NAME, in lower case but for the subsection. A variable
// without a value is "". The error says in which line git would stop.
func parseConfig(data []byte, each func(key, value string)) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("it has a NUL byte")
	}
	p := &configParser{data: data, line: 1}
	section := ""
	for !p.atEnd() {
		c := p.next()
		var err error
		switch {
		case isSpace(c):
		case c == '#' || c == ';':
			for p.next() != '\n' {
			}
		case c == '[':
			section, err = p.section()
		case isAlpha(c):
			var name, value string
			name, value, err = p.variable(c)
			if err == nil {
				each(section+name, value)
			}
		default:
			err = errSyntax
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	return nil
}

var errSyntax = errors.New("bad syntax")

// A configParser reads a configuration byte by byte. The end of the data reads as ends of lines.
type configParser struct {
	data []byte
	line int // the one being read
}

func (p *configParser) atEnd() bool { return len(p.data) == 0 }

// next gives the next byte; "\r\n" is "\n".
func (p *configParser) next() byte {
	if p.atEnd() {
		return '\n'
	}
	if bytes.HasPrefix(p.data, []byte("\r\n")) {
		p.data = p.data[1:]
	}
	c := p.data[0]
	p.data = p.data[1:]
	if c == '\n' {
		p.line++
	}
	return c
}

// section reads the rest of [section], [section "subsection"] or, as of old, [section.subsection]; a dot ends what it gives.
func (p *configParser) section() (string, error) {
	var name []byte
	for !p.atEnd() {
		switch c := p.next(); {
		case c == ']':
			return string(append(name, '.')), nil
		case isSpace(c):
			return p.subsection(name, c)
		case isKeyChar(c) || c == '.':
			name = append(name, lower(c))
		default:
			return "", errSyntax
		}
	}
	return "", errSyntax
}

// subsection reads the rest of a section from the space c on.
func (p *configParser) subsection(name []byte, c byte) (string, error) {
	for ; isSpace(c); c = p.next() {
		if c == '\n' {
			return "", errSyntax
		}
	}
	if c != '"' {
		return "", errSyntax
	}
	name = append(name, '.')
	for {
		switch c = p.next(); c {
		case '\n':
			return "", errSyntax
		case '"':
			if p.next() != ']' {
				return "", errSyntax
			}
			return string(append(name, '.')), nil
		case '\\':
			if c = p.next(); c == '\n' {
				return "", errSyntax
			}
		}
		name = append(name, c)
	}
}

// variable reads a name that begins with c, and its value.
func (p *configParser) variable(c byte) (name, value string, err error) {
	var key []byte
	for ; isKeyChar(c); c = p.next() {
		key = append(key, lower(c))
	}
	for c == ' ' || c == '\t' {
		c = p.next()
	}
	switch c {
	case '=':
		value, err = p.value()
	case '\n':
	default:
		err = errSyntax
	}
	return string(key), value, err
}

// value reads what follows the equals sign: words with single spaces or more between them, comments and quotes taken out.
func (p *configParser) value() (string, error) {
	var value []byte
	spaces, quoted := 0, false
	for {
		c := p.next()
		switch {
		case c == '\n':
			if quoted {
				return "", errSyntax
			}
			return string(value), nil
		case isSpace(c) && !quoted:
			if len(value) > 0 {
				spaces++
			}
			continue
		case (c == '#' || c == ';') && !quoted:
			for p.next() != '\n' {
			}
			return string(value), nil
		}
		value = append(value, strings.Repeat(" ", spaces)...)
		spaces = 0
		switch c {
		case '"':
			quoted = !quoted
			continue
		case '\\':
			i := strings.IndexByte("\n"+`tbn\"`, p.peek())
			if i < 0 {
				return "", errSyntax
			}
			if p.next(); i == 0 {
				continue
			}
			c = "\n\t\b\n\\\""[i]
		}
		value = append(value, c)
	}
}

// peek gives the byte that next will.
func (p *configParser) peek() byte {
	ahead := *p
	return ahead.next()
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' } // as git has it

func isAlpha(c byte) bool { return 'a' <= lower(c) && lower(c) <= 'z' }

func isKeyChar(c byte) bool { return isAlpha(c) || '0' <= c && c <= '9' || c == '-' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
