package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/dirhash"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/doctor"
)

// TestGoSum has hashes that are right, wrong, or not there.
func TestGoSum(t *testing.T) {
	w := newWorld(t)
	got := w.goCommand(t).Download(tool + "@v1.2.0")
	other, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("module x\n")), nil })
	if err != nil {
		t.Fatal(err)
	}
	sum, modSum := tool+" v1.2.0 "+got.Sum, tool+" v1.2.0/go.mod "+got.GoModSum
	wrong := tool + " v1.2.0 " + other
	for name, tt := range map[string]struct {
		text    string
		want    []string
		healthy bool
	}{
		"right":      {sum + "\n" + modSum + "\n", []string{"ok    hash        " + sum + ", as in GOSUM\n", "ok    hash        " + modSum + ", as in GOSUM\n"}, true},
		"wrong":      {wrong + "\n" + modSum, []string{"FAIL  hash        " + sum + "; but GOSUM has " + other + "\n      mend: if the tag was moved, move it back", "ok    hash        " + modSum}, false},
		"wrong mod":  {sum + "\n" + tool + " v1.2.0/go.mod " + other, []string{"ok    hash        " + sum, "FAIL  hash        " + modSum + "; but GOSUM has " + other}, false},
		"both":       {sum + "\n" + wrong + "\n" + modSum, []string{"ok    hash        " + sum}, true},
		"go.mod's":   {modSum, []string{"warn  hash        " + sum + "; GOSUM doesn't have it\n      mend: none, if", "ok    hash        " + modSum}, true},
		"of another": {strings.ReplaceAll(sum, "v1.2.0", "v1.1.0"), []string{"warn  hash        " + sum, "warn  hash        " + modSum}, true},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, tt.text)
			out, healthy := w.look(t, tool, func(o *doctor.Options) { o.GoSum = file })
			for _, want := range tt.want {
				if want = strings.ReplaceAll(want, "GOSUM", file); !strings.Contains(out, want) {
					t.Errorf("no line %q in\n%s", want, out)
				}
			}
			if healthy != tt.healthy {
				t.Errorf("healthy: %t\n%s", healthy, out)
			}
			// The go command has the same to say.
			g := w.goCommand(t)
			g.Write("go.sum", tt.text)
			g.Write("go.mod", "module example.test/main\n\ngo 1.21\n\nrequire "+tool+" v1.2.0\n")
			g.Setenv("GOSUMDB", "off")
			_, stderr, err := g.Try("mod", "download", tool)
			if strings.Contains(stderr, "SECURITY ERROR") == tt.healthy {
				t.Errorf("go mod download: %v\n%s", err, stderr)
			}
		})
	}
}

