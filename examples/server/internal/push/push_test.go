package push_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/examples/server/internal/push"
)

const (
	secret  = "It's a Secret to Everybody"
	another = "the one before"
	// "whsec_" and 24 bytes in base64.
	signing = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"
)

const nothing = "0000000000000000000000000000000000000000"

const gitHubRepository = `"repository": {"id": 35129377, "name": "mono", "full_name": "Acme/mono", "private": false,
	"html_url": "https://github.com/Acme/mono", "url": "https://api.github.com/repos/Acme/mono",
	"git_url": "git://github.com/Acme/mono.git", "ssh_url": "git@github.com:Acme/mono.git", "clone_url": "https://github.com/Acme/mono.git",
	"svn_url": "https://github.com/Acme/mono", "default_branch": "main"}, "sender": {"login": "ann", "id": 6752317}`

const giteaRepository = `"repository": {"id": 140, "owner": {"login": "acme", "username": "acme"}, "name": "mono", "full_name": "acme/mono",
	"html_url": "https://git.acme.dev:3000/acme/mono", "ssh_url": "ssh://git@git.acme.dev:2222/acme/mono.git", "clone_url": "https://git.acme.dev:3000/acme/mono.git"}`

const gitLabProject = `"project": {"id": 15, "name": "Mono", "web_url": "https://gitlab.com/acme/libs/mono", "git_ssh_url": "git@gitlab.com:acme/libs/mono.git",
	"git_http_url": "https://gitlab.com/acme/libs/mono.git", "path_with_namespace": "acme/libs/mono", "default_branch": "main",
	"homepage": "https://gitlab.com/acme/libs/mono", "url": "git@gitlab.com:acme/libs/mono.git"},
	"repository": {"name": "Mono", "url": "git@gitlab.com:acme/libs/mono.git", "homepage": "https://gitlab.com/acme/libs/mono",
	"git_http_url": "https://gitlab.com/acme/libs/mono.git", "git_ssh_url": "git@gitlab.com:acme/libs/mono.git"}`

// sign has openssl sign, so that it isn't our own code that says what is right.
func sign(t testing.TB, key, data string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:"+hex.EncodeToString([]byte(key)), "-binary")
	cmd.Stdin = strings.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("openssl is required: %v", err)
	}
	return out
}

// A hook is what a host sends. Header names are spelled as the host spells them.
type hook struct {
	header map[string]string
	body   string
}

func gitHubHook(t testing.TB, event, body string) hook {
	return hook{map[string]string{
		"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/044aadd", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		"X-GitHub-Event": event, "X-GitHub-Hook-ID": "292430182", "X-Hub-Signature": "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6",
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sign(t, secret, body)),
	}, body}
}

// giteaHook is of Gitea, or of Forgejo, which sends the headers of all whom it stems from.
func giteaHook(t testing.TB, event, body string, forgejo bool) hook {
	signature := hex.EncodeToString(sign(t, secret, body))
	h := hook{map[string]string{"Content-Type": "application/json"}, body}
	for _, name := range []string{"Forgejo", "Gitea", "Gogs", "GitHub"} {
		if name == "Forgejo" && !forgejo {
			continue
		}
		h.header["X-"+name+"-Event"] = event
		h.header["X-"+name+"-Event-Type"] = event
		h.header["X-"+name+"-Delivery"] = "f6266f16-1bf3-46a5-9ea4-602e06ead473"
		if name != "GitHub" {
			h.header["X-"+name+"-Signature"] = signature
		}
	}
	h.header["X-Hub-Signature-256"] = "sha256=" + signature
	return h
}

func gitLabHook(event, body string) hook {
	return hook{map[string]string{
		"Content-Type": "application/json", "User-Agent": "GitLab/18.1.0", "X-Gitlab-Event": event, "X-Gitlab-Token": secret,
		"X-Gitlab-Instance": "https://gitlab.com", "X-Gitlab-Webhook-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e",
		"X-Gitlab-Event-UUID": "6b3a3a5c-1a5c-4a4d-b14e-9ae8d3b2f1ab", "Idempotency-Key": "f5e57165-bb4d-43ba-b4bd-c4aec3b9d5b7",
	}, body}
}

