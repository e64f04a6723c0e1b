package main

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"example.com/vanity"
)

// domain is ours, for the length of the tour.
const domain = "go.quickstart.example"

// commits are the sample repository's history. Its modules are in subdirectories, and their tags are not what the go
// command looks for.
var commits = []struct {
	files map[string]string
	tags  []string
}{
	{map[string]string{
		"LICENSE":               "Do as you please.\n",
		"website/index.html":    "<p>A monorepo holds much that is not Go.</p>\n",
		"libs/hello/go.mod":     "module go.quickstart.example/hello\n\ngo 1.21\n",
		"libs/hello/hello.go":   "// Package hello says hello.\npackage hello\n\n// To greets.\nfunc To(name string) string { return \"Hello, \" + name + \".\" }\n",
		"libs/hello/gen/go.mod": "module go.quickstart.example/hello/gen\n\ngo 1.21\n",
		"libs/hello/gen/gen.go": "// Package gen is a module of its own, and no part of hello.\npackage gen\n",
	}, []string{"hello-1.0.0"}},
	{map[string]string{
		"libs/hello/hello.go": "// Package hello says hello.\npackage hello\n\n// To greets.\nfunc To(name string) string { return \"Hello, \" + name + \"!\" }\n",
	}, []string{"hello-1.2.0"}},
	{map[string]string{
		"apps/greet/go.mod":   "module go.quickstart.example/greet\n\ngo 1.21\n\nrequire go.quickstart.example/hello v1.2.0\n",
		"apps/greet/greet.go": "// Package greet greets the world.\npackage greet\n\nimport \"go.quickstart.example/hello\"\n\n// World greets it.\nfunc World() string { return hello.To(\"world\") }\n",
	}, []string{"greet-0.1.0", "hello-1.3.0-rc.1"}},
}

// sample serves the sample repository by each of the handlers.
func sample(t *tour) (*show, error) {
	repo := filepath.Join(t.dir, "sample")
	if err := makeSample(repo); err != nil {
		return nil, err
	}
	t.say("A sample repository is in %s, with these tags: %s", repo, "hello-1.0.0 hello-1.2.0 greet-0.1.0 hello-1.3.0-rc.1")
	hello := vanity.Config{URL: repo, Module: domain + "/hello", Directory: "libs/hello", Tags: "hello-*"}
	greet := vanity.Config{URL: repo, Module: domain + "/greet", Directory: "apps/greet", Tags: "greet-*"}
	public := "https://" + host + "/sample"
	site := vanity.Site{Host: domain, Paths: map[string]vanity.Import{
		"hello": {Repo: public, Proxy: "http://" + domain + "/go/hello", Directory: hello.Directory, Tags: hello.Tags, Description: "Says hello."},
		"greet": {Repo: public, Proxy: "http://" + domain + "/go/greet", Directory: greet.Directory, Tags: greet.Tags, Description: "Greets the world."},
	}}
	client, err := gitHost(t, repo)
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	mux.Handle("/", vanity.Meta(site, vanity.WithTrustedClient(client))) // which lists versions on its pages
	mux.Handle("/go/hello/", vanity.Goproxy("/go/hello", hello))
	mux.Handle("/go/greet/", vanity.Goproxy("/go/greet", greet))
	mux.Handle("/gosub/", vanity.Gosub("/gosub", vanity.WithHosts(host), vanity.WithTrustedClient(client)))
	return &show{handler: mux, tour: sampleTour}, nil
}

func makeSample(dir string) error {
	if err := git("", "init", "--quiet", dir); err != nil {
		return err
	}
	for i, c := range commits {
		for name, content := range c.files {
			if err := write(filepath.Join(dir, filepath.FromSlash(name)), content); err != nil {
				return err
			}
		}
		date := fmt.Sprintf("2024-05-0%dT12:00:00Z", i+1)
		if err := git(date, "-C", dir, "add", "."); err != nil {
			return err
		}
		if err := git(date, "-C", dir, "commit", "--quiet", "-m", c.tags[0]); err != nil {
			return err
		}
		for _, tag := range c.tags {
			if err := git(date, "-C", dir, "tag", tag); err != nil {
				return err
			}
		}
	}
	return nil
}

func write(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(content), 0o666)
}

// git runs git so that the same commits come out everywhere, whatever this machine's user has configured.
func git(date string, args ...string) error {
	cmd := exec.Command("git", append([]string{"-c", "core.autocrlf=false", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"}, args...)...)
	cmd.Env = append(withoutGit(os.Environ()), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Quickstart", "GIT_AUTHOR_EMAIL=quickstart@example.com", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=Quickstart", "GIT_COMMITTER_EMAIL=quickstart@example.com", "GIT_COMMITTER_DATE="+date)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// withoutGit leaves out what would send git to another repository, as it stands in the environment of a hook.
func withoutGit(environ []string) []string {
	return slices.DeleteFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, "GIT_") })
}

// host plays a git host: Gosub serves nothing but https.
const host = "git.quickstart.example"

// gitHost serves the repository as https://git.quickstart.example/sample, by git's own server, and gives the one
// client that gets there.
func gitHost(t *tour, repo string) (*http.Client, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, err
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend := &cgi.Handler{Path: program, Args: []string{"http-backend"}, Root: "/sample", Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Join(repo, ".git"), "GIT_HTTP_EXPORT_ALL=1", "GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"),
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=uploadpack.allowFilter", "GIT_CONFIG_VALUE_0=true",
		}}
		backend.ServeHTTP(w, r)
	}))
	t.atEnd(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return pointedAt(server.Listener.Addr().String(), pool), nil
}

// ownRepository serves a repository of the user's.
func ownRepository(t *tour, cfg vanity.Config) (*show, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	name, key, _ := strings.Cut(cfg.Module, "/")
	site := vanity.Site{Host: name, Paths: map[string]vanity.Import{
		key: {Proxy: "http://" + name + "/go", Directory: cfg.Directory, Tags: cfg.Tags},
	}}
	if err := site.Validate(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", vanity.Meta(site))
	mux.Handle("/go/", vanity.Goproxy("/go", cfg, vanity.WithCredentials(vanity.EnvCredentials))) // the user's own, on his own machine
	mux.Handle("/gosub/", vanity.Gosub("/gosub"))
	return &show{handler: mux, tour: func(t *tour) error { return ownTour(t, cfg) }}, nil
}
