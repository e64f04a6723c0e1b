package gittest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/internal/gittest"
)

func TestModule(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"golang.org/x/mod", "github.com/google/go-cmp"} {
		src := gittest.Module(t, path)
		if src.Path != path || !strings.HasPrefix(src.Version, "v") || !strings.HasPrefix(src.Sum, "h1:") ||
			!strings.HasPrefix(src.GoModSum, "h1:") || filepath.Ext(src.Zip) != ".zip" {
			t.Errorf("%s: %+v", path, src)
		}
		if _, err := os.Stat(filepath.Join(src.Dir, "go.mod")); err != nil {
			t.Error(err)
		}
	}
	if got := failure(t, func(tb testing.TB) { gittest.Module(tb, "example.com/unknown") }); !strings.Contains(got, "not required") {
		t.Errorf("unknown module: %q", got)
	}
}
