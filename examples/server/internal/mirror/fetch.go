package mirror

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// errEmptied is for the owner to decide: a host that has lost a repository looks the same.
var errEmptied = errors.New("the host lists no branches and tags any more: the mirror keeps what it has; if that is right, remove the mirror, from the shelf too")

// fetch brings branches, tags and HEAD to what the host has now. upstream is what it had a moment ago.
func (m *Mirrors) fetch(ctx context.Context, r *repository, dir string, upstream state) error {
	old, err := m.local(ctx, dir)
	switch {
	case err != nil:
		return err
	case len(upstream.refs) == 0 && len(old.refs) > 0:
		return errEmptied
	case len(upstream.refs) == 0:
		return m.setHead(ctx, dir, upstream.head)
	}
	// A new default branch comes first, so that HEAD is a branch all the time.
	if _, known := old.refs[upstream.head]; !known && upstream.head != "" && upstream.head != old.head && len(old.refs) > 0 {
		err := m.fetchRefs(ctx, r, dir, "+"+upstream.head+":"+upstream.head)
		if err != nil && !isConflict(err) {
			return err
		}
		if err == nil {
			if err := m.setHead(ctx, dir, upstream.head); err != nil {
				return err
			}
		}
	}
	refspecs := []string{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}
	if anchor := upstream.anchor(); anchor != "" {
		refspecs = append(refspecs, "+"+anchor+":"+anchor)
	}
	err = m.fetchRefs(ctx, r, dir, append([]string{"--atomic", "--prune"}, refspecs...)...)
	if isConflict(err) { // a branch "a" was replaced by one "a/b", or the other way round, which git can't do in one step
		err = m.fetchRefs(ctx, r, dir, append([]string{"--prune"}, refspecs...)...)
	}
	if err != nil {
		return err
	}
	return m.setHead(ctx, dir, upstream.head)
}

// isConflict reports whether a fetch failed because the name of one ref is a directory of another's.
func isConflict(err error) bool {
	return says(err, "cannot create 'refs/", "; cannot create", "cannot lock ref", "directory file conflict", "cannot process 'refs/")
}

// fetchRefs runs git fetch, also for a repository that its host knows by a name with ".git" alone.
func (m *Mirrors) fetchRefs(ctx context.Context, r *repository, dir string, args ...string) error {
	var options, refspecs []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "--") {
			options = append(options, arg)
		} else {
			refspecs = append(refspecs, arg)
		}
	}
	t := task{dir: dir, writes: true, env: []string{"GIT_ALLOW_PROTOCOL=" + r.protocol()}}
	if err := m.login(ctx, r, &t); err != nil {
		return err
	}
	common := []string{"fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"}
	run := func(url string) error {
		return m.git(ctx, t, slices.Concat(common, options, []string{"--", url}, refspecs)...)
	}
	err := run(r.url)
	if r.scheme != "" && !strings.HasSuffix(r.url, ".git") && says(err, "not found", "error: 404") {
		if second := run(r.url + ".git"); !says(second, "not found", "error: 404") {
			return second
		}
	}
	return err
}

// protocol is what git may speak with a repository's host. From https no redirect leads to http.
func (r *repository) protocol() string {
	switch r.scheme {
	case "":
		return "file"
	case "http":
		return "http:https"
	}
	return r.scheme
}

// setHead makes a branch the default one, if there is such a branch, or nothing in the mirror.
func (m *Mirrors) setHead(ctx context.Context, dir, head string) error {
	own, err := m.local(ctx, dir)
	if err != nil || head == "" || own.head == head {
		return err
	}
	if _, ok := own.refs[head]; !ok && len(own.refs) > 0 {
		return nil
	}
	return m.git(ctx, task{dir: dir, writes: true}, "symbolic-ref", "HEAD", head)
}
