package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/vanity/internal/git"
)

const (
	heads = "refs/heads/"
	tags  = "refs/tags/"
)

// A state is what a repository's branches and tags point at.
type state struct {
	head string            // the branch that HEAD is, or empty
	refs map[string]string // hashes by full names
}

// digest is the same for the same state alone.
func (s state) digest() string {
	h := sha256.New()
	fmt.Fprintln(h, s.head)
	for _, name := range slices.Sorted(maps.Keys(s.refs)) {
		fmt.Fprintln(h, s.refs[name], name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// format is the kind of the hashes, as git has it.
func (s state) format() string {
	for _, hash := range s.refs {
		if len(hash) == 64 {
			return "sha256"
		}
		break
	}
	return "sha1"
}

// list asks the host for the branches, the tags and HEAD.
func (m *Mirrors) list(ctx context.Context, r *repository) (state, error) {
	refs, err := r.upstream.Refs(ctx, "HEAD", heads, tags)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return state{}, err
	}
	s := state{refs: make(map[string]string, len(refs))}
	var head git.Ref
	for _, ref := range refs {
		if isRefName(ref.Name) {
			s.refs[ref.Name] = ref.Hash.String()
		} else if ref.Name == "HEAD" {
			head = ref
		}
	}
	s.head = s.headBranch(head)
	return s, nil
}

// headBranch is the branch that HEAD is. A host that doesn't say has it on a branch of the same commit, as git assumes.
func (s state) headBranch(head git.Ref) string {
	if strings.HasPrefix(head.Target, heads) && isRefName(head.Target) {
		return head.Target
	}
	if head.Hash.IsZero() {
		return ""
	}
	candidates := append([]string{heads + "main", heads + "master"}, slices.Sorted(maps.Keys(s.refs))...)
	for _, name := range candidates {
		if strings.HasPrefix(name, heads) && s.refs[name] == head.Hash.String() {
			return name
		}
	}
	return ""
}

// local reads the state of a mirror.
func (m *Mirrors) local(ctx context.Context, dir string) (state, error) {
	refs, err := m.refs(ctx, dir, heads, tags)
	if err != nil {
		return state{}, err
	}
	s := state{refs: refs}
	data, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		return state{}, err
	}
	if name, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "ref: "); ok {
		s.head = name
	}
	return s, nil
}

// refs gives the hashes of refs below some prefixes, by their full names.
func (m *Mirrors) refs(ctx context.Context, dir string, prefixes ...string) (map[string]string, error) {
	out, err := m.output(ctx, task{dir: dir}, append([]string{"for-each-ref", "--format=%(objectname) %(refname)"}, prefixes...)...)
	if err != nil {
		return nil, err
	}
	refs := make(map[string]string)
	for line := range strings.Lines(out) {
		hash, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		refs[name] = hash
	}
	return refs, nil
}

// anchor is a ref that must still be there when the host is asked for all: one that has none suddenly must not have the mirror
// emptied.
func (s state) anchor() string {
	if _, ok := s.refs[s.head]; ok {
		return s.head
	}
	for _, name := range slices.Sorted(maps.Keys(s.refs)) {
		return name
	}
	return ""
}
