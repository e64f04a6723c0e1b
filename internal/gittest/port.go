package gittest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// FreePort gives a port that nobody has, for a program that must be told one. It is none of those that the system gives to
// whoever wants any, so that nobody else is likely to have it before the program does.
func FreePort(tb testing.TB) (port string) {
	tb.Helper()
	for range 100 {
		port := fmt.Sprint(10_000 + rand.IntN(20_000))
		l, err := net.Listen("tcp", ":"+port)
		if err == nil {
			l.Close()
			return port
		}
	}
	tb.Fatal("gittest: no port is free")
	return ""
}
