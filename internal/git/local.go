package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"example.com/vanity/internal/check"
)

// A localTransport speaks over a pipe to `git upload-pack --stateless-rpc`, for a repository on this machine.
type localTransport struct {
	dir   string
	stall time.Duration
}

func (t *localTransport) advertise(ctx context.Context) (io.ReadCloser, error) {
	return t.run(ctx, newestVersion, nil, "--advertise-refs")
}

func (t *localTransport) command(ctx context.Context, version int, request []byte) (io.ReadCloser, error) {
	return t.run(ctx, version, request)
}

func (t *localTransport) moved() (suffix string, own bool) { return "", true }

// run starts git. Filters are switched on for this process alone: they are off by default, and the repository's own
// owner asks.
func (t *localTransport) run(ctx context.Context, version int, request []byte, args ...string) (io.ReadCloser, error) {
	if !filepath.IsAbs(t.dir) { // git would take it for an option, or look for it where this process happens to be
		return nil, failf(NoRepository, "%q is neither an http or https URL nor an absolute path", check.Redact(t.dir))
	}
	if _, err := os.Stat(t.dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil, failf(NoRepository, "%w", err)
		}
		if errors.Is(err, errors.ErrUnsupported) { // in a Worker there are neither files nor programs
			err = fmt.Errorf("%s is a local repository, which needs a disk and the git program, and here is neither: name it by its https URL", t.dir)
		}
		return nil, err
	}
	g := newStallGuard(ctx, t.stall)
	args = append([]string{"-c", "uploadpack.allowFilter=true", "upload-pack", "--stateless-rpc"}, append(args, t.dir)...)
	cmd := exec.CommandContext(g.ctx, "git", args...)
	cmd.Env = gitEnviron(os.Environ(), version)
	cmd.Stdin = bytes.NewReader(request)
	cmd.WaitDelay = time.Second // a child of git's may hold the pipes longer than git lives
	p := &process{cmd: cmd, guard: g}
	cmd.Stderr = &p.stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		g.abandon()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// Not wrapped: a program that isn't there must not look like a repository that isn't.
		return nil, fmt.Errorf("a local repository needs the git program: %v", err)
	}
	p.stdout = stdout
	g.answered(p)
	return g, nil
}

// gitEnviron leaves out what would turn git to another repository or configuration.
func gitEnviron(environ []string, version int) []string {
	env := make([]string, 0, len(environ)+3)
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "GIT_CONFIG_") || name == "GIT_EXEC_PATH" {
			env = append(env, kv)
		}
	}
	return append(env, "GIT_PROTOCOL="+protocol(version), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

// A process is git's answer: its output, and at the end of it its verdict.
type process struct {
	cmd    *exec.Cmd
	guard  *stallGuard
	stdout io.ReadCloser
	stderr tail
	done   bool
}

func (p *process) Read(b []byte) (int, error) {
	n, err := p.stdout.Read(b)
	if err == nil || p.done {
		return n, err
	}
	p.done = true
	if werr := p.cmd.Wait(); werr != nil && !errors.Is(werr, exec.ErrWaitDelay) { // git itself ended well
		return n, p.verdict(werr)
	}
	return n, err
}

func (p *process) verdict(err error) error {
	if p.guard.ctx.Err() != nil {
		return p.guard.explain(err, Broken)
	}
	text := printable(p.stderr.b)
	kind := Broken
	if strings.Contains(text, "does not appear to be a git repository") || strings.Contains(text, "invalid gitfile format") {
		kind = NoRepository
	}
	return failf(kind, "git upload-pack: %w: %s", err, text)
}

// Close stops git if it still runs.
func (p *process) Close() error {
	if !p.done {
		p.done = true
		p.guard.cancel(nil)
		p.stdout.Close()
		p.cmd.Wait()
	}
	return nil
}

// tail keeps the beginning of what a program complains of.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[:min(len(p), 4096-len(t.b))]...)
	return len(p), nil
}
