// Package bounds says how much a handler may hold, by where the program runs: on a machine of its own, or in a page or a
// Worker of somebody else's (GOOS=js), which has some 100 MB in all, and no disk.
package bounds
