// Package proc runs the program that it is in again, as other processes, whose memory it watches.
package proc

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"example.com/vanity/internal/gittest"
)

const (
	roleVariable = "VANITY_BENCH_ROLE"
	specVariable = "VANITY_BENCH_SPEC"
)

// Role is what this process was started for, "" if it is the first one.
func Role() string { return os.Getenv(roleVariable) }

// Spec gets what the one that started this process told it.
func Spec(v any) error { return json.Unmarshal([]byte(os.Getenv(specVariable)), v) }

// Serve is the life of a process that serves on loopback until its parent stops it. Questions are answered by answer, which
// may be nil.
func Serve(h http.Handler, wrap func(net.Listener) net.Listener, answer func(question string) any) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	if wrap != nil {
		l = wrap(l)
	}
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(l, h) }()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(url); err != nil {
		return err
	}
	questions := bufio.NewScanner(os.Stdin)
	for questions.Scan() {
		if err := out.Encode(answer(questions.Text())); err != nil {
			return err
		}
	}
	select {
	case err := <-failed:
		return err
	default:
		return questions.Err()
	}
}

// A Process is one that was started.
type Process struct {
	URL string // if it serves

	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *json.Decoder
}

// Start runs this program in a role. It gets a clean environment, and env.
func Start(role string, spec any, env ...string) (*Process, error) {
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(self)}
	p.cmd.Env = append(gittest.Environ(env...), roleVariable+"="+role, specVariable+"="+string(data))
	p.cmd.Stderr = os.Stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(stdout)
	return p, p.cmd.Start()
}

// StartServer runs this program in a role that serves.
func StartServer(role string, spec any, env ...string) (*Process, error) {
	p, err := Start(role, spec, env...)
	if err != nil {
		return nil, err
	}
	if err := p.Read(&p.URL); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start: %w", role, err), p.Stop())
	}
	return p, nil
}

// Ask gets an answer.
func (p *Process) Ask(question string, answer any) error {
	if _, err := fmt.Fprintln(p.stdin, question); err != nil {
		return err
	}
	return p.Read(answer)
}

// Read gets what the process says unasked.
func (p *Process) Read(v any) error { return p.out.Decode(v) }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop tells the process to end, and waits until it has.
func (p *Process) Stop() error {
	p.stdin.Close()
	timer := time.AfterFunc(time.Minute, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	err := p.cmd.Wait()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(p.cmd.Args, " "), err)
	}
	return nil
}
