package main

import (
	"fmt"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/s3test"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

const logModule = `
write
commit first
tag v1.0.0
-- go.mod --
module go.acme.test/log
-- log.go --
package log

const Name = "log"
`

// TestReplicas has a server fill a bucket; then its git host dies, and it does. Another one, which has nothing but the bucket,
// serves all of it: the go command builds by its proxy, and, by its pages and its mirror, without one.
func TestReplicas(t *testing.T) {
	s3 := s3test.Start(t)
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": gittest.New(t, mono), "log": gittest.New(t, logModule)})
	replica := func() *process {
		return start(t, fmt.Sprintf(`
host: go.acme.test
proxy: /go
store: %q
paths:
  tool: {repo: "%[2]s/mono", vcs: git, directory: libs/tool, tags: "tool-*"}
  log: {repo: "%[2]s/log", vcs: git}
mirror: {base: /git, dir: %[3]s, public_url: "http://go.acme.test/git"}
`, s3.URL(), host.URL, t.TempDir()), s3.Env()...)
	}
	first := replica()
	g := gocmd.New(t)
	g.Proxy(first.url + "/go")
	want := g.Download("go.acme.test/tool@v1.1.0")
	if _, ok := s3.Objects()["go.acme.test/tool/@v/v1.1.0.zip"]; !ok {
		t.Error("the zip is not in the bucket")
	}
	eventually(t, "both mirrors are in the bucket", func() bool {
		saved := 0
		for key := range s3.Objects() {
			if strings.HasPrefix(key, "mirror/") && strings.HasSuffix(key, "manifest.json") {
				saved++
			}
		}
		return saved == 2
	})
	host.SetDown(true)
	first.cmd.Process.Kill()
	<-first.done

	second := replica()
	g = gocmd.New(t)
	g.Proxy(second.url + "/go")
	if got := g.Download("go.acme.test/tool@v1.1.0"); got.Sum != want.Sum || got.GoModSum != want.GoModSum {
		t.Errorf("from the bucket: %+v, want %+v", got, want)
	}
	g.Write("main.go", "package main\n\nimport _ \"go.acme.test/tool\"\n\nfunc main() {}\n")
	g.Get("go.acme.test/tool@v1.1.0")
	g.Run("build", "-o", filepath.Join(t.TempDir(), "main"), ".")

	eventually(t, "the mirrors are restored", func() bool { status, _ := get(t, second.url+"/readyz"); return status == 200 })
	mirrored := second.url + "/git/" + strings.TrimPrefix(host.URL, "http://")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, "clone", "-q", mirrored+"/mono", clone)
	if tags := git(t, "-C", clone, "tag"); tags != "libs/log/v0.1.0\ntool-1.0.0\ntool-1.1.0" {
		t.Errorf("the clone's tags: %q", tags)
	}
	if d := gocmd.New(t); true { // a version that nobody has asked for while the host was there
		d.Proxy(second.url + "/go")
		if got := d.Download("go.acme.test/tool@v1.0.0"); got.Sum == "" {
			t.Error("no sum")
		}
	}

	target, err := url.Parse(second.url)
	if err != nil {
		t.Fatal(err)
	}
	domains := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", target.Host
		r.Out.Host = r.In.Host
	}}
	direct := gocmd.New(t, gocmd.Discovery(t, domains)...)
	direct.Proxy("direct")
	direct.Write("main.go", "package main\n\nimport \"go.acme.test/log\"\n\nfunc main() { println(log.Name) }\n")
	direct.Get("go.acme.test/log@latest")
	direct.Run("build", "-o", filepath.Join(t.TempDir(), "main"), ".")
}

// TestBucketDown has a bucket that fails: what is asked for comes from the git host, or is an error that says so; and nothing
// stays wrong once the bucket is back.
func TestBucketDown(t *testing.T) {
	s3 := s3test.Start(t)
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": gittest.New(t, mono)})
	p := start(t, fmt.Sprintf("host: go.acme.test\nproxy: /go\nstore: %q\npaths:\n  tool: {repo: \"%s/mono\", vcs: git, directory: libs/tool, tags: \"tool-*\"}\n", s3.URL(), host.URL), s3.Env()...)
	s3.Stop()
	if status, body := get(t, p.url+"/go/go.acme.test/tool/@v/list"); status != 200 || body != "v1.0.0\nv1.1.0\n" {
		t.Errorf("the list without a bucket: %d %s", status, body)
	}
	if status, body := get(t, p.url+"/go/go.acme.test/tool/@v/v1.1.0.info"); status != 500 || strings.Contains(body, "s3") {
		t.Errorf("the info without a bucket, which knows what the version is: %d %s", status, body)
	}
	if status, body := get(t, p.url+"/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	s3.Start()
	g := gocmd.New(t)
	g.Proxy(p.url + "/go")
	eventually(t, "the bucket is used again", func() bool { status, _ := get(t, p.url+"/go/go.acme.test/tool/@v/v1.1.0.info"); return status == 200 })
	if d := g.Download("go.acme.test/tool@v1.1.0"); d.Sum == "" {
		t.Error("no sum")
	}
	if n := len(s3.Objects()); n == 0 {
		t.Error("nothing is in the bucket")
	}
}
