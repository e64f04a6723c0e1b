// Package admission remembers for a while whom a repository's host lets in.
package admission

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"maps"
	"sync"
	"time"

	"example.com/vanity/internal/flight"
)

// How long is remembered what a host said. Rights that were taken away last no longer than that; and who guesses makes the host
// answer no more often.
const (
	yesAge = time.Minute
	noAge  = 10 * time.Second
)

// askTimeout bounds one question, waiting for a turn included. A host that sends its answer drop by drop would keep the turn.
const askTimeout = time.Minute

// most bounds what strangers can make us remember.
const most = 10_000

// A Gate knows callers by the credentials they send, of which it keeps hashes by a key of its own. It is safe for concurrent
// use. The zero value is ready.
type Gate struct {
	flights flight.Group[struct{}]

	once sync.Once
	key  []byte

	mu       sync.RWMutex
	verdicts map[string]verdict
}

type verdict struct {
	err   error
	until time.Time
}

// Admit returns nil if the host of a repository lets in whoever sends some credentials, and else its refusal. It asks the host,
// once for all who come with the same at the same time, unless that was done lately. Ask is told whether the host let him in
// when it was asked last, as far as that is remembered: then he is no stranger. IsNo tells an answer, to be remembered, from a
// failure.
func (g *Gate) Admit(ctx context.Context, credentials, repo string, ask func(ctx context.Context, wasIn bool) error, isNo func(error) bool) error {
	name := g.name(credentials, repo)
	v, known := g.known(name)
	if known && time.Now().Before(v.until) {
		return v.err
	}
	_, err := g.flights.Do(ctx, name, func(ctx context.Context) (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		began := time.Now()
		err := ask(ctx, known && v.err == nil)
		switch {
		case err == nil:
			g.remember(name, verdict{until: began.Add(yesAge)})
		case isNo(err):
			g.remember(name, verdict{err, began.Add(noAge)})
		}
		return struct{}{}, err
	})
	return err
}

func (g *Gate) name(credentials, repo string) string {
	g.once.Do(func() {
		g.key = make([]byte, 32)
		rand.Read(g.key)
	})
	m := hmac.New(sha256.New, g.key)
	io.WriteString(m, repo+"\x00"+credentials)
	return string(m.Sum(nil))
}

func (g *Gate) known(name string) (verdict, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	v, ok := g.verdicts[name]
	return v, ok
}

func (g *Gate) remember(name string, v verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.verdicts == nil {
		g.verdicts = make(map[string]verdict)
	}
	if len(g.verdicts) >= most {
		g.forget()
	}
	g.verdicts[name] = v
}

// forget makes room for many: refusals go first, of which anybody can have as many as he likes, then anything.
func (g *Gate) forget() {
	maps.DeleteFunc(g.verdicts, func(_ string, v verdict) bool { return v.err != nil })
	for name := range g.verdicts {
		if len(g.verdicts) <= most*9/10 {
			return
		}
		delete(g.verdicts, name)
	}
}
