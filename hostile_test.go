package vanity_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
)

var hostileAll = flag.Bool("hostile", false, "make all attacks of hostile repositories, and measure the memory that they take")

// hostileVariable makes the test binary a Gosub that is attacked, see serveHostile.
const hostileVariable = "VANITY_TEST_HOSTILE"

// hostileNames are those of the host: of each so many repositories are asked for at the same time.
var hostileNames = []string{"git.acme.test", "git2.acme.test"}

// A hostileServer is what such a process is told: where the host is, and who vouches for it.
type hostileServer struct{ Addr, CA string }

// serveHostile is the whole of such a process. It ends when it is killed, or with the process that began it.
func serveHostile(spec string) {
	var s hostileServer
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		log.Fatal(err)
	}
	ca, err := os.ReadFile(s.CA)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Addr)
		},
		ForceAttemptHTTP2: true,
	}}
	h := vanity.Gosub("", vanity.WithHosts(hostileNames...), vanity.WithTrustedClient(client))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	fmt.Printf("http://%s\n", l.Addr())
	log.Fatal(http.Serve(l, h))
}

// A hostile is a handcrafted git host.
type hostile struct {
	advertise func(w io.Writer) // all of the advertisement; nil for that of version 2
	refs      func(w io.Writer) // what is listed by version 2; nil for one tag, v1.0.0, of head
	fetch     func(w io.Writer) // what is sent for all that is wanted; nil for the pack
	pack      func() []byte     // makes it, and head; nil if there is none
	head      string            // a commit's name

	packed []byte
}

const hostileVersion2 = "001e# service=git-upload-pack\n0000000eversion 2\n000cls-refs\n0012fetch=shallow\n0000"

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := bufio.NewWriterSize(w, 1<<16)
	defer b.Flush()
	if strings.HasSuffix(r.URL.Path, "/info/refs") {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		if h.advertise != nil {
			h.advertise(b)
			return
		}
		io.WriteString(b, hostileVersion2)
		return
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	body, _ := io.ReadAll(r.Body)
	switch {
	case bytes.Contains(body, []byte("command=ls-refs")) && h.refs != nil:
		h.refs(b)
	case bytes.Contains(body, []byte("command=ls-refs")):
		fmt.Fprintf(b, "%s%s0000", pktLine(fmt.Sprintf("%x HEAD\n", h.head)), pktLine(fmt.Sprintf("%x refs/tags/v1.0.0\n", h.head)))
	case h.fetch != nil:
		h.fetch(b)
	default:
		sendPack(b, h.packed)
	}
}

func pktLine(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

func sendPack(w io.Writer, data []byte) {
	io.WriteString(w, pktLine("packfile\n"))
	for len(data) > 0 {
		n := min(len(data), 65515)
		fmt.Fprintf(w, "%04x\x01", n+5)
		w.Write(data[:n])
		data = data[n:]
	}
	io.WriteString(w, "0000")
}

// A hostileAttack is a request that makes Gosub ask a hostile host.
type hostileAttack struct {
	name   string
	host   *hostile
	times  int    // requests at the same time, each of another repository; zero for one
	file   string // of the module that is asked for
	want   string // statuses that may come
	text   string // one of some, with a bar between, in an answer or in the log
	memory int    // MiB that the process takes at most, resident
	heavy  bool   // takes long, or much of this process too
}

// A victim is a process that is attacked.
type victim struct {
	process
	temp string
}

func startVictim(t testing.TB, s hostileServer) *victim {
	t.Helper()
	v := &victim{temp: t.TempDir()}
	v.start(t, hostileVariable, s, gittest.Environ("TMPDIR="+v.temp))
	return v
}

// peak is the most memory that the process has had, in MiB.
func (v *victim) peak() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	if err != nil {
		v.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	kB := 0
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		v.t.Fatalf("%v in\n%s", err, data)
	}
	return kB >> 10
}

// TestHostile lets repositories that are made to be huge be asked for by Gosub, in a process for each. All attacks have an
// answer, leave no file behind, and end; how much memory the process has taken is compared with a bound where that can be
// measured: with -hostile, on Linux, by VmHWM, the peak of what was resident.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	authority := gittest.NewAuthority(t)
	for _, tt := range hostileAttacks {
		if !tt.heavy || *hostileAll {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				tt.run(t, authority)
			})
		}
	}
}

// serve runs the host, and gives its address.
func (h *hostile) serve(t *testing.T, authority *gittest.Authority) (addr string) {
	if h.pack != nil {
		h.packed = h.pack()
	}
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{GetCertificate: authority.Certificate}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() {
		server.Close()
		h.packed = nil // which may be large
	})
	return server.Listener.Addr().String()
}

func (a hostileAttack) run(t *testing.T, authority *gittest.Authority) {
	v := startVictim(t, hostileServer{Addr: a.host.serve(t, authority), CA: authority.File()})
	began := time.Now()
	var wg sync.WaitGroup
	answers := make([]string, max(a.times, 1))
	for i := range answers {
		wg.Go(func() {
			answers[i] = v.ask(fmt.Sprintf("%s/a/r%d;/go.acme.test/m/%s", hostileNames[i%len(hostileNames)], i, a.file))
			if status, _, _ := strings.Cut(answers[i], " "); !strings.Contains(a.want, status) {
				t.Errorf("answer %s; want status %s", answers[i], a.want)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	said := func() bool {
		text := strings.Join(answers, "") + v.log.text()
		return slices.ContainsFunc(strings.Split(a.text, "|"), func(s string) bool { return strings.Contains(text, s) })
	}
	for end := time.Now().Add(5 * time.Second); !said() && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // the log comes by a pipe
	}
	if !said() {
		t.Errorf("nobody says %q: the answers are %.2000q, the log has %.2000s", a.text, answers, v.log.text())
	}
	if left, err := os.ReadDir(v.temp); err != nil || len(left) > 0 {
		t.Errorf("the temporary directory has %v, %v", left, err)
	}
	if !*hostileAll || runtime.GOOS != "linux" {
		return
	}
	peak := v.peak()
	t.Logf("%.3s: %d MiB, %v", answers[0], peak, took.Round(time.Millisecond))
	if peak > a.memory {
		t.Errorf("the process took %d MiB of memory, more than %d", peak, a.memory)
	}
}

// ask gives status and text of an answer. Of a file, only that it comes whole is of interest.
func (v *victim) ask(path string) string {
	client := &http.Client{Timeout: 90 * time.Second}
	resp, err := client.Get(v.url + "/" + path)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var b strings.Builder
	w := io.Writer(&b)
	if resp.StatusCode == http.StatusOK {
		w = io.Discard
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode, " ", b.String())
}

// TestHostileSlow has a host that goes on and on, a little at a time. Nothing is asked of it any more once the caller has gone.
func TestHostileSlow(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	authority := gittest.NewAuthority(t)
	said, left := make(chan bool), make(chan bool)
	var once sync.Once
	h := &hostile{refs: func(w io.Writer) {
		defer close(left)
		for {
			if _, err := io.WriteString(w, strings.Repeat(aTag, 100)); err != nil || w.(*bufio.Writer).Flush() != nil {
				return
			}
			once.Do(func() { close(said) })
			time.Sleep(time.Millisecond)
		}
	}}
	v := startVictim(t, hostileServer{Addr: h.serve(t, authority), CA: authority.File()})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-said
		leave()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+"/git.acme.test/a/r;/go.acme.test/m/@v/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		t.Errorf("status %d, although the host has said nothing", resp.StatusCode)
	}
	select {
	case <-left:
	case <-time.After(20 * time.Second):
		t.Error("the host is listened to although nobody waits")
	}
}
