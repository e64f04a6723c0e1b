//go:build race

package vanity_test

func init() { raceEnabled = true }
