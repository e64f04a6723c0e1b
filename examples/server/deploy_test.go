package main

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v4"

	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/internal/gittest"
)

// TestFiles has the configurations that lie here, and who starts the server with them.
func TestFiles(t *testing.T) {
	for _, name := range []string{"WEBHOOK_SECRET", "CI_TOKEN", "GITHUB_TOKEN"} {
		t.Setenv(name, "a value of some length")
	}
	for _, file := range []string{"server.yaml", "compose-server.yaml"} {
		if _, err := config.Load(file, ""); err != nil {
			t.Error(err)
		}
	}
	all := config.Config{}
	if err := yaml.Load([]byte(read(t, "server.yaml")), &all, yaml.WithKnownFields()); err != nil {
		t.Error(err)
	}
	if all.Gosub == nil || all.Forge == nil || all.Mirror == nil || all.Webhook == nil || len(all.Modules) == 0 || len(all.Access) == 0 {
		t.Errorf("server.yaml lacks something: %+v", all)
	}
	docker := read(t, "Dockerfile")
	for _, m := range regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindAllStringSubmatch(docker, -1) {
		var args []string
		if err := yaml.Load([]byte(m[1]), &args); err != nil {
			t.Error(err)
		}
		accepts(t, args)
	}
	for _, m := range regexp.MustCompile(`(?m)^ExecStart\w*=\S+ (.*)$`).FindAllStringSubmatch(read(t, "vanity.service"), -1) {
		accepts(t, strings.Fields(m[1]))
	}
	var compose struct {
		Services map[string]struct {
			Command []string
			Image   string
			Build   struct{ Context, Dockerfile string }
			Volumes []string
		}
	}
	if err := yaml.Load([]byte(read(t, "compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	accepts(t, compose.Services["server"].Command)
	build := compose.Services["server"].Build
	if _, err := os.Stat(filepath.Join(build.Context, build.Dockerfile)); err != nil {
		t.Error(err)
	}
	if !slices.Contains(compose.Services["server"].Volumes, "./compose-server.yaml:/etc/vanity/server.yaml:ro") {
		t.Error("compose.yaml mounts another configuration")
	}
	if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
		unit := filepath.Join(t.TempDir(), "vanity.service")
		exe, _ := os.Executable()
		write(t, unit, strings.ReplaceAll(read(t, "vanity.service"), "/usr/local/bin/vanity-server", exe))
		if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// accepts asserts that the server takes some arguments.
func accepts(t *testing.T, args []string) {
	t.Helper()
	flags, file := newFlags("server", io.Discard)
	if err := flags.Parse(args); err != nil || file.name != "/etc/vanity/server.yaml" || flags.NArg() > 0 {
		t.Errorf("%q: %v, %+v", args, err, file)
	}
}

// TestStatic runs the server that the Dockerfile makes where there is nothing else, as an image from scratch has it.
func TestStatic(t *testing.T) {
	binary := os.Getenv("VANITY_STATIC_SERVER")
	if binary == "" {
		t.Skip("VANITY_STATIC_SERVER names no binary, as made by: CGO_ENABLED=0 go -C examples/server build -o FILE .")
	}
	if !strings.Contains(read(t, "Dockerfile"), "RUN CGO_ENABLED=0 go -C examples/server build ") {
		t.Error("the Dockerfile makes it otherwise")
	}
	exe, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	if libs, err := exe.ImportedLibraries(); err != nil || len(libs) > 0 || slices.ContainsFunc(exe.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("it isn't static: %v, %v", libs, err)
	}
	if os.Getuid() != 0 {
		t.Skip("only root may change the root directory")
	}
	root := t.TempDir()
	for _, dir := range []string{"tmp", "data"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{root, filepath.Dir(root)} { // of whoever runs the tests alone
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyFile(filepath.Join(root, "server"), binary); err != nil {
		t.Fatal(err)
	}
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"mono": gittest.New(t, mono)})
	file := filepath.Join(root, "server.yaml")
	write(t, file, addresses+fmt.Sprintf("host: go.acme.test\nproxy: /go\nstore: /data\npaths:\n  tool: {repo: \"%s/mono\", vcs: git, directory: libs/tool, tags: \"tool-*\"}\n", host.URL))
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/server", "-config", "/server.yaml")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = diesWithUs()
	cmd.SysProcAttr.Chroot, cmd.SysProcAttr.Credential = root, &syscall.Credential{Uid: 65532, Gid: 65532}
	p := startCommand(t, cmd, file)
	for path, want := range map[string]string{"/go/go.acme.test/tool/@v/list": "v1.0.0\nv1.1.0\n", "/go/go.acme.test/tool/@v/v1.1.0.mod": "module go.acme.test/tool\n"} {
		if status, body := get(t, p.url+path); status != 200 || body != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	if status, _ := get(t, p.url+"/go/go.acme.test/tool/@v/v1.1.0.zip"); status != 200 {
		t.Errorf("the zip: %d", status)
	}
	p.signal(syscall.SIGTERM)
	p.end()
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
