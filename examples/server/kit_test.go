package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/vanity/internal/gittest"
)

// argsVariable has the test binary be the server: signals want a process of its own.
const argsVariable = "VANITY_TEST_SERVER"

func TestMain(m *testing.M) {
	if args := os.Getenv(argsVariable); args != "" {
		var list []string
		if err := json.Unmarshal([]byte(args), &list); err != nil {
			panic(err)
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := run(ctx, list, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintf(os.Stderr, "server: %v\n", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(gittest.Main(m))
}

// command is the server with arguments.
func command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	list, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(gittest.Environ(argsVariable+"="+string(list)), env...)
	return cmd
}

// outcome runs the server to its end.
func outcome(t testing.TB, env []string, args ...string) (stdout, stderr string, ok bool) {
	t.Helper()
	cmd := command(t, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit {
		t.Fatal(err)
	}
	return out.String(), errs.String(), err == nil
}

// A process is a server that runs.
type process struct {
	t          testing.TB
	cmd        *exec.Cmd
	file       string
	url, admin string
	done       chan struct{}
	err        error

	mu    sync.Mutex
	lines []line
	more  chan struct{} // closed when there is another line
}

// A line is one of its log.
type line struct {
	text   string
	fields map[string]any
}

// write writes a configuration.
func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// start runs a server with a configuration, to which the addresses are added.
func start(t testing.TB, config string, env ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "server.yaml")
	write(t, file, addresses+config)
	return startFile(t, file, env, "-config", file)
}

const addresses = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"

// startFile runs a server with a file that is there. One without an address for its admin has none.
func startFile(t testing.TB, file string, env []string, args ...string) *process {
	t.Helper()
	cmd := command(t, env, args...)
	cmd.SysProcAttr = diesWithUs()
	return startCommand(t, cmd, file)
}

func startCommand(t testing.TB, cmd *exec.Cmd, file string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, file: file, done: make(chan struct{}), more: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("the server's log:\n%s", p.log())
		}
	})
	p.url = "http://" + p.await("listening", "for", "modules")["address"].(string)
	if strings.Contains(read(t, file), "admin:") {
		p.admin = "http://" + p.await("listening", "for", "admin")["address"].(string)
	}
	return p
}

// configure writes the configuration. The addresses of a running server stay.
func (p *process) configure(config string) {
	p.t.Helper()
	write(p.t, p.file, addresses+config)
}

func (p *process) read(stderr io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		l := line{text: lines.Text()}
		_ = json.Unmarshal(lines.Bytes(), &l.fields) // else it is no line of the log, but the end's
		p.mu.Lock()
		p.lines = append(p.lines, l)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.err = p.cmd.Wait()
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, l := range p.lines {
		fmt.Fprintln(&b, l.text)
	}
	return b.String()
}

const patience = 60 * time.Second // of tests, for what must happen

// await waits for a line of the log that has a message, and of a field a value that begins with another.
func (p *process) await(message, field, value string) map[string]any {
	p.t.Helper()
	return p.awaitAfter(0, message, field, value)
}

// mark gives the number of lines so far.
func (p *process) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

func (p *process) awaitAfter(mark int, message, field, value string) map[string]any {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		p.mu.Lock()
		i := slices.IndexFunc(p.lines[mark:], func(l line) bool {
			return l.fields["msg"] == message && (field == "" || strings.HasPrefix(fmt.Sprint(l.fields[field]), value))
		})
		if i >= 0 {
			defer p.mu.Unlock()
			return p.lines[mark+i].fields
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.done:
			p.t.Fatalf("the server ended (%v) before it said %q; its log:\n%s", p.err, message, p.log())
		case <-timeout:
			p.t.Fatalf("the server doesn't say %q with %s %q; its log:\n%s", message, field, value, p.log())
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the process to end well.
func (p *process) end() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("the server doesn't end; its log:\n%s", p.log())
	}
	if p.err != nil {
		p.t.Fatalf("the server ended with %v; its log:\n%s", p.err, p.log())
	}
}

// get asks for a URL.
func get(t testing.TB, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// eventually waits for what must come about.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it doesn't come about that %s", what)
		}
	}
}

// writeCertificate writes the files of a certificate and its key.
func writeCertificate(t testing.TB, cert *tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	write(t, certFile, string(chain))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}
