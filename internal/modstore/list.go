package modstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
)

// There are two lists of a module's versions. The one that is served is that of the tags, with the versions that were
// listed before and are stored, though their tags are gone. The one that is stored under the protocol's name is that of the
// versions whose go.mod is stored, as the go command has it in its own cache (modfetch/cache.go, rewriteVersionList): it
// must find the highest version there, if that is a GOPROXY of files.
const servedSuffix = ".served"

// list is the list of versions that is served.
func (s *Store) list(m Module) *answer {
	a := &answer{name: m.name(modproxy.List, "") + servedSuffix, rank: common, of: m}
	listing := new(modrepo.Listing)
	a.make = func(ctx context.Context, w io.Writer) error {
		began := time.Now()
		err := s.upstream(ctx, m, m.Directory, func(source *modrepo.Module) error {
			l, err := source.List(ctx)
			if err == nil {
				listing = l
			}
			return err
		})
		if err != nil && !modrepo.IsAbsent(err) {
			return err
		}
		if err != nil {
			if was, _ := s.untagged(ctx, m, nil); len(was) == 0 {
				return err
			}
		}
		s.watch(ctx, m, listing.Versions)
		s.noteTags(m, listing, began)
		versions := make([]string, len(listing.Versions))
		for i, t := range listing.Versions {
			versions[i] = t.Version
		}
		return writeList(w, versions)
	}
	a.form = func(r *io.SectionReader) error {
		_, err := readList(r)
		return err
	}
	a.join = func(ctx context.Context, made *content) (c *content, all bool, err error) {
		defer made.release()
		is, err := readList(made.spool.Reader())
		if err != nil {
			return nil, false, err
		}
		if len(is) == 0 && !s.wasServed(ctx, m) {
			c, err := sorted(nil)
			return c, false, err // anybody can ask for majors that nobody made
		}
		s.enlist(ctx, s.inventory(m), "", true) // if it was spoilt
		was, all := s.untagged(ctx, m, is)
		was = slices.DeleteFunc(was, listing.Has) // it is not for want of a tag that they are no longer listed
		c, err = sorted(append(is, was...))
		return c, all, err
	}
	return a
}

// inventory is the list of the versions that are stored. It is not served as it is. Others may have written it.
func (s *Store) inventory(m Module) *answer {
	return &answer{name: m.name(modproxy.List, ""), rank: common, of: m, form: func(*io.SectionReader) error { return nil }}
}

// salvage gives the versions of a spoilt inventory: those that are served, as far as their go.mods are stored.
func (s *Store) salvage(ctx context.Context, m Module, versions []string) []string {
	served, _, _ := s.lastList(ctx, s.list(m))
	return slices.DeleteFunc(append(versions, served...), func(v string) bool {
		return !s.has(ctx, m.name(modproxy.Mod, v))
	})
}

// untagged gives the versions that are in one of the lists, but for some, and whose infos are stored. It says whether that
// is all, the backing not having failed.
func (s *Store) untagged(ctx context.Context, m Module, but []string) (versions []string, all bool) {
	all = true
	for _, a := range []*answer{s.list(m), s.inventory(m)} {
		was, _, err := s.lastList(ctx, a)
		all = all && err == nil
		if a.join == nil && len(but)+len(versions) > 0 {
			was = slices.DeleteFunc(was, modrepo.IsIncompatible) // which the list that there is may have left out
		}
		versions = append(versions, was...)
	}
	known := setOf(but)
	return slices.DeleteFunc(versions, func(v string) bool {
		skip := known[v] || !s.has(ctx, m.name(modproxy.Info, v))
		known[v] = true
		return skip
	}), all
}

// lastList gives the versions in a list: that in memory, and that of the backing, which other processes may have changed.
// Ok says whether the latter has all of them, or the former is there if there is no backing. If the backing can't say, it is
// an error.
func (s *Store) lastList(ctx context.Context, a *answer) (versions []string, ok bool, err error) {
	e, _ := s.memory.get(a.name)
	if e.content != nil {
		defer e.content.release()
		versions, ok = lines(e.content), true
	}
	if s.Backing == nil {
		return versions, ok, nil
	}
	c, err := s.Backing.load(ctx, a)
	switch {
	case errors.Is(err, errSpoilt) && a.join == nil:
		return s.salvage(ctx, a.of, versions), false, ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errSpoilt):
		return versions, false, nil
	case err != nil:
		return versions, false, err
	}
	defer c.release()
	if e.content != nil && e.content.sum == c.sum {
		return versions, true, nil
	}
	stored := lines(c)
	isStored := setOf(stored)
	ok = !slices.ContainsFunc(versions, func(v string) bool { return !isStored[v] })
	return append(versions, stored...), ok, nil
}

func setOf(versions []string) map[string]bool {
	set := make(map[string]bool, len(versions))
	for _, v := range versions {
		set[v] = true
	}
	return set
}

