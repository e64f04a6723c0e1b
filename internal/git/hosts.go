package git

import (
	"strings"
	"sync"
	"time"
)

// hosts keeps for a while what was learned of hosts, which goes for all their repositories. The zero value is ready.
type hosts struct {
	mu    sync.Mutex
	notes map[string]hostNotes
}

// How long, and of how many.
const (
	hostAge  = time.Hour // a host may learn
	maxHosts = 1000
)

type hostNotes struct {
	rung      rung // the best way of fetching that was not refused
	rungUntil time.Time

	askUntil time.Time // each of its servers must be asked what it can do before anything else
	met      int       // how often it has understood a filter
	metUntil time.Time
}

// likely is what is assumed of a server before it was asked. What a client may say only where it was offered, its own name and
// a format of objects, is left unsaid.
var likely = wire2{"ls-refs": "", "fetch": "shallow filter"}

func (h *hosts) rung(host string) rung {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.notes[host]
	if time.Now().After(n.rungUntil) {
		return 0
	}
	return n.rung
}

// refused notes that a host does not allow the filter that a rung needs, and gives the next one.
func (h *hosts) refused(host string, at rung, text string) rung {
	next := at.next(text)
	h.change(host, func(n *hostNotes, now time.Time) {
		if now.After(n.rungUntil) {
			n.rung = 0
		}
		if n.rung <= at { // or another has come further down already
			n.rung, n.rungUntil = next, now.Add(hostAge)
		}
	})
	return next
}

// next is the rung to try after the host has refused what this one asked for. Who does not allow filters to be combined, or
// trees by their depth, is not asked for the same with less.
func (r rung) next(text string) rung {
	if r == rungSmall && (strings.Contains(text, "combine") || strings.Contains(text, "tree")) {
		return rungBlobless
	}
	return r + 1
}

// explorable is how often a host has understood a filter before it is asked for what it may refuse, where that takes a request
// more: who is asked for a version or two would not make up for it.
const explorable = 2

// isKnown reports whether a host has understood filters so often lately.
func (h *hosts) isKnown(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.notes[host]
	return n.met >= explorable && time.Now().Before(n.metUntil)
}

func (h *hosts) meet(host string) {
	h.change(host, func(n *hostNotes, now time.Time) {
		if now.After(n.metUntil) {
			n.met = 0
		}
		n.met++
		n.metUntil = now.Add(hostAge)
	})
}

// mustAsk reports whether a server of a host must be asked first.
func (h *hosts) mustAsk(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.notes[host].askUntil)
}

// ask notes of a host that what is likely does not go for one of its servers, so that it may not for the next.
func (h *hosts) ask(host string) {
	h.change(host, func(n *hostNotes, now time.Time) { n.askUntil = now.Add(hostAge) })
}

func (h *hosts) change(host string, do func(n *hostNotes, now time.Time)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, known := h.notes[host]
	if h.notes == nil || !known && len(h.notes) >= maxHosts {
		h.notes = make(map[string]hostNotes)
	}
	do(&n, time.Now())
	h.notes[host] = n
}
