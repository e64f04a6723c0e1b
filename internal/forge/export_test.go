package forge

import (
	"io/fs"
	"time"
)

// Expire makes the index be made anew for the next who asks.
func (m *Mirrors) Expire() {
	if x := m.index.Load(); x != nil {
		old := *x
		old.since = time.Time{}
		m.index.Store(&old)
	}
}

// Hold keeps others from looking the tree up until release is called.
func (m *Mirrors) Hold() (release func()) {
	m.turn <- struct{}{}
	return func() { <-m.turn }
}

// Origin is what a configuration says of the remote "origin".
func Origin(config []byte) (url string, fetch []string, isMirror bool, err error) {
	o, err := parseOrigin(config)
	return o.url, o.fetch, o.isMirror(), err
}

func IsNamed(dir, name string, info fs.FileInfo) (bool, error) { return isNamed(dir, name, info) }
