package vanity_test

import (
	"fmt"
	"log"
	"net/http/httptest"
	"strings"

	"example.com/vanity"
)

// What a URL of Gosub says.
func ExampleEncode() {
	spec, err := vanity.Encode(vanity.Config{
		URL:       "https://github.com/more-please/more-stuff",
		Module:    "utf64.moreplease.com",
		Directory: "utf64/go",
		Tags:      "utf64-go-*",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(spec)
	// Output:
	// github.com/more-please/more-stuff:d=utf64%2Fgo&m=utf64.moreplease.com&p=utf64-go-;
}

// A server for strangers that serves what its owner has chosen: he seals a spec, and whoever changes it has none.
func ExampleSeal() {
	key := []byte("in life, 32 bytes of crypto/rand")
	spec, err := vanity.Seal(vanity.Config{
		URL:       "https://github.com/more-please/more-stuff",
		Directory: "utf64/go",
		Tags:      "utf64-go-*",
	}, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(spec)

	handler := vanity.Gosub("/go", vanity.WithSeal(key))
	changed := strings.Replace(spec, "more-stuff", "other-stuff", 1)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/go/"+changed+"/utf64.moreplease.com/@v/list", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-&x=Jp6LFpHvlZNq4wnGPvibWQ;
	// 404 not found: the spec has no seal, or none of the owner's: ask who runs this server for a sealed one
}

// What was read ends where the path of the protocol begins.
func ExampleDecode() {
	path := "gitlab.com/group/sub/repo:d=utf64%2Fgo&p=;/utf64.moreplease.com/@v/list"
	c, used, err := vanity.Decode(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%+v\n", c)
	fmt.Println(path[len(used):])
	// Output:
	// {URL:https://gitlab.com/group/sub/repo Module: Directory:utf64/go Tags:*}
	// /utf64.moreplease.com/@v/list
}

// All faults come in one error, which says what to write.
func ExampleConfig_Validate() {
	err := vanity.Config{
		URL:       "git@github.com:more-please/more-stuff.git",
		Directory: "/utf64/go",
		Tags:      "utf64-go-",
	}.Validate()
	fmt.Println(err)
	// Output:
	// vanity: URL "git@github.com:more-please/more-stuff.git": git is spoken over https here: write "https://github.com/more-please/more-stuff"
	// vanity: Directory "/utf64/go": begins with a slash: write it relative to the repository's root
	// vanity: Tags "utf64-go-": has no "*" to stand for the version: write "utf64-go-*" if the version comes last
}
