package main

import (
	"bufio"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// command is the program itself, which this binary is with that variable.
func command(t *testing.T, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = gittest.Environ(mainVariable + "=1")
	return cmd
}

func TestMainServes(t *testing.T) {
	t.Parallel()
	for name := range builds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := command(t, "-router", name, "-addr", "127.0.0.1:0")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cmd.Process.Kill()
				cmd.Wait()
			}()
			lines := bufio.NewScanner(stdout) // gin has much to say before
			for lines.Scan() {
				if at, ok := strings.CutPrefix(lines.Text(), name+" serves at "); ok {
					got := ask(t, at, "GET", "/tool/sub?go-get=1")
					if want := `content="go.acme.dev/tool mod https://go.acme.dev/go"`; got.Status != 200 || !strings.Contains(got.Body, want) {
						t.Errorf("%v; want %s", got, want)
					}
					return
				}
			}
			t.Error("it doesn't say where it serves")
		})
	}
}

func TestMainFaults(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`-router "martini": want one of chi, echo, gin, gorilla, httprouter, nethttp, fiber`: {"-router", "martini"},
		"listen tcp": {"-addr", "127.0.0.1:99999"},
	} {
		out, err := command(t, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v, %s; want %s", args, err, out, want)
		}
	}
}

// TestReadme has the README's commands do what it says.
func TestReadme(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	rows := regexp.MustCompile(`(?m)^\| \[([a-z]+)\.go\]\(([a-z]+\.go)\) \|`).FindAllStringSubmatch(readme, -1)
	var names []string
	for _, row := range rows {
		names = append(names, row[1])
		if _, err := os.Stat(row[2]); err != nil || row[2] != row[1]+".go" {
			t.Errorf("%s: %v", row[0], err)
		}
	}
	slices.Sort(names)
	if want := slices.Sorted(maps.Keys(builds)); !cmp.Equal(want, names) {
		t.Errorf("the table has %q, want %q", names, want)
	}
	if !strings.Contains(readme, "\ngo run . -router chi\n") {
		t.Error("it doesn't say how to run it")
	}
	get := regexp.MustCompile(`(?m)^GOPROXY='http://127\.0\.0\.1:8080(/\S+)' go (mod download -json golang\.org/x/mod@latest)$`).FindStringSubmatch(readme)
	if get == nil {
		t.Fatal("it has no command to try it with")
	}
	host := newGithub(t)
	g := gocmd.New(t)
	g.Proxy(start(t, Chi(site, host.options()...)) + get[1])
	if out := g.Run(strings.Fields(get[2])...); !strings.Contains(out, host.mod.Sum) {
		t.Errorf("%s; want %s", out, host.mod.Sum)
	}
}
