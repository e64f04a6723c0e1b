package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/gotags"
	"example.com/vanity/examples/server/internal/local"
	"example.com/vanity/examples/server/internal/origin"
)

// Wildcards gives the import prefixes of a file that stand for more than one module, with their "*": what is below them is not
// known before somebody asks.
func Wildcards(c *config.Config) (prefixes []string) {
	for _, key := range slices.Sorted(maps.Keys(c.Paths)) {
		if strings.Contains(key, "*") {
			prefixes = append(prefixes, c.PrefixOf(key))
		}
	}
	return prefixes
}

// A Want is a module and what is wanted of it.
type Want struct {
	Module
	Query string // a version, or a query that comes to one; empty for all versions
}

// Plan says which modules are meant by arguments MODULE or MODULE@QUERY, "all" being the query for all versions; without
// arguments, all that the entries name and this server serves. A module that is meant without a query comes with its other
// major versions, unless the path is that of one. What can't be planned is told in the errors, which begin with the module or
// the key, and doesn't hinder the others.
func (s *Server) Plan(ctx context.Context, entries []config.Entry, args []string) (wants []Want, errs []error) {
	known := make(map[Want]bool)
	add := func(name string, found []Want, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		for _, w := range found {
			if !known[w] {
				wants, known[w] = append(wants, w), true
			}
		}
	}
	if len(args) == 0 {
		found, faults := make([][]Want, len(entries)), make([]error, len(entries))
		Each(ctx, len(entries), 4, func(i int) {
			if entries[i].Proxy {
				found[i], faults[i] = s.family(ctx, entries[i])
			}
		})
		for i, e := range entries {
			name := e.Path
			if name == "" {
				name = e.Key
			}
			add(name, found[i], faults[i])
		}
	}
	for _, arg := range args {
		path, query, _ := strings.Cut(arg, "@")
		if query == "all" {
			query = ""
		}
		found, err := s.named(ctx, entries, path, query)
		add(path, found, err)
	}
	return wants, errs
}

// named gives what one argument means.
func (s *Server) named(ctx context.Context, entries []config.Entry, path, query string) ([]Want, error) {
	if err := module.CheckPath(path); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.Proxy {
			if e.Path == path {
				return nil, errors.New("this server has its page alone: what serves it is said there")
			}
			continue
		}
		stem, major, _ := module.SplitPathVersion(path)
		switch {
		case e.Path == path && query == "":
			return s.family(ctx, e)
		case e.Path == path, major != "" && e.Path == stem, e.Path == "" && s.declares(ctx, e, path):
			return []Want{{moduleOf(e, path), query}}, nil
		}
	}
	if s.BaseOf != nil {
		if base, ok := s.BaseOf(path); ok {
			return []Want{{Module{Path: path, Base: strings.TrimSuffix(base, "/")}, query}}, nil
		}
	}
	m, err := s.discover(ctx, path)
	if err != nil {
		return nil, err
	}
	return []Want{{m, query}}, nil
}

func moduleOf(e config.Entry, path string) Module {
	return Module{Path: path, Base: e.Base, Key: e.Key, GitHost: gitHost(e.Config), Named: e.Config.Module != ""}
}

// declares reports whether an entry without a module path serves one.
func (s *Server) declares(ctx context.Context, e config.Entry, path string) bool {
	_, err := s.Versions(ctx, moduleOf(e, path))
	return err == nil
}

// discover finds by its page who serves a module that is no entry: one of a wildcard, or a nested one.
func (s *Server) discover(ctx context.Context, path string) (Module, error) {
	page, resp, err := s.GoGet(ctx, path)
	if err != nil {
		return Module{}, err
	}
	imports, _ := gotags.Parse(page)
	for _, i := range imports {
		if resp.OK() && i.VCS == "mod" && i.Has(path) {
			u, err := url.Parse(i.Repo)
			if err == nil {
				return Module{Path: path, Base: strings.TrimSuffix(u.Path, "/"), GitHost: i.Repo}, nil
			}
		}
	}
	return Module{}, errors.New("the file has no such module that this server serves: name it as in an import")
}

