package bucket

import "time"

// SetLimits sets how long a service may say nothing, whatever it is to say, and how long it is left alone then. It returns
// the way back.
func SetLimits(d, pause time.Duration) (restore func()) {
	old := limit.Swap(&limits{d, d, d, d, pause})
	return func() { limit.Store(old) }
}
