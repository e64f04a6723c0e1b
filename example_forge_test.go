package vanity_test

import (
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"

	"example.com/vanity"
)

// The repositories of a forge, some of them for their owners alone.
func ExampleForge() {
	dir, end := exampleForge() // /srv/git, say, with acme/tool.git, ann/secret.git and hub/text.git, a mirror
	defer end()
	forge := vanity.Forge{Host: "git.acme.dev", Dir: dir, Mirrors: true}
	known := vanity.PasswordAuth(map[string]string{"ann": "s3cret"})

	// The path of the repository says whose it is, whatever name somebody asks by.
	mayRead := func(r *http.Request, modulePath, _ string) error {
		if modulePath == "" { // the go command tries its credentials
			return known(r, "", "")
		}
		cfg, err := forge.Resolve(r.Context(), modulePath)
		if err != nil {
			return err
		}
		repository, err := filepath.Rel(dir, cfg.URL)
		if err != nil {
			return err
		}
		user, _, sent := r.BasicAuth()
		switch owner := strings.Split(filepath.ToSlash(repository), "/")[0]; {
		case owner != "ann":
			return nil
		case sent && user != owner:
			return fs.ErrPermission
		}
		return known(r, modulePath, "")
	}
	server := httptest.NewServer(vanity.GoproxyFunc("/registry/go", forge.Resolve, vanity.WithAuth(mayRead)))
	defer server.Close()

	show(server.URL + "/registry/go/git.acme.dev/acme/tool/@v/list")
	show(server.URL + "/registry/go/git.acme.dev/acme/tool/sub/v2/@v/list")
	show(server.URL + "/registry/go/github.com/x/text/@v/list")
	show(strings.Replace(server.URL, "://", "://ann:s3cret@", 1) + "/registry/go/git.acme.dev/ann/secret/@v/list")
	for _, path := range []string{"git.acme.dev/ann/secret", "git.acme.dev/acme/absent", "github.com/x/absent"} {
		res, err := http.Get(server.URL + "/registry/go/" + path + "/@v/list")
		if err != nil {
			log.Fatal(err)
		}
		res.Body.Close()
		fmt.Println(path+":", res.Status)
	}
	// Output:
	// 200 OK
	// v1.0.0
	// 200 OK
	// v2.1.0
	// 200 OK
	// v0.3.0
	// 200 OK
	// v1.0.0
	// git.acme.dev/ann/secret: 401 Unauthorized
	// git.acme.dev/acme/absent: 404 Not Found
	// github.com/x/absent: 404 Not Found
}
