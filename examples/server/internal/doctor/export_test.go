package doctor

// Clean is for tests.
var Clean = clean

// Chosen is the tag that is taken from a page for a path; "" for none.
func Chosen(body []byte, path string) string {
	tag, _, err := parsePage(body).choose(path)
	if err != nil {
		return ""
	}
	return tag.String()
}
