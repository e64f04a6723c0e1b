package modstore

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
)

// An answer is one file, how to make it, and how to tell whether it is one.
type answer struct {
	name  string
	rank  rank
	fixed bool   // it never changes
	held  bool   // it is not left in the backing's file, which seems to change
	stays bool   // if it changes: the making goes on though those who wait for it leave
	tie   string // the commit that it is made from; empty where it says that itself
	pin   *pin   // which must be stored before it; nil for none
	of    Module

	make func(ctx context.Context, w io.Writer) error
	form func(r *io.SectionReader) error // says what is wrong with bytes that have no checksum

	// What may be nil: restore makes what was made from a commit before, join adds what only the store knows and says
	// whether that is all, then is called after it was made, or read for the first time.
	restore func(ctx context.Context, commit string, w io.Writer) error
	join    func(ctx context.Context, made *content) (c *content, all bool, err error)
	then    func(ctx context.Context, c *content, made bool)
}

// again is the answer to be made where there was none, or where it was spoilt: then it must be what it was.
func (a *answer) again(why error) *answer {
	var spoilt *spoiltError
	if a.restore == nil || !errors.As(why, &spoilt) || spoilt.tie == noTie {
		return a
	}
	as := *a
	as.make = func(ctx context.Context, w io.Writer) error { return a.restore(ctx, spoilt.tie, w) }
	return &as
}

// tieOf is the commit to be written beside a content's checksum.
func (a *answer) tieOf(c *content) string {
	if a.rank == pins {
		if p, err := readPin(a, c); err == nil {
			return p.commit()
		}
	}
	if a.tie == "" {
		return noTie
	}
	return a.tie
}

func (a *answer) checkForm(c *content, r io.Reader) error {
	if err := a.form(c.at(r)); err != nil {
		return fmt.Errorf("%w: %s: %v", errSpoilt, a.name, err)
	}
	return nil
}

// upstream runs what asks the host, once it may.
func (s *Store) upstream(ctx context.Context, m Module, directory string, ask func(*modrepo.Module) error) error {
	source, err := m.At(directory, m.Path)
	if err != nil {
		return err
	}
	return s.Ask(ctx, &m, false, func(context.Context) error { return ask(source) })
}

// info is the info of a version.
func (s *Store) info(m Module, version string) *answer {
	return s.infoBy(m, version, func(ctx context.Context) (info *modrepo.Info, err error) {
		err = s.upstream(ctx, m, m.Directory, func(source *modrepo.Module) error {
			info, err = source.Stat(ctx, version)
			return err
		})
		return info, err
	})
}

// infoBy is info, found otherwise.
func (s *Store) infoBy(m Module, version string, find func(context.Context) (*modrepo.Info, error)) *answer {
	a := &answer{
		name:  m.name(modproxy.Info, version),
		rank:  pins,
		fixed: true,
		of:    m,
		make: func(ctx context.Context, w io.Writer) error {
			info, err := find(ctx)
			if err != nil {
				return err
			}
			return json.NewEncoder(w).Encode(info)
		},
		form: func(r *io.SectionReader) error {
			info, err := readInfo(r)
			if err == nil && info.Version != version {
				err = fmt.Errorf("it is of version %.100q", info.Version)
			}
			return err
		},
		restore: func(ctx context.Context, commit string, w io.Writer) error {
			return s.upstream(ctx, m, m.Directory, func(source *modrepo.Module) error {
				info, err := source.Restore(ctx, version, commit)
				if err != nil {
					return err
				}
				return json.NewEncoder(w).Encode(info)
			})
		},
	}
	a.then = func(ctx context.Context, c *content, made bool) { s.notePinned(ctx, a, version, c, made) }
	return a
}

