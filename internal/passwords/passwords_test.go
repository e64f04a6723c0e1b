package passwords_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/vanity/internal/passwords"
)

func TestCheck(t *testing.T) {
	// printf geheim | sha256sum
	const hash = "sha256:addb0f5e7826c857d7376d1bd9bc33c0c544790a2eac96144a8af22b1298c940"
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	users := map[string]string{"ann": "a:b c", "bob": hash}
	token := map[string]string{"": "t0k3n", "ann": "other"}
	for _, tt := range []struct {
		set    map[string]string
		header string
		want   bool
	}{
		{users, basic("ann:a:b c"), true},
		{users, strings.Replace(basic("ann:a:b c"), "Basic", "basic", 1), true},
		{users, basic("bob:geheim"), true},
		{users, basic("bob:" + hash), false},
		{users, basic("ann:geheim"), false},
		{users, basic("ann:"), false},
		{users, basic("ann"), false},
		{users, basic(":"), false},
		{users, basic("eve:"), false},
		{users, basic("eve:a:b c"), false},
		{users, basic("Ann:a:b c"), false},
		{users, "Bearer geheim", false},
		{users, "", false},
		{users, "Basic", false},
		{users, "Basic !", false},
		{token, basic(":t0k3n"), true},
		{token, basic("anyone:t0k3n"), true},
		{token, basic("ann:t0k3n"), true},
		{token, basic("ann:other"), true},
		{token, basic("eve:other"), false},
		{token, basic("t0k3n:"), false},
		{token, "Bearer t0k3n", true},
		{token, "bearer t0k3n", true},
		{token, "Bearer other", false},
		{token, "Bearer ", false},
		{token, "Bearer", false},
		{token, "t0k3n", false},
	} {
		s, err := passwords.New(tt.set)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", tt.header)
		if got := s.Check(r); got != tt.want {
			t.Errorf("%q: %v", tt.header, got)
		}
		if held := fmt.Sprintf("%v %q", *s, *s); strings.Contains(held, "t0k3n") || strings.Contains(held, "a:b c") {
			t.Errorf("a password is held: %s", held)
		}
	}
}

func TestNewFaults(t *testing.T) {
	for want, set := range map[string]map[string]string{
		"none":       nil,
		"is empty":   {"ann": ""},
		"of nothing": {"ann": fmt.Sprintf("sha256:%X", sha256.Sum256(nil))},
		"colon":      {"a:b": "x"},
		"64 hex":     {"ann": "sha256:abcd"},
		"not 64 hex": {"ann": "sha256:" + strings.Repeat("g", 64)},
		"digits":     {"ann": "sha256:" + strings.Repeat("0", 66)},
	} {
		if _, err := passwords.New(set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", set, err)
		}
	}
}
