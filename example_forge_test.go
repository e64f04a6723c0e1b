package vanity_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"

	"example.com/vanity"
)

// The repositories of a forge, some of them for their owners alone.
func ExampleForge() {
	dir, end := bareRepositories() // /srv/git in life; here with acme/tool.git, ann/secret.git, and hub/text.git, a mirror
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
	handler := vanity.GoproxyFunc("/registry/go", forge.Resolve, vanity.WithAuth(mayRead))

	for _, question := range []struct{ user, password, module string }{
		{module: "git.acme.dev/acme/tool"},
		{module: "git.acme.dev/acme/tool/sub/v2"},
		{module: "github.com/x/text"},
		{module: "git.acme.dev/ann/secret"},
		{"ann", "s3cret", "git.acme.dev/ann/secret"},
		{module: "git.acme.dev/acme/absent"},
	} {
		r := httptest.NewRequest("GET", "/registry/go/"+question.module+"/@v/list", nil)
		if question.user != "" {
			r.SetBasicAuth(question.user, question.password)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(question.module, w.Code)
		if w.Code == http.StatusOK {
			fmt.Print(w.Body)
		}
	}
	// Output:
	// git.acme.dev/acme/tool 200
	// v1.0.0
	// git.acme.dev/acme/tool/sub/v2 200
	// v2.1.0
	// github.com/x/text 200
	// v0.3.0
	// git.acme.dev/ann/secret 401
	// git.acme.dev/ann/secret 200
	// v1.0.0
	// git.acme.dev/acme/absent 404
}

// A module may be in a directory of its repository; a mirror has the name of what it mirrors, too.
func ExampleForge_Resolve() {
	dir, end := bareRepositories() // /srv/git in life; here with acme/tool.git, and hub/text.git, a mirror
	defer end()
	forge := vanity.Forge{Host: "git.acme.dev", Dir: dir, Mirrors: true}

	for _, path := range []string{"git.acme.dev/acme/tool", "git.acme.dev/acme/tool/sub/v2", "github.com/x/text"} {
		cfg, err := forge.Resolve(context.Background(), path)
		if err != nil {
			fmt.Println(err)
			continue
		}
		repository, _ := strings.CutPrefix(filepath.ToSlash(cfg.URL), filepath.ToSlash(dir))
		fmt.Printf("%s: repository %s, directory %q, tags %s\n", path, repository, cfg.Directory, cfg.Tags)
	}
	// Output:
	// git.acme.dev/acme/tool: repository /acme/tool.git, directory "", tags v*
	// git.acme.dev/acme/tool/sub/v2: repository /acme/tool.git, directory "sub", tags sub/v*
	// github.com/x/text: repository /hub/text.git, directory "", tags v*
}

// A forge that comes from a file is best checked before it is served.
func ExampleForge_Validate() {
	fmt.Println(vanity.Forge{Host: "https://git.acme.dev", Dir: "repositories"}.Validate())
	// Output:
	// vanity: forge: Host: "https://git.acme.dev" has a scheme: import paths have none
	// vanity: forge: Dir: "repositories" is not an absolute path
}
