package doctor_test

import (
	"os"
	"testing"

	"example.com/vanity/internal/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }
