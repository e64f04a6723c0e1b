package push

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Bounds of the bodies in memory. Nearly all hooks are small, and there is no telling an honest one from one without a good
// signature before it is there. So a small one gets in at once, at the cost of the one that takes longest, and a place among
// the large ones has to be filled at a pace.
const (
	maxBody   = 25 << 20         // bytes, which is the most that GitHub sends
	maxSmall  = 256 << 10        // bytes of a small one
	smalls    = 256              // at the same time
	larges    = 6                // at the same time
	patience  = 10 * time.Second // for a small one to arrive, and for a large one to get in: GitHub and GitLab wait no longer
	pace      = time.Second      // for step bytes of a large one
	step      = 1 << 20
	tooLarge  = "the webhook has more than 25 MiB"
	tooMany   = "too many webhooks at the same time: send it again"
	notWhole  = "the webhook didn't arrive"
	tooLittle = "the webhook arrives too slowly"
)

// places are those of bodies in memory.
type places struct {
	small, large chan struct{}

	mu       sync.Mutex
	arriving []*arrival // small ones, the first first
}

func newPlaces() *places {
	return &places{small: make(chan struct{}, smalls), large: make(chan struct{}, larges)}
}

// An arrival is a body that is read.
type arrival struct {
	readDeadline
	sent chan struct{} // closed when it has to go
}

// A readDeadline sets when reading ends. Where there is no such thing, the server's own counts.
type readDeadline struct{ of *http.ResponseController }

func (d readDeadline) in(t time.Duration) { _ = d.of.SetReadDeadline(time.Now().Add(t)) }

func (d readDeadline) now() { _ = d.of.SetReadDeadline(time.Unix(1, 0)) }

func (d readDeadline) none() { _ = d.of.SetReadDeadline(time.Time{}) }

// A refusal is what to answer instead.
type refusal struct {
	status int
	text   string
}

// read reads a body. It keeps its place in memory until leave is called, which is never nil. The deadline is left as it was last set.
func (p *places) read(w http.ResponseWriter, r *http.Request, d readDeadline) (body []byte, leave func(), refused *refusal) {
	leave = func() {}
	if r.ContentLength > maxBody {
		return nil, leave, &refusal{http.StatusRequestEntityTooLarge, tooLarge}
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	a := &arrival{d, make(chan struct{})}
	if refused := p.wait(p.small, r, nil, timeout.C, p.evict); refused != nil {
		return nil, leave, refused
	}
	leave = func() { <-p.small }
	a.in(patience)
	p.enter(a)
	defer p.remove(a)
	src := http.MaxBytesReader(w, r.Body, maxBody)
	body, err := io.ReadAll(io.LimitReader(src, maxSmall+1))
	if err != nil || len(body) <= maxSmall {
		return body, leave, a.refusalOf(err)
	}
	if refused := p.wait(p.large, r, a.sent, timeout.C, nil); refused != nil {
		return nil, leave, refused
	}
	p.remove(a) // nobody else sets deadlines any more
	leave()
	leave = func() { <-p.large }
	body, err = a.readLarge(body, src)
	return body, leave, a.refusalOf(err)
}

// readLarge reads the rest of a large body, which has to come at a pace.
func (a *arrival) readLarge(begun []byte, src io.Reader) ([]byte, error) {
	body := bytes.NewBuffer(append(make([]byte, 0, maxBody+bytes.MinRead), begun...))
	for {
		a.in(pace)
		if _, err := io.CopyN(body, src, step); errors.Is(err, io.EOF) {
			return body.Bytes(), nil
		} else if err != nil {
			return nil, err
		}
	}
}

// refusalOf says how to answer an error of reading.
func (a *arrival) refusalOf(err error) *refusal {
	select {
	case <-a.sent:
		if err != nil {
			return &refusal{http.StatusServiceUnavailable, tooMany}
		}
	default:
	}
	switch large := (*http.MaxBytesError)(nil); {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return &refusal{http.StatusRequestEntityTooLarge, tooLarge}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{http.StatusBadRequest, tooLittle}
	}
	return &refusal{http.StatusBadRequest, notWhole}
}

// wait waits for a place. If there is none free, makeRoom is called, unless it is nil.
func (p *places) wait(places chan struct{}, r *http.Request, sent <-chan struct{}, timeout <-chan time.Time, makeRoom func()) *refusal {
	select {
	case places <- struct{}{}:
		return nil
	default:
	}
	if makeRoom != nil {
		makeRoom()
	}
	select {
	case places <- struct{}{}:
		return nil
	case <-r.Context().Done():
		return &refusal{http.StatusServiceUnavailable, "gone"}
	case <-sent:
	case <-timeout:
	}
	return &refusal{http.StatusServiceUnavailable, tooMany}
}

func (p *places) enter(a *arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arriving = append(p.arriving, a)
}

// remove takes one out that has arrived, or can't be sent away any more. It may be called twice.
func (p *places) remove(a *arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.arriving {
		if other == a {
			p.arriving = append(p.arriving[:i], p.arriving[i+1:]...)
			return
		}
	}
}

// evict sends the one away that has been arriving for the longest time.
func (p *places) evict() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.arriving) == 0 {
		return
	}
	a := p.arriving[0]
	p.arriving = p.arriving[1:]
	close(a.sent)
	a.now()
}
