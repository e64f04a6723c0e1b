package mirror_test

import (
	"os"
	"testing"

	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(serverVariable); spec != "" {
		runServer(spec)
	}
	os.Exit(gittest.Main(m))
}
