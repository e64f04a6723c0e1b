package modstore

import "testing"

// TestCrowd checks that those who wait for one host turn nobody away from another.
func TestCrowd(t *testing.T) {
	var s slots
	for range maxHostFetches + maxWaiting {
		if _, err := s.queue("slow.test"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.queue("slow.test"); err == nil {
		t.Error("one more waits for the slow host")
	}
	free, err := s.take(t.Context(), "quick.test")
	if err != nil {
		t.Fatal(err)
	}
	free()
}
