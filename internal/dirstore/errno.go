//go:build !plan9

package dirstore

import "syscall"

// Some file systems say that a file can have one name only. Errno 1 is EPERM, and on Windows ERROR_INVALID_FUNCTION.
func init() { noLinks = append(noLinks, syscall.EMLINK, syscall.Errno(1)) }
