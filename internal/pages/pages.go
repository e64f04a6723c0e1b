// Package pages makes the pages for people, from templates of its own or of a site's owner.
package pages

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// Names of the templates, as files of those names have them.
const (
	Index  = "index.html"
	Module = "module.html"
	Gosub  = "gosub.html" // which is always ours
)

var (
	//go:embed style.css
	style string
	//go:embed parts.html
	parts string
	//go:embed index.html
	index string
	//go:embed module.html
	module string
	//go:embed form.css
	formStyle string
	//go:embed gosub.html
	gosub string
)

// own are our templates. The style stands in them as it is, so that the policy can name it by its hash.
var own = func() *template.Template {
	const head = `{{template "head"}}`
	funcs := template.FuncMap{"elements": func(path string) []string { return strings.Split(path, "/") }}
	t := template.Must(template.New("parts").Funcs(funcs).Parse(parts))
	add := func(name, text, style string) {
		template.Must(t.New(name).Parse(strings.Replace(text, head, head+"<style>"+style+"</style>\n", 1)))
	}
	add(Index, index, style)
	add(Module, module, style)
	add(Gosub, gosub, style+formStyle)
	return t
}()

// Nothing is the policy of a page that loads and does nothing.
const Nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// What a page may load and do (Content-Security-Policy): ours nothing but its own style, an owner's what his host has. No
// page runs a script that stands in it.
var (
	ownPolicy  = policyOf(style, "'none'")
	formPolicy = policyOf(style+formStyle, "'self'")

	ownersPolicy = "default-src 'self'; img-src 'self' https: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

func policyOf(style, formAction string) string {
	sum := sha256.Sum256([]byte(style))
	return fmt.Sprintf("default-src 'none'; img-src data:; style-src 'sha256-%s'; base-uri 'none'; form-action %s; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(sum[:]), formAction)
}

// Templates are an owner's, in place of some or all of ours. The zero value has none. They are safe for concurrent use.
type Templates struct{ owners *template.Template }

// Use gives the templates that stand in for ours. It is an error if none of them would be used, or if one fails with any of
// some data.
func Use(t *template.Template, data ...any) (Templates, error) {
	if t == nil || t.Lookup(Index) == nil && t.Lookup(Module) == nil {
		return Templates{}, fmt.Errorf("there is no template named %s or %s", Index, Module)
	}
	for _, name := range [...]string{Index, Module} {
		for _, d := range data {
			if t.Lookup(name) == nil {
				continue
			}
			if err := t.ExecuteTemplate(io.Discard, name, d); err != nil {
				return Templates{}, err
			}
		}
	}
	return Templates{t}, nil
}

// Render makes a page from the template of a name, and gives the policy to send with it.
func (t Templates) Render(name string, data any) (body []byte, policy string, err error) {
	from, policy := own, ownPolicy
	switch {
	case name == Gosub:
		policy = formPolicy
	case t.owners != nil && t.owners.Lookup(name) != nil:
		from, policy = t.owners, ownersPolicy
	}
	var b bytes.Buffer
	if err := from.ExecuteTemplate(&b, name, data); err != nil {
		return nil, "", err
	}
	return b.Bytes(), policy, nil
}
