package mirror

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A request is one that git clients make of a mirror.
type request struct {
	version   int       // of the protocol
	advertise bool      // what is asked for is what the mirror has to offer
	body      io.Reader // else, to the end
}

// contentType is the type of the answer.
func (q request) contentType() string {
	if q.advertise {
		return "application/x-git-upload-pack-advertisement"
	}
	return "application/x-git-upload-pack-result"
}

var (
	errAbsent = errors.New("there is no mirror yet")
	errBusy   = errors.New("too many clients are served at the same time")
)

// An upload is what git upload-pack answers. It must be closed.
type upload struct {
	ctx    context.Context
	cancel context.CancelFunc
	out    io.Reader
	cmd    *exec.Cmd
	pipe   io.ReadCloser
	stderr *tail
	free   func()

	waiting sync.Once
	err     error // of the process, if waiting is done
	began   bool
}

// upload starts git for a request, when its turn comes. There is an answer, or it has failed before its first byte.
func (m *Mirrors) upload(ctx context.Context, r *repository, q request) (*upload, error) {
	if !r.exists() {
		return nil, errAbsent
	}
	free, err := m.turn(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.options.UploadTime)
	u := &upload{ctx: ctx, cancel: cancel, free: free}
	args := []string{"upload-pack", "--stateless-rpc", "--strict"}
	if q.advertise {
		args = append(args, "--advertise-refs")
	}
	u.cmd, u.stderr = m.command(ctx, task{
		stdin: q.body,
		env:   []string{fmt.Sprintf("GIT_PROTOCOL=version=%d", q.version)},
	}, append(args, r.dir)...)
	if u.pipe, err = u.cmd.StdoutPipe(); err == nil {
		err = u.cmd.Start()
	}
	if err != nil {
		cancel()
		free()
		return nil, fmt.Errorf("git upload-pack: %w", err)
	}
	if err := u.begin(q); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// turn waits until no more than the allowed number of others are served.
func (m *Mirrors) turn(ctx context.Context) (free func(), err error) {
	free = sync.OnceFunc(func() { <-m.serving })
	select {
	case m.serving <- struct{}{}:
		return free, nil
	default:
	}
	timer := time.NewTimer(m.options.Queue)
	defer timer.Stop()
	select {
	case m.serving <- struct{}{}:
		return free, nil
	case <-timer.C:
		return nil, errBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// begin waits for the first byte.
func (u *upload) begin(q request) error {
	buffered := bufio.NewReaderSize(u.pipe, 32<<10)
	if _, err := buffered.Peek(1); err != nil {
		if err = u.wait(); err != nil {
			return fmt.Errorf("git upload-pack: %w: %s", err, u.stderr.text())
		}
		u.out = strings.NewReader("")
		return nil
	}
	u.out, u.began = buffered, true
	if q.advertise && q.version < 2 { // as git http-backend has it
		u.out = io.MultiReader(strings.NewReader("001e# service=git-upload-pack\n0000"), buffered)
	}
	return nil
}

// Read implements [io.Reader]. At the end of a git that was killed is an error.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.out.Read(p)
	if err == nil {
		return n, nil
	}
	werr := u.wait()
	var exit *exec.ExitError
	if u.began && u.ctx.Err() == nil && errors.As(werr, &exit) && exit.Exited() {
		werr = nil // git has told the client what is wrong
	}
	if werr != nil {
		return n, fmt.Errorf("git upload-pack: %w", werr)
	}
	return n, err
}

// wait waits for the end of the process.
func (u *upload) wait() error {
	u.waiting.Do(func() { u.err = u.cmd.Wait() })
	return u.err
}

// Close ends the process, if it hasn't ended.
func (u *upload) Close() error {
	u.cancel()
	u.wait()
	u.free()
	return nil
}
