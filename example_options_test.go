package vanity_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"example.com/vanity"
)

// A client with limits of one's own, and a word to say about each request to a git host.
func ExampleWithClient() {
	host := gitHost("acme/mono") // plays GitHub here
	defer host.Close()

	transport := host.Client().Transport.(*http.Transport).Clone() // http.DefaultTransport's in life
	transport.TLSHandshakeTimeout = 10 * time.Second
	transport.MaxConnsPerHost = 8
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		fmt.Println(r.Method, r.URL)
		return nil, nil // or the company's HTTP proxy
	}
	handler := vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/acme/mono",
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}, vanity.WithClient(&http.Client{Transport: transport}))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/list", nil))
	fmt.Print(w.Body)
	// Output:
	// POST https://github.com/acme/mono/git-upload-pack
	// v1.0.0
	// v1.1.0
}

// The git host is asked each time, so that a new version is there at once.
func ExampleWithFreshness() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithClient
	defer host.Close()
	handler := vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/acme/mono",
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}, vanity.WithFreshness(0), vanity.WithClient(host.Client()))

	list := func() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/list", nil))
		fmt.Println(strings.Fields(w.Body.String()))
	}
	list()
	host.push("acme/mono", "tool-1.2.0")
	list()
	// Output:
	// [v1.0.0 v1.1.0]
	// [v1.0.0 v1.1.0 v1.2.0]
}

// All of one host, what an owner has at another, and one repository more.
func ExampleWithHosts() {
	handler := vanity.Gosub("/go", vanity.WithHosts("git.acme.dev", "github.com/acme/*", "github.com/golang/mod"))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/go/github.com/golang/tools;/golang.org/x/tools/@v/list", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 404 not found: the repository "github.com/golang/tools" is not served here, only those of git.acme.dev, github.com/acme/*, github.com/golang/mod
}

// What a caller is not told is in the owner's log.
func ExampleWithLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // no two runs have the same
			}
			return a
		},
	}))
	resolve := func(_ context.Context, modulePath string) (vanity.Config, error) {
		return vanity.Config{}, errors.New("the database is down")
	}
	handler := vanity.GoproxyFunc("/go", resolve, vanity.WithLogger(logger))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/list", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// level=ERROR msg="vanity: request failed" path=/go/go.acme.dev/tool/@v/list status=500 err="go.acme.dev/tool: resolving: the database is down"
	// 500 internal server error; the owner of this server finds the cause in its log
}

// What handlers have done, for metrics: answers, and fetches from git hosts.
func ExampleWithObserver() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithClient
	defer host.Close()
	observe := func(_ context.Context, e vanity.Event) {
		if e.Kind == "fetch" {
			fmt.Println("fetched from", e.Repository, e.Status)
			return
		}
		fmt.Println(e.Kind, e.Module, e.Status, "from", e.Source)
	}
	handler := vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/acme/mono",
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}, vanity.WithObserver(observe), vanity.WithClient(host.Client()))

	for range 2 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/list", nil))
	}
	// Output:
	// fetched from https://github.com/acme/mono 200
	// list go.acme.dev/tool 200 from host
	// list go.acme.dev/tool 200 from memory
}

// The form of Gosub shows a URL that can be pasted as it is.
func ExampleWithPublicURL() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithTrustedClient
	defer host.Close()
	handler := vanity.Gosub("/gosub",
		vanity.WithPublicURL("https://go.acme.dev/gosub"),
		vanity.WithTrustedClient(host.Client()))

	form := "/gosub?repo=https://github.com/acme/mono&dir=libs/tool&tags=tool-*"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", form, nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, "<code>https://go.acme.dev") {
			fmt.Print(html.UnescapeString(line))
		}
	}
	// Output:
	// <pre><code>https://go.acme.dev/gosub/github.com/acme/mono:d=libs%2Ftool&p=tool-;</code></pre>
}

// The directory has what was asked for, laid out as the go command's own cache: GOPROXY=file://DIR works, too.
func ExampleDirStore() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithClient
	defer host.Close()
	dir, err := os.MkdirTemp("", "vanity-") // in life: /var/lib/vanity, say
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	handler := vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/acme/mono",
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}, vanity.WithStore(vanity.DirStore(dir)), vanity.WithClient(host.Client()))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/v1.1.0.zip", nil))
	fmt.Println(w.Code)
	files, err := fs.Glob(os.DirFS(dir), "go.acme.dev/tool/@v/v*")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Join(files, "\n"))
	// Output:
	// 200
	// go.acme.dev/tool/@v/v1.1.0.info
	// go.acme.dev/tool/@v/v1.1.0.info.sum
	// go.acme.dev/tool/@v/v1.1.0.mod
	// go.acme.dev/tool/@v/v1.1.0.mod.sum
	// go.acme.dev/tool/@v/v1.1.0.zip
	// go.acme.dev/tool/@v/v1.1.0.zip.sum
}
