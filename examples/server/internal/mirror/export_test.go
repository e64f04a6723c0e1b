package mirror

import "time"

// SetLockTime has Run give up earlier. It gives a function to undo that.
func SetLockTime(d time.Duration) (undo func()) {
	old := lockTime
	lockTime = d
	return func() { lockTime = old }
}
