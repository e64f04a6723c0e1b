package vanity_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"example.com/vanity"
)

// One directory of a repository, served as a module under a name of one's own.
func ExampleGoproxy() {
	repository, end := exampleRepository() // an absolute path here; https://github.com/acme/mono, say, in life
	defer end()

	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.Goproxy("/go", vanity.Config{
		URL:       repository,
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}))
	server := httptest.NewServer(mux)
	defer server.Close()

	show(server.URL + "/go/go.acme.dev/tool/@v/list")
	show(server.URL + "/go/go.acme.dev/tool/@v/v1.1.0.mod")
	show(server.URL + "/go/go.acme.dev/tool/@v/v2.0.0.zip")
	// Output:
	// 200 OK
	// v1.0.0
	// v1.1.0
	// 200 OK
	// module go.acme.dev/tool
	// 404 Not Found
	// not found: go.acme.dev/tool@v2.0.0: the version does not fit the module path: with a go.mod, the path for v2 ends in /v2
}

// One server for any module: the configuration is in the URL.
func ExampleGosub() {
	client, end := exampleHost("git.acme.dev") // http.DefaultClient in life, by default
	defer end()

	server := httptest.NewServer(vanity.Gosub("/go",
		vanity.WithHosts("git.acme.dev"),
		vanity.WithTrustedClient(client),
	))
	defer server.Close()

	spec, err := vanity.Encode(vanity.Config{URL: "https://git.acme.dev/mono", Directory: "libs/tool", Tags: "tool-*"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("GOPROXY base: /go/" + spec)
	show(server.URL + "/go/" + spec + "/go.acme.dev/tool/@v/list")
	show(server.URL + "/go/github.com/acme/mono;/go.acme.dev/tool/@v/list")
	// Output:
	// GOPROXY base: /go/git.acme.dev/mono:d=libs%2Ftool&p=tool-;
	// 200 OK
	// v1.0.0
	// v1.1.0
	// 404 Not Found
	// not found: repositories of github.com are not served here, only those of git.acme.dev
}

// What was served once is served when the repository is gone, by any process that has the directory.
func ExampleDirStore() {
	repository, end := exampleRepository()
	dir, err := os.MkdirTemp("", "store") // /var/lib/vanity, say, in life
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	serve := func() *httptest.Server {
		return httptest.NewServer(vanity.Goproxy("/go", vanity.Config{
			URL:       repository,
			Module:    "go.acme.dev/tool",
			Directory: "libs/tool",
			Tags:      "tool-*",
		}, vanity.WithStore(vanity.DirStore(dir))))
	}
	first := serve()
	show(first.URL + "/go/go.acme.dev/tool/@v/v1.0.0.mod")
	first.Close()
	end() // and the repository with it

	second := serve()
	defer second.Close()
	show(second.URL + "/go/go.acme.dev/tool/@v/v1.0.0.mod")
	show(second.URL + "/go/go.acme.dev/tool/@v/v1.1.0.mod")
	// Output:
	// 200 OK
	// module go.acme.dev/tool
	// 200 OK
	// module go.acme.dev/tool
	// 502 Bad Gateway
	// go.acme.dev/tool@v1.1.0: the module was served before, but now the git host says that there is no such repository, or asks for credentials; only the repository's owner can bring it back
}

// show prints what a URL answers.
func show(url string) {
	resp, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%s", resp.Status, body)
}

// What a handler has done, for metrics; and a repository that has changed, as its host's webhook says.
func ExampleWithObserver() {
	repository, end := exampleRepository()
	defer end()
	handler := vanity.Goproxy("/", vanity.Config{URL: repository, Module: "go.acme.dev/tool", Directory: "libs/tool", Tags: "tool-*"},
		vanity.WithObserver(func(_ context.Context, e vanity.Event) {
			if e.Kind == "fetch" {
				fmt.Printf("fetched, with %d requests\n", e.Requests)
				return
			}
			fmt.Println(e.Kind, e.Module, e.Status, "from", e.Source)
		}))
	server := httptest.NewServer(handler)
	defer server.Close()

	list := func() {
		resp, err := http.Get(server.URL + "/go.acme.dev/tool/@v/list")
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
	}
	list()
	list()
	handler.(vanity.Refresher).Refresh(repository)
	list()
	// Output:
	// fetched, with 1 requests
	// list go.acme.dev/tool 200 from host
	// list go.acme.dev/tool 200 from memory
	// fetched, with 1 requests
	// list go.acme.dev/tool 200 from host
}
