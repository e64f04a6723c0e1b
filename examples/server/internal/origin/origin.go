// Package origin looks into the repositories that modules come from, as the server does, but for its owner: who names a
// repository in his own configuration may be told what is in it, and why it can't be had.
package origin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity"
	"example.com/vanity/internal/check"
	"example.com/vanity/internal/form"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modrepo"
)

// A Reader reads repositories. It is safe for concurrent use.
type Reader struct{ client git.Client }

// New makes a Reader with the server's own means: what it reaches hosts with, nil being http.DefaultClient, and the credentials
// that it has for them, nil being none; see vanity.WithCredentials.
func New(client *http.Client, credentials func(ctx context.Context, u *url.URL) (user, password string, err error)) *Reader {
	return &Reader{client: git.Client{HTTP: client, Credentials: credentials}}
}

func (r *Reader) source(cfg vanity.Config) *modrepo.Source {
	prefix, suffix, _ := strings.Cut(cmp.Or(cfg.Tags, "v*"), "*")
	return &modrepo.Source{
		Repo:      r.client.Open(strings.TrimSuffix(cfg.URL, "/")),
		Directory: strings.TrimSuffix(cfg.Directory, "/"),
		TagPrefix: prefix, TagSuffix: suffix,
		Unsure: cfg.Tags == "" && cfg.Directory != "",
		Fresh:  time.Minute,
	}
}

// Majors gives the module paths of a prefix that have version tags: the prefix itself for v0 and v1, then prefix/v2 and so on.
// There may be none. It costs a listing of the tags. A prefix that is itself a major version's is all that there is.
func (r *Reader) Majors(ctx context.Context, cfg vanity.Config, prefix string) (paths []string, err error) {
	if _, major, ok := module.SplitPathVersion(prefix); !ok || major != "" {
		return []string{prefix}, nil
	}
	source := r.source(cfg)
	m, err := source.Module(prefix, false)
	if err != nil {
		return nil, err
	}
	list, err := m.List(ctx)
	var absent *modrepo.Error
	if errors.As(err, &absent) && !absent.Owner { // it begins at a later major version
		return r.later(ctx, source, prefix)
	}
	if err != nil {
		return nil, err
	}
	hasOwn := len(list.Versions) > 0 // +incompatible versions are no majors
	for _, major := range list.Majors {
		hasOwn = hasOwn && major != ""
		paths = append(paths, strings.TrimSuffix(prefix+"/"+major, "/"))
	}
	if hasOwn {
		paths = append([]string{prefix}, paths...)
	}
	return paths, nil
}

// later gives the module paths of the later major versions that have tags.
func (r *Reader) later(ctx context.Context, source *modrepo.Source, prefix string) (paths []string, err error) {
	refs, _, err := source.Refs(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.Name
	}
	var majors []string
	for _, t := range form.Sort(names, source.TagPrefix+"*"+source.TagSuffix, source.Directory).Versions {
		if major := semver.Major(t.Version); major != "v0" && major != "v1" {
			majors = append(majors, major)
		}
	}
	semver.Sort(majors)
	for _, major := range slices.Compact(majors) {
		paths = append(paths, prefix+"/"+major)
	}
	return paths, nil
}

// Reach says why a repository can't be reached; nil if it can.
func (r *Reader) Reach(ctx context.Context, cfg vanity.Config) error {
	_, err := r.source(cfg).Repo.Refs(ctx, "HEAD")
	return err
}

// Survey says what a repository has for a configuration: the versions by its pattern, other patterns, and what go.mod declares.
// It costs a listing of the tags and the reading of one commit.
func (r *Reader) Survey(ctx context.Context, cfg vanity.Config) (*form.Survey, error) {
	return form.Ask(ctx, r.source(cfg), cfg.Module)
}

// Directories gives the directories of a repository that have version tags by the go command's own rule, DIRECTORY/vX.Y.Z, in
// order; that of the root is "". Whether there is a module, the tags don't say.
func (r *Reader) Directories(ctx context.Context, cfg vanity.Config) (dirs []string, err error) {
	refs, err := r.client.Open(cfg.URL).Refs(ctx, tagsDir)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		dir, version := path.Split(strings.TrimPrefix(ref.Name, tagsDir))
		if version == module.CanonicalVersion(version) && version != "" && !module.IsPseudoVersion(version) {
			dirs = append(dirs, strings.TrimSuffix(dir, "/"))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

const tagsDir = "refs/tags/"

// Explain says in one line why a repository could not be read, and what to do about that in the server's file. It holds no
// credentials.
func Explain(err error, cfg vanity.Config) string {
	var host *git.Error
	if !errors.As(err, &host) {
		return err.Error()
	}
	at := check.Redact(cfg.URL)
	because := fmt.Sprint(host.Err)
	switch host.Kind {
	case git.NoRepository:
		if check.Local(cfg.URL) {
			return fmt.Sprintf("there is no repository at %s: correct its name", at)
		}
		return fmt.Sprintf("there is no repository at %s, or it is private: correct its URL, or let upstream.credentials have what may read it", at)
	case git.Denied:
		if strings.HasPrefix(cfg.URL, "http:") {
			return fmt.Sprintf("%s asks for credentials, which are sent over https alone: name it by an https URL, and its credentials in upstream.credentials", at)
		}
		return fmt.Sprintf("%s asks for credentials: name some that may read it in upstream.credentials, or in .netrc and set upstream.netrc to true", at)
	case git.Refused, git.Forbidden:
		return fmt.Sprintf("%s refuses the credentials that the server has for it: they have expired or may not read it; renew them in upstream.credentials or .netrc", at)
	case git.Limited:
		return fmt.Sprintf("%s limits the rate of requests: try again later (%s)", at, because)
	case git.Unavailable:
		return fmt.Sprintf("%s is out of service for now: try again later (%s)", at, because)
	case git.Timeout:
		return fmt.Sprintf("%s does not answer in time: try again later (%s)", at, because)
	case git.Unreachable:
		return fmt.Sprintf("%s can't be reached: correct its URL, or see to the network (%s)", at, because)
	case git.Missing:
		return fmt.Sprintf("%s lacks something that its branches or tags lead to (%s)", at, because)
	}
	return fmt.Sprintf("%s answers what no git server does: correct its URL (%s)", at, because)
}
