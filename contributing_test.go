package vanity_test

import (
	"slices"
	"testing"
)

// TestContributing has the case of CONTRIBUTING.md be one.
func TestContributing(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	t.Parallel()
	doc := parseDocument("CONTRIBUTING.md", read(t, "CONTRIBUTING.md"))
	i := slices.IndexFunc(doc.blocks, func(b block) bool { return b.language == "txtar" })
	if i < 0 {
		t.Fatal("CONTRIBUTING.md lost its case")
	}
	s, err := parseScript("contributed", doc.blocks[i].text)
	if err != nil {
		t.Fatal(err)
	}
	testDirect(t, []*script{s})
}
