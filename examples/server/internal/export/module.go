package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	modpath "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"example.com/vanity/examples/server/internal/fetch"
	"example.com/vanity/examples/server/internal/progress"
)

// A module is one module path.
type module struct {
	fetch.Module
	versions []string
	latest   string

	left int      // versions that are not done
	done []string // those that are there
}

type job struct {
	of      *module
	version string
}

// name is where a file of the module is in the tree.
func (m *module) name(file string) (string, error) {
	name, err := m.Name(file)
	return strings.TrimPrefix(m.Base+"/"+name, "/"), err
}

// dir is the directory of the module in the tree.
func (m *module) dir() string {
	name, _ := m.name("list")
	return strings.TrimSuffix(name, "/@v/list")
}

func (w *work) do(ctx context.Context, j job) {
	w.meter.Begin(j.of.Path + "@" + j.version)
	was, n, err := w.version(ctx, j)
	if err != nil {
		w.fail(ctx, j.of.Path+"@"+j.version, err)
	}
	if ctx.Err() != nil {
		return // the module is not complete, and so not listed
	}
	w.meter.Done()
	w.mu.Lock()
	switch {
	case err == nil && was:
		w.was++
	case err == nil:
		w.written++
	}
	w.bytes += n
	if err == nil {
		j.of.done = append(j.of.done, j.version)
	}
	j.of.left--
	last := j.of.left == 0
	w.mu.Unlock()
	if last {
		if err := w.enlist(ctx, j.of); err != nil {
			w.fail(ctx, j.of.Path, err)
		} else if !w.Progress.Terminal {
			w.meter.Printf("%s: %s", j.of.Path, progress.Count(len(j.of.done), "version"))
		}
	}
}

// version sees to it that all files of a version are there. It says whether they were, and how many bytes were fetched.
func (w *work) version(ctx context.Context, j job) (was bool, n int64, err error) {
	names := make(map[string]string)
	files := make(map[string]string)
	for _, kind := range []string{"info", "mod", "zip", "ziphash"} {
		if files[kind], err = fetch.File(j.version, kind); err == nil {
			names[kind], err = j.of.name(files[kind])
		}
		if err != nil {
			return false, 0, err
		}
	}
	hash, whole := w.tree.whole(j.version, names)
	if whole {
		return true, 0, nil
	}
	for _, kind := range []string{"info", "mod"} {
		var data bytes.Buffer
		resp, err := w.Server.Get(ctx, j.of.Module, files[kind], io.MultiWriter(&data, w.meter))
		if err != nil {
			return false, n, err
		}
		n += resp.Bytes
		if err := checks[kind](j.version, data.Bytes()); err != nil {
			return false, n, fmt.Errorf("what the server gives as .%s is none: %w", kind, err)
		}
		if err := w.tree.put(names[kind], data.Bytes()); err != nil {
			return false, n, err
		}
	}
	size, err := w.zip(ctx, j, files["zip"], names, hash)
	return false, n + size, err
}

// zip writes a zip, and then its checksum.
func (w *work) zip(ctx context.Context, j job, file string, names map[string]string, before string) (int64, error) {
	f, err := w.tree.create()
	if err != nil {
		return 0, err
	}
	defer w.tree.discard(f)
	resp, err := w.Server.Get(ctx, j.of.Module, file, io.MultiWriter(sink{f}, w.meter))
	if err != nil {
		return resp.Bytes, err
	}
	if _, err := zip.CheckZip(modpath.Version{Path: j.of.Path, Version: j.version}, f.Name()); err != nil {
		return resp.Bytes, fmt.Errorf("the zip is none: %w", err)
	}
	hash, err := dirhash.HashZip(f.Name(), dirhash.Hash1)
	switch {
	case err != nil:
		return resp.Bytes, fmt.Errorf("the zip is none: %w", err)
	case before != "" && before != hash:
		return resp.Bytes, fmt.Errorf("it was exported as %s, and would be %s now: a version must never change; if nobody has the old one, remove its files from the export", before, hash)
	}
	if err := w.tree.place(f, names["zip"]); err != nil {
		return resp.Bytes, err
	}
	return resp.Bytes, w.tree.put(names["ziphash"], []byte(hash))
}

