package mirror

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// An outcome says how much of a mirror could be restored.
type outcome int

const (
	restoredNothing outcome = iota
	restoredSome
	restoredAll
)

// restoring is where refs are that come from bundles, until those of the manifest take their place: refs/restoring/3/heads/main.
const restoring = "refs/restoring/"

// restore makes a repository of what the shelf has of a mirror, in a directory that isn't there. The error says why it
// is nothing; it is nil if the shelf has nothing. Broken bundles are logged, and the shelf is then to be replaced.
func (m *Mirrors) restore(ctx context.Context, r *repository, dir string) (outcome, error) {
	man, err := m.manifest(ctx, r)
	var spoilt *spoiltError
	r.spoilt = errors.As(err, &spoilt)
	if err != nil || man == nil {
		return restoredNothing, err
	}
	if err := m.initialize(ctx, r, dir, man.Format); err != nil {
		return restoredNothing, err
	}
	good := 0
	for i, b := range man.Bundles {
		err := m.unbundle(ctx, r, dir, i, b)
		var broken *spoiltError
		switch {
		case errors.As(err, &broken):
			r.spoilt = true
			m.log().Error("mirror: a bundle on the shelf is broken", "repository", r.url, "bundle", r.shelfDir()+b.Name, "error", err)
		case err != nil: // nothing is known of the bundle
			return restoredNothing, err
		default:
			good++
		}
	}
	if good == 0 && len(man.Bundles) > 0 {
		return restoredNothing, errors.New("no bundle can be used")
	}
	if err := m.adopt(ctx, r, dir, man, good == len(man.Bundles)); err != nil {
		if ctx.Err() == nil {
			r.spoilt = true
		}
		return restoredNothing, err
	}
	if r.spoilt {
		return restoredSome, nil
	}
	return restoredAll, nil
}

// unbundle fetches a bundle from the shelf, and its refs into a repository, each below its number.
func (m *Mirrors) unbundle(ctx context.Context, r *repository, dir string, number int, b bundle) error {
	file := filepath.Join(m.temp(), rand.Text()+".bundle")
	defer os.Remove(file)
	if err := m.download(ctx, r.shelfDir()+b.Name, file, b); err != nil {
		return err
	}
	// Its prerequisites are looked for, and each object is checked against its name.
	err := m.git(ctx, task{dir: dir, writes: true, env: []string{"GIT_ALLOW_PROTOCOL=file"}},
		"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
		"--", file, "+refs/*:"+restoring+strconv.Itoa(number)+"/*")
	var e *gitError
	if errors.As(err, &e) && !isLocalFault(err) {
		return &spoiltError{err}
	}
	return err
}

// isLocalFault reports whether git failed for want of room or rights on this machine.
func isLocalFault(err error) bool {
	return says(err, "No space left", "Disk quota exceeded", "Permission denied", "Read-only file system", "out of memory", "Too many open files")
}

// download copies a bundle into a file, and compares it with what the manifest says of it.
func (m *Mirrors) download(ctx context.Context, name, file string, b bundle) error {
	content, err := m.options.Shelf.Get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return &spoiltError{err}
	}
	if err != nil {
		return err
	}
	defer content.Close()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(content, b.Size+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); n != b.Size || sum != b.SHA256 {
		return &spoiltError{fmt.Errorf("it has at least %d bytes, and SHA-256 %s: the manifest says %d, %s", n, sum, b.Size, b.SHA256)}
	}
	return f.Close()
}

// adopt gives a repository the refs of a manifest, in the place of those of the bundles. If some of these could not be used,
// a ref that leads to what is missing stays where the latest bundle that could has it.
func (m *Mirrors) adopt(ctx context.Context, r *repository, dir string, man *manifest, whole bool) error {
	had, err := m.refs(ctx, dir, restoring)
	if err != nil {
		return err
	}
	refs := man.Refs
	if !whole {
		if refs, err = m.adoptable(ctx, dir, man.Refs, had); err != nil {
			return err
		}
		m.log().Warn("mirror: restored in part", "repository", r.url, "refs", len(refs), "of", len(man.Refs))
	}
	var changes strings.Builder
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		fmt.Fprintf(&changes, "create %s %s\n", name, refs[name])
	}
	for _, name := range slices.Sorted(maps.Keys(had)) {
		fmt.Fprintf(&changes, "delete %s %s\n", name, had[name])
	}
	if err := m.git(ctx, task{dir: dir, stdin: strings.NewReader(changes.String()), writes: true}, "update-ref", "--stdin"); err != nil {
		return err
	}
	if err := m.git(ctx, task{dir: dir, writes: true}, "pack-refs", "--all"); err != nil {
		return err
	}
	return m.setHead(ctx, dir, man.Head)
}

// adoptable gives the refs that can be had of those that are wanted, by the refs that came from bundles.
func (m *Mirrors) adoptable(ctx context.Context, dir string, wanted, had map[string]string) (map[string]string, error) {
	there, err := m.connected(ctx, dir, slices.Collect(maps.Values(wanted)), had)
	if err != nil {
		return nil, err
	}
	latest := make(map[string]string) // hashes by full names
	numbers := make(map[string]int)
	for ref, hash := range had {
		number, rest, _ := strings.Cut(strings.TrimPrefix(ref, restoring), "/")
		n, _ := strconv.Atoi(number)
		if last, ok := numbers["refs/"+rest]; !ok || n > last {
			latest["refs/"+rest], numbers["refs/"+rest] = hash, n
		}
	}
	refs := make(map[string]string)
	for name, hash := range wanted {
		if there[hash] {
			refs[name] = hash
		} else if last, ok := latest[name]; ok {
			refs[name] = last
		}
	}
	return refs, nil
}

// connected gives those of some objects that are there with all that they lead to. The refs had are known to be.
func (m *Mirrors) connected(ctx context.Context, dir string, hashes []string, had map[string]string) (map[string]bool, error) {
	known, err := m.known(ctx, dir, hashes)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool)
	err = m.git(ctx, task{dir: dir, stdin: strings.NewReader(strings.Join(known, "\n") + "\n")}, "rev-list", "--objects", "--quiet", "--stdin")
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil:
		for _, hash := range known {
			there[hash] = true
		}
	}
	for _, hash := range had {
		there[hash] = true
	}
	return there, nil
}

// spoiltMark is a file in a mirror that could be restored in part: it must not be forgotten that the shelf is to be mended.
const spoiltMark = "restored-in-part"

func markSpoilt(dir string) error { return os.WriteFile(filepath.Join(dir, spoiltMark), nil, 0o666) }

func isMarkedSpoilt(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, spoiltMark))
	return err == nil
}
