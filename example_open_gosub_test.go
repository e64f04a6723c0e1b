package vanity_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/vanity"
)

// openServer is a Gosub for the whole world, with a limit to the requests of each caller per period.
func openServer(limit int, period time.Duration, opts ...vanity.Option) *http.Server {
	gosub := vanity.Gosub("/", append(opts, vanity.WithPublicURL("https://gosub.acme.dev"))...)
	return &http.Server{
		Addr:              ":443",
		Handler:           &limiter{next: gosub, limit: limit, period: period, counts: make(map[netip.Prefix]int)},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

// A limiter counts the requests of each caller, and begins anew after a period.
type limiter struct {
	next   http.Handler
	limit  int
	period time.Duration

	mu     sync.Mutex
	began  time.Time
	counts map[netip.Prefix]int
}

func (l *limiter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, err := network(r.RemoteAddr) // behind a reverse proxy, what its header says instead
	if err != nil || !l.count(caller) {
		w.Header().Set("Retry-After", strconv.Itoa(int(l.period.Seconds())))
		http.Error(w, "too many requests: come back later", http.StatusTooManyRequests)
		return
	}
	l.next.ServeHTTP(w, r)
}

// network is what one caller has: an IPv4 address, or a /64 of IPv6.
func network(remote string) (netip.Prefix, error) {
	addrPort, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr := addrPort.Addr().Unmap().WithZone("")
	return addr.Prefix(min(addr.BitLen(), 64))
}

func (l *limiter) count(caller netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.began) > l.period || len(l.counts) == 1_000_000 { // memory has an end
		l.began = now
		clear(l.counts)
	}
	l.counts[caller]++
	return l.counts[caller] <= l.limit
}

// Gosub opened to the world: it serves any module, of which the URL says repository, directory and tags.
// That strangers can't have it ask whatever they like, at whatever cost, is Gosub's affair:
// it asks five public hosts, or those of WithHosts. How often a caller may come is the program's.
func Example_openGosub() {
	// In life:
	//	log.Fatal(openServer(1000, time.Hour).ListenAndServeTLS("cert.pem", "key.pem"))
	// Here, a git host on this machine plays GitHub, where Gosub would never go by itself:
	// hence WithTrustedClient.
	host := gitHost("acme/mono")
	defer host.Close()
	server := openServer(5, time.Hour, vanity.WithTrustedClient(host.Client()))

	spec, err := vanity.Encode(vanity.Config{
		URL:       "https://github.com/acme/mono",
		Directory: "libs/tool",
		Tags:      "tool-*",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("GOPROXY=https://gosub.acme.dev/%s\n", spec)

	for _, path := range []string{
		"/", // a form, which makes such a URL for people
		"/" + spec + "/go.acme.dev/tool/@v/list",
		"/" + spec + "/go.acme.dev/other/@v/list",
		"/git.acme.dev/mono;/go.acme.dev/mono/@v/list",
		"/127.0.0.1/mono;/go.acme.dev/mono/@v/list",
		"/" + spec + "/go.acme.dev/tool/@v/list", // the sixth request
	} {
		w := httptest.NewRecorder()
		server.Handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(w.Code, path)
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			fmt.Printf("    %q\n", w.Body)
		}
	}
	// Output:
	// GOPROXY=https://gosub.acme.dev/github.com/acme/mono:d=libs%2Ftool&p=tool-;
	// 200 /
	// 200 /github.com/acme/mono:d=libs%2Ftool&p=tool-;/go.acme.dev/tool/@v/list
	//     "v1.0.0\nv1.1.0\n"
	// 404 /github.com/acme/mono:d=libs%2Ftool&p=tool-;/go.acme.dev/other/@v/list
	//     "not found: go.acme.dev/other: the module's go.mod declares its path as \"go.acme.dev/tool\"\n"
	// 404 /git.acme.dev/mono;/go.acme.dev/mono/@v/list
	//     "not found: repositories of git.acme.dev are not served here, only those of github.com, gitlab.com, bitbucket.org, codeberg.org, git.sr.ht\n"
	// 404 /127.0.0.1/mono;/go.acme.dev/mono/@v/list
	//     "not found: repositories of 127.0.0.1 are not served here, only those of github.com, gitlab.com, bitbucket.org, codeberg.org, git.sr.ht\n"
	// 429 /github.com/acme/mono:d=libs%2Ftool&p=tool-;/go.acme.dev/tool/@v/list
	//     "too many requests: come back later\n"
}
