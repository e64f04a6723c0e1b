package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/vanity/internal/gittest"
)

// bigRepository has a module of some megabytes that can't be compressed.
func bigRepository(t testing.TB) *gittest.Repo {
	repo := gittest.New(t, "print go.mod \"module go.acme.test/big\\n\"\ncommit one\n")
	data := make([]byte, 16<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	repo.Write("data.bin", data)
	repo.Commit("big")
	repo.Git("tag", "v1.0.0")
	return repo
}

// TestEnd has the server told to end in the middle of a big download, which goes on to its end. Nobody new is served.
func TestEnd(t *testing.T) {
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"big": bigRepository(t)})
	p := start(t, fmt.Sprintf("modules:\n  - {base: /go, url: %s/big, module: go.acme.test/big}\n", host.URL))
	zip := p.url + "/go/go.acme.test/big/@v/v1.0.0.zip"
	_, whole := get(t, zip)

	resp, err := http.Get(zip)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	h := sha256.New()
	if _, err := io.CopyN(h, resp.Body, 100<<10); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.await("ending: no new requests, and running ones may end", "", "")
	eventually(t, "nobody new is served", func() bool {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(p.url + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err != nil
	})
	if status, body := get(t, p.admin+"/readyz"); status != 503 || body != "ending\n" {
		t.Errorf("readyz: %d %s", status, body)
	}
	if n, err := io.Copy(h, resp.Body); err != nil || int(n) != len(whole)-100<<10 {
		t.Errorf("the rest: %d bytes of %d, %v", n, len(whole)-100<<10, err)
	}
	if want := sha256.Sum256([]byte(whole)); !bytes.Equal(h.Sum(nil), want[:]) {
		t.Error("the download is another")
	}
	http.DefaultClient.CloseIdleConnections()
	p.end()
}

// TestEndLimit has a client that doesn't come to an end.
func TestEndLimit(t *testing.T) {
	host := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"big": bigRepository(t)})
	p := start(t, fmt.Sprintf("shutdown_timeout: 100ms\nmodules:\n  - {base: /go, url: %s/big, module: go.acme.test/big}\n", host.URL))
	resp, err := http.Get(p.url + "/go/go.acme.test/big/@v/v1.0.0.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	p.signal(syscall.SIGTERM)
	<-p.done
	if !strings.Contains(p.log(), "after 100ms there were requests still running") || p.err == nil {
		t.Errorf("%v\n%s", p.err, p.log())
	}
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the download is whole: the test tests nothing")
	}
}

// TestTLS serves with the certificate of files, and after a reload with a new one.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	files := func() *x509.CertPool {
		authority := gittest.NewAuthority(t)
		cert, err := authority.Certificate(&tls.ClientHelloInfo{ServerName: "go.acme.test"})
		if err != nil {
			t.Fatal(err)
		}
		writeCertificate(t, cert, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		return authority.Pool()
	}
	first := files()
	config := fmt.Sprintf("host: go.acme.test\npaths: {tool: {repo: https://github.com/acme/tool}}\ntls: {cert: %[1]s/cert.pem, key: %[1]s/key.pem}\n", dir)
	p := start(t, config)
	works := func(pool *x509.CertPool) error {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "go.acme.test"}, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		resp, err := client.Get(strings.Replace(p.url, "http:", "https:", 1) + "/tool?go-get=1")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
			return fmt.Errorf("%s %s", resp.Proto, resp.Status)
		}
		return nil
	}
	if err := works(first); err != nil {
		t.Fatal(err)
	}
	second := files()
	p.signal(syscall.SIGHUP)
	p.await("the configuration was read anew", "", "")
	if err := works(second); err != nil {
		t.Errorf("the new certificate: %v", err)
	}
	if works(first) == nil {
		t.Error("the old certificate is there still")
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.await("the new configuration can't be served, and the old one stays", "err", p.file+": tls: tls: failed to find any PEM data in key input")
	if err := works(second); err != nil {
		t.Errorf("after a broken key: %v", err)
	}
}
