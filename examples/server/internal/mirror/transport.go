package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Transport passes requests on to next, and has the mirrors answer those that their hosts fail to: where there is no
// connection, no answer in time, or one of 5xx, and for a while after an answer that was cut. It is for the client of vanity.WithClient, so that what nobody has asked for
// yet can still be had when a host is dead. An answer of any other status is the host's word, and stays.
//
// A host that has failed is not asked for the next five seconds, and then by one request at a time, until it answers. What a
// mirror answers is as new as its last refresh.
//
// A host that is dead can't say who may read a repository: a handler of vanity.WithCallersRights must not have this transport
// if a private repository is mirrored. If next is nil, it is [http.DefaultTransport].
func (m *Mirrors) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{mirrors: m, next: next, outages: make(map[string]time.Time), aliases: make(map[string]*repository)}
}

// restPause is how long a host is left alone that has failed.
const restPause = 5 * time.Second

type transport struct {
	mirrors *Mirrors
	next    http.RoundTripper

	mu      sync.Mutex
	outages map[string]time.Time   // until when what has failed is left alone: a host, or one repository of it
	aliases map[string]*repository // by the URLs that their hosts have redirected to
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	repo, advertise := t.find(req)
	if repo == nil || !repo.exists() || req.Context().Value(ownKey{}) != nil {
		return t.next.RoundTrip(req)
	}
	if t.rests(repo, req) {
		if resp, err := t.local(req, req.Body, repo, advertise); err == nil {
			return resp, nil
		}
		if req.Body != nil && req.Body != http.NoBody {
			again, err := replay(req)
			if err != nil {
				return nil, err
			}
			req = again
		}
	}
	resp, err := t.ask(repo, req)
	if req.Context().Err() != nil || !t.noteOutcome(repo, req, resp, err) {
		t.learn(repo, req, resp, advertise)
		return resp, err
	}
	again, replayErr := replay(req)
	if replayErr != nil {
		return resp, err
	}
	own, ownErr := t.local(req, again.Body, repo, advertise)
	if ownErr != nil {
		if !errors.Is(ownErr, errAbsent) {
			t.mirrors.log().Error("mirror: a mirror can't stand in for its host", "repository", repo.url, "error", ownErr)
		}
		return resp, err
	}
	if resp != nil {
		resp.Body.Close()
	}
	return own, nil
}

// replay is a request whose body is at its start again.
func replay(req *http.Request) (*http.Request, error) {
	again := req.WithContext(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return again, nil
	}
	if req.GetBody == nil {
		return nil, errors.New("mirror: the request's body can't be had again")
	}
	var err error
	again.Body, err = req.GetBody()
	return again, err
}

// find gives the mirror of the repository that a request is for.
func (t *transport) find(req *http.Request) (repo *repository, advertise bool) {
	base := *req.URL
	base.User, base.RawQuery = nil, ""
	switch {
	case req.Method == http.MethodGet && req.URL.RawQuery == uploadQuery:
		advertise = true
		if base.Path = strings.TrimSuffix(req.URL.Path, infoRefs); base.Path == req.URL.Path {
			return nil, false
		}
	case req.Method == http.MethodPost && req.URL.RawQuery == "":
		if base.Path = strings.TrimSuffix(req.URL.Path, uploadPack); base.Path == req.URL.Path {
			return nil, false
		}
	default:
		return nil, false
	}
	base.RawPath = ""
	asked, err := parse(base.String())
	if err != nil {
		return nil, false
	}
	if repo := t.mirrors.table[asked.path]; repo != nil && repo.scheme == asked.scheme {
		return repo, advertise
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.aliases[asked.scheme+"://"+asked.path], advertise
}

// learn notes where a host has redirected a repository to, on the same host: what is asked for next is asked for there.
func (t *transport) learn(repo *repository, req *http.Request, resp *http.Response, advertise bool) {
	if resp == nil || resp.StatusCode/100 != 3 || !advertise {
		return
	}
	to, err := resp.Location()
	if err != nil || to.Scheme != req.URL.Scheme || !strings.EqualFold(to.Host, req.URL.Host) || to.RawQuery != uploadQuery {
		return
	}
	path, ok := strings.CutSuffix(to.Path, infoRefs)
	if !ok {
		return
	}
	asked, err := parse((&url.URL{Scheme: to.Scheme, Host: to.Host, Path: path}).String())
	if err != nil || t.mirrors.table[asked.path] != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.aliases) > 4*len(t.mirrors.all) {
		clear(t.aliases)
	}
	t.aliases[asked.scheme+"://"+asked.path] = repo
}

