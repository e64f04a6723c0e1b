package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/vanity"
)

// withModules adds the modules of the site to an app: http.ListenAndServe(":8080", withModules(app)), or chi's r.Use(withModules).
func withModules(app http.Handler) http.Handler {
	pages := vanity.Meta(site, vanity.WithoutPages(), vanity.WithNext(app))
	return vanity.GoproxyFunc("/go", site.Resolve, vanity.WithNext(pages))
}

// TestWithModules has an app that knows every path, and loses none but the go command's.
func TestWithModules(t *testing.T) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "app: %s %s", r.Method, r.URL)
	})
	server := httptest.NewServer(withModules(app))
	defer server.Close()
	for ask, want := range map[string]string{
		"GET /":                              "app: GET /",
		"GET /tool":                          "app: GET /tool",
		"POST /tool/x?a=b":                   "app: POST /tool/x?a=b",
		"GET /other?go-get=1":                "app: GET /other?go-get=1",
		"GET /go":                            "app: GET /go",
		"GET /go/x":                          "app: GET /go/x",
		"GET /gopher/@v/list":                "app: GET /gopher/@v/list",
		"GET /a%2Fb/%21x;y/!z?q":             "app: GET /a%2Fb/%21x;y/!z?q",
		"GET /tool/sub?go-get=1":             `<meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">`,
		"GET /go/go.acme.dev/other/@v/list":  "no such module is served here",
		"POST /go/go.acme.dev/other/@v/list": "method not allowed",
	} {
		method, path, _ := strings.Cut(ask, " ")
		req, err := http.NewRequest(method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v, %s; want %s", ask, err, body, want)
		}
	}
}
