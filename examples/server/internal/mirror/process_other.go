//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package mirror

import "os/exec"

// group would make a process, and all that it starts, end together. There is nothing of the kind here: what git has started
// ends when its pipe does.
func group(*exec.Cmd) {}

// A lock would keep other processes from a directory of mirrors: here the owner has to.
type lock struct{}

func tryLock(string) (*lock, error) { return &lock{}, nil }

func (l *lock) share(*exec.Cmd) {}

func (l *lock) close() {}
