package push_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"example.com/vanity/examples/server/internal/push"
)

// FuzzHandler has what a host might send that knows the secret: every answer is one of those that are promised, and what
// gets through is fit for logs and comparisons.
func FuzzHandler(f *testing.F) {
	f.Add("X-GitHub-Event", "push", false, `{"ref": "refs/tags/v1.0.0", `+gitHubRepository+"}")
	f.Add("X-GitHub-Event", "create", true, `payload=%7B%22ref%22%3A%22v1%22%2C%22ref_type%22%3A%22tag%22%7D`)
	f.Add("X-Gitea-Event", "delete", false, `{"ref": "v1.0.0", "ref_type": "tag", `+giteaRepository+"}")
	f.Add("X-Gitlab-Event", "System Hook", false, `{"event_name": "repository_update", "refs": ["refs/heads/main"], `+gitLabProject+"}")
	f.Add("X-Gitlab-Event", "Push Hook", false, `{"object_kind": "push", "ref": "refs/heads/main", `+gitLabProject+"}")
	f.Fuzz(func(t *testing.T, header, event string, form bool, body string) {
		var got []push.Push
		h := push.Handler(secretsOf(secret), func(_ context.Context, p push.Push) error {
			got = append(got, p)
			return nil
		})
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		signature := hex.EncodeToString(mac.Sum(nil))
		req := httptest.NewRequest("POST", "/", strings.NewReader(body))
		req.Header.Set(header, event)
		req.Header.Set("X-Hub-Signature-256", "sha256="+signature)
		req.Header.Set("X-Gitea-Signature", signature)
		req.Header.Set("X-Gitlab-Token", secret)
		if form {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		switch rec.Code {
		case 202, 204, 400, 401:
		default:
			t.Errorf("status %d: %s", rec.Code, rec.Body)
		}
		if (rec.Code == 202) != (len(got) == 1) {
			t.Errorf("status %d with %d pushes", rec.Code, len(got))
		}
		for _, p := range got {
			if len(p.Repositories) == 0 || p.Tag != "" && p.Branch != "" {
				t.Errorf("%+v", p)
			}
			for _, s := range append(p.Repositories, p.Tag, p.Branch) {
				if strings.ContainsFunc(s, unicode.IsControl) {
					t.Errorf("a control character in %q", s)
				}
			}
		}
	})
}

// FuzzName has names that are paths of a host, whatever they were made of.
func FuzzName(f *testing.F) {
	for _, raw := range []string{"https://github.com/acme/mono.git", "git@github.com:acme/mono", "ssh://git@h:22/x.git/", "https://[::1]/a", "http://h/a%2fb"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, ok := push.Name(raw)
		if !ok {
			if name != "" {
				t.Errorf("%q comes to %q", raw, name)
			}
			return
		}
		host, path, _ := strings.Cut(name, "/")
		if host == "" || path == "" || strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
			t.Errorf("%q comes to %q", raw, name)
		}
		for elem := range strings.SplitSeq(name, "/") {
			if elem == "" || elem == "." || elem == ".." {
				t.Errorf("%q comes to %q", raw, name)
			}
		}
	})
}
