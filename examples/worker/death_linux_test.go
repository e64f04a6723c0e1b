package main_test

import "syscall"

// diesWithUs has a process end when that of the tests does, however it ends.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
