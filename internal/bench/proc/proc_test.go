package proc_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"example.com/vanity/internal/bench/proc"
)

func TestMain(m *testing.M) {
	if proc.Role() == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0")
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve says by its page what it was told, and can hold memory, as can a child of its own.
func serve() error {
	var told string
	if err := proc.Spec(&told); err != nil {
		return err
	}
	if told == "fail" {
		return fmt.Errorf("as it was told")
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, told+" "+os.Getenv("EXTRA")) })
	return proc.Serve(page, nil, func(question string) any {
		if question == "child" { // tail keeps a line without an end
			return fmt.Sprint(exec.Command("sh", "-c", fmt.Sprintf("head -c %d /dev/zero | tail -n 1 >/dev/null", held)).Run())
		}
		b := make([]byte, held)
		for i := range b {
			b[i] = 1
		}
		return len(b)
	})
}

const held = 50 << 20

func TestProcess(t *testing.T) {
	p, err := proc.StartServer("page", "hello", "EXTRA=env")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "hello env" {
		t.Errorf("the page is %q, %v", body, err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if err := exec.Command("kill", "-0", fmt.Sprint(p.PID())).Run(); err == nil {
		t.Error("the process lives on")
	}
	if p, err := proc.StartServer("page", "fail"); err == nil {
		p.Stop()
		t.Error("a process that failed was started")
	}
}

// TestMemory wants what a process holds for a moment to be seen, and what its children hold.
func TestMemory(t *testing.T) {
	p, err := proc.StartServer("page", "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	before, err := proc.Peak(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	watch := proc.Watching(p.PID())
	var status string
	if err := p.Ask("child", &status); err != nil || status != "<nil>" {
		t.Fatal(status, err)
	}
	if seen := watch.Peak(); seen < held/2 {
		t.Errorf("saw %d bytes while a child held %d", seen, held)
	}
	if own, err := proc.Peak(p.PID()); err != nil || own > before+held/2 {
		t.Errorf("a process has %d bytes, before %d, while it was a child that held memory; %v", own, before, err)
	}
	var n int
	if err := p.Ask("hold", &n); err != nil {
		t.Fatal(err)
	}
	if own, err := proc.Peak(p.PID()); err != nil || own < held {
		t.Errorf("a process that held %d bytes has a peak of %d; %v", held, own, err)
	}
	if _, err := proc.Peak(-1); err == nil {
		t.Error("a process that is none has a peak")
	}
}
