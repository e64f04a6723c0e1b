package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"

	"example.com/vanity"
)

// withModules adds the modules of the site to an app: http.ListenAndServe(":8080", withModules(app)), or chi's r.Use(withModules).
func withModules(app http.Handler) http.Handler {
	pages := vanity.Meta(site, vanity.WithoutPages(), vanity.WithNext(app))
	return vanity.GoproxyFunc("/go", site.Resolve, vanity.WithNext(pages))
}

// TestWithModules has the function of the library's README around an app of chi, as it says. The app has a path of a module, too.
func TestWithModules(t *testing.T) {
	t.Parallel()
	app := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "app: "+r.URL.Path) }
	used, c, g := chi.NewRouter(), chi.NewRouter(), mux.NewRouter()
	used.Use(withModules)
	for _, r := range []*chi.Mux{used, c} {
		r.Get("/tool", app)
		r.Get("/about/{who}", app)
	}
	g.HandleFunc("/tool", app)
	g.HandleFunc("/about/{who}", app)
	for name, h := range map[string]http.Handler{"chi, by Use": used, "around chi": withModules(c), "around gorilla/mux": withModules(g)} {
		for path, want := range map[string]string{
			"/tool":                              "app: /tool",
			"/about/us":                          "app: /about/us",
			"/absent":                            "404 page not found",
			"/absent?go-get=1":                   "404 page not found",
			"/go/":                               "404 page not found",
			"/tool/sub?go-get=1":                 `content="go.acme.dev/tool mod https://go.acme.dev/go"`,
			"/libs/draw?go-get=1":                `content="go.acme.dev/libs/draw mod https://go.acme.dev/go"`,
			"/go/go.acme.dev/libs/!draw/@v/list": "has not stored it",
			"/go/go.acme.dev/libs/%21draw/@v/v1.0.zip": "no canonical version",
			"/go/go.acme.dev/other/@v/list":            "no such module is served here",
		} {
			req := httptest.NewRequest(http.MethodGet, "http://go.acme.dev"+path, nil)
			req.Header.Set("Disable-Module-Fetch", "true") // no host is asked
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req)
			if !strings.Contains(rec.Body.String(), want) {
				t.Errorf("%s, %s: %d %s; want %s", name, path, rec.Code, rec.Body, want)
			}
		}
	}
}
