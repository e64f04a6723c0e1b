package doctor_test

import (
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/doctor"
)

func TestSmoke(t *testing.T) {
	w := newWorld(t, nil)
	for _, m := range []string{tool, tool + "/sub@v1.0.0", "go.acme.test/own", "go.acme.test/dir", "go.acme.test/gosub", "go.acme.test/untagged", "go.acme.test/empty", "go.acme.test/gone", "go.acme.test/old", "go.acme.test/ssh", tool + "/nested"} {
		out, healthy := w.look(t, m)
		t.Logf("%s: %t\n%s", m, healthy, out)
	}
	g := w.goCommand(t)
	g.Get(tool, "go.acme.test/own/sub")
	sum := filepath.Join(g.Dir, "go.sum")
	out, healthy := w.look(t, tool, func(o *doctor.Options) { o.GoSum = sum; o.URL = w.server.URL })
	t.Logf("%t\n%s", healthy, strings.ReplaceAll(out, sum, "go.sum"))
}
