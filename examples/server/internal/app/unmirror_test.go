package app

import "testing"

func TestOriginals(t *testing.T) {
	const at, host = "https://go.acme.dev/git/github.com/acme/", "https://github.com/acme/"
	o := originals{at + "acme": host + "acme", at + "acme.github.io": host + "acme.github.io", at + "acme/below": host + "below"}
	for raw, want := range map[string]string{
		at + "acme":                          host + "acme",
		at + "acme.git":                      host + "acme",
		at + "acme/info/refs?service=x":      host + "acme/info/refs?service=x",
		at + "acme.git/info/refs":            host + "acme/info/refs",
		at + "acme.github.io":                host + "acme.github.io",
		at + "acme.github.io.git":            host + "acme.github.io",
		at + "acme.github.io/info/refs":      host + "acme.github.io/info/refs",
		at + "acme/below/info/refs":          host + "below/info/refs",
		at + "acme.gitter":                   at + "acme.gitter",
		at + "acmes":                         at + "acmes",
		"https://go.acme.dev/git/github.com": "https://go.acme.dev/git/github.com",
	} {
		for range 20 { // maps have no order
			if got := o.of(raw); got != want {
				t.Fatalf("%s: %s, want %s", raw, got, want)
			}
		}
	}
}
