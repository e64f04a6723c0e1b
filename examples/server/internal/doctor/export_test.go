package doctor

import "example.com/vanity/examples/server/internal/gotags"

// Clean is for tests.
var Clean = clean

// Chosen is the tag that is taken from a page for a path; "" for none.
func Chosen(body []byte, path string) string {
	tag, _, err := choose(gotags.Read(body).Imports, path)
	if err != nil {
		return ""
	}
	return tag.String()
}
