package vanity_test

import (
	"os"
	"testing"

	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(serverVariable); spec != "" {
		serveStores(spec)
	}
	if spec := os.Getenv(hostileVariable); spec != "" {
		serveHostile(spec)
	}
	os.Exit(gittest.Main(m))
}
