//go:build !linux

package forge_test

import (
	"os"
	"runtime"
	"testing"
)

func asNobody(t *testing.T, do func()) {
	t.Helper()
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("NOT TESTED: whoever runs this may look into every directory")
	}
	do()
}
