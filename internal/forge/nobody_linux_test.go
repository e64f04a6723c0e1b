package forge_test

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// asNobody calls do without a superuser's rights to files.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		const nobody = 65534
		runtime.LockOSThread() // whose rights are its own
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Skipf("NOT TESTED: rights can't be given up: %v", err)
		}
		defer syscall.Setfsuid(0)
	}
	do()
}