func readInfo(r io.Reader) (*modrepo.Info, error) {
	var info modrepo.Info
	d := json.NewDecoder(r)
	if err := d.Decode(&info); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the JSON object")
	}
	if info.Version == "" || info.Version != module.CanonicalVersion(info.Version) || info.Time.IsZero() {
		return nil, fmt.Errorf("it has no version or no time")
	}
	if info.Origin != nil && info.Origin.Hash != "" {
		if _, err := git.ParseHash(info.Origin.Hash); err != nil {
			return nil, err
		}
	}
	return &info, nil
}

// query is what a version query comes to, "latest" among them.
func (s *Store) query(m Module, req modproxy.Request) *answer {
	return &answer{
		name: m.name(req.Kind, req.Version),
		rank: common,
		of:   m,
		make: func(ctx context.Context, w io.Writer) error {
			info, err := s.find(ctx, m, req)
			if err != nil {
				return err
			}
			return json.NewEncoder(w).Encode(info)
		},
		form: func(r *io.SectionReader) error {
			_, err := readInfo(r)
			return err
		},
	}
}

// find asks what a query comes to now, and pins that version: two answers must not differ in what it is. Whoever asked
// will want its files next, and to find a pseudo-version's commit again by its name takes longer.
func (s *Store) find(ctx context.Context, m Module, req modproxy.Request) (*modrepo.Info, error) {
	var info, own *modrepo.Info
	err := s.upstream(ctx, m, m.Directory, func(source *modrepo.Module) (err error) {
		if req.Kind == modproxy.Latest {
			info, err = source.Latest(ctx)
		} else {
			info, err = source.Stat(ctx, req.Version)
		}
		if err == nil {
			own = source.Own(info)
		}
		return err
	})
	if err != nil || !isVersion(m.Path, info.Version) {
		return info, err
	}
	a := s.infoBy(m, info.Version, func(context.Context) (*modrepo.Info, error) { return own, nil })
	c, err := s.getPresent(ctx, a)
	if err != nil {
		return nil, err
	}
	defer c.release()
	p, err := readPin(a, c)
	if err != nil {
		return nil, err
	}
	if p.commit() == info.Origin.Hash {
		return info, nil
	}
	s.compare(m, p, info.Origin.Hash)
	return &p.Info, nil
}

// derived is the go.mod or the zip of a pinned version.
func (s *Store) derived(m Module, req modproxy.Request, p *pin) *answer {
	a := &answer{
		name:  m.name(req.Kind, req.Version),
		rank:  common,
		fixed: true,
		tie:   p.commit(),
		pin:   p,
		of:    m,
		form:  checkGoMod,
	}
	write := (*modrepo.Module).WriteGoMod
	a.then = func(ctx context.Context, c *content, _ bool) { s.noteGoMod(ctx, m, req.Version, c) }
	if req.Kind == modproxy.Zip {
		a.rank, a.then, write = bulk, nil, (*modrepo.Module).Zip
		a.form = func(r *io.SectionReader) error { return checkZip(r, m.Path, req.Version) }
	}
	a.make = func(ctx context.Context, w io.Writer) error {
		if p.commit() == noTie {
			return fmt.Errorf("the store's %s names no commit (Origin.Hash), and %s is not in the store: the owner of the store must add the one or remove the other", p.answer.name, a.name)
		}
		err := s.upstream(ctx, m, p.Origin.Subdir, func(source *modrepo.Module) error { return write(source, ctx, &p.Info, w) })
		if isHidden(err) {
			return &VanishedError{p.commit(), err}
		}
		return err
	}
	return a
}

func checkGoMod(r *io.SectionReader) error {
	data, err := io.ReadAll(r)
	if err == nil && modfile.ModulePath(data) == "" {
		err = fmt.Errorf("there is no module path")
	}
	return err
}

// checkZip reads all files of a zip, which have checksums of their own.
func checkZip(r *io.SectionReader, path, version string) error {
	z, err := zip.NewReader(r, r.Size())
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if !strings.HasPrefix(f.Name, path+"@"+version+"/") {
			return fmt.Errorf("it holds %.200q", f.Name)
		}
		content, err := f.Open()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
