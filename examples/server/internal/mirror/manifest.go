package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"example.com/vanity/internal/check"
)

// A manifest says what a mirror is made of on the shelf, in its file of the name manifest.json:
//
//	mirror/github.com/acme/mono/manifest.json
//	mirror/github.com/acme/mono/full-20260102T150405Z-HQ3XBS….bundle
//	mirror/github.com/acme/mono/more-20260102T160405Z-J5PDWL….bundle
//
// Bundles are put under names that nobody had before, and a manifest only after all that it names: whoever was last to write
// one, it is whole. What no manifest names any more is removed a day later, so that who has read an old one, to restore a
// mirror or to write the next one, finds what it names.
type manifest struct {
	Version    int               `json:"version"`
	Repository string            `json:"repository"`
	Saved      time.Time         `json:"saved"`
	Format     string            `json:"format"`         // of hashes: sha1, sha256
	Head       string            `json:"head,omitempty"` // the branch that HEAD is
	Refs       map[string]string `json:"refs"`           // hashes by full names
	Bundles    []bundle          `json:"bundles"`        // in the order of restoring, the first with all that it needs
	Retired    []retired         `json:"retired,omitempty"`
}

// A bundle is a file that git bundle has made.
type bundle struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// A retired bundle is one that is no part of the mirror any more, to be removed.
type retired struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

const (
	manifestVersion = 1
	manifestName    = "manifest.json"
	mostManifest    = 256 << 20
	keepRetired     = 24 * time.Hour
)

// A spoiltError says that what the shelf has can't be used, and is to be replaced.
type spoiltError struct{ err error }

func (e *spoiltError) Error() string { return e.err.Error() }
func (e *spoiltError) Unwrap() error { return e.err }

// shelfDir is what the names of a mirror's files begin with.
func (r *repository) shelfDir() string { return "mirror/" + shelfName(r.path) + "/" }

// manifest reads what the shelf has of a mirror, nil if that is nothing.
func (m *Mirrors) manifest(ctx context.Context, r *repository) (*manifest, error) {
	name := r.shelfDir() + manifestName
	f, err := m.options.Shelf.Get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostManifest+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	man := new(manifest)
	err = json.Unmarshal(data, man)
	if err == nil && man.Version > manifestVersion {
		return nil, fmt.Errorf("%s was written by a newer program: it is of version %d", name, man.Version)
	}
	if err == nil {
		err = man.check()
	}
	if err != nil {
		return nil, &spoiltError{fmt.Errorf("%s is broken: %w", name, err)}
	}
	return man, nil
}

var (
	bundleName = regexp.MustCompile(`^(full|more)-[0-9TZ]{1,30}-[a-z0-9]{1,60}\.bundle$`)
	hashForm   = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// check says what is wrong with a manifest: what it holds is given to git.
func (man *manifest) check() error {
	if man.Version != manifestVersion || len(man.Bundles) == 0 && len(man.Refs) > 0 || man.Format != "sha1" && man.Format != "sha256" {
		return errors.New("it isn't complete")
	}
	if man.Head != "" && !isRefName(man.Head) {
		return fmt.Errorf("%s is no branch", check.Quote(man.Head))
	}
	for name, hash := range man.Refs {
		if !isRefName(name) || !hashForm.MatchString(hash) {
			return fmt.Errorf("%s %s is no branch or tag", check.Quote(name), check.Quote(hash))
		}
	}
	for _, b := range man.Bundles {
		if !bundleName.MatchString(b.Name) || b.Size <= 0 {
			return fmt.Errorf("%s is no bundle", check.Quote(b.Name))
		}
	}
	for _, b := range man.Retired {
		if !bundleName.MatchString(b.Name) {
			return fmt.Errorf("%s is no bundle", check.Quote(b.Name))
		}
	}
	return nil
}

// isRefName reports whether a name can be a branch's or tag's, as far as it matters where it is one of many in a line.
func isRefName(name string) bool {
	return (strings.HasPrefix(name, heads) || strings.HasPrefix(name, tags)) &&
		!strings.ContainsAny(name, " ~^:?*[\\\x7f") && !strings.Contains(name, "..") && !strings.Contains(name, "@{") &&
		!strings.ContainsFunc(name, func(c rune) bool { return c < ' ' })
}

func (man *manifest) state() state { return state{head: man.Head, refs: man.Refs} }

// put writes a manifest.
func (m *Mirrors) put(ctx context.Context, r *repository, man *manifest) error {
	data, err := json.MarshalIndent(man, "", "\t")
	if err != nil {
		return err
	}
	if len(data) > mostManifest {
		return fmt.Errorf("the manifest would have %d bytes", len(data))
	}
	return m.options.Shelf.Put(ctx, r.shelfDir()+manifestName, bytes.NewReader(data))
}

// retire notes of bundles that the manifest doesn't name that they may be removed in a day.
func (man *manifest) retire(now time.Time, names ...string) {
	known := make(map[string]bool)
	for _, b := range man.Bundles {
		known[b.Name] = true
	}
	for _, b := range man.Retired {
		known[b.Name] = true
	}
	for _, name := range names {
		if !known[name] {
			known[name] = true
			man.Retired = append(man.Retired, retired{name, now})
		}
	}
}

// expire takes away from the retired those whose time is over, and gives their names.
func (man *manifest) expire(now time.Time) (names []string) {
	named := make(map[string]bool)
	for _, b := range man.Bundles {
		named[b.Name] = true
	}
	var left []retired
	for _, b := range man.Retired {
		switch {
		case named[b.Name]: // by one who didn't know that it was retired
		case now.Sub(b.Since) > keepRetired:
			names = append(names, b.Name)
		default:
			left = append(left, b)
		}
	}
	man.Retired = left
	return names
}
