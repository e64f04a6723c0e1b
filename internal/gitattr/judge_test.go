package gitattr_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/vanity/internal/gitattr"
	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// A judge is git, in a bare repository such as the go command has.
type judge struct {
	tb   testing.TB
	dir  string
	home string
}

func newJudge(tb testing.TB) *judge {
	tmp := tb.TempDir()
	j := &judge{tb: tb, dir: filepath.Join(tmp, "bare.git"), home: tmp}
	j.git(nil, "init", "--quiet", "--bare", j.dir)
	j.writeFile("info/attributes", []byte("\n* -export-subst -export-ignore\n"))
	return j
}

// with is the judge of a part of a test.
func (j *judge) with(tb testing.TB) *judge { return &judge{tb, j.dir, j.home} }

func (j *judge) git(stdin []byte, args ...string) []byte {
	j.tb.Helper()
	out, err := j.tryGit(stdin, args...)
	if err != nil {
		j.tb.Fatal(err)
	}
	return out
}

func (j *judge) tryGit(stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = j.dir
	if args[0] == "init" {
		cmd.Dir = j.home
	}
	cmd.Env = gittest.Environ(gittest.GitEnviron(j.home)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w\n%.1000s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

func (j *judge) writeFile(name string, data []byte) {
	name = filepath.Join(j.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		j.tb.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		j.tb.Fatal(err)
	}
}

// object puts an object into the repository, quicker than git would.
func (j *judge) object(kind string, data []byte) (hash []byte) {
	data = append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)
	sum := sha1.Sum(data)
	name := hex.EncodeToString(sum[:])
	name = "objects/" + name[:2] + "/" + name[2:]
	if _, err := os.Stat(filepath.Join(j.dir, name)); err != nil {
		var b bytes.Buffer
		w, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed)
		w.Write(data)
		w.Close()
		j.writeFile(name, b.Bytes())
	}
	return sum[:]
}

// tree makes a tree of files.
func (j *judge) tree(files map[string]string) (hash []byte) {
	below := make(map[string]map[string]string)
	entries := make(map[string]string) // by name, directories with a slash at the end, which is git's order
	for name, content := range files {
		dir, rest, ok := strings.Cut(name, "/")
		if !ok {
			entries[name] = "100644 " + name + "\x00" + string(j.object("blob", []byte(content)))
			continue
		}
		if below[dir] == nil {
			below[dir] = make(map[string]string)
		}
		below[dir][rest] = content
	}
	for dir, files := range below {
		entries[dir+"/"] = "40000 " + dir + "\x00" + string(j.tree(files))
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		b.WriteString(entries[name])
	}
	return j.object("tree", []byte(b.String()))
}

// index makes files the repository's index.
func (j *judge) index(files map[string]string) {
	b := binary.BigEndian.AppendUint32([]byte("DIRC\x00\x00\x00\x02"), uint32(len(files)))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		start := len(b)
		b = append(b, make([]byte, 24)...)
		b = binary.BigEndian.AppendUint32(b, 0o100644)
		b = append(b, make([]byte, 12)...)
		b = append(b, j.object("blob", []byte(files[name]))...)
		b = binary.BigEndian.AppendUint16(b, uint16(min(len(name), 0xfff)))
		b = append(b, name...)
		b = append(b, make([]byte, 8-(len(b)-start)%8)...)
	}
	sum := sha1.Sum(b)
	j.writeFile("index", append(b, sum[:]...))
}

// archive gives files as the go command gets them.
func (j *judge) archive(files map[string]string) (map[string]string, error) {
	out, err := j.tryGit(nil, "-c", "core.autocrlf=input", "-c", "core.eol=lf", "archive", "--format=zip", "--prefix=prefix/",
		hex.EncodeToString(j.tree(files)))
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		return nil, err
	}
	archived := make(map[string]string)
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(rc)
		if err != nil {
			return nil, err
		}
		archived[strings.TrimPrefix(f.Name, "prefix/")] = string(data)
	}
	return archived, nil
}

// attrs asks for the attributes of paths, without those that are unspecified, attributes files being in files.
func (j *judge) attrs(files map[string]string, paths []string) map[string]map[string]string {
	j.tb.Helper()
	j.index(files)
	out := j.git([]byte(strings.Join(paths, "\x00")+"\x00"), "check-attr", "--cached", "-z", "--stdin", "-a")
	attrs := make(map[string]map[string]string)
	for _, path := range paths {
		attrs[path] = make(map[string]string)
	}
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	for ; len(fields) >= 3; fields = fields[3:] {
		attrs[fields[0]][fields[1]] = fields[2]
	}
	return attrs
}

// setOf is a Set of the attributes files among files.
func setOf(files map[string]string) *gitattr.Set {
	var s gitattr.Set
	for name, text := range files {
		if dir, ok := strings.CutSuffix("/"+name, "/"+gitattr.File); ok {
			s.Add(strings.TrimPrefix(dir, "/"), []byte(text))
		}
	}
	return &s
}

// convert converts a file as the library would.
func convert(s *gitattr.Set, name, content string) (string, error) {
	c, err := s.Lookup(name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = c.Apply(&b, []byte(content), object(content))
	return b.String(), err
}

// object is the name of a content's blob.
func object(content string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
	return hex.EncodeToString(sum[:])
}

// isPath reports whether git takes a path as it stands.
func isPath(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.ContainsAny(name, "\x00\\:") && !strings.Contains(strings.ToLower(name), "git")
}
