package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/vanity/internal/gittest"
)

const hookSecret = "a secret of some length"

// pushed sends what GitHub, or Gitea, sends of a tag that was pushed.
func pushed(t testing.TB, url, secret, repository, tag string) (status int) {
	t.Helper()
	body := fmt.Appendf(nil, `{"ref":"refs/tags/%s","before":"0000000000000000000000000000000000000000","after":"1111111111111111111111111111111111111111",`+
		`"created":true,"deleted":false,"repository":{"full_name":"acme/mono","clone_url":%q,"html_url":%q}}`, tag, repository+".git", repository)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-Hub-Signature-256", fmt.Sprintf("sha256=%x", mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestWebhook has a host tell of new tags: they are listed at once, though lists live for an hour, stored, mirrored, and asked
// for at a public mirror, unless they are private.
func TestWebhook(t *testing.T) {
	repo := gittest.New(t, mono+"-- libs/secret/go.mod --\nmodule go.acme.test/libs/secret\n-- libs/secret/s.go --\npackage secret\n")
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": repo, "hidden": plain(t, "go.acme.test/hidden", "v1.0.0")})
	own := gittest.New(t, "write\ncommit one\ntag v1.0.0\n-- go.mod --\nmodule git.acme.test/ann/own\n-- own.go --\npackage own\n")
	forge := t.TempDir()
	bare(t, own, filepath.Join(forge, "ann", "own.git"))
	var mu sync.Mutex
	var announced []string
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		announced = append(announced, r.URL.Path)
		fmt.Fprintf(w, `{"Version":%q,"Time":"2024-01-01T00:00:00Z"}`, strings.TrimSuffix(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], ".info"))
	}))
	defer public.Close()
	store := t.TempDir()
	p := start(t, fmt.Sprintf(`
host: go.acme.test
proxy: /go
freshness: 1h
store: %[2]s
paths:
  tool: {repo: "%[1]s/mono", vcs: git, directory: libs/tool, tags: "tool-*"}
  libs/*: {repo: "%[1]s/mono", vcs: git, directory: "libs/*", tags: "libs/*/v*"}
  hidden: {repo: "%[1]s/hidden", vcs: git, tags: "v*"}
forge: {base: /registry, host: git.acme.test, dir: %[4]s}
mirror: {base: /git, dir: %[3]s, refresh: 1h}
webhook: {path: /webhook, secrets: ["another secret that was", "%[5]s"], warm: true, notify: %[6]s}
users: {ann: password-of-ann}
access: [{match: [go.acme.test/libs/secret], users: [ann]}, {match: [127.0.0.1/hidden], users: [ann]}]
`, host.URL, store, t.TempDir(), forge, hookSecret, public.URL))
	list := func(path string) string {
		t.Helper()
		_, body := get(t, p.url+path+"/@v/list")
		return body
	}
	if got := list("/go/go.acme.test/tool"); got != "v1.0.0\nv1.1.0\n" {
		t.Fatalf("the list: %q", got)
	}
	eventually(t, "the mirror is there", func() bool { status, _ := get(t, p.url+"/readyz"); return status == 200 })
	for _, tt := range []struct {
		tag, repository, list, want string
		stored, announced           []string
	}{
		{"tool-1.2.0", host.URL + "/mono", "/go/go.acme.test/tool", "v1.0.0\nv1.1.0\nv1.2.0\n", []string{"go.acme.test/tool/@v/v1.2.0"}, []string{"/go.acme.test/tool/@v/v1.2.0.info"}},
		{"libs/log/v0.2.0", host.URL + "/Mono", "/go/go.acme.test/libs/log", "v0.1.0\nv0.2.0\n", []string{"go.acme.test/libs/log/@v/v0.2.0"}, []string{"/go.acme.test/libs/log/@v/v0.2.0.info"}},
		{"libs/secret/v0.1.0", host.URL + "/mono", "", "", []string{"go.acme.test/libs/secret/@v/v0.1.0"}, nil},
		{"v1.0.0", host.URL + "/hidden", "", "", []string{"go.acme.test/hidden/@v/v1.0.0"}, nil}, // by its repository's rule
		{"v1.1.0", "https://git.acme.test/ann/own", "/registry/git.acme.test/ann/own", "v1.0.0\nv1.1.0\n", []string{"goproxy/*/git.acme.test/ann/own/@v/v1.1.0", "git.acme.test/ann/own/@v/v1.1.0"}, []string{"/git.acme.test/ann/own/@v/v1.1.0.info"}},
	} {
		t.Run(tt.tag, func(t *testing.T) {
			if tt.repository == "https://git.acme.test/ann/own" {
				list(tt.list)
				git(t, "-C", filepath.Join(forge, "ann", "own.git"), "tag", tt.tag)
			} else if !strings.HasSuffix(tt.repository, "/hidden") {
				repo.Git("tag", tt.tag)
			}
			mark := p.mark()
			if status := pushed(t, p.url+"/webhook", "a wrong secret of some length", tt.repository, tt.tag); status != 401 {
				t.Fatalf("a wrong secret: %d", status)
			}
			if status := pushed(t, p.url+"/webhook", hookSecret, tt.repository, tt.tag); status != 202 {
				t.Fatalf("the right secret: %d", status)
			}
			p.awaitAfter(mark, "push: done", "tag", tt.tag)
			if tt.list != "" {
				if got := list(tt.list); got != tt.want {
					t.Errorf("the list is %q, want %q", got, tt.want)
				}
			}
			found := 0
			for _, name := range tt.stored {
				for _, ext := range []string{".info", ".mod", ".zip"} {
					if all, err := filepath.Glob(filepath.Join(store, filepath.FromSlash(name)+ext)); err == nil && len(all) == 1 {
						found++
					}
				}
			}
			if found != 3 {
				t.Errorf("%d files of it are stored, want 3", found)
			}
			mu.Lock()
			if fmt.Sprint(announced) != fmt.Sprint(tt.announced) {
				t.Errorf("the public mirror was asked for %q, want %q", announced, tt.announced)
			}
			announced = nil
			mu.Unlock()
			if strings.EqualFold(tt.repository, host.URL+"/mono") { // all of the repository is for who may have all that is in it
				refs := git(t, "ls-remote", "http://ann:password-of-ann@"+strings.TrimPrefix(p.url, "http://")+"/git/"+strings.TrimPrefix(host.URL, "http://")+"/mono")
				if !strings.Contains(refs, "refs/tags/"+tt.tag) {
					t.Errorf("the mirror has no tag %s:\n%s", tt.tag, refs)
				}
			}
		})
	}
	if status := pushed(t, p.url+"/webhook", hookSecret, "https://github.com/other/thing", "v1.0.0"); status != 202 {
		t.Errorf("somebody else's repository: %d", status)
	}
	mirror := p.url + "/git/" + strings.TrimPrefix(host.URL, "http://") + "/mono"
	for path, want := range map[string]int{mirror: 401, strings.Replace(mirror, "//", "//ann:wrong@", 1): 401, strings.Replace(mirror, "//", "//ann:password-of-ann@", 1): 200} {
		if status, body := get(t, path+"/info/refs?service=git-upload-pack"); status != want {
			t.Errorf("the mirror: %d %s, want %d", status, body, want)
		}
	}
	if _, metrics := get(t, p.admin+"/metrics"); strings.Contains(metrics, "vanity_downloads_total{") || !strings.Contains(metrics, `vanity_webhook_pushes_total{result="ok"} 5`) {
		t.Errorf("warming counts as downloads, or pushes don't count:\n%s", grep(metrics, "vanity_"))
	}
	p.await("push: none of this server's modules is kept there", "tag", "v1.0.0")
}
