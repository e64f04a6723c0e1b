package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"

	"example.com/vanity"
)

// A tour leads the go command to the server, and says what is to be seen.
type tour struct {
	ctx  context.Context
	out  io.Writer
	dir  string // for everything that the tour makes
	url  string // of the server
	step int
	ends []func()
}

func newTour(ctx context.Context, out io.Writer, dir, url string) *tour {
	return &tour{ctx: ctx, out: out, dir: dir, url: url}
}

// atEnd has f called by end.
func (t *tour) atEnd(f func()) { t.ends = append(t.ends, f) }

func (t *tour) end() {
	for _, f := range t.ends {
		f()
	}
}

func (t *tour) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// begin announces a step.
func (t *tour) begin(title string) {
	t.step++
	t.say("\n%d. %s", t.step, title)
}

// fetch shows one of the URLs to try.
func (t *tour) fetch(path string) (string, error) {
	req, err := http.NewRequestWithContext(t.ctx, http.MethodGet, t.url+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	t.say("   $ curl '%s'", t.url+path)
	t.show(string(body))
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: status %s", path, resp.Status)
	}
	return string(body), nil
}

func (t *tour) show(text string) {
	for line := range strings.Lines(text) {
		t.say("     %s", strings.TrimRight(line, "\n"))
	}
}

// A traveller is a go command with a module cache and a main module of its own.
type traveller struct {
	t   *tour
	dir string
	env []string
}

// traveller makes one; each begins without anything downloaded.
func (t *tour) traveller(env ...string) (*traveller, error) {
	dir, err := os.MkdirTemp(t.dir, "traveller-")
	if err != nil {
		return nil, err
	}
	return &traveller{t: t, dir: dir, env: append([]string{
		"GOENV=off", "GOFLAGS=-modcacherw", "GOWORK=off", "GOTOOLCHAIN=local", "GO111MODULE=on",
		"GOMODCACHE=" + filepath.Join(dir, "modcache"), "GOTMPDIR=" + dir, "GOSUMDB=off", "GOPRIVATE=", "GONOPROXY=none", "GOVCS=",
	}, env...)}, write(filepath.Join(dir, "go.mod"), "module tour.example/main\n\ngo 1.21\n")
}

// run runs the go command, and shows it with the variables that matter.
func (tr *traveller) run(args ...string) (string, error) {
	cmd := exec.CommandContext(tr.t.ctx, "go", args...)
	cmd.Dir = tr.dir
	cmd.Env = append(os.Environ(), tr.env...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	shown := ""
	for _, kv := range tr.env {
		if strings.HasPrefix(kv, "GOPROXY=") {
			shown = "GOPROXY='" + strings.TrimPrefix(kv, "GOPROXY=") + "' "
		}
	}
	tr.t.say("   $ %sgo %s", shown, strings.Join(args, " "))
	err := cmd.Run()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), complaints.String())
	}
	return out.String(), nil
}

// download shows the sums of one module.
func (tr *traveller) download(query string) (sum string, err error) {
	out, err := tr.run("mod", "download", "-json", query)
	if err != nil {
		return "", err
	}
	var d struct{ Path, Version, Sum, GoModSum string }
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		return "", err
	}
	tr.t.say("     %s %s\n     zip    %s\n     go.mod %s", d.Path, d.Version, d.Sum, d.GoModSum)
	return d.Sum, nil
}

const greeter = `package main

import (
	"fmt"

	"` + domain + `/greet"
)

func main() { fmt.Println(greet.World()) }
`

// greet runs a program that imports a module, which has to be in go.mod already, and listens to what it says.
func (tr *traveller) greet() error {
	if err := write(filepath.Join(tr.dir, "main.go"), greeter); err != nil {
		return err
	}
	out, err := tr.run("run", ".")
	if err != nil {
		return err
	}
	tr.t.show(out)
	if out != "Hello, world!\n" {
		return fmt.Errorf("the program said %q", out)
	}
	return nil
}

// sampleTour goes through everything once.
func sampleTour(t *tour) error {
	for _, step := range []func(*tour) error{protocolStep, versionsStep, programStep, discoveryStep, gosubStep} {
		if err := step(t); err != nil {
			return err
		}
	}
	t.say("\nURLs to try: %s", strings.Join([]string{
		t.url + "/", t.url + "/hello", t.url + "/hello?go-get=1", t.url + "/go/hello/" + domain + "/hello/@v/list", t.url + "/go/hello/" + domain + "/hello/@latest",
	}, "\n             "))
	return nil
}

