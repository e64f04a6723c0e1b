//go:build !linux

package main_test

import "syscall"

// diesWithUs leaves it to the tests to end a process.
func diesWithUs() *syscall.SysProcAttr { return new(syscall.SysProcAttr) }