// signedGitLabHook has a signing token, and no other.
func signedGitLabHook(t testing.TB, event, body string, age time.Duration) hook {
	h := gitLabHook(event, body)
	delete(h.header, "X-Gitlab-Token")
	id, stamp := h.header["Idempotency-Key"], strconv.FormatInt(time.Now().Add(-age).Unix(), 10)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signing, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	h.header["webhook-id"], h.header["webhook-timestamp"] = id, stamp
	h.header["webhook-signature"] = "v1," + base64.StdEncoding.EncodeToString(sign(t, string(key), id+"."+stamp+"."+body))
	return h
}

// with changes a header, or takes it away if value is "".
func (h hook) with(name, value string) hook {
	changed := make(map[string]string)
	for k, v := range h.header {
		changed[k] = v
	}
	if changed[name] = value; value == "" {
		delete(changed, name)
	}
	return hook{changed, h.body}
}

// saying changes the body, but not what was signed.
func (h hook) saying(body string) hook { return hook{h.header, body} }

// form sends what was signed, or a form that holds it.
func (h hook) form() hook {
	h = h.with("Content-Type", "application/x-www-form-urlencoded")
	h.body = url.Values{"payload": {h.body}}.Encode()
	return h
}

// signedForm is how GitHub signs a form: the whole of it.
func signedForm(t testing.TB, h hook) hook {
	h = h.form()
	return h.with("X-Hub-Signature-256", "sha256="+hex.EncodeToString(sign(t, secret, h.body)))
}

