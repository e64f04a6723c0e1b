package gittest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Main is for TestMain: os.Exit(gittest.Main(m)). It takes away what would make tests depend on who runs them (see
// [Environ]), gives git and the go command settings that reach nobody, and makes [http.DefaultTransport], with all
// clones of it, and [net.DefaultResolver] refuse to leave this machine. See [AnswerNames] for names.
func Main(m *testing.M) int {
	for _, kv := range os.Environ() {
		if key, _, _ := strings.Cut(kv, "="); foreign(key) {
			os.Unsetenv(key)
		}
	}
	for _, kv := range []string{
		"GOENV=off", "GOFLAGS=", "GOPROXY=off", "GOSUMDB=off",
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
	} {
		key, value, _ := strings.Cut(kv, "=")
		os.Setenv(key, value)
	}
	net.DefaultResolver = &net.Resolver{
		PreferGo: true, // it knows localhost from the hosts file
		Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
			if answer := nameServer.Load(); answer != nil {
				return dialNameServer(*answer), nil
			}
			return nil, fmt.Errorf("gittest: no name server is asked in tests (%s)", addr)
		},
	}
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.Proxy, t.DialContext = nil, dialLoopback
	}
	return m.Run()
}

// dialLoopback dials addresses on this machine, and refuses others before any name is looked up.
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("gittest: tests dial nothing but loopback, not %s", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}
