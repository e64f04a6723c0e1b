package bounds

// Bounds in bytes, if nothing else is said. A program may have two or three handlers; what is spooled is bounded for all of
// them, in package spool.
const (
	Answer  = 16 << 20  // memory for the making of one answer, as package budget counts it
	Answers = 32 << 20  // for all that are made at the same time
	Free    = 256 << 10 // of each that doesn't count there

	Held    = 8 << 20 // answers
	HeldOne = 2 << 20 // the largest of them

	Packs = 8 << 20 // what was fetched

	Remembered = 9 // bits of the number of routes, and of configurations

	Fetches     = 6 // at the same time: a Worker may have so many connections, and what waits for one looks like a silent host
	HostFetches = 4 // of those, from one host
)
