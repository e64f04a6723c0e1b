// Package modproxy reads the paths of the GOPROXY protocol (go.dev/ref/mod#goproxy-protocol). It does no I/O.
//
//	example.com/!azure/sdk/@v/list          the versions of example.com/Azure/sdk
//	example.com/!azure/sdk/@latest          info on the version to use
//	example.com/!azure/sdk/@v/main.info     info on what a version, branch, tag or commit comes to
//	example.com/!azure/sdk/@v/v1.0.0.mod    a canonical version's go.mod
//	example.com/!azure/sdk/@v/v1.0.0.zip    its content
package modproxy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/module"
)

// A Kind is what a request asks for.
type Kind int

const (
	List   Kind = iota // the versions
	Latest             // info on the version to use
	Info               // info on a version, or on what a version query comes to
	Mod                // a version's go.mod
	Zip                // a version's content
)

// A Request is a request of the protocol, its escapes undone.
type Request struct {
	Path    string // module path
	Kind    Kind
	Version string // for Info, Mod and Zip; for Info it may be a query: a branch, a tag, a commit
}

const (
	versions = "/@v/"
	latest   = "/@latest"
)

// maxPath is the length of the longest path that is read. What was read comes back in messages and logs.
const maxPath = 2048

// Is reports whether a URL path is one of the protocol, well-formed or not.
func Is(path string) bool {
	return strings.Contains(path, versions) || strings.HasSuffix(path, latest)
}

// Parse reads a URL path of the protocol, without percent-escapes, and without what stands before the module path.
// Upper-case letters are escaped by an exclamation mark ([module.EscapePath]). An error is one line of printable text.
func Parse(path string) (Request, error) {
	if len(path) > maxPath {
		return Request{}, fmt.Errorf("the path is longer than %d bytes", maxPath)
	}
	if escPath, file, ok := strings.Cut(path, versions); ok {
		modPath, err := unescapePath(escPath)
		if err != nil {
			return Request{}, err
		}
		return parseFile(modPath, file)
	}
	if escPath, ok := strings.CutSuffix(path, latest); ok {
		modPath, err := unescapePath(escPath)
		if err != nil {
			return Request{}, err
		}
		return Request{Path: modPath, Kind: Latest}, nil
	}
	return Request{}, errors.New("not a path of the GOPROXY protocol: a module path and /@v/ or /@latest are wanted")
}

// parseFile reads what follows /@v/: the list, or VERSION.EXT.
func parseFile(modPath, file string) (Request, error) {
	if file == "list" {
		return Request{Path: modPath, Kind: List}, nil
	}
	for _, kind := range []Kind{Info, Mod, Zip} {
		escVersion, ok := strings.CutSuffix(file, kind.ext())
		if !ok {
			continue
		}
		version, err := unescapeVersion(escVersion)
		if err != nil {
			return Request{}, err
		}
		if kind != Info && version != module.CanonicalVersion(version) {
			return Request{}, notCanonical(version)
		}
		return Request{Path: modPath, Kind: kind, Version: version}, nil
	}
	return Request{}, fmt.Errorf("%+.100q is none of the protocol's files: list, VERSION.info, VERSION.mod, VERSION.zip", file)
}

func (k Kind) ext() string { return [...]string{Info: ".info", Mod: ".mod", Zip: ".zip"}[k] }

func notCanonical(version string) error {
	return fmt.Errorf("%+.100q is no canonical version: ask for its .info, which names one", version)
}

// unescapePath is [module.UnescapePath] with a shorter error that says what to do.
func unescapePath(escPath string) (string, error) {
	modPath, err := module.UnescapePath(escPath)
	if err == nil {
		return modPath, nil
	}
	if right, err := module.EscapePath(escPath); err == nil {
		return "", upperCase("module path", escPath, right)
	}
	return "", malformed("module path", escPath, module.CheckPath)
}

// unescapeVersion is [module.UnescapeVersion], likewise.
func unescapeVersion(escVersion string) (string, error) {
	version, err := module.UnescapeVersion(escVersion)
	if err == nil {
		return version, nil
	}
	if right, err := module.EscapeVersion(escVersion); err == nil {
		return "", upperCase("version", escVersion, right)
	}
	if strings.ContainsFunc(escVersion, func(r rune) bool { return r == '/' || r >= utf8.RuneSelf }) {
		return "", fmt.Errorf("version %+.100q has a slash or a letter beyond ASCII: a branch or tag of such a name can't be asked for", escVersion)
	}
	return "", malformed("version", escVersion, module.CheckFilePath)
}

// upperCase is the error for what needed to be escaped: had it no upper-case letters, it would have been read.
func upperCase(what, got, right string) error {
	return fmt.Errorf("%s %+.100q: upper-case letters are escaped, as in %+.100q", what, got, right)
}

// malformed says what is wrong: with the escapes, if nothing is when their marks are taken away.
func malformed(what, escaped string, check func(string) error) error {
	reason := errors.New("an upper-case letter is written as an exclamation mark and its lower-case letter, and no other exclamation mark may be there")
	var invalid *module.InvalidPathError
	if err := check(strings.ReplaceAll(escaped, "!", "")); errors.As(err, &invalid) {
		reason = invalid.Err
	}
	return fmt.Errorf("malformed %s %+.100q: %w", what, escaped, reason)
}

// Name is the escaped path from the module path on, which Parse reads as r. It fails if there is none.
func (r Request) Name() (string, error) {
	escPath, err := module.EscapePath(r.Path)
	if err != nil {
		return "", err
	}
	switch r.Kind {
	case List:
		return escPath + versions + "list", nil
	case Latest:
		return escPath + latest, nil
	}
	escVersion, err := module.EscapeVersion(r.Version)
	if err != nil {
		return "", err
	}
	if r.Kind != Info && r.Version != module.CanonicalVersion(r.Version) {
		return "", notCanonical(r.Version)
	}
	return escPath + versions + escVersion + r.Kind.ext(), nil
}
