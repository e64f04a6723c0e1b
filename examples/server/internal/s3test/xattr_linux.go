package s3test

import "syscall"

// hasXattrs reports whether the file system keeps extended attributes, which the server needs.
func hasXattrs(dir string) bool {
	return syscall.Setxattr(dir, "user.s3test", []byte("1"), 0) == nil
}
