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

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
)

// list is the list of versions.
func (s *Store) list(m Module) *answer {
	a := &answer{name: m.name(modproxy.List, ""), rank: common, of: m}
	isTagged := func(string) bool { return false }
	a.make = func(ctx context.Context, w io.Writer) error {
		var list []modrepo.Tagged
		err := s.upstream(ctx, m, m.Directory, func(source *modrepo.Module) (err error) {
			var has func(string) bool
			if list, has, err = source.List(ctx); err == nil {
				isTagged = has
			}
			return err
		})
		if err != nil {
			if was, _ := s.listed(ctx, a, nil); !isAbsent(err) || len(was) == 0 {
				return err
			}
		}
		s.watch(ctx, m, list)
		versions := make([]string, len(list))
		for i, t := range list {
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
		was, all := s.listed(ctx, a, is)
		was = slices.DeleteFunc(was, isTagged) // it is not for want of a tag that they are no longer listed
		c, err = sorted(append(is, was...))
		return c, all, err
	}
	return a
}

// listed gives the versions that were listed before and are stored, but for some: their tags are gone. It says whether that
// is all, the backing not having failed.
func (s *Store) listed(ctx context.Context, a *answer, but []string) (versions []string, all bool) {
	was, _, err := s.lastList(ctx, a)
	known := make(map[string]bool, len(but))
	for _, v := range but {
		known[v] = true
	}
	versions = slices.DeleteFunc(was, func(v string) bool {
		return known[v] || !s.has(ctx, a.of.name(modproxy.Info, v))
	})
	return versions, err == nil
}

// lastList gives what was listed last: by this process, and by others that have the same backing. Without a backing, ok
// says whether there was a list; with one, whether that has one. If the backing can't say, it is an error.
func (s *Store) lastList(ctx context.Context, a *answer) (versions []string, ok bool, err error) {
	if e, known := s.memory.get(a.name); known && e.content != nil {
		versions, _ = readList(e.content.spool.Reader())
		e.content.release()
		ok = true
	}
	if s.Backing == nil {
		return versions, ok, nil
	}
	c, err := s.Backing.load(ctx, a)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errSpoilt):
		return versions, false, nil
	case err != nil:
		return versions, false, err
	}
	defer c.release()
	stored, _ := readList(c.spool.Reader())
	return append(versions, stored...), true, nil
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

// enlist adds a version that is stored to the stored list, if that doesn't have it, so that it can be found there when its
// tag and its host are gone. It need not be all that there is to list, then.
func (s *Store) enlist(ctx context.Context, m Module, version string) {
	a := s.list(m)
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
	tagged := !module.IsPseudoVersion(version) && !strings.HasSuffix(version, "+incompatible") // which may have to be hidden
	if ok && (!tagged || slices.Contains(versions, version)) {
		return
	}
	if tagged {
		versions = append(versions, version)
	}
	c, err := sorted(versions)
	if err != nil {
		return
	}
	defer c.release()
	s.replace(ctx, a, c)
	e, _ := s.memory.get(a.name)
	if e.content == nil { // that there was nothing to list was fresh, not what is now
		e = entry{}
	} else {
		e.content.release()
	}
	s.memory.put(entry{name: a.name, rank: a.rank, content: c, made: e.made, retry: e.retry, serves: e.serves})
}