// post sends a hook over a real connection, with its headers spelled as they are.
func post(t testing.TB, url string, h hook) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(h.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range h.header {
		req.Header[name] = []string{value}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// A taker notes what was pushed.
type taker struct {
	mu  sync.Mutex
	got []push.Push
	err error
}

func (k *taker) do(_ context.Context, p push.Push) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got = append(k.got, p)
	return k.err
}

func secretsOf(all ...string) (secrets [][]byte) {
	for _, s := range all {
		secrets = append(secrets, []byte(s))
	}
	return secrets
}

var (
	atGitHub = []string{"github.com/Acme/mono"}
	atGitea  = []string{"git.acme.dev/acme/mono"}
	atGitLab = []string{"gitlab.com/acme/libs/mono"}
)

// TestPush has what each host sends for tags and branches that come, move and go.
func TestPush(t *testing.T) {
	k := new(taker)
	server := httptest.NewServer(push.Handler(secretsOf(another, secret, signing), k.do))
	defer server.Close()
	pushed := func(ref, after, rest string) string {
		return fmt.Sprintf(`{"ref": %q, "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "after": %q, "created": false, "deleted": %t, "forced": false, "commits": [], %s}`,
			ref, after, after == nothing, rest)
	}
	const hash = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
	gitea := func(ref, after string) string {
		return strings.Replace(pushed(ref, after, giteaRepository), `"deleted"`, `"total"`, 1)
	}
	gitLab := func(kind, ref, after string) string {
		return fmt.Sprintf(`{"object_kind": %q, "event_name": %q, "before": %q, "after": %q, "ref": %q, "checkout_sha": null, "user_id": 1, %s, "commits": [], "total_commits_count": 0}`,
			kind, kind, hash, after, ref, gitLabProject)
	}
	tag := func(at []string, name string) []push.Push { return []push.Push{{Repositories: at, Tag: name}} }
	branch := func(at []string, name string) []push.Push { return []push.Push{{Repositories: at, Branch: name}} }
	noTag := func(at []string, name string) []push.Push {
		return []push.Push{{Repositories: at, Tag: name, Deleted: true}}
	}
	created := `{"ref": "tool-1.0.0", "ref_type": "tag", "master_branch": "main", "description": null, "pusher_type": "user", `
	for name, tt := range map[string]struct {
		hook hook
		want []push.Push
	}{
		"GitHub tag":                 {gitHubHook(t, "push", pushed("refs/tags/libs/tool/v1.0.0", hash, gitHubRepository)), tag(atGitHub, "libs/tool/v1.0.0")},
		"GitHub branch":              {gitHubHook(t, "push", pushed("refs/heads/feature/x", hash, gitHubRepository)), branch(atGitHub, "feature/x")},
		"GitHub tag gone":            {gitHubHook(t, "push", pushed("refs/tags/v1.0.0", nothing, gitHubRepository)), noTag(atGitHub, "v1.0.0")},
		"GitHub create":              {gitHubHook(t, "create", created+gitHubRepository+"}"), tag(atGitHub, "tool-1.0.0")},
		"GitHub create branch":       {gitHubHook(t, "create", strings.Replace(created, `"tag"`, `"branch"`, 1)+gitHubRepository+"}"), branch(atGitHub, "tool-1.0.0")},
		"GitHub create repository":   {gitHubHook(t, "create", `{"ref": null, "ref_type": "repository", `+gitHubRepository+"}"), nil},
		"GitHub delete":              {gitHubHook(t, "delete", created+gitHubRepository+"}"), noTag(atGitHub, "tool-1.0.0")},
		"GitHub form":                {signedForm(t, gitHubHook(t, "push", pushed("refs/tags/v1.0.0", hash, gitHubRepository))), tag(atGitHub, "v1.0.0")},
		"GitHub ping":                {gitHubHook(t, "ping", `{"zen": "Keep it logically awesome.", "hook_id": 1}`), nil},
		"GitHub issues":              {gitHubHook(t, "issues", `{"action": "opened"}`), nil},
		"GitHub notes":               {gitHubHook(t, "push", pushed("refs/notes/commits", hash, gitHubRepository)), nil},
		"Gitea tag":                  {giteaHook(t, "push", gitea("refs/tags/v1.0.0", hash), false), tag(atGitea, "v1.0.0")},
		"Gitea branch gone":          {giteaHook(t, "push", gitea("refs/heads/old", nothing), false), []push.Push{{Repositories: atGitea, Branch: "old", Deleted: true}}},
		"Gitea create":               {giteaHook(t, "create", `{"sha": "`+hash+`", "ref": "v1.0.0", "ref_type": "tag", `+giteaRepository+"}", false), tag(atGitea, "v1.0.0")},
		"Gitea create, whole ref":    {giteaHook(t, "create", `{"sha": "`+hash+`", "ref": "refs/tags/v1.0.0", "ref_type": "tag", `+giteaRepository+"}", false), tag(atGitea, "v1.0.0")},
		"Gitea delete":               {giteaHook(t, "delete", `{"ref": "v1.0.0", "ref_type": "tag", "pusher_type": "user", `+giteaRepository+"}", false), noTag(atGitea, "v1.0.0")},
		"Gitea form":                 {giteaHook(t, "push", gitea("refs/tags/v1.0.0", hash), false).form(), tag(atGitea, "v1.0.0")},
		"Forgejo tag":                {giteaHook(t, "push", gitea("refs/tags/v1.0.0", hash), true), tag(atGitea, "v1.0.0")},
		"Forgejo release":            {giteaHook(t, "release", `{"action": "published"}`, true), nil},
		"Forgejo counts, not Gitea":  {giteaHook(t, "push", gitea("refs/tags/v1.0.0", hash), true).with("X-Gitea-Signature", "00").with("X-Hub-Signature-256", "00"), tag(atGitea, "v1.0.0")},
		"GitLab branch":              {gitLabHook("Push Hook", gitLab("push", "refs/heads/main", hash)), branch(atGitLab, "main")},
		"GitLab tag":                 {gitLabHook("Tag Push Hook", gitLab("tag_push", "refs/tags/v1.0.0", hash)), tag(atGitLab, "v1.0.0")},
		"GitLab tag gone":            {gitLabHook("Tag Push Hook", gitLab("tag_push", "refs/tags/v1.0.0", nothing)), noTag(atGitLab, "v1.0.0")},
		"GitLab system hook":         {gitLabHook("System Hook", gitLab("tag_push", "refs/tags/v1.0.0", hash)), tag(atGitLab, "v1.0.0")},
		"GitLab without event_name":  {gitLabHook("Push Hook", strings.Replace(gitLab("push", "refs/heads/main", hash), `"event_name"`, `"x"`, 1)), branch(atGitLab, "main")},
		"GitLab update of one ref":   {gitLabHook("System Hook", `{"event_name": "repository_update", "refs": ["refs/heads/main"], `+gitLabProject+"}"), branch(atGitLab, "main")},
		"GitLab update of some refs": {gitLabHook("System Hook", `{"event_name": "repository_update", "refs": ["refs/heads/a", "refs/heads/b"], `+gitLabProject+"}"), []push.Push{{Repositories: atGitLab}}},
		"GitLab project":             {gitLabHook("System Hook", `{"event_name": "project_create", "path_with_namespace": "acme/x"}`), nil},
		"GitLab merge request":       {gitLabHook("Merge Request Hook", `{"object_kind": "merge_request"}`), nil},
		"GitLab signed":              {signedGitLabHook(t, "Tag Push Hook", gitLab("tag_push", "refs/tags/v1.0.0", hash), time.Minute), tag(atGitLab, "v1.0.0")},
		"GitLab signed and token":    {signedGitLabHook(t, "Tag Push Hook", gitLab("tag_push", "refs/tags/v1.0.0", hash), 0).with("X-Gitlab-Token", secret), tag(atGitLab, "v1.0.0")},
	} {
		t.Run(name, func(t *testing.T) {
			k.got = nil
			resp := post(t, server.URL, tt.hook)
			status := http.StatusAccepted
			if tt.want == nil {
				status = http.StatusNoContent
			}
			if diff := cmp.Diff(tt.want, k.got); diff != "" || resp.StatusCode != status {
				t.Errorf("status %d, want %d; pushes (-want +got):\n%s", resp.StatusCode, status, diff)
			}
		})
	}
}

// TestRefused has what must set off nothing.
func TestRefused(t *testing.T) {
	k := new(taker)
	server := httptest.NewServer(push.Handler(secretsOf(another, secret, signing), k.do))
	defer server.Close()
	body := `{"ref": "refs/tags/v1.0.0", "after": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", ` + gitHubRepository + "}"
	gitHub, gitea, forgejo := gitHubHook(t, "push", body), giteaHook(t, "push", body, false), giteaHook(t, "push", body, true)
	gitLabBody := `{"object_kind": "tag_push", "event_name": "tag_push", "ref": "refs/tags/v1.0.0", ` + gitLabProject + "}"
	gitLab, signed := gitLabHook("Tag Push Hook", gitLabBody), signedGitLabHook(t, "Tag Push Hook", gitLabBody, 0)
	other := "sha256=" + hex.EncodeToString(sign(t, "another secret", body))
	for name, tt := range map[string]struct {
		hook   hook
		status int
	}{
		"GitHub without a signature":          {gitHub.with("X-Hub-Signature-256", ""), 401},
		"GitHub with SHA-1 alone":             {gitHub.with("X-Hub-Signature-256", "").with("X-Hub-Signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"), 401},
		"GitHub by another secret":            {gitHub.with("X-Hub-Signature-256", other), 401},
		"GitHub with a prefix of it":          {gitHub.with("X-Hub-Signature-256", gitHub.header["X-Hub-Signature-256"][:20]), 401},
		"GitHub without the algorithm":        {gitHub.with("X-Hub-Signature-256", strings.TrimPrefix(gitHub.header["X-Hub-Signature-256"], "sha256=")), 401},
		"GitHub, no digits":                   {gitHub.with("X-Hub-Signature-256", "sha256=zz"), 401},
		"GitHub, another body":                {gitHub.saying(strings.Replace(body, "v1.0.0", "v1.0.1", 1)), 401},
		"GitHub, more body":                   {gitHub.saying(body + "\n"), 401},
		"GitHub, form signed as JSON":         {gitHub.form(), 401},
		"GitHub, ping without a signature":    {gitHubHook(t, "ping", "{}").with("X-Hub-Signature-256", ""), 401},
		"Gitea without a signature":           {gitea.with("X-Gitea-Signature", ""), 401},
		"Gitea by another secret":             {gitea.with("X-Gitea-Signature", strings.TrimPrefix(other, "sha256=")), 401},
		"Forgejo without its own signature":   {forgejo.with("X-Forgejo-Signature", ""), 401},
		"GitLab without a token":              {gitLab.with("X-Gitlab-Token", ""), 401},
		"GitLab with another token":           {gitLab.with("X-Gitlab-Token", "It's a Secret"), 401},
		"GitLab with the signing token":       {gitLab.with("X-Gitlab-Token", "0123456789abcdefghijklmn"), 401},
		"GitLab signed long ago":              {signedGitLabHook(t, "Tag Push Hook", gitLabBody, 6*time.Minute), 401},
		"GitLab signed in the future":         {signedGitLabHook(t, "Tag Push Hook", gitLabBody, -6*time.Minute), 401},
		"GitLab, another time":                {signed.with("webhook-timestamp", strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10)), 401},
		"GitLab, no time":                     {signed.with("webhook-timestamp", ""), 401},
		"GitLab, another id":                  {signed.with("webhook-id", "x"), 401},
		"GitLab, no id":                       {signed.with("webhook-id", ""), 401},
		"GitLab, another version":             {signed.with("webhook-signature", strings.Replace(signed.header["webhook-signature"], "v1,", "v2,", 1)), 401},
		"GitLab, another body":                {signed.saying(gitLabBody + " "), 401},
		"GitLab, bad signature, good token":   {signed.with("webhook-signature", "v1,AAAA").with("X-Gitlab-Token", secret), 401},
		"Bitbucket":                           {hook{map[string]string{"X-Event-Key": "repo:push", "X-Hub-Signature": other}, body}, 400},
		"nobody":                              {hook{nil, body}, 400},
		"GitHub, no JSON":                     {gitHubHook(t, "push", body[1:]), 400},
		"GitHub, JSON of another shape":       {gitHubHook(t, "push", `{"ref": 7, `+gitHubRepository+"}"), 400},
		"GitHub, no object":                   {gitHubHook(t, "push", "null"), 400},
		"GitHub, deep":                        {gitHubHook(t, "push", strings.Repeat("[", 20000)), 400},
		"GitHub, no UTF-8":                    {gitHubHook(t, "push", strings.Replace(body, "v1.0.0", "v1.0.0\xff", 1)), 400},
		"GitHub, empty":                       {gitHubHook(t, "push", ""), 400},
		"GitHub, no ref":                      {gitHubHook(t, "push", "{"+gitHubRepository+"}"), 400},
		"GitHub, a ref with a control":        {gitHubHook(t, "push", strings.Replace(body, "v1.0.0", `v1\u001b[31m`, 1)), 400},
		"GitHub, a long ref":                  {gitHubHook(t, "push", strings.Replace(body, "v1.0.0", strings.Repeat("v", 5000), 1)), 400},
		"GitHub, no repository":               {gitHubHook(t, "push", `{"ref": "refs/tags/v1"}`), 400},
		"GitHub, no repository of this world": {gitHubHook(t, "push", `{"ref": "refs/tags/v1", "repository": {"html_url": "https://github.com/../..", "clone_url": "file:///etc/passwd", "ssh_url": "x"}}`), 400},
		"GitHub, form without payload":        {signedForm(t, gitHub).with("Content-Type", "application/x-www-form-urlencoded; charset=utf-8").resign(t, "a=b"), 400},
		"Gitea, form without payload":         {gitea.form().saying("a=b"), 401},
		"GitLab update without repository":    {gitLabHook("System Hook", `{"event_name": "repository_update", "refs": []}`), 400},
	} {
		t.Run(name, func(t *testing.T) {
			resp := post(t, server.URL, tt.hook)
			var text bytes.Buffer
			text.ReadFrom(resp.Body)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, tt.status, &text)
			}
			if tt.status == 401 && text.String() != "no signature, or none by a secret that is known here\n" {
				t.Errorf("says why: %s", &text)
			}
			if strings.Contains(text.String(), "v1") {
				t.Errorf("repeats what came: %s", &text)
			}
		})
	}
	if k.got != nil {
		t.Errorf("pushes: %+v", k.got)
	}
}

