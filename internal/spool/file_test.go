//go:build !js

package spool_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/internal/spool"
)

func TestSpoolNoDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "absent")
	t.Setenv("TMPDIR", dir)
	var s spool.Spool
	_, err := s.Write(make([]byte, 1<<20))
	if err == nil || !strings.Contains(err.Error(), dir) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