func protocolStep(t *tour) error {
	t.begin("Goproxy answers the GOPROXY protocol for one directory of the repository, with the tags that are there.")
	if _, err := t.fetch("/go/hello/" + domain + "/hello/@v/list"); err != nil {
		return err
	}
	_, err := t.fetch("/go/hello/" + domain + "/hello/@latest")
	return err
}

// proxies is the GOPROXY of one who knows the server; each handler answers for one module.
func (t *tour) proxies() string { return "GOPROXY=" + t.url + "/go/hello," + t.url + "/go/greet" }

func versionsStep(t *tour) error {
	t.begin("The go command finds versions there, and downloads them. A zip's sum is what it would be from the repository.")
	tr, err := t.traveller(t.proxies())
	if err != nil {
		return err
	}
	out, err := tr.run("list", "-m", "-versions", domain+"/hello")
	if err != nil {
		return err
	}
	t.show(out)
	_, err = tr.download(domain + "/hello@v1.2.0")
	return err
}

func programStep(t *tour) error {
	t.begin("A program imports one module, which imports the other.")
	tr, err := t.traveller(t.proxies())
	if err != nil {
		return err
	}
	if _, err := tr.run("get", domain+"/greet@latest"); err != nil {
		return err
	}
	return tr.greet()
}

func discoveryStep(t *tour) error {
	t.begin("Meta's page tells everyone else where that is: here the go command knows the import path alone.\n" +
		"   (This server plays the domain " + domain + ", by way of HTTP_PROXY.)")
	if _, err := t.fetch("/greet?go-get=1"); err != nil {
		return err
	}
	tr, err := t.traveller("GOPROXY=direct", "GOINSECURE=*", "HTTP_PROXY="+t.url, "HTTPS_PROXY="+t.url, "http_proxy="+t.url, "https_proxy="+t.url, "NO_PROXY=", "no_proxy=")
	if err != nil {
		return err
	}
	if _, err := tr.run("get", domain+"/greet"); err != nil {
		return err
	}
	return tr.greet()
}

func gosubStep(t *tour) error {
	t.begin("Gosub does the same for any module: which repository, directory and tags is said in the URL.")
	spec, err := vanity.Encode(vanity.Config{URL: "https://" + host + "/sample", Directory: "libs/hello", Tags: "hello-*"})
	if err != nil {
		return err
	}
	tr, err := t.traveller("GOPROXY=" + t.url + "/gosub/" + spec)
	if err != nil {
		return err
	}
	sum, err := tr.download(domain + "/hello@v1.2.0")
	if err != nil {
		return err
	}
	direct, err := t.traveller(t.proxies())
	if err != nil {
		return err
	}
	if other, err := direct.download(domain + "/hello@v1.2.0"); err != nil || other != sum {
		return errors.Join(err, fmt.Errorf("the zip has the sum %s by Gosub, %s by Goproxy", sum, other))
	}
	return nil
}

// ownTour tries a repository of the user's.
func ownTour(t *tour, cfg vanity.Config) error {
	t.begin("Goproxy answers for " + cfg.Module + ".")
	for _, file := range []string{"/@v/list", "/@latest"} {
		if _, err := t.fetch("/go/" + escaped(cfg.Module) + file); err != nil {
			return err
		}
	}
	t.begin("The go command adds it to a module that requires it, which fails if its go.mod has another path, and downloads it.")
	tr, err := t.traveller("GOPROXY=" + t.url + "/go")
	if err != nil {
		return err
	}
	if _, err := tr.run("get", cfg.Module+"@latest"); err != nil {
		return err
	}
	if _, err := tr.download(cfg.Module + "@latest"); err != nil {
		return err
	}
	if spec, err := vanity.Encode(cfg); err == nil {
		t.say("\nA Gosub that serves its host does the same at BASE/%s", spec)
	}
	return nil
}

// pointedAt is a client that reaches one address, whatever host is named.
func pointedAt(address string, roots *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, // as httptest's certificate has it
	}}
}

// escaped is a module path as the protocol has it in URLs.
func escaped(modPath string) string {
	esc, err := module.EscapePath(modPath)
	if err != nil {
		return modPath // Validate has checked it
	}
	return esc
}