// resign is another body with a good signature of GitHub's.
func (h hook) resign(t testing.TB, body string) hook {
	return h.saying(body).with("X-Hub-Signature-256", "sha256="+hex.EncodeToString(sign(t, secret, body)))
}

// TestSignatureOfGitHub is the example of GitHub's documentation: what it signs is no event, which only who has found the
// signature to be good can say.
func TestSignatureOfGitHub(t *testing.T) {
	server := httptest.NewServer(push.Handler(secretsOf(secret), new(taker).do))
	defer server.Close()
	resp := post(t, server.URL, hook{map[string]string{
		"X-GitHub-Event": "push", "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
	}, "Hello, World!"})
	if resp.StatusCode != 400 {
		t.Errorf("status %d, want 400", resp.StatusCode)
	}
}

func TestSize(t *testing.T) {
	k := new(taker)
	server := httptest.NewServer(push.Handler(secretsOf(secret), k.do))
	defer server.Close()
	full := fmt.Sprintf(`{"ref": "refs/heads/main", %s, "x": "`, gitHubRepository)
	full += strings.Repeat("x", 25<<20-len(full)-2) + `"}`
	if resp := post(t, server.URL, gitHubHook(t, "push", full)); resp.StatusCode != 202 {
		t.Errorf("25 MiB: status %d", resp.StatusCode)
	}
	if resp := post(t, server.URL, gitHubHook(t, "push", full+" ")); resp.StatusCode != 413 {
		t.Errorf("25 MiB and a byte: status %d", resp.StatusCode)
	}
	// Without a length, it is found out while it comes.
	req := httptest.NewRequest("POST", "/", strings.NewReader(full+" "))
	req.ContentLength = -1
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	rec := httptest.NewRecorder()
	push.Handler(secretsOf(secret), k.do).ServeHTTP(rec, req)
	if rec.Code != 413 {
		t.Errorf("25 MiB and a byte without a length: status %d", rec.Code)
	}
	if len(k.got) != 1 {
		t.Errorf("%d pushes", len(k.got))
	}
}

