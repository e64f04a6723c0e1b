package vanity_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"example.com/vanity"
)

// A rule of one's own: all may have one module, and the staff all others. Who asks is said by a header that the server in
// front sets, and nobody else can.
func ExampleWithAuth() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithClient
	defer host.Close()

	site := vanity.Site{Host: "go.acme.dev", Proxy: "/go", Paths: map[string]vanity.Import{
		"tool":     {Repo: "https://github.com/acme/mono", Directory: "libs/tool", Tags: "tool-*"},
		"internal": {Repo: "https://github.com/acme/internal", Tags: "v*"},
	}}
	auth := func(r *http.Request, modulePath, _ string) error {
		switch user := r.Header.Get("X-Authenticated-User"); {
		case modulePath == "go.acme.dev/tool":
			return nil
		case user == "":
			return vanity.ErrUnauthorized
		case !strings.HasSuffix(user, "@acme.dev"):
			return fs.ErrPermission
		}
		return nil
	}
	handler := vanity.GoproxyFunc("/go", site.Resolve, vanity.WithAuth(auth), vanity.WithClient(host.Client()))

	for _, question := range []struct{ user, module string }{
		{"", "go.acme.dev/tool"},
		{"", "go.acme.dev/internal"},
		{"eve@elsewhere.dev", "go.acme.dev/internal/v2"},
	} {
		r := httptest.NewRequest("GET", "/go/"+question.module+"/@v/list", nil)
		r.Header.Set("X-Authenticated-User", question.user)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Printf("%q asks for %s: %d\n", question.user, question.module, w.Code)
	}
	// Output:
	// "" asks for go.acme.dev/tool: 200
	// "" asks for go.acme.dev/internal: 401
	// "eve@elsewhere.dev" asks for go.acme.dev/internal/v2: 403
}

// Ann has a password, of which the server knows the hash alone, and a machine has a token.
func ExamplePasswordAuth() {
	auth := vanity.PasswordAuth(map[string]string{
		"ann": "sha256:78587a0beaccd4202b7b1041cb4db080e18a0c7504e4a742ed0f226f5f580149",
		"":    "a-long-random-token",
	})
	// In life: vanity.GoproxyFunc("/go", site.Resolve, vanity.WithAuth(auth))

	ann := httptest.NewRequest("GET", "/", nil)
	ann.SetBasicAuth("ann", "q7Rf-0uXv3Jm-Zt9K")
	machine := httptest.NewRequest("GET", "/", nil)
	machine.Header.Set("Authorization", "Bearer a-long-random-token")
	nobody := httptest.NewRequest("GET", "/", nil)
	for _, r := range []*http.Request{ann, machine, nobody} {
		fmt.Println(auth(r, "go.acme.dev/tool", ""))
	}
	// Output:
	// <nil>
	// <nil>
	// vanity: unauthorized: credentials are needed
}

// The server reads a private repository by a token of its own, and lets in who knows a password.
func ExampleWithCredentials() {
	host := gitHost("acme/secret") // plays git.acme.dev here: in life, without WithClient
	defer host.Close()
	host.Allow("reader", "the-servers-token", "acme/secret")

	credentials := func(_ context.Context, u *url.URL) (user, password string, err error) {
		if u.Host == "git.acme.dev" {
			return "reader", "the-servers-token", nil // in life from a file or a vault
		}
		return "", "", nil
	}
	handler := vanity.Goproxy("/go", vanity.Config{URL: "https://git.acme.dev/acme/secret", Module: "go.acme.dev/secret"},
		vanity.WithCredentials(credentials),
		vanity.WithAuth(vanity.PasswordAuth(map[string]string{"ann": "anns-password"})),
		vanity.WithClient(host.Client()))

	for _, password := range []string{"anns-password", "guessed"} {
		r := httptest.NewRequest("GET", "/go/go.acme.dev/secret/@v/v1.0.0.mod", nil)
		r.SetBasicAuth("ann", password)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(password, w.Code)
	}
	// Output:
	// anns-password 200
	// guessed 401
}

// What git and the go command find in .netrc.
func ExampleEnvCredentials() {
	netrc, err := os.CreateTemp("", "netrc") // ~/.netrc in life
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(netrc.Name())
	fmt.Fprintln(netrc, "machine git.acme.dev login reader password the-servers-token")
	if err := netrc.Close(); err != nil {
		log.Fatal(err)
	}
	defer os.Setenv("NETRC", os.Getenv("NETRC"))
	os.Setenv("NETRC", netrc.Name())

	// In life: vanity.WithCredentials(vanity.EnvCredentials)
	u := &url.URL{Scheme: "https", Host: "git.acme.dev", Path: "/acme/secret"}
	fmt.Println(vanity.EnvCredentials(context.Background(), u))
	// Output:
	// reader the-servers-token <nil>
}
