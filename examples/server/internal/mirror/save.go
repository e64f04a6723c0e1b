package mirror

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Before a bundle of all takes the place of the others, there may be so many, and so many bytes besides the first, or as many as
// that has.
const (
	mostBundles = 30
	fewBytes    = 64 << 10
)

// tidyPause is the time from one look through the shelf to the next.
const tidyPause = 6 * time.Hour

// save brings the shelf to what a mirror has: by a bundle of what is new there, or by one of all. It does nothing if the shelf
// has it already, by whichever replica.
func (m *Mirrors) save(ctx context.Context, r *repository) error {
	own, err := m.local(ctx, r.dir)
	if err != nil {
		return err
	}
	old, err := m.manifest(ctx, r)
	if spoilt := (*spoiltError)(nil); errors.As(err, &spoilt) {
		m.log().Error("mirror: what is on the shelf is broken, and is replaced", "repository", r.url, "error", err)
		old, err = nil, nil
	}
	if err != nil {
		return err
	}
	if old == nil && len(own.refs) == 0 {
		return nil
	}
	stray, err := m.lookThrough(ctx, r, old)
	if err != nil {
		return err
	}
	if old != nil && !r.spoilt && old.state().digest() == own.digest() {
		return m.tidy(ctx, r, old, stray)
	}
	man := &manifest{Version: manifestVersion, Repository: r.url, Format: own.format(), Head: own.head, Refs: own.refs}
	if old != nil {
		man.Bundles, man.Retired = old.Bundles, old.Retired
	}
	if old == nil || r.spoilt || old.isLong() || old.Format != man.Format {
		err = m.saveAll(ctx, r, man)
	} else {
		err = m.saveMore(ctx, r, man, old.Refs)
		if failed := (*gitError)(nil); errors.As(err, &failed) { // what was saved by another may be here in pieces
			err = m.saveAll(ctx, r, man)
		}
	}
	if err != nil {
		return err
	}
	if err := m.write(ctx, r, man, stray); err != nil {
		return err
	}
	r.spoilt = false
	os.Remove(filepath.Join(r.dir, spoiltMark))
	return nil
}

// lookThrough looks from time to time whether the shelf has what its manifest names, which a rule of the bucket or a person may
// have removed, and gives the bundles that it doesn't name: of those who were killed before they wrote one, or overtaken.
func (m *Mirrors) lookThrough(ctx context.Context, r *repository, man *manifest) (stray []string, err error) {
	if time.Since(r.tidied) < tidyPause {
		return nil, nil
	}
	names, err := m.options.Shelf.List(ctx, r.shelfDir())
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool)
	for _, name := range names {
		if name, ok := strings.CutPrefix(name, r.shelfDir()); ok && bundleName.MatchString(name) {
			there[name] = true
			stray = append(stray, name)
		}
	}
	if man == nil {
		man = new(manifest)
	}
	for _, b := range man.Bundles {
		if !there[b.Name] {
			m.log().Error("mirror: a bundle is gone from the shelf: the mirror is saved again", "repository", r.url, "bundle", r.shelfDir()+b.Name)
			r.spoilt = true
		}
	}
	r.tidied = time.Now()
	return stray, nil // retire knows which of them are named
}

// isLong reports whether a mirror should be saved anew as a whole.
func (man *manifest) isLong() bool {
	if len(man.Bundles) == 0 || len(man.Bundles) >= mostBundles {
		return true
	}
	var more int64
	for _, b := range man.Bundles[1:] {
		more += b.Size
	}
	return more > max(man.Bundles[0].Size, fewBytes)
}

// saveAll puts a bundle of all that a mirror has, and retires the others.
func (m *Mirrors) saveAll(ctx context.Context, r *repository, man *manifest) error {
	wanted := slices.Collect(maps.Keys(man.Refs))
	if _, ok := man.Refs[man.Head]; ok {
		wanted = append(wanted, "HEAD") // so that one may clone from the bundle as it is
	}
	old := man.Bundles
	man.Bundles = nil
	if len(man.Refs) > 0 {
		b, err := m.putBundle(ctx, r, "full", wanted, nil)
		if err != nil {
			return err
		}
		man.Bundles = []bundle{*b}
	}
	for _, b := range old {
		man.retire(time.Now(), b.Name)
	}
	return nil
}

