package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) {
	status := gittest.Main(m)
	for _, dist := range builds {
		os.RemoveAll(dist)
	}
	os.Exit(status)
}

// workerdVariable names the program workerd, as npm installs it.
const workerdVariable = "VANITY_WORKERD"

// A set-up is what wrangler would make of wrangler.toml, for a Worker on this machine.
type setup struct {
	Program string // its directory below this one; if empty, the example itself
	Vars    map[string]string
	Host    *gittest.Server // all that the Worker can reach, by whatever name
	Disk    string          // directory of the object's database; if empty, a new one

	// Filled in by start:
	Dir, Address, Certificate, Date string
	Flags                           []string
}

const config = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .vanity),
    {{if .Certificate}}(name = "internet", external = (address = {{quote .Address}}, https = (options = (),
      tlsOptions = (trustedCertificates = [{{quote .Certificate}}]), certificateHost = "git.example.test"))),
    {{else}}(name = "internet", network = (allow = ["private"])),{{end}}
    (name = "disk", disk = (path = {{quote .Disk}}, writable = true)),
  ],
  v8Flags = ["--wasm-max-mem-pages=1600"], # 100 MiB of the 128 MB that there are for all
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const vanity :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "exchange.mjs", esModule = embed "exchange.mjs"),
    (name = "dist/wasm_exec.js", esModule = embed "dist/wasm_exec.js"),
    (name = "dist/vanity.wasm", wasm = embed "dist/vanity.wasm"),
  ],
  compatibilityDate = {{quote .Date}},
  compatibilityFlags = [{{range .Flags}}{{quote .}}, {{end}}],
  durableObjectNamespaces = [(className = "Vanity", uniqueKey = "vanity", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    (name = "VANITY", durableObjectNamespace = "Vanity"),
    {{range $name, $value := .Vars}}(name = {{quote $name}}, text = {{quote $value}}),
    {{end}}
  ],
);
`

// A worker is workerd with a Worker in it.
type worker struct {
	URL string // without a slash at its end
	cmd *exec.Cmd
	log *buffer
	end sync.Once
}

// A buffer may be written and read by several at once.
type buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{} // closed when there is more
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return b.b.Write(p)
}

// wait waits until a text has been written, which another process may do later than it answers.
func (b *buffer) wait(t *testing.T, text string) {
	t.Helper()
	for giveUp := time.After(time.Minute); ; {
		b.mu.Lock()
		has := strings.Contains(b.b.String(), text)
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more := b.more
		b.mu.Unlock()
		if has {
			return
		}
		select {
		case <-more:
		case <-giveUp:
			t.Fatalf("the log does not say %q", text)
		}
	}
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs a Worker until the end of the test, or until stop. Without workerd the test is skipped.
func start(t *testing.T, s setup) *worker {
	t.Helper()
	program := os.Getenv(workerdVariable)
	if program == "" {
		t.Skipf("%s does not name the program workerd: install it by npm, see README.md", workerdVariable)
	}
	s.write(t, built(t, s.Program))
	w := &worker{log: new(buffer)}
	w.cmd = exec.Command(program, "serve", "--control-fd=3", filepath.Join(s.Dir, "config.capnp"))
	w.cmd.Dir, w.cmd.SysProcAttr = s.Dir, diesWithUs()
	w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
	control, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	w.cmd.ExtraFiles = []*os.File{theirs}
	err = w.cmd.Start()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			t.Logf("workerd:\n%s", w.log)
		}
	})
	lines := bufio.NewScanner(control)
	for lines.Scan() {
		var event struct {
			Event, Socket string
			Port          int
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatalf("workerd says %q: %v", lines.Text(), err)
		}
		if event.Event == "listen" && event.Socket == "http" {
			w.URL = fmt.Sprintf("http://127.0.0.1:%d", event.Port)
			return w
		}
	}
	t.Fatal("workerd does not listen")
	return nil
}

func (w *worker) stop() {
	w.end.Do(func() {
		w.cmd.Process.Kill()
		w.cmd.Wait()
	})
}

// write makes a directory with all that the configuration names.
func (s *setup) write(t *testing.T, dist string) {
	t.Helper()
	s.Dir = t.TempDir()
	if s.Disk == "" {
		s.Disk = t.TempDir()
	}
	if s.Host != nil {
		_, s.Address, _ = strings.Cut(s.Host.URL, "://")
		if strings.HasPrefix(s.Host.URL, "https:") {
			s.Certificate = read(t, s.Host.CertFile())
		}
	}
	wrangler := read(t, "wrangler.toml")
	s.Date = regexp.MustCompile(`(?m)^compatibility_date = "(.+)"`).FindStringSubmatch(wrangler)[1]
	if err := json.Unmarshal([]byte(regexp.MustCompile(`(?m)^compatibility_flags = (\[.*?\])`).FindStringSubmatch(wrangler)[1]), &s.Flags); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dist, filepath.Join(s.Dir, "dist")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"worker.mjs", "exchange.mjs"} {
		write(t, filepath.Join(s.Dir, name), read(t, name))
	}
	var b strings.Builder
	tmpl := template.Must(template.New("config").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(config))
	if err := tmpl.Execute(&b, s); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.Dir, "config.capnp"), b.String())
}

var (
	buildMu sync.Mutex
	builds  = make(map[string]string)
)

// built builds a program as README.md says, once for all tests.
func built(t *testing.T, program string) (dist string) {
	t.Helper()
	buildMu.Lock()
	defer buildMu.Unlock()
	if dist, ok := builds[program]; ok {
		return dist
	}
	dist, err := os.MkdirTemp("", "vanity-worker-")
	if err != nil {
		t.Fatal(err)
	}
	builds[program] = dist
	cmd := exec.CommandContext(t.Context(), "go", "run", "./build", "-dir", dist, "./"+program)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return dist
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// An answer is what a client gets.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// ask makes one request, with headers as pairs.
func ask(t *testing.T, method, url string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}