// GoGet asks for the page of an import path as the go command does. Any other status than 200 comes without one, and is no error.
func (s *Server) GoGet(ctx context.Context, importPath string) (page []byte, resp local.Response, err error) {
	host, rest, _ := strings.Cut(importPath, "/")
	var b bytes.Buffer
	resp, err = local.Get(ctx, s.Handler, host, (&url.URL{Path: "/" + rest, RawQuery: "go-get=1"}).RequestURI(), nil, &b)
	return b.Bytes(), resp, err
}

// family gives the module paths of an entry: those that have versions, or if none has, the one that it is named by.
func (s *Server) family(ctx context.Context, e config.Entry) ([]Want, error) {
	path := e.Path
	if path == "" {
		var err error
		if path, err = s.declared(ctx, e.Config); err != nil {
			return nil, err
		}
	}
	paths, err := s.Majors(ctx, e, path)
	if err == nil && len(paths) == 0 {
		paths = []string{path}
	}
	wants := make([]Want, len(paths))
	for i, p := range paths {
		wants[i].Module = moduleOf(e, p)
	}
	return wants, err
}

// declared gives the module path that go.mod says, without a major version.
func (s *Server) declared(ctx context.Context, cfg vanity.Config) (string, error) {
	if s.Origin == nil {
		return "", errors.New("only go.mod says the module path: name it in the file (module)")
	}
	survey, err := s.Origin.Survey(ctx, cfg)
	if err != nil {
		return "", errors.New(origin.Explain(err, cfg))
	}
	if survey.Unread != nil {
		return "", errors.New(origin.Explain(survey.Unread, cfg))
	}
	if module.CheckPath(survey.Module) != nil {
		return "", errors.New("there is no go.mod that says a module path: correct directory and tags, or name the module in the file")
	}
	if stem, major, _ := module.SplitPathVersion(survey.Module); strings.HasPrefix(major, "/") {
		return stem, nil
	}
	return survey.Module, nil
}

// gap is how many major versions in a row may be missing where they are looked for one by one.
const gap = 8

// Majors gives those module paths of an entry that have versions: path itself, and path/v2 and so on. A module may begin at any
// of them, and skip some, so its repository's tags are looked at. Where that can't be, the lists are asked for one by one, until
// some in a row are empty: those that are stored, as the host has failed.
func (s *Server) Majors(ctx context.Context, e config.Entry, path string) (paths []string, err error) {
	stem, major, _ := module.SplitPathVersion(path)
	var header http.Header
	if s.Origin != nil && e.Config.URL != "" {
		paths, err = s.Origin.Majors(ctx, e.Config, path)
		if err == nil || ctx.Err() != nil {
			return paths, err
		}
		header = storedOnly
		err = errors.New(origin.Explain(err, e.Config))
	}
	if major != "" {
		return []string{path}, nil
	}
	if list, own := s.listOnce(ctx, moduleOf(e, stem), nil); own == nil && len(list) > 0 {
		paths = append(paths, stem)
	} else if err == nil && own != nil && !IsAbsent(own) {
		return nil, own
	}
	for n, last := 2, 1; n <= last+gap && ctx.Err() == nil; n++ {
		p := fmt.Sprintf("%s/v%d", stem, n)
		if list, other := s.listOnce(ctx, moduleOf(e, p), header); other == nil && len(list) > 0 {
			paths, last = append(paths, p), n
		}
	}
	if len(paths) > 0 {
		err = nil // what is there is there
	}
	return paths, cmp.Or(ctx.Err(), err)
}

// listOnce is Versions for one of many questions: a host that is down is not asked again and again.
func (s *Server) listOnce(ctx context.Context, m Module, header http.Header) ([]string, error) {
	path, err := m.path("list")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	resp, err := local.Get(ctx, s.Handler, s.host(), path, header, &b)
	switch {
	case err != nil:
		return nil, err
	case !resp.OK():
		return nil, &StatusError{resp.Status, resp.Text}
	}
	return parseList(b.String()), nil
}