// saveMore puts a bundle of what a mirror has besides what some refs reach. There may be nothing of the kind, where refs were
// deleted or moved back.
func (m *Mirrors) saveMore(ctx context.Context, r *repository, man *manifest, old map[string]string) error {
	saved := make(map[string]bool, len(old))
	for _, hash := range old {
		saved[hash] = true
	}
	var wanted []string
	for name, hash := range man.Refs {
		if !saved[hash] {
			wanted = append(wanted, name)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	known, err := m.known(ctx, r.dir, slices.Collect(maps.Keys(saved))) // another replica may have saved what we never had
	if err != nil {
		return err
	}
	b, err := m.putBundle(ctx, r, "more", wanted, known)
	if err != nil {
		return err
	}
	if b != nil {
		man.Bundles = append(slices.Clone(man.Bundles), *b)
	}
	return nil
}

// known gives those of some objects that a repository has.
func (m *Mirrors) known(ctx context.Context, dir string, hashes []string) ([]string, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	stdin := strings.NewReader(strings.Join(hashes, "\n") + "\n")
	out, err := m.output(ctx, task{dir: dir, stdin: stdin}, "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return nil, err
	}
	var known []string
	for line := range strings.Lines(out) {
		if hash := strings.TrimSuffix(line, "\n"); hashForm.MatchString(hash) { // else: HASH missing
			known = append(known, hash)
		}
	}
	return known, nil
}

// putBundle makes a bundle of some refs, without what others reach, and puts it. It is nil if it would be empty.
func (m *Mirrors) putBundle(ctx context.Context, r *repository, kind string, wanted, without []string) (*bundle, error) {
	file := filepath.Join(m.temp(), rand.Text()+".bundle")
	defer os.Remove(file)
	defer os.Remove(file + ".lock")
	slices.Sort(wanted)
	var revisions strings.Builder
	for _, name := range wanted {
		fmt.Fprintln(&revisions, name)
	}
	for _, hash := range without {
		fmt.Fprintln(&revisions, "^"+hash)
	}
	err := m.git(ctx, task{dir: r.dir, stdin: strings.NewReader(revisions.String()), writes: true}, "bundle", "create", "--quiet", file, "--stdin")
	if says(err, "Refusing to create empty bundle") && kind != "full" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s-%s-%s.bundle", kind, time.Now().UTC().Format("20060102T150405Z"), strings.ToLower(rand.Text()))
	if err := m.options.Shelf.Put(ctx, r.shelfDir()+name, f); err != nil {
		return nil, err
	}
	return &bundle{Name: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// write puts a manifest, and removes what nothing has named for a day. Stray bundles begin their day.
func (m *Mirrors) write(ctx context.Context, r *repository, man *manifest, stray []string) error {
	man.retire(time.Now(), stray...)
	expired := man.expire(time.Now())
	man.Saved = time.Now().UTC().Truncate(time.Second)
	if err := m.put(ctx, r, man); err != nil {
		return err
	}
	for _, name := range expired { // one that stays for an error is a stray one
		if err := m.options.Shelf.Remove(ctx, r.shelfDir()+name); err != nil {
			return fmt.Errorf("removing %s: %w", name, err)
		}
	}
	return nil
}

// tidy removes what is due from a shelf that is up to date.
func (m *Mirrors) tidy(ctx context.Context, r *repository, man *manifest, stray []string) error {
	known := len(man.Retired)
	man.retire(time.Now(), stray...)
	due := slices.ContainsFunc(man.Retired, func(b retired) bool { return time.Since(b.Since) > keepRetired })
	if len(man.Retired) == known && !due {
		return nil
	}
	return m.write(ctx, r, man, nil)
}
