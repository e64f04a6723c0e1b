//go:build !js

package spool

import (
	"errors"
	"fmt"
	"math"
	"os"
)

// mostInMemory is the most that a spool may hold before it moves to a file.
const mostInMemory = math.MaxInt

// A tempFile is one of the system.
type tempFile struct {
	*os.File
	named bool // it still has its name
}

func newFile() (file, error) {
	f, err := os.CreateTemp("", "vanity-*")
	if err != nil { // not wrapped: that there is no such directory must not look like the answer "not found"
		return nil, fmt.Errorf("spooling to %s: %v", os.TempDir(), err)
	}
	return &tempFile{f, os.Remove(f.Name()) != nil}, nil // an open file can't lose its name on Windows
}

func (f *tempFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		err = fmt.Errorf("spooling to %s: %w", os.TempDir(), err)
	}
	return n, err
}

func (f *tempFile) Close() error {
	err := f.File.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
