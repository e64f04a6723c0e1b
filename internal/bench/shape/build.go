package shape

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"example.com/vanity/internal/gittest"
)

// format changes when the generators do, so that repositories made by others are made anew.
const format = 1

// Repository is the name of the directory that Build makes. Another shape of the same name has another.
func (s Shape) Repository() string {
	spec, err := json.Marshal(s)
	if err != nil {
		panic(err) // there is nothing in it that JSON can't have
	}
	return fmt.Sprintf("%s-%.4x.git", s.Name, sha256.Sum256(append(spec, format)))
}

// Build makes the bare repository below a directory, unless it is there.
func (s Shape) Build(dir string) error {
	target := filepath.Join(dir, s.Repository())
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	made, err := os.MkdirTemp(dir, "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	if err := s.build(made); err != nil {
		return fmt.Errorf("repository %s: %w", s.Name, err)
	}
	return os.Rename(made, target)
}

func (s Shape) build(dir string) error {
	if _, err := git(dir, nil, "init", "--quiet", "--bare"); err != nil {
		return err
	}
	marks := filepath.Join(dir, "marks")
	defer os.Remove(marks)
	pr, pw := io.Pipe()
	var light []lightTag
	go func() {
		var err error
		light, err = s.write(pw)
		pw.CloseWithError(err)
	}()
	_, err := git(dir, pr, "fast-import", "--quiet", "--done", "--export-marks="+marks)
	io.Copy(io.Discard, pr) // the writer is done when it says so, or git has failed
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"pack-refs", "--all"},
		{"repack", "-a", "-d", "-f", "-q"},
	} {
		if _, err := git(dir, nil, args...); err != nil {
			return err
		}
	}
	if err := addTags(dir, marks, light); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"repack", "-a", "-d", "-q", "--write-bitmap-index"},
		{"commit-graph", "write", "--reachable"},
	} {
		if _, err := git(dir, nil, args...); err != nil {
			return err
		}
	}
	return nil
}

// addTags writes tags where packed refs are, as git would take minutes for a million of them.
func addTags(dir, marks string, light []lightTag) error {
	if len(light) == 0 {
		return nil
	}
	hashes, err := readMarks(marks)
	if err != nil {
		return err
	}
	packed := filepath.Join(dir, "packed-refs")
	old, err := os.ReadFile(packed)
	if err != nil {
		return err
	}
	slices.SortFunc(light, func(a, b lightTag) int { return cmp.Compare(a.name, b.name) })
	b := bytes.NewBuffer(bytes.TrimRight(old, "\n")) // refs/heads, which are before all tags: annotated ones would not be
	b.WriteByte('\n')
	for _, t := range light {
		hash, ok := hashes[fmt.Sprint(":", t.commit+1)]
		if !ok {
			return fmt.Errorf("there is no commit %d", t.commit)
		}
		fmt.Fprintf(b, "%s refs/tags/%s\n", hash, t.name)
	}
	return os.WriteFile(packed, b.Bytes(), 0o666)
}

func readMarks(name string) (map[string]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	marks := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		mark, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
		marks[mark] = hash
	}
	return marks, nil
}

func git(dir string, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = gittest.Environ(gittest.GitEnviron(dir)...)
	cmd.Stdin = stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return strings.TrimSpace(stdout.String()), nil
}
