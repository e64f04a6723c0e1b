package main_test

import (
	"bytes"
	"compress/gzip"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestReadmeSize keeps the sizes in the README true, within a tenth. To build the program takes a while, so that it is left to
// those who test it.
func TestReadmeSize(t *testing.T) {
	if os.Getenv(workerdVariable) == "" {
		t.Skipf("%s is not set: the program is not built", workerdVariable)
	}
	program := read(t, filepath.Join(built(t, ""), "vanity.wasm"))
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte(program)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	stated := regexp.MustCompile(`has ([\d.]+) MB when it is compressed \(.gzip -9.\), ([\d.]+) MB when it is not`).FindStringSubmatch(read(t, "README.md"))
	if stated == nil {
		t.Fatal("README.md states no size")
	}
	for i, size := range []int{b.Len(), len(program)} {
		want, err := strconv.ParseFloat(stated[i+1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(size) / 1e6; math.Abs(got-want) > want/10 {
			t.Errorf("README.md says %s MB, and it is %.2f MB", stated[i+1], got)
		}
	}
}

// TestReadmeWords keeps true what else the README says by name.
func TestReadmeWords(t *testing.T) {
	readme := read(t, "README.md")
	for _, link := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(filepath.FromSlash(link[1])); err != nil {
			t.Error(err)
		}
	}
	ci := read(t, filepath.Join("..", "..", ".ci", "run"))
	for _, name := range regexp.MustCompile(`workerd@[\d.]+`).FindAllString(readme, -1) {
		if !strings.Contains(ci, name) {
			t.Errorf("README.md says %s, which is not what .ci/run tests", name)
		}
	}
	wrangler := read(t, "wrangler.toml")
	for name := range vars() {
		if !strings.Contains(readme, "`"+name+"`") || !regexp.MustCompile(`(?m)^`+name+` = `).MatchString(wrangler) {
			t.Errorf("README.md or wrangler.toml does not have the variable %s", name)
		}
	}
}
