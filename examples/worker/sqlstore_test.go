package main_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestSQLStore(t *testing.T) {
	w := start(t, setup{Program: "internal/sqlstore/sqlstoretest"})
	do := func(method, path, body string) answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return send(t, req)
	}
	large := strings.Repeat("0123456789abcdef", 3<<16+1) // 3 MiB and a little
	exact := large[:2<<20]
	const info, mod = "x.test/m/@v/v1.0.0.info", "x.test/m/@v/v1.0.0.mod"
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string // a part of the answer; all of it for status 200
	}{
		{"GET", "/get/" + info, "", 404, "not exist"},
		{"DELETE", "/remove/" + info, "", 200, ""},
		{"PUT", "/put/" + info, "first", 200, ""},
		{"PUT", "/put/" + info, "second", 200, ""},
		{"GET", "/get/" + info, "", 200, "first"}, // what never changes keeps its first content
		{"DELETE", "/remove/" + info, "", 200, ""},
		{"GET", "/get/" + info, "", 404, "not exist"},
		{"PUT", "/put/" + info, "third", 200, ""},
		{"GET", "/get/" + info, "", 200, "third"},
		{"PUT", "/put/x.test/m/@v/list", "v1.0.0\n", 200, ""},
		{"PUT", "/put/x.test/m/@v/list", "v1.1.0\n", 200, ""},
		{"GET", "/get/x.test/m/@v/list", "", 200, "v1.1.0\n"}, // all else is replaced
		{"PUT", "/put/x.test/m/@v/list", "", 200, ""},
		{"GET", "/get/x.test/m/@v/list", "", 200, ""}, // and may be empty
		{"GET", "/parts", "", 200, "1"},
		{"PUT", "/put/" + mod, large, 200, ""},
		{"PUT", "/put/" + mod, "m", 200, ""},
		{"GET", "/get/" + mod, "", 200, large},
		{"GET", "/parts", "", 200, "5"},
		{"PUT", "/put/y", exact, 200, ""},
		{"GET", "/get/y", "", 200, exact},
		{"GET", "/get/Y", "", 404, "not exist"}, // the case of letters counts
		{"GET", "/get/y'%20OR%201=1%20--", "", 404, "not exist"},
		{"PUT", "/fail/y", "", 500, "it can't be read"},
		{"GET", "/get/y", "", 200, exact}, // nothing of it stays
		{"GET", "/parts", "", 200, "7"},
		{"PUT", "/put/y", large, 200, ""},
		{"PUT", "/between/y", "", 200, "1048575 sqlstore: y was replaced while it was read"},
		{"GET", "/get/y", "", 200, "another"},
		{"DELETE", "/remove/" + mod, "", 200, ""},
		{"GET", "/parts", "", 200, "2"},
		{"PUT", "/orphan", "", 200, ""},
		{"GET", "/parts", "", 200, "3"},
		{"PUT", "/put/z", "z", 200, ""}, // beside what is not whole
		{"GET", "/get/z", "", 200, "z"},
		{"PUT", "/exit", "", 503, "can't answer now"},
		{"GET", "/parts", "", 200, "3"}, // which is gone when the program starts again
		{"GET", "/get/" + info, "", 200, "third"},
	} {
		got := do(step.method, step.path, step.body)
		if got.Status != step.status || !strings.Contains(got.Body, step.want) || step.status == 200 && got.Body != step.want {
			t.Fatalf("%s %s, %d bytes: status %d, %d bytes, %.100q; want %d, %.100q",
				step.method, step.path, len(step.body), got.Status, len(got.Body), got.Body, step.status, step.want)
		}
	}
}