// TestPrivate has a proxy that wants credentials, and a user with good ones, with bad ones, and without.
func TestPrivate(t *testing.T) {
	const password = "Ann's-s3cret"
	auth := vanity.PasswordAuth(map[string]string{"ann": password})
	w := newWorld(t, vanity.WithAuth(auth))
	netrc := func(password string) func(*doctor.Options) {
		return func(o *doctor.Options) {
			o.Credentials = func(_ context.Context, u *url.URL) (string, string, error) {
				if u.Scheme != "https" || u.Hostname() != "go.acme.test" {
					return "", "", nil
				}
				return "ann", password, nil
			}
		}
	}
	const elsewhere = "      mend: credentials for go.acme.test are sent to no other server, nor over http: look at the one on the machine where it runs\n"
	for name, tt := range map[string]struct {
		change  []func(*doctor.Options)
		want    string
		healthy bool
	}{
		"none":                {nil, `FAIL  list        https://go.acme.test/go/go.acme.test/tool/@v/list: 401 Unauthorized: `, false},
		"mend":                {nil, `      mend: let everyone see it, or, if it is private, put "machine go.acme.test login USER password TOKEN" into .netrc, and set GOPRIVATE=go.acme.test` + "\n", false},
		"good":                {[]func(*doctor.Options){netrc(password)}, "ok    list        https://go.acme.test/go/go.acme.test/tool/@v/list: 200 OK with the credentials for go.acme.test, 3 versions", true},
		"bad":                 {[]func(*doctor.Options){netrc("x")}, "      mend: the credentials for go.acme.test are refused: put others into .netrc", false},
		"here":                {[]func(*doctor.Options){netrc(password), func(o *doctor.Options) { o.URL = w.server.URL }}, "200 OK with the credentials for go.acme.test, 3 versions", true},
		"afar":                {[]func(*doctor.Options){netrc(password), func(o *doctor.Options) { o.URL = "http://staging.acme.test" }}, elsewhere, false},
		"secure, but another": {[]func(*doctor.Options){netrc(password), func(o *doctor.Options) { o.URL = "https://staging.acme.test" }}, elsewhere, false},
		"file": {[]func(*doctor.Options){func(o *doctor.Options) {
			o.Credentials = func(context.Context, *url.URL) (string, string, error) {
				return "", "", errors.New(".netrc is a directory")
			}
		}}, "its credentials can't be had: .netrc is a directory", false},
	} {
		t.Run(name, func(t *testing.T) {
			out, healthy := w.look(t, tool, tt.change...)
			if healthy != tt.healthy || !strings.Contains(out, tt.want) {
				t.Errorf("healthy: %t, want %t and %q\n%s", healthy, tt.healthy, tt.want, out)
			}
			if strings.Contains(out, password) || strings.Contains(out, "ann") {
				t.Errorf("a secret in\n%s", out)
			}
			if tt.want == elsewhere {
				silent := w.spoiled(t, func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.Header.Get("Authorization") != "" {
							t.Errorf("%s: credentials were sent", r.URL)
						}
						next.ServeHTTP(w, r)
					})
				})
				silent.look(t, tool, tt.change...)
			}
		})
	}
	// The go command, with and without them.
	for pass, works := range map[string]bool{password: true, "x": false} {
		g := w.goCommand(t)
		g.Setenv("NETRC", write(t, "machine go.acme.test login ann password "+pass+"\n"))
		if _, stderr, err := g.Try("get", tool); (err == nil) != works {
			t.Errorf("go get: %v\n%s", err, stderr)
		}
	}
}

// TestBase has the base of a GOPROXY, that no page leads to.
func TestBase(t *testing.T) {
	w := newWorld(t)
	root := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host = "go.acme.test"
		r.URL.Path = "/go" + r.URL.Path
		w.handler.ServeHTTP(rw, r)
	}))
	defer root.Close()
	broken := w.spoiled(t, on("/supported", answer(500, plain, "oops")))
	forge := httptest.NewServer(vanity.GoproxyFunc("/registry/go", func(context.Context, string) (vanity.Config, error) {
		return vanity.Config{URL: "https://git.acme.test/acme/own", Module: "github.com/Acme/own"}, nil
	}, vanity.WithTrustedClient(&http.Client{Transport: w})))
	defer forge.Close()
	for name, tt := range map[string]struct {
		url, module string
		world       *world
		want        []string
		healthy     bool
	}{
		"a path":    {"https://go.acme.test/go/", tool, w, []string{"ok    server      https://go.acme.test/go is taken for the base of a GOPROXY", "ok    list        https://go.acme.test/go/go.acme.test/tool/@v/list", "ok    sumdb"}, true},
		"a package": {w.server.URL + "/go", tool + "/sub", w, []string{"FAIL  list"}, false}, // as nothing says which host is meant
		"a root": {root.URL, tool + "/sub", w.spoiled(t, pages("")), []string{
			"warn  page        https://go.acme.test/tool/sub?go-get=1 has no go-import tag, but " + root.URL + " has a list: it is taken for the base of a GOPROXY",
			"ok    module      go.acme.test/tool/sub is in the module go.acme.test/tool", "ok    package     sub has Go files",
		}, true},
		"a known host":   {root.URL, "github.com/acme/absent", w, []string{"is taken for the base of a GOPROXY: the go command asks github.com for no pages", "FAIL  list        " + root.URL + "/github.com/acme/absent/@v/list: 404 Not Found"}, false},
		"a clone":        {"", "github.com/acme/hub/sub", w, []string{"ok    server      the go command asks github.com for no page, but clones https://github.com/acme/hub", "ok    module      github.com/acme/hub/sub is in the module github.com/acme/hub", "ok    package     sub has Go files"}, true},
		"no clone":       {"", "git.apache.org/x.git", w, []string{"warn  server      the go command asks git.apache.org for no page, and how it clones from there is not looked at"}, true},
		"a forge":        {forge.URL + "/registry/go", "github.com/Acme/own", w, []string{"github.com/%21acme/own/@v/list: 200 OK, 2 versions", "FAIL  go.mod ", "it declares go.acme.test/own"}, false},
		"sumdb":          {"https://go.acme.test/go", tool, broken, []string{"FAIL  sumdb       https://go.acme.test/go/sumdb/sum.golang.org/supported: 500 Internal Server Error, by which the go command takes the database for broken\n      mend: answer 404 below /sumdb/"}, false},
		"nobody":         {"http://127.0.0.1:9/go", tool, w, []string{"FAIL  list        http://127.0.0.1:9/go/go.acme.test/tool/@v/list: dial tcp 127.0.0.1:9: connect: connection refused\n      mend: see that the server runs"}, false},
		"plain http":     {"http://go.acme.test", tool, w, []string{"warn  server      http://go.acme.test is asked over http\n      mend: the go command asks https://go.acme.test alone"}, true},
		"nobody's page":  {"http://127.0.0.1:9", tool, w, []string{"FAIL  page        https://go.acme.test/tool?go-get=1: dial tcp 127.0.0.1:9: connect: connection refused"}, false},
		"not said":       {"", tool, w, []string{"ok    server      https://go.acme.test is asked as the go command would"}, true},
		"an own address": {"", tool, w.spoiled(t, pages(meta(tool+" mod "+w.server.URL+"/go"))), []string{"warn  tag         127.0.0.1:", " is an address of this machine, or of a private network\n      mend: write the URL at which others reach it", "FAIL  list"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			out, healthy := tt.world.look(t, tt.module, func(o *doctor.Options) { o.URL = tt.url })
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no line %q in\n%s", want, out)
				}
			}
			if healthy != tt.healthy {
				t.Errorf("healthy: %t\n%s", healthy, out)
			}
		})
	}
}

