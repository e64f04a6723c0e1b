package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/vanity/examples/server/internal/app"
	"example.com/vanity/examples/server/internal/config"
	"example.com/vanity/examples/server/internal/metrics"
	"example.com/vanity/internal/observe"
)

// Limits of connections. There is none for the time of an answer: a large zip to a slow client takes what it takes.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// A server is the process's: what stays when its configuration is read anew.
type server struct {
	file    *file
	log     *slog.Logger
	metrics *metrics.Metrics
	stores  app.Stores
	current atomic.Pointer[running]
	cert    atomic.Pointer[tls.Certificate] // the latest; nil if there never was one
	ready   atomic.Bool                     // once it was: a new mirror is no reason to be sent nothing any more
	ending  atomic.Bool
}

// A running configuration.
type running struct {
	cfg  *config.Config
	app  *app.App
	cert *tls.Certificate // nil without TLS
	stop context.CancelFunc
	done chan struct{}
}

// serve serves until ctx ends, and then finishes what it has begun.
func serve(ctx context.Context, f *file, stderr io.Writer) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	s := &server{file: f, log: newLog(cfg.Log, stderr), metrics: metrics.New()}
	defer s.stores.Close()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	next, err := s.prepare(ctx, cfg)
	if err != nil {
		return err
	}
	s.swap(next)
	defer s.end()
	failed := make(chan error, 2)
	servers, err := s.listen(cfg, failed)
	if err != nil {
		return err
	}
	for {
		select {
		case <-hangup:
			s.reload(ctx)
		case err := <-failed:
			return err
		case <-ctx.Done():
			return s.shutDown(servers)
		}
	}
}

// prepare makes a configuration ready to be served. Nothing of it runs yet.
func (s *server) prepare(ctx context.Context, cfg *config.Config) (*running, error) {
	next := &running{cfg: cfg, done: make(chan struct{})}
	if cfg.TLS.Cert != "" {
		cert, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		next.cert = &cert
	}
	var err error
	next.app, err = app.New(ctx, cfg, app.Options{Log: s.log, Metrics: s.metrics, Stores: &s.stores})
	return next, err
}

// swap has a configuration answer from now on. What the one before has begun, it ends; two at a time must not have the same
// mirrors.
func (s *server) swap(next *running) {
	ctx, stop := context.WithCancel(context.Background())
	next.stop = stop
	if next.cert != nil {
		s.cert.Store(next.cert)
	}
	before := s.current.Swap(next)
	if before != nil && before.app.Ready() {
		s.ready.Store(true)
	}
	go func() {
		defer close(next.done)
		if before != nil {
			before.stop()
			<-before.done
		}
		if err := s.stores.Ping(ctx, next.cfg.Store); err != nil && ctx.Err() == nil && (before == nil || before.cfg.Store != next.cfg.Store) {
			s.log.Warn("the store can't be used for now", "err", err)
		}
		if err := next.app.Run(ctx); err != nil {
			s.log.Error("mirrors are not kept up to date", "err", err)
		}
	}()
}

// end stops what runs.
func (s *server) end() {
	at := s.current.Load()
	at.stop()
	<-at.done
}

// reload reads the file anew. As long as it can't be served, the configuration stays that is there.
func (s *server) reload(ctx context.Context) {
	was := s.current.Load().cfg
	cfg, err := s.file.load()
	var next *running
	if err == nil {
		next, err = s.prepare(ctx, cfg)
	}
	s.metrics.Reloaded(err)
	if err != nil {
		s.log.Error("the new configuration can't be served, and the old one stays", "err", err)
		return
	}
	s.swap(next)
	s.log.Info("the configuration was read anew")
	if cfg.Listen != was.Listen || cfg.Admin != was.Admin || (cfg.TLS.Cert == "") != (was.TLS.Cert == "") || cfg.Log != was.Log {
		s.log.Warn("listen, admin, log, and whether there is tls, take effect at the next start only")
	}
}

// listen serves at the addresses of a configuration.
func (s *server) listen(cfg *config.Config, failed chan<- error) (servers []*http.Server, err error) {
	add := func(what, address string, h http.Handler, config *tls.Config) error {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		srv := &http.Server{
			Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
			TLSConfig: config, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}
		servers = append(servers, srv)
		s.log.Info("listening", "for", what, "address", l.Addr().String(), "tls", config != nil)
		go func() {
			if config != nil {
				err = srv.ServeTLS(l, "", "")
			} else {
				err = srv.Serve(l)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		}()
		return nil
	}
	var secure *tls.Config
	if cfg.TLS.Cert != "" {
		secure = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.Load(), nil }}
	}
	if cfg.Admin != "" {
		err = add("admin", cfg.Admin, s.admin(), nil)
	}
	if err == nil {
		err = add("modules", cfg.Listen, s.public(cfg.Log.Requests), secure)
	}
	if err != nil {
		for _, srv := range servers {
			srv.Close()
		}
		return nil, err
	}
	return servers, nil
}

// shutDown lets running requests end, as long as the configuration gives them.
func (s *server) shutDown(servers []*http.Server) error {
	s.ending.Store(true)
	cfg := s.current.Load().cfg
	time.Sleep(time.Duration(cfg.Delay)) // for load balancers to look at /readyz
	limit := cfg.Shutdown.Or(config.DefaultShutdown)
	s.log.Info("ending: no new requests, and running ones may end", "limit", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var err error
	for i := range servers {
		srv := servers[len(servers)-1-i] // admin last: whoever watches can
		if e := srv.Shutdown(ctx); e != nil {
			srv.Close()
			err = fmt.Errorf("after %v there were requests still running: %w", limit, e)
		}
	}
	return err
}

// public answers the modules' address.
func (s *server) public(log string) http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.current.Load().app.ServeHTTP(w, r) })
	if log == "none" {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, counted := time.Now(), &observe.Writer{ResponseWriter: w}
		path := r.URL.Path // handlers may change it
		mux.ServeHTTP(counted, r)
		if log != "failed" || counted.Status >= http.StatusInternalServerError {
			s.log.Info("request", "method", r.Method, "host", r.Host, "path", path, "status", counted.Status, "bytes", counted.Bytes,
				"seconds", time.Since(began).Seconds(), "remote", r.RemoteAddr)
		}
	})
}

// admin answers the admin address.
func (s *server) admin() http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	mux.Handle("/metrics", s.metrics.Handler())
	return mux
}

// health says whether the process lives, and whether it is to be sent requests.
func (s *server) health(mux *http.ServeMux) {
	say := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		io.WriteString(w, text+"\n")
	}
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.ending.Load():
			say(w, http.StatusServiceUnavailable, "ending")
		case !s.ready.Load() && !s.current.Load().app.Ready():
			say(w, http.StatusServiceUnavailable, "mirrors are being restored")
		default:
			say(w, http.StatusOK, "ok")
		}
	})
}
