package vanity_test

import (
	"fmt"

	"example.com/vanity"
)

func ExampleEncode() {
	spec, err := vanity.Encode(vanity.Config{
		URL:       "https://github.com/more-please/more-stuff",
		Module:    "utf64.moreplease.com",
		Directory: "utf64/go",
		Tags:      "utf64-go-*",
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(spec)
	// Output:
	// github.com/more-please/more-stuff:d=utf64%2Fgo&m=utf64.moreplease.com&p=utf64-go-;
}

func ExampleDecode() {
	path := "gitlab.com/group/sub/repo:d=utf64%2Fgo&p=;/utf64.moreplease.com/@v/list"
	c, used, err := vanity.Decode(path)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%+v\n", c)
	fmt.Println(path[len(used):])
	// Output:
	// {URL:https://gitlab.com/group/sub/repo Module: Directory:utf64/go Tags:*}
	// /utf64.moreplease.com/@v/list
}

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
