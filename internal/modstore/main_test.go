package modstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/vanity/internal/git"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/modproxy"
	"example.com/vanity/internal/modrepo"
	"example.com/vanity/internal/modstore"
)

func TestMain(m *testing.M) {
	status := gittest.Main(m)
	os.RemoveAll(template.dir)
	os.Exit(status)
}

// modPath is the module of most tests.
const modPath = "x.test/m"

const twoVersions = `
	write
	commit one
	tag v1.0.0
	print m.go "package m // two\n"
	commit two
	tag v1.1.0
	-- go.mod --
	module x.test/m
	-- m.go --
	package m // one
	`

// script takes the indentation away, by which txtar finds no files.
func script(s string) string { return strings.ReplaceAll(s, "\n\t", "\n") }

// template is the directory of a repository that many tests begin with: a copy is made faster.
var template struct {
	sync.Mutex
	dir string
}

// newRepo makes a repository by a script.
func newRepo(t *testing.T, s string) *gittest.Repo {
	t.Helper()
	if s != twoVersions {
		return gittest.New(t, script(s))
	}
	template.Lock()
	if template.dir == "" {
		dir, err := os.MkdirTemp("", "modstore-*")
		if err == nil {
			template.dir, err = dir, os.CopyFS(dir, os.DirFS(gittest.New(t, script(s)).Dir))
		}
		if err != nil {
			t.Error(err)
		}
	}
	template.Unlock()
	r := gittest.New(t, "")
	if err := errors.Join(os.RemoveAll(r.GitDir()), os.CopyFS(r.Dir, os.DirFS(template.dir))); err != nil {
		t.Fatal(err)
	}
	r.At(gittest.Epoch.Add(time.Hour))
	return r
}

// A host is a real repository that counts what it is asked, and fails or waits as it is told.
type host struct {
	modrepo.Repository
	asked atomic.Int64
	dated atomic.Int64 // how many commits the times were asked of
	fault atomic.Pointer[func(context.Context) error]
}

// local is the host of a repository on this machine.
func local(r *gittest.Repo) *host {
	return &host{Repository: new(git.Client).Open(r.GitDir())}
}

// set says what happens before each answer; nil for nothing.
func (h *host) set(fault func(context.Context) error) {
	if fault == nil {
		h.fault.Store(nil)
		return
	}
	h.fault.Store(&fault)
}

// fail makes the host fail in one way.
func (h *host) fail(kind git.Kind) {
	h.set(func(context.Context) error { return &git.Error{Kind: kind, Repo: "r", Err: errors.New("on purpose")} })
}

