package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"
)

// findGit finds a git that can do what is asked of it here.
func findGit() (string, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return "", errors.New("mirror: the git program is needed, and there is none in PATH: install git 2.36 or later")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return "", fmt.Errorf("mirror: %s version: %w", program, err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "git version %d.%d", &major, &minor); err != nil {
		return "", fmt.Errorf("mirror: %s version: it says %.100q", program, out)
	}
	if major < 2 || major == 2 && minor < 36 { // fetch --atomic --prune
		return "", fmt.Errorf("mirror: %s is git %d.%d: install git 2.36 or later", program, major, minor)
	}
	return filepath.Abs(program)
}

// kept are the variables that git gets from the environment: where programs are, and how the network is reached.
var kept = []string{
	"PATH", "TMPDIR", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
	"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_EXEC_PATH",
}

// environ is git's environment: nobody's configuration, no prompt, no home where a .netrc could be.
func environ(home string) []string {
	var env []string
	certificates := ""
	for _, kv := range os.Environ() {
		key, value, _ := strings.Cut(kv, "=")
		key = strings.ToUpper(key) // curl and Go know the proxies by lower case, too
		for _, name := range kept {
			if key == name {
				env = append(env, kv)
			}
		}
		if key == "SSL_CERT_FILE" {
			certificates = value
		}
	}
	if certificates != "" && os.Getenv("GIT_SSL_CAINFO") == "" { // what Go goes by, for the same hosts
		env = append(env, "GIT_SSL_CAINFO="+certificates)
	}
	return append(env,
		"HOME="+home,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=",
		"GIT_DEFAULT_REF_FORMAT=files",
		"LC_ALL=C",
	)
}

// settings are git's configuration, beside what a mirror's own config says.
var settings = []string{
	"core.hooksPath=" + os.DevNull,
	"core.fsync=committed", // all of it, before its name
	"init.defaultBranch=main",
	"gc.autoDetach=false",
	"protocol.version=2",
	"fetch.recurseSubmodules=false",
	"fetch.showForcedUpdates=false",
	"http.followRedirects=initial",
	"http.lowSpeedLimit=1",
	"http.lowSpeedTime=60",
	"transfer.fsckObjects=true",
	// What old versions of git and its like have written in good faith. Every repository of some age has one of them.
	"fetch.fsck.badDate=warn",
	"fetch.fsck.badDateOverflow=warn",
	"fetch.fsck.badEmail=warn",
	"fetch.fsck.badTimezone=warn",
	"fetch.fsck.badTagName=warn",
	"fetch.fsck.missingEmail=warn",
	"fetch.fsck.missingNameBeforeEmail=warn",
	"fetch.fsck.missingSpaceBeforeDate=warn",
	"fetch.fsck.missingSpaceBeforeEmail=warn",
	"fetch.fsck.zeroPaddedDate=warn",
	"fetch.fsck.zeroPaddedFilemode=warn",
	// Clients may ask for any object by its name, and in parts: the library's own does, and the go command.
	"uploadpack.allowFilter=true",
	"uploadpack.allowAnySHA1InWant=true",
	"uploadpackfilter.allow=true",
}

// A task is one run of git.
type task struct {
	dir    string   // of the repository, if it works in one
	config []string // key=value, in addition to settings
	env    []string // in addition to environ
	stdin  io.Reader
	stdout io.Writer
	writes bool // to the mirrors
}

// command makes the process of a task. When ctx ends, it is killed, with all that it has started.
func (m *Mirrors) command(ctx context.Context, t task, args ...string) (cmd *exec.Cmd, stderr *tail) {
	if t.dir != "" {
		args = append([]string{"--git-dir=" + t.dir}, args...)
	}
	cmd = exec.CommandContext(ctx, m.program, args...)
	cmd.Dir = m.dir
	cmd.Env = append(append(m.environ[:len(m.environ):len(m.environ)], t.env...), configEnviron(append(settings[:len(settings):len(settings)], t.config...))...)
	cmd.Stdin, cmd.Stdout = t.stdin, t.stdout
	stderr = new(tail)
	cmd.Stderr = stderr
	cmd.WaitDelay = 5 * time.Second
	group(cmd)
	if t.writes {
		m.mu.Lock()
		m.lock.share(cmd)
		m.mu.Unlock()
	}
	return cmd, stderr
}

// configEnviron passes configuration by the environment, where no list of processes shows it.
func configEnviron(pairs []string) []string {
	env := []string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(pairs))}
	for i, kv := range pairs {
		key, value, _ := strings.Cut(kv, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	return env
}

// git runs git to its end.
func (m *Mirrors) git(ctx context.Context, t task, args ...string) error {
	cmd, stderr := m.command(ctx, t, args...)
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &gitError{args[0], stderr.text(), err}
}

// output is git with what it prints.
func (m *Mirrors) output(ctx context.Context, t task, args ...string) (string, error) {
	var b bytes.Buffer
	t.stdout = &b
	err := m.git(ctx, t, args...)
	return b.String(), err
}

// A gitError says what git said.
type gitError struct {
	command string
	text    string
	err     error
}

func (e *gitError) Error() string {
	if e.text == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("git %s: %s", e.command, e.text)
}

func (e *gitError) Unwrap() error { return e.err }

// says reports whether git's words hold one of some texts.
func says(err error, texts ...string) bool {
	var e *gitError
	if !errors.As(err, &e) {
		return false
	}
	for _, text := range texts {
		if strings.Contains(e.text, text) {
			return true
		}
	}
	return false
}

// A tail keeps the last of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const mostTail = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p[max(0, len(p)-mostTail):]...)
	t.b = t.b[max(0, len(t.b)-mostTail):]
	return len(p), nil
}

// text is what was written as one line. Much of it may be the host's words.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.FieldsFunc(string(t.b), func(c rune) bool { return c == '\n' || c == '\r' })
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(strings.Join(lines, "; "), "?"))
}

// Names of the variables by which a credential helper, which is a line of shell, gets what it gives.
const (
	userVariable     = "VANITY_MIRROR_USER"
	passwordVariable = "VANITY_MIRROR_PASSWORD"
)

const helper = `!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$` + userVariable + `" "$` + passwordVariable + `"; }; f`

// login gives git the credentials for a repository: by its environment, for that host alone, and only if it asks.
func (m *Mirrors) login(ctx context.Context, r *repository, t *task) error {
	if m.options.Credentials == nil || r.scheme != "https" {
		return nil
	}
	u, err := url.Parse(r.url)
	if err != nil {
		return err
	}
	user, password, err := m.options.Credentials(ctx, u)
	switch {
	case err != nil:
		return fmt.Errorf("credentials for %s: %w", r.url, err)
	case user == "" && password == "":
		return nil
	case strings.ContainsAny(user+password, "\r\n\x00"):
		return fmt.Errorf("credentials for %s: the user or the password has a line break", r.url)
	}
	t.config = append(t.config, "credential.https://"+r.host+".helper="+helper)
	t.env = append(t.env, userVariable+"="+user, passwordVariable+"="+password)
	return nil
}