// checks say what is wrong with a file of a version.
var checks = map[string]func(version string, data []byte) error{
	"info": func(version string, data []byte) error {
		var info struct{ Version string }
		if err := json.Unmarshal(data, &info); err != nil {
			return err
		}
		if info.Version != version {
			return fmt.Errorf("it is of version %.100q", info.Version)
		}
		return nil
	},
	"mod": func(_ string, data []byte) error {
		if modfile.ModulePath(data) == "" {
			return errors.New("there is no module path")
		}
		return nil
	},
}

// whole reports whether a version is there, by the checksum that was written last of it, which it gives if there is one.
func (t *tree) whole(version string, names map[string]string) (hash string, ok bool) {
	data, err := t.read(names["ziphash"])
	if err != nil || !strings.HasPrefix(string(data), "h1:") || len(data) != len("h1:")+44 {
		return "", false
	}
	hash = string(data)
	for kind, check := range checks {
		if data, err := t.read(names[kind]); err != nil || check(version, data) != nil {
			return hash, false
		}
	}
	path, err := t.path(names["zip"])
	if err != nil {
		return hash, false
	}
	is, err := dirhash.HashZip(path, dirhash.Hash1)
	return hash, err == nil && is == hash
}

// enlist writes what names versions, as all of them are there now: the latest, and then the list. What was listed before
// stays listed, as somebody may depend on it, if it is there.
func (w *work) enlist(ctx context.Context, m *module) error {
	listed := slices.DeleteFunc(slices.Clone(m.done), modpath.IsPseudoVersion)
	name, err := m.name("list")
	if err != nil {
		return err
	}
	before, err := w.tree.read(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskFault(err)
	}
	for v := range strings.FieldsSeq(string(before)) {
		if !slices.Contains(m.versions, v) && w.isThere(m, v) {
			listed = append(listed, v)
		}
	}
	if err := w.putLatest(ctx, m); err != nil {
		return err
	}
	semver.Sort(listed)
	text := strings.Join(slices.Compact(listed), "\n")
	if text != "" {
		text += "\n"
	}
	return w.tree.put(name, []byte(text))
}

// isThere reports whether a version that is no longer served is in the tree.
func (w *work) isThere(m *module, version string) bool {
	if version != modpath.CanonicalVersion(version) {
		return false
	}
	names := make(map[string]string)
	for _, kind := range []string{"info", "mod", "zip", "ziphash"} {
		file, err := fetch.File(version, kind)
		if err == nil {
			names[kind], err = m.name(file)
		}
		if err != nil {
			return false
		}
	}
	_, ok := w.tree.whole(version, names)
	return ok
}

// putLatest writes the info of the latest version, if that is there.
func (w *work) putLatest(ctx context.Context, m *module) error {
	if m.latest == "" || !slices.Contains(m.done, m.latest) {
		return nil // it was told why
	}
	var data bytes.Buffer
	if _, err := w.Server.Get(ctx, m.Module, "@latest", &data); err != nil {
		return err
	}
	if err := checks["info"](m.latest, data.Bytes()); err != nil {
		return fmt.Errorf("@latest has changed just now (%w): run again", err)
	}
	name, err := m.name("@latest")
	if err != nil {
		return err
	}
	return w.tree.put(name, data.Bytes())
}

// stale names what is in the directory by an export, and not in the server's file any more.
func (w *work) stale() {
	root := os.DirFS(w.tree.dir)
	fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // there is more to be seen than that
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			if name == "." {
				return nil
			}
			return fs.SkipDir
		case d.IsDir() && d.Name() == "@v":
			if dir := strings.TrimSuffix(name, "/@v"); !w.names[dir] {
				w.meter.Printf("%s is from an earlier export, of what the file doesn't name; it was not removed", dir)
			}
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".html") && !w.names[name]:
			if data, err := w.tree.read(name); err == nil && isOurs(data) {
				w.meter.Printf("%s is from an earlier export, of what the file doesn't name; it was not removed", name)
			}
		}
		return nil
	})
}