func TestMethod(t *testing.T) {
	h := push.Handler(secretsOf(secret), new(taker).do)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(method, "/", nil))
		if rec.Code != 405 || rec.Header().Get("Allow") != "POST" {
			t.Errorf("%s: status %d, Allow %q", method, rec.Code, rec.Header().Get("Allow"))
		}
	}
}

// A host that is told to come again does, and must not be told why.
func TestBusy(t *testing.T) {
	k := &taker{err: errors.New("the disk of /srv is full")}
	server := httptest.NewServer(push.Handler(secretsOf(secret), k.do))
	defer server.Close()
	resp := post(t, server.URL, gitHubHook(t, "push", `{"ref": "refs/heads/main", `+gitHubRepository+"}"))
	var text bytes.Buffer
	text.ReadFrom(resp.Body)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || strings.Contains(text.String(), "disk") {
		t.Errorf("status %d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), &text)
	}
}

// A hook that stops in the middle sets off nothing.
func TestCut(t *testing.T) {
	k := new(taker)
	h := push.Handler(secretsOf(secret), k.do)
	full := gitHubHook(t, "push", `{"ref": "refs/heads/main", `+gitHubRepository+"}")
	req := httptest.NewRequest("POST", "/", &cutReader{strings.NewReader(full.body[:30])})
	for name, value := range full.header {
		req.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != 400 || k.got != nil {
		t.Errorf("status %d, %+v", rec.Code, k.got)
	}
}

type cutReader struct{ *strings.Reader }

func (r *cutReader) Read(p []byte) (int, error) {
	if r.Len() == 0 {
		return 0, errors.New("connection reset")
	}
	return r.Reader.Read(p)
}

// TestCrowd has many hooks at the same time, more than there may be bodies in memory.
func TestCrowd(t *testing.T) {
	k := new(taker)
	server := httptest.NewServer(push.Handler(secretsOf(another, secret), k.do))
	defer server.Close()
	h := gitHubHook(t, "push", `{"ref": "refs/tags/v1.0.0", `+gitHubRepository+"}")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if resp := post(t, server.URL, h); resp.StatusCode != 202 {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	if len(k.got) != 50 {
		t.Errorf("%d pushes", len(k.got))
	}
}

func TestPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"no secret":    func() { push.Handler(nil, new(taker).do) },
		"empty secret": func() { push.Handler(secretsOf(secret, ""), new(taker).do) },
		"no do":        func() { push.Handler(secretsOf(secret), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				if !ok || !strings.HasPrefix(err.Error(), "push: Handler: ") || strings.Contains(err.Error(), secret) {
					t.Errorf("panic: %v", err)
				}
			}()
			f()
		})
	}
}

