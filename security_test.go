package vanity_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

// TestStrangersStore has a stranger ask an open Gosub first for a module of the owner's name, out of a repository of his. In the
// one store of all handlers, and in their memory, that stays what his repository has, and the owner's what his has.
func TestStrangersStore(t *testing.T) {
	script := func(text string) *gittest.Repo {
		return gittest.New(t, "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule go.acme.test/m\n-- m.go --\npackage m // "+text+"\n")
	}
	own, evil := script("own"), script("evil")
	server := gittest.ServeTLS(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/own": own, "eve/evil": evil})
	store := vanity.WithStore(vanity.DirStore(filepath.Join(t.TempDir(), "store")))
	mux := http.NewServeMux()
	opts := append(trusting(server), store)
	mux.Handle("/gosub/", vanity.Gosub("/gosub", opts...))
	mux.Handle("/again/", vanity.Gosub("/again", opts...)) // which knows what the store has, and nothing else
	mux.Handle("/go/", vanity.Goproxy("/go", vanity.Config{URL: own.Dir, Module: "go.acme.test/m"}, store))
	base := serve(t, mux)
	ownHash, evilHash := own.Git("rev-parse", "HEAD"), evil.Git("rev-parse", "HEAD")
	for _, tt := range []struct{ at, want string }{
		{"/gosub/git.acme.test/eve/evil;", evilHash},
		{"/gosub/git.acme.test/eve/evil:m=go.acme.test%2Fm;", evilHash},
		{"/go", ownHash},
		{"/gosub/git.acme.test/acme/own;", ownHash},
		{"/gosub/git.acme.test/acme/own:m=go.acme.test%2Fm;", ownHash},
		{"/again/git.acme.test/acme/own:m=go.acme.test%2Fm;", ownHash},
		{"/again/git.acme.test/eve/evil:m=go.acme.test%2Fm;", evilHash},
		{"/go", ownHash},
	} {
		if status, _, body := get(t, base+tt.at+"/go.acme.test/m/@v/v1.0.0.info"); status != 200 || !strings.Contains(body, tt.want) {
			t.Errorf("%s: status %d, %s; want commit %s", tt.at, status, body, tt.want)
		}
	}
}

// TestPromises looks for the tests that SECURITY.md names.
func TestPromises(t *testing.T) {
	named := regexp.MustCompile("`(?:([a-z0-9/]+) )?((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(strings.Join(strings.Fields(read(t, "SECURITY.md")), " "), -1)
	if len(named) < 50 {
		t.Errorf("only %d tests are found", len(named))
	}
	for _, m := range named {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(m[1]), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			found = found || strings.Contains(read(t, file), "\nfunc "+m[2]+"(")
		}
		if !found {
			t.Errorf("SECURITY.md names %s %s, which there isn't", m[1], m[2])
		}
	}
}