// hang makes the host answer nothing until the channel is closed.
func (h *host) hang() (end chan struct{}) {
	end = make(chan struct{})
	h.set(func(ctx context.Context) error {
		select {
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return end
}

func (h *host) ask(ctx context.Context) error {
	h.asked.Add(1)
	if fault := h.fault.Load(); fault != nil {
		return (*fault)(ctx)
	}
	return nil
}

// quiet fails the test if the host is asked during do.
func (h *host) quiet(t *testing.T, do func()) {
	t.Helper()
	before := h.asked.Load()
	do()
	if n := h.asked.Load() - before; n != 0 {
		t.Errorf("the host was asked %d times", n)
	}
}

func (h *host) Refs(ctx context.Context, prefixes ...string) ([]git.Ref, error) {
	if err := h.ask(ctx); err != nil {
		return nil, err
	}
	return h.Repository.Refs(ctx, prefixes...)
}

func (h *host) Snapshot(ctx context.Context, commit git.Hash, dir string) (*git.Snapshot, error) {
	if err := h.ask(ctx); err != nil {
		return nil, err
	}
	return h.Repository.Snapshot(ctx, commit, dir)
}

func (h *host) Times(ctx context.Context, hashes []git.Hash) (map[git.Hash]time.Time, error) {
	if err := h.ask(ctx); err != nil {
		return nil, err
	}
	h.dated.Add(int64(len(hashes)))
	return h.Repository.Times(ctx, hashes)
}

// module is a module of the host, by its path.
func (h *host) module(path string) modstore.Module {
	return modstore.Module{
		Path: path,
		Host: "git.test",
		At: func(directory, path string) (*modrepo.Module, error) {
			source := &modrepo.Source{Repo: h, Directory: directory, TagPrefix: "v"}
			return source.Module(path, false)
		},
	}
}

// A client asks a store for the files of a module.
type client struct {
	t     *testing.T
	store *modstore.Store
	m     modstore.Module
	log   *logs
}

// newClient makes a store, and a client of it. What the options leave out is a minute's freshness and a log to look at.
func newClient(t *testing.T, h *host, o modstore.Options) *client {
	c := &client{t: t, m: h.module(modPath), log: new(logs)}
	if o.Fresh == 0 {
		o.Fresh = time.Minute
	}
	o.Log = c.log.logger
	c.store = modstore.New(o)
	return c
}

// An answer is a file as a client got it.
type answer struct {
	text         string
	fixed, stale bool
}

// ask gives a file by the end of its URL, such as "/@v/list": what is ready, or else what there is.
func (c *client) ask(ctx context.Context, file string) (answer, error) {
	req, err := modproxy.Parse(c.m.Path + file)
	if err != nil {
		return answer{}, err
	}
	held, content, ok := c.store.Ready(ctx, &c.m, req.Kind, c.m.Path+file)
	switch {
	case ok && content == nil:
		if sum := sha256.Sum256(held.Data); held.ETag != `"`+hex.EncodeToString(sum[:])+`"` || held.Length != strconv.Itoa(len(held.Data)) {
			c.t.Errorf("%s: ETag is %s, length %s of %d bytes with hash %x", file, held.ETag, held.Length, len(held.Data), sum)
		}
		return answer{string(held.Data), held.Fixed, false}, nil
	case !ok:
		content, err = c.store.File(ctx, c.m, req)
	}
	if err != nil {
		if content != nil {
			c.t.Errorf("%s: content beside the error %v", file, err)
		}
		return answer{}, err
	}
	defer content.Close()
	return answer{read(c.t, content), content.Fixed, content.Stale}, nil
}

// read reads a content, and compares it with its sum.
func read(t *testing.T, c *modstore.Content) string {
	t.Helper()
	data, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	if sum := sha256.Sum256(data); c.ETag() != `"`+hex.EncodeToString(sum[:])+`"` {
		t.Errorf("ETag is %s, the bytes' hash is %x", c.ETag(), sum)
	}
	return string(data)
}

// get is ask for what must be there.
func (c *client) get(file string) answer {
	c.t.Helper()
	a, err := c.ask(c.t.Context(), file)
	if err != nil {
		c.t.Fatalf("%s: %v", file, err)
	}
	return a
}

// want wants a file to be a text, new or old.
func (c *client) want(file, text string, stale bool) {
	c.t.Helper()
	a, err := c.ask(c.t.Context(), file)
	if err != nil || a.text != text || a.stale != stale {
		c.t.Errorf("%s: %.300q, stale %v, %v; want %.300q, stale %v", file, a.text, a.stale, err, text, stale)
	}
}

// wantError wants an error of a type.
func wantError[E error](c *client, file string) (e E) {
	c.t.Helper()
	a, err := c.ask(c.t.Context(), file)
	if !errors.As(err, &e) {
		c.t.Errorf("%s: %.300q, error %v (%T), want a %T", file, a.text, err, err, e)
	}
	return e
}

// later is ask in a goroutine.
func (c *client) later(ctx context.Context, file string) <-chan result {
	done := make(chan result, 1)
	go func() {
		a, err := c.ask(ctx, file)
		done <- result{a, err}
	}()
	return done
}

type result struct {
	answer
	err error
}

// A logs keeps what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// count wants so many lines with a text.
func (l *logs) count(t *testing.T, text string, want int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := strings.Count(l.buf.String(), text); n != want {
		t.Errorf("%d lines with %q, want %d, in the log:\n%s", n, text, want, l.buf.String())
	}
}

// hash is the commit that a revision leads to.
func hash(r *gittest.Repo, rev string) string { return r.Git("rev-parse", rev+"^{commit}") }

// wantCommit wants an info, go.mod or zip of the test's module to be of a commit, by what its m.go says.
func (c *client) wantCommit(version, commit, words string) {
	c.t.Helper()
	if info := c.get("/@v/" + version + ".info").text; !strings.Contains(info, fmt.Sprintf("%q", commit)) {
		c.t.Errorf("info %s, want commit %s", info, commit)
	}
	if text := zipFile(c.t, c.get("/@v/"+version+".zip").text, modPath+"@"+version+"/m.go"); text != "package m // "+words+"\n" {
		c.t.Errorf("zip: %q, want what says %q", text, words)
	}
}

// request reads the end of a URL.
func request(c *client, file string) modproxy.Request {
	c.t.Helper()
	req, err := modproxy.Parse(c.m.Path + file)
	if err != nil {
		c.t.Fatal(err)
	}
	return req
}
