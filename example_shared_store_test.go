package vanity_test

import (
	"bytes"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"example.com/vanity"
)

// newReplica is what each process serves, on as many machines as you like. They have dir in common,
// over NFS for instance, and nothing else.
func newReplica(dir string, opts ...vanity.Option) http.Handler {
	site := vanity.Site{
		Host:  "go.acme.dev",
		Proxy: "/go",
		Paths: map[string]vanity.Import{
			"tool": {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"},
		},
	}
	opts = append(opts, vanity.WithStore(vanity.DirStore(dir)))
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", site.Resolve, opts...))
	mux.Handle("/", vanity.Meta(site, opts...))
	return mux
}

// A shared store: what one process has served, each of them serves from then on, the same bytes for ever,
// whatever becomes of the repository and its host.
func Example_sharedStore() {
	// In life, in each process, behind a server that speaks TLS:
	//	log.Fatal(http.ListenAndServe(":8080", newReplica("/srv/vanity")))
	// Here, both are in this process, and a git host on this machine plays GitHub.
	dir, err := os.MkdirTemp("", "vanity-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	host := gitHost("acme/mono")
	defer host.Close()
	first := newReplica(dir, vanity.WithClient(host.Client()))
	second := newReplica(dir, vanity.WithClient(host.Client()))
	get := func(replica http.Handler, file string) []byte {
		w := httptest.NewRecorder()
		replica.ServeHTTP(w, httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/"+file, nil))
		fmt.Println("   ", w.Code, file)
		return w.Body.Bytes()
	}

	fmt.Println("The first process, asked for one version:")
	get(first, "list")
	zip := get(first, "v1.0.0.zip")

	host.SetDown(true)
	fmt.Println("The second, which was asked for nothing before, with GitHub down:")
	fmt.Println("       ", strings.Fields(string(get(second, "list"))))
	fmt.Println("        the same bytes:", bytes.Equal(get(second, "v1.0.0.zip"), zip))
	fmt.Printf("        %s", get(second, "v1.1.0.zip"))
	// Output:
	// The first process, asked for one version:
	//     200 list
	//     200 v1.0.0.zip
	// The second, which was asked for nothing before, with GitHub down:
	//     200 list
	//         [v1.0.0 v1.1.0]
	//     200 v1.0.0.zip
	//         the same bytes: true
	//     502 v1.1.0.zip
	//         go.acme.dev/tool@v1.1.0: the git host could not be reached; the owner of this server finds the cause in its log
}
