package modstore

import (
	"context"
	"testing"
)

// TestKeyed checks that who waits for a lock may give up, and that nothing is left of one.
func TestKeyed(t *testing.T) {
	var k keyed
	unlock, err := k.lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.lock(gone, "a"); err != context.Canceled {
		t.Errorf("a second holder, or %v", err)
	}
	other, err := k.lock(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	other()
	unlock()
	if unlock, err = k.lock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	unlock()
	if len(k.locks) > 0 {
		t.Errorf("%d locks are left", len(k.locks))
	}
}
