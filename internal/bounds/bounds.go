//go:build !js

package bounds

// Bounds in bytes, if nothing else is said.
const (
	Answer  = 512 << 20 // memory for the making of one answer, as package budget counts it
	Answers = 1 << 30   // for all that are made at the same time
	Free    = 8 << 20   // of each that doesn't count there

	Held    = 64 << 20 // answers, in memory and in temporary files
	HeldOne = 16 << 20 // the largest of them

	Packs = 256 << 20 // what was fetched, in temporary files

	Remembered = 12 // bits of the number of routes, and of configurations

	Fetches     = 32 // at the same time
	HostFetches = 16 // of those, from one host
)
