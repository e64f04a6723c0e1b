// Package push takes the webhooks by which git hosts say that something was pushed: those of GitHub, GitLab, Gitea and
// Forgejo. It also asks a module mirror for a version that is new: see [Announcer].
//
// A hook proves by the secret that its owner has given to the host who sent it. What has no good signature isn't read
// any further, and there is no way to do without.
package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// A Push is what a host says was pushed: one tag, one branch, or, with both empty, something that it doesn't say.
type Push struct {
	// Repositories are the names of the repository, as [Name] has them, that come to the URLs by which the host knows it.
	// There is at least one.
	Repositories []string

	Tag     string // the name of a tag, without refs/tags/; empty for a branch
	Branch  string // the name of a branch, without refs/heads/; empty for a tag
	Deleted bool   // the tag or the branch is gone; else it is new, or is elsewhere
}

const retry = "60" // seconds

// Handler answers the webhooks of GitHub, GitLab, Gitea and Forgejo, and calls do for each push that one of the secrets
// has signed. There may be more than one, so that they can be changed one by one. Do has to accept the work and return:
// its context is the request's, and ends with it. It must be safe for concurrent use, and hooks may come twice.
//
//	202  do has accepted the push
//	204  the event is none that says what was pushed, such as the ping of a new hook
//	400  it is from none of these hosts, makes no sense, or doesn't arrive in ten seconds; if large, at 1 MiB a second
//	401  it has no good signature
//	405  the method is not POST
//	413  it has more than 25 MiB
//	503  do has failed, or there are too many at the same time: the host, or its owner, may send it again
//
// What has no header that could be a signature isn't read. Of bodies there are 214 MiB in memory at most: 256 that have no more
// than 256 KiB, where a new one takes the place of the one that has been arriving for the longest time, and six that have more.
//
// GitHub, Gitea and Forgejo sign what they send (X-Hub-Signature-256, X-Gitea-Signature, X-Forgejo-Signature), GitLab
// does so if the hook has a signing token (webhook-signature), and else sends its secret along (X-Gitlab-Token), which
// needs TLS to stay one. A signing token is given as GitLab shows it, "whsec_" included; what it signs is good for
// five minutes.
//
// Nothing is logged here, and no answer says more of a failure than its kind. Handler panics if do is nil, or if there is
// no secret, or an empty one: whoever can reach such a handler could set off work.
func Handler(secrets [][]byte, do func(ctx context.Context, p Push) error) http.Handler {
	if do == nil {
		panic(errors.New("push: Handler: do is nil"))
	}
	keys, err := newKeys(secrets)
	if err != nil {
		panic(fmt.Errorf("push: Handler: %w", err))
	}
	return &handler{keys: keys, do: do, places: newPlaces()}
}

type handler struct {
	keys   keys
	do     func(context.Context, Push) error
	places *places
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	status, text := h.serve(w, r)
	switch status {
	case http.StatusNoContent:
		w.WriteHeader(status)
		return
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retry)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}

// serve does what a hook wants, and says how to answer it. Who is refused before his body is there isn't waited for.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) (status int, text string) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // or net/http reads the rest of the body before it answers, as it does then
	}
	deadline := readDeadline{http.NewResponseController(w)}
	deadline.in(pace)
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "webhooks come by POST"
	}
	host := hostOf(r.Header)
	if host == nil {
		return http.StatusBadRequest, "no webhook of GitHub, GitLab, Gitea or Forgejo: no header names the event"
	}
	if !host.early(h.keys, r.Header) { // there is no need to read it
		return unauthorized()
	}
	body, leave, refused := h.places.read(w, r, deadline)
	defer leave()
	if refused != nil {
		deadline.in(pace)
		return refused.status, refused.text
	}
	deadline.none()
	w.Header().Del("Connection")
	if !host.signed(h.keys, r.Header, body) {
		return unauthorized()
	}
	p, err := host.parse(r.Header, body)
	switch {
	case err != nil:
		return http.StatusBadRequest, err.Error()
	case p == nil:
		return http.StatusNoContent, ""
	}
	if err := h.do(r.Context(), *p); err != nil {
		return http.StatusServiceUnavailable, "the push can't be taken now: send it again"
	}
	return http.StatusAccepted, "accepted"
}

func unauthorized() (int, string) {
	return http.StatusUnauthorized, "no signature, or none by a secret that is known here"
}

// add adds the names that URLs come to, each once.
func (p *Push) add(urls ...string) {
	for _, raw := range urls {
		if name, ok := Name(raw); ok && !slices.Contains(p.Repositories, name) {
			p.Repositories = append(p.Repositories, name)
		}
	}
}
