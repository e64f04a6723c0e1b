// Yaml serves the import paths of a file such as govanityurls reads, vanity.yaml or the one that is named, on port 8080:
// their pages, and the modules of those that need a GOPROXY, if the file says where that is ("proxy: /go").
package main

import (
	"log"
	"net/http"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"example.com/vanity"
)

// parse takes nothing that it doesn't understand: an unknown key is an error, and so is one that is given twice.
func parse(data []byte) (site vanity.Site, err error) {
	if err := yaml.Load(data, &site, yaml.WithKnownFields()); err != nil {
		return site, err
	}
	return site, site.Validate()
}

func handler(site vanity.Site, opts ...vanity.Option) http.Handler {
	pages := vanity.Meta(site, opts...)
	if !strings.HasPrefix(site.Proxy, "/") {
		return pages // there is no proxy, or it is elsewhere
	}
	return vanity.GoproxyFunc(site.Proxy, site.Resolve, append(opts, vanity.WithNext(pages))...)
}

func main() {
	name := "vanity.yaml"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	data, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	site, err := parse(data)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	log.Fatal(http.ListenAndServe(":8080", handler(site)))
}
