// Package metrics counts what the server does, for Prometheus.
package metrics

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/vanity"
)

// Metrics are all that is counted. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests, served, bytes, downloads     *prometheus.CounterVec
	fetches, fetchRequests, fetchBytes     *prometheus.CounterVec
	storeOps, pushes, reloads              *prometheus.CounterVec
	duration, fetchDuration, storeDuration *prometheus.HistogramVec
	limited, mirrorRefreshed, mirrorSaved  *prometheus.GaugeVec
	mirrorFailing, mirrorSize              *prometheus.GaugeVec

	modules, hosts labels
}

// Bounds of the label values that strangers or a large site may cause.
const (
	maxDownloads = 10000 // pairs of module and version
	maxHosts     = 200
	other        = "(other)"
)

// New makes metrics that count from zero.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), modules: labels{max: maxDownloads}, hosts: labels{max: maxHosts}}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return register(m, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "vanity", Name: name, Help: help}, labels))
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return register(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "vanity", Name: name, Help: help}, labels))
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return register(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "vanity", Name: name, Help: help, Buckets: buckets}, labels))
	}
	m.requests = counter("requests_total", "Requests answered, by what was asked for and the status.", "kind", "code")
	m.duration = histogram("request_duration_seconds", "Time from a request's arrival to the end of its answer.", "kind")
	m.bytes = counter("response_bytes_total", "Bytes of bodies sent.", "kind")
	m.served = counter("files_served_total", "Files served, by where they came from: memory, store, host, or stale if the host failed.", "kind", "source")
	m.downloads = counter("downloads_total", "Zips sent to their end, by module and version.", "module", "version")

	m.fetches = counter("fetches_total", "Fetches from git hosts, by the status that they come to.", "host", "code")
	m.fetchRequests = counter("fetch_requests_total", "Requests sent to git hosts.", "host")
	m.fetchBytes = counter("fetch_bytes_total", "Bytes that git hosts have sent.", "host")
	m.fetchDuration = histogram("fetch_duration_seconds", "Time of a fetch.", "host")
	m.limited = gauge("rate_limited_until_timestamp_seconds", "When a git host that limited the rate of requests may be asked again.", "host")

	m.storeOps = counter("store_operations_total", "Operations of the store, by their result: ok, absent or error.", "operation", "result")
	m.storeDuration = histogram("store_operation_duration_seconds", "Time of an operation of the store; of a get, to its first byte.", "operation")

	m.mirrorRefreshed = gauge("mirror_refreshed_timestamp_seconds", "When a mirror was last like its repository.", "repository")
	m.mirrorSaved = gauge("mirror_saved_timestamp_seconds", "When the bucket last had what a mirror has.", "repository")
	m.mirrorFailing = gauge("mirror_failing", "1 if the last refresh of a mirror failed, or keeping it in the bucket.", "repository")
	m.mirrorSize = gauge("mirror_bytes", "Size of a mirror on the disk.", "repository")
	m.pushes = counter("webhook_pushes_total", "Pushes that git hosts told of, by what was done about them: ok or error.", "result")
	m.reloads = counter("config_reloads_total", "Reads of the configuration, by their result: ok or error.", "result")
	return m
}

func register[C prometheus.Collector](m *Metrics, c C) C {
	m.registry.MustRegister(c)
	return c
}

// buckets go from what is in memory to a large repository of a slow host.
var buckets = []float64{.0005, .002, .01, .05, .25, 1, 5, 30, 120, 600}

// Handler answers /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
}

// Observe is a function for [vanity.WithObserver].
func (m *Metrics) Observe(_ context.Context, e vanity.Event) {
	code := strconv.Itoa(e.Status)
	if e.Status == 0 {
		code = "aborted" // nobody waited for it any more
	}
	if e.Kind == "fetch" {
		m.observeFetch(e, code)
		return
	}
	kind := e.Kind
	if kind == "" {
		kind = "malformed"
	}
	m.requests.WithLabelValues(kind, code).Inc()
	m.duration.WithLabelValues(kind).Observe(e.Duration.Seconds())
	m.bytes.WithLabelValues(kind).Add(float64(e.Bytes))
	if e.Source != "" {
		m.served.WithLabelValues(kind, e.Source).Inc()
	}
	if kind == "zip" && e.Status == http.StatusOK && e.Bytes > 0 && e.Err == nil {
		module, version := e.Module, e.Version
		if !m.modules.admit(module + "@" + version) {
			module, version = other, other
		}
		m.downloads.WithLabelValues(module, version).Inc()
	}
}