// The go command finds github.com's modules as the doctor says.
func TestKnownHost(t *testing.T) {
	w := newWorld(t)
	g := w.goCommand(t)
	g.Get("github.com/acme/hub/sub")
	out, healthy := w.look(t, "github.com/acme/hub", func(o *doctor.Options) { o.URL, o.GoSum = "", filepath.Join(g.Dir, "go.sum") })
	if want := "ok    hash        github.com/acme/hub v1.0.0 h1:"; !healthy || !strings.Contains(out, want) || !strings.Contains(out, ", as in ") {
		t.Errorf("healthy: %t, want %q\n%s", healthy, want, out)
	}
}

// TestTLS has a server whose certificate nobody knows, and one that doesn't speak TLS.
func TestTLS(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for url, want := range map[string]string{
		secure.URL: "      mend: give the server a certificate for go.acme.test from an authority that everyone's system knows\n",
		strings.Replace(plain.URL, "http", "https", 1): "      mend: have the server speak TLS at this port, or name it with http\n",
	} {
		var b bytes.Buffer
		healthy, err := doctor.Run(t.Context(), doctor.Options{URL: url, Module: tool, Out: &b})
		if healthy || err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%t, %v, want %q\n%s", healthy, err, want, &b)
		}
	}
}

// What a server sends does nothing to a terminal, wherever it is shown.
func TestTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x9b31m\u202e\r\n\xff"
	healthy := newWorld(t)
	for name, spoil := range map[string]spoiler{
		"text":    on("/@v/list", answer(500, plain, evil)),
		"tag":     pages(meta(tool + evil + " mod https://x")),
		"type":    edit("/@v/list", func(h http.Header, body []byte) []byte { h.Set("Content-Type", "\x1b[31m"); return body }),
		"list":    on("/tool/@v/list", answer(200, plain, evil+"\n"+evil+"v1\n")),
		"info":    on("v1.2.0.info", answer(200, plain, evil)),
		"version": on("v1.2.0.info", answer(200, plain, `{"Version":"\u001b[31m"}`)),
		"origin":  on("v1.2.0.info", answer(200, plain, `{"Version":"v1.2.0","Time":"2024-05-01T10:01:00Z","Origin":{"Hash":"\u001b[31m","Ref":"\u202e"}}`)),
		"mod":     on("v1.2.0.mod", answer(200, plain, "module "+tool+"\n// Deprecated: "+evil+"\nmodule x")),
		"zip":     rezip(func(name string, data []byte) (string, []byte) { return name + "\x1b[31m", data }),
		"page": on("?", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://go.acme.test/\u202e")
			w.WriteHeader(302)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			out, _ := healthy.spoiled(t, spoil).look(t, tool)
			for _, r := range out {
				if r != '\n' && (r < ' ' || r == '\u202e' || r >= 0x7f && r < 0xa0 || r == '\ufffd') {
					t.Errorf("%q in\n%q", r, out)
				}
			}
		})
	}
}

