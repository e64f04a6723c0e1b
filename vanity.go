// Package vanity serves Go modules under a name of one's own.
package vanity