func (m *Metrics) observeFetch(e vanity.Event, code string) {
	host := "(local)"
	if u, err := url.Parse(e.Repository); err == nil && u.Host != "" {
		if host = u.Host; !m.hosts.admit(host) {
			host = other
		}
	}
	m.fetches.WithLabelValues(host, code).Inc()
	m.fetchRequests.WithLabelValues(host).Add(float64(e.Requests))
	m.fetchBytes.WithLabelValues(host).Add(float64(e.Bytes))
	m.fetchDuration.WithLabelValues(host).Observe(e.Duration.Seconds())
	if e.Status == http.StatusTooManyRequests {
		m.limited.WithLabelValues(host).Set(float64(time.Now().Add(e.RetryAfter).Unix()))
	}
}

// Pushed counts a push that was dealt with.
func (m *Metrics) Pushed(err error) { m.pushes.WithLabelValues(result(err)).Inc() }

// Reloaded counts a read of the configuration.
func (m *Metrics) Reloaded(err error) { m.reloads.WithLabelValues(result(err)).Inc() }

// Mirrored says how a mirror is: when it was like its repository, and when the bucket was like it. A zero time says never.
func (m *Metrics) Mirrored(repository string, refreshed, saved time.Time, size int64, err error) {
	for at, g := range map[*time.Time]*prometheus.GaugeVec{&refreshed: m.mirrorRefreshed, &saved: m.mirrorSaved} {
		if !at.IsZero() {
			g.WithLabelValues(repository).Set(float64(at.Unix()))
		}
	}
	failing := 0.0
	if err != nil {
		failing = 1
	}
	m.mirrorFailing.WithLabelValues(repository).Set(failing)
	m.mirrorSize.WithLabelValues(repository).Set(float64(size))
}

// ForgetMirrors is for a new configuration, which may have others.
func (m *Metrics) ForgetMirrors() {
	m.mirrorRefreshed.Reset()
	m.mirrorSaved.Reset()
	m.mirrorFailing.Reset()
	m.mirrorSize.Reset()
}

func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fs.ErrNotExist):
		return "absent"
	}
	return "error"
}

// labels are values that have been seen, up to a number of them.
type labels struct {
	max  int
	mu   sync.Mutex
	seen map[string]bool
}

// admit reports whether a value was seen before, or there is room for it.
func (l *labels) admit(value string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[value] {
		return true
	}
	if len(l.seen) >= l.max {
		return false
	}
	if l.seen == nil {
		l.seen = make(map[string]bool)
	}
	l.seen[value] = true
	return true
}

// Store counts what is done with a store.
func (m *Metrics) Store(s vanity.Store) vanity.Store {
	counted := &store{s, m}
	if r, ok := s.(remover); ok {
		return &removingStore{counted, r}
	}
	return counted
}

type store struct {
	vanity.Store
	m *Metrics
}

type remover interface {
	Remove(ctx context.Context, name string) error
}

type removingStore struct {
	*store
	remover remover
}

func (s *store) count(operation string, began time.Time, err error) {
	s.m.storeOps.WithLabelValues(operation, result(err)).Inc()
	s.m.storeDuration.WithLabelValues(operation).Observe(time.Since(began).Seconds())
}

// Get implements [vanity.Store]. What it gives is the store's own: a file stays one.
func (s *store) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	began := time.Now()
	r, err := s.Store.Get(ctx, name)
	s.count("get", began, err)
	return r, err
}

// Put implements [vanity.Store].
func (s *store) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	began := time.Now()
	err := s.Store.Put(ctx, name, content)
	s.count("put", began, err)
	return err
}

// Remove is what [vanity.WithStore] asks for.
func (s *removingStore) Remove(ctx context.Context, name string) error {
	began := time.Now()
	err := s.remover.Remove(ctx, name)
	s.count("remove", began, err)
	return err
}
