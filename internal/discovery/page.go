package discovery

import (
	"bytes"
	"fmt"
	"html/template"
)

// A Page is what one import comes to.
type Page struct {
	Prefix    string   // import prefix
	GoImports []string // contents of the go-import tags
	GoSource  string   // content of the go-source tag; empty for none
	Browse    string   // URL of the repository, if a browser can follow it; else empty
}

// The go command reads the page as lax XML, and only as far as the end of the head: so the tags come first.
var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{{range .GoImports}}<meta name="go-import" content="{{.}}">
{{end}}{{with .GoSource}}<meta name="go-source" content="{{.}}">
{{end}}<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Prefix}}</title>
</head>
<body>
<h1>{{.Prefix}}</h1>
<p>This is the home of the Go packages whose import paths begin with <code>{{.Prefix}}</code>.</p>
<ul>
<li><a href="https://pkg.go.dev/{{.Prefix}}">Documentation</a></li>
{{with .Browse}}<li><a href="{{.}}">Repository</a></li>
{{end}}</ul>
</body>
</html>
`))

// HTML renders p.
func (p Page) HTML() []byte {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		panic(fmt.Errorf("discovery: %s: %w", p.Prefix, err)) // not possible: the template fits the type
	}
	return b.Bytes()
}
