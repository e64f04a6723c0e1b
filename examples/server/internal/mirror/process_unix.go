//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package mirror

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// group makes a process, and all that it starts, end together.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}

// A lock keeps other processes from a directory of mirrors.
type lock struct{ f *os.File }

// tryLock takes the lock that a file is; nil if another process has it.
func tryLock(name string) (*lock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &lock{f}, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, err
}

// share gives a process that writes to the mirrors a part in the lock, so that the next one waits for it even if we are killed.
func (l *lock) share(cmd *exec.Cmd) {
	if l != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, l.f)
	}
}

func (l *lock) close() { l.f.Close() }