// TestOptions has what can't be looked at.
func TestOptions(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "absent")
	for name, tt := range map[string]struct{ url, module, goSum, want string }{
		"no module":        {"", "", "", "doctor: no module path: malformed import path"},
		"no host":          {"", "tool", "", "doctor: tool is no module path that could be had: its first element, tool, is no host name"},
		"no version":       {"", tool + "@", "", "has no version behind the @"},
		"control":          {"", tool + "\x1b[31m", "", `doctor: no module path: malformed import path "go.acme.test/tool\x1b[31m"`},
		"scheme":           {"ftp://go.acme.test", tool, "", "doctor: the server's URL is none: write it as https://go.acme.dev"},
		"no scheme":        {"go.acme.test", tool, "", "doctor: the server's URL is none"},
		"password":         {"https://ann:s3cret@go.acme.test", tool, "", "doctor: the server's URL holds credentials, which others on this machine may see: put them into .netrc"},
		"query":            {"https://go.acme.test?x", tool, "", "has a query or a fragment"},
		"no go.sum":        {"", tool, missing, "doctor: open " + missing + ": no such file or directory"},
		"malformed go.sum": {"", tool, write(t, tool+" v1.0.0 h1:x\nx y\n"), "go.sum:2 is no line of a go.sum: x y"},
		"other hash":       {"", tool, write(t, tool+" v1.0.0 h2:x\n"), "go.sum:1 is no line of a go.sum"},
		"empty go.sum":     {"", tool, write(t, ""), "go.sum is empty: there is nothing to compare with"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			healthy, err := doctor.Run(t.Context(), doctor.Options{URL: tt.url, Module: tt.module, GoSum: tt.goSum, Out: &b})
			if healthy || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") || b.Len() > 0 {
				t.Errorf("%t, %v, want %q\n%s", healthy, err, tt.want, &b)
			}
		})
	}
	if _, err := doctor.Run(t.Context(), doctor.Options{Module: tool}); err == nil {
		t.Error("without Out")
	}
}

// A walk that is broken off is an error, and blames nobody.
func TestBrokenOff(t *testing.T) {
	healthy := newWorld(t)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := healthy.spoiled(t, on("/@latest", func(_ http.ResponseWriter, r *http.Request) {
		cancel(enough)
		<-r.Context().Done()
	}))
	var b bytes.Buffer
	ok, err := doctor.Run(ctx, doctor.Options{Module: tool, Client: &http.Client{Transport: w}, Out: &b})
	if ok || !errors.Is(err, enough) || strings.Contains(b.String(), "FAIL") || !strings.Contains(b.String(), "ok    list ") {
		t.Errorf("%t, %v\n%s", ok, err, &b)
	}
}

// A server that doesn't answer is given up.
func TestSilence(t *testing.T) {
	healthy := newWorld(t)
	w := healthy.spoiled(t, on("/@v/list", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	out, ok := w.look(t, tool, func(o *doctor.Options) { o.Timeout = 5 * time.Second })
	if want := "FAIL  list        https://go.acme.test/go/go.acme.test/tool/@v/list: no answer in time\n      mend: see what keeps the server"; ok || !strings.Contains(out, want) {
		t.Errorf("%t, want %q\n%s", ok, want, out)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOut(t *testing.T) {
	w := newWorld(t)
	healthy, err := doctor.Run(t.Context(), doctor.Options{Module: tool, Client: &http.Client{Transport: w}, Out: fullDisk{}})
	if healthy || err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("%t, %v", healthy, err)
	}
}

// TestTemp has nothing left behind, and a machine that has no room for a zip.
func TestTemp(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, module := range []string{tool, "go.acme.test/own"} {
		if out, healthy := w.look(t, module); !healthy {
			t.Errorf("%s:\n%s", module, out)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "absent"))
	healthy, err := doctor.Run(t.Context(), doctor.Options{Module: tool, Client: &http.Client{Transport: w}, Out: io.Discard})
	if healthy || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%t, %v", healthy, err)
	}
}
