// Package modproxy reads the paths of the GOPROXY protocol (go.dev/ref/mod#goproxy-protocol). It does no I/O.
package modproxy

import (
	"fmt"
	"strings"

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

// Is reports whether a URL path is one of the protocol, well-formed or not.
func Is(path string) bool {
	return strings.Contains(path, versions) || strings.HasSuffix(path, latest)
}

// Parse reads a URL path of the protocol, without percent-escapes, and without what stands before the module path.
// Upper-case letters are escaped by an exclamation mark ([module.EscapePath]).
func Parse(path string) (Request, error) {
	escPath, file, ok := strings.Cut(path, versions)
	if !ok {
		escPath, ok = strings.CutSuffix(path, latest)
		if !ok {
			return Request{}, fmt.Errorf("not a path of the GOPROXY protocol")
		}
	}
	modPath, err := module.UnescapePath(escPath)
	if err != nil {
		return Request{}, fmt.Errorf("malformed module path: %w", err)
	}
	switch file {
	case "":
		if !strings.HasSuffix(path, latest) {
			break
		}
		return Request{Path: modPath, Kind: Latest}, nil
	case "list":
		return Request{Path: modPath, Kind: List}, nil
	}
	return parseFile(modPath, file)
}

// parseFile reads VERSION.EXT.
func parseFile(modPath, file string) (Request, error) {
	kinds := map[string]Kind{"info": Info, "mod": Mod, "zip": Zip}
	i := strings.LastIndexByte(file, '.')
	kind, ok := kinds[file[i+1:]]
	if i < 0 || !ok {
		return Request{}, fmt.Errorf("%.100q is none of the protocol's files: list, VERSION.info, VERSION.mod, VERSION.zip", file)
	}
	version, err := module.UnescapeVersion(file[:i])
	if err != nil {
		return Request{}, fmt.Errorf("malformed version: %w", err)
	}
	if kind != Info && version != module.CanonicalVersion(version) {
		return Request{}, fmt.Errorf("%q is no canonical version: only its .info can be asked for", version)
	}
	return Request{Path: modPath, Kind: kind, Version: version}, nil
}

// Name is the escaped path of a canonical version's file, or of the list, from the module path on. It is the request
// that Parse reads, and fails if the path or version can't be escaped.
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
	return escPath + versions + escVersion + map[Kind]string{Info: ".info", Mod: ".mod", Zip: ".zip"}[r.Kind], nil
}
