package vanity_test

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"

	"example.com/vanity"
)

// One directory of a repository, served as a module under a name of one's own.
func ExampleGoproxy() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithClient
	defer host.Close()

	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/acme/mono",
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}, vanity.WithClient(host.Client())))

	for _, file := range []string{"list", "v1.1.0.mod", "v2.0.0.zip"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/"+file, nil))
		fmt.Printf("%s %d\n%s", file, w.Code, w.Body)
	}
	// Output:
	// list 200
	// v1.0.0
	// v1.1.0
	// v1.1.0.mod 200
	// module go.acme.dev/tool
	// v2.0.0.zip 404
	// not found: go.acme.dev/tool@v2.0.0: the version does not fit the module path: with a go.mod, the path for v2 ends in /v2
}

// A function of one's own says where modules are, here from a table in the place of a database.
func ExampleGoproxyFunc() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithClient
	defer host.Close()

	modules := map[string]vanity.Config{
		"go.acme.dev/tool":     {URL: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"},
		"go.acme.dev/libs/log": {URL: "https://github.com/acme/mono", Directory: "libs/log", Tags: "libs/log/v*"},
	}
	resolve := func(_ context.Context, modulePath string) (vanity.Config, error) {
		cfg, ok := modules[modulePath]
		if !ok {
			return vanity.Config{}, fs.ErrNotExist // 404: the go command asks the next GOPROXY
		}
		return cfg, nil
	}
	handler := vanity.GoproxyFunc("/", resolve, vanity.WithClient(host.Client()))

	for _, module := range []string{"go.acme.dev/tool", "go.acme.dev/libs/log", "go.acme.dev/other"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/"+module+"/@v/v1.1.0.mod", nil))
		fmt.Printf("%d %s", w.Code, w.Body)
	}
	// Output:
	// 200 module go.acme.dev/tool
	// 200 module go.acme.dev/libs/log
	// 404 not found: go.acme.dev/other@v1.1.0: no such module is served here
}

// One server for any module: the configuration is in the URL.
func ExampleGosub() {
	host := gitHost("acme/mono") // plays git.acme.dev here: in life, without WithTrustedClient
	defer host.Close()
	handler := vanity.Gosub("/go", vanity.WithHosts("git.acme.dev"), vanity.WithTrustedClient(host.Client()))

	spec, err := vanity.Encode(vanity.Config{
		URL:       "https://git.acme.dev/acme/mono",
		Directory: "libs/tool",
		Tags:      "tool-*",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range []string{
		"/go/" + spec + "/go.acme.dev/tool/@v/list",
		"/go/github.com/acme/mono;/go.acme.dev/tool/@v/list",
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Printf("%s\n%d %s", path, w.Code, w.Body)
	}
	// Output:
	// /go/git.acme.dev/acme/mono:d=libs%2Ftool&p=tool-;/go.acme.dev/tool/@v/list
	// 200 v1.0.0
	// v1.1.0
	// /go/github.com/acme/mono;/go.acme.dev/tool/@v/list
	// 404 not found: repositories of github.com are not served here, only those of git.acme.dev
}

// The git host's webhook tells of a push, and the new version is there at once, not after a minute.
func Example_refresh() {
	host := gitHost("acme/mono") // plays gitlab.com here: in life, without WithClient
	defer host.Close()

	const repository = "https://gitlab.com/acme/mono"
	token := []byte("the secret token of the webhook")
	proxy := vanity.Goproxy("/go", vanity.Config{
		URL:       repository,
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}, vanity.WithClient(host.Client()))

	mux := http.NewServeMux()
	mux.Handle("/go/", proxy)
	mux.HandleFunc("POST /webhook", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Gitlab-Token")), token) != 1 {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		proxy.(vanity.Refresher).Refresh(repository)
	})

	ask := func(method, path string) {
		r := httptest.NewRequest(method, path, nil)
		if method == "POST" {
			r.Header.Set("X-Gitlab-Token", string(token))
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Printf("%s %d %q\n", method, w.Code, w.Body)
	}
	ask("GET", "/go/go.acme.dev/tool/@v/list")
	host.push("acme/mono", "tool-1.2.0")
	ask("GET", "/go/go.acme.dev/tool/@v/list")
	ask("POST", "/webhook")
	ask("GET", "/go/go.acme.dev/tool/@v/list")
	// Output:
	// GET 200 "v1.0.0\nv1.1.0\n"
	// GET 200 "v1.0.0\nv1.1.0\n"
	// POST 200 ""
	// GET 200 "v1.0.0\nv1.1.0\nv1.2.0\n"
}
