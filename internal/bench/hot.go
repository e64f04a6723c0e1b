package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/vanity"
	"example.com/vanity/internal/bench/load"
	"example.com/vanity/internal/bench/proc"
	"example.com/vanity/internal/bench/shape"
	"example.com/vanity/internal/bench/upstream"
)

// conns is how many callers there are at once who want what is hot.
const conns = 16

// hot compares what is served of a file that is known already: by us, by net/http from the same file, and by a handler that
// does nothing but write it, which is the bound.
func (b *bench) hot(s shape.Shape, file string, limit float64) comparison {
	name := fmt.Sprintf("hot %s of %s", file, s.Name)
	if file != "list" {
		name = fmt.Sprintf("hot .%s of %s", file, s.Name)
		file = s.Last() + "." + file
	}
	return comparison{
		name:    name,
		systems: []system{ours, files, constant},
		targets: []target{{rate, limit, ratioAtLeast}},
		measure: func(sys system) ([]figure, error) {
			dir, err := b.warm(s)
			if err != nil {
				return nil, err
			}
			p, err := b.startHot(sys, s, dir, file)
			if err != nil {
				return nil, err
			}
			figures, err := b.load(p, filesOf(s.Module())+file)
			return figures, errors.Join(err, p.Stop())
		},
	}
}

// warm makes a directory with a store of ours, and with the files that it serves.
func (b *bench) warm(s shape.Shape) (dir string, err error) {
	dir = filepath.Join(b.tmp, "warm-"+s.Name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	p, err := b.start(ours, s, upstream.Path("all", 0, s.Repository()), dir)
	if err != nil {
		return "", err
	}
	client := newClient(p.URL, s.Module())
	defer client.http.CloseIdleConnections()
	names := []string{"list", s.Last() + ".info", s.Last() + ".mod", s.Last() + ".zip"}
	for _, name := range names {
		err = errors.Join(err, client.save(name, filepath.Join(dir, "files", filesOf(s.Module()), name)))
	}
	if err = errors.Join(err, p.Stop()); err != nil {
		return "", err
	}
	return dir, b.judge(s, s.Last(), filepath.Join(dir, "files", filesOf(s.Module()), s.Last()+".zip"))
}

// startHot starts what serves from a directory that warm has made.
func (b *bench) startHot(sys system, s shape.Shape, dir, file string) (*proc.Process, error) {
	switch sys {
	case files:
		return proc.StartServer(string(sys), filepath.Join(dir, "files"))
	case constant:
		return proc.StartServer(string(sys), constantSpec{File: filepath.Join(dir, "files", filesOf(s.Module()), file)})
	}
	return b.start(sys, s, upstream.Path("all", 0, s.Repository()), dir)
}

// load asks a process in turn for targets, as fast as it answers. The one that asks is another process.
func (b *bench) load(p *proc.Process, targets ...string) ([]figure, error) {
	spec := load.Spec{Address: strings.TrimPrefix(p.URL, "http://"), Targets: targets, Conns: conns, Warm: b.period / 8, For: b.period}
	caller, err := proc.Start("load", spec)
	if err != nil {
		return nil, err
	}
	var res load.Result
	err = caller.Read(&res)
	if err = errors.Join(err, caller.Stop()); err != nil {
		return nil, err
	}
	return []figure{{rate, res.Rate()}}, nil
}

// pages compares what the go command discovers modules by with a handler that writes one such page, and headers of as many
// bytes; what a handler without those headers does is the bound.
func (b *bench) pages(paths int) comparison {
	return comparison{
		name:    fmt.Sprintf("?go-get=1, %d paths", paths),
		systems: []system{ours, alike, constant},
		targets: []target{{rate, 0.9, ratioAtLeast}},
		measure: func(sys system) ([]figure, error) {
			p, err := b.startPages(sys, paths)
			if err != nil {
				return nil, err
			}
			figures, err := b.load(p, sitePages(paths)...)
			return figures, errors.Join(err, p.Stop())
		},
	}
}

func (b *bench) startPages(sys system, paths int) (*proc.Process, error) {
	p, err := proc.StartServer("site", paths)
	if err != nil || sys == ours {
		return p, err
	}
	page := filepath.Join(b.tmp, "page")
	header, err := savePage(p.URL+sitePages(paths)[0], page)
	if err = errors.Join(err, p.Stop()); err != nil {
		return nil, err
	}
	if sys == alike {
		return proc.StartServer(string(constant), constantSpec{page, header})
	}
	return proc.StartServer(string(constant), constantSpec{File: page})
}

// savePage gets a page into a file, and gives its headers.
func savePage(url, file string) (http.Header, error) {
	client := newClient("", "x.test").http
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Header.Del("Date") // which the server adds
	return resp.Header, os.WriteFile(file, body, 0o666)
}

// site has so many paths, each of which is asked for by a name of the same length.
func site(paths int) vanity.Site {
	s := vanity.Site{Host: "go.acme.dev", Paths: make(map[string]vanity.Import, paths)}
	for i := range paths {
		s.Paths[sitePath(i)] = vanity.Import{Repo: "https://github.com/acme/mono", Directory: sitePath(i), Tags: sitePath(i) + "/v*", Proxy: "/go"}
	}
	return s
}

func sitePath(i int) string { return fmt.Sprintf("team%02d/tool%06d", i%100, i) }

// sitePages are those of packages below a thousand paths that are spread over all.
func sitePages(paths int) []string {
	var pages []string
	for i := 0; i < paths; i += max(paths/1000, 1) {
		pages = append(pages, "/"+sitePath(i)+"/pkg?go-get=1")
	}
	return slices.Clip(pages)
}

const period = 2 * time.Second // of a load
