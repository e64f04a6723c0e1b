//go:build race

package git_test

func init() { raceEnabled = true }
