package gittest_test

import (
	"fmt"
	"runtime"
	"testing"
)

// A fake is a testing.TB that may fail without failing the test.
type fake struct {
	testing.TB
	message string
}

func (f *fake) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (f *fake) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

// failure returns what f failed with, "" if it didn't.
func failure(t *testing.T, f func(testing.TB)) string {
	tb := &fake{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(tb)
	}()
	<-done
	return tb.message
}
