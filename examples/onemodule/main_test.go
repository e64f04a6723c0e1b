package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

func TestHandler(t *testing.T) {
	server := httptest.NewServer(handler())
	defer server.Close()
	for path, want := range map[string]string{
		"/tool/sub?go-get=1":              `<meta name="go-import" content="go.acme.dev/tool mod https://go.acme.dev/go">`,
		"/go/go.acme.dev/other/@v/list":   "no such module is served here",
		"/go/go.acme.dev/tool/@v/x.info2": "none of the protocol's files",
	} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v, %s; want %s", path, err, body, want)
		}
	}
}
