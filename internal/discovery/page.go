package discovery

import (
	"bytes"
	"fmt"
	"html/template"
)

// A Page is what one import comes to.
type Page struct {
	Prefix      string   // import prefix
	GoImports   []string // contents of the go-import tags
	GoSource    string   // content of the go-source tag; empty for none
	Browse      string   // URL of the repository, if a browser can follow it; else empty
	Clone       string   // URL of a git repository for whoever clones the import prefix; empty for none
	Source      Source   // where a browser finds files
	Redirect    string   // where browsers are sent instead of a page: see [FillRedirect]; empty for nowhere
	Description string
}

// The go command reads the page as lax XML, and only as far as the end of the head.
var goGet = template.Must(template.New("go-get").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{{range .GoImports}}<meta name="go-import" content="{{.}}">
{{end}}{{with .GoSource}}<meta name="go-source" content="{{.}}">
{{end}}<title>{{.Prefix}}</title>
</head>
<body>
<p>go get {{.Prefix}}</p>
</body>
</html>
`))

// GoGet renders p for the go command.
func (p Page) GoGet() []byte {
	var b bytes.Buffer
	if err := goGet.Execute(&b, p); err != nil {
		panic(fmt.Errorf("discovery: %s: %w", p.Prefix, err)) // not possible: the template fits the type
	}
	return b.Bytes()
}
