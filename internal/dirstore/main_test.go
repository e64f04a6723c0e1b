package dirstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/vanity/internal/dirstore"
	"example.com/vanity/internal/gittest"
)

// roles are what the test binary does as a process of its own, with the directory, and its id among others.
var roles = map[string]func(d *dirstore.Dir, id string) error{
	"once":   putOnce,
	"race":   race,
	"scrawl": scrawl,
}

func TestMain(m *testing.M) {
	role := roles[os.Getenv("DIRSTORE_ROLE")]
	if role == nil {
		os.Exit(gittest.Main(m))
	}
	if err := role(dirstore.New(os.Getenv("DIRSTORE_DIR")), os.Getenv("DIRSTORE_ID")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process makes a process that plays a role. It says on standard error what went wrong.
func process(t *testing.T, role, dir, id string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DIRSTORE_ROLE="+role, "DIRSTORE_DIR="+dir, "DIRSTORE_ID="+id,
		"GORACE=atexit_sleep_ms=0") // a second
	cmd.Stderr = os.Stderr
	return cmd
}

// sealed makes content that tells who wrote it, and whether it is whole.
func sealed(id string, size int) string {
	body := id + "\n" + strings.Repeat("0123456789abcde\n", size/16) + strings.Repeat(".", size%16)
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:]) + body
}

// unseal gives the id of whole content.
func unseal(r io.Reader) (id string, err error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	const n = 2 * sha256.Size
	if len(data) < n {
		return "", fmt.Errorf("only %d bytes", len(data))
	}
	if sum := sha256.Sum256(data[n:]); hex.EncodeToString(sum[:]) != string(data[:n]) {
		return "", fmt.Errorf("the %d bytes are not what was written", len(data))
	}
	id, _, _ = strings.Cut(string(data[n:]), "\n")
	return id, nil
}

// winner reads an entry and gives its writer's id.
func winner(d *dirstore.Dir, name string) (id string, err error) {
	f, err := d.Get(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if id, err = unseal(f); err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return id, err
}

func put(t *testing.T, d *dirstore.Dir, name, content string) {
	t.Helper()
	if err := d.Put(t.Context(), name, strings.NewReader(content)); err != nil {
		t.Error(err)
	}
}

// want gets an entry of some content.
func want(t *testing.T, d *dirstore.Dir, name, content string) {
	t.Helper()
	f, err := d.Get(t.Context(), name)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if _, ok := f.(*os.File); !ok {
		t.Errorf("%s: Get gives a %T", name, f)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != content {
		t.Errorf("%s: got %.40q (%d bytes), %v; want %.40q (%d bytes)", name, got, len(got), err, content, len(content))
	}
}

// wantNone gets an entry that isn't there.
func wantNone(t *testing.T, d *dirstore.Dir, name string) {
	t.Helper()
	f, err := d.Get(t.Context(), name)
	if f != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%.80s: got %v, %v; want fs.ErrNotExist", name, f, err)
	}
}

// wantFailure puts content that can't be stored: the error says all of says, and no temporary file stays.
func wantFailure(t *testing.T, root, name string, content io.ReadSeeker, says ...string) error {
	t.Helper()
	err := dirstore.New(root).Put(t.Context(), name, content)
	if err == nil {
		t.Errorf("%.80s was stored; want an error that says %q", name, says)
		return nil
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q doesn't say %q", err, s)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %q looks like the answer that there is none", err)
	}
	if left := temps(t, root); len(left) > 0 {
		t.Errorf("after %v: temporary files %q", err, left)
	}
	return err
}

// temps are the temporary files.
func temps(t *testing.T, root string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, ".tmp"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
	for _, e := range entries {
		names = append(names, filepath.Join(root, ".tmp", e.Name()))
	}
	return names
}

// files are the names of the entries.
func files(t *testing.T, root string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && name == ".tmp" {
			return fs.SkipDir
		}
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return names
}

// A hook is content that calls a function at each Read.
type hook struct {
	bytes.Reader
	read func() error
}

func newHook(content string, read func() error) *hook {
	h := &hook{read: read}
	h.Reset([]byte(content))
	return h
}

func (h *hook) Read(p []byte) (int, error) {
	if err := h.read(); err != nil {
		return 0, err
	}
	return h.Reader.Read(p[:min(len(p), 4<<10)])
}

// WriteTo hides that of [bytes.Reader].
func (h *hook) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{h}) }
