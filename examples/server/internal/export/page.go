package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/vanity/examples/server/internal/gotags"
	"example.com/vanity/examples/server/internal/local"
)

// pages writes the pages of all modules, the indexes above them, and the page for what isn't there.
func (w *work) pages(ctx context.Context) {
	paths := w.pagePaths()
	for _, p := range paths {
		if ctx.Err() != nil {
			return
		}
		w.meter.Begin(p)
		if err := w.page(ctx, p); err != nil {
			w.fail(ctx, p, err)
		}
	}
	if len(paths) == 0 {
		return
	}
	for _, p := range w.indexPaths(paths) {
		if err := w.index(ctx, p); err != nil {
			w.fail(ctx, p, err)
		}
	}
	if host := w.Server.Host; !strings.Contains(host, "/") && ctx.Err() == nil {
		if err := w.notFound(host); err != nil {
			w.fail(ctx, "404.html", err)
		}
	}
}

// pagePaths gives the import paths that get a page: the prefixes, and the major versions that were written.
func (w *work) pagePaths() (paths []string) {
	keys := make(map[string]bool)
	for _, e := range w.Entries {
		if e.Page && (len(w.Modules) == 0 || slices.Contains(w.Modules, e.Path)) {
			paths = append(paths, e.Path)
		}
		keys[e.Key] = e.Page
	}
	for _, m := range w.all {
		if m.Key == "" || keys[m.Key] { // of a wildcard, or of an entry
			paths = append(paths, m.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// indexPaths gives the paths above some, as far as the site reaches.
func (w *work) indexPaths(paths []string) (above []string) {
	root := w.Server.Host
	for _, p := range paths {
		for p != root && strings.HasPrefix(p, root+"/") {
			if p = path.Dir(p); !slices.Contains(paths, p) {
				above = append(above, p)
			}
		}
	}
	slices.Sort(above)
	return slices.Compact(above)
}

// file is the name of the page of an import path.
func file(importPath string) string {
	_, rest, _ := strings.Cut(importPath, "/")
	return path.Join(rest, "index.html")
}

func link(importPath string) string {
	_, rest, _ := strings.Cut(importPath, "/")
	return (&url.URL{Path: "/" + rest}).EscapedPath()
}

// get asks for a page that is for people.
func (w *work) get(ctx context.Context, importPath, uri string) (local.Response, []byte, error) {
	host, _, _ := strings.Cut(importPath, "/")
	var b bytes.Buffer
	resp, err := local.Get(ctx, w.Server.Handler, host, uri, nil, &b)
	return resp, b.Bytes(), err
}

// page writes the page of a module: that which people get, with the tags that the go command gets, as one file is for both.
func (w *work) page(ctx context.Context, importPath string) error {
	if was, err := w.tree.read(file(importPath)); err == nil && isOurs(was) && w.keep[importPath] {
		w.note(file(importPath))
		w.paged++
		return nil // a page that says that there can't be said more is no better
	}
	tagged, resp, err := w.Server.GoGet(ctx, importPath)
	if err != nil {
		return err
	}
	imports, source := gotags.Parse(tagged)
	if !resp.OK() || len(imports) == 0 {
		return fmt.Errorf("its page has no go-import tags (status %d %s)", resp.Status, resp.Text)
	}
	resp, body, err := w.forPeople(ctx, importPath)
	if err != nil {
		return err
	}
	switch to := resp.Header.Get("Location"); {
	case resp.Status >= 300 && resp.Status < 400 && to != "":
		var b bytes.Buffer
		if err := redirect.Execute(&b, struct{ Path, To string }{importPath, to}); err != nil {
			return err
		}
		body = b.Bytes()
	case !resp.OK() || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"):
		body = tagged // nobody has a page for people
	}
	if strings.Contains(source, "/-/") { // links that go through the server
		source = ""
	}
	return w.save(ctx, importPath, withTags(body, imports, source))
}

// forPeople asks for a page. One that can't list the versions in time may not be kept: then it is asked for again.
func (w *work) forPeople(ctx context.Context, importPath string) (resp local.Response, body []byte, err error) {
	for n := range 3 {
		resp, body, err = w.get(ctx, importPath, link(importPath))
		if err != nil || resp.Header.Get("Cache-Control") != "no-cache" || n == 2 {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return resp, body, err
}

// next is the link of our templates to the rest of a long list.
var next = regexp.MustCompile(`<a href="([^"]*)" rel="next">`)

// save writes a page, and those that have the rest of its list: a file can't answer a query.
func (w *work) save(ctx context.Context, importPath string, body []byte) error {
	name := file(importPath)
	for n := 2; ; n++ {
		found := next.FindSubmatchIndex(body)
		if found == nil {
			return w.putPage(name, body)
		}
		uri := html.UnescapeString(string(body[found[2]:found[3]]))
		following := path.Join(path.Dir(file(importPath)), fmt.Sprintf("index-%d.html", n))
		to := (&url.URL{Path: "/" + following}).EscapedPath()
		if err := w.putPage(name, slices.Concat(body[:found[2]], []byte(html.EscapeString(to)), body[found[3]:])); err != nil {
			return err
		}
		resp, more, err := w.get(ctx, importPath, uri)
		if err != nil {
			return err
		}
		if !resp.OK() {
			return fmt.Errorf("%s: status %d %s", uri, resp.Status, resp.Text)
		}
		name, body = following, more
	}
}

// index writes a list of modules, if there is one.
func (w *work) index(ctx context.Context, importPath string) error {
	resp, body, err := w.get(ctx, importPath, link(importPath))
	if err != nil {
		return err
	}
	if !resp.OK() || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return nil // somebody else answers there, or nobody
	}
	return w.save(ctx, importPath, body)
}

func (w *work) notFound(host string) error {
	const name = "404.html"
	if was, err := w.tree.read(name); err == nil && !isOurs(was) {
		return nil // its owner has a better one
	}
	var b bytes.Buffer
	if err := missing.Execute(&b, host); err != nil {
		return err
	}
	return w.putPage(name, b.Bytes())
}

// mark is how a page is known as made by an export: nothing else is overwritten.
const mark = `<meta name="generator" content="vanity export">`

func isOurs(page []byte) bool { return bytes.Contains(page, []byte(mark)) }

func (w *work) putPage(name string, body []byte) error {
	was, err := w.tree.read(name)
	switch {
	case err == nil && !isOurs(was):
		return fmt.Errorf("there is a file %s that no export has made: move it away, or export into another directory", name)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return diskFault(err)
	}
	if !isOurs(body) {
		body = insert(body, mark+"\n")
	}
	if err := w.tree.put(name, body); err != nil {
		return err
	}
	w.note(name)
	w.mu.Lock()
	w.paged++
	w.mu.Unlock()
	return nil
}

var (
	charset    = regexp.MustCompile(`(?i)<meta charset="?utf-8"?>\n?`)
	headTag    = regexp.MustCompile(`(?i)<head>\n?`)
	importTags = regexp.MustCompile(`(?i)<meta name="?go-(import|source)"?[^>]*>\n?`)
)

// withTags gives a page just these tags, right behind where it says that it is UTF-8.
func withTags(page []byte, imports []gotags.Import, source string) []byte {
	var b bytes.Buffer
	if err := tags.Execute(&b, struct {
		Imports []gotags.Import
		Source  string
	}{imports, source}); err != nil {
		panic(fmt.Errorf("export: %w", err)) // not possible: the template fits the type
	}
	return insert(importTags.ReplaceAllLiteral(page, nil), b.String())
}

// insert puts text into the head of a page, which gets one if it has none.
func insert(page []byte, text string) []byte {
	for _, at := range []*regexp.Regexp{charset, headTag} {
		if found := at.FindIndex(page); found != nil {
			return slices.Concat(page[:found[1]], []byte(text), page[found[1]:])
		}
	}
	return slices.Concat([]byte("<!DOCTYPE html>\n<head>\n<meta charset=\"utf-8\">\n"+text+"</head>\n"), page)
}

var (
	tags = template.Must(template.New("tags").Parse(`{{range .Imports}}<meta name="go-import" content="{{.Prefix}} {{.VCS}} {{.Repo}}{{with .Subdir}} {{.}}{{end}}">
{{end}}{{with .Source}}<meta name="go-source" content="{{.}}">
{{end}}`))
	redirect = template.Must(template.New("redirect").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={{.To}}">
<title>{{.Path}}</title>
</head>
<body>
<p><a href="{{.To}}">{{.Path}}</a></p>
</body>
</html>
`))
	missing = template.Must(template.New("404").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Not found: {{.}}</title>
</head>
<body>
<main>
<h1>There is no such page</h1>
<p><a href="/">All modules of {{.}}</a></p>
</main>
</body>
</html>
`))
)