func TestName(t *testing.T) {
	for raw, want := range map[string]string{
		"https://github.com/Acme/mono":                    "github.com/Acme/mono",
		"https://GitHub.com/Acme/mono.git":                "github.com/Acme/mono",
		"https://user:password@github.com/acme/mono.git/": "github.com/acme/mono",
		"http://git.acme.dev:3000/acme/mono":              "git.acme.dev/acme/mono",
		"ssh://git@git.acme.dev:2222/acme/mono.git":       "git.acme.dev/acme/mono",
		"git@gitlab.com:acme/libs/mono.git":               "gitlab.com/acme/libs/mono",
		"git@gitlab.com:/acme/mono.git":                   "gitlab.com/acme/mono",
		"git://github.com/acme/mono.git?x#y":              "github.com/acme/mono",
		"https://[::1]:3000/acme/mono":                    "::1/acme/mono",
		"https://git.acme.dev/acme/j%C3%BCrg":             "git.acme.dev/acme/jürg",
		"https://github.com":                              "",
		"https://github.com/":                             "",
		"https://github.com/..":                           "",
		"https://github.com/a/../b":                       "",
		"https://github.com/a//b":                         "",
		"https://github.com/a%0ab":                        "",
		"https://github.com/a%20b":                        "",
		"https:///acme/mono":                              "",
		"file:///srv/git/mono":                            "",
		"/srv/git/mono":                                   "",
		`C:\git\mono`:                                     "",
		"":                                                "",
		":":                                               "",
		"a b:c":                                           "",
		"https://git.acme.dev/\u202egro":                  "",
		"https://github.com/" + string([]byte{0xff, 'a'}): "",
		"javascript://github.com/acme/mono":               "",
		"https://github.com/acme/%zz":                     "",
	} {
		if got, ok := push.Name(raw); got != want || ok != (want != "") {
			t.Errorf("Name(%q) = %q, %t; want %q", raw, got, ok, want)
		}
	}
}
