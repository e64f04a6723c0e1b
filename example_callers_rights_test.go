package vanity_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"example.com/vanity"
)

var privateSite = vanity.Site{
	Host:  "go.acme.dev",
	Proxy: "/go",
	Paths: map[string]vanity.Import{
		"secret": {Repo: "https://git.acme.dev/acme/secret", VCS: "git", Tags: "v*"},
		"tool":   {Repo: "https://git.acme.dev/acme/mono", VCS: "git", Directory: "libs/tool", Tags: "tool-*"},
	},
}

// privateHandler has no credentials of its own: it passes on those that it is sent.
func privateHandler(opts ...vanity.Option) http.Handler {
	opts = append(opts, vanity.WithCallersRights())
	mux := http.NewServeMux()
	mux.Handle("/go/", vanity.GoproxyFunc("/go", privateSite.Resolve, opts...))
	mux.Handle("/", vanity.Meta(privateSite, opts...)) // whose pages list versions to who may see them
	return mux
}

// Private modules by the rights that each caller has at the git host: who may read the repository
// gets its modules, and nobody else does, though they are kept here. Ann once does
//
//	go env -w GOPRIVATE=go.acme.dev
//
// by which her go command asks this server and not the public mirror, and has in her .netrc what
// the git host wants of her, under this server's name:
//
//	machine go.acme.dev login ann password TOKEN-OF-THE-GIT-HOST
func Example_callersRights() {
	// In life, behind a server that speaks TLS:
	//	log.Fatal(http.ListenAndServe(":8080", privateHandler()))
	// Here, a git host on this machine plays git.acme.dev. It lets Ann read acme/secret, but not Bob.
	host := gitHost("acme/secret", "acme/mono")
	defer host.Close()
	host.Allow("ann", "anns-token", "acme/secret")
	host.Allow("bob", "bobs-token")
	handler := privateHandler(vanity.WithClient(host.Client()))

	for _, caller := range []struct{ user, token, module string }{
		{"ann", "anns-token", "secret"},
		{"bob", "bobs-token", "secret"},
		{"ann", "guessed", "secret"},
		{"", "", "secret"},
		{"", "", "tool"}, // whose repository is public
	} {
		r := httptest.NewRequest("GET", "/go/go.acme.dev/"+caller.module+"/@v/v1.0.0.zip", nil)
		if caller.user != "" {
			r.SetBasicAuth(caller.user, caller.token) // as the go command does with what .netrc has
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Printf("%q with %q asks for %s: %d %s\n",
			caller.user, caller.token, caller.module, w.Code, http.StatusText(w.Code))
	}
	// Output:
	// "ann" with "anns-token" asks for secret: 200 OK
	// "bob" with "bobs-token" asks for secret: 403 Forbidden
	// "ann" with "guessed" asks for secret: 401 Unauthorized
	// "" with "" asks for secret: 401 Unauthorized
	// "" with "" asks for tool: 200 OK
}
