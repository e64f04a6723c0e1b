package push

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A host is a kind of git host: how it signs, and what it says. Its headers are read no further than to tell which it is,
// before its signature is found to be good.
type host struct {
	event  string                                              // the header that names an event
	early  func(ks keys, h http.Header) bool                   // whether there may be a good signature, by the headers alone
	signed func(ks keys, h http.Header, body []byte) bool      // whether there is one
	parse  func(h http.Header, body []byte) (p *Push, e error) // what was pushed; nil: nothing
}

// hosts are in the order in which they are looked for: Forgejo sends Gitea's headers too, and both send GitHub's.
var hosts = []*host{
	{event: "X-Forgejo-Event", early: mayBeHex("X-Forgejo-Signature", ""), signed: signedByGitea("X-Forgejo-Signature"), parse: parseGitHub("X-Forgejo-Event")},
	{event: "X-Gitea-Event", early: mayBeHex("X-Gitea-Signature", ""), signed: signedByGitea("X-Gitea-Signature"), parse: parseGitHub("X-Gitea-Event")},
	{event: "X-Gitlab-Event", early: mayBeGitLab, signed: signedByGitLab, parse: parseGitLab},
	{event: "X-GitHub-Event", early: mayBeHex("X-Hub-Signature-256", "sha256="), signed: signedByGitHub, parse: parseGitHub("X-GitHub-Event")},
}

func hostOf(h http.Header) *host {
	for _, host := range hosts {
		if h.Get(host.event) != "" {
			return host
		}
	}
	return nil
}

func signedByGitHub(ks keys, h http.Header, body []byte) bool {
	return signedHex(ks, h.Get("X-Hub-Signature-256"), "sha256=", body)
}

// signedByGitea is of Gitea and Forgejo. They sign the JSON, even if they send it as a form.
func signedByGitea(header string) func(ks keys, h http.Header, body []byte) bool {
	return func(ks keys, h http.Header, body []byte) bool {
		data, err := payload(h, body)
		return err == nil && signedHex(ks, h.Get(header), "", data)
	}
}

// mayBeHex spares the reading of what has nothing that could be a signature.
func mayBeHex(header, prefix string) func(keys, http.Header) bool {
	return func(_ keys, h http.Header) bool { return hexSignature(h.Get(header), prefix) != nil }
}

// mayBeGitLab spares the reading of what has no token, or another one, or was signed at another time.
func mayBeGitLab(ks keys, h http.Header) bool {
	if h.Get("webhook-signature") != "" {
		return len(standardSignatures(h, time.Now())) > 0
	}
	return hasToken(ks, h)
}

// signedByGitLab takes the signature where there is one: the token, which may be sent besides, proves less.
func signedByGitLab(ks keys, h http.Header, body []byte) bool {
	if h.Get("webhook-signature") != "" {
		return signedStandard(ks, h, body, time.Now())
	}
	return hasToken(ks, h)
}

// gitHub is what is read of the events push, create and delete of GitHub, Gitea and Forgejo.
type gitHub struct {
	Ref        string `json:"ref"`
	RefType    string `json:"ref_type"` // of create and delete: branch or tag
	Deleted    bool   `json:"deleted"`  // of push, at GitHub
	After      string `json:"after"`
	Repository struct {
		HTML  string `json:"html_url"`
		Clone string `json:"clone_url"`
		SSH   string `json:"ssh_url"`
		Git   string `json:"git_url"`
	} `json:"repository"`
}

func parseGitHub(header string) func(h http.Header, body []byte) (*Push, error) {
	return func(h http.Header, body []byte) (*Push, error) {
		event := h.Get(header)
		if event != "push" && event != "create" && event != "delete" {
			return nil, nil
		}
		data, err := payload(h, body)
		if err != nil {
			return nil, err
		}
		var e gitHub
		if err := decode(data, &e); err != nil {
			return nil, err
		}
		p := &Push{Deleted: event == "delete" || event == "push" && (e.Deleted || isNothing(e.After))}
		p.add(e.Repository.Clone, e.Repository.HTML, e.Repository.SSH, e.Repository.Git)
		ref := e.Ref
		if event != "push" && !strings.HasPrefix(ref, "refs/") {
			switch e.RefType {
			case "tag":
				ref = tags + ref
			case "branch":
				ref = heads + ref
			default:
				return nil, nil // GitHub tells of a new repository so
			}
		}
		return p.of(ref)
	}
}

// gitLab is what is read of GitLab's push hooks, tag push hooks and system hooks.
type gitLab struct {
	Event   string   `json:"event_name"`
	Kind    string   `json:"object_kind"` // the same as Event, but of some only
	Ref     string   `json:"ref"`
	Refs    []string `json:"refs"` // of repository_update
	After   string   `json:"after"`
	Project struct {
		Web  string `json:"web_url"`
		HTTP string `json:"git_http_url"`
		SSH  string `json:"git_ssh_url"`
	} `json:"project"`
	Repository struct {
		Home string `json:"homepage"`
		HTTP string `json:"git_http_url"`
		SSH  string `json:"git_ssh_url"`
	} `json:"repository"`
}

func parseGitLab(h http.Header, body []byte) (*Push, error) {
	switch h.Get("X-Gitlab-Event") {
	case "Push Hook", "Tag Push Hook", "System Hook":
	default:
		return nil, nil
	}
	var e gitLab
	if err := decode(body, &e); err != nil {
		return nil, err
	}
	p := &Push{Deleted: isNothing(e.After)}
	p.add(e.Project.HTTP, e.Project.Web, e.Project.SSH, e.Repository.HTTP, e.Repository.Home, e.Repository.SSH)
	event := e.Event
	if event == "" {
		event = e.Kind
	}
	switch {
	case event == "push", event == "tag_push":
		return p.of(e.Ref)
	case event == "repository_update" && len(e.Refs) == 1:
		return p.of(e.Refs[0])
	case event == "repository_update" && len(p.Repositories) > 0:
		return p, nil
	case event == "repository_update":
		return nil, errNoRepository
	}
	return nil, nil
}

var errNoRepository = errors.New("the event names no repository that could be known")

func decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("the payload is no UTF-8")
	}
	if json.Unmarshal(data, v) != nil { // whose text may have something of the payload
		return errors.New("the payload is no JSON of such an event")
	}
	return nil
}

const (
	heads  = "refs/heads/"
	tags   = "refs/tags/"
	maxRef = 4096 // bytes
)

// of completes p for a ref; nil if that is neither a branch nor a tag.
func (p *Push) of(ref string) (*Push, error) {
	if ref == "" || len(ref) > maxRef || strings.ContainsFunc(ref, unicode.IsControl) {
		return nil, errors.New("the event names no ref that could be one")
	}
	if len(p.Repositories) == 0 {
		return nil, errNoRepository
	}
	var isTag, isBranch bool
	if p.Tag, isTag = strings.CutPrefix(ref, tags); !isTag {
		p.Tag = ""
	}
	if p.Branch, isBranch = strings.CutPrefix(ref, heads); !isBranch {
		p.Branch = ""
	}
	if p.Tag == "" && p.Branch == "" {
		return nil, nil
	}
	return p, nil
}

// isNothing reports whether a hash is the one of no object, of which hosts tell when a ref is gone.
func isNothing(hash string) bool { return hash != "" && strings.Trim(hash, "0") == "" }
