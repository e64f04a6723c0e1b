package main

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
)

// TestProbe has the request by which the go command finds out whether git's credentials are any good (GOAUTH=git): HEAD at
// the base, without a slash.
func TestProbe(t *testing.T) {
	t.Parallel()
	auth := vanity.WithAuth(vanity.PasswordAuth(map[string]string{"ann": "secret"}))
	for name, b := range builds {
		at := start(t, b.mounted(site, auth))
		var got []int
		for _, password := range []string{"secret", "wrong"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, at+"/go", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("ann", password)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			got = append(got, resp.StatusCode)
		}
		if !cmp.Equal(got, []int{200, 401}) {
			t.Errorf("%s: %d", name, got)
		}
	}
}