// lines gives the versions that can be read in a list, whoever wrote it. Pseudo-versions are not listed (modfetch/proxy.go).
func lines(c *content) (versions []string) {
	data, _ := c.bytes()
	for line := range strings.Lines(string(data)) {
		if v := strings.TrimSpace(line); v != "" && v == module.CanonicalVersion(v) && !module.IsPseudoVersion(v) {
			versions = append(versions, v)
		}
	}
	return versions
}

// notePinned adds a version whose info is stored to the lists. The go.mod goes with it, which is at hand when the info is
// made: the go command wants both of each version that it finds in the inventory.
func (s *Store) notePinned(ctx context.Context, a *answer, version string, c *content, made bool) {
	s.enlist(ctx, s.list(a.of), version, false)
	if s.Backing == nil {
		s.enlist(ctx, s.inventory(a.of), version, true)
		return
	}
	if p, err := readPin(a, c); err == nil && c.kept {
		goMod := s.derived(a.of, modproxy.Request{Path: a.of.Path, Kind: modproxy.Mod, Version: version}, p)
		if made || s.has(ctx, goMod.name) {
			if c, err := s.get(ctx, goMod); err == nil {
				c.release()
				return
			}
		}
		// Whoever stored the info was killed, or its host failed, before there was a go.mod: the inventory hasn't the version,
		// and it must be found while the host is down.
		s.enlist(ctx, s.list(a.of), version, isListed(version))
	}
	s.enlist(ctx, s.inventory(a.of), "", true) // by which is known that the module was served before
}

// noteGoMod adds a version whose go.mod is stored to the inventory.
func (s *Store) noteGoMod(ctx context.Context, m Module, version string, c *content) {
	if s.Backing != nil && !c.kept {
		version = ""
	}
	s.enlist(ctx, s.inventory(m), version, true)
}

// isListed reports whether a version is listed whenever it has a tag: pseudo-versions never are, and +incompatible ones not always.
func isListed(version string) bool {
	return !module.IsPseudoVersion(version) && !modrepo.IsIncompatible(version)
}

// enlist adds a version to a list that doesn't have it; where there is no list, one may have to be made.
func (s *Store) enlist(ctx context.Context, a *answer, version string, create bool) {
	if module.IsPseudoVersion(version) || a.join != nil && !isListed(version) {
		version = ""
	}
	unlock, err := s.lists.lock(ctx, a.name)
	if err != nil {
		return
	}
	defer unlock()
	versions, ok, err := s.lastList(ctx, a)
	if err != nil {
		s.notStored(ctx, a, err)
		return
	}
	there := ok || len(versions) > 0
	if !there && !create || ok && (version == "" || slices.Contains(versions, version)) {
		return
	}
	if !there && a.join != nil { // it is served from now on, and must have what the inventory has
		versions, _ = s.untagged(ctx, a.of, nil)
	}
	if version != "" {
		versions = append(versions, version)
	}
	c, err := sorted(versions)
	if err != nil {
		return
	}
	defer c.release()
	s.relist(ctx, a, c)
}

// relist puts a list in the place of another, without a claim that it is newer.
func (s *Store) relist(ctx context.Context, a *answer, c *content) {
	s.put(ctx, a, c)
	e, _ := s.memory.get(a.name)
	if e.content != nil {
		e.content.release()
	} else {
		e = entry{serves: true} // that there was nothing to list was true then, not now
		s.memory.forget(a.name, nil)
	}
	s.memory.put(entry{name: a.name, rank: a.rank, content: c, made: e.made, retry: e.retry, serves: e.serves})
}

// stored is the list of what is stored, for when no other can be had. It is that which is served then, for a while.
func (s *Store) stored(ctx context.Context, m Module) (*Content, bool) {
	versions, _ := s.untagged(ctx, m, nil)
	if len(versions) == 0 {
		return nil, false
	}
	c, err := sorted(versions)
	if err != nil {
		return nil, false
	}
	defer c.release()
	e := entry{name: s.list(m).name, rank: common, content: c, serves: true, retry: time.Now().Add(min(backOff, s.Fresh))}
	if !m.StoredOnly {
		s.memory.put(e)
	}
	return e.stale(), true
}

func writeList(w io.Writer, versions []string) error {
	var b bytes.Buffer
	for _, v := range versions {
		b.WriteString(v)
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// readList reads what writeList wrote.
func readList(r io.Reader) ([]string, error) {
	var versions []string
	for b := bufio.NewReader(r); ; {
		line, err := b.ReadString('\n')
		if err == io.EOF && line == "" {
			return versions, nil
		}
		if err != nil {
			return nil, fmt.Errorf("its last line has no end: %v", err)
		}
		v := strings.TrimSuffix(line, "\n")
		if v != module.CanonicalVersion(v) || v == "" || len(versions) > 0 && semver.Compare(versions[len(versions)-1], v) > 0 {
			return nil, fmt.Errorf("line %.100q is out of order, or no version", v)
		}
		versions = append(versions, v)
	}
}

// sorted makes a list of versions.
func sorted(versions []string) (*content, error) {
	semver.Sort(versions)
	c := newContent()
	err := writeList(c, slices.Compact(versions))
	if err == nil {
		err = c.seal()
	}
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}