// A silence is the error of a host that doesn't begin to answer.
type silence time.Duration

func (s silence) Error() string { return fmt.Sprintf("no answer within %v", time.Duration(s)) }
func (s silence) Timeout() bool { return true }

// ask asks the host, which has to begin its answer in time.
func (t *transport) ask(repo *repository, req *http.Request) (*http.Response, error) {
	silent := silence(t.mirrors.options.Patience)
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(time.Duration(silent), func() { cancel(silent) })
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if !timer.Stop() && context.Cause(ctx) == error(silent) {
		if resp != nil {
			resp.Body.Close()
		}
		return nil, silent
	}
	if err != nil {
		cancel(nil)
		return nil, err
	}
	resp.Request = req
	resp.Body = &askedBody{resp.Body, cancel, func(err error) {
		if !hasLeft(req) {
			_, path := outageKeys(repo, req)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.begin(path, err)
		}
	}}
	return resp, nil
}

// An askedBody ends its request's context when it is closed. What is cut in the middle is lost, but says that the host has
// failed, so that who asks again is answered by the mirror.
type askedBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
	failed func(error)
}

// Read implements [io.Reader].
func (b *askedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.failed(err)
	}
	return n, err
}

func (b *askedBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// hasLeft reports whether who asked has given up for reasons of his own. Another cause is one that the host has given him, such as
// its silence in the middle of an answer.
func hasLeft(req *http.Request) bool {
	cause := context.Cause(req.Context())
	return errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded)
}

// outageKeys are what can fail: the host, and the repository there.
func outageKeys(repo *repository, req *http.Request) (host, path string) {
	host = req.URL.Scheme + "://" + strings.ToLower(req.URL.Host)
	return host, host + " " + repo.path
}

// rests reports whether a host is to be left alone now. Who is told that it isn't, after an outage, asks for all others.
func (t *transport) rests(repo *repository, req *http.Request) bool {
	host, path := outageKeys(repo, req)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range []string{host, path} {
		if until, failed := t.outages[key]; failed && now.Before(until) {
			return true
		}
	}
	for _, key := range []string{host, path} {
		if _, failed := t.outages[key]; failed {
			t.outages[key] = now.Add(restPause)
		}
	}
	return false
}

// noteOutcome keeps how a host does, and reports whether it has failed. It logs the beginning and the end of an outage.
func (t *transport) noteOutcome(repo *repository, req *http.Request, resp *http.Response, err error) (failed bool) {
	host, path := outageKeys(repo, req)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.begin(host, err)
		return true
	case resp.StatusCode >= 500:
		t.end(host)
		t.begin(path, errors.New("status "+resp.Status))
		return true
	}
	t.end(host)
	t.end(path)
	return false
}

func (t *transport) begin(key string, err error) {
	if _, known := t.outages[key]; !known {
		t.mirrors.log().Warn("mirror: a git host fails: the mirror stands in for it", "host", key, "error", err)
	}
	t.outages[key] = time.Now().Add(restPause)
}

func (t *transport) end(key string) {
	if _, known := t.outages[key]; known {
		delete(t.outages, key)
		t.mirrors.log().Info("mirror: a git host answers again", "host", key)
	}
}

// local has the mirror answer.
func (t *transport) local(req *http.Request, body io.ReadCloser, repo *repository, advertise bool) (*http.Response, error) {
	q := request{version: version(req.Header), advertise: advertise}
	release := func() error { return nil }
	if body != nil {
		defer body.Close()
	}
	if !advertise {
		if body == nil {
			body = http.NoBody
		}
		s, err := readRequest(req.Header, body)
		if err != nil {
			return nil, err
		}
		q.body, release = s.Reader(), s.Close
	}
	u, err := t.mirrors.upload(req.Context(), repo, q)
	if err != nil {
		release()
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {q.contentType()}, "Cache-Control": {"no-cache"}},
		Body:          &localBody{u, release},
		ContentLength: -1,
		Request:       req,
	}, nil
}

// A localBody frees the request when the answer is closed: the process has ended then.
type localBody struct {
	*upload
	release func() error
}

func (b *localBody) Close() error {
	err := b.upload.Close()
	return errors.Join(err, b.release())
}
