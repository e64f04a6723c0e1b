package vanity

import (
	"fmt"
	"log/slog"
	"net/http"
)

// An Option says how a handler reaches the world; what it serves is data ([Config], [Site]), never an option.
//
// One list of options may be given to every constructor: an option that a constructor has no use for is ignored,
// unless it is a guard ([WithHosts]) that the constructor can't enforce. That panics, because a guard that is
// ignored is a hole.
type Option func(*options)

type options struct {
	next    http.Handler
	client  *http.Client
	trusted bool // the client's owner guards where it connects
	hosts   []string
	logger  *slog.Logger
}

// WithNext names the handler that answers what is not the library's own: a path outside the base, or one that is no
// request of the protocol (see [Goproxy]), or for [Meta] a path below no import. If it is nil or not given, that is
// answered with 404. A catch-all page with status 200 there hides a base that doesn't fit the mount: try once.
func WithNext(next http.Handler) Option {
	return func(o *options) { o.next = next }
}

// WithClient names the client that reaches git hosts; if it is nil or not given, one with [http.DefaultTransport].
// Hosts that say nothing for 30 seconds are given up whatever its time limits; a transport of one's own should limit
// the time of TLS handshakes besides. The client is never changed. [Gosub] works with a guarded copy, see there; [Meta]
// makes no requests and ignores it.
func WithClient(client *http.Client) Option {
	return func(o *options) { o.client, o.trusted = client, false }
}

// WithTrustedClient is [WithClient] for an owner who guards the client himself: [Gosub] uses its Transport as it is,
// without checking the addresses that it connects to. Give it only a client that can't reach what strangers must not
// reach.
func WithTrustedClient(client *http.Client) Option {
	return func(o *options) { o.client, o.trusted = client, client != nil }
}

// WithHosts names the hosts whose repositories [Gosub] serves, as host names without a port, in place of github.com.
// No other constructor can enforce it: they panic.
func WithHosts(hosts ...string) Option {
	return func(o *options) { o.hosts = append([]string{}, hosts...) }
}

// WithLogger names the logger for what the owner must know; if it is not given, [slog.Default] at the time of the
// event. Faults of this machine are logged at error level; failures of the git host, and what else the owner must
// mend (a repository that isn't there, a pattern that no tag fits), at warning level; what is only not there at debug
// level. There is one line at most for a request.
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) { o.logger = logger }
}

// applyOptions collects opts. Nil options are passed over, so that a list may be built with conditions.
func applyOptions(opts []Option) *options {
	o := new(options)
	for _, opt := range opts {
		if opt != nil {
			opt(o)
		}
	}
	if o.next == nil {
		o.next = http.HandlerFunc(http.NotFound)
	}
	return o
}

// refuseHosts panics if a guard was given to a constructor that can't enforce it.
func (o *options) refuseHosts(constructor string) {
	if o.hosts != nil {
		panic(fmt.Errorf("vanity: %s: WithHosts can't be enforced here: it is for Gosub", constructor))
	}
}

// log returns the logger to use now.
func (o *options) log() *slog.Logger {
	if o.logger != nil {
		return o.logger
	}
	return slog.Default()
}
